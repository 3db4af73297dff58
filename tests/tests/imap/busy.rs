//! Servers that have had enough of us for now: left alone for longer, never taken for a refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use loket_core::health::ChannelState;

use super::fake::Fake;
use super::rig::{Rig, mail};
use super::{USER, over_tls, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_is_left_alone_and_tried_again() {
    let answers: [(&str, &str); 5] = [
        ("LOGIN", "{tag} NO [ALERT] Too many simultaneous connections. (Failure)\r\n"),
        ("LOGIN", "{tag} NO [UNAVAILABLE] Temporary authentication failure.\r\n"),
        ("LOGIN", "{tag} BAD Request is throttled. Suggested Backoff Time: 1500 milliseconds\r\n"),
        ("EXAMINE", "{tag} NO [LIMIT] Not now\r\n"),
        ("GREETING", "* BYE Maximum number of connections from user+IP exceeded\r\n"),
    ];
    for (to, answer) in answers {
        let rig = Rig::new().await;
        let heard = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&heard);
        let fake = Fake::start(vec![mail(1)], move |command| {
            let answered = command.starts_with(to) && counted.fetch_add(1, Ordering::Relaxed) == 0;
            answered.then(|| answer.as_bytes().to_vec())
        })
        .await;
        let channel = rig.run(&fake.toml(&rig, "poll = \"1s\"\nidle = false\n"));
        let status = channel.wait_until("a pause", |status| status.last_error.is_some()).await;
        assert_ne!(status.state, ChannelState::Failed, "{answer}");
        rig.wait_for_entries(1).await;
        let status = channel.wait_until_up().await;
        assert_eq!(heard.load(Ordering::Relaxed), 2, "{answer}: {:?}", status.last_error);
        channel.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_busy_is_asked_more_and_more_rarely() {
    let rig = Rig::new().await;
    let fake = Fake::start(vec![], |command| {
        command.starts_with("LOGIN").then(|| b"{tag} NO [THROTTLED] Suggested Backoff Time: 600000 milliseconds\r\n".to_vec())
    })
    .await;
    let channel = rig.run(&fake.toml(&rig, "poll = \"1s\"\n"));
    let status = channel.wait_until("a pause", |status| status.state == ChannelState::Retrying).await;
    assert!(status.last_error.unwrap().contains("[THROTTLED]"));
    // It stops at once all the same.
    channel.stop().await;
    assert_eq!(fake.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_servers_limit_of_connections_is_respected() {
    let server = start(&[USER], "mail_max_userip_connections = 1\n");
    server.deliver(USER, "INBOX", &mail(1)).unwrap();
    // Somebody's mail program has the only connection.
    let mut client = server.client(USER).unwrap();
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "poll = \"1s\"\n"));
    let limit = |error: &String| error.contains("Maximum number of connections");
    let status = channel.wait_until("the limit", |status| status.last_error.as_ref().is_some_and(limit)).await;
    assert_eq!(status.state, ChannelState::Retrying);
    client.command("LOGOUT").unwrap();
    rig.wait_for_entries(1).await;
    channel.wait_until_up().await;
    channel.stop().await;
}
