//! The tokenizer: one pass over the bytes, one segment at a time, nothing kept behind.

use super::layout::{Break, Layout, is_break};
use super::segment::{Component, Occurrence, Places, Segment};
use super::start::{self, StartKind};
use super::{Charset, Delimiters};

/// A segment may be this long; what goes on longer has lost its terminator.
pub(crate) const MAX_SEGMENT: usize = 256 * 1024;

/// The tag of what is no segment: the start of another interchange.
pub(crate) const NEXT_INTERCHANGE: [u8; 3] = *b"---";

/// Cuts a payload into segments, by the delimiters of the interchange that it is in.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// Where the next segment is looked for.
    pub(crate) at: usize,
    delimiters: Delimiters,
    charset: Charset,
    classes: [Class; 256],
    layout: Layout,
    places: Places,
    /// A segment from which line breaks had to be taken.
    mended: Vec<u8>,
    /// Where the interchange's first segment is.
    header: usize,
    /// How many bytes may still be read a second time to find an interchange behind one that was cut off: what keeps the time
    /// linear.
    spare: usize,
    /// Whether a terminator was found to be text since this was last asked.
    unreleased: bool,
    /// Whether lines were passed over since this was last asked.
    strange_lines: bool,
}

/// What a byte does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Data,
    Component,
    Element,
    Repetition,
    Release,
    Terminator,
    Break,
}

/// Where a segment ends.
struct End {
    /// Where its terminator is, or the end of the bytes.
    at: usize,
    terminated: bool,
    /// Whether line breaks are in it.
    broken: bool,
    /// Whether terminators in it are text.
    joined: bool,
}

impl Tokens {
    /// For so many bytes; [`Tokens::begin`] says which interchange comes.
    pub(crate) fn new(length: usize) -> Self {
        let mut tokens = Self {
            at: 0,
            delimiters: Delimiters::default(),
            charset: Charset::new(""),
            classes: [Class::Data; 256],
            layout: Layout::default(),
            places: Places::default(),
            mended: Vec::new(),
            header: 0,
            spare: length.saturating_add(4 * MAX_SEGMENT),
            unreleased: false,
            strange_lines: false,
        };
        tokens.begin(0, Delimiters::default());
        tokens
    }

    /// The first segment of an interchange with these delimiters is here.
    pub(crate) fn begin(&mut self, at: usize, delimiters: Delimiters) {
        self.at = at;
        self.header = at;
        self.delimiters = delimiters;
        self.classes = [Class::Data; 256];
        let mut set = |byte: u8, class: Class| {
            if let Some(place) = self.classes.get_mut(usize::from(byte)) {
                *place = class;
            }
        };
        if !delimiters.ends_with_line() {
            set(b'\r', Class::Break);
            set(b'\n', Class::Break);
        }
        delimiters.repetition.inspect(|byte| set(*byte, Class::Repetition));
        delimiters.release.inspect(|byte| set(*byte, Class::Release));
        set(delimiters.component, Class::Component);
        set(delimiters.element, Class::Element);
        set(delimiters.terminator, Class::Terminator);
    }

    /// Its texts are in this character set.
    pub(crate) fn set_charset(&mut self, charset: Charset) {
        self.charset = charset;
    }

    /// What was odd about texts and terminators since this was last asked.
    pub(crate) fn take_notes(&mut self) -> Vec<String> {
        let mut notes = self.charset.take_notes();
        if std::mem::take(&mut self.unreleased) {
            let terminator = char::from(self.delimiters.terminator);
            notes.push(format!("a `{terminator}` in its text has no release character before it and was taken as text"));
        }
        if std::mem::take(&mut self.strange_lines) {
            notes.push("lines between its segments that are none were passed over".into());
        }
        notes
    }

    /// The next segment. None at the end of the bytes. Where another interchange starts, again and again an empty segment with the
    /// tag [`NEXT_INTERCHANGE`].
    pub(crate) fn next<'s>(&'s mut self, bytes: &'s [u8]) -> Option<Segment<'s>> {
        let start = self.skip_to_segment(bytes)?;
        if self.is_next_interchange(bytes, start) {
            locate(b"", &self.classes, &mut self.places);
            let (places, charset, delimiters) = (&self.places, &self.charset, self.delimiters);
            return Some(Segment { tag: NEXT_INTERCHANGE, start, end: start, terminated: true, raw: b"", places, delimiters, charset });
        }
        let end = self.find_end(bytes, start);
        let mut raw = bytes.get(start..end.at)?;
        if end.broken || end.joined {
            self.mend(bytes, start, end.at);
            raw = &self.mended;
        }
        if self.delimiters.ends_with_line() {
            raw = raw.trim_ascii_end();
        }
        locate(raw, &self.classes, &mut self.places);
        self.unreleased |= end.joined;
        self.at = if end.terminated { end.at + 1 } else { end.at };
        let tag = tag(raw, self.places.components.first());
        Some(Segment {
            tag,
            start,
            end: self.at,
            terminated: end.terminated,
            raw,
            places: &self.places,
            delimiters: self.delimiters,
            charset: &self.charset,
        })
    }

