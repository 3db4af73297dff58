//! Mails as the world sends them, each with the reading that a person expects of it: `fixtures/NAME.eml` and `fixtures/NAME.json`.
//!
//! An expectation names the sender, the recipients, the subject, what was written this time (as lines), the attachments, whether a
//! machine wrote it and the kind of its identity; what else it names is compared too. `warnings` lists words that must be in them, in
//! any order; an empty list says that there is nothing to warn of.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use loket_channel_email::reader::EmailReader;
use loket_core::delivery::Delivery;
use loket_core::message::{Message, Party};
use loket_core::reader::Reader;
use serde_json::{Map, Value, json};

/// What every expectation must say.
const REQUIRED: [&str; 7] = ["from", "to", "subject", "new_text", "attachments", "automatic", "identity"];

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "eml"))
        .collect();
    paths.sort();
    paths
}

fn read(bytes: Vec<u8>) -> Message {
    let delivery = Delivery::standalone("email.test", "key", "message/rfc822", bytes);
    let mut messages = EmailReader.read(&delivery).unwrap();
    assert_eq!(messages.len(), 1);
    messages.remove(0)
}

fn party(party: &Party) -> Value {
    let address = party.address.as_ref().map(ToString::to_string).unwrap_or_default();
    match &party.name {
        Some(name) => json!(format!("{name} <{address}>")),
        None => json!(address),
    }
}

fn lines(text: &str) -> Value {
    text.split('\n').filter(|_| !text.is_empty()).collect()
}

/// The reading in the words of the expectations.
fn shown(message: &Message) -> Map<String, Value> {
    let attachment = |a: &loket_core::message::Attachment| {
        let mut shown = json!({ "name": a.name, "type": a.media_type, "size": a.size, "sha256": a.sha256 });
        if let Some(id) = &a.content_id {
            shown["content_id"] = json!(id);
        }
        if let Some(skipped) = &a.skipped {
            shown["skipped"] = json!(skipped);
        }
        shown
    };
    let identity = message.identity.as_ref().unwrap();
    let value = json!({
        "from": message.from.as_ref().map(party),
        "company": message.from.as_ref().and_then(|from| from.company.clone()),
        "reply_to": message.reply_to.as_ref().map(party),
        "on_behalf_of": message.on_behalf_of.as_ref().map(party),
        "to": message.to.iter().map(party).collect::<Vec<_>>(),
        "cc": message.cc.iter().map(party).collect::<Vec<_>>(),
        "subject": message.subject,
        "sent_at": message.sent_at,
        "new_text": lines(&message.body.new_text),
        "full_text": lines(&message.body.full_text),
        "html": message.body.html.is_some(),
        "attachments": message.attachments.iter().map(attachment).collect::<Vec<_>>(),
        "automatic": message.automatic,
        "identity": if identity.kind == "message-id" { json!(format!("message-id {}", identity.value)) } else { json!(identity.kind) },
        "in_reply_to": message.thread.in_reply_to,
        "references": message.thread.references,
        "extra": message.extra,
        "warnings": message.warnings,
    });
    value.as_object().unwrap().clone()
}

/// What differs between an expectation and a reading, in words.
fn differences(expected: &Map<String, Value>, found: &Map<String, Value>) -> String {
    let mut report = String::new();
    for name in REQUIRED.iter().filter(|name| !expected.contains_key(**name)) {
        writeln!(report, "  the expectation does not say `{name}`").unwrap();
    }
    for (name, wanted) in expected.iter().filter(|(name, _)| *name != "why") {
        let got = found.get(name).unwrap_or(&Value::Null);
        if !matches(name, wanted, got) {
            writeln!(report, "  {name}\n    expected {}\n    found    {}", pretty(wanted), pretty(got)).unwrap();
        }
    }
    report
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap().replace('\n', "\n             ")
}

