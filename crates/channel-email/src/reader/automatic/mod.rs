//! Whether a machine wrote a mail: headers first (RFC 3834, RFC 3464 and what people did before them), subject and text second. When
//! nothing is sure a person wrote it: a customer taken for a machine is lost, a machine taken for a customer is only a nuisance.

mod bounce;
mod list;
mod words;

use loket_core::delivery::Delivery;
use loket_core::message::{Automatic, Party};
use serde_json::Value;

use super::address::mail_of;
use super::fields::Fields;
use super::parts::{Mail, Wrapping};
use super::phrases::lower;
use super::quotes::Prefix;

/// How much of the text is looked at.
const MAX_TEXT: usize = 1_500;

/// What is known about a mail.
pub(super) struct Evidence<'a> {
    pub(super) fields: &'a Fields<'a>,
    pub(super) mail: &'a Mail<'a>,
    /// What its upstream said about it.
    pub(super) delivery: &'a Delivery,
    /// Whom it was sent to.
    pub(super) recipients: &'a [&'a Party],
    pub(super) from: Option<&'a Party>,
    /// The subject in lower case.
    pub(super) subject: &'a str,
    /// What its beginning says.
    pub(super) prefix: Prefix,
    /// The whole text.
    pub(super) text: &'a str,
    /// What was written this time.
    pub(super) new_text: &'a str,
}

/// What was found.
#[derive(Default)]
pub(super) struct Judgement {
    pub(super) automatic: Automatic,
    /// What said so.
    pub(super) reason: Option<String>,
    /// What a delivery report says.
    pub(super) report: Option<Value>,
    /// The Message-ID of the mail that a delivery report is about.
    pub(super) about: Option<String>,
}

/// Judges a mail.
pub(super) fn judge(evidence: &Evidence<'_>) -> Judgement {
    if let Some(reason) = bounce::reason(evidence) {
        let report = bounce::read(evidence);
        return Judgement {
            automatic: Automatic::Bounce,
            reason: Some(reason.into()),
            about: report.message_id.clone(),
            report: Some(report.to_json()),
        };
    }
    let rules = [(reply as Rule, Automatic::Reply), (list::bulk, Automatic::Bulk), (generated, Automatic::Generated)];
    let found = rules.into_iter().find_map(|(rule, automatic)| Some((rule(evidence)?, automatic)));
    found.map_or_else(Judgement::default, |(reason, automatic)| Judgement { automatic, reason: Some(reason), ..Judgement::default() })
}

/// What Outlook calls automatic answers, by what is in their class.
const OUTLOOK_REPLIES: [(&str, &str); 6] = [
    (".ipnrn", "a notification of reading"),
    (".ipnnrn", "a notification of not reading"),
    ("ipm.microsoft mail.read receipt", "a notification of reading"),
    ("ipm.note.rules.ooftemplate", "a message of absence"),
    ("ipm.note.rules.externalooftemplate", "a message of absence"),
    ("ipm.note.rules.replytemplate", "a rule of a mailbox sent it"),
];

/// Why a mail is of one kind.
type Rule = fn(&Evidence<'_>) -> Option<String>;

impl Evidence<'_> {
    /// The first keyword of Auto-Submitted.
    fn auto_submitted(&self) -> Option<String> {
        let value = self.fields.word("auto-submitted")?;
        value.split([';', ' ', '(']).next().map(str::to_owned)
    }

    fn precedence(&self) -> Option<String> {
        self.fields.word("precedence").or_else(|| self.fields.word("x-precedence"))
    }

    /// The kind of report, for a multipart/report.
    fn report_type(&self) -> Option<String> {
        let media = &self.mail.parts.first()?.media;
        (media.value == "multipart/report").then(|| media.word("report-type").unwrap_or_default())
    }

    /// What Outlook takes it for, in lower case, where it came as a winmail.dat.
    fn outlook_class(&self) -> Option<&str> {
        self.mail.parts.iter().filter(|part| part.depth <= 1).find_map(|part| match &part.wrapping {
            Some(Wrapping::Tnef { class, .. }) => Some(class.as_str()),
            _ => None,
        })
    }

    /// Whether it was sent so that nothing can come back (RFC 5321 section 4.5.5).
    fn has_null_path(&self) -> bool {
        match self.fields.word("return-path") {
            Some(path) => path == "<>" || path == "<mailer-daemon>" || path == "mailer-daemon",
            // LMTP says the sender beside the mail.
            None => self.delivery.envelope_text("mail_from") == Some(""),
        }
    }

    /// The first bytes of what was written this time, in lower case.
    fn start_of_text(&self) -> String {
        start(self.new_text, MAX_TEXT)
    }
}

