//! What goes out: asked for in the transaction of what it answers, claimed by one, the same at every attempt.

use std::time::Duration;

use loket_core::message::{Address, Automatic, Message, Party};
use loket_core::outbound::{
    Answer, ByItself, NewOutbound, Outbound, OutboundCounts, OutboundEnd, OutboundFilter, OutboundKind, OutboundState, Prepared,
};
use loket_core::same::Relation;
use loket_core::store::{Filed, Page};
use loket_core::time::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::place::{Place, Shop, answer, mail, reading, unique};

const SENDER: &str = "outgoing.main";

fn acknowledges() -> Option<Answer> {
    Some(Answer { sender: SENDER.into(), by_itself: ByItself::Acknowledgement, order_responses: false })
}

/// Files a message that came by a channel whose messages are acknowledged.
async fn receive(shop: &Shop, message: Message) -> Filed {
    shop.journal(&[shop.delivery()]).await;
    let claimed = shop.claim().await.remove(0);
    let mut read = reading(&claimed, vec![message]);
    read.answer = acknowledges();
    shop.file(&[read]).await.remove(0)
}

async fn claim(shop: &Shop, owner: Uuid) -> Vec<Outbound> {
    let until = Timestamp::now().plus(Duration::from_secs(60));
    shop.store.claim_outbound(&shop.tenant, SENDER, owner, until, 10).await.unwrap()
}

fn prepared(to: &str) -> Prepared {
    let payload = format!("Subject: Ontvangen \u{e9}\r\n\r\n{to}\0").into_bytes();
    Prepared { identity: Some(format!("{}@loket.example", unique("UIT"))), to: vec![to.into()], payload, envelope: json!({ "from": null }) }
}

async fn all(shop: &Shop) -> Vec<Outbound> {
    shop.store.outbounds(&shop.tenant, &OutboundFilter::default(), &Page::first(100)).await.unwrap()
}

pub(crate) async fn only_people_who_open_a_case_are_acknowledged(place: Place) {
    let shop = Shop::open(place).await;
    let question = mail("jan@bouw.example", "Vraag", "Wanneer komt het?");
    receive(&shop, question.clone()).await;
    for (automatic, text) in
        [(Automatic::Reply, "Afwezig"), (Automatic::Bounce, "Onbestelbaar"), (Automatic::Bulk, "Nieuws"), (Automatic::Generated, "Bon")]
    {
        receive(&shop, Message { automatic, ..mail("robot@bouw.example", text, text) }).await;
    }
    receive(&shop, question.clone()).await;
    receive(&shop, answer("jan@bouw.example", &question, "Nog iets")).await;
    let found = all(&shop).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].state, found[0].attempts), (OutboundKind::Acknowledgement, OutboundState::Waiting, 0));
    let message = shop.store.message(&shop.tenant, found[0].message.unwrap()).await.unwrap().unwrap();
    assert_eq!((message.message.subject.as_deref(), message.case), (Some("Vraag"), found[0].case));
    // Another channel's messages are not.
    shop.receive(mail("piet@bouw.example", "Vraag", "En deze?")).await;
    assert_eq!(all(&shop).await.len(), 1);
}

pub(crate) async fn one_sender_at_a_time_has_it(place: Place) {
    let shop = Shop::open(place).await;
    receive(&shop, mail("jan@bouw.example", "Vraag", "Een")).await;
    receive(&shop, mail("piet@bouw.example", "Vraag", "Twee")).await;
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let first = claim(&shop, one).await;
    assert_eq!(first.iter().map(|item| item.attempts).collect::<Vec<_>>(), [1, 1]);
    assert!(claim(&shop, other).await.is_empty());
    assert!(shop.store.claim_outbound(&shop.tenant, "outgoing.else", other, Timestamp::now(), 9).await.unwrap().is_empty());
    // One whose claim has run out is overtaken, and cannot write any more.
    let past = Timestamp::now().minus(Duration::from_secs(1));
    shop.store.end_outbound(one, &first[0], &OutboundEnd::Retry(Timestamp::default(), "weg".into())).await.unwrap();
    assert_eq!(shop.store.claim_outbound(&shop.tenant, SENDER, one, past, 9).await.unwrap().len(), 1);
    let taken = claim(&shop, other).await;
    assert_eq!((taken.len(), taken[0].attempts), (1, 3));
    assert!(!shop.store.keep_prepared(one, &taken[0], &prepared("jan@bouw.example")).await.unwrap());
    shop.store.end_outbound(one, &taken[0], &OutboundEnd::Sent("250".into())).await.unwrap();
    assert_eq!(shop.store.outbound(&shop.tenant, taken[0].id).await.unwrap().unwrap().state, OutboundState::Waiting);
    assert!(shop.store.keep_prepared(other, &taken[0], &prepared("jan@bouw.example")).await.unwrap());
}

