//! Drop folders: files that others write, at their own pace and in their own ways.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use loket_core::health::ChannelState;
use loket_tests::wait_for;

#[path = "imap/rig.rs"]
mod rig;

use rig::{PATIENCE, Rig, mail};

fn toml(rig: &Rig, more: &str) -> String {
    format!("folder = \"{}\"\npoll = \"50ms\"\n{more}", rig.path("drop").display())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap())
        .filter(|entry| !entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

async fn wait_for_names(folder: PathBuf, wanted: &[&str]) {
    let seen = wait_for(PATIENCE, async || (names(&folder) == wanted).then_some(())).await;
    assert!(seen.is_ok(), "{} has {:?}, wanted {wanted:?}", folder.display(), names(&folder));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_taken_once_and_put_away() {
    let rig = Rig::new().await;
    let drop = rig.path("drop");
    fs::create_dir(&drop).unwrap();
    for number in 0..30 {
        fs::write(drop.join(format!("m{number:02}.eml")), mail(number)).unwrap();
    }
    fs::write(drop.join("empty.EML"), "").unwrap();
    let channel = rig.run(&toml(&rig, ""));
    let entries = rig.wait_for_entries(31).await;
    wait_for_names(drop.clone(), &[]).await;
    assert_eq!(names(&drop.join("done")).len(), 31);
    assert!(entries.iter().all(|entry| entry.key.starts_with("sha256:") && entry.key.len() == 71 && entry.media_type == "message/rfc822"));
    assert!(entries.iter().any(|entry| entry.envelope["file"] == "m07.eml" && entry.envelope["modified"].as_str().unwrap().ends_with('Z')));
    // The same bytes again, under a name that is taken in `done`: known, put away, and nothing overwritten.
    fs::write(drop.join("m07.eml"), mail(7)).unwrap();
    wait_for_names(drop.clone(), &[]).await;
    assert_eq!(fs::read(drop.join("done/m07-2.eml")).unwrap(), mail(7));
    let status = channel.wait_for_round().await;
    assert_eq!((status.accepted, status.known, status.lag), (31, 1, Some(0)));
    channel.stop().await;
    assert_eq!(rig.entries().await.len(), 31);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_writer_is_waited_for_and_names_in_progress_are_left_alone() {
    let rig = Rig::new().await;
    let drop = rig.path("drop");
    let channel = rig.run(&toml(&rig, ""));
    channel.wait_for_round().await;
    let whole = mail(39);
    let mut file = fs::File::create(drop.join("slow.eml")).unwrap();
    fs::write(drop.join("other.eml.part"), &whole[..50]).unwrap();
    fs::write(drop.join("other.tmp"), &whole[..50]).unwrap();
    fs::write(drop.join(".hidden.eml"), &whole[..50]).unwrap();
    for part in whole.chunks(100) {
        file.write_all(part).unwrap();
        // Faster than it looks, so that no two looks find it unchanged.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::mem::drop(file);
    fs::rename(drop.join("other.eml.part"), drop.join("renamed.eml")).unwrap();
    rig.wait_for_entries(2).await;
    let payloads = rig.payloads().await;
    assert!(
        payloads.contains_key(&whole) && payloads.contains_key(&whole[..50]),
        "{:?}",
        payloads.keys().map(Vec::len).collect::<Vec<_>>()
    );
    wait_for_names(drop, &[".hidden.eml", "other.tmp"]).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_pipes_and_other_files_are_not_touched() {
    let rig = Rig::new().await;
    let drop = rig.path("drop");
    fs::create_dir(&drop).unwrap();
    fs::write(rig.path("secret"), "Subject: secret\r\n\r\n").unwrap();
    symlink(rig.path("secret"), drop.join("link.eml")).unwrap();
    symlink(&drop, drop.join("loop.eml")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(drop.join("pipe.eml")).status().unwrap().success());
    fs::create_dir(drop.join("folder.eml")).unwrap();
    fs::write(drop.join("order.pdf"), "%PDF").unwrap();
    fs::write(drop.join("mail\u{200b}.eml"), mail(1)).unwrap();
    let channel = rig.run(&toml(&rig, ""));
    rig.wait_for_entries(1).await;
    wait_for_names(drop.clone(), &["link.eml", "loop.eml", "order.pdf", "pipe.eml"]).await;
    channel.wait_for_round().await;
    channel.wait_for_round().await;
    channel.stop().await;
    assert_eq!(rig.entries().await.len(), 1);
    assert!(fs::symlink_metadata(drop.join("link.eml")).unwrap().is_symlink());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_goes_to_failed_with_a_reason() {
    let rig = Rig::new().await;
    let drop = rig.path("drop");
    fs::create_dir(&drop).unwrap();
    fs::write(drop.join("large.eml"), vec![b'x'; 2_000]).unwrap();
    fs::write(drop.join("small.eml"), mail(1)).unwrap();
    let channel = rig.run(&toml(&rig, "max_payload = \"1KB\"\n"));
    rig.wait_for_entries(1).await;
    wait_for_names(drop.join("failed"), &["large.eml"]).await;
    wait_for_names(drop.clone(), &[]).await;
    let status = channel.wait_for_round().await;
    let error = status.last_error.unwrap();
    assert!(error.contains("large.eml") && error.contains("2000 bytes, at most 1024"), "{error}");
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_moved_stops_no_other() {
    let rig = Rig::new().await;
    let drop = rig.path("drop");
    fs::create_dir(&drop).unwrap();
    let channel = rig.run(&toml(&rig, ""));
    channel.wait_for_round().await;
    // Where a folder should be there is a file.
    fs::remove_dir(drop.join("done")).unwrap();
    fs::write(drop.join("done"), "").unwrap();
    for number in 0..3 {
        fs::write(drop.join(format!("{number}.eml")), mail(number)).unwrap();
    }
    rig.wait_for_entries(3).await;
    let status = channel.wait_until("an error", |status| status.last_error.is_some()).await;
    assert!(status.last_error.unwrap().contains("is in the journal and cannot be moved away"));
    fs::write(drop.join("3.eml"), mail(3)).unwrap();
    rig.wait_for_entries(4).await;
    channel.wait_for_round().await;
    let status = channel.wait_for_round().await;
    // They are not read again and again.
    assert_eq!((status.accepted, status.known), (4, 0));
    fs::remove_file(drop.join("done")).unwrap();
    wait_for_names(drop.join("done"), &["0.eml", "1.eml", "2.eml", "3.eml"]).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_commit_and_move_makes_nothing_new() {
    let rig = Rig::new().await;
    let drop = rig.path("drop");
    let channel = rig.run(&toml(&rig, ""));
    channel.wait_for_round().await;
    fs::write(drop.join("a.eml"), mail(1)).unwrap();
    rig.wait_for_entries(1).await;
    wait_for_names(drop.clone(), &[]).await;
    channel.kill().await;
    // As if it had died before the move.
    fs::rename(drop.join("done/a.eml"), drop.join("a.eml")).unwrap();
    let channel = rig.run(&toml(&rig, ""));
    wait_for_names(drop.join("done"), &["a.eml"]).await;
    let status = channel.wait_for_round().await;
    assert_eq!((status.accepted, status.known), (0, 1));
    channel.stop().await;
    assert_eq!(rig.entries().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_on_one_folder_take_each_file_once() {
    let rig = Rig::new().await;
    let drop = rig.path("drop");
    let channels = [rig.run(&toml(&rig, "")), rig.run(&toml(&rig, ""))];
    for channel in &channels {
        channel.wait_for_round().await;
    }
    for number in 0..100 {
        fs::write(drop.join(format!(".{number}")), mail(number)).unwrap();
        fs::rename(drop.join(format!(".{number}")), drop.join(format!("{number}.eml"))).unwrap();
    }
    rig.wait_for_entries(100).await;
    wait_for_names(drop.clone(), &[]).await;
    assert_eq!(names(&drop.join("done")).len(), 100);
    for channel in channels {
        let status = channel.stop().await;
        assert_eq!(status.last_error, None);
    }
    assert_eq!(rig.payloads().await.len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_there_is_made_or_refused() {
    let rig = Rig::new().await;
    let channel = rig.run(&toml(&rig, ""));
    channel.wait_for_round().await;
    assert!(rig.path("drop/done").is_dir() && rig.path("drop/failed").is_dir());
    // Taken away at work, and given back.
    fs::rename(rig.path("drop"), rig.path("away")).unwrap();
    let status = channel.wait_until("an end", |status| status.last_success.is_some() && status.state == ChannelState::Failed).await;
    assert!(status.last_error.unwrap().contains("cannot be read"));
    channel.wait_for_round().await;
    channel.stop().await;

    fs::write(rig.path("file"), "").unwrap();
    let channel = rig.run(&format!("folder = \"{}\"\n", rig.path("file/drop").display()));
    let status = channel.wait_until("a refusal", |status| status.state == ChannelState::Failed).await;
    assert!(status.last_error.unwrap().contains("is not there and cannot be made"));
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intake_that_fails_leaves_the_file() {
    let rig = Rig::new().await;
    let drop = rig.path("drop");
    let channel = rig.run(&toml(&rig, ""));
    channel.wait_for_round().await;
    rig.sql("ALTER TABLE delivery RENAME TO gone").await;
    fs::write(drop.join("a.eml"), mail(1)).unwrap();
    channel.wait_until("a failure", |status| status.state == ChannelState::Retrying).await;
    assert_eq!(names(&drop), ["a.eml"]);
    rig.sql("ALTER TABLE gone RENAME TO delivery").await;
    rig.wait_for_entries(1).await;
    wait_for_names(drop.join("done"), &["a.eml"]).await;
    channel.stop().await;
    assert_eq!(fs::metadata(drop.join("done/a.eml")).unwrap().permissions().mode() & 0o400, 0o400);
}
