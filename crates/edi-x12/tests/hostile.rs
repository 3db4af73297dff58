//! What nobody sends by accident. There are no timed assertions: a reader that is not linear does not finish.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::fs;

use common::{delivery, fixtures, messages, parts};
use jiff::civil::date;
use loket_core::order::Decision;
use loket_core::reader::{Part, Reader, Recognition};
use loket_edi_x12::{AckOptions, ResponseOptions, X12Reader, acknowledge, order_response};
use proptest::prelude::*;

const ISA: &str = "ISA*00*          *00*          *ZZ*BUYER          *ZZ*SELLER         *261124*0930*U*00401*000000001*0*P*>~";
const GS: &str = "GS*PO*BUYER*SELLER*20261124*0930*1*X*004010~";

fn interchange(body: &str) -> String {
    format!("{ISA}{GS}{body}GE*1*1~IEA*1*000000001~")
}

fn options() -> AckOptions {
    AckOptions { control_number: 1, now: date(2026, 11, 25).at(8, 0, 0, 0), kind: loket_edi_x12::AckKind::Auto, force: true }
}

/// Reads bytes in every way that there is.
fn read_all(bytes: &[u8]) -> Vec<Part> {
    let _ = X12Reader.recognizes(bytes);
    if let Ok(Some(answer)) = acknowledge(bytes, &options()) {
        assert!(parts(&answer).iter().all(|part| matches!(part, Part::Message(message) if message.order.is_none())));
    }
    let parts = parts(bytes);
    for part in &parts {
        let options = ResponseOptions { control_number: 1, now: options().now };
        if let Part::Message(message) = part
            && let Ok(answer) = order_response(message, &Decision::default(), &options)
        {
            let read = messages(&answer);
            assert!(read.len() == 1 && read[0].order.is_none());
        }
    }
    parts
}

/// Each order of an interchange is whole or set aside, whatever was cut off.
#[test]
fn cut_off_at_every_byte() {
    for name in ["850-retail", "mixed", "850-ebcdic", "850-wrapped", "875-grocery", "850-binary"] {
        let whole = fs::read(common::folder().join(format!("{name}.x12"))).unwrap();
        let orders: Vec<_> = parts(&whole)
            .into_iter()
            .filter_map(|part| match part {
                Part::Message(message) => message.order,
                Part::Aside(_) => None,
            })
            .collect();
        for end in 0..whole.len() {
            for part in read_all(&whole[..end]) {
                if let Part::Message(message) = part
                    && let Some(order) = message.order
                {
                    assert!(orders.contains(&order), "{name} cut off at {end}: an order that was never sent");
                }
            }
        }
    }
}

#[test]
fn an_order_of_a_hundred_thousand_lines() {
    let lines: String = (1..=100_000).map(|n| format!("PO1*{n}*{n}*EA*1.5**BP*A{n}*UP*{n:012}~PID*F****Thing {n}~REF*ZZ*{n}~")).collect();
    let count = 100_000 * 3 + 4;
    let order =
        messages(interchange(&format!("ST*850*0001~BEG*00*SA*BIG**20261124~{lines}CTT*100000~SE*{count}*0001~")).as_bytes()).remove(0);
    let (order, warnings) = (order.order.unwrap(), order.warnings);
    assert_eq!((order.lines.len(), warnings.len()), (100_000, 0));
    assert_eq!(order.lines[99_999].buyer_item.as_deref(), Some("A100000"));
}

#[test]
fn more_than_anybody_orders() {
    for (piece, words) in [("PO1~", "lines in one order"), ("MSG*a~", "references, notes"), ("REF*a*b~", "references, notes")] {
        let body = format!("ST*850*0001~BEG*00*SA*BIG**20261124~{}SE*1*0001~", piece.repeat(1_100_000));
        let found = parts(interchange(&body).as_bytes());
        let [Part::Aside(aside)] = found.as_slice() else { panic!("{piece}") };
        assert!(aside.reason.contains(words), "{}", aside.reason);
    }
}

#[test]
fn many_interchanges_and_transactions_come_one_by_one() {
    let one = interchange("ST*850*0001~BEG*00*SA*1**20261124~PO1*1*1*EA~SE*4*0001~");
    assert_eq!(read_all(one.repeat(2_000).as_bytes()).len(), 2_000);
    let many = interchange(&"ST*850*0001~BEG*00*SA*1**20261124~SE*3*0001~".repeat(20_000));
    assert_eq!(read_all(many.as_bytes()).len(), 20_000);
}

