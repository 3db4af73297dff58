//! Networks that break, people who move mail meanwhile, and holes in the journal.

use std::collections::BTreeMap;
use std::time::Duration;

use loket_core::health::ChannelState;
use loket_tests::proxy::{Plan, Proxy};
use loket_tests::random::Random;

use super::rig::{Rig, mail};
use super::{USER, over_tls, plain, server_with, start};

#[tokio::test(flavor = "multi_thread")]
async fn cut_at_any_byte_every_mail_comes_once() {
    // About 40 KB of answers: the cuts fall into the greeting, the login, lists, mails, and between them.
    let server = server_with(0..40);
    let proxy = Proxy::start(server.port).await.unwrap();
    let wanted: BTreeMap<_, _> = (0..40).map(|number| (mail(number), 1)).collect();
    let mut random = Random::new(7);
    for round in 0..4 {
        let rig = Rig::new().await;
        let toml = plain(&server, proxy.port(), "batch_bytes = \"64KB\"\nreconcile = \"1s\"\nidle_renew = \"1s\"\n");
        let channel = rig.run(&toml);
        let mut cuts = 0;
        // Later connections live longer, so that some get through.
        while rig.entries().await.len() < 40 || cuts < 6 {
            let bytes = random.below(if round % 2 == 0 { 4_000 } else { 40_000 }) as u64 * (1 + cuts / 4);
            proxy.plan(Plan::CutAfter(bytes));
            let before = proxy.connections();
            proxy.cut();
            let made = loket_tests::wait_for(super::rig::PATIENCE, async || (proxy.connections() > before).then_some(())).await;
            made.unwrap();
            cuts += 1;
        }
        proxy.plan(Plan::Pass);
        proxy.cut();
        channel.wait_for_round().await;
        let status = channel.wait_until("nothing missing", |status| status.missing == Some(0) && status.lag == Some(0)).await;
        assert!(rig.payloads().await == wanted, "after {cuts} cuts: {:?}, {status:?}", rig.payloads().await.values());
        channel.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn moves_upstream_survive_cuts_too() {
    let server = server_with(0..40);
    let proxy = Proxy::start(server.port).await.unwrap();
    let rig = Rig::new().await;
    let mut random = Random::new(11);
    proxy.plan(Plan::CutAfter(900));
    let channel = rig.run(&plain(&server, proxy.port(), "after = \"move\"\nmove_to = \"Done\"\nbatch_bytes = \"64KB\"\n"));
    for cut in 0..20 {
        proxy.plan(Plan::CutAfter(1_000 + random.below(4_000) as u64 * (1 + cut / 5)));
        let before = proxy.connections();
        proxy.cut();
        loket_tests::wait_for(super::rig::PATIENCE, async || (proxy.connections() > before).then_some(())).await.unwrap();
    }
    proxy.plan(Plan::Pass);
    proxy.cut();
    rig.wait_for_entries(40).await;
    channel.wait_until_up().await;
    assert_eq!(rig.payloads().await.len(), 40);
    let mut people = server.client(USER).unwrap();
    people.command("EXAMINE Done").unwrap();
    assert_eq!(people.search("UID SEARCH ALL").unwrap().len(), 40);
    people.command("EXAMINE INBOX").unwrap();
    assert_eq!(people.search("UID SEARCH ALL").unwrap().len(), 0);
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_noticed_in_a_fetch_and_in_idle() {
    let server = server_with(0..30);
    let proxy = Proxy::start(server.port).await.unwrap();
    let rig = Rig::new().await;
    proxy.plan(Plan::StallAfter(5_000));
    let channel = rig.run(&plain(&server, proxy.port(), "timeout = \"1s\"\nidle_renew = \"1s\"\n"));
    let status = channel.wait_until("a failure", |status| status.state == ChannelState::Retrying).await;
    let error = status.last_error.unwrap();
    assert!(error.contains("said nothing for 1s") || error.contains("has stopped"), "{error}");
    proxy.plan(Plan::Pass);
    proxy.cut();
    rig.wait_for_entries(30).await;
    // In IDLE, silence is normal, until it is renewed.
    channel.wait_for_round().await;
    let before = channel.status().last_error_at;
    proxy.freeze();
    let status = channel.wait_until("a failure", |status| status.last_error_at > before).await;
    let error = status.last_error.unwrap();
    assert!(error.contains("said nothing for 1s"), "{error}");
    server.deliver(USER, "INBOX", &mail(30)).unwrap();
    rig.wait_for_entries(31).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_refuses_is_tried_again() {
    let server = server_with(0..3);
    let proxy = Proxy::start(server.port).await.unwrap();
    proxy.plan(Plan::Refuse);
    let rig = Rig::new().await;
    let channel = rig.run(&plain(&server, proxy.port(), ""));
    let status = channel.wait_until("a failure", |status| status.state == ChannelState::Retrying).await;
    assert!(status.last_error.is_some());
    loket_tests::wait_for(super::rig::PATIENCE, async || (proxy.connections() > 4).then_some(())).await.unwrap();
    proxy.plan(Plan::Pass);
    rig.wait_for_entries(3).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_delete_move_and_flag_meanwhile_stop_nothing() {
    let server = server_with(0..200);
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "batch_bytes = \"64KB\"\nreconcile = \"1s\"\nidle_renew = \"1s\"\n"));
    let mut people = server.client(USER).unwrap();
    people.command("CREATE Elsewhere").unwrap();
    people.command("SELECT INBOX").unwrap();
    let mut random = Random::new(3);
    for number in 200..260 {
        server.deliver(USER, "INBOX", &mail(number)).unwrap();
        people.command("NOOP").unwrap();
        let uids = people.search("UID SEARCH ALL").unwrap();
        let uid = uids[random.below(uids.len())];
        match number % 3 {
            0 => people.command(&format!("UID MOVE {uid} Elsewhere")).map(drop).unwrap(),
            1 => {
                people.command(&format!("UID STORE {uid} +FLAGS (\\Deleted)")).unwrap();
                people.command("EXPUNGE").unwrap();
            }
            _ => people.command(&format!("UID STORE {uid} FLAGS (\\Seen)")).map(drop).unwrap(),
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    channel.wait_for_round().await;
    channel.wait_for_round().await;
    let status = channel.wait_until("all of it", |status| status.lag == Some(0) && status.missing == Some(0)).await;
    assert!(matches!(status.state, ChannelState::Up), "{status:?}");
    // Whatever is still there is in the journal, and nothing is in it twice.
    people.command("NOOP").unwrap();
    let there = people.search("UID SEARCH ALL").unwrap();
    channel.wait_for_round().await;
    let entries = rig.entries().await;
    let here: Vec<u32> = entries.iter().map(|entry| entry.envelope["uid"].as_u64().unwrap() as u32).collect();
    assert!(there.iter().all(|uid| here.contains(uid)), "{there:?} against {here:?}");
    assert!(rig.payloads().await.values().all(|times| *times == 1));
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_in_the_journal_are_found_and_filled() {
    holes_are_filled(Rig::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_in_the_journal_on_postgresql_too() {
    holes_are_filled(Rig::postgres().await).await;
}

async fn holes_are_filled(rig: Rig) {
    let server = server_with(0..50);
    let toml = over_tls(&server, "reconcile = \"1s\"\nidle_renew = \"1s\"\n");
    let channel = rig.run(&toml);
    rig.wait_for_entries(50).await;
    channel.wait_until_up().await;
    // At work: the numbers differ.
    let hole = "key LIKE '%/0000000007' OR key LIKE '%/000000003_'";
    let remove =
        format!("DELETE FROM payload WHERE delivery_id IN (SELECT id FROM delivery WHERE {hole}); DELETE FROM delivery WHERE {hole}");
    rig.sql(&remove).await;
    assert_eq!(rig.entries().await.len(), 39);
    rig.wait_for_entries(50).await;
    assert_eq!(rig.payloads().await.len(), 50);
    channel.wait_until_up().await;
    channel.stop().await;
    // While it was stopped, and hidden: as many mails went from the server as from the journal.
    let mut people = server.client(USER).unwrap();
    people.command("SELECT INBOX").unwrap();
    people.command("UID STORE 40:50 +FLAGS (\\Deleted)").unwrap();
    people.command("EXPUNGE").unwrap();
    rig.sql(&remove).await;
    let channel = rig.run(&toml);
    rig.wait_for_entries(50).await;
    let status = channel.wait_until("nothing missing", |status| status.missing == Some(0)).await;
    assert_eq!(status.accepted, 11);
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_a_while_loses_nothing() {
    let server = start(&[USER], "");
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "reconcile = \"1s\"\nidle_renew = \"1s\"\nlease = \"3s\"\n"));
    channel.wait_until_up().await;
    rig.sql("ALTER TABLE delivery RENAME TO away").await;
    for number in 0..5 {
        server.deliver(USER, "INBOX", &mail(number)).unwrap();
    }
    channel.wait_until("a failure", |status| status.state == ChannelState::Retrying).await;
    rig.sql("ALTER TABLE away RENAME TO delivery").await;
    rig.wait_for_entries(5).await;
    channel.wait_until_up().await;
    channel.stop().await;
}
