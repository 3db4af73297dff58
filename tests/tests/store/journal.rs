//! The journal: commits, and what is in it.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use loket_core::delivery::{Delivery, Tenant};
use loket_core::store::{JournalBatch, JournalState, Lease, Page, Position, StoreError};
use loket_core::time::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::place::{Place, Shop, batch, delivery, entry, unique};

pub(crate) async fn answers_in_order_and_tells_what_it_knows(place: Place) {
    let shop = Shop::open(place).await;
    let (b, a, c) = (delivery("email.one", "b", "1"), delivery("email.one", "a", "2"), delivery("email.one", "c", "3"));
    let first = shop.journal(&[b.clone(), a.clone()]).await;
    assert_eq!(first.iter().map(|answer| (answer.id, answer.known)).collect::<Vec<_>>(), [(b.id, false), (a.id, false)]);

    // Known ones among new ones, twice in one batch, and the very same value again (its caller never heard our answer).
    let a_again = delivery("email.one", "a", "fetched again");
    let c_again = delivery("email.one", "c", "3");
    let second = shop.journal(&[c.clone(), a_again, c_again, b.clone()]).await;
    assert_eq!(
        second.iter().map(|answer| (answer.id, answer.known)).collect::<Vec<_>>(),
        [(c.id, false), (a.id, true), (c.id, true), (b.id, true)]
    );
    let d = delivery("email.one", "d", "4");
    let twice = shop.journal(&[d.clone(), d.clone()]).await;
    assert_eq!(twice.iter().map(|answer| (answer.id, answer.known)).collect::<Vec<_>>(), [(d.id, false), (d.id, true)]);

    // A key is known within its tenant and channel only, and to the letter.
    let elsewhere = [
        delivery("email.two", "a", "x"),
        Delivery { tenant: Tenant::new("other"), ..delivery("email.one", "a", "x") },
        delivery("email.one", "A", "x"),
        delivery("email.one", "a ", "x"),
        delivery("email.one", "á", "x"),
        delivery("email.one", "a\u{301}", "x"),
    ];
    assert!(shop.journal(&elsewhere).await.iter().all(|answer| !answer.known));

    assert_eq!(shop.store.find_delivery(&shop.tenant, "email.one", "a").await.unwrap(), Some((a.id, entry(&a).payload_hash)));
    assert_eq!(shop.store.find_delivery(&shop.tenant, "email.one", "z").await.unwrap(), None);
    assert!(shop.journal(&[]).await.is_empty());

    // More than fit one statement, known and new mixed.
    let many: Vec<_> = (0..300).map(|n| delivery("email.many", &format!("{:03}", n * 7 % 300), "x")).collect();
    shop.journal(&many[..150]).await;
    let answers = shop.journal(&many).await;
    for (index, (answer, delivery)) in answers.iter().zip(&many).enumerate() {
        assert_eq!((answer.id, answer.known), (delivery.id, index < 150));
    }
}

pub(crate) async fn keeps_bytes_and_envelope_as_they_came(place: Place) {
    let shop = Shop::open(place).await;
    let noise: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for payload in [Vec::new(), vec![0; 5_000_000], noise, b"Subject: hoi\r\n\r\nhoi".to_vec()] {
        let mut sent = Delivery { payload: Bytes::from(payload), ..shop.delivery() };
        sent.received_at = Timestamp::from_micros(1_700_000_000_123_456);
        let envelope = json!({ "mailbox": "INBOX/Vrägen", "uid": 7, "amount": 10.10, "nested": { "list": [1, null, "\u{0}"] } });
        sent.envelope = envelope.as_object().unwrap().clone();
        shop.journal(std::slice::from_ref(&sent)).await;
        let (kept, line) = shop.store.delivery(&shop.tenant, sent.id).await.unwrap().unwrap();
        assert_eq!((kept.payload, &kept.envelope, kept.received_at), (sent.payload.clone(), &sent.envelope, sent.received_at));
        assert_eq!((line.key, line.size, line.state, line.attempts), (sent.key, sent.payload.len() as u64, JournalState::Pending, 0));
        assert_eq!((line.envelope, line.error, line.next_attempt), (sent.envelope, None, None));
        assert!(shop.store.delivery(&Tenant::new("other"), sent.id).await.unwrap().is_none());
    }
    assert!(shop.store.delivery(&shop.tenant, Uuid::now_v7()).await.unwrap().is_none());
}

fn position(source: &str, value: &str) -> Position {
    Position { tenant: Tenant::default(), channel: "email.one".into(), source: source.into(), value: value.into() }
}

