//! Claims: taken, ended, run out.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use loket_core::delivery::Delivery;
use loket_core::pipeline::MAX_ATTEMPTS;
use loket_core::store::{Aside, Backlog, Claim, Claimed, JournalState, Page, Resolution};
use loket_core::time::Timestamp;
use uuid::Uuid;

use crate::place::{Place, Shop, claim, delivery, entry, mail, reading};

/// A claim that has run out when it is taken.
fn brief(owner: Uuid) -> Claim {
    Claim { until: Timestamp::now().minus(Duration::from_secs(1)), ..claim(owner) }
}

fn ids(claimed: &[Claimed]) -> Vec<Uuid> {
    claimed.iter().map(|one| one.delivery.id).collect()
}

async fn three(shop: &Shop) -> [Uuid; 3] {
    let deliveries = [shop.delivery(), shop.delivery(), shop.delivery()];
    shop.journal(&deliveries).await;
    deliveries.map(|one| one.id)
}

pub(crate) async fn oldest_first_within_limits(place: Place) {
    let shop = Shop::open(place).await;
    let sized = |bytes: usize| Delivery { payload: Bytes::from(vec![b'x'; bytes]), ..shop.delivery() };
    let deliveries = [sized(400), sized(500), sized(200), sized(5_000), sized(10), sized(10)];
    // In whatever order they are committed, the oldest goes first.
    let mut shuffled = deliveries.to_vec();
    shuffled.swap(0, 5);
    shuffled.swap(1, 3);
    shop.journal(&shuffled).await;
    let wanted: Vec<_> = deliveries.iter().map(|one| one.id).collect();
    let take = |limit, bytes| {
        let store = shop.store.clone();
        let claim = Claim { limit, bytes, ..claim(shop.owner) };
        async move { store.claim(&claim).await.unwrap() }
    };
    let first = take(10, 1_000).await;
    assert_eq!(ids(&first), wanted[..2], "900 bytes fit, 1,100 do not");
    assert_eq!((&first[0].delivery.payload, first[0].payload_hash), (&deliveries[0].payload, entry(&deliveries[0]).payload_hash));
    assert_eq!((first[0].attempts, &first[0].delivery.key), (1, &deliveries[0].key));
    assert_eq!(ids(&take(1, 1_000).await), wanted[2..3], "one is the limit");
    assert_eq!(ids(&take(10, 1_000).await), wanted[3..4], "one at least, however large");
    assert_eq!(ids(&take(10, 1_000).await), wanted[4..]);
    assert!(take(10, 1_000).await.is_empty());
}

pub(crate) async fn counts_attempts_and_quarantines_the_hopeless(place: Place) {
    let shop = Shop::open(place).await;
    let poison = Delivery { payload: Bytes::from(vec![b'x'; 5_000]), ..shop.delivery() };
    shop.journal(std::slice::from_ref(&poison)).await;
    for attempt in 1..=MAX_ATTEMPTS {
        // Each time the process dies of it and the claim runs out.
        let claimed = shop.store.claim(&brief(Uuid::now_v7())).await.unwrap();
        assert_eq!((ids(&claimed), claimed[0].attempts), (vec![poison.id], attempt));
    }
    let behind = shop.delivery();
    shop.journal(std::slice::from_ref(&behind)).await;
    let claimed = shop.store.claim(&Claim { bytes: 100, ..claim(shop.owner) }).await.unwrap();
    assert_eq!(ids(&claimed), [behind.id], "the hopeless one takes no room");
    let (_, line) = shop.store.delivery(&shop.tenant, poison.id).await.unwrap().unwrap();
    assert_eq!((line.state, line.attempts), (JournalState::Quarantined, MAX_ATTEMPTS));
    assert!(line.error.unwrap().contains("attempts"));
    // It comes back when somebody says so, with all its attempts.
    assert!(shop.store.resolve_quarantine(&shop.tenant, poison.id, Resolution::Retry, "ops").await.unwrap());
    let claimed = shop.claim().await;
    assert_eq!((ids(&claimed), claimed[0].attempts), (vec![poison.id], 1));
}

