//! HTML to readable text, with an own walker: no tree is built and nothing recurses, so that a page of any shape takes time in
//! proportion to its size. Paragraphs, lists, tables (cells apart by tabs), links with their address where it differs from
//! their text, quotes as `> `; what a reader would not see is left out.

mod entities;
mod looks;
mod tags;
mod tokens;

use looks::Look;
use tags::Tag;
use tokens::{Attributes, Token, Tokens};

pub(super) use looks::Mark;

/// How many open elements are kept apart. Deeper ones take the looks of what they are in.
const MAX_OPEN: usize = 10_000;
/// How many quote marks and indents are written in front of a line.
const MAX_PREFIX: usize = 10;
/// Longer addresses of links are for machines.
const MAX_LINK: usize = 1_000;
/// What a line across the page is written as; mailers that make plain text do the same.
const RULE: &str = "________________________________";

/// The text of a page, and what its markup says about each line of it.
pub(super) fn to_text(html: &str) -> (String, Vec<Mark>) {
    let mut walker = Walker::new();
    let mut tokens = Tokens::new(html);
    while let Some(token) = tokens.next() {
        match token {
            Token::Text(text) => walker.text(text),
            Token::Open(tag @ Tag::Raw(_), _) => tokens.skip_raw(tag),
            Token::Open(tag, attributes) => walker.open(tag, &attributes),
            Token::Close(tag) => walker.close(tag),
        }
    }
    walker.finish()
}

/// An open element.
struct Element {
    tag: Tag,
    look: Look,
}

/// An open link.
struct Link<'a> {
    href: &'a str,
    /// Where its text begins.
    from: usize,
}

/// An open row of a table.
struct Row {
    /// At which depth of tables it is.
    table: usize,
    /// How many lines of text there were when it, or the line that its cells stand on now, began.
    lines: usize,
}

struct Walker<'a> {
    out: String,
    /// One for each line of `out`.
    marks: Vec<Mark>,
    stack: Vec<Element>,
    /// How many of each kind are open.
    open: [u32; Tag::COUNT],
    /// How many elements are open beyond `MAX_OPEN`.
    overflow: usize,
    quotes: usize,
    tables: usize,
    rows: Vec<Row>,
    /// The number of the next item, for each list that is open; `None` for bullets.
    lists: Vec<Option<u32>>,
    link: Option<Link<'a>>,
    /// Line ends that are due before the next text.
    newlines: usize,
    /// Whether the line has text, only blanks that must not break, or a blank that is due.
    has_text: bool,
    has_nbsp: bool,
    space: bool,
    /// Cells that are due on this line.
    tabs: usize,
    /// What an item begins with.
    bullet: Option<String>,
    last_quotes: usize,
    /// How many lines of text there are.
    lines: usize,
}

impl<'a> Walker<'a> {
    fn new() -> Self {
        Self {
            out: String::new(),
            marks: Vec::new(),
            stack: Vec::new(),
            open: [0; Tag::COUNT],
            overflow: 0,
            quotes: 0,
            tables: 0,
            rows: Vec::new(),
            lists: Vec::new(),
            link: None,
            newlines: 0,
            has_text: false,
            has_nbsp: false,
            space: false,
            tabs: 0,
            bullet: None,
            last_quotes: 0,
            lines: 0,
        }
    }

    fn look(&self) -> Look {
        self.stack.last().map_or_else(Look::default, |element| element.look)
    }

    fn finish(mut self) -> (String, Vec<Mark>) {
        self.end_link();
        (self.out, self.marks)
    }

    // --- elements

    fn open(&mut self, tag: Tag, attributes: &Attributes<'a>) {
        let look = self.look().within(tag, attributes);
        if !look.hidden {
            self.begin(tag, attributes, look);
        }
        if !tag.is_container() {
            return;
        }
        if self.stack.len() >= MAX_OPEN {
            self.overflow += 1;
            return;
        }
        if let Some(count) = self.open.get_mut(tag.index()) {
            *count += 1;
        }
        self.stack.push(Element { tag, look });
        if look.hidden {
            return;
        }
        self.quotes += usize::from(look.begins_quote);
        match tag {
            Tag::Table => self.tables += 1,
            Tag::Row => self.rows.push(Row { table: self.tables, lines: self.lines }),
            Tag::Ol => self.lists.push(Some(attributes.start.parse().unwrap_or(1))),
            Tag::Ul => self.lists.push(None),
            _ => {}
        }
    }

