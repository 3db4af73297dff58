//! What stands around transactions: the interchange (ISA) and the functional group (GS).

use std::ops::Range;

use serde_json::{Map, Value, json};

use crate::syntax::header::Header;
use crate::syntax::{Segment, Syntax};

/// An interchange that was found in a payload.
#[derive(Clone, Debug)]
pub(crate) struct Interchange {
    /// Which one of the payload it is, counted from 1.
    pub(crate) ordinal: usize,
    /// What is before its first transaction.
    pub(crate) header: Header,
    /// So many bytes before it could not be read.
    pub(crate) skipped: usize,
}

/// A functional group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    elements: Vec<String>,
    /// Where its GS stands in the payload.
    pub(crate) range: Range<usize>,
}

impl Interchange {
    /// An element of ISA, from 1; empty where there is none.
    pub(crate) fn isa(&self, number: usize) -> &str {
        nth(&self.header.elements, number)
    }

    /// What it is written with.
    pub(crate) fn syntax(&self) -> Syntax {
        self.header.syntax
    }

    /// Where its ISA stands in the payload.
    pub(crate) fn range(&self) -> Range<usize> {
        self.header.start..self.header.end
    }

    /// Sent for trying out.
    pub(crate) fn is_test(&self) -> bool {
        self.isa(15) == "T"
    }
}

impl Group {
    /// From its GS.
    pub(crate) fn new(segment: &Segment<'_>) -> Self {
        Self { elements: (1..=8).map(|number| segment.code_or_empty(number)).collect(), range: segment.offset..segment.end }
    }

    /// An element of GS, from 1; empty where there is none.
    pub(crate) fn gs(&self, number: usize) -> &str {
        nth(&self.elements, number)
    }
}

fn nth(elements: &[String], number: usize) -> &str {
    number.checked_sub(1).and_then(|index| elements.get(index)).map_or("", String::as_str)
}

/// An element of the group, if there is a group.
pub(crate) fn gs(group: Option<&Group>, number: usize) -> &str {
    group.map_or("", |group| group.gs(number))
}

/// The version of the standard: the group's, else the interchange's.
pub(crate) fn version<'a>(interchange: &'a Interchange, group: Option<&'a Group>) -> &'a str {
    Some(gs(group, 8)).filter(|version| !version.is_empty()).unwrap_or(interchange.isa(12))
}

/// What is kept of the envelope in a message's `extra.edi`, for people, and for the answers that are written later.
pub(crate) fn describe(interchange: &Interchange, group: Option<&Group>) -> Map<String, Value> {
    let mut edi = Map::new();
    let mut put = |name: &str, value: Value| {
        let empty = value.as_str().is_some_and(str::is_empty) || value.as_object().is_some_and(Map::is_empty);
        if !empty {
            edi.insert(name.to_owned(), value);
        }
    };
    put("syntax", json!("x12"));
    put("version", json!(version(interchange, group)));
    put("sender", party(interchange.isa(6), interchange.isa(5), gs(group, 2)));
    put("receiver", party(interchange.isa(8), interchange.isa(7), gs(group, 3)));
    put("interchange", json!(interchange.isa(13)));
    put("group", json!(gs(group, 6)));
    put("functional", json!(gs(group, 1)));
    put("group_sender", json!(gs(group, 2)));
    put("group_receiver", json!(gs(group, 3)));
    put("interchange_version", json!(interchange.isa(12)));
    let (day, time) = sent(interchange, group);
    let date = crate::value::date_time(day, time).map(|at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string());
    put("date", json!(date.unwrap_or_default()));
    put("test", json!(interchange.is_test()));
    put("ack_requested", json!(interchange.isa(14) == "1"));
    put("delimiters", delimiters(&interchange.syntax()));
    edi
}

/// When it was sent, as day and time: by the interchange, else by the group.
pub(crate) fn sent<'a>(interchange: &'a Interchange, group: Option<&'a Group>) -> (&'a str, &'a str) {
    match interchange.isa(9) {
        "" => (gs(group, 4), gs(group, 5)),
        day => (day, interchange.isa(10)),
    }
}

fn party(id: &str, qualifier: &str, group_id: &str) -> Value {
    let mut party = Map::new();
    let id = if id.is_empty() { group_id } else { id };
    for (name, value) in [("id", id), ("qualifier", qualifier)] {
        if !value.is_empty() {
            party.insert(name.to_owned(), json!(value));
        }
    }
    Value::Object(party)
}

/// The delimiters that can be printed.
fn delimiters(syntax: &Syntax) -> Value {
    let all = [
        ("element", Some(syntax.separator)),
        ("component", syntax.component),
        ("repetition", syntax.repetition),
        ("segment", Some(syntax.terminator.first).filter(|_| syntax.terminator.second.is_none())),
    ];
    let printable = all.into_iter().filter_map(|(name, byte)| Some((name, char::from(syntax.plain(byte?)))));
    printable.filter(|(_, c)| c.is_ascii_graphic()).map(|(name, c)| (name.to_owned(), json!(c.to_string()))).collect::<Map<_, _>>().into()
}
