//! Bytes to text, whatever their label says. Senders mislabel: the label is tried, then strict UTF-8, then a guess, and a guess
//! is said.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use mail_parser::decoders::charsets::{DecoderFnc, map::charset_decoder};
use memchr::{memchr, memmem};

/// How many bytes a guess is made from.
const GUESS_FROM: usize = 256 * 1024;
/// Fewer bytes than this above ASCII are too few for a guess.
const FEW: usize = 4;

/// Bytes as text, and what was wrong with their label, if anything.
pub(super) fn decode<'a>(bytes: &'a [u8], label: Option<&str>) -> (Cow<'a, str>, Option<String>) {
    // Nearly all mail.
    if label.is_none_or(|label| label.eq_ignore_ascii_case("utf-8") || label.eq_ignore_ascii_case("us-ascii"))
        && let Ok(text) = std::str::from_utf8(bytes)
        && !text.starts_with('\u{feff}')
        && memchr(0x1b, bytes).is_none()
    {
        return (Cow::Borrowed(text), None);
    }
    let label = label.map(clean_label).filter(|label| !label.is_empty());
    if let Some((encoding, length)) = Encoding::for_bom(bytes)
        && (encoding == UTF_8 || bytes.len().is_multiple_of(2))
    {
        return (encoding.decode_without_bom_handling(bytes.get(length..).unwrap_or_default()).0, None);
    }
    match label.as_deref().map_or(Charset::Unsaid, charset) {
        Charset::Unsaid => unlabelled(bytes, label.as_deref()),
        Charset::Known(encoding) => labelled(bytes, encoding, label.as_deref().unwrap_or_default()),
        Charset::Rare(decoder) => (decoder(bytes).into(), None),
        Charset::Utf7 => (utf7(bytes).into(), None),
        Charset::Unknown => {
            let (text, found) = best(bytes);
            let label = label.unwrap_or_default();
            // Nobody needs to know the name of the character set of plain ASCII.
            let note = (!bytes.is_ascii()).then(|| format!("the character set `{label}` is not known; read as {found}"));
            (text, note)
        }
    }
}

enum Charset {
    /// No label, or one that only says ASCII or UTF-8: strict UTF-8 covers it.
    Unsaid,
    Known(&'static Encoding),
    Rare(DecoderFnc),
    Utf7,
    Unknown,
}

fn charset(label: &str) -> Charset {
    match label {
        "utf-8" | "utf8" | "us-ascii" | "ascii" | "ansi_x3.4-1968" | "ansi_x3.4-1986" | "iso646-us" | "unknown-8bit" | "x-unknown"
        | "8bit" | "7bit" | "default" | "default_charset" | "utf-8-mac" | "utf8mb4" => Charset::Unsaid,
        "utf-7" | "utf7" | "unicode-1-1-utf-7" | "x-unicode-2-0-utf-7" => Charset::Utf7,
        _ => match Encoding::for_label(label.as_bytes()) {
            Some(encoding) if encoding == REPLACEMENT => Charset::Unknown,
            Some(encoding) if encoding == UTF_8 => Charset::Unsaid,
            Some(encoding) => Charset::Known(encoding),
            None => charset_decoder(label.as_bytes()).map_or(Charset::Unknown, Charset::Rare),
        },
    }
}

/// A label without the quotes, blanks and parameters that stick to it.
fn clean_label(label: &str) -> String {
    label
        .trim_matches(|c: char| !c.is_ascii_alphanumeric())
        .chars()
        .take_while(|&c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '+' | '(' | ')'))
        .take(60)
        .collect::<String>()
        .to_ascii_lowercase()
}

