//! Parts of a delivery that cannot be read: each becomes a delivery of its own in quarantine, to be mended and read again alone.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::*;
use crate::delivery::Envelope;
use crate::reader::SetAside;

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
        let sealed = self.seal_json(&envelope)?;
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
        let asides: Vec<(Uuid, &SetAside)> = reading.asides.iter().map(|aside| (Uuid::now_v7(), aside)).collect();
        for (id, aside) in &asides {
            let hash: [u8; 32] = Sha256::digest(&aside.payload).into();
            rows.push([
                (*id).into(),
                reading.tenant.as_str().into(),
                (&*reading.channel).into(),
                format!("part/{}/{}", reading.delivery, aside.name).as_str().into(),
                reading.received_at.micros().into(),
                media_type.as_str().into(),
                sealed.clone().into(),
                hash.as_slice().into(),
                i64::try_from(aside.payload.len()).unwrap_or(i64::MAX).into(),
                JournalState::Quarantined.code().into(),
                1_i32.into(),
                0_i64.into(),
                aside.reason.as_str().into(),
            ]);
        }
        let mut new = HashSet::with_capacity(asides.len());
        for row in rows.insert(tx, "delivery", "ON CONFLICT (tenant, channel, key) DO NOTHING RETURNING id").await? {
            new.insert(row.try_get::<Uuid, _>(0).map_err(store_error)?);
        }
        let mut payloads = Rows::new(&["delivery_id", "sealed"]);
        for (id, aside) in asides.iter().filter(|(id, _)| new.contains(id)) {
            tracing::warn!(delivery = %id, channel = &*reading.channel, part_of = %reading.delivery, "quarantined: {}", aside.reason);
            payloads.push([(*id).into(), self.seal_payload(&aside.payload).await.into()]);
        }
        payloads.insert(tx, "payload", "").await?;
        Ok(())
    }
}