pub(crate) async fn writes_all_or_nothing(place: Place) {
    let shop = Shop::open(place).await;
    shop.place.execute("DROP TABLE position").await;
    let wrong = JournalBatch { positions: vec![position("INBOX", "9")], ..batch(&[delivery("email.one", "a", "1")]) };
    assert!(matches!(shop.store.journal(&wrong).await, Err(StoreError::Permanent(_))));
    assert_eq!(shop.store.totals().await.unwrap().deliveries, 0);
    // The connection that failed is as good as new.
    assert!(!shop.journal(&[delivery("email.one", "a", "1")]).await[0].known);
}

pub(crate) async fn a_lost_lease_writes_nothing(place: Place) {
    let shop = Shop::open(place).await;
    let (ours, theirs) = (Uuid::now_v7(), Uuid::now_v7());
    let minute = Duration::from_secs(60);
    let lease = shop.store.lease("main/email.one/INBOX", ours, minute).await.unwrap().unwrap();
    let other = shop.store.lease("main/email.one/Sent", ours, minute).await.unwrap().unwrap();
    let try_with = |key: &str, leases: Vec<Lease>| {
        let batch =
            JournalBatch { positions: vec![position("INBOX", key)], leases, ..batch(&[delivery("email.one", key, "x"), shop.delivery()]) };
        let store = shop.store.clone();
        async move { store.journal(&batch).await }
    };
    let found = |key: &'static str| {
        let store = shop.store.clone();
        async move {
            let known = store.find_delivery(&Tenant::default(), "email.one", key).await.unwrap().is_some();
            let position = store.position(&Tenant::default(), "email.one", "INBOX").await.unwrap();
            (known, position)
        }
    };
    assert_eq!(try_with("held", vec![other.clone(), lease.clone()]).await.unwrap().len(), 2);
    assert_eq!(found("held").await, (true, Some("held".into())));

    // Wrong owner, wrong token, unknown name: each alone spoils the batch.
    for wrong in [
        Lease { owner: theirs, ..lease.clone() },
        Lease { token: lease.token + 1, ..lease.clone() },
        Lease { name: "main/email.one/Trash".into(), ..lease.clone() },
    ] {
        let name = wrong.name.clone();
        assert!(matches!(try_with("lost", vec![other.clone(), wrong]).await, Err(StoreError::LeaseLost(lost)) if lost == name));
        assert_eq!(found("lost").await, (false, Some("held".into())));
    }

    // It ran out, was taken by another, who gave it back: the token of old is worthless.
    shop.store.release_lease(&lease).await.unwrap();
    assert!(matches!(try_with("lost", vec![lease.clone()]).await, Err(StoreError::LeaseLost(_))));
    let taken = shop.store.lease(&lease.name, theirs, minute).await.unwrap().unwrap();
    assert!(matches!(try_with("lost", vec![lease.clone()]).await, Err(StoreError::LeaseLost(_))));
    shop.store.release_lease(&taken).await.unwrap();
    let again = shop.store.lease(&lease.name, ours, minute).await.unwrap().unwrap();
    assert!(matches!(try_with("lost", vec![lease]).await, Err(StoreError::LeaseLost(_))));
    assert_eq!(found("lost").await, (false, Some("held".into())));
    try_with("lost", vec![again]).await.unwrap();
}

