//! What was read of deliveries, and what became of it.

use std::sync::Arc;

use uuid::Uuid;

use super::{JournalState, MessageRecord};
use crate::classify::Verdict;
use crate::delivery::{Delivery, Tenant};
use crate::message::Message;
use crate::outbound::Answer;
use crate::reader::SetAside;
use crate::same::{Fingerprint, Link};
use crate::time::Timestamp;

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
    /// Its messages in order, or those of a stretch of it.
    pub messages: Vec<ReadMessage>,
    /// What could not be read between them.
    pub asides: Vec<SetAside>,
    /// Which stretch of the delivery this is.
    pub stretch: Stretch,
    /// What goes out by itself for what comes by its channel.
    pub answer: Option<Answer>,
}

/// Large deliveries are filed in stretches, a transaction each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The number of its first message within the delivery.
    pub first: u32,
    /// There are more to come: the delivery is not filed yet, and stays claimed.
    pub more: bool,
    /// The delivery was tried before, and stretches of it may be filed already.
    pub again: bool,
}

impl Stretch {
    /// Whether messages of it may be filed already.
    pub(crate) fn may_be_there(self) -> bool {
        self.again || self.first > 0
    }
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
