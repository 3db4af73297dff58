//! What a batch comes to: gathered in memory, then written at once.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;
use uuid::Uuid;

use super::super::rows::SealedCase;
use super::draft::Draft;
use super::known::Surroundings;
use super::*;
use crate::case::CaseStatus;
use crate::message::{Automatic, Message};
use crate::outbound::ByItself;
use crate::same::{Decision, Link, Relation, Rules};
use crate::time::Timestamp;
use crate::vault::Token;

/// Characters of a case's title.
const TITLE: usize = 120;
/// A language tag has no more (BCP 47, in practice); what is longer is none, and no index takes it.
const LANGUAGE: usize = 35;

pub(super) struct Outcome<'a> {
    now: Timestamp,
    /// The last case number of each tenant, as locked in the store and as advanced here.
    counters: HashMap<Tenant, (u64, u64)>,
    opened: Vec<NewCase>,
    /// Where each opened case stands in `opened`.
    opened_at: HashMap<Uuid, usize>,
    touched: HashMap<Uuid, Touch>,
    messages: Vec<FiledMessage<'a>>,
    orders: Vec<NewOrder>,
    outbound: Vec<NewOutbound>,
    /// Deliveries of which nothing is left: all that is in them was deleted before.
    erased: BTreeSet<Uuid>,
    /// Identities that messages answer and that have not come yet.
    awaited: Vec<(Token, Uuid)>,
    events: Vec<Event>,
}

struct NewCase {
    id: Uuid,
    number: CaseNumber,
    /// The message that opened it stands there in `messages`.
    message: usize,
    review: bool,
    messages: i32,
}

/// A revision of an order.
struct NewOrder {
    /// The message that says it stands there in `messages`.
    message: usize,
    case: Uuid,
    revision: i32,
}

/// What happens to a case that was there.
#[derive(Default)]
struct Touch {
    messages: i32,
    opens_again: bool,
}

struct FiledMessage<'a> {
    draft: Draft<'a>,
    case: Option<Uuid>,
    link: Link,
}

struct Event {
    tenant: Tenant,
    kind: &'static str,
    case: Uuid,
    message: Uuid,
    data: serde_json::Value,
}

impl<'a> Outcome<'a> {
    pub(super) fn new(counters: HashMap<Tenant, u64>, messages: usize) -> Self {
        Self {
            now: Timestamp::now(),
            counters: counters.into_iter().map(|(tenant, last)| (tenant, (last, last))).collect(),
            opened: Vec::new(),
            opened_at: HashMap::new(),
            touched: HashMap::new(),
            messages: Vec::with_capacity(messages),
            orders: Vec::new(),
            outbound: Vec::new(),
            erased: BTreeSet::new(),
            awaited: Vec::new(),
            events: Vec::with_capacity(messages),
        }
    }

    /// Puts one decided message in its place.
    pub(super) fn add(&mut self, draft: Draft<'a>, decision: Decision, rules: &Rules, surroundings: &mut Surroundings) {
        let Decision { case, link } = decision;
        let opens = draft.read.message.automatic.opens_case() && link.relation != Relation::Duplicate;
        let opened = case.is_none() && opens;
        let case = match case {
            Some(case) => {
                self.join(case, &draft, &link);
                Some(case)
            }
            None if opens => Some(self.open(&draft, &link, rules, surroundings)),
            None => None,
        };
        // Automatic mail and duplicates have nothing to wait for: their threads are those of others.
        if case.is_some() && link.relation != Relation::Duplicate && draft.read.message.automatic.opens_case() {
            self.awaited.extend(surroundings.awaited(&draft).into_iter().map(|token| (token, draft.id)));
        }
        let revises = draft.read.message.order.is_some() && link.relation != Relation::Duplicate;
        if let Some(case) = case.filter(|_| revises) {
            let revision = i32::try_from(surroundings.revisions(&draft) + 1).unwrap_or(i32::MAX);
            self.orders.push(NewOrder { message: self.messages.len(), case, revision });
        }
        if let Some(case) = case.filter(|_| opened) {
            self.outbound.extend(acknowledgement(&draft, case));
        }
        if link.rule == "deleted" {
            self.erased.insert(draft.reading.delivery);
        }
        let takes_part = !link.unverified && draft.read.message.automatic.opens_case();
        surroundings.add_message(&draft, case, takes_part, revises);
        self.messages.push(FiledMessage { draft, case, link });
    }