pub(crate) async fn the_same_bytes_go_out_at_every_attempt(place: Place) {
    let shop = Shop::open(place).await;
    receive(&shop, mail("jan@bouw.example", "Vraag", "Een")).await;
    let owner = Uuid::now_v7();
    let item = claim(&shop, owner).await.remove(0);
    assert_eq!(item.prepared, None);
    let mut made = prepared("jan@bouw.example");
    made.payload.push(0xff);
    assert!(shop.store.keep_prepared(owner, &item, &made).await.unwrap());
    shop.store.end_outbound(owner, &item, &OutboundEnd::Retry(Timestamp::default(), "421 later".into())).await.unwrap();
    let again = claim(&shop, owner).await.remove(0);
    assert_eq!((again.attempts, again.said.as_deref(), again.prepared), (2, Some("421 later"), Some(made)));
}

pub(crate) async fn it_ends_in_four_ways(place: Place) {
    let shop = Shop::open(place).await;
    let owner = Uuid::now_v7();
    for n in 0..4 {
        receive(&shop, mail(&format!("klant{n}@bouw.example"), "Vraag", &format!("vraag {n}"))).await;
    }
    let items = claim(&shop, owner).await;
    let later = Timestamp::now().plus(Duration::from_secs(3_600));
    let ends = [
        OutboundEnd::Sent("250 2.0.0 Ok: queued as 4711".into()),
        OutboundEnd::Retry(later, "451 later".into()),
        OutboundEnd::Failed("550 no such user".into()),
        OutboundEnd::Withheld("it came from a list".into()),
    ];
    for (item, end) in items.iter().zip(&ends) {
        shop.store.end_outbound(owner, item, end).await.unwrap();
    }
    assert!(claim(&shop, owner).await.is_empty(), "the one to be tried again has its time");
    let states = [OutboundState::Sent, OutboundState::Waiting, OutboundState::Failed, OutboundState::Withheld];
    for (item, state) in items.iter().zip(states) {
        let filter = OutboundFilter { state: Some(state), case: item.case, sender: Some(SENDER.into()) };
        let found = shop.store.outbounds(&shop.tenant, &filter, &Page::first(9)).await.unwrap();
        assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), [item.id], "{state:?}");
        assert_eq!(found[0].sent_at.is_some(), state == OutboundState::Sent);
        assert_eq!(found[0].next_attempt.is_some(), state == OutboundState::Waiting);
        let case = shop.store.case(&shop.tenant, item.case.unwrap()).await.unwrap().unwrap();
        let kinds: Vec<_> = shop.store.case_events(&shop.tenant, case.id, 9).await.unwrap().into_iter().map(|event| event.kind).collect();
        let expected = if state == OutboundState::Waiting { vec![] } else { vec![format!("acknowledgement.{}", state.name())] };
        assert_eq!(kinds[1..], expected, "{state:?}");
    }
    let OutboundCounts { waiting, failed, oldest } = shop.store.outbound_counts().await.unwrap();
    assert_eq!((waiting, failed, oldest.is_some()), (1, 1, true));
    // Somebody has mended what was wrong.
    for (item, can) in items.iter().zip([false, false, true, true]) {
        assert_eq!(shop.store.retry_outbound(&shop.tenant, item.id, "toets").await.unwrap(), can, "{item:?}");
    }
    let again = claim(&shop, owner).await;
    assert_eq!(again.iter().map(|item| (item.attempts, item.prepared.is_some())).collect::<Vec<_>>(), [(1, false), (1, false)]);
    assert!(!shop.store.retry_outbound(&shop.tenant, Uuid::now_v7(), "toets").await.unwrap());
}

