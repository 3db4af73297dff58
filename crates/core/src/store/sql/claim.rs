//! Claims on pending deliveries: taken, ended, freed. They last as long as the database's clock says.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, QueryBuilder, Row};
use uuid::Uuid;

use super::super::{Db, FOR_UPDATE_SKIP_LOCKED, NOW, begin};
use super::rows::{DbRow, ENTRY_COLUMNS, EntryRow};
use super::*;
use crate::pipeline::MAX_ATTEMPTS;
use crate::time::Timestamp;

/// A delivery that was claimed so often without an end is suspected of taking the process down: it is claimed alone, so that
/// the others do not go down with it.
const SUSPECT: i32 = 2;
const HOPELESS: &str = "attempts to read it did not come to an end; the process may have died of it";

/// How long from now until then, in microseconds; below zero when it is over.
pub(super) fn remaining(until: Timestamp) -> i64 {
    until.micros().saturating_sub(Timestamp::now().micros())
}

impl SqlStore {
    pub(super) async fn claim_batch(&self, claim: &Claim) -> Result<Vec<Claimed>> {
        let claimable = format!("state = 0 AND next_attempt <= {NOW} AND (lease_until IS NULL OR lease_until < {NOW})");
        // Looking costs no write transaction; mostly there is nothing.
        let sql = format!("SELECT 1 FROM delivery WHERE {claimable} LIMIT 1");
        if sqlx::query(AssertSqlSafe(sql)).fetch_optional(&self.read).await.map_err(store_error)?.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = begin(&self.write).await?;
        let sql = format!("SELECT id, attempts, size FROM delivery WHERE {claimable} ORDER BY id LIMIT $1 {FOR_UPDATE_SKIP_LOCKED}");
        let candidates = sqlx::query(AssertSqlSafe(sql)).bind(i64::from(claim.limit)).fetch_all(&mut *tx).await.map_err(store_error)?;
        let Choice { chosen, hopeless } = choose(&candidates, claim.bytes)?;
        let until = remaining(claim.until);
        for chunk in chosen.chunks(CHUNK) {
            let mut query = QueryBuilder::<Db>::new("UPDATE delivery SET attempts = attempts + 1, lease_owner = ");
            query.push_bind(claim.owner).push(format!(", lease_until = {NOW} + ")).push_bind(until).push(" WHERE id");
            push_in(&mut query, chunk);
            query.build().execute(&mut *tx).await.map_err(store_error)?;
        }
        for chunk in hopeless.chunks(CHUNK) {
            let mut query =
                QueryBuilder::<Db>::new("UPDATE delivery SET state = 2, lease_owner = NULL, lease_until = NULL, error = coalesce(error, ");
            query.push_bind(format!("{MAX_ATTEMPTS} {HOPELESS}")).push(") WHERE id");
            push_in(&mut query, chunk);
            query.build().execute(&mut *tx).await.map_err(store_error)?;
        }
        tx.commit().await.map_err(store_error)?;
        for id in hopeless {
            tracing::error!(delivery = %id, "quarantined: {MAX_ATTEMPTS} {HOPELESS}");
        }
        self.load_claimed(claim.owner, &chosen).await
    }

    /// The deliveries that were just claimed. What is damaged on the disk is set aside: its own trouble, not the batch's.
    async fn load_claimed(&self, owner: Uuid, chosen: &[Uuid]) -> Result<Vec<Claimed>> {
        let mut found = HashMap::with_capacity(chosen.len());
        for chunk in chosen.chunks(CHUNK) {
            let mut query = QueryBuilder::<Db>::new(format!(
                "SELECT {ENTRY_COLUMNS}, p.sealed FROM delivery d LEFT JOIN payload p ON p.delivery_id = d.id WHERE d.id"
            ));
            push_in(&mut query, chunk);
            for row in query.build().fetch_all(&self.read).await.map_err(store_error)? {
                found.insert(row.try_get::<Uuid, _>(0).map_err(store_error)?, self.claimed(&row));
            }
        }
        let (mut claimed, mut asides) = (Vec::with_capacity(chosen.len()), Vec::new());
        for id in chosen {
            match found.remove(id) {
                Some(Ok(one)) => claimed.push(one),
                Some(Err(error)) => {
                    tracing::error!(delivery = %id, "quarantined: {error}");
                    asides.push(Aside { delivery: *id, error: error.to_string(), retry_at: None, blameless: false });
                }
                None => {}
            }
        }
        if !asides.is_empty() {
            self.end_claims(owner, &asides).await?;
        }
        Ok(claimed)
    }