fn matches(name: &str, wanted: &Value, got: &Value) -> bool {
    match name {
        "warnings" => {
            let (wanted, got) = (wanted.as_array().unwrap(), got.as_array().unwrap());
            let has = |words: &Value| got.iter().any(|warning| warning.as_str().unwrap().contains(words.as_str().unwrap()));
            wanted.iter().all(has) && (!wanted.is_empty() || got.is_empty())
        }
        // Of an attachment, and of what else is kept, only what the expectation names.
        "attachments" => {
            let (wanted, got) = (wanted.as_array().unwrap(), got.as_array().unwrap());
            wanted.len() == got.len() && wanted.iter().zip(got).all(|(wanted, got)| is_part_of(wanted, got))
        }
        "extra" => is_part_of(wanted, got),
        _ => wanted == got,
    }
}

fn is_part_of(wanted: &Value, got: &Value) -> bool {
    wanted.as_object().unwrap().iter().all(|(key, value)| got.get(key).unwrap_or(&Value::Null) == value)
}

#[test]
fn every_mail_reads_as_expected() {
    let mut failed = String::new();
    let paths = fixtures();
    assert!(paths.len() >= 280, "only {} fixtures", paths.len());
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let expected = fs::read_to_string(path.with_extension("json")).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        let expected: Map<String, Value> = serde_json::from_str(&expected).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        let differences = differences(&expected, &shown(&read(fs::read(&path).unwrap())));
        if !differences.is_empty() {
            writeln!(failed, "{name}: {}\n{differences}", expected.get("why").and_then(Value::as_str).unwrap_or_default()).unwrap();
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
}

#[test]
fn every_client_answers_in_every_language() {
    let names: Vec<String> = fixtures().iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    for client in ["outlook", "gmail", "apple", "thunderbird", "notes", "iphone", "samsung"] {
        for language in ["nl", "en", "de", "fr"] {
            assert!(names.contains(&format!("q-{client}-{language}")), "nothing by {client} in {language}");
        }
    }
    assert!(names.iter().filter(|name| name.starts_with("q-") || name.starts_with("f-")).count() >= 140);
}

#[test]
fn line_ends_change_nothing() {
    for path in fixtures() {
        let bytes = fs::read(&path).unwrap();
        let unix: Vec<u8> = bytes.iter().copied().filter(|&b| b != b'\r').collect();
        let network: Vec<u8> = unix.iter().flat_map(|&b| if b == b'\n' { vec![b'\r', b'\n'] } else { vec![b] }).collect();
        let (mut one, mut two) = (read(unix), read(network));
        for message in [&mut one, &mut two] {
            // An attachment that is text in seven bits has the line ends of the mail.
            message.attachments.iter_mut().for_each(|attachment| (attachment.size, attachment.sha256) = (0, String::new()));
            message.body.html = None;
        }
        assert_eq!(one, two, "{}", path.display());
    }
}

#[test]
fn attachments_come_out_as_they_were_listed() {
    for path in fixtures() {
        let delivery = Delivery::standalone("email.test", "key", "message/rfc822", fs::read(&path).unwrap());
        for attachment in &read(delivery.payload.to_vec()).attachments {
            let bytes =
                EmailReader.attachment(&delivery, 0, &attachment.sha256).unwrap_or_else(|| panic!("{}: {attachment:?}", path.display()));
            assert_eq!(bytes.len() as u64, attachment.size, "{}", path.display());
        }
        assert_eq!(EmailReader.attachment(&delivery, 0, "0000"), None);
    }
}

#[test]
fn new_text_is_lines_of_the_whole_text() {
    for path in fixtures() {
        let body = read(fs::read(&path).unwrap()).body;
        let mut all = body.full_text.lines().map(str::trim_end);
        for line in body.new_text.lines().filter(|line| !line.is_empty()) {
            assert!(all.any(|other| other == line), "{}: {line:?} is not in the whole text, or not in order", path.display());
        }
    }
}
