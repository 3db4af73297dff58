//! Delivery reports: the standard ones (RFC 3464) and the many that are not, and what they say about whose mail failed.

use loket_core::message::Party;
use serde_json::{Map, Value, json};

use super::super::address::mail_of;
use super::super::content::{bytes_of, is_message};
use super::super::fields;
use super::super::notes::Notes;
use super::super::parts::{self, Mail};
use super::{Evidence, start, words};

/// How much of a report's text is looked at.
const MAX_TEXT: usize = 4_000;

/// What a delivery report says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Report {
    /// The address that could not be reached.
    address: Option<String>,
    /// The enhanced status code, e.g. `5.1.1`.
    status: Option<String>,
    /// `failed`, `delayed`, `delivered`, …
    action: Option<String>,
    /// The Message-ID of the mail that is reported on.
    pub(super) message_id: Option<String>,
}

impl Report {
    /// As the message keeps it.
    pub(super) fn to_json(&self) -> Value {
        let mut map = Map::new();
        for (name, value) in
            [("address", &self.address), ("status", &self.status), ("action", &self.action), ("message_id", &self.message_id)]
        {
            if let Some(value) = value {
                map.insert(name.into(), json!(value));
            }
        }
        if let Some(permanent) = self.is_permanent() {
            map.insert("permanent".into(), json!(permanent));
        }
        Value::Object(map)
    }

    /// Whether trying again makes no sense.
    fn is_permanent(&self) -> Option<bool> {
        match (self.action.as_deref(), self.status.as_deref().and_then(|status| status.chars().next())) {
            (Some("delayed"), _) | (_, Some('4')) => Some(false),
            (_, Some('5')) | (Some("failed"), _) => Some(true),
            _ => None,
        }
    }
}

/// Why this is a delivery report; `None` when it is none.
pub(super) fn reason(evidence: &Evidence<'_>) -> Option<&'static str> {
    let fields = evidence.fields;
    let kind = evidence.report_type();
    if kind.as_deref().is_some_and(|kind| matches!(kind, "delivery-status" | "feedback-report")) || has_status_part(evidence.mail) {
        return Some("a delivery report by its parts");
    }
    if evidence.outlook_class().is_some_and(|class| outlook_action(class).is_some()) {
        return Some("a delivery report of Outlook");
    }
    if fields.has("x-failed-recipients") {
        return Some("X-Failed-Recipients");
    }
    let account = evidence.from.map(account).unwrap_or_default();
    let is_one_of = |accounts: &[&str]| accounts.iter().any(|name| account.eq_ignore_ascii_case(name));
    if is_one_of(words::ONLY_REPORTS) {
        return Some("an account that only reports sent it");
    }
    let daemon = is_one_of(words::DAEMONS) || evidence.from.is_some_and(has_daemons_name);
    let null_path = evidence.has_null_path();
    let by_subject = words::BOUNCE_SUBJECTS.begin(evidence.subject);
    let text = || start(evidence.text, MAX_TEXT);
    match (daemon, null_path, by_subject) {
        (true, true, _) => Some("a mail system sent it, and wants no answer"),
        (true, _, true) => Some("a mail system sent it, and its subject"),
        (_, true, true) => Some("it wants no answer, and its subject"),
        (true, false, false) => {
            let text = text();
            (reports(&text) || status_in(&text).is_some()).then_some("a mail system sent it, and its text")
        }
        // A customer may write about a parcel that "could not be delivered", too: only a mail system goes into such detail.
        (false, false, true) => {
            let text = text();
            let in_detail = lists_recipients(&text) || enhanced_status(&text).is_some() || looks_returned(evidence.mail);
            (reports(&text) && in_detail).then_some("its subject and its text")
        }
        (false, _, false) => None,
    }
}

/// What became of the mail that Outlook or Exchange reports on in a winmail.dat, by the class of the report (in lower case).
fn outlook_action(class: &str) -> Option<&'static str> {
    match class.strip_prefix("report.").and_then(|of| of.rsplit_once('.')) {
        Some((_, "ndr")) => Some("failed"),
        Some((_, "dr")) => Some("delivered"),
        _ => (class == "ipm.microsoft mail.non-delivery").then_some("failed"),
    }
}

fn reports(text: &str) -> bool {
    words::BOUNCE_TEXTS.occur_in(text)
}

fn lists_recipients(text: &str) -> bool {
    ["following recipient", "following address"].iter().any(|phrase| text.contains(phrase))
}

/// The part before the `@`.
fn account(from: &Party) -> &str {
    let address = mail_of(from).unwrap_or_default();
    address.split(['@', '\\']).next().unwrap_or_default().trim_matches('"')
}

/// Whether a mail system sends under this name.
fn has_daemons_name(from: &Party) -> bool {
    let name = from.name.as_deref().unwrap_or_default().as_bytes();
    words::DAEMON_NAMES.iter().any(|daemon| name.get(..daemon.len()).is_some_and(|name| name.eq_ignore_ascii_case(daemon.as_bytes())))
}

fn has_status_part(mail: &Mail<'_>) -> bool {
    mail.parts.iter().any(|part| matches!(part.media.value.as_str(), "message/delivery-status" | "message/global-delivery-status"))
}

fn looks_returned(mail: &Mail<'_>) -> bool {
    mail.parts.iter().any(|part| is_message(part) || part.media.value == "text/rfc822-headers")
        || String::from_utf8_lossy(mail.body.get(..mail.body.len().min(64 * 1024)).unwrap_or_default())
            .to_lowercase()
            .contains("\nreceived: ")
}

