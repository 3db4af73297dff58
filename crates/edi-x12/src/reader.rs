//! The reader for X12.

use std::collections::VecDeque;

use bytes::Bytes;
use encoding_rs::{UTF_16BE, UTF_16LE};
use loket_core::delivery::Delivery;
use loket_core::message::Message;
use loket_core::reader::{Part, Parts, Reader, Recognition, Unreadable};

use crate::limits::MAX_WARNINGS;
use crate::syntax::header;
use crate::walk::{Finding, Step, Walk};
use crate::{aside, message};

/// So far is looked for an interchange when nobody said what the bytes are.
const WINDOW: usize = 8_192;

/// Reads X12 interchanges: purchase orders (850), their changes (860) and those of the grocery trade (875) into orders,
/// acknowledgements (997, 999, TA1) and all other documents into messages with their segments as text.
#[derive(Clone, Copy, Debug, Default)]
pub struct X12Reader;

impl Reader for X12Reader {
    fn name(&self) -> &'static str {
        "x12/1"
    }

    fn media_types(&self) -> &'static [&'static str] {
        &["application/edi-x12"]
    }

    fn recognizes(&self, bytes: &[u8]) -> Recognition {
        let window = bytes.get(..WINDOW).unwrap_or(bytes);
        let window = in_utf_8(&Bytes::copy_from_slice(window));
        match header::find(&window, 0) {
            Some(header) if !header.is_bare() => Recognition::Sure,
            Some(header) if window.iter().take(header.start).all(|&byte| byte <= b' ' || byte > 0x7f) => Recognition::Sure,
            Some(_) => Recognition::Perhaps,
            None => Recognition::No,
        }
    }

    fn read(&self, delivery: &Delivery) -> Result<Vec<Message>, Unreadable> {
        let mut messages = Vec::new();
        let mut reason = None;
        for part in self.parts(delivery)? {
            match part {
                Part::Message(message) => messages.push(*message),
                Part::Aside(aside) => reason = reason.or(Some(aside.reason)),
            }
        }
        match reason {
            Some(reason) if messages.is_empty() => Err(Unreadable(reason)),
            _ => Ok(messages),
        }
    }

    fn parts(&self, delivery: &Delivery) -> Result<Parts, Unreadable> {
        let bytes = in_utf_8(&delivery.payload);
        let mut parts = Interchanges::new(bytes.clone());
        match parts.next() {
            Some(first) => Ok(Box::new(std::iter::once(first).chain(parts))),
            None => Err(Unreadable(why_nothing(&bytes))),
        }
    }

    fn attachment(&self, _: &Delivery, _: usize, _: &str) -> Option<Bytes> {
        None
    }
}

/// The bytes in UTF-8 where they begin with the mark of UTF-16; else as they are.
pub(crate) fn in_utf_8(bytes: &Bytes) -> Bytes {
    let encoding = match bytes.as_ref() {
        [0xff, 0xfe, ..] => UTF_16LE,
        [0xfe, 0xff, ..] => UTF_16BE,
        _ => return bytes.clone(),
    };
    Bytes::from(encoding.decode(bytes).0.into_owned().into_bytes())
}

/// Why there is nothing in a payload.
pub(crate) fn why_nothing(bytes: &[u8]) -> String {
    if bytes.trim_ascii().is_empty() {
        return "empty".into();
    }
    match header::find(bytes, 0) {
        Some(found) => match found.elements.get(12) {
            Some(control) => format!("the interchange {control} holds no transaction"),
            None => "its envelope holds no transaction".into(),
        },
        None if bytes.trim_ascii_start().starts_with(b"ISA") => {
            "its ISA segment is damaged or cut off: 16 elements, each closed by the character that follows ISA, were expected".into()
        }
        None => "not X12: there is no ISA, GS or ST segment in it".into(),
    }
}

/// The parts of a payload, read as they are asked for.
struct Interchanges {
    bytes: Bytes,
    walk: Walk,
    /// The last message: what follows it may say something about its envelope.
    held: Option<Box<Message>>,
    ready: VecDeque<Part>,
    /// What the next message must be warned of.
    warnings: Vec<String>,
}

impl Interchanges {
    fn new(bytes: Bytes) -> Self {
        Self { bytes, walk: Walk::new(), held: None, ready: VecDeque::new(), warnings: Vec::new() }
    }

    fn let_go(&mut self) {
        self.ready.extend(self.held.take().map(Part::Message));
    }

    fn hold(&mut self, mut message: Message, findings: Vec<Finding>) {
        self.let_go();
        message.warnings.append(&mut self.warnings);
        warn(&mut message, findings);
        self.held = Some(Box::new(message));
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Interchange(interchange) => {
                self.let_go();
                self.warnings.clear();
                if interchange.skipped > 0 {
                    self.warnings.push(format!("{} characters before the interchange were not read", interchange.skipped));
                }
                if interchange.header.is_bare() {
                    self.warnings.push("it has no interchange envelope (ISA)".into());
                }
            }
            Step::Group(_) => {}
            Step::Transaction(transaction) => match message::read(&self.bytes, &transaction) {
                Ok((message, findings)) => self.hold(message, findings),
                Err(fault) => {
                    self.let_go();
                    self.ready.push_back(Part::Aside(aside::transaction(&self.bytes, &transaction, &fault)));
                }
            },
            Step::Acknowledged(interchange, ack) => self.hold(message::interchange_ack(&interchange, &ack), Vec::new()),
            Step::Stray(stray) => {
                self.let_go();
                self.ready.push_back(Part::Aside(aside::stray(&self.bytes, &stray)));
            }
            Step::GroupEnd(findings, _) | Step::InterchangeEnd(findings) => {
                if let Some(message) = &mut self.held {
                    warn(message, findings);
                }
            }
            Step::Trailing(bytes) => {
                if let Some(message) = &mut self.held {
                    message.warnings.push(format!("{bytes} characters behind the last interchange were not read"));
                }
            }
        }
    }
}

fn warn(message: &mut Message, findings: Vec<Finding>) {
    let room = MAX_WARNINGS.saturating_sub(message.warnings.len());
    message.warnings.extend(findings.into_iter().map(|finding| finding.text).take(room));
}

impl Iterator for Interchanges {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        loop {
            if let Some(part) = self.ready.pop_front() {
                return Some(part);
            }
            match self.walk.step(&self.bytes) {
                Some(step) => self.take(step),
                None => return self.held.take().map(Part::Message),
            }
        }
    }
}
