//! The one interface to the database. SQLite and PostgreSQL implement it from the same statements and pass the same suite.
//!
//! - `types.rs`: what goes in and comes out
//! - `sql/`: the statements and the logic around them, compiled once for each database
//! - `sqlite.rs`, `postgres.rs`: what differs, and nothing else

mod types;

mod postgres;
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::case::CaseNumber;
use crate::delivery::{Delivery, Tenant};
use crate::keys::KeyRecord;
use crate::time::Timestamp;
pub use types::*;

/// Opens the store at a URL, `sqlite:PATH` or `postgres://…`, and brings its schema up to date.
pub async fn open(url: &str, settings: &StoreSettings) -> Result<Arc<dyn Store>, StoreError> {
    if url.starts_with("sqlite:") {
        Ok(Arc::new(sqlite::Sqlite::open(url, settings).await?))
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        Ok(Arc::new(postgres::Postgres::open(url, settings).await?))
    } else {
        Err(StoreError::Permanent("the store's URL begins with neither `sqlite:` nor `postgres:`".into()))
    }
}

/// The journal, the cases and everything else that must outlive the process.
#[async_trait]
pub trait Store: Send + Sync {
    /// `sqlite` or `postgres`.
    fn kind(&self) -> &'static str;

    /// Whether it answers now.
    async fn ping(&self) -> Result<(), StoreError>;

    /// What about the database's settings breaks the promise that an accepted delivery survives a power cut, in words for ops.
    async fn weak_points(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    // The journal.

    /// Commits deliveries, positions and nothing else, all or none; durable when it returns. Answers in the order of the entries.
    async fn journal(&self, batch: &JournalBatch) -> Result<Vec<Journaled>, StoreError>;

    /// Claims pending deliveries whose time has come, oldest first: counts the attempt, takes the lease, and commits both
    /// before anything is read. Bounded by number and by payload bytes (at least one is claimed).
    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, StoreError>;

    /// Makes claims last until then, those that are still `owner`'s: a reader may take its time.
    async fn extend_claims(&self, owner: Uuid, deliveries: &[Uuid], until: Timestamp) -> Result<(), StoreError> {
        let _ = (owner, deliveries, until);
        Ok(())
    }

    /// Files a batch in one transaction, fenced: deliveries whose lease is no longer `owner`'s are left out. Answers what
    /// became of each delivery that was filed.
    async fn file(&self, owner: Uuid, batch: &[Reading], rules: &crate::same::Rules) -> Result<Vec<Filed>, StoreError>;

    /// Ends a claim without filing: quarantined, or pending again from a later time.
    async fn set_aside(&self, owner: Uuid, asides: &[Aside]) -> Result<(), StoreError>;

    /// Makes claims pending again at once: those of one owner, or all of them (only when no other instance can be alive).
    async fn release_claims(&self, owner: Option<Uuid>) -> Result<u64, StoreError>;

    /// How much is waiting.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// How many deliveries of a channel, with keys that begin so, the journal holds.
    async fn journal_count(&self, tenant: &Tenant, channel: &str, key_prefix: &str) -> Result<u64, StoreError>;

    /// The keys of a channel's deliveries that begin so, from `from` on, in byte order, at most `limit`.
    async fn journal_keys(
        &self,
        tenant: &Tenant,
        channel: &str,
        key_prefix: &str,
        from: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError>;

    /// The id and payload SHA-256 of the delivery with this key.
    async fn find_delivery(&self, tenant: &Tenant, channel: &str, key: &str) -> Result<Option<(Uuid, [u8; 32])>, StoreError>;

    /// A delivery with its bytes and its place in the journal.
    async fn delivery(&self, tenant: &Tenant, id: Uuid) -> Result<Option<(Delivery, JournalEntry)>, StoreError>;

    /// Journal entries without bytes, newest first, in one state or all.
    async fn journal_entries(&self, tenant: &Tenant, state: Option<JournalState>, page: &Page) -> Result<Vec<JournalEntry>, StoreError>;

    /// Filed and quarantined deliveries in the order of arrival, with their messages as filed, for `replay`.
    async fn replay_batch(&self, replay: &ReplayQuery) -> Result<Vec<Replayed>, StoreError>;

    /// Keeps messages of a filed delivery as they read now, with an event each. Answers how many there were.
    async fn reread(&self, delivery: &Delivery, rereads: &[Reread]) -> Result<u64, StoreError>;

    /// Moves a quarantined delivery back to pending (`retry`), or out of the way for good with its bytes kept (`discard`).
    /// False when there is no such delivery in quarantine.
    async fn resolve_quarantine(&self, tenant: &Tenant, id: Uuid, resolution: Resolution, actor: &str) -> Result<bool, StoreError>;

    // Positions and leases of channels.

    /// How far a channel had come with a source.
    async fn position(&self, tenant: &Tenant, channel: &str, source: &str) -> Result<Option<String>, StoreError>;

    /// Takes the named lease, or renews it when `owner` has it. `None` when another has it.
    async fn lease(&self, name: &str, owner: Uuid, ttl: Duration) -> Result<Option<Lease>, StoreError>;

    /// Gives a lease back.
    async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError>;

    // Cases.

    /// Cases by a filter, newest first.
    async fn cases(&self, tenant: &Tenant, filter: &CaseFilter, page: &Page) -> Result<Vec<CaseRecord>, StoreError>;

    /// One case.
    async fn case(&self, tenant: &Tenant, number: CaseNumber) -> Result<Option<CaseRecord>, StoreError>;

    /// The messages of a case, oldest first, from the one after `after` on.
    async fn case_messages(&self, tenant: &Tenant, case: Uuid, after: Option<Uuid>, limit: u32) -> Result<Vec<MessageRecord>, StoreError>;

    /// The events of a case, oldest first.
    async fn case_events(&self, tenant: &Tenant, case: Uuid, limit: u32) -> Result<Vec<EventRecord>, StoreError>;

    /// One message.
    async fn message(&self, tenant: &Tenant, id: Uuid) -> Result<Option<MessageRecord>, StoreError>;

    /// Messages that a delivery gave, by part.
    async fn delivery_messages(&self, tenant: &Tenant, delivery: Uuid) -> Result<Vec<MessageRecord>, StoreError>;

    /// How many cases, messages and deliveries there are, for `loket status`.
    async fn totals(&self) -> Result<Totals, StoreError>;

    // API keys.

    /// Keeps a new key.
    async fn add_key(&self, key: &KeyRecord) -> Result<(), StoreError>;

    /// The key with this SHA-256.
    async fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<KeyRecord>, StoreError>;

    /// Every key, newest first.
    async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError>;

    /// Revokes a key from now on. False when there is no such key.
    async fn revoke_key(&self, id: Uuid, at: Timestamp) -> Result<bool, StoreError>;
}
