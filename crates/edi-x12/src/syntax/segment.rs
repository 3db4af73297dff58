//! One segment.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::trimmed;
use crate::value::{self, NotANumber};

/// One segment: a tag and its elements. Elements are counted from 1, as the standard does.
pub(crate) struct Segment<'a> {
    /// Its bytes, in Latin-1 or UTF-8, without its terminator. A line feed in it is a line break that may have been meant.
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) separator: u8,
    pub(super) component: Option<u8>,
    pub(super) ebcdic: bool,
    /// It carries binary data: BIN or BDS.
    pub(super) binary: bool,
    /// Where it begins in the payload.
    pub(crate) offset: usize,
    /// Where the payload goes on after it.
    pub(crate) end: usize,
}

impl Segment<'_> {
    /// Its name, e.g. `PO1`.
    pub(crate) fn tag(&self) -> &[u8] {
        self.element(0)
    }

    /// Its name as text, cut off where it is too long to be one.
    pub(crate) fn tag_text(&self) -> String {
        value::text(self.tag().get(..8).unwrap_or(self.tag()), self.ebcdic)
    }

    /// An element, without blanks around it; empty when it is not there.
    pub(crate) fn element(&self, number: usize) -> &[u8] {
        trimmed(self.bytes.split(|&byte| byte == self.separator).nth(number).unwrap_or_default())
    }

    /// How many elements it has.
    pub(crate) fn len(&self) -> usize {
        if self.binary { 1 } else { self.bytes.iter().filter(|&&byte| byte == self.separator).count() }
    }

    /// The first component of an element.
    pub(crate) fn first_component(&self, number: usize) -> &[u8] {
        let element = self.element(number);
        match self.component {
            Some(component) => trimmed(element.split(|&byte| byte == component).next().unwrap_or_default()),
            None => element,
        }
    }

    /// An element as people read it; none when it is empty.
    pub(crate) fn text(&self, number: usize) -> Option<String> {
        Some(value::text(self.element(number), self.ebcdic)).filter(|text| !text.is_empty())
    }

    /// An element that is a code or a number of somebody's; none when it is empty.
    pub(crate) fn code(&self, number: usize) -> Option<String> {
        Some(value::code(self.element(number), self.ebcdic)).filter(|text| !text.is_empty())
    }

    /// An element that is a code, empty when it is not there.
    pub(crate) fn code_or_empty(&self, number: usize) -> String {
        self.code(number).unwrap_or_default()
    }

    /// An element that is an amount; none when it is empty.
    pub(crate) fn number(&self, number: usize) -> Result<Option<Decimal>, NotANumber> {
        value::number(self.element(number))
    }

    /// The elements from one on, as written but with `*` between them, without empty ones at the end.
    pub(crate) fn rest(&self, from: usize) -> String {
        if self.binary {
            return format!("({} bytes)", self.bytes.len());
        }
        let elements = self.bytes.split(|&byte| byte == self.separator).skip(from);
        let mut text = String::new();
        let mut empty = 0;
        for (index, element) in elements.enumerate() {
            empty += usize::from(index > 0);
            let element = value::text(trimmed(element), self.ebcdic);
            if !element.is_empty() {
                text.extend(std::iter::repeat_n('*', empty));
                text += &element;
                empty = 0;
            }
        }
        text
    }
}
