//! Both sides by this crate: what a peer in Python cannot show (AES-GCM, EC keys, changes of certificates), and every refusal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use bytes::Bytes;
use common::{
    ELLIPTIC, ORDER, OUR_OLD, OURS, Pems, STRANGER, THEIR_EXPIRED, THEIR_NEXT, THEIRS, now, over_http, partner, tampered, them, us,
};
use jiff::ToSpan as _;
use loket_as2::{
    Answer, Certificate, Cipher, Compression, Digest, Disposition, Headers, KeyPair, Limits, Local, Outbound, Outgoing, Partner,
    ReceiptWish, Received, Refused, Verdict, detail, is_receipt, read_receipt, receive, send,
};

const OUTBOUND: Outbound<'_> = Outbound {
    payload: ORDER,
    content_type: "application/edifact; charset=iso-8859-1",
    filename: Some("Müller 77.edi"),
    subject: Some("Order 77"),
    message_id: "<77@pump.example>",
};
const RECEIPT_ID: &str = "<receipt-77@loket.example>";

/// A message from the partner, with its settings for us changed.
fn from_them(key: &Pems, change: impl FnOnce(&mut Partner)) -> Outgoing {
    let (local, mut seen) = them(key);
    change(&mut seen);
    send(&OUTBOUND, &local, &seen, now()).unwrap()
}

fn take(message: &Outgoing, partner: &Partner) -> Result<Received, Box<Refused>> {
    receive(&over_http(&message.headers), &message.body, &us(), &[partner], now())
}

/// The detail of the receipt, and the words for ops.
fn refusal(message: &Outgoing, partner: &Partner) -> (String, String) {
    let refused = take(message, partner).unwrap_err();
    let Answer::Receipt(disposition) = refused.answer else { panic!("no receipt: {refused:?}") };
    (disposition.detail.unwrap(), refused.reason)
}

fn without(headers: &Headers, name: &str) -> Headers {
    headers.iter().filter(|(known, _)| !known.eq_ignore_ascii_case(name)).collect()
}

fn with(headers: &Headers, name: &str, value: &str) -> Headers {
    without(headers, name).iter().chain([(name, value)]).collect()
}

#[test]
fn every_cipher_and_digest_with_rsa_and_ec_keys() {
    for (key, digest) in [
        (&THEIRS, Digest::Sha256),
        (&THEIRS, Digest::Sha512),
        (&ELLIPTIC, Digest::Sha256),
        (&ELLIPTIC, Digest::Sha384),
        (&ELLIPTIC, Digest::Sha1),
    ] {
        for cipher in Cipher::ALL {
            for compress in [None, Some(Compression::BeforeSigning), Some(Compression::AfterSigning)] {
                let message = from_them(key, |us| {
                    us.encrypt = Some(cipher);
                    us.sign = Some(digest);
                    us.compress = compress;
                    us.receipt = Some(ReceiptWish { digest, ..ReceiptWish::default() });
                });
                let partner = Partner { allow_sha1: true, ..partner(&[key]) };
                let received = take(&message, &partner).unwrap();
                assert_eq!((&received.payload[..], received.encrypted, received.compressed), (ORDER, Some(cipher), compress.is_some()));
                assert_eq!(received.signed.as_ref().unwrap().digest, digest);
                assert_eq!(received.content_type, OUTBOUND.content_type);
                assert_eq!(received.filename.as_deref(), OUTBOUND.filename);
                assert_eq!(received.transmission.subject.as_deref(), OUTBOUND.subject);
                assert_eq!(received.mic, message.sent.mic);

                let receipt = received.receipt(&us(), &partner, RECEIPT_ID, now()).unwrap();
                assert!(is_receipt(&receipt.headers, &receipt.body) && !is_receipt(&message.headers, &message.body));
                let seen = Partner { allow_sha1: true, ..them(key).1 };
                let read = read_receipt(&over_http(&receipt.headers), &receipt.body, &seen, now()).unwrap();
                assert_eq!(read.verdict(&message.sent), Verdict::Confirmed);
                assert_eq!((read.message_id.as_deref(), read.signed.unwrap().digest), (Some(RECEIPT_ID), digest));
            }
        }
    }
}

#[test]
fn content_for_ec_keys() {
    for cipher in Cipher::ALL {
        let outgoing = send(&OUTBOUND, &us(), &Partner { encrypt: Some(cipher), ..partner(&[&ELLIPTIC]) }, now()).unwrap();
        let (local, seen) = them(&ELLIPTIC);
        let received = receive(&outgoing.headers, &outgoing.body, &local, &[&seen], now()).unwrap();
        assert_eq!((&received.payload[..], received.encrypted), (ORDER, Some(cipher)));
    }
}

