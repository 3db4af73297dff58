//! What stands in elements: texts, codes, amounts, dates and times.

use encoding_rs::WINDOWS_1252;
use jiff::civil::{Date, DateTime, Time};
use rust_decimal::Decimal;

/// An element that should be an amount and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotANumber;

/// Text as people read it: UTF-8, else what Windows calls Latin-1; on one line, without control characters.
pub(crate) fn text(bytes: &[u8], ebcdic: bool) -> String {
    let decoded = match std::str::from_utf8(bytes) {
        _ if ebcdic => bytes.iter().copied().map(char::from).collect(),
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    };
    let blank = |c: char| c.is_control() || c == '\u{a0}';
    if !decoded.contains(blank) {
        return decoded;
    }
    decoded.replace(blank, " ").trim().to_owned()
}

/// A code or a number of somebody's: as text, but a line break in it was never meant.
pub(crate) fn code(bytes: &[u8], ebcdic: bool) -> String {
    if bytes.contains(&b'\n') {
        let joined: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != b'\n').collect();
        return text(&joined, ebcdic);
    }
    text(bytes, ebcdic)
}

/// An amount with the digits as written; none when there is nothing. Both `.` and `,` mark decimals; where both stand, the last one does.
pub(crate) fn number(bytes: &[u8]) -> Result<Option<Decimal>, NotANumber> {
    let mut digits = String::with_capacity(bytes.len() + 1);
    let last_mark = bytes.iter().rposition(|byte| matches!(byte, b'.' | b','));
    let marks = |mark: u8| bytes.iter().filter(|&&byte| byte == mark).count();
    let mixed = marks(b'.') > 0 && marks(b',') > 0;
    // 1,234,567: nothing has two decimal marks.
    let grouped = !mixed && marks(b'.').max(marks(b',')) > 1 && is_grouped(bytes);
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits.push(char::from(byte)),
            b'.' | b',' if grouped => {}
            b'.' | b',' if Some(at) == last_mark => {
                if !digits.ends_with(|c: char| c.is_ascii_digit()) {
                    digits.push('0');
                }
                digits.push('.');
            }
            b'.' | b',' if mixed && Some(byte) != last_mark.and_then(|last| bytes.get(last).copied()) => {}
            b'+' | b'$' if digits.is_empty() => {}
            b'-' if digits.is_empty() => digits.push('-'),
            // Mainframes write the sign behind.
            b'-' if at + 1 == bytes.len() && !digits.starts_with('-') => digits.insert(0, '-'),
            b'E' | b'e' if !digits.is_empty() => return scientific(bytes),
            b'\n' => {}
            _ => return Err(NotANumber),
        }
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    if digits.ends_with('.') {
        digits.pop();
    }
    let digits = digits.trim_start_matches('0');
    let digits = if digits.starts_with(|c: char| c.is_ascii_digit() || c == '-') { digits.to_owned() } else { format!("0{digits}") };
    Decimal::from_str_exact(&digits).or_else(|_| digits.parse()).map(Some).map_err(|_| NotANumber)
}

/// Whether the digits stand in groups of three.
fn is_grouped(bytes: &[u8]) -> bool {
    let mut groups = bytes.split(|byte| matches!(byte, b'.' | b','));
    groups.next().is_some_and(|first| (1..=3).contains(&first.len())) && groups.all(|group| group.len() == 3)
}

/// Whether a comma may divide thousands just as well as decimals: `1,200`.
pub(crate) fn is_unclear(bytes: &[u8]) -> bool {
    let commas = bytes.iter().filter(|&&byte| byte == b',').count();
    commas == 1 && !bytes.contains(&b'.') && !bytes.starts_with(b"0") && is_grouped(bytes)
}

fn scientific(bytes: &[u8]) -> Result<Option<Decimal>, NotANumber> {
    let text = std::str::from_utf8(bytes).map_err(|_| NotANumber)?.replace(',', ".");
    Decimal::from_scientific(&text).map(Some).map_err(|_| NotANumber)
}

/// A date: CCYYMMDD, or YYMMDD with the century where the sender gives one; also with dashes or slashes between, and with a time behind.
pub(crate) fn date(bytes: &[u8], century: &[u8]) -> Option<Date> {
    let digits: Vec<u8> = bytes.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0').collect();
    if bytes.iter().any(|byte| !(byte.is_ascii_digit() || matches!(byte, b'-' | b'/' | b'.' | b'\n'))) {
        return None;
    }
    let of = |from: usize, count: usize| {
        digits.get(from..from + count).map(|part| part.iter().fold(0_i16, |sum, &digit| sum * 10 + i16::from(digit)))
    };
    let (year, from) = match digits.len() {
        6 => {
            let short = of(0, 2)?;
            let century = match century {
                [b'0'..=b'9', b'0'..=b'9'] => number(century).ok()??.try_into().ok()?,
                _ if short >= 70 => 19,
                _ => 20,
            };
            (century * 100 + short, 2)
        }
        8 | 12 | 14 => (of(0, 4)?, 4),
        _ => return None,
    };
    Date::new(year, i8::try_from(of(from, 2)?).ok()?, i8::try_from(of(from + 2, 2)?).ok()?).ok()
}

