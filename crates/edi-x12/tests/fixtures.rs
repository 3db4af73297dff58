//! Interchanges as the world sends them, each with the reading that a person expects of it: `fixtures/NAME.x12` and `fixtures/NAME.json`.
//!
//! An expectation is the list of `parts`: messages, and what is set aside. Of a message, what it names is compared. An order is compared
//! whole, but for `sources` where the expectation has none. `warnings` lists words that must be in them, in any order; an empty list, or
//! none, says that there is nothing to warn of.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::fmt::Write;
use std::fs;

use common::{fixtures, parts, shown};
use loket_core::reader::Part;
use serde_json::{Map, Value, json};

/// What every expectation of a message must say.
const REQUIRED: [&str; 4] = ["identity", "from", "subject", "automatic"];

fn differences(path: &str, expected: &Value, found: &Value, report: &mut String) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (name, wanted) in expected {
                differences(&format!("{path}.{name}"), wanted, found.get(name).unwrap_or(&Value::Null), report);
            }
            let whole = path.ends_with(".order") || path.contains(".lines[") || path.contains(".order.");
            for (name, got) in found.iter().filter(|(name, _)| whole && *name != "sources" && !expected.contains_key(*name)) {
                writeln!(report, "  {path}.{name}: not expected: {got}").unwrap();
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (place, (wanted, got)) in expected.iter().zip(found).enumerate() {
                differences(&format!("{path}[{place}]"), wanted, got, report);
            }
        }
        _ if expected != found => writeln!(report, "  {path}\n    expected {expected}\n    found    {found}").unwrap(),
        _ => {}
    }
}

fn message(place: usize, expected: &Map<String, Value>, found: &Value, report: &mut String) {
    for name in REQUIRED.iter().filter(|name| !expected.contains_key(**name)) {
        writeln!(report, "  [{place}]: the expectation does not say `{name}`").unwrap();
    }
    let mut expected = expected.clone();
    let words = expected.remove("warnings").unwrap_or(json!([]));
    let warnings = found["warnings"].as_array().unwrap();
    let words = words.as_array().unwrap();
    for word in words {
        if !warnings.iter().any(|warning| warning.as_str().unwrap().contains(word.as_str().unwrap())) {
            writeln!(report, "  [{place}].warnings: no {word} in {warnings:?}").unwrap();
        }
    }
    if warnings.len() != words.len() {
        writeln!(report, "  [{place}].warnings: {} expected, found {warnings:?}", words.len()).unwrap();
    }
    let named: Map<String, Value> = expected.keys().map(|name| (name.clone(), found.get(name).cloned().unwrap_or(Value::Null))).collect();
    differences(&format!("[{place}]"), &Value::Object(expected), &Value::Object(named), report);
}

