//! API keys.

use sqlx::Row;
use uuid::Uuid;

use super::super::{Db, begin};
use super::*;
use crate::keys::Access;
use crate::time::Timestamp;

const COLUMNS: &str = "SELECT id, tenant, name, access, hash, created_at, revoked_at FROM api_key";

fn record(row: &<Db as sqlx::Database>::Row) -> Result<KeyRecord> {
    Ok(KeyRecord {
        id: row.try_get(0).map_err(store_error)?,
        tenant: Tenant::new(&text(row, 1)?),
        name: text(row, 2)?,
        access: Access::from_code(row.try_get(3).map_err(store_error)?),
        hash: rows::bytes32(row, 4)?,
        created_at: Timestamp::from_micros(row.try_get(5).map_err(store_error)?),
        revoked_at: row.try_get::<Option<i64>, _>(6).map_err(store_error)?.map(Timestamp::from_micros),
    })
}

impl SqlStore {
    pub(super) async fn insert_key(&self, key: &KeyRecord) -> Result<()> {
        let mut tx = begin(&self.write).await?;
        sqlx::query("INSERT INTO api_key (id, tenant, name, access, hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(key.id)
            .bind(stored(key.tenant.as_str()))
            .bind(stored(&key.name))
            .bind(key.access.code())
            .bind(key.hash.as_slice())
            .bind(key.created_at.micros())
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
        tx.commit().await.map_err(store_error)
    }

    pub(super) async fn find_api_key(&self, hash: &[u8; 32]) -> Result<Option<KeyRecord>> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE hash = $1")))
            .bind(hash.as_slice())
            .fetch_optional(&self.read)
            .await
            .map_err(store_error)?;
        row.map(|row| record(&row)).transpose()
    }

    pub(super) async fn list_keys(&self) -> Result<Vec<KeyRecord>> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY id DESC LIMIT 1000")))
            .fetch_all(&self.read)
            .await
            .map_err(store_error)?;
        rows.iter().map(record).collect()
    }

    pub(super) async fn end_key(&self, id: Uuid, at: Timestamp) -> Result<bool> {
        let mut tx = begin(&self.write).await?;
        let done = sqlx::query("UPDATE api_key SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2")
            .bind(at.micros())
            .bind(id)
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        Ok(done.rows_affected() > 0)
    }
}
