//! AS2 with pyas2lib on the other side, both ways.

use loket_tests::wait_for;
use serde_json::{Value, json};

use crate::interchange::{edifact, numbers, x12};
use crate::peer::{Keys, Peer};
use crate::rig::{PATIENCE, Rig, accepted, segments};

/// A daemon and its partner; `more` goes into the partner's AS2 table.
async fn pair(keys: &Keys, more: &str) -> (Rig, Peer) {
    let mut rig = Rig::new("");
    let peer = Peer::start(keys, rig.loket.port).await;
    let certificates = if more.contains("partner_certificates") {
        String::new()
    } else {
        format!("partner_certificates = [\"{}\"]\n", keys.path("acme.crt"))
    };
    let own = format!("http://127.0.0.1:{}/as2", rig.loket.port);
    let table = format!(
        "[edi.acme]\nretry = \"1s\"\n[edi.acme.as2]\nour_id = \"LOKET\"\npartner_id = \"ACME AS2\"\nkey = \"file:{}\"\ncertificate = \"{}\"\n\
         url = \"http://127.0.0.1:{}/as2\"\n{certificates}{}",
        keys.path("loket.key"),
        keys.path("loket.crt"),
        peer.port,
        more.replace("{own}", &own),
    );
    let text = std::fs::read_to_string(&rig.loket.config).unwrap();
    std::fs::write(&rig.loket.config, text + &table).unwrap();
    rig.run().await;
    (rig, peer)
}

fn is_processed(given: &Value) {
    assert_eq!((&given["http"], &given["status"]), (&json!(200), &json!("processed")), "{given}");
}

