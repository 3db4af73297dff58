//! What the tests share: keys and certificates made on the spot, and two parties.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::LazyLock;

use bytes::Bytes;
use jiff::{Timestamp, ToSpan as _};
use loket_as2::{Headers, KeyPair, Local, Partner};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::SubjectKeyIdentifier;
use openssl::x509::{X509, X509NameBuilder};

/// The present of all tests.
pub fn now() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

/// A key and its certificate, in PEM.
#[derive(Clone)]
pub struct Pems {
    pub key: String,
    pub certificate: String,
}

impl Pems {
    pub fn pair(&self) -> KeyPair {
        KeyPair::from_pem(self.key.as_bytes(), None, self.certificate.as_bytes()).unwrap()
    }

    pub fn both(&self) -> String {
        format!("{}{}", self.key, self.certificate)
    }
}

/// Made once, since keys take their time.
pub static OURS: LazyLock<Pems> = LazyLock::new(|| rsa("Loket AS2", 1, -30, 365));
pub static OUR_OLD: LazyLock<Pems> = LazyLock::new(|| rsa("Loket AS2", 2, -400, 10));
pub static THEIRS: LazyLock<Pems> = LazyLock::new(|| rsa("Pump House AS2", 3, -30, 365));
pub static THEIR_NEXT: LazyLock<Pems> = LazyLock::new(|| rsa("Pump House AS2", 4, -1, 730));
pub static THEIR_EXPIRED: LazyLock<Pems> = LazyLock::new(|| rsa("Pump House AS2", 5, -400, -3));
pub static STRANGER: LazyLock<Pems> = LazyLock::new(|| rsa("Somebody Else", 6, -30, 365));
pub static ELLIPTIC: LazyLock<Pems> = LazyLock::new(|| {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    certified(&PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap(), "Pump House EC", 7, -30, 365)
});

pub fn rsa(name: &str, serial: u32, from_days: i64, to_days: i64) -> Pems {
    certified(&PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(), name, serial, from_days, to_days)
}

fn certified(key: &PKey<Private>, name: &str, serial: u32, from_days: i64, to_days: i64) -> Pems {
    let day = |days: i64| Asn1Time::from_unix((now() + (days * 24).hours()).as_second()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    subject.append_entry_by_nid(Nid::ORGANIZATIONNAME, "Müller & Söhne").unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(serial).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_not_before(&day(from_days)).unwrap();
    builder.set_not_after(&day(to_days)).unwrap();
    builder.set_pubkey(key).unwrap();
    let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(identifier).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    Pems {
        key: String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap(),
        certificate: String::from_utf8(builder.build().to_pem().unwrap()).unwrap(),
    }
}

/// Ourselves as `LOKET`.
pub fn us() -> Local {
    Local::new("LOKET", OURS.pair()).unwrap()
}

/// The partner as we see it: `Pump House`, with the certificates given.
pub fn partner(certificates: &[&Pems]) -> Partner {
    let files: Vec<&[u8]> = certificates.iter().map(|pems| pems.certificate.as_bytes()).collect();
    Partner::new("Pump House", &files).unwrap()
}

/// The partner's own side, for exchanges with ourselves: itself, and how it sees us.
pub fn them(key: &Pems) -> (Local, Partner) {
    (Local::new("Pump House", key.pair()).unwrap(), Partner::new("LOKET", &[OURS.certificate.as_bytes()]).unwrap())
}

/// Header fields as an HTTP library would hand them over.
pub fn over_http(headers: &Headers) -> Headers {
    headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_bytes().to_vec())).collect()
}

/// The same bytes with one changed, where `part` stands.
pub fn tampered(body: &Bytes, part: &[u8]) -> Bytes {
    let place = body.windows(part.len()).position(|window| window == part).expect("the part to change");
    let mut changed = body.to_vec();
    changed[place] ^= 1;
    changed.into()
}

pub const ORDER: &[u8] = b"UNB+UNOC:3+4012345000009:14+4098765000010:14+261125:1200+77'\r\nUNH+1+ORDERS:D:96A:UN:EAN008'\r\nBGM+220+PO-4711+9'\r\nUNT+3+1'\r\nUNZ+1+77'\r\n";
