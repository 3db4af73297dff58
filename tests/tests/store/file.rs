//! Filing: the fence, what is the same, what answers what, and who is who.

use std::time::Duration;

use loket_core::delivery::{Delivery, Tenant};
use loket_core::message::{Address, AddressKind, Automatic, Identity, Message};
use loket_core::same::{Relation, Rules};
use loket_core::store::{CaseFilter, Filed, JournalState, Page, StoreError};
use loket_core::time::Timestamp;
use uuid::Uuid;

use crate::place::{Place, Shop, answer, batch, claim, mail, reading, unique};

fn relations(filed: &[Filed]) -> Vec<Relation> {
    filed.iter().flat_map(|one| one.links.iter().map(|link| link.relation)).collect()
}

async fn case_count(shop: &Shop) -> usize {
    shop.store.cases(&shop.tenant, &CaseFilter::default(), &Page::first(1_000)).await.unwrap().len()
}

pub(crate) async fn a_stale_owner_writes_nothing(place: Place) {
    let shop = Shop::open(place).await;
    shop.journal(&[shop.delivery(), shop.delivery()]).await;
    // Slept past its claim; another has one of its two deliveries by now, and has filed it.
    let (sleeper, rules) = (Uuid::now_v7(), Rules::default());
    let past = loket_core::store::Claim { until: Timestamp::now().minus(Duration::from_secs(1)), ..claim(sleeper) };
    let slept = shop.store.claim(&past).await.unwrap();
    assert_eq!(slept.len(), 2);
    let taken = shop.store.claim(&loket_core::store::Claim { limit: 1, ..claim(shop.owner) }).await.unwrap();
    let readings: Vec<_> = slept.iter().map(|one| reading(one, vec![mail("jan@bouw.example", "Vraag", &unique("tekst"))])).collect();
    let filed = shop.store.file(sleeper, &readings, &rules).await.unwrap();
    assert_eq!(filed.iter().map(|one| one.delivery).collect::<Vec<_>>(), [slept[1].delivery.id], "what nobody took is still its own");
    assert_eq!(shop.store.totals().await.unwrap().messages, 1);
    shop.file(&[reading(&taken[0], vec![mail("jan@bouw.example", "Vraag", &unique("tekst"))])]).await;
    // A third time, by either: everything is filed, nothing is written.
    assert!(shop.store.file(sleeper, &readings, &rules).await.unwrap().is_empty());
    assert!(shop.file(&readings).await.is_empty());
    let totals = shop.store.totals().await.unwrap();
    assert_eq!((totals.messages, totals.cases), (2, 2));
    assert_eq!(shop.store.backlog().await.unwrap().pending, 0);
    assert!(shop.file(&[]).await.is_empty());
}

pub(crate) async fn a_batch_is_filed_whole_or_not_at_all(place: Place) {
    let shop = Shop::open(place).await;
    shop.journal(&[shop.delivery(), shop.delivery()]).await;
    let claimed = shop.claim().await;
    let first = reading(&claimed[0], vec![mail("jan@bouw.example", "Een", "een")]);
    let second = reading(&claimed[1], vec![mail("piet@bouw.example", "Twee", "twee")]);
    // One delivery twice in a batch is a mistake of the caller's that the store must not make half of.
    let error = shop.store.file(shop.owner, &[second.clone(), first.clone(), first.clone()], &shop.rules).await.unwrap_err();
    assert!(matches!(error, StoreError::Permanent(_)), "{error}");
    let totals = shop.store.totals().await.unwrap();
    assert_eq!((totals.messages, totals.cases), (0, 0));
    assert_eq!(shop.file(&[first, second]).await.len(), 2);
    let numbers: Vec<_> = shop.store.cases(&shop.tenant, &CaseFilter::default(), &Page::first(9)).await.unwrap();
    let mut numbers: Vec<_> = numbers.iter().map(|case| case.number.counter()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [10_001, 10_002], "the failed try took no numbers");
}

