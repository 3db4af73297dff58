//! What is read back: lists in pages, cases with their messages and events, deliveries for replay.

use std::collections::HashSet;
use std::time::Duration;

use loket_core::case::CaseNumber;
use loket_core::case::CaseStatus;
use loket_core::classify::Class;
use loket_core::delivery::{Delivery, Tenant};
use loket_core::message::Message;
use loket_core::store::{Aside, CaseFilter, CaseRecord, JournalState, Page, ReplayQuery, Reread, Resolution};
use loket_core::time::Timestamp;
use uuid::Uuid;

use crate::place::{Place, Shop, answer, delivery, mail, read, reading, unique, verdict};

pub(crate) async fn the_journal_is_paged_without_gaps(place: Place) {
    let shop = Shop::open(place).await;
    // Many at the same microsecond; their ids tell them apart.
    let at = |n: u64| Timestamp::from_seconds(1_700_000_000).plus(Duration::from_micros(n / 4));
    let deliveries: Vec<_> = (0..23).map(|n| Delivery { received_at: at(n), ..shop.delivery() }).collect();
    shop.journal(&deliveries).await;
    shop.journal(&[Delivery { tenant: Tenant::new("other"), ..shop.delivery() }]).await;
    let claimed = shop.claim().await;
    let aside = |n: usize| Aside { delivery: claimed[n].delivery.id, error: format!("no {n}"), retry_at: None, blameless: false };
    shop.store.set_aside(shop.owner, &(0..23).step_by(2).map(aside).collect::<Vec<_>>()).await.unwrap();
    let mut wanted: Vec<_> = deliveries.iter().map(|one| (one.received_at, one.id)).collect();
    wanted.sort_unstable();
    wanted.reverse();
    let aside: HashSet<_> = deliveries.iter().step_by(2).map(|one| one.id).collect();
    for (state, expected) in [
        (None, wanted.clone()),
        (Some(JournalState::Quarantined), wanted.iter().filter(|(_, id)| aside.contains(id)).copied().collect()),
        (Some(JournalState::Pending), wanted.iter().filter(|(_, id)| !aside.contains(id)).copied().collect()),
        (Some(JournalState::Filed), Vec::new()),
    ] {
        for limit in [1, 4, 100] {
            let (mut seen, mut page) = (Vec::new(), Page::first(limit));
            loop {
                let lines = shop.store.journal_entries(&shop.tenant, state, &page).await.unwrap();
                assert!(lines.len() <= limit as usize);
                let Some(last) = lines.last() else { break };
                page.after = Some((last.received_at, last.id));
                seen.extend(lines.iter().map(|line| (line.received_at, line.id)));
            }
            assert_eq!(seen, expected, "{state:?} by {limit}");
        }
    }
}

/// Files a message that is judged so, received then, by that channel.
async fn judged(shop: &Shop, message: Message, class: Class, confidence: f64, at: Timestamp, channel: &str) -> Uuid {
    let sent = Delivery { received_at: at, tenant: shop.tenant.clone(), ..delivery(channel, &unique("key"), &unique("bytes")) };
    shop.journal(std::slice::from_ref(&sent)).await;
    let claimed = shop.claim().await;
    let mut reading = reading(&claimed[0], Vec::new());
    let mut read = read(message);
    read.verdict = verdict(class, confidence);
    reading.messages.push(read);
    shop.file(&[reading]).await;
    sent.id
}

async fn all_cases(shop: &Shop, filter: &CaseFilter, limit: u32) -> Vec<CaseRecord> {
    let (mut seen, mut page) = (Vec::new(), Page::first(limit));
    loop {
        let cases = shop.store.cases(&shop.tenant, filter, &page).await.unwrap();
        assert!(cases.len() <= limit as usize);
        let Some(last) = cases.last() else { return seen };
        page.after = Some((last.opened_at, last.id));
        seen.extend(cases);
    }
}

