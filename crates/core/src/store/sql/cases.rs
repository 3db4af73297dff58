//! Cases, messages and events, read.

use sqlx::{QueryBuilder, Row};
use uuid::Uuid;

use super::super::Db;
use super::rows::{DbRow, Messages, OpenedMessage, SealedCase};
use super::*;
use crate::case::CaseStatus;
use crate::classify::{Class, Probabilities, Verdict};
use crate::message::{Address, Message};
use crate::same::Link;
use crate::time::Timestamp;

const CASE_COLUMNS: &str = "SELECT c.id, c.tenant, c.number, c.customer_id, c.class, c.confidence, c.review, c.status, c.language, c.channel, \
                            c.opened_at, c.updated_at, c.messages, c.sealed FROM cases c WHERE c.tenant = ";

impl SqlStore {
    fn case_record(&self, row: &DbRow) -> Result<CaseRecord> {
        let id = row.try_get(0).map_err(store_error)?;
        let sealed: &[u8] = row.try_get(13).map_err(store_error)?;
        let SealedCase { from, title } = self.open_json("case", id, sealed).unwrap_or_else(|error| {
            tracing::error!("{error}");
            SealedCase { from: None, title: "(its title is damaged on the disk)".into() }
        });
        Ok(CaseRecord {
            id,
            tenant: Tenant::new(&text(row, 1)?),
            number: CaseNumber::from_counter(u64::try_from(row.try_get::<i64, _>(2).map_err(store_error)?).unwrap_or_default()),
            customer: row.try_get(3).map_err(store_error)?,
            from,
            title,
            class: Class::from_code(row.try_get(4).map_err(store_error)?),
            confidence: row.try_get(5).map_err(store_error)?,
            review: row.try_get(6).map_err(store_error)?,
            status: CaseStatus::from_code(row.try_get(7).map_err(store_error)?),
            language: maybe_text(row, 8)?,
            channel: text(row, 9)?,
            opened_at: Timestamp::from_micros(row.try_get(10).map_err(store_error)?),
            updated_at: Timestamp::from_micros(row.try_get(11).map_err(store_error)?),
            messages: u32::try_from(row.try_get::<i32, _>(12).map_err(store_error)?).unwrap_or_default(),
        })
    }

    pub(super) async fn list_cases(&self, tenant: &Tenant, filter: &CaseFilter, page: &Page) -> Result<Vec<CaseRecord>> {
        let mut query = QueryBuilder::<Db>::new(CASE_COLUMNS);
        query.push_bind(stored(tenant.as_str()));
        // Constants where there is a partial index, so that it is seen to fit.
        if let Some(class) = filter.class {
            query.push(format!(" AND c.class = {}", class.code()));
        }
        if let Some(status) = filter.status {
            query.push(format!(" AND c.status = {}", status.code()));
        }
        if let Some(review) = filter.review {
            query.push(if review { " AND c.review = TRUE" } else { " AND c.review = FALSE" });
        }
        if let Some(channel) = &filter.channel {
            query.push(" AND c.channel = ").push_bind(stored(channel));
        }
        if let Some(language) = &filter.language {
            query.push(" AND c.language = ").push_bind(stored(language));
        }
        if let Some(customer) = &filter.customer {
            let address = Address::from(customer.as_str());
            let token = address.normalized().map(|normal| self.address_token(tenant, &address, &normal));
            query.push(" AND c.customer_id = (SELECT customer_id FROM address WHERE token = ");
            query.push_bind(token.unwrap_or_default().to_vec()).push(")");
        }
        if let Some(since) = filter.since {
            query.push(" AND c.opened_at >= ").push_bind(since.micros());
        }
        if let Some(until) = filter.until {
            query.push(" AND c.opened_at < ").push_bind(until.micros());
        }
        if let Some((at, id)) = page.after {
            query.push(" AND (c.opened_at, c.id) < (").push_bind(at.micros()).push(", ").push_bind(id).push(")");
        }
        query.push(" ORDER BY c.opened_at DESC, c.id DESC LIMIT ").push_bind(i64::from(page.limit));
        let rows = query.build().fetch_all(&self.read).await.map_err(store_error)?;
        rows.iter().map(|row| self.case_record(row)).collect()
    }

    pub(super) async fn load_case(&self, tenant: &Tenant, number: CaseNumber) -> Result<Option<CaseRecord>> {
        let mut query = QueryBuilder::<Db>::new(CASE_COLUMNS);
        query.push_bind(stored(tenant.as_str())).push(" AND c.number = ").push_bind(i64::try_from(number.counter()).unwrap_or(-1));
        let row = query.build().fetch_optional(&self.read).await.map_err(store_error)?;
        row.map(|row| self.case_record(&row)).transpose()
    }

