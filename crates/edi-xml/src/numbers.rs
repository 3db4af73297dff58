//! Amounts and quantities as they are written by people and programs from all over the world.

use std::str::FromStr;

use rust_decimal::Decimal;

/// What a lone comma before three digits means: `1,234`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoneComma {
    /// A decimal mark.
    Decimal,
    /// Thousands, as cXML's Money has it.
    Thousands,
}

/// A number, and whether a lone comma in it had to be decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number {
    pub(crate) value: Decimal,
    pub(crate) decided: bool,
}

/// No number that means something is longer.
const MAX_DIGITS: usize = 60;

/// Reads a number with whatever marks it is written.
pub(crate) fn number(written: &str, comma: LoneComma) -> Option<Number> {
    let mut text: String = written
        .chars()
        .take(MAX_DIGITS + 1)
        .filter(|c| !c.is_whitespace() && !matches!(c, '\'' | '\u{2019}' | '$' | '€' | '£'))
        .map(|c| if c == '\u{2212}' { '-' } else { c })
        .collect();
    if written.chars().nth(MAX_DIGITS).is_some() {
        return None;
    }
    let is_negative = text.starts_with('-') || text.ends_with('-');
    text = text.trim_start_matches(['-', '+']).trim_end_matches('-').to_owned();
    let sign = |value: Decimal| if is_negative { -value } else { value };
    if text.contains(['e', 'E']) && !text.contains(',') {
        return Decimal::from_scientific(&text).ok().map(|value| Number { value: sign(value), decided: false });
    }
    let commas = text.matches(',').count();
    let dots = text.matches('.').count();
    let mut decided = false;
    let mark = match (commas, dots) {
        (0, 0 | 1) => '.',
        (0, _) if grouped(&text, '.') => ',',
        (1, 0) => match text.split_once(',') {
            Some((whole, rest)) if rest.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0') => {
                decided = true;
                if comma == LoneComma::Decimal { ',' } else { '.' }
            }
            _ => ',',
        },
        (_, 0) if grouped(&text, ',') => '.',
        (_, 1) if text.rfind(',') < text.rfind('.') => '.',
        (1, _) if text.rfind('.') < text.rfind(',') => ',',
        _ => return None,
    };
    let plain: String = match mark {
        '.' => text.replace(',', ""),
        _ => text.replace('.', "").replace(',', "."),
    };
    let plain = plain.strip_suffix('.').unwrap_or(&plain);
    let plain = if plain.starts_with('.') { format!("0{plain}") } else { plain.to_owned() };
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    Decimal::from_str(&plain).ok().map(|value| Number { value: sign(value), decided })
}

/// Whether the marks stand where thousands end.
fn grouped(text: &str, mark: char) -> bool {
    let mut groups = text.split(mark);
    groups.next().is_some_and(|first| (1..=3).contains(&first.len())) && groups.all(|group| group.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_countries() {
        for (written, value, decided) in [
            ("12.50", "12.50", false),
            ("12,50", "12.50", false),
            (" 1,234.50 ", "1234.50", false),
            ("1.234,50", "1234.50", false),
            ("1 234,5", "1234.5", false),
            ("1\u{a0}234\u{202f}567", "1234567", false),
            ("1'234.50", "1234.50", false),
            ("1,234,567", "1234567", false),
            ("1.234.567", "1234567", false),
            ("1.234", "1.234", false),
            ("0,125", "0.125", false),
            ("1,234", "1.234", true),
            (".5", "0.5", false),
            (",5", "0.5", false),
            ("12.", "12", false),
            ("+7", "7", false),
            ("-7.0", "-7.0", false),
            ("7-", "-7", false),
            ("1E3", "1000", false),
            ("1.5e-2", "0.015", false),
            ("$1,234.50", "1234.50", false),
            ("0", "0", false),
            ("007", "7", false),
            ("0.33333333333333333333333333333333", "0.3333333333333333333333333333", false),
        ] {
            let number = number(written, LoneComma::Decimal).unwrap_or_else(|| panic!("{written}"));
            assert_eq!((number.value.to_string().as_str(), number.decided), (value, decided), "{written}");
        }
        assert_eq!(number("1,234", LoneComma::Thousands).unwrap().value.to_string(), "1234");
        for written in
            ["", "x", "1x", "12 pcs", "1.2.3", "1,2,3", "--", ".", "1.2,3.4", "1,2.3,4", "1e", "NaN", &"9".repeat(61), &"9".repeat(40)]
        {
            assert_eq!(number(written, LoneComma::Decimal), None, "{written}");
        }
    }
}
