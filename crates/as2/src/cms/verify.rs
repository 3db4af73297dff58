//! Signatures, verified against a partner's configured certificates and no others.

use jiff::Timestamp;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::X509;

use super::ber::{CONTEXT_0, INTEGER, OID, Reader, SEQUENCE, SET};
use super::{has_reason, issuer_and_serial, oid};
use crate::digest::Digest;
use crate::party::{Certificate, Partner};
use crate::receive::SignedBy;

/// `CMS_R_CONTENT_VERIFY_ERROR`.
const CONTENT_VERIFY_ERROR: i32 = 109;
/// `CMS_R_SIGNER_CERTIFICATE_NOT_FOUND`.
const SIGNER_NOT_FOUND: i32 = 138;
/// More signers than this is no business document.
const MOST_SIGNERS: usize = 4;

/// Why a signature does not hold: sentences for ops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignatureFault {
    /// Not by a configured and valid certificate, or with a digest that is not taken, or no signature at all.
    NotAuthentic(String),
    /// By the right one, but over something else.
    OtherContent(String),
}

/// Verifies a signature: over `content`, or over what is in it. Gives who signed, and what was in it.
pub(crate) fn verify(
    bytes: &[u8],
    content: Option<&[u8]>,
    partner: &Partner,
    now: Timestamp,
) -> Result<(SignedBy, Vec<u8>), SignatureFault> {
    let not_authentic = |text: String| Err(SignatureFault::NotAuthentic(text));
    // Written again by OpenSSL, so that what is read here is what OpenSSL understood.
    let Ok(der) = CmsContentInfo::from_der(bytes).and_then(|cms| cms.to_der()) else {
        return not_authentic("the signature is no CMS SignedData".into());
    };
    let Some(signers) = signers(&der) else { return not_authentic("the signature names no signer that can be read".into()) };
    let mut digest = Digest::Sha512;
    for signer in &signers {
        match signer.digest {
            None => {
                return not_authentic("the signature uses a digest that is not taken (MD5, perhaps): the partner must use SHA-256".into());
            }
            Some(Digest::Sha1) if !partner.allow_sha1 => {
                return not_authentic(format!(
                    "the signature uses SHA-1, which the settings of {} do not allow: the partner should use SHA-256",
                    partner.id
                ));
            }
            Some(used) => digest = digest.min(used),
        }
    }

    let mut worst = None;
    for certificate in &partner.certificates {
        match try_certificate(bytes, content, certificate) {
            Ok(inside) => match certificate.info().invalid_at(now) {
                None => return Ok((SignedBy { certificate: certificate.info().clone(), digest }, inside)),
                Some(words) => {
                    let fault =
                        format!("{words}, and the signature was made with it: {} must use a new one, and send it to us", partner.id);
                    worst = Some(SignatureFault::NotAuthentic(fault));
                }
            },
            Err(error) if has_reason(&error, SIGNER_NOT_FOUND) => {}
            Err(error) if has_reason(&error, CONTENT_VERIFY_ERROR) => {
                worst = Some(SignatureFault::OtherContent(format!(
                    "the signature is of the certificate {}, but over other content: it was changed on its way",
                    certificate.info()
                )));
            }
            Err(error) => {
                let words = crate::error::openssl_words(&error);
                worst = Some(SignatureFault::NotAuthentic(format!(
                    "the signature names the certificate {}, but was not made with its key (OpenSSL: {words})",
                    certificate.info()
                )));
            }
        }
    }
    Err(worst.unwrap_or_else(|| {
        let names: Vec<String> = signers.into_iter().map(|signer| signer.name).collect();
        SignatureFault::NotAuthentic(format!(
            "it is signed with a certificate that is not configured for {}: one {}. If the partner has a new one, add it beside the old",
            partner.id,
            names.join(" and one ")
        ))
    }))
}

/// Verifies with this one certificate, and gives the content that was in it.
fn try_certificate(bytes: &[u8], content: Option<&[u8]>, certificate: &Certificate) -> Result<Vec<u8>, ErrorStack> {
    let mut certificates: Stack<X509> = Stack::new()?;
    certificates.push(certificate.x509.clone())?;
    let mut inside = Vec::new();
    // NOINTERN: certificates that came with the message count for nothing. NO_SIGNER_CERT_VERIFY: the configured one is trusted
    // as it is; its dates are looked at by the caller.
    let flags = CMSOptions::BINARY | CMSOptions::NOINTERN | CMSOptions::NO_SIGNER_CERT_VERIFY;
    // Read anew for each certificate: OpenSSL keeps what it found out in the object.
    let out = if content.is_none() { Some(&mut inside) } else { None };
    CmsContentInfo::from_der(bytes)?.verify(Some(&certificates), None, content, out, flags)?;
    Ok(inside)
}

struct SignerWords {
    digest: Option<Digest>,
    name: String,
}

/// Who signed, by the signature's own words. At least one.
fn signers(der: &[u8]) -> Option<Vec<SignerWords>> {
    let mut info = Reader(der).expect(SEQUENCE)?.inside();
    info.expect(OID).filter(|oid| oid.content == oid::SIGNED_DATA)?;
    let mut data = info.expect(CONTEXT_0)?.inside().expect(SEQUENCE)?.inside();
    data.expect(INTEGER)?;
    data.expect(SET)?;
    data.expect(SEQUENCE)?;
    data.optional(CONTEXT_0);
    data.optional(CONTEXT_0 | 1);
    let mut infos = data.expect(SET)?.inside();
    let mut signers = Vec::new();
    while let Some(info) = infos.next() {
        let mut info = info.inside();
        info.expect(INTEGER)?;
        let name = info.next()?;
        let name = if name.tag == SEQUENCE { issuer_and_serial(name.inside()) } else { None };
        let digest = info.expect(SEQUENCE)?.inside().expect(OID)?;
        signers.push(SignerWords {
            digest: oid::digest_of(digest.content),
            name: name.unwrap_or_else(|| "named by its key identifier".into()),
        });
    }
    (1..=MOST_SIGNERS).contains(&signers.len()).then_some(signers)
}