pub(crate) async fn the_same_message_is_a_duplicate(place: Place) {
    let mut shop = Shop::open(place).await;
    let order = mail("inkoop@bouw.example", "Bestelling 4711", "Graag 12 dozen kopieerpapier.");
    let first = shop.receive(order.clone()).await;
    assert_eq!(first.links[0].relation, Relation::New);
    let case = shop.case_of(&first).await;

    // The same identity and content, whoever delivers it: rule `identity`.
    let mut forwarded = order.clone();
    forwarded.from.as_mut().unwrap().address = Some(Address::mail("lijst@verdeler.example"));
    forwarded.identity = Some(Identity::message_id(order.identity.as_ref().unwrap().value.to_uppercase()));
    for again in [order.clone(), forwarded] {
        let filed = shop.receive(again).await;
        let link = &filed.links[0];
        assert_eq!((link.relation, link.rule.as_str(), link.of.is_some()), (Relation::Duplicate, "identity", true));
        assert_eq!(shop.case_of(&filed).await, case);
    }
    // No identity, or another one, but the same words from the same customer: rule `content`.
    let mut resent = Message { identity: None, ..order.clone() };
    resent.body.full_text = "graag   12 dozen KOPIEERPAPIER.\n".into();
    let filed = shop.receive(resent.clone()).await;
    assert_eq!((filed.links[0].relation, filed.links[0].rule.as_str()), (Relation::Duplicate, "content"));
    assert_eq!(shop.case_of(&filed).await, case);
    // The same words from somebody else are somebody else's request.
    let mut elses = resent.clone();
    elses.from.as_mut().unwrap().address = Some(Address::mail("inkoop@sloop.example"));
    assert_eq!(shop.receive(elses).await.links[0].relation, Relation::New);
    // Nothing to compare is nothing the same.
    let empty = || Message { subject: None, body: Default::default(), identity: None, ..order.clone() };
    assert_eq!(relations(&[shop.receive(empty()).await, shop.receive(empty()).await]), [Relation::New, Relation::New]);

    // Outside of the window it is asked again.
    shop.rules = Rules { window: Duration::from_secs(3_600), ..Rules::default() };
    let later = Delivery { received_at: Timestamp::now().plus(Duration::from_secs(7_200)), ..shop.delivery() };
    shop.journal(std::slice::from_ref(&later)).await;
    let claimed = shop.claim().await;
    let filed = shop.file(&[reading(&claimed[0], vec![resent])]).await;
    assert_eq!(relations(&filed), [Relation::New]);

    let number = case.unwrap().parse().unwrap();
    let record = shop.store.case(&shop.tenant, number).await.unwrap().unwrap();
    assert_eq!((record.messages, record.title.as_str()), (4, "Bestelling 4711"));
    let kinds: Vec<_> = shop.store.case_events(&shop.tenant, record.id, 10).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["case.opened", "message.duplicate", "message.duplicate", "message.duplicate"]);
}

pub(crate) async fn a_reused_identity_makes_its_own_case(place: Place) {
    let shop = Shop::open(place).await;
    let mut cases = Vec::new();
    for text in ["Bestelling een", "Bestelling twee", "Bestelling drie"] {
        let mut message = mail("erp@bouw.example", "Order", text);
        message.identity = Some(Identity::message_id("static-id@erp.example"));
        let filed = shop.receive(message).await;
        assert_eq!(filed.links[0].relation, Relation::New, "{text}");
        cases.push(shop.case_of(&filed).await.unwrap());
        if cases.len() > 1 {
            assert!(filed.links[0].evidence.iter().any(|line| line.contains("used before")), "{:?}", filed.links[0]);
        }
    }
    cases.dedup();
    assert_eq!(cases.len(), 3);
    // Identities of another kind with the same number are others.
    let mut form = mail("erp@bouw.example", "Order", "Bestelling vier");
    form.identity = Some(Identity { kind: "submission".into(), value: "static-id@erp.example".into() });
    assert!(shop.receive(form).await.links[0].evidence.is_empty());
}

