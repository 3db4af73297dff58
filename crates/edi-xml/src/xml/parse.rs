//! One document of a text into a tree: one pass, no recursion, every limit checked before anything is kept.

use std::mem;

use super::entities::{Entities, is_name};
use super::tree::{Attribute, Element, NONE, Text, Tree};
use super::{MAX_ATTRIBUTES, MAX_ATTRIBUTES_OF_ONE, MAX_DEPTH, MAX_DOCUMENT, MAX_ELEMENTS};

use std::cell::Cell;
use std::collections::HashMap;

/// A document, and where the text goes on behind it.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its elements.
    pub(crate) tree: Tree,
    /// Where its prolog begins.
    pub(crate) start: usize,
    /// Where it ends in the text.
    pub(crate) end: usize,
    /// What was odd about it.
    pub(crate) warnings: Vec<String>,
}

/// Why a document cannot be read, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The byte of the text.
    pub(crate) at: usize,
    /// What is wrong there.
    pub(crate) why: String,
    /// Where the element begins that is not ended there.
    pub(crate) began: Option<usize>,
    /// Whether it is the beginning of another document that is wrong there.
    pub(crate) is_next: bool,
    /// Whether everything up to the end of the text was searched in vain.
    pub(crate) searched_all: bool,
}

impl Fault {
    pub(super) fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into(), began: None, is_next: false, searched_all: false }
    }
}

/// Reads the document that begins at or behind `from`; none when nothing but blanks, comments and padding is left.
pub(crate) fn document(text: &str, from: usize) -> Result<Option<Document>, Fault> {
    Parser::new(text, from).read()
}

/// An element whose end tag has not come.
struct Open<'a> {
    number: u32,
    /// Its name with the prefix, as the end tag must repeat it.
    name: &'a str,
    last_child: u32,
    text: Pieces<'a>,
    /// Where the stack of set-aside counts stood when it began.
    set_aside: usize,
}

/// The text of an element, which comments and elements cut into pieces.
#[derive(Default)]
enum Pieces<'a> {
    #[default]
    None,
    One(&'a str, usize),
    Joined(String),
}

/// How many elements of one name stand in the element that is being read, by the number of the name.
#[derive(Clone, Copy)]
struct Count {
    parent: u32,
    count: u32,
    last: u32,
}

