//! Folders on this machine.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::Duration;

use loket_tests::wait_for;

use crate::interchange::{edifact, numbers, x12};
use crate::rig::{PATIENCE, Rig, drop_file, names, segments, wait_for_files, wait_until_empty};

const ACME: &str = "[edi.acme]\nfolder = \"{folder}/acme\"\npoll = \"50ms\"\nsettle = \"100ms\"\nretry = \"1s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_interchange_becomes_cases_and_one_acknowledgement() {
    let mut rig = Rig::start(ACME).await;
    let folder = rig.path("acme");
    drop_file(&folder, "orders.x12", x12(42, &numbers("PO", 3)));
    let cases = rig.wait_for_cases(3).await;
    assert!(cases.iter().all(|case| case["class"] == "order" && case["channel"] == "edi.acme"), "{cases:?}");
    let acknowledged = wait_for_files(&folder.join("out"), 1).await;
    let (name, bytes) = &acknowledged[0];
    assert!(name.starts_with("ack-000000001-") && name.ends_with(".x12"), "{name}");
    assert_eq!(segments(bytes, "AK1")[0][1..3], ["PO", "42"]);
    assert_eq!(segments(bytes, "AK9")[0][1..5], ["A", "3", "3", "3"]);
    assert_eq!(segments(bytes, "ISA")[0][6].trim(), "LOKET");
    assert_eq!(names(&folder.join("done")), ["orders.x12".to_owned()].into());
    rig.wait_until_all_is_sent(1).await;

    // EDIFACT that asks for it gets one, an acknowledgement gets none.
    drop_file(&folder, "orders.edi", edifact(7, "PO-7"));
    rig.wait_for_cases(4).await;
    let files = wait_for_files(&folder.join("out"), 2).await;
    let contrl = files.iter().find(|(name, _)| name.ends_with(".edi")).unwrap();
    assert!(String::from_utf8_lossy(&contrl.1).contains("CONTRL:"), "{contrl:?}");
    drop_file(&folder, "their-997.x12", bytes);
    wait_until_empty(&folder).await;
    let ends = rig.wait_until_all_is_sent(3).await;
    assert!(ends.iter().filter(|one| one["state"] == "sent").count() == 2, "{ends:?}");
    assert_eq!(rig.cases().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_order_is_set_aside_and_the_good_ones_are_filed() {
    let mut rig = Rig::start(ACME).await;
    let folder = rig.path("acme");
    let text = x12(1, &numbers("PO", 3)).replace("PO1*1*3*EA*12.50", "PO1*1*drie*EA*12.50");
    drop_file(&folder, "orders.x12", &text);
    let cases = rig.wait_for_cases(2).await;
    assert_eq!(cases.len(), 2);
    let aside = rig.wait_for_quarantine(1).await;
    let error = aside[0]["error"].as_str().unwrap();
    assert!(error.contains("PO1") && error.contains("drie"), "{error}");
    let acknowledged = wait_for_files(&folder.join("out"), 1).await;
    assert_eq!(segments(&acknowledged[0].1, "AK9")[0][1..5], ["P", "3", "3", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_nonsense_go_to_quarantine_with_their_reason() {
    let partner = format!("{ACME}partner_ids = [\"ZZ/ACME\"]\nour_ids = [\"LOKET\"]\n");
    let mut rig = Rig::start(&partner).await;
    let folder = rig.path("acme");
    let stranger = x12(1, &numbers("PO", 1)).replace("*ACME           *", "*STRANGER       *");
    drop_file(&folder, "stranger.x12", &stranger);
    drop_file(&folder, "letter.txt", "Beste mensen, graag 12 dozen.\n");
    drop_file(&folder, "picture.gif", [0x47, 0x49, 0x46, 0x38, 0, 0xff, 0xfe]);
    drop_file(&folder, "cut.x12", &x12(2, &numbers("PO", 1))[..150]);
    let aside = rig.wait_for_quarantine(4).await;
    let reasons: Vec<&str> = aside.iter().map(|one| one["error"].as_str().unwrap()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("a partner that isn't ours") && reason.contains("ZZ/STRANGER")), "{reasons:?}");
    assert_eq!(reasons.iter().filter(|reason| reason.contains("no EDI format is recognized")).count(), 2, "{reasons:?}");
    wait_until_empty(&folder).await;
    // A good one goes on being taken, and the strangers' bytes are there.
    drop_file(&folder, "good.x12", x12(3, &numbers("PO", 1)));
    rig.wait_for_cases(1).await;
    let kept = aside.iter().find(|one| one["envelope"]["file"] == "stranger.x12").unwrap();
    let id = kept["id"].as_str().unwrap();
    let key = rig.loket.lines(&["key", "create", "--name", "reader"]).unwrap()[0]["key"].as_str().unwrap().to_owned();
    let raw = rig.loket.client().get(rig.loket.url(&format!("/v1/quarantine/{id}/raw"))).bearer_auth(key).send().await.unwrap();
    assert_eq!(raw.bytes().await.unwrap(), stranger.as_bytes());
    // The partner is told of the one that was cut off, too: rejected.
    let files = wait_for_files(&folder.join("out"), 2).await;
    let told = |file: &[u8]| (segments(file, "AK1")[0][2].clone(), segments(file, "AK9")[0][1].clone());
    assert_eq!([told(&files[0].1), told(&files[1].1)], [("2".into(), "R".into()), ("3".into(), "A".into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_writer_is_waited_for_and_tricks_are_left_alone() {
    let mut rig = Rig::start(&ACME.replace("settle = \"100ms\"", "settle = \"500ms\"")).await;
    let folder = rig.path("acme");
    let whole = x12(1, &numbers("PO", 20));
    fs::write(rig.path("secret.x12"), x12(9, &numbers("SECRET", 1))).unwrap();
    symlink(rig.path("secret.x12"), folder.join("link.x12")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.join("pipe.x12")).status().unwrap().success());
    fs::create_dir(folder.join("folder.x12")).unwrap();
    fs::write(folder.join("zero\u{200b}.x12"), x12(8, &numbers("ZERO", 1))).unwrap();
    fs::write(folder.join("half.x12.part"), &whole[..200]).unwrap();
    fs::write(folder.join(".hidden.x12"), &whole[..200]).unwrap();
    let mut file = fs::File::create(folder.join("slow.x12")).unwrap();
    // Each pause is shorter than a file has to stand still, all of them together are far longer.
    for part in whole.as_bytes().chunks(whole.len() / 30 + 1) {
        file.write_all(part).unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    drop(file);
    rig.wait_for_cases(20).await;
    assert!(rig.quarantine().await.is_empty(), "a part of a file was taken");
    let left = names(&folder);
    assert!(left.contains("pipe.x12") || fs::symlink_metadata(folder.join("pipe.x12")).is_ok());
    assert!(fs::symlink_metadata(folder.join("link.x12")).unwrap().is_symlink() && folder.join("half.x12.part").exists());
    assert!(folder.join("zero\u{200b}.x12").exists());
    let log = rig.loket.log_text();
    assert!(log.contains("link.x12") && log.contains("zero\\u{200b}.x12"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_commit_and_move_nothing_is_double() {
    let mut rig = Rig::start(ACME).await;
    let folder = rig.path("acme");
    // While `done` cannot be written to, files stay after their commit.
    wait_for(PATIENCE, async || folder.join("done").is_dir().then_some(())).await.unwrap();
    fs::remove_dir(folder.join("done")).unwrap();
    fs::write(folder.join("done"), "").unwrap();
    for number in 1..=5 {
        drop_file(&folder, &format!("{number}.x12"), x12(number, &numbers(&format!("P{number}"), 2)));
    }
    rig.wait_for_cases(10).await;
    wait_for_files(&folder.join("out"), 5).await;
    rig.wait_until_all_is_sent(5).await;
    assert_eq!(names(&folder).len(), 6, "{:?}", names(&folder));
    rig.loket.kill().await.unwrap();
    fs::remove_file(folder.join("done")).unwrap();
    rig.run().await;
    wait_until_empty(&folder).await;
    assert_eq!(names(&folder.join("done")).len(), 5);
    assert_eq!(rig.cases().await.len(), 10);
    assert_eq!(wait_for_files(&folder.join("out"), 5).await.len(), 5);
    assert_eq!(rig.channel("edi.acme").await["known"], 5);
    assert_eq!(rig.outbound().await.len(), 5);
}
