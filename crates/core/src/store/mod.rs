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
use crate::outbound::{NewOutbound, Outbound, OutboundCounts, OutboundEnd, OutboundFilter, OutboundKind, Prepared};
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

    /// The last message of a case that a person or a person's machine wrote, of those whose sender is known to take part.
    async fn last_message(&self, tenant: &Tenant, case: Uuid) -> Result<Option<MessageRecord>, StoreError>;

    /// The events of a case, oldest first.
    async fn case_events(&self, tenant: &Tenant, case: Uuid, limit: u32) -> Result<Vec<EventRecord>, StoreError>;

    /// One message.
    async fn message(&self, tenant: &Tenant, id: Uuid) -> Result<Option<MessageRecord>, StoreError>;

    /// Messages that a delivery gave, by part.
    async fn delivery_messages(&self, tenant: &Tenant, delivery: Uuid) -> Result<Vec<MessageRecord>, StoreError>;

    /// How many cases, messages and deliveries there are, for `loket status`.
    async fn totals(&self) -> Result<Totals, StoreError>;

    /// Deletes a case for good: its messages, their bytes, its events and orders. What tells a redelivery stays, so that the case
    /// does not come back. False when there is no such case.
    async fn delete_case(&self, tenant: &Tenant, number: CaseNumber, actor: &str) -> Result<bool, StoreError>;

    // Orders.

    /// Orders by a filter, newest first.
    async fn orders(&self, tenant: &Tenant, filter: &OrderFilter, page: &Page) -> Result<Vec<OrderRecord>, StoreError>;

    /// One order.
    async fn order(&self, tenant: &Tenant, id: Uuid) -> Result<Option<OrderRecord>, StoreError>;

    /// What each of these orders' messages says, by the message's id.
    async fn order_revisions(&self, tenant: &Tenant, order: Uuid) -> Result<Vec<OrderRecord>, StoreError>;

    /// Keeps a decision on an order, with the answer that goes to the buyer, once per revision: false when it was decided before.
    async fn decide_order(&self, decided: &DecidedOrder, actor: &str) -> Result<bool, StoreError>;

    // What goes out.

    /// Keeps something to be sent; answers its id, and whether something with this key was there already.
    async fn add_outbound(&self, new: &NewOutbound, actor: &str) -> Result<(Uuid, bool), StoreError>;

    /// Claims what is due for a sender, oldest first: counts the attempt, takes the lease, and commits both.
    async fn claim_outbound(
        &self,
        tenant: &Tenant,
        sender: &str,
        owner: Uuid,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Outbound>, StoreError>;

    /// Keeps what was made to be sent. False when the claim is not `owner`'s any more.
    async fn keep_prepared(&self, owner: Uuid, item: &Outbound, prepared: &Prepared) -> Result<bool, StoreError>;

    /// Ends a claim, with an event in the case. Nothing happens when the claim is not `owner`'s any more.
    async fn end_outbound(&self, owner: Uuid, item: &Outbound, end: &OutboundEnd) -> Result<(), StoreError>;

    /// How many of a kind were made for an address since then.
    async fn outbound_recently(&self, tenant: &Tenant, kind: OutboundKind, address: &str, since: Timestamp) -> Result<u64, StoreError>;

    /// What goes out, by a filter, newest first.
    async fn outbounds(&self, tenant: &Tenant, filter: &OutboundFilter, page: &Page) -> Result<Vec<Outbound>, StoreError>;

    /// One of them.
    async fn outbound(&self, tenant: &Tenant, id: Uuid) -> Result<Option<Outbound>, StoreError>;

    /// Sends a failed or withheld one again, attempts from zero. False when there is no such one.
    async fn retry_outbound(&self, tenant: &Tenant, id: Uuid, actor: &str) -> Result<bool, StoreError>;

    /// How many there are in each state, for all tenants.
    async fn outbound_counts(&self) -> Result<OutboundCounts, StoreError>;

    /// The mark of a case in a signed reply address, e.g. `100425-k7b2m5qx4hd3wz6a`.
    fn reply_mark(&self, tenant: &Tenant, case: CaseNumber) -> String;

    /// The next number of a counter of the tenant, from 1, never given twice.
    async fn next_number(&self, tenant: &Tenant, name: &str) -> Result<u64, StoreError>;

    /// Forgets what nobody waits for any more: identities that messages from before then answer and that never came. How many.
    async fn tidy(&self, before: Timestamp) -> Result<u64, StoreError>;

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
