//! The character sets of the syntax identifiers UNOA to UNOY. Senders mislabel: text that is valid UTF-8 is taken as that whatever
//! the label says, text outside of a label's repertoire is read as well as it can be, and both are said.

use std::borrow::Cow;
use std::cell::Cell;

use encoding_rs::{
    EUC_KR, Encoding, ISO_2022_JP, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5, ISO_8859_6, ISO_8859_7, ISO_8859_8, ISO_8859_15, UTF_8,
    WINDOWS_1252, WINDOWS_1254,
};

/// How the text of an interchange is read.
#[derive(Debug)]
pub(crate) struct Charset {
    label: String,
    encoding: &'static Encoding,
    repertoire: Repertoire,
    /// What came up since it was last asked.
    seen: Cell<Seen>,
    /// Whether anything was said about the label yet.
    said: Cell<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repertoire {
    /// The label allows ASCII only.
    Ascii,
    /// The label means the encoding.
    Known,
    /// The label says nothing that helps.
    Unknown,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    utf8: bool,
    outside: bool,
    damaged: bool,
}

impl Charset {
    /// By the syntax identifier (data element 0001).
    pub(crate) fn new(label: &str) -> Self {
        let (encoding, repertoire) = match label.to_ascii_uppercase().as_str() {
            "UNOA" | "UNOB" => (WINDOWS_1252, Repertoire::Ascii),
            // ISO 8859-1 as everybody means it.
            "UNOC" => (WINDOWS_1252, Repertoire::Known),
            "UNOD" => (ISO_8859_2, Repertoire::Known),
            "UNOE" => (ISO_8859_5, Repertoire::Known),
            "UNOF" => (ISO_8859_7, Repertoire::Known),
            "UNOG" => (ISO_8859_3, Repertoire::Known),
            "UNOH" => (ISO_8859_4, Repertoire::Known),
            "UNOI" => (ISO_8859_6, Repertoire::Known),
            "UNOJ" => (ISO_8859_8, Repertoire::Known),
            "UNOK" => (WINDOWS_1254, Repertoire::Known),
            "UNOL" => (ISO_8859_15, Repertoire::Known),
            "UNOW" | "UNOY" => (UTF_8, Repertoire::Known),
            "KECA" => (EUC_KR, Repertoire::Known),
            _ => (WINDOWS_1252, Repertoire::Unknown),
        };
        Self { label: label.to_owned(), encoding, repertoire, seen: Cell::default(), said: Cell::new(false) }
    }

    /// Bytes as text.
    pub(crate) fn decode<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        let utf8 = std::str::from_utf8(bytes).ok();
        let escapes = self.label.eq_ignore_ascii_case("UNOX") && bytes.contains(&0x1b);
        match utf8 {
            Some(text) if bytes.is_ascii() && !escapes => return Cow::Borrowed(text),
            Some(text) if !escapes => {
                if self.encoding != UTF_8 {
                    self.mark(|seen| seen.utf8 = true);
                }
                return Cow::Borrowed(text);
            }
            _ => {}
        }
        let encoding = match self.encoding {
            _ if escapes => ISO_2022_JP,
            // Said to be UTF-8 and not: what it usually is instead.
            encoding if encoding == UTF_8 => WINDOWS_1252,
            encoding => encoding,
        };
        let (text, damaged) = encoding.decode_without_bom_handling(bytes);
        let outside = self.repertoire != Repertoire::Known || self.encoding == UTF_8;
        self.mark(|seen| {
            seen.outside |= outside && !escapes;
            seen.damaged |= damaged;
        });
        text
    }

    /// What was odd about the texts since this was last asked.
    pub(crate) fn take_notes(&self) -> Vec<String> {
        let seen = self.seen.take();
        let label = &self.label;
        let says = match (self.repertoire, label.is_empty()) {
            (_, true) => "no character set is named".to_owned(),
            (Repertoire::Unknown, _) => format!("the character set `{label}` is not known"),
            (Repertoire::Ascii, _) => format!("{label} has no such characters as its texts have"),
            (Repertoire::Known, _) => format!("its texts are not in the character set of {label}"),
        };
        let mut notes = Vec::new();
        if seen.utf8 {
            notes.push(format!("{says}; read as UTF-8"));
        }
        if seen.outside {
            notes.push(format!("{says}; read as Windows-1252"));
        }
        if seen.damaged {
            notes.push(format!("some of its text is not valid in the character set of {label}"));
        }
        // An identifier that no standard has is odd even where its texts are plain.
        let named = label.to_ascii_uppercase();
        let odd = self.repertoire == Repertoire::Unknown && !label.is_empty() && named != "UNOX";
        if odd && notes.is_empty() && !self.said.get() {
            notes.push(format!("{says}; its texts need none"));
        }
        self.said.set(self.said.get() || !notes.is_empty());
        notes
    }

    fn mark(&self, change: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.get();
        change(&mut seen);
        self.seen.set(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_reads_its_own_letters() {
        for (label, bytes, text) in [
            ("UNOC", &b"M\xfcller"[..], "Müller"),
            ("UNOD", b"\xa3\xf3d\xbc", "Łódź"),
            ("UNOE", b"\xb7\xd0\xda\xd0\xd7", "Заказ"),
            ("UNOF", b"\xc1\xe8\xde\xed\xe1", "Αθήνα"),
            ("UNOK", b"Ad\xfd", "Adı"),
            ("UNOL", b"5 \xa4", "5 €"),
            ("UNOY", "Zürich".as_bytes(), "Zürich"),
            ("UNOW", "Zürich".as_bytes(), "Zürich"),
            ("KECA", b"\xc1\xd6\xb9\xae", "주문"),
            ("UNOX", b"\x1b$BCmJ8\x1b(B", "注文"),
            ("unoc", b"caf\xe9", "café"),
        ] {
            let charset = Charset::new(label);
            assert_eq!(charset.decode(bytes), text, "{label}");
            assert_eq!(charset.take_notes(), Vec::<String>::new(), "{label}");
        }
    }

    #[test]
    fn what_the_label_does_not_mean_is_read_and_said() {
        for (label, bytes, text, words) in [
            ("UNOA", &b"M\xfcller"[..], "Müller", "UNOA has no such characters as its texts have; read as Windows-1252"),
            ("UNOB", "Müller".as_bytes(), "Müller", "read as UTF-8"),
            ("UNOC", "Müller".as_bytes(), "Müller", "not in the character set of UNOC; read as UTF-8"),
            ("UNOY", b"M\xfcller", "Müller", "not in the character set of UNOY; read as Windows-1252"),
            ("IATB", b"M\xfcller", "Müller", "`IATB` is not known; read as Windows-1252"),
            ("ANSI", b"Muller", "Muller", "`ANSI` is not known"),
            ("", b"M\xfcller", "Müller", "no character set is named"),
            ("UNOF", b"\xd2", "\u{fffd}", "not valid"),
        ] {
            let charset = Charset::new(label);
            assert_eq!(charset.decode(bytes), text, "{label}");
            let notes = charset.take_notes();
            assert!(notes.len() == 1 && notes[0].contains(words), "{label}: {notes:?}");
        }
    }
}
