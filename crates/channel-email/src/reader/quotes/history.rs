//! What introduces quoted history: "On Monday, Jan wrote:", the header that Outlook writes over a mail, "Original Message", and what
//! stands over a mail that is passed on.

use std::borrow::Cow;

use super::super::phrases;
use super::line::{Line, MAX_BLOCK, is_groupwise};
use super::words::{self, Key};

/// How many lines "On Monday, Jan wrote:" may be broken into.
const MAX_ATTRIBUTION: usize = 5;
/// Lines longer than this introduce nothing.
const MAX_LINE: usize = 1_000;
/// How many lines of a text are looked at closely. No honest text has so many that look like the beginning of history.
const MAX_CLOSE_LOOKS: usize = 3_000;

/// Something that introduces history, from a line on.
pub(super) enum Introduction {
    /// "On Monday, Jan wrote:", up to and with line `end`.
    Attribution {
        end: usize,
        /// Whether it says when: then what follows may be history although it has no quote marks.
        has_clock: bool,
        /// Whether it has an address in it: likewise.
        has_address: bool,
    },
    /// A header, up to and with line `end`. `from` is who it says wrote the mail.
    Header { end: usize, from: Option<String> },
    /// A mail that is passed on begins; its content up to the end belongs to this one.
    Forward { from: Option<String> },
    /// All that follows is history.
    Rest,
}

/// The lines of a text, looked at for introductions.
pub(super) struct History<'a> {
    lines: &'a [Line<'a>],
    close_looks: usize,
}

