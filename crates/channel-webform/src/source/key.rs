//! What makes a post the same one when it is sent again.

use axum::http::HeaderMap;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::config::TOKEN;
use crate::decode::{Field, Value};
use crate::digest::{hex, sha256_hex};

const HEADER: &str = "idempotency-key";
const MOST: usize = 200;

/// The sender's Idempotency-Key, if there is one. The draft standard writes it in quotes and most programs do not: both are the
/// same key.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, String> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(value) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err("there is more than one Idempotency-Key".into());
    }
    let text = value.to_str().map_err(|_| "the Idempotency-Key must be in ASCII".to_owned())?.trim();
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let key = quoted.map_or_else(|| text.to_owned(), |inside| inside.replace("\\\"", "\"").replace("\\\\", "\\"));
    match key.len() {
        0 => Err("the Idempotency-Key is empty".into()),
        1..=MOST => Ok(Some(key)),
        length => Err(format!("the Idempotency-Key has {length} bytes; at most {MOST} are taken")),
    }
}

/// The token of the page, as it came back.
pub(super) fn token(given: &[Field]) -> Option<&str> {
    let token = given.iter().find(|field| field.name == TOKEN)?.text()?;
    let proper = (1..=64).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    proper.then_some(token)
}

/// The delivery key. A token alone is not enough: someone who goes back in the browser, changes the text and sends it again
/// has a second thing to say under the same token.
pub(super) fn delivery_key(idempotency_key: Option<&str>, token: Option<&str>, content: &str) -> String {
    match (idempotency_key, token) {
        (Some(key), _) => format!("idem:{}", sha256_hex(key.as_bytes())),
        (None, Some(token)) => format!("page:{}", sha256_hex(format!("{token}/{content}").as_bytes())),
        (None, None) => format!("once:{}", Uuid::now_v7()),
    }
}

/// SHA-256 over fields and files in order, whatever the encoding: a multipart body that is sent again has another boundary.
pub(super) fn content_digest(given: &[Field], body: &[u8]) -> String {
    let mut digest = Sha256::new();
    let mut feed = |part: &[u8]| {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    };
    for field in given.iter().filter(|field| field.name != TOKEN) {
        feed(field.name.as_bytes());
        match &field.value {
            Value::Text(text) => {
                feed(b"text");
                feed(text.as_bytes());
            }
            Value::Nested(json) => {
                feed(b"nested");
                feed(json.as_bytes());
            }
            Value::File(file) => {
                feed(b"file");
                feed(file.name.as_deref().unwrap_or_default().as_bytes());
                feed(file.media_type.as_bytes());
                feed(body.get(file.range.clone()).unwrap_or_default());
            }
        }
    }
    hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::decode::{Limits, decode};

    fn key(values: &[&[u8]]) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        idempotency_key(&headers)
    }

    #[test]
    fn keys_with_and_without_quotes() {
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&[b"8e03-97"]), Ok(Some("8e03-97".into())));
        assert_eq!(key(&[b" \"8e03-97\" "]), Ok(Some("8e03-97".into())));
        assert_eq!(key(&[br#""a\"b\\c""#]), Ok(Some(r#"a"b\c"#.into())));
        assert_eq!(key(&[b"\""]), Ok(Some("\"".into())));
        assert_eq!(key(&["k".repeat(200).as_bytes()]), Ok(Some("k".repeat(200))));
        for bad in [&[&b""[..]][..], &[b"\"\""], &[b"a", b"b"], &[b"\xff"], &["k".repeat(201).as_bytes()]] {
            assert!(key(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn content_is_the_same_in_whatever_encoding() {
        let digest =
            |content_type: &str, body: &[u8]| content_digest(&decode(content_type, body, Limits { fields: 9, files: 9 }).unwrap(), body);
        let multipart = |boundary: &str, end: &str| {
            let body = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"_token\"\r\n\r\n{boundary}\r\n{end}--{boundary}--\r\n"
            );
            digest(&format!("multipart/form-data; boundary={boundary}"), body.as_bytes())
        };
        let plain = digest("application/json", br#"{"a": "1"}"#);
        assert_eq!(plain, digest("application/x-www-form-urlencoded", b"a=1"));
        assert_eq!(plain, multipart("one", ""));
        assert_eq!(plain, multipart("two", ""));
        let file = "--three\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nx\r\n";
        assert_ne!(plain, multipart("three", file));
        assert_ne!(plain, digest("application/x-www-form-urlencoded", b"a=1&b="));
        assert_ne!(digest("application/x-www-form-urlencoded", b"a=b&c=d"), digest("application/x-www-form-urlencoded", b"a=b%26c%3dd"));
    }

    #[test]
    fn delivery_keys() {
        assert_eq!(delivery_key(Some("k"), Some("t"), "c"), delivery_key(Some("k"), None, "d"));
        assert_eq!(delivery_key(None, Some("t"), "c"), delivery_key(None, Some("t"), "c"));
        assert_ne!(delivery_key(None, Some("t"), "c"), delivery_key(None, Some("t"), "d"));
        assert_ne!(delivery_key(None, None, "c"), delivery_key(None, None, "c"));
        let given = |text: &str| decode("application/x-www-form-urlencoded", text.as_bytes(), Limits { fields: 9, files: 9 }).unwrap();
        assert_eq!(token(&given("a=1&_token=0-aZ")), Some("0-aZ"));
        for bad in ["", "a=1", "_token=", "_token=a%0ab", &format!("_token={}", "x".repeat(65))] {
            assert_eq!(token(&given(bad)), None, "{bad}");
        }
    }
}
