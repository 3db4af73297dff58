//! The outer layer of TNEF (MS-OXTNEF section 2.1.1): a signature, a key, then attributes with a level, a name, a length, their
//! data and a checksum, to the end.

use super::cursor::Cursor;

/// What every TNEF stream begins with.
pub(super) const SIGNATURE: [u8; 4] = 0x223e_9f78_u32.to_le_bytes();

/// To what an attribute belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Message,
    Attachment,
}

/// One attribute.
pub(super) struct Attribute<'a> {
    pub(super) level: Level,
    /// The low half of its id; the high half only repeats which type it has.
    pub(super) name: u16,
    pub(super) data: &'a [u8],
}

/// The attributes of a stream, in order.
pub(super) struct Attributes<'a> {
    rest: Cursor<'a>,
    /// Whether the stream ends within an attribute.
    pub(super) cut: bool,
    /// Whether a checksum was wrong.
    pub(super) damaged: bool,
    /// Whether something that is no attribute follows the last one.
    pub(super) trailing: bool,
}

impl<'a> Attributes<'a> {
    /// `None` when the bytes are no TNEF stream.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = Cursor(bytes.strip_prefix(&SIGNATURE)?);
        // The key only tells the attachments of one session apart.
        rest.u16()?;
        Some(Self { rest, cut: false, damaged: false, trailing: false })
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let start = self.rest;
        let level = match self.rest.u8()? {
            1 => Level::Message,
            2 => Level::Attachment,
            _ => {
                // Some gateways fill up with zeros or line ends.
                self.trailing = !start.0.iter().all(|b| matches!(b, 0 | b'\r' | b'\n'));
                self.rest = Cursor(&[]);
                return None;
            }
        };
        let (name, length) = match (self.rest.u32(), self.rest.size()) {
            (Some(id), Some(length)) => (id.to_le_bytes(), length),
            _ => {
                self.cut = true;
                self.rest = Cursor(&[]);
                return None;
            }
        };
        let (data, cut) = self.rest.take_up_to(length);
        match self.rest.u16() {
            Some(checksum) => self.damaged |= checksum != sum(data),
            None => {
                self.cut |= cut || !self.rest.0.is_empty();
                self.rest = Cursor(&[]);
            }
        }
        let [low, high, ..] = name;
        Some(Attribute { level, name: u16::from_le_bytes([low, high]), data })
    }
}

fn sum(data: &[u8]) -> u16 {
    data.iter().fold(0, |sum: u16, &byte| sum.wrapping_add(u16::from(byte)))
}
