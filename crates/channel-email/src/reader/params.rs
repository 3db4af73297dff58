//! Header values with parameters: `Content-Type: text/plain; charset=utf-8` (RFC 2045), with long and foreign values cut into
//! pieces and escaped (RFC 2231), and the ways in which mailers get that wrong.

use memchr::memchr2;

use super::charset;
use super::fields::unfold;
use super::lines::{contains, lossy};
use super::transfer::hex;
use super::words;

/// How many parameters are read.
const MAX_PARAMETERS: usize = 200;
/// How many bytes of the value are read.
const MAX_BYTES: usize = 32 * 1024;

/// A value and its parameters.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    /// The value itself, in lower case, e.g. `text/plain`.
    pub(super) value: String,
    list: Vec<Parameter>,
}

#[derive(Debug)]
struct Parameter {
    /// In lower case, without the marks of RFC 2231.
    name: String,
    /// Which piece it is; `None` when the value is in one piece.
    piece: Option<u32>,
    /// Whether it says (with a `*`) that it is escaped.
    escaped: bool,
    value: Vec<u8>,
}

impl Parameters {
    /// Reads a header's value.
    pub(super) fn read(raw: &[u8]) -> Self {
        let value = unfold(raw.get(..MAX_BYTES).unwrap_or(raw));
        let end = value.iter().position(|&b| b == b';' || b.is_ascii_whitespace()).unwrap_or(value.len());
        let (essence, mut rest) = value.split_at_checked(end).unwrap_or((&value, &[]));
        let mut list = Vec::new();
        while let Some(parameter) = next_parameter(&mut rest)
            && list.len() < MAX_PARAMETERS
        {
            list.push(parameter);
        }
        Self { value: lossy(essence).trim_matches('"').to_ascii_lowercase(), list }
    }

    /// A parameter's bytes, when it is in one piece and not escaped (boundaries, character sets).
    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.list.iter().find(|p| p.name == name && p.piece.is_none()).map(|p| p.value.as_slice())
    }

    /// A parameter's text. Of the spellings that a careful mailer sends side by side, the one of RFC 2231 is meant.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let mut pieces: Vec<_> = self.list.iter().filter(|p| p.name == name && (p.escaped || p.piece.is_some())).collect();
        if pieces.is_empty() {
            return self.bytes(name).map(|bytes| words::decode(bytes, None).text.into_owned());
        }
        // A value in one piece stands before one in several, when somebody sends both.
        if pieces.iter().any(|p| p.piece.is_none()) {
            pieces.retain(|p| p.piece.is_none());
        }
        pieces.sort_by_key(|p| p.piece);
        pieces.dedup_by_key(|p| p.piece);
        Some(joined(&pieces))
    }

    /// A parameter as a short keyword in lower case.
    pub(super) fn word(&self, name: &str) -> Option<String> {
        let mut text = self.text(name)?;
        text.make_ascii_lowercase();
        Some(if text.trim().len() == text.len() { text } else { text.trim().to_owned() })
    }
}

fn joined(pieces: &[&Parameter]) -> String {
    let mut label = None;
    let mut bytes = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        if !piece.escaped {
            bytes.extend_from_slice(&piece.value);
            continue;
        }
        let mut value = piece.value.as_slice();
        if index == 0
            && let Some((charset, text)) = charset_and_text(value)
        {
            label = Some(String::from_utf8_lossy(charset).into_owned());
            value = text;
        }
        percent_decode(value, &mut bytes);
    }
    // Some mailers put encoded words into the pieces.
    if label.is_none() && contains(&bytes, b"=?") {
        return words::decode(&bytes, None).text.into_owned();
    }
    charset::decode(&bytes, label.as_deref()).0.into_owned()
}