    /// What else becomes of a delivery: the answer to an interchange as a whole.
    pub(super) fn end(&mut self, reading: &Reading) {
        let answer = reading.answer.as_ref().filter(|answer| answer.by_itself == ByItself::EdiAcknowledgement && !reading.stretch.more);
        if let Some(answer) = answer {
            let hash: String = reading.payload_hash.iter().map(|byte| format!("{byte:02x}")).collect();
            self.outbound.push(NewOutbound {
                tenant: reading.tenant.clone(),
                sender: answer.sender.clone(),
                kind: OutboundKind::EdiAcknowledgement,
                // The same interchange by another way is the same interchange.
                key: format!("edi-acknowledgement/{hash}"),
                case: None,
                message: None,
                delivery: Some(reading.delivery),
                content: serde_json::Value::Null,
            });
        }
    }

    fn join(&mut self, case: Uuid, draft: &Draft<'_>, link: &Link) {
        match self.opened_at.get(&case).and_then(|index| self.opened.get_mut(*index)) {
            Some(opened) => opened.messages += 1,
            None => {
                let touch = self.touched.entry(case).or_default();
                touch.messages += 1;
                touch.opens_again |=
                    matches!(link.relation, Relation::Answer | Relation::Revision) && draft.read.message.automatic.opens_case();
            }
        }
        let kind = match link.relation {
            Relation::Duplicate => "message.duplicate",
            Relation::Revision => "order.revised",
            _ if link.rule == "bounce" => "mail.bounced",
            _ => "message.added",
        };
        let bounce = draft.read.message.extra.get("bounce").filter(|_| link.rule == "bounce");
        let data = json!({
            "rule": link.rule, "score": link.score, "evidence": link.evidence, "of": link.of, "unverified": link.unverified, "bounce": bounce,
        });
        self.events.push(Event { tenant: draft.reading.tenant.clone(), kind, case, message: draft.id, data });
    }

    fn open(&mut self, draft: &Draft<'_>, link: &Link, rules: &Rules, surroundings: &mut Surroundings) -> Uuid {
        let id = Uuid::now_v7();
        let tenant = draft.reading.tenant.clone();
        let (_, last) = self.counters.entry(tenant.clone()).or_default();
        *last += 1;
        let number = CaseNumber::from_counter(*last);
        let verdict = &draft.read.verdict;
        let unsure = draft.read.message.order.as_ref().is_some_and(|order| !order.exceptions.is_empty());
        let review = unsure || verdict.confidence < rules.review_below;
        self.opened_at.insert(id, self.opened.len());
        self.opened.push(NewCase { id, number, message: self.messages.len(), review, messages: 1 });
        let data = json!({
            "class": verdict.class, "confidence": verdict.confidence, "review": review, "channel": &*draft.reading.channel,
            "rule": link.rule, "evidence": link.evidence, "related": link.related,
        });
        if let Some(other) = link.related.and_then(|other| surroundings.numbered(&tenant, other)) {
            let data = json!({ "case": number, "rule": link.rule, "evidence": link.evidence });
            self.events.push(Event { tenant: tenant.clone(), kind: "case.related", case: other, message: draft.id, data });
        }
        surroundings.add_case(id, tenant.clone(), number);
        self.events.push(Event { tenant, kind: "case.opened", case: id, message: draft.id, data });
        id
    }

    /// Writes everything; answers what became of each delivery.
    pub(super) async fn write(mut self, store: &SqlStore, tx: &mut Tx, surroundings: &Surroundings) -> Result<Vec<Filed>> {
        self.write_counters(tx).await?;
        self.write_new_cases(store, tx, surroundings).await?;
        self.write_touched_cases(tx, surroundings).await?;
        self.write_messages(store, tx).await?;
        self.write_awaited(tx).await?;
        self.write_events(store, tx).await?;
        self.write_orders(store, tx).await?;
        self.write_outbound(store, tx).await?;
        self.erase(tx).await?;
        let mut filed: Vec<Filed> = Vec::new();
        for message in self.messages {
            let reading = message.draft.reading;
            match filed.last_mut().filter(|last| last.delivery == reading.delivery) {
                Some(last) => last.links.push(message.link),
                None => filed.push(Filed { delivery: reading.delivery, received_at: reading.received_at, links: vec![message.link] }),
            }
        }
        Ok(filed)
    }

