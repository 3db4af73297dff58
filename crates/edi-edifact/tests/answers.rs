//! CONTRL and ORDRSP as they are written: byte for byte, in the order of the standard's segment tables, and readable by ourselves.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{fixture, opened};
use jiff::civil::{DateTime, date};
use loket_core::message::{Automatic, Message};
use loket_core::order::{Decision, LineDecision, Outcome};
use loket_edi_edifact::{AckKind, AckOptions, ResponseOptions, acknowledge, order_response, response_wanted};

const NOW: DateTime = date(2026, 11, 24).at(10, 5, 0, 0);

fn ack(bytes: &[u8], force: bool, kind: AckKind) -> Option<String> {
    let answer = acknowledge(bytes, &AckOptions { control: 501, now: NOW, force, kind }).unwrap()?;
    let (messages, aside) = opened(&answer);
    assert!(aside.is_empty());
    for message in &messages {
        assert_eq!((message.automatic, &message.warnings), (Automatic::Reply, &Vec::new()));
    }
    Some(String::from_utf8(answer).unwrap())
}

/// The tags of an interchange, in order.
fn tags(interchange: &str) -> Vec<&str> {
    interchange.split('\'').filter_map(|segment| segment.get(..3)).collect()
}

#[test]
fn every_message_is_accepted_or_rejected_as_it_was_read() {
    let answer = ack(&fixture("one-bad-among-good.edi"), false, AckKind::Messages).unwrap();
    let expected = "UNA:+.? '\
        UNB+UNOC:3+5400002000018:14+5400001000019:14+261124:1005+501'\
        UNH+1+CONTRL:D:3:UN'\
        UCI+88+5400001000019:14+5400002000018:14+7'\
        UCM+0001+ORDERS:D:96A:UN+7'\
        UCM+0002+ORDERS:D:96A:UN+4'\
        UCS+6'\
        UCD+12+2:2'\
        UCM+0003+ORDERS:D:96A:UN+4'\
        UCS+2'\
        UCD+13+3:1'\
        UCM+0004+ORDERS:D:96A:UN+7'\
        UCM+0005+ORDERS:D:96A:UN+4'\
        UCS+2+13'\
        UCM+0006++4+13+UNH+3:1'\
        UCM+0007+ORDERS:D:96A:UN+4+13+UNT'\
        UNT+15+1'\
        UNZ+1+501'";
    assert_eq!(answer, expected);
    let rejections = ack(&fixture("one-bad-among-good.edi"), false, AckKind::Rejections).unwrap();
    assert!(!rejections.contains("UCM+0001") && rejections.contains("UCM+0002") && rejections.contains("UNT+13+1'"));
    let receipt = ack(&fixture("one-bad-among-good.edi"), false, AckKind::Receipt).unwrap();
    assert!(receipt.contains("UCI+88+5400001000019:14+5400002000018:14+8'UNT+3+1'"));
}

#[test]
fn groups_syntax_4_test_and_routing_are_mirrored() {
    let answer = ack(&fixture("ordchg-group.edi"), true, AckKind::Messages).unwrap();
    let expected = "UNA:+.? '\
        UNB+UNOB:2+SELLCO:ZZ+BUYCO:ZZ+261124:1005+501'\
        UNH+1+CONTRL:D:3:UN'\
        UCI+9001+BUYCO:ZZ+SELLCO:ZZ+7'\
        UCF+G1+BUYCO:ZZ+SELLCO:ZZ+7'\
        UCM+0001+ORDCHG:D:97A:UN+7'\
        UCM+0002+ORDCHG:D:97A:UN+7'\
        UNT+6+1'\
        UNZ+1+501'";
    assert_eq!(answer, expected);
    let answer = ack(&fixture("d01b-syntax4.edi"), true, AckKind::Messages).unwrap();
    assert!(answer.starts_with("UNA:+.?*'UNB+UNOY:4+5400002000018:14+5400001000019:14+20261124:1005+501'UNH+1+CONTRL:4:1:UN'"));
    let answer = ack(&fixture("d96a-eancom.edi"), false, AckKind::Messages).unwrap();
    assert!(answer.contains("+5400001000019:14:ROUTE1+261124:1005+501++++++1'"), "{answer}");
}

