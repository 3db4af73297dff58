//! Days and moments as orders write them.

use jiff::civil::Date;
use jiff::fmt::temporal::DateTimeParser;
use loket_core::message::SentAt;
use loket_core::time::Timestamp;

/// The day in a date or a point in time, as the sender's calendar had it.
pub(crate) fn date(written: &str) -> Option<Date> {
    let text = written.trim();
    let day = text.split(['T', ' ', 'Z']).next()?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i16>().ok()).flatten();
    let of = |year: &str, month: &str, day: &str| {
        let (month, day) = (i8::try_from(digits(month)?).ok()?, i8::try_from(digits(day)?).ok()?);
        Date::new(digits(year).filter(|_| year.len() == 4)?, month, day).ok()
    };
    if let Some(compact) = day.get(..8).filter(|start| start.bytes().all(|byte| byte.is_ascii_digit())) {
        return of(compact.get(..4)?, compact.get(4..6)?, compact.get(6..8)?);
    }
    if let (Some(year), Some(first), Some(month), Some(second), Some(day)) =
        (day.get(..4), day.get(4..5), day.get(5..7), day.get(7..8), day.get(8..10))
        && first == second
        && matches!(first, "-" | "/")
    {
        return of(year, month, day);
    }
    // Day first: the order in which those who use dots and dashes write.
    for mark in ['.', '-'] {
        let mut parts = day.split(mark);
        if let (Some(day), Some(month), Some(year), None) = (parts.next(), parts.next(), parts.next(), parts.next()) {
            return of(year, month, day);
        }
    }
    None
}

/// A point in time; one without an offset is taken as UTC, and a day alone is none.
pub(crate) fn moment(written: &str) -> Option<SentAt> {
    let pieces = DateTimeParser::new().parse_pieces(written.trim()).ok()?;
    let civil = pieces.date().to_datetime(pieces.time()?);
    let offset = pieces.to_numeric_offset().unwrap_or(jiff::tz::Offset::UTC);
    let at = offset.to_timestamp(civil).ok()?;
    Some(SentAt { at: Timestamp::from_micros(at.as_microsecond()), offset: i16::try_from(offset.seconds() / 60).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for written in [
            "2026-11-24",
            " 2026-11-24T23:30:00-08:00",
            "2026-11-24Z",
            "2026-11-24+01:00",
            "2026-11-24 10:00",
            "2026/11/24",
            "20261124",
            "202611241030",
            "20261124T103000",
            "24.11.2026",
            "24-11-2026",
        ] {
            assert_eq!(date(written).map(|date| date.to_string()).as_deref(), Some("2026-11-24"), "{written}");
        }
        for written in ["", "11/24/2026", "2026-13-01", "2026-02-30", "morgen", "26-11-24", "é026-11-24", "0000000é"] {
            assert_eq!(date(written), None, "{written}");
        }
    }

    #[test]
    fn moments() {
        let at = |written: &str| moment(written).map(|at| serde_json::to_value(at).unwrap());
        assert_eq!(at("2026-11-24T09:30:00+01:00"), Some("2026-11-24T09:30:00+01:00".into()));
        assert_eq!(at("2026-11-24T09:30:00.123-0800"), Some("2026-11-24T09:30:00.123-08:00".into()));
        assert_eq!(at("2026-11-24T09:30:00"), Some("2026-11-24T09:30:00+00:00".into()));
        assert_eq!(at("2026-11-24 09:30"), Some("2026-11-24T09:30:00+00:00".into()));
        assert_eq!(at("2026-11-24T09:30:00Z"), Some("2026-11-24T09:30:00+00:00".into()));
        assert_eq!(at("2026-11-24"), None);
        assert_eq!(at("gisteren"), None);
    }
}
