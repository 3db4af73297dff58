//! A store that fails when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use loket_core::case::CaseNumber;
use loket_core::delivery::{Delivery, Tenant};
use loket_core::keys::KeyRecord;
use loket_core::outbound::{NewOutbound, Outbound, OutboundCounts, OutboundEnd, OutboundFilter, OutboundKind, Prepared};
use loket_core::same::Rules;
use loket_core::store::*;
use loket_core::time::Timestamp;
use uuid::Uuid;

/// How it does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    Well,
    /// Not reachable.
    Away,
    /// Does not answer.
    Slow,
    /// Finds its rows damaged, but keys are still known.
    Broken,
}

pub(crate) const INNER: &str = "relation geheim at 10.0.0.7";

pub(crate) struct Faulty {
    inner: Arc<dyn Store>,
    mood: Arc<AtomicU8>,
}

#[derive(Clone, Default)]
pub(crate) struct Moods(Arc<AtomicU8>);

impl Moods {
    pub(crate) fn set(&self, mood: Mood) {
        self.0.store(mood as u8, Ordering::SeqCst);
    }

    pub(crate) fn wrap(&self, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Faulty { inner, mood: Arc::clone(&self.0) })
    }
}

type Result<T> = std::result::Result<T, StoreError>;

impl Faulty {
    async fn up(&self) -> Result<()> {
        match self.mood.load(Ordering::SeqCst) {
            mood if mood == Mood::Away as u8 => Err(StoreError::Unavailable(INNER.into())),
            mood if mood == Mood::Slow as u8 => std::future::pending().await,
            _ => Ok(()),
        }
    }

