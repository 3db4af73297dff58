//! One worker: takes a batch from either lane, reads it, files it.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Works;
use super::hot::{HotItem, HotQueue};
use super::read::Opened;
use crate::classify::Classifier;
use crate::metrics::RelationLabel;
use crate::outbound::Answering;
use crate::reader::Unreadable;
use crate::same::Relation;
use crate::store::{Aside, Claim, Claimed, Filed, Reading, StoreError};
use crate::time::Timestamp;

/// How long a delivery that could not be filed in a batch is tried alone, before it has to wait as long as a claim lasts.
const ALONE: Duration = Duration::from_secs(2);

/// How often a claim is made to last longer while a reader is at work; then it may run out, for the reader hangs.
const EXTENSIONS: usize = 60;

/// Deliveries to work on, and the room on the hot lane that they take up meanwhile.
struct Batch {
    claimed: Vec<Claimed>,
    _room: Vec<OwnedSemaphorePermit>,
}

enum Next {
    Batch(Batch),
    Nothing,
    Stopped,
}

pub(super) struct Worker {
    works: Works,
    queue: HotQueue,
    stop: CancellationToken,
    /// When the journal was last looked at.
    looked: Instant,
    /// Whether there was something, so that there may be more.
    more: bool,
    /// Whether the hot lane had the last turn.
    hot_was_last: bool,
}

impl Worker {
    pub(super) fn new(works: Works, queue: HotQueue, stop: CancellationToken) -> Self {
        Self { works, queue, stop, looked: Instant::now(), more: false, hot_was_last: false }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.next().await {
                Next::Batch(batch) => work(&self.works, batch, &self.stop).await,
                Next::Nothing => {}
                Next::Stopped => return,
            }
        }
    }

    /// Waits for work: the hot lane first, else the journal, when woken or when it is time to look.
    async fn next(&mut self) -> Next {
        // While stopping, the hot lane is emptied (it closes when the intake is done) and nothing more is claimed.
        let stopping = self.stop.is_cancelled();
        // Under steady load the hot lane is never empty, and the journal must have its turn all the same.
        let journals_turn = self.looked.elapsed() >= self.works.settings.poll || (self.more && self.hot_was_last);
        if journals_turn && !stopping {
            match self.cold_batch().await {
                Next::Nothing => {}
                found => return found,
            }
        }
        let mut items = Vec::new();
        let (works, stop) = (&self.works, &self.stop);
        tokio::select! {
            biased;
            count = receive(&self.queue, &mut items, works.settings.batch) => {
                if count > 0 {
                    self.hot_was_last = true;
                    return hot_batch(items);
                }
                if stopping {
                    return Next::Stopped;
                }
                // The intake is gone but nobody said stop (an import has handed everything over): only the journal is left.
                tokio::select! {
                    () = works.wake.notified() => {}
                    () = tokio::time::sleep(works.settings.poll) => {}
                    () = stop.cancelled() => {}
                }
            }
            () = works.wake.notified(), if !stopping => {}
            () = tokio::time::sleep(works.settings.poll), if !stopping => {}
            () = stop.cancelled(), if !stopping => return Next::Nothing,
        }
        if self.stop.is_cancelled() {
            return Next::Nothing;
        }
        self.cold_batch().await
    }

    async fn cold_batch(&mut self) -> Next {
        let settings = &self.works.settings;
        let claim = Claim {
            owner: self.works.instance,
            until: Timestamp::now().plus(settings.claim),
            limit: u32::try_from(settings.batch).unwrap_or(u32::MAX),
            bytes: settings.batch_bytes as u64,
        };
        (self.looked, self.more, self.hot_was_last) = (Instant::now(), false, false);
        match self.works.store.claim(&claim).await {
            Ok(claimed) if claimed.is_empty() => Next::Nothing,
            Ok(claimed) => {
                // There may be more where these came from.
                self.more = true;
                self.works.wake.notify_one();
                Next::Batch(Batch { claimed, _room: Vec::new() })
            }
            Err(error) => {
                self.works.metrics.store_errors.inc();
                tracing::warn!("cannot claim from the journal, trying again: {error}");
                tokio::select! {
                    () = tokio::time::sleep(settings.poll.min(Duration::from_secs(2))) => {}
                    () = self.stop.cancelled() => {}
                }
                // Nobody may be there to wake us when the store is back.
                self.works.wake.notify_one();
                Next::Nothing
            }
        }
    }
}

