//! What goes out: acknowledgements of receipt, agents' replies, answers to trading partners.
//!
//! A row of the store for each, written in the transaction of what it answers. A [`Sender`] (mail, a partner's transport) makes it
//! and sends it; [`run`] claims rows for it, keeps what was made before it is sent, and records how it went:
//!
//! 1. claim: counts the attempt, takes the lease, commits;
//! 2. [`Sender::prepare`], once: the bytes and their identity (Message-ID, control number) are kept, so that every attempt sends
//!    the same;
//! 3. [`Sender::send`];
//! 4. the end: sent; tried again later with growing pauses; failed for good, for ops to see; or withheld with a reason.
//!
//! When the process dies between 3 and 4, the same bytes go out once more when the claim has run out: the other side may see
//! one message twice, with one identity. Nobody can do better (SMTP has no second phase), and nothing is lost.

mod run;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use uuid::Uuid;

use crate::case::CaseNumber;
use crate::delivery::Tenant;
use crate::order::Decision;
use crate::time::Timestamp;

pub use run::{OutboundSettings, SenderCx, run};

/// What kind of thing goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutboundKind {
    /// A customer's message opened a case: it was received, and this is its number.
    Acknowledgement,
    /// What an agent answers.
    Reply,
    /// An interchange was received (997, CONTRL, cXML Response).
    EdiAcknowledgement,
    /// An order was decided upon (855, ORDRSP, OrderResponse).
    OrderResponse,
}

impl OutboundKind {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Acknowledgement, "acknowledgement"),
        (Self::Reply, "reply"),
        (Self::EdiAcknowledgement, "edi-acknowledgement"),
        (Self::OrderResponse, "order-response"),
    ];

    /// Its name in store, API and figures.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("reply", |(_, name)| name)
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, other)| *other == name).map(|(kind, _)| *kind)
    }
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboundState {
    /// To be sent, now or at its next attempt.
    Waiting,
    /// The other side has taken it.
    Sent,
    /// Given up: somebody must look.
    Failed,
    /// Not sent, on purpose: a guard against loops spoke, or nothing was due.
    Withheld,
}

impl OutboundState {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Waiting, "waiting"), (Self::Sent, "sent"), (Self::Failed, "failed"), (Self::Withheld, "withheld")];

    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Waiting => 0,
            Self::Sent => 1,
            Self::Failed => 2,
            Self::Withheld => 3,
        }
    }

    pub(crate) fn from_code(code: i16) -> Option<Self> {
        Self::ALL.iter().map(|(state, _)| *state).find(|state| state.code() == code)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("waiting", |(_, name)| name)
    }
}

impl FromStr for OutboundState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(state, _)| *state).ok_or_else(|| format!("`{text}` is not a state; write waiting, sent, failed or withheld"))
    }
}

/// Something to be sent.
#[derive(Clone, Debug)]
pub struct NewOutbound {
    /// Whose it is.
    pub tenant: Tenant,
    /// Who sends it: a name of the configuration, `outgoing.NAME` or `edi.NAME`.
    pub sender: String,
    /// What it is.
    pub kind: OutboundKind,
    /// What makes it happen once: unique within the tenant.
    pub key: String,
    /// The case that it belongs to.
    pub case: Option<Uuid>,
    /// The message that it answers.
    pub message: Option<Uuid>,
    /// The delivery that it acknowledges.
    pub delivery: Option<Uuid>,
    /// What the sender must know beside these: a reply's text, a decision.
    pub content: Value,
}

/// Something to be sent, as stored.
#[derive(Clone, Debug, Serialize)]
pub struct Outbound {
    /// Its id, a UUIDv7.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: Tenant,
    /// Who sends it.
    pub sender: String,
    /// What it is.
    pub kind: OutboundKind,
    /// The case that it belongs to.
    pub case: Option<CaseNumber>,
    /// The message that it answers.
    pub message: Option<Uuid>,
    /// The delivery that it acknowledges.
    pub delivery: Option<Uuid>,
    /// What the sender must know beside these.
    pub content: Value,
    /// What is sent, once it is made.
    pub prepared: Option<Prepared>,
    /// Where it stands.
    pub state: OutboundState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it is tried next, while it waits.
    pub next_attempt: Option<Timestamp>,
    /// When the other side took it.
    pub sent_at: Option<Timestamp>,
    /// What the last attempt failed on, why it is withheld, or what the other side said when it took it.
    pub said: Option<String>,
}

/// What is sent: made once, kept, the same at every attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// What the other side will know it by: a Message-ID without angle brackets, an interchange's identity.
    pub identity: Option<String>,
    /// To whom: mail addresses, or a partner's id. The first one is counted by the guards.
    pub to: Vec<String>,
    /// The bytes, as text where they are UTF-8.
    #[serde(with = "bytes_as_text")]
    pub payload: Vec<u8>,
    /// What the transport needs beside the bytes: content type, file name, envelope sender.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub envelope: Value,
}

