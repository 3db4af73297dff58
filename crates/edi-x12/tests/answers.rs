//! What goes back: functional acknowledgements and business answers. Each is checked against the standard's structure, and read again.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::fs;

use common::{messages, parts};
use jiff::civil::{DateTime, date};
use loket_core::message::{Automatic, Message};
use loket_core::order::{Decision, LineDecision, Outcome};
use loket_core::reader::Part;
use loket_edi_x12::{AckKind, AckOptions, ResponseOptions, acknowledge, order_response};

fn now() -> DateTime {
    date(2026, 11, 25).at(8, 5, 0, 0)
}

fn options(kind: AckKind, force: bool) -> AckOptions {
    AckOptions { control_number: 4_711, now: now(), kind, force }
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(common::folder().join(format!("{name}.x12"))).unwrap()
}

/// The answer to a fixture, as segments.
fn answer(name: &str, kind: AckKind, force: bool) -> Option<Vec<Vec<String>>> {
    answer_to(&fixture(name), kind, force)
}

fn answer_to(bytes: &[u8], kind: AckKind, force: bool) -> Option<Vec<Vec<String>>> {
    acknowledge(bytes, &options(kind, force)).unwrap().map(|bytes| checked(&bytes))
}

/// What may follow what in the transactions that are written, by the standard's order, and the number of elements each must have.
const STRUCTURE: [(&str, &[(&str, usize)]); 4] = [
    ("997", &[("ST", 2), ("AK1", 2), ("AK2", 2), ("AK3", 4), ("AK4", 3), ("AK5", 1), ("AK9", 4), ("SE", 2)]),
    ("999", &[("ST", 2), ("AK1", 2), ("AK2", 2), ("IK3", 4), ("IK4", 3), ("IK5", 1), ("AK9", 4), ("SE", 2)]),
    (
        "855",
        &[
            ("ST", 2),
            ("BAK", 4),
            ("CUR", 2),
            ("REF", 2),
            ("DTM", 2),
            ("N9", 3),
            ("MSG", 1),
            ("MTX", 2),
            ("N1", 2),
            ("PO1", 1),
            ("PID", 5),
            ("ACK", 1),
            ("N9", 3),
            ("MSG", 1),
            ("MTX", 2),
            ("CTT", 1),
            ("SE", 2),
        ],
    ),
    (
        "865",
        &[
            ("ST", 2),
            ("BCA", 6),
            ("CUR", 2),
            ("REF", 2),
            ("DTM", 2),
            ("N9", 3),
            ("MSG", 1),
            ("MTX", 2),
            ("N1", 2),
            ("POC", 2),
            ("PID", 5),
            ("ACK", 1),
            ("N9", 3),
            ("MSG", 1),
            ("MTX", 2),
            ("CTT", 1),
            ("SE", 2),
        ],
    ),
];

/// Cuts answers into segments with nothing of our own, checks their envelopes, counts and order, and reads them with our own reader.
fn checked(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(bytes).unwrap();
    let mut all = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        assert!(rest.starts_with("ISA"), "{rest}");
        let isa: Vec<char> = rest.chars().take(106).collect();
        let (separator, terminator) = (isa[3], isa[105]);
        let end = rest.find(&format!("{terminator}IEA{separator}")).unwrap() + 1;
        let end = end + rest[end..].find(terminator).unwrap() + 1;
        let interchange: Vec<Vec<String>> = rest[..end]
            .trim_end_matches(terminator)
            .split(terminator)
            .map(|segment| segment.split(separator).map(str::to_owned).collect())
            .collect();
        check_interchange(&interchange);
        all.extend(interchange);
        rest = &rest[end..];
    }
    for part in parts(bytes) {
        let Part::Message(message) = part else { panic!("{part:?}") };
        let expected: usize = usize::from(matches!(message.extra["edi"]["type"].as_str().unwrap(), "855" | "865"));
        assert_eq!(message.warnings.len(), expected, "{:?}", message.warnings);
    }
    all
}

