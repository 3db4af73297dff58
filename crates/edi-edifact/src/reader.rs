//! The reader for UN/EDIFACT. Pure, one pass, memory for one message at a time.

use bytes::Bytes;
use loket_core::delivery::{Delivery, TRUNCATED_FROM};
use loket_core::message::Message;
use loket_core::reader::{Part, Parts, Reader, Recognition, SetAside, Unreadable};

use crate::syntax::{StartKind, find};
use crate::walk::{Found, Outcome, Walk};

/// How many bytes are looked at to recognize EDIFACT.
const LOOK: usize = 8 * 1024;

/// Reads UN/EDIFACT interchanges: ORDERS and ORDCHG as orders, other messages as text.
#[derive(Clone, Copy, Debug, Default)]
pub struct EdifactReader;

impl Reader for EdifactReader {
    fn name(&self) -> &'static str {
        "edifact/1"
    }

    fn media_types(&self) -> &'static [&'static str] {
        &["application/edifact"]
    }

    fn recognizes(&self, bytes: &[u8]) -> Recognition {
        let beginning = bytes.get(..bytes.len().min(LOOK)).unwrap_or_default();
        let narrow = from_utf16(beginning);
        let beginning = narrow.as_deref().unwrap_or(beginning);
        let Some(start) = find(beginning, 0) else { return Recognition::No };
        let junk = beginning.get(..start.at).unwrap_or_default();
        match start.kind {
            StartKind::Batch | StartKind::Interactive if at_line(junk) => Recognition::Sure,
            StartKind::Bare if crate::syntax::is_blank(junk) => Recognition::Sure,
            // Somewhere in a text: only if it goes on as a message does.
            kind => {
                let next = if kind == StartKind::Bare { b"BGM" } else { b"UNH" };
                let rest = beginning.get(start.segment + 3..).unwrap_or_default();
                let goes_on = rest.windows(4).any(|window| window.starts_with(next) && window.last() == Some(&start.element));
                if goes_on { Recognition::Perhaps } else { Recognition::No }
            }
        }
    }

    fn read(&self, delivery: &Delivery) -> Result<Vec<Message>, Unreadable> {
        let mut messages = Vec::new();
        let mut reason = None;
        for part in self.parts(delivery)? {
            match part {
                Part::Message(message) => messages.push(*message),
                Part::Aside(aside) => {
                    reason.get_or_insert(aside.reason);
                }
            }
        }
        if messages.is_empty() {
            return Err(Unreadable(reason.unwrap_or_else(|| "there is no message in it".into())));
        }
        Ok(messages)
    }

    fn parts(&self, delivery: &Delivery) -> Result<Parts, Unreadable> {
        let mut walk = Walk::new(delivery.payload.clone())?;
        let cut_off = delivery.envelope.get(TRUNCATED_FROM).and_then(serde_json::Value::as_u64);
        let mut parts = std::iter::from_fn(move || walk.next()).map(part);
        let Some(size) = cut_off else { return Ok(Box::new(parts)) };
        let note = format!("only its first bytes were taken: the delivery has {size} bytes, more than are taken of one");
        Ok(Box::new(std::iter::from_fn(move || {
            let mut part = parts.next()?;
            if let Part::Message(message) = &mut part {
                message.warnings.push(note.clone());
            }
            Some(part)
        })))
    }

    fn attachment(&self, _: &Delivery, _: usize, _: &str) -> Option<Bytes> {
        None
    }
}

fn part(found: Found) -> Part {
    match found.outcome {
        Outcome::Message(message) => Part::Message(message),
        Outcome::Aside(aside) => {
            let interchange = found.around.interchange.name();
            let reason = if aside.is_interchange {
                format!("{interchange}: {}", aside.fault.what)
            } else {
                let reference = &found.around.header.reference;
                format!("{interchange}, message {reference}: {}", aside.fault)
            };
            Part::Aside(SetAside { name: aside.name, payload: aside.payload, reason })
        }
    }
}

/// Whether what comes next is at the beginning of a line, or nothing but blanks stands before it.
fn at_line(before: &[u8]) -> bool {
    crate::syntax::is_blank(before) || before.ends_with(b"\n") || before.ends_with(b"\r")
}

/// The beginning of a text in UTF-16, as bytes of ASCII.
fn from_utf16(bytes: &[u8]) -> Option<Vec<u8>> {
    match bytes {
        [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] => Some(rest.iter().copied().filter(|byte| *byte != 0).collect()),
        _ => None,
    }
}
