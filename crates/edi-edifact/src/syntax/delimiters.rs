//! The service characters of an interchange: by UNA, by default, or as the first segments show them.

use super::start::Start;

/// How many bytes after the interchange's header are looked at to see how its segments end.
const LOOK_AHEAD: usize = 512;

/// The right single quotation mark in UTF-8, Windows-1252 and Mac Roman.
const CURLY: [&[u8]; 3] = ["\u{2019}".as_bytes(), b"\x92", b"\xd5"];

/// The characters that separate. Four of them always differ from each other; the release character may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delimiters {
    pub(crate) component: u8,
    pub(crate) element: u8,
    pub(crate) release: Option<u8>,
    /// Only in syntax 4.
    pub(crate) repetition: Option<u8>,
    pub(crate) terminator: u8,
}

impl Default for Delimiters {
    fn default() -> Self {
        Self { component: b':', element: b'+', release: Some(b'?'), repetition: None, terminator: b'\'' }
    }
}

impl Delimiters {
    /// Those of the interchange that starts here, and what is odd about them.
    pub(crate) fn of(bytes: &[u8], start: &Start) -> (Self, Vec<String>) {
        let mut notes = Vec::new();
        let shown = Shown::by_header(bytes, start);
        let advice = start.una.and_then(|una| Advice::read(bytes, una, start.segment));
        if start.una.is_some() && advice.is_none() {
            notes.push("its UNA is not valid and was not used".into());
        }
        let version_4 = start.version == Some(b'4');
        let by_header = Self { repetition: version_4.then_some(b'*'), ..shown.delimiters };
        let mut chosen = advice.map_or(by_header, |advice| advice.delimiters(version_4));
        if chosen.element != start.element || start.component.is_some_and(|component| component != chosen.component) {
            notes.push("its UNA names other separators than its segments have; the UNA was not used".into());
            chosen = by_header;
        }
        if let Some(terminator) = shown.other_terminator(&chosen) {
            if advice.is_some() || terminator != b'\n' {
                notes.push(format!("its segments end with `{}` and not with `{}`", show(terminator), show(chosen.terminator)));
            } else {
                notes.push("its segments end with the line".into());
            }
            chosen.terminator = terminator;
        }
        chosen.without_clashes(notes)
    }

    /// A release or repetition character that is something else as well is none.
    fn without_clashes(mut self, notes: Vec<String>) -> (Self, Vec<String>) {
        let main = [self.component, self.element, self.terminator];
        self.release = self.release.filter(|release| !main.contains(release));
        self.repetition = self.repetition.filter(|repetition| !main.contains(repetition) && Some(*repetition) != self.release);
        (self, notes)
    }

    /// Whether segments end with the line.
    pub(crate) fn ends_with_line(&self) -> bool {
        matches!(self.terminator, b'\n' | b'\r')
    }
}

/// A service character as people can read it.
fn show(byte: u8) -> String {
    match byte {
        0x21..=0x7e => char::from(byte).into(),
        b'\n' => "line feed".into(),
        b'\r' => "carriage return".into(),
        _ => format!("hex {byte:02X}"),
    }
}

/// What a UNA says.
#[derive(Clone, Copy, Debug)]
struct Advice {
    component: u8,
    element: u8,
    release: u8,
    reserved: u8,
    terminator: u8,
}

impl Advice {
    fn read(bytes: &[u8], una: usize, segment: usize) -> Option<Self> {
        let raw = bytes.get(una + 3..segment)?;
        let valid = |raw: &[u8]| {
            let [component, element, _decimal, release, reserved, terminator] = *raw.first_chunk::<6>()?;
            Self { component, element, release, reserved, terminator }.checked()
        };
        // The blank in the fifth place is lost in some files: then the terminator stands there.
        let shifted = |raw: &[u8]| {
            let [component, element, _decimal, release, terminator] = *raw.first_chunk::<5>()?;
            let line_or_segment = raw.get(5).is_none_or(|byte| matches!(byte, b'\r' | b'\n'));
            Self { component, element, release, reserved: b' ', terminator }.checked().filter(|_| line_or_segment && terminator != b' ')
        };
        let unwrapped = || raw.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect::<Vec<u8>>();
        shifted(raw).or_else(|| valid(raw)).or_else(|| valid(&unwrapped()))
    }

