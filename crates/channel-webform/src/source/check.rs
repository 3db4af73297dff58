//! Whether what was posted is what the form asks for.

use crate::config::{FieldConfig, FieldKind, FormConfig, Target, is_stand_in};
use crate::decode::{Field, Value};
use crate::value::{is_checked, is_email};

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Required,
    NotText,
    NotFile,
    TooLong(usize),
    NotEmail,
    NotPhone,
    NotNumber,
    NotDate,
    NotChoice,
}

/// The outcome.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Checked {
    /// Fields and what is wrong with each, in the order of the form.
    pub(super) faults: Vec<(String, Fault)>,
    /// The field that is taken as the text in place of the form's own.
    pub(super) stand_in: Option<String>,
}

/// Compares what was posted with the form. Fields that the form does not know are nobody's fault.
pub(super) fn check(form: &FormConfig, given: &[Field]) -> Checked {
    let mut checked = Checked::default();
    for config in &form.fields {
        let mut values: Vec<&Field> = given.iter().filter(|field| field.name == config.name).collect();
        let missing = config.to == Target::Text && config.required && values.iter().all(|field| is_empty(field));
        if missing
            && checked.stand_in.is_none()
            && let Some(other) = stand_in(form, given)
        {
            checked.stand_in = Some(other.name.clone());
            values = vec![other];
        }
        if let Err(fault) = check_field(config, &values) {
            checked.faults.push((config.name.clone(), fault));
        }
    }
    // Where everything may be left out, something must still be there to make a message of.
    if checked.faults.is_empty() && given.iter().filter(|field| !field.is_ours()).all(is_empty) {
        let main = form.fields.iter().find(|config| config.to == Target::Text).or(form.fields.first());
        checked.faults.extend(main.map(|config| (config.name.clone(), Fault::Required)));
    }
    checked
}

fn stand_in<'a>(form: &FormConfig, given: &'a [Field]) -> Option<&'a Field> {
    given.iter().find(|field| {
        is_stand_in(&field.name) && field.text().is_some() && !is_empty(field) && form.fields.iter().all(|config| config.name != field.name)
    })
}

fn is_empty(field: &Field) -> bool {
    matches!(&field.value, Value::Text(text) if text.trim().is_empty())
}

fn check_field(config: &FieldConfig, values: &[&Field]) -> Result<(), Fault> {
    let mut filled = false;
    for field in values.iter().filter(|field| !is_empty(field)) {
        match (&field.value, config.kind) {
            (Value::File(_), FieldKind::File) => filled = true,
            // A form that forgot its enctype sends the file's name as a text: better said than lost.
            (_, FieldKind::File) => return Err(Fault::NotFile),
            (Value::Text(text), FieldKind::Checkbox) => filled |= is_checked(text),
            (Value::Text(text), _) => {
                check_text(config, text)?;
                filled = true;
            }
            (Value::Nested(_) | Value::File(_), _) => return Err(Fault::NotText),
        }
    }
    if config.required && !filled { Err(Fault::Required) } else { Ok(()) }
}

fn check_text(config: &FieldConfig, text: &str) -> Result<(), Fault> {
    if let Some(most) = config.max_length {
        // A page counts a line break as one character and sends two.
        if text.chars().filter(|&c| c != '\r').count() > most {
            return Err(Fault::TooLong(most));
        }
    }
    let text = text.trim();
    let (proper, fault) = match config.kind {
        FieldKind::Email => (is_email(text), Fault::NotEmail),
        FieldKind::Phone => (is_phone(text), Fault::NotPhone),
        FieldKind::Number => (is_number(text), Fault::NotNumber),
        FieldKind::Date => (is_date(text), Fault::NotDate),
        FieldKind::Choice => (config.choices.iter().any(|choice| choice.trim() == text), Fault::NotChoice),
        _ => (true, Fault::NotText),
    };
    if proper { Ok(()) } else { Err(fault) }
}

fn is_phone(text: &str) -> bool {
    let known = |c: char| c.is_ascii_digit() || " +-()./ext#*\u{a0}".contains(c);
    text.len() <= 60 && text.chars().all(known) && text.bytes().filter(u8::is_ascii_digit).count() >= 3
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    match digits.split_once(['.', ',']) {
        Some((whole, part)) => !(whole.is_empty() && part.is_empty()) && plain(whole) && plain(part),
        None => !digits.is_empty() && plain(digits),
    }
}

/// A day of the calendar, as date fields send it: `2026-02-28`.
fn is_date(text: &str) -> bool {
    let mut parts =
        text.split('-').map(|part| (part.len(), part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten()));
    let (Some((4, Some(year))), Some((2, Some(month))), Some((2, Some(day))), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(judge: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(judge(text), "{text}");
        }
        for text in bad {
            assert!(!judge(text), "{text}");
        }
    }

    #[test]
    fn kinds_of_text() {
        all(is_phone, &["+31 (0)20 123 45 67", "112", "020-1234567 ext. 3"], &["", "12", "call me", "tel 0201234567"]);
        all(is_number, &["1", "-1.5", "1,5", ".5", "100000000000000000000000"], &["", "-", ".", "1.2.3", "1e5", "٣"]);
        all(
            is_date,
            &["2026-02-28", "2024-02-29", "1999-12-31"],
            &["", "2026-02-29", "1900-02-29", "2026-13-01", "2026-00-01", "2026-1-1", "01-01-2026", "2026-01-01-"],
        );
    }
}
