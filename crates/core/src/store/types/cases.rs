//! Cases, messages and events, as stored.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::case::{CaseNumber, CaseStatus};
use crate::classify::{Class, Verdict};
use crate::delivery::Tenant;
use crate::message::Message;
use crate::same::Link;
use crate::time::Timestamp;

/// Which cases.
#[derive(Clone, Debug, Default)]
pub struct CaseFilter {
    /// Of this class.
    pub class: Option<Class>,
    /// In this status.
    pub status: Option<CaseStatus>,
    /// Opened by this channel.
    pub channel: Option<String>,
    /// Whose class was too unsure (`true`) or sure enough (`false`).
    pub review: Option<bool>,
    /// In this language (ISO 639-1).
    pub language: Option<String>,
    /// Of the customer with this address.
    pub customer: Option<String>,
    /// Opened from then on.
    pub since: Option<Timestamp>,
    /// Opened before then.
    pub until: Option<Timestamp>,
}

/// A case as stored.
#[derive(Clone, Debug, Serialize)]
pub struct CaseRecord {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: Tenant,
    /// Its number, as said on the phone.
    pub number: CaseNumber,
    /// The customer, where known.
    pub customer: Option<Uuid>,
    /// The customer's name or address as its first message gave it.
    pub from: Option<String>,
    /// The subject of its first message, or the beginning of its text.
    pub title: String,
    /// What it is.
    pub class: Class,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
    /// Whether a person should check the class.
    pub review: bool,
    /// Where it stands.
    pub status: CaseStatus,
    /// ISO 639-1 code of its language.
    pub language: Option<String>,
    /// The channel that opened it.
    pub channel: String,
    /// When its first message reached us.
    pub opened_at: Timestamp,
    /// When something last happened to it.
    pub updated_at: Timestamp,
    /// How many messages it holds, duplicates included.
    pub messages: u32,
}

/// A message as stored.
#[derive(Clone, Debug, Serialize)]
pub struct MessageRecord {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: Tenant,
    /// The delivery it came in.
    pub delivery: Uuid,
    /// Which message of the delivery it is, from 0.
    pub part: u32,
    /// The channel it came by.
    pub channel: String,
    /// The case it is in; automatic mail may be in none.
    pub case: Option<CaseNumber>,
    /// The customer, where known.
    pub customer: Option<Uuid>,
    /// When it reached us.
    pub received_at: Timestamp,
    /// The reader that made it.
    pub reader: String,
    /// How it came to be where it is.
    pub link: Link,
    /// What the classifier said.
    pub verdict: Verdict,
    /// The message.
    pub message: Message,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventRecord {
    /// Its id; ids grow with time.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// What: `case.opened`, `message.added`, `message.duplicate`, `case.related`, …
    pub kind: String,
    /// Who did it: `loket`, or a key's name.
    pub actor: String,
    /// The message it is about.
    pub message: Option<Uuid>,
    /// The particulars: rule, evidence, other cases.
    pub data: Value,
}

/// Totals for `loket status`.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Totals {
    /// Deliveries in the journal.
    pub deliveries: u64,
    /// Messages filed.
    pub messages: u64,
    /// Cases.
    pub cases: u64,
}