impl<'a> History<'a> {
    pub(super) fn new(lines: &'a [Line<'a>]) -> Self {
        Self { lines, close_looks: 0 }
    }

    /// What is introduced on the line at `at`, if anything.
    pub(super) fn introduction(&mut self, at: usize) -> Option<Introduction> {
        let line = self.lines.get(at)?;
        if line.is_blank() || line.whole.len() > MAX_LINE {
            return None;
        }
        if is_groupwise(line.text) {
            return Some(Introduction::Rest);
        }
        let framed = line.text.starts_with(|c: char| !c.is_alphanumeric());
        if (framed || line.text.ends_with(':'))
            && let Some(found) = self.divider(at, line)
        {
            return Some(found);
        }
        if line.key.is_some()
            && let Some(header) = self.header(at).filter(Header::is_whole)
        {
            return Some(Introduction::Header { end: header.end, from: header.from });
        }
        let over_header = self.next_text(at + 1).and_then(|next| self.lines.get(next)?.key).is_some();
        if over_header && is_lotus_preview(line.text) && self.header_below(at, false).is_some_and(|header| header.is_whole()) {
            return Some(Introduction::Rest);
        }
        self.attribution(at)
    }

    /// Whether an honest text could still want this line to be looked at closely.
    fn may_look(&mut self) -> bool {
        self.close_looks += 1;
        self.close_looks <= MAX_CLOSE_LOOKS
    }

    /// The first line from `from` on that is not blank, if it is near.
    fn next_text(&self, from: usize) -> Option<usize> {
        (from..self.lines.len()).take(MAX_BLOCK).find(|&index| self.lines.get(index).is_some_and(|line| !line.is_blank()))
    }

    /// Lines between dashes, lines across the page, "Begin forwarded message:".
    fn divider(&mut self, at: usize, line: &Line<'_>) -> Option<Introduction> {
        let (inside, framed) = unframed(line.lower);
        if framed && is_reply_above(inside) {
            return Some(Introduction::Rest);
        }
        if is_forwarded(inside, framed) {
            // Telephones quote what they pass on.
            return Some(Introduction::Forward { from: self.header_below(at, true).and_then(|header| header.from) });
        }
        let original = framed && words::ORIGINAL.contain(inside);
        if !original && !is_rule(line.text) {
            return None;
        }
        match self.header_below(at, false) {
            Some(header) if original || header.is_whole() => Some(Introduction::Header { end: header.end, from: header.from }),
            _ => original.then_some(Introduction::Header { end: at, from: None }),
        }
    }

    fn header_below(&mut self, at: usize, may_be_quoted: bool) -> Option<Header> {
        let next = self.next_text(at + 1)?;
        if self.lines.get(next)?.quoted && !may_be_quoted {
            return None;
        }
        self.header(next)
    }

    /// The header that begins at `at`, as far as it goes.
    fn header(&mut self, at: usize) -> Option<Header> {
        let first = self.lines.get(at).filter(|line| line.key.is_some())?;
        if !self.may_look() {
            return None;
        }
        let mut header = Header { end: at, from: None, kinds: 0, has_date_or_subject: false };
        let mut seen: Vec<Key> = Vec::new();
        let mut foreign = 0;
        for index in at..(at + MAX_BLOCK).min(self.lines.len()) {
            let line = self.lines.get(index)?;
            if let Some(key) = line.key.filter(|_| line.quoted == first.quoted) {
                foreign = 0;
                if !seen.contains(&key) {
                    seen.push(key);
                    header.kinds += u32::from(key != Key::Other);
                }
                match key {
                    // A name may stand on the line below.
                    Key::From if header.from.is_none() => header.from = from_value(line, self.lines.get(index + 1)),
                    Key::Date | Key::Subject => header.has_date_or_subject = true,
                    _ => {}
                }
                header.end = index;
            } else if !line.is_blank() {
                // A value that goes on, as long as another key comes.
                foreign += 1;
                if foreign > 8 || line.quoted != first.quoted || line.text.trim_start_matches(['>', ' ']).is_empty() {
                    break;
                }
            } else if self.next_text(index).and_then(|next| self.lines.get(next)?.key).is_none() {
                break;
            }
        }
        (header.kinds >= 2).then_some(header)
    }

    /// The attribution that begins exactly at `at`.
    fn attribution(&mut self, at: usize) -> Option<Introduction> {
        for end in at..(at + MAX_ATTRIBUTION).min(self.lines.len()) {
            let line = self.lines.get(end)?;
            if line.is_blank() || line.quoted || line.text.starts_with('>') || line.text.len() > MAX_LINE {
                return None;
            }
            let quoted_next = line.before_quote;
            if !(line.introduces || quoted_next) {
                continue;
            }
            if !self.may_look() {
                return None;
            }
            let joined = self.joined(at, end);
            return match attribution_kind(&joined, end == at && quoted_next) {
                Attribution::No => continue,
                // Where a line further down begins it better, it does not begin here.
                Attribution::Dated if self.begins_later(at, end, quoted_next, &[Attribution::Dated]) => None,
                Attribution::Named if self.begins_later(at, end, quoted_next, &[Attribution::Dated, Attribution::Named]) => None,
                _ => Some(Introduction::Attribution { end, has_clock: has_clock(&joined), has_address: joined.contains('@') }),
            };
        }
        None
    }

    /// Some lines as one, in lower case.
    fn joined(&self, from: usize, to: usize) -> Cow<'a, str> {
        match self.lines.get(from..=to).unwrap_or_default() {
            [line] => line.lower.into(),
            lines => lines.iter().map(|line| line.lower).collect::<Vec<_>>().join(" ").into(),
        }
    }

    fn begins_later(&self, at: usize, end: usize, quoted_next: bool, wanted: &[Attribution]) -> bool {
        (at + 1..=end).any(|start| wanted.contains(&attribution_kind(&self.joined(start, end), start == end && quoted_next)))
    }
}

// --- lines between dashes

/// What stands between dashes, and whether there were enough of them.
fn unframed(lower: &str) -> (&str, bool) {
    let inside = lower.trim_matches(|c: char| matches!(c, '-' | '_' | '=' | '*' | '#' | '~' | '—' | '–' | '+') || c.is_whitespace());
    let framed = lower.len() - inside.len() >= 4;
    (inside.trim_end_matches(':').trim_end(), framed)
}

fn is_forwarded(inside: &str, framed: bool) -> bool {
    words::FORWARDED.beginning(inside.as_bytes()).any(|phrase| {
        // `----- Forwarded by Jan/NL/ORG on 24-11-2026 09:30 -----`
        let names_somebody =
            framed && [" by", " door", " von", " par"].iter().any(|by| phrase.ends_with(by)) && inside.len() < phrase.len() + 120;
        inside.strip_prefix(phrase).is_some_and(|rest| rest.is_empty() || names_somebody)
    })
}

fn is_reply_above(inside: &str) -> bool {
    let inside = ["please ", "bitte ", "gelieve ", "veuillez "].iter().find_map(|polite| inside.strip_prefix(polite)).unwrap_or(inside);
    words::REPLY_ABOVE.begin(inside)
}