#[test]
fn the_same_message_gives_the_same_receipt() {
    let message = from_them(&THEIRS, |_| ());
    let one = take(&message, &partner(&[&THEIRS])).unwrap().receipt(&us(), &partner(&[&THEIRS]), RECEIPT_ID, now()).unwrap();
    let two = take(&message, &partner(&[&THEIRS])).unwrap().receipt(&us(), &partner(&[&THEIRS]), RECEIPT_ID, now()).unwrap();
    assert_eq!(one, two);
}

#[test]
fn partners_change_their_certificate() {
    let during = partner(&[&THEIRS, &THEIR_NEXT]);
    for (key, serial) in [(&THEIRS, "03"), (&THEIR_NEXT, "04")] {
        let received = take(&from_them(key, |_| ()), &during).unwrap();
        assert_eq!(received.signed.unwrap().certificate.serial, serial);
    }
    // An expired one beside the valid one does no harm, but does not verify any more.
    let after = partner(&[&THEIR_EXPIRED, &THEIRS]);
    assert!(take(&from_them(&THEIRS, |_| ()), &after).is_ok());
    let (detail, words) = refusal(&from_them(&THEIR_EXPIRED, |_| ()), &after);
    assert_eq!(detail, detail::AUTHENTICATION_FAILED);
    assert!(words.contains("expired on 2026-11-22") && words.contains("serial 05") && words.contains("must use a new one"), "{words}");
    // What is sent is encrypted for the first valid one.
    let outgoing = send(&OUTBOUND, &us(), &after, now()).unwrap();
    assert!(receive(&outgoing.headers, &outgoing.body, &them(&THEIRS).0, &[&them(&THEIRS).1], now()).is_ok());
    // And what is valid today is not for ever.
    let message = from_them(&THEIRS, |_| ());
    let late = receive(&message.headers, &message.body, &us(), &[&partner(&[&THEIRS])], now() + (24 * 400).hours()).unwrap_err();
    assert!(late.reason.contains("expired on"), "{late}");
    let early = receive(&message.headers, &message.body, &us(), &[&partner(&[&THEIRS])], now() - (24 * 31).hours()).unwrap_err();
    assert!(early.reason.contains("not valid before"), "{early}");
}

#[test]
fn faults_of_the_set_up_are_said_before_anything_is_sent() {
    assert!(partner(&[&THEIRS]).faults(now()).is_empty());
    let faults = partner(&[&THEIR_EXPIRED]).faults(now()).join("\n");
    assert!(faults.contains("none of its certificates is valid now") && faults.contains("expired on"), "{faults}");
    assert!(us().faults(now()).is_empty() && us().faults(now() + (24 * 400).hours())[0].contains("make a new one"));
    let error = send(&OUTBOUND, &us(), &partner(&[&THEIR_EXPIRED]), now()).unwrap_err().to_string();
    assert!(error.contains("no valid certificate of Pump House") && error.contains("expired on"), "{error}");
    let error = send(&OUTBOUND, &us(), &partner(&[]), now()).unwrap_err().to_string();
    assert!(error.contains("none is configured"), "{error}");
    let error = send(&Outbound { message_id: "77", ..OUTBOUND }, &us(), &partner(&[&THEIRS]), now()).unwrap_err().to_string();
    assert!(error.contains("angle brackets"), "{error}");
    let error =
        send(&Outbound { content_type: "edifact\r\nX: y", ..OUTBOUND }, &us(), &partner(&[&THEIRS]), now()).unwrap_err().to_string();
    assert!(error.contains("no content type"), "{error}");
}

#[test]
fn we_change_our_certificate() {
    let message = {
        let (local, seen) =
            (Local::new("Pump House", THEIRS.pair()).unwrap(), Partner::new("LOKET", &[OUR_OLD.certificate.as_bytes()]).unwrap());
        send(&OUTBOUND, &local, &seen, now()).unwrap()
    };
    let (detail, words) = refusal(&message, &partner(&[&THEIRS]));
    assert_eq!(detail, detail::DECRYPTION_FAILED);
    assert!(words.contains("none of our certificates") && words.contains("serial 2") && words.contains("serial 01"), "{words}");

    let mut us = us();
    us.older.push(OUR_OLD.pair());
    let received = receive(&message.headers, &message.body, &us, &[&partner(&[&THEIRS])], now()).unwrap();
    assert_eq!(received.payload, ORDER);
    assert!(received.warnings[0].contains("old certificate"), "{:?}", received.warnings);
}

