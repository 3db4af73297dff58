//! Whatever comes in: a result or a reason, in linear time, and never an order that is not the whole one.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{delivery, fixture, folder, opened};
use loket_core::message::Message;
use loket_core::reader::{Part, Reader, Recognition};
use loket_edi_edifact::{AckKind, AckOptions, EdifactReader, acknowledge};
use proptest::prelude::*;

/// Everything that reads bytes, on these bytes; and what is set aside can be read alone, to the same end.
fn exercise(bytes: &[u8]) -> Vec<Message> {
    let _ = EdifactReader.recognizes(bytes);
    let (messages, aside) = opened(bytes);
    let read = EdifactReader.read(&delivery(bytes));
    assert_eq!(read.is_ok(), !messages.is_empty());
    assert!(read.is_ok() || !read.unwrap_err().0.is_empty());
    for one in &aside {
        assert!(!one.name.is_empty() && !one.reason.is_empty());
        let _ = opened(&one.payload);
    }
    for kind in [AckKind::Messages, AckKind::Rejections, AckKind::Receipt] {
        let now = jiff::civil::date(2026, 11, 24).at(9, 30, 0, 0);
        if let Ok(Some(answer)) = acknowledge(bytes, &AckOptions { control: 1, now, force: true, kind }) {
            let (messages, aside) = opened(&answer);
            assert!(!messages.is_empty() && aside.is_empty(), "{}", String::from_utf8_lossy(&answer));
        }
    }
    messages
}

