//! The one task that commits to the journal.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{AcceptError, Accepted, IntakeLimits, Request};
use crate::metrics::Metrics;
use crate::pipeline::{HotLane, Slot};
use crate::store::{JournalBatch, Store, StoreError};

/// Gathers what is queued, commits it, answers, until every intake is gone and the queue is empty.
pub(super) async fn run(
    store: Arc<dyn Store>,
    hot: Option<HotLane>,
    limits: IntakeLimits,
    metrics: Metrics,
    mut requests: mpsc::Receiver<Request>,
) {
    let mut waiting: VecDeque<Request> = VecDeque::new();
    loop {
        if waiting.is_empty() {
            match requests.recv().await {
                Some(request) => waiting.push_back(request),
                None => return,
            }
        }
        while let Ok(request) = requests.try_recv() {
            waiting.push_back(request);
        }
        let group = next_group(&mut waiting, &limits);
        commit(store.as_ref(), hot.as_ref(), &metrics, group).await;
    }
}

/// The requests for one commit: as many as fit the limits, one at least.
fn next_group(waiting: &mut VecDeque<Request>, limits: &IntakeLimits) -> Vec<Request> {
    let (mut entries, mut bytes) = (0, 0);
    let mut group = Vec::new();
    while let Some(next) = waiting.front() {
        let fits = entries + next.entries.len() <= limits.batch && bytes + next.weight <= limits.batch_bytes;
        if !group.is_empty() && !fits {
            break;
        }
        entries += next.entries.len();
        bytes += next.weight;
        group.extend(waiting.pop_front());
    }
    group
}

async fn commit(store: &dyn Store, hot: Option<&HotLane>, metrics: &Metrics, mut group: Vec<Request>) {
    match try_commit(store, hot, metrics, &mut group).await {
        Ok(answers) => {
            for (request, answer) in group.into_iter().zip(answers) {
                // Whoever asked may be gone; the delivery is kept all the same.
                let _ = request.answer.send(Ok(answer));
            }
        }
        // One request's lease or content must not fail the others: each gets a commit of its own.
        Err(error) if group.len() > 1 && !error.is_transient() => {
            for request in group {
                Box::pin(commit(store, hot, metrics, vec![request])).await;
            }
        }
        Err(error) => {
            metrics.store_errors.inc();
            tracing::warn!(deliveries = group.iter().map(|request| request.entries.len()).sum::<usize>(), "journal not committed: {error}");
            let refusal = AcceptError::from(&error);
            for request in group {
                let _ = request.answer.send(Err(refusal.clone()));
            }
        }
    }
}

/// Commits a group and hands what is new to the hot lane. The group's entries are moved out on success and put back on failure.
async fn try_commit(
    store: &dyn Store,
    hot: Option<&HotLane>,
    metrics: &Metrics,
    group: &mut [Request],
) -> Result<Vec<Vec<Accepted>>, StoreError> {
    let mut batch = JournalBatch::default();
    let mut counts = Vec::with_capacity(group.len());
    for request in group.iter_mut() {
        counts.push(request.entries.len());
        batch.entries.append(&mut request.entries);
        batch.positions.extend(request.position.clone());
        batch.leases.extend(request.lease.clone());
    }
    let mut slots: Vec<Option<Slot>> = Vec::with_capacity(batch.entries.len());
    for entry in &mut batch.entries {
        let slot = hot.and_then(|hot| hot.reserve(entry.delivery.weight()));
        entry.born_claimed = slot.as_ref().and(hot).map(HotLane::claim);
        slots.push(slot);
    }
    let started = tokio::time::Instant::now();
    let journaled = match store.journal(&batch).await {
        Ok(journaled) => journaled,
        Err(error) => {
            let mut entries = batch.entries.into_iter();
            for (request, count) in group.iter_mut().zip(counts) {
                request.entries = entries.by_ref().take(count).collect();
            }
            return Err(error);
        }
    };
    metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
    #[allow(clippy::cast_precision_loss, reason = "a batch has far fewer entries than a float can count")]
    metrics.commit_size.observe(batch.entries.len() as f64);
    let mut answers = journaled.iter().map(|journaled| Accepted { id: journaled.id, known: journaled.known });
    let answers = counts.into_iter().map(|count| answers.by_ref().take(count).collect()).collect();
    for ((entry, slot), journaled) in batch.entries.into_iter().zip(slots).zip(journaled) {
        let label = Metrics::channel(&entry.delivery.channel);
        if journaled.known {
            metrics.known.get_or_create(&label).inc();
            continue;
        }
        metrics.accepted.get_or_create(&label).inc();
        // What is not handed over here is left to whoever claims it when its claim has run out.
        let in_time = hot.zip(entry.born_claimed).is_some_and(|(hot, (_, until))| hot.in_time(until));
        if let Some(slot) = slot.filter(|_| in_time) {
            slot.send(entry);
        }
    }
    if let Some(hot) = hot {
        hot.nudge();
    }
    Ok(answers)
}
