//! Instances that die at any moment, many times over. What was acknowledged makes an obligation; at the end all are looked into.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loket_core::delivery::Delivery;
use loket_core::intake::{Intake, IntakeLimits};
use loket_core::pipeline::PipelineSettings;
use loket_core::store::{self, CaseFilter, JournalState, Page, Store, StoreSettings};
use tokio::sync::watch;
use uuid::Uuid;

use crate::place::Place;
use crate::plant::{Plant, book};

const INSTANCES: usize = 2;
const DEATHS: usize = 25;
const CALLERS: usize = 6;

/// A delivery of which everything that must come of it can be told from its number.
fn numbered(caller: usize, n: usize) -> Delivery {
    let key = format!("{caller}/{n}");
    let from = format!("klant{caller}@bouw{caller}.example");
    let text = match n % 10 {
        // Every request but these comes twice, by another key: see `requests`.
        0 => "unreadable".into(),
        1 => "panic".into(),
        2 => format!("mail\n{from}|-|enkel {caller} {n}"),
        3 => format!("mail\n{from}|-|a {caller} {n}\n{from}|-|b {caller} {n}\n{from}|-|c {caller} {n}"),
        4 | 5 => format!("mail\n{from}|{caller}-{}@x.example|dubbel {caller} {}", n / 10, n / 10),
        _ => format!("mail\n{from}|-|inhoud {caller} {} {}", n / 10, n % 2),
    };
    book(&key, &text)
}

/// How many messages it holds, and which requests they are.
fn requests(caller: usize, n: usize) -> Vec<String> {
    match n % 10 {
        0 | 1 => Vec::new(),
        2 => vec![format!("enkel {caller} {n}")],
        3 => ["a", "b", "c"].iter().map(|part| format!("{part} {caller} {n}")).collect(),
        4 | 5 => vec![format!("dubbel {caller} {}", n / 10)],
        _ => vec![format!("inhoud {caller} {} {}", n / 10, n % 2)],
    }
}

/// One instance after the other in a thread of its own, each killed after a while. Its intake is where callers find it.
fn instance(url: &str, seed: u64, place: &watch::Sender<Option<Intake>>) {
    let mut random = seed;
    for _ in 0..DEATHS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let life = Duration::from_micros(2_000 + (random >> 33) % 250_000);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (url, place) = (url.to_owned(), place.clone());
        runtime.spawn(async move {
            let Ok(store) = store::open(&url, &StoreSettings::default()).await else { return };
            let settings = PipelineSettings {
                claim: Duration::from_millis(700),
                poll: Duration::from_millis(30),
                batch: 20,
                hot_bytes: 20_000,
                ..PipelineSettings::default()
            };
            let plant = Plant::start(store, settings, IntakeLimits::default());
            place.send_replace(Some(plant.intake.clone()));
            // It lives until its runtime is gone.
            std::future::pending::<()>().await;
            drop(plant);
        });
        std::thread::sleep(life);
        // Every task stops where it is, in the middle of a transaction or wherever.
        runtime.shutdown_background();
    }
}