#[test]
fn one_is_due_only_when_asked_for_and_never_for_a_contrl() {
    let quiet = fixture("bom-and-spaces.edi");
    assert_eq!(ack(&quiet, false, AckKind::Messages), None);
    assert!(ack(&quiet, true, AckKind::Messages).is_some());
    assert_eq!(ack(&fixture("no-unb.edi"), true, AckKind::Messages), None);
    // Three interchanges, the last one a CONTRL: two answers, with numbers of their own.
    let answers = ack(&fixture("several-interchanges.edi"), true, AckKind::Messages).unwrap();
    assert_eq!(answers.matches("UNB+").count(), 2);
    assert!(answers.contains("+501'UNH") && answers.contains("UNZ+1+502'"));
    assert!(answers.contains("UCI+100+") && answers.contains("UCI+200+") && !answers.contains("UCI+300+"));
    assert!(acknowledge(b"no EDIFACT", &AckOptions { control: 1, now: NOW, force: true, kind: AckKind::Messages }).is_err());
    // The sender wants to know that it came, no more.
    let receipt = String::from_utf8(fixture("one-bad-among-good.edi")).unwrap().replacen("+88++++1", "+88++++2", 1);
    assert!(ack(receipt.as_bytes(), false, AckKind::Messages).unwrap().contains("+8'UNT+3+1'"));
}

#[test]
fn an_interchange_without_messages_is_rejected_as_a_whole() {
    let answer = ack(b"UNB+UNOA:3+A+B+261124:0930+9++++1'UNZ+0+9'", false, AckKind::Messages).unwrap();
    assert!(answer.contains("UCI+9+A+B+4+32'UNT+3+1'"), "{answer}");
}

fn order(name: &str) -> Message {
    opened(&fixture(name)).0.remove(0)
}

fn options() -> ResponseOptions {
    ResponseOptions { control: 601, now: NOW, number: None, association: None }
}

fn respond(message: &Message, decision: &Decision) -> String {
    let answer = order_response(message, decision, &options()).unwrap();
    let (messages, aside) = opened(&answer);
    assert!(aside.is_empty() && messages.len() == 1);
    assert_eq!(messages[0].warnings, ["messages of the type ORDRSP are not read"]);
    follows_the_segment_table(&messages[0].body.full_text);
    // ISO 8859-1, as the partner has it.
    answer.iter().copied().map(char::from).collect()
}

/// The place of each segment in the segment table of ORDRSP (D.96A): within head and within a line they never go back.
fn follows_the_segment_table(text: &str) {
    const HEAD: [&str; 7] = ["BGM", "DTM", "FTX", "RFF", "NAD", "CUX", "LIN"];
    const LINE: [&str; 7] = ["LIN", "PIA", "QTY", "DTM", "FTX", "PRI", "UNS"];
    let mut before = 0;
    let mut table = HEAD;
    for tag in text.lines().filter_map(|line| line.get(..3)) {
        if tag == "LIN" {
            table = LINE;
            before = 0;
        }
        if tag == "CNT" {
            continue;
        }
        // The date of a reference stands with it.
        let place = table.iter().position(|one| *one == tag).unwrap_or_else(|| panic!("{tag} has no place"));
        let dated = tag == "DTM" && before == 3 && table == HEAD;
        assert!(place >= before || dated, "{tag} stands too late in\n{text}");
        before = before.max(place);
    }
}

#[test]
fn accepted_as_ordered() {
    let message = order("d96a-eancom.edi");
    let answer = respond(&message, &Decision { seller_order: Some("SO-1".into()), ..Decision::default() });
    let expected = "UNA:+.? '\
        UNB+UNOC:3+5400002000018:14+5400001000019:14:ROUTE1+261124:1005+601++++++1'\
        UNH+1+ORDRSP:D:96A:UN'\
        BGM+231+SO-1+29+AP'\
        DTM+137:202611241005:203'\
        RFF+ON:PO-4711'\
        DTM+171:20261124:102'\
        RFF+VN:SO-1'\
        NAD+BY+5400001000019::9'\
        NAD+SU+5400002000018::9'\
        NAD+DP+5400001000255::9'\
        CUX+2:EUR:9'\
        LIN+1+5+5400003000017:EN'\
        PIA+1+SW-100:SA+4711-1:IN'\
        QTY+21:12:PCE'\
        PRI+AAA:2.50'\
        LIN+2+5+5400003000024:EN'\
        QTY+21:1500:PCE'\
        PRI+AAA:12.50:::100:PCE'\
        LIN+3+5+5400003000031:EN'\
        QTY+21:2.500:KGM'\
        PRI+AAA:4'\
        UNS+S'\
        CNT+2:3'\
        UNT+23+1'\
        UNZ+1+601'";
    assert_eq!(answer, expected);
}