    /// What an opening tag does to the lines.
    fn begin(&mut self, tag: Tag, attributes: &Attributes<'a>, look: Look) {
        match tag {
            Tag::Br => self.line_break(),
            Tag::Hr => {
                self.end_line();
                self.push_str(RULE);
                self.end_line();
            }
            Tag::Img => self.image(attributes.alt),
            Tag::A => {
                self.end_link();
                self.link = Some(Link { href: attributes.href, from: self.out.len() });
            }
            Tag::Row => {
                self.end_row();
                self.end_line();
            }
            Tag::Cell => self.begin_cell(),
            Tag::Li => {
                self.end_line();
                self.begin_item(attributes.start);
            }
            _ if tag.is_block() => {
                self.end_line();
                if tag.is_spaced() && !look.tight && self.bullet.is_none() {
                    self.blank_line();
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, tag: Tag) {
        if self.overflow > 0 && tag.is_container() {
            self.overflow -= 1;
            return;
        }
        match tag {
            // Browsers show a `</br>` as a `<br>` and a stray `</p>` as an empty paragraph.
            Tag::Br => self.open(Tag::Br, &Attributes::default()),
            Tag::P if self.is_closed(tag) => self.end_line(),
            _ if self.is_closed(tag) => {}
            _ => self.pop_to(tag),
        }
    }

    fn is_closed(&self, tag: Tag) -> bool {
        self.open.get(tag.index()).is_none_or(|&count| count == 0)
    }

    /// Closes elements up to and with the innermost of this kind. Each is closed once, so that all closing takes linear time.
    fn pop_to(&mut self, tag: Tag) {
        while let Some(element) = self.stack.pop() {
            if let Some(count) = self.open.get_mut(element.tag.index()) {
                *count = count.saturating_sub(1);
            }
            if !element.look.hidden {
                self.end(&element);
            }
            if element.tag == tag {
                return;
            }
        }
    }

    /// What the end of an element does to the lines.
    fn end(&mut self, element: &Element) {
        match element.tag {
            Tag::A => self.end_link(),
            Tag::Table => self.tables = self.tables.saturating_sub(1),
            Tag::Row => {
                self.rows.pop();
                self.tabs = 0;
            }
            Tag::Ol | Tag::Ul => {
                self.lists.pop();
            }
            Tag::Li => self.bullet = None,
            _ => {}
        }
        if element.tag.is_block() {
            self.end_line();
            if element.tag.is_spaced() && !element.look.tight {
                self.blank_line();
            }
        }
        self.quotes = self.quotes.saturating_sub(usize::from(element.look.begins_quote));
    }

    /// A row that was not closed ends where the next one of the same table begins.
    fn end_row(&mut self) {
        if self.rows.last().is_some_and(|row| row.table == self.tables) {
            self.pop_to(Tag::Row);
        }
    }

    /// Cells of a row stand on one line, apart by tabs, unless a cell before had several lines.
    fn begin_cell(&mut self) {
        let Some(row) = self.rows.last_mut() else { return self.end_line() };
        match self.lines - row.lines {
            0 => {}
            1 => {
                self.newlines = 0;
                self.has_text = true;
                self.space = false;
                self.tabs += 1;
            }
            _ => {
                row.lines = self.lines;
                self.end_line();
            }
        }
    }

    fn begin_item(&mut self, value: &str) {
        let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(MAX_PREFIX));
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number = value.parse().unwrap_or(*number);
                let mark = format!("{number}. ");
                *number = number.saturating_add(1);
                mark
            }
            _ => "- ".into(),
        };
        self.bullet = Some(indent + &mark);
    }

    /// Emoji are sent as pictures; other pictures are no text.
    fn image(&mut self, alt: &str) {
        if !alt.is_ascii() && alt.chars().count() <= 4 {
            self.push_str(alt);
        }
    }

    fn end_link(&mut self) {
        let Some(link) = self.link.take() else { return };
        let text = self.out.get(link.from..).unwrap_or_default().trim();
        if let Some(address) = looks::address_beside(text, link.href) {
            let address = address.to_owned();
            self.out.push_str(" <");
            self.out.push_str(&address);
            self.out.push('>');
        }
    }

