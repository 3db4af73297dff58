//! What goes into the store and comes out of it.
//!
//! - `journal.rs`: deliveries, claims, leases
//! - `filing.rs`: what was read, what became of it, and reading it again
//! - `cases.rs`: cases, messages and events as stored
//! - `orders.rs`: orders as stored

mod cases;
mod filing;
mod journal;
mod orders;

use std::time::Duration;

pub use cases::*;
pub use filing::*;
pub use journal::*;
pub use orders::*;

use crate::time::Timestamp;
use uuid::Uuid;

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
