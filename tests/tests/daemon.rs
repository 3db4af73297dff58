//! The daemon as its users meet it: forms posted with a browser's requests, cases queried, signals.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use loket_tests::daemon::Loket;
use loket_tests::wait_for;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn with_form(folder: &Path) -> Result<Loket> {
    let store = format!("sqlite:{}", folder.join("loket.db").display());
    Loket::new(folder, "loket", &store, "[webform.contact]\nrate = 0\n")
}

/// Waits until there are so many cases.
async fn cases(loket: &mut Loket, count: usize) -> Result<Vec<serde_json::Value>> {
    for _ in 0..200 {
        let cases = loket.get("/v1/cases").await?["cases"].as_array().cloned().unwrap_or_default();
        if cases.len() >= count {
            return Ok(cases);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("no {count} cases")
}

#[tokio::test]
async fn a_form_becomes_a_case_that_the_api_shows() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut loket = with_form(folder.path())?;
    loket.start().await?;
    let page = loket.client().get(loket.url("/forms/contact")).header("accept", "text/html").send().await?.text().await?;
    ensure!(page.contains("<form") && page.contains("lang=\"nl\""), "{page}");

    let form = reqwest::multipart::Form::new()
        .text("name", "Marloes Terwindt")
        .text("email", "marloes@terwindt.example")
        .text("subject", "Bestelling")
        .text("text", "Graag 12 dozen kopieerpapier en 3 rollen tape, voor vrijdag.")
        .part(
            "file",
            reqwest::multipart::Part::bytes(b"%PDF-1.4 \x00\xff bestelbon".to_vec()).file_name("bon.pdf").mime_str("application/pdf")?,
        );
    let answer = loket.client().post(loket.url("/forms/contact")).header("idempotency-key", "k-1").multipart(form).send().await?;
    assert_eq!(answer.status(), 202);
    let reference: serde_json::Value = answer.json().await?;
    assert!(reference["reference"].is_string(), "{reference}");

    let listed = cases(&mut loket, 1).await?;
    assert_eq!(
        (&listed[0]["class"], &listed[0]["language"], &listed[0]["channel"]),
        (&json!("order"), &json!("nl"), &json!("webform.contact"))
    );
    let number = listed[0]["number"].as_str().context("no number")?;
    let whole = loket.get(&format!("/v1/cases/{number}")).await?;
    let message = &whole["messages"][0];
    assert_eq!(message["message"]["from"]["address"], "marloes@terwindt.example");
    let attachment = &message["message"]["attachments"][0];
    assert_eq!(attachment["name"], "bon.pdf");
    let (id, sum) = (message["id"].as_str().context("no id")?, attachment["sha256"].as_str().context("no sum")?);
    let key = loket.lines(&["key", "create", "--name", "reader"])?[0]["key"].as_str().context("no key")?.to_owned();
    let bytes = loket.client().get(loket.url(&format!("/v1/messages/{id}/attachments/{sum}"))).bearer_auth(&key).send().await?;
    assert_eq!(bytes.bytes().await?.as_ref(), b"%PDF-1.4 \x00\xff bestelbon");

    let refused = loket.client().post(loket.url("/forms/contact")).json(&json!({ "email": "nobody", "text": "hoi" })).send().await?;
    assert_eq!(refused.status(), 422);
    let problem: serde_json::Value = refused.json().await?;
    assert_eq!(problem["errors"][0]["field"], "email", "{problem}");
    assert_eq!(loket.client().get(loket.url("/v1/cases")).send().await?.status(), 401);
    assert_eq!(loket.client().get(loket.url("/nothing")).send().await?.status(), 404);
    assert!(loket.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn what_was_answered_survives_the_restart_and_is_known_after_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut loket = with_form(folder.path())?;
    let body = json!({ "email": "jan@bouw.example", "text": "Waar blijft mijn bestelling?" });
    let mut references = Vec::new();
    for _ in 0..2 {
        loket.start().await?;
        let answer = loket.client().post(loket.url("/forms/contact")).header("idempotency-key", "once").json(&body).send().await?;
        assert_eq!(answer.status(), 202);
        references.push(answer.json::<serde_json::Value>().await?["reference"].clone());
        loket.kill().await?;
    }
    assert_eq!(references[0], references[1]);
    loket.start().await?;
    assert_eq!(cases(&mut loket, 1).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_reload_adds_changes_and_removes_channels() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut loket = with_form(folder.path())?;
    loket.start().await?;
    let inbox = folder.path().join("in");
    let text = fs::read_to_string(&loket.config)?;
    let without_form = text.split("[webform").next().unwrap_or_default().to_owned();
    fs::write(&loket.config, format!("{without_form}[email.drop]\nfolder = \"{}\"\npoll = \"50ms\"\n", inbox.display()))?;
    loket.signal("HUP")?;
    wait_for(Duration::from_secs(20), async || inbox.exists().then_some(())).await?;
    fs::write(inbox.join("a.eml.tmp"), "From: a@b.example\r\nSubject: x\r\n\r\nhallo\r\n")?;
    fs::rename(inbox.join("a.eml.tmp"), inbox.join("a.eml"))?;
    cases(&mut loket, 1).await?;
    wait_for(Duration::from_secs(20), async || inbox.join("done/a.eml").exists().then_some(())).await?;
    assert_eq!(loket.client().get(loket.url("/forms/contact")).send().await?.status(), 404);
    let channels = loket.get("/v1/channels").await?;
    let names: Vec<_> =
        channels["channels"].as_array().context("no channels")?.iter().filter_map(|channel| channel["channel"].as_str()).collect();
    assert_eq!(names, ["email.drop"]);

    fs::write(&loket.config, "[stor]\n")?;
    loket.signal("HUP")?;
    wait_for(Duration::from_secs(20), async || loket.log_text().contains("stays as it was").then_some(())).await?;
    assert_eq!(loket.client().get(loket.url("/readyz")).send().await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn slow_clients_do_not_keep_others_out() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut loket = with_form(folder.path())?;
    fs::write(
        &loket.config,
        fs::read_to_string(&loket.config)?.replace("[pipeline]", "connections = 300\nhead_timeout = \"1s\"\n[pipeline]"),
    )?;
    loket.start().await?;
    let mut slow = Vec::new();
    for _ in 0..500 {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", loket.port)).await?;
        stream.write_all(b"POST /forms/contact HTTP/1.1\r\nHost: x\r\nX-Slow: ").await?;
        slow.push(stream);
    }
    // They fill every place; each is cut off after a second, and the next ones have their turn.
    let answer = loket.client().get(loket.url("/healthz")).send().await?;
    assert_eq!(answer.status(), 200);
    let mut rest = Vec::new();
    slow[0].read_to_end(&mut rest).await?;
    Ok(())
}

#[tokio::test]
async fn a_second_daemon_on_one_sqlite_file_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = format!("sqlite:{}", folder.path().join("loket.db").display());
    let mut first = Loket::new(folder.path(), "one", &store, "")?;
    first.start().await?;
    let second = Loket::new(folder.path(), "two", &store, "")?;
    let output = second.command(&["run"])?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("another daemon"), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_said_plainly() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let loket = with_form(folder.path())?;
    let _taken = tokio::net::TcpListener::bind(("127.0.0.1", loket.port)).await?;
    let output = loket.command(&["run"])?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("[http] listen"), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
