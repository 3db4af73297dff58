//! What goes into the store and comes out of it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::case::{CaseNumber, CaseStatus};
use crate::classify::{Class, Verdict};
use crate::delivery::{Delivery, Envelope, Tenant};
use crate::message::Message;
use crate::same::{Fingerprint, Link};
use crate::time::Timestamp;

/// How the store is opened.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// Connections for reading (SQLite has one more, for writing; PostgreSQL uses the same for both).
    pub connections: u32,
    /// How long one call may wait for a connection.
    pub connect_timeout: Duration,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { connections: 8, connect_timeout: Duration::from_secs(10) }
    }
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It may work later: not reachable, busy, disk full. Nothing was acknowledged.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A lease ran out or went to another instance while the work was done. Nothing was written.
    #[error("the lease `{0}` is no longer ours")]
    LeaseLost(String),
    /// It will not work by waiting: a newer schema, a damaged row, a mistake of ours.
    #[error("{0}")]
    Permanent(String),
}

impl StoreError {
    /// Whether trying again later makes sense.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// How far a channel has come with a source, e.g. one folder of a mailbox.
#[derive(Clone, Debug)]
pub struct Position {
    /// Whose channel.
    pub tenant: Tenant,
    /// The channel.
    pub channel: Arc<str>,
    /// The source within the channel.
    pub source: String,
    /// The position, in the channel's own words.
    pub value: String,
}

/// The right to work on something alone, until it runs out. `token` grows with each holder (a fencing token).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Who has it.
    pub owner: Uuid,
    /// The fencing token.
    pub token: i64,
}

/// What one commit of the journal holds.
#[derive(Debug, Default)]
pub struct JournalBatch {
    /// The deliveries.
    pub entries: Vec<NewEntry>,
    /// The positions that become true with them.
    pub positions: Vec<Position>,
    /// The leases that must still be held for the commit to happen.
    pub leases: Vec<Lease>,
}

/// One delivery to be journaled.
#[derive(Debug)]
pub struct NewEntry {
    /// The delivery.
    pub delivery: Delivery,
    /// SHA-256 of its payload.
    pub payload_hash: [u8; 32],
    /// Claimed from birth by this owner until then (the hot lane), so that no other worker takes it.
    pub born_claimed: Option<(Uuid, Timestamp)>,
}

/// What became of a journal entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journaled {
    /// The delivery's id in the journal: the earlier one's when it was known.
    pub id: Uuid,
    /// Whether the journal had a delivery of this key already.
    pub known: bool,
}

/// Which deliveries to claim.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// For whom.
    pub owner: Uuid,
    /// Until when.
    pub until: Timestamp,
    /// At most so many.
    pub limit: u32,
    /// At most so many payload bytes.
    pub bytes: u64,
}

/// A claimed delivery.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The delivery.
    pub delivery: Delivery,
    /// Which attempt this is, from 1.
    pub attempts: u32,
    /// SHA-256 of its payload.
    pub payload_hash: [u8; 32],
}

/// A delivery that was read and judged, ready to be filed.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The delivery, without its payload's bytes being needed any more.
    pub delivery: Uuid,
    /// Whose it is.
    pub tenant: Tenant,
    /// The channel it came by.
    pub channel: Arc<str>,
    /// When it reached us.
    pub received_at: Timestamp,
    /// SHA-256 of its payload.
    pub payload_hash: [u8; 32],
    /// Its messages in order.
    pub messages: Vec<ReadMessage>,
}

/// One message of a delivery with what was found out about it.
#[derive(Clone, Debug)]
pub struct ReadMessage {
    /// The message.
    pub message: Message,
    /// Which reader made it.
    pub reader: String,
    /// What it is, by the classifier.
    pub verdict: Verdict,
    /// What its content says it is.
    pub fingerprint: Fingerprint,
}

/// What became of a filed delivery.
#[derive(Clone, Debug)]
pub struct Filed {
    /// The delivery.
    pub delivery: Uuid,
    /// When it reached us.
    pub received_at: Timestamp,
    /// How each of its messages was linked.
    pub links: Vec<Link>,
}

/// How a claim ends without filing.
#[derive(Clone, Debug)]
pub struct Aside {
    /// The delivery.
    pub delivery: Uuid,
    /// Why.
    pub error: String,
    /// `Some`: pending again from then. `None`: quarantined.
    pub retry_at: Option<Timestamp>,
    /// Takes back the attempt that the claim counted, when the delivery was not to blame.
    pub blameless: bool,
}

/// What is waiting.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries accepted and not yet filed.
    pub pending: u64,
    /// When the oldest of them was received.
    pub oldest: Option<Timestamp>,
    /// Deliveries in quarantine.
    pub quarantined: u64,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalState {
    /// Accepted; to be read and filed.
    Pending,
    /// Its messages are filed.
    Filed,
    /// Set aside with a reason.
    Quarantined,
    /// Taken out of quarantine by somebody, for good; its bytes are kept.
    Discarded,
}

impl JournalState {
    /// As the store writes it.
    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Pending => 0,
            Self::Filed => 1,
            Self::Quarantined => 2,
            Self::Discarded => 3,
        }
    }

    pub(crate) fn from_code(code: i16) -> Option<Self> {
        [Self::Pending, Self::Filed, Self::Quarantined, Self::Discarded].into_iter().find(|state| state.code() == code)
    }
}

/// A line of the journal.
#[derive(Clone, Debug, Serialize)]
pub struct JournalEntry {
    /// The delivery's id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: Tenant,
    /// The channel it came by.
    pub channel: String,
    /// Its delivery key.
    pub key: String,
    /// When it reached us.
    pub received_at: Timestamp,
    /// What the bytes are.
    pub media_type: String,
    /// How many there are.
    pub size: u64,
    /// Where it came from.
    pub envelope: Envelope,
    /// Where it stands.
    pub state: JournalState,
    /// How often it was tried.
    pub attempts: u32,
    /// From when it may be tried again, while pending.
    pub next_attempt: Option<Timestamp>,
    /// Why it is in quarantine, or what the last attempt failed on.
    pub error: Option<String>,
}

/// What happens to a quarantined delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Pending again, attempts from zero.
    Retry,
    /// Out of the way for good.
    Discard,
}

/// Which deliveries to replay.
#[derive(Clone, Debug, Default)]
pub struct ReplayQuery {
    /// Of one channel only.
    pub channel: Option<String>,
    /// Received from then on.
    pub since: Option<Timestamp>,
    /// After this one (ids grow with the time of arrival).
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: u32,
}

/// A delivery with what was made of it.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The delivery.
    pub delivery: Delivery,
    /// Where it stands.
    pub state: JournalState,
    /// Its messages as filed, by part.
    pub messages: Vec<MessageRecord>,
}

/// A message that reads differently now.
#[derive(Clone, Debug)]
pub struct Reread {
    /// The message.
    pub message: Uuid,
    /// How it reads now.
    pub read: ReadMessage,
    /// Which fields differ, for the event.
    pub fields: Vec<String>,
}

/// A page of a list that is ordered by time and id, newest first (keyset paging).
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Only what comes after this one in the list.
    pub after: Option<(Timestamp, Uuid)>,
    /// At most so many.
    pub limit: u32,
}

impl Page {
    /// The first `limit`.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }
}

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
