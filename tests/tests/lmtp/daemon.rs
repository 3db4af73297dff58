//! The whole daemon behind a Postfix: killed, restarted, out of disk, out of memory nearly.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use loket_core::delivery::Tenant;
use loket_core::store::{self, Page, StoreSettings};
use loket_tests::daemon::{Loket, free_port};
use loket_tests::disk::SmallDisk;
use loket_tests::postfix::{Server, stuffed};
use loket_tests::random::Random;
use loket_tests::wait_for;
use tokio::task::JoinSet;

use crate::SUPPORT;
use crate::client::Client;
use crate::rig::{PATIENCE, mail};

fn sqlite(folder: &Path) -> String {
    format!("sqlite:{}/loket.db", folder.display())
}

/// A daemon with one listener, and the listener's port.
fn loket(folder: &Path, store: &str) -> Result<(Loket, u16)> {
    let port = free_port();
    Ok((Loket::new(folder, "loket", store, &format!("[email.pushed]\nlmtp = \"127.0.0.1:{port}\"\n"))?, port))
}

fn postfix(port: u16) -> Result<Server> {
    Server::start(&format!("relay_domains = loket.example\nrelay_transport = lmtp:inet:127.0.0.1:{port}\n"))
}

/// The keys in the journal.
async fn keys(url: &str) -> Result<Vec<String>> {
    let store = store::open(url, &StoreSettings::default()).await?;
    let mut keys = Vec::new();
    let mut page = Page::first(500);
    loop {
        let part = store.journal_entries(&Tenant::default(), None, &page).await?;
        let Some(last) = part.last() else { return Ok(keys) };
        page.after = Some((last.received_at, last.id));
        keys.extend(part.into_iter().map(|entry| entry.key));
    }
}

async fn wait_until_empty(postfix: &Server) -> Result<()> {
    let mut looks = 0;
    let empty = wait_for(2 * PATIENCE, async || {
        looks += 1;
        // Deferred mail waits for minutes by itself.
        if looks % 10 == 0 {
            postfix.flush().ok()?;
        }
        postfix.queue().ok()?.is_empty().then_some(())
    });
    empty.await.with_context(|| format!("{:?}", postfix.queue()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_again_and_again_loses_and_doubles_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let url = sqlite(folder.path());
    let (mut loket, port) = loket(folder.path(), &url)?;
    loket.start().await?;
    let postfix = postfix(port)?;
    let mut random = Random::new(9);
    let mails = 150;
    for number in 0..mails {
        postfix.send("marloes@terwindt.example", &[SUPPORT, "orders@loket.example"], &mail(number))?;
        if number % 30 == 15 {
            tokio::time::sleep(Duration::from_millis(random.below(60) as u64)).await;
            loket.kill().await?;
            postfix.flush()?;
            loket.start().await?;
        }
    }
    wait_until_empty(&postfix).await?;
    let mut found = keys(&url).await?;
    found.sort_unstable();
    found.dedup();
    ensure!(found.len() == 2 * mails, "{} of {} deliveries", found.len(), 2 * mails);
    let status = wait_for(PATIENCE, async || {
        let status = loket.lines(&["status"]).ok()?.remove(0);
        (status["messages"] == 2 * mails as u64).then_some(status)
    });
    status.await.with_context(|| format!("{:?}", loket.lines(&["status"])))?;
    ensure!(loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_gives_452_and_the_mail_stays_with_its_server() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = SmallDisk::mount(8)?;
    let url = sqlite(disk.path());
    let (mut loket, port) = loket(folder.path(), &url)?;
    loket.start().await?;
    let postfix = postfix(port)?;
    let mut random = Random::new(452);
    let mut mails = 0;
    while !postfix.log().contains("452 4.3.1 the store is full") {
        ensure!(mails < 300, "the disk does not fill:\n{}", postfix.log());
        // Numbers do not compress to nothing.
        let noise: String = (0..12_000).map(|_| format!("{:016x}\r\n", random.number())).collect();
        postfix.send("marloes@terwindt.example", &[SUPPORT], &[mail(mails), noise.into_bytes()].concat())?;
        mails += 1;
    }
    disk.resize(256)?;
    wait_until_empty(&postfix).await?;
    let mut found = keys(&url).await?;
    found.sort_unstable();
    found.dedup();
    ensure!(found.len() == mails, "{} of {mails} deliveries", found.len());
    ensure!(loket.stop().await?.success());
    Ok(())
}

/// The most memory that a process has had, in MB.
fn peak(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? >> 10)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_mails_at_once_do_not_fill_the_memory() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut loket, port) = loket(folder.path(), &sqlite(folder.path()))?;
    loket.start().await?;
    let before = peak(loket.pid().context("no pid")?)?;
    let mut senders = JoinSet::new();
    // Forty senders with 20 MB each, half of which say so.
    for number in 0..40_u64 {
        senders.spawn(async move {
            let mut random = Random::new(number);
            let line: String = (0..64).map(|_| format!("{:016x}", random.number())).collect();
            let mut text = b"Subject: groot\r\nDate: Tue, 24 Nov 2026 09:30:00 +0100\r\nContent-Type: application/pdf\r\n\r\n".to_vec();
            while text.len() < 20 << 20 {
                text.extend_from_slice(line.as_bytes());
                text.extend_from_slice(b"\r\n");
            }
            let size = if number % 2 == 0 { format!(" SIZE={}", text.len()) } else { String::new() };
            let wire = [stuffed(&text), b".\r\n".to_vec()].concat();
            // As a mail server does: until it is taken.
            loop {
                let mut client = Client::connect(port).await;
                client.greet().await;
                client.must(&format!("MAIL FROM:<a@b.example>{size}"), "250").await;
                client.must("RCPT TO:<support@loket.example>", "250").await;
                if !client.say("DATA").await.starts_with("354") || !client.try_send(&wire).await {
                    continue;
                }
                let answer = client.answer().await;
                if answer.starts_with("250 2.0.0 kept as ") {
                    return;
                }
                assert!(answer.starts_with("45"), "{answer}");
            }
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent?;
    }
    let after = peak(loket.pid().context("no pid")?)?;
    // 800 MB came. What is shared by those who send is 64 MB; the intake, the pipeline and the store have their own.
    ensure!(after < before + 400, "{before} MB before, {after} MB at most");
    ensure!(loket.stop().await?.success());
    Ok(())
}