pub(crate) async fn cases_are_filtered(place: Place) {
    let shop = Shop::open(place).await;
    let start = Timestamp::from_seconds(1_700_000_000);
    for n in 0..36_u64 {
        let mut message = mail(&format!("klant{}@bouw.example", n % 5), &format!("Zaak {n}"), &unique("tekst"));
        message.body.language = ["nl", "en", "de"].get((n % 4) as usize).map(|code| (*code).to_owned());
        let class = Class::ALL[(n % 3) as usize];
        let confidence = if n % 6 == 0 { 0.4 } else { 0.9 };
        judged(&shop, message, class, confidence, start.plus(Duration::from_secs(n)), ["email.a", "form.b"][(n % 2) as usize]).await;
    }
    shop.place.execute("UPDATE cases SET status = 1 WHERE number % 7 = 0").await;
    let check = |filter: CaseFilter, fits: &'static (dyn Fn(u64) -> bool + Sync)| {
        let wanted: Vec<_> = (0..36_u64).rev().filter(|n| fits(*n)).map(|n| format!("Zaak {n}")).collect();
        let shop = &shop;
        async move {
            for limit in [1, 5, 100] {
                let found: Vec<_> = all_cases(shop, &filter, limit).await.into_iter().map(|case| case.title).collect();
                assert_eq!(found, wanted, "{filter:?} by {limit}");
            }
        }
    };
    let none = CaseFilter::default;
    check(none(), &|_| true).await;
    check(CaseFilter { class: Some(Class::Complaint), ..none() }, &|n| n % 3 == 2).await;
    check(CaseFilter { class: Some(Class::Inquiry), ..none() }, &|n| n % 3 == 0).await;
    check(CaseFilter { status: Some(CaseStatus::Closed), ..none() }, &|n| (10_001 + n) % 7 == 0).await;
    check(CaseFilter { status: Some(CaseStatus::Open), ..none() }, &|n| (10_001 + n) % 7 != 0).await;
    check(CaseFilter { channel: Some("form.b".into()), ..none() }, &|n| n % 2 == 1).await;
    check(CaseFilter { channel: Some("form".into()), ..none() }, &|_| false).await;
    check(CaseFilter { review: Some(true), ..none() }, &|n| n % 6 == 0).await;
    check(CaseFilter { review: Some(false), ..none() }, &|n| n % 6 != 0).await;
    check(CaseFilter { language: Some("de".into()), ..none() }, &|n| n % 4 == 2).await;
    check(CaseFilter { customer: Some("KLANT3@bouw.example".into()), ..none() }, &|n| n % 5 == 3).await;
    check(CaseFilter { customer: Some("klant9@bouw.example".into()), ..none() }, &|_| false).await;
    let at = |n: u64| Some(start.plus(Duration::from_secs(n)));
    check(CaseFilter { since: at(30), ..none() }, &|n| n >= 30).await;
    check(CaseFilter { until: at(3), ..none() }, &|n| n < 3).await;
    check(CaseFilter { since: at(3), until: at(3), ..none() }, &|_| false).await;
    let all = CaseFilter {
        class: Some(Class::Inquiry),
        status: Some(CaseStatus::Open),
        channel: Some("email.a".into()),
        review: Some(true),
        language: Some("nl".into()),
        customer: Some("klant2@bouw.example".into()),
        since: at(1),
        until: at(36),
    };
    check(all, &|n| n == 12).await;
    let record = &all_cases(&shop, &CaseFilter { class: Some(Class::Order), ..none() }, 100).await[0];
    assert_eq!((record.class, record.review, record.status, record.channel.as_str()), (Class::Order, false, CaseStatus::Open, "email.a"));
    assert_eq!((record.language.as_deref(), record.confidence, record.from.as_deref()), (Some("de"), 0.9, Some("klant4@bouw.example")));
    assert_eq!((record.opened_at, record.number, record.messages), (at(34).unwrap(), CaseNumber::from_counter(10_035), 1));
    assert!(record.customer.is_some() && record.updated_at > record.opened_at && record.tenant == shop.tenant);
}

pub(crate) async fn cases_are_paged_without_gaps(place: Place) {
    let shop = Shop::open(place).await;
    // All at one moment, and more arriving while somebody turns the pages.
    let moment = Timestamp::from_seconds(1_700_000_000);
    for n in 0..12 {
        judged(&shop, mail("jan@bouw.example", &format!("{n}"), &unique("x")), Class::Inquiry, 0.9, moment, "email.a").await;
    }
    let before: HashSet<_> = all_cases(&shop, &CaseFilter::default(), 100).await.into_iter().map(|case| case.id).collect();
    let (mut seen, mut page) = (Vec::new(), Page::first(5));
    loop {
        let cases = shop.store.cases(&shop.tenant, &CaseFilter::default(), &page).await.unwrap();
        let Some(last) = cases.last() else { break };
        page.after = Some((last.opened_at, last.id));
        seen.extend(cases.iter().map(|case| case.id));
        judged(&shop, mail("els@bouw.example", "later", &unique("x")), Class::Order, 0.9, Timestamp::now(), "email.a").await;
    }
    assert_eq!(seen.len(), 12);
    assert_eq!(seen.into_iter().collect::<HashSet<_>>(), before);
    assert!(shop.store.cases(&shop.tenant, &CaseFilter::default(), &Page::first(0)).await.unwrap().is_empty());
}

