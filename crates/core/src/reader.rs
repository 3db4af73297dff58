//! Readers: pure code that turns a delivery into messages.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use crate::delivery::Delivery;
use crate::message::{Attachment, Message};
use crate::order;

/// Turns deliveries of some media types into messages. Pure: no I/O, no clock; the same bytes give the same messages.
pub trait Reader: Send + Sync {
    /// Name and version, e.g. `email/1`; kept with every message, so that `replay` can say what changed.
    fn name(&self) -> &'static str;

    /// The media types that it reads, in lower case.
    fn media_types(&self) -> &'static [&'static str];

    /// Whether these bytes look like its own, when nobody said what they are.
    fn recognizes(&self, bytes: &[u8]) -> Recognition;

    /// The messages in a delivery, in order. Reads whatever can be read; the oddities go into `warnings`.
    fn read(&self, delivery: &Delivery) -> Result<Vec<Message>, Unreadable>;

    /// The same, one after the other, with what cannot be read between them. For readers whose deliveries can hold many messages:
    /// so that a large one is never in memory whole, and a bad one in it does not keep the others.
    fn parts(&self, delivery: &Delivery) -> Result<Parts, Unreadable> {
        Ok(Box::new(self.read(delivery)?.into_iter().map(|message| Part::Message(Box::new(message)))))
    }

    /// The decoded bytes of an attachment of message `part` with this SHA-256 (lower-case hex).
    fn attachment(&self, delivery: &Delivery, part: usize, sha256: &str) -> Option<Bytes>;
}

/// What a delivery holds, read as it is asked for.
pub type Parts = Box<dyn Iterator<Item = Part> + Send>;

/// One thing in a delivery.
#[derive(Debug)]
pub enum Part {
    /// A message.
    Message(Box<Message>),
    /// Something that should have been one and cannot be read: quarantined by itself, beside the others.
    Aside(SetAside),
}

/// A part of a delivery that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// What tells it from the other parts of its delivery, e.g. `ST-0003`; the same each time it is read.
    pub name: String,
    /// A delivery in itself, of the same media type: the bytes of this part with the envelope around them, so that it can be
    /// mended and read again alone.
    pub payload: Bytes,
    /// Why it cannot be read, with its place.
    pub reason: String,
}

/// How sure a reader is that bytes are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recognition {
    /// Not its own.
    No,
    /// Could be; another reader may know better.
    Perhaps,
    /// Surely its own.
    Sure,
}

/// Why a delivery has no message in it: it goes to quarantine with this reason.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// The readers of this installation, in order of preference. Clones are one.
#[derive(Clone, Default)]
pub struct Readers(Arc<Vec<Box<dyn Reader>>>);

impl Readers {
    /// From a list, first come, first asked.
    pub fn new(readers: Vec<Box<dyn Reader>>) -> Self {
        Self(Arc::new(readers))
    }