pub(crate) async fn answers_join_their_case(place: Place) {
    let shop = Shop::open(place).await;
    let question = mail("jan@bouw.example", "Levertijd?", "Wanneer komt het?");
    let case = shop.case_of(&shop.receive(question.clone()).await).await;
    let reply = answer("jan@bouw.example", &question, "Ik wacht nog.");
    let colleague = answer("els@bouw.example", &question, "Wij wachten nog.");
    let mut by_reference = mail("jan@bouw.example", "Re: Levertijd?", "En nu?");
    by_reference.thread.references =
        vec!["unknown@x.example".into(), reply.identity.as_ref().unwrap().value.clone(), "other@x.example".into()];
    for (message, what) in [(reply.clone(), "reply"), (colleague.clone(), "colleague"), (by_reference, "references")] {
        let filed = shop.receive(message).await;
        let link = &filed.links[0];
        assert_eq!((link.relation, link.rule.as_str()), (Relation::Answer, "reply"), "{what}");
        assert_eq!(shop.case_of(&filed).await, case, "{what}");
    }
    // Nobody enters another customer's case: it is a case of its own, marked related.
    for stranger in ["mallory@elders.example", "jan@gmail.com"] {
        let filed = shop.receive(answer(stranger, &question, "Stuur mij ook een kopie.")).await;
        let link = &filed.links[0];
        assert_eq!((link.relation, link.related.map(|number| number.to_string())), (Relation::Related, case.clone()));
        assert_ne!(shop.case_of(&filed).await, case);
    }
    let nobody = Message { from: None, ..answer("x@y.example", &question, "Zonder afzender") };
    assert_eq!(shop.receive(nobody).await.links[0].relation, Relation::Related);
    // The case itself hears of it.
    let first = shop.store.case(&shop.tenant, case.unwrap().parse().unwrap()).await.unwrap().unwrap();
    let events = shop.store.case_events(&shop.tenant, first.id, 20).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == "case.related").count(), 3);
    assert_eq!((first.messages, events.len()), (4, 7));
    // An answer to what we have never seen is a request like any other.
    assert_eq!(shop.receive(answer("jan@bouw.example", &mail("a@b.example", "?", "?"), "Hallo")).await.links[0].relation, Relation::New);
}

pub(crate) async fn an_answer_may_come_before_what_it_answers(place: Place) {
    let shop = Shop::open(place).await;
    // In another batch, in the same one, and by a colleague.
    for (together, writer) in [(false, "jan@bouw.example"), (true, "jan@bouw.example"), (false, "els@bouw.example")] {
        let question = mail(writer, "Levertijd?", &unique("Wanneer komt het?"));
        let reply = answer("jan@bouw.example", &question, &unique("Ik wacht nog."));
        let (first, second) = if together {
            let [first, second] = <[Filed; 2]>::try_from(shop.receive_all(vec![reply, question.clone()]).await).unwrap();
            (first, second)
        } else {
            (shop.receive(reply).await, shop.receive(question.clone()).await)
        };
        assert_eq!((first.links[0].relation, second.links[0].relation), (Relation::New, Relation::Answer));
        assert_eq!(second.links[0].rule, "answered");
        assert_eq!(shop.case_of(&first).await, shop.case_of(&second).await);
        assert_eq!(shop.receive(answer("jan@bouw.example", &question, &unique("En nog."))).await.links[0].rule, "reply");
    }
    // Two answers before it, and a third by a stranger.
    let question = mail("jan@bouw.example", "Levertijd?", &unique("Wanneer komt het?"));
    let first = shop.receive(answer("jan@bouw.example", &question, &unique("Ik wacht nog."))).await;
    let second = shop.receive(answer("jan@bouw.example", &question, &unique("Nog altijd."))).await;
    let stranger = shop.receive(answer("mallory@elders.example", &question, &unique("Ik ook."))).await;
    let late = shop.receive(question).await;
    assert_eq!((second.links[0].rule.as_str(), late.links[0].rule.as_str()), ("sibling", "answered"));
    for same in [&second, &late] {
        assert_eq!(shop.case_of(same).await, shop.case_of(&first).await);
    }
    assert_ne!(shop.case_of(&stranger).await, shop.case_of(&first).await);
    // A stranger who answers what is to come is not joined by it.
    let question = mail("jan@bouw.example", "Levertijd?", &unique("Wanneer komt het?"));
    let stranger = shop.receive(answer("mallory@elders.example", &question, &unique("Ik luister mee."))).await;
    let filed = shop.receive(question).await;
    assert_ne!(shop.case_of(&stranger).await, shop.case_of(&filed).await);
}

pub(crate) async fn a_case_number_in_the_subject_counts_for_participants(place: Place) {
    let shop = Shop::open(place).await;
    let case = shop.case_of(&shop.receive(mail("jan@bouw.example", "Klacht", "Het is stuk.")).await).await.unwrap();
    let subject = format!("Nog eens over zaak {case} a.u.b.");
    let filed = shop.receive(mail("jan@bouw.example", &subject, "Nog steeds stuk.")).await;
    assert_eq!((filed.links[0].relation, filed.links[0].rule.as_str()), (Relation::Answer, "case-number"));
    assert_eq!(shop.case_of(&filed).await.as_ref(), Some(&case));
    let guess = shop.receive(mail("mallory@elders.example", &subject, "Wat staat daarin?")).await;
    assert_eq!((guess.links[0].relation, guess.links[0].rule.as_str()), (Relation::Related, "case-number"));
    assert_ne!(shop.case_of(&guess).await.as_ref(), Some(&case));
    // Numbers that lead nowhere, and more of them than anybody looks up.
    let many: String = (20_000..20_400).map(|counter| format!("{} ", loket_core::case::CaseNumber::from_counter(counter))).collect();
    assert_eq!(shop.receive(mail("jan@bouw.example", &many, "Welke?")).await.links[0].relation, Relation::New);
    let huge = format!("{} {case}", loket_core::case::CaseNumber::from_counter(u64::MAX / 20));
    assert_eq!(shop.receive(mail("jan@bouw.example", &huge, "Deze.")).await.links[0].relation, Relation::Answer);
}