fn check_interchange(segments: &[Vec<String>]) {
    let isa = &segments[0];
    let widths = [3, 2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1];
    assert_eq!(isa.iter().map(|element| element.chars().count()).collect::<Vec<_>>(), widths);
    let iea = segments.last().unwrap();
    assert_eq!((iea[0].as_str(), &iea[2]), ("IEA", &isa[13]));
    let groups: Vec<usize> = (0..segments.len()).filter(|&at| segments[at][0] == "GS").collect();
    assert_eq!(iea[1], groups.len().to_string());
    for &at in &groups {
        let gs = &segments[at];
        assert!(gs.len() == 9 && gs[1..].iter().all(|element| !element.is_empty()), "{gs:?}");
        let ge = segments[at..].iter().position(|segment| segment[0] == "GE").unwrap() + at;
        let transactions = segments[at..ge].iter().filter(|segment| segment[0] == "ST").count();
        assert_eq!((segments[ge][1].clone(), &segments[ge][2]), (transactions.to_string(), &gs[6]));
    }
    let starts = (0..segments.len()).filter(|&at| segments[at][0] == "ST");
    for at in starts {
        let st = &segments[at];
        let length = segments[at..].iter().position(|segment| segment[0] == "SE").unwrap();
        let se = &segments[at + length];
        assert_eq!((se[1].clone(), &se[2]), ((length + 1).to_string(), &st[2]));
        let structure = STRUCTURE.iter().find(|(kind, _)| *kind == st[1]).unwrap().1;
        let mut place = 0;
        for segment in &segments[at..=at + length] {
            let tag = segment[0].as_str();
            // A loop begins again with its first segment.
            if matches!(tag, "AK2" | "PO1" | "POC" | "N1" | "AK3" | "IK3") && place > 0 {
                let first = structure.iter().position(|(name, _)| *name == tag).unwrap();
                place = first.min(place.max(first));
            }
            let found = structure[place..].iter().position(|(name, _)| *name == tag);
            place += found.unwrap_or_else(|| panic!("{tag} may not stand here: {segments:?}"));
            let filled = segment.len() - 1;
            assert!(filled >= structure[place].1, "{segment:?} has too few elements");
            assert!(segment.last().is_some_and(|last| !last.is_empty()), "{segment:?} ends with an empty element");
        }
    }
}

fn of<'a>(segments: &'a [Vec<String>], tag: &str) -> Vec<&'a [String]> {
    segments.iter().filter(|segment| segment[0] == tag).map(|segment| &segment[1..]).collect()
}

#[test]
fn a_good_group_is_accepted() {
    let answer = answer("850-retail", AckKind::Auto, false).unwrap();
    assert_eq!(of(&answer, "ISA")[0][4..8].join("|"), "ZZ|SELLER01       |ZZ|BUYER01        ");
    assert_eq!(of(&answer, "GS"), [["FA", "SELLERGS", "BUYERGS", "20261125", "0805", "4711", "X", "004010VICS"]]);
    assert_eq!(of(&answer, "AK1"), [["PO", "101"]]);
    assert_eq!(of(&answer, "AK2"), [["850", "0001"]]);
    assert_eq!(of(&answer, "AK5"), [["A"]]);
    assert_eq!(of(&answer, "AK9"), [["A", "1", "1", "1"]]);
    assert!(of(&answer, "TA1").is_empty());
    assert_eq!(of(&answer, "ISA")[0][12], "000004711");
}

#[test]
fn a_later_version_is_answered_as_it_asks() {
    let late = answer("850-later-version", AckKind::Auto, false).unwrap();
    assert_eq!(of(&late, "ST"), [["999", "0001"]]);
    assert_eq!(of(&late, "AK1"), [["PO", "103", "005010"]]);
    assert_eq!(of(&late, "AK2"), [["850", "000000001", "005010VICS"]]);
    assert_eq!(of(&late, "IK5"), [["A"]]);
    assert_eq!(of(&late, "TA1"), [["000000103", "261124", "0930", "A", "000"]]);
    assert_eq!(of(&late, "ISA")[0][10..].join("|"), "^|00501|000004711|0|T|:");
    assert_eq!(of(&answer("850-later-version", AckKind::Functional, false).unwrap(), "ST"), [["997", "0001"]]);
    let only = answer("850-later-version", AckKind::Interchange, false).unwrap();
    assert_eq!(only.iter().map(|segment| segment[0].as_str()).collect::<Vec<_>>(), ["ISA", "TA1", "IEA"]);
    let retail = String::from_utf8(fixture("850-later-version")).unwrap().replace("*X*005010~", "*X*005010VICS~");
    assert_eq!(of(&answer_to(retail.as_bytes(), AckKind::Auto, false).unwrap(), "ST"), [["997", "0001"]]);
}