fn fixtures() -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "edi")).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        exercise(&bytes);
    }

    #[test]
    fn any_text_of_segments(text in "(UNA:\\+.\\? ')?(UNB\\+UNO[A-D]:[1-4]\\+[A-Z]{2}\\+[A-Z]{2}\\+261124:0930\\+1')?((UNH|UNT|UNZ|UNG|UNE|UNO|UNP|BGM|LIN|QTY|NAD|DTM|PRI|RFF|IMD|UNS)[+:?*A-Z0-9\\r\\n]{0,20}'){0,30}") {
        exercise(text.as_bytes());
    }

    #[test]
    fn mutated_fixtures(which in any::<prop::sample::Index>(), edits in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..6, any::<u8>()), 1..8)) {
        let all = fixtures();
        let mut bytes = which.get(&all).clone();
        for (place, kind, byte) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                3 => bytes.truncate(at),
                4 => bytes.insert(at, b"'+:?*\n"[usize::from(byte) % 6]),
                _ => {
                    let end = (at + usize::from(byte)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        exercise(&bytes);
    }
}

#[test]
fn cut_off_anywhere_it_is_the_whole_order_or_none() {
    for name in ["d96a-eancom.edi", "d01b-syntax4.edi", "d93a-own-delimiters.edi", "wrapped-80.edi"] {
        let bytes = fixture(name);
        let whole = opened(&bytes).0.remove(0).order.unwrap();
        let mut complete = 0;
        for length in 0..bytes.len() {
            let messages = exercise(&bytes[..length]);
            for message in messages {
                let order = message.order.unwrap();
                assert_eq!((&order.lines, &order.po_number), (&whole.lines, &whole.po_number), "{name} cut at {length}");
                complete += 1;
            }
        }
        assert!(complete > 0 && complete < bytes.len() / 4, "{name}: {complete}");
    }
}

#[test]
fn what_is_set_aside_is_set_aside_again_alone_and_fine_once_it_is_mended() {
    let bytes = fixture("one-bad-among-good.edi");
    let (_, aside) = opened(&bytes);
    for one in &aside {
        let (messages, again) = opened(&one.payload);
        assert!(messages.is_empty() && again.len() == 1, "{one:?}");
        let tail = |reason: &str| reason.rsplit(": ").next().unwrap().to_owned();
        assert_eq!(tail(&again[0].reason), tail(&one.reason));
    }
    let mended = String::from_utf8(aside[0].payload.to_vec()).unwrap().replace("12x", "12");
    let (messages, aside) = opened(mended.as_bytes());
    assert!(aside.is_empty());
    assert_eq!(messages[0].order.as_ref().unwrap().po_number.as_deref(), Some("BAD-Q"));
    assert_eq!(messages[0].warnings, Vec::<String>::new());
    assert_eq!(messages[0].identity.as_ref().unwrap().value, "5400001000019/14/5400002000018/88//0002");
}

#[test]
fn a_bad_message_cut_out_of_cut_lines_is_whole() {
    let good =
        String::from_utf8(fixture("d96a-eancom.edi").iter().copied().filter(|byte| byte.is_ascii() && *byte != b'\n').collect()).unwrap();
    let bad = good.replace("QTY+21:12:PCE", "QTY+21:twelve:PCE");
    let lines: Vec<&[u8]> = bad.as_bytes().chunks(80).collect();
    let (messages, aside) = opened(&lines.join(&b"\r\n"[..]));
    assert!(messages.is_empty());
    let mended = String::from_utf8(aside[0].payload.to_vec()).unwrap().replace("twelve", "12");
    assert_eq!(opened(mended.as_bytes()).0[0].order, opened(good.as_bytes()).0[0].order);
}

const HEAD: &str = "UNA:+.? 'UNB+UNOA:3+BUYER+SELLER+261124:0930+1'";

#[test]
fn an_order_of_a_hundred_thousand_lines() {
    let mut bytes = format!("{HEAD}UNH+1+ORDERS:D:96A:UN'BGM+220+BIG+9'");
    for line in 1..=100_000 {
        bytes += &format!("LIN+{line}++X{line}:SA'QTY+21:{line}:PCE'PRI+AAA:1.50'");
    }
    bytes += "UNS+S'CNT+2:100000'UNT+300005+1'UNZ+1+1'";
    let messages = opened(bytes.as_bytes()).0;
    let order = messages[0].order.as_ref().unwrap();
    assert_eq!((order.lines.len(), &messages[0].warnings), (100_000, &Vec::new()));
    assert_eq!(order.lines[99_999].quantity.unwrap().to_string(), "100000");
}

#[test]
fn messages_are_read_as_they_are_asked_for() {
    // The second message would be the end of anybody who read ahead: it never ends.
    let endless = format!("{HEAD}UNH+1+ORDERS:D:96A:UN'BGM+220+A+9'UNS+S'UNT+4+1'UNH+2+ORDERS:D:96A:UN'") + &"FTX+AAI+++x'".repeat(200_000);
    let mut parts = EdifactReader.parts(&delivery(endless.as_bytes())).unwrap();
    assert!(matches!(parts.next(), Some(Part::Message(_))));
    assert!(matches!(parts.next(), Some(Part::Aside(_))));
    assert!(parts.next().is_none());
}

#[test]
fn hostile_interchanges_end() {
    let message = "UNH+1+ORDERS:D:96A:UN'BGM+220+A+9'";
    for (name, bytes, count) in [
        ("headers only", "UNB+UNOA:1+A+B+261124:0930+1'".repeat(100_000), 100_000),
        ("advice only", "UNA:+.? '".repeat(300_000) + HEAD, 1),
        ("every interchange with other delimiters, none ended", "UNA:+.? 'UNB+UNOA:1+A UNA|^.? ~UNB^UNOA|1^A ".repeat(20_000), 0),
        ("packages without an end", format!("{HEAD}{}", "UNO+1+1:1+1:1+999999'".repeat(100_000)), 1),
        ("packages that claim to be huge", format!("{HEAD}{}", "UNO+1+1:1+1:1+99999999999999999999'UNP+1+1'".repeat(100_000)), 1),
        ("nothing but terminators", format!("{HEAD}{message}{}", "'".repeat(3_000_000)), 1),
        ("nothing but release characters", format!("{HEAD}{message}FTX+{}", "?".repeat(3_000_000)), 1),
        ("no terminator", format!("{HEAD}{message}FTX+AAI+++{}", "x".repeat(3_000_000)), 1),
        ("separators", format!("{HEAD}{message}PIA+1{}'", "+a:SA".repeat(50_000)), 1),
        ("components", format!("{HEAD}{message}NAD+BY+1++{}'", "a:".repeat(120_000)), 1),
        ("line ends", format!("{HEAD}{message}FTX+AAI+++{}'", "a\r\n".repeat(80_000)), 1),
        ("lines that are none", format!("{HEAD}{message}{}", "something else\n".repeat(200_000)), 1),
        ("messages without an end", format!("{HEAD}{}", "UNH+1+ORDERS:D:96A:UN'".repeat(100_000)), 100_000),
        ("groups", format!("{HEAD}{}", "UNG+ORDERS+A+B'".repeat(100_000)), 1),
        ("apostrophes", format!("{HEAD}{message}FTX+AAI+++{}'", "d'eau ".repeat(40_000)), 1),
        ("apostrophes and blanks", format!("{HEAD}{message}FTX+AAI+++{}'", format!("'{}x", " ".repeat(31)).repeat(8_000)), 1),
        ("letters of tags", "UN".repeat(2_000_000) + HEAD, 1),
    ] {
        let mut seen = 0;
        if let Ok(parts) = EdifactReader.parts(&delivery(bytes.as_bytes())) {
            seen = parts.count();
        }
        assert!(seen >= count, "{name}: {seen}");
    }
}

#[test]
fn a_transmission_that_broke_off_does_not_take_the_next_one_with_it() {
    let first = String::from_utf8_lossy(&fixture("d01b-syntax4.edi")).into_owned();
    let second = fixture("d93a-own-delimiters.edi");
    for cut in 60..first.len() {
        if !first.is_char_boundary(cut) {
            continue;
        }
        let mut bytes = first.as_bytes()[..cut].to_vec();
        bytes.extend_from_slice(&second);
        let messages = opened(&bytes).0;
        let found = messages.iter().any(|message| message.order.as_ref().is_some_and(|order| order.po_number.as_deref() == Some("7788")));
        assert!(found, "cut at {cut}");
    }
}

#[test]
fn what_is_nothing_says_so() {
    for (bytes, reason) in [
        (&b""[..], "empty"),
        (b" \r\n\x1a", "empty"),
        (b"Dear supplier, please find attached", "not EDIFACT"),
        (b"UNB+UNOA:3+A+B+261124:0930+1'UNZ+0+1'", "interchange 1: there is no message in it"),
        (b"UNB+UNOA:3+A", "interchange 1: there is no message in it"),
        (b"UNB+UNOA:3+A+B+261124:0930+1'UNH+1+ORDERS:D:96A:UN'BGM+2", "cut off after"),
    ] {
        let error = EdifactReader.read(&delivery(bytes)).unwrap_err().0;
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(EdifactReader.recognizes(b""), Recognition::No);
}
