//! Leases: one holder at a time, and a token that tells holders apart.

use std::time::Duration;

use loket_core::store::Lease;
use uuid::Uuid;

use crate::place::{Place, Shop};

pub(crate) async fn tokens_grow_with_each_holder(place: Place) {
    let shop = Shop::open(place).await;
    let (ours, theirs) = (Uuid::now_v7(), Uuid::now_v7());
    let (minute, over) = (Duration::from_secs(60), Duration::ZERO);
    let take = |owner, ttl| {
        let store = shop.store.clone();
        async move { store.lease("main/email.support/INBOX", owner, ttl).await.unwrap() }
    };
    let first = take(ours, minute).await.unwrap();
    assert_eq!((first.name.as_str(), first.owner), ("main/email.support/INBOX", ours));
    assert_eq!(take(theirs, minute).await, None, "held");
    assert_eq!(take(ours, minute).await, Some(first.clone()), "renewed");
    assert!(shop.store.lease("main/email.support/Sent", theirs, minute).await.unwrap().is_some(), "another name");

    // Given back, it is free at once, and the token grows even for the same holder: its earlier self may still be at work.
    shop.store.release_lease(&first).await.unwrap();
    let second = take(ours, over).await.unwrap();
    assert!(second.token > first.token);
    let third = take(ours, over).await.unwrap();
    assert!(third.token > second.token, "it ran out in between");
    let fourth = take(theirs, minute).await.unwrap();
    assert!(fourth.token > third.token);

    // What is not held cannot be given back.
    shop.store.release_lease(&third).await.unwrap();
    shop.store.release_lease(&Lease { owner: ours, ..fourth.clone() }).await.unwrap();
    assert_eq!(take(ours, minute).await, None);
    shop.store.release_lease(&fourth).await.unwrap();

    // However many reach for it at once, one has it.
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let store = shop.store.clone();
        tasks.push(tokio::spawn(async move { store.lease("main/email.support/INBOX", Uuid::now_v7(), minute).await.unwrap() }));
    }
    let mut holders = 0;
    for task in tasks {
        holders += usize::from(task.await.unwrap().is_some());
    }
    assert_eq!(holders, 1);
}