fn labelled<'a>(bytes: &'a [u8], encoding: &'static Encoding, label: &str) -> (Cow<'a, str>, Option<String>) {
    let wide = encoding == UTF_16LE || encoding == UTF_16BE;
    if wide && !bytes.contains(&0) {
        return unlabelled(bytes, Some(label));
    }
    if !wide && encoding != ISO_2022_JP && bytes.is_ascii() {
        return (String::from_utf8_lossy(bytes), None);
    }
    let (text, wrong) = encoding.decode_without_bom_handling(bytes);
    // In a single-byte set every byte means something; text that happens to be valid UTF-8 in it does not occur by chance.
    if (wrong || encoding.is_single_byte())
        && let Ok(utf8) = std::str::from_utf8(bytes)
        && !bytes.is_ascii()
    {
        return (utf8.into(), Some(format!("the text says that it is {label} and is UTF-8")));
    }
    let note = wrong.then(|| format!("some of the text is not valid {label}"));
    (text, note)
}

fn unlabelled<'a>(bytes: &'a [u8], label: Option<&str>) -> (Cow<'a, str>, Option<String>) {
    let escapes =
        bytes.contains(&0x1b) && [&b"\x1b$B"[..], b"\x1b$@", b"\x1b(J"].iter().any(|escape| super::lines::contains(bytes, escape));
    if escapes {
        return (
            ISO_2022_JP.decode_without_bom_handling(bytes).0,
            Some("the text does not say its character set; read as ISO-2022-JP".into()),
        );
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.into(), None),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            if error.error_len().is_none() && (label.is_some_and(|label| label.starts_with("utf")) || !valid.is_ascii()) {
                let text = String::from_utf8_lossy(bytes);
                return (text, Some("the text ends in the middle of a character".into()));
            }
            let (text, found) = best(bytes);
            let said = label.map_or_else(|| "does not say its character set".into(), |label| format!("says that it is {label} and is not"));
            (text, Some(format!("the text {said}; read as {found}")))
        }
    }
}

/// The text without any help from a label, and the name of what it was read as.
fn best(bytes: &[u8]) -> (Cow<'_, str>, &'static str) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (text.into(), "UTF-8");
    }
    if let Some(text) = mostly_utf8(bytes) {
        return (text.into(), "UTF-8 with strays");
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes.get(..GUESS_FROM).unwrap_or(bytes), true);
    let mut encoding = detector.guess(None, Utf8Detection::Deny);
    // A few accents do not tell the character sets apart; most senders are in the west.
    if encoding != ISO_2022_JP && bytes.iter().filter(|b| !b.is_ascii()).count() < FEW {
        encoding = WINDOWS_1252;
    }
    (encoding.decode_without_bom_handling(bytes).0, encoding.name())
}

/// UTF-8 with a few bytes of something else in it: what a gateway appended, or a character that was cut in two. Each of those
/// bytes is read as windows-1252. `None` when it is not UTF-8 to begin with.
fn mostly_utf8(bytes: &[u8]) -> Option<String> {
    let (mut wide, mut stray) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        wide += chunk.valid().chars().filter(|c| c.len_utf8() > 1).count();
        stray += chunk.invalid().len();
    }
    if wide < stray {
        return None;
    }
    let mut text = String::with_capacity(bytes.len() + stray);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        // A sequence that begins well and is cut off (up to three bytes) is one lost character, not three strange ones.
        if chunk.invalid().len() > 1 {
            text.push(char::REPLACEMENT_CHARACTER);
        } else {
            text.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
        }
    }
    Some(text)
}

/// RFC 2152. What is not valid stays as it is written.
fn utf7(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'+' {
            // Eight-bit bytes have no business here; Latin-1 keeps them apart.
            text.push(char::from(byte));
            continue;
        }
        let length = tail.iter().position(|&b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))).unwrap_or(tail.len());
        let (encoded, after) = tail.split_at(length);
        rest = after.strip_prefix(b"-").unwrap_or(after);
        if encoded.is_empty() {
            text.push('+');
            continue;
        }
        text.extend(char::decode_utf16(utf16_of_base64(encoded)).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    }
    text
}

