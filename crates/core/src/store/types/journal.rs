//! Deliveries on their way, and the leases under which they are taken.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use crate::delivery::{Delivery, Envelope, Tenant};
use crate::time::Timestamp;

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
    /// Deleted with its case; its key and hashes are kept, its bytes are gone.
    Erased,
}

impl JournalState {
    /// As the store writes it.
    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Pending => 0,
            Self::Filed => 1,
            Self::Quarantined => 2,
            Self::Discarded => 3,
            Self::Erased => 4,
        }
    }

    pub(crate) fn from_code(code: i16) -> Option<Self> {
        [Self::Pending, Self::Filed, Self::Quarantined, Self::Discarded, Self::Erased].into_iter().find(|state| state.code() == code)
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