async fn receive(queue: &HotQueue, items: &mut Vec<HotItem>, limit: usize) -> usize {
    queue.lock().await.recv_many(items, limit).await
}

fn hot_batch(items: Vec<HotItem>) -> Next {
    let now = Timestamp::now();
    let mut batch = Batch { claimed: Vec::with_capacity(items.len()), _room: Vec::with_capacity(items.len()) };
    // What waited here past its claim belongs to whoever claims it next.
    for item in items.into_iter().filter(|item| item.claimed_until > now) {
        batch.claimed.push(item.claimed);
        batch._room.push(item.room);
    }
    if batch.claimed.is_empty() { Next::Nothing } else { Next::Batch(batch) }
}

async fn work(works: &Works, batch: Batch, stop: &CancellationToken) {
    let (readers, masters, classifier) = (works.readers.clone(), works.masters.clone(), works.classifier.clone());
    let answering = works.answering.clone();
    let claimed = batch.claimed;
    let ids: Vec<Uuid> = claimed.iter().map(|one| one.delivery.id).collect();
    let reading = tokio::task::spawn_blocking(move || {
        let mut first = First { readings: Vec::with_capacity(claimed.len()), asides: Vec::new(), long: Vec::new() };
        // Each delivery's bytes are let go as soon as they are read.
        for one in claimed {
            match Opened::new(one, &readers, &masters) {
                Ok(opened) => first.read(opened, &classifier, &answering),
                Err(failed) => first.asides.push(aside(&failed.0, failed.1)),
            }
        }
        first
    });
    let Ok(First { readings, asides, long }) = holding(works, &ids, reading).await else {
        tracing::error!("reading a batch ended badly; its deliveries are claimed again later");
        return;
    };
    if !asides.is_empty() {
        quarantine(works, &asides, stop).await;
    }
    if !readings.is_empty() && file(works, &readings, works.settings.claim, stop).await {
        works.ring(&readings);
    }
    for opened in long {
        rest(works, opened, stop).await;
    }
}

/// What the first look at a batch gives.
struct First {
    readings: Vec<Reading>,
    asides: Vec<Aside>,
    /// Those that hold more messages than are filed at once.
    long: Vec<Opened>,
}

impl First {
    fn read(&mut self, mut opened: Opened, classifier: &Classifier, answering: &Answering) {
        match opened.stretch(classifier, answering) {
            Ok(reading) => {
                let more = reading.stretch.more;
                self.readings.push(reading);
                if more {
                    self.long.push(opened);
                }
            }
            Err(unreadable) => self.asides.push(aside(opened.claimed(), unreadable)),
        }
    }
}

/// Files the rest of a delivery that holds many messages, a stretch at a time: killed in between, the next attempt goes on after what
/// is filed.
async fn rest(works: &Works, mut opened: Opened, stop: &CancellationToken) {
    let ids = [opened.claimed().delivery.id];
    loop {
        if stop.is_cancelled() {
            return;
        }
        if let Err(error) = works.store.extend_claims(works.instance, &ids, Timestamp::now().plus(works.settings.claim)).await {
            tracing::warn!(delivery = %ids[0], "claim not extended between two stretches: {error}");
        }
        let (classifier, answering) = (works.classifier.clone(), works.answering.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let read = opened.stretch(&classifier, &answering);
            (opened, read)
        });
        let Ok((back, read)) = holding(works, &ids, reading).await else { return };
        opened = back;
        let reading = match read {
            Ok(reading) => reading,
            Err(unreadable) => return quarantine(works, &[aside(opened.claimed(), unreadable)], stop).await,
        };
        let more = reading.stretch.more;
        if !file(works, std::slice::from_ref(&reading), works.settings.claim, stop).await {
            return;
        }
        works.ring(std::slice::from_ref(&reading));
        if !more {
            return;
        }
    }
}

fn aside(claimed: &Claimed, unreadable: Unreadable) -> Aside {
    let delivery = &claimed.delivery;
    tracing::warn!(delivery = %delivery.id, channel = &*delivery.channel, "quarantined: {unreadable}");
    Aside { delivery: delivery.id, error: unreadable.0, retry_at: None, blameless: false }
}

/// Waits for readers, and keeps the claims from running out meanwhile.
async fn holding<T>(works: &Works, ids: &[Uuid], mut reading: JoinHandle<T>) -> Result<T, JoinError> {
    let third = works.settings.claim / 3;
    for _ in 0..EXTENSIONS {
        tokio::select! {
            read = &mut reading => return read,
            () = tokio::time::sleep(third) => {}
        }
        let until = Timestamp::now().plus(works.settings.claim);
        if let Err(error) = works.store.extend_claims(works.instance, ids, until).await {
            tracing::warn!(deliveries = ids.len(), "claims not extended while reading: {error}");
        }
    }
    reading.await
}

