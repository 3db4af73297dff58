//! The statements and the logic around them. This folder is compiled twice, as a part of `sqlite.rs` and of `postgres.rs`:
//! `super` is the database. The text of a statement is the same on both wherever it can be.

mod bulk;
mod cases;
mod claim;
mod erase;
mod file;
mod journal;
mod keys;
mod leases;
mod marks;
mod orders;
mod outbound;
mod rows;
mod text;

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Pool, Row, SqlStr};
use uuid::Uuid;

use super::super::*;
use super::{CHUNK, DURABLE, Db, KIND, MIGRATIONS, push_in, run_migrations, transient};
use crate::case::CaseNumber;
use crate::delivery::{Delivery, Tenant};
use crate::keys::KeyRecord;
use crate::outbound::{NewOutbound, Outbound, OutboundCounts, OutboundEnd, OutboundFilter, OutboundKind, Prepared};
use crate::time::Timestamp;
use crate::vault::Vault;
pub(in crate::store) use bulk::{Rows, Value};
use text::{maybe_text, stored, text};

/// The store on this database.
pub(in crate::store) struct SqlStore {
    read: Pool<Db>,
    write: Pool<Db>,
    vault: Vault,
}

type Result<T> = std::result::Result<T, StoreError>;
type Tx = sqlx::Transaction<'static, Db>;

/// Payloads from this size on are compressed on a thread of their own.
const LARGE: usize = 1 << 20;
/// How long one call may take. PostgreSQL itself gives up a statement sooner.
const ANSWER: Duration = Duration::from_secs(90);

/// What sqlx reports, in the store's terms.
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) if database.code().is_some_and(|code| transient(&code)) => {
            StoreError::Unavailable(error.to_string())
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_)
        | sqlx::Error::BeginFailed => StoreError::Unavailable(error.to_string()),
        _ => StoreError::Permanent(error.to_string()),
    }
}

fn damaged(what: &str, id: Uuid, error: impl std::fmt::Display) -> StoreError {
    StoreError::Permanent(format!("{what} {id}: {error}"))
}

/// Brings the schema up to date, under a lock, forward only; refuses a schema that is newer than this program.
pub(super) async fn migrate(pool: &Pool<Db>) -> Result<()> {
    let migrations = (1..).zip(MIGRATIONS).map(|(version, (name, text))| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, SqlStr::from_static(text), false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    run_migrations(&migrator, pool).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => StoreError::Permanent(format!(
            "the store's schema has version {version}, which this program does not know: it was written by a newer Loket. \
             Start that one, or restore a backup"
        )),
        MigrateError::VersionMismatch(version) => StoreError::Permanent(format!(
            "migration {version} of the store differs from this program's: not a Loket store, or altered by hand"
        )),
        MigrateError::Execute(error) => store_error(error),
        MigrateError::ExecuteMigration(error, version) => match store_error(error) {
            StoreError::Permanent(why) => StoreError::Permanent(format!("migration {version} of the store's schema failed: {why}")),
            passing => passing,
        },
        other => StoreError::Permanent(format!("cannot bring the store's schema up to date: {other}")),
    })
}

impl SqlStore {
    pub(super) async fn new(read: Pool<Db>, write: Pool<Db>) -> Result<Self> {
        let key = match token_key(&write).await? {
            Some(key) => key,
            None => {
                let mut fresh = [0_u8; 32];
                getrandom::fill(&mut fresh).map_err(|error| StoreError::Permanent(format!("the system has no random numbers: {error}")))?;
                // Another instance may make one at the same moment; the first one made is everybody's.
                sqlx::query("INSERT INTO meta (name, value) VALUES ('token-key', $1) ON CONFLICT (name) DO NOTHING")
                    .bind(fresh.as_slice())
                    .execute(&write)
                    .await
                    .map_err(store_error)?;
                token_key(&write).await?.unwrap_or_default()
            }
        };
        let key = <[u8; 32]>::try_from(key).map_err(|_| StoreError::Permanent("the store's token key is damaged".into()))?;
        Ok(Self { read, write, vault: Vault::new(&key) })
    }

    fn seal_json(&self, value: &impl serde::Serialize) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(value).map_err(|error| StoreError::Permanent(format!("cannot write JSON: {error}")))?;
        Ok(self.vault.seal(&json))
    }

    /// Large ones beside the tasks of others.
    async fn seal_payload(&self, payload: &Bytes) -> Vec<u8> {
        if payload.len() > LARGE {
            let (vault, payload) = (self.vault.clone(), payload.clone());
            if let Ok(sealed) = tokio::task::spawn_blocking(move || vault.seal(&payload)).await {
                return sealed;
            }
        }
        self.vault.seal(payload)
    }

    fn open_json<T: serde::de::DeserializeOwned>(&self, what: &str, id: Uuid, sealed: &[u8]) -> Result<T> {
        let json = self.vault.open(sealed).map_err(|error| damaged(what, id, error))?;
        serde_json::from_slice(&json).map_err(|error| damaged(what, id, error))
    }
}

