//! MAPI properties as TNEF carries them (MS-OXTNEF section 2.1.3.4): a count, then each with its type, id, a name for those of
//! 0x8000 and up, and one or many values.

use super::cursor::Cursor;

pub(super) const SUBJECT: u16 = 0x0037;
pub(super) const MESSAGE_CLASS: u16 = 0x001a;
pub(super) const CLIENT_SUBMIT_TIME: u16 = 0x0039;
pub(super) const SENT_REPRESENTING_NAME: u16 = 0x0042;
pub(super) const SENT_REPRESENTING_EMAIL: u16 = 0x0065;
pub(super) const SENT_REPRESENTING_SMTP: u16 = 0x5d02;
pub(super) const SENDER_NAME: u16 = 0x0c1a;
pub(super) const SENDER_EMAIL: u16 = 0x0c1f;
pub(super) const SENDER_SMTP: u16 = 0x5d01;
pub(super) const RECIPIENT_TYPE: u16 = 0x0c15;
pub(super) const DELIVERY_TIME: u16 = 0x0e06;
pub(super) const BODY: u16 = 0x1000;
pub(super) const RTF_COMPRESSED: u16 = 0x1009;
pub(super) const HTML: u16 = 0x1013;
pub(super) const INTERNET_MESSAGE_ID: u16 = 0x1035;
pub(super) const DISPLAY_NAME: u16 = 0x3001;
pub(super) const EMAIL: u16 = 0x3003;
pub(super) const SMTP: u16 = 0x39fe;
pub(super) const INTERNET_CODE_PAGE: u16 = 0x3fde;
pub(super) const ATTACH_DATA: u16 = 0x3701;
pub(super) const ATTACH_FILE_NAME: u16 = 0x3704;
pub(super) const ATTACH_LONG_FILE_NAME: u16 = 0x3707;
pub(super) const ATTACH_MIME_TAG: u16 = 0x370e;
pub(super) const ATTACH_CONTENT_ID: u16 = 0x3712;

/// The value of a property. Of those with many values, the first.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    /// Up to 64 bits.
    Number(u64),
    /// In the code page of the message.
    Narrow(&'a [u8]),
    /// In UTF-16.
    Wide(&'a [u8]),
    Binary(&'a [u8]),
    /// With the id of its interface in front.
    Object(&'a [u8]),
    /// Of a kind that nothing here reads.
    Other,
}

pub(super) struct Property<'a> {
    pub(super) id: u16,
    pub(super) value: Value<'a>,
}

/// The properties in one list. What cannot be read ends it.
pub(super) struct Properties<'c, 'a> {
    rest: &'c mut Cursor<'a>,
    left: u32,
}

impl<'c, 'a> Properties<'c, 'a> {
    /// The list that comes next; another one may follow it.
    pub(super) fn new(rest: &'c mut Cursor<'a>) -> Self {
        let left = rest.u32().unwrap_or(0);
        Self { rest, left }
    }
}

impl<'a> Iterator for Properties<'_, 'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        self.left = self.left.checked_sub(1)?;
        let found = property(self.rest);
        if found.is_none() {
            // Where the next one would begin is not known.
            *self.rest = Cursor(&[]);
            self.left = 0;
        }
        found
    }
}

fn property<'a>(rest: &mut Cursor<'a>) -> Option<Property<'a>> {
    let (kind, id) = (rest.u16()?, rest.u16()?);
    if id >= 0x8000 {
        skip_name(rest)?;
    }
    let many = kind & 0x1000 != 0;
    let value = match kind & 0x0fff {
        kind @ (0x000d | 0x001e | 0x001f | 0x0102) => sized(kind, rest)?,
        kind => fixed(kind, many, rest)?,
    };
    // A named property has no id of its own, only one of this stream.
    Some(Property { id: if id < 0x8000 { id } else { 0 }, value })
}

/// The name of a named property: a GUID, and a number or a text.
fn skip_name(rest: &mut Cursor<'_>) -> Option<()> {
    rest.take(16)?;
    if rest.u32()? == 0 {
        rest.u32()?;
    } else {
        let length = rest.size()?;
        rest.take(length)?;
        rest.skip(padding(length));
    }
    Some(())
}

/// Values that say their length; there is a count even when there is one only.
fn sized<'a>(kind: u16, rest: &mut Cursor<'a>) -> Option<Value<'a>> {
    let mut first = None;
    for _ in 0..rest.u32()? {
        // A last value that is cut off is better than none.
        let length = rest.size()?;
        let (data, cut) = rest.take_up_to(length);
        rest.skip(padding(length));
        first.get_or_insert(data);
        if cut {
            break;
        }
    }
    let data = first.unwrap_or_default();
    Some(match kind {
        0x000d => Value::Object(data),
        0x001e => Value::Narrow(data),
        0x001f => Value::Wide(data),
        _ => Value::Binary(data),
    })
}

fn fixed<'a>(kind: u16, many: bool, rest: &mut Cursor<'a>) -> Option<Value<'a>> {
    let size = match kind {
        // What is shorter takes four bytes all the same.
        0x0002 | 0x0003 | 0x0004 | 0x000a | 0x000b => 4,
        0x0005 | 0x0006 | 0x0007 | 0x0014 | 0x0040 => 8,
        0x0048 => 16,
        0x0000 | 0x0001 => 0,
        _ => return None,
    };
    let count = if many { rest.size()? } else { 1 };
    let mut data = Cursor(rest.take(size * count.min(rest.0.len() + 1))?);
    Some(match (kind, size) {
        (0x0002 | 0x000b, _) => data.u16().map_or(Value::Other, |number| Value::Number(number.into())),
        (_, 4) => data.u32().map_or(Value::Other, |number| Value::Number(number.into())),
        (_, 8) => data.u64().map_or(Value::Other, Value::Number),
        _ => Value::Other,
    })
}

/// How many bytes follow a value, so that the next one begins at a multiple of four.
fn padding(length: usize) -> usize {
    length.wrapping_neg() & 3
}