pub(crate) async fn automatic_mail_opens_no_case(place: Place) {
    let shop = Shop::open(place).await;
    let question = mail("jan@bouw.example", "Levertijd?", "Wanneer?");
    let case = shop.case_of(&shop.receive(question.clone()).await).await;
    let automatic = |kind, from: &str| Message { automatic: kind, ..mail(from, "Afwezig", &unique("Ik ben er niet")) };
    for kind in [Automatic::Reply, Automatic::Bounce, Automatic::Bulk] {
        let filed = shop.receive(automatic(kind, "nieuw@adres.example")).await;
        assert_eq!((filed.links[0].relation, shop.case_of(&filed).await), (Relation::New, None), "{kind:?}");
        let kept = shop.store.delivery_messages(&shop.tenant, filed.delivery).await.unwrap();
        assert_eq!((kept[0].customer, kept[0].message.automatic), (None, kind), "it makes nobody a customer");
    }
    assert!(shop.store.delivery_messages(&shop.tenant, Uuid::now_v7()).await.unwrap().is_empty());
    // From a participant it joins its case; generated mail opens one.
    let mut away = automatic(Automatic::Reply, "jan@bouw.example");
    away.thread.in_reply_to.push(question.identity.as_ref().unwrap().value.clone());
    assert_eq!(shop.case_of(&shop.receive(away.clone()).await).await, case);
    let shop_mail = shop.receive(automatic(Automatic::Generated, "noreply@winkel.example")).await;
    assert!(shop.case_of(&shop_mail).await.is_some());
    // The same bulk mail twice: a duplicate without a case.
    let letter = automatic(Automatic::Bulk, "nieuws@brief.example");
    assert_eq!(shop.case_of(&shop.receive(letter.clone()).await).await, None);
    let again = shop.receive(letter).await;
    assert_eq!((again.links[0].relation, shop.case_of(&again).await), (Relation::Duplicate, None));
    assert_eq!(case_count(&shop).await, 2);
}

