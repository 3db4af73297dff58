//! Mails that nobody sends by accident. There are no timed assertions: a reader that is not linear does not finish.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use loket_channel_email::reader::{EmailReader, TextReader};
use loket_core::delivery::{Delivery, TRUNCATED_FROM};
use loket_core::message::{Automatic, Message};
use loket_core::reader::{Reader, Recognition, Unreadable};
use proptest::prelude::*;
use serde_json::json;

fn delivery(bytes: impl Into<Vec<u8>>) -> Delivery {
    Delivery::standalone("email.test", "key", "message/rfc822", bytes.into())
}

fn read(bytes: impl Into<Vec<u8>>) -> Message {
    EmailReader.read(&delivery(bytes)).unwrap().remove(0)
}

fn warned(message: &Message, words: &str) -> bool {
    message.warnings.iter().any(|warning| warning.contains(words))
}

#[test]
fn ten_thousand_nested_multiparts() {
    let mut mail = String::from("From: a@example.nl\nSubject: diep\nContent-Type: multipart/mixed; boundary=b0\n\n");
    for depth in 0..10_000 {
        mail += &format!("--b{depth}\nContent-Type: multipart/mixed; boundary=b{}\n\n", depth + 1);
    }
    mail += "--b10000\n\nDiep beneden\n--b10000--\n";
    let message = read(mail);
    assert_eq!(message.attachments.len(), 1);
    assert!(message.attachments[0].skipped.as_ref().unwrap().contains("50 levels"));
    assert!(warned(&message, "deeper than 50"));
}

#[test]
fn nested_messages_are_one_attachment() {
    let mut mail = String::from("From: a@example.nl\n");
    for _ in 0..10_000 {
        mail += "Content-Type: message/rfc822\n\nFrom: b@example.nl\n";
    }
    let message = read(mail + "\nTekst\n");
    assert_eq!((message.attachments.len(), message.attachments[0].media_type.as_str()), (1, "message/rfc822"));
}

#[test]
fn many_parts_and_multiparts_whose_boundary_never_comes() {
    let parts = "--b\nContent-Type: text/plain; name=a.txt\n\nx\n".repeat(50_000);
    let message = read(format!("From: a@example.nl\nContent-Type: multipart/mixed; boundary=b\n\n{parts}--b--\n"));
    assert_eq!(message.attachments.len(), 1_000);
    assert!(message.attachments[999].skipped.as_ref().unwrap().contains("1000 parts"));
    assert!(message.attachments[999].size > 1_000_000);

    let parts = "--b\nContent-Type: multipart/mixed; boundary=never\n\n".repeat(300_000);
    let message = read(format!("From: a@example.nl\nContent-Type: multipart/mixed; boundary=b\n\n{parts}"));
    assert!(warned(&message, "no part in it"));
}

#[test]
fn a_million_header_fields() {
    let message = read("From: a@example.nl\n".to_owned() + &"X-Spam: ja\n".repeat(1_000_000) + "Subject: te laat\n\nTekst\n");
    assert_eq!(message.body.new_text, "Tekst");
    assert!(warned(&message, "998002 header fields") || warned(&message, "header fields after the first 2000"));
    let message = read("From: a@example.nl\n".to_owned() + &"geen veld en geen vervolg\n".repeat(300_000));
    assert!(message.body.full_text.starts_with("geen veld"));
}

#[test]
fn long_lines() {
    let line = "woord ".repeat(1_700_000);
    let message = read(format!("From: a@example.nl\nSubject: lang\n\n{line}\n"));
    assert_eq!(message.body.full_text, line.trim_end());
    for name in [
        "Subject",
        "From",
        "To",
        "References",
        "Content-Type",
        "Date",
        "Message-ID",
        "X-Other",
        "Content-Disposition",
        "List-Id",
        "List-Post",
        "X-BeenThere",
        "Delivered-To",
    ] {
        let message = read(format!("From: b@example.nl\n{name}: {line}\n\nTekst\n"));
        assert_eq!(message.body.full_text, "Tekst", "{name}");
        let message = read(format!("From: b@example.nl\n{name}: {}\n\nTekst\n", "<a@b.example>,;=?x?q?\"(\n ".repeat(100_000)));
        assert_eq!(message.body.full_text, "Tekst", "{name}");
    }
    let message = read(format!("From: a@example.nl\nSubject: {}\n\nTekst\n", "=?utf-8?Q?=C3?= =?utf-8?Q?=A9?= ".repeat(4_000)));
    assert_eq!(message.subject.as_ref().unwrap().chars().count(), 2_000);
    assert!(warned(&message, "subject was cut off"));
}

