use loket_core::message::{Address, AddressKind, Automatic, Identity};
use proptest::prelude::*;

use super::*;
use crate::config::{FieldKind, Target};
use crate::envelope::SlipField;

fn read(media_type: &str, body: &[u8]) -> Result<Message, Unreadable> {
    FormReader.read(&Delivery::standalone("webform.contact", "k", media_type, body.to_vec())).map(|mut messages| messages.remove(0))
}

fn slip() -> Slip {
    let field = |name: &str, label: &str, kind, to| SlipField::new(name, label, kind, to);
    Slip {
        form: "bestellen".into(),
        language: "nl".into(),
        fields: vec![
            field("voornaam", "Voornaam", FieldKind::Text, Target::Name),
            field("achternaam", "Achternaam", FieldKind::Text, Target::Name),
            field("adres", "E-mailadres", FieldKind::Email, Target::Email),
            field("bel", "Telefoon", FieldKind::Phone, Target::Phone),
            field("klant", "Klantnummer", FieldKind::Text, Target::Account),
            field("zaak", "Bedrijf", FieldKind::Text, Target::Company),
            field("over", "Onderwerp", FieldKind::Text, Target::Subject),
            field("vraag", "Uw vraag", FieldKind::Textarea, Target::Text),
            field("artikel", "Artikelnummer", FieldKind::Text, Target::Extra),
            field("aantal", "Aantal", FieldKind::Number, Target::Extra),
            field("spoed", "Spoed?", FieldKind::Checkbox, Target::Extra),
            field("bron", "bron", FieldKind::Hidden, Target::Extra),
        ],
        max_fields: 100,
        max_files: 10,
        page: Some("https://winkel.example/bestellen".into()),
        ..Slip::default()
    }
}

fn read_with(slip: Slip, media_type: &str, body: &[u8]) -> Result<Message, Unreadable> {
    let delivery = Delivery { envelope: slip.into_envelope(), ..Delivery::standalone("webform.bestellen", "k", media_type, body.to_vec()) };
    FormReader.read(&delivery).map(|mut messages| messages.remove(0))
}

