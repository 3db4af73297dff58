//! A store that is full, or goes away and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use loket_core::delivery::Delivery;
use loket_core::intake::{AcceptError, IntakeLimits};
use loket_core::pipeline::PipelineSettings;
use loket_core::store::{self, JournalState, StoreError, StoreSettings};
use loket_tests::disk::SmallDisk;
use loket_tests::postgres::Stop;
use uuid::Uuid;

use crate::place::{Place, unique, until};
use crate::plant::{Plant, book, question, woken_only};

/// A text that does not compress.
fn noise(bytes: usize) -> String {
    let mut random = u64::from_be_bytes(*Uuid::now_v7().as_bytes().first_chunk().unwrap());
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{:08x}", random >> 32));
    }
    text
}

pub(crate) async fn large_deliveries_come_through(place: Place) {
    let limits = IntakeLimits { queue_bytes: 1 << 20, batch_bytes: 1 << 20, ..IntakeLimits::default() };
    let settings = PipelineSettings { hot_bytes: 1 << 20, batch_bytes: 1 << 20, ..woken_only() };
    let plant = Plant::start(place.open().await, settings, limits);
    // Each larger than every queue and batch there is, with small ones between them.
    let text = noise(30 << 20);
    for n in 0..3 {
        let large = plant.accept(book(&unique("key"), &format!("mail\njan@bouw.example|-|{n} {text}"))).await;
        let small = plant.accept(question()).await;
        until("both are filed", || async {
            plant.state(large.id).await.0 == JournalState::Filed && plant.state(small.id).await.0 == JournalState::Filed
        })
        .await;
    }
    assert_eq!(plant.store.totals().await.unwrap().messages, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_stops_and_starts_again() {
    let place = Place::postgres().await;
    let server = place.server.as_ref().unwrap();
    let settings = StoreSettings { connect_timeout: Duration::from_secs(1), ..StoreSettings::default() };
    let store = store::open(&place.url, &settings).await.unwrap();
    // A commit that worked although its answer was lost leaves claims that nobody works on: they run out, and polling finds them.
    let settings = PipelineSettings { claim: Duration::from_secs(2), poll: Duration::from_millis(100), ..PipelineSettings::default() };
    let plant = Plant::start(store, settings, IntakeLimits::default());
    let enough = Arc::new(AtomicBool::new(false));
    let refused = Arc::new(AtomicUsize::new(0));
    let mut callers = Vec::new();
    for _ in 0..6 {
        let (intake, enough, refused) = (plant.intake.clone(), enough.clone(), refused.clone());
        callers.push(tokio::spawn(async move {
            let mut accepted = Vec::new();
            while !enough.load(Ordering::Relaxed) {
                let delivery = question();
                // As an upstream does: what was not accepted is offered again.
                let answer = loop {
                    match intake.accept(delivery.clone()).await {
                        Ok(answer) => break answer,
                        Err(AcceptError::Store(why)) => {
                            assert!(why.contains("not available"), "{why}");
                            refused.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        Err(other) => panic!("{other}"),
                    }
                };
                accepted.push((delivery.id, answer.id));
            }
            accepted
        }));
    }
    for (round, how) in [Stop::Immediate, Stop::Fast, Stop::Immediate, Stop::Fast].into_iter().enumerate() {
        let before = plant.figure("loket_deliveries_accepted_total{channel=\"email.support\"}");
        until("work goes on", || async { plant.figure("loket_deliveries_accepted_total{channel=\"email.support\"}") > before + 50.0 })
            .await;
        server.stop(how).unwrap();
        until("callers are told", || async { refused.load(Ordering::Relaxed) > round * 12 }).await;
        server.start_again().unwrap();
    }
    until("work goes on", || async { plant.store.ping().await.is_ok() }).await;
    enough.store(true, Ordering::Relaxed);
    let mut accepted = Vec::new();
    for caller in callers {
        accepted.extend(caller.await.unwrap());
    }
    plant.until_nothing_is_pending().await;
    for (sent, id) in &accepted {
        assert_eq!(sent, id, "the first try of a delivery is the one that counts, whether its answer was heard or not");
        assert_eq!(plant.state(*id).await.0, JournalState::Filed);
    }
    let totals = plant.store.totals().await.unwrap();
    assert_eq!((totals.deliveries, totals.messages, totals.cases), (accepted.len() as u64, accepted.len() as u64, accepted.len() as u64));
}

#[tokio::test]
async fn a_store_that_is_not_there_says_so() {
    let settings = StoreSettings { connect_timeout: Duration::from_millis(300), ..StoreSettings::default() };
    let open = async |url: &str| store::open(url, &settings).await.err().unwrap();
    let away = open("postgres://loket@127.0.0.1:1/loket").await;
    assert!(away.is_transient(), "{away}");
    for wrong in
        ["mysql://localhost/loket", "loket.db", "", "postgres://[", "sqlite:x.db?mode=wrong", "sqlite::memory:", "sqlite:x.db?mode=memory"]
    {
        assert!(matches!(open(wrong).await, StoreError::Permanent(_)), "{wrong}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "not a database, but long enough to look like one; ".repeat(100)).unwrap();
    let error = open(&format!("sqlite:{}", file.display())).await;
    assert!(!error.is_transient() && error.to_string().contains("not a database"), "{error}");
    let error = open(&format!("sqlite:{}/sub/loket.db", file.display())).await;
    assert!(error.to_string().contains("a-file/sub"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_resumes() {
    // What is accepted by the time that it is full needs as much again to be filed; more than that is freed.
    let disk = SmallDisk::mount(40).unwrap();
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![7; 28 << 20]).unwrap();
    let store = store::open(&format!("sqlite:{}/loket.db", disk.path().display()), &StoreSettings::default()).await.unwrap();
    let settings = PipelineSettings { claim: Duration::from_secs(2), poll: Duration::from_millis(100), ..PipelineSettings::default() };
    let plant = Plant::start(store, settings, IntakeLimits::default());
    let large = || book(&unique("key"), &format!("mail\njan@bouw.example|-|{}", noise(40_000)));
    let mut accepted = Vec::new();
    let mut refused: Vec<Delivery> = Vec::new();
    // Until it has been full for a while, with filing going on all the time.
    while refused.len() < 30 {
        assert!(accepted.len() < 2_000, "the disk is never full");
        let delivery = large();
        match plant.intake.accept(delivery.clone()).await {
            Ok(answer) => accepted.push(answer.id),
            Err(AcceptError::Store(why)) => {
                assert!(why.contains("not available") && why.contains("full"), "{why}");
                refused.push(delivery);
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(accepted.len() > 20);
    // What was accepted is there, what was refused is not; reading still works.
    for id in &accepted {
        assert!(plant.store.delivery(&Default::default(), *id).await.unwrap().is_some());
    }
    for delivery in &refused {
        assert!(plant.store.find_delivery(&Default::default(), "email.support", &delivery.key).await.unwrap().is_none());
    }
    std::fs::remove_file(&ballast).unwrap();
    for delivery in refused {
        let answer = loop {
            match plant.intake.accept(delivery.clone()).await {
                Ok(answer) => break answer,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        assert!(!answer.known);
        accepted.push(answer.id);
    }
    plant.until_nothing_is_pending().await;
    for id in &accepted {
        assert_eq!(plant.state(*id).await, (JournalState::Filed, None));
    }
    let totals = plant.store.totals().await.unwrap();
    assert_eq!((totals.deliveries, totals.messages), (accepted.len() as u64, accepted.len() as u64));
}
