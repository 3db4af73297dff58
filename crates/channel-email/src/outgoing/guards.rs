//! Whether a message is answered by itself (RFC 3834). Pure: the first reason not to decides, in words for people.
//!
//! The reader's verdict counts first. The header is looked at once more, for what only matters to whoever wants to answer.

use loket_core::message::{Automatic, Message};
use mail_parser::MessageParser;

use super::address::base;
use super::compose::LOOP_MARK;
use super::words;

/// Bytes of a mail that its header is looked for in.
const LONGEST_HEAD: usize = 256 << 10;

/// How many automatic answers may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// To one address in an hour.
    pub(super) address_hour: u64,
    /// To one address in a day.
    pub(super) address_day: u64,
    /// To all together in an hour.
    pub(super) hour: u64,
}

/// How many went out already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) address_hour: u64,
    pub(super) address_day: u64,
    pub(super) hour: u64,
}

impl Budget {
    /// Why nothing more may go out, if so.
    pub(super) fn exceeded(&self, spent: &Spent) -> Option<String> {
        if spent.address_hour >= self.address_hour {
            return Some(format!("{} automatic answers went to this address within an hour (per_address_hour)", spent.address_hour));
        }
        if spent.address_day >= self.address_day {
            return Some(format!("{} automatic answers went to this address within a day (per_address_day)", spent.address_day));
        }
        (spent.hour >= self.hour).then(|| format!("{} automatic answers went out within an hour (per_hour)", spent.hour))
    }
}

/// Addresses of ours, which are never written to automatically.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    addresses: Vec<String>,
    /// With their `@`.
    domains: Vec<String>,
    /// What stands before and behind a case's mark.
    patterns: Vec<(String, String)>,
}

impl Own {
    /// An address with all its extensions (`support+7@`), or a domain, `@example.nl`.
    pub(super) fn add(&mut self, text: &str) {
        if text.starts_with('@') {
            self.domains.push(text.trim().to_lowercase());
        } else {
            self.addresses.push(base(text));
        }
    }

    /// An address with something changing in it.
    pub(super) fn add_pattern(&mut self, pattern: &str, mark: &str) {
        let pattern = pattern.trim().to_lowercase();
        if let Some((before, behind)) = pattern.split_once(mark) {
            self.patterns.push((before.into(), behind.into()));
        }
    }

    /// Whether this address is ours.
    pub(super) fn is(&self, address: &str) -> bool {
        let (whole, base) = (address.trim().to_lowercase(), base(address));
        let by_pattern = |(before, behind): &(String, String)| {
            whole.len() > before.len() + behind.len() && whole.starts_with(before.as_str()) && whole.ends_with(behind.as_str())
        };
        self.addresses.contains(&base)
            || self.domains.iter().any(|domain| whole.ends_with(domain.as_str()))
            || self.patterns.iter().any(by_pattern)
    }
}

/// The header fields that speak against an answer, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs(Vec<(String, String)>);

impl Signs {
    /// From the bytes of a mail.
    pub(super) fn of(mail: &[u8]) -> Self {
        let head = mail.get(..mail.len().min(LONGEST_HEAD)).unwrap_or_default();
        let Some(parsed) = MessageParser::default().parse_headers(head) else { return Self::default() };
        let counts = |name: &str| {
            name.starts_with("list-")
                || matches!(name, "auto-submitted" | "precedence" | "x-precedence" | "x-auto-response-suppress" | "x-loop" | "return-path")
        };
        let fields = parsed.headers_raw().map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_ascii_lowercase()));
        Self(fields.filter(|(name, _)| counts(name)).take(100).collect())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// What is known about a message that might be answered.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) message: &'a Message,
    pub(super) signs: &'a Signs,
    /// The sender in the envelope, where it is known.
    pub(super) mail_from: Option<&'a str>,
    /// Whom the answer would go to.
    pub(super) to: &'a str,
    pub(super) own: &'a Own,
}

