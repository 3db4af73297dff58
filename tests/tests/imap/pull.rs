//! What comes, and how it comes.

use std::collections::BTreeMap;

use loket_core::delivery::TRUNCATED_FROM;
use serde_json::json;

use super::rig::{Rig, mail};
use super::{USER, over_tls, plain, server_with, start};

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_mails_come_once_and_stay_as_they_were() {
    let server = server_with(0..200);
    let mut people = server.client(USER).unwrap();
    people.command("SELECT INBOX").unwrap();
    people.command("STORE 1:50 +FLAGS (\\Seen \\Flagged)").unwrap();
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "batch_bytes = \"64KB\"\n"));
    let entries = rig.wait_for_entries(200).await;
    let status = channel.wait_until_up().await;
    assert_eq!((status.accepted, status.known, status.lag, status.missing), (200, 0, Some(0), Some(0)));
    assert!(status.last_error.is_none(), "{status:?}");

    let wanted: BTreeMap<_, _> = (0..200).map(|number| (mail(number), 1)).collect();
    assert_eq!(rig.payloads().await, wanted);
    let first = &entries[0];
    assert_eq!(first.media_type, "message/rfc822");
    assert!(first.key.starts_with("INBOX/") && first.key.ends_with("/0000000001"), "{}", first.key);
    assert_eq!(first.envelope["uid"], json!(1));
    assert_eq!(first.envelope["folder"], json!("INBOX"));
    assert_eq!(first.envelope["user"], json!(USER));
    assert_eq!(first.envelope["host"], json!("localhost"));
    assert_eq!(first.envelope["flags"], json!(["\\Flagged", "\\Seen"]));
    assert!(first.envelope["internaldate"].as_str().unwrap().contains('T'), "{:?}", first.envelope);
    assert!(first.key.contains(&first.envelope["uidvalidity"].to_string()));

    // Nobody's mail program shows a difference.
    people.command("NOOP").unwrap();
    assert_eq!(people.search("UID SEARCH SEEN").unwrap(), (1..=50).collect::<Vec<_>>());
    assert_eq!(people.search("UID SEARCH UNFLAGGED UNSEEN").unwrap(), (51..=200).collect::<Vec<_>>());
    assert_eq!(people.search("UID SEARCH KEYWORD $Loket").unwrap(), [0; 0]);
    channel.stop().await;

    let again = rig.run(&over_tls(&server, ""));
    server.deliver(USER, "INBOX", &mail(200)).unwrap();
    rig.wait_for_entries(201).await;
    let status = again.wait_until_up().await;
    assert_eq!((status.accepted, status.known), (1, 0));
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_mail_is_noticed_by_idle() {
    let server = server_with(0..3);
    let rig = Rig::new().await;
    // Nothing but IDLE can be why it comes within the hour.
    let channel = rig.run(&over_tls(&server, "poll = \"24h\"\nidle_renew = \"29m\"\nreconcile = \"7d\"\n"));
    rig.wait_for_entries(3).await;
    channel.wait_until_up().await;
    for number in 3..6 {
        server.deliver(USER, "INBOX", &mail(number)).unwrap();
        rig.wait_for_entries(number + 1).await;
    }
    assert_eq!(channel.stop().await.accepted, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_comes_during_the_pull_is_not_left_for_later() {
    let server = server_with(0..150);
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "poll = \"24h\"\nidle_renew = \"29m\"\nreconcile = \"7d\"\nbatch_bytes = \"64KB\"\n"));
    for number in 150..300 {
        server.deliver(USER, "INBOX", &mail(number)).unwrap();
        tokio::task::yield_now().await;
    }
    rig.wait_for_entries(300).await;
    assert_eq!(rig.payloads().await.len(), 300);
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_without_idle_are_asked() {
    let server = start(&[USER], "imap_capability = IMAP4rev1 LITERAL+ UIDPLUS MOVE AUTH=PLAIN\n");
    server.deliver(USER, "INBOX", &mail(1)).unwrap();
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "poll = \"1s\"\n"));
    rig.wait_for_entries(1).await;
    channel.wait_until_up().await;
    server.deliver(USER, "INBOX", &mail(2)).unwrap();
    rig.wait_for_entries(2).await;
    channel.stop().await;
    // The same where it is switched off.
    let channel = rig.run(&over_tls(&server, "poll = \"1s\"\nidle = false\n"));
    channel.wait_until_up().await;
    server.deliver(USER, "INBOX", &mail(3)).unwrap();
    rig.wait_for_entries(3).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_above_the_limit_is_cut_kept_and_does_not_stop_the_others() {
    let server = start(&[USER], "");
    let mut large = mail(7);
    large.resize(300_000, b'x');
    let mut exact = mail(8);
    exact.resize(64 << 10, b'y');
    for mail in [&mail(1), &large, &exact, &b"\r\n".to_vec(), &mail(2)] {
        server.deliver(USER, "INBOX", mail).unwrap();
    }
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "max_payload = \"64KB\"\nbatch_bytes = \"64KB\"\n"));
    let entries = rig.wait_for_entries(5).await;
    let cut = entries.iter().find(|entry| entry.envelope.contains_key(TRUNCATED_FROM)).unwrap();
    assert_eq!(cut.envelope[TRUNCATED_FROM], json!(300_000));
    assert_eq!((cut.size, cut.key.ends_with("/cut")), (64 << 10, true));
    assert_eq!(rig.payload(cut.id).await, &large[..64 << 10]);
    let payloads = rig.payloads().await;
    assert!([&mail(1), &mail(2), &exact, &b"\r\n".to_vec()].iter().all(|mail| payloads.contains_key(*mail)));
    assert_eq!(entries.iter().filter(|entry| entry.envelope.contains_key(TRUNCATED_FROM)).count(), 1);
    let status = channel.wait_until_up().await;
    assert_eq!(status.missing, Some(0));
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_installations_own_limit_cuts_too() {
    let server = start(&[USER], "");
    let mut large = mail(7);
    large.resize(50_000, b'x');
    for mail in [&mail(1), &large, &mail(2)] {
        server.deliver(USER, "INBOX", mail).unwrap();
    }
    let limits = loket_core::intake::IntakeLimits { max_payload: 10_000, ..Default::default() };
    let rig = Rig::with(limits).await;
    let channel = rig.run(&over_tls(&server, ""));
    let entries = rig.wait_for_entries(3).await;
    let cut = entries.iter().find(|entry| entry.envelope.contains_key(TRUNCATED_FROM)).unwrap();
    assert_eq!((cut.size, &cut.envelope[TRUNCATED_FROM]), (10_000, &json!(50_000)));
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_folders_with_names_of_any_kind() {
    let server = server_with(0..5);
    let mut people = server.client(USER).unwrap();
    for folder in ["Orders/2026", "K&APY-ln &- Co"] {
        people.command(&format!("CREATE \"{folder}\"")).unwrap();
    }
    server.deliver(USER, "Orders/2026", &mail(5)).unwrap();
    people.command("SELECT INBOX").unwrap();
    people.command("COPY 1:2 \"K&APY-ln &- Co\"").unwrap();
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "folders = [\"inbox\", \"Orders/2026\", \"Köln & Co\"]\n"));
    let entries = rig.wait_for_entries(8).await;
    let folders: BTreeMap<String, usize> = entries.iter().fold(BTreeMap::new(), |mut folders, entry| {
        *folders.entry(entry.envelope["folder"].as_str().unwrap().to_owned()).or_default() += 1;
        folders
    });
    assert_eq!(folders, BTreeMap::from([("INBOX".into(), 5), ("Orders/2026".into(), 1), ("Köln & Co".into(), 2)]));
    assert!(entries.iter().any(|entry| entry.key.starts_with("Orders%2F2026/")));
    let status = channel.wait_until_up().await;
    assert_eq!((status.lag, status.missing), (Some(0), Some(0)));
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_uidvalidity_loses_nothing() {
    let server = server_with(0..20);
    let rig = Rig::new().await;
    let channel = rig.run(&plain(&server, server.port, "poll = \"1s\"\nidle_renew = \"1s\"\n"));
    rig.wait_for_entries(20).await;
    channel.wait_until_up().await;
    channel.stop().await;
    server.set_uid_validity(USER, "INBOX", 4_000_000_000).unwrap();
    server.deliver(USER, "INBOX", &mail(20)).unwrap();
    let channel = rig.run(&plain(&server, server.port, "poll = \"1s\"\nidle_renew = \"1s\"\n"));
    // The same bytes under new keys: whoever files them finds the same identity.
    let entries = rig.wait_for_entries(41).await;
    assert_eq!(entries.iter().filter(|entry| entry.key.starts_with("INBOX/4000000000/")).count(), 21);
    let wanted: BTreeMap<_, _> = (0..21).map(|number| (mail(number), if number < 20 { 2 } else { 1 })).collect();
    assert_eq!(rig.payloads().await, wanted);
    let position = rig.store.position(&Default::default(), super::rig::NAME, "INBOX").await.unwrap().unwrap();
    assert!(position.contains("\"validity\":4000000000,\"uid\":21,\"before\":{"), "{position}");
    channel.wait_until_up().await;

    // And while a connection is open.
    server.set_uid_validity(USER, "INBOX", 4_000_000_001).unwrap();
    server.deliver(USER, "INBOX", &mail(21)).unwrap();
    let entries = rig.wait_for_entries(41 + 22).await;
    assert_eq!(entries.iter().filter(|entry| entry.key.starts_with("INBOX/4000000001/")).count(), 22);
    assert_eq!(rig.payloads().await.len(), 22);
    channel.stop().await;
}
