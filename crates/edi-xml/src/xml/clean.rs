//! Values as people mean them: without the line ends and indents of the file around them.

use std::borrow::Cow;

/// A value on one line: trimmed, line ends and tabs inside it become one blank, control characters go.
pub(super) fn line(raw: &str) -> Cow<'_, str> {
    let trimmed = raw.trim();
    if !trimmed.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Cow::Borrowed(trimmed);
    }
    let mut text = String::with_capacity(trimmed.len());
    for piece in trimmed.split(['\n', '\r', '\t']).map(str::trim).filter(|piece| !piece.is_empty()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.extend(piece.chars().filter(|c| !c.is_control()));
    }
    Cow::Owned(text.trim().to_owned())
}

/// A text of several lines: each of them trimmed, the empty ones at both ends gone.
pub(super) fn lines(raw: &str) -> String {
    let raw = raw.replace("\r\n", "\n").replace('\r', "\n");
    let cleaned =
        |line: &str| -> String { line.trim().chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect() };
    let text = raw.split('\n').map(cleaned).collect::<Vec<_>>().join("\n");
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lose_their_indents_and_nothing_else() {
        assert_eq!(line("  AB  12 "), "AB  12");
        assert_eq!(line("\n\t\tJansen\r\n\t\tBouw B.V.\n"), "Jansen Bouw B.V.");
        assert_eq!(line("\u{1}\u{2}"), "");
        assert_eq!(line("a\u{0}b"), "ab");
        assert_eq!(lines("\r\n  Eerst bellen.\r\n\r\n  Dan\tlossen.\r\n "), "Eerst bellen.\n\nDan lossen.");
    }
}
