//! `multipart/signed`: the signed part, byte for byte, and its signature.

use bytes::Bytes;
use jiff::Timestamp;

use crate::cms::{self, SignatureFault};
use crate::mime::{self, Entity};
use crate::party::Partner;
use crate::receive::SignedBy;

/// What was signed, and the signature.
pub(crate) struct Parts {
    content: Bytes,
    signature: Bytes,
}

/// What was verified.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) by: SignedBy,
    /// Exactly the bytes that the signature is over.
    pub(crate) content: Bytes,
}

impl SignatureFault {
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::NotAuthentic(words) | Self::OtherContent(words) => words,
        }
    }
}

/// The parts of a `multipart/signed`; none when the entity is something else.
pub(crate) fn split(entity: &Entity) -> Option<Result<Parts, SignatureFault>> {
    let kind = entity.content_type();
    if kind.value != "multipart/signed" {
        return None;
    }
    let fault = |words: &str| Err(SignatureFault::NotAuthentic(words.into()));
    let Some(boundary) = kind.get("boundary").filter(|boundary| !boundary.is_empty()) else {
        return Some(fault("the multipart/signed names no boundary"));
    };
    let parts = mime::parts(&entity.body, boundary);
    let [content, signature] = parts.as_slice() else {
        return Some(fault("a multipart/signed has two parts, the content and its signature; these are not there"));
    };
    let part = Entity::parse(signature);
    // Some say 7bit and write base64: CMS begins with a byte that base64 cannot have.
    let signature = part.content().filter(|bytes| cms::kind(bytes).is_some()).or_else(|| mime::lenient_base64(&part.body));
    Some(match signature {
        Some(signature) => Ok(Parts { content: content.clone(), signature }),
        None => fault("the signature in the multipart/signed cannot be decoded"),
    })
}

/// Verifies the content as it came; and where its lines end with bare line feeds, as its sender must have had it before something on
/// the way changed the line ends.
pub(crate) fn verify(parts: &Parts, partner: &Partner, now: Timestamp) -> Result<Signed, SignatureFault> {
    match cms::verify(&parts.signature, Some(&parts.content), partner, now) {
        Ok((by, _)) => Ok(Signed { by, content: parts.content.clone() }),
        Err(SignatureFault::OtherContent(words)) => {
            let canonical = mime::with_crlf(&parts.content).and_then(|content| {
                let (by, _) = cms::verify(&parts.signature, Some(&content), partner, now).ok()?;
                Some(Signed { by, content: content.into() })
            });
            canonical.ok_or(SignatureFault::OtherContent(words))
        }
        Err(fault) => Err(fault),
    }
}
