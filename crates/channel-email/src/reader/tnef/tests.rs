//! Streams as Outlook and Exchange write them, and what nobody sends by accident.

use proptest::prelude::*;

use super::encoder::{List, Stream, compressed, wide};
use super::*;

fn person(name: &str, address: &str) -> Person {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Person { name: some(name), address: some(address) }
}

fn file<'a>(name: &str, media_type: &str, bytes: &'a [u8]) -> File<'a> {
    File { name: Some(name.into()), media_type: media_type.into(), content_id: None, content: Content::Bytes(bytes) }
}

#[test]
fn a_message_of_today() {
    let stream = Stream::new()
        .text(0x0007_8008, b"IPM.Microsoft Mail.Note")
        .text(0x0001_8004, b"Bestelling b?rsten")
        .properties(
            &List::default()
                .named()
                .many_short(0x6701, &[1, 2, 3])
                .many_texts(0x6702, &["een", "twee"])
                .boolean(0x0e1b, true)
                .text(mapi::MESSAGE_CLASS, "IPM.Note")
                .text(mapi::SUBJECT, "Bestelling bürsten ✓")
                .text(mapi::BODY, "Beste Karin,\r\n\r\nGraag 12 dozen à € 9.\r\n")
                .number(mapi::INTERNET_CODE_PAGE, 28591)
                .binary(mapi::HTML, b"<p>Graag 12 dozen \xe0 9.</p>")
                .time(mapi::CLIENT_SUBMIT_TIME, 134_399_826_010_000_000)
                .text(mapi::SENDER_NAME, "Jan de Vries")
                .text(mapi::SENDER_EMAIL, "/O=DEVRIES/OU=X/CN=JAN")
                .text(mapi::SENDER_SMTP, "jan@devries.example")
                .text(mapi::INTERNET_MESSAGE_ID, "<t1@devries.example>"),
        )
        .attribute(
            1,
            0x0006_9004,
            &[
                &3_u32.to_le_bytes()[..],
                &List::default()
                    .number(mapi::RECIPIENT_TYPE, 1)
                    .text(mapi::DISPLAY_NAME, "Info")
                    .text(mapi::SMTP, "info@loket.example")
                    .bytes(),
                &List::default().number(mapi::RECIPIENT_TYPE, 2).narrow(mapi::DISPLAY_NAME, b"Andr\xe9").bytes(),
                &List::default().number(mapi::RECIPIENT_TYPE, 3).text(mapi::DISPLAY_NAME, "Geheim").bytes(),
            ]
            .concat(),
        )
        .file(
            b"BESTEL~1.PDF",
            b"%PDF-1.4 invented",
            &List::default()
                .text(mapi::ATTACH_LONG_FILE_NAME, "bestelling bürsten 118.pdf")
                .text(mapi::ATTACH_MIME_TAG, "Application/PDF")
                .text(mapi::DISPLAY_NAME, "bestelling"),
        )
        .file(
            b"logo.png",
            b"",
            &List::default()
                .binary(mapi::ATTACH_DATA, b"\x89PNG")
                .text(mapi::ATTACH_CONTENT_ID, "<logo@x>")
                .text(mapi::ATTACH_MIME_TAG, "image/png"),
        )
        .file(b"", b"x", &List::default())
        .bytes();
    assert!(is_tnef(&stream));
    let message = read(&stream).unwrap();
    assert_eq!(message.class, "IPM.Note");
    assert_eq!(message.subject.as_deref(), Some("Bestelling bürsten ✓"));
    assert_eq!(message.plain.as_deref(), Some("Beste Karin,\r\n\r\nGraag 12 dozen à € 9.\r\n"));
    assert_eq!(message.html.as_deref(), Some("<p>Graag 12 dozen à 9.</p>"));
    assert_eq!(message.from, Some(person("Jan de Vries", "jan@devries.example")));
    assert_eq!(message.to, [person("Info", "info@loket.example")]);
    assert_eq!(message.cc, [person("André", "")]);
    assert_eq!(message.sent_at, Some(1_795_509_001));
    assert_eq!(message.message_id.as_deref(), Some("<t1@devries.example>"));
    let logo = File { content_id: Some("logo@x".into()), ..file("logo.png", "image/png", b"\x89PNG") };
    let nameless = File { name: None, ..file("", "application/octet-stream", b"x") };
    assert_eq!(message.files, [file("bestelling bürsten 118.pdf", "application/pdf", b"%PDF-1.4 invented"), logo, nameless]);
    assert_eq!(message.oddities, Vec::<String>::new());
}

