//! From the journal to cases.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use loket_core::delivery::Delivery;
use loket_core::intake::IntakeLimits;
use loket_core::pipeline::PipelineSettings;
use loket_core::store::{Claim, JournalState, NewEntry};
use loket_core::time::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::place::{Place, batch, claim, entry, unique, until};
use crate::plant::{Plant, book, question, woken_only};

pub(crate) async fn new_work_is_filed_at_once(place: Place) {
    let plant = Plant::start(place.open().await, woken_only(), IntakeLimits::default());
    for round in 1..=50 {
        plant.accept(question()).await;
        // One after the other: each must wake a worker that waits.
        until("it is filed", || async { plant.store.totals().await.unwrap().messages == round }).await;
    }
    // A retry out of quarantine is work as well.
    let aside = plant.accept(book("k", "unreadable")).await;
    until("it is set aside", || async { plant.state(aside.id).await.0 == JournalState::Quarantined }).await;
    plant.store.resolve_quarantine(&Default::default(), aside.id, loket_core::store::Resolution::Retry, "ops").await.unwrap();
    plant.wake.notify_one();
    until("it is set aside again", || async { plant.state(aside.id).await.0 == JournalState::Quarantined }).await;
    assert_eq!(plant.figure("loket_messages_filed_total{relation=\"new\"}"), 50.0);
    assert_eq!(plant.figure("loket_filed_seconds_count"), 50.0);
    until("both are counted", || async { plant.figure("loket_deliveries_quarantined_total") == 2.0 }).await;
}

pub(crate) async fn what_the_hot_lane_has_no_room_for_is_filed_too(place: Place) {
    // Room for hardly anything: most of it takes the way by the journal, in many small batches.
    let settings = PipelineSettings { hot_bytes: 2_000, batch: 7, batch_bytes: 5_000, ..woken_only() };
    let plant = Plant::start(place.open().await, settings, IntakeLimits::default());
    let callers: Vec<_> = (0..300)
        .map(|_| {
            let intake = plant.intake.clone();
            tokio::spawn(async move { intake.accept(question()).await.unwrap() })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    plant.until_nothing_is_pending().await;
    let totals = plant.store.totals().await.unwrap();
    assert_eq!((totals.deliveries, totals.messages, totals.cases), (300, 300, 300));
}

pub(crate) async fn what_an_earlier_process_left_is_found(place: Place) {
    let store = place.open().await;
    // Accepted and never begun; begun and never ended; handed to a hot lane that is no more.
    let left: Vec<Delivery> = (0..30).map(|_| question()).collect();
    store.journal(&batch(&left[..20])).await.unwrap();
    let gone = Claim { limit: 10, until: Timestamp::now().plus(Duration::from_millis(300)), ..claim(Uuid::now_v7()) };
    assert_eq!(store.claim(&gone).await.unwrap().len(), 10);
    let born = Some((Uuid::now_v7(), Timestamp::now().plus(Duration::from_millis(300))));
    let entries = left[20..].iter().map(|delivery| NewEntry { born_claimed: born, ..entry(delivery) }).collect();
    store.journal(&loket_core::store::JournalBatch { entries, ..Default::default() }).await.unwrap();
    // Nobody accepts anything: only polling finds them, the claimed ones when their claims have run out.
    let settings = PipelineSettings { poll: Duration::from_millis(50), ..PipelineSettings::default() };
    let plant = Plant::start(store, settings, IntakeLimits::default());
    plant.until_nothing_is_pending().await;
    assert_eq!(plant.store.totals().await.unwrap().messages, 30);
}

pub(crate) async fn slow_readers_keep_their_claims(place: Place) {
    // Two instances; reading one delivery takes longer than a claim lasts.
    let settings = PipelineSettings { claim: Duration::from_millis(300), poll: Duration::from_millis(20), ..PipelineSettings::default() };
    let plants = [place.open().await, place.open().await].map(|store| Plant::start(store, settings, IntakeLimits::default()));
    // A hundred messages of 20 milliseconds are not begun by one and ended by the other.
    let slow: Vec<_> = (0..2).map(|_| book(&unique("key"), &"slow\nslow|-|x".repeat(100))).collect();
    let lines = |delivery: &Delivery| delivery.payload.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines(&slow[0]), 100);
    for delivery in &slow {
        plants[0].accept(delivery.clone()).await;
    }
    plants[0].until_nothing_is_pending().await;
    for delivery in &slow {
        let (_, line) = plants[0].store.delivery(&Default::default(), delivery.id).await.unwrap().unwrap();
        assert_eq!((line.state, line.attempts), (JournalState::Filed, 1));
    }
}

pub(crate) async fn bad_deliveries_are_quarantined_alone(place: Place) {
    let plant = Plant::start(place.open().await, woken_only(), IntakeLimits::default());
    let deep = (0..120).fold(json!("bodem"), |inner, _| json!([inner]));
    let mut all = vec![
        book("panics", "panic"),
        book("torn", "unreadable"),
        book("empty", "nothing"),
        book("binary", "mail"),
        Delivery { media_type: "application/unheard-of".into(), ..question() },
    ];
    all[3].payload = vec![0xff, 0xfe, 0x00].into();
    let bad: Vec<_> = all.iter().map(|delivery| delivery.id).collect();
    for n in 0..20 {
        all.insert((n * 7) % (all.len() + 1), Delivery { envelope: json!({ "deep": deep }).as_object().unwrap().clone(), ..question() });
    }
    // All in one commit, and so in one batch.
    plant.intake.accept_all(all.clone(), None, None).await.unwrap();
    plant.until_nothing_is_pending().await;
    for delivery in &all {
        let (state, error) = plant.state(delivery.id).await;
        match bad.iter().position(|id| *id == delivery.id) {
            None => assert_eq!((state, error), (JournalState::Filed, None)),
            Some(which) => {
                let why = ["panicked: the book says so", "torn pages", "no message in it", "utf-8", "no reader knows"][which];
                assert_eq!(state, JournalState::Quarantined);
                assert!(error.as_deref().is_some_and(|error| error.contains(why)), "{error:?}");
            }
        }
    }
    until("all are counted", || async { plant.figure("loket_deliveries_quarantined_total") == 5.0 }).await;
    // The bytes are kept, and the pipeline goes on.
    let (kept, line) = plant.store.delivery(&Default::default(), bad[0]).await.unwrap().unwrap();
    assert_eq!((&kept.payload[..], line.attempts), (&b"panic"[..], 1));
    let next = plant.accept(question()).await;
    until("the next one is filed", || async { plant.state(next.id).await.0 == JournalState::Filed }).await;
}

/// Makes the store refuse messages that are the eighth of their delivery.
async fn refuse_eighths(place: &Place, code: &str) {
    let statements = match &place.server {
        Some(_) => format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one' USING ERRCODE = '{code}'; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON message FOR EACH ROW WHEN (NEW.part = 7) EXECUTE FUNCTION refuse()"
        ),
        None => "CREATE TRIGGER refuse BEFORE INSERT ON message WHEN NEW.part = 7 BEGIN SELECT RAISE(ABORT, 'not this one'); END".into(),
    };
    place.execute(&statements).await;
}

