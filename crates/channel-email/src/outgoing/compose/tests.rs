use loket_core::delivery::Delivery;
use loket_core::message::{Identity, Thread};
use loket_core::reader::Reader;
use proptest::prelude::*;

use super::*;
use crate::reader::EmailReader;

const AT: Timestamp = Timestamp::from_seconds(1_795_509_000);

fn message(id: &str, references: &[&str]) -> Message {
    Message {
        identity: Some(Identity::message_id(id)),
        thread: Thread { references: references.iter().map(|&id| id.into()).collect(), ..Thread::default() },
        ..Message::default()
    }
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text).unwrap()
}

fn draft<'a>(from: &'a Mailbox, to: &'a [Mailbox], answers: &'a Message, text: &'a str) -> Draft<'a> {
    Draft {
        id: Uuid::from_u128(7),
        from,
        to,
        cc: &[],
        reply_to: None,
        subject: Subject::Answer("Levering"),
        case: Some(CaseNumber::from_counter(10_042)),
        answers: Some(answers),
        at: AT,
        automatic: true,
        text,
    }
}

fn text_of(mail: Mail) -> String {
    String::from_utf8(mail.into_bytes("")).unwrap()
}

#[test]
fn an_acknowledgement_is_a_mail_that_threads_and_that_machines_leave_alone() {
    let from = mailbox("Klantenservice <support@example.nl>");
    let to = [mailbox("Zo\u{eb} Jansen <zoe@klant.example>")];
    let answered = message("vraag-1@klant.example", &["eerste@klant.example"]);
    let mail = compose(&Draft { reply_to: Some(mailbox("support+100425-abc@example.nl")), ..draft(&from, &to, &answered, "Dank u.\n") });
    assert_eq!(mail.message_id, "00000000000000000000000000000007.loket@example.nl");
    let text = text_of(mail);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let date = head.lines().find(|line| line.starts_with("Date: ")).unwrap().to_owned();
    let rest: Vec<&str> = head.lines().filter(|line| !line.starts_with("Date: ")).collect();
    assert_eq!(
        rest,
        [
            "From: Klantenservice <support@example.nl>",
            "To: =?utf-8?b?Wm/DqyBKYW5zZW4=?= <zoe@klant.example>",
            "Reply-To: support+100425-abc@example.nl",
            "Subject: Re: Levering [#100-425]",
            "Message-ID: <00000000000000000000000000000007.loket@example.nl>",
            "In-Reply-To: <vraag-1@klant.example>",
            "References: <eerste@klant.example> <vraag-1@klant.example>",
            "Auto-Submitted: auto-replied",
            "X-Auto-Response-Suppress: All",
            "Precedence: auto_reply",
            "X-Loop: loket",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: 7bit",
        ]
    );
    assert_eq!(body, "Dank u.\r\n");
    // Only the zone differs from machine to machine.
    let read = read(text.as_bytes());
    assert_eq!(read.sent_at.unwrap().at, AT, "{date}");
    assert_eq!(read.automatic, loket_core::message::Automatic::Reply);
}

#[test]
fn what_an_agent_wrote_is_not_automatic() {
    let from = mailbox("support@example.nl");
    let to = [mailbox("jan@klant.example")];
    let answered = message("vraag-1@klant.example", &[]);
    let mail = compose(&Draft { automatic: false, subject: Subject::Own("Uw bestelling"), ..draft(&from, &to, &answered, "x") });
    let text = text_of(mail);
    for name in ["Auto-Submitted", "Precedence", "X-Auto-Response-Suppress", "X-Loop", "Cc", "Reply-To"] {
        assert!(!text.contains(&format!("\r\n{name}:")), "{text}");
    }
    assert!(text.contains("Subject: Uw bestelling [#100-425]\r\n"), "{text}");
    assert_eq!(read(text.as_bytes()).automatic, loket_core::message::Automatic::None);
}