    async fn write_counters(&self, tx: &mut Tx) -> Result<()> {
        for (tenant, (before, after)) in &self.counters {
            if before != after {
                sqlx::query("UPDATE counter SET value = $1 WHERE tenant = $2 AND name = 'case'")
                    .bind(i64::try_from(*after).unwrap_or(i64::MAX))
                    .bind(stored(tenant.as_str()))
                    .execute(&mut **tx)
                    .await
                    .map_err(store_error)?;
            }
        }
        Ok(())
    }

    async fn write_new_cases(&self, store: &SqlStore, tx: &mut Tx, surroundings: &Surroundings) -> Result<()> {
        let mut rows = Rows::new(&[
            "id",
            "tenant",
            "number",
            "customer_id",
            "class",
            "confidence",
            "review",
            "status",
            "language",
            "channel",
            "opened_at",
            "updated_at",
            "messages",
            "sealed",
            "participants",
        ]);
        for case in &self.opened {
            let Some(FiledMessage { draft, .. }) = self.messages.get(case.message) else { continue };
            let (message, verdict) = (&draft.read.message, &draft.read.verdict);
            rows.push([
                case.id.into(),
                draft.reading.tenant.as_str().into(),
                i64::try_from(case.number.counter()).unwrap_or(i64::MAX).into(),
                draft.customer.into(),
                verdict.class.code().into(),
                verdict.confidence.into(),
                case.review.into(),
                CaseStatus::Open.code().into(),
                message.body.language.as_deref().filter(|language| language.len() <= LANGUAGE).into(),
                (&*draft.reading.channel).into(),
                draft.reading.received_at.micros().into(),
                self.now.micros().into(),
                case.messages.into(),
                store.seal_json(&summary(message))?.into(),
                surroundings.participants(case.id).unwrap_or_default().into(),
            ]);
        }
        rows.insert(tx, "cases", "").await.map(drop)
    }

    async fn write_touched_cases(&self, tx: &mut Tx, surroundings: &Surroundings) -> Result<()> {
        let mut rows = Rows::new(&["id", "messages", "updated_at", "opens_again", "participants"]);
        for (id, touch) in &self.touched {
            rows.push([
                (*id).into(),
                touch.messages.into(),
                self.now.micros().into(),
                touch.opens_again.into(),
                surroundings.participants(*id).as_deref().into(),
            ]);
        }
        let update = "UPDATE cases SET messages = cases.messages + new.messages, updated_at = new.updated_at, \
                      status = CASE WHEN new.opens_again THEN 0 ELSE cases.status END, \
                      participants = coalesce(new.participants, cases.participants)";
        rows.update(tx, update, "WHERE cases.id = new.id").await
    }

    async fn write_messages(&mut self, store: &SqlStore, tx: &mut Tx) -> Result<()> {
        let mut rows = Rows::new(&[
            "id",
            "tenant",
            "delivery_id",
            "part",
            "channel",
            "case_id",
            "customer_id",
            "received_at",
            "reader",
            "identity_token",
            "content_hash",
            "content_token",
            "domain_token",
            "sealed",
            "link",
        ]);
        for FiledMessage { draft, case, link } in &mut self.messages {
            let token = |token: Option<Token>| Value::from(token.as_ref().map(<[u8; 16]>::as_slice));
            rows.push([
                draft.id.into(),
                draft.reading.tenant.as_str().into(),
                draft.reading.delivery.into(),
                i32::try_from(draft.part).unwrap_or(i32::MAX).into(),
                (&*draft.reading.channel).into(),
                (*case).into(),
                draft.customer.into(),
                draft.reading.received_at.micros().into(),
                draft.read.reader.as_str().into(),
                token(draft.identity),
                token(draft.content),
                token(draft.content_of_customer(store)),
                token(draft.domain),
                if link.rule == "deleted" { store.nothing()? } else { std::mem::take(&mut draft.sealed) }.into(),
                store.seal_json(link)?.into(),
            ]);
        }
        rows.insert(tx, "message", "").await.map(drop)
    }

    async fn write_awaited(&self, tx: &mut Tx) -> Result<()> {
        let mut rows = Rows::new(&["token", "message_id"]);
        for (token, message) in &self.awaited {
            rows.push([token.as_slice().into(), (*message).into()]);
        }
        rows.insert(tx, "awaited", "ON CONFLICT (token, message_id) DO NOTHING").await.map(drop)
    }

