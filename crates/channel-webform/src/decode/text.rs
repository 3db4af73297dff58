//! Characters, percent signs and header parameters.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// Bytes as text, and whether the character set had to be guessed. What is neither in the set that was said nor in UTF-8 is
/// read as windows-1252, in which every byte means something: what old pages send. UTF-8, which is nearly all, is not copied.
pub(super) fn decode(bytes: Vec<u8>, charset: Option<&'static Encoding>) -> (String, bool) {
    if let Some(charset) = charset.filter(|charset| *charset != UTF_8) {
        let (text, wrong) = charset.decode_without_bom_handling(&bytes);
        if !wrong {
            return (text.into_owned(), false);
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => (text, false),
        Err(error) => (WINDOWS_1252.decode_without_bom_handling(error.as_bytes()).0.into_owned(), true),
    }
}

/// Percent signs undone; one that means nothing stays.
pub(super) fn percent_decode(bytes: &[u8], plus_is_space: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' if plus_is_space => out.push(b' '),
            b'%' => match hex_pair(tail) {
                Some((decoded, tail)) => {
                    out.push(decoded);
                    rest = tail;
                }
                None => out.push(b'%'),
            },
            byte => out.push(byte),
        }
    }
    out
}

fn hex_pair(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (pair, rest) = bytes.split_at_checked(2)?;
    let mut value = 0;
    for &digit in pair {
        value = value * 16 + char::from(digit).to_digit(16)?;
    }
    Some((u8::try_from(value).ok()?, rest))
}

/// The parameters of a header value like `form-data; name="a"; filename=b`, names in lower case. In quotes, a backslash escapes
/// a quote or a backslash and is otherwise itself: old browsers send whole paths.
pub(super) fn parameters(value: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut parameters = Vec::new();
    let mut rest = after(value, b';');
    while let Some(text) = rest {
        let Some(equals) = text.iter().position(|&b| b == b'=' || b == b';') else { break };
        let (name, tail) = text.split_at(equals);
        if tail.first() == Some(&b';') {
            rest = tail.get(1..);
            continue;
        }
        let tail = tail.get(1..).unwrap_or_default().trim_ascii_start();
        let (value, tail) = match tail.strip_prefix(b"\"") {
            Some(quoted) => unquote(quoted),
            None => {
                let end = tail.iter().position(|&b| b == b';').unwrap_or(tail.len());
                let (value, tail) = tail.split_at(end);
                (value.trim_ascii().to_vec(), tail)
            }
        };
        parameters.push((String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase(), value));
        rest = after(tail, b';');
    }
    parameters
}

fn after(bytes: &[u8], separator: u8) -> Option<&[u8]> {
    let at = bytes.iter().position(|&b| b == separator)?;
    bytes.get(at + 1..)
}

fn unquote(quoted: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut rest = quoted;
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

/// An RFC 5987 value: `UTF-8'nl'na%C3%AFef.txt`.
pub(super) fn extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |&b| b == b'\'');
    let charset = Encoding::for_label(parts.next()?);
    parts.next()?;
    let bytes = percent_decode(parts.next()?, false);
    Some(decode(bytes, charset).0)
}

/// A file's name without the directories that old browsers send along.
pub(super) fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_parameters() {
        let shown = |value: &str| {
            parameters(value.as_bytes())
                .into_iter()
                .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(&value)))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown("form-data; name=\"a;b\"; FileName = \"q\\\"q \\x\"; x=y z ;flag; k=1"),
            ["name=a;b", "filename=q\"q \\x", "x=y z", "k=1"]
        );
        assert_eq!(shown("form-data"), [""; 0]);
        assert_eq!(shown("form-data; name=\"open"), ["name=open"]);
        assert_eq!(shown(";;;=;=\"\";"), ["=", "="]);
    }

    #[test]
    fn file_names() {
        assert_eq!(extended(b"UTF-8''na%C3%AFef.txt").as_deref(), Some("naïef.txt"));
        assert_eq!(extended(b"iso-8859-1'de'%E4.txt").as_deref(), Some("ä.txt"));
        assert_eq!(extended(b"plain"), None);
        assert_eq!(base_name("C:\\Users\\jan\\foto.jpg"), "foto.jpg");
        assert_eq!(base_name("../../etc/passwd"), "passwd");
    }
}
