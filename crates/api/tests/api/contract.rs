//! The document and the answers are one.

use std::time::Duration;

use loket_core::case::CaseNumber;
use loket_core::classify::Class;
use loket_core::delivery::Delivery;
use loket_core::health::ChannelState;
use loket_core::message::{Address, Automatic, Identity, Party, SentAt};
use loket_core::time::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::schema::{self, DOCUMENT};
use crate::world::{World, all_operations, attached, body_of, message, party, slip, verdict};

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
    let mut colleague = message("els@elders.example", "Ik neem dit over", "Stuur het maar naar mij.");
    colleague.to = vec![party(&format!("support+{}@example.com", world.store.reply_mark(&world_tenant(), number)))];
    world.accept(vec![slip("2", &[again], &["picture"]), slip("3", &[bounce, stranger], &[]), slip("4", &[colleague], &[])]).await;
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
    let (order, sent) = orders_and_outbound(&world, number).await;
    for (method, template) in all_operations() {
        let asked: Vec<String> = match template {
            "/v1/messages/{id}" => messages.iter().take(2).map(|message| format!("/v1/messages/{}", message.id)).collect(),
            path if path.starts_with("/v1/cases/{number}") => vec![path.replace("{number}", &number.to_string())],
            path if path.starts_with("/v1/orders/{id}") => vec![path.replace("{id}", &order.to_string())],
            path if path.starts_with("/v1/outbound/{id}") => vec![path.replace("{id}", &sent.to_string())],
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
        for path in asked {
            let status = world.send(&method, &path, Some(&world.write), &[], body_of(&path)).await.status;
            assert!((200..300).contains(&status), "{method} {path}: {status}");
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

/// An order with everything that an order can have, a reply that failed, and the same answered.
async fn orders_and_outbound(world: &World, case: CaseNumber) -> (Uuid, Uuid) {
    let party = json!({
        "id": "8712345000004", "scheme": "gln", "other_ids": [{ "scheme": "duns", "id": "123456789" }], "name": "Bouw BV",
        "street": ["Kade 1"], "postcode": "1011 AB", "city": "Amsterdam", "region": "NH", "country": "NL", "contact": "Els",
        "email": "els@bouw.example", "phone": "+31201234567",
    });
    let line = json!({
        "number": "1", "action": "change", "buyer_item": "B1", "seller_item": "S1", "gtin": "8712345000011",
        "other_items": [{ "scheme": "isbn", "id": "9789000000000" }], "description": "Papier", "quantity": "12.50", "unit": "BX",
        "unit_as_written": "doos", "unit_price": "0.125", "price_as_written": { "price": "12.5", "per": "100" }, "total": "1.56",
        "requested_date": "2026-12-01", "notes": ["droog"], "extra": { "x": 1 },
        "sources": { "quantity": { "segment": 7, "element": "PO102", "confidence": 1.0 } },
    });
    let whole = json!({
        "po_number": "4711", "kind": "new", "revision": "2", "test": true, "buyer": party, "seller": party, "ship_to": party,
        "bill_to": party, "currency": "EUR", "order_date": "2026-11-25", "requested_date": "2026-12-01", "earliest_date": "2026-11-30",
        "latest_date": "2026-12-02", "lines": [line], "total": "1.56", "notes": ["bel eerst"], "extra": { "REF*DP": "9" },
        "sources": { "po_number": { "path": "/Order/ID", "confidence": 1.0 } },
        "exceptions": [{ "code": "price-differs", "line": 0, "text": "0.125 and not 0.130" }],
    });
    let with = |kind: &str| {
        let mut order = whole.clone();
        order["kind"] = kind.into();
        let mut message = message("inkoop@bouw.example", "Order 4711", &format!("bestelling {kind}"));
        message.order = Some(serde_json::from_value(order).unwrap());
        message
    };
    world.answered_by("edi.bouw", true);
    world.file(slip("order", &[with("new")], &[]), with("new"), verdict(Class::Order, 1.0)).await;
    world.file(slip("change", &[with("change")], &[]), with("change"), verdict(Class::Order, 1.0)).await;
    let orders = world.get("/v1/orders").await.ok();
    let open = orders["orders"].as_array().unwrap().iter().find(|order| order["status"] == "open").unwrap();
    let id = open["id"].as_str().unwrap();
    let decision = json!({
        "outcome": "changed", "seller_order": "V-1", "reason": "deels", "delivery_date": "2026-12-03",
        "lines": [{ "number": "1", "outcome": "changed", "quantity": "10", "unit_price": "0.13", "delivery_date": "2026-12-04", "reason": "op" }],
    });
    world.post_json(&format!("/v1/orders/{id}/decision"), decision).await.ok();
    // One more, for whoever asks to decide.
    let mut other = with("new");
    other.order.as_mut().unwrap().po_number = Some("4712".into());
    other.body.full_text = "nog een bestelling".into();
    world.file(slip("other", std::slice::from_ref(&other), &[]), other, verdict(Class::Order, 1.0)).await;
    let orders = world.get("/v1/orders?status=open").await.ok();
    let open = orders["orders"][0]["id"].as_str().unwrap().parse().unwrap();
    world.answered_by("outgoing.main", false);
    let reply = json!({ "text": "Morgen.", "subject": "Uw stoel", "to": "jan@example.nl", "cc": ["els@example.nl"] });
    schema::check("/components/schemas/Reply", &reply).unwrap();
    let kept = world.post_json(&format!("/v1/cases/{case}/replies"), reply).await;
    assert_eq!(kept.status, 202);
    let sent: Uuid = kept.json()["id"].as_str().unwrap().parse().unwrap();
    world.fail_outbound(sent).await;
    (open, sent)
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
            assert_eq!(operation["responses"].get("403").is_some(), method != "get", "{method} {path}");
        }
    }
}
