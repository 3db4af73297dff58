//! What must survive: kills at random moments, a database that comes and goes, instances that die, a disk that fills.
//!
//! The short form runs with every `script/test`; `script/faults` runs the long one.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use loket_tests::daemon::Loket;
use loket_tests::disk::SmallDisk;
use loket_tests::dovecot;
use loket_tests::mails::{self, Mail};
use loket_tests::oracle;
use loket_tests::postgres::{self, Stop};
use loket_tests::random::Random;
use loket_tests::wait_for;
use serde_json::json;

const USER: &str = "support";

/// So many in the short form, so many in the long one.
fn length(short: usize, long: usize) -> usize {
    if std::env::var("LOKET_FAULTS").is_ok_and(|length| length == "full") { long } else { short }
}

/// The mailbox as a channel of the configuration.
fn mailbox(server: &dovecot::Server) -> Result<String> {
    Ok(format!(
        "[email.support]\nhost = \"localhost\"\nport = {}\nca_file = \"{}\"\nuser = \"{USER}\"\npassword = \"file:{}\"\nlease = \"3s\"\npoll = \"2s\"\n",
        server.tls_port,
        server.ca_file().display(),
        server.password_file()?.display()
    ))
}

/// Puts the mails from one number to another into the mailbox.
fn deliver(server: &dovecot::Server, mails: &[Mail], from: usize, to: usize) -> Result<()> {
    mails[from..to].iter().try_for_each(|mail| server.deliver(USER, "INBOX", &mail.bytes))
}

/// Waits until the journal has so many deliveries and nothing waits.
async fn settled(loket: &Loket, count: usize) -> Result<()> {
    let mut last = String::new();
    let done = wait_for(Duration::from_secs(180), async || {
        let status = loket.lines(&["status"]).ok()?.pop()?;
        last = status.to_string();
        (status["deliveries"].as_u64()? >= count as u64 && status["pending"] == 0).then_some(())
    });
    done.await.with_context(|| format!("{count} mails were expected; {last}; the log:\n{}", tail(&loket.log_text())))
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn sqlite(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("loket.db").display())
}

