//! Whether bytes that nobody labelled are a form's. It sits beside readers that take nearly anything, so it is only sure of what
//! nothing else looks like.

use std::borrow::Cow;

use loket_core::reader::Recognition;

use super::MOST;
use super::names::target;
use crate::config::Target;
use crate::decode::{Field, Form, decode};

const URLENCODED: &str = "application/x-www-form-urlencoded";
/// The first part's headers are looked for in so many bytes.
const HEAD: usize = 4 << 10;

/// How sure it is that these bytes are a form's.
pub(super) fn recognize(bytes: &[u8]) -> Recognition {
    let content_type = content_type("", bytes);
    match Form::of(&content_type) {
        Some(Form::Multipart) => Recognition::Sure,
        Some(_) => decode(&content_type, bytes, MOST).map_or(Recognition::No, |fields| judge(&fields)),
        None => Recognition::No,
    }
}

/// Somebody to answer and something to answer to is a form; other fields may be anybody's.
fn judge(fields: &[Field]) -> Recognition {
    let filled = |wanted: &[Target]| {
        fields.iter().any(|field| wanted.contains(&target(&field.name)) && field.text().is_some_and(|text| !text.trim().is_empty()))
    };
    match (filled(&[Target::Email, Target::Phone]), filled(&[Target::Text])) {
        (true, true) => Recognition::Sure,
        _ if fields.is_empty() => Recognition::No,
        _ => Recognition::Perhaps,
    }
}

/// The content type of bytes that come without a form: what was said, completed or corrected by what is there. A file of a
/// multipart body has its boundary nowhere but in its first line.
pub(super) fn content_type<'a>(said: &'a str, bytes: &[u8]) -> Cow<'a, str> {
    let names_boundary = said.to_ascii_lowercase().contains("boundary=");
    match Form::of(said) {
        Some(Form::Multipart) if names_boundary => Cow::Borrowed(said),
        Some(Form::UrlEncoded) => Cow::Borrowed(said),
        _ => match by_content(bytes) {
            Some(found) => Cow::Owned(found),
            None => Cow::Borrowed(said),
        },
    }
}

fn by_content(bytes: &[u8]) -> Option<String> {
    if let Some(boundary) = first_boundary(bytes) {
        return Some(format!("multipart/form-data; boundary=\"{boundary}\""));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    if text.starts_with(b"{") && text.ends_with(b"}") {
        return Some("application/json".into());
    }
    is_urlencoded(bytes).then(|| URLENCODED.into())
}

/// The boundary of bytes that begin with a part of a form.
fn first_boundary(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..HEAD.min(bytes.len()))?;
    let (line, rest) = head.strip_prefix(b"--")?.split_at_checked(head.iter().position(|&b| b == b'\n')?.checked_sub(2)?)?;
    let boundary = std::str::from_utf8(line).ok()?.trim_end();
    let headers = String::from_utf8_lossy(rest).to_ascii_lowercase();
    let headers = headers.split("\n\r\n").next()?.split("\n\n").next()?;
    let is_form = headers
        .lines()
        .any(|header| header.strip_prefix("content-disposition:").is_some_and(|value| value.trim_start().starts_with("form-data;")));
    let proper = (1..=70).contains(&boundary.len()) && boundary.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\');
    (is_form && proper).then_some(boundary)
}

/// Pairs and nothing else, on one line, at least two of them.
fn is_urlencoded(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_end();
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"=&%+-_.*~!'()[]:/,@$".contains(b);
    text.len() > 3 && text.iter().all(allowed) && {
        let mut pairs = text.split(|&b| b == b'&');
        let named = |pair: &[u8]| pair.iter().position(|&b| b == b'=').is_some_and(|at| at > 0);
        text.contains(&b'&') && pairs.all(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_recognized_and_other_files_are_not() {
        for (bytes, wanted) in [
            (&b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n"[..], Recognition::Sure),
            (b"------WebKitFormBoundaryx\nContent-Type: text/plain\ncontent-disposition:form-data; name=a\n\n1\n", Recognition::Sure),
            (br#"{"email": "jan@example.nl", "message": "Waar blijft het?"}"#, Recognition::Sure),
            (b"\xef\xbb\xbf { \"tel\": \"0201234567\", \"bericht\": \"Bel mij\" }\n", Recognition::Sure),
            (b"name=Jan&email=jan%40example.nl&text=Waar+blijft+het%3F\n", Recognition::Sure),
            (br#"{"id": 7, "lines": [1, 2]}"#, Recognition::Perhaps),
            (br#"{"email": "jan@example.nl", "message": ""}"#, Recognition::Perhaps),
            (b"a=1&b=2", Recognition::Perhaps),
            (b"{}", Recognition::No),
            (b"{ this is not JSON }", Recognition::No),
            (br#"[{"email": "jan@example.nl", "message": "x"}]"#, Recognition::No),
            (b"", Recognition::No),
            (b"a=b", Recognition::No),
            (b"a&b=c", Recognition::No),
            (b"email=jan@example.nl&text=two words", Recognition::No),
            (b"Beste mensen,\n\nname=Jan&email=jan@example.nl&text=x\n", Recognition::No),
            (b"From: jan@example.nl\r\nSubject: a=1&b=2\r\n\r\nemail=x&text=y", Recognition::No),
            (b"From: a@b.example\nContent-Type: multipart/form-data; boundary=x\n\n--x\nContent-Disposition: form-data; name=a\n\n1\n--x--", Recognition::No),
            (b"--x\nContent-Type: text/plain\n\nContent-Disposition: form-data; name=a\n", Recognition::No),
            (b"-- \nJan\nContent-Disposition: attachment\n", Recognition::No),
            (b"--", Recognition::No),
            (b"--\n", Recognition::No),
            (b"\n--x\n", Recognition::No),
        ] {
            assert_eq!(recognize(bytes), wanted, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn what_was_said_is_completed() {
        let body = b"--x y\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x y--\r\n";
        assert_eq!(content_type("multipart/form-data; boundary=z", body), "multipart/form-data; boundary=z");
        assert_eq!(content_type("multipart/form-data", body), "multipart/form-data; boundary=\"x y\"");
        assert_eq!(content_type("application/json", body), "multipart/form-data; boundary=\"x y\"");
        assert_eq!(content_type("application/json", b"{}"), "application/json");
        assert_eq!(content_type("application/json", b"a=1&b=2"), URLENCODED);
        assert_eq!(content_type("application/json", b"nothing"), "application/json");
        assert_eq!(content_type(URLENCODED, b"{}"), URLENCODED);
    }
}