#[test]
fn forged_and_changed_messages_are_refused() {
    let sign_only = Partner { require_encryption: false, ..partner(&[&THEIRS]) };
    let signed = from_them(&THEIRS, |us| us.encrypt = None);
    assert!(take(&signed, &sign_only).is_ok());

    let changed = Outgoing { body: tampered(&signed.body, b"PO-4711"), ..signed.clone() };
    let (detail, words) = refusal(&changed, &sign_only);
    assert_eq!(detail, detail::INTEGRITY_CHECK_FAILED);
    assert!(words.contains("changed on its way"), "{words}");
    // Header fields are signed with the content.
    let changed = Outgoing { body: tampered(&signed.body, b"iso-8859-1"), ..signed.clone() };
    assert_eq!(refusal(&changed, &sign_only).0, detail::INTEGRITY_CHECK_FAILED);

    let (detail, words) = refusal(&from_them(&STRANGER, |us| us.encrypt = None), &sign_only);
    assert_eq!(detail, detail::AUTHENTICATION_FAILED);
    assert!(words.contains("CN=Somebody Else, O=Müller & Söhne") && words.contains("serial 6"), "{words}");

    // Somebody else's key under the partner's issuer and serial number.
    let impostor = common::rsa("Pump House AS2", 3, -30, 365);
    let (detail, words) = refusal(&from_them(&impostor, |us| us.encrypt = None), &sign_only);
    assert_eq!(detail, detail::AUTHENTICATION_FAILED);
    assert!(words.contains("was not made with its key"), "{words}");

    let (detail, words) = refusal(&from_them(&THEIRS, |us| us.sign = Some(Digest::Sha1)), &partner(&[&THEIRS]));
    assert_eq!(detail, detail::AUTHENTICATION_FAILED);
    assert!(words.contains("SHA-1"), "{words}");
    assert_eq!(refusal(&from_them(&THEIRS, |us| us.sign = None), &partner(&[&THEIRS])).0, detail::INSUFFICIENT_MESSAGE_SECURITY);
    let (detail, words) = refusal(&signed, &partner(&[&THEIRS]));
    assert_eq!(detail, detail::INSUFFICIENT_MESSAGE_SECURITY);
    assert!(words.contains("must be encrypted"), "{words}");
}

#[test]
fn every_changed_byte_of_authenticated_encryption_is_noticed() {
    let message = from_them(&THEIRS, |us| us.encrypt = Some(Cipher::Aes256Gcm));
    // The end is ciphertext and tag.
    for place in (message.body.len() - 200..message.body.len()).step_by(7) {
        let mut body = message.body.to_vec();
        body[place] ^= 0x20;
        let changed = Outgoing { body: body.into(), ..message.clone() };
        assert_eq!(refusal(&changed, &partner(&[&THEIRS])).0, detail::DECRYPTION_FAILED, "{place}");
    }
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![b'0'; 4 << 20];
    let (local, mut seen) = them(&THEIRS);
    seen.compress = Some(Compression::BeforeSigning);
    let bomb = send(&Outbound { payload: &zeros, ..OUTBOUND }, &local, &seen, now()).unwrap();
    let (detail, words) = refusal(&bomb, &partner(&[&THEIRS]));
    assert_eq!(detail, detail::DECOMPRESSION_FAILED);
    assert!(words.contains("200 times"), "{words}");
    let mut us = us();
    us.limits = Limits { growth: 2_000, ..Limits::default() };
    assert_eq!(receive(&bomb.headers, &bomb.body, &us, &[&partner(&[&THEIRS])], now()).unwrap().payload, zeros);
    us.limits = Limits { bytes: 1_000, growth: 10 };
    let refused = receive(&bomb.headers, &bomb.body, &us, &[&partner(&[&THEIRS])], now()).unwrap_err();
    assert_eq!(refused.answer, Answer::Status(413));
}

#[test]
fn names_that_are_not_known_get_no_receipt() {
    let message = from_them(&THEIRS, |_| ());
    for (name, value, status, words) in [
        ("AS2-To", "loket", 404, "case"),
        ("AS2-To", "OTHER", 404, "we are \"LOKET\""),
        ("AS2-From", "\"pump house\"", 403, "case counts"),
        ("AS2-From", "Nobody", 403, "not a configured partner"),
    ] {
        let headers = with(&message.headers, name, value);
        let refused = receive(&headers, &message.body, &us(), &[&partner(&[&THEIRS])], now()).unwrap_err();
        assert_eq!(refused.answer, Answer::Status(status), "{refused}");
        assert!(refused.reason.contains(words), "{refused}");
        assert!(refused.transmission.is_some() && refused.receipt(&us(), &partner(&[]), RECEIPT_ID, now()).is_none());
    }
    // A refusal of which no receipt was asked is an HTTP status.
    let silent = without(&message.headers, "Disposition-Notification-To");
    let refused = receive(&silent, &message.body.slice(..500), &us(), &[&partner(&[&THEIRS])], now()).unwrap_err();
    assert_eq!(refused.answer, Answer::Status(400));
}