    // --- lines

    fn end_line(&mut self) {
        if self.tabs > 0 {
            // Nothing was written in this cell yet: what begins in it begins on the row's line.
            return;
        }
        if self.has_text {
            self.has_text = false;
            self.newlines = self.newlines.max(1);
        } else if self.has_nbsp {
            // A paragraph with nothing but a hard blank in it is a blank line.
            self.newlines += 1;
        }
        self.has_nbsp = false;
        self.space = false;
    }

    fn line_break(&mut self) {
        if self.has_text {
            self.end_line();
        } else {
            self.newlines += 1;
            self.has_nbsp = false;
        }
    }

    fn blank_line(&mut self) {
        if self.tabs == 0 {
            self.newlines = self.newlines.max(2);
        }
    }

    /// Ends what is due before text: lines, quote marks, bullet, cells, a blank.
    fn begin_text(&mut self) {
        if self.has_text {
            if self.tabs > 0 {
                self.out.extend(std::iter::repeat_n('\t', self.tabs));
            } else if self.space {
                self.out.push(' ');
            }
        } else {
            let mark = self.look().mark;
            let quotes = self.quotes.min(MAX_PREFIX);
            if !self.marks.is_empty() {
                for _ in 1..self.newlines.clamp(1, 2) {
                    self.out.push('\n');
                    self.out.push_str(&">".repeat(quotes.min(self.last_quotes)));
                    self.marks.push(mark);
                }
                self.out.push('\n');
            }
            self.marks.push(mark);
            self.out.push_str(&">".repeat(quotes));
            if quotes > 0 {
                self.out.push(' ');
            }
            if let Some(bullet) = self.bullet.take() {
                self.out.push_str(&bullet);
            }
            self.last_quotes = quotes;
            self.lines += 1;
            self.has_text = true;
            self.newlines = 0;
        }
        self.space = false;
        self.tabs = 0;
    }

    // --- text

    fn text(&mut self, text: &str) {
        let look = self.look();
        if look.is_unseen() {
            return;
        }
        if look.pre {
            return self.preformatted(text);
        }
        let mut rest = text;
        loop {
            let end = rest.bytes().position(|b| b.is_ascii_whitespace()).unwrap_or(rest.len());
            let (word, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
            if !word.is_empty() {
                self.word(word);
            }
            if tail.is_empty() {
                return;
            }
            self.space |= self.has_text;
            rest = tail.trim_ascii_start();
        }
    }

    fn word(&mut self, word: &str) {
        // Neither references nor what begins like the blanks and fillers of Unicode.
        if !word.bytes().any(|b| matches!(b, b'&' | 0xc2 | 0xcd | 0xe1..=0xe3 | 0xef)) {
            self.push_str(word);
            return;
        }
        let mut rest = word;
        while let Some(c) = rest.chars().next() {
            let taken = match c {
                '&' => entities::decode(rest),
                _ => None,
            };
            let (c, length) = taken.unwrap_or((c, c.len_utf8()));
            self.push(c);
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    fn preformatted(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (c, length) = entities::decode(rest).filter(|_| c == '&').unwrap_or((c, c.len_utf8()));
            match c {
                '\n' => self.line_break(),
                '\r' => {}
                c => {
                    self.begin_text();
                    self.out.push(if c == '\u{a0}' { ' ' } else { c });
                }
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    fn push_str(&mut self, word: &str) {
        self.begin_text();
        self.out.push_str(word);
    }

    fn push(&mut self, c: char) {
        match c {
            '\u{a0}' | '\u{2003}' | '\u{2002}' | '\u{2009}' | '\u{202f}' => {
                if self.has_text {
                    self.space = true;
                } else {
                    self.has_nbsp = true;
                }
            }
            // Fillers that nobody sees.
            '\u{200b}' | '\u{feff}' | '\u{2060}' | '\u{34f}' | '\u{ad}' | '\u{200e}' | '\u{200f}' => {}
            '\u{200c}' | '\u{200d}' if !self.has_text || self.space => {}
            c if c.is_whitespace() => self.space |= self.has_text,
            c if c.is_control() => {}
            c => {
                self.begin_text();
                self.out.push(c);
            }
        }
    }
}

#[cfg(test)]
mod tests;
