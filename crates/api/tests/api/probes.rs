//! Health, readiness, figures, status.

use loket_core::delivery::Delivery;
use loket_core::health::ChannelState;
use serde_json::json;

use crate::world::{SLIP, World, message, slip};

#[tokio::test]
async fn failing_channels_are_listed_and_make_it_no_less_ready() {
    let world = World::new().await;
    assert_eq!(world.ask("GET", "/healthz?probe=1", None, &[]).await.ok(), json!({ "status": "alive" }));
    assert_eq!(world.ask("GET", "/readyz", None, &[]).await.ok(), json!({ "status": "ready", "failing": [] }));
    for (name, state) in [
        ("email.a", ChannelState::Up),
        ("email.b", ChannelState::Failed),
        ("email.c", ChannelState::Standby),
        ("email.d", ChannelState::Retrying),
    ] {
        let health = world.state.health.channel(name, "main");
        health.error("the password of info@example.nl was refused");
        health.state(state);
    }
    let ready = world.ask("GET", "/readyz", None, &[]).await;
    let failing = json!([{ "channel": "email.b", "state": "failed" }, { "channel": "email.d", "state": "retrying" }]);
    assert_eq!(ready.ok(), json!({ "status": "ready", "failing": failing }));
    // With a key, the reasons too.
    let channels = world.get("/v1/channels").await.ok();
    assert_eq!(channels["channels"].as_array().unwrap().len(), 4);
    assert!(channels["channels"][1]["last_error"].as_str().unwrap().contains("refused"));

    world.state.stop.cancel();
    let stopping = world.ask("GET", "/readyz", None, &[]).await;
    stopping.problem(503);
    assert_eq!(stopping.json()["reasons"], json!(["the daemon is stopping"]));
    assert_eq!(world.ask("GET", "/healthz", None, &[]).await.status, 200);
    assert_eq!(world.get("/v1/cases").await.status, 200);
}

#[tokio::test]
async fn figures_are_openmetrics() {
    let world = World::new().await;
    world
        .accept(vec![
            slip("1", &[message("jan@example.nl", "Vraag", "Is deze op voorraad?")], &[]),
            Delivery::standalone("email.support", "2", SLIP, "?"),
        ])
        .await;
    let health = world.state.health.channel("email.support", "main");
    health.success();
    health.lag(7);
    let answer = world.ask("GET", "/metrics", None, &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = std::str::from_utf8(&answer.body).unwrap();
    for line in [
        "loket_deliveries_accepted_total{channel=\"email.support\"} 2",
        "loket_messages_filed_total{relation=\"new\"} 1",
        "loket_deliveries_quarantined_total 1",
        "loket_backlog_deliveries 0",
        "loket_quarantine_deliveries 1",
        "loket_channel_up{channel=\"email.support\"} 1",
        "loket_channel_lag_deliveries{channel=\"email.support\"} 7",
        "# EOF",
    ] {
        assert!(text.lines().any(|one| one == line), "no {line} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    // A channel that left the board is gone from the figures as well.
    world.state.health.remove("email.support");
    let after = world.ask("GET", "/metrics", None, &[]).await;
    assert!(!std::str::from_utf8(&after.body).unwrap().contains("loket_channel_up{"));
}

#[tokio::test]
async fn status_counts() {
    let world = World::new().await;
    world
        .accept(vec![
            slip("1", &[message("jan@example.nl", "Vraag", "Is deze op voorraad?")], &[]),
            Delivery::standalone("email.support", "2", SLIP, "?"),
        ])
        .await;
    assert_eq!(
        world.get("/v1/status").await.ok(),
        json!({
            "version": "0.0.0-test",
            "store": "sqlite",
            "backlog": { "pending": 0, "oldest": null, "quarantined": 1 },
            "outbound": { "waiting": 0, "failed": 0, "oldest": null },
            "totals": { "deliveries": 2, "messages": 1, "cases": 1 },
        })
    );
}