#[test]
fn receipts_as_they_were_asked_for() {
    let message = from_them(&THEIRS, |_| ());
    let partner = partner(&[&THEIRS]);
    let ask = |options: &str| {
        let headers = with(&message.headers, "Disposition-Notification-Options", options);
        let received = receive(&headers, &message.body, &us(), &[&partner], now()).unwrap();
        let receipt = received.receipt(&us(), &partner, RECEIPT_ID, now()).unwrap();
        let read = read_receipt(&receipt.headers, &receipt.body, &them(&THEIRS).1, now()).unwrap();
        (String::from_utf8_lossy(&receipt.body).into_owned(), read)
    };
    // The check value in the sender's digest and spelling; the signature never weaker than was agreed.
    let (text, read) = ask("signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, md5, SHA1, sha-256");
    assert!(text.contains(", SHA1\r\n"), "{text}");
    assert_eq!((read.mic.as_ref().unwrap().digest, read.signed.as_ref().unwrap().digest), (Digest::Sha1, Digest::Sha256));
    assert!(matches!(read.verdict(&message.sent), Verdict::Unproven(words) if words.contains("sha1")));
    let (text, read) = ask("signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, sha512");
    assert!(text.contains(", sha512\r\n") && read.signed.unwrap().digest == Digest::Sha512);
    let (_, read) = ask("");
    assert_eq!((&read.signed, read.mic.as_ref()), (&None, Some(&message.sent.mic)));
    assert!(matches!(read.verdict(&message.sent), Verdict::Unproven(words) if words.contains("not signed")));

    // What is demanded and cannot be given: the message is not taken, and the receipt says so without a signature.
    let headers = with(&message.headers, "Disposition-Notification-Options", "signed-receipt-protocol=required, pgp-signature");
    let refused = receive(&headers, &message.body, &us(), &[&partner], now()).unwrap_err();
    assert_eq!(refused.answer, Answer::Receipt(Disposition::failed(detail::UNSUPPORTED_FORMAT)));
    let receipt = refused.receipt(&us(), &partner, RECEIPT_ID, now()).unwrap().unwrap();
    let read = read_receipt(&receipt.headers, &receipt.body, &them(&THEIRS).1, now()).unwrap();
    assert!(matches!(read.verdict(&message.sent), Verdict::Refused(words) if words.contains("unsupported format")));
}

#[test]
fn line_ends_that_something_on_the_way_changed() {
    let signed = from_them(&THEIRS, |us| us.encrypt = None);
    let text = String::from_utf8(signed.body.to_vec()).unwrap();
    let changed = Outgoing { body: Bytes::from(text.replace("\r\n", "\n")), ..signed.clone() };
    let received = take(&changed, &Partner { require_encryption: false, ..partner(&[&THEIRS]) }).unwrap();
    // What was signed is what counts, and what is given on.
    assert_eq!((&received.payload[..], &received.mic), (ORDER, &signed.sent.mic));
}

#[test]
fn plain_messages_where_they_are_allowed() {
    let plain = from_them(&THEIRS, |us| (us.sign, us.encrypt) = (None, None));
    let open = Partner { require_signature: false, require_encryption: false, ..partner(&[]) };
    let received = take(&plain, &open).unwrap();
    assert_eq!((&received.payload[..], received.filename.as_deref()), (ORDER, OUTBOUND.filename));
    // Header fields may change on the way, so they do not count.
    assert_eq!(received.mic, plain.sent.mic);
    // A receipt is no message.
    let receipt = received.receipt(&us(), &open, RECEIPT_ID, now()).unwrap();
    let refused = receive(
        &receipt.headers,
        &receipt.body,
        &them(&THEIRS).0,
        &[&Partner { require_signature: false, require_encryption: false, ..them(&THEIRS).1 }],
        now(),
    )
    .unwrap_err();
    assert!(refused.reason.contains("is a receipt"), "{refused}");
}

