//! Machines that answer machines.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use loket_tests::daemon::free_port;
use loket_tests::postfix::Server;
use loket_tests::random::Random;
use loket_tests::wait_for;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::server::{Came, Smtp};
use crate::site::{Door, Site, field, mail, plain, postfix};
use crate::{PATIENCE, SUPPORT};

/// The fixtures of the reader that open no case: automatic answers, delivery reports, lists.
fn machines() -> Result<Vec<(String, Vec<u8>)>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/channel-email/tests/fixtures");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let expected: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        let automatic = expected["automatic"].as_str().unwrap_or_default();
        let mail = path.with_extension("eml");
        if matches!(automatic, "reply" | "bounce" | "bulk") && mail.exists() {
            found.push((automatic.to_owned(), std::fs::read(mail)?));
        }
    }
    found.sort();
    ensure!(found.len() >= 20, "only {} fixtures of machines in {}", found.len(), folder.display());
    Ok(found)
}

/// Another mail of the same shape: another Message-ID and date, other people, other fields that do not matter.
fn varied(mail: &[u8], number: usize, random: &mut Random) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() + 400);
    for _ in 0..random.below(4) {
        out.extend_from_slice(format!("X-Spam-Score: {}\r\n", random.below(50)).as_bytes());
    }
    let mut in_head = true;
    for line in mail.split_inclusive(|&b| b == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
        in_head &= !bare.is_empty();
        let lower = bare.to_ascii_lowercase();
        if in_head && lower.starts_with(b"message-id:") {
            out.extend_from_slice(format!("Message-ID: <machine-{number}-{}@m.example>", random.number()).as_bytes());
        } else if in_head && lower.starts_with(b"date:") {
            out.extend_from_slice(format!("Date: Tue, 24 Nov 2026 {:02}:{:02}:00 +0100", random.below(24), random.below(60)).as_bytes());
        } else {
            // People have other names: a letter behind each of these words.
            let text = String::from_utf8_lossy(bare);
            match bare == text.as_bytes() {
                true => out.extend_from_slice(text.replace("vries", ["vries", "bakker", "mol"][random.below(3)]).as_bytes()),
                false => out.extend_from_slice(bare),
            }
        }
        if line.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(format!("\r\n{number}\r\n").as_bytes());
    if random.percent(50) { [b"Received: from a by b; Tue, 24 Nov 2026 09:30:00 +0100\r\n".as_slice(), &out].concat() } else { out }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_automatic_mails_open_no_case_and_get_no_answer() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Smtp::start(&[]).await?;
    let mut site = Site::start(folder.path(), "loket", &plain(server.port)).await?;
    let machines = machines()?;
    let mut random = Random::new(3_834);
    let mails: Vec<(String, Vec<u8>)> = (0..1_000)
        .map(|number| {
            let (kind, mail) = &machines[number % machines.len()];
            let sender = match kind.as_str() {
                "bounce" => String::new(),
                _ if random.percent(30) => String::new(),
                _ => format!("machine{}@m.example", random.below(40)),
            };
            (sender, varied(mail, number, &mut random))
        })
        .collect();
    let lmtp = site.lmtp;
    let mut senders = JoinSet::new();
    for part in mails.chunks(125).map(<[_]>::to_vec) {
        senders.spawn(async move {
            let mut door = Door::open(lmtp).await?;
            for (sender, mail) in part {
                door.deliver(&sender, SUPPORT, &mail).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = senders.join_next().await {
        done??;
    }
    // The last one is a person's: when it is answered, everything before it was filed.
    site.deliver("jan@klanten.example", SUPPORT, &crate::site::complaint(1)).await?;
    site.wait_until_idle().await?;
    site.wait_for_state(None, "sent").await?;
    let status = site.get("/v1/status").await?;
    ensure!(status["totals"]["messages"].as_u64() >= Some(1_001), "{status:#?}");
    let (cases, outbound) = (site.cases().await?, site.outbound().await?);
    ensure!(cases.len() == 1, "{cases:#?}");
    ensure!(outbound.len() == 1, "{outbound:#?}");
    ensure!(server.state().came.len() == 1, "{:?}", server.state().came);
    ensure!(site.loket.stop().await?.success());
    Ok(())
}

/// Two companies whose daemons send to this port.
async fn two(folder: &std::path::Path, smtp: u16, lmtp: (u16, u16)) -> Result<(Site, Site)> {
    let a = Site::at(folder, "a", lmtp.0, &plain(smtp)).await?;
    let b = Site::at(folder, "b", lmtp.1, &plain(smtp)).await?;
    Ok((a, b))
}

/// Waits until nobody has anything to do any more. Answers from one open cases at the other only after they left here, so both are
/// looked at twice.
async fn wait_until_quiet(postfix: Option<&Server>, a: &mut Site, b: &mut Site) -> Result<()> {
    for _ in 0..2 {
        if let Some(postfix) = postfix {
            wait_for(PATIENCE, async || postfix.queue().ok()?.is_empty().then_some(())).await.with_context(|| postfix.log())?;
        }
        a.wait_until_idle().await?;
        b.wait_until_idle().await?;
    }
    Ok(())
}

/// How many acknowledgements a site has sent.
async fn sent(site: &mut Site) -> Result<usize> {
    Ok(site.outbound().await?.iter().filter(|one| one["state"] == "sent").count())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lokets_that_write_to_each_other_stop_after_one_acknowledgement_each() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let lmtp = (free_port(), free_port());
    let postfix = Server::start(&format!(
        "relay_domains = a.example, b.example\nrelay_transport = error:5.1.1 nowhere\n\
         transport_maps = inline:{{ {{ a.example = lmtp:inet:127.0.0.1:{} }}, {{ b.example = lmtp:inet:127.0.0.1:{} }} }}\n",
        lmtp.0, lmtp.1
    ))?;
    let (mut a, mut b) = two(folder.path(), postfix.port, lmtp).await?;
    // Each writes to the other, as a person would.
    let words = "Kunt u ons zeggen wanneer de volgende levering komt, en hoeveel pallets dat zijn?";
    postfix.send("support@b.example", &["support@a.example"], &mail("B <support@b.example>", "b1@b.example", "Vraag", words))?;
    postfix.send("support@a.example", &["support@b.example"], &mail("A <support@a.example>", "a1@a.example", "Vraag", words))?;
    a.wait_for_state(None, "sent").await?;
    b.wait_for_state(None, "sent").await?;
    // Both have the other's acknowledgement.
    for site in [&mut a, &mut b] {
        let both = wait_for(PATIENCE, async || (site.get("/v1/status").await.ok()?["totals"]["messages"] == 2).then_some(()));
        both.await.context("the other's acknowledgement did not come")?;
    }
    wait_until_quiet(Some(&postfix), &mut a, &mut b).await?;
    for site in [&mut a, &mut b] {
        assert_eq!(
            (sent(site).await?, site.outbound().await?.len(), site.cases().await?.len()),
            (1, 1, 1),
            "{:#?}",
            site.outbound().await?
        );
    }
    ensure!(a.loket.stop().await?.success() && b.loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_somebody_strips_everything_the_budgets_still_end_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (told, mut came) = mpsc::unbounded_channel::<Came>();
    let server = Smtp::with(&[], Some(told)).await?;
    let lmtp = (free_port(), free_port());
    let (mut a, mut b) = two(folder.path(), server.port, lmtp).await?;
    // A gateway of the worst kind: of what it passes on it keeps sender and recipient, and makes everything else up. No header says that
    // it was automatic, nothing tells what it answers, no number, no text is twice the same.
    let gateway = tokio::spawn(async move {
        let mut passed = 0_usize;
        while let Some(one) = came.recv().await {
            let from = field(&one.bytes, "From");
            let address = if from.contains("@a.example") { "support@a.example" } else { "support@b.example" };
            let port = if one.to[0].ends_with("@a.example") { lmtp.0 } else { lmtp.1 };
            passed += 1;
            let words =
                format!("Kunt u mij zeggen wanneer pallet {passed} komt? Wij wachten op {} stuks van artikel K{passed}7.", passed * 31);
            let mail = mail(&from, &format!("gateway-{passed}@g.example"), &format!("Vraag {passed} van vandaag"), &words);
            let delivered = async { Door::open(port).await?.deliver(address, &one.to[0], &mail).await };
            delivered.await.expect("the gateway delivers");
        }
        passed
    });
    let words = "Kunt u ons zeggen wanneer de volgende levering komt, en hoeveel pallets dat zijn?";
    a.deliver("support@b.example", "support@a.example", &mail("B <support@b.example>", "b1@b.example", "Vraag", words)).await?;
    // It ends when somebody holds back an answer.
    let ended = wait_for(PATIENCE, async || {
        let (a, b) = (a.outbound().await.ok()?, b.outbound().await.ok()?);
        a.iter().chain(&b).find(|one| one["state"] == "withheld").cloned()
    });
    let withheld = ended.await.with_context(|| a.loket.log_text())?;
    ensure!(withheld["said"].as_str().is_some_and(|said| said.contains("per_address_hour")), "{withheld:#?}");
    wait_until_quiet(None, &mut a, &mut b).await?;
    assert_eq!((sent(&mut a).await?, sent(&mut b).await?), (3, 3));
    drop(server);
    gateway.abort();
    ensure!(a.loket.stop().await?.success() && b.loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_a_gateway_strips_leave_others_that_speak() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let lmtp = free_port();
    let postfix = postfix(lmtp, "header_checks = regexp:{ {/^(Auto-Submitted|X-Loop|Precedence|X-Auto-Response-Suppress):/ IGNORE} }\n")?;
    let mut site = Site::at(folder.path(), "loket", lmtp, &plain(postfix.port)).await?;
    // Another Loket's acknowledgement, as this gateway leaves it: the empty sender, and that it is an answer.
    let words = "Beste Piet,\r\n\r\nBedankt voor uw vraag. We hebben die ontvangen en komen er bij u op terug.\r\n";
    let head = "From: Klantenservice <support@b.example>\r\nTo: support@loket.example\r\nSubject: Re: Vraag [#100-425]\r\n\
                Date: Tue, 24 Nov 2026 09:30:00 +0100\r\nMessage-ID: <x.loket@b.example>\r\nIn-Reply-To: <y@loket.example>\r\nAuto-Submitted: auto-replied\r\n\
                X-Loop: loket\r\nPrecedence: auto_reply\r\nX-Auto-Response-Suppress: All\r\n";
    postfix.send("", &[SUPPORT], format!("{head}\r\n{words}").as_bytes())?;
    let filed = wait_for(PATIENCE, async || (site.get("/v1/status").await.ok()?["totals"]["messages"] == 1).then_some(()));
    filed.await.with_context(|| postfix.log())?;
    site.wait_until_idle().await?;
    assert_eq!((site.cases().await?.len(), site.outbound().await?.len()), (0, 0));
    ensure!(site.loket.stop().await?.success());
    Ok(())
}