/// The first bytes of a text, in lower case.
fn start(text: &str, limit: usize) -> String {
    lower(text.get(..text.floor_char_boundary(limit)).unwrap_or(text))
}

/// An automatic answer: out of office, receipt, notification of reading.
fn reply(evidence: &Evidence<'_>) -> Option<String> {
    let fields = evidence.fields;
    if evidence.report_type().is_some_and(|kind| kind == "disposition-notification") {
        return Some("a notification of reading".into());
    }
    if let Some(reason) = evidence.outlook_class().and_then(|class| OUTLOOK_REPLIES.iter().find(|(mark, _)| class.contains(mark))) {
        return Some(reason.1.into());
    }
    let auto = evidence.auto_submitted();
    if let Some(auto) = auto.as_deref().filter(|auto| matches!(*auto, "auto-replied" | "auto-reply")) {
        return Some(format!("Auto-Submitted: {auto}"));
    }
    const HEADERS: &[&str] = &["x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-autoreply-from", "x-mail-autoreply"];
    if let Some(name) = HEADERS.iter().find(|name| fields.word(name).is_some_and(|value| !matches!(value.as_str(), "no" | "false" | "0"))) {
        return Some((*name).into());
    }
    if fields.word("x-autogenerated").is_some_and(|kind| kind == "reply") {
        return Some("x-autogenerated: reply".into());
    }
    if fields.word("delivered-to").is_some_and(|to| to.starts_with("autoresponder"))
        || fields.word("x-post-messageclass").is_some_and(|class| class.contains("autoresponder"))
    {
        return Some("an autoresponder sent it".into());
    }
    if evidence.precedence().is_some_and(|precedence| matches!(precedence.as_str(), "auto_reply" | "auto-reply" | "autoreply")) {
        return Some("Precedence: auto_reply".into());
    }
    if fields.word("x-ms-exchange-generated-message-source").is_some_and(|source| source.contains("mailbox rules agent")) {
        return Some("a rule of an Exchange mailbox sent it".into());
    }
    let subject = evidence.subject;
    let said_no = auto.as_deref() == Some("no");
    // Answering somebody's out-of-office message is a person's work: "RE: Automatic reply".
    let bracketed = || subject.contains(['(', '[']) && words::REPLY_ANYWHERE.iter().any(|phrase| subject.contains(phrase));
    if !said_no && (words::REPLY_SUBJECTS.begin(subject) || bracketed()) {
        return Some("its subject".into());
    }
    let answers = fields.has("in-reply-to") || evidence.prefix == Prefix::Reply;
    let wants_none = evidence.has_null_path() || fields.has("x-auto-response-suppress");
    let by_text = || words::REPLY_TEXTS.occur_in(&evidence.start_of_text());
    if !said_no && words::AWAY_SUBJECTS.begin(subject) && (fields.has("in-reply-to") || wants_none || by_text()) {
        return Some("its subject, as an answer".into());
    }
    if !said_no && (answers || wants_none) && by_text() {
        return Some("its text".into());
    }
    (evidence.has_null_path() && answers && auto.is_none()).then(|| "an answer that wants no answer".into())
}

/// Made by a machine for a customer.
fn generated(evidence: &Evidence<'_>) -> Option<String> {
    let fields = evidence.fields;
    if let Some(auto) = evidence.auto_submitted().filter(|auto| !matches!(auto.as_str(), "no" | "")) {
        return Some(format!("Auto-Submitted: {auto}"));
    }
    if evidence.auto_submitted().is_some() {
        return None;
    }
    // Some companies put this on whatever leaves the house; what a person wrote in Outlook has a thread.
    if fields.has("x-auto-response-suppress") && !fields.has("thread-index") && !fields.has("in-reply-to") {
        return Some("x-auto-response-suppress".into());
    }
    const HEADERS: &[&str] = &["x-cron-env", "x-fc-machinegenerated", "x-php-script"];
    if let Some(name) = HEADERS.iter().find(|name| fields.word(name).is_some_and(|value| value != "none" && value != "false")) {
        return Some((*name).into());
    }
    // Webmail is written in PHP too; it says which one it is.
    if fields.has("x-php-originating-script") && !fields.has("user-agent") {
        return Some("x-php-originating-script".into());
    }
    let mut local = evidence.from.and_then(mail_of).and_then(|address| address.split('@').next()).unwrap_or_default().to_owned();
    local.make_ascii_lowercase();
    let base = local.split(['+', '=']).next().unwrap_or_default();
    if words::NO_REPLY.contains(&base)
        || ["noreply", "no-reply", "donotreply"].iter().any(|word| base.starts_with(word) || base.ends_with(word))
    {
        return Some(format!("sent from {base}@"));
    }
    evidence.has_null_path().then(|| "it wants no answer".into())
}
