//! What goes out: kept, claimed, prepared, ended. Claims last as long as the database's clock says.

use serde_json::json;
use sqlx::{AssertSqlSafe, QueryBuilder, Row};
use uuid::Uuid;

use super::super::{Db, FOR_UPDATE_SKIP_LOCKED, NOW, begin};
use super::claim::remaining;
use super::rows::DbRow;
use super::*;
use crate::message::Address;
use crate::outbound::OutboundState;
use crate::vault::Token;

const COLUMNS: &str = "SELECT o.id, o.tenant, o.sender, o.kind, c.number, o.message_id, o.delivery_id, o.sealed, o.prepared, o.state, o.attempts, \
                       o.created_at, o.next_attempt, o.sent_at, o.said FROM outbound o LEFT JOIN cases c ON c.id = o.case_id WHERE ";
/// Longest answer of another side that is kept, in characters.
const SAID: usize = 1_000;

/// The columns of a new row, in the order of [`SqlStore::outbound_row`].
pub(super) const NEW: [&str; 14] = [
    "id",
    "tenant",
    "sender",
    "kind",
    "key",
    "case_id",
    "message_id",
    "delivery_id",
    "created_at",
    "state",
    "attempts",
    "next_attempt",
    "sealed",
    "said",
];

impl SqlStore {
    /// The values of a new row.
    pub(super) fn outbound_row(&self, id: Uuid, new: &NewOutbound, now: Timestamp) -> Result<[Value; 14]> {
        Ok([
            id.into(),
            new.tenant.as_str().into(),
            new.sender.as_str().into(),
            new.kind.name().into(),
            new.key.as_str().into(),
            new.case.into(),
            new.message.into(),
            new.delivery.into(),
            now.micros().into(),
            OutboundState::Waiting.code().into(),
            0_i32.into(),
            0_i64.into(),
            self.seal_json(&new.content)?.into(),
            None::<&[u8]>.into(),
        ])
    }

    pub(super) async fn insert_outbound(&self, new: &NewOutbound, actor: &str) -> Result<(Uuid, bool)> {
        let mut tx = begin(&self.write).await?;
        let answer = self.keep_outbound(&mut tx, new, actor).await?;
        tx.commit().await.map_err(store_error)?;
        Ok(answer)
    }

    /// Keeps one in a transaction of somebody else's.
    pub(super) async fn keep_outbound(&self, tx: &mut Tx, new: &NewOutbound, actor: &str) -> Result<(Uuid, bool)> {
        let (id, now) = (Uuid::now_v7(), Timestamp::now());
        let mut rows = Rows::new(&NEW);
        rows.push(self.outbound_row(id, new, now)?);
        let kept = rows.insert(tx, "outbound", "ON CONFLICT (tenant, key) DO NOTHING RETURNING id").await?;
        if kept.is_empty() {
            let row = sqlx::query("SELECT id FROM outbound WHERE tenant = $1 AND key = $2")
                .bind(stored(new.tenant.as_str()))
                .bind(stored(&new.key))
                .fetch_one(&mut **tx)
                .await
                .map_err(store_error)?;
            return Ok((row.try_get(0).map_err(store_error)?, true));
        }
        if let Some(case) = new.case {
            let data = json!({ "outbound": id });
            self.add_event(tx, &new.tenant, &format!("{}.asked", new.kind.name()), actor, (case, new.message), &data).await?;
        }
        Ok((id, false))
    }

    /// An event of a case, by itself.
    pub(super) async fn add_event(
        &self,
        tx: &mut Tx,
        tenant: &Tenant,
        kind: &str,
        actor: &str,
        (case, message): (Uuid, Option<Uuid>),
        data: &serde_json::Value,
    ) -> Result<()> {
        let mut rows = Rows::new(&["id", "tenant", "at", "kind", "actor", "case_id", "message_id", "sealed"]);
        rows.push([
            Uuid::now_v7().into(),
            tenant.as_str().into(),
            Timestamp::now().micros().into(),
            kind.into(),
            actor.into(),
            case.into(),
            message.into(),
            self.seal_json(data)?.into(),
        ]);
        rows.insert(tx, "event", "").await?;
        sqlx::query("UPDATE cases SET updated_at = $1 WHERE id = $2")
            .bind(Timestamp::now().micros())
            .bind(case)
            .execute(&mut **tx)
            .await
            .map_err(store_error)?;
        Ok(())
    }

