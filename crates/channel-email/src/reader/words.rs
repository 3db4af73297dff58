//! Encoded words in headers (RFC 2047), as senders really write them: characters cut in two between words, words inside other
//! text or quotes, blanks within, no end; and text in eight bits without any encoding.

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::charset;
use super::fields::unfold;
use super::transfer;

/// A header's text.
pub(super) struct Decoded<'a> {
    /// The text, still with whatever white space it has.
    pub(super) text: Cow<'a, str>,
    /// What had to be guessed.
    pub(super) note: Option<String>,
}

/// Decodes a header's text. `hint` is the character set of the body, for text in eight bits.
pub(super) fn decode<'a>(raw: &'a [u8], hint: Option<&str>) -> Decoded<'a> {
    let bytes = unfold(raw);
    if let Cow::Borrowed(bytes) = bytes
        && memchr(b'=', bytes).is_none()
        && let (text, false) = charset::of_header(bytes, hint)
    {
        return Decoded { text, note: None };
    }
    let bytes = bytes.as_ref();
    let mut out = Output { text: String::new(), note: None, hint, run: None };
    let mut scanner = Scanner::new(bytes);
    let mut plain_from = 0;
    let mut at = 0;
    while let Some(found) = scanner.next_word(at) {
        let between = bytes.get(plain_from..found.start).unwrap_or_default();
        // White space between two encoded words is not part of the text.
        if out.run.is_none() || !between.trim_ascii().is_empty() {
            out.plain(between);
        }
        out.word(&found);
        at = found.end;
        plain_from = found.end;
    }
    out.plain(bytes.get(plain_from..).unwrap_or_default());
    Decoded { text: out.text.into(), note: out.note }
}

/// One encoded word in a header.
pub(super) struct Word<'a> {
    start: usize,
    /// Where the text behind it begins.
    pub(super) end: usize,
    charset: &'a [u8],
    base64: bool,
    data: &'a [u8],
}

/// Finds encoded words. It remembers where the next `?=` is, so that a header full of beginnings without ends takes linear time.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    /// The last end that was looked up: searched from there, found there (or nowhere).
    looked_up: Option<(usize, Option<usize>)>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, looked_up: None }
    }

    /// The first encoded word at or after `from`.
    fn next_word(&mut self, from: usize) -> Option<Word<'a>> {
        let mut at = from;
        loop {
            at += memchr(b'=', self.bytes.get(at..)?)?;
            if let Some(word) = self.word_at(at) {
                return Some(word);
            }
            at += 1;
        }
    }

    /// The encoded word that begins exactly at `at`.
    pub(super) fn word_at(&mut self, at: usize) -> Option<Word<'a>> {
        let rest = self.bytes.get(at..)?.strip_prefix(b"=?")?;
        let charset_length = rest.iter().take(80).position(|&b| b == b'?')?;
        let (charset, rest) = rest.split_at_checked(charset_length)?;
        let valid = charset.iter().all(|&b| b.is_ascii_alphanumeric() || b"-_.:+*'()".contains(&b));
        let &[b'?', kind, b'?', ..] = rest else { return None };
        let base64 = match kind {
            b'b' | b'B' => true,
            b'q' | b'Q' => false,
            _ => return None,
        };
        if !valid {
            return None;
        }
        let data_at = at + 2 + charset_length + 3;
        let (data_end, end) = match self.end_after(data_at) {
            Some(end) => (end, end + 2),
            // The last word of a header that was cut off.
            None => (self.bytes.len(), self.bytes.len()),
        };
        let data = self.bytes.get(data_at..data_end)?;
        if end == data_end && data.iter().any(|b| b.is_ascii_whitespace()) {
            return None;
        }
        Some(Word { start: at, end, charset, base64, data })
    }

    fn end_after(&mut self, from: usize) -> Option<usize> {
        match self.looked_up {
            Some((since, None)) if since <= from => return None,
            Some((since, Some(found))) if since <= from && from <= found => return Some(found),
            _ => {}
        }
        let found = memmem::find(self.bytes.get(from..)?, b"?=").map(|length| from + length);
        self.looked_up = Some((from, found));
        found
    }
}

/// Words in a row that share a character set: their bytes are joined before they become text, as a character may be cut in two.
struct Run {
    charset: Vec<u8>,
    bytes: Vec<u8>,
    /// Base64 that did not end on a whole group: some senders cut the encoded text and not the bytes.
    open_base64: Vec<u8>,
}

