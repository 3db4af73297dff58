//! Text on its way into a column and out of it.
//!
//! PostgreSQL takes no U+0000 in a text. It is written as U+0001 `0`, and U+0001 itself as U+0001 `1`: no two texts become the
//! same, what begins alike still does, and their order stays. Both databases do so, and hold the same.

use std::borrow::Cow;

use sqlx::Row;

use super::rows::DbRow;
use super::*;

/// A text for a column.
pub(super) fn stored(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', '\u{1}']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => out.push_str("\u{1}0"),
            '\u{1}' => out.push_str("\u{1}1"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// The text that a column's was made from.
pub(super) fn original(text: String) -> String {
    if !text.contains('\u{1}') {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1}' => out.push(if chars.next() == Some('0') { '\0' } else { '\u{1}' }),
            other => out.push(other),
        }
    }
    out
}

/// A column's text.
pub(super) fn text(row: &DbRow, column: usize) -> Result<String> {
    row.try_get(column).map(original).map_err(store_error)
}

/// A column's text, where there is one.
pub(super) fn maybe_text(row: &DbRow, column: usize) -> Result<Option<String>> {
    row.try_get(column).map(|found: Option<String>| found.map(original)).map_err(store_error)
}

/// The first text after all those that begin so, in the order of bytes; `None` when there is none.
pub(super) fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end: Vec<char> = prefix.chars().collect();
    while let Some(last) = end.pop() {
        // The highest character has none after it, and between U+D7FF and U+E000 there are none.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            end.push(next);
            return Some(end.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn odd() -> impl Strategy<Value = String> {
        let chars = prop_oneof![
            Just('\0'),
            Just('\u{1}'),
            Just('0'),
            Just('1'),
            Just('\u{2}'),
            Just('\u{d7ff}'),
            Just('\u{10ffff}'),
            any::<char>()
        ];
        proptest::collection::vec(chars, 0..6).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_the_same_order(a in odd(), b in odd()) {
            let (x, y) = (stored(&a), stored(&b));
            prop_assert!(!x.contains('\0'));
            prop_assert_eq!(original(x.clone().into_owned()), a.clone());
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.starts_with(&*y), a.starts_with(&b));
        }

        #[test]
        fn a_prefix_ends_where_the_next_begins(prefix in odd(), text in odd()) {
            let within = text.as_str() >= prefix.as_str() && end_of_prefix(&prefix).is_none_or(|end| text < end);
            prop_assert_eq!(within, text.starts_with(&prefix));
        }
    }
}