/// Five hundred mails are pulled while they arrive and while the daemon is killed.
async fn pulled_under_kills(store: &str, kills: usize, seed: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = dovecot::Server::start(&[USER])?;
    let store = if store.is_empty() { sqlite(folder.path()) } else { store.to_owned() };
    let mails = mails::mailbox(500, 20, seed);
    let mut loket = Loket::new(folder.path(), "loket", &store, &mailbox(&server)?)?;
    let mut random = Random::new(seed);
    let slices = kills + 2;
    for slice in 0..slices {
        loket.spawn()?;
        deliver(&server, &mails, mails.len() * slice / slices, mails.len() * (slice + 1) / slices)?;
        if slice < kills {
            // The moment of the kill is what varies.
            tokio::time::sleep(Duration::from_millis(random.below(900) as u64)).await;
            loket.kill().await?;
        } else if slice == kills {
            loket.ready().await?;
            ensure!(loket.stop().await?.success(), "a stop in good order fails");
        }
    }
    loket.ready().await?;
    settled(&loket, mails.len()).await?;
    oracle::check(&mut loket, &mails).await?;
    ensure!(loket.stop().await?.success(), "a stop in good order fails");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_daemon_is_killed_on_sqlite() -> Result<()> {
    for round in 0..length(1, 5) as u64 {
        pulled_under_kills("", length(6, 20), 100 + round).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_daemon_is_killed_on_postgres() -> Result<()> {
    let server = postgres::Server::start()?;
    for round in 0..length(1, 5) as u64 {
        pulled_under_kills(&server.database().await?, length(6, 20), 200 + round).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_database_comes_and_goes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = dovecot::Server::start(&[USER])?;
    let database = postgres::Server::start()?;
    let mails = mails::mailbox(300, 10, 300);
    let mut loket = Loket::new(folder.path(), "loket", &database.database().await?, &mailbox(&server)?)?;
    loket.start().await?;
    let mut random = Random::new(300);
    let stops = length(3, 50);
    for stop in 0..stops {
        deliver(&server, &mails, mails.len() * stop / stops, mails.len() * (stop + 1) / stops)?;
        tokio::time::sleep(Duration::from_millis(random.below(600) as u64)).await;
        database.stop(if stop % 2 == 0 { Stop::Immediate } else { Stop::Fast })?;
        let unready = wait_for(Duration::from_secs(30), async || {
            let answer = loket.client().get(loket.url("/readyz")).send().await.ok()?;
            (answer.status() == 503).then_some(())
        });
        unready.await.context("ready without a database")?;
        database.start_again()?;
    }
    settled(&loket, mails.len()).await?;
    oracle::check(&mut loket, &mails).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_share_the_work_and_one_takes_over() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = dovecot::Server::start(&[USER])?;
    let database = postgres::Server::start()?;
    for round in 0..length(1, 10) {
        let user_mails = mails::mailbox(300, 10, 400 + round as u64);
        let server = if round == 0 { &server } else { &dovecot::Server::start(&[USER])? };
        let url = database.database().await?;
        let mut one = Loket::new(folder.path(), &format!("one-{round}"), &url, &mailbox(server)?)?;
        let mut two = Loket::new(folder.path(), &format!("two-{round}"), &url, &mailbox(server)?)?;
        one.start().await?;
        two.start().await?;
        deliver(server, &user_mails, 0, 150)?;
        wait_for(Duration::from_secs(60), async || one.lines(&["status"]).ok()?[0]["deliveries"].as_u64().filter(|count| *count > 20))
            .await?;
        one.kill().await?;
        deliver(server, &user_mails, 150, 300)?;
        settled(&two, user_mails.len()).await?;
        oracle::check(&mut two, &user_mails).await?;
        two.kill().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_at_start_is_waited_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let database = postgres::Server::start()?;
    let url = database.database().await?;
    database.stop(Stop::Fast)?;
    let mut loket = Loket::new(folder.path(), "loket", &url, "[webform.contact]\n")?;
    loket.spawn()?;
    wait_for(Duration::from_secs(30), async || loket.log_text().contains("cannot open the store, trying again").then_some(())).await?;
    assert_eq!(loket.client().get(loket.url("/healthz")).send().await?.status(), 200);
    assert_eq!(loket.client().get(loket.url("/readyz")).send().await?.status(), 503);
    let refused = loket.client().post(loket.url("/forms/contact")).json(&json!({ "email": "a@b.example", "text": "x" })).send().await?;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    database.start_again()?;
    loket.ready().await?;
    let taken = loket.client().post(loket.url("/forms/contact")).json(&json!({ "email": "a@b.example", "text": "x" })).send().await?;
    assert_eq!(taken.status(), 202);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_loses_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = SmallDisk::mount(16)?;
    let mut loket = Loket::new(folder.path(), "loket", &sqlite(disk.path()), "[webform.contact]\nrate = 0\n")?;
    loket.start().await?;
    let mut random = Random::new(500);
    let (mut accepted, mut refused) = (0_u64, 0);
    for number in 0..200 {
        // Numbers do not compress to nothing.
        let noise: String = (0..10_000).map(|_| format!("{:016x}", random.number())).collect();
        let body = json!({ "email": format!("klant-{number}@b.example"), "text": format!("bericht {number}"), "noise": noise });
        let answer = loket.client().post(loket.url("/forms/contact")).json(&body).send().await?;
        match answer.status().as_u16() {
            202 => accepted += 1,
            503 => {
                ensure!(answer.headers().contains_key("retry-after"), "503 without Retry-After");
                refused += 1;
                if refused >= 3 {
                    break;
                }
            }
            other => anyhow::bail!("status {other}: {}", answer.text().await?),
        }
    }
    ensure!(accepted > 5 && refused == 3, "{accepted} accepted, {refused} refused");
    disk.resize(256)?;
    let body = json!({ "email": "last@b.example", "text": "en weer verder" });
    wait_for(Duration::from_secs(60), async || {
        let answer = loket.client().post(loket.url("/forms/contact")).json(&body).send().await.ok()?;
        (answer.status() == 202).then_some(())
    })
    .await
    .context("it does not go on when there is room again")?;
    settled(&loket, accepted as usize + 1).await?;
    let status = &loket.lines(&["status"])?[0];
    assert_eq!((&status["cases"], &status["quarantined"]), (&json!(accepted + 1), &json!(0)), "{status}");
    assert_eq!(loket.client().get(loket.url("/readyz")).send().await?.status(), 200);
    loket.kill().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_mail_is_kept_in_part_and_memory_stays_bounded() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = dovecot::Server::start(&[USER])?;
    let line = format!("{}\r\n", "QUJD".repeat(19));
    let huge = format!(
        "From: a@groot.example\r\nSubject: groot\r\nMessage-ID: <groot@x.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nZie de bijlage.\r\n--b\r\nContent-Type: application/zip; name=\"groot.zip\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}--b--\r\n",
        line.repeat((100 << 20) / line.len())
    );
    server.deliver(USER, "INBOX", huge.as_bytes())?;
    server.deliver(USER, "INBOX", &mails::mail(1, None, 0, &mut Random::new(1)))?;
    let mut loket = Loket::new(folder.path(), "loket", &sqlite(folder.path()), &mailbox(&server)?)?;
    loket.start().await?;
    settled(&loket, 2).await?;
    let listed = loket.lines(&["cases"])?;
    assert_eq!(listed.len(), 2, "{listed:?}");
    let case = listed.iter().find(|case| case["title"] == "groot").context("the huge mail made no case")?;
    let whole = loket.lines(&["case", case["number"].as_str().context("no number")?])?;
    let message = &whole[0]["history"][0]["message"];
    assert!(message["body"]["new_text"].as_str().is_some_and(|text| text.contains("Zie de bijlage")), "{}", message["body"]);
    assert!(message["warnings"].as_array().is_some_and(|warnings| !warnings.is_empty()));
    let status = std::fs::read_to_string(format!("/proc/{}/status", loket.pid().context("not running")?))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse()?;
    // A mail of 25 MB is in memory a few times while it is read; one of 100 MB never is.
    ensure!(peak < 250_000, "{peak} kB at the peak");
    loket.kill().await
}