pub(crate) async fn suspects_are_claimed_alone(place: Place) {
    let shop = Shop::open(place).await;
    let [a, b, c] = three(&shop).await;
    let b_only = |store: std::sync::Arc<dyn loket_core::store::Store>| async move {
        // b is claimed twice without an end; the others end well.
        for _ in 0..2 {
            let owner = Uuid::now_v7();
            let all = store.claim(&brief(owner)).await.unwrap();
            let others: Vec<_> = all
                .iter()
                .filter(|one| one.delivery.id != b)
                .map(|one| Aside {
                    delivery: one.delivery.id,
                    error: "later".into(),
                    retry_at: Some(Timestamp::default()),
                    blameless: true,
                })
                .collect();
            store.set_aside(owner, &others).await.unwrap();
        }
    };
    b_only(shop.store.clone()).await;
    let round = || async { ids(&shop.store.claim(&claim(shop.owner)).await.unwrap()) };
    assert_eq!(round().await, [a], "the batch ends before the suspect");
    assert_eq!(round().await, [b], "the suspect is alone");
    assert_eq!(round().await, [c]);
}

pub(crate) async fn expired_claims_are_taken_over(place: Place) {
    let shop = Shop::open(place).await;
    let all = three(&shop).await;
    let (dead, alive) = (Uuid::now_v7(), Uuid::now_v7());
    assert_eq!(ids(&shop.store.claim(&Claim { limit: 2, ..brief(dead) }).await.unwrap()), all[..2]);
    assert_eq!(ids(&shop.store.claim(&Claim { limit: 1, ..claim(alive) }).await.unwrap()), all[..1]);
    // The dead one wakes up: what it holds no longer is not its to end.
    let aside = |delivery| Aside { delivery, error: "late".into(), retry_at: None, blameless: false };
    shop.store.set_aside(dead, &[aside(all[0])]).await.unwrap();
    let (_, line) = shop.store.delivery(&shop.tenant, all[0]).await.unwrap().unwrap();
    assert_eq!((line.state, line.attempts, line.error), (JournalState::Pending, 2, None));
    assert_eq!(shop.store.release_claims(Some(dead)).await.unwrap(), 1, "the one that nobody took over");
    assert_eq!(ids(&shop.claim().await), all[1..]);
}

pub(crate) async fn claims_are_made_to_last(place: Place) {
    let shop = Shop::open(place).await;
    let [a, b, c] = three(&shop).await;
    let (ours, theirs) = (Uuid::now_v7(), Uuid::now_v7());
    let later = || Timestamp::now().plus(Duration::from_secs(60));
    shop.store.claim(&Claim { limit: 2, ..brief(ours) }).await.unwrap();
    shop.store.extend_claims(theirs, &[a], later()).await.unwrap();
    shop.store.extend_claims(ours, &[b, c, Uuid::now_v7()], later()).await.unwrap();
    shop.store.extend_claims(ours, &[], later()).await.unwrap();
    assert_eq!(ids(&shop.store.claim(&claim(theirs)).await.unwrap()), [a, c], "one ran out, one was never claimed");
    // What another took over is not ours to hold on to.
    shop.store.extend_claims(ours, &[a], Timestamp::default()).await.unwrap();
    assert!(shop.claim().await.is_empty());
}

pub(crate) async fn nobody_claims_what_another_holds(place: Place) {
    let shop = Shop::open(place).await;
    let deliveries: Vec<_> = (0..400).map(|_| shop.delivery()).collect();
    shop.journal(&deliveries).await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let store = shop.place.open().await;
        tasks.push(tokio::spawn(async move {
            let owner = Uuid::now_v7();
            let mut mine = Vec::new();
            loop {
                let some = store.claim(&Claim { limit: 7, ..claim(owner) }).await.unwrap();
                if some.is_empty() {
                    return mine;
                }
                mine.extend(ids(&some));
            }
        }));
    }
    let mut held = Vec::new();
    for task in tasks {
        held.extend(task.await.unwrap());
    }
    // Whoever looked while others had rows locked may have stopped early; what is left is still there to claim.
    held.extend(ids(&shop.claim().await));
    assert_eq!(held.len(), 400);
    assert_eq!(held.iter().collect::<HashSet<_>>().len(), 400);
    shop.place.assert_no_deadlock();
}

