//! The entities that AS2 wraps around content: made here for messages and receipts.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::digest::Digest;
use crate::headers::Headers;
use crate::mime::{base64_lines, boundary_for};
use crate::party::{KeyPair, Local};
use crate::{Error, cms, names};

/// An entity that is being made: header fields and a body.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Draft {
    /// Its bytes: header fields on one line each, ended with CR LF, and the body as it is. This is what is signed.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let head: String = self.fields.iter().flat_map(|(name, value)| [name, ": ", value.as_str(), "\r\n"]).chain(["\r\n"]).collect();
        [head.as_bytes(), &self.body].concat()
    }

    /// CMS content as an entity of its own.
    pub(crate) fn cms(kind: &str, filename: &str, body: Vec<u8>) -> Self {
        Self {
            fields: vec![
                ("Content-Type", format!("application/pkcs7-mime; smime-type={kind}; name=\"{filename}\"")),
                ("Content-Transfer-Encoding", "binary".into()),
                ("Content-Disposition", format!("attachment; filename=\"{filename}\"")),
            ],
            body,
        }
    }

    /// `multipart/signed` around these bytes.
    pub(crate) fn signed(content: &[u8], digest: Digest, pair: &KeyPair, now: Timestamp) -> Result<Self, Error> {
        let signature = base64_lines(&cms::sign(content, digest, pair, now)?);
        let boundary = boundary_for(content, "signed")?;
        let head = format!("--{boundary}\r\n");
        let tail = format!(
            "\r\n--{boundary}\r\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n{signature}\r\n--{boundary}--\r\n"
        );
        let kind = format!("multipart/signed; protocol=\"application/pkcs7-signature\"; micalg={digest}; boundary=\"{boundary}\"");
        Ok(Self { fields: vec![("Content-Type", kind)], body: [head.as_bytes(), content, tail.as_bytes()].concat() })
    }
}

/// The header fields that a message and a receipt have alike.
pub(crate) fn as2_headers(local: &Local, to: &str, message_id: &str, now: Timestamp) -> Result<Headers, Error> {
    if message_id.len() > 255
        || !message_id.starts_with('<')
        || !message_id.ends_with('>')
        || !message_id.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(Error::new("a Message-ID is at most 255 printable ASCII characters in angle brackets: <left@right>"));
    }
    let date = jiff::fmt::rfc2822::to_string(&now.to_zoned(TimeZone::UTC))
        .map_err(|error| Error::new(format!("the present cannot be written: {error}")))?;
    let mut headers = Headers::new();
    // 1.1: with compression.
    headers.push("AS2-Version", "1.1");
    headers.push("AS2-From", names::quoted(&local.id));
    headers.push("AS2-To", names::quoted(to));
    headers.push("Message-ID", message_id);
    headers.push("Date", date);
    headers.push("MIME-Version", "1.0");
    headers.push("User-Agent", crate::PRODUCT);
    Ok(headers)
}