pub(crate) async fn a_case_tells_its_story(place: Place) {
    let shop = Shop::open(place).await;
    let mut question = mail("jan@bouw.example", "  Waar blijft\tmijn   order? ", "Ik wacht al een week.");
    question.from.as_mut().unwrap().name = Some("Jan Bouwman".into());
    question.warnings.push("odd".into());
    let first = shop.receive(question.clone()).await;
    let second = shop.receive(answer("jan@bouw.example", &question, "Nog steeds.")).await;
    let number: CaseNumber = shop.case_of(&first).await.unwrap().parse().unwrap();
    let case = shop.store.case(&shop.tenant, number).await.unwrap().unwrap();
    assert_eq!((case.title.as_str(), case.from.as_deref(), case.messages), ("Waar blijft mijn order?", Some("Jan Bouwman"), 2));
    assert_eq!(case.opened_at, first.received_at);
    let story = case.id;
    let messages = shop.store.case_messages(&shop.tenant, case.id, None, 10).await.unwrap();
    assert_eq!(messages.iter().map(|one| one.delivery).collect::<Vec<_>>(), [first.delivery, second.delivery]);
    let record = &messages[0];
    assert_eq!((&record.message, record.case, record.part), (&question, Some(number), 0));
    assert_eq!((record.reader.as_str(), record.channel.as_str(), record.customer), ("test/1", "email.support", case.customer));
    assert_eq!((&record.link, &record.verdict, record.received_at), (&first.links[0], &verdict(Class::Inquiry, 0.9), first.received_at));
    let alone = shop.store.message(&shop.tenant, record.id).await.unwrap().unwrap();
    assert_eq!((&alone.message, alone.case), (&question, Some(number)));
    assert!(shop.store.message(&shop.tenant, Uuid::now_v7()).await.unwrap().is_none());
    let events = shop.store.case_events(&shop.tenant, case.id, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), ["case.opened", "message.added"]);
    assert_eq!(events.iter().map(|event| event.message).collect::<Vec<_>>(), messages.iter().map(|one| Some(one.id)).collect::<Vec<_>>());
    assert_eq!(
        (events[0].actor.as_str(), &events[0].data["class"], &events[1].data["rule"]),
        ("loket", &"inquiry".into(), &"reply".into())
    );
    assert!(events[0].id < events[1].id && events[0].at >= first.received_at);
    // Nothing to show but its text.
    let untitled = Message { subject: Some(" ".into()), from: None, ..mail("x@y.example", "", &"Goedemorgen, ".repeat(100)) };
    let number = shop.case_of(&shop.receive(untitled).await).await.unwrap().parse().unwrap();
    let case = shop.store.case(&shop.tenant, number).await.unwrap().unwrap();
    assert!(case.title.starts_with("Goedemorgen, Goede") && case.title.chars().count() <= 120 && case.from.is_none());
    assert!(shop.store.case(&shop.tenant, CaseNumber::from_counter(99_999)).await.unwrap().is_none());
    assert!(shop.store.case(&Tenant::new("other"), number).await.unwrap().is_none());
    assert!(shop.store.case(&shop.tenant, CaseNumber::from_counter(u64::MAX)).await.unwrap().is_none());
    // One message's damage is its own: the case can still be read.
    let damage = format!("UPDATE message SET sealed = {} WHERE id = {}", shop.place.bytes("0107"), shop.place.id(messages[0].id));
    shop.place.execute(&damage).await;
    let messages = shop.store.case_messages(&shop.tenant, story, None, 10).await.unwrap();
    assert_eq!(messages.len(), 2);
    assert!(messages[0].message.warnings[0].contains("damaged"), "{:?}", messages[0].message);
    assert_eq!(messages[1].message.body.new_text, "Nog steeds.");
}

pub(crate) async fn long_cases_are_listed_in_part(place: Place) {
    let shop = Shop::open(place).await;
    let question = mail("jan@bouw.example", "Vraag", "Vraag");
    let number = shop.case_of(&shop.receive(question.clone()).await).await.unwrap().parse().unwrap();
    let batch = (0..150).map(|n| answer("jan@bouw.example", &question, &format!("Nog iets {n}"))).collect();
    shop.receive_all(batch).await;
    let case = shop.store.case(&shop.tenant, number).await.unwrap().unwrap();
    assert_eq!(case.messages, 151);
    let messages = shop.store.case_messages(&shop.tenant, case.id, None, 50).await.unwrap();
    assert_eq!((messages.len(), messages[49].message.body.new_text.as_str()), (50, "Nog iets 48"));
    assert_eq!(shop.store.case_events(&shop.tenant, case.id, 20).await.unwrap().len(), 20);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let some = shop.store.case_messages(&shop.tenant, case.id, after, 40).await.unwrap();
        let Some(last) = some.last() else { break };
        after = Some(last.id);
        seen.extend(some.into_iter().map(|one| one.message.body.new_text));
    }
    assert_eq!(seen[1..], (0..150).map(|n| format!("Nog iets {n}")).collect::<Vec<_>>());
}

