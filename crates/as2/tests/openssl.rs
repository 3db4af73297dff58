//! Against OpenSSL's command line: forms of CMS that other products use and neither we nor pyas2lib write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::Write as _;
use std::process::{Command, Stdio};

use bytes::Bytes;
use common::{ELLIPTIC, ORDER, OURS, Pems, THEIRS, now, partner, us};
use loket_as2::{Cipher, Digest, Headers, Partner, Received, Refused, receive};

/// `openssl cms` with a folder of keys, `input` on its standard input.
fn cms(arguments: &str, input: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    for (name, pems) in [("ours", &*OURS), ("theirs", &*THEIRS), ("elliptic", &*ELLIPTIC)] {
        std::fs::write(folder.path().join(format!("{name}.key")), &pems.key).unwrap();
        std::fs::write(folder.path().join(format!("{name}.pem")), &pems.certificate).unwrap();
    }
    std::fs::write(folder.path().join("input"), input).unwrap();
    let output = Command::new("openssl")
        .arg("cms")
        .args(arguments.split(' '))
        .args(["-binary", "-outform", "DER", "-in", "input"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .expect("openssl runs: script/test installs it");
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn entity() -> Vec<u8> {
    let mut entity = Vec::new();
    write!(entity, "Content-Type: application/edifact\r\nContent-Transfer-Encoding: binary\r\n\r\n").unwrap();
    entity.extend_from_slice(ORDER);
    entity
}

fn take(kind: &str, body: Vec<u8>, key: &Pems) -> Result<Received, Box<Refused>> {
    let fields = [("AS2-From", "\"Pump House\""), ("AS2-To", "LOKET"), ("Message-ID", "<o@pump.example>"), ("Content-Type", kind)];
    let headers: Headers = fields.into_iter().collect();
    let partner = Partner { require_signature: false, require_encryption: false, ..partner(&[key]) };
    receive(&headers, &Bytes::from(body), &us(), &[&partner], now())
}

/// `multipart/signed` around the entity with a signature made elsewhere.
fn signed(signature: &[u8]) -> Vec<u8> {
    [
        b"--b\r\n",
        &entity()[..],
        b"\r\n--b\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: binary\r\n\r\n",
        signature,
        b"\r\n--b--\r\n",
    ]
    .concat()
}

const MIME: &str = "application/pkcs7-mime";
const SIGNED: &str = "multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b";

#[test]
fn signatures_with_pss_ec_and_key_identifiers() {
    for (arguments, key, digest) in [
        ("-sign -signer theirs.pem -inkey theirs.key -md sha256 -keyopt rsa_padding_mode:pss", &THEIRS, Digest::Sha256),
        ("-sign -signer theirs.pem -inkey theirs.key -md sha512 -keyid", &THEIRS, Digest::Sha512),
        ("-sign -signer theirs.pem -inkey theirs.key -md sha384 -nocerts", &THEIRS, Digest::Sha384),
        ("-sign -signer theirs.pem -inkey theirs.key -md sha256 -noattr", &THEIRS, Digest::Sha256),
        ("-sign -signer elliptic.pem -inkey elliptic.key -md sha256", &ELLIPTIC, Digest::Sha256),
    ] {
        let received = take(SIGNED, signed(&cms(arguments, &entity())), key).unwrap_or_else(|refused| panic!("{arguments}: {refused}"));
        assert_eq!((&received.payload[..], received.signed.unwrap().digest), (ORDER, digest), "{arguments}");
    }
    let md5 = take(SIGNED, signed(&cms("-sign -signer theirs.pem -inkey theirs.key -md md5", &entity())), &THEIRS).unwrap_err();
    assert!(md5.reason.contains("MD5"), "{md5}");
}

#[test]
fn signed_content_in_one_object() {
    for stream in ["", " -stream -indef"] {
        let body = cms(&format!("-sign -signer theirs.pem -inkey theirs.key -md sha256 -nodetach{stream}"), &entity());
        let received = take(MIME, body.clone(), &THEIRS).unwrap();
        assert_eq!((&received.payload[..], received.content_type.as_str()), (ORDER, "application/edifact"));
        let mut changed = body;
        let place = changed.windows(7).position(|window| window == b"PO-4711").unwrap();
        changed[place] ^= 1;
        let refused = take(MIME, changed, &THEIRS).unwrap_err();
        assert!(refused.reason.contains("changed on its way"), "{refused}");
    }
}

#[test]
fn encrypted_content_in_pieces_and_for_several_recipients() {
    for (arguments, cipher) in [
        ("-encrypt -aes128 -stream -indef ours.pem", Cipher::Aes128Cbc),
        ("-encrypt -des3 theirs.pem ours.pem", Cipher::TripleDes),
        ("-encrypt -aes256 -recip ours.pem -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256", Cipher::Aes256Cbc),
        ("-encrypt -aes-256-gcm ours.pem", Cipher::Aes256Gcm),
        ("-encrypt -aes-128-gcm -keyid ours.pem", Cipher::Aes128Gcm),
    ] {
        // The recipients stand last on OpenSSL's command line.
        let (options, recipients) = match arguments.contains("-recip") {
            true => (arguments.to_owned(), String::new()),
            false => {
                let (recipients, options): (Vec<&str>, Vec<&str>) = arguments.split(' ').partition(|word| word.ends_with(".pem"));
                (options.join(" "), recipients.iter().map(|recipient| format!(" -recip {recipient}")).collect())
            }
        };
        let body = cms(&format!("{options}{recipients}"), &entity());
        let received = take(MIME, body, &THEIRS).unwrap_or_else(|refused| panic!("{arguments}: {refused}"));
        assert_eq!((&received.payload[..], received.encrypted), (ORDER, Some(cipher)), "{arguments}");
    }
    let other = take(MIME, cms("-encrypt -aes128 -recip theirs.pem", &entity()), &THEIRS).unwrap_err();
    assert!(other.reason.contains("none of our certificates") && other.reason.contains("CN=Pump House AS2"), "{other}");
}
