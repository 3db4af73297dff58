//! Replies, and what goes out.

use axum::body::Body;
use loket_core::case::CaseNumber;
use loket_core::delivery::Tenant;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, message, slip};

async fn with_a_case() -> (World, String) {
    let world = World::new().await;
    world.accept(vec![slip("1", &[message("jan@example.nl", "Kapotte stoel", "De stoel is kapot.")], &[])]).await;
    let path = format!("/v1/cases/{}/replies", CaseNumber::from_counter(CaseNumber::FIRST));
    (world, path)
}

#[tokio::test]
async fn a_reply_is_kept_and_told_of() {
    let (world, path) = with_a_case().await;
    let detail = world.post_json(&path, json!({ "text": "Morgen." })).await.problem(409);
    assert!(detail.contains("email.support") && detail.contains("[outgoing]"), "{detail}");
    world.answered_by("outgoing.main", false);
    let kept = world.post_json(&path, json!({ "text": "Morgen." })).await;
    assert_eq!(kept.status, 202);
    let kept = kept.json();
    assert_eq!((&kept["state"], &kept["kind"], &kept["sender"]), (&json!("waiting"), &json!("reply"), &json!("outgoing.main")));
    assert!(kept["message"].is_string() && kept["case"].is_string());
    let id = kept["id"].as_str().unwrap();
    let listed = world.get(&format!("/v1/outbound?case={}&state=waiting", kept["case"].as_str().unwrap())).await.ok();
    assert_eq!(listed["outbound"][0]["id"], id);
    world.post(&format!("/v1/outbound/{id}/retry")).await.problem(409);
    world.fail_outbound(id.parse().unwrap()).await;
    let one = world.get(&format!("/v1/outbound/{id}")).await.ok();
    assert_eq!((&one["state"], &one["said"]), (&json!("failed"), &json!("550 5.1.1 no such user")));
    assert!(one["text"].as_str().unwrap().contains("Subject: Uw stoel"));
    assert_eq!(world.get("/v1/status").await.ok()["outbound"]["failed"], 1);
    assert_eq!(world.post(&format!("/v1/outbound/{id}/retry")).await.ok()["state"], "waiting");
    let case = world.get(path.trim_end_matches("/replies")).await.ok();
    let kinds: Vec<_> = case["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["case.opened", "reply.asked", "reply.failed", "reply.asked"]);
}

#[tokio::test]
async fn the_same_key_sends_once() {
    let (world, path) = with_a_case().await;
    world.answered_by("outgoing.main", false);
    let body = |text: &str| Body::from(json!({ "text": text }).to_string());
    let send = async |key: &str, text: &str| world.send("POST", &path, Some(&world.write), &[("idempotency-key", key)], body(text)).await;
    let first = send("antwoord-1", "Morgen.").await;
    assert_eq!(first.status, 202);
    let again = send("antwoord-1", "Morgen.").await;
    assert_eq!((again.status, &again.json()["id"]), (200, &first.json()["id"]));
    assert!(send("antwoord-1", "Overmorgen.").await.problem(422).contains("another reply"));
    assert_ne!(send("antwoord-2", "Morgen.").await.json()["id"], first.json()["id"]);
    send(&"k".repeat(101), "Morgen.").await.problem(400);
    // Without a key each post is a reply of its own.
    world.post_json(&path, json!({ "text": "Morgen." })).await;
    assert_eq!(world.get("/v1/outbound").await.ok()["outbound"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_a_reason() {
    let (world, path) = with_a_case().await;
    world.answered_by("outgoing.main", false);
    let cases: [(Value, &str); 9] = [
        (json!({}), "text"),
        (json!({ "text": "  \n" }), "empty"),
        (json!({ "text": "x", "txt": "y" }), "txt"),
        (json!({ "text": "x", "subject": "a\r\nBcc: boef@elders.example" }), "control characters"),
        (json!({ "text": "x", "to": "jan@example.nl\r\nRCPT TO:<boef@elders.example>" }), "plain mail address"),
        (json!({ "text": "x", "to": "geen adres" }), "plain mail address"),
        (json!({ "text": "x", "cc": ["a@b.example, c@d.example"] }), "plain mail address"),
        (json!({ "text": "x", "cc": vec!["a@b.example"; 21] }), "more than 20"),
        (json!("x"), "not the JSON"),
    ];
    for (body, part) in cases {
        let detail = world.post_json(&path, body.clone()).await.problem(400);
        assert!(detail.contains(part), "{body}: {detail}");
    }
    assert!(world.post(&path).await.problem(400).contains("none came"));
    world.post_json(&path, json!({ "text": "x".repeat(100_001) })).await.problem(413);
    let long = Body::from(vec![b' '; 300 << 10]);
    world.send("POST", &path, Some(&world.write), &[], long).await.problem(413);
    let read = world.send("POST", &path, Some(&world.read), &[], Body::from("{}")).await;
    read.problem(403);
    let nobodys = CaseNumber::from_counter(CaseNumber::FIRST + 99);
    world.post_json(&format!("/v1/cases/{nobodys}/replies"), json!({ "text": "x" })).await.problem(404);
    assert_eq!(world.get("/v1/outbound").await.ok(), json!({ "outbound": [], "next": null }));
    world.get(&format!("/v1/outbound/{}", Uuid::nil())).await.problem(404);
    world.get("/v1/outbound?state=lost").await.problem(400);
}

#[tokio::test]
async fn a_deleted_case_is_gone() {
    let (world, path) = with_a_case().await;
    let case = path.trim_end_matches("/replies");
    let shown = world.get(case).await.ok();
    let delivery = shown["messages"][0]["delivery"].as_str().unwrap().to_owned();
    world.ask("DELETE", case, Some(&world.read), &[]).await.problem(403);
    assert_eq!(world.ask("DELETE", case, Some(&world.write), &[]).await.status, 204);
    world.get(case).await.problem(404);
    world.ask("DELETE", case, Some(&world.write), &[]).await.problem(404);
    assert_eq!(world.get(&format!("/v1/deliveries/{delivery}")).await.ok()["state"], "erased");
    assert!(world.store.delivery_messages(&Tenant::default(), delivery.parse().unwrap()).await.unwrap().is_empty());
}