    async fn well(&self) -> Result<()> {
        self.up().await?;
        if self.mood.load(Ordering::SeqCst) == Mood::Broken as u8 { Err(StoreError::Permanent(INNER.into())) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for Faulty {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    async fn ping(&self) -> Result<()> {
        self.up().await?;
        self.inner.ping().await
    }
    async fn journal(&self, batch: &JournalBatch) -> Result<Vec<Journaled>> {
        self.inner.journal(batch).await
    }
    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>> {
        self.inner.claim(claim).await
    }
    async fn file(&self, owner: Uuid, batch: &[Reading], rules: &Rules) -> Result<Vec<Filed>> {
        self.inner.file(owner, batch, rules).await
    }
    async fn set_aside(&self, owner: Uuid, asides: &[Aside]) -> Result<()> {
        self.inner.set_aside(owner, asides).await
    }
    async fn release_claims(&self, owner: Option<Uuid>) -> Result<u64> {
        self.inner.release_claims(owner).await
    }
    async fn backlog(&self) -> Result<Backlog> {
        self.well().await?;
        self.inner.backlog().await
    }
    async fn journal_count(&self, tenant: &Tenant, channel: &str, key_prefix: &str) -> Result<u64> {
        self.inner.journal_count(tenant, channel, key_prefix).await
    }
    async fn journal_keys(&self, tenant: &Tenant, channel: &str, key_prefix: &str, from: &str, limit: u32) -> Result<Vec<String>> {
        self.inner.journal_keys(tenant, channel, key_prefix, from, limit).await
    }
    async fn find_delivery(&self, tenant: &Tenant, channel: &str, key: &str) -> Result<Option<(Uuid, [u8; 32])>> {
        self.inner.find_delivery(tenant, channel, key).await
    }
    async fn delivery(&self, tenant: &Tenant, id: Uuid) -> Result<Option<(Delivery, JournalEntry)>> {
        self.well().await?;
        self.inner.delivery(tenant, id).await
    }
    async fn journal_entries(&self, tenant: &Tenant, state: Option<JournalState>, page: &Page) -> Result<Vec<JournalEntry>> {
        self.well().await?;
        self.inner.journal_entries(tenant, state, page).await
    }
    async fn replay_batch(&self, replay: &ReplayQuery) -> Result<Vec<Replayed>> {
        self.inner.replay_batch(replay).await
    }
    async fn reread(&self, delivery: &Delivery, messages: &[Reread]) -> Result<u64> {
        self.inner.reread(delivery, messages).await
    }
    async fn resolve_quarantine(&self, tenant: &Tenant, id: Uuid, resolution: Resolution, actor: &str) -> Result<bool> {
        self.well().await?;
        self.inner.resolve_quarantine(tenant, id, resolution, actor).await
    }
    async fn position(&self, tenant: &Tenant, channel: &str, source: &str) -> Result<Option<String>> {
        self.inner.position(tenant, channel, source).await
    }
    async fn lease(&self, name: &str, owner: Uuid, ttl: Duration) -> Result<Option<Lease>> {
        self.inner.lease(name, owner, ttl).await
    }
    async fn release_lease(&self, lease: &Lease) -> Result<()> {
        self.inner.release_lease(lease).await
    }
    async fn cases(&self, tenant: &Tenant, filter: &CaseFilter, page: &Page) -> Result<Vec<CaseRecord>> {
        self.well().await?;
        self.inner.cases(tenant, filter, page).await
    }
    async fn case(&self, tenant: &Tenant, number: CaseNumber) -> Result<Option<CaseRecord>> {
        self.well().await?;
        self.inner.case(tenant, number).await
    }
    async fn case_messages(&self, tenant: &Tenant, case: Uuid, after: Option<Uuid>, limit: u32) -> Result<Vec<MessageRecord>> {
        self.well().await?;
        self.inner.case_messages(tenant, case, after, limit).await
    }
    async fn last_message(&self, tenant: &Tenant, case: Uuid) -> Result<Option<MessageRecord>> {
        self.well().await?;
        self.inner.last_message(tenant, case).await
    }
    async fn case_events(&self, tenant: &Tenant, case: Uuid, limit: u32) -> Result<Vec<EventRecord>> {
        self.well().await?;
        self.inner.case_events(tenant, case, limit).await
    }
    async fn message(&self, tenant: &Tenant, id: Uuid) -> Result<Option<MessageRecord>> {
        self.well().await?;
        self.inner.message(tenant, id).await
    }
    async fn delivery_messages(&self, tenant: &Tenant, delivery: Uuid) -> Result<Vec<MessageRecord>> {
        self.well().await?;
        self.inner.delivery_messages(tenant, delivery).await
    }
    async fn totals(&self) -> Result<Totals> {
        self.well().await?;
        self.inner.totals().await
    }
    async fn delete_case(&self, tenant: &Tenant, number: CaseNumber, actor: &str) -> Result<bool> {
        self.well().await?;
        self.inner.delete_case(tenant, number, actor).await
    }
    async fn orders(&self, tenant: &Tenant, filter: &OrderFilter, page: &Page) -> Result<Vec<OrderRecord>> {
        self.well().await?;
        self.inner.orders(tenant, filter, page).await
    }
    async fn order(&self, tenant: &Tenant, id: Uuid) -> Result<Option<OrderRecord>> {
        self.well().await?;
        self.inner.order(tenant, id).await
    }
    async fn order_revisions(&self, tenant: &Tenant, order: Uuid) -> Result<Vec<OrderRecord>> {
        self.well().await?;
        self.inner.order_revisions(tenant, order).await
    }
    async fn decide_order(&self, decided: &DecidedOrder, actor: &str) -> Result<bool> {
        self.well().await?;
        self.inner.decide_order(decided, actor).await
    }
    async fn add_outbound(&self, new: &NewOutbound, actor: &str) -> Result<(Uuid, bool)> {
        self.well().await?;
        self.inner.add_outbound(new, actor).await
    }
    async fn claim_outbound(&self, tenant: &Tenant, sender: &str, owner: Uuid, until: Timestamp, limit: u32) -> Result<Vec<Outbound>> {
        self.inner.claim_outbound(tenant, sender, owner, until, limit).await
    }
    async fn keep_prepared(&self, owner: Uuid, item: &Outbound, prepared: &Prepared) -> Result<bool> {
        self.inner.keep_prepared(owner, item, prepared).await
    }
    async fn end_outbound(&self, owner: Uuid, item: &Outbound, end: &OutboundEnd) -> Result<()> {
        self.inner.end_outbound(owner, item, end).await
    }
    async fn outbound_recently(&self, tenant: &Tenant, kind: OutboundKind, address: &str, since: Timestamp) -> Result<u64> {
        self.inner.outbound_recently(tenant, kind, address, since).await
    }
    async fn outbounds(&self, tenant: &Tenant, filter: &OutboundFilter, page: &Page) -> Result<Vec<Outbound>> {
        self.well().await?;
        self.inner.outbounds(tenant, filter, page).await
    }
    async fn outbound(&self, tenant: &Tenant, id: Uuid) -> Result<Option<Outbound>> {
        self.well().await?;
        self.inner.outbound(tenant, id).await
    }
    async fn retry_outbound(&self, tenant: &Tenant, id: Uuid, actor: &str) -> Result<bool> {
        self.well().await?;
        self.inner.retry_outbound(tenant, id, actor).await
    }
    async fn outbound_counts(&self) -> Result<OutboundCounts> {
        self.well().await?;
        self.inner.outbound_counts().await
    }
    fn reply_mark(&self, tenant: &Tenant, case: CaseNumber) -> String {
        self.inner.reply_mark(tenant, case)
    }
    async fn next_number(&self, tenant: &Tenant, name: &str) -> Result<u64> {
        self.inner.next_number(tenant, name).await
    }
    async fn tidy(&self, before: Timestamp) -> Result<u64> {
        self.inner.tidy(before).await
    }
    async fn add_key(&self, key: &KeyRecord) -> Result<()> {
        self.inner.add_key(key).await
    }
    async fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<KeyRecord>> {
        self.up().await?;
        self.inner.key_by_hash(hash).await
    }
    async fn keys(&self) -> Result<Vec<KeyRecord>> {
        self.inner.keys().await
    }
    async fn revoke_key(&self, id: Uuid, at: Timestamp) -> Result<bool> {
        self.inner.revoke_key(id, at).await
    }
}