    async fn write_orders(&self, store: &SqlStore, tx: &mut Tx) -> Result<()> {
        let mut rows = Rows::new(&orders::NEW);
        let mut before = Vec::new();
        for order in &self.orders {
            let Some(FiledMessage { draft, .. }) = self.messages.get(order.message) else { continue };
            let Some(facts) = &draft.read.fingerprint.order else { continue };
            let (po, buyer) = (facts.po.as_deref().map(|po| store.po_token(&draft.reading.tenant, po)), draft.order_of_customer(store));
            if let (Some(buyer), true) = (buyer, order.revision > 1) {
                before.push((buyer, order.revision, orders::status_before(facts.kind)));
            }
            rows.push([
                Uuid::now_v7().into(),
                draft.reading.tenant.as_str().into(),
                order.case.into(),
                draft.id.into(),
                draft.customer.into(),
                order.revision.into(),
                orders::code(facts.kind).into(),
                OrderStatus::Open.code().into(),
                draft.reading.received_at.micros().into(),
                facts.lines.as_slice().into(),
                po.as_ref().map(<[u8; 16]>::as_slice).into(),
                buyer.as_ref().map(<[u8; 16]>::as_slice).into(),
            ]);
        }
        rows.insert(tx, "orders", "").await?;
        for (buyer, revision, status) in before {
            sqlx::query("UPDATE orders SET status = $1 WHERE order_token = $2 AND revision < $3 AND status = 0")
                .bind(status.code())
                .bind(buyer.to_vec())
                .bind(revision)
                .execute(&mut **tx)
                .await
                .map_err(store_error)?;
        }
        Ok(())
    }

    async fn write_outbound(&self, store: &SqlStore, tx: &mut Tx) -> Result<()> {
        let mut rows = Rows::new(&outbound::NEW);
        for new in &self.outbound {
            rows.push(store.outbound_row(Uuid::now_v7(), new, self.now)?);
        }
        rows.insert(tx, "outbound", "ON CONFLICT (tenant, key) DO NOTHING").await.map(drop)
    }

    /// Of what was deleted before, nothing is kept that could be read.
    async fn erase(&self, tx: &mut Tx) -> Result<()> {
        for delivery in &self.erased {
            let whole = self
                .messages
                .iter()
                .filter(|message| message.draft.reading.delivery == *delivery)
                .all(|message| message.link.rule == "deleted");
            if whole {
                erase::bytes_of(tx, *delivery).await?;
            }
        }
        Ok(())
    }

    async fn write_events(&self, store: &SqlStore, tx: &mut Tx) -> Result<()> {
        let mut rows = Rows::new(&["id", "tenant", "at", "kind", "actor", "case_id", "message_id", "sealed"]);
        for event in &self.events {
            rows.push([
                Uuid::now_v7().into(),
                event.tenant.as_str().into(),
                self.now.micros().into(),
                event.kind.into(),
                "loket".into(),
                event.case.into(),
                event.message.into(),
                store.seal_json(&event.data)?.into(),
            ]);
        }
        rows.insert(tx, "event", "").await.map(drop)
    }
}

/// What goes back for a message that opened a case: only people are told that they were heard.
fn acknowledgement(draft: &Draft<'_>, case: Uuid) -> Option<NewOutbound> {
    let answer = draft.reading.answer.as_ref().filter(|answer| answer.by_itself == ByItself::Acknowledgement)?;
    (draft.read.message.automatic == Automatic::None).then(|| NewOutbound {
        tenant: draft.reading.tenant.clone(),
        sender: answer.sender.clone(),
        kind: OutboundKind::Acknowledgement,
        key: format!("acknowledgement/{}", draft.id),
        case: Some(case),
        message: Some(draft.id),
        delivery: None,
        content: serde_json::Value::Null,
    })
}

/// What a list of cases shows of a message: who wrote it, and its subject, or else how its text begins.
fn summary(message: &Message) -> SealedCase {
    let from = message.from.as_ref().and_then(|party| party.name.clone().or_else(|| Some(party.address.as_ref()?.to_string())));
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TITLE).collect::<String>();
    let subject = message.subject.as_deref().map(line).filter(|subject| !subject.is_empty());
    let title = subject.unwrap_or_else(|| line(&message.body.new_text.chars().take(TITLE * 4).collect::<String>()));
    SealedCase { from, title }
}
