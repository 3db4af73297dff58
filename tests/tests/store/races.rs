//! Two instances on one store at the same moment. On SQLite they take turns; on PostgreSQL they must.

use std::collections::HashMap;
use std::sync::Arc;

use loket_core::delivery::Delivery;
use loket_core::message::Message;
use loket_core::same::{Relation, Rules};
use loket_core::store::{Claim, Filed, Reading, Store};
use tokio::sync::Barrier;
use uuid::Uuid;

use crate::place::{Place, Shop, answer, batch, claim, mail, reading, unique};

/// Claims one delivery of each message for an instance of its own.
async fn prepare(store: &Arc<dyn Store>, messages: Vec<Message>) -> (Uuid, Vec<Reading>) {
    let owner = Uuid::now_v7();
    let deliveries: Vec<_> =
        messages.iter().map(|_| Delivery::standalone("email.support", &unique("key"), "message/rfc822", unique("bytes"))).collect();
    store.journal(&batch(&deliveries)).await.unwrap();
    let claimed = store.claim(&claim(owner)).await.unwrap();
    assert_eq!(claimed.len(), messages.len());
    (owner, claimed.iter().zip(messages).map(|(one, message)| reading(one, vec![message])).collect())
}

/// Files each batch by an instance of its own, all at the same moment.
async fn at_once(stores: &[Arc<dyn Store>], batches: Vec<Vec<Message>>) -> Vec<Vec<Filed>> {
    let barrier = Arc::new(Barrier::new(batches.len()));
    let mut tasks = Vec::new();
    for (store, messages) in stores.iter().cycle().zip(batches) {
        let (owner, readings) = prepare(store, messages).await;
        let (store, barrier) = (store.clone(), barrier.clone());
        tasks.push(tokio::spawn(async move {
            barrier.wait().await;
            store.file(owner, &readings, &Rules::default()).await.unwrap()
        }));
    }
    let mut filed = Vec::new();
    for task in tasks {
        filed.push(task.await.unwrap());
    }
    filed
}

/// How many of these are not the first of their kind.
fn joined(filed: &[Vec<Filed>], relation: Relation) -> usize {
    filed.iter().flatten().flat_map(|one| &one.links).filter(|link| link.relation == relation).count()
}

pub(crate) async fn two_halves_of_a_pair_make_one_case(place: Place) {
    let shop = Shop::open(place).await;
    let stores = [shop.store.clone(), shop.place.open().await];
    for round in 0..40 {
        let from = format!("klant{round}@bouw{round}.example");
        let order = mail(&from, "Bestelling", &format!("Order {round}"));
        // The same mail in two mailboxes.
        let filed = at_once(&stores, vec![vec![order.clone()], vec![order.clone()]]).await;
        assert_eq!(joined(&filed, Relation::Duplicate), 1, "round {round}: same identity, customer new");

        // The same words by two ways, from a customer whom both know.
        let resent = || Message { identity: None, ..mail(&from, "Bestelling", &format!("Nog een {round}")) };
        let filed = at_once(&stores, vec![vec![resent()], vec![resent()]]).await;
        assert_eq!(joined(&filed, Relation::Duplicate), 1, "round {round}: same content, customer known");

        // The same identity with nobody known to have sent it: there is no customer to wait for.
        let anonymous = Message { from: None, ..mail("x@y.example", "Zonder afzender", &format!("Anoniem {round}")) };
        let filed = at_once(&stores, vec![vec![anonymous.clone()], vec![anonymous]]).await;
        assert_eq!(joined(&filed, Relation::Duplicate), 1, "round {round}: same identity, no customer");

        // The same identity from two senders (a list that writes itself into From).
        let direct = mail(&format!("els{round}@sloop.example"), "Vraag", &format!("Lijst {round}"));
        let mut by_list = direct.clone();
        by_list.from = mail(&format!("lijst{round}@verdeler.example"), "", "").from;
        let filed = at_once(&stores, vec![vec![direct], vec![by_list]]).await;
        assert_eq!(joined(&filed, Relation::Duplicate), 1, "round {round}: same identity, two customers");

        // In the middle of larger batches with other mail around it.
        let pair = mail(&from, "Middenin", &format!("Middenin {round}"));
        let around = |who: &str| mail(&format!("{who}{round}@elders.example"), "Anders", &unique("anders"));
        let one = vec![around("a"), pair.clone(), around("b")];
        let two = vec![around("c"), around("a"), pair.clone(), answer(&from, &pair, "En?")];
        let filed = at_once(&stores, vec![one, two]).await;
        assert_eq!((joined(&filed, Relation::Duplicate), joined(&filed, Relation::Answer)), (1, 1), "round {round}: in batches");
    }
    let totals = shop.store.totals().await.unwrap();
    assert_eq!((totals.messages, totals.cases), (40 * 15, 40 * 9));
    // However they met, no number was given twice, and none is missing.
    let numbers = shop.place.texts("SELECT CAST(count(DISTINCT number) || '/' || max(number) AS TEXT) FROM cases").await;
    assert_eq!(numbers, [format!("{}/{}", 40 * 9, 10_000 + 40 * 9)]);
    shop.place.assert_no_deadlock();
}

