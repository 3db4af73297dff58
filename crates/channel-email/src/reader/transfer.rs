//! Transfer encodings (RFC 2045 section 6), as they arrive: cut off, with text behind, or a lie.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use memchr::{memchr, memchr2};

use super::fields::unfold;
use super::lines::{lines, lossy};

/// How the bytes of a part were encoded for the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Not at all (7bit, 8bit, binary, unknown).
    None,
    Base64,
    QuotedPrintable,
    Uuencode,
}

impl Encoding {
    /// From the value of Content-Transfer-Encoding.
    pub(super) fn named(value: &[u8]) -> Self {
        const NAMES: [(&str, Encoding); 6] = [
            ("base64", Encoding::Base64),
            ("quoted-printable", Encoding::QuotedPrintable),
            ("x-uuencode", Encoding::Uuencode),
            ("uuencode", Encoding::Uuencode),
            ("x-uue", Encoding::Uuencode),
            ("uue", Encoding::Uuencode),
        ];
        let value = unfold(value);
        let text = lossy(&value);
        let said = text.trim().split([' ', ';', '(']).next().unwrap_or_default().trim_matches('"');
        NAMES.iter().find(|(name, _)| said.eq_ignore_ascii_case(name)).map_or(Self::None, |(_, encoding)| *encoding)
    }
}

/// The bytes as they were before they were encoded, and what was wrong, if anything. `text` says that they are meant to be read
/// by people: then what is not encoded although it should be is kept as it is.
pub(super) fn decode(raw: &[u8], encoding: Encoding, text: bool) -> (Cow<'_, [u8]>, Option<&'static str>) {
    match encoding {
        Encoding::None => (Cow::Borrowed(raw), None),
        Encoding::QuotedPrintable => (Cow::Owned(quoted_printable(raw)), None),
        Encoding::Uuencode => match uuencode(raw) {
            Some(bytes) => (Cow::Owned(bytes), None),
            None => (Cow::Borrowed(raw), Some("a part says that it is in uuencode and is not")),
        },
        Encoding::Base64 => match base64_decode(raw) {
            Some(bytes) => (Cow::Owned(bytes), None),
            None if text => base64_and_text(raw),
            None => (Cow::Owned(base64(raw)), Some("a part in base64 has other characters in it")),
        },
    }
}

/// Base64 without regard for whatever else is among it.
pub(super) fn base64(raw: &[u8]) -> Vec<u8> {
    let only: Vec<u8> = raw.iter().copied().filter(|&b| is_base64(b)).collect();
    base64_decode(&only).unwrap_or_default()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Lists and virus scanners append their text to a body in base64; and some bodies only say that they are base64.
fn base64_and_text(raw: &[u8]) -> (Cow<'_, [u8]>, Option<&'static str>) {
    let end = lines(raw, 0).find(|line| !line.text.trim_ascii().iter().copied().all(is_base64)).map_or(raw.len(), |line| line.at);
    let (encoded, rest) = raw.split_at_checked(end).unwrap_or((raw, &[]));
    if encoded.trim_ascii().is_empty() {
        return (Cow::Borrowed(raw), Some("a part says that it is in base64 and is not"));
    }
    let mut bytes = base64(encoded);
    bytes.push(b'\n');
    bytes.extend_from_slice(rest);
    (Cow::Owned(bytes), Some("a part in base64 has text behind it that is not"))
}

/// Quoted-printable; an `=` that means nothing stays.
fn quoted_printable(raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len());
    for line in lines(raw, 0) {
        let ends = line.at + line.text.len() < line.next;
        // White space at the end of a line was put there on the way.
        let text = line.text.trim_ascii_end();
        let (text, soft) = match text.strip_suffix(b"=") {
            Some(text) => (text, true),
            None => (if ends { text } else { line.text }, false),
        };
        escapes(text, false, &mut bytes);
        if ends && !soft {
            bytes.extend_from_slice(raw.get(line.at + line.text.len()..line.next).unwrap_or(b"\n"));
        }
    }
    bytes
}

/// The Q encoding of a word in a header.
pub(super) fn q_word(data: &[u8], bytes: &mut Vec<u8>) {
    escapes(data, true, bytes);
}

fn escapes(text: &[u8], in_word: bool, bytes: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = if in_word { memchr2(b'=', b'_', rest) } else { memchr(b'=', rest) } {
        let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        bytes.extend_from_slice(plain);
        let decoded = match *tail {
            [b'_', ..] => Some((b' ', 1)),
            [_, high, low, ..] => hex(high).zip(hex(low)).map(|(high, low)| (high * 16 + low, 3)),
            _ => None,
        };
        let (byte, length) = decoded.unwrap_or((b'=', 1));
        bytes.push(byte);
        rest = tail.get(length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest);
}

/// The value of a hexadecimal digit.
pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn uuencode(raw: &[u8]) -> Option<Vec<u8>> {
    let mut all = lines(raw, 0);
    all.find(|line| line.text.starts_with(b"begin "))?;
    let mut bytes = Vec::with_capacity(raw.len() / 4 * 3);
    for line in all {
        let Some((&length, data)) = line.text.split_first() else { continue };
        if line.text == b"end" {
            break;
        }
        let end = bytes.len() + usize::from(length.wrapping_sub(b' ') & 63);
        for group in data.chunks(4) {
            let word = (0..4).fold(0_u32, |word, index| (word << 6) | u32::from(group.get(index).map_or(0, |b| b.wrapping_sub(b' ') & 63)));
            let [_, triple @ ..] = word.to_be_bytes();
            bytes.extend_from_slice(triple.get(..(end.saturating_sub(bytes.len())).min(3)).unwrap_or_default());
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str, encoding: Encoding) -> String {
        String::from_utf8_lossy(&decode(raw.as_bytes(), encoding, true).0).into_owned()
    }

    #[test]
    fn quoted_printable_as_it_arrives() {
        for (raw, expected) in [
            ("caf=C3=A9=\r\n cr=c3=a8me  \r\nslot\r\n", "café crème\r\nslot\r\n"),
            ("a=b=3Dc=", "a=b=c"),
            ("100 % = =4", "100 % = =4"),
            ("open =", "open "),
            ("soft = \nnext", "soft next"),
        ] {
            assert_eq!(text(raw, Encoding::QuotedPrintable), expected, "{raw:?}");
        }
    }

    #[test]
    fn base64_cut_off_or_with_text_behind_or_a_lie() {
        assert_eq!(text("SGFs\r\nbG8=\r\n", Encoding::Base64), "Hallo");
        assert_eq!(text("SGFsbG8gd2VyZWxkI", Encoding::Base64), "Hallo wereld");
        assert_eq!(text("SGFsbG8K\n____\nlijst op lijst.example\n", Encoding::Base64), "Hallo\n\n____\nlijst op lijst.example\n");
        assert_eq!(text("Beste mensen, dit is gewoon tekst.\n", Encoding::Base64), "Beste mensen, dit is gewoon tekst.\n");
        let (bytes, note) = decode(b"SGFs*bG8=", Encoding::Base64, false);
        assert_eq!((bytes.as_ref(), note.is_some()), (&b"Hallo"[..], true));
    }

    #[test]
    fn uuencoded() {
        assert_eq!(text("begin 644 a.txt\n%2&%L;&\\\n`\nend\n", Encoding::Uuencode), "Hallo");
        assert_eq!(text("geen begin", Encoding::Uuencode), "geen begin");
    }
}
