//! Wrappings in wrappings, through the whole reader. What single ones give is in the fixtures.

use loket_core::delivery::{Delivery, TRUNCATED_FROM};
use loket_core::message::Message;
use loket_core::reader::Reader;
use proptest::prelude::*;
use serde_json::json;

use super::super::EmailReader;
use super::super::smime::encoder::{Wrap, definite, indefinite, signed};
use super::super::tnef::encoder::{List, Stream};
use super::*;

const FROM: &[u8] = b"From: jan@example.nl\nSubject: x\n";
const SIGNED: &[u8] = b"Content-Type: application/pkcs7-mime; name=smime.p7m\nContent-Transfer-Encoding: binary\n\n";
const TNEF: &[u8] = b"Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: binary\n\n";

fn delivery(bytes: Vec<u8>) -> Delivery {
    Delivery::standalone("email.test", "key", "message/rfc822", bytes)
}

fn read(entity: &[u8]) -> Message {
    EmailReader.read(&delivery([FROM, entity].concat())).unwrap().remove(0)
}

fn warned(message: &Message, words: &str) -> bool {
    message.warnings.iter().any(|warning| warning.contains(words))
}

/// An entity within a signature; `wrap` says how its lengths are written.
fn sign(wrap: Wrap, entity: &[u8]) -> Vec<u8> {
    let string = match wrap(0x24, b"").ends_with(&[0, 0]) {
        true => wrap(0x24, &entity.chunks(1_000_000).flat_map(|piece| definite(0x04, piece)).collect::<Vec<_>>()),
        false => definite(0x04, entity),
    };
    [SIGNED, &signed(wrap, &string)].concat()
}

#[test]
fn signed_again_and_again() {
    let text = b"Content-Type: text/plain\n\nGraag 12 dozen.\n";
    for (times, read_through) in [(1, true), (MAX_DEPTH, true), (MAX_DEPTH + 1, false), (1_000, false)] {
        for wrap in [definite as Wrap, indefinite] {
            let mut entity = text.to_vec();
            for _ in 0..times {
                entity = sign(wrap, &entity);
            }
            let message = read(&entity);
            assert_eq!(message.attachments.len(), times.min(MAX_DEPTH + 1), "{times}");
            assert_eq!(
                (message.body.new_text == "Graag 12 dozen.", !warned(&message, "more wrappings")),
                (read_through, read_through),
                "{times}"
            );
        }
    }
}

#[test]
fn depth_counts_through_wrappings() {
    let mut inner = String::new();
    for depth in 0..MAX_DEPTH {
        inner += &format!("Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n");
    }
    let message = read(&sign(definite, &sign(definite, inner.as_bytes())));
    assert!(warned(&message, "nested deeper than 50"), "{:?}", message.warnings);
    assert!(message.attachments.iter().any(|attachment| attachment.skipped.is_some()));
}

#[test]
fn all_together_are_not_much_larger_than_the_mail() {
    let mut entity = [&b"Content-Type: text/plain\n\n"[..], &b"x".repeat(3_000_000)].concat();
    for _ in 0..20 {
        entity = sign(indefinite, &entity);
    }
    let message = read(&entity);
    assert!(warned(&message, "too large together"));
    assert!((2..8).contains(&message.attachments.len()));

    let rich = super::super::tnef::encoder::compressed(format!("{{\\rtf1 {}}}", "Graag. ".repeat(100_000)).as_bytes());
    let inner = Stream::new().properties(&List::default().binary(0x1009, &rich)).bytes();
    let mut outer = Stream::new();
    for _ in 0..10 {
        outer = outer.file(b"", b"", &List::default().message(&inner));
    }
    let message = read(&[TNEF, &outer.bytes()].concat());
    assert_eq!(message.attachments.len(), 11);
    assert!(warned(&message, "winmail.dat was unpacked"));
}

#[test]
fn many_wrappings() {
    let stream = Stream::new().file(b"a.txt", b"a", &List::default()).bytes();
    let mut mail = b"Content-Type: multipart/mixed; boundary=w\n\n".to_vec();
    for _ in 0..300 {
        mail.extend([b"--w\n", TNEF, &stream, b"\n"].concat());
    }
    let message = read(&mail);
    assert_eq!(message.attachments.len(), 300 + MAX_WRAPPED);
    assert!(warned(&message, "more wrappings"));

    let mut many = Stream::new();
    for _ in 0..5_000 {
        many = many.file(b"a.txt", b"a", &List::default());
    }
    let message = read(&[TNEF, &many.bytes()].concat());
    assert_eq!(message.attachments.len(), MAX_PARTS);
    assert!(warned(&message, "more than 1000 parts") && warned(&message, "first 1000"));
}