#[test]
fn bad_transactions_are_rejected_one_by_one() {
    let answer = answer("mixed", AckKind::Auto, false).unwrap();
    assert_eq!(of(&answer, "ISA").iter().map(|isa| isa[12].as_str()).collect::<Vec<_>>(), ["000004711", "000004712", "000004713"]);
    let outcomes: Vec<String> = of(&answer, "AK5").iter().map(|ak5| ak5.join("|")).collect();
    assert_eq!(outcomes, ["A", "R|5", "R|5", "R|5", "R|2", "A", "A", "A", "A"]);
    let faults: Vec<String> = of(&answer, "AK3").iter().map(|ak3| ak3.join("|")).collect();
    assert_eq!(faults, ["PO1|4||8", "BEG|2||8", "SE|5||3"]);
    let elements: Vec<String> = of(&answer, "AK4").iter().map(|ak4| ak4.join("|")).collect();
    assert_eq!(elements, ["2||6|TWELVE", "3||1"]);
    let groups: Vec<String> = of(&answer, "AK9").iter().map(|ak9| ak9.join("|")).collect();
    assert_eq!(groups, ["P|6|6|2", "A|1|1|1", "A|1|1|1", "A|1|1|1"]);
    // The same as the reader decides.
    let read = parts(&fixture("mixed"));
    assert_eq!(read.iter().filter(|part| matches!(part, Part::Aside(_))).count(), 4);
    assert_eq!(read.len(), outcomes.len());
}

#[test]
fn what_does_not_fit_is_accepted_and_noted() {
    let answer = answer("counts", AckKind::Auto, true).unwrap();
    assert_eq!(of(&answer, "AK5"), [["E", "4", "3"]]);
    assert_eq!(of(&answer, "AK9"), [["E", "3", "1", "1", "5", "4"]]);
    assert_eq!(of(&answer, "TA1"), [["000000118", "261124", "0930", "E", "021"]]);
}

#[test]
fn a_group_without_a_good_transaction_is_rejected() {
    let answer = answer("truncated", AckKind::Auto, false).unwrap();
    assert_eq!(of(&answer, "AK9"), [["P", "2", "2", "1", "3"]]);
    let only = String::from_utf8(fixture("850-retail")).unwrap().replace("*24*CA*", "*many*CA*");
    let answer = answer_to(only.as_bytes(), AckKind::Auto, false).unwrap();
    assert_eq!(of(&answer, "AK9"), [["R", "1", "1", "0"]]);
}

#[test]
fn nothing_is_due() {
    for name in ["997", "999", "ta1", "850-bare", "850-bare-group"] {
        for kind in [AckKind::Auto, AckKind::Functional, AckKind::Implementation, AckKind::Interchange] {
            assert_eq!(answer(name, kind, false), None, "{name}");
            assert_eq!(answer(name, kind, true), None, "{name}");
        }
    }
    assert!(acknowledge(b"hello", &options(AckKind::Auto, true)).unwrap_err().contains("not X12"));
    assert!(acknowledge(b"", &options(AckKind::Auto, true)).unwrap_err().contains("empty"));
}

#[test]
fn what_mainframes_send_is_answered_in_plain() {
    let answer = answer("850-ebcdic", AckKind::Auto, true).unwrap();
    assert_eq!(of(&answer, "AK9"), [["A", "1", "1", "1"]]);
    assert_eq!(of(&answer, "TA1")[0][3], "A");
}

#[test]
fn our_acknowledgements_read_as_theirs() {
    let bytes = acknowledge(&fixture("mixed"), &options(AckKind::Auto, false)).unwrap().unwrap();
    let read = messages(&bytes);
    assert_eq!(read.len(), 4);
    assert!(read.iter().all(|message| message.automatic == Automatic::Reply && message.order.is_none()));
    assert_eq!(read[0].extra["edi"]["acknowledges"]["status"], "P");
    assert_eq!(read[0].extra["edi"]["acknowledges"]["transactions"][1]["status"], "R");
    assert_eq!(acknowledge(&bytes, &options(AckKind::Auto, true)).unwrap(), None);
}

fn order(name: &str) -> Message {
    messages(&fixture(name)).remove(0)
}

fn respond(message: &Message, decision: &Decision) -> Vec<Vec<String>> {
    checked(&order_response(message, decision, &ResponseOptions { control_number: 88, now: now() }).unwrap())
}

fn line(number: &str, outcome: Outcome) -> LineDecision {
    LineDecision { number: number.into(), outcome, ..LineDecision::default() }
}

