//! The lines of a text, each looked at once: what the rules ask of every line again and again is worked out beforehand.

use super::words::{self, Key};

/// How many lines a quoted header may have, and how many blank ones may stand before what is introduced.
pub(super) const MAX_BLOCK: usize = 60;

/// One line.
pub(super) struct Line<'a> {
    /// As it is.
    pub(super) whole: &'a str,
    /// Without white space around it.
    pub(super) text: &'a str,
    /// The same in lower case.
    pub(super) lower: &'a str,
    /// Whether it is quoted.
    pub(super) quoted: bool,
    /// Whether the next line that is not blank is quoted.
    pub(super) before_quote: bool,
    /// Whether it ends as what introduces something does: in a colon, or in the dashes that it begins with.
    pub(super) introduces: bool,
    /// What it tells, if it could be a line of a quoted mail's header.
    pub(super) key: Option<Key>,
}

impl<'a> Line<'a> {
    fn new(whole: &'a str, lower: &'a str) -> Self {
        let (text, lower) = (whole.trim(), lower.trim());
        Self { whole, text, lower, quoted: is_quoted(whole), before_quote: false, introduces: introduces(text), key: key(lower) }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    /// What stands behind the key, for a line that has one.
    pub(super) fn value(&self) -> &'a str {
        let value = self.text.split_once([':', '：']).map_or("", |(_, value)| value);
        value.trim_start_matches([':', '：']).trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '|'))
    }
}

/// The lines of a text, given with the same text in lower case.
pub(super) fn lines<'a>(text: &'a str, lower: &'a str) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::with_capacity((text.len() / 40).min(1_000) + 8);
    let mut last_text: Option<usize> = None;
    for (index, (whole, lower)) in text.split('\n').zip(lower.split('\n')).enumerate() {
        let line = Line::new(whole, lower);
        if !line.is_blank() {
            let before = last_text.replace(index).filter(|before| line.quoted && index - before <= MAX_BLOCK);
            if let Some(before) = before.and_then(|before| lines.get_mut(before)) {
                before.before_quote = true;
            }
        }
        lines.push(line);
    }
    lines
}

/// Whether a line is quoted: it begins with `>`, perhaps after initials.
fn is_quoted(line: &str) -> bool {
    let text = line.trim_start_matches([' ', '\u{a0}']);
    if line.len() - text.len() > 3 || is_groupwise(text) {
        return false;
    }
    // `>From` at the beginning of a line is what mbox files make of `From`.
    if text.starts_with('>') || text.starts_with('»') {
        return !text.starts_with(">From ");
    }
    let initials = text.bytes().take(4).take_while(u8::is_ascii_uppercase).count();
    (2..=3).contains(&initials) && text.get(initials..).is_some_and(|rest| rest.starts_with("> "))
}

/// `>>> Jan Jansen <jan@example.nl> 24-11-2026 9:30 >>>`, as GroupWise writes it.
pub(super) fn is_groupwise(text: &str) -> bool {
    text.starts_with(">>> ") && text.trim_end().ends_with(">>>") && text.bytes().any(|b| b.is_ascii_digit())
}

fn introduces(text: &str) -> bool {
    let end = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '-' | '_'));
    // `---- On Monday, Jan wrote ----`
    end.ends_with([':', '：']) || (text.starts_with("---") && text.ends_with("---"))
}

/// The key of a line like `*From:* Jan <jan@example.nl>`, quoted or not.
fn key(lower: &str) -> Option<Key> {
    let lower = lower.trim_start_matches(['>', ' ']);
    // `：` begins with the byte 0xef.
    let colon = lower.bytes().take(41).position(|b| matches!(b, b':' | 0xef))?;
    let (word, _) = if lower.as_bytes().get(colon) == Some(&b':') { lower.split_at_checked(colon) } else { lower.split_once('：') }?;
    words::key(word.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | '|')))
}
