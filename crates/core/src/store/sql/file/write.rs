//! What a batch comes to: gathered in memory, then written at once.

use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use super::super::rows::SealedCase;
use super::draft::Draft;
use super::known::Surroundings;
use super::*;
use crate::case::CaseStatus;
use crate::message::Message;
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
            awaited: Vec::new(),
            events: Vec::with_capacity(messages),
        }
    }

    /// Puts one decided message in its place.
    pub(super) fn add(&mut self, draft: Draft<'a>, decision: Decision, rules: &Rules, surroundings: &mut Surroundings) {
        let Decision { case, link } = decision;
        let opens = draft.read.message.automatic.opens_case() && link.relation != Relation::Duplicate;
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
        surroundings.add_message(&draft, case);
        self.messages.push(FiledMessage { draft, case, link });
    }

    fn join(&mut self, case: Uuid, draft: &Draft<'_>, link: &Link) {
        match self.opened_at.get(&case).and_then(|index| self.opened.get_mut(*index)) {
            Some(opened) => opened.messages += 1,
            None => {
                let touch = self.touched.entry(case).or_default();
                touch.messages += 1;
                touch.opens_again |= link.relation == Relation::Answer && draft.read.message.automatic.opens_case();
            }
        }
        let kind = if link.relation == Relation::Duplicate { "message.duplicate" } else { "message.added" };
        let data = json!({ "rule": link.rule, "score": link.score, "evidence": link.evidence, "of": link.of });
        self.events.push(Event { tenant: draft.reading.tenant.clone(), kind, case, message: draft.id, data });
    }

    fn open(&mut self, draft: &Draft<'_>, link: &Link, rules: &Rules, surroundings: &mut Surroundings) -> Uuid {
        let id = Uuid::now_v7();
        let tenant = draft.reading.tenant.clone();
        let (_, last) = self.counters.entry(tenant.clone()).or_default();
        *last += 1;
        let number = CaseNumber::from_counter(*last);
        let verdict = &draft.read.verdict;
        let review = verdict.confidence < rules.review_below;
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
                std::mem::take(&mut draft.sealed).into(),
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

/// What a list of cases shows of a message: who wrote it, and its subject, or else how its text begins.
fn summary(message: &Message) -> SealedCase {
    let from = message.from.as_ref().and_then(|party| party.name.clone().or_else(|| Some(party.address.as_ref()?.to_string())));
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TITLE).collect::<String>();
    let subject = message.subject.as_deref().map(line).filter(|subject| !subject.is_empty());
    let title = subject.unwrap_or_else(|| line(&message.body.new_text.chars().take(TITLE * 4).collect::<String>()));
    SealedCase { from, title }
}
