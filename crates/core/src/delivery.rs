//! The bytes exactly as one upstream handed them over.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::time::Timestamp;

/// Where a delivery came from, in the channel's own terms (mailbox and UID, remote address, form fields' mapping): JSON.
pub type Envelope = Map<String, Value>;

/// The company that a channel, a case or a key belongs to. Lower-case letters, digits and dashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant of installations that serve one company.
    pub const DEFAULT: &'static str = "main";

    /// A tenant by its name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self::new(Self::DEFAULT)
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One delivery: the unit of acknowledgement. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id here, a UUIDv7.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: Tenant,
    /// The channel's name as in the configuration, e.g. `email.support`.
    pub channel: Arc<str>,
    /// What makes it the same delivery when it is fetched again: unique within tenant and channel, at most 400 bytes.
    pub key: String,
    /// When it reached us.
    pub received_at: Timestamp,
    /// What the bytes are, e.g. `message/rfc822`.
    pub media_type: String,
    /// Where it came from.
    pub envelope: Envelope,
    /// The bytes, untouched.
    pub payload: Bytes,
}

impl Delivery {
    /// A delivery that stands alone, for reading files and for tests: default tenant, received now.
    pub fn standalone(channel: &str, key: &str, media_type: &str, payload: impl Into<Bytes>) -> Self {
        Self {
            id: Uuid::now_v7(),
            tenant: Tenant::default(),
            channel: channel.into(),
            key: key.into(),
            received_at: Timestamp::now(),
            media_type: media_type.into(),
            envelope: Envelope::new(),
            payload: payload.into(),
        }
    }

    /// A text field of the envelope.
    pub fn envelope_text(&self, field: &str) -> Option<&str> {
        self.envelope.get(field).and_then(Value::as_str)
    }

    /// What it weighs in memory, in bytes, roughly.
    pub fn weight(&self) -> usize {
        self.payload.len() + self.key.len() + self.media_type.len() + 512
    }
}

/// The envelope field that says how many bytes the upstream had when only the first ones were taken.
pub const TRUNCATED_FROM: &str = "truncated_from";