impl Run {
    fn settle(&mut self) {
        if !self.open_base64.is_empty() {
            let bytes = transfer::base64(&std::mem::take(&mut self.open_base64));
            self.bytes.extend(bytes);
        }
    }
}

struct Output<'h> {
    text: String,
    note: Option<String>,
    hint: Option<&'h str>,
    run: Option<Run>,
}

impl Output<'_> {
    fn push(&mut self, text: Cow<'_, str>) {
        if self.text.is_empty() {
            self.text = text.into_owned();
        } else {
            self.text.push_str(&text);
        }
    }

    fn plain(&mut self, bytes: &[u8]) {
        self.end_run();
        let (text, guessed) = charset::of_header(bytes, self.hint);
        self.push(text);
        if guessed {
            self.note.get_or_insert_with(|| "a header is in eight bits and does not say its character set; it was guessed".into());
        }
    }

    fn word(&mut self, word: &Word<'_>) {
        // A language may follow the character set (RFC 2231).
        let charset = word.charset.split(|&b| b == b'*').next().unwrap_or_default();
        if self.run.as_ref().is_some_and(|run| !run.charset.eq_ignore_ascii_case(charset)) {
            self.end_run();
        }
        let run = self.run.get_or_insert_with(|| Run { charset: charset.to_vec(), bytes: Vec::new(), open_base64: Vec::new() });
        if !word.base64 {
            run.settle();
            transfer::q_word(word.data, &mut run.bytes);
            return;
        }
        run.open_base64.extend(word.data.iter().filter(|b| !b.is_ascii_whitespace()));
        if run.open_base64.len().is_multiple_of(4) || run.open_base64.ends_with(b"=") {
            run.settle();
        }
    }

    fn end_run(&mut self) {
        let Some(mut run) = self.run.take() else { return };
        run.settle();
        let (text, note) = charset::decode(&run.bytes, Some(&String::from_utf8_lossy(&run.charset)));
        self.push(text);
        if let Some(note) = note {
            self.note.get_or_insert_with(|| format!("in a header, {note}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str) -> String {
        decode(raw.as_bytes(), None).text.into_owned()
    }

    #[test]
    fn words_as_they_should_be_and_as_they_are() {
        for (raw, expected) in [
            ("=?utf-8?Q?Caf=C3=A9?= in =?ISO-8859-1?Q?M=FCnchen?=", "Café in München"),
            ("=?utf-8?B?w6k=?=\r\n =?utf-8?B?w6k=?=", "éé"),
            // A character cut in two, in both encodings.
            ("=?utf-8?Q?Gr=C3?= =?utf-8?Q?=BC=C3=9Fe?=", "Grüße"),
            ("=?UTF-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=", "Grüße"),
            // The encoded text cut, not the bytes.
            ("=?utf-8?B?R3LDv?= =?utf-8?B?MOfZQ==?=", "Grüße"),
            ("=?utf-8*nl?Q?Ge=C3=ABerd?=", "Geëerd"),
            // Within text, without blanks, with blanks inside.
            ("Re:=?utf-8?Q?caf=C3=A9?=.", "Re:café."),
            ("=?iso-8859-1?Q?Waar is m=EFjn pakket??=", "Waar is mïjn pakket?"),
            ("=?utf-8?Q?a_b?=  c", "a b  c"),
            // Cut off, empty, unknown, not one at all.
            ("=?UTF-8?B?R3LDvMOfZQ", "Grüße"),
            ("=?utf-8?Q??= leeg", " leeg"),
            ("=?nope?Q?caf=C3=A9?=", "café"),
            ("=?utf-8?X?abc?= =?", "=?utf-8?X?abc?= =?"),
            ("2 =? 3 ?= 4", "2 =? 3 ?= 4"),
        ] {
            assert_eq!(text(raw), expected, "{raw}");
        }
    }

    #[test]
    fn eight_bit_headers() {
        assert_eq!(text("Größe"), "Größe");
        assert_eq!(decode(b"Gr\xf6\xdfe und Ma\xdfe", Some("iso-8859-1")).text, "Größe und Maße");
        assert_eq!(decode(b"Gr\xf6\xdfe und Ma\xdfe", Some("utf-8")).text, "Größe und Maße");
    }

    #[test]
    fn a_flood_of_beginnings_ends() {
        let flood = "=?a?q? ".repeat(100_000);
        // The last of them could be a word that was cut off.
        assert!(text(&flood).len() > flood.len() - 10);
        assert!(!text(&"=?a?q?".repeat(100_000)).is_empty());
        let words = "=?utf-8?Q?=C3?= ".repeat(100_000);
        assert!(!text(&words).is_empty());
    }
}
