//! Messages that go out.

use bytes::Bytes;
use jiff::Timestamp;

use crate::digest::{Digest, Mic};
use crate::headers::{Headers, one_line};
use crate::mime;
use crate::party::{Compression, Local, Partner};
use crate::smime::{Draft, as2_headers};
use crate::{Error, cms};

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct Outbound<'a> {
    /// The content.
    pub payload: &'a [u8],
    /// What it is, e.g. `application/edifact`.
    pub content_type: &'a str,
    /// The file's name for the partner.
    pub filename: Option<&'a str>,
    /// The subject.
    pub subject: Option<&'a str>,
    /// Its Message-ID in angle brackets. The same one each time it is tried again, so that the partner can tell.
    pub message_id: &'a str,
}

/// A message, ready to be posted to the partner's URL: its header fields and its body. Post these same bytes each time it is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Header fields, `Content-Type` among them.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
    /// What must be kept to understand the receipt.
    pub sent: Sent,
}

/// What must be kept of a message to understand its receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its Message-ID.
    pub message_id: String,
    /// The check value that the receipt should say. To be stored as its text.
    pub mic: Mic,
    /// Whether a signed receipt was asked for.
    pub signed_receipt: bool,
}

/// Makes a message: compressed, signed and encrypted as agreed with the partner, and asking for the receipt that is wanted.
pub fn send(outbound: &Outbound<'_>, local: &Local, partner: &Partner, now: Timestamp) -> Result<Outgoing, Error> {
    let mut headers = as2_headers(local, &partner.id, outbound.message_id, now)?;
    headers.push("Subject", outbound.subject.filter(|subject| subject.is_ascii()).unwrap_or("EDI message"));
    let wish = partner.receipt.as_ref();
    if let Some(wish) = wish {
        headers.push("Disposition-Notification-To", crate::names::quoted(&local.id));
        if wish.signed {
            // "optional" as everybody writes it: who cannot sign still takes the message, and the verdict says that it did not sign.
            let options = format!("signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, {}", wish.digest);
            headers.push("Disposition-Notification-Options", options);
        }
        if let Some(url) = &wish.deliver_to {
            headers.push("Receipt-Delivery-Option", url);
        }
    }

    let (draft, mic) = wrapped(outbound, local, partner, now)?;
    for (name, value) in &draft.fields {
        headers.push(name, value);
    }
    let sent = Sent { message_id: outbound.message_id.into(), mic, signed_receipt: wish.is_some_and(|wish| wish.signed) };
    Ok(Outgoing { headers, body: draft.body.into(), sent })
}

/// The content with everything around it, and the check value of what the partner will check.
fn wrapped(outbound: &Outbound<'_>, local: &Local, partner: &Partner, now: Timestamp) -> Result<(Draft, Mic), Error> {
    let digest = partner.receipt.as_ref().map(|wish| wish.digest).or(partner.sign).unwrap_or(Digest::Sha256);
    let mut draft = content(outbound)?;
    // Neither signed nor hidden: header fields may change on the way, so only the content counts.
    if partner.sign.is_none() && partner.encrypt.is_none() && partner.compress.is_none() {
        let mic = Mic::over(digest, &draft.body)?;
        return Ok((draft, mic));
    }
    let mut bytes = draft.bytes();
    // Without a signature it is the innermost entity that is checked (RFC 4130 section 7.3.1, RFC 5402).
    let mut mic = Mic::over(digest, &bytes)?;
    let compressed = |bytes: &[u8]| Ok::<Draft, Error>(Draft::cms("compressed-data", "smime.p7z", cms::compress(bytes)?));
    if partner.compress == Some(Compression::BeforeSigning) {
        draft = compressed(&bytes)?;
        bytes = draft.bytes();
    }
    if let Some(signature) = partner.sign {
        mic = Mic::over(digest, &bytes)?;
        draft = Draft::signed(&bytes, signature, &local.key, now)?;
        bytes = draft.bytes();
    }
    if partner.compress == Some(Compression::AfterSigning) {
        draft = compressed(&bytes)?;
        bytes = draft.bytes();
    }
    if let Some(cipher) = partner.encrypt {
        let certificate = partner.certificates.iter().find(|certificate| certificate.info().invalid_at(now).is_none());
        let certificate = certificate.ok_or_else(|| {
            let why: Vec<String> = partner.certificates.iter().filter_map(|certificate| certificate.info().invalid_at(now)).collect();
            let why = if why.is_empty() { "none is configured".into() } else { why.join("; ") };
            Error::new(format!("there is no valid certificate of {} to encrypt for: {why}", partner.id))
        })?;
        draft = Draft::cms("enveloped-data", "smime.p7m", cms::encrypt(&bytes, certificate, cipher)?);
    }
    Ok((draft, mic))
}

/// The content itself as an entity.
fn content(outbound: &Outbound<'_>) -> Result<Draft, Error> {
    let content_type = one_line(outbound.content_type);
    if !content_type.is_ascii() || !content_type.split(';').next().unwrap_or_default().contains('/') {
        return Err(Error::new(format!("\"{}\" is no content type like application/edifact", content_type.escape_debug())));
    }
    // Binary: not a byte of it is to be changed, whatever its line ends are.
    let mut fields = vec![("Content-Type", content_type), ("Content-Transfer-Encoding", "binary".into())];
    if let Some(filename) = outbound.filename {
        fields.push(("Content-Disposition", format!("attachment; {}", mime::parameter("filename", filename))));
    }
    Ok(Draft { fields, body: outbound.payload.to_vec() })
}