#[test]
fn hostile_texts_end() {
    for piece in [
        "ISA*",
        "ISA",
        "ISA*00*",
        "ISA*00*~\n",
        "\nISA*00*          *",
        "ST*850*",
        "ST*850*1~",
        "GS*",
        "~",
        "*",
        "\n",
        "\r",
        " ",
        "\u{a0}",
        "BIN*9*",
        "BIN*99999999999999999999*",
        "BDS*A*1*",
        "~BIN*1*",
        "PO1*",
        "SDQ*EA*92*1*1*",
        "N1*",
        "IEA*1*1",
        "IEA*1*1ISA*",
        "SE~",
        "\u{c2}",
        "\u{1a}",
        "I",
        "S",
        "PO1*1*1*EA*1~\n\n",
        "a\n",
        "REF*\n\n\n",
    ] {
        let many = piece.repeat(100_000);
        read_all(many.as_bytes());
        read_all(format!("{ISA}{many}").as_bytes());
        read_all(interchange(&format!("ST*850*0001~BEG*00*SA*1**20261124~PO1*1*1*EA~{many}~SE*4*0001~")).as_bytes());
        read_all(format!("{ISA}{GS}ST*850*0001~BEG*00*SA*1**20261124~PO1*{many}").as_bytes());
    }
    let names: String = (0..200_000).map(|n| format!("REF*Q{n}*x~")).collect();
    assert_eq!(read_all(interchange(&format!("ST*850*0001~BEG*00*SA*1~{names}SE*4*0001~")).as_bytes()).len(), 1);
}

#[test]
fn what_is_not_x12_says_so() {
    for (bytes, words) in [
        (&b""[..], "empty"),
        (b"  \r\n \t", "empty"),
        (b"hello, not edi", "not X12"),
        (b"ISA*00*      ", "damaged or cut off"),
        (b"UNB+UNOA:2+A+B+261124:0930+1'", "not X12"),
        (ISA.as_bytes(), "holds no transaction"),
        (format!("{ISA}IEA*0*000000001~").as_bytes(), "holds no transaction"),
    ] {
        let error = X12Reader.read(&delivery(bytes)).unwrap_err().0;
        assert!(error.contains(words), "{error}");
        assert!(X12Reader.parts(&delivery(bytes)).is_err());
    }
    let only_bad = interchange("ST*850*0001~BEG*00*SA~SE*3*0001~");
    assert!(X12Reader.read(&delivery(only_bad.as_bytes())).unwrap_err().0.contains("no purchase order number"));
}

#[test]
fn recognized_by_content() {
    for path in fixtures() {
        assert_eq!(X12Reader.recognizes(&fs::read(&path).unwrap()), Recognition::Sure, "{}", path.display());
    }
    for text in [
        "",
        "From: a@example.nl\nSubject: ISA\n\nISA 1",
        "UNA:+.? 'UNB+UNOA:2+A+B",
        "<Order/>",
        "ISA",
        "VISA*00*1*2*3*4*5*6*7*8*9*10*11*12*13*14*15*16~",
        "STATEMENT OF ACCOUNT",
        "\0\u{1}\u{2}",
    ] {
        assert_eq!(X12Reader.recognizes(text.as_bytes()), Recognition::No, "{text:?}");
    }
    assert_eq!(X12Reader.recognizes(b"see below\nST*850*0001~BEG*00*SA*1~"), Recognition::Perhaps);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        read_all(&bytes);
        read_all(&[ISA.as_bytes(), GS.as_bytes(), &bytes].concat());
    }

    #[test]
    fn any_segments(pieces in prop::collection::vec(
        prop::sample::select(vec![
            "ST", "SE", "GS", "GE", "IEA", "ISA", "BEG", "BCH", "G50", "N1", "N3", "N4", "PER", "REF", "PO1", "POC", "G68", "SLN", "SDQ", "PID", "CTP",
            "CTT", "AMT", "DTM", "MSG", "N9", "TA1", "AK1", "AK2", "BIN", "850", "860", "875", "997", "0001", "1", "20261124", "EA", "BY", "~", "~", "~", "*", "*",
            "*", "**", "\n", "\r\n", ">", "12.5", "-", "é", "\u{a0}", " ",
        ]), 0..200)) {
        let text = pieces.concat();
        read_all(text.as_bytes());
        read_all(interchange(&text).as_bytes());
    }

    #[test]
    fn mutations_of_fixtures(which in any::<prop::sample::Index>(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..12)) {
        let paths = fixtures();
        let mut bytes = fs::read(&paths[which.index(paths.len())]).unwrap();
        for (place, byte, how) in changes {
            let at = place.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match how {
                0 if !bytes.is_empty() => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 if !bytes.is_empty() => { bytes.remove(at); }
                _ => { let piece: Vec<u8> = bytes[at..].iter().copied().take(usize::from(byte)).collect(); bytes.splice(at..at, piece); }
            }
        }
        for part in read_all(&bytes) {
            // What is set aside is a delivery that the reader reads, too.
            if let Part::Aside(aside) = part {
                prop_assert!(!aside.name.is_empty() && !aside.reason.is_empty());
                parts(&aside.payload);
            }
        }
    }
}
