//! Bytes that customers sent, on their way out: always as a download, never as something that a browser shows or runs.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::query::percent_encoded;

/// What a browser may do with such a file, should it show it after all: nothing.
const POLICY: &str = "default-src 'none'; sandbox";
const UNKNOWN_TYPE: &str = "application/octet-stream";
/// Characters of a file's name; of these, the last ones are kept for the sake of the extension.
const LONGEST_NAME: usize = 120;
const KEPT_END: usize = 20;

/// Bytes that hold their place among the downloads until the last one is sent.
struct Held {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A download.
pub(crate) fn download(bytes: Bytes, room: OwnedSemaphorePermit, media_type: &str, name: &str) -> Response {
    let body = Body::from(Bytes::from_owner(Held { bytes, _room: room }));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type(media_type));
    headers.insert(header::CONTENT_DISPOSITION, disposition(name));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// The name for a delivery's bytes.
pub(crate) fn raw_name(id: uuid::Uuid, media_type: &str) -> String {
    let extension = match essence(media_type).as_deref() {
        Some("message/rfc822") => "eml",
        Some("application/json") => "json",
        Some("text/plain") => "txt",
        _ => "bin",
    };
    format!("delivery-{id}.{extension}")
}

/// The type as declared, where it is one at all; its parameters too (a multipart body is of no use without its boundary).
fn content_type(declared: &str) -> HeaderValue {
    essence(declared)
        .and_then(|_| HeaderValue::from_str(declared.trim()).ok())
        .filter(|_| declared.len() <= 300)
        .unwrap_or(HeaderValue::from_static(UNKNOWN_TYPE))
}

/// `type/subtype` in lower case, when both are tokens (RFC 9110 section 8.3.1).
fn essence(media_type: &str) -> Option<String> {
    let essence = media_type.split(';').next()?.trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/')?;
    let token = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    (token(kind) && token(subtype)).then_some(essence)
}

/// `Content-Disposition: attachment` (RFC 6266) with a name that is safe to save under: for old clients in ASCII, for the others
/// as it is (RFC 8187).
fn disposition(name: &str) -> HeaderValue {
    let name = safe_name(name);
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || " .-_()".contains(c) { c } else { '_' }).collect();
    let mut value = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        let _ = write!(value, "; filename*=UTF-8''{}", percent_encoded(&name));
    }
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

/// A name without its folders, without characters that cannot be seen or that turn the direction of writing, and not too long.
fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let seen: Vec<char> = last.chars().filter(|c| !unseen(*c)).collect();
    let (start, end) = seen.split_at(seen.len().min(LONGEST_NAME - KEPT_END));
    let end = end.split_at(end.len().saturating_sub(KEPT_END)).1;
    let name: String = start.iter().chain(end).collect();
    let name = name.trim_matches([' ', '.']);
    if name.is_empty() { "attachment".into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_safe_to_save_under() {
        for (name, value) in [
            ("bestelling 12.pdf", "attachment; filename=\"bestelling 12.pdf\""),
            ("../../etc/passwd", "attachment; filename=\"passwd\""),
            ("C:\\Temp\\order.xlsx", "attachment; filename=\"order.xlsx\""),
            ("a\"; filename=\"b.exe", "attachment; filename=\"a__ filename=_b.exe\"; filename*=UTF-8''a%22%3B%20filename%3D%22b.exe"),
            ("x\r\nSet-Cookie: a=b", "attachment; filename=\"xSet-Cookie_ a_b\"; filename*=UTF-8''xSet-Cookie%3A%20a%3Db"),
            ("Müller.pdf", "attachment; filename=\"M_ller.pdf\"; filename*=UTF-8''M%C3%BCller.pdf"),
            ("factuur\u{202e}fdp.exe", "attachment; filename=\"factuurfdp.exe\""),
            (".htaccess", "attachment; filename=\"htaccess\""),
            ("..", "attachment; filename=\"attachment\""),
            ("", "attachment; filename=\"attachment\""),
        ] {
            let value = value.replace("filename=_b", "filename__b");
            assert_eq!(disposition(name), value.as_str(), "{name:?}");
        }
        let long = disposition(&format!("{}.tar.gz", "a".repeat(5_000)));
        assert!(long.to_str().unwrap().ends_with("a.tar.gz\""), "{long:?}");
        assert!(long.len() < 200);
    }

    #[test]
    fn types_are_tokens_or_unknown() {
        for (declared, sent) in [
            ("application/pdf", "application/pdf"),
            ("multipart/form-data; boundary=x", "multipart/form-data; boundary=x"),
            ("text/html\r\nX-Evil: 1", UNKNOWN_TYPE),
            ("text/plain; charset=utf-8\r\nX-Evil: 1", UNKNOWN_TYPE),
            ("nonsense", UNKNOWN_TYPE),
            ("image/", UNKNOWN_TYPE),
            ("", UNKNOWN_TYPE),
        ] {
            assert_eq!(content_type(declared), sent, "{declared:?}");
        }
    }

    proptest! {
        #[test]
        fn any_name_gives_one_header_with_one_quoted_name(name in "\\PC{0,300}|[\\x00-\\x7f]{0,300}") {
            let value = disposition(&name);
            let text = value.to_str().unwrap();
            prop_assert!(text.starts_with("attachment; filename=\""));
            prop_assert_eq!(text.matches('"').count(), 2);
        }
    }
}
