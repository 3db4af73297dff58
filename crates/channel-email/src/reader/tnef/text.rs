//! Texts as MAPI has them: in UTF-16, or in a code page that is said elsewhere.

use super::super::charset;
use super::codepage;
use super::mapi::Value;

/// A text that was not decoded yet.
#[derive(Clone, Copy)]
pub(super) enum Text<'a> {
    Narrow(&'a [u8]),
    Wide(&'a [u8]),
}

impl<'a> Text<'a> {
    pub(super) fn of(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Narrow(bytes) => Some(Self::Narrow(bytes)),
            Value::Wide(bytes) => Some(Self::Wide(bytes)),
            _ => None,
        }
    }

    /// The text up to its closing NUL, and what was odd about it. Narrow text is in the code page with this number.
    pub(super) fn decode(self, page: u32) -> (String, Option<String>) {
        match self {
            Self::Narrow(bytes) => {
                let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
                let (text, odd) = charset::decode(bytes.get(..end).unwrap_or_default(), codepage::label(page).as_deref());
                (text.into_owned(), odd)
            }
            Self::Wide(bytes) => {
                let units = bytes.chunks_exact(2).map(|pair| pair.iter().rev().fold(0, |unit, &byte| (unit << 8) | u16::from(byte)));
                let text = char::decode_utf16(units.take_while(|&unit| unit != 0));
                (text.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(), None)
            }
        }
    }

    /// The text, when there is any.
    pub(super) fn some(self, page: u32) -> Option<String> {
        let (text, _) = self.decode(page);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}