#[test]
fn a_message_of_the_nineties() {
    let sender = [&[4, 0, 0x20, 0, 4, 0, 25, 0][..], b"Jan\0SMTP:jan@devries.example\0"].concat();
    let stream = Stream::new()
        .attribute(1, 0x0006_9007, &[&850_u32.to_le_bytes()[..], &[0; 4]].concat())
        .attribute(1, 0x0000_8000, &sender)
        .attribute(1, 0x0003_8005, &[0xea, 0x07, 11, 0, 24, 0, 8, 0, 30, 0, 1, 0, 2, 0])
        .text(0x0001_8004, b"Caf\x82")
        .text(0x0002_800c, b"Graag 12 caf\x82cr\x8ames")
        .file(b"CAF\x90.TXT", b"tekst", &List::default())
        .bytes();
    let message = read(&stream).unwrap();
    assert_eq!(message.from, Some(person("Jan", "jan@devries.example")));
    assert_eq!(message.sent_at, Some(1_795_509_001));
    assert_eq!(message.subject.as_deref(), Some("Café"));
    assert_eq!(message.plain.as_deref(), Some("Graag 12 cafécrèmes"));
    assert_eq!(message.files, [file("CAFÉ.TXT", "application/octet-stream", b"tekst")]);
}

#[test]
fn texts_in_all_forms() {
    let texts = |list: List| {
        let stream = Stream::new().properties(&list).bytes();
        let message = read(&stream).unwrap();
        (message.plain, message.html)
    };
    let some = |text: &str| Some(text.to_owned());
    let rich = compressed(br"{\rtf1\ansi\ansicpg1252 Graag \b 12\b0  dozen \'80.\par}");
    let from_html = compressed(br"{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}Graag 12{\*\htmltag72 </p>}}");
    let from_text = compressed(br"{\rtf1\ansi\fromtext Graag 12\par dozen}");
    assert_eq!(texts(List::default().binary(mapi::RTF_COMPRESSED, &rich)), (some("Graag 12 dozen €."), None));
    assert_eq!(texts(List::default().binary(mapi::RTF_COMPRESSED, &from_text)), (some("Graag 12\ndozen"), None));
    assert_eq!(texts(List::default().binary(mapi::RTF_COMPRESSED, &from_html)), (None, some("<p>Graag 12</p>")));
    assert_eq!(
        texts(List::default().text(mapi::BODY, "Graag 12").binary(mapi::RTF_COMPRESSED, &from_html)),
        (some("Graag 12"), some("<p>Graag 12</p>"))
    );
    assert_eq!(texts(List::default().text(mapi::BODY, "Graag 12").binary(mapi::RTF_COMPRESSED, &rich)), (some("Graag 12"), None));
    assert_eq!(texts(List::default().text(mapi::BODY, " \r\n").binary(mapi::RTF_COMPRESSED, &rich)), (some("Graag 12 dozen €."), None));
    assert_eq!(texts(List::default().text(mapi::HTML, "<p>é</p>")), (None, some("<p>é</p>")));
    assert_eq!(texts(List::default().narrow(mapi::HTML, b"<p>\xe9</p>")), (None, some("<p>é</p>")));
    assert_eq!(
        texts(List::default().binary(mapi::HTML, "<meta charset=utf-8><p>é</p>".as_bytes())),
        (None, some("<meta charset=utf-8><p>é</p>"))
    );
    // Japanese has no zero byte in UTF-16.
    assert_eq!(texts(List::default().text(mapi::BODY, "注文します")), (some("注文します"), None));

    let broken = Stream::new().properties(&List::default().binary(mapi::RTF_COMPRESSED, b"no rich text at all")).bytes();
    assert!(read(&broken).unwrap().oddities[0].contains("rich text"));
}

