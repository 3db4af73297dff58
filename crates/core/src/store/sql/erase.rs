//! Deleting a case: what it holds goes, what tells a redelivery stays. And forgetting what nobody waits for any more.

use serde_json::json;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::super::{FOR_UPDATE, begin};
use super::file::known_token;
use super::rows::{SealedMessage, bytes32};
use super::*;
use crate::classify::{Class, Probabilities, Verdict};
use crate::message::Message;

/// Lets go of a delivery's bytes; its line in the journal stays, so that it is known when it is fetched again.
pub(super) async fn bytes_of(tx: &mut Tx, delivery: Uuid) -> Result<()> {
    for sql in ["DELETE FROM payload WHERE delivery_id = $1", "UPDATE delivery SET state = 4, error = NULL WHERE id = $1"] {
        sqlx::query(sql).bind(delivery).execute(&mut **tx).await.map_err(store_error)?;
    }
    Ok(())
}

impl SqlStore {
    pub(super) async fn erase_case(&self, tenant: &Tenant, number: CaseNumber, actor: &str) -> Result<bool> {
        let mut tx = begin(&self.write).await?;
        // Filing for this tenant waits: nothing joins the case while it goes.
        let sql = format!("SELECT value FROM counter WHERE tenant = $1 AND name = 'case' {FOR_UPDATE}");
        sqlx::query(AssertSqlSafe(sql)).bind(stored(tenant.as_str())).fetch_optional(&mut *tx).await.map_err(store_error)?;
        let case: Option<Uuid> = sqlx::query_scalar("SELECT id FROM cases WHERE tenant = $1 AND number = $2")
            .bind(stored(tenant.as_str()))
            .bind(i64::try_from(number.counter()).unwrap_or(-1))
            .fetch_optional(&mut *tx)
            .await
            .map_err(store_error)?;
        let Some(case) = case else { return Ok(false) };
        let deliveries = self.bury(&mut tx, tenant, case).await?;
        for sql in [
            "DELETE FROM awaited WHERE message_id IN (SELECT id FROM message WHERE case_id = $1)",
            "DELETE FROM orders WHERE case_id = $1",
            "DELETE FROM outbound WHERE case_id = $1",
            "DELETE FROM event WHERE case_id = $1",
            "DELETE FROM message WHERE case_id = $1",
            "DELETE FROM cases WHERE id = $1",
        ] {
            sqlx::query(sql).bind(case).execute(&mut *tx).await.map_err(store_error)?;
        }
        for delivery in deliveries {
            // Another message of the same delivery may live on in another case.
            let others: i64 = sqlx::query_scalar("SELECT count(*) FROM message WHERE delivery_id = $1")
                .bind(delivery)
                .fetch_one(&mut *tx)
                .await
                .map_err(store_error)?;
            if others == 0 {
                bytes_of(&mut tx, delivery).await?;
            }
        }
        sqlx::query("INSERT INTO event (id, tenant, at, kind, actor, sealed) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(Uuid::now_v7())
            .bind(stored(tenant.as_str()))
            .bind(Timestamp::now().micros())
            .bind("case.deleted")
            .bind(stored(actor))
            .bind(self.seal_json(&json!({ "case": number }))?)
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        Ok(true)
    }

    pub(super) async fn forget_awaited(&self, before: Timestamp) -> Result<u64> {
        // The ids of messages grow with time: the first 48 bits are milliseconds (RFC 9562 section 5.7).
        let millis = u64::try_from(before.micros() / 1_000).unwrap_or_default();
        let first = Uuid::from_u128(u128::from(millis & 0xffff_ffff_ffff) << 80);
        let mut tx = begin(&self.write).await?;
        let done = sqlx::query("DELETE FROM awaited WHERE message_id < $1").bind(first).execute(&mut *tx).await.map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        Ok(done.rows_affected())
    }

    /// Remembers what is deleted; answers the deliveries that it came in.
    async fn bury(&self, tx: &mut Tx, tenant: &Tenant, case: Uuid) -> Result<Vec<Uuid>> {
        let rows = sqlx::query(
            "SELECT m.delivery_id, m.identity_token, m.content_hash, d.payload_hash, m.part \
             FROM message m JOIN delivery d ON d.id = m.delivery_id WHERE m.case_id = $1 ORDER BY m.id",
        )
        .bind(case)
        .fetch_all(&mut **tx)
        .await
        .map_err(store_error)?;
        let now = Timestamp::now().micros();
        let mut tombstones = Rows::new(&["token", "at"]);
        let mut deliveries = Vec::with_capacity(rows.len());
        for row in &rows {
            let part = u32::try_from(row.try_get::<i32, _>(4).map_err(store_error)?).unwrap_or_default();
            let token = self.tombstone(tenant, known_token(row, 1)?, known_token(row, 2)?, (&bytes32(row, 3)?, part));
            tombstones.push([token.as_slice().into(), now.into()]);
            deliveries.push(row.try_get(0).map_err(store_error)?);
        }
        tombstones.insert(tx, "tombstone", "ON CONFLICT (token) DO NOTHING").await?;
        deliveries.sort_unstable();
        deliveries.dedup();
        Ok(deliveries)
    }

    /// What stands in the place of a message that was deleted before.
    pub(super) fn nothing(&self) -> Result<Vec<u8>> {
        let message = Message { warnings: vec!["it was deleted before, and came again".into()], ..Message::default() };
        let verdict = Verdict {
            class: Class::Inquiry,
            confidence: 0.0,
            probabilities: Probabilities::default(),
            language: None,
            evidence: Vec::new(),
        };
        self.seal_json(&SealedMessage { message: &message, verdict: &verdict })
    }
}
