//! What the API answers, as JSON. Apart from the store's records, so that those can change without the API.
//!
//! `message`, `link` and `verdict` are the core's own JSON forms, which `loket read` and `loket classify` print too. The tests hold
//! everything against `docs/openapi.json`.

use loket_core::case::{CaseNumber, CaseStatus};
use loket_core::classify::{Class, Verdict};
use loket_core::delivery::Envelope;
use loket_core::health::{ChannelState, ChannelStatus};
use loket_core::order::{Change, Decision};
use loket_core::outbound::{OutboundKind, OutboundState};
use loket_core::same::Link;
use loket_core::store::{CaseRecord, EventRecord, JournalEntry, JournalState, MessageRecord, OrderRecord, OrderStatus};
use loket_core::time::Timestamp;
use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
pub(crate) struct Cases {
    pub cases: Vec<Case>,
    pub next: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Case {
    number: CaseNumber,
    id: Uuid,
    class: Class,
    confidence: f64,
    review: bool,
    status: CaseStatus,
    title: String,
    from: Option<String>,
    customer: Option<Uuid>,
    language: Option<String>,
    channel: String,
    opened_at: Timestamp,
    updated_at: Timestamp,
    messages_total: u32,
}

impl From<CaseRecord> for Case {
    fn from(record: CaseRecord) -> Self {
        let CaseRecord { number, id, class, confidence, review, status, title, from, customer, language, .. } = record;
        let CaseRecord { channel, opened_at, updated_at, messages: messages_total, .. } = record;
        Self {
            number,
            id,
            class,
            confidence,
            review,
            status,
            title,
            from,
            customer,
            language,
            channel,
            opened_at,
            updated_at,
            messages_total,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct CaseInFull {
    #[serde(flatten)]
    pub case: Case,
    pub messages: Vec<Message>,
    /// What `after` is to be for the messages that are not here.
    pub next: Option<Uuid>,
    pub events: Vec<Event>,
    /// Whether these are all of the events.
    pub events_complete: bool,
}

#[derive(Serialize)]
pub(crate) struct Messages {
    pub messages_total: u32,
    pub messages: Vec<Message>,
    pub next: Option<Uuid>,
}

#[derive(Serialize)]
pub(crate) struct Message {
    id: Uuid,
    case: Option<CaseNumber>,
    delivery: Uuid,
    part: u32,
    channel: String,
    customer: Option<Uuid>,
    received_at: Timestamp,
    reader: String,
    link: Link,
    verdict: Verdict,
    message: loket_core::message::Message,
}

impl From<MessageRecord> for Message {
    fn from(record: MessageRecord) -> Self {
        let MessageRecord { id, tenant: _, case, delivery, part, channel, customer, received_at, reader, link, verdict, message } = record;
        Self { id, case, delivery, part, channel, customer, received_at, reader, link, verdict, message }
    }
}

#[derive(Serialize)]
pub(crate) struct Event {
    id: Uuid,
    at: Timestamp,
    kind: String,
    actor: String,
    message: Option<Uuid>,
    data: serde_json::Value,
}

impl From<EventRecord> for Event {
    fn from(EventRecord { id, at, kind, actor, message, data }: EventRecord) -> Self {
        Self { id, at, kind, actor, message, data }
    }
}

#[derive(Serialize)]
pub(crate) struct Quarantine {
    pub deliveries: Vec<Delivery>,
    pub next: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Delivery {
    id: Uuid,
    channel: String,
    key: String,
    state: JournalState,
    error: Option<String>,
    attempts: u32,
    next_attempt: Option<Timestamp>,
    received_at: Timestamp,
    media_type: String,
    size: u64,
    envelope: Envelope,
}

impl From<JournalEntry> for Delivery {
    fn from(entry: JournalEntry) -> Self {
        let JournalEntry { id, tenant: _, channel, key, received_at, media_type, size, envelope, state, attempts, next_attempt, error } =
            entry;
        Self { id, channel, key, state, error, attempts, next_attempt, received_at, media_type, size, envelope }
    }
}

#[derive(Serialize)]
pub(crate) struct DeliveryInFull {
    #[serde(flatten)]
    pub delivery: Delivery,
    pub messages: Vec<Part>,
}

/// A message of a delivery, in short.
#[derive(Serialize)]
pub(crate) struct Part {
    id: Uuid,
    part: u32,
    case: Option<CaseNumber>,
}

impl From<MessageRecord> for Part {
    fn from(MessageRecord { id, part, case, .. }: MessageRecord) -> Self {
        Self { id, part, case }
    }
}

/// What became of a quarantined delivery.
#[derive(Serialize)]
pub(crate) struct Resolved {
    pub id: Uuid,
    pub state: JournalState,
}

#[derive(Serialize)]
pub(crate) struct Channels {
    pub channels: Vec<Channel>,
}

#[derive(Serialize)]
pub(crate) struct Channel {
    channel: String,
    state: ChannelState,
    since: Option<Timestamp>,
    last_success: Option<Timestamp>,
    last_error: Option<String>,
    last_error_at: Option<Timestamp>,
    accepted: u64,
    known: u64,
    lag: Option<u64>,
    missing: Option<u64>,
}

impl From<ChannelStatus> for Channel {
    fn from(status: ChannelStatus) -> Self {
        let ChannelStatus { channel, tenant: _, state, since, last_success, last_error, last_error_at, accepted, known, lag, missing } =
            status;
        Self { channel, state, since, last_success, last_error, last_error_at, accepted, known, lag, missing }
    }
}

#[derive(Serialize)]
pub(crate) struct Status {
    pub version: &'static str,
    pub store: &'static str,
    pub backlog: Backlog,
    pub outbound: OutboundCounts,
    pub totals: Totals,
}

#[derive(Serialize)]
pub(crate) struct OutboundCounts {
    pub waiting: u64,
    pub failed: u64,
    pub oldest: Option<Timestamp>,
}

#[derive(Serialize)]
pub(crate) struct Backlog {
    pub pending: u64,
    pub oldest: Option<Timestamp>,
    pub quarantined: u64,
}

#[derive(Serialize)]
pub(crate) struct Totals {
    pub deliveries: u64,
    pub messages: u64,
    pub cases: u64,
}

#[derive(Serialize)]
pub(crate) struct Alive {
    pub status: &'static str,
}

#[derive(Serialize)]
pub(crate) struct Ready {
    pub status: &'static str,
    pub failing: Vec<Failing>,
}

/// A channel that does not work, for those without a key: no more than which and how.
#[derive(Serialize)]
pub(crate) struct Failing {
    pub channel: String,
    pub state: ChannelState,
}

#[derive(Serialize)]
pub(crate) struct Outbounds {
    pub outbound: Vec<Outbound>,
    pub next: Option<String>,
}

/// Something that goes out.
#[derive(Serialize)]
pub(crate) struct Outbound {
    id: Uuid,
    kind: OutboundKind,
    state: OutboundState,
    sender: String,
    case: Option<CaseNumber>,
    message: Option<Uuid>,
    delivery: Option<Uuid>,
    to: Vec<String>,
    identity: Option<String>,
    attempts: u32,
    created_at: Timestamp,
    next_attempt: Option<Timestamp>,
    sent_at: Option<Timestamp>,
    said: Option<String>,
    /// What is sent, as text, where it is text; only of one by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Outbound {
    pub(crate) fn in_short(record: loket_core::outbound::Outbound) -> Self {
        Self { text: None, ..Self::in_full(record) }
    }

    pub(crate) fn in_full(record: loket_core::outbound::Outbound) -> Self {
        let loket_core::outbound::Outbound { id, kind, state, sender, case, message, delivery, prepared, .. } = record;
        let loket_core::outbound::Outbound { attempts, created_at, next_attempt, sent_at, said, .. } = record;
        let prepared = prepared.unwrap_or_default();
        let text = String::from_utf8(prepared.payload).ok().filter(|text| !text.is_empty());
        let (to, identity) = (prepared.to, prepared.identity);
        Self { id, kind, state, sender, case, message, delivery, to, identity, attempts, created_at, next_attempt, sent_at, said, text }
    }
}

#[derive(Serialize)]
pub(crate) struct Orders {
    pub orders: Vec<Order>,
    pub next: Option<String>,
}

/// One revision of an order.
#[derive(Serialize)]
pub(crate) struct Order {
    id: Uuid,
    case: Option<CaseNumber>,
    message: Uuid,
    customer: Option<Uuid>,
    revision: u32,
    status: OrderStatus,
    received_at: Timestamp,
    lines_total: usize,
    decision: Option<Decision>,
    order: loket_core::order::Order,
}

impl From<OrderRecord> for Order {
    fn from(record: OrderRecord) -> Self {
        Self::with_lines(record, usize::MAX)
    }
}

impl Order {
    /// With so many of its lines.
    pub(crate) fn with_lines(record: OrderRecord, most: usize) -> Self {
        let OrderRecord { id, tenant: _, case, message, customer, revision, status, received_at, decision, mut order } = record;
        let lines_total = order.lines.len();
        order.lines.truncate(most);
        Self { id, case, message, customer, revision, status, received_at, lines_total, decision, order }
    }
}

#[derive(Serialize)]
pub(crate) struct Revisions {
    pub revisions: Vec<Revision>,
}

/// A revision, the order as it stands with it, and what it changed.
#[derive(Serialize)]
pub(crate) struct Revision {
    #[serde(flatten)]
    pub order: Order,
    pub stands: loket_core::order::Order,
    pub changes: Vec<Change>,
}

#[derive(Serialize)]
pub(crate) struct Decided {
    #[serde(flatten)]
    pub order: Order,
    /// Whether the decision goes to the buyer in the order's own format.
    pub answered: bool,
}
