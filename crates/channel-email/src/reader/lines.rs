//! Lines of bytes and clean text.

use std::borrow::Cow;

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
    let length = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
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
    if !bytes.contains(&b'\r') || bytes.contains(&b'\n') {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(bytes.iter().map(|&b| if b == b'\r' { b'\n' } else { b }).collect())
}

/// Text as it is kept: every line ends in LF, and no control characters but tabs (PostgreSQL takes no NUL, terminals obey the others).
pub(super) fn clean(text: String) -> String {
    let unclean = |c: char| (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}');
    if !text.contains(unclean) {
        return text;
    }
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                chars.next_if_eq(&'\n');
                clean.push('\n');
            }
            '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            c if unclean(c) => {}
            c => clean.push(c),
        }
    }
    clean
}

/// Text on one line for headers and names: control characters and what reverses the direction of writing are gone (a name
/// must not look like another), white space at the ends too; at most `limit` characters. Says whether it was longer.
pub(super) fn one_line(text: &str, limit: usize) -> (String, bool) {
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

/// Whether bytes contain others, as they are.
pub(super) fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
