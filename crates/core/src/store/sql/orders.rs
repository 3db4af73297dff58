//! Revisions of orders: an index over the messages that say them.

use sqlx::{QueryBuilder, Row};
use uuid::Uuid;

use super::super::{Db, begin};
use super::rows::{DbRow, OpenedMessage};
use super::*;
use crate::message::Address;
use crate::order::{Order, OrderKind, Outcome, po_key};

/// The columns of a new row.
pub(super) const NEW: [&str; 12] = [
    "id",
    "tenant",
    "case_id",
    "message_id",
    "customer_id",
    "revision",
    "kind",
    "status",
    "received_at",
    "lines_hash",
    "po_token",
    "order_token",
];
const COLUMNS: &str = "SELECT o.id, c.number, o.message_id, o.customer_id, o.revision, o.status, o.received_at, o.decision, m.sealed \
                       FROM orders o JOIN message m ON m.id = o.message_id LEFT JOIN cases c ON c.id = o.case_id WHERE o.tenant = ";

/// As the store writes it.
pub(super) fn code(kind: OrderKind) -> i16 {
    match kind {
        OrderKind::New => 0,
        OrderKind::Change => 1,
        OrderKind::Cancel => 2,
    }
}

/// As it was written.
pub(super) fn kind(code: i16) -> OrderKind {
    match code {
        1 => OrderKind::Change,
        2 => OrderKind::Cancel,
        _ => OrderKind::New,
    }
}

/// What becomes of earlier revisions that nobody has decided on.
pub(super) fn status_before(kind: OrderKind) -> OrderStatus {
    if kind == OrderKind::Cancel { OrderStatus::Cancelled } else { OrderStatus::Superseded }
}

impl SqlStore {
    pub(super) async fn list_orders(&self, tenant: &Tenant, filter: &OrderFilter, page: &Page) -> Result<Vec<OrderRecord>> {
        let mut query = QueryBuilder::<Db>::new(COLUMNS);
        query.push_bind(stored(tenant.as_str()));
        if let Some(po) = &filter.po_number {
            query.push(" AND o.po_token = ").push_bind(self.po_token(tenant, &po_key(po)).to_vec());
        }
        if let Some(buyer) = &filter.buyer {
            let address = Address::from(buyer.as_str());
            let token = address.normalized().map(|normal| self.address_token(tenant, &address, &normal));
            query.push(" AND o.customer_id = (SELECT customer_id FROM address WHERE token = ");
            query.push_bind(token.unwrap_or_default().to_vec()).push(")");
        }
        if let Some(status) = filter.status {
            query.push(format!(" AND o.status = {}", status.code()));
        }
        if let Some(case) = filter.case {
            query.push(" AND o.case_id = (SELECT id FROM cases WHERE tenant = ").push_bind(stored(tenant.as_str()));
            query.push(" AND number = ").push_bind(i64::try_from(case.counter()).unwrap_or(-1)).push(")");
        }
        if let Some(since) = filter.since {
            query.push(" AND o.received_at >= ").push_bind(since.micros());
        }
        if let Some(until) = filter.until {
            query.push(" AND o.received_at < ").push_bind(until.micros());
        }
        if let Some((at, id)) = page.after {
            query.push(" AND (o.received_at, o.id) < (").push_bind(at.micros()).push(", ").push_bind(id).push(")");
        }
        query.push(" ORDER BY o.received_at DESC, o.id DESC LIMIT ").push_bind(i64::from(page.limit));
        let rows = query.build().fetch_all(&self.read).await.map_err(store_error)?;
        rows.iter().map(|row| self.order_record(tenant, row)).collect()
    }

    pub(super) async fn load_order(&self, tenant: &Tenant, id: Uuid) -> Result<Option<OrderRecord>> {
        let mut query = QueryBuilder::<Db>::new(COLUMNS);
        query.push_bind(stored(tenant.as_str())).push(" AND o.id = ").push_bind(id);
        let row = query.build().fetch_optional(&self.read).await.map_err(store_error)?;
        row.map(|row| self.order_record(tenant, &row)).transpose()
    }

