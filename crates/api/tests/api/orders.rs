//! Orders: listed, compared, decided upon.

use loket_core::classify::Class;
use loket_core::message::Message;
use serde_json::{Value, json};

use crate::world::{World, message, slip, verdict};

fn order(po: &str, kind: &str, quantity: &str) -> Message {
    let mut message = message("inkoop@bouw.example", &format!("Order {po}"), &format!("{po} {kind} {quantity}"));
    let order = json!({
        "po_number": po, "kind": kind, "currency": "EUR",
        "lines": [{ "number": "1", "seller_item": "KP-80", "description": "=HYPERLINK(1)", "quantity": quantity, "unit": "BX" }],
    });
    message.order = Some(serde_json::from_value(order).unwrap());
    message
}

async fn file(world: &World, key: &str, message: Message) {
    world.file(slip(key, std::slice::from_ref(&message), &[]), message, verdict(Class::Order, 1.0)).await;
}

async fn listed(world: &World, query: &str) -> Vec<Value> {
    world.get(&format!("/v1/orders{query}")).await.ok()["orders"].as_array().unwrap().clone()
}

#[tokio::test]
async fn revisions_say_what_they_change() {
    let world = World::new().await;
    file(&world, "1", order("4711", "new", "12")).await;
    file(&world, "2", order("4711", "change", "15")).await;
    file(&world, "3", order("4713", "new", "1")).await;
    assert_eq!(listed(&world, "").await.len(), 3);
    let found = listed(&world, "?po_number=4711").await;
    assert_eq!(found.iter().map(|one| one["status"].as_str().unwrap()).collect::<Vec<_>>(), ["open", "superseded"]);
    assert_eq!(listed(&world, "?buyer=inkoop@bouw.example&status=open").await.len(), 2);
    assert_eq!(listed(&world, "?buyer=piet@elders.example").await.len(), 0);
    let id = found[1]["id"].as_str().unwrap();
    let revisions = world.get(&format!("/v1/orders/{id}/revisions")).await.ok();
    assert_eq!(revisions["revisions"].as_array().unwrap().len(), 2);
    let changed = &revisions["revisions"][1];
    assert_eq!(changed["stands"]["lines"][0]["quantity"], "15");
    let told = changed["changes"].to_string();
    assert!(told.contains("12") && told.contains("15"), "{told}");
    assert_eq!(revisions["revisions"][0]["changes"], json!([]));
    let pages = world.get("/v1/orders?limit=2").await;
    let next = world.get(&pages.next_link().unwrap()).await.ok();
    assert_eq!((next["orders"].as_array().unwrap().len(), &next["next"]), (1, &Value::Null));
}

#[tokio::test]
async fn a_spreadsheet_gets_rows_and_no_formulas() {
    let world = World::new().await;
    file(&world, "1", order("4711", "new", "12")).await;
    let answer = world.get("/v1/orders?format=csv").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("text/csv"));
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("4711") && text.contains("KP-80") && text.contains("'=HYPERLINK"), "{text}");
    world.get("/v1/orders?format=xml").await.problem(400);
}

#[tokio::test]
async fn an_order_is_decided_once_and_answered_where_it_can_be() {
    let world = World::new().await;
    file(&world, "1", order("4711", "new", "12")).await;
    file(&world, "2", order("4712", "new", "12")).await;
    let ids: Vec<String> = listed(&world, "").await.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    let path = |id: &str| format!("/v1/orders/{id}/decision");
    for (body, part) in [
        (json!({ "outcome": "perhaps" }), "perhaps"),
        (json!({ "outcome": "changed", "lines": [{ "number": "9", "outcome": "rejected" }] }), "no line `9`"),
        (
            json!({ "outcome": "changed", "lines": [{ "number": "1", "outcome": "rejected" }, { "number": "1", "outcome": "accepted" }] }),
            "twice",
        ),
    ] {
        let detail = world.post_json(&path(&ids[0]), body).await.problem(400);
        assert!(detail.contains(part), "{detail}");
    }
    // Nobody answers this channel's orders in their own format.
    let decided = world.post_json(&path(&ids[0]), json!({ "outcome": "accepted" })).await.ok();
    assert_eq!((&decided["status"], &decided["answered"]), (&json!("accepted"), &json!(false)));
    assert!(world.post_json(&path(&ids[0]), json!({ "outcome": "rejected" })).await.problem(409).contains("decided"));
    world.answered_by("edi.bouw", true);
    let decided = world.post_json(&path(&ids[1]), json!({ "outcome": "rejected", "reason": "Niet leverbaar" })).await.ok();
    assert_eq!(
        (&decided["status"], &decided["answered"], &decided["decision"]["reason"]),
        (&json!("rejected"), &json!(true), &json!("Niet leverbaar"))
    );
    let out = world.get("/v1/outbound").await.ok();
    assert_eq!((&out["outbound"][0]["kind"], &out["outbound"][0]["sender"]), (&json!("order-response"), &json!("edi.bouw")));
    assert_eq!(out["outbound"].as_array().unwrap().len(), 1);
    world.post_json(&path(&uuid::Uuid::nil().to_string()), json!({ "outcome": "accepted" })).await.problem(404);
}
