//! Object identifiers of CMS, as DER writes them.

use crate::digest::Digest;
use crate::party::Cipher;

pub(super) const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
pub(super) const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
pub(super) const ENVELOPED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
pub(super) const AUTH_ENVELOPED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
pub(super) const COMPRESSED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09";
pub(super) const ZLIB: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x08";
pub(super) const CONTENT_TYPE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03";
pub(super) const MESSAGE_DIGEST: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";
pub(super) const SIGNING_TIME: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05";
pub(super) const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";

pub(super) const fn digest(digest: Digest) -> &'static [u8] {
    match digest {
        Digest::Sha1 => b"\x2b\x0e\x03\x02\x1a",
        Digest::Sha256 => b"\x60\x86\x48\x01\x65\x03\x04\x02\x01",
        Digest::Sha384 => b"\x60\x86\x48\x01\x65\x03\x04\x02\x02",
        Digest::Sha512 => b"\x60\x86\x48\x01\x65\x03\x04\x02\x03",
    }
}

pub(super) fn digest_of(oid: &[u8]) -> Option<Digest> {
    [Digest::Sha1, Digest::Sha256, Digest::Sha384, Digest::Sha512].into_iter().find(|&known| digest(known) == oid)
}

/// ECDSA with a digest.
pub(super) const fn ecdsa(digest: Digest) -> &'static [u8] {
    match digest {
        Digest::Sha1 => b"\x2a\x86\x48\xce\x3d\x04\x01",
        Digest::Sha256 => b"\x2a\x86\x48\xce\x3d\x04\x03\x02",
        Digest::Sha384 => b"\x2a\x86\x48\xce\x3d\x04\x03\x03",
        Digest::Sha512 => b"\x2a\x86\x48\xce\x3d\x04\x03\x04",
    }
}

/// A cipher that is taken; else the name of one that is not.
pub(super) fn cipher_of(oid: &[u8]) -> Result<Cipher, &'static str> {
    match oid {
        b"\x60\x86\x48\x01\x65\x03\x04\x01\x02" => Ok(Cipher::Aes128Cbc),
        b"\x60\x86\x48\x01\x65\x03\x04\x01\x16" => Ok(Cipher::Aes192Cbc),
        b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a" => Ok(Cipher::Aes256Cbc),
        b"\x60\x86\x48\x01\x65\x03\x04\x01\x06" => Ok(Cipher::Aes128Gcm),
        b"\x60\x86\x48\x01\x65\x03\x04\x01\x1a" => Ok(Cipher::Aes192Gcm),
        b"\x60\x86\x48\x01\x65\x03\x04\x01\x2e" => Ok(Cipher::Aes256Gcm),
        b"\x2a\x86\x48\x86\xf7\x0d\x03\x07" => Ok(Cipher::TripleDes),
        b"\x2a\x86\x48\x86\xf7\x0d\x03\x02" => Err("RC2"),
        b"\x2a\x86\x48\x86\xf7\x0d\x03\x04" => Err("RC4"),
        b"\x2b\x0e\x03\x02\x07" => Err("DES"),
        _ => Err("an unknown cipher"),
    }
}
