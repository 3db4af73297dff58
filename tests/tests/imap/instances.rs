//! Several instances of the daemon on one mailbox.

use std::collections::BTreeMap;
use std::time::Duration;

use loket_core::health::ChannelState;

use super::rig::{Rig, mail};
use super::{USER, over_tls, server_with};

const SHORT: &str = "lease = \"3s\"\nbatch_bytes = \"64KB\"\nidle_renew = \"1s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_take_each_mail_once_and_one_takes_over() {
    let server = server_with(0..100);
    let rig = Rig::new().await;
    let toml = over_tls(&server, SHORT);
    let first = rig.run(&toml);
    first.wait_until("work", |status| status.accepted > 0 || status.state == ChannelState::Up).await;
    let second = rig.run(&toml);
    second.wait_until("standing by", |status| status.state == ChannelState::Standby).await;
    rig.wait_for_entries(100).await;
    // Killed, it gives nothing back: the other one waits until the lease has run out.
    first.kill().await;
    server.deliver(USER, "INBOX", &mail(100)).unwrap();
    rig.wait_for_entries(101).await;
    let status = second.wait_until_up().await;
    assert_eq!((status.accepted, status.known), (1, 0));
    let wanted: BTreeMap<_, _> = (0..101).map(|number| (mail(number), 1)).collect();
    assert_eq!(rig.payloads().await, wanted);
    // Stopped in good order, it hands over at once.
    let third = rig.run(&toml);
    third.wait_until("standing by", |status| status.state == ChannelState::Standby).await;
    assert_eq!(second.stop().await.state, ChannelState::Stopped);
    third.wait_until_up().await;
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_lost_its_lease_writes_nothing() {
    let server = server_with(0..5);
    let rig = Rig::new().await;
    // It renews every 20 seconds: in between it does not know.
    let channel = rig.run(&over_tls(&server, "lease = \"60s\"\nidle_renew = \"29m\"\nreconcile = \"7d\"\n"));
    rig.wait_for_entries(5).await;
    channel.wait_until_up().await;
    rig.sql("UPDATE lease SET owner = x'01', token = token + 1").await;
    server.deliver(USER, "INBOX", &mail(5)).unwrap();
    channel.wait_until("standing by", |status| status.state == ChannelState::Standby).await;
    assert_eq!(rig.entries().await.len(), 5);
    let position = rig.store.position(&Default::default(), super::rig::NAME, "INBOX").await.unwrap().unwrap();
    assert!(position.contains("\"uid\":5"), "{position}");
    channel.stop().await;

    rig.sql("UPDATE lease SET until = 0").await;
    let channel = rig.run(&over_tls(&server, ""));
    rig.wait_for_entries(6).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_at_rest_notices_that_it_lost_its_lease() {
    let server = server_with(0..1);
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "lease = \"3s\"\nidle_renew = \"29m\"\nreconcile = \"7d\"\n"));
    rig.wait_for_entries(1).await;
    channel.wait_until_up().await;
    rig.sql("UPDATE lease SET owner = x'01', token = token + 1").await;
    channel.wait_until("standing by", |status| status.state == ChannelState::Standby).await;
    // The other one, which never was, does not renew: it is ours again.
    channel.wait_until("work again", |status| status.state == ChannelState::Up).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_any_moment_lose_nothing() {
    let server = server_with(0..120);
    let rig = Rig::new().await;
    for round in 0..12_u64 {
        let channel = rig.run(&over_tls(&server, "batch_bytes = \"64KB\"\n"));
        // Earlier and later, measured in what came and not in time.
        let wanted = usize::try_from(round * 9).unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(30), async {
            while rig.entries().await.len() < wanted {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        channel.kill().await;
        rig.sql("UPDATE lease SET until = 0").await;
    }
    let channel = rig.run(&over_tls(&server, ""));
    rig.wait_for_entries(120).await;
    assert_eq!(rig.payloads().await.len(), 120);
    channel.wait_until_up().await;
    channel.stop().await;
}
