//! Mail servers that are away, busy, undecided, or gone at the worst moment.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use loket_tests::wait_for;
use serde_json::Value;

use crate::PATIENCE;
use crate::server::{Act, Smtp};
use crate::site::{Site, body, complaint, field, plain, postfix, text, wait_for_kept};

const CUSTOMER: &str = "marloes@klanten.example";

async fn start(folder: &Path, server: &Smtp, more: &str) -> Result<Site> {
    Site::start(folder, "loket", &format!("{}\n{more}", plain(server.port))).await
}

async fn deliver(site: &Site, number: usize) -> Result<()> {
    site.deliver(CUSTOMER, crate::SUPPORT, &complaint(number)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_gets_it_once_when_it_is_up_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut postfix = postfix(1, "")?;
    let mut site = Site::start(folder.path(), "loket", &plain(postfix.port)).await?;
    postfix.stop()?;
    deliver(&site, 1).await?;
    let waiting = site.wait_for_one(None, "a second attempt", |one| one["attempts"].as_u64() > Some(1)).await?;
    assert_eq!(waiting["state"], "waiting");
    ensure!(waiting["said"].as_str().is_some_and(|said| said.contains("no connection to 127.0.0.1")), "{waiting:#?}");
    let channels = site.get("/v1/channels").await?.to_string();
    ensure!(channels.contains("outgoing.main") && channels.contains("no connection to"), "{channels}");
    // A restart in between changes nothing.
    ensure!(site.loket.stop().await?.success());
    site.loket.start().await?;
    postfix.start_again()?;
    let sent = site.wait_for_state(None, "sent").await?;
    let kept = wait_for_kept(&postfix, 1).await?;
    assert_eq!(field(&kept[0], "Message-ID"), format!("<{}>", sent["identity"].as_str().unwrap_or_default()));
    assert_eq!(sent["identity"], waiting["identity"]);
    // Connections that were kept and that the server has closed meanwhile are no error.
    postfix.stop()?;
    postfix.start_again()?;
    deliver(&site, 2).await?;
    let sent = wait_for(PATIENCE, async || site.outbound().await.ok()?.into_iter().nth(1).filter(|one| one["state"] == "sent"));
    assert_eq!(sent.await?["attempts"], 1);
    wait_for_kept(&postfix, 2).await?;
    ensure!(site.loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greylisted_mail_goes_through_at_a_later_attempt_unchanged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let acts = [Act::Recipient("450 4.2.0 greylisted, come again"), Act::Content("451 4.3.0 busy"), Act::Recipient("452 4.2.2 full")];
    let server = Smtp::start(&acts).await?;
    let mut site = start(folder.path(), &server, "").await?;
    deliver(&site, 1).await?;
    let waiting = site.wait_for_one(None, "what it said", |one| one["said"] == "450 4.2.0 greylisted, come again").await?;
    let sent = site.wait_for_state(None, "sent").await?;
    assert_eq!((&sent["attempts"], &sent["identity"]), (&4.into(), &waiting["identity"]));
    // It came whole twice: when it was refused after DATA, and when it was taken. The same bytes.
    let came = server.wait_for(2).await?;
    assert_eq!((came.len(), came[0].bytes == came[1].bytes, came[1].told), (2, true, true));
    assert_eq!((came[1].mail_from.as_str(), came[1].to.as_slice()), ("", ["marloes@klanten.example".to_owned()].as_slice()));
    ensure!(site.loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_seen_by_ops_and_can_be_sent_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Smtp::start(&[Act::Recipient("550 5.1.1 no such user here")]).await?;
    let mut site = start(folder.path(), &server, "").await?;
    deliver(&site, 1).await?;
    let failed = site.wait_for_state(None, "failed").await?;
    let said = "marloes@klanten.example is not taken: 550 5.1.1 no such user here";
    assert_eq!((&failed["said"], &failed["attempts"]), (&said.into(), &1.into()));
    let by_api = site.get("/v1/outbound?state=failed").await?;
    assert_eq!(by_api["outbound"][0]["id"], failed["id"]);
    let by_cli = site.loket.lines(&["outbound", "list", "--state", "failed"])?;
    assert_eq!((by_cli.len(), &by_cli[0]["said"]), (1, &Value::from(said)));
    assert_eq!(site.get("/v1/status").await?["outbound"]["failed"], 1);
    let cases = site.cases().await?;
    let number = cases[0]["number"].as_str().context("no number")?.to_owned();
    ensure!(site.case(&number).await?.to_string().contains("acknowledgement.failed"), "no event");
    // Somebody made the account.
    let id = failed["id"].as_str().context("no id")?.to_owned();
    site.loket.lines(&["outbound", "retry", &id])?;
    let sent = site.wait_for_state(Some(&id), "sent").await?;
    assert_eq!(sent["identity"], failed["identity"]);
    assert_eq!(server.wait_for(1).await?.len(), 1);
    // A mail that is refused as a whole, and who has no address at all.
    server.state().acts.push_back(Act::Content("554 5.7.1 spam"));
    let id = site.reply(&number, &text("Hallo")).await?;
    assert_eq!(site.wait_for_state(Some(&id), "failed").await?["said"], "554 5.7.1 spam");
    ensure!(site.loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_mail_without_a_sender_gets_ours() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let refusal = "553 5.1.7 a sender, please";
    let server = Smtp::start(&[Act::NoNullSender(refusal), Act::NoNullSender(refusal)]).await?;
    let mut site = start(folder.path(), &server, "").await?;
    deliver(&site, 1).await?;
    assert_eq!(site.wait_for_state(None, "sent").await?["attempts"], 1);
    deliver(&site, 2).await?;
    let came = server.wait_for(2).await?;
    assert!(came.iter().all(|one| one.mail_from == "support@loket.example"), "{came:?}");
    ensure!(site.loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_after_the_mail_mixes_nothing_up() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Smtp::start(&[Act::Take, Act::Silent, Act::HangUp]).await?;
    let mut site = start(folder.path(), &server, "timeout = \"5s\"\nat_once = 1").await?;
    // The first one leaves a connection that the second one uses.
    deliver(&site, 1).await?;
    server.wait_for(1).await?;
    deliver(&site, 2).await?;
    deliver(&site, 3).await?;
    let sent = wait_for(PATIENCE, async || {
        let all = site.outbound().await.ok()?;
        (all.len() == 3 && all.iter().all(|one| one["state"] == "sent")).then_some(all)
    });
    let all = sent.await.with_context(|| format!("{:?}", server.state().came))?;
    let mut attempts: Vec<_> = all.iter().map(|one| one["attempts"].as_u64().unwrap_or_default()).collect();
    attempts.sort_unstable();
    ensure!(attempts.iter().sum::<u64>() == 5, "{all:#?}");
    // Each was taken once with the server's word, and what was sent again was the same.
    let came = server.state().came.clone();
    for one in &all {
        let id = format!("<{}>", one["identity"].as_str().unwrap_or_default());
        let copies: Vec<_> = came.iter().filter(|came| field(&came.bytes, "Message-ID") == id).collect();
        ensure!(copies.iter().filter(|came| came.told).count() == 1, "{id}: {copies:?}");
        ensure!(copies.iter().all(|came| came.bytes == copies[0].bytes));
        // What the store has as the server's word is that about this mail.
        let told = came.iter().position(|came| came.told && field(&came.bytes, "Message-ID") == id).context("never told")?;
        assert_eq!(one["said"], format!("250 2.0.0 kept as {}", told + 1));
    }
    ensure!(site.loket.stop().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_servers_word_and_ours_it_repeats_once_under_the_same_id() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Smtp::start(&[Act::Silent, Act::Silent]).await?;
    let mut site = start(folder.path(), &server, "timeout = \"5s\"").await?;
    deliver(&site, 1).await?;
    let number = site.wait_for_cases(1).await?[0]["number"].as_str().context("no number")?.to_owned();
    site.reply(&number, &text("Dat zoeken we uit.")).await?;
    // The server has both mails, and our daemon does not know.
    server.wait_for(2).await?;
    site.loket.kill().await?;
    site.loket.start().await?;
    let sent = wait_for(PATIENCE, async || {
        let all = site.outbound().await.ok()?;
        (all.len() == 2 && all.iter().all(|one| one["state"] == "sent")).then_some(all)
    });
    let all = sent.await.with_context(|| format!("{:?}\n{}", server.state().came, site.loket.log_text()))?;
    // And again: what was sent stays sent.
    site.loket.kill().await?;
    site.loket.start().await?;
    deliver(&site, 2).await?;
    server.wait_for(5).await?;
    site.wait_until_idle().await?;
    let came = server.state().came.clone();
    assert_eq!(came.len(), 5, "{came:?}");
    for one in &all {
        let id = format!("<{}>", one["identity"].as_str().unwrap_or_default());
        let copies: Vec<_> = came.iter().filter(|came| field(&came.bytes, "Message-ID") == id).collect();
        ensure!(copies.len() == 2 && copies[0].bytes == copies[1].bytes, "{id}: {copies:?}");
        ensure!(!body(&copies[0].bytes).is_empty());
    }
    ensure!(site.loket.stop().await?.success());
    Ok(())
}