pub(crate) async fn deliveries_are_replayed_in_order(place: Place) {
    let shop = Shop::open(place).await;
    let at = |n: u64| Timestamp::from_seconds(1_700_000_000).plus(Duration::from_secs(n));
    let channel = |n: usize| ["email.a", "form.b"][n % 2];
    let make = |n: usize| Delivery { received_at: at(n as u64), ..delivery(channel(n), &unique("key"), &format!("bytes {n}")) };
    let deliveries: Vec<_> = (0..10).map(make).collect();
    shop.journal(&deliveries).await;
    let claimed = shop.claim().await;
    let readings: Vec<_> = claimed[..6].iter().map(|one| reading(one, vec![mail("jan@bouw.example", "x", &unique("x")); 2])).collect();
    shop.file(&readings).await;
    let aside = |n: usize| Aside { delivery: claimed[n].delivery.id, error: "no".into(), retry_at: None, blameless: false };
    shop.store.set_aside(shop.owner, &[aside(6), aside(7)]).await.unwrap();
    shop.store.resolve_quarantine(&shop.tenant, claimed[7].delivery.id, Resolution::Discard, "ops").await.unwrap();
    // 0..6 filed, 6 quarantined, 7 discarded, 8 and 9 pending.
    let replay = |query: ReplayQuery| {
        let store = shop.store.clone();
        async move {
            let (mut seen, mut query) = (Vec::new(), query);
            loop {
                let some = store.replay_batch(&query).await.unwrap();
                let Some(last) = some.last() else { return seen };
                query.after = Some(last.delivery.id);
                seen.extend(some);
            }
        }
    };
    let all = |limit| ReplayQuery { limit, ..ReplayQuery::default() };
    for limit in [1, 3, 100] {
        let seen = replay(all(limit)).await;
        assert_eq!(
            seen.iter().map(|one| one.delivery.id).collect::<Vec<_>>(),
            deliveries[..7].iter().map(|one| one.id).collect::<Vec<_>>()
        );
        assert_eq!(seen[0].delivery.payload, deliveries[0].payload);
        assert_eq!(seen.iter().map(|one| one.messages.len()).collect::<Vec<_>>(), [2, 2, 2, 2, 2, 2, 0]);
        assert_eq!((seen[5].state, seen[6].state), (JournalState::Filed, JournalState::Quarantined));
        assert_eq!(seen[3].messages.iter().map(|one| one.part).collect::<Vec<_>>(), [0, 1]);
    }
    let some = replay(ReplayQuery { channel: Some("form.b".into()), since: Some(at(3)), ..all(2) }).await;
    assert_eq!(some.iter().map(|one| one.delivery.id).collect::<Vec<_>>(), [deliveries[3].id, deliveries[5].id]);
    // A damaged one is passed over, wherever it stands.
    for n in [0, 1, 2, 6] {
        let damage =
            format!("UPDATE payload SET sealed = {} WHERE delivery_id = {}", shop.place.bytes("07"), shop.place.id(deliveries[n].id));
        shop.place.execute(&damage).await;
    }
    assert_eq!(
        replay(all(1)).await.iter().map(|one| one.delivery.id).collect::<Vec<_>>(),
        [deliveries[3].id, deliveries[4].id, deliveries[5].id]
    );
    // Large ones come in small batches, whatever the limit says.
    let big: Vec<_> = (0..5).map(|n| delivery("mbox.big", &n.to_string(), &"groot ".repeat(1_500_000))).collect();
    shop.store.release_claims(Some(shop.owner)).await.unwrap();
    shop.journal(&big).await;
    let claimed = shop.claim().await;
    let readings: Vec<_> = claimed.iter().map(|one| reading(one, vec![mail("jan@bouw.example", "x", &unique("x"))])).collect();
    shop.file(&readings).await;
    let query = ReplayQuery { channel: Some("mbox.big".into()), ..all(100) };
    let first = shop.store.replay_batch(&query).await.unwrap();
    assert!(!first.is_empty() && first.len() < 5, "{}", first.len());
    assert_eq!(replay(query).await.len(), 5);
}