pub(crate) async fn new_customers_met_in_any_order(place: Place) {
    let shop = Shop::open(place).await;
    let stores = [shop.store.clone(), shop.place.open().await, shop.place.open().await];
    for round in 0..25 {
        // The same thirty new customers, in three orders; each instance writes what the others write too.
        let batches: Vec<Vec<Message>> = [1, 7, 11]
            .iter()
            .map(|step| (0..30).map(|n| mail(&format!("r{round}k{}@bouw.example", n * step % 30), "Vraag", &unique("vraag"))).collect())
            .collect();
        let filed = at_once(&stores, batches).await;
        assert_eq!(filed.iter().map(Vec::len).sum::<usize>(), 90);
    }
    assert_eq!(shop.place.texts("SELECT CAST(count(*) AS TEXT) FROM customer").await, [(25 * 30).to_string()]);
    assert_eq!(shop.place.texts("SELECT CAST(count(*) AS TEXT) FROM address").await, [(25 * 30).to_string()]);
    shop.place.assert_no_deadlock();
}

pub(crate) async fn the_same_delivery_is_filed_by_one(place: Place) {
    let shop = Shop::open(place).await;
    let other = shop.place.open().await;
    let mut filed: HashMap<Uuid, usize> = HashMap::new();
    for _ in 0..30 {
        let deliveries: Vec<_> = (0..10).map(|_| shop.delivery()).collect();
        shop.journal(&deliveries).await;
        // The first one's claims run out, the second takes over; both are done reading at the same moment.
        let (slow, quick) = (Uuid::now_v7(), Uuid::now_v7());
        let past = Claim { until: loket_core::time::Timestamp::default(), ..claim(slow) };
        let held = shop.store.claim(&past).await.unwrap();
        let readings: Vec<_> = held.iter().map(|one| reading(one, vec![mail("jan@bouw.example", "Vraag", &unique("vraag"))])).collect();
        let one = tokio::spawn({
            let (store, readings) = (shop.store.clone(), readings.clone());
            async move { store.file(slow, &readings, &Rules::default()).await.unwrap() }
        });
        let two = tokio::spawn({
            let store = other.clone();
            async move {
                let mut all = Vec::new();
                loop {
                    let taken = store.claim(&Claim { limit: 3, ..claim(quick) }).await.unwrap();
                    if taken.is_empty() {
                        return all;
                    }
                    let mine: Vec<_> = readings.iter().filter(|one| taken.iter().any(|t| t.delivery.id == one.delivery)).cloned().collect();
                    all.extend(store.file(quick, &mine, &Rules::default()).await.unwrap());
                }
            }
        });
        for one in one.await.unwrap().into_iter().chain(two.await.unwrap()) {
            *filed.entry(one.delivery).or_default() += 1;
        }
    }
    assert_eq!(filed.len(), 300);
    assert!(filed.values().all(|times| *times == 1));
    assert_eq!(shop.store.totals().await.unwrap().messages, 300);
    shop.place.assert_no_deadlock();
}
