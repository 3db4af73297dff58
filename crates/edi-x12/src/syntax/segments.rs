//! Cuts an interchange into segments.

use std::borrow::Cow;

use super::header;
use super::{Segment, Syntax, trimmed_end};

/// No remark between segments is longer.
const MAX_COMMENT: usize = 400;

/// The segments from some place on, one after the other. Reads each byte once.
pub(crate) struct Segments<'a> {
    bytes: &'a [u8],
    syntax: Syntax,
    at: usize,
    /// Where the line began that `at` stands in, where that is known.
    line: Option<usize>,
}

/// Where a segment ends.
struct End {
    at: usize,
    terminated: bool,
    /// There are line breaks before it, and this is where the first one stands.
    first_break: Option<usize>,
}

impl<'a> Segments<'a> {
    /// The segments of `bytes` from `at` on.
    pub(crate) fn new(bytes: &'a [u8], at: usize, syntax: Syntax) -> Self {
        Self { bytes, syntax, at, line: None }
    }

    /// Skips what may stand between segments, and says where the next one begins; none at the end.
    pub(crate) fn skip_to_next(&mut self) -> Option<usize> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let first = *rest.first()?;
            if self.syntax.terminator.stands_at(self.bytes, self.at) {
                if self.syntax.breaks_line(first) {
                    self.line = Some(self.at + 1);
                }
                self.at += self.syntax.terminator.len();
            } else if self.syntax.breaks_line(first) {
                self.at += 1;
                self.line = Some(self.at);
            } else if self.syntax.plain(first) <= b' ' && first != self.syntax.separator {
                self.at += 1;
            } else if let Some(length) = self.comment(rest) {
                self.at += length;
            } else if let [0xef, 0xbb, 0xbf, ..] = rest {
                self.at += 3;
            } else if let [0xc2, 0xa0 | 0x85, ..] = rest {
                self.at += 2;
            } else {
                return Some(self.at);
            }
        }
    }

    /// How long the remark is that somebody wrote where a segment should begin, up to the end of its line: no segment begins with `//`.
    fn comment(&self, rest: &[u8]) -> Option<usize> {
        if !rest.starts_with(b"//") || self.syntax.ebcdic || self.syntax.breaks_line(self.syntax.terminator.first) {
            return None;
        }
        rest.iter().take(MAX_COMMENT).position(|&byte| self.syntax.breaks_line(byte)).or((rest.len() < MAX_COMMENT).then_some(rest.len()))
    }

    /// Where a BIN or BDS segment ends: its data is as long as it says, whatever stands in it. Where the payload is shorter, it was cut off.
    fn end_of_binary(&self, start: usize) -> Option<usize> {
        let at = |index: usize| self.bytes.get(index).map(|&byte| self.syntax.plain(byte));
        let separator = self.syntax.plain(self.syntax.separator);
        let mut index = start + 3;
        match (at(start)?, at(start + 1)?, at(start + 2)?, at(index)?) {
            (b'B', b'I', b'N', next) if next == separator => index += 1,
            (b'B', b'D', b'S', next) if next == separator => {
                // BDS01 is the filter, BDS02 the length.
                index += 1 + (index + 1..index + 9).position(|place| at(place) == Some(separator))? + 1;
            }
            _ => return None,
        }
        let mut length = 0_usize;
        while let Some(digit @ b'0'..=b'9') = at(index) {
            length = length.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
            index += 1;
        }
        let end = index.saturating_add(1).saturating_add(length);
        let ends = end >= self.bytes.len() || self.syntax.terminator.stands_at(self.bytes, end);
        (at(index)? == separator && ends).then_some(end.min(self.bytes.len()))
    }

    fn end_of(&self, start: usize) -> End {
        let (first, ebcdic) = (self.syntax.terminator.first, self.syntax.ebcdic);
        let mut first_break = None;
        let mut at = start;
        while let Some(rest) = self.bytes.get(at..) {
            let found = if ebcdic {
                rest.iter().position(|&byte| byte == first || matches!(byte, 0x0d | 0x15 | 0x25))
            } else {
                rest.iter().position(|&byte| byte == first || byte == b'\n' || byte == b'\r')
            };
            let Some(found) = found else { break };
            at += found;
            if self.syntax.terminator.stands_at(self.bytes, at) {
                return End { at, terminated: true, first_break };
            }
            if self.bytes.get(at).is_some_and(|&byte| self.syntax.breaks_line(byte)) {
                first_break = first_break.or(Some(at));
                // Somebody pasted files together, and the one before was cut off or had no last terminator.
                if header::starts_strictly_at(self.bytes, at + 1) {
                    return End { at, terminated: false, first_break };
                }
            }
            at += 1;
        }
        End { at: self.bytes.len(), terminated: false, first_break }
    }

    /// The bytes of a segment without line breaks. One that cut a line at its full length, or stands in the tag, is nobody's; another one
    /// may be part of a text and stays as a line feed.
    fn unwrapped(&self, start: usize, raw: &[u8]) -> Vec<u8> {
        let mut clean: Vec<u8> = Vec::with_capacity(raw.len());
        let mut line = self.line;
        let mut in_tag = true;
        for (index, &byte) in raw.iter().enumerate() {
            if !self.syntax.breaks_line(byte) {
                in_tag &= byte != self.syntax.separator;
                clean.push(self.syntax.plain(byte));
                continue;
            }
            let here = start + index;
            let length = line.map(|line| here.saturating_sub(line));
            let again = line == Some(here);
            line = Some(here + 1);
            let full = length.is_none_or(|length| self.syntax.wrap > 0 && length >= self.syntax.wrap);
            if !(in_tag || full || again) {
                clean.push(b'\n');
            }
        }
        clean
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let start = self.skip_to_next()?;
        let binary = self.end_of_binary(start);
        let end = match binary {
            Some(at) => End { at, terminated: at < self.bytes.len(), first_break: None },
            None => self.end_of(start),
        };
        let raw = self.bytes.get(start..end.at)?;
        let raw = if binary.is_some() || self.syntax.ebcdic { raw } else { trimmed_end(raw) };
        let broken = end.first_break.is_some_and(|at| at < start + raw.len());
        let bytes = match (binary.is_some(), broken || self.syntax.ebcdic) {
            (false, true) => Cow::Owned(self.unwrapped(start, raw)),
            _ => Cow::Borrowed(raw),
        };
        if broken {
            let last = raw.iter().rposition(|&byte| self.syntax.breaks_line(byte));
            self.line = last.map(|last| start + last + 1).or(self.line);
        }
        self.at = if end.terminated { end.at + self.syntax.terminator.len() } else { end.at };
        if end.terminated && self.syntax.breaks_line(self.syntax.terminator.first) {
            self.line = Some(self.at);
        }
        let plain = |byte: u8| if binary.is_some() { byte } else { self.syntax.plain(byte) };
        Some(Segment {
            bytes,
            separator: plain(self.syntax.separator),
            component: self.syntax.component.map(plain),
            ebcdic: self.syntax.ebcdic,
            binary: binary.is_some(),
            offset: start,
            end: self.at,
        })
    }
}
