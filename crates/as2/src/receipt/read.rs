//! Receipts that come for what we sent.

use bytes::Bytes;
use jiff::Timestamp;

use crate::Error;
use crate::digest::Mic;
use crate::disposition::Disposition;
use crate::headers::{Headers, latin1_or_utf8};
use crate::mime::{self, Entity};
use crate::party::Partner;
use crate::receive::SignedBy;
use crate::send::Sent;
use crate::signed::{self, Signed};

/// How much of the partner's words is kept, in characters.
const LONGEST_TEXT: usize = 2_000;
/// How deep parts may nest before the report is found.
const DEEPEST: usize = 4;

/// A receipt as it was read. Its signature, where it has one, was verified; what it says of our message is [`ReceiptRead::verdict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRead {
    /// The Message-ID of the message that it is for.
    pub original_message_id: String,
    /// The receipt's own Message-ID.
    pub message_id: Option<String>,
    /// What became of the message.
    pub disposition: Disposition,
    /// What the partner says it got.
    pub mic: Option<Mic>,
    /// Who signed the receipt.
    pub signed: Option<SignedBy>,
    /// The partner's words for people.
    pub text: String,
}

/// What a receipt means for the message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Taken, and the content is what was sent.
    Confirmed,
    /// Taken, but something that was asked for is not proven: no signature, or no check value that can be compared.
    Unproven(String),
    /// The partner got something else than what was sent, or this is the receipt of another message.
    Contradicted(String),
    /// The partner did not take it.
    Refused(String),
}

impl ReceiptRead {
    /// What it means for a message that was sent.
    pub fn verdict(&self, sent: &Sent) -> Verdict {
        let bare = |id: &str| id.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
        if bare(&self.original_message_id) != bare(&sent.message_id) {
            return Verdict::Contradicted(format!("it is the receipt of {}, not of {}", self.original_message_id, sent.message_id));
        }
        if !self.disposition.is_positive() {
            return Verdict::Refused(format!("{}: {}", self.disposition, self.text));
        }
        match &self.mic {
            Some(mic) if mic.digest == sent.mic.digest && mic.value != sent.mic.value => {
                Verdict::Contradicted(format!("the partner got other content than was sent: its check value is {mic}, ours {}", sent.mic))
            }
            _ if sent.signed_receipt && self.signed.is_none() => {
                Verdict::Unproven("a signed receipt was asked for, this one is not signed".into())
            }
            None => Verdict::Unproven("it has no check value of the content".into()),
            Some(mic) if mic.digest != sent.mic.digest => {
                Verdict::Unproven(format!("its check value is in {}, {} was asked for", mic.digest, sent.mic.digest))
            }
            Some(_) => Verdict::Confirmed,
        }
    }
}

/// Whether an HTTP request is a receipt and not a message.
pub fn is_receipt(headers: &Headers, body: &Bytes) -> bool {
    let entity = Entity::of_http(headers, body);
    if entity.content_type().value == "multipart/signed" {
        return mime::parts(body, entity.content_type().get("boundary").unwrap_or_default())
            .first()
            .is_some_and(|first| is_report(&Entity::parse(first)));
    }
    is_report(&entity)
}

pub(crate) fn is_report(entity: &Entity) -> bool {
    let kind = entity.content_type();
    match kind.value.as_str() {
        "message/disposition-notification" => true,
        "multipart/report" => kind.get("report-type").is_none_or(|report| report.eq_ignore_ascii_case("disposition-notification")),
        _ => false,
    }
}

/// Reads a receipt: the body of an HTTP answer, or a post to our URL for receipts. A signature that does not verify is an error.
pub fn read_receipt(headers: &Headers, body: &Bytes, partner: &Partner, now: Timestamp) -> Result<ReceiptRead, Error> {
    let mut entity = Entity::of_http(headers, body);
    let mut signed = None;
    if let Some(found) = signed::split(&entity) {
        let verified: Result<Signed, _> = found.and_then(|parts| signed::verify(&parts, partner, now));
        let verified = verified.map_err(|fault| Error::new(format!("the receipt's signature does not hold: {}", fault.words())))?;
        entity = Entity::parse(&verified.content);
        signed = Some(verified.by);
    }
    let mut found = Found::default();
    found.look(&entity, DEEPEST);
    let Some(fields) = found.fields else {
        let start: String = latin1_or_utf8(body.get(..body.len().min(120)).unwrap_or_default()).escape_debug().collect();
        return Err(Error::new(format!(
            "this is no receipt (MDN): no message/disposition-notification in {}, which begins with \"{start}\"",
            headers.get("Content-Type").unwrap_or("an answer without a content type")
        )));
    };
    let needed = |name: &str| fields.get(name).ok_or_else(|| Error::new(format!("the receipt has no {name}")));
    Ok(ReceiptRead {
        original_message_id: needed("Original-Message-ID")?.into(),
        message_id: headers.get("Message-ID").map(str::to_owned),
        disposition: Disposition::parse(needed("Disposition")?),
        mic: fields.get("Received-Content-MIC").and_then(|mic| mic.parse().ok()),
        signed,
        text: found.text.trim().chars().take(LONGEST_TEXT).collect(),
    })
}

#[derive(Default)]
struct Found {
    fields: Option<Headers>,
    text: String,
}

impl Found {
    /// Looks for the report and for the words beside it.
    fn look(&mut self, entity: &Entity, depth: usize) {
        let kind = entity.content_type();
        match kind.value.as_str() {
            "message/disposition-notification" if self.fields.is_none() => {
                self.fields = entity.content().map(|content| mime::fields(&content));
            }
            "text/plain" if self.text.is_empty() => {
                self.text = entity
                    .content()
                    .map(|content| latin1_or_utf8(content.get(..content.len().min(4 * LONGEST_TEXT)).unwrap_or_default()))
                    .unwrap_or_default();
            }
            multipart if multipart.starts_with("multipart/") && depth > 0 => {
                for part in mime::parts(&entity.body, kind.get("boundary").unwrap_or_default()) {
                    self.look(&Entity::parse(&part), depth - 1);
                }
            }
            _ => {}
        }
    }
}
