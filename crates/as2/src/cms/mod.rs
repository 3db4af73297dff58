//! CMS (RFC 5652): signed, encrypted and compressed content.
//!
//! OpenSSL decrypts, encrypts and verifies. Signatures are put together here, because OpenSSL's interface does not let us choose
//! the digest; compressed content is read and made here, because OpenSSL is often built without it.

mod ber;
mod compress;
mod encrypt;
mod oid;
mod sign;
mod verify;

use openssl::error::ErrorStack;
use openssl::x509::X509Name;

use ber::{OID, Reader, SEQUENCE};

pub(crate) use compress::{compress, decompress};
pub(crate) use encrypt::{decrypt, encrypt};
pub(crate) use sign::sign;
pub(crate) use verify::{SignatureFault, verify};

/// What a CMS object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Signed,
    Encrypted,
    Compressed,
}

/// What these bytes hold, by their own word; none when they are no CMS object that AS2 uses.
pub(crate) fn kind(bytes: &[u8]) -> Option<Kind> {
    // Only the heads of the outer elements are looked at, so that even a cut-off one is known for what it is.
    let mut place = bytes.strip_prefix(&[SEQUENCE])?;
    let &length = place.first()?;
    place = place.get(if length & 0x80 == 0 { 1 } else { 1 + usize::from(length & 0x7f) }..)?;
    let oid = Reader(place).expect(OID)?;
    match oid.content {
        oid::SIGNED_DATA => Some(Kind::Signed),
        oid::ENVELOPED_DATA | oid::AUTH_ENVELOPED_DATA => Some(Kind::Encrypted),
        oid::COMPRESSED_DATA => Some(Kind::Compressed),
        _ => None,
    }
}

/// Whether OpenSSL gave this reason, one of `CMS_R_...`.
fn has_reason(stack: &ErrorStack, code: i32) -> bool {
    stack.errors().iter().any(|error| error.library().is_some_and(|library| library.starts_with("CMS")) && error.reason_code() == code)
}

/// `IssuerAndSerialNumber` in words.
fn issuer_and_serial(mut reader: Reader<'_>) -> Option<String> {
    let issuer = reader.expect(SEQUENCE)?;
    let serial = reader.expect(ber::INTEGER)?;
    let name = X509Name::from_der(issuer.whole).ok()?;
    let serial: String = serial.content.iter().take(24).map(|byte| format!("{byte:02X}")).collect();
    Some(format!("issued by \"{}\", serial {}", crate::party::name(&name), serial.trim_start_matches('0')))
}
