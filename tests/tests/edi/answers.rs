//! Business answers: a decision posted to the API goes back to the buyer in the order's own format.

use serde_json::json;

use crate::interchange::{edifact, numbers, x12};
use crate::rig::{Rig, accepted, drop_file, segments, wait_for_files};

const ACME: &str = "[edi.acme]\nfolder = \"{folder}/acme\"\npoll = \"50ms\"\nsettle = \"100ms\"\nretry = \"1s\"\n\
                    acknowledge = \"never\"\ntimezone = \"Europe/Amsterdam\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn decisions_go_back_in_the_orders_own_format() {
    let mut rig = Rig::start(ACME).await;
    let folder = rig.path("acme");
    drop_file(&folder, "a.x12", x12(1, &numbers("A", 1)));
    drop_file(&folder, "b.edi", edifact(2, "B-1"));
    rig.wait_for_cases(2).await;
    let orders = rig.orders().await;
    let id = |number: &str| {
        let order = orders.iter().find(|order| order["order"]["po_number"] == number).unwrap_or_else(|| panic!("{orders:?}"));
        order["id"].as_str().unwrap().to_owned()
    };
    let decided = rig.post(&format!("/v1/orders/{}/decision", id("A-00001")), &accepted()).await;
    assert_eq!(decided["answered"], true, "{decided}");
    let changed = json!({
        "outcome": "changed",
        "lines": [{ "number": "1", "outcome": "changed", "quantity": "10", "reason": "Niet meer op voorraad" }],
    });
    rig.post(&format!("/v1/orders/{}/decision", id("B-1")), &changed).await;
    let files = wait_for_files(&folder.join("out"), 2).await;
    let (name, response) = files.iter().find(|(name, _)| name.ends_with(".x12")).unwrap();
    assert!(name.starts_with("response-00000000"), "{name}");
    assert_eq!(segments(response, "ST")[0][1], "855");
    assert_eq!(segments(response, "BAK")[0][3], "A-00001");
    assert_eq!(segments(response, "ACK").len(), 2);
    let (_, response) = files.iter().find(|(name, _)| name.ends_with(".edi")).unwrap();
    let text = String::from_utf8_lossy(response);
    assert!(text.contains("ORDRSP:") && text.contains("B-1") && text.contains("+8798765000003:14+8712345000004:14+"), "{text}");
    let ends = rig.wait_until_all_is_sent(2).await;
    // Nothing was acknowledged, as it is configured.
    assert!(ends.iter().all(|one| one["kind"] == "order-response" && one["state"] == "sent"), "{ends:?}");
}
