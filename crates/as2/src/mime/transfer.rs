//! Content-Transfer-Encoding, and line ends.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bytes::Bytes;

/// Some leave the padding away.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// A body, decoded. Unknown encodings are taken as none; none when it does not decode.
pub(crate) fn decoded(body: &Bytes, encoding: &str) -> Option<Bytes> {
    match encoding.trim().to_ascii_lowercase().as_str() {
        "base64" => lenient_base64(body),
        "quoted-printable" => Some(quoted_printable(body).into()),
        _ => Some(body.clone()),
    }
}

/// Base64 with line ends and spaces anywhere.
pub(crate) fn lenient_base64(body: &[u8]) -> Option<Bytes> {
    let dense: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    LENIENT.decode(dense).ok().map(Bytes::from)
}

/// Base64 in lines of 64 characters.
pub(crate) fn base64_lines(bytes: &[u8]) -> String {
    // 48 bytes make 64 characters.
    bytes.chunks(48).flat_map(|line| [STANDARD.encode(line), "\r\n".into()]).collect()
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'=' {
            out.push(byte);
            continue;
        }
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (hex, after) {
            (Some(decoded), _) => {
                out.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            (None, [b'\r', b'\n', next @ ..] | [b'\n', next @ ..]) => rest = next,
            (None, _) => out.push(byte),
        }
    }
    out
}

/// The same with CR LF at each line's end; none when it is so already.
pub(crate) fn with_crlf(bytes: &[u8]) -> Option<Vec<u8>> {
    let bare = |(place, byte): (usize, &u8)| *byte == b'\n' && (place == 0 || bytes.get(place - 1) != Some(&b'\r'));
    let missing = bytes.iter().enumerate().filter(|&line| bare(line)).count();
    if missing == 0 {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len() + missing);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) => {
                out.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        for (encoding, body, wanted) in [
            ("base64", "VU5C\r\n K1VO\r\n", Some("UNB+UN")),
            ("BASE64", "VU5CKw", Some("UNB+")),
            ("base64", "***", None),
            ("quoted-printable", "a=3D=\r\nb=4=", Some("a=b=4=")),
            ("binary", "a=3D", Some("a=3D")),
            ("x-unknown", "a", Some("a")),
        ] {
            assert_eq!(decoded(&Bytes::from(body), encoding).as_deref(), wanted.map(str::as_bytes), "{body}");
        }
        assert_eq!(base64_lines(&[0; 49]), format!("{}\r\nAA==\r\n", "A".repeat(64)));
    }

    #[test]
    fn line_ends() {
        assert_eq!(with_crlf(b"a\nb\r\n\nc").as_deref(), Some(&b"a\r\nb\r\n\r\nc"[..]));
        assert_eq!(with_crlf(b"a\r\nb\rc"), None);
    }
}