    /// The first byte of the next segment: blanks, line ends, terminators without a segment and end-of-file marks are passed over,
    /// and so are lines that no segment begins with.
    fn skip_to_segment(&mut self, bytes: &[u8]) -> Option<usize> {
        let terminator = self.delimiters.terminator;
        let skipped = |byte: &u8| byte.is_ascii_whitespace() || matches!(*byte, 0x00 | 0x0b | 0x1a) || *byte == terminator;
        loop {
            self.at += bytes.get(self.at..)?.iter().position(|byte| !skipped(byte))?;
            if self.is_tag(bytes, self.at, true) || self.is_next_interchange(bytes, self.at) || self.delimiters.ends_with_line() {
                return Some(self.at);
            }
            let rest = bytes.get(self.at..)?;
            match rest.iter().take(MAX_SEGMENT).position(|byte| is_break(*byte) || *byte == terminator) {
                Some(end) if rest.get(end).is_some_and(|byte| is_break(*byte)) => {
                    self.at += end;
                    self.strange_lines = true;
                }
                _ => return Some(self.at),
            }
        }
    }

    /// Whether a tag stands here, line breaks in it aside: three letters or digits, then a separator.
    fn is_tag(&self, bytes: &[u8], at: usize, lower_case: bool) -> bool {
        let next = bytes.get(at..).unwrap_or_default().iter().take(8).filter(|byte| !is_break(**byte));
        // The end of the bytes is as good as a terminator.
        let mut next = next.chain([&self.delimiters.terminator]).copied();
        let letter = |byte: u8| byte.is_ascii_uppercase() || lower_case && byte.is_ascii_lowercase();
        let word = next.next().is_some_and(letter)
            && next.next().is_some_and(|byte| letter(byte) || byte.is_ascii_digit())
            && next.next().is_some_and(|byte| letter(byte) || byte.is_ascii_digit());
        word && next.next().is_some_and(|byte| matches!(self.class(byte), Class::Element | Class::Component | Class::Terminator))
    }

    /// Whether the next interchange starts here, whatever its delimiters.
    fn is_next_interchange(&self, bytes: &[u8], at: usize) -> bool {
        at != self.header && start::start_at(bytes, at).is_some_and(|start| start.kind != StartKind::Bare)
    }

    fn class(&self, byte: u8) -> Class {
        self.classes.get(usize::from(byte)).copied().unwrap_or(Class::Data)
    }

    fn find_end(&mut self, bytes: &[u8], start: usize) -> End {
        let limit = bytes.len().min(start + MAX_SEGMENT);
        let mut end = End { at: limit, terminated: false, broken: false, joined: false };
        let Some(window) = bytes.get(..limit) else { return end };
        let mut at = start;
        while let Some(&byte) = window.get(at) {
            match self.class(byte) {
                Class::Data | Class::Component | Class::Element | Class::Repetition => {}
                Class::Release => {
                    let stands_for = self.after_release(bytes, at);
                    end.broken |= stands_for > at + 1;
                    at = stands_for;
                }
                Class::Break => end.broken = true,
                Class::Terminator if self.is_text(bytes, start, at) => end.joined = true,
                Class::Terminator => {
                    end.at = at;
                    end.terminated = true;
                    return end;
                }
            }
            at += 1;
        }
        if let Some(next) = self.next_interchange_in(window, start) {
            end.at = next;
        }
        end
    }

    /// Where another interchange starts in a segment that has no end: a transmission broke off there.
    fn next_interchange_in(&mut self, window: &[u8], start: usize) -> Option<usize> {
        let mut from = start + 1;
        loop {
            let next = start::find(window, from)?;
            if next.kind != StartKind::Bare {
                self.spare = self.spare.checked_sub(window.len() - next.at)?;
                return Some(next.at);
            }
            from = next.at + 1;
        }
    }

    /// The place of the byte that a release character stands for, also past the line break that cuts them apart.
    fn after_release(&mut self, bytes: &[u8], release: usize) -> usize {
        let mut next = release + 1;
        if bytes.get(next).is_some_and(|byte| is_break(*byte))
            && !self.delimiters.ends_with_line()
            && self.layout.at(bytes, next, self.delimiters.terminator) != Break::Written
        {
            next += bytes.get(next..).unwrap_or_default().iter().take_while(|byte| is_break(**byte)).count();
            return next;
        }
        // Somebody's question mark at the end of a line is one.
        if bytes.get(next).is_some_and(|byte| is_break(*byte)) { release } else { next }
    }