    fn claimed(&self, row: &DbRow) -> Result<Claimed> {
        let entry = EntryRow::read(row)?;
        let payload_hash = entry.payload_hash.ok_or_else(|| damaged("the payload hash of delivery", entry.id, "it has not 32 bytes"))?;
        Ok(Claimed { delivery: entry.delivery(self, row)?, attempts: entry.attempts, payload_hash })
    }

    pub(super) async fn prolong_claims(&self, owner: Uuid, deliveries: &[Uuid], until: Timestamp) -> Result<()> {
        let until = remaining(until);
        let mut tx = begin(&self.write).await?;
        for chunk in deliveries.chunks(CHUNK) {
            let mut query = QueryBuilder::<Db>::new(format!("UPDATE delivery SET lease_until = {NOW} + "));
            query.push_bind(until).push(" WHERE state = 0 AND lease_owner = ").push_bind(owner).push(" AND id");
            push_in(&mut query, chunk);
            query.build().execute(&mut *tx).await.map_err(store_error)?;
        }
        tx.commit().await.map_err(store_error)
    }

    pub(super) async fn end_claims(&self, owner: Uuid, asides: &[Aside]) -> Result<()> {
        let mut tx = begin(&self.write).await?;
        for aside in asides {
            let (state, next) = match aside.retry_at {
                Some(at) => (JournalState::Pending, at),
                None => (JournalState::Quarantined, Timestamp::default()),
            };
            // A reason need not be longer than this.
            let error: String = aside.error.chars().take(2_000).collect();
            sqlx::query(
                "UPDATE delivery SET state = $1, next_attempt = $2, error = $3, attempts = attempts - $4, lease_owner = NULL, lease_until = NULL \
                 WHERE id = $5 AND state = 0 AND lease_owner = $6",
            )
            .bind(state.code())
            .bind(next.micros())
            .bind(stored(&error))
            .bind(i32::from(aside.blameless))
            .bind(aside.delivery)
            .bind(owner)
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
        }
        tx.commit().await.map_err(store_error)
    }

    pub(super) async fn free_claims(&self, owner: Option<Uuid>) -> Result<u64> {
        let mut query = QueryBuilder::<Db>::new("UPDATE delivery SET lease_owner = NULL, lease_until = NULL");
        if owner.is_some() {
            // Given back in good order: the attempt does not count.
            query.push(", attempts = attempts - 1");
        }
        query.push(" WHERE state = 0 AND lease_owner");
        match owner {
            Some(owner) => query.push(" = ").push_bind(owner),
            None => query.push(" IS NOT NULL"),
        };
        // What was being sent is sent again at once, the same bytes under the same identity.
        let mut outbound =
            QueryBuilder::<Db>::new("UPDATE outbound SET lease_owner = NULL, lease_until = NULL WHERE state = 0 AND lease_owner");
        match owner {
            Some(owner) => outbound.push(" = ").push_bind(owner),
            None => outbound.push(" IS NOT NULL"),
        };
        let mut tx = begin(&self.write).await?;
        let done = query.build().execute(&mut *tx).await.map_err(store_error)?;
        outbound.build().execute(&mut *tx).await.map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        Ok(done.rows_affected())
    }
}

/// What to do with the deliveries that can be claimed.
struct Choice {
    chosen: Vec<Uuid>,
    hopeless: Vec<Uuid>,
}

fn choose(candidates: &[DbRow], limit: u64) -> Result<Choice> {
    let mut choice = Choice { chosen: Vec::new(), hopeless: Vec::new() };
    let mut bytes = 0_u64;
    for row in candidates {
        let id: Uuid = row.try_get(0).map_err(store_error)?;
        let attempts: i32 = row.try_get(1).map_err(store_error)?;
        if u32::try_from(attempts).unwrap_or_default() >= MAX_ATTEMPTS {
            choice.hopeless.push(id);
            continue;
        }
        bytes += u64::try_from(row.try_get::<i64, _>(2).map_err(store_error)?).unwrap_or_default();
        if !choice.chosen.is_empty() && (attempts >= SUSPECT || bytes > limit) {
            break;
        }
        choice.chosen.push(id);
        if attempts >= SUSPECT {
            break;
        }
    }
    Ok(choice)
}
