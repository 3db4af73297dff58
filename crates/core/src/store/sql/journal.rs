//! The journal: commits of deliveries with positions, and what is in it.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::{AssertSqlSafe, QueryBuilder, Row};
use uuid::Uuid;

use super::super::{Db, NOW, begin};
use super::claim::remaining;
use super::rows::{ENTRY_COLUMNS, EntryRow};
use super::*;
use crate::time::Timestamp;

const DELIVERY: &[&str] = &[
    "id",
    "tenant",
    "channel",
    "key",
    "received_at",
    "media_type",
    "sealed",
    "payload_hash",
    "size",
    "state",
    "attempts",
    "next_attempt",
    "lease_owner",
    "lease_until",
];
/// Bytes of payload read for one batch of a replay, about.
const REPLAY_BYTES: u64 = 16 << 20;

/// What tells deliveries apart.
fn identity(delivery: &Delivery) -> (&str, &str, &str) {
    (delivery.tenant.as_str(), &delivery.channel, &delivery.key)
}

impl SqlStore {
    pub(super) async fn journal_batch(&self, batch: &JournalBatch) -> Result<Vec<Journaled>> {
        // PostgreSQL waits for others that insert the same key; one order for all keeps them from waiting for each other.
        let mut order: Vec<&NewEntry> = batch.entries.iter().collect();
        order.sort_by_key(|entry| identity(&entry.delivery));
        // Compressing happens before the transaction: it holds no lock.
        let mut payloads = HashMap::with_capacity(order.len());
        let mut envelopes = Vec::with_capacity(order.len());
        for (index, entry) in order.iter().enumerate() {
            envelopes.push(self.seal_json(&entry.delivery.envelope)?);
            payloads.insert(entry.delivery.id, self.seal_payload(&entry.delivery.payload).await);
            breathe(index).await;
        }
        let mut tx = begin(&self.write).await?;
        leases::hold(&mut tx, &batch.leases).await?;
        let now = if order.iter().any(|entry| entry.born_claimed.is_some()) { database_time(&mut tx).await? } else { 0 };
        let mut rows = Rows::new(DELIVERY);
        for (entry, envelope) in order.iter().zip(envelopes) {
            let delivery = &entry.delivery;
            rows.push([
                delivery.id.into(),
                delivery.tenant.as_str().into(),
                (&*delivery.channel).into(),
                delivery.key.as_str().into(),
                delivery.received_at.micros().into(),
                delivery.media_type.as_str().into(),
                envelope.into(),
                entry.payload_hash.as_slice().into(),
                i64::try_from(delivery.payload.len()).unwrap_or(i64::MAX).into(),
                JournalState::Pending.code().into(),
                i32::from(entry.born_claimed.is_some()).into(),
                0_i64.into(),
                entry.born_claimed.map(|(owner, _)| owner).into(),
                entry.born_claimed.map(|(_, until)| now.saturating_add(remaining(until))).into(),
            ]);
        }
        let mut new = HashSet::with_capacity(order.len());
        for row in rows.insert(&mut tx, "delivery", "ON CONFLICT DO NOTHING RETURNING id").await? {
            new.insert(row.try_get::<Uuid, _>(0).map_err(store_error)?);
        }
        let mut rows = Rows::new(&["delivery_id", "sealed"]);
        for entry in &order {
            if let Some(payload) = payloads.remove(&entry.delivery.id).filter(|_| new.contains(&entry.delivery.id)) {
                rows.push([entry.delivery.id.into(), payload.into()]);
            }
        }
        rows.insert(&mut tx, "payload", "").await?;
        write_positions(&mut tx, &batch.positions).await?;
        let known = find_known(&mut tx, order.iter().map(|entry| &entry.delivery).filter(|delivery| !new.contains(&delivery.id))).await?;
        let (mut answers, mut told) = (Vec::with_capacity(batch.entries.len()), HashSet::new());
        for NewEntry { delivery, .. } in &batch.entries {
            if new.contains(&delivery.id) {
                // The very same value twice: new the first time, known the second.
                answers.push(Journaled { id: delivery.id, known: !told.insert(delivery.id) });
                continue;
            }
            let (tenant, channel, key) = identity(delivery);
            let earlier = known.get(&(tenant, channel, key.to_owned())).copied();
            let id = earlier.ok_or_else(|| damaged("delivery", delivery.id, "its id is another delivery's"))?;
            answers.push(Journaled { id, known: true });
        }
        tx.commit().await.map_err(store_error)?;
        Ok(answers)
    }

