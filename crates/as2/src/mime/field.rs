//! Header field values with parameters: `type/subtype; name=value; name="value"`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A value with parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// What stands before the first semicolon, in lower case.
    pub(crate) value: String,
    parameters: Vec<(String, String)>,
}

/// More parameters than this nobody writes.
const MOST: usize = 32;

impl Parameters {
    pub(crate) fn parse(text: &str) -> Self {
        let (value, mut rest) = split_at(text, ';');
        let mut parameters = Vec::new();
        while let Some(text) = rest.filter(|_| parameters.len() < MOST) {
            let (parameter, next) = split_at(text, ';');
            if let Some((name, value)) = parameter.split_once('=') {
                parameters.push((name.trim().to_ascii_lowercase(), unquoted(value.trim())));
            }
            rest = next;
        }
        Self { value: value.trim().to_ascii_lowercase(), parameters }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Splits at the first separator outside quotes.
fn split_at(text: &str, separator: char) -> (&str, Option<&str>) {
    let (mut quoted, mut escaped) = (false, false);
    for (place, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                let (before, after) = text.split_at(place);
                return (before, after.get(1..));
            }
            _ => {}
        }
    }
    (text, None)
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else { return value.into() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        // Windows products write folders with single backslashes: only quotes and backslashes are escaped by others.
        match characters.peek() {
            Some('"' | '\\') if character == '\\' => out.extend(characters.next()),
            _ => out.push(character),
        }
    }
    out
}

/// A file's name: from `Content-Disposition`, else from `Content-Type`; RFC 2231 and RFC 2047 decoded, without folders.
pub(crate) fn filename(disposition: &str, content_type: &Parameters) -> Option<String> {
    let disposition = Parameters::parse(disposition);
    let name = match disposition.get("filename*") {
        Some(extended) => percent_decoded(extended),
        None => encoded_word(disposition.get("filename").or_else(|| content_type.get("name"))?),
    };
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).take(255).collect();
    let name = name.trim();
    (!name.is_empty() && name != "." && name != "..").then(|| name.to_owned())
}

/// RFC 2231: `UTF-8'en'na%C3%AFve.edi`.
fn percent_decoded(text: &str) -> String {
    let text = text.splitn(3, '\'').nth(2).unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%').and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(hex.unwrap_or(byte));
        rest = if hex.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    crate::headers::latin1_or_utf8(&bytes)
}

/// RFC 2047 as far as file names show it: one word in UTF-8 or Latin-1 and base64.
fn encoded_word(text: &str) -> String {
    let decode = || {
        let mut parts = text.strip_prefix("=?")?.strip_suffix("?=")?.splitn(3, '?');
        let (_, encoding, data) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = if encoding.eq_ignore_ascii_case("b") { STANDARD.decode(data).ok()? } else { return None };
        Some(crate::headers::latin1_or_utf8(&bytes))
    };
    decode().unwrap_or_else(|| text.into())
}

/// A parameter as it is to be written: in quotes, and a second time by RFC 2231 when it is not ASCII.
pub(crate) fn parameter(name: &str, value: &str) -> String {
    let plain: String =
        value.chars().filter(|c| !c.is_control()).map(|c| if c.is_ascii() && !matches!(c, '"' | '\\' | '/') { c } else { '_' }).collect();
    if value.is_ascii() {
        return format!("{name}=\"{plain}\"");
    }
    let encoded: String =
        value
            .bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            })
            .collect();
    format!("{name}=\"{plain}\"; {name}*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_in_quotes_and_without() {
        let parsed =
            Parameters::parse("Multipart/Signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256;\tBoundary=\"a;b\\\"c=d\" ; x");
        assert_eq!(parsed.value, "multipart/signed");
        assert_eq!((parsed.get("micalg"), parsed.get("boundary")), (Some("sha-256"), Some("a;b\"c=d")));
        assert_eq!((parsed.get("protocol"), parsed.get("x")), (Some("application/pkcs7-signature"), None));
        assert_eq!(Parameters::parse("text/plain; name=\"open").get("name"), Some("open"));
    }

    #[test]
    fn file_names_lose_their_folders() {
        for (disposition, content_type, name) in [
            ("attachment; filename=\"order 1.edi\"", "", Some("order 1.edi")),
            ("attachment; filename=\"C:\\out\\order.edi\"", "", Some("order.edi")),
            ("attachment; filename=../../etc/passwd", "", Some("passwd")),
            ("attachment; filename*=UTF-8''M%C3%BCller%2Eedi; filename=M_ller.edi", "", Some("Müller.edi")),
            ("attachment; filename=\"=?utf-8?B?TcO8bGxlci5lZGk=?=\"", "", Some("Müller.edi")),
            ("attachment", "application/edifact; name=x.edi", Some("x.edi")),
            ("attachment; filename=\"..\"", "", None),
            ("", "", None),
        ] {
            assert_eq!(filename(disposition, &Parameters::parse(content_type)).as_deref(), name, "{disposition}");
        }
    }

    #[test]
    fn written_names_are_read_again() {
        for name in ["order 1.edi", "Müller & Söhne.edi", "a;b=c.x12"] {
            assert_eq!(filename(&format!("attachment; {}", parameter("filename", name)), &Parameters::default()).as_deref(), Some(name));
        }
        assert_eq!(parameter("filename", "a\"\r\nX: y/z"), "filename=\"a_X: y_z\"");
    }
}
