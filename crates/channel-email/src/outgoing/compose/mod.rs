//! Builds a mail: plain values in, the bytes that go out. Pure.
//!
//! The header is written here and not by a library's builder: a subject that looks like an encoded word must come out as it was
//! written, words of a thousand characters must fold, and a text with a hundred thousand lines must not take a quadratic time.

mod body;
mod head;
mod subject;

#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;
use loket_core::case::CaseNumber;
use loket_core::message::Message;
use loket_core::time::Timestamp;
use uuid::Uuid;

use super::address::Mailbox;
use head::{Head, is_id};

/// Ids in References: the first, and the latest.
const MOST_REFERENCES: usize = 20;
/// Characters of a subject, with the case's number.
const LONGEST_SUBJECT: usize = 260;

/// What is to be sent.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    /// The id in the queue; the Message-ID is made of it, so that it is the same whenever this is made again.
    pub(super) id: Uuid,
    pub(super) from: &'a Mailbox,
    pub(super) to: &'a [Mailbox],
    pub(super) cc: &'a [Mailbox],
    /// The signed reply address.
    pub(super) reply_to: Option<Mailbox>,
    pub(super) subject: Subject<'a>,
    pub(super) case: Option<CaseNumber>,
    /// What it answers.
    pub(super) answers: Option<&'a Message>,
    pub(super) at: Timestamp,
    /// Nobody wrote it: an acknowledgement of receipt.
    pub(super) automatic: bool,
    pub(super) text: &'a str,
}

/// The subject of a mail.
#[derive(Debug)]
pub(super) enum Subject<'a> {
    /// `Re:` and this.
    Answer(&'a str),
    /// This.
    Own(&'a str),
}

/// A mail.
#[derive(Debug)]
pub(super) struct Mail {
    /// Without angle brackets.
    pub(super) message_id: String,
    /// Its header, lines ended with CRLF, without the empty line behind it.
    pub(super) head: String,
    /// Its body, lines ended with CRLF.
    pub(super) body: String,
}

impl Mail {
    /// As it goes out, with further header fields in front.
    pub(super) fn into_bytes(self, signature: &str) -> Vec<u8> {
        [signature, &self.head, "\r\n", &self.body].concat().into_bytes()
    }
}

/// What tells our automatic mails from others, for whoever meets them again.
pub(super) const LOOP_MARK: &str = "loket";

/// Builds it.
pub(super) fn compose(draft: &Draft<'_>) -> Mail {
    let message_id = format!("{}.loket@{}", draft.id.simple(), draft.from.domain());
    let subject = match draft.subject {
        Subject::Answer(subject) => subject::answer(subject, draft.case),
        Subject::Own(subject) => subject::own(subject, draft.case),
    };
    let body = body::body(draft.text);
    let mut head = Head::default();
    head.mailboxes("From", std::slice::from_ref(draft.from));
    head.mailboxes("To", draft.to);
    head.mailboxes("Cc", draft.cc);
    head.mailboxes("Reply-To", draft.reply_to.as_slice());
    head.text("Subject", &subject, LONGEST_SUBJECT);
    head.ours("Date", &date(draft.at));
    head.ids("Message-ID", [message_id.as_str()]);
    if let Some(message) = draft.answers {
        let answered = message.identity.as_ref().filter(|identity| identity.kind == "message-id").map(|identity| identity.value.as_str());
        head.ids("In-Reply-To", answered);
        head.ids("References", references(message, answered));
    }
    if draft.automatic {
        // RFC 3834 section 5.2; the others for those that do not know it. Not `Precedence: bulk`: that is for newsletters, and
        // filters take it for one.
        head.ours("Auto-Submitted", "auto-replied");
        head.ours("X-Auto-Response-Suppress", "All");
        head.ours("Precedence", "auto_reply");
        head.ours("X-Loop", LOOP_MARK);
    }
    head.ours("MIME-Version", "1.0");
    head.ours("Content-Type", "text/plain; charset=utf-8");
    head.ours("Content-Transfer-Encoding", body.encoding);
    Mail { message_id, head: head.into_text(), body: body.text }
}

/// RFC 5322 section 3.6.4: what the answered mail refers to, and itself. Of a long chain the first and the latest count.
fn references<'a>(message: &'a Message, answered: Option<&'a str>) -> Vec<&'a str> {
    let thread = &message.thread;
    let before = if thread.references.is_empty() && thread.in_reply_to.len() == 1 { &thread.in_reply_to } else { &thread.references };
    let mut references: Vec<&str> = Vec::new();
    for id in before.iter().map(String::as_str).filter(|id| is_id(id)) {
        if !references.contains(&id) && Some(id) != answered && references.len() < 1_000 {
            references.push(id);
        }
    }
    references.extend(answered);
    if references.len() > MOST_REFERENCES {
        references.drain(1..references.len() + 1 - MOST_REFERENCES);
    }
    references
}

/// A date as mail has it, in the time zone of this machine.
fn date(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or_default();
    let written = jiff::fmt::rfc2822::to_string(&time.to_zoned(TimeZone::system()));
    written.unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".into())
}