    pub(super) async fn count_backlog(&self) -> Result<Backlog> {
        let pending: i64 =
            sqlx::query_scalar("SELECT count(*) FROM delivery WHERE state = 0").fetch_one(&self.read).await.map_err(store_error)?;
        // Ids grow with the time of arrival.
        let oldest: Option<i64> = sqlx::query_scalar("SELECT received_at FROM delivery WHERE state = 0 ORDER BY id LIMIT 1")
            .fetch_optional(&self.read)
            .await
            .map_err(store_error)?;
        let aside: i64 =
            sqlx::query_scalar("SELECT count(*) FROM delivery WHERE state = 2").fetch_one(&self.read).await.map_err(store_error)?;
        Ok(Backlog {
            pending: u64::try_from(pending).unwrap_or_default(),
            oldest: oldest.map(Timestamp::from_micros),
            quarantined: u64::try_from(aside).unwrap_or_default(),
        })
    }

    pub(super) async fn count_totals(&self) -> Result<Totals> {
        let mut counts = [0_u64; 3];
        let statements = ["SELECT count(*) FROM delivery", "SELECT count(*) FROM message", "SELECT count(*) FROM cases"];
        for (count, sql) in counts.iter_mut().zip(statements) {
            let found: i64 = sqlx::query_scalar(sql).fetch_one(&self.read).await.map_err(store_error)?;
            *count = u64::try_from(found).unwrap_or_default();
        }
        let [deliveries, messages, cases] = counts;
        Ok(Totals { deliveries, messages, cases })
    }

