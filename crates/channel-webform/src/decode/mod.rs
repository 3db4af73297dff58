//! The three encodings of a form, as pure functions over the bytes: JSON, URL-encoded and multipart.
//!
//! The server judges a post with it and the reader makes a message of it, so that both see the same fields. Every function here
//! takes time linear in the bytes, and stops at the limits.

mod json;
mod multipart;
mod text;
mod urlencoded;

use std::ops::Range;

use encoding_rs::Encoding;

use crate::config::{HONEYPOT, TOKEN};

/// The field in which a page says which character set it used (HTML, "Selecting a form submission encoding").
const CHARSET: &str = "_charset_";

/// One field of a form, in the order of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name, without a `[]` at its end.
    pub(crate) name: String,
    pub(crate) value: Value,
    /// Whether its text was not in the character set that it should be in, and had to be guessed.
    pub(crate) guessed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// JSON that is neither a text nor anything that reads as one, as it was written.
    Nested(String),
    File(File),
}

/// A file of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: Option<String>,
    pub(crate) media_type: String,
    /// Where its bytes are in the body.
    pub(crate) range: Range<usize>,
}

impl Field {
    /// The value where it is a text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it belongs to the page and not to the person.
    pub(crate) fn is_ours(&self) -> bool {
        is_ours(&self.name)
    }
}

fn is_ours(name: &str) -> bool {
    matches!(name, HONEYPOT | TOKEN | CHARSET)
}

/// Whether the field is filled in that only robots see.
pub(crate) fn honeypot_filled(fields: &[Field]) -> bool {
    fields.iter().any(|field| field.name == HONEYPOT && field.text().is_none_or(|text| !text.trim().is_empty()))
}

/// How much is decoded at most. Fields that belong to the page do not count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) fields: usize,
    pub(crate) files: usize,
}

/// Why a body could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("a form is sent as application/json, application/x-www-form-urlencoded or multipart/form-data")]
    UnknownType,
    #[error("{0}")]
    Malformed(String),
    #[error("more than {0} fields")]
    TooManyFields(usize),
    #[error("more than {0} files")]
    TooManyFiles(usize),
}

fn malformed(what: impl Into<String>) -> DecodeError {
    DecodeError::Malformed(what.into())
}

/// The encodings that a form can come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    UrlEncoded,
    Multipart,
}

impl Form {
    /// The encoding that a Content-Type says.
    pub(crate) fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::UrlEncoded),
            "multipart/form-data" => Some(Self::Multipart),
            _ => None,
        }
    }
}

/// The fields of a body, in its order.
pub(crate) fn decode(content_type: &str, body: &[u8], limits: Limits) -> Result<Vec<Field>, DecodeError> {
    match Form::of(content_type).ok_or(DecodeError::UnknownType)? {
        Form::Json => json::decode(body, limits),
        Form::UrlEncoded => finish(content_type, urlencoded::decode(body, limits)?),
        Form::Multipart => finish(content_type, multipart::decode(content_type, body, limits)?),
    }
}

/// The fields of a query string, as far as they can be read.
pub(crate) fn decode_query(query: &str, limits: Limits) -> Vec<Field> {
    urlencoded::decode(query.as_bytes(), limits).and_then(|raws| finish("", raws)).unwrap_or_default()
}

/// A field before its character set is known.
struct Raw {
    name: Vec<u8>,
    value: RawValue,
}

enum RawValue {
    Text(Vec<u8>),
    File { name: Option<FileName>, media_type: Vec<u8>, range: Range<usize> },
}

/// A file's name: in the body's character set, or decoded already because it named its own.
enum FileName {
    Bytes(Vec<u8>),
    Known(String),
}

/// Where decoded fields gather, up to the limits.
struct Gathered<T> {
    items: Vec<T>,
    fields: usize,
    files: usize,
    ours: usize,
    limits: Limits,
}

impl<T> Gathered<T> {
    fn new(limits: Limits) -> Self {
        Self { items: Vec::new(), fields: 0, files: 0, ours: 0, limits }
    }

    fn field(&mut self, name: &str, item: T) -> Result<(), DecodeError> {
        if is_ours(name) {
            // One of each is enough; more would only be a way around the limit.
            self.ours += 1;
            if self.ours <= 3 {
                self.items.push(item);
            }
            return Ok(());
        }
        self.fields += 1;
        if self.fields > self.limits.fields {
            return Err(DecodeError::TooManyFields(self.limits.fields));
        }
        self.items.push(item);
        Ok(())
    }

    fn file(&mut self, item: T) -> Result<(), DecodeError> {
        self.files += 1;
        if self.files > self.limits.files {
            return Err(DecodeError::TooManyFiles(self.limits.files));
        }
        self.items.push(item);
        Ok(())
    }
}

