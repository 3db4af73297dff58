//! Text as nobody would write it, and as somebody will.

use loket_core::classify::Evidence;
use loket_core::delivery::{Delivery, Tenant};
use loket_core::keys::{self, Access};
use loket_core::message::{Address, Attachment, Identity, Message};
use loket_core::store::{Aside, CaseFilter, JournalBatch, JournalState, Page, Position, ReplayQuery, Resolution};
use serde_json::json;

use crate::place::{Place, Shop, delivery, mail, read, reading, unique};

/// The same odd text wherever a text can go, in and out again.
async fn everywhere(shop: &Shop, odd: &str) {
    let tenant = Tenant::new(odd);
    let key = format!("{odd}{}", unique("key"));
    let mut sent = Delivery { tenant: tenant.clone(), media_type: odd.into(), ..delivery(odd, &key, odd) };
    sent.envelope = json!({ odd: [odd, { "to": odd }] }).as_object().unwrap().clone();
    let lease = shop.store.lease(odd, shop.owner, std::time::Duration::from_secs(60)).await.unwrap().unwrap();
    let position = Position { tenant: tenant.clone(), channel: odd.into(), source: odd.into(), value: odd.into() };
    let batch = JournalBatch { positions: vec![position], leases: vec![lease.clone()], ..crate::place::batch(std::slice::from_ref(&sent)) };
    assert!(!shop.store.journal(&batch).await.unwrap()[0].known);
    assert!(shop.store.journal(&crate::place::batch(std::slice::from_ref(&sent))).await.unwrap()[0].known);
    shop.store.release_lease(&lease).await.unwrap();
    assert_eq!(shop.store.position(&tenant, odd, odd).await.unwrap().as_deref(), Some(odd));
    assert_eq!(shop.store.find_delivery(&tenant, odd, &key).await.unwrap().map(|(id, _)| id), Some(sent.id));
    assert_eq!(shop.store.journal_count(&tenant, odd, odd).await.unwrap(), 1);

    let claimed = shop.claim().await;
    let kept = &claimed[0].delivery;
    assert_eq!((&kept.tenant, &*kept.channel, &kept.key, &kept.media_type), (&tenant, odd, &key, &sent.media_type));
    assert_eq!((&kept.envelope, &kept.payload), (&sent.envelope, &sent.payload));
    let mut message = Message { identity: Some(Identity { kind: odd.into(), value: odd.into() }), ..mail("jan@bouw.example", odd, odd) };
    message.from.as_mut().unwrap().name = Some(odd.into());
    message.from.as_mut().unwrap().also = vec![Address::mail(format!("{odd}@bouw.example"))];
    message.thread.in_reply_to = vec![odd.into()];
    message.thread.conversation = Some(odd.into());
    // A language that is longer than any is none for the list of cases.
    let language = (odd.len() <= 35).then(|| odd.to_owned());
    message.body.language = Some(odd.into());
    message.body.html = Some(odd.into());
    message.attachments = vec![Attachment { name: Some(odd.into()), media_type: odd.into(), sha256: odd.into(), ..Attachment::default() }];
    message.extra = json!({ odd: { odd: odd } }).as_object().unwrap().clone();
    message.warnings = vec![odd.into()];
    let mut reading = reading(&claimed[0], Vec::new());
    let mut read = read(message.clone());
    read.reader = odd.into();
    read.verdict.language = Some(odd.into());
    read.verdict.evidence = vec![Evidence { text: odd.into(), weight: 1.0, place: odd.into(), start: 0, end: odd.len() }];
    reading.messages.push(read.clone());
    shop.file(&[reading]).await;
    let record = shop.store.delivery_messages(&tenant, sent.id).await.unwrap().pop().unwrap();
    assert_eq!((&record.message, &record.verdict, record.reader.as_str(), record.channel.as_str()), (&message, &read.verdict, odd, odd));
    let filter = CaseFilter {
        channel: Some(odd.into()),
        language: language.clone(),
        customer: Some(format!("{odd}@bouw.example")),
        ..CaseFilter::default()
    };
    let cases = shop.store.cases(&tenant, &filter, &Page::first(5)).await.unwrap();
    assert_eq!(cases.len(), 1);
    assert_eq!(
        (cases[0].channel.as_str(), cases[0].language.clone(), cases[0].from.as_deref(), &cases[0].tenant),
        (odd, language, Some(odd), &tenant)
    );
    let replay = ReplayQuery { channel: Some(odd.into()), limit: 5, ..ReplayQuery::default() };
    assert_eq!(shop.store.replay_batch(&replay).await.unwrap().len(), 1);

    let second = Delivery { tenant: tenant.clone(), ..delivery(odd, &unique("key"), "x") };
    shop.journal(std::slice::from_ref(&second)).await;
    assert_eq!(shop.claim().await.len(), 1);
    let aside = Aside { delivery: second.id, error: odd.into(), retry_at: None, blameless: false };
    shop.store.set_aside(shop.owner, &[aside]).await.unwrap();
    let lines = shop.store.journal_entries(&tenant, Some(JournalState::Quarantined), &Page::first(5)).await.unwrap();
    assert!(odd.starts_with(lines[0].error.as_deref().unwrap()) && lines[0].channel == odd, "{lines:?}");
    assert!(shop.store.resolve_quarantine(&tenant, second.id, Resolution::Discard, odd).await.unwrap());

    let (_, key) = keys::create(tenant.clone(), odd, Access::Read).unwrap();
    shop.store.add_key(&key).await.unwrap();
    let kept = shop.store.key_by_hash(&key.hash).await.unwrap().unwrap();
    assert_eq!((kept.name.as_str(), &kept.tenant), (odd, &tenant));
}