    pub(super) async fn load_revisions(&self, tenant: &Tenant, order: Uuid) -> Result<Vec<OrderRecord>> {
        let mut query = QueryBuilder::<Db>::new(COLUMNS);
        query.push_bind(stored(tenant.as_str())).push(" AND (o.id = ").push_bind(order);
        query.push(" OR o.order_token = (SELECT order_token FROM orders WHERE id = ").push_bind(order);
        query.push(") AND o.case_id = (SELECT case_id FROM orders WHERE id = ").push_bind(order).push("))");
        query.push(" ORDER BY o.revision, o.id LIMIT 1000");
        let rows = query.build().fetch_all(&self.read).await.map_err(store_error)?;
        rows.iter().map(|row| self.order_record(tenant, row)).collect()
    }

    pub(super) async fn keep_decision(&self, decided: &DecidedOrder, actor: &str) -> Result<bool> {
        let DecidedOrder { order, decision, answer } = decided;
        let status = match decision.outcome {
            Outcome::Accepted if decision.lines.is_empty() => OrderStatus::Accepted,
            Outcome::Accepted | Outcome::Changed => OrderStatus::Changed,
            Outcome::Rejected => OrderStatus::Rejected,
        };
        let mut tx = begin(&self.write).await?;
        let row = sqlx::query(
            "UPDATE orders SET status = $1, decision = $2 WHERE tenant = $3 AND id = $4 AND status = 0 AND decision IS NULL RETURNING case_id",
        )
        .bind(status.code())
        .bind(self.seal_json(decision)?)
        .bind(stored(order.tenant.as_str()))
        .bind(order.id)
        .fetch_optional(&mut *tx)
        .await
        .map_err(store_error)?;
        let Some(row) = row else { return Ok(false) };
        let case: Uuid = row.try_get(0).map_err(store_error)?;
        let data = serde_json::json!({ "order": order.id, "revision": order.revision, "decision": decision });
        self.add_event(&mut tx, &order.tenant, "order.decided", actor, (case, Some(order.message)), &data).await?;
        if let Some(answer) = answer {
            let answer = NewOutbound { case: Some(case), ..answer.clone() };
            self.keep_outbound(&mut tx, &answer, actor).await?;
        }
        tx.commit().await.map_err(store_error)?;
        Ok(true)
    }

    fn order_record(&self, tenant: &Tenant, row: &DbRow) -> Result<OrderRecord> {
        let id: Uuid = row.try_get(0).map_err(store_error)?;
        let case: Option<i64> = row.try_get(1).map_err(store_error)?;
        let status: i16 = row.try_get(5).map_err(store_error)?;
        let decision: Option<&[u8]> = row.try_get(7).map_err(store_error)?;
        let opened = self.open_json::<OpenedMessage>("the message of order", id, row.try_get(8).map_err(store_error)?);
        // What is damaged on the disk does not keep the others from being listed.
        let order = opened.map(|opened| opened.message.order.map(|order| *order).unwrap_or_default()).unwrap_or_else(|error| {
            tracing::error!("{error}");
            Order { notes: vec![error.to_string()], ..Order::default() }
        });
        Ok(OrderRecord {
            id,
            tenant: tenant.clone(),
            case: case.and_then(|counter| Some(CaseNumber::from_counter(u64::try_from(counter).ok()?))),
            message: row.try_get(2).map_err(store_error)?,
            customer: row.try_get(3).map_err(store_error)?,
            revision: u32::try_from(row.try_get::<i32, _>(4).map_err(store_error)?).unwrap_or_default(),
            status: OrderStatus::from_code(status).ok_or_else(|| damaged("order", id, format!("unknown status {status}")))?,
            received_at: Timestamp::from_micros(row.try_get(6).map_err(store_error)?),
            decision: decision.map(|sealed| self.open_json("the decision on order", id, sealed)).transpose()?,
            order,
        })
    }
}