pub(crate) async fn positions_are_the_last_ones_written(place: Place) {
    let shop = Shop::open(place).await;
    let at = |source: &'static str| {
        let store = shop.store.clone();
        async move { store.position(&Tenant::default(), "email.one", source).await.unwrap() }
    };
    assert_eq!(at("INBOX").await, None);
    let positions = vec![position("INBOX", "1"), position("Archief/Ä", "x"), position("INBOX", "2")];
    shop.store.journal(&JournalBatch { positions, ..JournalBatch::default() }).await.unwrap();
    assert_eq!((at("INBOX").await, at("Archief/Ä").await), (Some("2".into()), Some("x".into())));
    // A position goes back as well as forth: the channel knows why.
    shop.store.journal(&JournalBatch { positions: vec![position("INBOX", "0")], ..JournalBatch::default() }).await.unwrap();
    assert_eq!((at("INBOX").await, at("inbox").await), (Some("0".into()), None));
    assert_eq!(shop.store.position(&Tenant::new("other"), "email.one", "INBOX").await.unwrap(), None);
    assert_eq!(shop.store.position(&shop.tenant, "email.two", "INBOX").await.unwrap(), None);

    // Two instances that write the same positions in different orders wait for each other, and not in a circle.
    let mut tasks = Vec::new();
    for flip in [false, true] {
        let store = shop.place.open().await;
        tasks.push(tokio::spawn(async move {
            for round in 0..60 {
                let mut positions: Vec<_> = (0..8).map(|n| position(&format!("folder {n}"), &round.to_string())).collect();
                if flip {
                    positions.reverse();
                }
                store.journal(&JournalBatch { positions, ..JournalBatch::default() }).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    shop.place.assert_no_deadlock();
}

pub(crate) async fn counts_keys_by_prefix(place: Place) {
    let shop = Shop::open(place).await;
    let keys = [
        "INBOX/7/1",
        "INBOX/7/10",
        "INBOX/7/2",
        "INBOX/70/1",
        "inbox/7/1",
        "INBOX",
        "INB%X/7/1",
        "INB_X/7/1",
        "",
        "é",
        "e",
        "ö/1",
        "ö/2",
        "z",
        "x\u{10ffff}",
        "x\u{10ffff}\u{10ffff}y",
        "x\u{10ffff}a",
        "y",
        "\u{d7ff}a",
        "\u{e000}a",
        "\u{ff}",
        "\u{100}",
        "n\0a",
        "n\0b",
        "n\u{1}",
        "n",
    ];
    let deliveries: Vec<_> = keys.iter().map(|key| delivery("email.one", key, "x")).collect();
    assert!(shop.journal(&deliveries).await.iter().all(|answer| !answer.known));
    shop.journal(&[delivery("email.two", "INBOX/7/1", "x")]).await;
    for prefix in keys.iter().copied().chain([
        "I",
        "INBOX/",
        "INBOX/7",
        "INBOX/7/",
        "INB%",
        "INB_",
        "x",
        "x\u{10ffff}\u{10ffff}",
        "\u{10ffff}",
        "\u{d7ff}",
        "n\0",
        "q",
    ]) {
        let expected = keys.iter().filter(|key| key.starts_with(prefix)).count() as u64;
        assert_eq!(shop.store.journal_count(&shop.tenant, "email.one", prefix).await.unwrap(), expected, "{prefix:?}");
        // In the order of bytes, in pages: the next one begins right after the last key.
        let mut wanted: Vec<_> = keys.iter().copied().filter(|key| key.starts_with(prefix)).collect();
        wanted.sort_unstable();
        let (mut listed, mut from) = (Vec::new(), String::new());
        loop {
            let some = shop.store.journal_keys(&shop.tenant, "email.one", prefix, &from, 3).await.unwrap();
            let Some(last) = some.last() else { break };
            from = format!("{last}\0");
            listed.extend(some);
        }
        assert_eq!(listed, wanted, "{prefix:?}");
    }
    assert_eq!(shop.store.journal_count(&Tenant::new("other"), "email.one", "").await.unwrap(), 0);
    assert_eq!(shop.store.find_delivery(&shop.tenant, "email.one", "n\0b").await.unwrap().map(|(id, _)| id), Some(deliveries[23].id));
    let page = Page::first(100);
    let mut listed: Vec<_> =
        shop.store.journal_entries(&shop.tenant, None, &page).await.unwrap().into_iter().map(|line| line.key).collect();
    listed.retain(|key| key.starts_with("n\0"));
    listed.sort();
    assert_eq!(listed, ["n\0a", "n\0b"]);
}

pub(crate) async fn the_same_keys_at_once_are_new_once(place: Place) {
    let shop = Shop::open(place).await;
    let mut tasks = Vec::new();
    for instance in 0..4_usize {
        let store = shop.place.open().await;
        tasks.push(tokio::spawn(async move {
            let mut new = Vec::new();
            for round in 0..25 {
                // The same twenty keys in an order of each instance's own.
                let deliveries: Vec<_> = (0..20)
                    .map(|n| delivery("edi.acme", &format!("{round}/{}", (n * (2 * instance + 1) * 3 + instance) % 20), &unique("x")))
                    .collect();
                let answers = store.journal(&batch(&deliveries)).await.unwrap();
                for (delivery, answer) in deliveries.iter().zip(answers) {
                    new.push((delivery.key.clone(), answer.id, !answer.known));
                }
            }
            new
        }));
    }
    let mut winners: HashMap<String, Uuid> = HashMap::new();
    let mut answers = Vec::new();
    for task in tasks {
        answers.extend(task.await.unwrap());
    }
    for (key, id, new) in &answers {
        if *new {
            assert!(winners.insert(key.clone(), *id).is_none(), "{key} was new twice");
        }
    }
    assert_eq!(winners.len(), 500);
    assert!(answers.iter().all(|(key, id, _)| winners[key] == *id), "everybody hears of the one that was kept");
    assert_eq!(shop.store.totals().await.unwrap().deliveries, 500);
    shop.place.assert_no_deadlock();
}
