//! An attached message as a mail (RFC 5322): what is in it can then be opened by everybody. Its bytes are found again by their
//! hash, so the same stream must always give the same mail.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::ids::sha256_hex;
use super::{Content, File, Message, Person, read};

/// How deep messages may be attached to each other. Deeper ones are given as they came.
const MAX_DEPTH: usize = 8;

/// A TNEF stream as a mail; `None` when it cannot be read.
pub(in super::super) fn as_mail(stream: &[u8]) -> Option<Vec<u8>> {
    convert(stream, MAX_DEPTH)
}

/// Recursive, `depth` levels deep at most.
fn convert(stream: &[u8], depth: usize) -> Option<Vec<u8>> {
    let message = read(stream).ok()?;
    // Bytes of the stream do not get into the mail unencoded, so nothing in it can look like this.
    let boundary = format!("=_{}", sha256_hex(stream).get(..40).unwrap_or_default());
    let mut mail = header(&message);
    let _ = writeln!(mail, "Content-Type: multipart/mixed; boundary=\"{boundary}\"\n");
    let mut mail = mail.into_bytes();
    let mut part = |header: &str, body: &[u8], encode: bool| {
        mail.extend_from_slice(format!("--{boundary}\n{header}").as_bytes());
        if encode {
            mail.extend_from_slice(b"Content-Transfer-Encoding: base64\n\n");
            base64_lines(body, &mut mail);
        } else {
            mail.extend_from_slice(b"Content-Transfer-Encoding: 8bit\n\n");
            mail.extend_from_slice(body);
            mail.push(b'\n');
        }
    };
    // One text is enough: the HTML says the most.
    match (&message.html, &message.plain) {
        (Some(html), _) => part("Content-Type: text/html; charset=utf-8\n", html.as_bytes(), true),
        (None, plain) => part("Content-Type: text/plain; charset=utf-8\n", plain.as_deref().unwrap_or_default().as_bytes(), true),
    }
    for file in &message.files {
        match file.content {
            Content::Bytes(bytes) => part(&file_header(file, true), bytes, true),
            Content::Message(stream) => match depth.checked_sub(1).and_then(|depth| convert(stream, depth)) {
                Some(inner) => part(&file_header(file, true), &inner, false),
                None => part(&file_header(file, false), stream, true),
            },
        }
    }
    mail.extend_from_slice(format!("--{boundary}--\n").as_bytes());
    Some(mail)
}

fn header(message: &Message<'_>) -> String {
    let mut header = String::new();
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(header, "{name}: {value}");
        }
    };
    field("From", people(message.from.as_slice()));
    field("To", people(&message.to));
    field("Cc", people(&message.cc));
    field("Subject", words(message.subject.as_deref().unwrap_or_default()));
    field("Date", message.sent_at.map(shown_date).unwrap_or_default());
    field("Message-ID", message.message_id.clone().filter(|id| is_bare(id.trim_matches(['<', '>']))).unwrap_or_default());
    field("MIME-Version", "1.0".into());
    header
}

/// The header of an attachment. `readable` is false for a message that is given as the stream that it was.
pub(in super::super) fn file_header(file: &File<'_>, readable: bool) -> String {
    let mut header = format!("Content-Type: {}\n", if readable { &file.media_type } else { "application/ms-tnef" });
    header.push_str("Content-Disposition: attachment");
    if let Some(name) = &file.name {
        header.push_str("; filename*=utf-8''");
        for byte in name.bytes() {
            let _ = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => write!(header, "{}", char::from(byte)),
                byte => write!(header, "%{byte:02X}"),
            };
        }
    }
    header.push('\n');
    if let Some(id) = file.content_id.as_ref().filter(|id| is_bare(id)) {
        let _ = writeln!(header, "Content-ID: <{id}>");
    }
    header
}

fn people(people: &[Person]) -> String {
    let shown = people.iter().map(|person| {
        let name = words(person.name.as_deref().unwrap_or_default());
        match person.address.as_ref().filter(|address| is_bare(address)) {
            Some(address) if name.is_empty() => format!("<{address}>"),
            Some(address) => format!("{name} <{address}>"),
            // RFC 5322 has no name without an address; readers take a group for one.
            None => format!("{name}:;"),
        }
    });
    shown.collect::<Vec<_>>().join(",\n ")
}

/// Whether something can stand between angle brackets.
fn is_bare(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'(' | b')' | b',' | b';' | b'"' | b'\\'))
}

/// Text in a header: plain where that is safe, else in encoded words (RFC 2047).
fn words(text: &str) -> String {
    let plain = text.len() <= 60 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'\''));
    if plain {
        return text.trim().into();
    }
    let mut encoded = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(rest.floor_char_boundary(42));
        encoded.push(format!("=?utf-8?B?{}?=", STANDARD.encode(piece)));
        rest = tail;
    }
    encoded.join("\n ")
}

fn base64_lines(bytes: &[u8], to: &mut Vec<u8>) {
    for line in bytes.chunks(57) {
        to.extend_from_slice(STANDARD.encode(line).as_bytes());
        to.push(b'\n');
    }
}

/// Days since 1970 of a date in the Gregorian calendar, counted in eras of 400 years that begin in March.
pub(super) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `24 Nov 2026 08:30:00 +0000`.
fn shown_date(seconds: i64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = seconds.div_euclid(86_400);
    let of_day = seconds.rem_euclid(86_400);
    let from = days + 719_468;
    let (era, of_era) = (from.div_euclid(146_097), from.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12;
    let year = year_of_era + era * 400 + i64::from(month < 2);
    let name = usize::try_from(month).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or("Jan");
    format!("{day} {name} {year} {:02}:{:02}:{:02} +0000", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, shown) in [
            (0, "1 Jan 1970 00:00:00 +0000"),
            (951_782_400, "29 Feb 2000 00:00:00 +0000"),
            (951_868_800, "1 Mar 2000 00:00:00 +0000"),
            (1_795_509_001, "24 Nov 2026 08:30:01 +0000"),
            (253_402_300_799, "31 Dec 9999 23:59:59 +0000"),
        ] {
            assert_eq!(shown_date(seconds), shown);
        }
        assert_eq!(days_of(2026, 11, 24) * 86_400, 1_795_478_400);
        assert_eq!(days_of(2000, 2, 29) * 86_400, 951_782_400);
    }

    #[test]
    fn headers_take_no_orders() {
        assert_eq!(words("Re: x\r\nBcc: a@b"), "=?utf-8?B?UmU6IHgNCkJjYzogYUBi?=");
        assert_eq!(words("Jan de Vries"), "Jan de Vries");
        assert!(words(&"é".repeat(100)).lines().all(|line| line.len() <= 76));
        let person = |name: &str, address: &str| Person { name: Some(name.into()), address: Some(address.into()) };
        assert_eq!(people(&[person("Jan", "jan@example.nl"), person("", "a@b.example")]), "Jan <jan@example.nl>,\n <a@b.example>");
        assert_eq!(people(&[person("Jan", "jan@example.nl>\nBcc: x")]), "Jan:;");
        let file = File {
            name: Some("../é \"x\"\n.pdf".into()),
            media_type: "application/pdf".into(),
            content_id: Some("a>\nb".into()),
            content: Content::Bytes(b""),
        };
        assert_eq!(
            file_header(&file, true),
            "Content-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''..%2F%C3%A9%20%22x%22%0A.pdf\n"
        );
    }
}
