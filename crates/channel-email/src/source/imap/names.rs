//! Small words of IMAP: folder names, quoted strings, sets of UIDs, dates.

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// A folder's name as the protocol wants it (RFC 3501 section 5.1.3: modified UTF-7).
pub(super) fn encode_folder(name: &str) -> String {
    let engine = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);
    let mut encoded = String::with_capacity(name.len());
    let mut foreign: Vec<u8> = Vec::new();
    let flush = |foreign: &mut Vec<u8>, encoded: &mut String| {
        if !foreign.is_empty() {
            encoded.push('&');
            engine.encode_string(&*foreign, encoded);
            encoded.push('-');
            foreign.clear();
        }
    };
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            flush(&mut foreign, &mut encoded);
            encoded.push(character);
            if character == '&' {
                encoded.push('-');
            }
        } else {
            foreign.extend(character.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut foreign, &mut encoded);
    encoded
}

/// A quoted string. `None` when the text holds what cannot be quoted.
pub(super) fn quoted(text: &str) -> Option<String> {
    if text.contains(['\r', '\n', '\0']) {
        return None;
    }
    Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A set of UIDs, given in ascending order: `1:3,7`.
pub(super) fn uid_set(uids: &[u32]) -> String {
    let mut set = String::new();
    let mut rest = uids.iter().copied().peekable();
    while let Some(first) = rest.next() {
        let mut last = first;
        while let Some(next) = rest.next_if(|next| last.checked_add(1) == Some(*next)) {
            last = next;
        }
        if !set.is_empty() {
            set.push(',');
        }
        set.push_str(&first.to_string());
        if last > first {
            set.push(':');
            set.push_str(&last.to_string());
        }
    }
    set
}

/// A server's date, ` 7-Jul-2026 02:44:25 -0700`, as RFC 3339. What is no such date stays as it is.
pub(super) fn date(text: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parsed = || {
        let mut parts = text.split_ascii_whitespace();
        let (date, time, zone) = (parts.next()?, parts.next()?, parts.next()?);
        let mut date = date.split('-');
        let day: u8 = date.next()?.parse().ok()?;
        let name = date.next()?;
        let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))? + 1;
        let year: u16 = date.next()?.parse().ok()?;
        let (sign, offset) = zone.split_at_checked(1)?;
        let (hours, minutes) = offset.split_at_checked(2)?;
        let shown = format!("{year:04}-{month:02}-{day:02}T{time}{sign}{hours}:{minutes}");
        shown.parse::<loket_core::time::Timestamp>().ok().map(|_| shown)
    };
    parsed().unwrap_or_else(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_in_modified_utf_7() {
        let table = [
            ("INBOX", "INBOX"),
            ("Bestellingen/2026", "Bestellingen/2026"),
            ("Q&A", "Q&-A"),
            ("Köln", "K&APY-ln"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Éléments envoyés", "&AMk-l&AOk-ments envoy&AOk-s"),
            ("😀", "&2D3eAA-"),
        ];
        for (name, encoded) in table {
            assert_eq!(encode_folder(name), encoded);
        }
    }

    #[test]
    fn strings_are_quoted_or_refused() {
        assert_eq!(quoted("a \"b\" \\c").as_deref(), Some("\"a \\\"b\\\" \\\\c\""));
        assert_eq!(quoted("a\r\nL2 LOGOUT"), None);
    }

    #[test]
    fn sets_are_short() {
        assert_eq!(uid_set(&[1, 2, 3, 7, 9, 10, u32::MAX]), "1:3,7,9:10,4294967295");
        assert_eq!(uid_set(&[]), "");
    }

    #[test]
    fn dates_in_one_form() {
        assert_eq!(date(" 7-Jul-2026 02:44:25 -0700"), "2026-07-07T02:44:25-07:00");
        assert_eq!(date("24-Nov-2026 23:00:00 +0100"), "2026-11-24T23:00:00+01:00");
        assert_eq!(date("yesterday"), "yesterday");
        assert_eq!(date("99-Jul-2026 02:44:25 é0700"), "99-Jul-2026 02:44:25 é0700");
    }
}
