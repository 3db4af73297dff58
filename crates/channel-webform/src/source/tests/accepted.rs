//! What is taken, in every encoding, and what becomes of it.

use loket_core::health::ChannelState;
use loket_core::message::{Address, Automatic};

use super::server::{BROWSER, JSON, Served, URLENCODED};

const FORM: &str = r#"
rate = 0
language = "nl"
[[field]]
name = "klant"
label = "Uw naam"
to = "name"
[[field]]
name = "email"
kind = "email"
required = true
[[field]]
name = "vraag"
kind = "textarea"
to = "text"
required = true
[[field]]
name = "aantal"
label = "Aantal dozen"
kind = "number"
[[field]]
name = "bijlage"
kind = "file"
"#;

#[tokio::test]
async fn json_is_accepted_and_kept_as_it_came() {
    let served = Served::start(FORM).await;
    let body = "{ \"klant\": \"Renée\", \"email\": \"r@zaak.example\",\n \"vraag\": \"Graag\", \"aantal\": 12 }";
    let answer = served.post(JSON, "User-Agent: winkel/2\r\nReferer: https://zaak.example/contact?a=1\r\n", body).await;
    let reference = answer.reference();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json()["status"], "accepted");
    let (delivery, message) = served.only().await;
    assert_eq!(delivery.id, reference);
    assert_eq!(delivery.payload, body.as_bytes());
    assert_eq!((delivery.media_type.as_str(), &*delivery.channel), (JSON, "webform.contact"));
    assert_eq!(delivery.envelope_text("form"), Some("contact"));
    assert_eq!(delivery.envelope_text("remote_address"), Some("127.0.0.1"));
    assert_eq!(delivery.envelope_text("user_agent"), Some("winkel/2"));
    assert_eq!(delivery.envelope_text("page"), Some("https://zaak.example/contact?a=1"));
    assert_eq!(delivery.envelope_text("language"), Some("nl"));
    let from = message.from.unwrap();
    assert_eq!((from.name.as_deref(), from.address), (Some("Renée"), Some(Address::mail("r@zaak.example"))));
    assert_eq!(message.body.full_text, "Graag\n\nAantal dozen: 12");
    let status = served.status();
    assert_eq!((status.state, status.accepted, status.known), (ChannelState::Up, 1, 0));
    assert!(status.last_success.is_some());
}

#[tokio::test]
async fn urlencoded_in_an_old_character_set() {
    let served = Served::start(FORM).await;
    let content_type = "application/x-www-form-urlencoded; charset=iso-8859-15";
    served.post(content_type, "", "klant=Ren%E9e&email=r%40zaak.example&vraag=%A4+5%0D%0Aper+doos").await.reference();
    let (delivery, message) = served.only().await;
    assert_eq!(delivery.media_type, content_type);
    assert_eq!(message.from.unwrap().name.as_deref(), Some("Renée"));
    assert_eq!(message.body.full_text, "€ 5\nper doos");
}

#[tokio::test]
async fn multipart_with_files() {
    let served = Served::start(FORM).await;
    let mut body = b"--q\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nr@zaak.example\r\n--q\r\nContent-Disposition: form-data; name=\"vraag\"\r\n\r\nZie foto\r\n\
        --q\r\nContent-Disposition: form-data; name=\"bijlage\"; filename=\"../../foto\x01.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
        .to_vec();
    let photo: Vec<u8> = (0..600_000_u32).flat_map(u32::to_le_bytes).collect();
    body.extend_from_slice(&photo);
    body.extend_from_slice(b"\r\n--q--\r\n");
    served.post("multipart/form-data; boundary=q", "", &body).await.reference();
    let (delivery, message) = served.only().await;
    assert_eq!(delivery.payload, body);
    let [attachment] = message.attachments.as_slice() else { panic!("{:?}", message.attachments) };
    assert_eq!((attachment.name.as_deref(), attachment.media_type.as_str()), (Some("foto .jpg"), "image/jpeg"));
    let bytes = loket_core::reader::Reader::attachment(&crate::reader::FormReader, &delivery, 0, &attachment.sha256).unwrap();
    assert_eq!(bytes, photo);
}

#[tokio::test]
async fn chunked_bodies_need_no_length() {
    let served = Served::start(FORM).await;
    let request = format!(
        "POST /forms/contact HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {URLENCODED}\r\nTransfer-Encoding: chunked\r\n\r\n\
         12\r\nemail=r@x.example&\r\n8\r\nvraag=ja\r\n0\r\n\r\n"
    );
    served.send(request).await.reference();
    assert_eq!(served.only().await.1.body.full_text, "ja");
}

#[tokio::test]
async fn a_stand_in_and_fields_that_nobody_configured() {
    let served = Served::start(FORM).await;
    served.post(JSON, "", r#"{"email": "r@x.example", "Message": "Hallo", "kleur": ["rood", "blauw"], "email2": 7}"#).await.reference();
    let (delivery, message) = served.only().await;
    assert_eq!(delivery.envelope_text("stand_in"), Some("Message"));
    assert_eq!(message.body.full_text, "Hallo\n\nkleur: rood, blauw\nemail2: 7");
}

#[tokio::test]
async fn a_robot_is_thanked_and_opens_no_case() {
    let served = Served::start(FORM).await;
    let body = "email=r%40x.example&vraag=buy&_url=https%3A%2F%2Fspam.example";
    let answer = served.post(URLENCODED, BROWSER, body).await;
    assert_eq!(answer.status, 202);
    assert!(answer.body.contains("Bedankt"));
    let (delivery, message) = served.only().await;
    assert_eq!(delivery.envelope.get("honeypot"), Some(&true.into()));
    assert_eq!(message.automatic, Automatic::Bulk);
}

#[tokio::test]
async fn the_longest_envelope_values_are_cut() {
    let served = Served::start(FORM).await;
    let headers = format!("User-Agent: {}\r\n", "x".repeat(5_000));
    served.post(URLENCODED, &headers, "email=r%40x.example&vraag=ja").await.reference();
    assert_eq!(served.only().await.0.envelope_text("user_agent").map(str::len), Some(500));
}
