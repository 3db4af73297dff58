//! BER, as far as CMS needs it: read with definite and indefinite lengths and with strings in pieces, written as DER.
//!
//! Products that write while they compress or encrypt (most Java ones) use indefinite lengths and cut strings into pieces.

use std::borrow::Cow;

/// Tags.
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;

const CONSTRUCTED: u8 = 0x20;
/// How deep strings in pieces may nest; one level is usual.
const DEEPEST: usize = 4;

/// One element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With its tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// What is inside it.
    pub(super) fn inside(&self) -> Reader<'a> {
        Reader(self.content)
    }

    /// The bytes of a string, put together where they came in pieces.
    pub(super) fn octets(&self) -> Option<Cow<'a, [u8]>> {
        if self.tag & CONSTRUCTED == 0 {
            return Some(Cow::Borrowed(self.content));
        }
        let mut whole = Vec::with_capacity(self.content.len());
        gather(self.content, &mut whole, DEEPEST)?;
        Some(Cow::Owned(whole))
    }
}

fn gather(pieces: &[u8], whole: &mut Vec<u8>, depth: usize) -> Option<()> {
    let mut pieces = Reader(pieces);
    while let Some(piece) = pieces.next() {
        if piece.tag == OCTET_STRING {
            whole.extend_from_slice(piece.content);
        } else if piece.tag == OCTET_STRING | CONSTRUCTED {
            gather(piece.content, whole, depth.checked_sub(1)?)?;
        } else {
            return None;
        }
    }
    pieces.0.is_empty().then_some(())
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next element; none at the end and where the bytes make no sense.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let (tag, length, header) = head(self.0)?;
        let rest = self.0.get(header..)?;
        let (content, after) = match length {
            Some(length) => rest.split_at_checked(length)?,
            None => {
                let length = end_of_contents(rest)?;
                (rest.get(..length)?, rest.get(length + 2..)?)
            }
        };
        let whole = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some(Element { tag, content, whole })
    }

    /// The next element, when it has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    /// The next element if it has this tag; else the reader stays where it is.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let found = ahead.expect(tag)?;
        *self = ahead;
        Some(found)
    }
}

/// Tag, length (none: indefinite) and how long both are. Only tags of one byte: CMS has no others.
fn head(bytes: &[u8]) -> Option<(u8, Option<usize>, usize)> {
    let (&tag, &first) = (bytes.first()?, bytes.get(1)?);
    if tag & 0x1f == 0x1f {
        return None;
    }
    match first {
        0x80 => (tag & CONSTRUCTED != 0).then_some((tag, None, 2)),
        0x00..0x80 => Some((tag, Some(usize::from(first)), 2)),
        _ => {
            let count = usize::from(first & 0x7f);
            if count > size_of::<u32>() {
                return None;
            }
            let length = bytes.get(2..2 + count)?.iter().fold(0_usize, |length, &byte| (length << 8) | usize::from(byte));
            Some((tag, Some(length), 2 + count))
        }
    }
}

/// Where the end-of-contents mark that belongs to this content stands. Reads each element's head once.
fn end_of_contents(bytes: &[u8]) -> Option<usize> {
    let (mut place, mut depth) = (0_usize, 0_usize);
    loop {
        let (tag, length, header) = head(bytes.get(place..)?)?;
        match (tag, length) {
            (0, Some(0)) if depth == 0 => return Some(place),
            (0, Some(0)) => {
                depth -= 1;
                place += 2;
            }
            (_, Some(length)) => place = place.checked_add(header)?.checked_add(length)?,
            (_, None) => {
                depth += 1;
                place += header;
            }
        }
    }
}

/// An element in DER.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let significant = bytes.iter().position(|&byte| byte != 0).map_or(&bytes[..0], |from| bytes.get(from..).unwrap_or_default());
        out.push(0x80 | significant.len() as u8);
        out.extend_from_slice(significant);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_all_kinds() {
        for size in [0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000] {
            let bytes = vec![7; size];
            let written = element(OCTET_STRING, &[&bytes]);
            let read = Reader(&written).expect(OCTET_STRING).unwrap();
            assert_eq!((read.content, read.whole), (&bytes[..], &written[..]));
        }
    }

    #[test]
    fn indefinite_lengths_and_strings_in_pieces() {
        // [0] { OCTET STRING in pieces { "ab", { "c", "" }, "d" } } and something behind it
        let bytes = b"\xa0\x80\x24\x80\x04\x02ab\x24\x05\x04\x01c\x04\x00\x04\x01d\x00\x00\x00\x00\x05\x00";
        let mut reader = Reader(bytes);
        let outer = reader.expect(CONTEXT_0).unwrap();
        assert_eq!(outer.inside().next().unwrap().octets().unwrap().as_ref(), b"abcd");
        assert_eq!(reader.next().unwrap().tag, NULL);
        assert!(reader.next().is_none());
    }

    #[test]
    fn what_makes_no_sense_is_nothing() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"\x30\x05\x00",
            b"\x30\x80\x00",
            b"\x30\x80",
            b"\x04\x80\x00\x00",
            b"\x1f\x01\x00",
            b"\x30\x85\x01\x01\x01\x01\x01",
        ] {
            assert!(Reader(bytes).next().is_none(), "{bytes:x?}");
        }
        let deep = [&b"\x24\x80".repeat(9)[..], &b"\x00\x00".repeat(9)].concat();
        assert!(Reader(&deep).next().unwrap().octets().is_none());
    }
}
