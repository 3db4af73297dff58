//! Multipart bodies, cut without changing a byte.

use bytes::Bytes;

use crate::Error;
use crate::digest::Digest;

/// More parts than this no AS2 message has.
const MOST_PARTS: usize = 16;

/// The parts of a multipart body, each with its own header fields. A missing closing boundary is overlooked: the last part ends with
/// the body.
pub(crate) fn parts(body: &Bytes, boundary: &str) -> Vec<Bytes> {
    let mut parts = Vec::new();
    // Where the current part began; none before the first boundary.
    let mut began: Option<usize> = None;
    let mut place = 0;
    while place < body.len() && parts.len() < MOST_PARTS {
        let rest = body.get(place..).unwrap_or_default();
        let next = rest.iter().position(|&byte| byte == b'\n').map_or(body.len(), |end| place + end + 1);
        let closing = body.get(place..next).and_then(|line| delimiter(line, boundary));
        if let Some(closing) = closing {
            if let Some(from) = began {
                parts.push(body.slice(from..line_end_before(body, place).max(from)));
            }
            began = (!closing).then_some(next);
            if closing {
                break;
            }
        }
        place = next;
    }
    if let Some(from) = began.filter(|&from| from < body.len() && parts.len() < MOST_PARTS) {
        parts.push(body.slice(from..));
    }
    parts
}

/// Whether a line is a boundary, and if so, whether it is the closing one.
fn delimiter(line: &[u8], boundary: &str) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary.as_bytes())?.trim_ascii_end();
    match rest {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

/// The line end before a boundary belongs to the boundary.
fn line_end_before(body: &[u8], place: usize) -> usize {
    let before = body.get(..place).unwrap_or_default();
    before.strip_suffix(b"\r\n").or_else(|| before.strip_suffix(b"\n")).map_or(place, <[u8]>::len)
}

/// A boundary that does not occur in the content: made from its digest. The same content has the same one.
pub(crate) fn boundary_for(content: &[u8], purpose: &str) -> Result<String, Error> {
    let digest = Digest::Sha256.of(&[&Digest::Sha256.of(content)?, purpose.as_bytes()].concat())?;
    Ok(format!("=_{}", digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(body: &'static str) -> Vec<String> {
        parts(&Bytes::from_static(body.as_bytes()), "b").iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }

    #[test]
    fn parts_keep_their_bytes() {
        assert_eq!(
            cut("preamble\r\n--b\r\nA: 1\r\n\r\nx\r\n\r\n--b  \r\n\r\ny\n--bc\r\n--b--\r\nepilogue\r\n--b\r\n"),
            ["A: 1\r\n\r\nx\r\n", "\r\ny\n--bc"]
        );
        assert_eq!(cut("--b\nx\n--b\ny\n--b--"), ["x", "y"]);
        assert_eq!(cut("--b\r\n--b\r\n\r\n--b--"), ["", ""]);
        assert_eq!(cut("--b\r\nx\r\n--b\r\nno end"), ["x", "no end"]);
        assert!(cut("nothing --b\r\n").is_empty() && cut("").is_empty() && cut("--b--").is_empty());
    }

    #[test]
    fn many_parts_end_somewhere() {
        let body = Bytes::from("--b\r\nx\r\n".repeat(1000));
        assert_eq!(parts(&body, "b").len(), MOST_PARTS);
    }
}