async fn token_key(pool: &Pool<Db>) -> Result<Option<Vec<u8>>> {
    let row = sqlx::query("SELECT value FROM meta WHERE name = 'token-key'").fetch_optional(pool).await.map_err(store_error)?;
    row.map(|row| row.try_get(0).map_err(store_error)).transpose()
}

/// Lets other tasks have their turn now and then, in loops that compute.
async fn breathe(index: usize) {
    if index % 32 == 31 {
        tokio::task::yield_now().await;
    }
}

/// Waits for the database, but not for ever: a connection that broke without a word gives no answer at all. Whether the call
/// took effect is then unknown, and it must be made again.
async fn answer<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(ANSWER, call).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::Unavailable(format!("no answer within {} seconds", ANSWER.as_secs()))),
    }
}

#[async_trait]
impl Store for SqlStore {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn ping(&self) -> Result<()> {
        answer(async { sqlx::query("SELECT 1").execute(&self.read).await.map(drop).map_err(store_error) }).await
    }

    async fn weak_points(&self) -> Result<Vec<String>> {
        let mut weak = Vec::new();
        let mut connection = self.write.acquire().await.map_err(store_error)?;
        for (question, promised) in DURABLE {
            let answer: String = sqlx::query_scalar(*question).fetch_one(&mut *connection).await.map_err(store_error)?;
            if answer != *promised {
                weak.push(format!("{answer}, but only with {promised} are accepted deliveries safe when the power fails"));
            }
        }
        Ok(weak)
    }

