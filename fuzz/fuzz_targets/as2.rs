//! Any bytes as an AS2 message or as a receipt give a result or a reason, and no header field of ours has a line end in it. The first
//! byte chooses the content type.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use loket_as2::{Headers, KeyPair, Local, Partner, is_receipt, read_receipt, receive};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::X509;

/// Ourselves, and a partner that may send anything.
static PARTIES: LazyLock<(Local, Partner)> = LazyLock::new(|| {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(4_000_000_000).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build().to_pem().unwrap();
    let pair = KeyPair::from_pem(&key.private_key_to_pem_pkcs8().unwrap(), None, &certificate).unwrap();
    let mut partner = Partner::new("PARTNER", &[&certificate]).unwrap();
    (partner.require_signature, partner.require_encryption, partner.allow_sha1) = (false, false, true);
    (Local::new("LOKET", pair).unwrap(), partner)
});

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, body)) = bytes.split_first() else { return };
    let kind = match kind % 4 {
        0 => "application/pkcs7-mime",
        1 => "multipart/signed; boundary=b",
        2 => "multipart/report; boundary=b",
        _ => "message/disposition-notification",
    };
    let fields = [
        ("AS2-From", "PARTNER"),
        ("AS2-To", "LOKET"),
        ("Message-ID", "<1@partner.example>"),
        ("Disposition-Notification-To", "x"),
        ("Content-Type", kind),
    ];
    let (headers, body): (Headers, _) = (fields.into_iter().collect(), Bytes::copy_from_slice(body));
    let (local, partner) = &*PARTIES;
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let _ = is_receipt(&headers, &body);
    let _ = read_receipt(&headers, &body, partner, now);
    let receipt = match receive(&headers, &body, local, &[partner], now) {
        Ok(received) => Some(received.receipt(local, partner, "<2@loket.example>", now)),
        Err(refused) => refused.receipt(local, partner, "<2@loket.example>", now),
    };
    if let Some(receipt) = receipt {
        assert!(receipt.unwrap().headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])));
    }
});