/// JSON has no bytes: UTF-8 stands as it is, everything else as base64 behind a mark.
mod bytes_as_text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => to.collect_str(&format_args!("t{text}")),
            Err(_) => {
                let mut hex = String::with_capacity(bytes.len() * 2 + 1);
                hex.push('x');
                bytes
                    .iter()
                    .for_each(|byte| hex.extend([byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or('0'))));
                to.serialize_str(&hex)
            }
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        if let Some(text) = text.strip_prefix('t') {
            return Ok(text.as_bytes().to_vec());
        }
        let wrong = || serde::de::Error::custom("not bytes");
        let hex = text.strip_prefix('x').ok_or_else(wrong)?.as_bytes();
        let half = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        hex.chunks(2)
            .map(|pair| match pair {
                [high, low] => Some(half(*high)? << 4 | half(*low)?),
                _ => None,
            })
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(wrong)
    }
}

/// The content of a [`OutboundKind::Reply`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// What the agent wrote.
    pub text: String,
    /// The subject, where it is not to be that of the message answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// To whom, where not to the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Who gets a copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
}

/// The content of an [`OutboundKind::OrderResponse`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OrderAnswer {
    /// What was decided.
    pub decision: Decision,
}

/// Why something was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undone {
    /// It may work later: the server is away, busy, or says so (SMTP 4yz).
    #[error("{0}")]
    Later(String),
    /// It will not: the address does not exist, a template is broken. Goes to the dead end that ops see.
    #[error("{0}")]
    Never(String),
    /// It must not be sent: a guard says why.
    #[error("{0}")]
    Withhold(String),
}

/// Makes and sends what goes out by one way.
#[async_trait]
pub trait Sender: Send + Sync {
    /// Makes what is to be sent. Called until it works once; what it returns is kept and sent at every attempt.
    async fn prepare(&self, item: &Outbound, cx: &SenderCx) -> Result<Prepared, Undone>;

    /// Hands it to the other side. `Ok` (with what the other side said) only when that has taken it.
    async fn send(&self, item: &Outbound, prepared: &Prepared) -> Result<String, Undone>;
}

/// How a claimed one ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboundEnd {
    /// The other side took it, and said this.
    Sent(String),
    /// Again from then on, for this reason.
    Retry(Timestamp, String),
    /// Given up, for this reason.
    Failed(String),
    /// Not to be sent, for this reason.
    Withheld(String),
}

/// Which ones.
#[derive(Clone, Debug, Default)]
pub struct OutboundFilter {
    /// In this state.
    pub state: Option<OutboundState>,
    /// Of this case.
    pub case: Option<CaseNumber>,
    /// Of this sender.
    pub sender: Option<String>,
}

/// How many there are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutboundCounts {
    /// Waiting.
    pub waiting: u64,
    /// Given up.
    pub failed: u64,
    /// When the oldest that waits was asked for.
    pub oldest: Option<Timestamp>,
}

/// How a channel's messages are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who sends: `outgoing.NAME` or `edi.NAME`.
    pub sender: String,
    /// What is sent by itself.
    pub by_itself: ByItself,
    /// Whether decisions on orders are sent to the buyer in the order's own format.
    pub order_responses: bool,
}

/// What a channel's messages are answered with by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByItself {
    /// Nothing.
    Nothing,
    /// An acknowledgement of receipt for each message of a person that opens a case.
    Acknowledgement,
    /// An acknowledgement for each interchange.
    EdiAcknowledgement,
}

/// How the messages of each channel are answered, by the names of the channels, and the bell that rings when there is something to
/// send. Clones are one; a reload exchanges the answers.
#[derive(Clone, Debug, Default)]
pub struct Answering(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    answers: RwLock<HashMap<String, Answer>>,
    bell: Arc<Notify>,
}

impl Answering {
    /// Exchanges the answers.
    pub fn set(&self, answers: HashMap<String, Answer>) {
        *self.0.answers.write().unwrap_or_else(PoisonError::into_inner) = answers;
    }

    /// How this channel's messages are answered, if they are.
    pub fn of(&self, channel: &str) -> Option<Answer> {
        self.0.answers.read().unwrap_or_else(PoisonError::into_inner).get(channel).cloned()
    }

    /// There is something new to send.
    pub fn ring(&self) {
        self.0.bell.notify_waiters();
    }

    /// Resolves at the next ring after this call.
    pub(crate) fn woken(&self) -> OwnedNotified {
        Arc::clone(&self.0.bell).notified_owned()
    }
}