    /// Service characters are no letters, no digits, and differ from each other.
    fn checked(self) -> Option<Self> {
        let all = [self.component, self.element, self.terminator];
        let distinct = self.component != self.element && self.component != self.terminator && self.element != self.terminator;
        let sensible = all.iter().all(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b' ' | 0) && *byte < 0x80);
        (distinct && sensible && !matches!(self.component, b'\r' | b'\n') && !matches!(self.element, b'\r' | b'\n')).then_some(self)
    }

    fn delimiters(self, version_4: bool) -> Delimiters {
        let usable = |byte: u8| !byte.is_ascii_alphanumeric() && !byte.is_ascii_whitespace() && (1..0x80).contains(&byte);
        Delimiters {
            component: self.component,
            element: self.element,
            release: usable(self.release).then_some(self.release),
            repetition: (version_4 && usable(self.reserved)).then_some(self.reserved),
            terminator: self.terminator,
        }
    }
}

/// What the interchange's own first segments show.
struct Shown<'a> {
    delimiters: Delimiters,
    /// The bytes after the first tag, as far as they are looked at.
    header: &'a [u8],
}

impl<'a> Shown<'a> {
    fn by_header(bytes: &'a [u8], start: &Start) -> Self {
        let mut delimiters = Delimiters { element: start.element, ..Delimiters::default() };
        if let Some(component) = start.component {
            delimiters.component = component;
        }
        // UNOB without UNA: the information separators of ASCII, and no release character.
        if (delimiters.element, delimiters.component) == (0x1d, 0x1f) {
            delimiters = Delimiters { component: 0x1f, element: 0x1d, release: None, repetition: None, terminator: 0x1c };
        }
        let header = bytes.get(start.after_tag..).unwrap_or_default();
        let header = header.get(..header.len().min(LOOK_AHEAD)).unwrap_or_default();
        Self { delimiters, header }
    }

    /// The character that ends the segments, where it is another one than this for all that can be seen.
    fn other_terminator(&self, chosen: &Delimiters) -> Option<u8> {
        let mut next = next_segments(self.header, chosen.element);
        let first = next.next()?;
        let found = terminator_before(self.header, first, chosen)?;
        let in_first_segment = self.header.get(..first).is_some_and(|segment| segment.contains(&chosen.terminator));
        let fits = |at: usize| terminator_before(self.header, at, chosen) == Some(chosen.terminator);
        (found != chosen.terminator && !in_first_segment && !next.any(fits)).then_some(found)
    }
}

/// What a word processor made of the apostrophes that end the segments, if it did: closing quotation marks.
pub(crate) fn curly_terminator(bytes: &[u8], start: &Start) -> Option<&'static [u8]> {
    let header = bytes.get(start.after_tag..)?;
    let header = header.get(..header.len().min(LOOK_AHEAD))?;
    let first = header.get(..next_segments(header, start.element).next()?)?.trim_ascii_end();
    let curly = CURLY.into_iter().find(|curly| first.ends_with(curly))?;
    (!first.contains(&b'\'')).then_some(curly)
}

/// Where segments begin that can follow the first.
fn next_segments(header: &[u8], element: u8) -> impl Iterator<Item = usize> {
    header.windows(5).enumerate().filter_map(move |(at, window)| {
        let [before, tag @ .., separator] = *window.first_chunk::<5>()?;
        let follows = matches!(&tag, b"UNH" | b"UNG" | b"UNO" | b"UNZ" | b"BGM");
        (follows && separator == element && !before.is_ascii_alphanumeric() && before != element).then_some(at + 1)
    })
}

/// The character that ends the segment before this place; the line feed (or carriage return) where none does.
fn terminator_before(header: &[u8], next: usize, delimiters: &Delimiters) -> Option<u8> {
    let before = header.get(..next)?;
    let last = before.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
    let (byte, gap) = (*before.get(last)?, before.get(last + 1..)?);
    if byte.is_ascii_alphanumeric() || byte >= 0x80 || byte == delimiters.element || byte == delimiters.component {
        return [b'\n', b'\r'].into_iter().find(|line_end| gap.contains(line_end));
    }
    Some(byte)
}