pub(crate) async fn nul_everywhere_comes_back(place: Place) {
    let shop = Shop::open(place).await;
    for odd in ["a\0b", "\0", "\0\u{1}0", "\u{1}0", "\u{1}"] {
        everywhere(&shop, odd).await;
    }
}

pub(crate) async fn long_and_odd_text_comes_back(place: Place) {
    let shop = Shop::open(place).await;
    let odd = [
        "'; DROP TABLE delivery; --",
        "\\' $1 ?1 %s {0} :name",
        "👩‍👩‍👧‍👦 🧾 naïve\u{301} ﷽",
        "\u{feff}\u{202e}txet\u{200b} \u{fffd}\u{fffe}\u{10ffff}",
        "\r\n\t\u{7f}\u{1b}[31m\u{85}",
        "ß İ ı ẞ ǆ Σς",
    ];
    for odd in odd.into_iter().map(str::to_owned).chain(["x".repeat(300), "ä".repeat(190)]) {
        everywhere(&shop, &odd).await;
    }
    // What has no limit of its own: 3 MB of each.
    let long = "Eén regel tekst van een klant. ".repeat(100_000);
    let mut message = mail("jan@bouw.example", &long, &long);
    message.thread.references = (0..2_000).map(|n| format!("{n}@x.example")).collect();
    message.warnings = vec!["odd".into(); 10_000];
    message.body.html = Some(long.clone());
    let filed = shop.receive(message.clone()).await;
    let record = shop.store.delivery_messages(&shop.tenant, filed.delivery).await.unwrap().pop().unwrap();
    assert_eq!(record.message, message);
    let case = shop.store.case(&shop.tenant, record.case.unwrap()).await.unwrap().unwrap();
    assert_eq!(case.title.chars().count(), 120);
    // A message nested as deep as JSON from a form can be is filed and can be read again.
    let deep = (0..120).fold(json!("bodem"), |inner, _| json!({ "a": inner }));
    let mut message = mail("jan@bouw.example", "Diep", "Diep");
    message.extra.insert("form".into(), deep);
    let filed = shop.receive(message.clone()).await;
    let record = shop.store.delivery_messages(&shop.tenant, filed.delivery).await.unwrap().pop().unwrap();
    assert_eq!(record.message, message);
}
