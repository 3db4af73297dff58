//! Names of files, which others choose: data, and never a way to another folder.

use std::fmt::Write;

/// The longest name that file systems allow.
const LONGEST: usize = 255;
/// Endings of files that are still being written.
const UNFINISHED: [&str; 7] = ["tmp", "temp", "part", "partial", "filepart", "writing", "crdownload"];

/// What a name says about its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// It can be taken.
    Plain,
    /// Its writer is not done with it, or hides it.
    Unfinished,
    /// It cannot be used, for this reason.
    Refused(&'static str),
}

/// Judges the name of an entry in a folder.
pub(crate) fn judge(name: &str) -> Name {
    if name.is_empty() || name.len() > LONGEST {
        return Name::Refused("its length");
    }
    if name.contains(['/', '\\']) || name == "." || name == ".." {
        return Name::Refused("a path in it");
    }
    if name.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Name::Refused("control characters or invisible ones in it");
    }
    // A name that is not UTF-8 reaches us with these in place of its bytes, and nobody can open it by that.
    if name.contains(char::REPLACEMENT_CHARACTER) {
        return Name::Refused("bytes in it that are not UTF-8");
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    if name.starts_with('.') || UNFINISHED.iter().any(|unfinished| ending.eq_ignore_ascii_case(unfinished)) {
        return Name::Unfinished;
    }
    Name::Plain
}

/// Zero-width characters and those that turn the direction of text: one name looks like another.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// A name for logs: on one line, bounded, with what cannot be seen written out.
pub(crate) fn shown(name: &str) -> String {
    let mut shown = String::new();
    for c in name.chars().take(100) {
        if c.is_control() || is_invisible(c) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    if name.chars().nth(100).is_some() {
        shown.push('…');
    }
    shown
}

/// A name with something between its stem and its ending: `order.edi` and `2` give `order-2.edi`.
pub(crate) fn marked(name: &str, mark: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!("{stem}-{mark}.{ending}"),
        _ => format!("{name}-{mark}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_data() {
        let table = [
            ("order.edi", Name::Plain),
            ("Bestelling 4711 (Köln).EDI", Name::Plain),
            ("noending", Name::Plain),
            ("a..b", Name::Plain),
            (".order.edi", Name::Unfinished),
            ("order.edi.TMP", Name::Unfinished),
            ("order.filepart", Name::Unfinished),
            ("", Name::Refused("its length")),
            ("..", Name::Refused("a path in it")),
            ("../../etc/passwd", Name::Refused("a path in it")),
            ("/etc/passwd", Name::Refused("a path in it")),
            ("..\\x.edi", Name::Refused("a path in it")),
            ("a\nb.edi", Name::Refused("control characters or invisible ones in it")),
            ("a\u{1b}[2J.edi", Name::Refused("control characters or invisible ones in it")),
            ("order\u{200b}.edi", Name::Refused("control characters or invisible ones in it")),
            ("ide.\u{202e}redro", Name::Refused("control characters or invisible ones in it")),
            ("K\u{fffd}ln.edi", Name::Refused("bytes in it that are not UTF-8")),
        ];
        for (name, wanted) in table {
            assert_eq!(judge(name), wanted, "{name:?}");
        }
        assert_eq!(judge(&"x".repeat(256)), Name::Refused("its length"));
        assert_eq!(shown("a\nb\u{200b}"), "a\\u{a}b\\u{200b}");
        assert_eq!(shown(&"x".repeat(300)).chars().count(), 101);
        assert_eq!((marked("a.edi", "2"), marked("a", "2"), marked(".a", "2")), ("a-2.edi".into(), "a-2".into(), ".a-2".into()));
    }
}
