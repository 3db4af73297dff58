//! Every fixture is read as its JSON says. Empty values are left out of the comparison, and so is where a value stood (`sources`)
//! unless the JSON has it.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{folder, opened, pruned};
use loket_core::reader::{Reader, Recognition};
use loket_edi_edifact::EdifactReader;
use serde_json::{Value, json};

fn without_sources(value: &mut Value, expected: &Value) {
    match (value, expected) {
        (Value::Object(map), Value::Object(wanted)) => {
            if map.contains_key("sources") && !wanted.contains_key("sources") {
                map.remove("sources");
            }
            map.iter_mut().for_each(|(key, inner)| without_sources(inner, wanted.get(key).unwrap_or(&Value::Null)));
        }
        (Value::Array(list), wanted) => {
            let list = list.iter_mut().enumerate();
            list.for_each(|(index, inner)| without_sources(inner, wanted.get(index).unwrap_or(&Value::Null)));
        }
        (Value::Object(map), _) => {
            map.remove("sources");
            map.values_mut().for_each(|inner| without_sources(inner, &Value::Null));
        }
        _ => {}
    }
}

#[test]
fn every_fixture_is_read_as_its_json_says() {
    let mut files: Vec<PathBuf> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "edi"));
    files.sort();
    assert!(files.len() >= 20);
    let mut wrong = Vec::new();
    for file in files {
        let bytes = fs::read(&file).unwrap();
        assert_eq!(EdifactReader.recognizes(&bytes), Recognition::Sure, "{file:?}");
        let (messages, aside) = opened(&bytes);
        let aside: Vec<Value> = aside.iter().map(|one| json!({ "name": one.name, "reason": one.reason })).collect();
        let mut read = pruned(json!({ "messages": messages, "aside": aside }));
        let expected = fs::read_to_string(file.with_extension("json")).ok().map(|text| serde_json::from_str(&text).unwrap());
        let expected = expected.unwrap_or(Value::Null);
        without_sources(&mut read, &expected);
        if read != expected {
            let shown = serde_json::to_string_pretty(&read).unwrap();
            wrong.push(format!("{}:\n{shown}", file.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(wrong.is_empty(), "{} fixtures are read otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn lines_cut_at_any_width_are_the_same_order() {
    let whole = fs::read(folder().join("d96a-eancom.edi")).unwrap();
    let flat: Vec<u8> = whole.iter().copied().filter(|byte| *byte != b'\n').collect();
    let order = |bytes: &[u8]| {
        let (messages, aside) = opened(bytes);
        assert!(aside.is_empty() && messages.len() == 1 && messages[0].warnings.is_empty(), "{aside:?} {messages:?}");
        messages[0].clone()
    };
    let expected = order(&flat);
    for width in 40..200 {
        for end in ["\r\n", "\n", "\r"] {
            let lines: Vec<&[u8]> = flat.chunks(width).collect();
            assert_eq!(order(&lines.join(end.as_bytes())), expected, "{width} {end:?}");
        }
        // Blanks at the end of lines are lost on the way, too.
        let lines: Vec<&[u8]> = flat.chunks(width).map(|line| line.trim_ascii_end()).collect();
        assert_eq!(order(&lines.join(&b"\r\n"[..])), expected, "{width}, stripped");
        // Only lines that are too long are cut. One such line alone is believed at usual widths.
        let long: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').flat_map(|line| line.chunks(width)).collect();
        if width < 92 || [100, 120, 128, 132, 133].contains(&width) || width > 104 {
            assert_eq!(order(&long.join(&b"\r\n"[..])), expected, "{width}, long lines");
        }
        // Padded to full records, as mainframes do.
        let records: Vec<u8> = whole
            .split(|byte| *byte == b'\n')
            .flat_map(|line| line.chunks(width))
            .flat_map(|record| {
                let mut record = record.to_vec();
                record.resize(width, b' ');
                record
            })
            .collect();
        let records: Vec<&[u8]> = records.chunks(width).collect();
        assert_eq!(order(&records.join(&b"\r\n"[..])), expected, "{width}, records");
    }
}

#[test]
fn other_things_are_not_recognized() {
    for bytes in [
        &b""[..],
        b"From: a@example.nl\r\nSubject: UNB\r\n\r\nUNBELIEVABLE UNH",
        b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *261124*0930*U*00401*000000001*0*P*>~",
        b"<Order>UNB+x</Order>",
        b"UNA was here",
        b"# UNB parser\nx = \"UNB+UNOA:1+A+B'\"\n",
        b"The header reads UNH+1+ORDERS:D:96A:UN' and so on.",
    ] {
        assert_eq!(EdifactReader.recognizes(bytes), Recognition::No, "{}", String::from_utf8_lossy(bytes));
    }
    for bytes in [
        &b"Order follows: UNB+UNOA:1+A+B+261124:0930+1'UNH+1+ORDERS:D:96A:UN'BGM+220+1'UNT+3+1'UNZ+1+1'"[..],
        b"Order follows:\nUNH+1+ORDERS:D:96A:UN'\nBGM+220+1'\nUNT+3+1'",
    ] {
        assert_eq!(EdifactReader.recognizes(bytes), Recognition::Perhaps, "{}", String::from_utf8_lossy(bytes));
    }
}
