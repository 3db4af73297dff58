//! Whatever comes in gives a result or a refusal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use bytes::Bytes;
use common::{ORDER, THEIRS, now, partner, them, us};
use loket_as2::{Cipher, Compression, Digest, Headers, Local, Outbound, Partner, is_receipt, read_receipt, receive, send};
use proptest::prelude::*;
use std::sync::LazyLock;

static US: LazyLock<Local> = LazyLock::new(us);
static LENIENT: LazyLock<Partner> =
    LazyLock::new(|| Partner { require_signature: false, require_encryption: false, allow_sha1: true, ..partner(&[&THEIRS]) });

/// Messages and a receipt as they should be, to be damaged.
static SOUND: LazyLock<Vec<(Headers, Bytes)>> = LazyLock::new(|| {
    let (local, seen) = them(&THEIRS);
    let outbound = Outbound {
        payload: ORDER,
        content_type: "application/edifact",
        filename: Some("o.edi"),
        subject: None,
        message_id: "<1@pump.example>",
    };
    let mut sound = Vec::new();
    for (sign, encrypt, compress) in [
        (None, None, None),
        (Some(Digest::Sha256), None, None),
        (Some(Digest::Sha256), None, Some(Compression::BeforeSigning)),
        (None, None, Some(Compression::AfterSigning)),
        (None, Some(Cipher::Aes128Cbc), None),
        (Some(Digest::Sha1), Some(Cipher::Aes256Gcm), Some(Compression::AfterSigning)),
    ] {
        let outgoing = send(&outbound, &local, &Partner { sign, encrypt, compress, ..seen.clone() }, now()).unwrap();
        sound.push((outgoing.headers, outgoing.body));
    }
    let received = receive(&sound[1].0, &sound[1].1, &US, &[&LENIENT], now()).unwrap();
    let receipt = received.receipt(&US, &LENIENT, "<r@loket.example>", now()).unwrap();
    sound.push((receipt.headers, receipt.body));
    sound
});

/// Everything that reads something from outside. A result says what it took from the bytes and nothing else.
fn read_all(headers: &Headers, body: &Bytes) {
    let _ = is_receipt(headers, body);
    let _ = read_receipt(headers, body, &LENIENT, now());
    match receive(headers, body, &US, &[&LENIENT], now()) {
        Ok(received) => {
            let receipt = received.receipt(&US, &LENIENT, "<r@loket.example>", now()).unwrap();
            let read = read_receipt(
                &receipt.headers,
                &receipt.body,
                &Partner::new("LOKET", &[common::OURS.certificate.as_bytes()]).unwrap(),
                now(),
            );
            assert_eq!(read.unwrap().mic, Some(received.mic));
        }
        Err(refused) => {
            assert!(!refused.reason.is_empty());
            if let Some(receipt) = refused.receipt(&US, &LENIENT, "<r@loket.example>", now()) {
                assert!(receipt.unwrap().headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])));
            }
        }
    }
}

fn addressed(kind: &str, encoding: &str, disposition: &str, options: &str) -> Headers {
    [
        ("AS2-From", "\"Pump House\""),
        ("AS2-To", "LOKET"),
        ("Message-ID", "<h@pump.example>"),
        ("Disposition-Notification-To", "x"),
        ("Content-Type", kind),
        ("Content-Transfer-Encoding", encoding),
        ("Content-Disposition", disposition),
        ("Disposition-Notification-Options", options),
    ]
    .into_iter()
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_header_fields_and_any_body(
        fields in proptest::collection::vec(("[A-Za-z0-9-]{1,20}", proptest::collection::vec(any::<u8>(), 0..60)), 0..12),
        body in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        read_all(&fields.into_iter().collect(), &Bytes::from(body));
    }

    #[test]
    fn any_body_of_a_known_kind(
        kind in prop::sample::select(vec![
            "application/pkcs7-mime", "multipart/signed; boundary=b", "multipart/report; boundary=b", "message/disposition-notification",
            "application/edifact", "",
        ]),
        encoding in prop::sample::select(vec!["base64", "binary", "quoted-printable", ""]),
        disposition in ".{0,40}",
        options in ".{0,80}",
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            "(--b|\r\n|\n|A: b|[a-z=]{1,4}| |;|--){0,60}".prop_map(String::into_bytes),
        ],
    ) {
        read_all(&addressed(kind, encoding, &disposition, &options), &Bytes::from(body));
    }

    #[test]
    fn any_damage_to_what_was_sound(
        which in 0_usize..7,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let (headers, body) = &SOUND[which];
        let mut damaged = body.to_vec();
        for (place, byte) in changes {
            let place = place.index(damaged.len());
            damaged[place] = byte;
        }
        if let Some(cut) = cut {
            damaged.truncate(cut.index(damaged.len()));
        }
        read_all(headers, &Bytes::from(damaged));
    }
}

#[test]
fn what_is_sound_is_taken() {
    for (headers, body) in SOUND.iter().take(6) {
        assert_eq!(receive(headers, body, &US, &[&LENIENT], now()).unwrap().payload, ORDER);
    }
}

#[test]
fn hostile_shapes_cost_no_more_than_their_length() {
    // Each would take minutes if something read it more than a few times over.
    let shapes: Vec<(&str, Vec<u8>)> = vec![
        ("multipart/signed; boundary=b", b"--b\r\n".repeat(1 << 20)),
        ("multipart/signed; boundary=b", b"\n".repeat(8 << 20)),
        ("application/pkcs7-mime", b"\x30\x80".repeat(4 << 20)),
        (
            "application/pkcs7-mime",
            [&b"\x30\x80\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09\xa0\x80"[..], &b"\x30\x80".repeat(4 << 20)].concat(),
        ),
        (
            "application/pkcs7-mime",
            [&b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80"[..], &b"\x30\x80".repeat(4 << 20)].concat(),
        ),
        ("application/pkcs7-mime", b" \n".repeat(4 << 20)),
        ("message/disposition-notification", b"a:\n".repeat(2 << 20)),
        ("message/disposition-notification", b"a: b\n ".repeat(1 << 20)),
        ("multipart/report; boundary=b", [&b"--b\nContent-Type: multipart/mixed; boundary=b\n\n"[..], &b"--b\n".repeat(1 << 20)].concat()),
    ];
    for (kind, body) in shapes {
        read_all(&addressed(kind, "binary", "", ""), &Bytes::from(body));
    }
    let long = ";a=\"".repeat(1 << 18);
    read_all(&addressed(&format!("multipart/signed{long}"), "binary", &long, &long), &Bytes::from_static(b"x"));
}
