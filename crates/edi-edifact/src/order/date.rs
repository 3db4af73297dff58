//! Dates of DTM in the formats of code list 2379; by the number of digits where none is given.

use jiff::civil::{Date, ISOWeekDate, Weekday};

use crate::syntax::Segment;

/// A day, or the days from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Date,
    pub(super) to: Option<Date>,
}

/// The date in a DTM.
pub(super) fn of_segment(segment: &Segment<'_>) -> Option<Span> {
    read(&segment.code(1, 1), &segment.code(1, 2))
}

/// A date by its format.
fn read(value: &str, format: &str) -> Option<Span> {
    let one = |from: Option<Date>| Some(Span { from: from?, to: None });
    let digits = value.strip_suffix('Z').unwrap_or(value);
    let by_format = match format {
        "2" => one(order(digits, [4, 2, 0], 2)),
        "3" => one(order(digits, [4, 0, 2], 2)),
        "4" => one(order(digits, [4, 2, 0], 4)),
        "101" | "201" | "202" | "301" | "302" => one(order(digits, [0, 2, 4], 2)),
        "102" | "203" | "204" | "205" | "303" | "304" => one(order(digits, [0, 4, 6], 4)),
        "103" => one(week(digits, 2, true).map(|span| span.from)),
        "105" => one(ordinal(digits)),
        "609" => month(digits, 2),
        "610" => month(digits, 4),
        "615" => week(digits, 2, false),
        "616" => week(digits, 4, false),
        "711" | "718" | "719" => period(digits, 4),
        "713" | "717" => period(digits, 2),
        _ => None,
    };
    // The format is often the wrong one; the number of digits is right.
    by_format.or_else(|| by_length(digits))
}

/// A day written `YYMMDD` or `CCYYMMDD`.
pub(crate) fn day(digits: &str) -> Option<Date> {
    let digits = digits.trim();
    match digits.len() {
        6 => order(digits, [0, 2, 4], 2),
        8 => order(digits, [0, 4, 6], 4),
        _ => None,
    }
}

fn by_length(value: &str) -> Option<Span> {
    if let Ok(from) = value.parse::<Date>() {
        return Some(Span { from, to: None });
    }
    if !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.contains('-').then(|| period(value, 4).or_else(|| period(value, 2))).flatten();
    }
    let from = match value.len() {
        6 | 10 => order(value, [0, 2, 4], 2),
        8 | 14 => order(value, [0, 4, 6], 4),
        // CCYYMMDDHHMM, or else YYMMDDHHMMSS.
        12 => order(value, [0, 4, 6], 4).filter(|date| (1970..2100).contains(&date.year())).or_else(|| order(value, [0, 2, 4], 2)),
        16 => return period(value, 4),
        _ => None,
    }?;
    Some(Span { from, to: None })
}

/// Year, month and day at these places; a year of so many digits.
fn order(value: &str, [year, month, day]: [usize; 3], year_digits: usize) -> Option<Date> {
    Date::new(self::year(value, year, year_digits)?, small(value, month)?, small(value, day)?).ok()
}

fn year(value: &str, at: usize, digits: usize) -> Option<i16> {
    let year: i16 = number(value.get(at..at + digits)?)?;
    Some(match digits {
        2 if year < 70 => 2000 + year,
        2 => 1900 + year,
        _ => year,
    })
}

fn small(value: &str, at: usize) -> Option<i8> {
    number(value.get(at..at + 2)?)
}

fn number<T: std::str::FromStr>(digits: &str) -> Option<T> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// From the first half to the second, with or without a dash between them.
fn period(value: &str, year_digits: usize) -> Option<Span> {
    let (from, to) = value.split_once('-').or_else(|| value.split_at_checked(value.len() / 2))?;
    let day = |value: &str| order(value, [0, year_digits, year_digits + 2], year_digits);
    let (from, to) = (day(from)?, day(to)?);
    Some(Span { from, to: (to != from).then_some(to) })
}

/// A week by ISO 8601, or one day of it.
fn week(value: &str, year_digits: usize, one_day: bool) -> Option<Span> {
    let (year, week) = (year(value, 0, year_digits)?, small(value, year_digits)?);
    let day = |day: Weekday| ISOWeekDate::new(year, week, day).ok().map(ISOWeekDate::date);
    if one_day {
        let day_number: i8 = number(value.get(year_digits + 2..year_digits + 3)?)?;
        return Some(Span { from: day(Weekday::from_monday_one_offset(day_number).ok()?)?, to: None });
    }
    Some(Span { from: day(Weekday::Monday)?, to: Some(day(Weekday::Sunday)?) })
}

fn month(value: &str, year_digits: usize) -> Option<Span> {
    let first = Date::new(year(value, 0, year_digits)?, small(value, year_digits)?, 1).ok()?;
    Some(Span { from: first, to: Some(first.last_of_month()) })
}

/// `YYDDD`.
fn ordinal(value: &str) -> Option<Date> {
    let day: i64 = number(value.get(2..5)?)?;
    let first = Date::new(year(value, 0, 2)?, 1, 1).ok()?;
    (1..=i64::from(first.days_in_year())).contains(&day).then(|| first.saturating_add(jiff::Span::new().days(day - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (value, format, from, to) in [
            ("20261124", "102", "2026-11-24", None),
            ("261124", "101", "2026-11-24", None),
            ("991231", "101", "1999-12-31", None),
            ("202611240930", "203", "2026-11-24", None),
            ("20261124093015", "204", "2026-11-24", None),
            ("2611240930", "201", "2026-11-24", None),
            ("202611240930+01", "303", "2026-11-24", None),
            ("24112026", "4", "2026-11-24", None),
            ("241126", "2", "2026-11-24", None),
            ("112426", "3", "2026-11-24", None),
            ("20261124-20261130", "718", "2026-11-24", Some("2026-11-30")),
            ("2026112420261130", "718", "2026-11-24", Some("2026-11-30")),
            ("20261124-20261124", "718", "2026-11-24", None),
            ("202611240800-202611241700", "719", "2026-11-24", None),
            ("261124-261130", "717", "2026-11-24", Some("2026-11-30")),
            ("202648", "616", "2026-11-23", Some("2026-11-29")),
            ("2648", "615", "2026-11-23", Some("2026-11-29")),
            ("26482", "103", "2026-11-24", None),
            ("202611", "610", "2026-11-01", Some("2026-11-30")),
            ("26328", "105", "2026-11-24", None),
            // No format, or the wrong one.
            ("20261124", "", "2026-11-24", None),
            ("261124", "", "2026-11-24", None),
            ("202611240930", "", "2026-11-24", None),
            ("261124093015", "", "2026-11-24", None),
            ("202611240930", "102", "2026-11-24", None),
            ("261124", "102", "2026-11-24", None),
            ("2026-11-24", "102", "2026-11-24", None),
            ("20261124", "ZZZ", "2026-11-24", None),
        ] {
            let span = read(value, format).unwrap_or_else(|| panic!("{value} {format}"));
            assert_eq!((span.from.to_string().as_str(), span.to.map(|to| to.to_string()).as_deref()), (from, to), "{value} {format}");
        }
    }

    #[test]
    fn no_dates() {
        for (value, format) in
            [("", "102"), ("20261301", "102"), ("00000000", "102"), ("ASAP", ""), ("2026é", "102"), ("26999", "105"), ("1", "616")]
        {
            assert_eq!(read(value, format), None, "{value}");
        }
    }
}
