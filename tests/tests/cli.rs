//! The command line as scripts use it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use loket_tests::daemon::{Loket, binary, lines};
use loket_tests::mails;
use serde_json::{Value, json};

fn loket(args: &[&str], input: &[u8]) -> Result<Output> {
    let mut child = Command::new(binary())
        .args(args)
        .env_remove("LOKET_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output()?;
    let _ = writer.join();
    Ok(output)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn sqlite(folder: &Path, tables: &str) -> Result<Loket> {
    Loket::new(folder, "loket", &format!("sqlite:{}", folder.join("loket.db").display()), tables)
}

const MAIL: &str = "From: Jan de Vries <jan@bouw.example>\r\nTo: verkoop@loket.example\r\nSubject: Bestelling\r\n\
                    Message-ID: <1@bouw.example>\r\nDate: Mon, 23 Nov 2026 09:30:00 +0100\r\n\r\nGraag 12 dozen schroeven.\r\n";

#[test]
fn read_prints_a_line_a_message_and_says_what_it_cannot_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (mail, empty, missing) = (folder.path().join("a.eml"), folder.path().join("b.eml"), folder.path().join("c.eml"));
    fs::write(&mail, MAIL)?;
    fs::write(&empty, "")?;
    let paths = [&mail, &empty, &missing].map(|path| path.to_string_lossy().into_owned());
    let output = loket(&["read", &paths[0], &paths[1], &paths[2]], b"")?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let lines = lines(&output.stdout)?;
    assert_eq!(lines.len(), 3);
    let first = &lines[0];
    assert_eq!(first["file"], paths[0]);
    assert_eq!(first["identity"], json!({ "kind": "message-id", "value": "1@bouw.example" }));
    assert_eq!(first["from"], json!({ "name": "Jan de Vries", "address": "jan@bouw.example" }));
    assert_eq!(first["to"][0]["address"], "verkoop@loket.example");
    assert_eq!(first["sent_at"], "2026-11-23T09:30:00+01:00");
    assert_eq!(first["subject"], "Bestelling");
    assert_eq!(first["body"]["new_text"].as_str().map(str::trim), Some("Graag 12 dozen schroeven."));
    assert_eq!(first["body"]["language"], "nl");
    assert_eq!(first["automatic"], "none");
    for key in ["thread", "reply_to", "on_behalf_of", "cc", "attachments", "order", "warnings"] {
        assert!(first.as_object().is_some_and(|line| line.contains_key(key)), "{key} is missing in {first}");
    }
    assert!(first["order"].is_null());
    for (line, path) in lines[1..].iter().zip(&paths[1..]) {
        assert_eq!(line["file"], *path);
        assert!(line["error"].as_str().is_some_and(|error| !error.is_empty()), "{line}");
    }
    Ok(())
}

#[test]
fn read_takes_thousands_of_files_standard_input_and_a_type() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut args = vec!["read".to_owned()];
    for number in 0..2_000 {
        let path = folder.path().join(format!("{number}.eml"));
        fs::write(&path, MAIL)?;
        args.push(path.to_string_lossy().into_owned());
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = loket(&args, b"")?;
    assert!(output.status.success());
    assert_eq!(lines(&output.stdout)?.len(), 2_000);
    let note = loket(&["read", "--as", "text/plain", "-"], "Where is my order?\n".as_bytes())?;
    assert!(note.status.success(), "{}", text(&note.stdout));
    assert_eq!(lines(&note.stdout)?[0]["body"]["new_text"].as_str().map(str::trim), Some("Where is my order?"));
    let unknown = loket(&["read", "--as", "image/tiff", "-"], b"II*\0")?;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("image/tiff"));
    Ok(())
}