/// Offers deliveries one after the other, each until it is accepted; notes the ids that were acknowledged, by number.
async fn caller(which: usize, intake: watch::Receiver<Option<Intake>>, acknowledged: Arc<Mutex<Vec<Uuid>>>) {
    for n in 0.. {
        let delivery = numbered(which, n);
        let id = loop {
            let current = intake.borrow().clone();
            let answer = match current {
                // A runtime that dies takes the answer with it; a caller with some sense does not wait for ever.
                Some(intake) => {
                    tokio::time::timeout(Duration::from_secs(1), intake.accept(delivery.clone())).await.ok().and_then(Result::ok)
                }
                None => None,
            };
            match answer {
                Some(answer) => break answer.id,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        acknowledged.lock().unwrap().push(id);
        if n % 8 == 7 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

pub(crate) async fn nothing_is_lost_or_doubled_when_instances_die(place: Place) {
    // The schema first: two that make it at once are another test.
    let store = place.open().await;
    let mut threads = Vec::new();
    let mut intakes = Vec::new();
    for n in 0..INSTANCES {
        let (sender, receiver) = watch::channel(None);
        let url = place.url.clone();
        threads.push(std::thread::spawn(move || instance(&url, n as u64 + 7, &sender)));
        intakes.push(receiver);
    }
    let acknowledged: Vec<Arc<Mutex<Vec<Uuid>>>> = (0..CALLERS).map(|_| Arc::default()).collect();
    let callers: Vec<_> = (0..CALLERS).map(|n| tokio::spawn(caller(n, intakes[n % INSTANCES].clone(), acknowledged[n].clone()))).collect();
    let dying = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| thread.join().unwrap()));
    dying.await.unwrap();
    callers.iter().for_each(|caller| caller.abort());
    let settings = PipelineSettings { claim: Duration::from_millis(700), poll: Duration::from_millis(30), ..PipelineSettings::default() };
    let survivor = Plant::start(place.open().await, settings, IntakeLimits::default());
    // Everything that was acknowledged is known, and each caller's last one, which it had no answer to, is offered once more.
    let mut offered = 0;
    for (which, ids) in acknowledged.iter().enumerate() {
        let ids = ids.lock().unwrap().clone();
        for n in 0..=ids.len() {
            let answer = survivor.accept(numbered(which, n)).await;
            if let Some(id) = ids.get(n) {
                assert_eq!((answer.id, answer.known), (*id, true), "acknowledged and not there: {which}/{n}");
            }
            offered += 1;
        }
    }
    survivor.until_nothing_is_pending().await;
    look_into_everything(&place, &*store, offered).await;
}

async fn journal(store: &dyn Store) -> BTreeMap<String, (Uuid, JournalState, Option<String>)> {
    let (mut all, mut page) = (BTreeMap::new(), Page::first(500));
    loop {
        let lines = store.journal_entries(&Default::default(), None, &page).await.unwrap();
        let Some(last) = lines.last() else { return all };
        page.after = Some((last.received_at, last.id));
        for line in lines {
            assert!(all.insert(line.key, (line.id, line.state, line.error)).is_none(), "one key twice in the journal");
        }
    }
}

async fn look_into_everything(place: &Place, store: &dyn Store, offered: usize) {
    let lines = journal(store).await;
    assert_eq!(lines.len(), offered, "as many deliveries as were offered, none invented");
    assert!(offered > 60, "{offered} is too few to tell");
    let mut cases: HashMap<String, Vec<String>> = HashMap::new();
    let mut messages = 0;
    let mut given_up = 0;
    for (key, (id, state, error)) in &lines {
        let (which, n) = key.split_once('/').unwrap();
        let expected = requests(which.parse().unwrap(), n.parse().unwrap());
        let kept = store.delivery_messages(&Default::default(), *id).await.unwrap();
        if *state == JournalState::Quarantined {
            assert!(kept.is_empty(), "{key} is set aside and filed");
            // One that met five deaths is suspected of them: that is the rule, and rare.
            let deaths = error.as_ref().is_some_and(|error| error.contains("attempts"));
            given_up += usize::from(deaths);
            assert!(expected.is_empty() || deaths, "{key}: {error:?}");
            continue;
        }
        assert_eq!(*state, JournalState::Filed, "{key}");
        let texts: Vec<_> = kept.iter().map(|record| record.message.body.new_text.clone()).collect();
        assert_eq!(texts, expected, "{key}");
        messages += kept.len() as u64;
        for record in kept {
            cases.entry(record.message.body.new_text).or_default().push(record.case.unwrap().to_string());
        }
    }
    for (request, cases) in &mut cases {
        cases.dedup();
        assert_eq!(cases.len(), 1, "{request} has more than one case");
    }
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.deliveries, totals.messages, totals.cases), (offered as u64, messages, cases.len() as u64));
    let listed = store.cases(&Default::default(), &CaseFilter::default(), &Page::first(100_000)).await.unwrap();
    assert_eq!(listed.iter().map(|case| u64::from(case.messages)).sum::<u64>(), messages, "what the cases count is what they hold");
    assert!(given_up * 5 <= lines.len(), "{given_up} of {} given up", lines.len());
    place.assert_no_deadlock();
}