#[test]
fn what_is_cut_off_says_so() {
    let inner = "Content-Type: multipart/mixed; boundary=i\n\n--i\n\nZie bijlagen.\n--i\nContent-Type: image/png; name=een.png\n\nx\n--i\nContent-Type: image/png; name=twee.png\n\n";
    let inner = [inner.as_bytes(), &b"x".repeat(500)].concat();
    let whole = [FROM, &sign(definite, &[&inner[..], b"\n--i--\n"].concat())].concat();
    let end = whole.windows(100).rposition(|window| window == [b'x'; 100]).unwrap();
    let mut cut = delivery(whole[..end].to_vec());
    cut.envelope.insert(TRUNCATED_FROM.into(), json!(98_765));
    let message = EmailReader.read(&cut).unwrap().remove(0);
    assert_eq!(message.body.new_text, "Zie bijlagen.");
    let shown: Vec<_> = message.attachments.iter().map(|a| (a.name.as_deref().unwrap_or_default(), a.skipped.is_some())).collect();
    assert_eq!(shown, [("smime.p7m", true), ("een.png", false), ("twee.png", true)]);

    let stream = Stream::new().file(b"een.pdf", b"%PDF", &List::default()).file(b"twee.pdf", &[b'x'; 500], &List::default()).bytes();
    let mut cut = delivery([FROM, TNEF, &stream[..stream.len() - 200]].concat());
    cut.envelope.insert(TRUNCATED_FROM.into(), json!(98_765));
    let message = EmailReader.read(&cut).unwrap().remove(0);
    let skipped: Vec<_> = message.attachments.iter().map(|attachment| attachment.skipped.is_some()).collect();
    assert_eq!(skipped, [true, false, true]);
}

#[test]
fn signed_text_files_and_mails_that_pass_them_on() {
    // The text of a winmail.dat counts only where the mail has no other.
    let stream = Stream::new().properties(&List::default().text(0x1000, "Uit Outlook")).bytes();
    let both = [&b"Content-Type: multipart/mixed; boundary=w\n\n--w\n\nUit de mail\n--w\n"[..], TNEF, &stream, b"\n--w--\n"].concat();
    assert_eq!(read(&both).body.new_text, "Uit de mail");
    // A signed mail that is passed on as an attachment.
    let entity = sign(definite, b"Content-Type: text/plain\n\nDe doos was kapot.\n");
    let passed_on = [&b"Content-Type: message/rfc822\n\nFrom: piet@klant.example\nSubject: Klacht\n"[..], &entity].concat();
    assert_eq!(read(&passed_on).body.new_text, "De doos was kapot.");
    let tnef = [&b"Content-Type: message/rfc822\n\nFrom: piet@klant.example\nSubject: Klacht\n"[..], TNEF, &stream].concat();
    assert_eq!(read(&tnef).body.new_text, "Uit Outlook");
    // A name that gives orders is data.
    let stream =
        Stream::new().file(b"", b"x", &List::default().text(0x3707, "a\r\nContent-Type: text/html\r\n\r\n../b\u{202e}.exe")).bytes();
    let message = read(&[TNEF, &stream].concat());
    assert_eq!(message.attachments[1].media_type, "application/octet-stream");
    assert!(!message.attachments[1].name.as_ref().unwrap().contains(|c: char| c.is_control() || c == '\u{202e}'));
}

/// What a part may hold.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60),
        "[ -~\\n]{0,60}".prop_map(String::into_bytes),
        Just(b"Content-Type: text/plain\n\nGraag 12 dozen.\n".to_vec()),
        Just(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nEen\n--b\nContent-Type: image/png; name=a.png\n\nx\n--b--\n".to_vec()),
    ];
    leaf.prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), any::<bool>()).prop_map(|(entity, streamed)| sign(if streamed { indefinite } else { definite }, &entity)),
            inner.clone().prop_map(|data| [TNEF, &Stream::new().file(b"smime.p7m", &data, &List::default()).bytes()].concat()),
            inner.clone().prop_map(|data| [
                TNEF,
                &Stream::new().properties(&List::default().binary(0x1013, &data)).file(b"a", b"", &List::default().message(&data)).bytes()
            ]
            .concat()),
            (inner.clone(), inner).prop_map(|(one, two)| [
                b"Content-Type: multipart/mixed; boundary=m\n\n--m\n",
                &one[..],
                b"\n--m\n",
                &two,
                b"\n--m--\n"
            ]
            .concat()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_in_anything(entity in content(), damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4)) {
        let mut bytes = [FROM, &entity].concat();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let delivery = delivery(bytes);
        let Ok(messages) = EmailReader.read(&delivery) else { return Ok(()) };
        let again = EmailReader.read(&delivery);
        prop_assert_eq!(again.as_ref(), Ok(&messages));
        for attachment in &messages[0].attachments {
            let found = EmailReader.attachment(&delivery, 0, &attachment.sha256);
            prop_assert_eq!(found.map(|bytes| bytes.len() as u64), Some(attachment.size));
            prop_assert!(attachment.name.as_ref().is_none_or(|name| !name.contains(char::is_control)));
        }
    }
}