#[test]
fn accepted_with_changes() {
    let message = order("d96a-eancom.edi");
    let reason = "Größe L ist aus; wir liefern 'XL' zum selben Preis + Rabatt. ".repeat(8);
    let line = |number: &str, outcome| LineDecision { number: number.into(), outcome, ..LineDecision::default() };
    let decision = Decision {
        outcome: Outcome::Changed,
        delivery_date: Some(date(2026, 12, 4)),
        lines: vec![
            LineDecision {
                quantity: Some("10".parse().unwrap()),
                unit_price: Some("2.40".parse().unwrap()),
                delivery_date: Some(date(2026, 12, 9)),
                reason: Some(reason.clone()),
                ..line("1", Outcome::Changed)
            },
            line("3", Outcome::Rejected),
        ],
        ..Decision::default()
    };
    let answer = respond(&message, &decision);
    assert!(answer.contains("BGM+231+PO-4711+4+AC'"), "{answer}");
    assert!(answer.contains("DTM+69:20261204:102'RFF+ON"));
    assert!(
        answer.contains(
            "LIN+1+3+5400003000017:EN'PIA+1+SW-100:SA+4711-1:IN'QTY+21:12:PCE'QTY+113:10:PCE'DTM+69:20261209:102'FTX+AAI+++Größe"
        )
    );
    assert!(answer.contains("PRI+AAA:2.40'LIN+2+5+") && answer.contains("LIN+3+7+"));
    // All of the words, in components of 70 characters at most.
    let said: Vec<&str> = answer.split("FTX+AAI+++").skip(1).map(|rest| rest.split("'PRI").next().unwrap()).collect();
    let said: Vec<&str> = said.iter().map(|text| text.strip_suffix('\'').unwrap_or(text)).collect();
    let words = said.join(":").replace("?'", "'").replace("?+", "+").replace(':', " ");
    assert_eq!(words, reason.trim());
    assert_eq!(said.len(), 2);
}

#[test]
fn rejected_and_changes_of_changes() {
    let message = order("ordchg-group.edi");
    let decision = Decision { outcome: Outcome::Rejected, reason: Some("Zu spät, schon unterwegs".into()), ..Decision::default() };
    let answer = respond(&message, &decision);
    assert!(answer.starts_with("UNA:+.? 'UNB+UNOC:3+SELLCO:ZZ+BUYCO:ZZ+"), "{answer}");
    assert!(answer.contains("UNH+1+ORDRSP:D:97A:UN'BGM+231+PO-4711+27+RE'"));
    assert!(
        answer.contains(
            "FTX+AAI+++Zu spät, schon unterwegs'RFF+ON:PO-4711'DTM+171:20261125:102'RFF+ACW:CHG-1'NAD+BY+4711::92'NAD+SU+99::91'"
        )
    );
    assert_eq!(answer.matches("LIN+").count(), answer.matches("+7").count());
    let but_one = Decision { lines: vec![LineDecision { number: "1".into(), ..LineDecision::default() }], ..decision };
    assert!(respond(&message, &but_one).contains("+4+AC'"));
}

#[test]
fn what_cannot_be_answered_says_why() {
    let message = order("d96a-eancom.edi");
    let unknown = Decision { lines: vec![LineDecision { number: "9".into(), ..LineDecision::default() }], ..Decision::default() };
    assert_eq!(order_response(&message, &unknown, &options()).unwrap_err(), "the order has no line 9");
    let twice = LineDecision { number: "1".into(), ..LineDecision::default() };
    let twice = Decision { lines: vec![twice.clone(), twice], ..Decision::default() };
    assert_eq!(order_response(&message, &twice, &options()).unwrap_err(), "line 1 is decided twice");
    let invoice = opened(&fixture("several-interchanges.edi")).0.remove(1);
    assert!(order_response(&invoice, &Decision::default(), &options()).unwrap_err().contains("no order"));
    assert!(order_response(&order("no-unb.edi"), &Decision::default(), &options()).unwrap_err().contains("to whom"));
}

#[test]
fn syntax_4_and_the_partners_letters() {
    let message = order("d01b-syntax4.edi");
    let options = ResponseOptions { number: Some("R*1".into()), association: Some("EAN009".into()), ..options() };
    let answer = String::from_utf8(order_response(&message, &Decision::default(), &options).unwrap()).unwrap();
    assert!(answer.starts_with(
        "UNA:+.?*'UNB+UNOY:4+5400002000018:14+5400001000019:14+20261124:1005+601'UNH+1+ORDRSP:D:01B:UN:EAN009'BGM+231+R?*1+29+AP'"
    ));
    assert!(answer.contains("RFF+ON:PO-4?*1'") && answer.contains("LIN+10+5+5400003000017:SRV'"));
    assert_eq!(tags(&answer).first(), Some(&"UNA"));
}

#[test]
fn no_answer_where_none_is_wanted() {
    let mut message = order("d96a-eancom.edi");
    assert!(response_wanted(&message));
    message.extra["edi"]["response"] = "NA".into();
    assert!(!response_wanted(&message));
}
