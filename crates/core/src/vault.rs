//! The one place through which customers' words go into the store and come out of it.
//!
//! Today it compresses and guards against damage; sealing with a key per customer belongs here and nowhere else. Look-ups go
//! by keyed hashes (tokens), so that indexes never hold an address or an id in the clear.

use std::cell::RefCell;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use xxhash_rust::xxh3::xxh3_64;

use crate::delivery::Tenant;

/// A keyed hash to find something by.
pub type Token = [u8; 16];

/// Sealed bytes that do not open: damaged on the disk, or of another store.
#[derive(Debug, thiserror::Error)]
#[error("stored bytes are damaged: {0}")]
pub struct Damaged(&'static str);

const PLAIN: u8 = 1;
const ZSTD: u8 = 2;
/// Method, length (4 bytes) and checksum (8 bytes) of the plain bytes.
const HEADER: usize = 13;
/// Below this, compression only costs time.
const WORTH_COMPRESSING: usize = 128;
/// Fast rather than small: intake waits for it.
const LEVEL: i32 = 1;

thread_local! {
    /// A compression context is larger than most messages; each thread keeps one.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = RefCell::new(zstd::bulk::Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = RefCell::new(zstd::bulk::Decompressor::new().ok());
}

/// How many bytes a compressed frame says that it holds.
fn frame_length(frame: &[u8]) -> Option<usize> {
    zstd::zstd_safe::get_frame_content_size(frame).ok().flatten().and_then(|length| usize::try_from(length).ok())
}

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    mac: Hmac<Sha256>,
}

impl Vault {
    /// With the store's token key, made at its first start and never changed.
    pub fn new(token_key: &[u8; 32]) -> Self {
        // HMAC pads a short key with zeros to its block (RFC 2104 section 2); done here, no length can be wrong.
        let mut block = [0_u8; 64];
        block.split_at_mut(32).0.copy_from_slice(token_key);
        Self { mac: Hmac::new(&block.into()) }
    }

    /// Bytes for the store.
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let compressed = (plain.len() >= WORTH_COMPRESSING)
            .then(|| COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(plain).ok()))
            .flatten()
            .filter(|compressed| compressed.len() < plain.len());
        let (method, body) = match &compressed {
            Some(compressed) => (ZSTD, compressed.as_slice()),
            None => (PLAIN, plain),
        };
        let mut sealed = Vec::with_capacity(HEADER + body.len());
        sealed.push(method);
        sealed.extend(u32::try_from(plain.len()).unwrap_or(u32::MAX).to_le_bytes());
        sealed.extend(xxh3_64(plain).to_le_bytes());
        sealed.extend(body);
        sealed
    }

    /// The bytes back.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, Damaged> {
        let (header, body) = sealed.split_at_checked(HEADER).ok_or(Damaged("too short"))?;
        let [method, a, b, c, d, sum @ ..] = header else { return Err(Damaged("too short")) };
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        let plain = match *method {
            PLAIN => body.to_vec(),
            // Both lengths must say the same before memory is taken for it: a damaged one could ask for gigabytes.
            ZSTD if frame_length(body) == Some(length) => {
                let plain = DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.as_mut()?.decompress(body, length).ok());
                plain.ok_or(Damaged("does not decompress"))?
            }
            ZSTD => return Err(Damaged("its length is not that of its content")),
            _ => return Err(Damaged("unknown method")),
        };
        if plain.len() == length && xxh3_64(&plain).to_le_bytes() == *sum { Ok(plain) } else { Err(Damaged("the checksum differs")) }
    }

    /// The token of a text, e.g. an address, for one purpose in one tenant.
    pub fn token(&self, purpose: &str, tenant: &Tenant, parts: &[&[u8]]) -> Token {
        let mut mac = self.mac.clone();
        for part in [purpose.as_bytes(), tenant.as_str().as_bytes()].into_iter().chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut token = Token::default();
        token.copy_from_slice(full.split_at(16).0);
        token
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out_and_damage_is_noticed(plain in proptest::collection::vec(any::<u8>(), 0..2_000), at: prop::sample::Index) {
            let vault = Vault::new(&[7; 32]);
            let mut sealed = vault.seal(&plain);
            prop_assert_eq!(&vault.open(&sealed).unwrap(), &plain);
            let at = at.index(sealed.len());
            sealed[at] ^= 0x40;
            prop_assert!(vault.open(&sealed).is_err());
        }
    }

    #[test]
    fn a_damaged_length_takes_no_memory() {
        let vault = Vault::new(&[7; 32]);
        let mut sealed = vault.seal(&[b'x'; 1_000]);
        sealed[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(vault.open(&sealed).unwrap_err().to_string().contains("length"));
    }

    #[test]
    fn text_is_stored_smaller() {
        let text = "Graag 12 dozen kopieerpapier voor vrijdag. ".repeat(50);
        assert!(Vault::new(&[0; 32]).seal(text.as_bytes()).len() < text.len() / 4);
    }

    #[test]
    fn tokens_tell_tenants_purposes_and_parts_apart() {
        let vault = Vault::new(&[1; 32]);
        let (a, b) = (Tenant::new("a"), Tenant::new("b"));
        let tokens = [
            vault.token("mail", &a, &[b"x", b"y"]),
            vault.token("mail", &a, &[b"xy"]),
            vault.token("mail", &b, &[b"xy"]),
            vault.token("fax", &a, &[b"xy"]),
            Vault::new(&[2; 32]).token("mail", &a, &[b"xy"]),
        ];
        assert_eq!(tokens.iter().collect::<std::collections::BTreeSet<_>>().len(), 5);
    }
}