/// Files a batch. When the store finds fault with it, or keeps failing on it while it answers otherwise, each delivery is tried
/// alone: only the faulty one is set aside, and one that the store cannot take now waits without being blamed for it. Whether all
/// were filed.
async fn file(works: &Works, readings: &[Reading], patience: Duration, stop: &CancellationToken) -> bool {
    let filed = persist(works, patience, stop, "file", || works.store.file(works.instance, readings, &works.settings.rules)).await;
    let fault = match filed {
        Ok(filed) => {
            count(works, &filed, readings);
            return true;
        }
        Err(Failure::Stopping) => return false,
        Err(fault) => fault,
    };
    let [one] = readings else {
        let mut all = true;
        for one in readings {
            all &= Box::pin(file(works, std::slice::from_ref(one), ALONE, stop)).await;
        }
        return all;
    };
    match fault {
        Failure::Faulty(error) => {
            tracing::error!(delivery = %one.delivery, channel = &*one.channel, "quarantined, it cannot be filed: {error}");
            let aside = Aside { delivery: one.delivery, error: format!("cannot be filed: {error}"), retry_at: None, blameless: false };
            quarantine(works, &[aside], stop).await;
        }
        Failure::NotNow(error) => {
            let later = works.settings.claim;
            tracing::warn!(delivery = %one.delivery, channel = &*one.channel, retry_in = ?later, "cannot be filed now: {error}");
            let retry_at = Some(Timestamp::now().plus(later));
            let aside = Aside { delivery: one.delivery, error: format!("cannot be filed now: {error}"), retry_at, blameless: true };
            // Where even this cannot be written, the claim runs out by itself.
            let _ = works.store.set_aside(works.instance, &[aside]).await;
        }
        Failure::Stopping => {}
    }
    false
}

async fn quarantine(works: &Works, asides: &[Aside], stop: &CancellationToken) {
    let done = persist(works, works.settings.claim, stop, "set aside", || works.store.set_aside(works.instance, asides)).await;
    match done {
        Ok(()) => drop(works.metrics.quarantined.inc_by(asides.len() as u64)),
        Err(Failure::Stopping) => {}
        Err(Failure::Faulty(error) | Failure::NotNow(error)) => {
            tracing::error!(deliveries = asides.len(), "not set aside, they are claimed again later: {error}");
        }
    }
}

fn count(works: &Works, filed: &[Filed], readings: &[Reading]) {
    let now = Timestamp::now();
    works.metrics.quarantined.inc_by(readings.iter().map(|reading| reading.asides.len() as u64).sum());
    for one in filed {
        works.metrics.filed_seconds.observe(now.since(one.received_at).as_secs_f64());
        for link in &one.links {
            let relation = match link.relation {
                Relation::New => "new",
                Relation::Duplicate => "duplicate",
                Relation::Revision => "revision",
                Relation::Answer => "answer",
                Relation::Related => "related",
            };
            works.metrics.messages.get_or_create(&RelationLabel { relation }).inc();
        }
    }
}

/// Why something was not written. Nothing is lost by it: the deliveries are in the journal.
enum Failure {
    /// The daemon stops while the store is away.
    Stopping,
    /// The store answers, and waiting did not help.
    NotNow(StoreError),
    /// It will not work by waiting.
    Faulty(StoreError),
}

/// Calls the store until it works. A store that is away is waited for, however long; one that answers and only fails at this
/// is given some time.
async fn persist<T, F>(works: &Works, patience: Duration, stop: &CancellationToken, what: &str, call: impl Fn() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = Duration::from_millis(50);
    let mut deadline = Instant::now() + patience;
    loop {
        let error = match call().await {
            Ok(done) => return Ok(done),
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(Failure::Faulty(error)),
        };
        works.metrics.store_errors.inc();
        if stop.is_cancelled() {
            tracing::warn!("could not {what} a batch, it stays in the journal: {error}");
            return Err(Failure::Stopping);
        }
        if works.store.ping().await.is_err() {
            deadline = Instant::now() + patience;
        } else if Instant::now() >= deadline {
            return Err(Failure::NotNow(error));
        }
        tracing::warn!(retry_in = ?pause, "could not {what} a batch, trying again: {error}");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}