    pub(super) async fn load_messages(&self, tenant: &Tenant, which: Messages, limit: u32) -> Result<Vec<MessageRecord>> {
        let mut query = QueryBuilder::<Db>::new(
            "SELECT m.id, m.delivery_id, m.part, m.channel, c.number, m.customer_id, m.received_at, m.reader, m.sealed, m.link \
             FROM message m LEFT JOIN cases c ON c.id = m.case_id WHERE m.tenant = ",
        );
        query.push_bind(stored(tenant.as_str()));
        match which {
            Messages::One(id) => query.push(" AND m.id = ").push_bind(id),
            Messages::OfCase(id, None) | Messages::LastOf(id) => query.push(" AND m.case_id = ").push_bind(id),
            Messages::OfCase(id, Some(after)) => query.push(" AND m.case_id = ").push_bind(id).push(" AND m.id > ").push_bind(after),
            Messages::OfDelivery(id) => query.push(" AND m.delivery_id = ").push_bind(id),
        };
        let order = match which {
            Messages::OfDelivery(_) => "m.part",
            Messages::LastOf(_) => "m.id DESC",
            Messages::One(_) | Messages::OfCase(..) => "m.id",
        };
        query.push(format!(" ORDER BY {order} LIMIT ")).push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&self.read).await.map_err(store_error)?;
        rows.iter().map(|row| self.message_record(tenant, row)).collect()
    }

    fn message_record(&self, tenant: &Tenant, row: &DbRow) -> Result<MessageRecord> {
        let id = row.try_get(0).map_err(store_error)?;
        let (sealed, link): (&[u8], &[u8]) = (row.try_get(8).map_err(store_error)?, row.try_get(9).map_err(store_error)?);
        let opened =
            self.open_json("message", id, sealed).and_then(|opened| Ok((opened, self.open_json("the link of message", id, link)?)));
        let (OpenedMessage { message, verdict }, link) = opened.unwrap_or_else(|error| unreadable(&error));
        let case: Option<i64> = row.try_get(4).map_err(store_error)?;
        Ok(MessageRecord {
            id,
            tenant: tenant.clone(),
            delivery: row.try_get(1).map_err(store_error)?,
            part: u32::try_from(row.try_get::<i32, _>(2).map_err(store_error)?).unwrap_or_default(),
            channel: text(row, 3)?,
            case: case.and_then(|counter| Some(CaseNumber::from_counter(u64::try_from(counter).ok()?))),
            customer: row.try_get(5).map_err(store_error)?,
            received_at: Timestamp::from_micros(row.try_get(6).map_err(store_error)?),
            reader: text(row, 7)?,
            link,
            verdict,
            message,
        })
    }

    pub(super) async fn load_events(&self, tenant: &Tenant, case: Uuid, limit: u32) -> Result<Vec<EventRecord>> {
        let rows = sqlx::query(
            "SELECT id, at, kind, actor, message_id, sealed FROM event WHERE tenant = $1 AND case_id = $2 ORDER BY id LIMIT $3",
        )
        .bind(stored(tenant.as_str()))
        .bind(case)
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await
        .map_err(store_error)?;
        rows.iter()
            .map(|row| {
                let id = row.try_get(0).map_err(store_error)?;
                let sealed: &[u8] = row.try_get(5).map_err(store_error)?;
                Ok(EventRecord {
                    id,
                    at: Timestamp::from_micros(row.try_get(1).map_err(store_error)?),
                    kind: text(row, 2)?,
                    actor: text(row, 3)?,
                    message: row.try_get(4).map_err(store_error)?,
                    data: self.open_json("event", id, sealed).unwrap_or_else(|error| {
                        tracing::error!("{error}");
                        serde_json::json!({ "damaged": error.to_string() })
                    }),
                })
            })
            .collect()
    }
}

/// What stands in for a message whose stored bytes are damaged, so that the rest of its case can be read.
fn unreadable(error: &StoreError) -> (OpenedMessage, Link) {
    tracing::error!("{error}");
    let message = Message { warnings: vec![error.to_string()], ..Message::default() };
    let verdict =
        Verdict { class: Class::Inquiry, confidence: 0.0, probabilities: Probabilities::default(), language: None, evidence: Vec::new() };
    (OpenedMessage { message, verdict }, Link::none())
}
