//! HTML, cut into text and tags in one pass. Nothing is looked for twice in vain, so that hostile pages take linear time.

use super::tags::Tag;

/// A piece of a page.
pub(super) enum Token<'a> {
    /// Text with its entities.
    Text(&'a str),
    /// An opening tag.
    Open(Tag, Attributes<'a>),
    /// A closing tag.
    Close(Tag),
}

/// The attributes that matter to the text, as they are written.
#[derive(Clone, Copy, Default)]
pub(super) struct Attributes<'a> {
    pub(super) style: &'a str,
    pub(super) class: &'a str,
    pub(super) id: &'a str,
    pub(super) href: &'a str,
    pub(super) kind: &'a str,
    pub(super) alt: &'a str,
    pub(super) start: &'a str,
    pub(super) cite: bool,
    pub(super) hidden: bool,
}

/// The pieces of a page.
pub(super) struct Tokens<'a> {
    html: &'a str,
    at: usize,
    // What was looked for to the end in vain.
    no_comment_end: bool,
    no_double_quote: bool,
    no_single_quote: bool,
    no_tag_end: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(html: &'a str) -> Self {
        Self { html, at: 0, no_comment_end: false, no_double_quote: false, no_single_quote: false, no_tag_end: false }
    }

    fn rest(&self) -> &'a str {
        self.html.get(self.at..).unwrap_or_default()
    }

    /// Jumps over the content of an element whose content is not HTML (`<style>`), behind its closing tag or to the end.
    pub(super) fn skip_raw(&mut self, tag: Tag) {
        let mut rest = self.rest();
        while let Some(at) = rest.find("</") {
            rest = rest.get(at + 2..).unwrap_or_default();
            let name = rest.get(..name_length(rest)).unwrap_or_default();
            if Tag::named(name) == tag {
                let end = rest.find('>').map_or(rest.len(), |end| end + 1);
                self.at = self.html.len() - rest.len() + end;
                return;
            }
        }
        self.at = self.html.len();
    }

    /// Jumps behind a comment, a doctype or another declaration.
    fn declaration(&mut self, rest: &'a str) {
        if let Some(comment) = rest.strip_prefix("<!--") {
            // `<!-->` and `<!--->` are whole comments.
            if comment.starts_with('>') || comment.starts_with("->") {
                self.at += 4 + comment.find('>').unwrap_or(0) + 1;
                return;
            }
            let end = if self.no_comment_end { None } else { comment.find("-->") };
            if let Some(end) = end {
                self.at += 4 + end + 3;
                return;
            }
            self.no_comment_end = true;
        }
        self.at += self.tag_end(rest);
    }

    /// How far it is to behind the next `>`.
    fn tag_end(&mut self, rest: &str) -> usize {
        let end = if self.no_tag_end { None } else { rest.find('>') };
        self.no_tag_end |= end.is_none();
        end.map_or(rest.len(), |end| end + 1)
    }

    fn open(&mut self, rest: &'a str) -> Token<'a> {
        let name = rest.get(1..1 + name_length(rest.get(1..).unwrap_or_default())).unwrap_or_default();
        self.at += 1 + name.len();
        let attributes = self.attributes();
        Token::Open(Tag::named(name), attributes)
    }

    /// Reads attributes until behind the `>` of the tag.
    fn attributes(&mut self) -> Attributes<'a> {
        let mut found = Attributes::default();
        loop {
            let rest = self.rest();
            let text = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            self.at += rest.len() - text.len();
            if text.is_empty() {
                return found;
            }
            if text.starts_with('>') {
                self.at += 1;
                return found;
            }
            let name_end = text.bytes().position(|b| b.is_ascii_whitespace() || matches!(b, b'=' | b'>' | b'/')).unwrap_or(text.len());
            // A stray `=` is a name of its own, so that every turn gets on.
            let name_end = if name_end == 0 { 1 } else { name_end };
            let name = text.get(..name_end).unwrap_or_default();
            let after = text.get(name_end..).unwrap_or_default();
            let blank = after.len() - after.trim_ascii_start().len();
            self.at += name_end;
            let value = match after.trim_ascii_start().strip_prefix('=') {
                Some(value) => {
                    self.at += blank + 1;
                    self.value(value)
                }
                None => "",
            };
            found.set(name, value);
        }
    }

    fn value(&mut self, text: &'a str) -> &'a str {
        let trimmed = text.trim_ascii_start();
        self.at += text.len() - trimmed.len();
        for (quote, missing) in [('"', &mut self.no_double_quote), ('\'', &mut self.no_single_quote)] {
            if let Some(quoted) = trimmed.strip_prefix(quote) {
                let end = if *missing { None } else { quoted.find(quote) };
                *missing |= end.is_none();
                if let Some(end) = end {
                    self.at += end + 2;
                    return quoted.get(..end).unwrap_or_default();
                }
            }
        }
        let end = trimmed.bytes().position(|b| b.is_ascii_whitespace() || b == b'>').unwrap_or(trimmed.len());
        self.at += end;
        trimmed.get(..end).unwrap_or_default()
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.rest();
            let mut after = rest.chars();
            if after.next()? != '<' {
                let end = rest.find('<').unwrap_or(rest.len());
                self.at += end;
                return rest.get(..end).map(Token::Text);
            }
            match after.next() {
                Some('!' | '?') => self.declaration(rest),
                Some('/') => {
                    let name_at = rest.get(2..).unwrap_or_default();
                    let tag = Tag::named(name_at.get(..name_length(name_at)).unwrap_or_default());
                    self.at += self.tag_end(rest);
                    return Some(Token::Close(tag));
                }
                Some(c) if c.is_ascii_alphabetic() => return Some(self.open(rest)),
                // An angle bracket that begins no tag is text: "5 < 6".
                _ => {
                    self.at += 1;
                    return rest.get(..1).map(Token::Text);
                }
            }
        }
    }
}

impl<'a> Attributes<'a> {
    fn set(&mut self, name: &str, value: &'a str) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let slot = match name.len() {
            2 if is("id") => &mut self.id,
            3 if is("alt") => &mut self.alt,
            4 if is("href") => &mut self.href,
            4 if is("type") => &mut self.kind,
            5 if is("style") => &mut self.style,
            5 if is("class") => &mut self.class,
            5 if is("start") || is("value") => &mut self.start,
            4 if is("cite") => {
                self.cite = true;
                return;
            }
            6 if is("hidden") => {
                self.hidden = true;
                return;
            }
            _ => return,
        };
        if slot.is_empty() {
            *slot = value;
        }
    }
}

/// How long the name at the beginning of this text is. Names of tags that we know are short; `o:p` and the like count as one.
fn name_length(text: &str) -> usize {
    text.bytes().position(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/' | b'<')).unwrap_or(text.len())
}
