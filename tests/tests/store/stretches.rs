//! Deliveries that hold many messages: filed in stretches, each in a transaction of its own.

use loket_core::reader::SetAside;
use loket_core::store::{CaseFilter, JournalState, Page, Reading, Resolution, Stretch};

use crate::place::{Place, Shop, mail, reading};

/// Messages `from..to` of a delivery.
fn stretch(of: &Reading, from: usize, to: usize, more: bool) -> Reading {
    let first = u32::try_from(from).unwrap();
    Reading { messages: of.messages[from..to].to_vec(), stretch: Stretch { first, more, again: of.stretch.again }, ..of.clone() }
}

async fn cases(shop: &Shop) -> usize {
    shop.store.cases(&shop.tenant, &CaseFilter::default(), &Page::first(1_000)).await.unwrap().len()
}

pub(crate) async fn a_large_delivery_is_filed_in_stretches(place: Place) {
    let shop = Shop::open(place).await;
    shop.journal(&[shop.delivery()]).await;
    let claimed = shop.claim().await.remove(0);
    let all = reading(&claimed, (0..7).map(|n| mail(&format!("klant{n}@bouw.example"), "Bestelling", &format!("{n} dozen"))).collect());
    shop.file(&[stretch(&all, 0, 3, true)]).await;
    let state = |shop: &Shop| {
        let (store, tenant, id) = (shop.store.clone(), shop.tenant.clone(), claimed.delivery.id);
        async move { store.delivery(&tenant, id).await.unwrap().unwrap().1.state }
    };
    assert_eq!((state(&shop).await, cases(&shop).await), (JournalState::Pending, 3), "there is more to come");
    shop.file(&[stretch(&all, 3, 6, true)]).await;
    shop.file(&[stretch(&all, 6, 7, false)]).await;
    assert_eq!((state(&shop).await, cases(&shop).await), (JournalState::Filed, 7));
    let parts = shop.store.delivery_messages(&shop.tenant, claimed.delivery.id).await.unwrap();
    assert_eq!(parts.iter().map(|message| message.part).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
}

pub(crate) async fn what_was_filed_before_a_crash_is_not_filed_again(place: Place) {
    let shop = Shop::open(place).await;
    shop.journal(&[shop.delivery()]).await;
    let claimed = shop.claim().await.remove(0);
    let all = reading(&claimed, (0..5).map(|n| mail(&format!("klant{n}@bouw.example"), "Bestelling", &format!("{n} dozen"))).collect());
    shop.file(&[stretch(&all, 0, 2, true)]).await;
    // The process dies here; the next one begins at the beginning.
    shop.store.release_claims(Some(shop.owner)).await.unwrap();
    let again = shop.claim().await.remove(0);
    assert_eq!(again.delivery.id, claimed.delivery.id);
    let all = Reading { stretch: Stretch { again: true, ..Stretch::default() }, ..all };
    let filed = shop.file(&[stretch(&all, 0, 3, true)]).await;
    assert_eq!(filed.iter().map(|one| one.links.len()).sum::<usize>(), 1, "only what was not there yet");
    shop.file(&[stretch(&all, 3, 5, false)]).await;
    assert_eq!(cases(&shop).await, 5);
    // Whoever slept through it all has nothing to file any more.
    assert!(shop.file(&[stretch(&all, 3, 5, false)]).await.is_empty());
}

pub(crate) async fn parts_that_cannot_be_read_are_set_aside_alone(place: Place) {
    let shop = Shop::open(place).await;
    shop.journal(&[shop.delivery()]).await;
    let claimed = shop.claim().await.remove(0);
    let aside = |name: &str| SetAside {
        name: name.into(),
        payload: format!("ISA*{name}~").into_bytes().into(),
        reason: format!("{name}: segment 3 PO102: `x` is no number"),
    };
    let mut first = reading(&claimed, vec![mail("a@bouw.example", "Bestelling", "een")]);
    first.asides = vec![aside("1-0002"), aside("1-0003")];
    first.stretch.more = true;
    shop.file(std::slice::from_ref(&first)).await;
    // Once more after a crash: they are there already.
    shop.store.release_claims(Some(shop.owner)).await.unwrap();
    assert_eq!(shop.claim().await.len(), 1);
    shop.file(&[Reading { stretch: Stretch { again: true, ..Stretch::default() }, ..first.clone() }]).await;
    let entries = shop.store.journal_entries(&shop.tenant, Some(JournalState::Quarantined), &Page::first(10)).await.unwrap();
    let mut reasons: Vec<_> = entries.iter().map(|entry| entry.error.clone().unwrap()).collect();
    reasons.sort();
    assert_eq!(reasons, ["1-0002: segment 3 PO102: `x` is no number", "1-0003: segment 3 PO102: `x` is no number"]);
    let (delivery, entry) = shop.store.delivery(&shop.tenant, entries[0].id).await.unwrap().unwrap();
    assert!(delivery.payload.starts_with(b"ISA*1-000"), "{delivery:?}");
    assert_eq!(entry.envelope["part_of"], claimed.delivery.id.to_string());
    // Each can be read again by itself.
    assert!(shop.store.resolve_quarantine(&shop.tenant, entry.id, Resolution::Retry, "toets").await.unwrap());
    assert_eq!(shop.claim().await[0].delivery.id, entry.id);
}
