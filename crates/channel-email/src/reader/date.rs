//! Dates as mailers write them: RFC 5322, what came before it, ISO 8601, names of months in other languages, zones by name,
//! none at all.

use std::borrow::Cow;

use loket_core::message::SentAt;
use loket_core::time::Timestamp;

use super::fields::unfold;
use super::lines::lossy;
use super::phrases::lower;

/// The moment and the sender's offset; `None` when no date can be made of it.
pub(super) fn read(raw: &[u8]) -> Option<SentAt> {
    let raw = unfold(raw);
    let text = lower(&lossy(raw.get(..raw.len().min(200))?));
    let mut found = Found::default();
    let (outside, comment) = without_comments(&text);
    found.read(&outside);
    if found.offset.is_none() {
        found.offset = comment.split_whitespace().find_map(zone);
    }
    found.sent_at()
}

/// The text without what is in brackets, and what is in the last of them.
fn without_comments(text: &str) -> (Cow<'_, str>, String) {
    if !text.contains(['(', ')']) {
        return (text.into(), String::new());
    }
    let (mut outside, mut comment, mut depth) = (String::new(), String::new(), 0_u32);
    for c in text.chars() {
        match c {
            '(' => {
                depth += 1;
                comment.clear();
            }
            ')' => {
                depth = depth.saturating_sub(1);
                outside.push(' ');
            }
            c if depth > 0 => comment.push(c),
            c => outside.push(c),
        }
    }
    (outside.into(), comment)
}

#[derive(Default)]
struct Found {
    /// Numbers that are no time and no zone, with how many digits each has.
    numbers: Vec<(i64, usize)>,
    month: Option<i64>,
    time: Option<(i64, i64, i64)>,
    offset: Option<i64>,
}