/// Turns bytes into texts by the character set of the body, which may stand in its own fields.
fn finish(content_type: &str, raws: Vec<Raw>) -> Result<Vec<Field>, DecodeError> {
    let said = raws.iter().find_map(|raw| match &raw.value {
        RawValue::Text(label) if raw.name == CHARSET.as_bytes() => Encoding::for_label(label),
        _ => None,
    });
    let charset = said.or_else(|| {
        let parameters = text::parameters(content_type.as_bytes());
        parameters.iter().find(|(name, _)| name == "charset").and_then(|(_, label)| Encoding::for_label(label))
    });
    let fields = raws.into_iter().map(|raw| {
        let (name, _) = text::decode(raw.name, charset);
        let name = name.strip_suffix("[]").unwrap_or(&name).to_owned();
        let (value, guessed) = match raw.value {
            RawValue::Text(bytes) => {
                let (text, guessed) = text::decode(bytes, charset);
                (Value::Text(text), guessed)
            }
            RawValue::File { name, media_type, range } => {
                let name = name.map(|name| match name {
                    FileName::Bytes(bytes) => text::decode(bytes, charset).0,
                    FileName::Known(name) => name,
                });
                let media_type = String::from_utf8_lossy(&media_type).trim().chars().take(200).collect();
                let name = name.as_deref().map(text::base_name).filter(|name| !name.is_empty()).map(str::to_owned);
                (Value::File(File { name, media_type, range }), false)
            }
        };
        Field { name, value, guessed }
    });
    Ok(fields.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { fields: 100, files: 10 };

    fn texts(content_type: &str, body: &[u8]) -> Vec<(String, String)> {
        let fields = decode(content_type, body, LIMITS).unwrap();
        fields
            .into_iter()
            .map(|field| match field.value {
                Value::Text(text) => (field.name, text),
                other => (field.name, format!("{other:?}")),
            })
            .collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn urlencoded_bodies() {
        for (body, content_type, wanted) in [
            (&b"naam=Ren%C3%A9e&text=a+b%26c"[..], "application/x-www-form-urlencoded", &[("naam", "Renée"), ("text", "a b&c")][..]),
            (b"&&a&b=&=c", "application/x-www-form-urlencoded", &[("a", ""), ("b", ""), ("", "c")]),
            (b"a=100%&b=%zz&c=%4", "application/x-www-form-urlencoded; charset=UTF-8", &[("a", "100%"), ("b", "%zz"), ("c", "%4")]),
            (b"a=Ren%E9e", "application/x-www-form-urlencoded", &[("a", "Renée")]),
            (b"a=%A4", "application/x-www-form-urlencoded;charset=\"iso-8859-15\"", &[("a", "€")]),
            (b"a=%E9&_charset_=windows-1252", "application/x-www-form-urlencoded", &[("a", "é"), ("_charset_", "windows-1252")]),
            (b"k[]=1&k[]=2", "APPLICATION/X-WWW-FORM-URLENCODED", &[("k", "1"), ("k", "2")]),
            (b"", "application/x-www-form-urlencoded", &[]),
        ] {
            assert_eq!(texts(content_type, body), pairs(wanted), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn json_bodies_keep_order_and_numbers() {
        let body = r#"{"z": "één", "a": 12345678901234567890123.50, "b": true, "n": null, "l": ["x", 2, false, null], "e": [],
            "o": {"deep": [1,  2]}, "m": ["x", {"y": 1}]}"#;
        assert_eq!(
            texts("application/json; charset=utf-8", body.as_bytes()),
            pairs(&[
                ("z", "één"),
                ("a", "12345678901234567890123.50"),
                ("b", "true"),
                ("l", "x, 2, false"),
                ("o", "Nested(\"{\\\"deep\\\": [1,  2]}\")"),
                ("m", "Nested(\"[\\\"x\\\", {\\\"y\\\": 1}]\")"),
            ])
        );
        assert_eq!(texts("application/json", b"\xef\xbb\xbf {} \n"), pairs(&[]));
        assert_eq!(texts("application/json", br#"{"a":"1","a":"2"}"#), pairs(&[("a", "1"), ("a", "2")]));
    }

    #[test]
    fn what_is_no_form_is_malformed() {
        for body in [
            &b""[..],
            b"[]",
            b"\"text\"",
            b"7",
            b"null",
            b"{",
            b"{\"a\":}",
            b"{\"a\":1} x",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
            b"{'a':1}",
        ] {
            let error = decode("application/json", body, LIMITS).unwrap_err();
            assert!(matches!(error, DecodeError::Malformed(_)), "{}: {error:?}", String::from_utf8_lossy(body));
        }
        assert_eq!(decode("text/plain", b"a=b", LIMITS), Err(DecodeError::UnknownType));
        assert_eq!(decode("", b"a=b", LIMITS), Err(DecodeError::UnknownType));
    }

    #[test]
    fn limits_hold_and_our_own_fields_do_not_count() {
        let three = Limits { fields: 3, files: 0 };
        let many = (0..10_000).map(|n| format!("f{n}=x")).collect::<Vec<_>>().join("&");
        assert_eq!(decode("application/x-www-form-urlencoded", many.as_bytes(), three), Err(DecodeError::TooManyFields(3)));
        let json = format!("{{{}}}", (0..10_000).map(|n| format!("\"f{n}\":1")).collect::<Vec<_>>().join(","));
        assert_eq!(decode("application/json", json.as_bytes(), three), Err(DecodeError::TooManyFields(3)));
        let exact = decode("application/x-www-form-urlencoded", b"a=1&_token=x&b=2&_url=&c=3", three).unwrap();
        assert_eq!(exact.len(), 5);
        assert_eq!(decode("application/x-www-form-urlencoded", "_token=x&".repeat(5_000).as_bytes(), three).unwrap().len(), 3);
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let _ = decode("application/json", deep.as_bytes(), three);
    }
}
