//! Character references.

use mail_parser::decoders::html::add_html_token;

/// How long a name may be: `&CounterClockwiseContourIntegral;` is the longest.
const MAX_NAME: usize = 34;

/// The character that the reference at the beginning of this text stands for, and how long the reference is.
pub(super) fn decode(text: &str) -> Option<(char, usize)> {
    let name = text.strip_prefix('&')?;
    if let Some(number) = name.strip_prefix('#') {
        return numeric(number).map(|(c, length)| (c, length + 2));
    }
    let length = name.bytes().take(MAX_NAME).take_while(u8::is_ascii_alphanumeric).count();
    if name.as_bytes().get(length) == Some(&b';') {
        return named(name.get(..length)?).map(|c| (c, length + 2));
    }
    // Old pages leave the semicolon out of the old names.
    const OLD: [&str; 6] = ["nbsp", "amp", "lt", "gt", "quot", "copy"];
    let old = OLD.iter().find(|old| name.starts_with(*old))?;
    named(old).map(|c| (c, old.len() + 1))
}

fn numeric(text: &str) -> Option<(char, usize)> {
    let (digits, radix, lead) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16, 1),
        None => (text, 10, 0),
    };
    let length = digits.bytes().take(10).take_while(|b| char::from(*b).is_digit(radix)).count();
    let code = u32::from_str_radix(digits.get(..length)?, radix).ok()?;
    let semicolon = usize::from(digits.as_bytes().get(length) == Some(&b';'));
    // Numbers from 128 to 159 mean windows-1252, as every browser reads them.
    let c = match u8::try_from(code) {
        Ok(byte @ 0x80..=0x9f) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[byte]).0.chars().next()?,
        _ => char::from_u32(code).filter(|&c| c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER),
    };
    Some((c, lead + length + semicolon))
}

fn named(name: &str) -> Option<char> {
    const COMMON: [(&str, char); 5] = [("nbsp", '\u{a0}'), ("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"')];
    if let Some((_, c)) = COMMON.iter().find(|(common, _)| *common == name) {
        return Some(*c);
    }
    let token = format!("&{name};");
    let mut decoded = String::new();
    add_html_token(&mut decoded, token.as_bytes(), false);
    let mut chars = decoded.chars();
    // A name that is not known comes back as it was.
    chars.next().filter(|_| chars.next().is_none())
}
