//! Positions and leases of channels. A lease is as long as the database's clock says: all instances share that one.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::super::{FOR_UPDATE, NOW, begin};
use super::*;

impl SqlStore {
    pub(super) async fn load_position(&self, tenant: &Tenant, channel: &str, source: &str) -> Result<Option<String>> {
        let row = sqlx::query("SELECT value FROM position WHERE tenant = $1 AND channel = $2 AND source = $3")
            .bind(stored(tenant.as_str()))
            .bind(stored(channel))
            .bind(stored(source))
            .fetch_optional(&self.read)
            .await
            .map_err(store_error)?;
        row.map(|row| text(&row, 0)).transpose()
    }

    pub(super) async fn take_lease(&self, name: &str, owner: Uuid, ttl: Duration) -> Result<Option<Lease>> {
        // The token grows when the holder changes, and when the same holder comes back after its lease ran out.
        let sql = format!(
            "INSERT INTO lease (name, owner, token, until) VALUES ($1, $2, 1, {NOW} + $3) ON CONFLICT (name) DO UPDATE SET \
             token = CASE WHEN lease.owner = excluded.owner AND lease.until > {NOW} THEN lease.token ELSE lease.token + 1 END, \
             owner = excluded.owner, until = excluded.until \
             WHERE lease.owner = excluded.owner OR lease.until <= {NOW} RETURNING token"
        );
        let mut tx = begin(&self.write).await?;
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(stored(name))
            .bind(owner)
            .bind(i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX / 2))
            .fetch_optional(&mut *tx)
            .await
            .map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        row.map(|row| Ok(Lease { name: name.into(), owner, token: row.try_get(0).map_err(store_error)? })).transpose()
    }

    pub(super) async fn drop_lease(&self, lease: &Lease) -> Result<()> {
        let mut tx = begin(&self.write).await?;
        sqlx::query("UPDATE lease SET until = 0 WHERE name = $1 AND owner = $2 AND token = $3")
            .bind(stored(&lease.name))
            .bind(lease.owner)
            .bind(lease.token)
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
        tx.commit().await.map_err(store_error)
    }
}

/// Fails when one of these leases is not held any more; holds them until the transaction ends. In the order of their names, as
/// everybody does.
pub(super) async fn hold(tx: &mut Tx, leases: &[Lease]) -> Result<()> {
    let mut leases: Vec<_> = leases.iter().collect();
    leases.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    for lease in leases {
        let sql = format!("SELECT 1 FROM lease WHERE name = $1 AND owner = $2 AND token = $3 AND until > {NOW} {FOR_UPDATE}");
        let held = sqlx::query(AssertSqlSafe(sql))
            .bind(stored(&lease.name))
            .bind(lease.owner)
            .bind(lease.token)
            .fetch_optional(&mut **tx)
            .await
            .map_err(store_error)?;
        if held.is_none() {
            return Err(StoreError::LeaseLost(lease.name.clone()));
        }
    }
    Ok(())
}
