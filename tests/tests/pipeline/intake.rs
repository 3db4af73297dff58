//! The way in.

use loket_core::delivery::Delivery;
use loket_core::intake::{AcceptError, IntakeLimits};
use loket_core::store::{Lease, Position};
use uuid::Uuid;

use crate::place::{Place, unique, until};
use crate::plant::{Plant, book, question, woken_only};

pub(crate) async fn what_is_accepted_is_there(place: Place) {
    let plant = Plant::start(place.open().await, woken_only(), IntakeLimits::default());
    // Somebody else on the same store sees it the moment it is accepted.
    let other = place.open().await;
    for _ in 0..20 {
        let sent = question();
        let accepted = plant.accept(sent.clone()).await;
        assert_eq!((accepted.id, accepted.known), (sent.id, false));
        let (kept, _) = other.delivery(&sent.tenant, sent.id).await.unwrap().unwrap();
        assert_eq!(kept.payload, sent.payload);
        // Again, by the same value, and fetched again under the same key.
        let again = Delivery { id: Uuid::now_v7(), ..sent.clone() };
        for known in [sent, again] {
            let answer = plant.accept(known).await;
            assert_eq!((answer.id, answer.known), (accepted.id, true));
        }
    }
    let position = Position { tenant: Default::default(), channel: "email.support".into(), source: "INBOX".into(), value: "7".into() };
    let (a, b) = (question(), question());
    let answers = plant.intake.accept_all(vec![a.clone(), b.clone(), a.clone()], Some(position), None).await.unwrap();
    assert_eq!(answers.iter().map(|answer| (answer.id, answer.known)).collect::<Vec<_>>(), [(a.id, false), (b.id, false), (a.id, true)]);
    assert_eq!(other.position(&Default::default(), "email.support", "INBOX").await.unwrap().as_deref(), Some("7"));
    assert!(plant.intake.accept_all(Vec::new(), None, None).await.unwrap().is_empty());
    plant.until_nothing_is_pending().await;
    assert_eq!(plant.store.totals().await.unwrap().messages, 22);
    assert_eq!(plant.figure("loket_deliveries_accepted_total{channel=\"email.support\"}"), 22.0);
    assert_eq!(plant.figure("loket_deliveries_known_total{channel=\"email.support\"}"), 41.0);
}

pub(crate) async fn what_cannot_be_taken_is_refused(place: Place) {
    let limits = IntakeLimits { max_payload: 1_000, ..IntakeLimits::default() };
    let plant = Plant::start(place.open().await, woken_only(), limits);
    let large = book("large", &"x".repeat(1_001));
    assert!(matches!(plant.intake.accept(large.clone()).await, Err(AcceptError::TooLarge { size: 1_001, limit: 1_000 })));
    plant.accept(book("fits", &format!("mail\na@b.example|-|{}", "x".repeat(900)))).await;
    for key in [String::new(), "k".repeat(401)] {
        assert!(matches!(plant.intake.accept(book(&key, "x")).await, Err(AcceptError::BadKey(length)) if length == key.len()));
    }
    // One that cannot be taken keeps back those that came with it.
    let together = vec![question(), large];
    assert!(matches!(plant.intake.accept_all(together, None, None).await, Err(AcceptError::TooLarge { .. })));
    let intake = plant.intake.clone();
    plant.until_nothing_is_pending().await;
    assert_eq!(plant.store.totals().await.unwrap().deliveries, 1);
    drop(intake);
    plant.drain().await;
}

pub(crate) async fn many_callers_share_commits(place: Place) {
    let plant = Plant::start(place.open().await, woken_only(), IntakeLimits::default());
    // While nobody can write, five hundred callers queue up.
    let blocker = place.block_writers().await;
    let callers: Vec<_> = (0..500)
        .map(|_| {
            let intake = plant.intake.clone();
            tokio::spawn(async move { intake.accept(question()).await.unwrap() })
        })
        .collect();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(callers.iter().all(|caller| !caller.is_finished()), "nobody is answered before the commit");
    blocker.end().await;
    for caller in callers {
        assert!(!caller.await.unwrap().known);
    }
    assert_eq!(plant.figure("loket_journal_commit_size_sum"), 500.0);
    let commits = plant.figure("loket_journal_commit_size_count");
    assert!(commits < 100.0, "{commits} commits");
    plant.until_nothing_is_pending().await;
    assert_eq!(plant.store.totals().await.unwrap().messages, 500);
}

pub(crate) async fn one_callers_fault_is_not_the_others(place: Place) {
    let plant = Plant::start(place.open().await, woken_only(), IntakeLimits::default());
    let blocker = place.block_writers().await;
    let lost = Lease { name: "main/email.support/INBOX".into(), owner: Uuid::now_v7(), token: 3 };
    let mut callers = Vec::new();
    for n in 0..30 {
        let (intake, lease) = (plant.intake.clone(), (n % 10 == 5).then(|| lost.clone()));
        callers.push(tokio::spawn(async move { (n, intake.accept_all(vec![question()], None, lease).await) }));
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    blocker.end().await;
    for caller in callers {
        match caller.await.unwrap() {
            (n, Ok(answers)) => assert!(n % 10 != 5 && !answers[0].known),
            (n, Err(error)) => assert!(n % 10 == 5 && matches!(&error, AcceptError::LeaseLost(name) if *name == lost.name), "{n} {error}"),
        }
    }
    plant.until_nothing_is_pending().await;
    assert_eq!(plant.store.totals().await.unwrap().deliveries, 27);
}

pub(crate) async fn a_full_queue_makes_callers_wait(place: Place) {
    // Room for four deliveries of this size; the others wait outside, so that no commit can hold more than four.
    let sized = |bytes: usize| book(&unique("key"), &format!("mail\njan@bouw.example|-|{}{}", unique("t"), "x".repeat(bytes)));
    let limits = IntakeLimits { queue_bytes: 50_000, ..IntakeLimits::default() };
    let plant = Plant::start(place.open().await, woken_only(), limits);
    let blocker = place.block_writers().await;
    let mut callers = Vec::new();
    for _ in 0..60 {
        let (intake, delivery) = (plant.intake.clone(), sized(10_000));
        callers.push(tokio::spawn(async move { intake.accept(delivery).await.unwrap() }));
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    // One that is heavier than the whole queue waits until it is alone, and is taken.
    let (intake, heavy) = (plant.intake.clone(), sized(200_000));
    callers.push(tokio::spawn(async move { intake.accept(heavy).await.unwrap() }));
    // A caller that gives up leaves no hole in the queue.
    callers.swap_remove(3).abort();
    blocker.end().await;
    for caller in callers {
        assert!(!caller.await.unwrap().known);
    }
    let commits = plant.figure("loket_journal_commit_size_count");
    assert_eq!(plant.figure("loket_journal_commit_size_bucket{le=\"4.0\"}"), commits, "{}", plant.metrics.render(None, None, &[]));
    assert!(commits >= 15.0, "{commits}");
    until("all are filed", || async { plant.store.totals().await.unwrap().messages >= 60 }).await;
    plant.until_nothing_is_pending().await;
}