fn utf16_of_base64(encoded: &[u8]) -> impl Iterator<Item = u16> {
    let (mut bits, mut count) = (0_u32, 0_u32);
    encoded.iter().filter_map(move |&digit| {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        (count >= 16).then(|| {
            count -= 16;
            let unit = (bits >> count) & 0xffff;
            bits &= (1 << count) - 1;
            u16::try_from(unit).unwrap_or(0xfffd)
        })
    })
}

/// The character set that an HTML page says it is in, near its beginning.
pub(super) fn of_html(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(2_048))?.to_ascii_lowercase();
    let at = memmem::find(&head, b"charset=")?;
    let label = String::from_utf8_lossy(head.get(at + 8..)?.trim_ascii_start()).into_owned();
    let label = clean_label(label.split(['>', '/', ';']).next()?);
    (!label.is_empty()).then_some(label)
}

/// Text of a header that was sent in eight bits.
pub(super) fn of_header<'a>(bytes: &'a [u8], hint: Option<&str>) -> (Cow<'a, str>, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) if memchr(0x1b, bytes).is_none() => (Cow::Borrowed(text), false),
        _ => {
            // The body's character set is the best guess, when it has eight bits at all.
            let hint = hint.filter(|hint| matches!(charset(&clean_label(hint)), Charset::Known(_)));
            (decode(bytes, hint).0, true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_lie() {
        let decoded = |bytes: &[u8], label: &str| decode(bytes, Some(label)).0.into_owned();
        assert_eq!(decoded("Grüße".as_bytes(), "iso-8859-1"), "Grüße");
        assert_eq!(decoded(b"Gr\xfc\xdfe aus M\xfcnchen", "utf-8"), "Grüße aus München");
        assert_eq!(decoded(b"Gr\xfc\xdfe", "us-ascii"), "Grüße");
        assert_eq!(decoded(b"\x80 12,50", "ISO-8859-1"), "€ 12,50");
        assert_eq!(decoded(b"prijs: \x80 5 caf\xc3\xa9 cr\xc3\xa8me", "utf-8"), "prijs: € 5 café crème");
        assert_eq!(decoded("é".as_bytes(), "x-nobody-knows"), "é");
        assert_eq!(decoded(b"plain", "utf-16"), "plain");
        assert_eq!(decoded(b"\xff\xfeh\0i\0", "utf-8"), "hi");
        assert_eq!(decoded("caf\u{e9}".as_bytes().split_last().unwrap().1, "utf-8"), "caf\u{fffd}");
    }

    #[test]
    fn guesses_are_said() {
        assert_eq!(decode(b"caf\xe9", Some("cp850")).1, None);
        assert!(decode(b"Gr\xfc\xdfe", Some("utf-8")).1.unwrap().contains("windows-1252"));
        assert!(decode("Grüße".as_bytes(), Some("latin1")).1.unwrap().contains("is UTF-8"));
        assert!(decode(b"Gr\xfc\xdfe", Some("martian")).1.unwrap().contains("martian"));
        assert_eq!(decode(b"only ascii", Some("martian")).1, None);
    }

    #[test]
    fn utf7_and_rare_sets() {
        let decoded = |bytes: &[u8], label: &str| decode(bytes, Some(label)).0.into_owned();
        assert_eq!(decoded(b"Hi Mom -+Jjo--! 1 +- 1 +AOk-t+AOk", "utf-7"), "Hi Mom -☺-! 1 + 1 été");
        assert_eq!(decoded(b"\x82", "cp850"), "é");
        assert_eq!(decoded(b"\x1b$B%O%m!<\x1b(B", "iso-2022-jp"), "ハロー");
        assert_eq!(decoded(b"\x1b$B%O%m!<\x1b(B", "utf-8"), "ハロー");
        assert_eq!(decoded(b"\xa4", "iso-8859-15"), "€");
        assert_eq!(decoded(b"+", "utf-7"), "+");
    }
}