impl Found {
    fn read(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let taken = match c {
                '0'..='9' => self.number(rest),
                '+' | '-' if self.time.is_some() && self.offset.is_none_or(|offset| offset == 0) => self.numeric_zone(rest),
                c if c.is_alphabetic() => self.word(rest),
                c => c.len_utf8(),
            };
            rest = rest.get(taken.max(1)..).unwrap_or_default();
        }
    }

    fn number(&mut self, rest: &str) -> usize {
        let digits = digits(rest);
        let tail = rest.get(digits..).unwrap_or_default();
        let value = rest.get(..digits).and_then(|text| text.parse().ok()).unwrap_or(i64::MAX);
        if self.time.is_none()
            && digits <= 2
            && let Some(after) = tail.strip_prefix(':')
            && after.starts_with(|c: char| c.is_ascii_digit())
        {
            return digits + self.clock(value, tail);
        }
        self.numbers.push((value, digits));
        digits
    }

    /// `:30`, `:30:12`, `:30:12.5`, `:30 pm`: what follows the hour. Says how long it is.
    fn clock(&mut self, hour: i64, tail: &str) -> usize {
        let mut values = [0, 0];
        let mut taken = 0;
        for value in &mut values {
            let Some(rest) = tail.get(taken..).and_then(|rest| rest.strip_prefix(':')) else { break };
            let length = digits(rest);
            *value = rest.get(..length).and_then(|text| text.parse().ok()).unwrap_or(0);
            taken += 1 + length;
        }
        if let Some(fraction) = tail.get(taken..).and_then(|rest| rest.strip_prefix(['.', ',']))
            && fraction.starts_with(|c: char| c.is_ascii_digit())
        {
            taken += 1 + digits(fraction);
        }
        let half = tail.get(taken..).unwrap_or_default().trim_start();
        let hour = match hour {
            12 if half.starts_with("am") => 0,
            1..=11 if half.starts_with("pm") => hour + 12,
            _ => hour,
        };
        let [minute, second] = values;
        self.time = Some((hour, minute, second));
        taken
    }

    /// `+0100`, `-05:00`, `+1`.
    fn numeric_zone(&mut self, rest: &str) -> usize {
        let sign = if rest.starts_with('-') { -1 } else { 1 };
        let length = digits(rest.get(1..).unwrap_or_default());
        let Some(number) = rest.get(1..1 + length).and_then(|text| text.parse::<i64>().ok()) else { return 1 };
        let mut taken = 1 + length;
        let minutes = match length {
            1 | 2 => {
                let tail = rest.get(taken..).unwrap_or_default();
                let minutes = tail.strip_prefix(':').filter(|tail| digits(tail) == 2).and_then(|tail| tail.get(..2)?.parse::<i64>().ok());
                taken += if minutes.is_some() { 3 } else { 0 };
                number * 60 + minutes.unwrap_or(0)
            }
            3 | 4 => number / 100 * 60 + number % 100,
            _ => return taken,
        };
        if minutes <= 14 * 60 {
            self.offset = Some(sign * minutes);
        }
        taken
    }

    fn word(&mut self, rest: &str) -> usize {
        let length = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        // The last one counts: "mar." is a Tuesday as well.
        if self.time.is_none()
            && let Some(month) = month(word)
        {
            self.month = Some(month);
        } else if self.time.is_some() && self.offset.is_none() {
            self.offset = zone(word);
        }
        length
    }

    fn sent_at(self) -> Option<SentAt> {
        let (year, month, day) = self.date()?;
        let (hour, minute, second) = self.time.unwrap_or((0, 0, 0));
        let offset = self.offset.unwrap_or(0);
        if !(1970..=2200).contains(&year)
            || !(1..=12).contains(&month)
            || !(1..=days_in(year, month)).contains(&day)
            || hour > 24
            || minute > 59
        {
            return None;
        }
        let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second.min(59) - offset * 60;
        Some(SentAt { at: Timestamp::from_seconds(seconds), offset: i16::try_from(offset).ok()? })
    }

    fn date(&self) -> Option<(i64, i64, i64)> {
        let numbers: Vec<_> = self.numbers.iter().copied().take(3).collect();
        match (self.month, numbers.as_slice()) {
            // 24 Nov 2026 | Nov 24 2026 | 2026 Nov 24
            (Some(month), [first, second, ..]) => {
                let (day, year) = if first.1 == 4 { (second, first) } else { (first, second) };
                Some((full_year(*year), month, day.0))
            }
            // 2026-11-24, 20261124 is not sent by anybody
            (None, [year, month, day]) if year.1 == 4 => Some((year.0, month.0, day.0)),
            // 24-11-2026 and, when it can only be so, 11/24/2026
            (None, [day, month, year]) if month.0 <= 12 => Some((full_year(*year), month.0, day.0)),
            (None, [month, day, year]) => Some((full_year(*year), month.0, day.0)),
            _ => None,
        }
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Years of two and three digits, as RFC 5322 section 4.3 reads them.
fn full_year((year, digits): (i64, usize)) -> i64 {
    match digits {
        1 | 2 if year < 50 => year + 2_000,
        1..=3 => year + 1_900,
        _ => year,
    }
}

fn month(word: &str) -> Option<i64> {
    const MONTHS: [&[&str]; 12] = [
        &["jan", "gen", "ene", "led", "sty"],
        &["feb", "fév", "fev", "úno", "lut"],
        &["mar", "mrt", "maa", "mär", "mae", "mars", "bře"],
        &["apr", "avr", "abr", "dub", "kwi"],
        &["may", "mei", "mai", "mag", "maj", "kvě"],
        &["jun", "juin", "giu", "czerw"],
        &["jul", "juil", "lug", "lip"],
        &["aug", "aoû", "aou", "ago", "srp", "sie"],
        &["sep", "set", "zář", "wrz"],
        &["oct", "okt", "ott", "out", "říj", "paź"],
        &["nov", "lis"],
        &["dec", "dez", "déc", "dic", "des", "pro", "gru"],
    ];
    MONTHS.iter().position(|names| names.iter().any(|name| word.starts_with(name))).and_then(|index| i64::try_from(index + 1).ok())
}

/// Minutes from UTC of a zone by its name.
fn zone(name: &str) -> Option<i64> {
    Some(match name {
        "z" | "ut" | "utc" | "gmt" | "wet" => 0,
        "bst" | "west" | "cet" | "met" | "mez" => 60,
        "cest" | "mest" | "mesz" | "eet" | "sast" => 120,
        "eest" | "msk" => 180,
        "ist" => 330,
        "sgt" | "hkt" => 480,
        "jst" | "kst" => 540,
        "aest" => 600,
        "nzst" => 720,
        "edt" => -240,
        "est" | "cdt" => -300,
        "cst" | "mdt" => -360,
        "mst" | "pdt" => -420,
        "pst" => -480,
        _ => return None,
    })
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (years counted from March, so that leap days come last).
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 306 + 5) / 10 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        read(text.as_bytes()).map(|sent| serde_json::to_string(&sent).unwrap().trim_matches('"').to_owned())
    }

    #[test]
    fn dates_of_all_kinds() {
        for (text, expected) in [
            ("Tue, 24 Nov 2026 09:30:00 +0100", "2026-11-24T09:30:00+01:00"),
            ("Tue, 24 Nov 2026 09:30:00 +0100 (CET)", "2026-11-24T09:30:00+01:00"),
            ("24 Nov 26 9:30 EST", "2026-11-24T09:30:00-05:00"),
            ("Tue Nov 24 09:30:00 2026", "2026-11-24T09:30:00+00:00"),
            ("Tue Nov 24 09:30:00 CET 2026", "2026-11-24T09:30:00+01:00"),
            ("Tue, 24 Nov 2026 09:30:00 GMT+0100", "2026-11-24T09:30:00+01:00"),
            ("Tue, 24-Nov-2026 09:30:00 +01:00", "2026-11-24T09:30:00+01:00"),
            ("2026-11-24T09:30:00.123+01:00", "2026-11-24T09:30:00+01:00"),
            ("2026-11-24 09:30:00Z", "2026-11-24T09:30:00+00:00"),
            ("di, 24 nov. 2026 09:30:00 +0100", "2026-11-24T09:30:00+01:00"),
            ("Di, 24 Mai 2026 09:30 (MESZ)", "2026-05-24T09:30:00+02:00"),
            ("mar., 24 août 2026 09:30:00 +0200", "2026-08-24T09:30:00+02:00"),
            ("11/24/2026 2:05:00 PM -0500", "2026-11-24T14:05:00-05:00"),
            ("24-11-2026 09:30", "2026-11-24T09:30:00+00:00"),
            ("Thu, 29 Feb 2024 23:59:60 -0000", "2024-02-29T23:59:59+00:00"),
            ("Tue, 24 Nov 2026\r\n 09:30:00 +0530", "2026-11-24T09:30:00+05:30"),
            ("Thu, 1 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00+00:00"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn no_date() {
        for text in [
            "",
            "gisteren",
            "Tue, 31 Feb 2026 09:30:00 +0100",
            "99 Nov 2026",
            "24 Nov 9999999999999999999999 10:00",
            "+",
            "24 Nov 1950 10:00:00 +0000",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
