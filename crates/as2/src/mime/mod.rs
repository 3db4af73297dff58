//! MIME, as far as AS2 needs it, with every byte where it was: what is signed must not be written anew.

mod field;
mod multipart;
mod transfer;

use bytes::Bytes;

use crate::headers::{Headers, latin1_or_utf8};

pub(crate) use field::{Parameters, filename, parameter};
pub(crate) use multipart::{boundary_for, parts};
pub(crate) use transfer::{base64_lines, decoded, lenient_base64, with_crlf};

/// Header fields longer than this together are no header fields.
const LONGEST_HEAD: usize = 64 << 10;

/// A MIME entity: header fields and a body.
#[derive(Clone, Debug)]
pub(crate) struct Entity {
    pub(crate) headers: Headers,
    /// Header fields and body as they were; empty for a whole HTTP message, whose header fields nobody signs.
    pub(crate) whole: Bytes,
    /// The body, still encoded.
    pub(crate) body: Bytes,
}

impl Entity {
    /// From bytes. What does not begin with a header field is a body without any.
    pub(crate) fn parse(whole: &Bytes) -> Self {
        let (headers, length) = head(whole).unwrap_or_default();
        Self { headers, whole: whole.clone(), body: whole.slice(length..) }
    }

    /// A whole HTTP message.
    pub(crate) fn of_http(headers: &Headers, body: &Bytes) -> Self {
        Self { headers: headers.clone(), whole: Bytes::new(), body: body.clone() }
    }

    /// Its content type and the parameters.
    pub(crate) fn content_type(&self) -> Parameters {
        Parameters::parse(self.headers.get("Content-Type").unwrap_or_default())
    }

    /// The body, decoded as `Content-Transfer-Encoding` says.
    pub(crate) fn content(&self) -> Option<Bytes> {
        decoded(&self.body, self.headers.get("Content-Transfer-Encoding").unwrap_or_default())
    }
}

/// Header fields, and where the body begins.
fn head(bytes: &[u8]) -> Option<(Headers, usize)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut place = 0;
    loop {
        let rest = bytes.get(place..).filter(|_| place <= LONGEST_HEAD)?;
        // A head that ends with the bytes, without an empty line, has no body.
        let (line, next) = match rest.iter().take(LONGEST_HEAD).position(|&byte| byte == b'\n') {
            Some(end) => (rest.get(..end)?, place + end + 1),
            None if rest.len() <= LONGEST_HEAD => (rest, bytes.len()),
            None => return None,
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return (!headers.is_empty()).then(|| (headers.into_iter().collect(), next));
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            let (_, value) = headers.last_mut()?;
            value.push(' ');
            value.push_str(latin1_or_utf8(line).trim());
        } else {
            let (name, value) = line.split_at(line.iter().position(|&byte| byte == b':')?);
            let name = std::str::from_utf8(name).ok()?.trim_end();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
                return None;
            }
            headers.push((name.into(), latin1_or_utf8(value.get(1..)?)));
        }
        place = next;
    }
}

/// The fields of a block like a receipt's: all of them, whatever stands between.
pub(crate) fn fields(bytes: &[u8]) -> Headers {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in bytes.get(..bytes.len().min(LONGEST_HEAD)).unwrap_or_default().split(|&byte| byte == b'\n') {
        let line = latin1_or_utf8(line);
        match (line.starts_with([' ', '\t']), fields.last_mut(), line.split_once(':')) {
            (true, Some((_, value)), _) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            (false, _, Some((name, value))) => fields.push((name.trim().into(), value.trim().into())),
            _ => {}
        }
    }
    fields.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Entity {
        Entity::parse(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn head_and_body() {
        let entity = parse("Content-Type: application/edifact;\r\n\tname=x.edi\r\nContent-Disposition:attachment\r\n\r\nUNB+\r\n\r\n");
        assert_eq!(entity.headers.get("content-type"), Some("application/edifact; name=x.edi"));
        assert_eq!((&entity.body[..], entity.headers.iter().count()), (&b"UNB+\r\n\r\n"[..], 2));
        assert_eq!(&parse("A: b\n\nUNB+UNOC:3").body[..], b"UNB+UNOC:3");
        assert_eq!(&parse("A: b\r\n").body[..], b"");
    }

    #[test]
    fn content_without_a_head_is_all_body() {
        for text in [
            "UNB+UNOC:3+A:14'UNH+1+ORDERS:D:96A:UN'",
            "ISA*00*\r\n\r\nGS*PO",
            "",
            "\r\nA: b",
            " A: b\r\n\r\n",
            "<?xml version=\"1.0\"?>\n\n",
        ] {
            let entity = parse(text);
            assert_eq!((entity.headers.iter().count(), &entity.body[..]), (0, text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn fields_in_several_blocks() {
        let fields = fields(b"\r\nReporting-UA: x\r\n\r\nnonsense\r\nDisposition: a; processed\nReceived-Content-MIC: q,\r\n sha1");
        assert_eq!(fields.get("disposition"), Some("a; processed"));
        assert_eq!(fields.get("received-content-mic"), Some("q, sha1"));
    }
}
