//! Lines of bytes and clean text.

use std::borrow::Cow;

use memchr::{memchr, memmem};

/// One line of bytes.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// Where it begins.
    pub(super) at: usize,
    /// Without its end (LF or CRLF).
    pub(super) text: &'a [u8],
    /// Where the next one begins.
    pub(super) next: usize,
}

/// The line that begins at `at`; `None` at the end.
pub(super) fn line_at(bytes: &[u8], at: usize) -> Option<Line<'_>> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    let length = memchr(b'\n', rest).unwrap_or(rest.len());
    let text = rest.get(..length).unwrap_or_default();
    Some(Line { at, text: text.strip_suffix(b"\r").unwrap_or(text), next: (at + length + 1).min(bytes.len()) })
}

/// All lines from `at` on.
pub(super) fn lines(bytes: &[u8], at: usize) -> impl Iterator<Item = Line<'_>> {
    let mut next = at;
    std::iter::from_fn(move || {
        let line = line_at(bytes, next)?;
        next = line.next;
        Some(line)
    })
}

/// Bytes with LF where only CR ends the lines (old Macs, some gateways). As they are otherwise.
pub(super) fn with_line_feeds(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\n', bytes).is_some() || memchr(b'\r', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(bytes.iter().map(|&b| if b == b'\r' { b'\n' } else { b }).collect())
}

/// Text as it is kept: every line ends in LF, and no control characters but tabs (PostgreSQL takes no NUL, terminals obey the others).
pub(super) fn clean(text: Cow<'_, str>) -> String {
    let Some(first) = unclean(text.as_bytes()) else { return text.into_owned() };
    let mut clean = String::with_capacity(text.len());
    let (good, mut rest) = text.split_at_checked(first).unwrap_or((&text, ""));
    clean.push_str(good);
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        rest = chars.as_str();
        match c {
            '\r' => {
                rest = rest.strip_prefix('\n').unwrap_or(rest);
                clean.push('\n');
            }
            '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\u{feff}' => {}
            c if c.is_control() && c != '\t' => {}
            c => clean.push(c),
        }
        let (good, tail) = unclean(rest.as_bytes()).and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
        clean.push_str(good);
        chars = tail.chars();
    }
    clean
}

/// Where the next character begins that may not be kept as it is: a control character, or one that shares its first byte with
/// those that must go (U+0080 to U+00BF, U+2000 to U+2FFF, U+F000 to U+FFFF).
fn unclean(text: &[u8]) -> Option<usize> {
    const CHUNK: usize = 32;
    let strange = |b: &u8| (*b < b' ' && !matches!(b, b'\n' | b'\t')) || matches!(b, 0x7f | 0xc2 | 0xe2 | 0xef);
    // A chunk is looked at as a whole, which processors do at once.
    let clean = text.chunks(CHUNK).position(|chunk| chunk.iter().fold(false, |found, b| found | strange(b)))? * CHUNK;
    text.get(clean..)?.iter().position(strange).map(|at| clean + at)
}

/// Text on one line for headers and names: control characters and what reverses the direction of writing are gone (a name
/// must not look like another), white space at the ends too; at most `limit` characters. Says whether it was longer.
pub(super) fn one_line(text: &str, limit: usize) -> (String, bool) {
    if text.len() <= limit && text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return (text.trim_matches(' ').to_owned(), false);
    }
    let mut line = String::with_capacity(text.len().min(limit * 4));
    let mut count = 0;
    for c in text.trim_matches(|c: char| c.is_whitespace() || c.is_control()).chars() {
        let c = match c {
            '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}') => continue,
            c => c,
        };
        if c == ' ' && line.ends_with(' ') && text.contains(['\n', '\t']) {
            continue;
        }
        if count == limit {
            return (line, true);
        }
        line.push(c);
        count += 1;
    }
    (line, false)
}

/// Bytes that should be UTF-8 as text: nearly always they are.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Whether bytes contain others, as they are.
pub(super) fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    memmem::find(bytes, wanted).is_some()
}