    pub(super) async fn claim_waiting(
        &self,
        tenant: &Tenant,
        sender: &str,
        owner: Uuid,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Outbound>> {
        let due =
            format!("tenant = $1 AND sender = $2 AND state = 0 AND next_attempt <= {NOW} AND (lease_until IS NULL OR lease_until < {NOW})");
        // Looking costs no write transaction; mostly there is nothing.
        let sql = format!("SELECT 1 FROM outbound WHERE {due} LIMIT 1");
        let look = sqlx::query(AssertSqlSafe(sql)).bind(stored(tenant.as_str())).bind(stored(sender));
        if look.fetch_optional(&self.read).await.map_err(store_error)?.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = begin(&self.write).await?;
        let sql = format!("SELECT id FROM outbound WHERE {due} ORDER BY next_attempt, id LIMIT $3 {FOR_UPDATE_SKIP_LOCKED}");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(stored(tenant.as_str()))
            .bind(stored(sender))
            .bind(i64::from(limit))
            .fetch_all(&mut *tx)
            .await
            .map_err(store_error)?;
        let ids = rows.iter().map(|row| row.try_get(0).map_err(store_error)).collect::<Result<Vec<Uuid>>>()?;
        for chunk in ids.chunks(CHUNK) {
            let mut query = QueryBuilder::<Db>::new("UPDATE outbound SET attempts = attempts + 1, lease_owner = ");
            query.push_bind(owner).push(format!(", lease_until = {NOW} + ")).push_bind(remaining(until)).push(" WHERE id");
            push_in(&mut query, chunk);
            query.build().execute(&mut *tx).await.map_err(store_error)?;
        }
        let mut claimed = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            let mut query = QueryBuilder::<Db>::new(format!("{COLUMNS} o.id"));
            push_in(&mut query, chunk);
            for row in query.build().fetch_all(&mut *tx).await.map_err(store_error)? {
                claimed.push(self.outbound_record(&row)?);
            }
        }
        tx.commit().await.map_err(store_error)?;
        claimed.sort_unstable_by_key(|item| item.id);
        Ok(claimed)
    }

    pub(super) async fn update_prepared(&self, owner: Uuid, item: &Outbound, prepared: &Prepared) -> Result<bool> {
        let identity = prepared.identity.as_deref().map(|id| self.sent_identity(&item.tenant, id).to_vec());
        let address = prepared.to.first().map(|address| self.sent_to(&item.tenant, address).to_vec());
        let sealed = self.seal_json(prepared)?;
        let mut tx = begin(&self.write).await?;
        let done = sqlx::query(
            "UPDATE outbound SET prepared = $1, identity_token = $2, address_token = $3, prepared_at = $4 \
             WHERE id = $5 AND state = 0 AND lease_owner = $6",
        )
        .bind(sealed)
        .bind(identity)
        .bind(address)
        .bind(Timestamp::now().micros())
        .bind(item.id)
        .bind(owner)
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        Ok(done.rows_affected() == 1)
    }

    /// What our own mail is found by when it is answered or bounces: the same token as that of a message with this id.
    pub(super) fn sent_identity(&self, tenant: &Tenant, id: &str) -> Token {
        self.vault.token("identity", tenant, &[b"message-id", id.to_lowercase().as_bytes()])
    }

    fn sent_to(&self, tenant: &Tenant, address: &str) -> Token {
        let address = Address::from(address);
        let normal = address.normalized().unwrap_or_else(|| address.value.to_lowercase());
        self.vault.token("sent-to", tenant, &[normal.as_bytes()])
    }