pub(crate) async fn released_claims_are_pending_at_once(place: Place) {
    let shop = Shop::open(place).await;
    let all = three(&shop).await;
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    shop.store.claim(&Claim { limit: 1, ..claim(one) }).await.unwrap();
    shop.store.claim(&claim(two)).await.unwrap();
    assert!(shop.claim().await.is_empty());
    assert_eq!(shop.store.release_claims(Some(one)).await.unwrap(), 1);
    let again = shop.store.claim(&claim(one)).await.unwrap();
    assert_eq!((ids(&again), again[0].attempts), (vec![all[0]], 1), "given back in good order: the attempt does not count");
    assert_eq!(shop.store.release_claims(None).await.unwrap(), 3);
    let all_again = shop.claim().await;
    assert_eq!(ids(&all_again), all);
    assert!(all_again.iter().all(|claimed| claimed.attempts == 2), "after a crash it does");
    // Claims from birth are claims like any other.
    let mut born = entry(&shop.delivery());
    born.born_claimed = Some((one, Timestamp::now().plus(Duration::from_secs(60))));
    let mut orphan = entry(&shop.delivery());
    orphan.born_claimed = Some((two, Timestamp::now().minus(Duration::from_secs(1))));
    let (born_id, orphan_id) = (born.delivery.id, orphan.delivery.id);
    let batch = loket_core::store::JournalBatch { entries: vec![born, orphan], ..Default::default() };
    shop.store.journal(&batch).await.unwrap();
    let claimed = shop.claim().await;
    assert_eq!((ids(&claimed), claimed[0].attempts), (vec![orphan_id], 2));
    assert_eq!(shop.store.release_claims(Some(one)).await.unwrap(), 1);
    assert_eq!(ids(&shop.claim().await), [born_id]);
}

pub(crate) async fn claims_end_aside(place: Place) {
    let shop = Shop::open(place).await;
    let [a, b, c] = three(&shop).await;
    shop.claim().await;
    let later = Timestamp::now().plus(Duration::from_secs(3_600));
    let asides = [
        Aside { delivery: a, error: "no reader\0 knows this".into(), retry_at: None, blameless: false },
        Aside { delivery: b, error: "x".repeat(100_000), retry_at: Some(later), blameless: false },
        Aside { delivery: c, error: "the store was away".into(), retry_at: Some(Timestamp::default()), blameless: true },
        Aside { delivery: Uuid::now_v7(), error: "nobody".into(), retry_at: None, blameless: false },
    ];
    shop.store.set_aside(Uuid::now_v7(), &asides).await.unwrap();
    assert_eq!(shop.store.backlog().await.unwrap().quarantined, 0, "not theirs");
    shop.store.set_aside(shop.owner, &asides).await.unwrap();
    shop.store.set_aside(shop.owner, &[]).await.unwrap();
    let line = |id| {
        let (store, tenant) = (shop.store.clone(), shop.tenant.clone());
        async move { store.delivery(&tenant, id).await.unwrap().unwrap().1 }
    };
    let (aside, waiting, back) = (line(a).await, line(b).await, line(c).await);
    assert_eq!((aside.state, aside.attempts, aside.next_attempt), (JournalState::Quarantined, 1, None));
    assert!(aside.error.unwrap().starts_with("no reader"));
    assert_eq!((waiting.state, waiting.attempts, waiting.next_attempt), (JournalState::Pending, 1, Some(later)));
    assert!(waiting.error.unwrap().len() <= 4_000);
    assert_eq!((back.state, back.attempts), (JournalState::Pending, 0));
    assert_eq!(ids(&shop.claim().await), [c], "the other one's time has not come");
    // Filed well in the end, it has no error any more.
    let claimed = Claimed { delivery: shop.store.delivery(&shop.tenant, c).await.unwrap().unwrap().0, attempts: 1, payload_hash: [0; 32] };
    shop.file(&[reading(&claimed, vec![mail("jan@bouw.example", "Hoi", "Hoi")])]).await;
    assert_eq!((line(c).await.state, line(c).await.error), (JournalState::Filed, None));
}

