//! Encrypted content: EnvelopedData, and AuthEnvelopedData for AES-GCM.

use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::error::ErrorStack;
use openssl::stack::Stack;

use super::ber::{CONTEXT_0, INTEGER, OID, Reader, SEQUENCE, SET};
use super::{has_reason, issuer_and_serial, oid};
use crate::Error;
use crate::party::{Certificate, Cipher, Local};

/// `CMS_R_NO_MATCHING_RECIPIENT`.
const NO_MATCHING_RECIPIENT: i32 = 132;

/// The content, encrypted for a certificate.
pub(crate) fn encrypt(content: &[u8], certificate: &Certificate, cipher: Cipher) -> Result<Vec<u8>, Error> {
    let encrypt = || -> Result<Vec<u8>, ErrorStack> {
        let mut recipients = Stack::new()?;
        recipients.push(certificate.x509.clone())?;
        CmsContentInfo::encrypt(&recipients, content, cipher.openssl(), CMSOptions::BINARY)?.to_der()
    };
    encrypt().map_err(|error| Error::openssl(&format!("cannot encrypt with {cipher} for the certificate {}", certificate.info()), &error))
}

/// What was encrypted.
#[derive(Debug)]
pub(crate) struct Decrypted {
    pub(crate) content: Vec<u8>,
    pub(crate) cipher: Cipher,
    /// The key that did it is one of before.
    pub(crate) older_key: bool,
}

/// Why it could not be decrypted: a sentence for ops.
#[derive(Debug)]
pub(crate) struct DecryptFault(pub(crate) String);

/// Decrypts with whichever of our keys it was encrypted for.
pub(crate) fn decrypt(bytes: &[u8], local: &Local) -> Result<Decrypted, DecryptFault> {
    let (recipients, cipher) = parts(bytes).ok_or_else(|| DecryptFault("the encrypted content is no complete CMS EnvelopedData".into()))?;
    let cipher = oid::cipher_of(cipher)
        .map_err(|name| DecryptFault(format!("it is encrypted with {name}, which is not taken: the partner must use AES or 3DES")))?;
    let mut fault = None;
    for (position, pair) in local.keys().enumerate() {
        // Read anew for each key: OpenSSL keeps what it found out in the object.
        let decrypted = CmsContentInfo::from_der(bytes).and_then(|cms| cms.decrypt(&pair.key, &pair.certificate.x509));
        match decrypted {
            Ok(content) => return Ok(Decrypted { content, cipher, older_key: position > 0 }),
            // Some versions of OpenSSL say nothing at all when no recipient is ours.
            Err(error) if error.errors().is_empty() || has_reason(&error, NO_MATCHING_RECIPIENT) => {}
            Err(error) => fault = Some(crate::error::openssl_words(&error)),
        }
    }
    Err(DecryptFault(match fault {
        Some(words) => {
            format!("it is encrypted for our certificate, but the content is damaged or the key is not the right one (OpenSSL: {words})")
        }
        None => format!(
            "it is encrypted for none of our certificates: it is for one {}, we have {}; the partner must use our current one",
            if recipients.is_empty() { "that is not named".into() } else { recipients.join(" and one ") },
            local.keys().map(|pair| pair.certificate.info().to_string()).collect::<Vec<_>>().join(", ")
        ),
    }))
}

/// The certificates that it is encrypted for, in words, the first ones; and the cipher's identifier.
fn parts(bytes: &[u8]) -> Option<(Vec<String>, &[u8])> {
    let mut info = Reader(bytes).expect(SEQUENCE)?.inside();
    info.expect(OID)?;
    let mut data = info.expect(CONTEXT_0)?.inside().expect(SEQUENCE)?.inside();
    data.expect(INTEGER)?;
    data.optional(CONTEXT_0);
    let mut recipients = data.expect(SET)?.inside();
    let mut words = Vec::new();
    while let Some(recipient) = recipients.next().filter(|_| words.len() < 4) {
        let mut recipient = recipient.inside();
        if recipient.optional(INTEGER).is_some()
            && let Some(name) = recipient.optional(SEQUENCE).and_then(|name| issuer_and_serial(name.inside()))
        {
            words.push(name);
        }
    }
    let mut content = data.expect(SEQUENCE)?.inside();
    content.expect(OID)?;
    let cipher = content.expect(SEQUENCE)?.inside().expect(OID)?;
    Some((words, cipher.content))
}
