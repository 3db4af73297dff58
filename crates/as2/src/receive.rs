//! Messages that come in.

use bytes::Bytes;
use jiff::Timestamp;

use crate::cms::{self, Kind, SignatureFault};
use crate::digest::{Digest, Mic};
use crate::disposition::{Disposition, detail};
use crate::headers::Headers;
use crate::mime::{self, Entity};
use crate::party::{CertificateInfo, Cipher, Local, Partner};
use crate::receipt::{Receipt, is_report, receipt};
use crate::refused::{Answer, Refused};
use crate::transmission::Transmission;
use crate::{Error, signed};

/// OpenSSL counts bytes in 32 bits.
const LONGEST: usize = i32::MAX as usize;

/// A message that was taken.
#[derive(Clone, Debug)]
pub struct Received {
    /// Whose it is and what receipt is wanted.
    pub transmission: Transmission,
    /// The content, decoded.
    pub payload: Bytes,
    /// What the content is, as the sender says, e.g. `application/edifact; charset=iso-8859-1`.
    pub content_type: String,
    /// The file's name, as the sender says, without folders.
    pub filename: Option<String>,
    /// The check value for the receipt, in the digest that the sender asked for.
    pub mic: Mic,
    /// Who signed it.
    pub signed: Option<SignedBy>,
    /// The cipher that it was encrypted with.
    pub encrypted: Option<Cipher>,
    /// Whether it was compressed.
    pub compressed: bool,
    /// What ops should know though the message was taken, e.g. that it was encrypted for an old key of ours.
    pub warnings: Vec<String>,
}

/// Who signed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBy {
    /// The configured certificate that verified it.
    pub certificate: CertificateInfo,
    /// The digest that was signed.
    pub digest: Digest,
}

impl Received {
    /// The receipt that says it was taken. To be made and kept with the message, and sent after the commit.
    pub fn receipt(&self, local: &Local, partner: &Partner, message_id: &str, now: Timestamp) -> Result<Receipt, Error> {
        receipt(&self.transmission, &Disposition::processed(), Some(&self.mic), local, partner, message_id, now)
    }
}

/// Reads a message: checks who it is from and for, decrypts, verifies and decompresses it, in whatever order these were applied.
/// Says nothing of repetitions: those are the caller's to find, by `transmission`, before or after. It computes for as long as the
/// message is large, so it does not belong on a thread that serves others.
pub fn receive(headers: &Headers, body: &Bytes, local: &Local, partners: &[&Partner], now: Timestamp) -> Result<Received, Box<Refused>> {
    let transmission = Transmission::of(headers)?;
    let partner = match parties(&transmission, local, partners) {
        Ok(partner) => partner,
        Err((status, reason)) => {
            return Err(Box::new(Refused { transmission: Some(transmission), reason, answer: Answer::Status(status) }));
        }
    };
    match unwrapped(&transmission, headers, body, local, partner, now) {
        Ok(opened) => Ok(Received {
            transmission,
            payload: opened.payload,
            content_type: opened.content_type,
            filename: opened.filename,
            mic: opened.mic,
            signed: opened.layers.signed,
            encrypted: opened.layers.encrypted,
            compressed: opened.layers.compressed,
            warnings: opened.layers.warnings,
        }),
        Err(fault) => {
            let answer = match (fault.answer, &transmission.receipt) {
                (Answer::Receipt(_), None) => Answer::Status(400),
                (answer, _) => answer,
            };
            Err(Box::new(Refused { transmission: Some(transmission), reason: fault.reason, answer }))
        }
    }
}

/// The partner that a message is from, if it is for us. Else the HTTP status and why.
fn parties<'p>(transmission: &Transmission, local: &Local, partners: &[&'p Partner]) -> Result<&'p Partner, (u16, String)> {
    if transmission.to != local.id {
        let hint = if transmission.to.eq_ignore_ascii_case(&local.id) { "; only the case differs, which counts in AS2" } else { "" };
        return Err((404, format!("the message is for \"{}\", we are \"{}\"{hint}", transmission.to.escape_debug(), local.id)));
    }
    partners.iter().copied().find(|partner| partner.id == transmission.from).ok_or_else(|| {
        let alike = partners.iter().find(|partner| partner.id.eq_ignore_ascii_case(&transmission.from));
        let hint = alike.map(|partner| format!("; \"{}\" is, but case counts in AS2", partner.id)).unwrap_or_default();
        (403, format!("the message is from \"{}\", which is not a configured partner{hint}", transmission.from.escape_debug()))
    })
}

/// Why a message is not taken.
struct Fault {
    reason: String,
    answer: Answer,
}

impl Fault {
    fn error(detail: &str, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), answer: Answer::Receipt(Disposition::error(detail)) }
    }
}