    pub(super) async fn finish_outbound(&self, owner: Uuid, item: &Outbound, end: &OutboundEnd) -> Result<()> {
        let now = Timestamp::now();
        let (state, next, sent_at, said) = match end {
            OutboundEnd::Sent(said) => (OutboundState::Sent, Timestamp::default(), Some(now.micros()), said),
            OutboundEnd::Retry(at, why) => (OutboundState::Waiting, *at, None, why),
            OutboundEnd::Failed(why) => (OutboundState::Failed, Timestamp::default(), None, why),
            OutboundEnd::Withheld(why) => (OutboundState::Withheld, Timestamp::default(), None, why),
        };
        let said: String = said.chars().take(SAID).collect();
        let sealed = self.seal_json(&said)?;
        let mut tx = begin(&self.write).await?;
        let sql = format!(
            "UPDATE outbound SET state = $1, next_attempt = CASE WHEN $2 > 0 THEN {NOW} + $2 ELSE 0 END, sent_at = $3, said = $4, \
             lease_owner = NULL, lease_until = NULL WHERE id = $5 AND state = 0 AND lease_owner = $6 RETURNING case_id"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(state.code())
            .bind(if next > now { remaining(next) } else { 0 })
            .bind(sent_at)
            .bind(sealed)
            .bind(item.id)
            .bind(owner)
            .fetch_optional(&mut *tx)
            .await
            .map_err(store_error)?;
        let Some(row) = row else {
            tracing::warn!(outbound = %item.id, "its claim ran out before it ended; another instance goes on with it");
            return Ok(());
        };
        let case: Option<Uuid> = row.try_get(0).map_err(store_error)?;
        if let (Some(case), true) = (case, state != OutboundState::Waiting) {
            let kind = format!("{}.{}", item.kind.name(), state.name());
            let data = json!({ "outbound": item.id, "attempts": item.attempts, "said": said });
            self.add_event(&mut tx, &item.tenant, &kind, "loket", (case, item.message), &data).await?;
        }
        tx.commit().await.map_err(store_error)
    }

    pub(super) async fn count_recent(&self, tenant: &Tenant, kind: OutboundKind, address: &str, since: Timestamp) -> Result<u64> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM outbound WHERE address_token = $1 AND prepared_at >= $2 AND kind = $3 AND state IN (0, 1, 2)",
        )
        .bind(self.sent_to(tenant, address).to_vec())
        .bind(since.micros())
        .bind(stored(kind.name()))
        .fetch_one(&self.read)
        .await
        .map_err(store_error)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    pub(super) async fn list_outbounds(&self, tenant: &Tenant, filter: &OutboundFilter, page: &Page) -> Result<Vec<Outbound>> {
        let mut query = QueryBuilder::<Db>::new(format!("{COLUMNS} o.tenant = "));
        query.push_bind(stored(tenant.as_str()));
        if let Some(state) = filter.state {
            // A constant, so that the partial index is seen to fit.
            query.push(format!(" AND o.state = {}", state.code()));
        }
        if let Some(case) = filter.case {
            query.push(" AND o.case_id = (SELECT id FROM cases WHERE tenant = ").push_bind(stored(tenant.as_str()));
            query.push(" AND number = ").push_bind(i64::try_from(case.counter()).unwrap_or(-1)).push(")");
        }
        if let Some(sender) = &filter.sender {
            query.push(" AND o.sender = ").push_bind(stored(sender));
        }
        if let Some((at, id)) = page.after {
            query.push(" AND (o.created_at, o.id) < (").push_bind(at.micros()).push(", ").push_bind(id).push(")");
        }
        query.push(" ORDER BY o.created_at DESC, o.id DESC LIMIT ").push_bind(i64::from(page.limit));
        let rows = query.build().fetch_all(&self.read).await.map_err(store_error)?;
        rows.iter().map(|row| self.outbound_record(row)).collect()
    }

    pub(super) async fn load_outbound(&self, tenant: &Tenant, id: Uuid) -> Result<Option<Outbound>> {
        let mut query = QueryBuilder::<Db>::new(format!("{COLUMNS} o.tenant = "));
        query.push_bind(stored(tenant.as_str())).push(" AND o.id = ").push_bind(id);
        let row = query.build().fetch_optional(&self.read).await.map_err(store_error)?;
        row.map(|row| self.outbound_record(&row)).transpose()
    }