#[test]
fn classify_answers_line_by_line() -> Result<()> {
    let input = concat!(
        "{\"id\":7,\"subject\":\"Klacht\",\"text\":\"Alweer verkeerd geleverd, dit is de derde keer. Ik wil mijn geld terug!\"}\n",
        "\n",
        "{\"id\":\"b\",\"text\":\"Please send 12 boxes of paper, PO 4711.\"}\n",
        "{\"id\":\"c\"}\n",
    );
    let output = loket(&["classify"], input.as_bytes())?;
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(&output.stdout)?;
    assert_eq!((&lines[0]["id"], &lines[0]["class"], &lines[0]["language"]), (&json!(7), &json!("complaint"), &json!("nl")));
    assert_eq!((&lines[1]["id"], &lines[1]["class"], &lines[1]["language"]), (&json!("b"), &json!("order"), &json!("en")));
    let sum: f64 = ["inquiry", "order", "complaint"].iter().filter_map(|class| lines[0]["probabilities"][class].as_f64()).sum();
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    assert!(lines[0]["evidence"].as_array().is_some_and(|evidence| !evidence.is_empty()));
    assert_eq!(lines[2]["line"], 4);
    assert!(lines[2]["error"].as_str().is_some_and(|error| error.contains("text")));
    Ok(())
}

#[test]
fn check_reports_every_mistake_with_its_place() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("loket.toml");
    fs::write(
        &config,
        "[store]\nurl = \"sqlite:x.db\"\n[http]\nlisten = \"here\"\n[email.support]\nhost = \"imap.example\"\nuser = \"u\"\npasword = \"env:X\"\n\
         security = \"none\"\n[webform.contact]\nmax_payload = 7\n[fax.main]\nspool = \"/var\"\n",
    )?;
    let path = config.to_string_lossy().into_owned();
    let output = loket(&["check", "--config", &path], b"")?;
    assert_eq!(output.status.code(), Some(1));
    let found = lines(&output.stdout)?;
    for (line, key) in
        [(4, "http.listen"), (8, "email.support.pasword"), (9, "email.support.security"), (11, "webform.contact.max_payload"), (12, "fax")]
    {
        let fault = found.iter().find(|fault| fault["key"] == key && fault["line"] == line);
        assert!(fault.is_some(), "{line} {key} is not in {found:#?}");
    }
    let all = text(&output.stderr);
    assert!(all.contains("did you mean `password`?"), "{all}");
    let missing = loket(&["check", "--config", "/nonexistent/loket.toml"], b"")?;
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("/nonexistent/loket.toml"));
    let usage = loket(&["chek"], b"")?;
    assert_eq!(usage.status.code(), Some(2));
    Ok(())
}

#[test]
fn import_is_resumable_and_cases_show_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let loket = sqlite(folder.path(), "[email.inbox]\nfolder = \"unused-inbox\"\n")?;
    let archive = folder.path().join("archive");
    fs::create_dir_all(archive.join("sub"))?;
    let mails = mails::mailbox(120, 5, 11);
    for (number, mail) in mails.iter().enumerate() {
        let folder = if number % 2 == 0 { archive.clone() } else { archive.join("sub") };
        fs::write(folder.join(format!("{number:03}.eml")), &mail.bytes)?;
    }
    let path = archive.to_string_lossy().into_owned();
    let first = summary(&loket.command(&["import", "--channel", "email.inbox", &path])?)?;
    let taken = first["accepted"].as_u64().unwrap_or_default()
        + first["known"].as_u64().unwrap_or_default()
        + first["failed"].as_u64().unwrap_or_default();
    assert_eq!(taken, 120, "{first}");
    let cases = loket.lines(&["cases", "--limit", "1000"])?;
    assert_eq!(cases.len() as u64, first["cases"].as_u64().unwrap_or_default());
    let again = summary(&loket.command(&["import", "--channel", "inbox", &path])?)?;
    assert_eq!((&again["accepted"], &again["cases"], &again["quarantined"]), (&json!(0), &json!(0), &json!(0)), "{again}");
    assert_eq!(loket.lines(&["cases", "--limit", "1000"])?.len(), cases.len());

    let few = loket.lines(&["cases", "--class", "order", "--status", "open", "--limit", "3"])?;
    ensure!(few.len() == 3 && few.iter().all(|case| case["class"] == "order"), "{few:?}");
    let number = few[0]["number"].as_str().context("no number")?;
    let whole = loket.lines(&["case", number])?;
    assert_eq!(whole[0]["number"], number);
    assert!(whole[0]["history"].as_array().is_some_and(|list| !list.is_empty()));
    assert!(whole[0]["events"].as_array().is_some_and(|list| list.iter().any(|event| event["kind"] == "case.opened")));
    let table = loket.command(&["cases", "--table"])?;
    assert!(text(&table.stdout).lines().next().is_some_and(|head| head.starts_with("CASE")));

    let wrong = loket.command(&["import", "--channel", "email.inbx", &path])?;
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("email.inbox"), "{}", text(&wrong.stderr));
    Ok(())
}