    pub(super) async fn count_keys(&self, tenant: &Tenant, channel: &str, prefix: &str) -> Result<u64> {
        let mut query = keys_from("count(*)", tenant, channel, prefix, prefix);
        let count: i64 = query.build_query_scalar().fetch_one(&self.read).await.map_err(store_error)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    pub(super) async fn list_journal_keys(
        &self,
        tenant: &Tenant,
        channel: &str,
        prefix: &str,
        from: &str,
        limit: u32,
    ) -> Result<Vec<String>> {
        let mut query = keys_from("key", tenant, channel, prefix, from);
        query.push(" ORDER BY key LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&self.read).await.map_err(store_error)?;
        rows.iter().map(|row| text(row, 0)).collect()
    }

    pub(super) async fn find_key(&self, tenant: &Tenant, channel: &str, key: &str) -> Result<Option<(Uuid, [u8; 32])>> {
        let row = sqlx::query("SELECT id, payload_hash FROM delivery WHERE tenant = $1 AND channel = $2 AND key = $3")
            .bind(stored(tenant.as_str()))
            .bind(stored(channel))
            .bind(stored(key))
            .fetch_optional(&self.read)
            .await
            .map_err(store_error)?;
        row.map(|row| Ok((row.try_get(0).map_err(store_error)?, rows::bytes32(&row, 1)?))).transpose()
    }

    pub(super) async fn load_delivery(&self, tenant: &Tenant, id: Uuid) -> Result<Option<(Delivery, JournalEntry)>> {
        let sql = format!(
            "SELECT {ENTRY_COLUMNS}, p.sealed FROM delivery d LEFT JOIN payload p ON p.delivery_id = d.id WHERE d.tenant = $1 AND d.id = $2"
        );
        let row =
            sqlx::query(AssertSqlSafe(sql)).bind(stored(tenant.as_str())).bind(id).fetch_optional(&self.read).await.map_err(store_error)?;
        row.map(|row| {
            let entry = EntryRow::read(&row)?;
            Ok((entry.delivery(self, &row)?, entry.entry(self)))
        })
        .transpose()
    }

    pub(super) async fn list_entries(&self, tenant: &Tenant, state: Option<JournalState>, page: &Page) -> Result<Vec<JournalEntry>> {
        let mut query = QueryBuilder::<Db>::new(format!("SELECT {ENTRY_COLUMNS} FROM delivery d WHERE d.tenant = "));
        query.push_bind(stored(tenant.as_str()));
        if let Some(state) = state {
            // A constant, so that the partial index on quarantine is seen to fit.
            query.push(format!(" AND d.state = {}", state.code()));
        }
        if let Some((at, id)) = page.after {
            query.push(" AND (d.received_at, d.id) < (").push_bind(at.micros()).push(", ").push_bind(id).push(")");
        }
        query.push(" ORDER BY d.received_at DESC, d.id DESC LIMIT ").push_bind(i64::from(page.limit));
        let rows = query.build().fetch_all(&self.read).await.map_err(store_error)?;
        rows.iter().map(|row| Ok(EntryRow::read(row)?.entry(self))).collect()
    }

    /// Goes on until something can be replayed or nothing is left: an empty answer means the end.
    pub(super) async fn load_replay(&self, replay: &ReplayQuery) -> Result<Vec<Replayed>> {
        let mut after = replay.after;
        loop {
            let ids = self.next_for_replay(replay, after).await?;
            let Some(last) = ids.last() else { return Ok(Vec::new()) };
            after = Some(*last);
            let mut replayed = Vec::with_capacity(ids.len());
            for id in ids {
                match self.replayed(id).await {
                    Ok(one) => replayed.extend(one),
                    Err(error) if error.is_transient() => return Err(error),
                    Err(error) => tracing::error!(delivery = %id, "cannot be replayed: {error}"),
                }
            }
            if !replayed.is_empty() {
                return Ok(replayed);
            }
        }
    }

    /// The next ones' ids: as many as were asked for, or as many as are not too much to hold in memory at once.
    async fn next_for_replay(&self, replay: &ReplayQuery, after: Option<Uuid>) -> Result<Vec<Uuid>> {
        let mut query = QueryBuilder::<Db>::new("SELECT id, size FROM delivery WHERE state IN (1, 2)");
        if let Some(channel) = &replay.channel {
            query.push(" AND channel = ").push_bind(stored(channel));
        }
        if let Some(since) = replay.since {
            query.push(" AND received_at >= ").push_bind(since.micros());
        }
        if let Some(after) = after {
            query.push(" AND id > ").push_bind(after);
        }
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(replay.limit));
        let (mut ids, mut bytes) = (Vec::new(), 0_u64);
        for row in query.build().fetch_all(&self.read).await.map_err(store_error)? {
            bytes += u64::try_from(row.try_get::<i64, _>(1).map_err(store_error)?).unwrap_or_default();
            if !ids.is_empty() && bytes > REPLAY_BYTES {
                break;
            }
            ids.push(row.try_get(0).map_err(store_error)?);
        }
        Ok(ids)
    }

    async fn replayed(&self, id: Uuid) -> Result<Option<Replayed>> {
        let sql = format!("SELECT {ENTRY_COLUMNS}, p.sealed FROM delivery d LEFT JOIN payload p ON p.delivery_id = d.id WHERE d.id = $1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(&self.read).await.map_err(store_error)?;
        let Some(row) = row else { return Ok(None) };
        let entry = EntryRow::read(&row)?;
        let delivery = entry.delivery(self, &row)?;
        let messages = self.load_messages(&delivery.tenant, rows::Messages::OfDelivery(id), 10_000).await?;
        Ok(Some(Replayed { delivery, state: entry.state, messages }))
    }

    pub(super) async fn resolve(&self, tenant: &Tenant, id: Uuid, resolution: Resolution, actor: &str) -> Result<bool> {
        let (state, kind) = match resolution {
            Resolution::Retry => (JournalState::Pending, "delivery.retried"),
            Resolution::Discard => (JournalState::Discarded, "delivery.discarded"),
        };
        let mut tx = begin(&self.write).await?;
        let done =
            sqlx::query("UPDATE delivery SET state = $1, attempts = 0, next_attempt = $2 WHERE tenant = $3 AND id = $4 AND state = 2")
                .bind(state.code())
                .bind(0_i64)
                .bind(stored(tenant.as_str()))
                .bind(id)
                .execute(&mut *tx)
                .await
                .map_err(store_error)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("INSERT INTO event (id, tenant, at, kind, actor, sealed) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(Uuid::now_v7())
            .bind(stored(tenant.as_str()))
            .bind(Timestamp::now().micros())
            .bind(kind)
            .bind(stored(actor))
            .bind(self.seal_json(&serde_json::json!({ "delivery": id }))?)
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        Ok(true)
    }
}

/// The database's clock.
async fn database_time(tx: &mut Tx) -> Result<i64> {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT {NOW}"))).fetch_one(&mut **tx).await.map_err(store_error)
}

/// What is read of the deliveries whose keys begin so, from one of them on.
fn keys_from(what: &str, tenant: &Tenant, channel: &str, prefix: &str, from: &str) -> QueryBuilder<Db> {
    let prefix = stored(prefix);
    let mut query = QueryBuilder::<Db>::new(format!("SELECT {what} FROM delivery WHERE tenant = "));
    query.push_bind(stored(tenant.as_str())).push(" AND channel = ").push_bind(stored(channel));
    query.push(" AND key >= ").push_bind(stored(from).max(prefix.clone()));
    if let Some(end) = text::end_of_prefix(&prefix) {
        query.push(" AND key < ").push_bind(end);
    }
    query
}

/// Where several positions of one source are given, the last one counts.
async fn write_positions(tx: &mut Tx, positions: &[Position]) -> Result<()> {
    let last: BTreeMap<_, _> = positions
        .iter()
        .map(|position| ((position.tenant.as_str(), &*position.channel, position.source.as_str()), position.value.as_str()))
        .collect();
    let mut rows = Rows::new(&["tenant", "channel", "source", "value"]);
    for ((tenant, channel, source), value) in last {
        rows.push([tenant.into(), channel.into(), source.into(), value.into()]);
    }
    rows.insert(tx, "position", "ON CONFLICT (tenant, channel, source) DO UPDATE SET value = excluded.value").await.map(drop)
}

type Known<'a> = HashMap<(&'a str, &'a str, String), Uuid>;

/// The ids of the deliveries that were there before, by what tells them apart.
async fn find_known<'a>(tx: &mut Tx, deliveries: impl Iterator<Item = &'a Delivery>) -> Result<Known<'a>> {
    let mut wanted: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for delivery in deliveries {
        let (tenant, channel, key) = identity(delivery);
        wanted.entry((tenant, channel)).or_default().push(stored(key).into_owned());
    }
    let mut known = HashMap::new();
    for ((tenant, channel), keys) in wanted {
        for chunk in keys.chunks(CHUNK) {
            let mut query = QueryBuilder::<Db>::new("SELECT key, id FROM delivery WHERE tenant = ");
            query.push_bind(stored(tenant)).push(" AND channel = ").push_bind(stored(channel)).push(" AND key");
            push_in(&mut query, chunk);
            for row in query.build().fetch_all(&mut **tx).await.map_err(store_error)? {
                known.insert((tenant, channel, text(&row, 0)?), row.try_get(1).map_err(store_error)?);
            }
        }
    }
    Ok(known)
}