/// Waits until the partner has taken so many messages.
async fn wait_for_taken(rig: &Rig, peer: &Peer, wanted: usize) -> Vec<(String, Vec<u8>)> {
    let seen = wait_for(PATIENCE, async || (peer.taken().len() >= wanted).then_some(())).await;
    let taken = peer.taken();
    assert!(seen.is_ok() && taken.len() == wanted, "{} taken, wanted {wanted}; the log:\n{}", taken.len(), rig.tail());
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_every_kind_are_taken_receipted_and_acknowledged() {
    let keys = Keys::new();
    let more = "require_signature = false\nrequire_encryption = false\nallow_3des = true\nallow_sha1 = true\n";
    let (mut rig, mut peer) = pair(&keys, more).await;
    let kinds = [
        json!({}),
        json!({ "compress": true }),
        json!({ "enc_alg": "tripledes_192_cbc", "digest_alg": "sha1", "mdn_digest_alg": "sha1" }),
        json!({ "encrypt": false }),
        json!({ "sign": false, "mdn_digest_alg": null }),
        json!({ "sign": false, "encrypt": false, "mdn_digest_alg": "sha512" }),
    ];
    for (number, agreed) in kinds.iter().enumerate() {
        let payload = x12(u32::try_from(number).unwrap() + 1, &numbers(&format!("P{number}"), 2));
        let given = peer.send(&format!("m{number}"), &payload, json!({ "agreed": agreed })).await;
        assert_eq!((&given["http"], &given["status"]), (&json!(200), &json!("processed")), "{agreed}: {given}");
    }
    rig.wait_for_cases(kinds.len() * 2).await;
    let taken = wait_for_taken(&rig, &peer, kinds.len()).await;
    let mut groups: Vec<u32> = taken.iter().map(|(_, bytes)| segments(bytes, "AK1")[0][2].parse().unwrap()).collect();
    groups.sort_unstable();
    assert_eq!(groups, (1..=6).collect::<Vec<u32>>());
    let ends = rig.wait_until_all_is_sent(kinds.len()).await;
    assert!(ends.iter().all(|one| one["state"] == "sent" && one["said"].as_str().unwrap().contains("has it: processed")), "{ends:?}");
    assert!(rig.quarantine().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_gets_the_very_same_receipt() {
    let keys = Keys::new();
    let (mut rig, mut peer) = pair(&keys, "").await;
    let payload = edifact(1, "A-1");
    let first = peer.send("once", &payload, json!({})).await;
    is_processed(&first);
    for (round, anew) in [(1, false), (2, true)] {
        // The same bytes, and the same message encrypted anew.
        let again = peer.send("once", &payload, json!({ "anew": anew })).await;
        is_processed(&again);
        assert_eq!(again["body"], first["body"], "round {round}");
    }
    // Killed before the receipt reached the partner, the daemon still has it.
    rig.loket.kill().await.unwrap();
    rig.run().await;
    let again = peer.send("once", &payload, json!({})).await;
    assert_eq!(again["body"], first["body"]);
    assert_eq!(rig.wait_for_cases(1).await.len(), 1);
    // The same Message-ID with another content is another thing: not taken, and kept.
    let other = peer.send("once", &edifact(2, "A-2"), json!({ "anew": true })).await;
    assert_eq!(other["http"], 200);
    let status = format!("{} {}", other["status"], other["detail"]).to_lowercase();
    assert!(status.contains("processed/error") && status.contains("duplicate-document"), "{other}");
    let aside = rig.wait_for_quarantine(1).await;
    assert!(aside[0]["error"].as_str().unwrap().contains("was used before, with other content"), "{aside:?}");
    assert_eq!(rig.cases().await.len(), 1);
    wait_for_taken(&rig, &peer, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_verified_files_nothing_and_does_not_block_a_better_attempt() {
    let keys = Keys::new();
    let (mut rig, mut peer) = pair(&keys, "").await;
    let payload = edifact(1, "A-1");
    let table = [
        ("wrong key", json!({ "key": keys.path("stranger.pem") }), "authentication-failed"),
        ("not signed", json!({ "agreed": { "sign": false } }), "insufficient-message-security"),
        ("not encrypted", json!({ "agreed": { "encrypt": false } }), "insufficient-message-security"),
        ("Triple DES", json!({ "agreed": { "enc_alg": "tripledes_192_cbc" } }), "insufficient-message-security"),
        ("changed on its way", json!({ "flip": 1_000_000_007_u64 }), "decryption-failed"),
    ];
    for (what, mut more, detail) in table.clone() {
        more["anew"] = json!(true);
        let given = peer.send("attempt", &payload, more).await;
        let said = format!("{} {}", given["status"], given["detail"]).to_lowercase();
        assert!(given["http"] == 200 && said.contains("error"), "{what}: {given}");
        // A changed message can fail to decrypt or decrypt to nonsense.
        let fits = said.contains(detail) || (what.starts_with("changed") && said.contains("failed"));
        assert!(fits, "{what}: {said}");
    }
    let aside = rig.wait_for_quarantine(table.len()).await;
    assert!(aside.iter().all(|one| one["error"].as_str().unwrap().starts_with("AS2: ")), "{aside:?}");
    assert!(rig.cases().await.is_empty());
    assert!(rig.channel("edi.acme").await["last_error"].as_str().unwrap().contains("is not taken"));
    // The same Message-ID, and this time all is well.
    is_processed(&peer.send("attempt", &payload, json!({ "anew": true })).await);
    rig.wait_for_cases(1).await;
    // Who does not say a pair that is known learns nothing, and nothing is kept.
    let stranger = peer.send("stranger", &payload, json!({ "headers": { "AS2-From": "\"NOBODY\"" } })).await;
    assert_eq!((&stranger["http"], &stranger["status"]), (&json!(403), &Value::Null));
    let plain = rig.loket.client().post(rig.loket.url("/as2")).body("hello").send().await.unwrap();
    assert_eq!(plain.status(), 400);
    assert_eq!(rig.quarantine().await.len(), table.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_roll_over_and_expire() {
    let keys = Keys::new();
    let both = format!("partner_certificates = [\"{}\", \"{}\"]\n", keys.path("acme.crt"), keys.path("acme-new.crt"));
    let (mut rig, mut peer) = pair(&keys, &both).await;
    is_processed(&peer.send("old", &edifact(1, "A-1"), json!({})).await);
    is_processed(&peer.send("new", &edifact(2, "A-2"), json!({ "key": keys.path("acme-new.pem") })).await);
    rig.wait_for_cases(2).await;
    drop((rig, peer));

    let expired = format!("partner_certificates = [\"{}\"]\nencrypt = false\n", keys.path("acme-expired.crt"));
    let (mut rig, mut peer) = pair(&keys, &expired).await;
    let given = peer.send("late", &edifact(3, "A-3"), json!({ "key": keys.path("acme-expired.pem") })).await;
    assert!(given["status"].as_str().unwrap().to_lowercase().contains("error"), "{given}");
    let aside = rig.wait_for_quarantine(1).await;
    assert!(aside[0]["error"].as_str().unwrap().contains("expired"), "{aside:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_goes_to_the_partner_by_a_request_of_its_own_and_nowhere_else() {
    let keys = Keys::new();
    let (mut rig, mut peer) = pair(&keys, "").await;
    let given = peer.send("async", &edifact(1, "A-1"), json!({ "agreed": { "mdn_mode": "ASYNC" } })).await;
    assert_eq!((&given["http"], &given["status"]), (&json!(200), &Value::Null), "{given}");
    let seen = wait_for(PATIENCE, async || Some(peer.receipts()).filter(|receipts| !receipts.is_empty())).await.unwrap();
    assert_eq!(seen[0].0["status"], "processed", "{:?}", seen[0].0);
    rig.wait_for_cases(1).await;
    // Asked for again, it is the same one.
    peer.send("async", &edifact(1, "A-1"), json!({ "agreed": { "mdn_mode": "ASYNC" } })).await;
    let seen = wait_for(PATIENCE, async || Some(peer.receipts()).filter(|receipts| receipts.len() == 2)).await.unwrap();
    let body = |raw: &str| raw.len();
    assert_eq!(body(&seen[0].1), body(&seen[1].1));
    // An address that was not agreed on is not even tried, whoever listens there.
    let trap = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let elsewhere = format!("http://{}/", trap.local_addr().unwrap());
    let more = json!({ "agreed": { "mdn_mode": "ASYNC" }, "headers": { "receipt-delivery-option": elsewhere } });
    let refused = peer.send("elsewhere", &edifact(2, "A-2"), more).await;
    assert_eq!(refused["http"], 403);
    let came = tokio::time::timeout(std::time::Duration::from_millis(300), trap.accept()).await;
    assert!(came.is_err(), "something connected");
    assert!(rig.channel("edi.acme").await["last_error"].as_str().unwrap().contains("127.0.0.2"));
    assert_eq!(rig.cases().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_send_arrives_once_whatever_the_partner_does() {
    let keys = Keys::new();
    let (mut rig, mut peer) = pair(&keys, "timeout = \"5s\"\n").await;
    // The partner takes it and the answer is lost: the same Message-ID comes again, and the partner knows it.
    peer.mode("drop").await;
    is_processed(&peer.send("1", &x12(1, &numbers("A", 1)), json!({})).await);
    let ends = rig.wait_until_all_is_sent(1).await;
    assert!(ends[0]["state"] == "sent" && ends[0]["attempts"].as_u64().unwrap() >= 2, "{ends:?}");
    assert_eq!(peer.taken().len(), 1);
    // The partner is closed for a while, then has trouble of its own.
    peer.mode("unavailable").await;
    is_processed(&peer.send("2", &x12(2, &numbers("B", 1)), json!({})).await);
    let tried = wait_for(PATIENCE, async || {
        let ends = rig.outbound().await;
        ends.iter().find(|one| one["said"].as_str().is_some_and(|said| said.contains("503"))).cloned()
    });
    assert!(tried.await.is_ok(), "{}", rig.tail());
    peer.mode("ok").await;
    let ends = rig.wait_until_all_is_sent(2).await;
    assert!(ends.iter().all(|one| one["state"] == "sent"), "{ends:?}");
    let groups: Vec<String> = peer.taken().iter().map(|(_, bytes)| segments(bytes, "AK1")[0][2].clone()).collect();
    assert_eq!(groups, ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_partners_receipt_says_counts() {
    let keys = Keys::new();
    let (mut rig, mut peer) = pair(&keys, "").await;
    let mut ends = Vec::new();
    for (number, mode) in ["error", "distrust", "wrong-mic"].into_iter().enumerate() {
        // What we send is judged, not what the partner sends.
        is_processed(&peer.send(&format!("m{number}"), &x12(u32::try_from(number).unwrap() + 1, &numbers(mode, 1)), json!({})).await);
        rig.wait_for_cases(number + 1).await;
        rig.wait_until_all_is_sent(number * 2 + 1).await;
        let decided = rig.all("/v1/orders", "orders").await;
        let order = decided.iter().find(|order| order["order"]["po_number"].as_str().unwrap().starts_with(mode)).unwrap();
        peer.mode(mode).await;
        rig.post(&format!("/v1/orders/{}/decision", order["id"].as_str().unwrap()), &accepted()).await;
        let all = rig.wait_until_all_is_sent(number * 2 + 2).await;
        peer.mode("ok").await;
        ends.push(all.into_iter().find(|one| one["kind"] == "order-response").unwrap());
    }
    let said = |index: usize| (ends[index]["state"].as_str().unwrap(), ends[index]["said"].as_str().unwrap());
    // Its own trouble passes; the second time the partner knows it.
    assert!(said(0).0 == "sent" && ends[0]["attempts"] == 2, "{}", ends[0]);
    assert!(said(1).0 == "failed" && said(1).1.contains("authentication-failed"), "{}", ends[1]);
    assert!(said(2).0 == "failed" && said(2).1.contains("contradicts what was sent"), "{}", ends[2]);
    // Once the partner has our certificate, somebody sends it again.
    let again = rig.post(&format!("/v1/outbound/{}/retry", ends[1]["id"].as_str().unwrap()), &json!({})).await;
    assert_eq!(again["state"], "waiting", "{again}");
    let all = rig.wait_until_all_is_sent(6).await;
    assert!(all.iter().any(|one| one["id"] == ends[1]["id"] && one["state"] == "sent"), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_come_by_themselves_are_matched_even_when_late() {
    let keys = Keys::new();
    let more = "mdn = \"async\"\nmdn_url = \"{own}\"\nmdn_wait = \"2s\"\n";
    let (mut rig, mut peer) = pair(&keys, more).await;
    is_processed(&peer.send("1", &x12(1, &numbers("A", 1)), json!({})).await);
    let ends = rig.wait_until_all_is_sent(1).await;
    assert!(ends[0]["state"] == "sent" && ends[0]["said"].as_str().unwrap().contains("has it: processed"), "{ends:?}");
    // The receipt stays away; the message is sent again under its Message-ID; then the receipt of the first time comes.
    peer.mode("late").await;
    is_processed(&peer.send("2", &x12(2, &numbers("B", 1)), json!({})).await);
    let waited = wait_for(PATIENCE, async || {
        let ends = rig.outbound().await;
        ends.into_iter().find(|one| one["said"].as_str().is_some_and(|said| said.contains("no receipt within")))
    });
    assert!(waited.await.is_ok(), "{}", rig.tail());
    rig.loket.kill().await.unwrap();
    rig.run().await;
    peer.tell(&json!({ "do": "late" })).await;
    let ends = rig.wait_until_all_is_sent(2).await;
    assert!(ends.iter().all(|one| one["state"] == "sent"), "{ends:?}");
    assert_eq!(peer.taken().len(), 2);
}
