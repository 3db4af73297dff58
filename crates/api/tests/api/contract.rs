//! The document and the answers are one.

use std::collections::BTreeMap;
use std::time::Duration;

use loket_core::case::CaseNumber;
use loket_core::classify::Class;
use loket_core::delivery::Delivery;
use loket_core::health::ChannelState;
use loket_core::message::{Address, Automatic, Identity, Party, SentAt};
use loket_core::time::Timestamp;
use serde_json::json;

use crate::schema::{self, DOCUMENT};
use crate::world::{World, attached, message, slip, verdict};

/// Every operation is asked once on a store that has something of everything; what each answers is held against the document, and
/// in the end no property of any schema was never seen.
#[tokio::test]
async fn every_operation_answers_as_described() {
    let world = World::new().await;
    let mut full = message("jan@example.nl", "Kapotte stoel", "De stoel is kapot.");
    full.identity = Some(Identity::message_id("1@example.nl"));
    full.thread.conversation = Some("chat-7".into());
    full.thread.in_reply_to = vec!["0@example.nl".into()];
    full.from = Some(Party {
        name: Some("Jan de Vries".into()),
        address: Some(Address::mail("jan@example.nl")),
        also: vec![Address::from("tel:+31201234567")],
        company: Some("De Vries Bouw".into()),
    });
    full.sent_at = Some(SentAt { at: Timestamp::from_seconds(1_700_000_000), offset: 60 });
    full.extra.insert("list-id".into(), json!("x"));
    let photo = attached(Some("stoel.jpg"), "image/jpeg", "picture");
    let mut skipped = attached(None, "application/zip", "zip");
    skipped.content_id = Some("c1".into());
    skipped.skipped = Some("larger than the limit".into());
    let sum = photo.sha256.clone();
    full.attachments = vec![photo, skipped];
    let first = slip("1", std::slice::from_ref(&full), &["picture"]);
    let delivery = first.id;
    world.file(first, full.clone(), verdict(Class::Complaint, 0.9)).await;
    let number = CaseNumber::from_counter(CaseNumber::FIRST);
    let mut bounce = message("daemon@example.net", "Undeliverable", "No such user.");
    bounce.automatic = Automatic::Bounce;
    let stranger = message("piet@example.org", &format!("Re: [{number}]"), "Wat is er met deze zaak?");
    let mut again = full.clone();
    again.warnings = vec!["no Date".into()];
    world.accept(vec![slip("2", &[again], &["picture"]), slip("3", &[bounce, stranger], &[])]).await;
    world.accept((0..3).map(|n| Delivery::standalone("email.support", &format!("bad{n}"), crate::world::SLIP, "?")).collect()).await;
    let health = world.state.health.channel("email.support", "main");
    health.success();
    health.error("connection reset by the mail server");
    health.lag(3);
    health.missing(1);
    health.state(ChannelState::Retrying);

    let record = world.store.case(&world_tenant(), number).await.unwrap().unwrap();
    let messages = world.store.case_messages(&world_tenant(), record.id, None, 10).await.unwrap();
    let id = messages[0].id;
    let aside = world.quarantined().await;
    let mut paths: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for template in DOCUMENT["paths"].as_object().unwrap().keys() {
        let asked: Vec<String> = match template.as_str() {
            "/v1/cases/{number}" | "/v1/cases/{number}/messages" => vec![template.replace("{number}", &number.to_string())],
            "/v1/messages/{id}/attachments/{sha256}" => vec![format!("/v1/messages/{id}/attachments/{sum}")],
            path if path.starts_with("/v1/messages") => vec![path.replace("{id}", &id.to_string())],
            path if path.starts_with("/v1/deliveries") => vec![path.replace("{id}", &delivery.to_string())],
            "/v1/quarantine/{id}/retry" => vec![format!("/v1/quarantine/{}/retry", aside[1])],
            "/v1/quarantine/{id}/discard" => vec![format!("/v1/quarantine/{}/discard", aside[2])],
            path if path.starts_with("/v1/quarantine/") => vec![path.replace("{id}", &aside[0].to_string())],
            path => {
                assert!(!path.contains('{'), "{path}: say here how it is asked");
                vec![path.to_owned()]
            }
        };
        paths.insert(template, asked);
    }
    paths.entry("/v1/messages/{id}").or_default().push(format!("/v1/messages/{}", messages[1].id));
    for (template, asked) in paths {
        let method = DOCUMENT["paths"][template].as_object().unwrap().keys().next().unwrap().to_uppercase();
        for path in asked {
            assert_eq!(world.ask(&method, &path, Some(&world.write), &[]).await.status, 200, "{path}");
        }
    }
    // The case that was only named, and problems with every member.
    let strangers = world.get("/v1/cases?customer=piet@example.org").await.ok();
    let theirs = world.get(&format!("/v1/cases/{}", strangers["cases"][0]["number"].as_str().unwrap())).await.ok();
    assert_eq!(theirs["messages"][0]["link"]["related"], number.to_string());
    world.get("/v1/cases?clas=order").await.problem(400);
    world.state.stop.cancel();
    world.ask("GET", "/readyz", None, &[]).await.problem(503);

    let seen = schema::SEEN.lock().unwrap().clone();
    let never: Vec<_> = schema::all_properties().into_iter().filter(|property| !seen.contains(property)).collect();
    assert!(never.is_empty(), "the document tells of what no answer had: {never:#?}");
}

fn world_tenant() -> loket_core::delivery::Tenant {
    loket_core::delivery::Tenant::default()
}

#[tokio::test]
async fn the_document_is_served_as_it_is() {
    let world = World::with(loket_api::Limits { request: Duration::from_secs(5), ..loket_api::Limits::default() }, |store| store).await;
    let answer = world.ask("GET", "/openapi.json", None, &[]).await;
    assert_eq!(answer.ok(), *DOCUMENT);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    // Every error that a keyed operation can answer is there.
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/v1/")) {
        for (method, operation) in methods.as_object().unwrap() {
            for status in ["400", "401", "500", "503"] {
                assert!(operation["responses"].get(status).is_some(), "{method} {path} {status}");
            }
            assert_eq!(operation["responses"].get("403").is_some(), method == "post", "{method} {path}");
        }
    }
}