/// Why the message is not answered by itself; `None` when it is.
pub(super) fn withheld(facts: &Facts<'_>) -> Option<String> {
    let Facts { message, signs, mail_from, to, own } = facts;
    let kind = match message.automatic {
        Automatic::None => None,
        Automatic::Reply => Some("an automatic answer"),
        Automatic::Bounce => Some("a delivery report"),
        Automatic::Bulk => Some("from a list or a newsletter"),
        Automatic::Generated => Some("made by a machine"),
    };
    if let Some(kind) = kind {
        let because = message.extra.get("automatic_because").and_then(|because| because.as_str());
        return Some(format!("it is {kind}{}", because.map(|because| format!(" ({because})")).unwrap_or_default()));
    }
    if let Some(auto) = signs.all("auto-submitted").find(|value| first_word(value) != "no") {
        return Some(format!("it is automatic (Auto-Submitted: {})", first_word(auto)));
    }
    if let Some((name, _)) = signs.0.iter().find(|(name, _)| name.starts_with("list-")) {
        return Some(format!("it came by a list ({name})"));
    }
    let precedences = signs.all("precedence").chain(signs.all("x-precedence"));
    if let Some(precedence) =
        precedences.map(first_word).find(|word| matches!(*word, "bulk" | "list" | "junk" | "auto_reply" | "auto-reply"))
    {
        return Some(format!("it wants no answer (Precedence: {precedence})"));
    }
    let suppressed = signs.all("x-auto-response-suppress").flat_map(|value| value.split([',', ' ', ';']));
    if let Some(word) = suppressed.map(str::trim).find(|word| matches!(*word, "all" | "oof" | "autoreply")) {
        return Some(format!("it wants no automatic answer (X-Auto-Response-Suppress: {word})"));
    }
    let mut loops = signs.all("x-loop").flat_map(|value| value.split([' ', ',', ';', '<', '>', '(', ')']));
    if loops.any(|word| word == LOOP_MARK || (word.contains('@') && own.is(word))) {
        return Some("it is an automatic answer of ours, or of another Loket (X-Loop)".into());
    }
    let kept_path = message.extra.get("return_path").and_then(|path| path.as_str());
    let path = signs.all("return-path").next().or(kept_path);
    if path.is_some_and(is_null_path) || (path.is_none() && *mail_from == Some("")) {
        return Some("nothing can come back to its sender (an empty return path)".into());
    }
    if own.is(to) {
        return Some(format!("{to} is an address of ours"));
    }
    if message.from.iter().flat_map(|from| from.addresses()).any(|from| own.is(&from.value)) {
        return Some("it was sent from an address of ours".into());
    }
    if message.on_behalf_of.is_some() && message.extra.contains_key("forwarded_from") {
        return Some("somebody passed it on: its writer did not send it to us".into());
    }
    words::nobody(to).map(|account| format!("nobody reads what is sent to {account}@"))
}

fn first_word(value: &str) -> &str {
    value.split([';', ' ', '(', '\t', '\r', '\n', ',']).find(|word| !word.is_empty()).unwrap_or_default()
}

fn is_null_path(path: &str) -> bool {
    let path: String = path.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
    matches!(path.as_str(), "<>" | "" | "<mailer-daemon>" | "mailer-daemon")
}

#[cfg(test)]
mod tests {
    use loket_core::message::{Address, Party};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn own() -> Own {
        let mut own = Own::default();
        own.add("support@example.nl");
        own.add("@intern.example.nl");
        own.add_pattern("antwoord-{mark}@reply.example.nl", "{mark}");
        own
    }

    fn person(address: &str) -> Message {
        Message { from: Some(Party { address: Some(Address::mail(address)), ..Party::default() }), ..Message::default() }
    }

    fn judged(head: &str, mail_from: Option<&str>, to: &str) -> Option<String> {
        let message = person(to);
        let mail = format!("From: {to}\r\nSubject: Vraag\r\n{head}\r\nTekst\r\n");
        let signs = Signs::of(mail.as_bytes());
        withheld(&Facts { message: &message, signs: &signs, mail_from, to, own: &own() })
    }

    #[test]
    fn people_are_answered() {
        for head in [
            "",
            "Auto-Submitted: no\r\n",
            "AUTO-SUBMITTED: No (really)\r\n",
            "Precedence: normal\r\nX-Loop: procmail@elders.example\r\nReturn-Path: <jan@klant.example>\r\n",
            "X-Auto-Response-Suppress: DR, RN\r\n",
            "Listen-To: me\r\n",
        ] {
            assert_eq!(judged(head, Some("jan@klant.example"), "jan@klant.example"), None, "{head}");
        }
        // The way wrote the path down, whatever LMTP said.
        assert_eq!(judged("Return-Path: <jan@klant.example>\r\n", Some(""), "jan@klant.example"), None);
        assert_eq!(judged("", None, "reinhard.postma@klant.example"), None);
    }