/// A date and the time of day beside it; midnight where there is none that can be read.
pub(crate) fn date_time(day: &str, time: &str) -> Option<DateTime> {
    let day = date(day.as_bytes(), b"")?;
    let of = |from: usize| time.get(from..from + 2).and_then(|part| part.parse::<i8>().ok());
    let time = Time::new(of(0).unwrap_or(0), of(2).unwrap_or(0), of(4).unwrap_or(0), 0).unwrap_or(Time::midnight());
    Some(day.to_datetime(time))
}

/// Whether digits are a GTIN: of its length, and with the right check digit.
pub(crate) fn is_gtin(text: &str) -> bool {
    let digits = text.bytes().rev().enumerate();
    let sum: u32 = digits.map(|(at, digit)| u32::from(digit.wrapping_sub(b'0')) * if at % 2 == 1 { 3 } else { 1 }).sum();
    matches!(text.len(), 8 | 12 | 13 | 14) && text.bytes().all(|byte| byte.is_ascii_digit()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_digits() {
        for (written, expected) in [
            ("12.50", "12.50"),
            ("12,50", "12.50"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("0005", "5"),
            ("0", "0"),
            ("0.00", "0.00"),
            ("00.10", "0.10"),
            ("100.", "100"),
            ("+7", "7"),
            ("$2.50", "2.50"),
            ("7-", "-7"),
            ("1,234.50", "1234.50"),
            ("1.234,50", "1234.50"),
            ("1,234,567.8", "1234567.8"),
            ("1,234,567", "1234567"),
            ("1E3", "1000"),
            ("1\n2", "12"),
            ("12345678901234567890.12345678", "12345678901234567890.12345678"),
        ] {
            assert_eq!(number(written.as_bytes()).unwrap().unwrap().to_string(), expected, "{written}");
        }
        for written in ["x", "1 2", "1-2", "1.2.3", "--1", "1E999", "99999999999999999999999999999999", "12EA", "-"] {
            assert_eq!(number(written.as_bytes()), Err(NotANumber), "{written}");
        }
        assert_eq!(number(b""), Ok(None));
    }

    #[test]
    fn commas_that_may_divide_thousands() {
        for written in ["1,200", "12,345", "999,000"] {
            assert!(is_unclear(written.as_bytes()), "{written}");
        }
        for written in ["12,50", "0,125", "1,234.5", "1.200", "1,234,567", "1234,567", "1200", ""] {
            assert!(!is_unclear(written.as_bytes()), "{written}");
        }
    }

    #[test]
    fn dates_of_all_lengths() {
        for (written, century, expected) in [
            ("20261124", "", "2026-11-24"),
            ("261124", "", "2026-11-24"),
            ("981124", "", "1998-11-24"),
            ("261124", "19", "1926-11-24"),
            ("2026-11-24", "", "2026-11-24"),
            ("202611240930", "", "2026-11-24"),
        ] {
            assert_eq!(date(written.as_bytes(), century.as_bytes()).unwrap().to_string(), expected, "{written}");
        }
        for written in ["", "20261324", "20260230", "ASAP", "2026", "999999", "00000000"] {
            assert_eq!(date(written.as_bytes(), b""), None, "{written}");
        }
        assert_eq!(date_time("261124", "0930").unwrap().to_string(), "2026-11-24T09:30:00");
        assert_eq!(date_time("20261124", "").unwrap().to_string(), "2026-11-24T00:00:00");
        assert_eq!(date_time("20261124", "2575x").unwrap().to_string(), "2026-11-24T00:00:00");
    }

    #[test]
    fn texts_in_utf_8_and_latin_1() {
        assert_eq!(text("Café".as_bytes(), false), "Café");
        assert_eq!(text(b"Caf\xe9 \x80", false), "Café €");
        assert_eq!(text(b"a\nb\0", false), "a b");
        assert_eq!(code(b"47\n11", false), "4711");
    }

    #[test]
    fn check_digits_of_gtins() {
        assert!(is_gtin("4006381333931") && is_gtin("012345678905") && is_gtin("96385074"));
        assert!(!is_gtin("4006381333932") && !is_gtin("40063813339") && !is_gtin("40063813339x1"));
    }
}