#[test]
fn attached_messages_and_objects() {
    let inner = Stream::new()
        .properties(
            &List::default()
                .text(mapi::SUBJECT, "Klacht: kapot é")
                .text(mapi::BODY, "De doos was kapot.")
                .text(mapi::SENT_REPRESENTING_NAME, "Piet Klant")
                .text(mapi::SENT_REPRESENTING_EMAIL, "piet@klant.example")
                .time(mapi::CLIENT_SUBMIT_TIME, 134_399_826_010_000_000),
        )
        .file(b"foto.jpg", b"\xff\xd8 foto", &List::default().text(mapi::ATTACH_MIME_TAG, "image/jpeg"))
        .bytes();
    let outer = Stream::new()
        .file(b"", b"", &List::default().text(mapi::DISPLAY_NAME, "Klacht: kapot é").message(&inner))
        .file(b"tabel.xls", b"ignored", &List::default().object(&[&[0x0b; 16][..], b"\xd0\xcf OLE"].concat()))
        .file(b"kort", b"", &List::default().object(b"abc"))
        .file(b"", b"", &List::default().message(b"no stream"))
        .bytes();
    let message = read(&outer).unwrap();
    assert_eq!(message.files[0].name.as_deref(), Some("Klacht: kapot é.eml"));
    assert_eq!((message.files[0].media_type.as_str(), &message.files[0].content), ("message/rfc822", &Content::Message(&inner)));
    assert_eq!(message.files[1].content, Content::Bytes(b"\xd0\xcf OLE"));
    assert_eq!(message.files[2].content, Content::Bytes(b"abc"));
    assert_eq!(message.files[3].content, Content::Bytes(b"no stream"));

    let mail = String::from_utf8(as_mail(&inner).unwrap()).unwrap();
    for expected in [
        "From: Piet Klant <piet@klant.example>\n",
        "Subject: =?utf-8?B?S2xhY2h0OiBrYXBvdCDDqQ==?=\n",
        "Date: 24 Nov 2026 08:30:01 +0000\n",
        "\n\nRGUgZG9vcyB3YXMga2Fwb3Qu\n",
        "Content-Type: image/jpeg\nContent-Disposition: attachment; filename*=utf-8''foto.jpg\nContent-Transfer-Encoding: base64\n\n/9ggZm90bw==\n",
    ] {
        assert!(mail.contains(expected), "{mail}");
    }
    // Attachments are found by their hash: changing how these mails are written loses those of stored messages until a replay.
    assert_eq!(crate::reader::sha256_hex(mail.as_bytes()), "48e98a42a25f092e6066f0a6d7eb1be0826268b5de0ec49490ef02ab7c72955a");
}

#[test]
fn damaged_cut_off_and_lying() {
    let whole = Stream::new()
        .properties(&List::default().text(mapi::BODY, "Graag 12 dozen."))
        .file(b"a.txt", &[b'a'; 100], &List::default())
        .bytes();
    for length in 0..whole.len() {
        match read(&whole[..length]) {
            Ok(message) => assert!(message.files.len() <= 1),
            Err(error) => assert!(!error.0.is_empty()),
        }
    }
    let cut = read(&whole[..whole.len() - 60]).unwrap();
    assert_eq!((cut.plain.as_deref(), cut.oddities), (Some("Graag 12 dozen."), vec!["it is cut off".to_owned()]));
    assert!(matches!(cut.files[0].content, Content::Bytes(bytes) if bytes.len() > 50 && bytes.len() <= 100));

    let mut damaged = whole.clone();
    let at = damaged.windows(4).position(|window| window == b"aaaa").unwrap();
    damaged[at] = b'b';
    assert_eq!(read(&damaged).unwrap().oddities, ["it is damaged: a checksum is wrong"]);
    assert_eq!(read(&[&whole[..], b"\0\0\r\n"].concat()).unwrap().oddities, Vec::<String>::new());
    assert_eq!(read(&[&whole[..], b"--footer"].concat()).unwrap().oddities, ["its end cannot be read"]);

    let empty = [&attributes::SIGNATURE[..], &[0, 0]].concat();
    for none in [&b""[..], b"\x78\x9f\x3e", b"Beste Karin", &empty, &[&empty[..], b"vented"].concat()] {
        assert!(read(none).is_err());
    }
    // Counts and lengths that promise more than there is.
    for lie in [
        &u32::MAX.to_le_bytes()[..],
        &[&1_u32.to_le_bytes()[..], &[0x1f, 0, 0x37, 0], &u32::MAX.to_le_bytes()].concat(),
        &[&1_u32.to_le_bytes()[..], &[0x1f, 0, 0x37, 0], &u32::MAX.to_le_bytes(), &u32::MAX.to_le_bytes()].concat(),
        &[&1_u32.to_le_bytes()[..], &[0x03, 0x10, 0x37, 0], &u32::MAX.to_le_bytes()].concat(),
        &[&1_u32.to_le_bytes()[..], &[0x1f, 0, 0x37, 0x80], &[0; 16], &1_u32.to_le_bytes(), &u32::MAX.to_le_bytes()].concat(),
        &[&9_u32.to_le_bytes()[..], &[0xff; 40]].concat(),
    ] {
        for id in [0x0006_9003, 0x0006_9004] {
            let stream = Stream::new().attribute(1, id, lie).attribute(2, 0x0006_9005, lie).bytes();
            assert_eq!(read(&stream).unwrap().subject, None);
        }
    }
    let mut last = List::default().text(mapi::SUBJECT, "Heel").text(mapi::BODY, "Graag 12 dozen.").bytes();
    last.truncate(last.len() - 12);
    let stream = Stream::new().attribute(1, 0x0006_9003, &last).bytes();
    assert_eq!(read(&stream).unwrap().plain.as_deref(), Some("Graag 12 d"));
}