pub(crate) async fn addresses_are_counted(place: Place) {
    let shop = Shop::open(place).await;
    let owner = Uuid::now_v7();
    let since = Timestamp::now().minus(Duration::from_secs(3_600));
    let count = |address: &'static str, since: Timestamp| {
        let (store, tenant) = (shop.store.clone(), shop.tenant.clone());
        async move { store.outbound_recently(&tenant, OutboundKind::Acknowledgement, address, since).await.unwrap() }
    };
    for n in 0..3 {
        receive(&shop, mail("jan@bouw.example", "Vraag", &format!("vraag {n}"))).await;
        let item = claim(&shop, owner).await.remove(0);
        assert_eq!(count("JAN@bouw.example", since).await, n);
        shop.store.keep_prepared(owner, &item, &prepared("Jan@Bouw.example")).await.unwrap();
        let end = if n == 2 { OutboundEnd::Withheld("genoeg".into()) } else { OutboundEnd::Sent("250".into()) };
        shop.store.end_outbound(owner, &item, &end).await.unwrap();
    }
    assert_eq!(count("jan@bouw.example", since).await, 2, "what is withheld does not count");
    assert_eq!(count("jan@bouw.example", Timestamp::now().plus(Duration::from_secs(60))).await, 0);
    assert_eq!(count("piet@bouw.example", since).await, 0);
}

pub(crate) async fn a_signed_address_and_our_own_mail_lead_to_the_case(place: Place) {
    let shop = Shop::open(place).await;
    let owner = Uuid::now_v7();
    let first = receive(&shop, mail("jan@bouw.example", "Vraag", "Wanneer komt het?")).await;
    let case = shop.case_of(&first).await.unwrap();
    let item = claim(&shop, owner).await.remove(0);
    let made = prepared("jan@bouw.example");
    shop.store.keep_prepared(owner, &item, &made).await.unwrap();
    shop.store.end_outbound(owner, &item, &OutboundEnd::Sent("250".into())).await.unwrap();

    // By our Message-ID, in another spelling.
    let answering = |from: &str, text: &str| {
        let mut message = mail(from, "Re: ontvangen", text);
        message.thread.in_reply_to = vec![made.identity.clone().unwrap().to_lowercase()];
        message
    };
    let filed = shop.receive(answering("jan@bouw.example", "Dank!")).await;
    assert_eq!((filed.links[0].rule.as_str(), shop.case_of(&filed).await), ("reply", Some(case.clone())));
    let filed = shop.receive(answering("boef@elders.example", "Stuur mij alles")).await;
    assert_eq!(filed.links[0].relation, Relation::Related);
    assert_ne!(shop.case_of(&filed).await, Some(case.clone()));

    // By the signed address: whoever has it was written to, but a new sender is not taken for the customer.
    let mark = shop.store.reply_mark(&shop.tenant, item.case.unwrap());
    let to_mark = |from: &str, text: &str, mark: &str| Message {
        to: vec![Party { address: Some(Address::mail(format!("support+{mark}@example.nl"))), ..Party::default() }],
        ..mail(from, "Nieuw onderwerp", text)
    };
    let filed = shop.receive(to_mark("jan@bouw.example", "Nog iets", &mark)).await;
    assert_eq!((filed.links[0].rule.as_str(), filed.links[0].unverified), ("reply-address", false));
    assert_eq!(shop.case_of(&filed).await, Some(case.clone()));
    let filed = shop.receive(to_mark("collega@elders.example", "Ik neem dit over", &mark)).await;
    assert_eq!((filed.links[0].rule.as_str(), filed.links[0].unverified), ("reply-address", true));
    assert_eq!(shop.case_of(&filed).await, Some(case.clone()));
    // Which did not make the colleague a participant.
    let filed = shop.receive(answering("collega@elders.example", "En nu zonder adres")).await;
    assert_eq!(filed.links[0].relation, Relation::Related);
    let mut guess = mark.clone();
    guess.replace_range(guess.len() - 4.., "aaaa");
    let filed = shop.receive(to_mark("boef@elders.example", "Gegokt", &guess)).await;
    assert_ne!(shop.case_of(&filed).await, Some(case.clone()));
    // The mailbox that it was delivered to counts as well as the header.
    let mut hidden = mail("jan@bouw.example", "Los", "Zonder To");
    hidden.extra.insert("delivered_to".into(), json!([format!("support+{}@example.nl", mark.to_uppercase())]));
    let filed = shop.receive(hidden).await;
    assert_eq!(shop.case_of(&filed).await, Some(case));
}

