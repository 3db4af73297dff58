//! Orders as partners send them, each with the reading that a person expects of it: `fixtures/NAME.xml` and `fixtures/NAME.json`.
//!
//! An expectation names every message and everything that is set aside. Orders are compared whole, but for `sources`, of which only
//! the named ones are compared.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use loket_core::delivery::Delivery;
use loket_core::message::Message;
use loket_core::reader::{Part, Reader, Recognition};
use loket_edi_xml::XmlOrderReader;
use serde_json::{Value, json};

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .collect();
    paths.sort();
    paths
}

fn parts(bytes: Vec<u8>) -> Vec<Part> {
    let delivery = Delivery::standalone("edi.test", "key", "application/xml", bytes);
    XmlOrderReader.parts(&delivery).unwrap().collect()
}

/// A message in the words of the expectations.
fn shown(message: &Message) -> Value {
    let text: Vec<&str> = message.body.full_text.split('\n').filter(|_| !message.body.full_text.is_empty()).collect();
    let mut shown = json!({
        "identity": message.identity,
        "from": message.from,
        "to": message.to,
        "sent_at": message.sent_at,
        "subject": message.subject,
        "automatic": message.automatic,
        "order": message.order,
        "edi": message.extra["edi"],
        "warnings": message.warnings,
    });
    if !text.is_empty() {
        shown["text"] = json!(text);
    }
    shown
}

/// What differs between an expectation and a reading. Of sources only the named ones count, by their paths.
fn differences(path: &str, wanted: &Value, got: &Value, report: &mut String) {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            for (name, wanted) in wanted {
                let inner = format!("{path}.{name}");
                match (name.as_str(), got.get(name)) {
                    ("sources", Some(found)) => {
                        for (field, place) in wanted.as_object().unwrap() {
                            let found = found.get(field).and_then(|source| source.get("path")).unwrap_or(&Value::Null);
                            differences(&format!("{inner}.{field}"), place, found, report);
                        }
                    }
                    (_, found) => differences(&inner, wanted, found.unwrap_or(&Value::Null), report),
                }
            }
            for (name, found) in got.iter().filter(|(name, _)| *name != "sources" && !wanted.contains_key(*name)) {
                writeln!(report, "  {path}.{name}\n    not expected: {found}").unwrap();
            }
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            for (place, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                differences(&format!("{path}[{place}]"), wanted, got, report);
            }
        }
        (wanted, got) if wanted != got => writeln!(report, "  {path}\n    expected {wanted}\n    found    {got}").unwrap(),
        _ => {}
    }
}

#[test]
fn every_order_reads_as_expected() {
    let mut failed = String::new();
    let paths = fixtures();
    assert!(paths.len() >= 21, "only {} fixtures", paths.len());
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let expected: Value = serde_json::from_str(&fs::read_to_string(path.with_extension("json")).unwrap()).unwrap();
        let (mut messages, mut aside) = (Vec::new(), Vec::new());
        for part in parts(fs::read(&path).unwrap()) {
            match part {
                Part::Message(message) => messages.push(shown(&message)),
                Part::Aside(one) => aside.push(json!({ "name": one.name, "reason": one.reason })),
            }
        }
        let mut report = String::new();
        differences("messages", &expected["messages"], &json!(messages), &mut report);
        differences("aside", &expected["aside"], &json!(aside), &mut report);
        if !report.is_empty() {
            writeln!(failed, "{name}: {}\n{report}", expected["why"].as_str().unwrap()).unwrap();
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
}

#[test]
fn each_is_recognized_by_its_content() {
    for path in fixtures() {
        let bytes = fs::read(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let expected =
            if name == "ubl-20-undeclared" || !matches!(bytes[0], b'<' | 0xff) { Recognition::Perhaps } else { Recognition::Sure };
        assert!(XmlOrderReader.recognizes(&bytes) >= expected, "{name}");
    }
}

#[test]
fn line_ends_marks_and_blanks_change_nothing() {
    let read = |bytes: Vec<u8>| -> Vec<Value> {
        parts(bytes)
            .into_iter()
            .filter_map(|part| match part {
                Part::Message(message) => Some(shown(&message)),
                Part::Aside(_) => None,
            })
            .collect()
    };
    for path in fixtures() {
        let bytes = fs::read(&path).unwrap();
        if bytes.starts_with(&[0xff, 0xfe]) {
            continue;
        }
        let plain = read(bytes.clone());
        let dos: Vec<u8> = bytes.iter().flat_map(|&byte| if byte == b'\n' { vec![b'\r', b'\n'] } else { vec![byte] }).collect();
        assert_eq!(read(dos), plain, "{}", path.display());
        assert_eq!(read([b" \r\n\t".as_slice(), &bytes, b"\n\n\x1a"].concat()), plain, "{}", path.display());
        if std::str::from_utf8(&bytes).is_ok() {
            assert_eq!(read([b"\xef\xbb\xbf".as_slice(), &bytes].concat()), plain, "{}", path.display());
        }
    }
}

#[test]
fn what_is_set_aside_can_be_mended_and_read_alone() {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gs1-orders.xml")).unwrap();
    let aside = parts(bytes).into_iter().find_map(|part| match part {
        Part::Aside(aside) => Some(aside),
        Part::Message(_) => None,
    });
    let text = String::from_utf8(aside.unwrap().payload.to_vec()).unwrap();
    let mended = parts(text.replace(">veel<", ">12<").into_bytes());
    let [Part::Message(message)] = mended.as_slice() else { panic!("{mended:?}") };
    let order = message.order.as_ref().unwrap();
    assert_eq!((order.po_number.as_deref(), order.lines[0].quantity.unwrap().to_string().as_str()), (Some("PO3353"), "12"));
    // The envelope came with it.
    assert_eq!(message.identity.as_ref().unwrap().value, "100002");
    // Not mended, it is unreadable for the same reason.
    let delivery = Delivery::standalone("edi.test", "key", "application/xml", text.into_bytes());
    assert!(XmlOrderReader.read(&delivery).unwrap_err().0.contains("`veel` is not a number"));
}

#[test]
fn a_message_survives_its_json() {
    for path in fixtures() {
        for part in parts(fs::read(&path).unwrap()) {
            let Part::Message(message) = part else { continue };
            let json = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<Message>(&json).unwrap(), *message, "{}", path.display());
        }
    }
}

#[test]
fn secrets_are_not_kept() {
    for path in fixtures() {
        for part in parts(fs::read(&path).unwrap()) {
            let Part::Message(message) = part else { continue };
            let json = serde_json::to_string(&message).unwrap();
            assert!(!json.contains("not-to-be-kept") && !json.contains("4111111111111111"), "{}", path.display());
        }
    }
}
