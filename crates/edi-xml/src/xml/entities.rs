//! References in text: characters, the five names of XML, and the entities that a document type declares.
//!
//! What an entity stands for is only ever text that is written here: nothing is fetched, parameter entities are refused, and what
//! all of them expand to has a limit, so that neither a billion laughs nor one long entity named a million times can fill the memory.

use std::collections::HashMap;

use super::{MAX_ENTITIES, MAX_ENTITY_DEPTH, MAX_EXPANSION};

/// What resolving one reference costs beside its text, so that empty entities are not free.
const COST: usize = 16;
/// The longest name of an entity.
const MAX_NAME: usize = 64;

/// The entities of a document.
#[derive(Debug, Default)]
pub(super) struct Entities<'a> {
    declared: HashMap<&'a str, Entity<'a>>,
    expanded: usize,
    /// The first reference that means nothing.
    pub(super) unknown: Option<String>,
    /// A `&` that begins no reference.
    pub(super) bare: bool,
}

#[derive(Clone, Copy, Debug)]
enum Entity<'a> {
    Text(&'a str),
    External(&'a str),
}

/// What stands behind a `&`.
enum Reference<'a> {
    Char(char),
    Entity(&'a str),
    None,
}

impl<'a> Entities<'a> {
    /// Remembers a declaration; the first one of a name counts.
    pub(super) fn declare(&mut self, name: &'a str, text: &'a str) -> Result<(), String> {
        self.insert(name, Entity::Text(text))
    }

    /// Remembers that a name stands for something elsewhere.
    pub(super) fn declare_external(&mut self, name: &'a str, address: &'a str) -> Result<(), String> {
        self.insert(name, Entity::External(address))
    }

    fn insert(&mut self, name: &'a str, entity: Entity<'a>) -> Result<(), String> {
        if self.declared.len() >= MAX_ENTITIES {
            return Err(format!("it declares more than {MAX_ENTITIES} entities"));
        }
        self.declared.entry(name).or_insert(entity);
        Ok(())
    }

    /// Text with its references resolved.
    pub(super) fn resolve(&mut self, raw: &'a str) -> Result<String, String> {
        let mut text = String::with_capacity(raw.len());
        self.expand(raw, 0, &mut text)?;
        Ok(text)
    }

    fn expand(&mut self, mut raw: &'a str, depth: usize, into: &mut String) -> Result<(), String> {
        while let Some((before, behind)) = raw.split_once('&') {
            self.push(before, depth, into)?;
            let (reference, length) = reference(behind);
            match reference {
                Reference::Char(c) => self.push(c.encode_utf8(&mut [0; 4]), depth, into)?,
                Reference::Entity(name) => match self.declared.get(name).copied() {
                    Some(Entity::Text(_)) if depth >= MAX_ENTITY_DEPTH => {
                        return Err(format!("its entities name each other more than {MAX_ENTITY_DEPTH} deep (&{name};): refused"));
                    }
                    Some(Entity::Text(text)) if text.contains('<') => {
                        return Err(format!("the entity &{name}; holds elements, which is refused"));
                    }
                    Some(Entity::Text(text)) => {
                        self.charge(COST)?;
                        self.expand(text, depth + 1, into)?;
                    }
                    Some(Entity::External(address)) => {
                        return Err(format!("the entity &{name}; is outside of the document ({}), and nothing is fetched", short(address)));
                    }
                    None => {
                        self.unknown.get_or_insert_with(|| format!("&{name};"));
                        self.push("&", depth, into)?;
                        self.push(behind.get(..length).unwrap_or_default(), depth, into)?;
                    }
                },
                Reference::None => {
                    self.bare = true;
                    self.push("&", depth, into)?;
                }
            }
            raw = behind.get(length..).unwrap_or_default();
        }
        self.push(raw, depth, into)
    }

    fn push(&mut self, text: &str, depth: usize, into: &mut String) -> Result<(), String> {
        if depth > 0 {
            self.charge(text.len())?;
        }
        into.push_str(text);
        Ok(())
    }

    fn charge(&mut self, cost: usize) -> Result<(), String> {
        self.expanded += cost;
        if self.expanded > MAX_EXPANSION {
            return Err(format!("its entities expand to more than {MAX_EXPANSION} bytes, as entity bombs do: refused"));
        }
        Ok(())
    }
}

/// The reference that follows a `&`, and how much of the text it takes.
fn reference(text: &str) -> (Reference<'_>, usize) {
    let end = text.bytes().take(MAX_NAME).position(|byte| !is_name(byte) && byte != b'#');
    let Some((name, length)) = end.filter(|&end| text.as_bytes().get(end) == Some(&b';')).and_then(|end| Some((text.get(..end)?, end + 1)))
    else {
        return (Reference::None, 0);
    };
    let reference = match name {
        "amp" => Reference::Char('&'),
        "lt" => Reference::Char('<'),
        "gt" => Reference::Char('>'),
        "quot" => Reference::Char('"'),
        "apos" => Reference::Char('\''),
        "" => return (Reference::None, 0),
        name => match name.strip_prefix('#') {
            Some(number) => Reference::Char(character(number)),
            None if name.contains('#') => return (Reference::None, 0),
            None => Reference::Entity(name),
        },
    };
    (reference, length)
}

fn character(number: &str) -> char {
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    code.ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}

pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':') || !byte.is_ascii()
}

fn short(address: &str) -> String {
    address.chars().take(80).collect()
}