pub(crate) async fn later_messages_of_a_batch_see_the_earlier_ones(place: Place) {
    let shop = Shop::open(place).await;
    let old = mail("inkoop@bouw.example", "Bestelling 1", "Graag 1 pallet.");
    let old_case = shop.case_of(&shop.receive(old.clone()).await).await;

    let question = mail("jan@bouw.example", "Levertijd?", "Wanneer?");
    let mut resent_old = old.clone();
    resent_old.identity = Some(Identity::message_id(unique("another-id")));
    let batch = vec![
        question.clone(),
        answer("jan@bouw.example", &question, "Nu?"),
        question.clone(),
        answer("els@bouw.example", &question, "Ook ik wil het weten."),
        answer("mallory@elders.example", &question, "Ik ook."),
        // A duplicate by its content of something from long ago, and an answer to this duplicate.
        resent_old.clone(),
        answer("inkoop@bouw.example", &resent_old, "En?"),
        mail("nieuw@sloop.example", "Hallo", "Hallo"),
        mail("nieuw@sloop.example", "Nog iets", "Nog iets"),
    ];
    let filed = shop.receive_all(batch).await;
    use Relation::{Answer, Duplicate, New, Related};
    assert_eq!(relations(&filed), [New, Answer, Duplicate, Answer, Related, Duplicate, Answer, New, New]);
    let mut cases = Vec::new();
    for one in &filed {
        cases.push(shop.case_of(one).await);
    }
    assert!(cases[..4].iter().all(|case| *case == cases[0]) && cases[0].is_some(), "{cases:?}");
    assert!(cases[5..7].iter().all(|case| *case == old_case), "{cases:?}");
    let first = shop.store.case(&shop.tenant, cases[0].as_ref().unwrap().parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(first.messages, 4);
    let messages = shop.store.case_messages(&shop.tenant, first.id, None, 10).await.unwrap();
    assert_eq!(messages[2].link.of, Some(messages[0].id), "the duplicate's link leads to the first one");
    assert_eq!(case_count(&shop).await, 5);
    // Both of the new customer's messages are the same customer's.
    let mine = CaseFilter { customer: Some("Nieuw@Sloop.example".into()), ..CaseFilter::default() };
    assert_eq!(shop.store.cases(&shop.tenant, &mine, &Page::first(9)).await.unwrap().len(), 2);
}

pub(crate) async fn one_delivery_holds_many_messages(place: Place) {
    let shop = Shop::open(place).await;
    shop.journal(&[shop.delivery(), shop.delivery()]).await;
    let claimed = shop.claim().await;
    let messages: Vec<_> = (0..300).map(|n| mail(&format!("klant{}@bouw.example", n % 70), "Order", &format!("Bestelling {n}"))).collect();
    let filed = shop.file(&[reading(&claimed[0], messages), reading(&claimed[1], vec![mail("a@b.example", "x", "y")])]).await;
    assert_eq!(
        filed.iter().map(|one| (one.delivery, one.links.len())).collect::<Vec<_>>(),
        [(claimed[0].delivery.id, 300), (claimed[1].delivery.id, 1)]
    );
    let kept = shop.store.delivery_messages(&shop.tenant, claimed[0].delivery.id).await.unwrap();
    assert_eq!(kept.len(), 300);
    for (n, record) in kept.iter().enumerate() {
        assert_eq!((record.part, record.message.body.new_text.as_str()), (n as u32, format!("Bestelling {n}").as_str()));
        assert!(record.case.is_some() && record.customer.is_some());
    }
    assert_eq!(case_count(&shop).await, 301);
    // Parts with the same content in one delivery are the same request.
    shop.journal(&[shop.delivery()]).await;
    let claimed = shop.claim().await;
    let twice = Message { identity: None, ..mail("klant0@bouw.example", "Order", "Bestelling 999") };
    assert_eq!(relations(&shop.file(&[reading(&claimed[0], vec![twice.clone(), twice])]).await), [Relation::New, Relation::Duplicate]);
}

pub(crate) async fn an_overused_identity_stays_cheap(place: Place) {
    let shop = Shop::open(place).await;
    let overused = |n: usize| Message {
        identity: Some(Identity::message_id("same@erp.example")),
        ..mail("erp@bouw.example", "Order", &format!("Nr {n}"))
    };
    let filed = shop.receive_all((0..120).map(overused).collect()).await;
    assert!(relations(&filed).iter().all(|relation| *relation == Relation::New));
    // Seen within the window, it is found by its content even where the identity leads to too many.
    assert_eq!(shop.receive(overused(100)).await.links[0].relation, Relation::Duplicate);
    assert_eq!(shop.receive(overused(3)).await.links[0].relation, Relation::Duplicate);
    let mut reply = mail("erp@bouw.example", "Re: Order", "En?");
    reply.thread.in_reply_to = vec!["same@erp.example".into()];
    reply.thread.references = (0..5_000).map(|n| format!("ref-{n}@x.example")).collect();
    assert_eq!(shop.receive(reply).await.links[0].relation, Relation::Answer);
}

pub(crate) async fn a_closed_case_opens_again(place: Place) {
    let shop = Shop::open(place).await;
    let question = mail("jan@bouw.example", "Stuk", "Het is stuk.");
    let number = shop.case_of(&shop.receive(question.clone()).await).await.unwrap().parse().unwrap();
    let status = || async { shop.store.case(&shop.tenant, number).await.unwrap().unwrap().status };
    use loket_core::case::CaseStatus::{Closed, Open};
    assert_eq!(status().await, Open);
    shop.place.execute("UPDATE cases SET status = 1").await;
    shop.receive(question.clone()).await;
    assert_eq!(status().await, Closed, "a duplicate says nothing new");
    let mut away = answer("jan@bouw.example", &question, "Ik ben er niet.");
    away.automatic = Automatic::Reply;
    shop.receive(away).await;
    assert_eq!(status().await, Closed, "nor does a machine");
    shop.receive(answer("jan@bouw.example", &question, "Nog steeds stuk.")).await;
    assert_eq!(status().await, Open);
    assert_eq!(shop.store.case(&shop.tenant, number).await.unwrap().unwrap().messages, 4);
}

pub(crate) async fn customers_are_known_by_any_address(place: Place) {
    let shop = Shop::open(place).await;
    let fax = |number: &str| Address { kind: AddressKind::Fax, value: number.into() };
    let mut form = mail(" Jan@Bouw.example ", "Formulier", "Via de site");
    let from = form.from.as_mut().unwrap();
    from.also = vec![fax("+31 20 123 45 67"), Address { kind: AddressKind::Account, value: "K-1001".into() }];
    from.also.extend((0..30).map(|n| fax(&format!("+31 20 999 {n:04}"))));
    shop.receive(form).await;
    let mut by_fax = mail("x", "Fax", "Per fax");
    by_fax.from.as_mut().unwrap().address = Some(fax("0031201234567"));
    shop.receive(by_fax).await;
    let found = |customer: &str| {
        let filter = CaseFilter { customer: Some(customer.into()), ..CaseFilter::default() };
        let (store, tenant) = (shop.store.clone(), shop.tenant.clone());
        async move { store.cases(&tenant, &filter, &Page::first(9)).await.unwrap().len() }
    };
    assert_eq!(found("jan@bouw.example").await, 2);
    assert_eq!(found("fax:+31-20-1234567").await, 2);
    assert_eq!(found("account:k-1001").await, 2);
    assert_eq!(found("tel:+31201234567").await, 0, "a telephone is not a fax");
    assert_eq!(found("nobody").await, 0);
    // An address that belongs to nobody new: the first customer keeps it.
    let mut both = mail("piet@sloop.example", "Wij", "Wij samen");
    both.from.as_mut().unwrap().also = vec![Address::mail("jan@bouw.example")];
    shop.receive(both).await;
    assert_eq!((found("jan@bouw.example").await, found("piet@sloop.example").await), (3, 3));
}

pub(crate) async fn tenants_never_meet(place: Place) {
    let shop = Shop::open(place).await;
    let other = Shop {
        place: Place::sqlite().await,
        store: shop.store.clone(),
        owner: shop.owner,
        rules: shop.rules,
        tenant: Tenant::new("other"),
    };
    let order = mail("inkoop@bouw.example", "Bestelling", "Graag 12 dozen.");
    let ours = shop.receive(order.clone()).await;
    let number = shop.case_of(&ours).await.unwrap();
    // The same message for another company: new, with a number of its own counter.
    let theirs = other.receive(order.clone()).await;
    assert_eq!(theirs.links[0].relation, Relation::New);
    assert_eq!(other.case_of(&theirs).await.as_ref(), Some(&number));
    let reply = answer("inkoop@bouw.example", &order, "En?");
    assert_eq!(relations(&[shop.receive(reply).await]), [Relation::Answer]);

    // One batch with both tenants in it.
    let (mine, yours) = (shop.delivery(), other.delivery());
    shop.store.journal(&batch(&[mine.clone(), yours.clone()])).await.unwrap();
    let claimed = shop.claim().await;
    let fresh = mail("nieuw@klant.example", &format!("Over {number}"), "Beide bedrijven");
    let readings: Vec<_> = claimed.iter().map(|one| reading(one, vec![fresh.clone()])).collect();
    assert_eq!(relations(&shop.file(&readings).await), [Relation::Related, Relation::Related]);

    let cases = |shop: &Shop| {
        let (store, tenant) = (shop.store.clone(), shop.tenant.clone());
        async move { store.cases(&tenant, &CaseFilter::default(), &Page::first(9)).await.unwrap() }
    };
    let (our_cases, their_cases) = (cases(&shop).await, cases(&other).await);
    assert_eq!((our_cases.len(), their_cases.len()), (2, 2));
    let our_case = &our_cases[0];
    assert!(shop.store.case_messages(&other.tenant, our_case.id, None, 9).await.unwrap().is_empty());
    assert!(shop.store.case_events(&other.tenant, our_case.id, 9).await.unwrap().is_empty());
    let message = &shop.store.case_messages(&shop.tenant, our_case.id, None, 9).await.unwrap()[0];
    assert!(shop.store.message(&shop.tenant, message.id).await.unwrap().is_some());
    assert!(shop.store.message(&other.tenant, message.id).await.unwrap().is_none());
    assert!(shop.store.delivery_messages(&other.tenant, mine.id).await.unwrap().is_empty());
    let filter = CaseFilter { customer: Some("inkoop@bouw.example".into()), ..CaseFilter::default() };
    assert_eq!(shop.store.cases(&Tenant::new("third"), &filter, &Page::first(9)).await.unwrap().len(), 0);
    let lines = shop.store.journal_entries(&other.tenant, Some(JournalState::Filed), &Page::first(9)).await.unwrap();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.tenant == other.tenant));
}
