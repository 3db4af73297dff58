//! Digests, and the message integrity check (MIC) that sender and receiver compare.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::{MessageDigest, hash};

use crate::Error;

/// A digest algorithm. MD5 is not among them: nobody can trust it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    /// SHA-1: weak; taken for signatures only where a partner's settings allow it.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// Its name as `micalg`: RFC 8551's, and for SHA-1 RFC 4130's, which old software knows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// The digest of this name, in any of the spellings in use (`sha256`, `SHA-256`, `sha2-256`, `rsa-sha256`).
    pub fn by_name(name: &str) -> Option<Self> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(20).collect();
        match plain.strip_prefix("rsa").unwrap_or(&plain) {
            "sha1" | "sha" => Some(Self::Sha1),
            "sha256" | "sha2256" | "sha2" => Some(Self::Sha256),
            "sha384" | "sha2384" => Some(Self::Sha384),
            "sha512" | "sha2512" => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(hash(self.openssl(), bytes).map_err(|error| Error::openssl("cannot compute a digest", &error))?.to_vec())
    }

    pub(crate) fn openssl(self) -> MessageDigest {
        match self {
            Self::Sha1 => MessageDigest::sha1(),
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
        }
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::by_name(name).ok_or_else(|| Error::new("unknown digest: one of sha1, sha-256, sha-384 and sha-512 is meant"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A message integrity check: what the receiver says it got, what the sender knows it sent. Its text is that of the header field
/// `Received-Content-MIC`, `base64, algorithm`, and can be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mic {
    /// The algorithm.
    pub digest: Digest,
    /// The digest itself.
    pub value: Vec<u8>,
}

impl Mic {
    pub(crate) fn over(digest: Digest, bytes: &[u8]) -> Result<Self, Error> {
        Ok(Self { digest, value: digest.of(bytes)? })
    }

    /// The digest in base64.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.value)
    }
}

impl fmt::Display for Mic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.base64(), self.digest)
    }
}

impl FromStr for Mic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (value, digest) = text.rsplit_once(',').ok_or_else(|| Error::new("a MIC is written as \"base64, algorithm\""))?;
        let value: String = value.chars().filter(|c| !c.is_whitespace()).collect();
        let value = STANDARD.decode(value).map_err(|_| Error::new("the MIC is not base64"))?;
        Ok(Self { digest: digest.trim().parse()?, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_in_use_is_known() {
        for (name, digest) in [
            ("sha1", Some(Digest::Sha1)),
            ("SHA-1", Some(Digest::Sha1)),
            ("rsa-sha1", Some(Digest::Sha1)),
            ("sha256", Some(Digest::Sha256)),
            ("SHA-256", Some(Digest::Sha256)),
            ("sha2-256", Some(Digest::Sha256)),
            ("sha_384", Some(Digest::Sha384)),
            ("sha512", Some(Digest::Sha512)),
            ("md5", None),
            ("rsa-md5", None),
            ("", None),
        ] {
            assert_eq!(Digest::by_name(name), digest, "{name}");
        }
    }

    #[test]
    fn a_mic_is_written_and_read_again() {
        let mic = Mic::over(Digest::Sha1, b"abc").unwrap();
        assert_eq!(mic.to_string(), "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=, sha1");
        assert_eq!("qZk+NkcGgWq6PiVxeFDCbJzQ2J0=,SHA1".parse::<Mic>().unwrap(), mic);
        assert!("qZk+, md5".parse::<Mic>().is_err() && "*, sha1".parse::<Mic>().is_err() && "abc".parse::<Mic>().is_err());
    }
}
