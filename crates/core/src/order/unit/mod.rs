//! Units of measure, whatever list they were taken from, as codes of UN/ECE Recommendation 20 (and 21 for packages).
//!
//! A package's code is written as Recommendation 21 has it (`CT`), without the `X` that some standards put before it, unless the
//! bare code means or reads like something else: a keg is `XKG`, a sheet `XST`. What could be two things is none: the sender's own
//! word is kept beside it, and a person decides.

mod codes;
mod words;

use super::fold::Folded;

/// Which list a sender's unit is from: one code means different things in different lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitList {
    /// UN/ECE Recommendation 20 and 21 themselves (UBL, GS1 XML, cXML, openTRANS).
    Rec20,
    /// ANSI X12 data element 355.
    X12,
    /// UN/EDIFACT data element 6411.
    Edifact,
    /// Words as people write them: Dutch, English, German, French.
    Words,
}

/// The code of a unit; none when it is not known.
///
/// Case, dots, blanks and accents do not count. Words are also understood where codes belong, when no code has that form.
pub fn unit(written: &str, list: UnitList) -> Option<&'static str> {
    match list {
        UnitList::Words => word(written, None),
        UnitList::Rec20 | UnitList::Edifact => recommended(written),
        UnitList::X12 => {
            let code = Folded::upper(written)?;
            // What is longer than two characters is no code of X12's: the sender took another list.
            codes::X12.get(code.as_str()).or_else(|| if code.len() > 2 { recommended(written) } else { None })
        }
    }
}

/// The same for a word in a language that is known (ISO 639-1): `dozen` is twelve in English and boxes in Dutch, and nothing that one
/// can rely on where the language is not known.
pub fn unit_in(written: &str, language: &str) -> Option<&'static str> {
    word(written, Some(language))
}

/// What two units are compared by: one each is one piece is one unit.
pub(super) fn comparable(unit: &str) -> &str {
    match unit {
        "EA" | "C62" | "NAR" | "PCE" => "H87",
        "LM" => "MTR",
        "LF" => "FOT",
        "LY" => "YRD",
        "HC" => "CEN",
        "T3" => "MIL",
        other => other,
    }
}

fn recommended(written: &str) -> Option<&'static str> {
    let code = Folded::upper(written)?;
    codes::RECOMMENDED.get(code.as_str()).or_else(|| if code.len() > 2 { word(written, None) } else { None })
}

fn word(written: &str, language: Option<&str>) -> Option<&'static str> {
    let word = Folded::lower(written)?;
    let word = word.as_str();
    if let Some(found) = language.and_then(|language| words::in_language(word, language)) {
        return Some(found);
    }
    let bare = ["per", "pro", "par"].iter().find_map(|before| word.strip_prefix(before));
    words::WORDS.get(word).or_else(|| bare.and_then(|bare| words::WORDS.get(bare)))
}

#[cfg(test)]
mod tests;
