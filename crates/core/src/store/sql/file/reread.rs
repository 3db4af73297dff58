//! Messages that today's readers read differently: kept as they read now, where they are. No case is made and none changes.

use sqlx::Row;
use uuid::Uuid;

use super::super::rows::OpenedMessage;
use super::draft::Draft;
use super::*;
use crate::delivery::Delivery;
use crate::time::Timestamp;

impl SqlStore {
    pub(in super::super) async fn reread_messages(&self, delivery: &Delivery, rereads: &[Reread]) -> Result<u64> {
        let mut reading = Reading {
            delivery: delivery.id,
            tenant: delivery.tenant.clone(),
            channel: delivery.channel.clone(),
            received_at: delivery.received_at,
            payload_hash: [0; 32],
            messages: Vec::new(),
            asides: Vec::new(),
            stretch: Stretch::default(),
            answer: None,
        };
        let mut tx = begin(&self.write).await?;
        let mut changed = 0;
        for reread in rereads {
            reading.messages = vec![reread.read.clone()];
            let mut draft = Draft::new(self, &reading, 0, &reread.read)?;
            let row = sqlx::query("SELECT customer_id, case_id, sealed FROM message WHERE tenant = $1 AND id = $2 AND delivery_id = $3")
                .bind(stored(delivery.tenant.as_str()))
                .bind(reread.message)
                .bind(delivery.id)
                .fetch_optional(&mut *tx)
                .await
                .map_err(store_error)?;
            let Some(row) = row else { continue };
            draft.customer = row.try_get(0).map_err(store_error)?;
            let case: Option<Uuid> = row.try_get(1).map_err(store_error)?;
            // One that is damaged on the disk is whole again after this.
            let before: Option<OpenedMessage> = self.open_json("message", reread.message, row.try_get(2).map_err(store_error)?).ok();
            let class_before = before.map(|before| before.verdict.class);
            sqlx::query(
                "UPDATE message SET reader = $1, identity_token = $2, content_hash = $3, content_token = $4, domain_token = $5, sealed = $6 \
                 WHERE id = $7",
            )
            .bind(stored(&reread.read.reader))
            .bind(draft.identity.as_ref().map(<[u8; 16]>::as_slice))
            .bind(draft.content.as_ref().map(<[u8; 16]>::as_slice))
            .bind(draft.content_of_customer(self).as_ref().map(<[u8; 16]>::as_slice))
            .bind(draft.domain.as_ref().map(<[u8; 16]>::as_slice))
            .bind(std::mem::take(&mut draft.sealed))
            .bind(reread.message)
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
            let read = &reread.read;
            let data = serde_json::json!({
                "fields": reread.fields, "reader": read.reader, "class_before": class_before, "class": read.verdict.class,
            });
            let mut event = Rows::new(&["id", "tenant", "at", "kind", "actor", "case_id", "message_id", "sealed"]);
            event.push([
                Uuid::now_v7().into(),
                delivery.tenant.as_str().into(),
                Timestamp::now().micros().into(),
                "message.reread".into(),
                "loket replay".into(),
                case.into(),
                reread.message.into(),
                self.seal_json(&data)?.into(),
            ]);
            event.insert(&mut tx, "event", "").await?;
            changed += 1;
        }
        tx.commit().await.map_err(store_error)?;
        Ok(changed)
    }
}