    /// The reader for a media type.
    pub fn for_media_type(&self, media_type: &str) -> Option<&dyn Reader> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        self.0.iter().find(|reader| reader.media_types().contains(&essence.as_str())).map(|reader| &**reader)
    }

    /// The reader that knows these bytes best, with a media type that it reads.
    pub fn recognize(&self, bytes: &[u8]) -> Option<(&dyn Reader, &'static str)> {
        let (_, reader) = self.best(bytes)?;
        Some((reader, *reader.media_types().first()?))
    }

    fn best(&self, bytes: &[u8]) -> Option<(Recognition, &dyn Reader)> {
        let mut best: Option<(Recognition, &dyn Reader)> = None;
        for reader in self.0.iter() {
            let found = reader.recognizes(bytes);
            if found > best.map_or(Recognition::No, |(sureness, _)| sureness) {
                best = Some((found, &**reader));
            }
        }
        best
    }

    /// The reader that a delivery is for: by its media type, else by its bytes.
    pub fn for_delivery(&self, delivery: &Delivery) -> Option<&dyn Reader> {
        self.for_media_type(&delivery.media_type).or_else(|| Some(self.recognize(&delivery.payload)?.0))
    }

    /// What is in a delivery, as it is asked for, and the name of the reader that finds it. Orders in files that came with a message
    /// are read by the readers that know them; every order is put into its normal form.
    pub fn parts(&self, delivery: &Delivery) -> Result<(Parts, &'static str), Unreadable> {
        if let Some(reason) = delivery.envelope_text("refused") {
            return Err(Unreadable(reason.into()));
        }
        let reader = self
            .for_delivery(delivery)
            .ok_or_else(|| Unreadable(format!("no reader knows {} or recognizes its content", delivery.media_type)))?;
        let (readers, name) = (self.clone(), reader.name());
        // A partner who counts anew each time gives numbers that say nothing.
        let reused = delivery.envelope_text("control_numbers") == Some("reused");
        let (delivery, mut messages) = (in_utf8(delivery), 0);
        let parts = reader.parts(&delivery)?.flat_map(move |part| match part {
            Part::Message(message) => {
                messages += 1;
                readers.open(&delivery, messages - 1, message)
            }
            part => Box::new(std::iter::once(part)),
        });
        let parts = parts.map(move |mut part| {
            if let Part::Message(message) = &mut part {
                if reused && message.order.is_some() {
                    message.identity = None;
                }
                order::finish(message);
            }
            part
        });
        Ok((Box::new(parts), name))
    }

    /// The messages in a delivery, and the name of the reader that found them. Parts that cannot be read are left out.
    pub fn read(&self, delivery: &Delivery) -> Result<(Vec<Message>, &'static str), Unreadable> {
        let (parts, name) = self.parts(delivery)?;
        let (mut messages, mut reason) = (Vec::new(), None);
        for part in parts {
            match part {
                Part::Message(message) => messages.push(*message),
                Part::Aside(aside) => drop(reason.get_or_insert(aside.reason)),
            }
        }
        if messages.is_empty() {
            return Err(Unreadable(reason.unwrap_or_else(|| nothing_in_it(name))));
        }
        Ok((messages, name))
    }

    /// Message `part` of a delivery with the orders that are in its files: the first one becomes the message's own, the others follow as
    /// messages.
    fn open(&self, delivery: &Delivery, part: usize, mut message: Box<Message>) -> Parts {
        let sums: Vec<String> =
            message.attachments.iter().filter(|file| may_hold_order(file)).take(FILES).map(|file| file.sha256.clone()).collect();
        let mut further: Vec<Parts> = Vec::new();
        for sum in sums {
            let Some(bytes) = self.for_delivery(delivery).and_then(|carrier| carrier.attachment(delivery, part, &sum)) else { continue };
            let Some((Recognition::Sure, reader)) = self.best(&bytes).filter(|_| is_document(&bytes)) else { continue };
            let document = Delivery { payload: bytes, media_type: String::new(), ..delivery.clone() };
            let mut parts = match reader.parts(&document) {
                Ok(parts) => parts.take(IN_FILE),
                Err(unreadable) => {
                    message.warnings.push(format!("an attached {} document cannot be read: {unreadable}", reader.name()));
                    continue;
                }
            };
            while message.order.is_none() {
                match parts.next() {
                    Some(Part::Message(inner)) if inner.order.is_some() => {
                        let document = json!({ "sha256": sum, "reader": reader.name(), "edi": inner.extra.get("edi") });
                        message.extra.insert("order_document".into(), document);
                        message.warnings.extend(inner.warnings);
                        message.order = inner.order;
                    }
                    Some(Part::Aside(aside)) => {
                        message.warnings.push(format!("an order in an attached document cannot be read: {}", aside.reason))
                    }
                    Some(Part::Message(_)) => {}
                    None => break,
                }
            }
            let name = reader.name();
            further.push(Box::new(parts.filter_map(move |part| match part {
                Part::Message(inner) if inner.order.is_some() => {
                    let document = json!({ "sha256": sum, "reader": name, "edi": inner.extra.get("edi") });
                    Some(Part::Message(carried(inner, document)))
                }
                Part::Aside(aside) => Some(Part::Aside(aside)),
                Part::Message(_) => None,
            })));
        }
        Box::new(std::iter::once(Part::Message(message)).chain(further.into_iter().flatten()))
    }
}

/// A delivery whose envelope says what its text is encoded in, whatever it says itself, with its text in UTF-8.
fn in_utf8(delivery: &Delivery) -> Delivery {
    let mut delivery = delivery.clone();
    let said = delivery.envelope_text("charset").and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    if let Some(encoding) = said.filter(|encoding| *encoding != encoding_rs::UTF_8) {
        let (text, _) = encoding.decode_with_bom_removal(&delivery.payload);
        delivery.payload = Bytes::from(text.into_owned());
    }
    delivery
}

/// Files of one message that are looked into for orders, and orders read from one of them, at most.
const FILES: usize = 20;
const IN_FILE: usize = 10_000;
/// Types of files in which nobody sends orders for machines; not worth taking the message apart again.
const NO_DOCUMENTS: [&str; 8] =
    ["image/", "audio/", "video/", "font/", "message/", "text/calendar", "application/pdf", "application/vnd.openxmlformats"];

/// Whether a file may be a document with orders in it, by its declared type; many systems declare none, or a wrong one.
fn may_hold_order(file: &Attachment) -> bool {
    let media_type = file.media_type.to_ascii_lowercase();
    file.skipped.is_none() && file.size > 0 && !NO_DOCUMENTS.iter().any(|other| media_type.starts_with(other))
}

/// Whether bytes begin as documents do in which orders are found: X12, EDIFACT, XML.
fn is_document(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let begins = |with: &[u8]| bytes.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    [&b"ISA"[..], b"ST", b"GS", b"UNA", b"UNB", b"UNH", b"<", b"\xfe\xff\0<", b"\xff\xfe<\0"].into_iter().any(begins)
}

fn carried(mut inner: Box<Message>, document: serde_json::Value) -> Box<Message> {
    inner.extra.insert("order_document".into(), document);
    inner
}

/// Why a delivery without any part is unreadable.
pub(crate) fn nothing_in_it(reader: &str) -> String {
    format!("the {reader} reader found no message in it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partners_own_character_set_wins() {
        let mut delivery = Delivery::standalone("edi.a", "k", "application/edifact", &b"K\xf6ln"[..]);
        assert_eq!(in_utf8(&delivery).payload, delivery.payload);
        for (label, text) in
            [("windows-1252", "Köln".as_bytes()), ("cp866", "KЎln".as_bytes()), ("utf-8", b"K\xf6ln"), ("klingon", b"K\xf6ln")]
        {
            delivery.envelope.insert("charset".into(), label.into());
            assert_eq!(in_utf8(&delivery).payload, text, "{label}");
        }
    }
}