fn eight() -> Delivery {
    let lines: String = (0..8).map(|n| format!("\nklant{n}@bouw.example|-|{}", unique("regel"))).collect();
    book(&unique("key"), &format!("mail{lines}"))
}

pub(crate) async fn what_cannot_be_filed_is_quarantined_alone(place: Place) {
    let settings = PipelineSettings { claim: Duration::from_secs(1), ..woken_only() };
    let plant = Plant::start(place.open().await, settings, IntakeLimits::default());
    refuse_eighths(&place, "P0001").await;
    let (before, poison, after) = (question(), eight(), question());
    plant.intake.accept_all(vec![before.clone(), poison.clone(), after.clone()], None, None).await.unwrap();
    plant.until_nothing_is_pending().await;
    assert_eq!(plant.state(before.id).await.0, JournalState::Filed);
    assert_eq!(plant.state(after.id).await.0, JournalState::Filed);
    let (state, error) = plant.state(poison.id).await;
    assert_eq!(state, JournalState::Quarantined);
    assert!(error.as_deref().is_some_and(|error| error.contains("cannot be filed") && error.contains("not this one")), "{error:?}");
    assert_eq!(plant.store.totals().await.unwrap().messages, 2, "nothing of it is filed");
    if place.server.is_none() {
        return;
    }
    // A fault that looks as if waiting would help: the others are filed, and this one waits without being blamed.
    place.execute("DROP TRIGGER refuse ON message; DROP FUNCTION refuse").await;
    refuse_eighths(&place, "55P03").await;
    let (before, poison, after) = (question(), eight(), question());
    plant.intake.accept_all(vec![before.clone(), poison.clone(), after.clone()], None, None).await.unwrap();
    until("the others are filed", || async {
        plant.state(before.id).await.0 == JournalState::Filed && plant.state(after.id).await.0 == JournalState::Filed
    })
    .await;
    until("it waits", || async { plant.state(poison.id).await.1.is_some() }).await;
    let (_, line) = plant.store.delivery(&Default::default(), poison.id).await.unwrap().unwrap();
    assert_eq!((line.state, line.attempts), (JournalState::Pending, 0));
    assert!(line.next_attempt.unwrap() > Timestamp::now() && line.error.unwrap().contains("cannot be filed now"));
}

pub(crate) async fn the_journal_gets_its_turn_under_load(place: Place) {
    let store = place.open().await;
    let old: Vec<Delivery> = (0..20).map(|_| question()).collect();
    store.journal(&batch(&old)).await.unwrap();
    // One slow worker with a short hot lane: as long as callers keep coming, the lane is never empty.
    let settings = PipelineSettings { workers: 1, batch: 5, poll: Duration::from_millis(200), ..PipelineSettings::default() };
    let plant = Plant::start(store, settings, IntakeLimits::default());
    let enough = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for _ in 0..8 {
        let (intake, enough) = (plant.intake.clone(), enough.clone());
        callers.push(tokio::spawn(async move {
            let mut accepted = 0;
            while !enough.load(Ordering::Relaxed) {
                let text = unique("t");
                intake.accept(book(&unique("key"), &format!("slow\njan@bouw.example|-|{text}"))).await.unwrap();
                accepted += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            accepted
        }));
    }
    until("what was there before is filed", || async {
        let mut filed = 0;
        for delivery in &old {
            filed += usize::from(plant.state(delivery.id).await.0 == JournalState::Filed);
        }
        filed == old.len()
    })
    .await;
    enough.store(true, Ordering::Relaxed);
    let mut accepted = 0;
    for caller in callers {
        accepted += caller.await.unwrap();
    }
    assert!(accepted > 0);
}

pub(crate) async fn stopping_finishes_what_was_accepted(place: Place) {
    let plant = Plant::start(place.open().await, woken_only(), IntakeLimits::default());
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let intake = plant.intake.clone();
            tokio::spawn(async move { intake.accept(question()).await.unwrap() })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let instance = plant.instance;
    let store = plant.drain().await;
    assert_eq!(store.backlog().await.unwrap().pending, 0);
    assert_eq!(store.totals().await.unwrap().messages, 200);
    assert_eq!(store.release_claims(Some(instance)).await.unwrap(), 0);
}
