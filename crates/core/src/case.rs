//! Cases: their numbers and their states.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A case's number as people say it on the phone: a counter per tenant and a check digit, in groups of three, e.g. `100-425`.
/// The check digit (Damm's algorithm) catches every single wrong digit and every swap of two neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaseNumber(u64);

/// A quasigroup of order 10 that is weakly totally anti-symmetric (Damm 2004).
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

fn damm(digits: impl Iterator<Item = u8>) -> u8 {
    digits.fold(0, |state, digit| DAMM.get(usize::from(state)).and_then(|row| row.get(usize::from(digit))).copied().unwrap_or_default())
}

impl CaseNumber {
    /// The counter's first value: numbers have six digits from the first one on.
    pub const FIRST: u64 = 10_001;

    /// From the tenant's counter.
    pub fn from_counter(counter: u64) -> Self {
        Self(counter)
    }

    /// The counter's value, as the store keeps it.
    pub fn counter(self) -> u64 {
        self.0
    }

    /// The numbers with a right check digit that stand in a text, in the usual spellings (`100-425`, `#100425`), at most five.
    pub fn find_all(text: &str) -> Vec<Self> {
        text.split(|c: char| !c.is_ascii_digit() && c != '-')
            .map(|word| word.trim_matches('-'))
            .filter(|word| (6..=24).contains(&word.len()))
            .filter_map(|word| word.parse().ok())
            .take(5)
            .collect()
    }
}

impl fmt::Display for CaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counter = self.0.to_string();
        let check = damm(counter.bytes().map(|b| b - b'0'));
        let digits = format!("{counter}{check}");
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl FromStr for CaseNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{text}` is not a case number{why}"));
        let mut digits = Vec::new();
        for c in text.trim().trim_start_matches('#').chars() {
            match c.to_digit(10) {
                Some(digit) => digits.push(u8::try_from(digit).unwrap_or_default()),
                None if matches!(c, '-' | ' ' | '.') => {}
                None => return wrong("; it looks like 100-425"),
            }
        }
        if !(2..=19).contains(&digits.len()) {
            return wrong("; it looks like 100-425");
        }
        if damm(digits.iter().copied()) != 0 {
            return wrong(": its check digit does not fit, so a digit is wrong or swapped");
        }
        digits.pop();
        Ok(Self(digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit))))
    }
}

impl Serialize for CaseNumber {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CaseNumber {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a case stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseStatus {
    /// Something is to be done.
    #[default]
    Open,
    /// Nothing is; a new message opens it again.
    Closed,
}

impl CaseStatus {
    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Open => 0,
            Self::Closed => 1,
        }
    }

    pub(crate) fn from_code(code: i16) -> Self {
        if code == 1 { Self::Closed } else { Self::Open }
    }
}

impl FromStr for CaseStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            _ => Err(format!("`{text}` is not a status; write open or closed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn is_said_in_groups_of_three() {
        assert_eq!(CaseNumber::from_counter(10_042).to_string(), "100-425");
        assert_eq!("#100425".parse(), Ok(CaseNumber::from_counter(10_042)));
        assert!("100-427".parse::<CaseNumber>().unwrap_err().contains("check digit"));
        assert_eq!(CaseNumber::find_all("Re: [#100-425] nog steeds niets, tel. 020-5551234"), [CaseNumber::from_counter(10_042)]);
    }

    proptest! {
        #[test]
        fn comes_back_from_its_text(counter in 1..u64::from(u32::MAX)) {
            let number = CaseNumber::from_counter(counter);
            prop_assert_eq!(number.to_string().parse(), Ok(number));
        }

        #[test]
        fn one_wrong_digit_is_noticed(counter in 10_000..10_000_000_u64, at in 0..5_usize, add in 1..10_u8) {
            let mut text = CaseNumber::from_counter(counter).to_string().replace('-', "").into_bytes();
            text[at] = b'0' + (text[at] - b'0' + add) % 10;
            prop_assert!(String::from_utf8(text).unwrap().parse::<CaseNumber>().is_err());
        }
    }
}
