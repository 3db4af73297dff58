//! Deleting a case: gone, and not coming back.

use std::time::Duration;

use loket_core::message::Message;
use loket_core::store::{CaseFilter, JournalState, Page};
use loket_core::time::Timestamp;

use crate::place::{Place, Shop, answer, mail, reading};

pub(crate) async fn what_is_deleted_is_gone_and_does_not_come_back(place: Place) {
    let shop = Shop::open(place).await;
    let secret = "Mijn geheime kenmerk is grutto-9931.";
    let question = mail("jan@bouw.example", "Vraag", secret);
    let nameless = Message { identity: None, ..mail("els@bouw.example", "Zonder id", "Een vraag zonder kenmerk") };
    let first = shop.receive(question.clone()).await;
    let number = shop.case_of(&first).await.unwrap().parse().unwrap();
    shop.receive(answer("jan@bouw.example", &question, "Nog iets")).await;
    assert!(shop.store.delete_case(&shop.tenant, number, "sleutel").await.unwrap());
    assert!(!shop.store.delete_case(&shop.tenant, number, "sleutel").await.unwrap());
    assert!(shop.store.case(&shop.tenant, number).await.unwrap().is_none());
    assert!(shop.store.delivery_messages(&shop.tenant, first.delivery).await.unwrap().is_empty());
    let left = shop.store.journal_entries(&shop.tenant, Some(JournalState::Erased), &Page::first(9)).await.unwrap();
    assert_eq!(left.len(), 2, "the journal knows that they were here");
    assert_eq!(shop.place.texts("SELECT CAST(count(*) AS TEXT) FROM payload").await, ["0"]);

    // The same mail by another mailbox, with other trace fields around it.
    let again = shop.receive(question.clone()).await;
    assert_eq!((again.links[0].rule.as_str(), shop.case_of(&again).await), ("deleted", None));
    assert_eq!(shop.place.texts("SELECT CAST(count(*) AS TEXT) FROM payload").await, ["0"], "nor are its bytes kept anew");
    let kept = shop.store.delivery_messages(&shop.tenant, again.delivery).await.unwrap();
    assert!(!format!("{kept:?}").contains("grutto"), "{kept:?}");
    // An answer to it is a case of its own: it is new.
    let answered = shop.receive(answer("jan@bouw.example", &question, "Krijg ik nog antwoord?")).await;
    assert!(shop.case_of(&answered).await.is_some());

    // Without an identity it is known by its bytes.
    let filed = shop.receive(nameless.clone()).await;
    let number = shop.case_of(&filed).await.unwrap().parse().unwrap();
    let bytes = shop.store.delivery(&shop.tenant, filed.delivery).await.unwrap().unwrap().0.payload;
    shop.store.delete_case(&shop.tenant, number, "sleutel").await.unwrap();
    let same_bytes = loket_core::delivery::Delivery { payload: bytes, ..shop.delivery() };
    shop.journal(&[same_bytes]).await;
    let claimed = shop.claim().await.remove(0);
    let again = shop.file(&[reading(&claimed, vec![nameless])]).await.remove(0);
    assert_eq!(again.links[0].rule, "deleted");
    assert_eq!(shop.store.cases(&shop.tenant, &CaseFilter::default(), &Page::first(9)).await.unwrap().len(), 1);
}

pub(crate) async fn what_never_came_is_not_waited_for_for_ever(place: Place) {
    let shop = Shop::open(place).await;
    let question = mail("jan@bouw.example", "Vraag", "Die nooit kwam");
    shop.receive(answer("jan@bouw.example", &question, "Zoals gezegd")).await;
    let waiting = || shop.place.texts("SELECT CAST(count(*) AS TEXT) FROM awaited");
    assert_eq!(shop.store.tidy(Timestamp::now().minus(Duration::from_secs(3_600))).await.unwrap(), 0);
    assert_eq!(waiting().await, ["1"]);
    assert_eq!(shop.store.tidy(Timestamp::now().plus(Duration::from_secs(3_600))).await.unwrap(), 1);
    assert_eq!(waiting().await, ["0"]);
}

pub(crate) async fn another_case_of_the_same_delivery_stays(place: Place) {
    let shop = Shop::open(place).await;
    shop.journal(&[shop.delivery()]).await;
    let claimed = shop.claim().await.remove(0);
    let messages = vec![mail("jan@bouw.example", "Een", "een"), mail("piet@sloop.example", "Twee", "twee")];
    shop.file(&[reading(&claimed, messages)]).await;
    let cases = shop.store.cases(&shop.tenant, &CaseFilter::default(), &Page::first(9)).await.unwrap();
    assert!(shop.store.delete_case(&shop.tenant, cases[0].number, "sleutel").await.unwrap());
    let left = shop.store.delivery_messages(&shop.tenant, claimed.delivery.id).await.unwrap();
    assert_eq!(left.iter().map(|message| message.case).collect::<Vec<_>>(), [Some(cases[1].number)]);
    let (delivery, entry) = shop.store.delivery(&shop.tenant, claimed.delivery.id).await.unwrap().unwrap();
    assert_eq!((entry.state, delivery.payload), (JournalState::Filed, claimed.delivery.payload));
}