/// What the report says.
pub(super) fn read(evidence: &Evidence<'_>) -> Report {
    let mut report = Report::default();
    for part in &evidence.mail.parts {
        match part.media.value.as_str() {
            "message/delivery-status" | "message/global-delivery-status" => status_part(&bytes_of(part), &mut report),
            "text/rfc822-headers" | "message/rfc822-headers" | "message/global-headers" | "message/rfc822" | "message/global"
                if report.message_id.is_none() =>
            {
                let bytes = bytes_of(part);
                let returned = parts::split(&bytes, &mut Notes::default());
                report.message_id = returned.fields().first("message-id").and_then(super::super::ids::first);
            }
            _ => {}
        }
    }
    let start: String = evidence.text.chars().take(MAX_TEXT).collect();
    if report.address.is_none() {
        report.address = evidence
            .fields
            .word("x-failed-recipients")
            .and_then(|list| list.split(',').next().map(|one| one.trim().to_owned()))
            .or_else(|| failed_address(&start));
    }
    if report.status.is_none() {
        report.status = status_in(&start.to_lowercase());
    }
    if report.message_id.is_none() {
        report.message_id = message_id_in(evidence.mail.body);
    }
    if report.action.is_none() {
        report.action = evidence.outlook_class().and_then(outlook_action).map(str::to_owned);
    }
    report
}

/// The fields of a status part: those of the mail, then for each recipient a block.
fn status_part(bytes: &[u8], report: &mut Report) {
    let mut at = 0;
    for _ in 0..20 {
        let (block, next) = fields::read(bytes, at, 100, |_| false);
        // X.400 addresses mean nothing to anybody.
        let recipient =
            ["final-recipient", "original-recipient"].iter().find_map(|name| block.word(name).filter(|value| value.contains('@')));
        if let Some(recipient) = recipient.filter(|_| report.address.is_none()) {
            let address = recipient.split_once(';').map_or(recipient.as_str(), |(_, address)| address);
            report.address = Some(address.trim().trim_matches(['<', '>']).to_owned()).filter(|address| !address.is_empty());
            report.action = block.word("action").and_then(|action| action.split_whitespace().next().map(str::to_owned));
            report.status = block.word("status").and_then(|status| status_in(&status));
        }
        if next <= at || next >= bytes.len() {
            return;
        }
        at = next;
    }
}

/// An enhanced status code of a failure (`5.1.1`), or else a plain one (`550`) as its class.
fn status_in(text: &str) -> Option<String> {
    enhanced_status(text).or_else(|| {
        let plain = numbers(text).find(|word| matches!(*word, "550" | "551" | "552" | "553" | "554" | "450" | "451" | "452"))?;
        Some(format!("{}.0.0", plain.chars().next()?))
    })
}

fn enhanced_status(text: &str) -> Option<String> {
    let is_status = |word: &&str| {
        let mut parts = word.split('.');
        let class = matches!(parts.next(), Some("4" | "5"));
        let (subject, detail) = (parts.next(), parts.next());
        let number = |part: Option<&str>| part.is_some_and(|part| (1..=3).contains(&part.len()));
        class && number(subject) && number(detail) && parts.next().is_none()
    };
    numbers(text).find(is_status).map(str::to_owned)
}

/// The words of a text that are made of digits and dots.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.')).map(|word| word.trim_matches('.'))
}

/// The address that a report's text is about: on a line of its own if there is one, as most systems write it, and never whom to ask.
fn failed_address(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let addresses = |text: &'_ str| -> Vec<String> {
        let words = text.split(|c: char| c.is_whitespace() || "<>()[]\"',;:=".contains(c)).map(|word| word.trim_matches('.'));
        let is_address = |word: &&str| {
            word.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty() && domain.contains('.') && !words::DAEMONS.contains(&local) && !words::ONLY_REPORTS.contains(&local)
            })
        };
        words.filter(is_address).map(str::to_owned).take(5).collect()
    };
    let alone = lower
        .lines()
        .map(str::trim)
        .filter(|line| line.split_whitespace().count() == 1)
        .find_map(|line| addresses(line).into_iter().next());
    alone.or_else(|| addresses(&lower).into_iter().next())
}

/// The Message-ID of a mail that was pasted under a report.
fn message_id_in(body: &[u8]) -> Option<String> {
    let start = body.get(..body.len().min(256 * 1024))?;
    super::super::lines::lines(start, 0).find_map(|line| {
        let (name, value) = line.text.trim_ascii_start().split_at_checked("message-id:".len())?;
        name.eq_ignore_ascii_case(b"message-id:").then(|| super::super::ids::first(value))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes() {
        assert_eq!(status_in("smtp; 550 5.1.1 user unknown").as_deref(), Some("5.1.1"));
        assert_eq!(status_in("host said: 550 no such user").as_deref(), Some("5.0.0"));
        assert_eq!(status_in("on 10.5.1.1 at 5.12.2026.").as_deref(), None);
        assert_eq!(status_in("order 450 for 12.50"), Some("4.0.0".into()));
        assert_eq!(status_in("nothing"), None);
    }

    #[test]
    fn a_status_part() {
        let mut report = Report::default();
        status_part(
            b"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; <Jan@Example.nl>\nAction: delayed\nStatus: 4.4.1\n",
            &mut report,
        );
        assert_eq!(report.to_json(), json!({"address": "jan@example.nl", "status": "4.4.1", "action": "delayed", "permanent": false}));
    }
}