/// `utf-8'nl'text` cut at its quotes.
fn charset_and_text(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = value.splitn(3, |&b| b == b'\'');
    let (charset, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    charset.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.')).then_some((charset, text))
}

fn percent_decode(value: &[u8], bytes: &mut Vec<u8>) {
    let mut rest = value;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match *tail {
            [high, low, ..] if byte == b'%' && hex(high).is_some() && hex(low).is_some() => {
                bytes.push(hex(high).unwrap_or(0) * 16 + hex(low).unwrap_or(0));
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => bytes.push(byte),
        }
    }
}

/// Takes the next parameter off `rest`.
fn next_parameter(rest: &mut &[u8]) -> Option<Parameter> {
    loop {
        let text = rest.trim_ascii_start();
        let start = text.iter().position(|&b| b != b';' && !b.is_ascii_whitespace())?;
        let text = text.get(start..)?;
        // A name ends at its `=`; what has none before the next semicolon is no parameter.
        let end = text.iter().position(|&b| b == b'=' || b == b';').unwrap_or(text.len());
        let (name, tail) = text.split_at_checked(end)?;
        let Some(tail) = tail.strip_prefix(b"=") else {
            *rest = tail;
            continue;
        };
        // After a forgotten semicolon a comment or a stray word may stand before the name.
        let name = name.rsplit(|b| b.is_ascii_whitespace()).find(|word| !word.is_empty()).unwrap_or_default();
        let (value, tail) = value(tail.trim_ascii_start());
        *rest = tail;
        return Some(parameter(name, value));
    }
}

fn value(text: &[u8]) -> (Vec<u8>, &[u8]) {
    if let Some(quoted) = text.strip_prefix(b"\"") {
        return unquote(quoted);
    }
    let end = text.iter().position(|&b| b == b';').unwrap_or(text.len());
    let (value, tail) = text.split_at_checked(end).unwrap_or((text, &[]));
    // A forgotten semicolon: the value ends where another `name=` begins.
    if let Some(blank) = next_name(value) {
        let (value, _) = value.split_at_checked(blank).unwrap_or((value, &[]));
        return (value.trim_ascii().to_vec(), text.get(blank..).unwrap_or_default());
    }
    (value.trim_ascii().trim_suffix_quote().to_vec(), tail)
}

/// Where, in an unquoted value, a blank is followed by a well-known name and `=`.
fn next_name(value: &[u8]) -> Option<usize> {
    const NAMES: [&[u8]; 9] = [b"charset=", b"name=", b"boundary=", b"format=", b"filename=", b"type=", b"size=", b"delsp=", b"filename*="];
    value.iter().enumerate().filter(|(_, b)| b.is_ascii_whitespace()).map(|(at, _)| at).find(|&at| {
        let rest = value.get(at + 1..).unwrap_or_default();
        NAMES.iter().any(|name| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
    })
}

trait TrimQuote {
    fn trim_suffix_quote(&self) -> &Self;
}

impl TrimQuote for [u8] {
    /// Without a quote at the end that was never opened.
    fn trim_suffix_quote(&self) -> &Self {
        self.strip_suffix(b"\"").unwrap_or(self)
    }
}

/// A quoted value up to its closing quote, or to the end. A backslash escapes quotes and backslashes only: old mailers send
/// `C:\files\order.pdf`.
fn unquote(quoted: &[u8]) -> (Vec<u8>, &[u8]) {
    let plain = memchr2(b'"', b'\\', quoted).unwrap_or(quoted.len());
    let (start, mut rest) = quoted.split_at_checked(plain).unwrap_or((quoted, &[]));
    let mut value = start.to_vec();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail.first()) {
            (b'"', _) => return (value, rest),
            (b'\\', Some(&next @ (b'"' | b'\\'))) => {
                value.push(next);
                rest = tail.get(1..).unwrap_or_default();
            }
            _ => value.push(byte),
        }
    }
    (value, rest)
}

fn parameter(name: &[u8], value: Vec<u8>) -> Parameter {
    let mut name = lossy(name).to_ascii_lowercase();
    let escaped = name.ends_with('*');
    name.truncate(name.len() - usize::from(escaped));
    let numbered = name.split_once('*').and_then(|(base, piece)| Some((base.len(), piece.parse().ok()?)));
    if let Some((length, _)) = numbered {
        name.truncate(length);
    }
    Parameter { name, piece: numbered.map(|(_, piece)| piece), escaped, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &str) -> Option<String> {
        Parameters::read(raw.as_bytes()).text("filename")
    }

    #[test]
    fn values_and_plain_parameters() {
        let typed = Parameters::read(b"Text/PLAIN (comment); Charset=\"UTF-8\" format=flowed;\r\n boundary=a=b; odd");
        assert_eq!(typed.value, "text/plain");
        assert_eq!(typed.word("charset").as_deref(), Some("utf-8"));
        assert_eq!(typed.word("format").as_deref(), Some("flowed"));
        assert_eq!(typed.bytes("boundary"), Some(&b"a=b"[..]));
        assert_eq!(Parameters::read(b"text/plain charset=latin1").word("charset").as_deref(), Some("latin1"));
        assert_eq!(Parameters::read(b"").value, "");
    }

    #[test]
    fn file_names_as_mailers_write_them() {
        for (raw, expected) in [
            ("attachment; filename=\"bestelling 12.pdf\"", "bestelling 12.pdf"),
            ("attachment; filename=bestelling 12.pdf; size=3", "bestelling 12.pdf"),
            ("attachment; filename=\"C:\\docs\\a \\\"b\\\".pdf\"", "C:\\docs\\a \"b\".pdf"),
            ("attachment; filename*=UTF-8''na%C3%AFef%20plan.pdf", "naïef plan.pdf"),
            ("attachment; filename=x.pdf; filename*=iso-8859-1'fr'caf%E9.pdf", "café.pdf"),
            ("attachment; filename*0*=UTF-8''Rechnung%20M; filename*1*=%C3%BCnchen; filename*2=\" 3.pdf\"", "Rechnung München 3.pdf"),
            // A character cut in two between the pieces, and the pieces out of order.
            ("attachment; filename*1*=%BCnchen.pdf; filename*0*=UTF-8''M%C3", "München.pdf"),
            ("attachment; filename*0=\"een\"; filename*1=\".pdf\"", "een.pdf"),
            ("attachment; filename*=naam%20zonder%20set.pdf", "naam zonder set.pdf"),
            ("attachment; filename=\"=?utf-8?B?b2ZmZXJ0ZSDigqwucGRm?=\"", "offerte €.pdf"),
            ("attachment; filename*0=\"=?utf-8?Q?offerte_=E2=82\"; filename*1=\"=AC.pdf?=\"", "offerte €.pdf"),
            ("attachment; filename=\"geen einde.pdf", "geen einde.pdf"),
            ("attachment; filename=\"Größe.pdf\"", "Größe.pdf"),
        ] {
            assert_eq!(name(raw).as_deref(), Some(expected), "{raw}");
        }
        assert_eq!(name("attachment"), None);
    }
}