pub(crate) async fn a_bounce_goes_to_the_case_of_what_bounced(place: Place) {
    let shop = Shop::open(place).await;
    let owner = Uuid::now_v7();
    let question = mail("jan@bouw.example", "Vraag", "Wanneer komt het?");
    let first = receive(&shop, question.clone()).await;
    let case = shop.case_of(&first).await;
    let item = claim(&shop, owner).await.remove(0);
    let made = prepared("jan@bouw.example");
    shop.store.keep_prepared(owner, &item, &made).await.unwrap();
    shop.store.end_outbound(owner, &item, &OutboundEnd::Sent("250".into())).await.unwrap();
    let bounce = |id: &str| {
        let mut message = Message { automatic: Automatic::Bounce, ..mail("mailer-daemon@mx.example", "Undelivered Mail", &unique("dsn")) };
        message.extra.insert("bounce".into(), json!({ "address": "jan@bouw.example", "permanent": true, "message_id": id }));
        message
    };
    let filed = shop.receive(bounce(made.identity.as_deref().unwrap())).await;
    assert_eq!((filed.links[0].rule.as_str(), shop.case_of(&filed).await), ("bounce", case.clone()));
    let case = shop.store.case(&shop.tenant, case.unwrap().parse().unwrap()).await.unwrap().unwrap();
    let events = shop.store.case_events(&shop.tenant, case.id, 9).await.unwrap();
    let told = events.iter().find(|event| event.kind == "mail.bounced").unwrap();
    assert_eq!((&told.data["bounce"]["address"], &told.data["bounce"]["permanent"]), (&json!("jan@bouw.example"), &json!(true)));
    // A report on a mail that is not ours enters nobody's case.
    for id in [question.identity.as_ref().unwrap().value.as_str(), "onbekend@elders.example"] {
        let filed = shop.receive(bounce(id)).await;
        assert_eq!(shop.case_of(&filed).await, None, "{id}");
    }
}

pub(crate) async fn the_same_key_is_kept_once(place: Place) {
    let shop = Shop::open(place).await;
    let filed = shop.receive(mail("jan@bouw.example", "Vraag", "Wanneer komt het?")).await;
    let message = shop.store.delivery_messages(&shop.tenant, filed.delivery).await.unwrap().remove(0);
    let case = shop.store.case(&shop.tenant, message.case.unwrap()).await.unwrap().unwrap();
    let reply = |key: &str| NewOutbound {
        tenant: shop.tenant.clone(),
        sender: SENDER.into(),
        kind: OutboundKind::Reply,
        key: key.into(),
        case: Some(case.id),
        message: Some(message.id),
        delivery: None,
        content: json!({ "text": "Morgen." }),
    };
    let (first, known) = shop.store.add_outbound(&reply("een"), "sleutel").await.unwrap();
    assert!(!known);
    assert_eq!(shop.store.add_outbound(&reply("een"), "sleutel").await.unwrap(), (first, true));
    let (second, known) = shop.store.add_outbound(&reply("twee"), "sleutel").await.unwrap();
    assert!(second != first && !known);
    let found = shop.store.outbound(&shop.tenant, first).await.unwrap().unwrap();
    assert_eq!((found.content, found.case), (json!({ "text": "Morgen." }), message.case));
    let events = shop.store.case_events(&shop.tenant, case.id, 9).await.unwrap();
    let asked: Vec<_> = events.iter().filter(|event| event.kind == "reply.asked").map(|event| event.actor.as_str()).collect();
    assert_eq!(asked, ["sleutel", "sleutel"]);
}

pub(crate) async fn numbers_are_never_given_twice(place: Place) {
    let shop = Shop::open(place).await;
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let (store, tenant) = (shop.store.clone(), shop.tenant.clone());
        tasks.push(tokio::spawn(async move { store.next_number(&tenant, "edi.acme").await.unwrap() }));
    }
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    assert_eq!(shop.store.next_number(&shop.tenant, "edi.other").await.unwrap(), 1);
}
