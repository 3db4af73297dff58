//! A trading partner.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::certificate::Certificate;
use crate::digest::Digest;
use crate::{Error, names};

/// A trading partner: who it is and what was agreed with it. The fields that [`Partner::new`] does not ask for have the safe choices.
#[derive(Clone, Debug)]
pub struct Partner {
    /// Its AS2 identifier.
    pub id: String,
    /// Its certificates. Any valid one verifies; the first valid one is encrypted for. During a change, put the old one first until
    /// the partner has switched over.
    pub certificates: Vec<Certificate>,
    /// Whether messages from it must be signed. On.
    pub require_signature: bool,
    /// Whether messages from it must be encrypted. On.
    pub require_encryption: bool,
    /// Whether its signatures may use SHA-1. Off.
    pub allow_sha1: bool,
    /// How messages to it are signed. With SHA-256.
    pub sign: Option<Digest>,
    /// How messages to it are encrypted. With AES-256-CBC.
    pub encrypt: Option<Cipher>,
    /// Whether and when messages to it are compressed. Not.
    pub compress: Option<Compression>,
    /// The receipt that we ask it for. A signed one in the HTTP answer.
    pub receipt: Option<ReceiptWish>,
}

impl Partner {
    /// A partner with the certificates in these files (PEM or DER). None is right only for a partner that neither signs nor encrypts.
    pub fn new(id: &str, certificate_files: &[&[u8]]) -> Result<Self, Error> {
        let mut certificates = Vec::new();
        for file in certificate_files {
            certificates.extend(Certificate::all_in(file)?);
        }
        Ok(Self {
            id: names::checked(id)?,
            certificates,
            require_signature: true,
            require_encryption: true,
            allow_sha1: false,
            sign: Some(Digest::Sha256),
            encrypt: Some(Cipher::Aes256Cbc),
            compress: None,
            receipt: Some(ReceiptWish::default()),
        })
    }

    /// What will not work as it is set up, for the start and for `check`: each a sentence. Empty when all is well.
    pub fn faults(&self, now: Timestamp) -> Vec<String> {
        let mut faults = Vec::new();
        let valid = self.certificates.iter().any(|certificate| certificate.info().invalid_at(now).is_none());
        let why = if self.certificates.is_empty() { "no certificate of it is configured" } else { "none of its certificates is valid now" };
        if !valid && self.require_signature {
            faults.push(format!("messages from {} must be signed, but {why}", self.id));
        }
        if !valid && self.encrypt.is_some() {
            faults.push(format!("messages to {} are to be encrypted, but {why}", self.id));
        }
        if !valid && self.receipt.as_ref().is_some_and(|wish| wish.signed) {
            faults.push(format!("receipts from {} are to be signed, but {why}", self.id));
        }
        faults.extend(self.certificates.iter().filter_map(|certificate| certificate.info().invalid_at(now)));
        faults
    }
}

/// The receipt that a partner is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptWish {
    /// Whether it is to be signed.
    pub signed: bool,
    /// The digest of its MIC and of its signature.
    pub digest: Digest,
    /// Our URL that it is to be posted to; none: it comes in the HTTP answer.
    pub deliver_to: Option<String>,
}

impl Default for ReceiptWish {
    fn default() -> Self {
        Self { signed: true, digest: Digest::Sha256, deliver_to: None }
    }
}

/// When content is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Before it is signed: the compressed content is what is signed.
    BeforeSigning,
    /// After it is signed.
    AfterSigning,
}

/// A cipher for content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// AES-128-CBC.
    Aes128Cbc,
    /// AES-192-CBC.
    Aes192Cbc,
    /// AES-256-CBC.
    Aes256Cbc,
    /// AES-128-GCM: also guards the content, but not every partner understands it.
    Aes128Gcm,
    /// AES-192-GCM.
    Aes192Gcm,
    /// AES-256-GCM.
    Aes256Gcm,
    /// Triple DES: old; for partners that can do nothing else.
    TripleDes,
}

impl Cipher {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Aes128Cbc, Self::Aes192Cbc, Self::Aes256Cbc, Self::Aes128Gcm, Self::Aes192Gcm, Self::Aes256Gcm, Self::TripleDes];

    /// Its name in configuration and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Cbc => "aes128-cbc",
            Self::Aes192Cbc => "aes192-cbc",
            Self::Aes256Cbc => "aes256-cbc",
            Self::Aes128Gcm => "aes128-gcm",
            Self::Aes192Gcm => "aes192-gcm",
            Self::Aes256Gcm => "aes256-gcm",
            Self::TripleDes => "3des",
        }
    }

    pub(crate) fn openssl(self) -> openssl::symm::Cipher {
        use openssl::symm::Cipher as C;
        match self {
            Self::Aes128Cbc => C::aes_128_cbc(),
            Self::Aes192Cbc => C::aes_192_cbc(),
            Self::Aes256Cbc => C::aes_256_cbc(),
            Self::Aes128Gcm => C::aes_128_gcm(),
            Self::Aes192Gcm => C::aes_192_gcm(),
            Self::Aes256Gcm => C::aes_256_gcm(),
            Self::TripleDes => C::des_ede3_cbc(),
        }
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Cipher {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|cipher| cipher.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|cipher| cipher.name()).collect();
            Error::new(format!("unknown cipher: one of {} is meant", names.join(", ")))
        })
    }
}
