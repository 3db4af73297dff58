//! Whether bytes look like a mail, or like text, when nobody said what they are.

use loket_core::reader::Recognition;

use super::fields;
use super::lines::{lines, with_line_feeds};
use super::parts::header_start;

/// How much is looked at.
const WINDOW: usize = 16 * 1024;

/// Whether this looks like a mail.
pub(super) fn mail(bytes: &[u8]) -> Recognition {
    const SURE: &[&str] = &[
        "from",
        "to",
        "date",
        "subject",
        "message-id",
        "received",
        "mime-version",
        "return-path",
        "delivered-to",
        "dkim-signature",
        "sender",
        "reply-to",
        "x-mailer",
        "envelope-to",
    ];
    let window = with_line_feeds(bytes.get(..WINDOW).unwrap_or(bytes));
    let start = header_start(&window);
    let (found, _) = fields::read(&window, start, 60, |_| false);
    let mut names: Vec<String> =
        found.iter().map(|field| String::from_utf8_lossy(field.name).to_lowercase()).filter(|name| SURE.contains(&name.as_str())).collect();
    names.sort_unstable();
    names.dedup();
    let mbox = lines(&window, 0).find(|line| !line.text.is_empty()).is_some_and(|line| line.text.starts_with(b"From "));
    match names.len() {
        0 if found.iter().any(|field| field.name.eq_ignore_ascii_case(b"content-type")) => Recognition::Perhaps,
        0 => Recognition::No,
        1 if !mbox => Recognition::Perhaps,
        _ => Recognition::Sure,
    }
}

/// Whether this looks like text.
pub(super) fn text(bytes: &[u8]) -> Recognition {
    if bytes.trim_ascii().is_empty() || is_binary(bytes) { Recognition::No } else { Recognition::Perhaps }
}

/// Whether bytes are no text in any character set that people write in.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    if encoding_rs::Encoding::for_bom(bytes).is_some() {
        return false;
    }
    let window = bytes.get(..WINDOW).unwrap_or(bytes);
    let strange = window.iter().filter(|&&b| b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)).count();
    strange * 50 > window.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_and_what_is_none() {
        for (bytes, expected) in [
            (&b"From: a@example.nl\nTo: b@example.nl\n\nHoi"[..], Recognition::Sure),
            (b"\xef\xbb\xbf\r\n\r\nReceived: from x\r\n by y\r\nSubject: x\r\n\r\n", Recognition::Sure),
            (b"From jan@example.nl Tue Nov 24 09:30:00 2026\nSubject: x\n\nHoi", Recognition::Sure),
            (b"Return-Path: <>\rDate: x\r\rHoi", Recognition::Sure),
            (b"Subject: alleen dit\n\nHoi", Recognition::Perhaps),
            (b"Content-Type: text/plain\n\nHoi", Recognition::Perhaps),
            (b"Beste Karin,\n\nGraag 12 dozen.", Recognition::No),
            (b"Aantal: 12\nArtikel: 118\n", Recognition::No),
            (b"{\"from\": \"a@example.nl\"}", Recognition::No),
            (b"<?xml version=\"1.0\"?><Order/>", Recognition::No),
            (b"BEGIN:VCARD\nFN:Jan\nEND:VCARD\n", Recognition::No),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Recognition::No),
            (b"", Recognition::No),
        ] {
            assert_eq!(mail(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn text_and_what_is_none() {
        assert_eq!(text("Größe".as_bytes()), Recognition::Perhaps);
        assert_eq!(text(b"Gr\xf6\xdfe"), Recognition::Perhaps);
        assert_eq!(text(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01"), Recognition::No);
        assert_eq!(text(b" \n"), Recognition::No);
    }
}