#[test]
fn every_interchange_reads_as_expected() {
    let mut failed = String::new();
    let paths = fixtures();
    assert!(paths.len() >= 20, "only {} fixtures", paths.len());
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let expected = fs::read_to_string(path.with_extension("json")).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        let expected: Value = serde_json::from_str(&expected).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        let found = parts(&fs::read(&path).unwrap());
        let wanted = expected["parts"].as_array().unwrap();
        let mut report = String::new();
        if wanted.len() != found.len() {
            writeln!(report, "  {} parts expected, {} found", wanted.len(), found.len()).unwrap();
        }
        for (place, (wanted, got)) in wanted.iter().zip(&found).enumerate() {
            match (wanted.get("aside"), got) {
                (Some(wanted), Part::Aside(got)) => {
                    differences(&format!("[{place}].name"), &wanted["name"], &json!(got.name), &mut report);
                    differences(&format!("[{place}].reason"), &wanted["reason"], &json!(got.reason), &mut report);
                }
                (None, Part::Message(got)) => message(place, wanted.as_object().unwrap(), &shown(got), &mut report),
                (_, got) => writeln!(report, "  [{place}]: found {got:?}").unwrap(),
            }
        }
        if !report.is_empty() {
            writeln!(failed, "{name}: {}\n{report}", expected["why"].as_str().unwrap_or_default()).unwrap();
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
}

/// A whole order, whose terminator stands for itself nowhere.
fn plain() -> String {
    fs::read_to_string(common::folder().join("850-retail.x12")).unwrap()
}

fn same_as_plain(bytes: &[u8], what: &str) {
    let expected: Vec<Value> = parts(plain().as_bytes()).iter().map(common::shown_part).collect();
    let mut found: Vec<Value> = parts(bytes).iter().map(common::shown_part).collect();
    for part in &mut found {
        // Which delimiters it has is said there.
        part["extra"]["edi"]["delimiters"] = expected[0]["extra"]["edi"]["delimiters"].clone();
        part["edi"] = part["extra"]["edi"].clone();
    }
    if found != expected {
        let mut report = String::new();
        differences("", &json!(expected), &json!(found), &mut report);
        panic!("{what}:\n{report}");
    }
}

#[test]
fn wrapped_lines_change_nothing() {
    let one_line = plain().replace('\n', "");
    for width in 30..=132 {
        for line_end in ["\n", "\r\n", "\r"] {
            let lines: Vec<&[u8]> = one_line.as_bytes().chunks(width).collect();
            same_as_plain(&lines.join(line_end.as_bytes()), &format!("wrapped after {width} with {line_end:?}"));
        }
    }
    // Each segment on lines of its own, the long ones wrapped.
    for width in 30..=100 {
        let segments = one_line.split_inclusive('~').flat_map(|segment| segment.as_bytes().chunks(width));
        same_as_plain(&segments.collect::<Vec<_>>().join(&b'\n'), &format!("segments wrapped after {width}"));
    }
}

#[test]
fn tags_are_whole_wherever_lines_end() {
    // Not at a fixed column: nobody knows why, and no line may be lost.
    let one_line = plain().replace('\n', "");
    for place in one_line.match_indices("~PO1*").flat_map(|(at, _)| [at + 2, at + 3, at + 4]) {
        let mut broken = one_line.clone();
        broken.insert_str(place, "\r\n");
        same_as_plain(broken.as_bytes(), &format!("broken at {place}"));
    }
}

#[test]
fn delimiters_change_nothing() {
    let one_line = plain().replace('\n', "");
    for terminator in ["\n", "\r\n", "\r", "\u{15}", "'", "\u{85}", "~\r\n", "~\n\t\t", "~ \n", "~~", "\u{1c}", "~\n\n", "~\u{a0}"] {
        same_as_plain(one_line.replace('~', terminator).as_bytes(), &format!("{terminator:?}"));
    }
    for separator in ["|", "\u{1d}", "\t", "^", "+"] {
        same_as_plain(plain().replace('*', separator).as_bytes(), &format!("{separator:?}"));
    }
    let mut latin_1 = one_line.replace('~', "\u{a7}").into_bytes();
    latin_1.retain(|&byte| byte != 0xc2);
    same_as_plain(&latin_1, "a terminator in Latin-1");
}

#[test]
fn marks_and_character_sets_change_nothing() {
    let marked = format!("\u{feff}{}", plain());
    same_as_plain(marked.as_bytes(), "UTF-8 with a mark");
    let wide = |of: fn(u16) -> [u8; 2]| -> Vec<u8> { marked.encode_utf16().flat_map(of).collect() };
    same_as_plain(&wide(u16::to_le_bytes), "UTF-16, little end first");
    same_as_plain(&wide(u16::to_be_bytes), "UTF-16, big end first");
    for terminator in [0xa1, 0x15, 0x25, 0x0d] {
        let ebcdic = common::in_ebcdic(&plain().replace('\n', ""), terminator);
        same_as_plain(&ebcdic, &format!("EBCDIC with {terminator:#x}"));
        let lines: Vec<&[u8]> = ebcdic.chunks(80).collect();
        if terminator == 0xa1 {
            same_as_plain(&lines.join(&0x25), "EBCDIC in lines of 80");
        }
    }
}

#[test]
fn the_last_terminator_may_be_missing() {
    same_as_plain(plain().trim_end().trim_end_matches('~').as_bytes(), "no last terminator");
    same_as_plain(format!("{}\r\n\x1a", plain().trim_end().trim_end_matches('~')).as_bytes(), "and the end mark of old files");
}

#[test]
fn what_is_set_aside_reads_alone_with_the_same_reason() {
    let mut count = 0;
    for path in fixtures() {
        for part in parts(&fs::read(&path).unwrap()) {
            let Part::Aside(aside) = part else { continue };
            let again = parts(&aside.payload);
            let [Part::Aside(again)] = again.as_slice() else { panic!("{}: {again:?}", path.display()) };
            let words = |reason: &str| {
                reason
                    .split(": segment ")
                    .next()
                    .unwrap()
                    .split(" is cut off,")
                    .next()
                    .unwrap()
                    .split(" at byte")
                    .next()
                    .unwrap()
                    .to_owned()
            };
            assert_eq!(words(&again.reason), words(&aside.reason), "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 5, "only {count}");
}

#[test]
fn what_was_cut_off_stays_cut_off() {
    // Behind the last line, so that none is missing; the total may be.
    let whole = plain();
    let cut = whole.find("AMT*TT*").unwrap() + "AMT*TT*39".len();
    let found = parts(&whole.as_bytes()[..cut]);
    let [Part::Aside(aside)] = found.as_slice() else { panic!("{found:?}") };
    let again = parts(&aside.payload);
    let [Part::Aside(again)] = again.as_slice() else { panic!("{again:?}") };
    assert!(again.reason.contains("is cut off, the end of the data follows"), "{}", again.reason);
}

#[test]
fn mended_it_is_a_message() {
    let bytes = fs::read(common::folder().join("mixed.x12")).unwrap();
    let aside = parts(&bytes).into_iter().find_map(|part| match part {
        Part::Aside(aside) if aside.reason.contains("quantity") => Some(aside),
        _ => None,
    });
    let mended = String::from_utf8(aside.unwrap().payload.to_vec()).unwrap().replace("TWELVE", "12");
    let found = parts(mended.as_bytes());
    let [Part::Message(message)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(message.order.as_ref().unwrap().lines[0].quantity.unwrap().to_string(), "12");
}