/// The last line of an import.
fn summary(output: &Output) -> Result<Value> {
    lines(&output.stdout)?.pop().with_context(|| format!("no summary; {}", text(&output.stderr)))
}

#[test]
fn replay_shows_no_difference_where_there_is_none_and_makes_no_case() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let loket = sqlite(folder.path(), "[email.inbox]\nfolder = \"unused-inbox\"\n")?;
    let mail = folder.path().join("a.eml");
    fs::write(&mail, MAIL)?;
    summary(&loket.command(&["import", "--channel", "inbox", &mail.to_string_lossy()])?)?;
    let before = loket.lines(&["cases"])?;
    for args in [&["replay", "--dry-run"][..], &["replay", "--channel", "inbox", "--since", "2026-01-01"]] {
        let lines = loket.lines(args)?;
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!((&lines[0]["deliveries"], &lines[0]["same"], &lines[0]["different"]), (&json!(1), &json!(1), &json!(0)));
    }
    assert_eq!(loket.lines(&["cases"])?, before);
    Ok(())
}

#[test]
fn quarantine_is_shown_retried_and_discarded() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let inbox = folder.path().join("in");
    let loket = sqlite(folder.path(), &format!("[email.inbox]\nfolder = \"{}\"\n", inbox.display()))?;
    let empty = folder.path().join("empty.eml");
    fs::write(&empty, "")?;
    let first = summary(&loket.command(&["import", "--channel", "inbox", &empty.to_string_lossy()])?)?;
    assert_eq!((&first["accepted"], &first["quarantined"]), (&json!(1), &json!(1)), "{first}");
    let listed = loket.lines(&["quarantine", "list"])?;
    assert_eq!(listed.len(), 1);
    let id = listed[0]["id"].as_str().context("no id")?;
    assert!(listed[0]["error"].as_str().is_some_and(|error| error.contains("empty")), "{listed:?}");
    assert_eq!(loket.lines(&["quarantine", "show", id])?[0]["id"], id);
    assert_eq!(loket.command(&["quarantine", "show", id, "--raw"])?.stdout, b"");
    assert_eq!(loket.lines(&["quarantine", "retry", id])?[0]["done"], "retried");
    assert_eq!(loket.lines(&["status"])?[0]["pending"], 1);
    let again = loket.command(&["quarantine", "discard", id])?;
    assert_eq!(again.status.code(), Some(1), "what is not in quarantine cannot be discarded");
    summary(&loket.command(&["import", "--channel", "inbox", &empty.to_string_lossy()])?)?;
    assert_eq!(loket.lines(&["quarantine", "discard", "--all"])?[0]["done"], "discarded");
    assert!(loket.lines(&["quarantine", "list"])?.is_empty());
    Ok(())
}

#[test]
fn keys_are_shown_once_and_revoked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let loket = sqlite(folder.path(), "")?;
    let made = loket.lines(&["key", "create", "--name", "erp", "--tenant", "acme"])?;
    let key = made[0]["key"].as_str().context("no key")?;
    assert!(key.starts_with("loket_") && key.len() > 60);
    let listed = loket.command(&["key", "list"])?;
    assert!(!text(&listed.stdout).contains(key));
    let listed = lines(&listed.stdout)?;
    assert_eq!((&listed[0]["name"], &listed[0]["tenant"], &listed[0]["access"]), (&json!("erp"), &json!("acme"), &json!("read")));
    let id = listed[0]["id"].as_str().context("no id")?;
    loket.lines(&["key", "revoke", id])?;
    assert!(!loket.lines(&["key", "list"])?[0]["revoked_at"].is_null());
    Ok(())
}

#[test]
fn a_reader_of_our_output_may_stop_reading() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.eml");
    fs::write(&path, MAIL)?;
    let many = vec![path.to_string_lossy().into_owned(); 3_000];
    let mut child = Command::new(binary()).arg("read").args(&many).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(child.stdout.take());
    let output = child.wait_with_output()?;
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    assert!(output.status.success(), "{}", text(&output.stderr));
    Ok(())
}