pub(super) struct Parser<'a> {
    text: &'a str,
    from: usize,
    pub(super) at: usize,
    tree: Tree,
    open: Vec<Open<'a>>,
    pub(super) entities: Entities<'a>,
    names: HashMap<&'a str, usize>,
    counts: Vec<Count>,
    /// Counts of outer elements that an inner one of the same names took the place of.
    set_aside: Vec<(usize, Count)>,
    warnings: Vec<String>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, from: usize) -> Self {
        Self {
            text,
            from,
            at: from,
            tree: Tree::default(),
            open: Vec::new(),
            entities: Entities::default(),
            names: HashMap::new(),
            counts: Vec::new(),
            set_aside: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn read(mut self) -> Result<Option<Document>, Fault> {
        let Some(start) = self.prolog()? else { return Ok(None) };
        self.element()?;
        while !self.open.is_empty() {
            self.content()?;
        }
        if let Some(name) = self.entities.unknown.take() {
            self.warnings.push(format!("the reference {name} means nothing here and was kept as it stands"));
        }
        if self.entities.bare {
            self.warnings.push("a bare & was taken for the character itself".into());
        }
        self.tree.elements.shrink_to_fit();
        Ok(Some(Document { tree: self.tree, start, end: self.at, warnings: self.warnings }))
    }

    /// Goes to the outermost element. Gives where the document begins.
    fn prolog(&mut self) -> Result<Option<usize>, Fault> {
        let mut start = None;
        loop {
            let Some(next) = self.rest().find('<') else {
                return match start {
                    Some(_) => Err(self.fault("there is no element in it")),
                    None => Ok(None),
                };
            };
            let junk = self
                .rest()
                .get(..next)
                .unwrap_or_default()
                .trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '\u{1a}' | '\u{feff}'));
            if !junk.is_empty() {
                self.tell("bytes before the document were skipped");
            }
            self.at += next;
            // Comments and instructions behind the last document begin no other one.
            let is_comment = self.rest().starts_with("<!--");
            if !is_comment && (!self.rest().starts_with("<?") || self.begins_declaration()) {
                start.get_or_insert(self.at);
            }
            if is_comment {
                self.comment()?;
            } else if self.rest().starts_with("<?") {
                self.instruction()?;
            } else if self.rest().get(..9).is_some_and(|head| head.eq_ignore_ascii_case("<!DOCTYPE")) {
                self.document_type()?;
            } else if self.rest().as_bytes().get(1).copied().is_some_and(begins_name) {
                return Ok(start);
            } else {
                return Err(self.fault("a < that begins no element"));
            }
        }
    }

    /// What comes next inside of an element.
    fn content(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let Some(length) = rest.find('<') else {
            let open: Vec<_> = self.open.iter().map(|open| open.name).collect();
            let path = open.join("/");
            self.at = self.text.len();
            return Err(self.fault(&format!("the document ends inside of /{path}: it was cut off")));
        };
        self.check_size()?;
        if length > 0 {
            let at = self.at;
            self.at += length;
            return self.add_text(rest.get(..length).unwrap_or_default(), at, true);
        }
        match rest.as_bytes().get(1) {
            Some(b'/') => self.end_tag(),
            Some(b'!') if rest.starts_with("<!--") => self.comment(),
            Some(b'!') if rest.starts_with("<![CDATA[") => {
                let Some(end) = rest.find("]]>") else {
                    return Err(self.endless("a CDATA section that does not end: the document was cut off"));
                };
                let at = self.at + 9;
                self.at += end + 3;
                self.add_text(rest.get(9..end).unwrap_or_default(), at, false)
            }
            Some(b'?') if self.begins_declaration() => {
                let open = self.open.last().map_or("", |open| open.name);
                Err(Fault { is_next: true, ..self.fault(&format!("another document begins before </{open}>: this one was cut off")) })
            }
            Some(b'?') => self.instruction(),
            Some(&byte) if begins_name(byte) => self.element(),
            Some(b' ' | b'0'..=b'9' | b'=' | b'\n' | b'\r' | b'\t') => {
                let at = self.at;
                self.at += 1;
                self.tell("a bare < was taken for the character itself");
                self.add_text("<", at, false)
            }
            _ => Err(self.fault("a < that begins no element")),
        }
    }

    /// A start tag, or an empty element.
    fn element(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        let name = self.name();
        let (_, local) = name.rsplit_once(':').unwrap_or(("", name));
        if local.is_empty() {
            return Err(Fault::new(start, format!("the element <{name}> has no name")));
        }
        if self.tree.elements.len() >= MAX_ELEMENTS {
            return Err(Fault::new(start, format!("it has more than {MAX_ELEMENTS} elements")));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Fault::new(start, format!("its elements are nested more than {MAX_DEPTH} deep")));
        }
        let number = small(self.tree.elements.len());
        let attributes = small(self.tree.attributes.len());
        let (attribute_count, is_empty) = self.attributes(name)?;
        let (parent, index, repeated) = self.among_siblings(local, number);
        let local_end = start + 1 + name.len();
        self.tree.elements.push(Element {
            name: (small(local_end - local.len()), small(local_end)),
            parent,
            first_child: NONE,
            next: NONE,
            attributes,
            attribute_count,
            repeated,
            used: Cell::new(false),
            index,
            text: Text::None,
            start: small(start),
            end: small(self.at),
        });
        if !is_empty {
            self.open.push(Open { number, name, last_child: NONE, text: Pieces::None, set_aside: self.set_aside.len() });
        }
        Ok(())
    }

    /// Hangs a new element into the one around it. Gives that one, its number among its namesakes, and whether there are some.
    fn among_siblings(&mut self, local: &'a str, number: u32) -> (u32, u32, bool) {
        let Some(around) = self.open.last_mut() else { return (NONE, 1, false) };
        let parent = around.number;
        let before = mem::replace(&mut around.last_child, number);
        let link = if before == NONE { self.tree.elements.get_mut(parent as usize) } else { self.tree.elements.get_mut(before as usize) };
        if let Some(link) = link {
            *(if before == NONE { &mut link.first_child } else { &mut link.next }) = number;
        }
        let next_name = self.names.len();
        let name = *self.names.entry(local).or_insert(next_name);
        let fresh = Count { parent, count: 1, last: number };
        let Some(count) = self.counts.get_mut(name) else {
            self.counts.push(fresh);
            self.set_aside.push((name, Count { parent: NONE, count: 0, last: NONE }));
            return (parent, 1, false);
        };
        if count.parent != parent {
            self.set_aside.push((name, mem::replace(count, fresh)));
            return (parent, 1, false);
        }
        if count.count == 1
            && let Some(first) = self.tree.elements.get_mut(count.last as usize)
        {
            first.repeated = true;
        }
        count.count += 1;
        count.last = number;
        (parent, count.count, true)
    }

    /// The attributes of a start tag up to its end. Gives how many are kept, and whether the element is empty.
    fn attributes(&mut self, element: &str) -> Result<(u16, bool), Fault> {
        let (mut seen, mut kept) = (0_usize, 0_u16);
        loop {
            self.skip_blanks();
            let start = self.at;
            match self.rest().as_bytes() {
                [b'>', ..] => {
                    self.at += 1;
                    return Ok((kept, false));
                }
                [b'/', b'>', ..] => {
                    self.at += 2;
                    return Ok((kept, true));
                }
                [] => return Err(self.fault(&format!("the document ends inside of <{element}>: it was cut off"))),
                [first, ..] if !begins_name(*first) => return Err(self.fault(&format!("an attribute of <{element}> has no name"))),
                _ => {}
            }
            let name = self.name();
            self.skip_blanks();
            if !self.skip("=") {
                return Err(self.fault(&format!("the attribute {name} of <{element}> has no value")));
            }
            self.skip_blanks();
            let Some(quote) = self.rest().chars().next().filter(|c| matches!(c, '"' | '\'')) else {
                return Err(self.fault(&format!("the attribute {name} of <{element}> is not quoted")));
            };
            self.at += 1;
            let value_start = self.at;
            let rest = self.rest();
            let Some(length) = rest.find([quote, '<']).filter(|&length| rest.get(length..).is_some_and(|tail| tail.starts_with(quote)))
            else {
                return Err(Fault::new(start, format!("the attribute {name} of <{element}> does not end")));
            };
            let raw = rest.get(..length).unwrap_or_default();
            self.at += length + 1;
            seen += 1;
            if seen > MAX_ATTRIBUTES_OF_ONE {
                return Err(Fault::new(start, format!("<{element}> has more than {MAX_ATTRIBUTES_OF_ONE} attributes")));
            }
            if self.tree.attributes.len() >= MAX_ATTRIBUTES {
                return Err(Fault::new(start, format!("it has more than {MAX_ATTRIBUTES} attributes")));
            }
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            let value = if raw.contains('&') {
                let resolved = self.entities.resolve(raw).map_err(|why| Fault::new(start, why))?;
                self.tree.resolved.push(resolved.into());
                Text::Resolved(small(self.tree.resolved.len() - 1))
            } else {
                Text::Raw(small(value_start), small(value_start + length))
            };
            let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
            let name_end = start + name.len();
            self.tree.attributes.push(Attribute { name: (small(name_end - local.len()), small(name_end)), value, used: Cell::new(false) });
            kept += 1;
        }
    }

    fn end_tag(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 2;
        let name = self.name();
        self.skip_blanks();
        let Some(open) = self.open.pop() else { return Err(Fault::new(start, format!("</{name}> ends nothing"))) };
        if open.name != name {
            let began = self.tree.elements.get(open.number as usize).map(|element| element.start as usize);
            return Err(Fault { began, ..Fault::new(start, format!("</{name}> stands where </{}> must", open.name)) });
        }
        if !self.skip(">") {
            return Err(self.fault(&format!("</{name} has no >")));
        }
        while self.set_aside.len() > open.set_aside {
            if let Some((name, before)) = self.set_aside.pop()
                && let Some(count) = self.counts.get_mut(name)
            {
                *count = before;
            }
        }
        let text = match open.text {
            Pieces::None => Text::None,
            Pieces::One(raw, at) => Text::Raw(small(at), small(at + raw.len())),
            Pieces::Joined(text) => {
                self.tree.resolved.push(text.into());
                Text::Resolved(small(self.tree.resolved.len() - 1))
            }
        };
        let end = small(self.at);
        if let Some(element) = self.tree.elements.get_mut(open.number as usize) {
            element.text = text;
            element.end = end;
        }
        Ok(())
    }

    /// A piece of text of the innermost element. Blanks before anything else are the file's and not the value's.
    fn add_text(&mut self, raw: &'a str, at: usize, with_references: bool) -> Result<(), Fault> {
        let resolved = match with_references && raw.contains('&') {
            true => Some(self.entities.resolve(raw).map_err(|why| Fault::new(at, why))?),
            false => None,
        };
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let piece = resolved.as_deref().unwrap_or(raw);
        open.text = match (mem::take(&mut open.text), resolved.is_some()) {
            (Pieces::None, _) if piece.bytes().all(|byte| byte.is_ascii_whitespace()) => Pieces::None,
            (Pieces::None, false) => Pieces::One(raw, at),
            (Pieces::None, true) => Pieces::Joined(piece.to_owned()),
            (Pieces::One(first, _), _) => Pieces::Joined([first, piece].concat()),
            (Pieces::Joined(mut text), _) => {
                text.push_str(piece);
                Pieces::Joined(text)
            }
        };
        Ok(())
    }

    pub(super) fn comment(&mut self) -> Result<(), Fault> {
        match self.rest().get(4..).and_then(|rest| rest.find("-->")) {
            Some(length) => {
                self.at += 4 + length + 3;
                Ok(())
            }
            None => Err(self.endless("a comment that does not end: the document was cut off")),
        }
    }

    pub(super) fn instruction(&mut self) -> Result<(), Fault> {
        match self.rest().find("?>") {
            Some(length) => {
                self.at += length + 2;
                Ok(())
            }
            None => Err(self.endless("a <? that does not end: the document was cut off")),
        }
    }

    pub(super) fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().position(|byte| !is_name(byte)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    pub(super) fn skip_blanks(&mut self) {
        self.at += self.rest().bytes().take_while(u8::is_ascii_whitespace).count();
    }

    pub(super) fn skip(&mut self, what: &str) -> bool {
        let is_there = self.rest().starts_with(what);
        if is_there {
            self.at += what.len();
        }
        is_there
    }

    /// Remembers an oddity, once.
    fn tell(&mut self, what: &str) {
        if !self.warnings.iter().any(|warning| warning == what) {
            self.warnings.push(what.to_owned());
        }
    }

    fn begins_declaration(&self) -> bool {
        self.rest().strip_prefix("<?xml").is_some_and(|rest| rest.starts_with(char::is_whitespace))
    }

    fn check_size(&self) -> Result<(), Fault> {
        match self.at - self.from > MAX_DOCUMENT {
            true => Err(self.fault(&format!("it is larger than {MAX_DOCUMENT} bytes"))),
            false => Ok(()),
        }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Something whose end was looked for in all that follows.
    pub(super) fn endless(&self, why: &str) -> Fault {
        Fault { searched_all: true, ..self.fault(why) }
    }

    pub(super) fn fault(&self, why: &str) -> Fault {
        Fault::new(self.at, why)
    }
}

fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b':' || !byte.is_ascii()
}

/// Offsets fit: a text of more than four gigabytes is not handed in ([`crate::reader`] checks it).
fn small(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(NONE)
}
