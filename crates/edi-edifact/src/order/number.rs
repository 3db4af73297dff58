//! Numbers as people's systems write them: with a point or a comma, whatever UNA says.

use rust_decimal::Decimal;

/// A number, with the digits that it was written with. None when it is none.
pub(super) fn decimal(written: &str) -> Option<Decimal> {
    let compact: String = written.chars().filter(|c| !c.is_whitespace()).collect();
    let (negative, digits) = match compact.strip_prefix('-').or_else(|| compact.strip_suffix('-')) {
        Some(digits) => (true, digits),
        None => (false, compact.strip_prefix('+').unwrap_or(&compact)),
    };
    let plain = with_point(digits)?;
    let value: Decimal = Decimal::from_str_exact(&plain).or_else(|_| plain.parse()).ok()?;
    Some(if negative { -value } else { value })
}

/// The digits with a point as decimal mark and no others. With both marks the last one is the decimal mark; one that comes
/// more than once parts thousands.
fn with_point(digits: &str) -> Option<String> {
    let sound = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    if !sound || !digits.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let last = digits.rfind(['.', ',']);
    let mark = last.filter(|last| {
        let mark = digits.get(*last..=*last).unwrap_or_default();
        digits.matches(mark).count() == 1
    });
    let whole = digits.get(..mark.unwrap_or(digits.len()))?.replace(['.', ','], "");
    let fraction = mark.and_then(|mark| digits.get(mark + 1..)).unwrap_or_default();
    let whole = if whole.is_empty() { "0" } else { whole.as_str() };
    Some(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}

/// Whether these are digits of which the last one is GS1's check digit of the others.
pub(super) fn has_check_digit(digits: &str) -> bool {
    let weighted = digits.bytes().rev().zip([1, 3].into_iter().cycle());
    let sum: u32 = weighted.map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0')) * weight).sum();
    digits.len() > 1 && digits.bytes().all(|byte| byte.is_ascii_digit()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stay_as_written() {
        for (written, read) in [
            ("12.50", "12.50"),
            ("12,50", "12.50"),
            (" 12 ", "12"),
            (".5", "0.5"),
            (",5", "0.5"),
            ("5.", "5"),
            ("1.234,50", "1234.50"),
            ("1,234.50", "1234.50"),
            ("1.234.567", "1234567"),
            ("12345,678", "12345.678"),
            ("-3", "-3"),
            ("3-", "-3"),
            ("+3", "3"),
            ("0", "0"),
            ("000010", "10"),
            ("0.333333333333333333333333333333333", "0.3333333333333333333333333333"),
        ] {
            assert_eq!(decimal(written).map(|value| value.to_string()).as_deref(), Some(read), "{written}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for written in ["", " ", "-", ".", "12x", "x", "1e5", "--3", "１２", "99999999999999999999999999999999999"] {
            assert_eq!(decimal(written), None, "{written}");
        }
    }

    #[test]
    fn check_digits() {
        for (digits, right) in [
            ("5400003000017", true),
            ("5400003000018", false),
            ("96385074", true),
            ("036000291452", true),
            ("", false),
            ("0", false),
            ("540000300001x", false),
        ] {
            assert_eq!(has_check_digit(digits), right, "{digits}");
        }
    }
}
