//! Interchanges that go back: segments, envelope, character set.

mod contrl;
mod ordrsp;

use encoding_rs::{
    Encoding, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5, ISO_8859_6, ISO_8859_7, ISO_8859_8, ISO_8859_15, UTF_8, WINDOWS_1254,
};
use jiff::civil::DateTime;

pub use contrl::{AckKind, AckOptions, acknowledge};
pub use ordrsp::{ResponseOptions, order_response, response_wanted};

use crate::envelope::Station;
use crate::syntax::Delimiters;

/// Bytes with a release character before each service character.
pub(crate) fn escaped(bytes: &[u8], delimiters: &Delimiters) -> Vec<u8> {
    let Some(release) = delimiters.release else { return bytes.to_vec() };
    let special = [Some(delimiters.component), Some(delimiters.element), Some(release), delimiters.repetition, Some(delimiters.terminator)];
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if special.contains(&Some(*byte)) {
            out.push(release);
        }
        out.push(*byte);
    }
    out
}

/// Segments of one syntax version, with the standard's own delimiters.
struct Segments {
    text: String,
    count: usize,
    version_4: bool,
}

impl Segments {
    fn new(version: &str) -> Self {
        Self { text: String::new(), count: 0, version_4: version.starts_with('4') }
    }

    /// Adds a segment of composite elements. Empty ones at the end of an element or of the segment are left out.
    fn add(&mut self, tag: &str, elements: &[&[&str]]) {
        self.text.push_str(tag);
        let used = elements.iter().rposition(|element| element.iter().any(|component| !component.is_empty())).map_or(0, |last| last + 1);
        for element in elements.iter().take(used) {
            self.text.push('+');
            let used = element.iter().rposition(|component| !component.is_empty()).map_or(0, |last| last + 1);
            for (place, component) in element.iter().take(used).enumerate() {
                if place > 0 {
                    self.text.push(':');
                }
                self.value(component);
            }
        }
        self.text.push('\'');
        self.count += 1;
    }

    fn value(&mut self, value: &str) {
        for c in value.chars().filter(|c| !c.is_control()) {
            if matches!(c, '+' | ':' | '?' | '\'') || c == '*' && self.version_4 {
                self.text.push('?');
            }
            self.text.push(c);
        }
    }
}

/// What stands around the messages that go back.
struct Envelope<'a> {
    /// The partner's own syntax identifier and version.
    syntax: &'a str,
    version: &'a str,
    sender: &'a Station,
    receiver: &'a Station,
    control: u64,
    now: DateTime,
    test: bool,
}

impl Envelope<'_> {
    /// One interchange with the one message that `write` gives for a version of the syntax, in a character set that holds it.
    fn around(&self, write: impl Fn(&str) -> Segments) -> Vec<u8> {
        let stations =
            [self.sender, self.receiver].map(|station| format!("{}{}{}", station.id, station.qualifier, station.routing)).concat();
        let mut message = write(self.version);
        let fit = Fit::find(&format!("{stations}{}", message.text), self.syntax, self.version);
        if fit.version != self.version {
            message = write(fit.version);
        }
        let mut head = Segments::new(fit.version);
        let una = if head.version_4 { "UNA:+.?*'" } else { "UNA:+.? '" };
        let day = self.now.strftime(if head.version_4 { "%Y%m%d" } else { "%y%m%d" }).to_string();
        let time = self.now.strftime("%H%M").to_string();
        let control = self.control.to_string();
        let station = |station: &Station| [station.id.clone(), station.qualifier.clone(), station.routing.clone()];
        let (sender, receiver) = (station(self.sender), station(self.receiver));
        head.add(
            "UNB",
            &[
                &[fit.identifier, fit.version],
                &sender.each_ref().map(String::as_str),
                &receiver.each_ref().map(String::as_str),
                &[&day, &time],
                &[&control],
                &[],
                &[],
                &[],
                &[],
                &[],
                &[if self.test { "1" } else { "" }],
            ],
        );
        let mut tail = Segments::new(fit.version);
        tail.add("UNZ", &[&["1"], &[&control]]);
        fit.encode(&[una, &head.text, &message.text, &tail.text].concat())
    }
}