impl From<SignatureFault> for Fault {
    fn from(fault: SignatureFault) -> Self {
        match fault {
            SignatureFault::NotAuthentic(reason) => Self::error(detail::AUTHENTICATION_FAILED, reason),
            SignatureFault::OtherContent(reason) => Self::error(detail::INTEGRITY_CHECK_FAILED, reason),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::error(detail::UNEXPECTED_PROCESSING_ERROR, error.to_string())
    }
}

/// What was around the content.
#[derive(Default)]
struct Layers {
    signed: Option<SignedBy>,
    /// The bytes that were signed.
    signed_bytes: Option<Bytes>,
    encrypted: Option<Cipher>,
    compressed: bool,
    warnings: Vec<String>,
}

struct Opened {
    payload: Bytes,
    content_type: String,
    filename: Option<String>,
    mic: Mic,
    layers: Layers,
}

fn unwrapped(
    transmission: &Transmission,
    headers: &Headers,
    body: &Bytes,
    local: &Local,
    partner: &Partner,
    now: Timestamp,
) -> Result<Opened, Fault> {
    let most = local.limits.bytes.min(LONGEST);
    if body.len() > most {
        return Err(Fault { reason: format!("the message has {} bytes, the limit is {most}", body.len()), answer: Answer::Status(413) });
    }
    if let Some(disposition) = transmission.receipt.as_ref().and_then(|request| request.impossible.clone()) {
        let reason = format!("{} demands a receipt of a kind that cannot be given: {disposition}", partner.id);
        return Err(Fault { reason, answer: Answer::Receipt(disposition) });
    }
    let mut layers = Layers::default();
    let mut entity = Entity::of_http(headers, body);
    // Each layer is taken off at most once, so this ends.
    while let Some(inner) = layers.take_off(&entity, local, partner, now)? {
        entity = Entity::parse(&inner);
    }
    layers.suffice(partner)?;
    if is_report(&entity) {
        return Err(Fault { reason: "this is a receipt and not a message".into(), answer: Answer::Status(400) });
    }

    let asked = transmission.receipt.as_ref().and_then(|request| request.micalg.as_ref()).map(|(digest, _)| *digest);
    let digest = asked.or(layers.signed.as_ref().map(|signed| signed.digest)).unwrap_or(Digest::Sha256);
    // RFC 4130 section 7.3.1: what was signed; without a signature the innermost entity; and of a message with nothing around it the
    // bare content, because header fields may change on the way. RFC 5402 says the same of what was compressed.
    let checked = layers.signed_bytes.as_ref().unwrap_or(if entity.whole.is_empty() { &entity.body } else { &entity.whole });
    let mic = Mic::over(digest, checked)?;
    let payload = entity.content().ok_or_else(|| {
        Fault::error(detail::UNEXPECTED_PROCESSING_ERROR, "the content cannot be decoded as its Content-Transfer-Encoding says")
    })?;
    let kind = entity.content_type();
    Ok(Opened {
        payload,
        content_type: entity.headers.get("Content-Type").filter(|kind| !kind.is_empty()).unwrap_or("application/octet-stream").into(),
        filename: mime::filename(entity.headers.get("Content-Disposition").unwrap_or_default(), &kind),
        mic,
        layers,
    })
}

impl Layers {
    /// Takes off what is around an entity and gives what was in it; none when it is the content itself.
    fn take_off(&mut self, entity: &Entity, local: &Local, partner: &Partner, now: Timestamp) -> Result<Option<Bytes>, Fault> {
        if let Some(parts) = signed::split(entity) {
            once(self.signed.is_some(), "signed")?;
            let verified = signed::verify(&parts?, partner, now)?;
            return Ok(Some(self.signed(verified.by, verified.content, entity)));
        }
        if !matches!(entity.content_type().value.as_str(), "application/pkcs7-mime" | "application/x-pkcs7-mime") {
            return Ok(None);
        }
        // Some send base64 without saying so.
        let known = |bytes: Bytes| cms::kind(&bytes).map(|kind| (kind, bytes));
        let found = entity.content().and_then(known).or_else(|| known(mime::lenient_base64(&entity.body)?));
        let Some((kind, bytes)) = found else {
            return Err(Fault::error(
                detail::UNEXPECTED_PROCESSING_ERROR,
                "the content type is application/pkcs7-mime, but the content is no CMS object, neither binary nor in base64",
            ));
        };
        let inner = match kind {
            Kind::Encrypted => {
                once(self.encrypted.is_some(), "encrypted")?;
                let decrypted = cms::decrypt(&bytes, local).map_err(|fault| Fault::error(detail::DECRYPTION_FAILED, fault.0))?;
                self.encrypted = Some(decrypted.cipher);
                if decrypted.older_key {
                    self.warnings.push(format!("{} still encrypts for an old certificate of ours: send it the current one", partner.id));
                }
                decrypted.content.into()
            }
            Kind::Compressed => {
                once(self.compressed, "compressed")?;
                self.compressed = true;
                cms::decompress(&bytes, &local.limits).map_err(|words| Fault::error(detail::DECOMPRESSION_FAILED, words))?.into()
            }
            Kind::Signed => {
                once(self.signed.is_some(), "signed")?;
                let (by, content) = cms::verify(&bytes, None, partner, now)?;
                self.signed(by, content.into(), entity)
            }
        };
        Ok(Some(inner))
    }

    fn signed(&mut self, by: SignedBy, content: Bytes, entity: &Entity) -> Bytes {
        let micalg = entity.content_type().get("micalg").and_then(Digest::by_name);
        if micalg.is_some_and(|micalg| micalg != by.digest) {
            self.warnings.push("the micalg in its content type is not the digest that was signed with".into());
        }
        self.signed = Some(by);
        self.signed_bytes = Some(content.clone());
        content
    }

    /// Whether this is the security that was agreed upon.
    fn suffice(&self, partner: &Partner) -> Result<(), Fault> {
        let missing = match (partner.require_signature && self.signed.is_none(), partner.require_encryption && self.encrypted.is_none()) {
            (true, true) => "signed and encrypted",
            (true, false) => "signed",
            (false, true) => "encrypted",
            (false, false) => return Ok(()),
        };
        let reason =
            format!("messages from {} must be {missing}, this one is not: it must send so, or its settings here allow less", partner.id);
        Err(Fault::error(detail::INSUFFICIENT_MESSAGE_SECURITY, reason))
    }
}

fn once(before: bool, what: &str) -> Result<(), Fault> {
    if before { Err(Fault::error(detail::UNEXPECTED_PROCESSING_ERROR, format!("the message is {what} twice"))) } else { Ok(()) }
}