    #[test]
    fn machines_are_not() {
        let table = [
            ("Auto-Submitted: auto-replied\r\n", "Auto-Submitted: auto-replied"),
            ("auto-submitted:auto-generated; owner-email=x\r\n", "Auto-Submitted: auto-generated"),
            ("List-Unsubscribe: <mailto:x@y.example>\r\n", "list-unsubscribe"),
            ("List-Id:\r\n\t<x.y.example>\r\n", "list-id"),
            ("Precedence: Bulk\r\n", "Precedence: bulk"),
            ("X-Precedence: junk\r\n", "Precedence: junk"),
            ("Precedence: auto_reply\r\n", "Precedence: auto_reply"),
            ("X-Auto-Response-Suppress: DR, OOF, AutoReply\r\n", "X-Auto-Response-Suppress: oof"),
            ("X-Auto-Response-Suppress: All\r\n", "X-Auto-Response-Suppress: all"),
            ("X-Loop: loket\r\n", "(X-Loop)"),
            ("X-Loop: elders, support+7@Example.nl\r\n", "(X-Loop)"),
            ("Return-Path: <>\r\n", "an empty return path"),
            ("Return-Path: < >\r\n", "an empty return path"),
            ("Return-Path: <MAILER-DAEMON>\r\n", "an empty return path"),
        ];
        for (head, part) in table {
            let said = judged(head, None, "jan@klant.example").unwrap_or_default();
            assert!(said.contains(part), "{head} {said}");
        }
        assert!(judged("", Some(""), "jan@klant.example").unwrap().contains("an empty return path"));
    }

    #[test]
    fn nor_are_we_nor_accounts_without_readers() {
        for to in [
            "support@example.nl",
            "Support+100425-abc@EXAMPLE.nl",
            "collega@intern.example.nl",
            "antwoord-100425-abc@reply.example.nl",
            "noreply@klant.example",
            "No-Reply+7@klant.example",
            "klant-noreply@klant.example",
            "MAILER-DAEMON@klant.example",
            "postmaster@klant.example",
            "bounces+7-x=y@lijst.example",
            "lijst-request@lijst.example",
            "owner-lijst@lijst.example",
            "lijst-bounces@lijst.example",
        ] {
            assert!(judged("", None, to).is_some(), "{to}");
        }
        // Sent by one of ours, with the answer wanted elsewhere.
        let mut message = person("support@example.nl");
        message.reply_to = Some(Party { address: Some(Address::mail("jan@klant.example")), ..Party::default() });
        let facts = Facts { message: &message, signs: &Signs::default(), mail_from: None, to: "jan@klant.example", own: &own() };
        assert!(withheld(&facts).unwrap().contains("from an address of ours"));
    }

    #[test]
    fn the_readers_verdict_counts_and_what_was_passed_on_is_left_alone() {
        let signs = Signs::default();
        for (automatic, part) in [
            (Automatic::Reply, "an automatic answer (its subject)"),
            (Automatic::Bounce, "a delivery report"),
            (Automatic::Bulk, "a list"),
            (Automatic::Generated, "a machine"),
        ] {
            let mut message = Message { automatic, ..person("jan@klant.example") };
            message.extra.insert("automatic_because".into(), json!("its subject"));
            let facts = Facts { message: &message, signs: &signs, mail_from: None, to: "jan@klant.example", own: &own() };
            assert!(withheld(&facts).unwrap().contains(part));
        }
        let mut message = person("piet@klant.example");
        message.on_behalf_of = person("jan@klant.example").from;
        message.extra.insert("forwarded_from".into(), json!({ "address": "jan@klant.example" }));
        let facts = Facts { message: &message, signs: &signs, mail_from: None, to: "jan@klant.example", own: &own() };
        assert!(withheld(&facts).unwrap().contains("passed it on"));
        message.extra.clear();
        message.extra.insert("return_path".into(), json!("<>"));
        let facts = Facts { message: &message, signs: &signs, mail_from: None, to: "jan@klant.example", own: &own() };
        assert!(withheld(&facts).unwrap().contains("return path"));
    }

    #[test]
    fn budgets_are_kept() {
        let budget = Budget { address_hour: 3, address_day: 10, hour: 1_000 };
        let spent = |address_hour, address_day, hour| budget.exceeded(&Spent { address_hour, address_day, hour });
        assert_eq!(spent(2, 9, 999), None);
        assert!(spent(3, 3, 3).unwrap().contains("per_address_hour"));
        assert!(spent(0, 10, 10).unwrap().contains("per_address_day"));
        assert!(spent(0, 0, 1_000).unwrap().contains("per_hour"));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(head in proptest::collection::vec(any::<u8>(), 0..400), to in ".{0,30}") {
            let signs = Signs::of(&head);
            let message = person(&to);
            let _ = withheld(&Facts { message: &message, signs: &signs, mail_from: Some(&to), to: &to, own: &own() });
        }

        #[test]
        fn an_automatic_mail_is_never_answered(before in "(X-[A-Z]{1,5}: [a-z ]{0,20}\r\n){0,5}", word in "(auto-replied|auto-generated|auto-notified|AUTO-REPLIED)", blank in "[ \t]{0,3}") {
            let head = format!("{before}Auto-Submitted:{blank}{word}\r\n");
            prop_assert!(judged(&head, None, "jan@klant.example").is_some());
        }
    }
}
