//! An interchange of a thousand orders.

use std::collections::BTreeSet;

use loket_tests::wait_for;

use crate::interchange::{numbers, x12};
use crate::rig::{PATIENCE, Rig, drop_file, names, segments, wait_for_files, wait_until_empty};

const BOTH: &str = "[edi.acme]\nfolder = \"{folder}/acme\"\npoll = \"50ms\"\nsettle = \"100ms\"\nretry = \"1s\"\n\
                    [edi.acme-other-way]\nfolder = \"{folder}/other\"\npoll = \"50ms\"\nsettle = \"100ms\"\nretry = \"1s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_orders_are_a_thousand_cases_though_it_is_killed_half_way() {
    let mut rig = Rig::start(BOTH).await;
    let folder = rig.path("acme");
    let orders = numbers("PO", 1_000);
    let interchange = x12(42, &orders);
    drop_file(&folder, "orders.x12", &interchange);
    // Somewhere in the middle, three times.
    let mut at = Vec::new();
    for some in [1, 300, 600] {
        let seen = wait_for(PATIENCE, async || Some(rig.cases().await.len()).filter(|cases| *cases >= some)).await;
        at.push(seen.unwrap_or_else(|error| panic!("{error}; the log:\n{}", rig.tail())));
        rig.loket.kill().await.unwrap();
        rig.run().await;
    }
    println!("killed at {at:?} cases");
    assert!(at[0] < 1_000, "it was done before it was killed");
    rig.wait_for_cases(1_000).await;
    let found: BTreeSet<String> = rig.orders().await.iter().map(|order| order["order"]["po_number"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, orders.iter().cloned().collect());
    wait_until_empty(&folder).await;
    let acknowledged = wait_for_files(&folder.join("out"), 1).await;
    assert_eq!(segments(&acknowledged[0].1, "AK9")[0][1..5], ["A", "1000", "1000", "1000"]);
    assert!(rig.quarantine().await.is_empty());

    // The same by another way: no new case, and the links say why.
    drop_file(&rig.path("other"), "again.x12", &interchange);
    wait_until_empty(&rig.path("other")).await;
    let mut whole = serde_json::Value::Null;
    let number = rig.cases().await[0]["number"].as_str().unwrap().to_owned();
    let linked = wait_for(PATIENCE, async || {
        whole = rig.get(&format!("/v1/cases/{number}")).await;
        (whole["messages"].as_array().unwrap().len() == 2).then_some(())
    });
    assert!(linked.await.is_ok(), "{whole}");
    let link = &whole["messages"][1]["link"];
    assert_eq!(link["relation"], "duplicate", "{link}");
    assert!(link["evidence"][0].as_str().is_some_and(|why| why.contains("same identity")), "{link}");
    let settled = wait_for(PATIENCE, async || {
        let cases = rig.cases().await;
        cases.iter().all(|case| case["messages_total"] == 2).then_some(cases.len())
    });
    assert_eq!(settled.await.unwrap(), 1_000);
    // It was acknowledged when it came first.
    assert!(names(&rig.path("other/out")).is_empty());
    rig.wait_until_all_is_sent(1).await;
    assert!(rig.quarantine().await.is_empty());
}