    pub(super) async fn wake_outbound(&self, tenant: &Tenant, id: Uuid, actor: &str) -> Result<bool> {
        let mut tx = begin(&self.write).await?;
        // What was prepared is made anew: it may have failed on what was prepared.
        let row = sqlx::query(
            "UPDATE outbound SET state = 0, attempts = 0, next_attempt = 0, created_at = $1, prepared = NULL, prepared_at = NULL \
             WHERE tenant = $2 AND id = $3 AND state IN (2, 3) RETURNING case_id, kind",
        )
        .bind(Timestamp::now().micros())
        .bind(stored(tenant.as_str()))
        .bind(id)
        .fetch_optional(&mut *tx)
        .await
        .map_err(store_error)?;
        let Some(row) = row else { return Ok(false) };
        if let Some(case) = row.try_get::<Option<Uuid>, _>(0).map_err(store_error)? {
            let kind = format!("{}.asked", text(&row, 1)?);
            self.add_event(&mut tx, tenant, &kind, actor, (case, None), &json!({ "outbound": id, "again": true })).await?;
        }
        tx.commit().await.map_err(store_error)?;
        Ok(true)
    }

    pub(super) async fn count_outbound(&self) -> Result<OutboundCounts> {
        let row = sqlx::query("SELECT count(*), min(created_at) FROM outbound WHERE state = 0")
            .fetch_one(&self.read)
            .await
            .map_err(store_error)?;
        let failed: i64 =
            sqlx::query_scalar("SELECT count(*) FROM outbound WHERE state = 2").fetch_one(&self.read).await.map_err(store_error)?;
        let oldest: Option<i64> = row.try_get(1).map_err(store_error)?;
        Ok(OutboundCounts {
            waiting: u64::try_from(row.try_get::<i64, _>(0).map_err(store_error)?).unwrap_or_default(),
            failed: u64::try_from(failed).unwrap_or_default(),
            oldest: oldest.map(Timestamp::from_micros),
        })
    }

    pub(super) async fn advance_counter(&self, tenant: &Tenant, name: &str) -> Result<u64> {
        let mut tx = begin(&self.write).await?;
        let row = sqlx::query(
            "INSERT INTO counter (tenant, name, value) VALUES ($1, $2, 1) \
             ON CONFLICT (tenant, name) DO UPDATE SET value = counter.value + 1 RETURNING value",
        )
        .bind(stored(tenant.as_str()))
        .bind(stored(&format!("number/{name}")))
        .fetch_one(&mut *tx)
        .await
        .map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        Ok(u64::try_from(row.try_get::<i64, _>(0).map_err(store_error)?).unwrap_or_default())
    }

    fn outbound_record(&self, row: &DbRow) -> Result<Outbound> {
        let id: Uuid = row.try_get(0).map_err(store_error)?;
        let kind = text(row, 3)?;
        let state: i16 = row.try_get(9).map_err(store_error)?;
        let state = OutboundState::from_code(state).ok_or_else(|| damaged("outbound", id, format!("unknown state {state}")))?;
        let optional = |column: usize| row.try_get::<Option<&[u8]>, _>(column).map_err(store_error);
        // What is damaged on the disk does not keep the others from being listed; its sender finds nothing in it to send.
        let content = self.open_json("outbound", id, row.try_get(7).map_err(store_error)?).unwrap_or_else(|error| {
            tracing::error!("{error}");
            json!({ "damaged": error.to_string() })
        });
        let case: Option<i64> = row.try_get(4).map_err(store_error)?;
        let next = Timestamp::from_micros(row.try_get(12).map_err(store_error)?);
        Ok(Outbound {
            id,
            tenant: Tenant::new(&text(row, 1)?),
            sender: text(row, 2)?,
            kind: OutboundKind::from_name(&kind).ok_or_else(|| damaged("outbound", id, format!("unknown kind {kind}")))?,
            case: case.and_then(|counter| Some(CaseNumber::from_counter(u64::try_from(counter).ok()?))),
            message: row.try_get(5).map_err(store_error)?,
            delivery: row.try_get(6).map_err(store_error)?,
            content,
            prepared: optional(8)?.map(|sealed| self.open_json("what was prepared for outbound", id, sealed)).transpose()?,
            state,
            attempts: u32::try_from(row.try_get::<i32, _>(10).map_err(store_error)?).unwrap_or_default(),
            created_at: Timestamp::from_micros(row.try_get(11).map_err(store_error)?),
            next_attempt: Some(next).filter(|at| state == OutboundState::Waiting && *at > Timestamp::default()),
            sent_at: row.try_get::<Option<i64>, _>(13).map_err(store_error)?.map(Timestamp::from_micros),
            said: optional(14)?.map(|sealed| self.open_json("the answer to outbound", id, sealed)).transpose()?,
        })
    }
}
