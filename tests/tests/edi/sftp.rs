//! Folders on a real OpenSSH server.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::Duration;

use loket_tests::sftp::{Server, user};
use loket_tests::wait_for;

use crate::interchange::{edifact, numbers, x12};
use crate::rig::{PATIENCE, Rig, drop_file, names, segments, wait_for_files, wait_until_empty};

/// A partner's table; the host key is that of this fingerprint or line.
fn table(server: &Server, host_key: &str, more: &str) -> String {
    for folder in ["out", "in"] {
        fs::create_dir_all(server.files().join(folder)).unwrap();
    }
    format!(
        "[edi.acme]\nretry = \"1s\"\n[edi.acme.sftp]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\nkey = \"file:{}\"\n\
         host_keys = [\"{host_key}\"]\nfolder = \"out\"\nout = \"in\"\npoll = \"100ms\"\nsettle = \"100ms\"\ntimeout = \"5s\"\n{more}",
        server.port,
        user().unwrap(),
        server.client_key().display(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_fetched_once_and_acknowledged_there() {
    let server = Server::start().unwrap();
    let mut rig = Rig::start(&table(&server, &server.fingerprint("ed25519").unwrap(), "")).await;
    let (theirs, ours) = (server.files().join("out"), server.files().join("in"));
    drop_file(&theirs, "a.x12", x12(1, &numbers("A", 2)));
    drop_file(&theirs, "b.edi", edifact(2, "B-1"));
    rig.wait_for_cases(3).await;
    wait_until_empty(&theirs).await;
    assert_eq!(names(&theirs.join("done")).len(), 2);
    let acknowledged = wait_for_files(&ours, 2).await;
    assert!(acknowledged.iter().any(|(name, bytes)| name.ends_with(".x12") && segments(bytes, "AK9")[0][1] == "A"), "{acknowledged:?}");
    assert!(acknowledged.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains("CONTRL:")), "{acknowledged:?}");
    let hidden = fs::read_dir(&ours).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(hidden.into_iter().all(|name| !name.to_string_lossy().starts_with('.')), "something half-written stayed");
    // The same again under another name: known, moved, nothing new; nothing in `done` is overwritten.
    drop_file(&theirs, "a.x12", x12(1, &numbers("A", 2)));
    drop_file(&theirs, "c.x12", x12(1, &numbers("A", 2)));
    wait_until_empty(&theirs).await;
    assert_eq!(names(&theirs.join("done")).len(), 4, "{:?}", names(&theirs.join("done")));
    assert_eq!((rig.cases().await.len(), names(&ours).len(), rig.outbound().await.len()), (3, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_and_rsa_and_a_whole_key_work_too() {
    let server = Server::start().unwrap();
    let (key, passphrase) = server.rsa_key();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("passphrase"), passphrase).unwrap();
    let text = table(&server, &server.known_hosts("rsa").unwrap(), "after = \"delete\"\n")
        .replace(&server.client_key().display().to_string(), &key.display().to_string())
        .replace("host_keys", &format!("passphrase = \"file:{}\"\nhost_keys", folder.path().join("passphrase").display()));
    let mut rig = Rig::start(&text).await;
    drop_file(&server.files().join("out"), "a.x12", x12(1, &numbers("A", 1)));
    rig.wait_for_cases(1).await;
    wait_until_empty(&server.files().join("out")).await;
    assert!(!server.files().join("out/done").exists());
    wait_for_files(&server.files().join("in"), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_host_key_is_refused_before_anything_is_said() {
    let (server, other) = (Server::start().unwrap(), Server::start().unwrap());
    let (wrong, right) = (other.fingerprint("ed25519").unwrap(), server.fingerprint("ed25519").unwrap());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), "hunter2").unwrap();
    let text = table(&server, &wrong, "");
    let key = format!("key = \"file:{}\"", server.client_key().display());
    let text = text.replace(&key, &format!("password = \"file:{}\"", folder.path().join("password").display()));
    let mut rig = Rig::start(&text).await;
    let error = rig.wait_for_error("edi.acme", "showed the key").await;
    assert!(error.contains(&wrong) && error.contains(&right), "{error}");
    assert_eq!(rig.channel("edi.acme").await["state"], "failed");
    // The server heard no name and no password.
    let log = server.log();
    assert!(log.contains("kex") && !log.contains("userauth-request") && !log.contains(&format!("user {}", user().unwrap())), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_not_taken_is_said_without_repeating_it() {
    let server = Server::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), "hunter2-wrong").unwrap();
    let text = table(&server, &server.fingerprint("ed25519").unwrap(), "");
    let key = format!("key = \"file:{}\"", server.client_key().display());
    let text = text.replace(&key, &format!("password = \"file:{}\"", folder.path().join("password").display()));
    let mut rig = Rig::start(&text).await;
    let error = rig.wait_for_error("edi.acme", "does not take").await;
    assert!(!error.contains("hunter2") && !rig.loket.log_text().contains("hunter2"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_file_is_left_until_it_stands_still() {
    let server = Server::start().unwrap();
    let more = "settle = \"500ms\"\n";
    let text = table(&server, &server.fingerprint("ed25519").unwrap(), "").replace("settle = \"100ms\"\n", more);
    let mut rig = Rig::start(&text).await;
    let theirs = server.files().join("out");
    let whole = x12(1, &numbers("A", 20));
    let mut file = fs::File::create(theirs.join("slow.x12")).unwrap();
    for part in whole.as_bytes().chunks(whole.len() / 30 + 1) {
        file.write_all(part).unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    drop(file);
    rig.wait_for_cases(20).await;
    assert!(rig.quarantine().await.is_empty(), "a part of a file was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_odd_names_are_left_and_told_of() {
    let server = Server::start().unwrap();
    let theirs = server.files().join("out");
    fs::create_dir_all(&theirs).unwrap();
    fs::write(server.files().join("secret.x12"), x12(9, &numbers("SECRET", 1))).unwrap();
    symlink(server.files().join("secret.x12"), theirs.join("link.x12")).unwrap();
    fs::write(theirs.join("zero\u{200b}.x12"), x12(8, &numbers("ZERO", 1))).unwrap();
    fs::write(theirs.join("back\\slash.x12"), x12(7, &numbers("BACK", 1))).unwrap();
    fs::write(theirs.join("line\nend.x12"), x12(6, &numbers("LINE", 1))).unwrap();
    fs::write(theirs.join("half.x12.filepart"), "ISA").unwrap();
    fs::write(theirs.join("large.x12"), vec![b'x'; 3_000]).unwrap();
    let text = table(&server, &server.fingerprint("ed25519").unwrap(), "").replace("retry", "max_payload = \"2KB\"\nretry");
    let mut rig = Rig::start(&text).await;
    drop_file(&theirs, "good.x12", x12(1, &numbers("A", 1)));
    rig.wait_for_cases(1).await;
    rig.wait_for_error("edi.acme", "large.x12").await;
    assert_eq!(names(&theirs.join("done")), ["good.x12".to_owned()].into());
    let log = rig.loket.log_text();
    for part in
        ["link.x12 in out", "zero\\u{200b}.x12", "back\\slash.x12", "line\\u{a}end.x12", "large.x12 is not taken: it has 3000 bytes"]
    {
        assert_eq!(log.lines().filter(|line| line.contains(part)).count(), 1, "{part} in\n{log}");
    }
    assert!(fs::symlink_metadata(theirs.join("link.x12")).unwrap().is_symlink());
    assert!(rig.quarantine().await.is_empty() && rig.cases().await.len() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_names_after_a_cut_rename_are_one_interchange() {
    let server = Server::start().unwrap();
    let mut rig = Rig::start(&table(&server, &server.fingerprint("ed25519").unwrap(), "")).await;
    let theirs = server.files().join("out");
    drop_file(&theirs, "a.x12", x12(1, &numbers("A", 2)));
    rig.wait_for_cases(2).await;
    wait_until_empty(&theirs).await;
    wait_for_files(&server.files().join("in"), 1).await;
    rig.wait_until_all_is_sent(1).await;
    rig.loket.kill().await.unwrap();
    // As OpenSSH leaves it when it dies between making the second name and removing the first.
    fs::hard_link(theirs.join("done/a.x12"), theirs.join("a.x12")).unwrap();
    rig.run().await;
    wait_until_empty(&theirs).await;
    assert_eq!(rig.cases().await.len(), 2);
    assert_eq!((names(&server.files().join("in")).len(), rig.outbound().await.len()), (1, 1));
    assert_eq!(rig.channel("edi.acme").await["known"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_and_a_server_that_is_away_lose_and_double_nothing() {
    let mut server = Server::start().unwrap();
    let mut rig = Rig::start(&table(&server, &server.fingerprint("ed25519").unwrap(), "")).await;
    let (theirs, ours) = (server.files().join("out"), server.files().join("in"));
    let mut cut = 0;
    for number in 1..=30 {
        drop_file(&theirs, &format!("{number}.x12"), x12(number, &numbers(&format!("P{number}"), 1)));
        tokio::time::sleep(Duration::from_millis(40)).await;
        if number % 3 == 0 {
            cut += server.cut_connections().unwrap();
        }
    }
    assert!(cut > 0, "nothing was cut");
    server.stop().unwrap();
    rig.wait_for_error("edi.acme", "no connection").await;
    for number in 31..=35 {
        drop_file(&theirs, &format!("{number}.x12"), x12(number, &numbers(&format!("P{number}"), 1)));
    }
    server.start_again().unwrap();
    rig.wait_for_cases(35).await;
    wait_until_empty(&theirs).await;
    let acknowledged = wait_for_files(&ours, 35).await;
    let mut groups: Vec<u32> = acknowledged.iter().map(|(_, bytes)| segments(bytes, "AK1")[0][2].parse().unwrap()).collect();
    groups.sort_unstable();
    assert_eq!(groups, (1..=35).collect::<Vec<u32>>(), "each interchange is acknowledged once");
    rig.wait_until_all_is_sent(35).await;
    let up = wait_for(PATIENCE, async || (rig.channel("edi.acme").await["state"] == "up").then_some(())).await;
    assert!(up.is_ok(), "{}", rig.channel("edi.acme").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_nothing_is_lost_or_double() {
    let server = Server::start().unwrap();
    let mut rig = Rig::start(&table(&server, &server.fingerprint("ed25519").unwrap(), "")).await;
    let (theirs, ours) = (server.files().join("out"), server.files().join("in"));
    let mut dropped = 0;
    for round in 0..6_u64 {
        for _ in 0..5 {
            dropped += 1;
            drop_file(&theirs, &format!("{dropped}.x12"), x12(dropped, &numbers(&format!("P{dropped}"), 2)));
        }
        tokio::time::sleep(Duration::from_millis(150 + round * 90)).await;
        rig.loket.kill().await.unwrap();
        rig.run().await;
    }
    rig.wait_for_cases(60).await;
    wait_until_empty(&theirs).await;
    assert_eq!(names(&theirs.join("done")).iter().filter(|name| !name.contains('-')).count(), 30);
    // A claim of the killed one has to run out first; what it was sending goes out under the same name.
    rig.wait_until_all_is_sent(30).await;
    let acknowledged = wait_for_files(&ours, 30).await;
    let mut groups: Vec<u32> = acknowledged.iter().map(|(_, bytes)| segments(bytes, "AK1")[0][2].parse().unwrap()).collect();
    groups.sort_unstable();
    assert_eq!(groups, (1..=30).collect::<Vec<u32>>());
}
