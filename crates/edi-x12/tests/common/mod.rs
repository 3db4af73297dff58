//! What the suites share.

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use loket_core::delivery::Delivery;
use loket_core::message::{Message, Party};
use loket_core::reader::{Part, Reader};
use loket_edi_x12::X12Reader;
use serde_json::{Value, json};

/// Where the fixtures are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// All fixtures.
pub(crate) fn fixtures() -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "x12"))
        .collect();
    paths.sort();
    paths
}

/// A delivery of these bytes.
pub(crate) fn delivery(bytes: &[u8]) -> Delivery {
    Delivery::standalone("edi.test", "key", "application/edi-x12", bytes.to_vec())
}

/// What the reader finds in these bytes; nothing where they are unreadable.
pub(crate) fn parts(bytes: &[u8]) -> Vec<Part> {
    X12Reader.parts(&delivery(bytes)).map(Iterator::collect).unwrap_or_default()
}

/// The messages in these bytes.
pub(crate) fn messages(bytes: &[u8]) -> Vec<Message> {
    X12Reader.read(&delivery(bytes)).unwrap()
}

fn party(party: &Party) -> Value {
    let also: Vec<String> = party.also.iter().map(ToString::to_string).collect();
    let address = party.address.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut shown = format!("{} <{address}>", party.name.as_deref().unwrap_or_default()).trim().to_owned();
    for other in also {
        shown += &format!(" {other}");
    }
    json!(shown)
}

/// A message in the words of the expectations.
pub(crate) fn shown(message: &Message) -> Value {
    let mut shown = serde_json::to_value(message).unwrap();
    shown["from"] = message.from.as_ref().map_or(Value::Null, party);
    shown["to"] = message.to.iter().map(party).collect();
    shown["identity"] = json!(message.identity.as_ref().map(|identity| format!("{} {}", identity.kind, identity.value)));
    shown["text"] = json!(message.body.full_text.lines().collect::<Vec<_>>());
    shown["edi"] = message.extra["edi"].clone();
    shown
}

/// A part, likewise.
pub(crate) fn shown_part(part: &Part) -> Value {
    match part {
        Part::Message(message) => shown(message),
        Part::Aside(aside) => json!({ "name": aside.name, "reason": aside.reason }),
    }
}

/// Text in EBCDIC, with another terminator than `~`.
pub(crate) fn in_ebcdic(text: &str, terminator: u8) -> Vec<u8> {
    text.bytes()
        .map(|byte| match byte {
            b'~' => terminator,
            b'A'..=b'I' => byte - b'A' + 0xc1,
            b'J'..=b'R' => byte - b'J' + 0xd1,
            b'S'..=b'Z' => byte - b'S' + 0xe2,
            b'a'..=b'i' => byte - b'a' + 0x81,
            b'j'..=b'r' => byte - b'j' + 0x91,
            b's'..=b'z' => byte - b's' + 0xa2,
            b'0'..=b'9' => byte - b'0' + 0xf0,
            b' ' => 0x40,
            b'*' => 0x5c,
            b'>' => 0x6e,
            b'.' => 0x4b,
            b',' => 0x6b,
            b'-' => 0x60,
            b'/' => 0x61,
            b'@' => 0x7c,
            b'&' => 0x50,
            b'\'' => 0x7d,
            b'+' => 0x4e,
            b'#' => 0x7b,
            b'(' => 0x4d,
            b')' => 0x5d,
            b':' => 0x7a,
            other => panic!("{:?} is not in this table", char::from(other)),
        })
        .collect()
}