    /// Whether a terminator is text that somebody forgot to release: what follows right after it is no tag.
    fn is_text(&self, bytes: &[u8], start: usize, at: usize) -> bool {
        let service = bytes.get(start).is_none_or(|first| first.eq_ignore_ascii_case(&b'U'));
        if service || self.delimiters.ends_with_line() {
            return false;
        }
        let next = bytes.get(at + 1..).unwrap_or_default();
        let gap = next.iter().take(MAX_GAP).take_while(|byte| **byte == b' ' || **byte == self.delimiters.terminator).count();
        let goes_on = next.get(gap).is_some_and(|byte| !byte.is_ascii_control() && gap < MAX_GAP);
        goes_on && !self.is_tag(bytes, at + 1 + gap, false) && !self.is_next_interchange(bytes, at + 1 + gap)
    }

    /// Adds some of the bytes, without the line breaks that cut lines.
    pub(crate) fn unwrapped(&mut self, bytes: &[u8], range: std::ops::Range<usize>, to: &mut Vec<u8>) {
        let Some(mut rest) = bytes.get(range.clone()) else { return };
        let end = range.end;
        while let Some(length) = rest.iter().position(|byte| self.class(*byte) == Class::Break) {
            let (plain, after) = rest.split_at(length);
            to.extend_from_slice(plain);
            let run = after.iter().take_while(|byte| is_break(**byte)).count();
            let (line_break, after_run) = after.split_at(run);
            match self.layout.at(bytes, end - after.len(), self.delimiters.terminator) {
                Break::Cut(lost) => to.extend(std::iter::repeat_n(b' ', lost)),
                Break::Written => to.extend_from_slice(line_break),
            }
            rest = after_run;
        }
        to.extend_from_slice(rest);
    }

    /// Takes the line breaks out of a segment, and releases the terminators that are text.
    fn mend(&mut self, bytes: &[u8], start: usize, end: usize) {
        let mut mended = std::mem::take(&mut self.mended);
        mended.clear();
        let mut at = start;
        while at < end
            && let Some(&byte) = bytes.get(at)
        {
            match self.class(byte) {
                Class::Break => {
                    let run = bytes.get(at..end).unwrap_or_default().iter().take_while(|byte| is_break(**byte)).count();
                    match self.layout.at(bytes, at, self.delimiters.terminator) {
                        Break::Cut(lost) => mended.extend(std::iter::repeat_n(b' ', lost)),
                        Break::Written => mended.push(b'\n'),
                    }
                    at += run;
                    continue;
                }
                Class::Release => {
                    let stands_for = self.after_release(bytes, at);
                    if stands_for == at {
                        // It stands for itself.
                        mended.extend([byte, byte]);
                    } else {
                        mended.push(byte);
                        mended.extend(bytes.get(stands_for).filter(|_| stands_for < end));
                    }
                    at = stands_for;
                }
                _ => mended.push(byte),
            }
            at += 1;
        }
        self.mended = mended;
    }
}

/// How many blanks after a terminator are looked through.
const MAX_GAP: usize = 32;

/// Finds the elements and components of a segment.
fn locate(raw: &[u8], classes: &[Class; 256], places: &mut Places) {
    places.components.clear();
    places.occurrences.clear();
    places.occurrences.push(Occurrence { element: 0, first: 0 });
    let (mut start, mut released, mut element) = (0_u32, false, 0);
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let class = classes.get(usize::from(byte)).copied().unwrap_or(Class::Data);
        match class {
            Class::Data | Class::Break | Class::Terminator => {}
            Class::Release => {
                released = true;
                at += 1;
            }
            Class::Component | Class::Element | Class::Repetition => {
                places.components.push(Component { start, end: at as u32, released });
                if class != Class::Component {
                    element += u32::from(class == Class::Element);
                    places.occurrences.push(Occurrence { element, first: places.components.len() as u32 });
                }
                start = at as u32 + 1;
                released = false;
            }
        }
        at += 1;
    }
    places.components.push(Component { start, end: raw.len() as u32, released });
}

/// The tag of a segment, without what a line break or a blank left in it.
fn tag(raw: &[u8], place: Option<&Component>) -> [u8; 3] {
    let bytes = place.and_then(|place| raw.get(place.start as usize..place.end as usize)).unwrap_or_default();
    let mut letters = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    let tag = [letters.next(), letters.next(), letters.next()].map(|byte| byte.map_or(b'?', u8::to_ascii_uppercase));
    let sound = letters.next().is_none() && tag.iter().all(u8::is_ascii_alphanumeric);
    if sound { tag } else { *b"???" }
}