pub(crate) async fn damaged_rows_are_quarantined_alone(place: Place) {
    let shop = Shop::open(place).await;
    let deliveries: Vec<_> = (0..7).map(|n| delivery("email.one", &n.to_string(), &"Goedemorgen. ".repeat(50))).collect();
    shop.journal(&deliveries).await;
    let id = |n: usize| shop.place.id(deliveries[n].id);
    let bytes = |hex| shop.place.bytes(hex);
    for damage in [
        format!("UPDATE payload SET sealed = {} WHERE delivery_id = {}", bytes(""), id(0)),
        format!("UPDATE payload SET sealed = {} WHERE delivery_id = {}", bytes("02ffffffffffffffffffffffffdeadbeef"), id(1)),
        format!("DELETE FROM payload WHERE delivery_id = {}", id(3)),
        format!("UPDATE delivery SET sealed = {} WHERE id = {}", bytes("0107"), id(4)),
        format!("UPDATE delivery SET payload_hash = {} WHERE id = {}", bytes("00"), id(5)),
    ] {
        shop.place.execute(&damage).await;
    }
    assert_eq!(ids(&shop.claim().await), [deliveries[2].id, deliveries[6].id]);
    assert_eq!(shop.store.backlog().await.unwrap().quarantined, 5);
    let lines = shop.store.journal_entries(&shop.tenant, Some(JournalState::Quarantined), &Page::first(10)).await.unwrap();
    assert_eq!(lines.len(), 5);
    for line in lines {
        assert!(line.error.as_ref().unwrap().contains(&line.id.to_string()), "{line:?}");
    }
    let everything = shop.store.journal_entries(&shop.tenant, None, &Page::first(10)).await.unwrap();
    assert_eq!(everything.len(), 7);
    let error = shop.store.delivery(&shop.tenant, deliveries[1].id).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("damaged"), "{error}");
}

pub(crate) async fn the_backlog_is_counted(place: Place) {
    let shop = Shop::open(place).await;
    assert_eq!(shop.store.backlog().await.unwrap(), Backlog::default());
    let [a, b, c] = three(&shop).await;
    let oldest = shop.store.delivery(&shop.tenant, a).await.unwrap().unwrap().1.received_at;
    assert_eq!(shop.store.backlog().await.unwrap(), Backlog { pending: 3, oldest: Some(oldest), quarantined: 0 });
    let claimed = shop.claim().await;
    assert_eq!(shop.store.backlog().await.unwrap().pending, 3, "claimed is not filed");
    shop.file(&[reading(&claimed[1], vec![mail("jan@bouw.example", "Hoi", "Hoi")])]).await;
    let aside = |delivery| Aside { delivery, error: "no".into(), retry_at: None, blameless: false };
    shop.store.set_aside(shop.owner, &[aside(a)]).await.unwrap();
    let oldest = shop.store.delivery(&shop.tenant, c).await.unwrap().unwrap().1.received_at;
    assert_eq!(shop.store.backlog().await.unwrap(), Backlog { pending: 1, oldest: Some(oldest), quarantined: 1 });
    assert_eq!(claimed[1].delivery.id, b);
    let totals = shop.store.totals().await.unwrap();
    assert_eq!((totals.deliveries, totals.messages, totals.cases), (3, 1, 1));
}