#[test]
fn an_order_form_becomes_a_message_in_which_everything_shows() {
    let body = "voornaam=Ren%C3%A9e&achternaam=de+Vries&adres=+renee@zaak.example+&bel=020-1234567&klant=K-118&zaak=Zaak+BV&over=Bestelling%0d%0avan+vandaag\
        &vraag=Graag+leveren%0D%0Av%C3%B3%C3%B3r+vrijdag.&artikel=118240&aantal=12&spoed=ja&bron=nieuwsbrief&_token=abc&_url=&opmerking=regel+1%0Aregel+2&leeg=";
    let message = read_with(slip(), "application/x-www-form-urlencoded", body.as_bytes()).unwrap();
    let from = message.from.unwrap();
    assert_eq!(from.name.as_deref(), Some("Renée de Vries"));
    assert_eq!(from.address, Some(Address::mail("renee@zaak.example")));
    assert_eq!(
        from.also,
        [Address { kind: AddressKind::Phone, value: "020-1234567".into() }, Address { kind: AddressKind::Account, value: "K-118".into() }]
    );
    assert_eq!(from.company.as_deref(), Some("Zaak BV"));
    assert_eq!(message.subject.as_deref(), Some("Bestelling van vandaag"));
    let text = "Graag leveren\nvóór vrijdag.\n\nArtikelnummer: 118240\nAantal: 12\nSpoed? ja\nopmerking:\nregel 1\nregel 2";
    assert_eq!(message.body.new_text, text);
    assert_eq!(message.body.full_text, text);
    let extra = serde_json::to_value(&message.extra).unwrap();
    assert_eq!(extra["form"], "bestellen");
    assert_eq!(extra["page"], "https://winkel.example/bestellen");
    let names: Vec<_> = extra["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["artikel", "aantal", "spoed", "bron", "opmerking"]);
    assert_eq!(extra["fields"][1], serde_json::json!({ "name": "aantal", "label": "Aantal", "value": "12" }));
    assert_eq!((message.automatic, message.identity, message.sent_at), (Automatic::None, None, None));
    assert_eq!(message.warnings, [""; 0]);
}

#[test]
fn an_unchecked_box_is_data_and_no_text() {
    let message = read_with(slip(), "application/json", br#"{"vraag": "Hallo", "spoed": false}"#).unwrap();
    assert_eq!(message.body.full_text, "Hallo");
    assert_eq!(message.extra["fields"][0]["value"], "false");
}

#[test]
fn a_stand_in_is_the_text_and_its_key_the_identity() {
    let slip = Slip { stand_in: Some("bericht".into()), idempotency_key: Some("k-1".into()), ..slip() };
    let message = read_with(slip, "application/json", br#"{"bericht": "Hallo", "message": "ander"}"#).unwrap();
    assert_eq!(message.body.full_text, "Hallo\n\nmessage: ander");
    assert_eq!(message.identity, Some(Identity { kind: "submission".into(), value: "k-1".into() }));
}

#[test]
fn a_filled_honeypot_is_bulk_and_kept() {
    let by_body = read_with(slip(), "application/json", br#"{"vraag": "cheap watches", "_url": "https://spam.example"}"#).unwrap();
    let by_envelope = read_with(Slip { honeypot: true, ..slip() }, "application/json", br#"{"vraag": "cheap watches"}"#).unwrap();
    for message in [by_body, by_envelope] {
        assert_eq!(message.automatic, Automatic::Bulk);
        assert!(!message.automatic.opens_case());
        assert!(message.warnings[0].contains("honeypot filled"), "{:?}", message.warnings);
    }
    assert_eq!(read_with(slip(), "application/json", br#"{"vraag": "x", "_url": "  "}"#).unwrap().automatic, Automatic::None);
}

#[test]
fn headers_cannot_be_smuggled_through_values() {
    let body = br#"{"voornaam": "Jan\r\nBcc: all@example.nl", "adres": "jan@example.nl\r\nBcc: all@example.nl", "over": "Hoi\nX-Evil: 1", "vraag": "a\u0000b\u001b[31m"}"#;
    let message = read_with(slip(), "application/json", body).unwrap();
    let from = message.from.unwrap();
    assert_eq!(from.name.as_deref(), Some("Jan Bcc: all@example.nl"));
    assert_eq!(from.address, None);
    assert_eq!(message.subject.as_deref(), Some("Hoi X-Evil: 1"));
    assert_eq!(message.body.full_text, "a\u{fffd}b\u{fffd}[31m\n\nE-mailadres:\njan@example.nl\nBcc: all@example.nl");
    assert_eq!(message.warnings.len(), 2, "{:?}", message.warnings);
}

#[test]
fn bytes_without_a_form_go_by_the_usual_names() {
    let json = br#"{"Naam": "Jan", "email": "jan@example.nl", "telefoon": "0612345678", "onderwerp": "Factuur", "message": "Klopt niet", "order": {"id": 7}}"#;
    let message = read("application/json", json).unwrap();
    let from = message.from.unwrap();
    assert_eq!((from.name.as_deref(), from.address), (Some("Jan"), Some(Address::mail("jan@example.nl"))));
    assert_eq!(from.also.len(), 1);
    assert_eq!(message.subject.as_deref(), Some("Factuur"));
    assert_eq!(message.body.full_text, "Klopt niet\n\norder: {\"id\": 7}");
    let phone_only = read("application/json", br#"{"phone": "0612345678", "text": "Bel mij"}"#).unwrap();
    assert_eq!(phone_only.from.unwrap().address.map(|address| address.kind), Some(AddressKind::Phone));
    // An envelope of other making, as an import gives, is no form's.
    let imported = Delivery {
        envelope: serde_json::from_str(r#"{"file": "a.json"}"#).unwrap(),
        ..Delivery::standalone("webform.contact", "k", "application/json", br#"{"text": "Hallo"}"#.to_vec())
    };
    assert_eq!(FormReader.read(&imported).unwrap()[0].body.full_text, "Hallo");
}

#[test]
fn a_guessed_character_set_is_said() {
    let message = read("application/x-www-form-urlencoded", b"name=Ren%E9e&text=caf%E9").unwrap();
    assert_eq!(message.from.unwrap().name.as_deref(), Some("Renée"));
    assert_eq!(message.warnings.len(), 1);
    assert!(message.warnings[0].contains("windows-1252"));
}

#[test]
fn files_are_attachments_and_come_back() {
    let body = b"--q\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nZie bijlage\r\n\
        --q\r\nContent-Disposition: form-data; name=\"f\"; filename=\"..\\..\\etc\\passwd%0d%0aX: 1\"\r\nContent-Type: text/csv\r\n\r\na;b\x00\xff\r\n\
        --q\r\nContent-Disposition: form-data; name=\"f\"; filename=\"leeg.txt\"\r\n\r\n\r\n--q--\r\n";
    for media_type in ["multipart/form-data; boundary=q", "multipart/form-data", "application/json"] {
        let delivery = Delivery::standalone("webform.contact", "k", media_type, body.to_vec());
        let message = FormReader.read(&delivery).unwrap().remove(0);
        assert_eq!(message.body.full_text, "Zie bijlage");
        let [csv, empty] = message.attachments.as_slice() else { panic!("{:?}", message.attachments) };
        assert_eq!((csv.name.as_deref(), csv.media_type.as_str(), csv.size), (Some("passwd X: 1"), "text/csv", 5));
        assert_eq!(csv.sha256, sha256_hex(b"a;b\x00\xff"));
        assert_eq!((empty.name.as_deref(), empty.media_type.as_str(), empty.size), (Some("leeg.txt"), "application/octet-stream", 0));
        assert_eq!(FormReader.attachment(&delivery, 0, &csv.sha256).as_deref(), Some(&b"a;b\x00\xff"[..]));
        assert_eq!(FormReader.attachment(&delivery, 0, &empty.sha256).as_deref(), Some(&b""[..]));
        assert_eq!(FormReader.attachment(&delivery, 1, &csv.sha256), None);
        assert_eq!(FormReader.attachment(&delivery, 0, &sha256_hex(b"other")), None);
    }
}

#[test]
fn what_is_no_form_is_unreadable_with_a_reason() {
    for (media_type, body, reason) in [
        ("application/json", &b"{\"a\":"[..], "not proper JSON"),
        ("application/json", b"", "must be a JSON object"),
        ("application/json", b"{}", "nothing is filled in"),
        ("application/json", br#"{"_token": "x", "a": "  "}"#, "nothing is filled in"),
        ("application/x-www-form-urlencoded", b"", "nothing is filled in"),
        ("multipart/form-data", b"no boundary", "names no multipart boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n", "before its last boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n\r\n--x--", "no name"),
    ] {
        let error = read(media_type, body).unwrap_err();
        assert!(error.0.contains(reason), "{media_type}: {error}");
    }
    let many = (0..10_001).map(|n| format!("f{n}=x")).collect::<Vec<_>>().join("&");
    assert!(read("application/x-www-form-urlencoded", many.as_bytes()).unwrap_err().0.contains("more than 10000 fields"));
    assert!(
        read_with(Slip { max_fields: 1, ..slip() }, "application/json", br#"{"a": 1, "b": 2}"#)
            .unwrap_err()
            .0
            .contains("more than 1 fields")
    );
    let damaged = Delivery {
        envelope: serde_json::from_str(r#"{"form": 7}"#).unwrap(),
        ..Delivery::standalone("webform.contact", "k", "application/json", br#"{"text": "x"}"#.to_vec())
    };
    assert!(FormReader.read(&damaged).unwrap_err().0.contains("envelope"));
}

#[test]
fn ten_thousand_fields_are_read_once_each() {
    let body = (0..10_000).map(|n| format!("email=x{n}@example.nl")).collect::<Vec<_>>().join("&");
    let message = read("application/x-www-form-urlencoded", body.as_bytes()).unwrap();
    assert_eq!(message.from.unwrap().also.len(), 9_999);
}

fn media_type() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("application/json".to_owned()),
        Just("application/x-www-form-urlencoded".to_owned()),
        Just("multipart/form-data; boundary=XX".to_owned()),
        Just("multipart/form-data".to_owned()),
        ".{0,40}",
    ]
}

fn token() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "--XX",
        "--",
        "\r\n",
        "Content-Disposition: form-data; name=",
        "text",
        "email",
        "_url",
        "\"",
        "; filename=",
        "{",
        "}",
        ":",
        ",",
        "[",
        "]",
        "=",
        "&",
        "%00",
        "\0",
        "null",
        "1e999",
    ]);
    prop_oneof![4 => known.prop_map(|text| text.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..6)]
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_unreadable(media_type in media_type(), tokens in prop::collection::vec(token(), 0..40), with_slip: bool) {
        let payload = tokens.concat();
        let _ = FormReader.recognizes(&payload);
        let envelope = if with_slip { slip().into_envelope() } else { Default::default() };
        let delivery = Delivery { envelope, ..Delivery::standalone("webform.x", "k", &media_type, payload) };
        match FormReader.read(&delivery) {
            Err(Unreadable(reason)) => prop_assert!(!reason.is_empty()),
            Ok(messages) => {
                prop_assert_eq!(messages.len(), 1);
                let message = &messages[0];
                prop_assert!(!message.subject.as_deref().unwrap_or_default().contains(char::is_control));
                prop_assert!(!message.body.full_text.contains('\0'));
                for attachment in &message.attachments {
                    let bytes = FormReader.attachment(&delivery, 0, &attachment.sha256);
                    prop_assert_eq!(bytes.map(|bytes| bytes.len() as u64), Some(attachment.size));
                }
                prop_assert_eq!(FormReader.read(&delivery).unwrap(), messages);
            }
        }
    }
}