#[test]
fn long_threads_keep_their_first_and_latest_ids() {
    let ids: Vec<String> = (0..100).map(|n| format!("m{n}@klant.example")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let long = message("laatste@klant.example", &ids);
    let found = references(&long, Some("laatste@klant.example"));
    assert_eq!((found.len(), found[0], found[1], found[19]), (20, "m0@klant.example", "m82@klant.example", "laatste@klant.example"));
    // A mailer that wrote In-Reply-To only.
    let mut short = message("b@x", &[]);
    short.thread.in_reply_to = vec!["a@x".into()];
    assert_eq!(references(&short, Some("b@x")), ["a@x", "b@x"]);
    // What has no Message-ID of its own is answered without one.
    let mut form = message("x", &[]);
    form.identity = Some(Identity { kind: "form".into(), value: "7".into() });
    let from = mailbox("support@example.nl");
    let text = text_of(compose(&draft(&from, &[mailbox("jan@klant.example")], &form, "x")));
    assert!(!text.contains("In-Reply-To") && !text.contains("References"), "{text}");
}

fn read(bytes: &[u8]) -> Message {
    let delivery = Delivery::standalone("email.test", "1", "message/rfc822", bytes.to_vec());
    EmailReader.read(&delivery).unwrap().remove(0)
}

/// The names of the header fields, as another parser sees them.
fn names(bytes: &[u8]) -> Vec<String> {
    let mail = mail_parser::MessageParser::default().parse(bytes).unwrap();
    mail.headers().iter().map(|header| header.name().to_lowercase()).collect()
}

/// Texts with what injects headers and confuses parsers among them.
fn hostile() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        Just("\r\n".to_owned()),
        Just("\n".into()),
        Just("\r".into()),
        Just("\0".into()),
        Just("\r\n\r\n".into()),
        Just("\r\nBcc: boef@kwaad.example".into()),
        Just("\nX-Evil: 1\n".into()),
        Just("=?utf-8?q?=0D=0ABcc:_x@y.example?=".into()),
        Just("=?utf-8?b?DQpCY2M6IHg=?=".into()),
        Just("<a@b>, <c@d>".into()),
        Just("\"".into()),
        Just("\\".into()),
        Just("(".into()),
        Just("\u{2028}".into()),
        Just("\u{85}".into()),
        Just("\u{202e}".into()),
        Just("From x\n.\n..\n".into()),
        Just("x".repeat(1_200)),
        "\\PC{0,12}",
        ".{0,12}",
    ];
    proptest::collection::vec(parts, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn whatever_goes_in_the_header_has_the_fields_that_were_meant(
        subject in hostile(), name in hostile(), company in hostile(), text in hostile(), id in hostile(), reference in hostile(), automatic: bool, own: bool,
    ) {
        let from = Mailbox::new(Some(&company), "support@example.nl").unwrap();
        let to = [Mailbox::new(Some(&name), "jan@klant.example").unwrap()];
        let cc = [Mailbox::new(Some(&subject), "piet@klant.example").unwrap()];
        let answered = message(&id, &[&reference, "eerste@klant.example"]);
        let mail = compose(&Draft {
            cc: &cc,
            reply_to: Some(mailbox("support+100425-abc@example.nl")),
            subject: if own { Subject::Own(&subject) } else { Subject::Answer(&subject) },
            automatic,
            ..draft(&from, &to, &answered, &text)
        });
        let bytes = mail.into_bytes("");
        let mut expected = vec!["from", "to", "cc", "reply-to", "subject", "date", "message-id"];
        if is_id(&id) {
            expected.push("in-reply-to");
        }
        expected.push("references");
        if automatic {
            expected.extend(["auto-submitted", "x-auto-response-suppress", "precedence", "x-loop"]);
        }
        expected.extend(["mime-version", "content-type", "content-transfer-encoding"]);
        prop_assert_eq!(names(&bytes), expected);
        prop_assert!(bytes.is_ascii() && !bytes.contains(&0));
        let wire = std::str::from_utf8(&bytes).unwrap();
        prop_assert!(wire.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])), "{}", wire);
        // Our own reader finds what was put in.
        let read = read(&bytes);
        let party = |party: &Option<loket_core::message::Party>| party.clone().map(|party| (party.name, party.address.map(|address| address.value)));
        prop_assert_eq!(party(&read.from).unwrap().1.unwrap(), "support@example.nl");
        prop_assert_eq!(read.to.len(), 1);
        prop_assert_eq!(read.to[0].address.as_ref().unwrap().value.as_str(), "jan@klant.example");
        prop_assert_eq!(read.cc.len(), 1);
        prop_assert!(read.subject.clone().unwrap_or_default().contains("[#100-425]"), "{:?}", read.subject);
        prop_assert!(!read.attachments.iter().any(|attachment| attachment.skipped.is_none()));
        let mut sent = super::super::address::one_line(&subject, 150);
        sent.truncate(sent.char_indices().nth(100).map_or(sent.len(), |(at, _)| at));
        if own && !sent.contains("[#") {
            prop_assert!(read.subject.unwrap_or_default().starts_with(sent.trim_end()), "{}", sent);
        }
    }

    #[test]
    fn the_text_comes_back_as_it_was(text in "[a-zA-Z\u{e9}\u{20ac}\u{1f600}=. \n]{0,400}") {
        let from = mailbox("support@example.nl");
        let answered = message("a@b.example", &[]);
        let bytes = compose(&draft(&from, &[mailbox("jan@klant.example")], &answered, &text)).into_bytes("");
        let mail = mail_parser::MessageParser::default().parse(&bytes).unwrap();
        let back = mail.body_text(0).unwrap_or_default().replace("\r\n", "\n");
        prop_assert_eq!(back.trim_end_matches('\n'), text.trim_end_matches('\n'));
    }
}
