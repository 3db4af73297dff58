//! Readers: pure code that turns a delivery into messages.

use bytes::Bytes;

use crate::delivery::Delivery;
use crate::message::Message;

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

    /// The decoded bytes of an attachment of message `part` with this SHA-256 (lower-case hex).
    fn attachment(&self, delivery: &Delivery, part: usize, sha256: &str) -> Option<Bytes>;
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

/// The readers of this installation, in order of preference.
#[derive(Default)]
pub struct Readers(Vec<Box<dyn Reader>>);

impl Readers {
    /// From a list, first come, first asked.
    pub fn new(readers: Vec<Box<dyn Reader>>) -> Self {
        Self(readers)
    }

    /// The reader for a media type.
    pub fn for_media_type(&self, media_type: &str) -> Option<&dyn Reader> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        self.0.iter().find(|reader| reader.media_types().contains(&essence.as_str())).map(|reader| &**reader)
    }

    /// The reader that knows these bytes best, with a media type that it reads.
    pub fn recognize(&self, bytes: &[u8]) -> Option<(&dyn Reader, &'static str)> {
        let mut best: Option<(Recognition, &dyn Reader)> = None;
        for reader in &self.0 {
            let found = reader.recognizes(bytes);
            if found > best.map_or(Recognition::No, |(sureness, _)| sureness) {
                best = Some((found, &**reader));
            }
        }
        best.and_then(|(_, reader)| Some((reader, *reader.media_types().first()?)))
    }

    /// The reader that a delivery is for: by its media type, else by its bytes.
    pub fn for_delivery(&self, delivery: &Delivery) -> Option<&dyn Reader> {
        self.for_media_type(&delivery.media_type).or_else(|| Some(self.recognize(&delivery.payload)?.0))
    }

    /// The messages in a delivery, and the name of the reader that found them.
    pub fn read(&self, delivery: &Delivery) -> Result<(Vec<Message>, &'static str), Unreadable> {
        let reader = self
            .for_delivery(delivery)
            .ok_or_else(|| Unreadable(format!("no reader knows {} or recognizes its content", delivery.media_type)))?;
        let messages = reader.read(delivery)?;
        if messages.is_empty() {
            return Err(Unreadable(format!("the {} reader found no message in it", reader.name())));
        }
        Ok((messages, reader.name()))
    }
}
