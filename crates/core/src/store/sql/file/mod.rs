//! Filing: a batch of readings becomes messages, cases and events in one transaction.
//!
//! 1. `draft`: what can be made before anybody has to wait is made: tokens, sealed texts;
//! 2. the fence: only deliveries whose claim still holds go on;
//! 3. the tenants' counters are locked until the end: whoever files for a tenant sees everything that was filed before, so two
//!    instances cannot open two cases for one request, whichever way it came and whoever sent it;
//! 4. `customers`: who wrote them;
//! 5. `known`: what is there already that they could be the same as, or answer;
//! 6. [`crate::same::decide`], one after the other, each seeing what the ones before it in the batch became;
//! 7. `write`: everything at once.

mod aside;
mod customers;
mod draft;
mod known;
mod reread;
mod write;

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::{AssertSqlSafe, QueryBuilder, Row};
use uuid::Uuid;

use super::super::{Db, FOR_UPDATE, begin};
use super::*;
use crate::same::{self, Rules};
use draft::Draft;
use known::Surroundings;
pub(super) use known::token as known_token;
use write::Outcome;

impl SqlStore {
    pub(super) async fn file_batch(&self, owner: Uuid, batch: &[Reading], rules: &Rules) -> Result<Vec<Filed>> {
        let mut drafts: Vec<Draft<'_>> = Vec::with_capacity(batch.len());
        for reading in batch {
            for (part, read) in (reading.stretch.first..).zip(&reading.messages) {
                drafts.push(Draft::new(self, reading, part, read)?);
                breathe(drafts.len()).await;
            }
        }
        let mut tx = begin(&self.write).await?;
        let ours = fence(&mut tx, owner, batch).await?;
        drafts.retain(|draft| ours.contains(&draft.reading.delivery));
        let there = already_filed(&mut tx, batch).await?;
        drafts.retain(|draft| !there.contains(&(draft.reading.delivery, draft.part)));
        let counters = lock_counters(&mut tx, &drafts).await?;
        // Ids grow in the order of filing.
        drafts.iter_mut().for_each(|draft| draft.id = Uuid::now_v7());
        self.know_customers(&mut tx, &mut drafts).await?;
        let mut surroundings = Surroundings::load(self, &mut tx, &drafts, rules).await?;
        let mut outcome = Outcome::new(counters, drafts.len());
        for draft in drafts {
            let decision = same::decide(&draft.candidate(), &surroundings.of(&draft, rules));
            outcome.add(draft, decision, rules, &mut surroundings);
        }
        for reading in batch.iter().filter(|reading| ours.contains(&reading.delivery)) {
            outcome.end(reading);
            self.set_parts_aside(&mut tx, reading).await?;
        }
        let filed = outcome.write(self, &mut tx, &surroundings).await?;
        tx.commit().await.map_err(store_error)?;
        Ok(filed)
    }
}

/// Marks the batch's deliveries as filed, those whose claim is still `owner`'s; of which more is to come, they stay claimed. The ids
/// of all these.
async fn fence(tx: &mut Tx, owner: Uuid, batch: &[Reading]) -> Result<HashSet<Uuid>> {
    let mut ours = HashSet::with_capacity(batch.len());
    let filed = "UPDATE delivery SET state = 1, lease_owner = NULL, lease_until = NULL, error = NULL WHERE state = 0 AND lease_owner = ";
    let held = "UPDATE delivery SET error = NULL WHERE state = 0 AND lease_owner = ";
    let mut ids: Vec<Uuid> = Vec::with_capacity(batch.len());
    for (statement, more) in [(filed, false), (held, true)] {
        ids.clear();
        ids.extend(batch.iter().filter(|reading| reading.stretch.more == more).map(|reading| reading.delivery));
        ids.sort_unstable();
        for chunk in ids.chunks(CHUNK) {
            let mut query = QueryBuilder::<Db>::new(statement);
            query.push_bind(owner).push(" AND id");
            push_in(&mut query, chunk);
            query.push(" RETURNING id");
            for row in query.build().fetch_all(&mut **tx).await.map_err(store_error)? {
                ours.insert(row.try_get(0).map_err(store_error)?);
            }
        }
    }
    let ids: HashSet<Uuid> = batch.iter().map(|reading| reading.delivery).collect();
    if ours.len() < ids.len() {
        tracing::warn!(deliveries = ids.len() - ours.len(), "left out of filing: their claims ran out and others took them");
    }
    Ok(ours)
}

/// The messages of deliveries that are filed in stretches which an earlier attempt has filed.
async fn already_filed(tx: &mut Tx, batch: &[Reading]) -> Result<HashSet<(Uuid, u32)>> {
    let mut there = HashSet::new();
    for reading in batch.iter().filter(|reading| reading.stretch.may_be_there()) {
        let first = i64::from(reading.stretch.first);
        let rows = sqlx::query("SELECT part FROM message WHERE delivery_id = $1 AND part >= $2 AND part < $3")
            .bind(reading.delivery)
            .bind(first)
            .bind(first + i64::try_from(reading.messages.len()).unwrap_or(i64::MAX))
            .fetch_all(&mut **tx)
            .await
            .map_err(store_error)?;
        for row in rows {
            there.insert((reading.delivery, u32::try_from(row.try_get::<i32, _>(0).map_err(store_error)?).unwrap_or_default()));
        }
    }
    Ok(there)
}

/// The last case number that each tenant of the batch gave out, locked until the transaction ends.
async fn lock_counters(tx: &mut Tx, drafts: &[Draft<'_>]) -> Result<HashMap<Tenant, u64>> {
    let tenants: BTreeSet<&Tenant> = drafts.iter().map(|draft| &draft.reading.tenant).collect();
    let mut counters = HashMap::with_capacity(tenants.len());
    for tenant in tenants {
        let sql = format!("SELECT value FROM counter WHERE tenant = $1 AND name = 'case' {FOR_UPDATE}");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(stored(tenant.as_str())).fetch_optional(&mut **tx).await.map_err(store_error)?;
        let row = match row {
            Some(row) => row,
            // The tenant's first: whoever comes second waits here and gets the row as the first one left it.
            None => sqlx::query(
                "INSERT INTO counter (tenant, name, value) VALUES ($1, 'case', $2) \
                 ON CONFLICT (tenant, name) DO UPDATE SET value = counter.value RETURNING value",
            )
            .bind(stored(tenant.as_str()))
            .bind(i64::try_from(CaseNumber::FIRST - 1).unwrap_or_default())
            .fetch_one(&mut **tx)
            .await
            .map_err(store_error)?,
        };
        let value: i64 = row.try_get(0).map_err(store_error)?;
        counters.insert(tenant.clone(), u64::try_from(value).unwrap_or_default());
    }
    Ok(counters)
}