#[test]
fn an_order_is_accepted_as_it_is() {
    let answer = respond(&order("850-retail"), &Decision { seller_order: Some("SO-9".into()), ..Decision::default() });
    assert_eq!(of(&answer, "GS"), [["PR", "SELLERGS", "BUYERGS", "20261125", "0805", "88", "X", "004010VICS"]]);
    assert_eq!(of(&answer, "BAK"), [["00", "AD", "PO-44871", "20261124", "R2", "", "", "SO-9", "20261125"]]);
    assert_eq!(of(&answer, "REF"), [["VN", "SO-9"]]);
    let parties: Vec<String> = of(&answer, "N1").iter().map(|n1| n1.join("|")).collect();
    assert_eq!(parties, ["BY|Northwind Traders|UL|8712345000011", "SE|Contoso Supply|91|77120", "ST|Northwind DC 7|92|0007"]);
    let lines: Vec<String> = of(&answer, "PO1").iter().map(|po1| po1.join("|")).collect();
    assert_eq!(
        lines,
        [
            "1|24|CA|12.50|PE|BP|NW-1001|VP|C-5501|UP|812345000108|BP|X1",
            "2|0.5|DZ|36||IN|2002|VN|C-77|VA|ST-9",
            "3|100|EA|0.75||SK|3003|EN|8712345123451",
        ]
    );
    let outcomes: Vec<String> = of(&answer, "ACK").iter().map(|ack| ack.join("|")).collect();
    assert_eq!(outcomes, ["IA|24|CA", "IA|0.5|DZ", "IA|100|EA"]);
    assert_eq!(of(&answer, "CTT"), [["3"]]);
}

#[test]
fn an_order_is_accepted_with_changes() {
    let decision = Decision {
        outcome: Outcome::Changed,
        reason: Some("Two of three lines\nas asked~*".into()),
        lines: vec![
            LineDecision { quantity: Some("20".parse().unwrap()), ..line("1", Outcome::Changed) },
            LineDecision { reason: Some("no longer made".into()), ..line("2", Outcome::Rejected) },
            LineDecision {
                unit_price: Some("0.80".parse().unwrap()),
                delivery_date: Some(date(2027, 1, 7)),
                ..line("3", Outcome::Changed)
            },
        ],
        ..Decision::default()
    };
    let answer = respond(&order("850-retail"), &decision);
    assert_eq!(of(&answer, "BAK")[0][1], "AC");
    let outcomes: Vec<String> = of(&answer, "ACK").iter().map(|ack| ack.join("|")).collect();
    assert_eq!(outcomes, ["IQ|20|CA", "IR|0.5|DZ", "IC|100|EA|067|20270107"]);
    assert_eq!(of(&answer, "PO1")[2][3], "0.80");
    let texts: Vec<String> = of(&answer, "MSG").iter().map(|msg| msg.join("|")).collect();
    assert_eq!(texts, ["Two of three lines as asked", "no longer made"]);
}

#[test]
fn codes_of_all_outcomes() {
    let message = order("850-retail");
    let whole = |outcome: Outcome| Decision { outcome, ..Decision::default() };
    let code = |decision: &Decision| of(&respond(&message, decision), "BAK")[0][1].clone();
    assert_eq!(code(&whole(Outcome::Accepted)), "AD");
    assert_eq!(code(&whole(Outcome::Rejected)), "RD");
    assert_eq!(code(&whole(Outcome::Changed)), "AC");
    assert_eq!(code(&Decision { lines: vec![line("2", Outcome::Rejected)], ..Decision::default() }), "AC");
    let late = Decision { delivery_date: Some(date(2027, 1, 5)), ..Decision::default() };
    assert_eq!(code(&late), "AC");
    let answer = respond(&message, &late);
    assert_eq!(of(&answer, "DTM"), [["067", "20270105"]]);
    assert!(of(&answer, "ACK").iter().all(|ack| ack[0] == "DR" && ack[4] == "20270105"));
}

#[test]
fn prices_go_back_as_they_came() {
    let decision = Decision {
        lines: vec![LineDecision { unit_price: Some("0.13".parse().unwrap()), ..line("20", Outcome::Changed) }],
        ..Decision::default()
    };
    let answer = respond(&order("850-prices"), &decision);
    let prices: Vec<String> =
        of(&answer, "PO1").iter().map(|po1| po1.iter().skip(3).take(2).cloned().collect::<Vec<_>>().join("|")).collect();
    assert_eq!(prices[..6], ["3.25|", "13.00|HP", "8|TP", "18.00|PD", "18.00|PD", "2.10|PP"]);
}

