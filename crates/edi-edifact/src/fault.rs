//! Why a message is set aside, and where.

use std::fmt;

/// What is wrong with a message, so wrong that it cannot be read as an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: String,
    /// Which segment of the message, from 1 (UNH). None: the message or interchange as a whole.
    pub(crate) segment: Option<u32>,
    pub(crate) tag: String,
    /// The element in the standard's words, e.g. `C186.6060`.
    pub(crate) element: &'static str,
    /// Its place in the segment: element and component, from 1.
    pub(crate) position: Option<(u8, u8)>,
    /// Where the segment starts in the delivery.
    pub(crate) offset: usize,
    /// Code of data element 0085.
    pub(crate) code: u8,
}

/// Codes of data element 0085 (syntax error) that are given here.
pub(crate) mod code {
    pub(crate) const INVALID_VALUE: u8 = 12;
    pub(crate) const MISSING: u8 = 13;
    pub(crate) const EMPTY: u8 = 32;
    pub(crate) const TOO_LONG: u8 = 39;
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.segment {
            Some(segment) => write!(f, "segment {segment} ({})", self.tag)?,
            None => f.write_str("the whole")?,
        }
        if !self.element.is_empty() {
            write!(f, ", element {}", self.element)?;
        }
        write!(f, ", byte {}: {}", self.offset, self.what)
    }
}
