//! Lists, filters, paging; one case; its messages.

use std::collections::BTreeSet;
use std::time::Duration;

use loket_core::case::CaseNumber;
use loket_core::classify::Class;
use loket_core::message::Address;
use loket_core::time::Timestamp;

use crate::world::{World, message, slip, verdict};

fn numbers(answer: &serde_json::Value) -> Vec<String> {
    answer["cases"].as_array().unwrap().iter().map(|case| case["number"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_have_no_gaps_and_no_repeats_while_new_cases_arrive() {
    let world = World::new().await;
    let start = Timestamp::from_seconds(1_790_000_000);
    let case = |n: u64| {
        let from = format!("klant{n}@example.nl");
        let mut delivery = slip(&n.to_string(), &[message(&from, &format!("Vraag {n}"), "Is deze op voorraad?")], &[]);
        // Ten at a time come at the same moment: the id decides between them.
        delivery.received_at = start.plus(Duration::from_secs(n / 10));
        delivery
    };
    world.accept((0..120).map(case).collect()).await;
    let before: BTreeSet<String> = numbers(&world.get("/v1/cases?limit=500").await.ok()).into_iter().collect();
    assert_eq!(before.len(), 120);

    let (mut seen, mut new) = (Vec::new(), 120);
    let mut path = "/v1/cases?limit=7&status=open".to_owned();
    loop {
        assert!(seen.len() <= 120, "the pages do not end");
        let answer = world.get(&path).await;
        let body = answer.ok();
        seen.extend(body["cases"].as_array().unwrap().iter().map(|case| {
            let text = |name: &str| case[name].as_str().unwrap().to_owned();
            (text("opened_at"), text("id"), text("number"))
        }));
        let Some(next) = answer.next_link() else {
            assert!(body["next"].is_null());
            break;
        };
        assert_eq!(body["cases"].as_array().unwrap().len(), 7);
        assert_eq!(next, format!("/v1/cases?limit=7&status=open&cursor={}", body["next"].as_str().unwrap()));
        path = next;
        world.accept((new..new + 3).map(case).collect()).await;
        new += 3;
    }
    let times: Vec<Timestamp> = seen.iter().map(|(at, ..)| at.parse().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b));
    let found: BTreeSet<String> = seen.iter().map(|(.., number)| number.clone()).collect();
    assert_eq!(found.len(), seen.len(), "a case came twice");
    assert_eq!(found, before);
}

#[tokio::test]
async fn filters_choose() {
    let world = World::new().await;
    let day = |n: i64| Timestamp::from_seconds(1_764_547_200 + n * 86_400); // 2025-12-01 and after
    let table = [
        ("jan+werk@example.nl", Class::Order, 0.9, "nl", "email.support"),
        ("tel:+31 20 123 45 67", Class::Complaint, 0.5, "nl", "webform.contact"),
        ("jean@example.fr", Class::Complaint, 0.95, "fr", "webform.contact"),
        ("account:AB 12", Class::Inquiry, 0.4, "en", "email.support"),
    ];
    for (n, (from, class, confidence, language, channel)) in (0..).zip(table) {
        let mut message = message(from, &format!("Zaak {n}"), &format!("Tekst {n}"));
        message.from.as_mut().unwrap().address = Some(Address::from(from));
        message.body.language = Some(language.into());
        let mut delivery = slip(&n.to_string(), &[], &[]);
        delivery.received_at = day(n);
        delivery.channel = channel.into();
        world.file(delivery, message, verdict(class, confidence)).await;
    }
    for (query, titles) in [
        ("", "3 2 1 0"),
        ("class=complaint", "2 1"),
        ("class=order", "0"),
        ("status=open", "3 2 1 0"),
        ("status=closed", ""),
        ("channel=webform.contact", "2 1"),
        ("channel=webform.nowhere", ""),
        ("review=true", "3 1"),
        ("review=false", "2 0"),
        ("language=fr", "2"),
        ("customer=JAN%2Bwerk@Example.nl", "0"),
        ("customer=jan+werk@example.nl", "0"),
        ("customer=tel:%2B31201234567", "1"),
        ("customer=tel:+31-20-1234567", "1"),
        ("customer=tel:0031201234567", "1"),
        ("customer=fax:%2B31201234567", ""),
        ("customer=account:ab%2012", "3"),
        ("customer=niemand@example.nl", ""),
        ("since=2025-12-03", "3 2"),
        ("until=2025-12-03", "1 0"),
        ("since=2025-12-02T00:00:00Z&until=2025-12-03T00:00:00.000001Z", "2 1"),
        ("since=2025-12-03T01:00:00+01:00", "3 2"),
        ("since=2025-12-03T01:00:00%2B01:00", "3 2"),
        ("class=complaint&review=false&language=fr&channel=webform.contact&status=open&since=2025-12-01", "2"),
        ("limit=1", "3"),
    ] {
        let body = world.get(&format!("/v1/cases?{query}")).await.ok();
        let found: Vec<_> = body["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|case| case["title"].as_str().unwrap().trim_start_matches("Zaak ").to_owned())
            .collect();
        assert_eq!(found.join(" "), titles, "{query}");
    }
}

#[tokio::test]
async fn mistakes_in_the_query_are_named() {
    let world = World::new().await;
    for (query, parameter, says) in [
        ("clas=order", "clas", "known are class, status, channel, review, language, customer, since, until, limit, cursor"),
        ("class=spam", "class", "write inquiry, order or complaint"),
        ("status=done", "status", "write open or closed"),
        ("review=maybe", "review", "not true or false"),
        ("language=Dutch", "language", "two letters"),
        ("language=NL", "language", "two letters"),
        ("customer=jan", "customer", "not an address"),
        ("since=yesterday", "since", "not a time"),
        ("until=2026-13-01", "until", "not a time"),
        ("limit=0", "limit", "1 to 500"),
        ("limit=501", "limit", "1 to 500"),
        ("limit=-1", "limit", "1 to 500"),
        ("limit=all", "limit", "1 to 500"),
        ("cursor=abc", "cursor", "no cursor of this list"),
        ("class=", "class", "is empty"),
        ("class=order&class=order", "class", "given twice"),
        ("channel=a%00b", "channel", "control characters"),
        (&format!("channel={}", "a".repeat(401)), "channel", "too long"),
    ] {
        let answer = world.get(&format!("/v1/cases?{query}")).await;
        let detail = answer.problem(400);
        assert!(detail.contains(says) && detail.contains(&format!("`{parameter}`")), "{query}: {detail}");
        assert_eq!(answer.json()["parameter"], parameter);
    }
    // A cursor of another list, and a parameter where none is taken.
    world.accept((0..2).map(|n| slip(&n.to_string(), &[message("jan@example.nl", &format!("{n}"), &format!("{n}"))], &[])).collect()).await;
    let cursor = world.get("/v1/cases?limit=1").await.ok()["next"].as_str().unwrap().to_owned();
    assert!(world.get(&format!("/v1/quarantine?cursor={cursor}")).await.problem(400).contains("no cursor of this list"));
    assert!(world.get("/v1/status?verbose=1").await.problem(400).contains("takes none"));
    // What cannot be decoded is no crash.
    assert_eq!(world.get("/v1/cases?channel=%ff%zz").await.ok()["cases"].as_array().unwrap().len(), 0);
    assert!(world.get("/v1/cases/%ff").await.problem(400).contains("UTF-8"));
}

#[tokio::test]
async fn a_case_is_found_as_people_write_its_number() {
    let world = World::new().await;
    world.accept(vec![slip("1", &[message("jan@example.nl", "Vraag", "Is deze op voorraad?")], &[])]).await;
    let number = CaseNumber::from_counter(CaseNumber::FIRST).to_string();
    let bare = number.replace('-', "");
    for spelling in [number.clone(), bare.clone(), format!("%23{bare}"), format!("%23{number}"), number.replace('-', "%20")] {
        let case = world.get(&format!("/v1/cases/{spelling}")).await.ok();
        assert_eq!(case["number"], number.as_str());
        assert_eq!((case["messages_total"].as_u64(), case["messages"].as_array().unwrap().len()), (Some(1), 1));
        assert_eq!(case["messages"][0]["message"]["subject"], "Vraag");
        assert_eq!(case["events"][0]["kind"], "case.opened");
        assert_eq!(case["events_complete"], true);
    }
    // One digit wrong; one that is right but of no case; no number at all.
    let wrong = format!("{}{}", &bare[..5], (bare[5..].parse::<u8>().unwrap() + 1) % 10);
    assert!(world.get(&format!("/v1/cases/{wrong}")).await.problem(400).contains("check digit"));
    let unknown = CaseNumber::from_counter(99_999);
    assert!(world.get(&format!("/v1/cases/{unknown}")).await.problem(404).contains(&unknown.to_string()));
    assert!(world.get("/v1/cases/onzin").await.problem(400).contains("looks like 100-425"));
    world.get(&format!("/v1/cases/{}", "1".repeat(5_000))).await.problem(400);
}

#[tokio::test]
async fn the_messages_of_a_long_case_are_paged() {
    let world = World::new().await;
    let mut first = message("jan@example.nl", "Vraag", "Is deze op voorraad?");
    first.identity = Some(loket_core::message::Identity::message_id("first@example.nl"));
    world.accept(vec![slip("0", &[first], &[])]).await;
    let answer = |n: usize, text: String| {
        let mut answer = message("jan@example.nl", "Re: Vraag", &text);
        answer.thread.in_reply_to = vec!["first@example.nl".into()];
        slip(&n.to_string(), &[answer], &[])
    };
    world.accept((1..64).map(|n| answer(n, format!("Nog iets: {n}"))).collect()).await;
    let number = CaseNumber::from_counter(CaseNumber::FIRST);
    let case = world.get(&format!("/v1/cases/{number}")).await;
    let body = case.ok();
    assert_eq!((body["messages_total"].as_u64(), body["messages"].as_array().unwrap().len()), (Some(64), 50));
    assert_eq!(case.next_link().unwrap(), format!("/v1/cases/{number}/messages?after={}", body["next"].as_str().unwrap()));

    // Small pages and the default one give the same, in the same order.
    let mut ids: Vec<serde_json::Value> = Vec::new();
    let mut path = format!("/v1/cases/{number}/messages?limit=9");
    loop {
        assert!(ids.len() <= 64, "the pages do not end");
        let page = world.get(&path).await;
        let found = page.ok();
        ids.extend(found["messages"].as_array().unwrap().iter().map(|message| message["id"].clone()));
        match page.next_link() {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(ids.len(), 64);
    assert_eq!(ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len(), 64);
    let all = world.get(&format!("/v1/cases/{number}/messages?limit=500")).await.ok();
    assert_eq!(all["messages"].as_array().unwrap().iter().map(|message| message["id"].clone()).collect::<Vec<_>>(), ids);
    assert!(all["next"].is_null());
    // New ones after the last that was seen.
    let last = ids.last().unwrap().as_str().unwrap();
    world.accept(vec![answer(64, "En nog iets".into())]).await;
    let news = world.get(&format!("/v1/cases/{number}/messages?after={last}")).await.ok();
    assert_eq!(news["messages"].as_array().unwrap().len(), 1);
    // Large ones end a page early, and nothing is lost.
    world.accept((65..85).map(|n| answer(n, format!("{n}{}", "x".repeat(1 << 20)))).collect()).await;
    let mut path = format!("/v1/cases/{number}/messages?limit=500");
    let (mut pages, mut count) = (0, 0);
    loop {
        assert!(count <= 85, "the pages do not end");
        let page = world.get(&path).await;
        count += page.ok()["messages"].as_array().unwrap().len();
        pages += 1;
        match page.next_link() {
            Some(next) => path = next,
            None => break,
        }
    }
    assert!(pages > 1);
    assert_eq!(count, 85);
    world.get(&format!("/v1/cases/{number}/messages?after=x")).await.problem(400);
    world.get(&format!("/v1/cases/{number}/messages?cursor=x")).await.problem(400);
    world.get(&format!("/v1/cases/{}/messages", CaseNumber::from_counter(99_999))).await.problem(404);
}

#[tokio::test]
async fn a_delivery_leads_to_its_cases() {
    let world = World::new().await;
    let two = slip("1", &[message("jan@example.nl", "Een", "Eerste"), message("piet@example.nl", "Twee", "Tweede")], &[]);
    let id = two.id;
    world.accept(vec![two]).await;
    let delivery = world.get(&format!("/v1/deliveries/{id}")).await.ok();
    assert_eq!((delivery["state"].as_str(), delivery["key"].as_str()), (Some("filed"), Some("1")));
    let parts = delivery["messages"].as_array().unwrap();
    assert_eq!(parts.iter().map(|part| part["part"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1]);
    for part in parts {
        let message = world.get(&format!("/v1/messages/{}", part["id"].as_str().unwrap())).await.ok();
        assert_eq!((&message["case"], &message["part"], &message["delivery"]), (&part["case"], &part["part"], &delivery["id"]));
        assert!(message["case"].is_string());
    }
    world.get("/v1/deliveries/7").await.problem(400);
}