#[test]
fn a_change_is_answered_as_a_change() {
    let all = messages(&fixture("860-change"));
    let decision = Decision { lines: vec![line("4", Outcome::Rejected)], ..Decision::default() };
    let answer = respond(&all[0], &decision);
    assert_eq!(of(&answer, "GS")[0][0], "CA");
    assert_eq!(of(&answer, "BCA"), [["00", "AC", "PO-44871", "R2", "3", "20261124"]]);
    let lines: Vec<String> = of(&answer, "POC").iter().map(|poc| poc.join("|")).collect();
    assert_eq!(
        lines,
        [
            "1|QI|36||CA|12.50|PE|BP|NW-1001|VP|C-5501",
            "2|DI|0.5||DZ|36||IN|2002",
            "4|AI|5||EA|9.99||BP|NW-4|UP|812345000122",
            "3|NC|100||EA",
            "5|PC|7||EA|1.15",
        ]
    );
    assert_eq!(of(&answer, "ACK").iter().map(|ack| ack[0].as_str()).collect::<Vec<_>>(), ["IA", "IA", "IR", "IA", "IA"]);
    let cancelled = respond(&all[1], &Decision::default());
    assert_eq!(of(&cancelled, "BCA")[0][1], "AK");
    assert_eq!(of(&respond(&all[1], &Decision { outcome: Outcome::Rejected, ..Decision::default() }), "BCA")[0][1], "RJ");
}

#[test]
fn lines_without_numbers_are_named_by_their_place() {
    let answer = respond(&order("875-grocery"), &Decision { lines: vec![line("2", Outcome::Rejected)], ..Decision::default() });
    assert_eq!(of(&answer, "BAK")[0][1], "AC");
    assert_eq!(of(&answer, "ACK").iter().map(|ack| ack[0].as_str()).collect::<Vec<_>>(), ["IA", "IR"]);
    assert_eq!(of(&answer, "PO1")[0].join("|"), "1|40|CA|18.75||VN|FF-10|UA|001234567890");
}

#[test]
fn a_later_version_has_its_own_text_segment() {
    let long = "word ".repeat(100);
    let answer = respond(&order("850-later-version"), &Decision { reason: Some(long), ..Decision::default() });
    assert_eq!(of(&answer, "ISA")[0][14], "T");
    let texts = of(&answer, "MTX");
    assert!(texts.len() == 2 && texts.iter().all(|text| text[1].len() <= 264));
    let old = respond(&order("850-old-version"), &Decision::default());
    assert_eq!(of(&old, "BAK")[0][3], "981104");
}

#[test]
fn the_answer_reads_again() {
    let bytes = order_response(&order("850-retail"), &Decision::default(), &ResponseOptions { control_number: 88, now: now() }).unwrap();
    let read = messages(&bytes).remove(0);
    assert_eq!(read.subject.as_deref(), Some("855 PO-44871"));
    assert!(read.body.full_text.contains("ACK*IA*24*CA"));
}

#[test]
fn decisions_that_cannot_be_written() {
    let respond = |message: &Message, decision: &Decision| {
        order_response(message, decision, &ResponseOptions { control_number: 1, now: now() }).unwrap_err()
    };
    let message = order("850-retail");
    let unknown = Decision { lines: vec![line("17", Outcome::Rejected)], ..Decision::default() };
    assert!(respond(&message, &unknown).contains("no line \"17\""));
    let mut twice = message.clone();
    twice.order.as_mut().unwrap().lines[1].number = Some("1".into());
    let first = Decision { lines: vec![line("1", Outcome::Rejected)], ..Decision::default() };
    assert!(respond(&twice, &first).contains("2 lines numbered"));
    assert!(respond(&Message::default(), &Decision::default()).contains("no order"));
    let mut mail = message.clone();
    mail.extra.clear();
    assert!(respond(&mail, &Decision::default()).contains("did not come by EDI"));
    let mut other = message.clone();
    other.extra["edi"]["syntax"] = "edifact".into();
    assert!(respond(&other, &Decision::default()).contains("not as X12"));
    assert!(respond(&order("850-bare"), &Decision::default()).contains("nobody to answer to"));
}