#[test]
fn receipts_of_all_sorts_of_products() {
    let partner = partner(&[&THEIRS]);
    let read = |kind: &str, body: &'static str| {
        let headers = [("Content-Type", kind), ("Message-ID", "<r@pump.example>")].into_iter().collect();
        read_receipt(&headers, &Bytes::from_static(body.as_bytes()), &partner, now())
    };
    let report = "\n--b\nContent-Type: text/plain\n\nAll is well.\n--b\nContent-Type: Message/Disposition-Notification\nContent-Transfer-Encoding: 7bit\n\n\
                  Reporting-UA: Old Product\n\nOriginal-Message-ID: <77@pump.example>\nFinal-Recipient: rfc822; LOKET\n\
                  Disposition: automatic-action/MDN-sent-automatically;\n processed\nReceived-content-MIC: qZk+NkcGgWq6PiVxeFDCbJzQ2J0=,SHA1\n--b--";
    let receipt = read("multipart/report; report-type=disposition-notification; boundary=b", report).unwrap();
    assert_eq!(
        (receipt.original_message_id.as_str(), receipt.disposition, receipt.text.as_str()),
        ("<77@pump.example>", Disposition::processed(), "All is well.")
    );
    assert_eq!(receipt.mic.unwrap().digest, Digest::Sha1);
    let bare = read("message/disposition-notification", "Original-Message-ID: <1@a.example>\r\nDisposition: x; failed/failure: denied\r\n")
        .unwrap();
    assert_eq!(bare.disposition, Disposition::failed("denied"));

    for (kind, body, words) in [
        ("text/html", "<html>Bad Gateway</html>", "begins with \"<html>Bad Gateway"),
        ("", "", "no receipt (MDN)"),
        ("multipart/report; boundary=b", "--b\n\nnothing\n--b--", "no receipt (MDN)"),
        ("multipart/signed; boundary=b", "--b\n\nx\n--b--", "two parts"),
        ("multipart/signed; boundary=b", "--b\n\nx\n--b\n\n***\n--b--", "cannot be decoded"),
        ("multipart/signed; boundary=b", "--b\n\nx\n--b\n\nAAAA\n--b--", "no CMS SignedData"),
        ("message/disposition-notification", "Disposition: x; processed", "no Original-Message-ID"),
        ("message/disposition-notification", "Original-Message-ID: <1@a.example>", "no Disposition"),
    ] {
        let error = read(kind, body).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn keys_and_certificates_that_cannot_be_used_are_said_plainly() {
    let pair = |key: &str, passphrase, certificate: &str| KeyPair::from_pem(key.as_bytes(), passphrase, certificate.as_bytes()).map(|_| ());
    let error = |key: &str, passphrase, certificate: &str| pair(key, passphrase, certificate).unwrap_err().to_string();
    assert!(error(&OURS.key, None, &THEIRS.certificate).contains("does not belong"));
    assert!(error(&OURS.certificate, None, &OURS.certificate).contains("cannot be read"));
    assert!(error(&OURS.key, None, "nothing").contains("no certificate"));
    assert!(error(&OURS.key, None, &OURS.key).contains("no \"") || error(&OURS.key, None, &OURS.key).contains("no certificate"));
    // With the issuer's certificate before its own.
    assert!(pair(&OURS.key, None, &format!("{}{}", STRANGER.certificate, OURS.certificate)).is_ok());

    let rsa = openssl::rsa::Rsa::private_key_from_pem(OURS.key.as_bytes()).unwrap();
    let locked = rsa.private_key_to_pem_passphrase(openssl::symm::Cipher::aes_256_cbc(), b"open sesame").unwrap();
    let locked = String::from_utf8(locked).unwrap();
    assert!(pair(&locked, Some("open sesame"), &OURS.certificate).is_ok());
    assert!(error(&locked, None, &OURS.certificate).contains("passphrase"));
    assert!(error(&locked, Some("wrong"), &OURS.certificate).contains("passphrase"));

    let der = openssl::x509::X509::from_pem(OURS.certificate.as_bytes()).unwrap().to_der().unwrap();
    let certificates = Certificate::all_in(&der).unwrap();
    let info = certificates[0].info();
    assert_eq!((info.subject.as_str(), info.serial.as_str(), info.sha256.len()), ("CN=Loket AS2, O=Müller & Söhne", "01", 64));
    assert_eq!((info.not_after - now()).total(jiff::Unit::Hour).unwrap(), 24.0 * 365.0);
    assert!(Partner::new("", &[]).is_err() && Partner::new("Pump", &[b"-----BEGIN nothing"]).is_err());
    assert!(Cipher::ALL.iter().all(|cipher| cipher.name().parse() == Ok(*cipher)) && "des".parse::<Cipher>().is_err());
}