#[test]
fn many_addresses() {
    let cc: String = (0..10_000).map(|n| format!("\"Naam {n}\" <n{n}@example.nl>, ")).collect();
    let message = read(format!("From: a@example.nl\nCc: {cc}\n\nTekst\n"));
    assert_eq!(message.cc.len(), 10_000);
    assert_eq!(message.cc[9_999].address.as_ref().unwrap().value, "n9999@example.nl");
    let message = read(format!("From: a@example.nl\n{}\nTekst\n", format!("Cc: {cc}\n").repeat(3)));
    assert_eq!(message.cc.len(), 10_000);
    assert!(warned(&message, "in cc were not read"));
}

#[test]
fn hostile_texts_end() {
    for piece in [
        "From: a\n",
        "Van: jan\nAan: piet\nDatum: 1\n",
        "> \n",
        ">",
        "Op 1 mei 10:00 schreef jan@example.nl:\n",
        "Op 1 mei 10:00 schreef jan@example.nl:\n> x\n",
        "-- \n",
        "--\n",
        "---\n",
        "____________\n",
        "\n",
        "On 1\n",
        "a:\n",
        "-----Original Message-----\n",
        "---------- Forwarded message ---------\n",
        "wrote:\n",
        "x@y.z wrote 10:00\n> q\n",
        "Sent from my iPhone\n",
        "Disclaimer\n",
        "Groet,\nJan\n020-1234567\n",
        "-----BEGIN PGP SIGNATURE-----\n",
        "------------\n\n\n",
        "Jan ---1-1-2026 10:00---x\n",
        "\u{a0}> \n",
        "wrote wrote wrote wrote wrote wrote ",
        "é",
    ] {
        let text = piece.repeat(600_000 / piece.len());
        let message = read(format!("From: a@example.nl\nSubject: Re: x\nContent-Type: text/plain; charset=utf-8\n\n{text}"));
        assert!(message.body.new_text.len() <= message.body.full_text.len(), "{piece:?}");
        let _ = TextReader.read(&delivery(text.clone()));
        let _ = read(format!("From: a@example.nl\nContent-Type: text/plain; charset=utf-8; format=flowed\n\n{text}"));
        let _ = read(format!("From: a@example.nl\nContent-Type: text/html; charset=utf-8\n\n{text}"));
    }
}

#[test]
fn hostile_pages_end() {
    let deep = format!("{}diep{}", "<div>".repeat(100_000), "</div>".repeat(100_000));
    assert_eq!(read(format!("From: a@example.nl\nContent-Type: text/html\n\n{deep}")).body.full_text, "diep");
    let table = format!("{}cel{}", "<table><tr><td>".repeat(100_000), "</td></tr></table>".repeat(100_000));
    assert_eq!(read(format!("From: a@example.nl\nContent-Type: text/html\n\n{table}")).body.full_text, "cel");
    let quote = format!("{}citaat", "<blockquote type=cite>a".repeat(100_000));
    assert!(read(format!("From: a@example.nl\nContent-Type: text/html\n\n{quote}")).body.full_text.contains("citaat"));
}

