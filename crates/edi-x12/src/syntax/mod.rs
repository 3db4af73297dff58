//! The syntax of X12: bytes to segments, and nothing of what they mean.
//!
//! [`header`] finds an interchange and reads from its ISA which characters delimit it, [`Segments`] cuts the rest into [`Segment`]s
//! that borrow from the payload. Only a segment with line breaks in it, or one in [`ebcdic`], is copied.

pub(crate) mod ebcdic;
pub(crate) mod header;
mod segment;
mod segments;

pub(crate) use segment::Segment;
pub(crate) use segments::Segments;

/// What an interchange is written with. All bytes are as in the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// Stands between elements.
    pub(crate) separator: u8,
    /// Stands between the components of an element.
    pub(crate) component: Option<u8>,
    /// Stands between the repetitions of an element.
    pub(crate) repetition: Option<u8>,
    /// Ends a segment.
    pub(crate) terminator: Terminator,
    /// Its bytes are EBCDIC.
    pub(crate) ebcdic: bool,
    /// Its lines were cut after so many bytes, wherever that was; 0 when they were not.
    pub(crate) wrap: usize,
}

/// What ends a segment: one byte, or a character of two bytes in UTF-8 (what was NEL in EBCDIC often arrives so).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminator {
    /// The first byte.
    pub(crate) first: u8,
    /// The second, where there is one.
    pub(crate) second: Option<u8>,
}

impl Terminator {
    /// How many bytes it has.
    pub(crate) fn len(self) -> usize {
        1 + usize::from(self.second.is_some())
    }

    /// Whether it stands here.
    pub(crate) fn stands_at(self, bytes: &[u8], at: usize) -> bool {
        bytes.get(at) == Some(&self.first) && self.second.is_none_or(|second| bytes.get(at + 1) == Some(&second))
    }

    /// Its bytes.
    pub(crate) fn bytes(self) -> impl Iterator<Item = u8> {
        std::iter::once(self.first).chain(self.second)
    }
}

impl Syntax {
    /// A byte of the payload in Latin-1.
    pub(crate) fn plain(&self, byte: u8) -> u8 {
        if self.ebcdic { ebcdic::plain(byte) } else { byte }
    }

    /// Whether a byte of the payload breaks a line.
    pub(crate) fn breaks_line(&self, byte: u8) -> bool {
        matches!(self.plain(byte), b'\r' | b'\n')
    }

    /// Writes text as the payload has it.
    pub(crate) fn coded(&self, text: &str) -> Vec<u8> {
        if self.ebcdic { text.bytes().map(ebcdic::coded).collect() } else { text.as_bytes().to_vec() }
    }
}

/// Without the blanks, control characters and no-break spaces (in UTF-8 or Latin-1) at both ends.
pub(crate) fn trimmed(mut bytes: &[u8]) -> &[u8] {
    loop {
        bytes = match bytes {
            [0xc2, 0xa0, rest @ ..] | [0xa0, rest @ ..] => rest,
            [first, rest @ ..] if *first <= b' ' => rest,
            _ => return trimmed_end(bytes),
        };
    }
}

/// The same at the end only.
pub(crate) fn trimmed_end(mut bytes: &[u8]) -> &[u8] {
    loop {
        bytes = match bytes {
            [rest @ .., 0xc2, 0xa0] => rest,
            // Alone it is Latin-1; after another byte past ASCII it may end a letter of UTF-8.
            [rest @ .., 0xa0] if rest.last().is_none_or(u8::is_ascii) => rest,
            [rest @ .., last] if *last <= b' ' => rest,
            _ => return bytes,
        };
    }
}