/// A line across the page.
fn is_rule(text: &str) -> bool {
    text.len() >= 8 && (text.bytes().all(|b| b == b'_') || text.bytes().all(|b| b == b'-'))
}

/// `Jan Jansen ---24-11-2026 09:30:12---Beste Karin, …`, which Notes writes over its header.
fn is_lotus_preview(text: &str) -> bool {
    text.split_once("---")
        .and_then(|(_, rest)| rest.split_once("---"))
        .is_some_and(|(date, _)| date.starts_with(|c: char| c.is_ascii_digit()) && has_clock(date))
}

// --- headers over a quoted mail

/// The header of a quoted mail, as text.
struct Header {
    end: usize,
    from: Option<String>,
    kinds: u32,
    has_date_or_subject: bool,
}

impl Header {
    /// Whether it is one even if nothing stands over it.
    fn is_whole(&self) -> bool {
        self.from.is_some() && self.has_date_or_subject && self.kinds >= 3
    }
}

/// Whom a header names on this line; the name may stand on the one below.
fn from_value(line: &Line<'_>, next: Option<&Line<'_>>) -> Option<String> {
    let below = || next.filter(|next| !next.is_blank() && next.key.is_none()).map(|next| next.text);
    Some(line.value()).filter(|value| !value.is_empty()).or_else(below).map(str::to_owned)
}

// --- "On Monday, Jan wrote:"

#[derive(Clone, Copy, PartialEq)]
enum Attribution {
    No,
    /// It begins like a date: "On Monday …".
    Dated,
    /// It begins with a name, or with a date in figures.
    Named,
}

/// What kind of attribution a text in lower case is as a whole. `alone` says that it is one line with a quote right under it.
fn attribution_kind(text: &str, alone: bool) -> Attribution {
    let lower = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | '-' | '|'));
    // The rest of an address, or of the brackets around it, whose beginning stands on the line above.
    if lower.find('>').is_some_and(|close| lower.find('<').is_none_or(|open| open > close))
        || (lower.contains(">)") && !lower.contains('('))
    {
        return Attribution::No;
    }
    let has_digit = lower.bytes().any(|b| b.is_ascii_digit());
    let verb = wrote_at(lower);
    if has_digit && words::STARTS.begin(lower) && (verb.is_some() || (has_clock(lower) && lower.contains('@'))) {
        return Attribution::Dated;
    }
    if words::QUOTING.begin(lower) && (lower.contains('@') || alone) {
        return Attribution::Named;
    }
    let dated = || lower.contains('@') || has_clock(lower) || has_year(lower);
    match verb {
        Some(at) if at > 1 && ((lower.len() <= 300 && dated()) || (alone && lower.len() <= 80)) => Attribution::Named,
        // `2026-11-24 9:30 GMT+01:00 Jan <jan@example.nl>:`, `Tuesday, 24 November 2026, 9:30 from Jan <jan@example.nl>:`
        None if has_clock(lower)
            && lower.contains('@')
            && lower.len() <= 200
            && (lower.starts_with(|c: char| c.is_ascii_digit()) || (has_year(lower) && lower.ends_with(">:"))) =>
        {
            Attribution::Named
        }
        _ => Attribution::No,
    }
}

/// Where "wrote" stands as a word of its own.
fn wrote_at(lower: &str) -> Option<usize> {
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    phrases::words(lower).find_map(|word| {
        let at = lower.len() - word.len();
        let ends = |verb: &str| lower.get(at + verb.len()..).is_some_and(|rest| apart(rest.chars().next()));
        let found = words::WROTE.beginning(word).any(ends) && apart(lower.get(..at)?.chars().next_back());
        found.then_some(at)
    })
}

/// Whether a time of day is in the text: `9:30`, `09.30`, `09h30`.
fn has_clock(text: &str) -> bool {
    let is_clock = |window: &[u8]| match *window {
        [hour, b':' | b'.' | b'h', ten, one] => hour.is_ascii_digit() && (b'0'..=b'5').contains(&ten) && one.is_ascii_digit(),
        _ => false,
    };
    text.as_bytes().windows(4).any(is_clock)
}

fn has_year(text: &str) -> bool {
    text.as_bytes().windows(4).any(|window| matches!(*window, [b'1' | b'2', b'9' | b'0', a, b] if a.is_ascii_digit() && b.is_ascii_digit()))
}