#[test]
fn nothing_to_read() {
    for bytes in [&b""[..], b" \r\n\t\n"] {
        assert_eq!(EmailReader.read(&delivery(bytes)), Err(Unreadable("empty".into())));
        assert_eq!(TextReader.read(&delivery(bytes)), Err(Unreadable("empty".into())));
    }
    assert!(EmailReader.read(&delivery(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0".to_vec())).is_err());
    assert_eq!(EmailReader.recognizes(b""), Recognition::No);
}

#[test]
fn lines_that_end_as_on_old_macs() {
    let unix = "From: a@example.nl\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nRegel een\nRegel twee\n--b\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\naGFsbG8=\n--b--\n";
    let mac = delivery(unix.replace('\n', "\r"));
    let message = EmailReader.read(&mac).unwrap().remove(0);
    assert_eq!(message.body.new_text, "Regel een\nRegel twee");
    assert_eq!(message.attachments, read(unix).attachments);
    assert_eq!(EmailReader.attachment(&mac, 0, &message.attachments[0].sha256).as_deref(), Some(&b"hallo"[..]));
}

#[test]
fn only_the_first_bytes() {
    let mut cut = delivery(b"From: a@example.nl\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nZie bijlagen.\n--b\nContent-Type: image/png; name=een.png\nContent-Transfer-Encoding: base64\n\naGFsbG8=\n--b\nContent-Type: image/png; name=twee.png\nContent-Transfer-Encoding: base64\n\naGFsb".to_vec());
    cut.envelope.insert(TRUNCATED_FROM.into(), json!(98_765_432));
    let message = EmailReader.read(&cut).unwrap().remove(0);
    assert_eq!(message.body.new_text, "Zie bijlagen.");
    assert_eq!(message.attachments[0].skipped, None);
    assert!(message.attachments[1].skipped.as_ref().unwrap().contains("98765432"));
    assert!(warned(&message, "98765432"));

    let mut whole =
        delivery(b"From: a@example.nl\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\naGFsb".to_vec());
    whole.envelope.insert(TRUNCATED_FROM.into(), json!(1_000));
    assert!(EmailReader.read(&whole).unwrap()[0].attachments[0].skipped.is_some());
}

#[test]
fn every_fixture_survives_mutation() {
    // A small generator of our own: the same mutations in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap()
    };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "eml"))
        .collect();
    paths.sort();
    let mails: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for round in 0..60 {
        for mail in &mails {
            let mut bytes = mail.clone();
            for _ in 0..=random(8) {
                let at = random(bytes.len());
                match (round + random(6)) % 6 {
                    0 => bytes[at] = u8::try_from(random(256)).unwrap(),
                    1 => bytes.truncate(at.max(1)),
                    2 => bytes.insert(at, b"\n\"<>=?-:;(\0"[random(11)]),
                    3 => {
                        let end = (at + random(40)).min(bytes.len());
                        bytes.drain(at..end);
                    }
                    4 => {
                        let other = &mails[random(mails.len())];
                        let from = random(other.len());
                        bytes.splice(at..at, other[from..(from + random(200)).min(other.len())].iter().copied());
                    }
                    _ => {
                        let end = (at + random(100)).min(bytes.len());
                        let piece = bytes[at..end].to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
                if bytes.is_empty() {
                    break;
                }
            }
            check(&bytes);
        }
    }
}

/// What holds for every sequence of bytes.
fn check(bytes: &[u8]) {
    let delivery = delivery(bytes);
    let _ = EmailReader.recognizes(bytes);
    let _ = TextReader.read(&delivery);
    let Ok(messages) = EmailReader.read(&delivery) else { return };
    assert_eq!(messages.len(), 1);
    let message = &messages[0];
    assert!(message.identity.as_ref().is_some_and(|identity| !identity.value.is_empty()));
    assert!(message.subject.as_ref().is_none_or(|subject| !subject.contains(['\n', '\r', '\0'])));
    assert!(!message.body.full_text.contains('\0') && !message.body.new_text.contains('\0'));
    let mut all = message.body.full_text.lines().map(str::trim_end);
    for line in message.body.new_text.lines().filter(|line| !line.is_empty()) {
        assert!(all.any(|other| other == line), "{line:?} is not a line of the whole text");
    }
    for attachment in &message.attachments {
        assert!(attachment.name.as_ref().is_none_or(|name| !name.contains(|c: char| c.is_control())));
        let found = EmailReader.attachment(&delivery, 0, &attachment.sha256);
        assert_eq!(found.map(|bytes| bytes.len() as u64), Some(attachment.size));
    }
    // The same bytes give the same message, and it survives its JSON form.
    assert_eq!(EmailReader.read(&delivery).as_ref(), Ok(&messages));
    let json = serde_json::to_string(message).unwrap();
    assert_eq!(&serde_json::from_str::<Message>(&json).unwrap(), message);
    assert!(message.automatic != Automatic::Bounce || message.extra.contains_key("bounce"));
}

/// Pieces that mails are made of, so that random ones come near to being one.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => proptest::collection::vec(any::<u8>(), 0..30),
        3 => "[ -~\\n]{0,40}".prop_map(String::into_bytes),
        6 => proptest::sample::select(vec![
            "From: ", "To: a@b.example, \"C\" <d@e.example>\n", "Subject: =?utf-8?Q?=C3=A9?=\n", "\n", "\r\n", "Content-Type: multipart/mixed; boundary=b\n", "Content-Type: text/html; charset=utf-8\n", "Content-Type: text/plain; format=flowed\n",
            "Content-Transfer-Encoding: base64\n", "Content-Transfer-Encoding: quoted-printable\n", "Content-Disposition: attachment; filename*0*=utf-8''a%20; filename*1=b\n", "\n--b\n", "\n--b--\n", "=?utf-8?B?", "?=", "<p>", "</p>", "<blockquote type=cite>", "<td>", "&eacute;",
            "> ", "On 1 May 2026 10:00, a@b.example wrote:\n", "Van: a@b.example\nVerzonden: 1\nOnderwerp: x\n", "-- \n", "Message-ID: <a@b>\n", "Return-Path: <>\n", "Content-Type: message/rfc822\n\n", "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n",
        ]).prop_map(|text| text.as_bytes().to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_message_or_an_error(pieces in proptest::collection::vec(piece(), 0..40)) {
        check(&pieces.concat());
    }

    #[test]
    fn any_header_and_any_body(header in "[ -~]{0,200}", body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut mail = format!("From: a@example.nl\nSubject: {header}\nTo: {header}\nDate: {header}\nContent-Type: {header}\n\n").into_bytes();
        mail.extend(body);
        check(&mail);
    }
}

#[test]
fn the_envelope_says_whose_mailbox_it_is_where_no_header_does() {
    let whole = include_str!("fixtures/a-inbox-mailman.eml");
    let without: String = whole.lines().filter(|line| !line.starts_with("Delivered-To") && !line.starts_with("X-Original-To")).fold(
        String::new(),
        |mut mail, line| {
            // A name that only this company's inbox has.
            mail.push_str(&line.replace("vertrieb", "kueche"));
            mail.push('\n');
            mail
        },
    );
    let with = |name: &str, value: &str| {
        let mut delivery = delivery(without.clone());
        delivery.envelope.insert(name.into(), json!(value));
        EmailReader.read(&delivery).unwrap().remove(0).automatic
    };
    assert_eq!(read(without.clone()).automatic, Automatic::Bulk);
    assert_eq!(with("user", "karin@moebelbau.example"), Automatic::None);
    assert_eq!(with("rcpt_to", "karin@Moebelbau.example"), Automatic::None);
    assert_eq!(with("rcpt_to", "karin@andere.example"), Automatic::Bulk);
    assert_eq!(with("user", "MOEBELBAU\\karin"), Automatic::Bulk);
}

#[test]
fn the_envelope_stands_in_for_a_return_path_that_nobody_wrote() {
    let whole = include_str!("fixtures/a-null-path.eml");
    let without = whole.split_once('\n').map(|(path, rest)| (path.starts_with("Return-Path"), rest)).filter(|(path, _)| *path).unwrap().1;
    let by_lmtp = |mail_from: &str| {
        let mut delivery = delivery(without);
        delivery.envelope.insert("mail_from".into(), json!(mail_from));
        EmailReader.read(&delivery).unwrap().remove(0).automatic
    };
    assert_eq!(by_lmtp(""), read(whole).automatic);
    assert_ne!(by_lmtp("jan@example.nl"), read(whole).automatic);
}
