//! One segment: its tag, its elements, their components.

use std::borrow::Cow;

use super::{Charset, Delimiters};

/// Where one component stands in the segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Whether a release character is in it.
    pub(super) released: bool,
}

/// One element, or one repetition of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occurrence {
    /// Which element it is; the tag is element 0.
    pub(super) element: u32,
    /// Its first component.
    pub(super) first: u32,
}

/// The places of everything in a segment. Used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) components: Vec<Component>,
    pub(super) occurrences: Vec<Occurrence>,
}

/// A segment, borrowed from the payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// Its tag in upper case; question marks when it is none.
    pub(crate) tag: [u8; 3],
    /// Where it starts in the payload.
    pub(crate) start: usize,
    /// Where it ends in the payload, terminator included.
    pub(crate) end: usize,
    /// Whether its terminator is there.
    pub(crate) terminated: bool,
    pub(super) raw: &'a [u8],
    pub(super) places: &'a Places,
    pub(super) delimiters: Delimiters,
    pub(super) charset: &'a Charset,
}

impl<'a> Segment<'a> {
    /// Its tag as text.
    pub(crate) fn tag_text(&self) -> String {
        self.tag.iter().map(|byte| char::from(*byte)).collect()
    }

    /// How many elements it has, the tag not counted.
    pub(crate) fn elements(&self) -> usize {
        self.places.occurrences.last().map_or(0, |last| last.element as usize)
    }

    /// How many times an element stands there: more than once only in syntax 4.
    pub(crate) fn repetitions(&self, element: usize) -> usize {
        let first = self.first_occurrence(element);
        self.places.occurrences.get(first..).unwrap_or_default().iter().take_while(|one| one.element as usize == element).count()
    }

    /// How many components an element has.
    pub(crate) fn components(&self, element: usize) -> usize {
        self.component_range(element, 0).map_or(0, |range| range.len())
    }

    /// A code, number or reference: trimmed, without line breaks. Empty when it is not there.
    pub(crate) fn code(&self, element: usize, component: usize) -> Cow<'a, str> {
        self.repeated_code(element, 0, component)
    }

    /// The same, in a repetition of the element.
    pub(crate) fn repeated_code(&self, element: usize, repetition: usize, component: usize) -> Cow<'a, str> {
        match self.decoded(element, repetition, component) {
            Cow::Borrowed(text) if !text.contains(['\r', '\n']) => Cow::Borrowed(text.trim()),
            text => Cow::Owned(text.trim().chars().filter(|c| !matches!(c, '\r' | '\n')).collect()),
        }
    }

    /// The same as an owned value; none when it is empty.
    pub(crate) fn value(&self, element: usize, component: usize) -> Option<String> {
        self.repeated_value(element, 0, component)
    }

    /// The same, in a repetition of the element.
    pub(crate) fn repeated_value(&self, element: usize, repetition: usize, component: usize) -> Option<String> {
        Some(self.repeated_code(element, repetition, component)).filter(|code| !code.is_empty()).map(Cow::into_owned)
    }

    /// Text for people, trimmed; a line break in it is a blank.
    pub(crate) fn text(&self, element: usize, component: usize) -> Option<String> {
        let text = self.decoded(element, 0, component);
        let clean = if text.contains(char::is_control) { on_one_line(&text) } else { text.trim().to_owned() };
        (!clean.is_empty()).then_some(clean)
    }

    /// Whether the code at this place is this one.
    pub(crate) fn is(&self, element: usize, component: usize, code: &str) -> bool {
        self.code(element, component).eq_ignore_ascii_case(code)
    }

    /// Everything from this component of the first element on, as text: components parted by `:`, elements by `+`.
    pub(crate) fn rest(&self, from_component: usize) -> String {
        let mut rest = String::new();
        for (index, occurrence) in self.places.occurrences.iter().enumerate().skip(1) {
            let previous = index.checked_sub(1).and_then(|before| self.places.occurrences.get(before));
            if index > 1 {
                rest.push(if previous.is_some_and(|previous| previous.element == occurrence.element) { '*' } else { '+' });
            }
            let skip = if index == 1 { from_component } else { 0 };
            for (place, component) in self.occurrence_range(index).skip(skip).enumerate() {
                if place > 0 {
                    rest.push(':');
                }
                rest.push_str(on_one_line(&self.decoded_at(component)).trim());
            }
        }
        rest.truncate(rest.trim_end_matches(['+', ':']).len());
        rest
    }

    /// The segment as it stands in the payload, without its terminator, as text.
    pub(crate) fn to_text(self) -> String {
        on_one_line(&self.charset.decode(self.raw))
    }

    fn decoded(&self, element: usize, repetition: usize, component: usize) -> Cow<'a, str> {
        let range = self.component_range(element, repetition);
        let index = range.and_then(|mut range| range.nth(component));
        index.map_or(Cow::Borrowed(""), |index| self.decoded_at(index))
    }

    fn decoded_at(&self, component: usize) -> Cow<'a, str> {
        let Some(place) = self.places.components.get(component) else { return Cow::Borrowed("") };
        let bytes = self.raw.get(place.start as usize..place.end as usize).unwrap_or_default();
        if !place.released {
            return self.charset.decode(bytes);
        }
        Cow::Owned(self.charset.decode(&released(bytes, self.delimiters.release)).into_owned())
    }

    fn first_occurrence(&self, element: usize) -> usize {
        self.places.occurrences.partition_point(|one| (one.element as usize) < element)
    }

    fn component_range(&self, element: usize, repetition: usize) -> Option<std::ops::Range<usize>> {
        let index = self.first_occurrence(element) + repetition;
        let found = self.places.occurrences.get(index)?;
        (found.element as usize == element).then(|| self.occurrence_range(index))
    }

    fn occurrence_range(&self, index: usize) -> std::ops::Range<usize> {
        let first = |index: usize| self.places.occurrences.get(index).map(|one| one.first as usize);
        let end = first(index + 1).unwrap_or(self.places.components.len());
        first(index).unwrap_or(end)..end
    }
}

/// Without the release characters. One at the very end, before nothing, stands for itself.
fn released(bytes: &[u8], release: Option<u8>) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        if Some(byte) == release {
            plain.push(rest.next().copied().unwrap_or(byte));
        } else {
            plain.push(byte);
        }
    }
    plain
}

/// Control characters become blanks, several of them one; trimmed.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.trim().chars() {
        if c.is_control() {
            gap = true;
            continue;
        }
        if std::mem::take(&mut gap) && !line.ends_with(' ') && c != ' ' {
            line.push(' ');
        }
        line.push(c);
    }
    line
}