/// A character set that holds a text.
struct Fit<'a> {
    identifier: &'a str,
    version: &'a str,
    encoding: Option<&'static Encoding>,
}

/// The sets of more than ASCII that are written with an encoder; ISO 8859-1 is not, its bytes are its code points.
const SETS: [(&str, &Encoding); 11] = [
    ("UNOD", ISO_8859_2),
    ("UNOE", ISO_8859_5),
    ("UNOF", ISO_8859_7),
    ("UNOG", ISO_8859_3),
    ("UNOH", ISO_8859_4),
    ("UNOI", ISO_8859_6),
    ("UNOJ", ISO_8859_8),
    ("UNOK", WINDOWS_1254),
    ("UNOL", ISO_8859_15),
    ("UNOW", UTF_8),
    ("UNOY", UTF_8),
];

impl<'a> Fit<'a> {
    /// The partner's own set when it holds the text, else the smallest one that does.
    fn find(text: &str, syntax: &'a str, version: &'a str) -> Self {
        let version = if matches!(version, "1" | "2" | "3" | "4") { version } else { "3" };
        let at_least_3 = if matches!(version, "1" | "2") { "3" } else { version };
        let own = SETS.iter().find(|(identifier, _)| *identifier == syntax);
        if let Some((identifier, encoding)) = own
            && !encoding.encode(text).2
        {
            return Self { identifier, version, encoding: Some(encoding) };
        }
        let is_level_a = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || " .,-()/=!\"%&*;<>'+:?".contains(c);
        let latin = text.chars().all(|c| (c as u32) < 0x80 || (0xa0..0x100).contains(&(c as u32)));
        match syntax {
            "UNOA" if text.chars().all(is_level_a) => Self { identifier: "UNOA", version, encoding: None },
            "UNOC" if latin => Self { identifier: "UNOC", version: at_least_3, encoding: None },
            _ if text.is_ascii() => Self { identifier: "UNOB", version, encoding: None },
            _ if latin => Self { identifier: "UNOC", version: at_least_3, encoding: None },
            _ => Self { identifier: "UNOY", version: "4", encoding: Some(UTF_8) },
        }
    }

    fn encode(&self, text: &str) -> Vec<u8> {
        match self.encoding {
            Some(encoding) => encoding.encode(text).0.into_owned(),
            None => text.chars().map(|c| u8::try_from(c as u32).unwrap_or(b'?')).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partners_set_is_kept_where_it_holds_the_text() {
        for (text, syntax, version, identifier, written_as) in [
            ("ABC 1", "UNOA", "1", "UNOA", "1"),
            ("Abc", "UNOA", "2", "UNOB", "2"),
            ("Müller", "UNOA", "2", "UNOC", "3"),
            ("Müller", "UNOC", "3", "UNOC", "3"),
            ("Łódź", "UNOD", "3", "UNOD", "3"),
            ("Łódź", "UNOC", "3", "UNOY", "4"),
            ("5 €", "UNOC", "3", "UNOY", "4"),
            ("Müller", "UNOY", "4", "UNOY", "4"),
            ("abc", "IATB", "", "UNOB", "3"),
        ] {
            let fit = Fit::find(text, syntax, version);
            assert_eq!((fit.identifier, fit.version), (identifier, written_as), "{text} {syntax}");
        }
        assert_eq!(Fit::find("Müller", "UNOC", "3").encode("Mü"), b"M\xfc");
        assert_eq!(Fit::find("Łódź", "UNOD", "3").encode("Łó"), b"\xa3\xf3");
    }

    #[test]
    fn empty_ends_are_left_out_and_service_characters_released() {
        let mut segments = Segments::new("3");
        segments.add("LIN", &[&["1"], &[], &["4000862141404", "EN", ""], &["", ""]]);
        segments.add("FTX", &[&["AAI"], &[], &[], &["What's 1+1: *?"]]);
        assert_eq!(segments.text, "LIN+1++4000862141404:EN'FTX+AAI+++What?'s 1?+1?: *??'");
        assert_eq!(segments.count, 2);
        let mut segments = Segments::new("4");
        segments.add("FTX", &[&["*\n"]]);
        assert_eq!(segments.text, "FTX+?*'");
    }
}
