//! A walker over BER (X.690), forwards only: elements are entered, skipped or taken, and their content is looked at once. Lengths
//! that say more than there is are cut to what there is, and that is remembered.

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const OCTET_STRING: u8 = 0x04;
/// An octet string that is put together from others.
pub(super) const OCTET_STRING_IN_PIECES: u8 = 0x24;
/// `[0]` around something.
pub(super) const CONTEXT_0: u8 = 0xa0;

/// An element whose identifier and length were read, and whose content comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    /// The first byte of its identifier; nothing here has more.
    pub(super) tag: u8,
    /// Where its content ends; `None` when an end-of-contents mark says so.
    end: Option<usize>,
}

/// An element that was entered.
struct Open {
    end: Option<usize>,
    /// Where the innermost element around it that says its length ends.
    limit: usize,
}

/// A walk through the elements of one value.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What was entered, innermost last.
    open: Vec<Open>,
    /// Whether something was shorter than it said.
    pub(super) cut: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, open: Vec::new(), cut: false }
    }

    /// How many elements are entered.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The next element in what was entered last; `None` behind the last one.
    pub(super) fn next(&mut self) -> Option<Element> {
        if self.open.last().and_then(|open| open.end).is_some_and(|end| self.at >= end) {
            return None;
        }
        let before = self.at;
        let element = self.header();
        match element {
            // The end-of-contents mark stays where it is: `leave` goes behind it.
            Some(Element { tag: 0, .. }) => {
                self.at = before;
                None
            }
            element => element,
        }
    }

    /// Goes into an element: `next` gives its parts.
    pub(super) fn enter(&mut self, element: Element) {
        let limit = element.end.unwrap_or_else(|| self.limit());
        self.open.push(Open { end: element.end, limit });
    }

    /// Goes behind what was entered last. Only after `next` gave `None`.
    pub(super) fn leave(&mut self) {
        match self.open.pop() {
            Some(Open { end: Some(end), .. }) => self.at = end.max(self.at),
            Some(Open { end: None, .. }) => self.end_mark(),
            None => {}
        }
    }

    /// Goes behind an element.
    pub(super) fn skip(&mut self, element: Element) {
        if let Some(end) = element.end {
            self.at = end;
            return;
        }
        // Only what has no length of its own is walked through.
        let mut open = 1_usize;
        while open > 0 {
            match self.header() {
                Some(Element { tag: 0, .. }) => open -= 1,
                Some(Element { end: None, .. }) => open += 1,
                Some(Element { end: Some(end), .. }) => self.at = end,
                None => {
                    self.cut = true;
                    return;
                }
            }
        }
    }

    /// The content of an element that is in one piece, and goes behind it.
    pub(super) fn take(&mut self, element: Element) -> &'a [u8] {
        let end = element.end.unwrap_or(self.at);
        let content = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end;
        content
    }

    fn end_mark(&mut self) {
        match self.header() {
            Some(Element { tag: 0, .. }) => {}
            _ => self.cut = true,
        }
    }

    fn limit(&self) -> usize {
        self.open.last().map_or(self.bytes.len(), |open| open.limit)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied().filter(|_| self.at < self.limit());
        match byte {
            Some(_) => self.at += 1,
            None => self.cut = true,
        }
        byte
    }

    /// Reads identifier and length.
    fn header(&mut self) -> Option<Element> {
        let tag = self.byte()?;
        if tag & 0x1f == 0x1f {
            // A number of several bytes; the last one has no high bit.
            while self.byte()? & 0x80 != 0 {}
        }
        let first = self.byte()?;
        let length = match first {
            0x80 if tag & 0x20 != 0 => return Some(Element { tag, end: None }),
            0..0x80 => Some(usize::from(first)),
            0x80 => None,
            long => self.long_length(usize::from(long & 0x7f)),
        };
        let limit = self.limit();
        let wanted = length.and_then(|length| self.at.checked_add(length));
        let end = wanted.filter(|end| *end <= limit).unwrap_or(limit).max(self.at);
        self.cut |= wanted != Some(end);
        Some(Element { tag, end: Some(end) })
    }

    /// A length of so many bytes; `None` when it is over everything.
    fn long_length(&mut self, count: usize) -> Option<usize> {
        let mut length = Some(0_usize);
        for _ in 0..count {
            let byte = usize::from(self.byte()?);
            length = length.filter(|length| *length <= usize::MAX >> 8).map(|length| (length << 8) | byte);
        }
        length
    }
}
