//! Certificates: a partner's are pinned as configured, there is no chain to build and nobody else to trust.

use std::fmt;

use jiff::Timestamp;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::hash::MessageDigest;
use openssl::x509::{X509, X509NameRef, X509Ref};

use crate::Error;

/// A certificate.
#[derive(Clone)]
pub struct Certificate {
    pub(crate) x509: X509,
    info: CertificateInfo,
}

/// What a certificate says, for logs, events and people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    /// Whose it is, e.g. `CN=Pump House AS2, O=Pump House`.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Its serial number in hexadecimal.
    pub serial: String,
    /// SHA-256 fingerprint in lower-case hexadecimal.
    pub sha256: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
}

impl CertificateInfo {
    /// Why it must not be used at this time, when it must not.
    pub fn invalid_at(&self, now: Timestamp) -> Option<String> {
        if now > self.not_after {
            Some(format!("the certificate {self} expired on {}", self.not_after))
        } else if now < self.not_before {
            Some(format!("the certificate {self} is not valid before {}", self.not_before))
        } else {
            None
        }
    }

    pub(crate) fn of(x509: &X509Ref) -> Result<Self, Error> {
        let words = |error| Error::openssl("cannot read the certificate", &error);
        let serial = x509.serial_number().to_bn().and_then(|number| number.to_hex_str()).map_err(words)?;
        Ok(Self {
            subject: name(x509.subject_name()),
            issuer: name(x509.issuer_name()),
            serial: serial.to_string(),
            sha256: x509.digest(MessageDigest::sha256()).map_err(words)?.iter().map(|byte| format!("{byte:02x}")).collect(),
            not_before: time(x509.not_before())?,
            not_after: time(x509.not_after())?,
        })
    }
}

impl fmt::Display for CertificateInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" (serial {})", self.subject, self.serial)
    }
}

impl Certificate {
    /// All certificates in a PEM file, or the one in a DER file (`.cer` files are either).
    pub fn all_in(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        let unusable = |error| Error::openssl("this is no certificate: PEM (BEGIN CERTIFICATE) or DER is wanted", &error);
        let found = if bytes.windows(10).any(|window| window == b"-----BEGIN") {
            X509::stack_from_pem(bytes).map_err(unusable)?
        } else {
            vec![X509::from_der(bytes).map_err(unusable)?]
        };
        if found.is_empty() {
            return Err(Error::new("there is no certificate in it: a \"BEGIN CERTIFICATE\" block is wanted"));
        }
        found.into_iter().map(|x509| Ok(Self { info: CertificateInfo::of(&x509)?, x509 })).collect()
    }

    /// What it says.
    pub fn info(&self) -> &CertificateInfo {
        &self.info
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.info)
    }
}

/// A distinguished name in words.
pub(crate) fn name(name: &X509NameRef) -> String {
    let parts: Vec<String> = name
        .entries()
        .map(|entry| {
            let value = entry.data().to_string().unwrap_or_else(|_| "?".into());
            format!("{}={}", entry.object().nid().short_name().unwrap_or("?"), crate::headers::one_line(&value))
        })
        .collect();
    if parts.is_empty() { "no name".into() } else { parts.join(", ") }
}

fn time(time: &Asn1TimeRef) -> Result<Timestamp, Error> {
    const DAY: i64 = 24 * 60 * 60;
    let unreadable = || Error::new("the certificate's dates cannot be read");
    let since = Asn1Time::from_unix(0).and_then(|epoch| epoch.diff(time)).map_err(|_| unreadable())?;
    Timestamp::from_second(i64::from(since.days) * DAY + i64::from(since.secs)).map_err(|_| unreadable())
}
