//! `loket replay`: stored deliveries through today's readers and classifier.
//!
//! It makes no cases and moves no message. Without `--dry-run` the messages that read differently now are kept as they read now,
//! with an event that says so; the class of a case stays what it is.

use std::process::ExitCode;
use std::sync::Arc;

use loket_core::case::CaseNumber;
use loket_core::classify::{Class, Verdict};
use loket_core::pipeline::{Masters, read_one};
use loket_core::store::{Claimed, JournalState, MessageRecord, ReadMessage, ReplayQuery, Replayed, Reread, Store};
use loket_core::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::channels;
use crate::cli;
use crate::config::Config;
use crate::engine;
use crate::masters;
use crate::output::Output;
use crate::readers;

/// Deliveries at a time.
const BATCH: u32 = 50;

#[derive(Serialize)]
struct Difference {
    delivery: Uuid,
    channel: String,
    received_at: Timestamp,
    state: JournalState,
    /// Why it cannot be read now.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Messages that are there now and were not, or the other way round.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Pair<usize>>,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    part: usize,
    case: Option<CaseNumber>,
    /// Each field that differs, with its value before and after.
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Pair<Judged>>,
}

#[derive(Serialize)]
struct Pair<T> {
    before: T,
    after: T,
}

#[derive(Serialize, PartialEq)]
struct Judged {
    class: Class,
    confidence: f64,
    language: Option<String>,
}

#[derive(Default, Serialize)]
struct Summary {
    deliveries: u64,
    same: u64,
    different: u64,
    /// Filed once, unreadable now.
    unreadable: u64,
    /// In quarantine and readable now: `loket quarantine retry` files them.
    readable_now: u64,
    /// Messages kept as they read now.
    updated: u64,
    dry_run: bool,
}

pub(super) async fn run(config: Config, store: Arc<dyn Store>, args: &cli::Replay) -> anyhow::Result<ExitCode> {
    let channel = args.channel.as_deref().map(|wanted| channels::find(&config, wanted)).transpose().map_err(anyhow::Error::msg)?;
    let (readers, classifier) = (readers::all(), engine::classifier()?);
    let masters = Masters::default();
    masters.set(masters::load(&config.masters).map_err(|faults| anyhow::anyhow!(faults.join("\n")))?);
    let mut output = Output::new();
    let mut summary = Summary { dry_run: args.dry_run, ..Summary::default() };
    let mut query = ReplayQuery { channel: channel.map(|(name, _)| name), since: args.since, after: None, limit: BATCH };
    loop {
        let batch = store.replay_batch(&query).await?;
        let Some(last) = batch.last() else { break };
        query.after = Some(last.delivery.id);
        for replayed in batch {
            let Replayed { delivery, state, messages } = replayed;
            summary.deliveries += 1;
            let claimed = Claimed { delivery, attempts: 1, payload_hash: [0; 32] };
            let read = read_one(&claimed, &readers, &masters, &classifier);
            let delivery = claimed.delivery;
            let mut difference = Difference {
                delivery: delivery.id,
                channel: delivery.channel.to_string(),
                received_at: delivery.received_at,
                state,
                error: None,
                messages: None,
                parts: Vec::new(),
            };
            match (read, state) {
                (Err(_), JournalState::Quarantined) => summary.same += 1,
                (Err(unreadable), _) => {
                    summary.unreadable += 1;
                    difference.error = Some(unreadable.to_string());
                    output.line(&difference)?;
                }
                (Ok(reading), JournalState::Quarantined) => {
                    summary.readable_now += 1;
                    difference.messages = Some(Pair { before: 0, after: reading.messages.len() });
                    output.line(&difference)?;
                }
                (Ok(reading), _) => {
                    difference.messages = (reading.messages.len() != messages.len())
                        .then_some(Pair { before: messages.len(), after: reading.messages.len() });
                    let mut rereads = Vec::new();
                    for (part, (before, after)) in messages.into_iter().zip(reading.messages).enumerate() {
                        let Some(found) = compare(part, &before, &after) else { continue };
                        rereads.push(Reread { message: before.id, fields: found.fields.keys().cloned().collect(), read: after });
                        difference.parts.push(found);
                    }
                    if difference.messages.is_none() && difference.parts.is_empty() {
                        summary.same += 1;
                        continue;
                    }
                    summary.different += 1;
                    output.line(&difference)?;
                    if !args.dry_run && !rereads.is_empty() {
                        summary.updated += store.reread(&delivery, &rereads).await?;
                    }
                }
            }
        }
    }
    output.line(&summary)?;
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// What differs between a message as it is kept and as it reads now.
fn compare(part: usize, before: &MessageRecord, after: &ReadMessage) -> Option<Part> {
    let mut fields = Map::new();
    if before.message != after.message {
        let shown = |message| match serde_json::to_value(message) {
            Ok(Value::Object(fields)) => flat(fields),
            _ => Map::new(),
        };
        let (mut old, new) = (shown(&before.message), shown(&after.message));
        for (name, now) in new {
            let was = old.remove(&name).unwrap_or_default();
            if was != now {
                fields.insert(name, json!({ "before": was, "after": now }));
            }
        }
        fields.extend(old.into_iter().map(|(name, was)| (name, json!({ "before": was, "after": null }))));
    }
    let (was, is) = (judged(&before.verdict), judged(&after.verdict));
    let verdict = (was != is).then_some(Pair { before: was, after: is });
    (!fields.is_empty() || verdict.is_some()).then_some(Part { part, case: before.case, fields, verdict })
}

/// The body's fields beside the message's own: a changed text shows as `body.new_text`, not as the whole body.
fn flat(mut fields: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(body)) = fields.remove("body") {
        fields.extend(body.into_iter().map(|(name, value)| (format!("body.{name}"), value)));
    }
    fields
}

/// A verdict as far as people would call it another one.
fn judged(verdict: &Verdict) -> Judged {
    Judged { class: verdict.class, confidence: (verdict.confidence * 100.0).round() / 100.0, language: verdict.language.clone() }
}
