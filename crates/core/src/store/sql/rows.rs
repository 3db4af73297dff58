//! From rows to values.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use uuid::Uuid;

use super::super::Db;
use super::*;
use crate::classify::Verdict;
use crate::delivery::Envelope;
use crate::message::Message;
use crate::time::Timestamp;

pub(super) type DbRow = <Db as sqlx::Database>::Row;

/// The columns of a journal entry; a payload, where selected, comes after them.
pub(super) const ENTRY_COLUMNS: &str = "d.id, d.tenant, d.channel, d.key, d.received_at, d.media_type, d.sealed, d.payload_hash, d.size, d.state, \
                                        d.attempts, d.next_attempt, d.error";
const PAYLOAD_COLUMN: usize = 13;

/// A journal entry as it stands in its row.
pub(super) struct EntryRow {
    pub id: Uuid,
    pub tenant: Tenant,
    pub channel: String,
    pub key: String,
    pub received_at: Timestamp,
    pub media_type: String,
    pub envelope: Vec<u8>,
    /// `None` when it is damaged.
    pub payload_hash: Option<[u8; 32]>,
    pub size: u64,
    pub state: JournalState,
    pub attempts: u32,
    pub next_attempt: Timestamp,
    pub error: Option<String>,
}

impl EntryRow {
    pub(super) fn read(row: &DbRow) -> Result<Self> {
        let id: Uuid = row.try_get(0).map_err(store_error)?;
        let state: i16 = row.try_get(9).map_err(store_error)?;
        Ok(Self {
            id,
            tenant: Tenant::new(&text(row, 1)?),
            channel: text(row, 2)?,
            key: text(row, 3)?,
            received_at: Timestamp::from_micros(row.try_get(4).map_err(store_error)?),
            media_type: text(row, 5)?,
            envelope: row.try_get(6).map_err(store_error)?,
            payload_hash: bytes32(row, 7).ok(),
            size: u64::try_from(row.try_get::<i64, _>(8).map_err(store_error)?).unwrap_or_default(),
            state: JournalState::from_code(state).ok_or_else(|| damaged("delivery", id, format!("unknown state {state}")))?,
            attempts: u32::try_from(row.try_get::<i32, _>(10).map_err(store_error)?).unwrap_or_default(),
            next_attempt: Timestamp::from_micros(row.try_get(11).map_err(store_error)?),
            error: maybe_text(row, 12)?,
        })
    }

    fn envelope(&self, store: &SqlStore) -> Result<Envelope> {
        store.open_json("the envelope of delivery", self.id, &self.envelope)
    }

    /// The delivery, with the payload that the row holds after the entry's columns.
    pub(super) fn delivery(&self, store: &SqlStore, row: &DbRow) -> Result<Delivery> {
        let sealed: Option<&[u8]> = row.try_get(PAYLOAD_COLUMN).map_err(store_error)?;
        let payload = match sealed {
            Some(sealed) => store.vault.open(sealed).map_err(|error| damaged("the payload of delivery", self.id, error))?,
            None if self.state == JournalState::Erased => Vec::new(),
            None => return Err(damaged("the payload of delivery", self.id, "it is not there")),
        };
        Ok(Delivery {
            id: self.id,
            tenant: self.tenant.clone(),
            channel: self.channel.as_str().into(),
            key: self.key.clone(),
            received_at: self.received_at,
            media_type: self.media_type.clone(),
            envelope: self.envelope(store)?,
            payload: Bytes::from(payload),
        })
    }

    /// The journal's line. A damaged envelope does not keep the line from being seen: it is empty, and the error says why.
    pub(super) fn entry(self, store: &SqlStore) -> JournalEntry {
        let (envelope, damage) = match self.envelope(store) {
            Ok(envelope) => (envelope, None),
            Err(error) => (Envelope::new(), Some(error.to_string())),
        };
        JournalEntry {
            envelope,
            id: self.id,
            tenant: self.tenant,
            channel: self.channel,
            key: self.key,
            received_at: self.received_at,
            media_type: self.media_type,
            size: self.size,
            state: self.state,
            attempts: self.attempts,
            next_attempt: Some(self.next_attempt).filter(|at| self.state == JournalState::Pending && *at > Timestamp::default()),
            error: self.error.or(damage),
        }
    }
}

/// What a message's row seals. The link is sealed beside it: it is known last, when other instances wait.
#[derive(Serialize)]
pub(super) struct SealedMessage<'a> {
    pub message: &'a Message,
    pub verdict: &'a Verdict,
}

/// The same, coming out.
#[derive(Deserialize)]
pub(super) struct OpenedMessage {
    pub message: Message,
    pub verdict: Verdict,
}

/// What a case's row seals.
#[derive(Serialize, Deserialize)]
pub(super) struct SealedCase {
    pub from: Option<String>,
    pub title: String,
}

/// Which messages to load.
pub(super) enum Messages {
    One(Uuid),
    /// Those of a case, after this one.
    OfCase(Uuid, Option<Uuid>),
    /// Those of a case, the last one first.
    LastOf(Uuid),
    OfDelivery(Uuid),
}

/// A hash of 32 bytes.
pub(super) fn bytes32(row: &DbRow, column: usize) -> Result<[u8; 32]> {
    let bytes: &[u8] = row.try_get(column).map_err(store_error)?;
    bytes.try_into().map_err(|_| StoreError::Permanent("a stored hash has not 32 bytes".into()))
}
