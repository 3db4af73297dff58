//! Quarantine: listed, looked into, tried again, put away.

use std::collections::BTreeSet;
use std::time::Duration;

use loket_core::delivery::Delivery;
use loket_core::time::Timestamp;
use serde_json::{Value, json};

use crate::world::{SLIP, World, message};

/// A delivery that cannot be read before the reader has learned.
fn later(key: &str) -> Delivery {
    let slip = json!({ "messages": [message("jan@example.nl", &format!("Later {key}"), &format!("Tekst {key}"))], "files": {} });
    Delivery::standalone("email.support", key, SLIP, format!("later{slip}"))
}

#[tokio::test]
async fn a_retry_is_read_again_at_once() {
    let world = World::new().await;
    let delivery = later("1");
    let id = delivery.id;
    world.accept(vec![delivery]).await;
    let listed = world.get("/v1/quarantine").await.ok();
    assert_eq!(listed["deliveries"][0]["id"], id.to_string());
    let one = world.get(&format!("/v1/quarantine/{id}")).await.ok();
    assert!(one["error"].as_str().unwrap().contains("not a slip"));
    assert_eq!(one["state"], "quarantined");

    // In vain: it comes back, and can be tried any number of times.
    let answer = world.post(&format!("/v1/quarantine/{id}/retry")).await.ok();
    assert_eq!(answer, json!({ "id": id, "state": "pending" }));
    world.settled().await;
    assert_eq!(world.quarantined().await, [id]);
    // And then not in vain.
    world.learn();
    world.post(&format!("/v1/quarantine/{id}/retry")).await.ok();
    world.settled().await;
    assert_eq!(world.get("/v1/quarantine").await.ok(), json!({ "deliveries": [], "next": null }));
    let delivery = world.get(&format!("/v1/deliveries/{id}")).await.ok();
    assert_eq!(delivery["state"], "filed");
    assert!(delivery["messages"][0]["case"].is_string());
    // It is elsewhere now, and says where.
    for path in ["", "/raw"] {
        assert!(world.get(&format!("/v1/quarantine/{id}{path}")).await.problem(404).contains(&format!("filed; see /v1/deliveries/{id}")));
    }
    for action in ["retry", "discard"] {
        assert!(world.post(&format!("/v1/quarantine/{id}/{action}")).await.problem(409).contains("it is filed"));
    }
}

#[tokio::test]
async fn a_discarded_one_is_out_of_the_way_with_its_bytes_kept() {
    let world = World::new().await;
    let delivery = later("1");
    let (id, payload) = (delivery.id, delivery.payload.clone());
    world.accept(vec![delivery]).await;
    assert_eq!(world.post(&format!("/v1/quarantine/{id}/discard")).await.ok(), json!({ "id": id, "state": "discarded" }));
    assert!(world.quarantined().await.is_empty());
    assert_eq!(world.get(&format!("/v1/deliveries/{id}/raw")).await.body, payload);
    assert_eq!(world.get(&format!("/v1/deliveries/{id}")).await.ok()["state"], "discarded");
    assert!(world.post(&format!("/v1/quarantine/{id}/retry")).await.problem(409).contains("it is discarded"));
    world.post(&format!("/v1/quarantine/{}/retry", uuid::Uuid::nil())).await.problem(404);
    world.post("/v1/quarantine/7/retry").await.problem(400);
}

#[tokio::test]
async fn the_list_is_paged() {
    let world = World::new().await;
    let start = Timestamp::from_seconds(1_790_000_000);
    let bad = |n: u64| {
        let mut delivery = later(&n.to_string());
        delivery.received_at = start.plus(Duration::from_secs(n / 4));
        delivery
    };
    world.accept((0..23).map(bad).collect()).await;
    let (mut ids, mut path) = (Vec::new(), "/v1/quarantine?limit=5".to_owned());
    loop {
        assert!(ids.len() <= 23, "the pages do not end");
        let page = world.get(&path).await;
        ids.extend(page.ok()["deliveries"].as_array().unwrap().iter().map(|delivery| delivery["id"].as_str().unwrap().to_owned()));
        match page.next_link() {
            Some(next) => path = next,
            None => break,
        }
    }
    let expected: BTreeSet<String> = world.quarantined().await.iter().map(ToString::to_string).collect();
    assert_eq!(ids.len(), 23);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), expected);
    let all: Value = world.get("/v1/quarantine").await.ok();
    assert!(all["next"].is_null());
}