pub(crate) async fn messages_are_read_again(place: Place) {
    let shop = Shop::open(place).await;
    let (question, other) = (mail("jan@bouw.example", "Vraag", "Vraag =E9=E9n"), mail("els@sloop.example", "Anders", "Anders"));
    let first = shop.receive(question.clone()).await;
    let second = shop.receive(other.clone()).await;
    let number = shop.case_of(&first).await.unwrap().parse().unwrap();
    let case = shop.store.case(&shop.tenant, number).await.unwrap().unwrap();
    let before = shop.store.delivery_messages(&shop.tenant, first.delivery).await.unwrap().remove(0);
    let elses = shop.store.delivery_messages(&shop.tenant, second.delivery).await.unwrap().remove(0);
    let (delivery, _) = shop.store.delivery(&shop.tenant, first.delivery).await.unwrap().unwrap();
    // What is damaged is whole again after it.
    shop.place.execute(&format!("UPDATE message SET sealed = {} WHERE id = {}", shop.place.bytes("07"), shop.place.id(before.id))).await;
    let mut now = question.clone();
    now.body.new_text = "Vraag één".into();
    now.body.full_text = "Vraag één".into();
    let mut reading = read(now.clone());
    reading.reader = "test/2".into();
    reading.verdict = verdict(Class::Complaint, 0.7);
    let reread = |message| Reread { message, read: reading.clone(), fields: vec!["body.new_text".into()] };
    let rereads = [reread(before.id), reread(elses.id), reread(Uuid::now_v7())];
    assert_eq!(shop.store.reread(&delivery, &rereads).await.unwrap(), 1, "neither another delivery's nor nobody's");
    let after = shop.store.message(&shop.tenant, before.id).await.unwrap().unwrap();
    assert_eq!((&after.message, after.reader.as_str(), &after.link, after.case), (&now, "test/2", &before.link, Some(number)));
    assert_eq!(shop.store.message(&shop.tenant, elses.id).await.unwrap().unwrap().message, other);
    let unchanged = shop.store.case(&shop.tenant, number).await.unwrap().unwrap();
    assert_eq!((unchanged.class, unchanged.messages, unchanged.title), (case.class, 1, case.title));
    let events = shop.store.case_events(&shop.tenant, case.id, 9).await.unwrap();
    assert_eq!(
        (events[1].kind.as_str(), events[1].message, &events[1].data["class"]),
        ("message.reread", Some(before.id), &"complaint".into())
    );
    // It is known by what it says now.
    let again = Message { identity: None, ..now };
    assert_eq!(shop.receive(again).await.links[0].rule, "content");
}

pub(crate) async fn quarantine_is_resolved(place: Place) {
    let shop = Shop::open(place).await;
    shop.journal(&[shop.delivery(), shop.delivery(), shop.delivery()]).await;
    let claimed = shop.claim().await;
    let id = |n: usize| claimed[n].delivery.id;
    let aside = |n: usize| Aside { delivery: id(n), error: "no reader".into(), retry_at: None, blameless: false };
    shop.store.set_aside(shop.owner, &[aside(0), aside(1)]).await.unwrap();
    let resolve = |n: usize, resolution| {
        let (store, tenant) = (shop.store.clone(), shop.tenant.clone());
        async move { store.resolve_quarantine(&tenant, id(n), resolution, "els").await.unwrap() }
    };
    assert!(!shop.store.resolve_quarantine(&Tenant::new("other"), id(0), Resolution::Retry, "x").await.unwrap());
    assert!(!resolve(2, Resolution::Discard).await, "it is not in quarantine");
    assert!(resolve(0, Resolution::Retry).await);
    assert!(!resolve(0, Resolution::Retry).await, "nor is this one any more");
    assert!(resolve(1, Resolution::Discard).await);
    assert!(!resolve(1, Resolution::Retry).await, "discarded is for good");
    let line = |n: usize| {
        let (store, tenant) = (shop.store.clone(), shop.tenant.clone());
        async move { store.delivery(&tenant, id(n)).await.unwrap().unwrap() }
    };
    assert_eq!(line(1).await.1.state, JournalState::Discarded);
    assert_eq!(line(1).await.0.payload, claimed[1].delivery.payload, "its bytes are kept");
    assert_eq!((line(0).await.1.state, line(0).await.1.attempts), (JournalState::Pending, 0));
    let again = shop.claim().await;
    assert_eq!((again.len(), again[0].delivery.id, again[0].attempts), (1, id(0), 1));
    let kinds = shop.place.texts("SELECT kind FROM event ORDER BY id").await;
    assert_eq!(kinds, ["delivery.retried", "delivery.discarded"]);
}
