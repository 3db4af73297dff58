//! Ourselves.

use jiff::Timestamp;
use openssl::pkey::{Id, PKey, Private};

use super::certificate::Certificate;
use crate::{Error, names};

/// A private key and its certificate.
#[derive(Clone, Debug)]
pub struct KeyPair {
    pub(crate) key: PKey<Private>,
    pub(crate) certificate: Certificate,
}

impl KeyPair {
    /// From a PEM key (RSA or EC, perhaps with a passphrase) and a file with its certificate. Other certificates in that file (the
    /// issuer's) are passed over.
    pub fn from_pem(key: &[u8], passphrase: Option<&str>, certificate: &[u8]) -> Result<Self, Error> {
        // With a callback OpenSSL never asks at a terminal.
        let key = PKey::private_key_from_pem_callback(key, |buffer| {
            let passphrase = passphrase.unwrap_or_default().as_bytes();
            let Some(place) = buffer.get_mut(..passphrase.len()) else { return Ok(0) };
            place.copy_from_slice(passphrase);
            Ok(passphrase.len())
        })
        .map_err(|error| {
            Error::openssl("the private key cannot be read: an unencrypted PEM key, or one with the right passphrase, is wanted", &error)
        })?;
        if !matches!(key.id(), Id::RSA | Id::EC) {
            return Err(Error::new("the private key is neither RSA nor EC: AS2 partners understand no other kind"));
        }
        let certificate = Certificate::all_in(certificate)?
            .into_iter()
            .find(|certificate| certificate.x509.public_key().is_ok_and(|public| public.public_eq(&key)))
            .ok_or_else(|| Error::new("the private key does not belong to the certificate: their public keys differ"))?;
        Ok(Self { key, certificate })
    }

    /// The certificate, as partners must have it.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// Ourselves: an AS2 identifier and keys.
#[derive(Clone, Debug)]
pub struct Local {
    /// Our AS2 identifier.
    pub id: String,
    /// The key that signs, and that decrypts first.
    pub key: KeyPair,
    /// Keys of before, that decrypt what partners still encrypt for them.
    pub older: Vec<KeyPair>,
    /// What a message may cost.
    pub limits: Limits,
}

impl Local {
    /// Ourselves with one key.
    pub fn new(id: &str, key: KeyPair) -> Result<Self, Error> {
        Ok(Self { id: names::checked(id)?, key, older: Vec::new(), limits: Limits::default() })
    }

    /// What will not work as it is set up, for the start and for `check`: each a sentence. Empty when all is well.
    pub fn faults(&self, now: Timestamp) -> Vec<String> {
        let expired = self.key.certificate.info().invalid_at(now);
        expired
            .map(|words| format!("{words}; partners will refuse what we sign with it: make a new one and send it to them"))
            .into_iter()
            .collect()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &KeyPair> {
        std::iter::once(&self.key).chain(&self.older)
    }
}

/// What a message may cost us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest body and the longest decompressed content, in bytes.
    pub bytes: usize,
    /// How many times its size compressed content may grow, once it is past one MiB.
    pub growth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 256 << 20, growth: 200 }
    }
}