    async fn journal(&self, batch: &JournalBatch) -> Result<Vec<Journaled>> {
        answer(self.journal_batch(batch)).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>> {
        answer(self.claim_batch(claim)).await
    }

    async fn extend_claims(&self, owner: Uuid, deliveries: &[Uuid], until: crate::time::Timestamp) -> Result<()> {
        answer(self.prolong_claims(owner, deliveries, until)).await
    }

    async fn file(&self, owner: Uuid, batch: &[Reading], rules: &crate::same::Rules) -> Result<Vec<Filed>> {
        answer(self.file_batch(owner, batch, rules)).await
    }

    async fn set_aside(&self, owner: Uuid, asides: &[Aside]) -> Result<()> {
        answer(self.end_claims(owner, asides)).await
    }

    async fn release_claims(&self, owner: Option<Uuid>) -> Result<u64> {
        answer(self.free_claims(owner)).await
    }

    async fn backlog(&self) -> Result<Backlog> {
        answer(self.count_backlog()).await
    }

    async fn journal_count(&self, tenant: &Tenant, channel: &str, key_prefix: &str) -> Result<u64> {
        answer(self.count_keys(tenant, channel, key_prefix)).await
    }

    async fn journal_keys(&self, tenant: &Tenant, channel: &str, key_prefix: &str, from: &str, limit: u32) -> Result<Vec<String>> {
        answer(self.list_journal_keys(tenant, channel, key_prefix, from, limit)).await
    }

    async fn find_delivery(&self, tenant: &Tenant, channel: &str, key: &str) -> Result<Option<(Uuid, [u8; 32])>> {
        answer(self.find_key(tenant, channel, key)).await
    }

    async fn delivery(&self, tenant: &Tenant, id: Uuid) -> Result<Option<(Delivery, JournalEntry)>> {
        answer(self.load_delivery(tenant, id)).await
    }

    async fn journal_entries(&self, tenant: &Tenant, state: Option<JournalState>, page: &Page) -> Result<Vec<JournalEntry>> {
        answer(self.list_entries(tenant, state, page)).await
    }

    async fn replay_batch(&self, replay: &ReplayQuery) -> Result<Vec<Replayed>> {
        answer(self.load_replay(replay)).await
    }

    async fn reread(&self, delivery: &Delivery, rereads: &[Reread]) -> Result<u64> {
        answer(self.reread_messages(delivery, rereads)).await
    }

    async fn resolve_quarantine(&self, tenant: &Tenant, id: Uuid, resolution: Resolution, actor: &str) -> Result<bool> {
        answer(self.resolve(tenant, id, resolution, actor)).await
    }

    async fn position(&self, tenant: &Tenant, channel: &str, source: &str) -> Result<Option<String>> {
        answer(self.load_position(tenant, channel, source)).await
    }

    async fn lease(&self, name: &str, owner: Uuid, ttl: Duration) -> Result<Option<Lease>> {
        answer(self.take_lease(name, owner, ttl)).await
    }

    async fn release_lease(&self, lease: &Lease) -> Result<()> {
        answer(self.drop_lease(lease)).await
    }

    async fn cases(&self, tenant: &Tenant, filter: &CaseFilter, page: &Page) -> Result<Vec<CaseRecord>> {
        answer(self.list_cases(tenant, filter, page)).await
    }

    async fn case(&self, tenant: &Tenant, number: CaseNumber) -> Result<Option<CaseRecord>> {
        answer(self.load_case(tenant, number)).await
    }

    async fn case_messages(&self, tenant: &Tenant, case: Uuid, after: Option<Uuid>, limit: u32) -> Result<Vec<MessageRecord>> {
        answer(self.load_messages(tenant, rows::Messages::OfCase(case, after), limit)).await
    }

    async fn last_message(&self, tenant: &Tenant, case: Uuid) -> Result<Option<MessageRecord>> {
        let last = answer(self.load_messages(tenant, rows::Messages::LastOf(case), 20)).await?;
        Ok(last.into_iter().find(|record| record.message.automatic.opens_case() && !record.link.unverified))
    }

    async fn case_events(&self, tenant: &Tenant, case: Uuid, limit: u32) -> Result<Vec<EventRecord>> {
        answer(self.load_events(tenant, case, limit)).await
    }

    async fn message(&self, tenant: &Tenant, id: Uuid) -> Result<Option<MessageRecord>> {
        Ok(answer(self.load_messages(tenant, rows::Messages::One(id), 1)).await?.pop())
    }

    async fn delivery_messages(&self, tenant: &Tenant, delivery: Uuid) -> Result<Vec<MessageRecord>> {
        answer(self.load_messages(tenant, rows::Messages::OfDelivery(delivery), 10_000)).await
    }

    async fn totals(&self) -> Result<Totals> {
        answer(self.count_totals()).await
    }

    async fn delete_case(&self, tenant: &Tenant, number: CaseNumber, actor: &str) -> Result<bool> {
        answer(self.erase_case(tenant, number, actor)).await
    }

    async fn orders(&self, tenant: &Tenant, filter: &OrderFilter, page: &Page) -> Result<Vec<OrderRecord>> {
        answer(self.list_orders(tenant, filter, page)).await
    }

    async fn order(&self, tenant: &Tenant, id: Uuid) -> Result<Option<OrderRecord>> {
        answer(self.load_order(tenant, id)).await
    }

    async fn order_revisions(&self, tenant: &Tenant, order: Uuid) -> Result<Vec<OrderRecord>> {
        answer(self.load_revisions(tenant, order)).await
    }

    async fn decide_order(&self, decided: &DecidedOrder, actor: &str) -> Result<bool> {
        answer(self.keep_decision(decided, actor)).await
    }

    async fn add_outbound(&self, new: &NewOutbound, actor: &str) -> Result<(Uuid, bool)> {
        answer(self.insert_outbound(new, actor)).await
    }

    async fn claim_outbound(&self, tenant: &Tenant, sender: &str, owner: Uuid, until: Timestamp, limit: u32) -> Result<Vec<Outbound>> {
        answer(self.claim_waiting(tenant, sender, owner, until, limit)).await
    }

    async fn keep_prepared(&self, owner: Uuid, item: &Outbound, prepared: &Prepared) -> Result<bool> {
        answer(self.update_prepared(owner, item, prepared)).await
    }

    async fn end_outbound(&self, owner: Uuid, item: &Outbound, end: &OutboundEnd) -> Result<()> {
        answer(self.finish_outbound(owner, item, end)).await
    }

    async fn outbound_recently(&self, tenant: &Tenant, kind: OutboundKind, address: &str, since: Timestamp) -> Result<u64> {
        answer(self.count_recent(tenant, kind, address, since)).await
    }

    async fn outbounds(&self, tenant: &Tenant, filter: &OutboundFilter, page: &Page) -> Result<Vec<Outbound>> {
        answer(self.list_outbounds(tenant, filter, page)).await
    }

    async fn outbound(&self, tenant: &Tenant, id: Uuid) -> Result<Option<Outbound>> {
        answer(self.load_outbound(tenant, id)).await
    }

    async fn retry_outbound(&self, tenant: &Tenant, id: Uuid, actor: &str) -> Result<bool> {
        answer(self.wake_outbound(tenant, id, actor)).await
    }

    async fn outbound_counts(&self) -> Result<OutboundCounts> {
        answer(self.count_outbound()).await
    }

    fn reply_mark(&self, tenant: &Tenant, case: CaseNumber) -> String {
        marks::mark(&self.vault, tenant, case)
    }

    async fn next_number(&self, tenant: &Tenant, name: &str) -> Result<u64> {
        answer(self.advance_counter(tenant, name)).await
    }

    async fn tidy(&self, before: Timestamp) -> Result<u64> {
        answer(self.forget_awaited(before)).await
    }

    async fn add_key(&self, key: &KeyRecord) -> Result<()> {
        answer(self.insert_key(key)).await
    }

    async fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<KeyRecord>> {
        answer(self.find_api_key(hash)).await
    }

    async fn keys(&self) -> Result<Vec<KeyRecord>> {
        answer(self.list_keys()).await
    }

    async fn revoke_key(&self, id: Uuid, at: crate::time::Timestamp) -> Result<bool> {
        answer(self.end_key(id, at)).await
    }
}
