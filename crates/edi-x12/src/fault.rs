//! Why a transaction cannot be read, and where.

use std::fmt;

use crate::syntax::Segment;

/// What makes a transaction unreadable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// In words for people.
    pub(crate) text: String,
    /// Which segment of the transaction, counted from 1 (ST).
    pub(crate) segment: u32,
    /// Its name.
    pub(crate) tag: String,
    /// Which element of it.
    pub(crate) element: Option<usize>,
    /// What that element holds.
    pub(crate) value: String,
    /// Where the segment begins in the payload.
    pub(crate) offset: usize,
    /// What it is for the acknowledgement.
    pub(crate) kind: FaultKind,
}

/// What a fault is in the acknowledgement's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The transaction has no SE (AK502 2).
    NoTrailer,
    /// A segment is not there (AK304 3).
    SegmentMissing,
    /// A segment stands too often (AK304 5).
    TooMany,
    /// An element is not there (AK403 1).
    ElementMissing,
    /// An element holds what it must not (AK403 6).
    ElementWrong,
}

impl Fault {
    /// About an element of a segment.
    pub(crate) fn element(kind: FaultKind, text: impl Into<String>, number: u32, segment: &Segment<'_>, element: usize) -> Self {
        let value = segment.code_or_empty(element);
        Self { element: Some(element), value, ..Self::segment(kind, text, number, segment) }
    }

    /// About a segment.
    pub(crate) fn segment(kind: FaultKind, text: impl Into<String>, number: u32, segment: &Segment<'_>) -> Self {
        let tag = segment.tag_text();
        Self { text: text.into(), segment: number, tag, element: None, value: String::new(), offset: segment.offset, kind }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: segment {} ({})", self.text, self.segment, self.tag)?;
        if let Some(element) = self.element {
            write!(f, ", element {}{element:02}", self.tag)?;
        }
        write!(f, ", at byte {}", self.offset)
    }
}