#[test]
fn more_than_anybody_needs() {
    let mut many = Stream::new();
    for _ in 0..5_000 {
        many = many.file(b"a.txt", b"a", &List::default());
    }
    let many = many.bytes();
    let message = read(&many).unwrap();
    assert_eq!(message.files.len(), MAX_FILES);
    assert!(message.oddities[0].contains("first 1000"));

    let rows: Vec<u8> = [&u32::MAX.to_le_bytes()[..], &List::default().text(mapi::DISPLAY_NAME, "x").bytes().repeat(5_000)].concat();
    let stream = Stream::new().attribute(1, 0x0006_9004, &rows).bytes();
    assert_eq!(read(&stream).unwrap().to.len(), MAX_RECIPIENTS);

    let mut deep = Stream::new().properties(&List::default().text(mapi::BODY, "diep")).bytes();
    for _ in 0..300 {
        deep = Stream::new().file(b"", b"", &List::default().message(&deep)).bytes();
    }
    let mail = as_mail(&deep).unwrap();
    assert!(mail.len() < deep.len() * 2);
    assert_eq!(lines_with(&mail, "Content-Type: message/rfc822"), 8);
    assert_eq!(lines_with(&mail, "Content-Type: application/ms-tnef"), 1);

    let bomb = [&[0xff][..], &b"\x0c\xef\x0c\xff".repeat(4)].concat().repeat(500_000);
    let bomb = [&[0; 8][..], b"LZFu", &[0; 4], &bomb].concat();
    let stream = Stream::new().properties(&List::default().binary(mapi::RTF_COMPRESSED, &bomb)).bytes();
    assert_eq!(read(&stream).unwrap().plain, None);
}

fn lines_with(mail: &[u8], wanted: &str) -> usize {
    String::from_utf8_lossy(mail).lines().filter(|line| *line == wanted).count()
}

/// A value that makes sense somewhere.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        (
            any::<u8>(),
            proptest::sample::select(vec![0x0006_9003_u32, 0x0006_9004, 0x0006_9005, 0x0006_9002, 0x0006_800f, 0x0000_8000, 0x0003_8005]),
            proptest::collection::vec(any::<u8>(), 0..60)
        )
            .prop_map(|(level, id, data)| Stream::new().attribute(1 + level % 2, id, &data).bytes().split_off(6)),
        (0..8_u32, proptest::sample::select(vec![0x0037_u16, 0x1000, 0x1013, 0x1009, 0x3701, 0x3707, 0x8001]), "[ -~é]{0,20}").prop_map(
            |(count, id, text)| {
                let list = List::default().text(id, &text).binary(id, text.as_bytes()).number(0x3fde, 65001).message(&wide(&text)).bytes();
                Stream::new()
                    .attribute(
                        1 + u8::try_from(count % 2).unwrap(),
                        0x0006_9003 + (count % 2) * 2,
                        &[&count.to_le_bytes()[..], &list[4..]].concat(),
                    )
                    .bytes()
                    .split_off(6)
            }
        ),
        "[ -~]{0,60}".prop_map(|rtf| {
            let rtf = compressed(format!("{{\\rtf1 {rtf}").as_bytes());
            Stream::new().properties(&List::default().binary(0x1009, &rtf)).bytes().split_off(6)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stream(pieces in proptest::collection::vec(piece(), 0..12)) {
        let bytes = [&attributes::SIGNATURE[..], &[0, 0], &pieces.concat()].concat();
        if let Ok(message) = read(&bytes) {
            let size: usize = message.files.iter().map(|file| match file.content { Content::Bytes(bytes) | Content::Message(bytes) => bytes.len() }).sum();
            prop_assert!(size <= bytes.len());
            prop_assert!(message.subject.is_none_or(|subject| !subject.contains(['\n', '\r', '\0'])));
        }
        let _ = as_mail(&bytes);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let _ = rtf::read(&bytes);
        let _ = rtf::read(&[b"{\\rtf1", &bytes[..]].concat());
        if let Some((out, _)) = lzfu::decompress(&bytes, 1_000) {
            prop_assert!(out.len() <= 1_000 && out.len() <= bytes.len() * 17 / 2);
        }
    }
}
