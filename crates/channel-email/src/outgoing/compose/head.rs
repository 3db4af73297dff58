//! The header of a mail, field by field. Whatever the values are, the fields are the ones that were asked for: a value has no line
//! end, no control character, and nothing that reads as an encoded word unless it was encoded here.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::address::{Mailbox, is_atom, one_line};

/// Columns of a line, where it can be folded.
const WIDTH: usize = 76;
/// Longer words are encoded, so that every line can be folded.
const LONGEST_WORD: usize = 60;
/// Bytes in one encoded word: 56 characters of base64, 68 with what is around them (RFC 2047 allows 75).
const ENCODED: usize = 42;
/// Bytes of an id.
const LONGEST_ID: usize = 250;

/// A header that grows. Lines end with CRLF.
#[derive(Debug, Default)]
pub(super) struct Head(String);

impl Head {
    /// A field whose value is ours: ASCII, short, no line end.
    pub(super) fn ours(&mut self, name: &str, value: &str) {
        self.fold(name, value.split_ascii_whitespace());
    }

    /// A text of any kind, on one line, at most so many characters.
    pub(super) fn text(&mut self, name: &str, text: &str, longest: usize) {
        let text = one_line(text, longest);
        if is_plain(&text) {
            self.fold(name, text.split(' '));
        } else {
            self.fold(name, encoded(&text).iter().map(String::as_str));
        }
    }

    /// Addresses with their names. No field when there are none.
    pub(super) fn mailboxes(&mut self, name: &str, mailboxes: &[Mailbox]) {
        let mut words = Vec::new();
        for (index, mailbox) in mailboxes.iter().enumerate() {
            let comma = if index + 1 < mailboxes.len() { "," } else { "" };
            match mailbox.name() {
                Some(name) => {
                    words.extend(phrase(name));
                    words.push(format!("<{}>{comma}", mailbox.address()));
                }
                None => words.push(format!("{}{comma}", mailbox.address())),
            }
        }
        if !words.is_empty() {
            self.fold(name, words.iter().map(String::as_str));
        }
    }

    /// Message-IDs, given without their brackets. No field when there are none that can be written.
    pub(super) fn ids<'a>(&mut self, name: &str, ids: impl IntoIterator<Item = &'a str>) {
        let words: Vec<String> = ids.into_iter().filter(|id| is_id(id)).map(|id| format!("<{id}>")).collect();
        if !words.is_empty() {
            self.fold(name, words.iter().map(String::as_str));
        }
    }

    /// One field, folded where a line would become too long.
    fn fold<'a>(&mut self, name: &str, words: impl Iterator<Item = &'a str>) {
        self.0.push_str(name);
        self.0.push(':');
        let mut column = name.len() + 1;
        for (index, word) in words.enumerate() {
            // The first word stays beside the name: a line of blanks alone is none.
            if index > 0 && column + 1 + word.len() > WIDTH {
                self.0.push_str("\r\n");
                column = 0;
            }
            self.0.push(' ');
            self.0.push_str(word);
            column += 1 + word.len();
        }
        self.0.push_str("\r\n");
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// Whether an id can be written as it is, and read again.
pub(super) fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|b| matches!(b, b'!'..=b'~') && b != b'<' && b != b'>')
}

/// Whether a line can stand in a header as it is.
fn is_plain(line: &str) -> bool {
    line.bytes().all(|b| matches!(b, b' '..=b'~')) && !line.contains("=?") && line.split(' ').all(|word| word.len() <= LONGEST_WORD)
}

/// A name as a phrase: as it is, in quotes, or encoded. What looks like an address is encoded: quotes do not keep every mail program
/// from taking it for one.
fn phrase(name: &str) -> Vec<String> {
    if !is_plain(name) || name.contains(['<', '>', '@']) {
        return encoded(name);
    }
    if name.bytes().all(|b| is_atom(b) || b == b' ') {
        return vec![name.to_owned()];
    }
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for c in name.chars() {
        if c == '"' || c == '\\' {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    vec![quoted]
}

/// A text as encoded words (RFC 2047), cut between characters.
fn encoded(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.len().min(ENCODED);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, after) = rest.split_at(end);
        let mut word = String::with_capacity(80);
        // Writing into a string does not fail.
        let _ = write!(word, "=?utf-8?b?{}?=", STANDARD.encode(piece));
        words.push(word);
        rest = after;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Head)) -> String {
        let mut head = Head::default();
        write(&mut head);
        head.into_text()
    }

    #[test]
    fn texts_stand_as_they_are_where_they_can() {
        assert_eq!(written(|head| head.text("Subject", "Re: order 7", 100)), "Subject: Re: order 7\r\n");
        assert_eq!(written(|head| head.text("Subject", "caf\u{e9}", 100)), "Subject: =?utf-8?b?Y2Fmw6k=?=\r\n");
        // What would be decoded is encoded, so that it reads as it was written.
        assert_eq!(
            written(|head| head.text("Subject", "=?utf-8?q?=0D=0ABcc:_x@y.example?=", 100)),
            "Subject: =?utf-8?b?PT91dGYtOD9xPz0wRD0wQUJjYzpfeEB5LmV4YW1wbGU/PQ==?=\r\n"
        );
        assert_eq!(written(|head| head.text("Subject", "a\r\nBcc: x@y.example", 100)), "Subject: a Bcc: x@y.example\r\n");
        assert_eq!(written(|head| head.text("Subject", "", 100)), "Subject: \r\n");
    }

    #[test]
    fn long_lines_are_folded_and_long_words_encoded() {
        let words = "woord ".repeat(40);
        let long = "x".repeat(900);
        let emoji = "\u{1f600}".repeat(100);
        for text in [words.as_str(), &long, &emoji] {
            let field = written(|head| head.text("Subject", text, 2_000));
            assert!(field.lines().all(|line| line.len() <= 78), "{field}");
            assert!(field.lines().skip(1).all(|line| line.starts_with(' ') && line.trim().len() > 1), "{field}");
        }
    }

    #[test]
    fn names_are_phrases() {
        let mailboxes: Vec<Mailbox> = [
            ("Jan Jansen", "jan@example.nl"),
            ("Jansen, \"Jan\" (inkoop) \\", "j@example.nl"),
            ("Zo\u{eb}", "zoe@example.nl"),
            ("", "x@example.nl"),
        ]
        .into_iter()
        .map(|(name, address)| Mailbox::new(Some(name), address).unwrap())
        .collect();
        assert_eq!(
            written(|head| head.mailboxes("To", &mailboxes)),
            "To: Jan Jansen <jan@example.nl>, \"Jansen, \\\"Jan\\\" (inkoop) \\\\\"\r\n <j@example.nl>, =?utf-8?b?Wm/Dqw==?= <zoe@example.nl>, x@example.nl\r\n"
        );
        assert_eq!(written(|head| head.mailboxes("Cc", &[])), "");
    }

    #[test]
    fn only_ids_that_can_be_written_are() {
        let ids = ["a@b", "", "a b@c", "a>\r\nBcc: x@y", "\u{e9}@b", "c@d"];
        assert_eq!(written(|head| head.ids("References", ids)), "References: <a@b> <c@d>\r\n");
        assert_eq!(written(|head| head.ids("References", ["a b"])), "");
        let many: Vec<String> = (0..20).map(|n| format!("{n}{}@example.nl", "x".repeat(60))).collect();
        let field = written(|head| head.ids("References", many.iter().map(String::as_str)));
        assert!(field.lines().count() == 20 && field.lines().all(|line| line.len() < 998), "{field}");
    }
}
