//! Parts of a delivery that cannot be read: each becomes a delivery of its own in quarantine, to be mended and read again alone.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::*;
use crate::delivery::Envelope;

impl SqlStore {
    /// Sets a reading's unreadable parts aside. Those that an earlier attempt set aside are there already.
    pub(super) async fn set_parts_aside(&self, tx: &mut Tx, reading: &Reading) -> Result<()> {
        if reading.asides.is_empty() {
            return Ok(());
        }
        let row = sqlx::query("SELECT media_type, sealed FROM delivery WHERE id = $1")
            .bind(reading.delivery)
            .fetch_one(&mut **tx)
            .await
            .map_err(store_error)?;
        let media_type = text(&row, 0)?;
        let mut envelope: Envelope = self.open_json("the envelope of delivery", reading.delivery, row.try_get(1).map_err(store_error)?)?;
        envelope.insert("part_of".into(), serde_json::json!(reading.delivery));
        for aside in &reading.asides {
            let id = Uuid::now_v7();
            let hash: [u8; 32] = Sha256::digest(&aside.payload).into();
            let mut rows = Rows::new(&[
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
                "error",
            ]);
            rows.push([
                id.into(),
                reading.tenant.as_str().into(),
                (&*reading.channel).into(),
                format!("part/{}/{}", reading.delivery, aside.name).as_str().into(),
                reading.received_at.micros().into(),
                media_type.as_str().into(),
                self.seal_json(&envelope)?.into(),
                hash.as_slice().into(),
                i64::try_from(aside.payload.len()).unwrap_or(i64::MAX).into(),
                JournalState::Quarantined.code().into(),
                1_i32.into(),
                0_i64.into(),
                aside.reason.as_str().into(),
            ]);
            let new = rows.insert(tx, "delivery", "ON CONFLICT (tenant, channel, key) DO NOTHING RETURNING id").await?;
            if !new.is_empty() {
                tracing::warn!(delivery = %id, channel = &*reading.channel, part_of = %reading.delivery, "quarantined: {}", aside.reason);
                let mut rows = Rows::new(&["delivery_id", "sealed"]);
                rows.push([id.into(), self.seal_payload(&aside.payload).await.into()]);
                rows.insert(tx, "payload", "").await?;
            }
        }
        Ok(())
    }
}
