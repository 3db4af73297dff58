//! Bytes to text: byte order marks, the encoding that the XML declaration names, and what to do when neither is true.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Text, and what was odd about its encoding.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    /// The text, without byte order mark.
    pub(crate) text: Cow<'a, str>,
    /// What to tell about it.
    pub(crate) warning: Option<String>,
}

/// The declaration stands in the first bytes, or nowhere.
const DECLARATION: usize = 400;

/// Decodes an XML document. What is valid UTF-8 is UTF-8, whatever the declaration says: most wrong declarations come from
/// programs that changed the encoding and not the first line.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded<'_>, String> {
    if bytes.starts_with(&[0, 0, 0xfe, 0xff]) || bytes.starts_with(&[0xff, 0xfe, 0, 0]) {
        return Err("it is in UTF-32, which XML documents are not sent in; send UTF-8".into());
    }
    if bytes.starts_with(&[0x4c, 0x6f, 0xa7, 0x94]) {
        return Err("it is in EBCDIC; send UTF-8".into());
    }
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        let rest = bytes.get(length..).unwrap_or_default();
        return Ok(if encoding == UTF_8 { utf_8(rest, None) } else { by(encoding, rest) });
    }
    let odd_zeros = |at: usize| bytes.iter().skip(at).step_by(2).take(4).filter(|&&byte| byte == 0).count() == 4;
    if bytes.len() >= 8 && odd_zeros(1) {
        return Ok(by(UTF_16LE, bytes));
    }
    if bytes.len() >= 8 && odd_zeros(0) {
        return Ok(by(UTF_16BE, bytes));
    }
    Ok(utf_8(bytes, declared(bytes)))
}

/// UTF-8 if it is, else what was declared, else what Windows writes.
fn utf_8<'a>(bytes: &'a [u8], declared: Option<&str>) -> Decoded<'a> {
    let encoding = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    let is_utf_8 = encoding.is_none_or(|encoding| encoding == UTF_8);
    match (std::str::from_utf8(bytes), declared) {
        (Ok(text), Some(label)) if !is_utf_8 && !bytes.is_ascii() => {
            Decoded { text: Cow::Borrowed(text), warning: Some(format!("it says that it is in {label}, and is in UTF-8")) }
        }
        (Ok(text), _) => Decoded { text: Cow::Borrowed(text), warning: None },
        (Err(_), Some(label)) if !is_utf_8 => {
            let encoding = encoding.filter(|encoding| *encoding != UTF_16LE && *encoding != UTF_16BE);
            match encoding {
                Some(encoding) => by(encoding, bytes),
                None => Decoded {
                    warning: Some(format!("it says that it is in {label} and is not; read as windows-1252")),
                    ..by(WINDOWS_1252, bytes)
                },
            }
        }
        (Err(_), declared) => {
            let said = match declared {
                Some(label) if encoding.is_none() => format!("it says that it is in {label}, which nobody knows"),
                _ => "it is not valid UTF-8".to_owned(),
            };
            let lossy = String::from_utf8_lossy(bytes);
            let (lost, right) = lossy.chars().fold((0_usize, 0_usize), |(lost, right), c| match c {
                '\u{fffd}' => (lost + 1, right),
                c if !c.is_ascii() => (lost, right + 1),
                _ => (lost, right),
            });
            if right > lost {
                Decoded { warning: Some(format!("{said}; {lost} characters in it could not be read")), text: lossy }
            } else {
                Decoded { warning: Some(format!("{said}; read as windows-1252")), ..by(WINDOWS_1252, bytes) }
            }
        }
    }
}

fn by<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Decoded<'a> {
    let (text, broken) = encoding.decode_without_bom_handling(bytes);
    Decoded { text, warning: broken.then(|| format!("it is in {} with bytes in it that are not", encoding.name())) }
}

/// The encoding that the XML declaration names.
fn declared(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..DECLARATION.min(bytes.len()))?;
    let start = head.windows(5).position(|window| window == b"<?xml")?;
    let head = head.get(start..)?;
    let declaration = head.get(..head.windows(2).position(|window| window == b"?>")?)?;
    let at = declaration.windows(8).position(|window| window == b"encoding")?;
    let value = declaration.get(at + 8..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    let value = value.get(..value.iter().position(|byte| byte == quote)?)?.trim_ascii();
    std::str::from_utf8(value).ok().filter(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> (String, Option<String>) {
        let decoded = decode(bytes).unwrap();
        (decoded.text.into_owned(), decoded.warning)
    }

    #[test]
    fn declarations_and_marks() {
        let utf_16 = |text: &str, le: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|unit| if le { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
        };
        let text = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a>é</a>";
        for le in [true, false] {
            assert_eq!(decoded(&utf_16(text, le)), (text.into(), None));
            assert_eq!(decoded(&utf_16(&format!("\u{feff}{text}"), le)), (text.into(), None));
        }
        assert_eq!(decoded("\u{feff}<a>é</a>".as_bytes()), ("<a>é</a>".into(), None));
        assert_eq!(decoded(b"<?xml version='1.0' encoding = 'ISO-8859-1' ?><a>\xe9</a>").0.chars().rev().nth(4), Some('é'));
        assert_eq!(
            decoded(b"<?xml version=\"1.0\" encoding=\"windows-1252\"?>\x80"),
            ("<?xml version=\"1.0\" encoding=\"windows-1252\"?>€".into(), None)
        );
    }

    #[test]
    fn what_is_utf_8_is_utf_8() {
        let (text, warning) = decoded("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>é</a>".as_bytes());
        assert!(text.contains('é') && warning.unwrap().contains("is in UTF-8"));
        let (text, warning) = decoded("<?xml version=\"1.0\" encoding=\"utf-16\"?><a>é</a>".as_bytes());
        assert!(text.contains('é') && warning.is_some());
        // Nothing in it tells the two apart.
        assert_eq!(decoded(b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>").1, None);
    }

    #[test]
    fn what_is_not_utf_8_is_what_windows_writes() {
        let (text, warning) = decoded(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>caf\xe9 \x80</a>");
        assert!(text.contains("café €") && warning.unwrap().contains("windows-1252"));
        let (text, warning) = decoded("<a>één café \u{0}</a>".replace('\0', "\u{1}").as_bytes());
        assert!(text.contains("één") && warning.is_none());
        let mut bytes = "<a>één café</a>".as_bytes().to_vec();
        bytes.push(0xff);
        let (text, warning) = decoded(&bytes);
        assert!(text.contains("één café") && warning.unwrap().contains("1 characters"));
        let (text, warning) = decoded(b"<?xml version=\"1.0\" encoding=\"klingon\"?><a>\xe9</a>");
        assert!(text.contains('é') && warning.unwrap().contains("klingon"));
        assert!(decode(&[0x4c, 0x6f, 0xa7, 0x94, 0x93]).is_err());
    }
}
