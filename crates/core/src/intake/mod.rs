//! The way in: deliveries are durable before their channel hears so.
//!
//! Callers hand deliveries over and wait. One task gathers whatever queued up while the last commit ran and commits it
//! together (group commit, no timer): one caller alone pays one commit, a thousand callers share a few. The queue is bounded
//! by number and by bytes; when it is full, callers wait, and so do their upstreams.

mod committer;

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use uuid::Uuid;

use crate::delivery::Delivery;
use crate::metrics::Metrics;
use crate::pipeline::HotLane;
use crate::store::{Lease, NewEntry, Position, Store, StoreError};

/// The answer to a delivery that is durable now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its id in the journal: the earlier one's when it was known.
    pub id: Uuid,
    /// Whether the journal had it already (the same channel and key).
    pub known: bool,
}

/// Why a delivery was not accepted. Nothing may be acknowledged upstream.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AcceptError {
    /// Larger than the installation takes at all.
    #[error("the delivery has {size} bytes; at most {limit} are taken")]
    TooLarge {
        /// Its bytes.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Its key is empty or longer than 400 bytes.
    #[error("a delivery key has 1 to 400 bytes, this one has {0}")]
    BadKey(usize),
    /// The daemon is stopping.
    #[error("the intake is closed: the daemon is stopping")]
    Closed,
    /// The lease that the channel works under went to another instance.
    #[error("the lease `{0}` is no longer ours")]
    LeaseLost(String),
    /// The store could not commit it.
    #[error("{0}")]
    Store(String),
}

impl From<&StoreError> for AcceptError {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::LeaseLost(name) => Self::LeaseLost(name.clone()),
            other => Self::Store(other.to_string()),
        }
    }
}

/// From this weight on, hashing happens beside the tasks of others.
const LARGE: usize = 1 << 20;

fn hashed(deliveries: Vec<Delivery>) -> Vec<NewEntry> {
    let entry = |delivery: Delivery| NewEntry { payload_hash: Sha256::digest(&delivery.payload).into(), delivery, born_claimed: None };
    deliveries.into_iter().map(entry).collect()
}

/// The intake's limits.
#[derive(Clone, Copy, Debug)]
pub struct IntakeLimits {
    /// Payload bytes that may wait for a commit, over all callers.
    pub queue_bytes: usize,
    /// Deliveries in one commit, at most.
    pub batch: usize,
    /// Payload bytes in one commit, at most (one delivery may be larger).
    pub batch_bytes: usize,
    /// Bytes that one delivery may have, whatever its channel allows.
    pub max_payload: u64,
}

impl Default for IntakeLimits {
    fn default() -> Self {
        Self { queue_bytes: 64 << 20, batch: 256, batch_bytes: 8 << 20, max_payload: 128 << 20 }
    }
}

/// What waits for a commit: the deliveries of one caller, together or not at all.
struct Request {
    entries: Vec<NewEntry>,
    position: Option<Position>,
    lease: Option<Lease>,
    weight: usize,
    answer: oneshot::Sender<Result<Vec<Accepted>, AcceptError>>,
    /// Held until the answer: this is what bounds the queue.
    _room: OwnedSemaphorePermit,
}

/// The way in. Cheap to clone; the clones share one queue.
#[derive(Clone)]
pub struct Intake {
    queue: mpsc::Sender<Request>,
    room: Arc<Semaphore>,
    limits: IntakeLimits,
}

impl Intake {
    /// Starts the committing task. New deliveries go to the pipeline by its hot lane, where one is given.
    /// The task ends when every clone of the intake is gone.
    pub fn start(
        store: Arc<dyn Store>,
        hot: Option<HotLane>,
        limits: IntakeLimits,
        metrics: Metrics,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, requests) = mpsc::channel(limits.batch * 4);
        let task = tokio::spawn(committer::run(store, hot, limits, metrics, requests));
        (Self { queue, room: Arc::new(Semaphore::new(limits.queue_bytes)), limits }, task)
    }

    /// Accepts one delivery: resolves after the commit, or says that the journal has it already.
    pub async fn accept(&self, delivery: Delivery) -> Result<Accepted, AcceptError> {
        let answers = self.accept_all(vec![delivery], None, None).await?;
        answers.first().copied().ok_or(AcceptError::Closed)
    }

    /// Accepts several in one commit, with a position that becomes true with them, under a lease.
    pub async fn accept_all(
        &self,
        deliveries: Vec<Delivery>,
        position: Option<Position>,
        lease: Option<Lease>,
    ) -> Result<Vec<Accepted>, AcceptError> {
        let mut weight = 256;
        for delivery in &deliveries {
            let size = delivery.payload.len() as u64;
            if size > self.limits.max_payload {
                return Err(AcceptError::TooLarge { size, limit: self.limits.max_payload });
            }
            if delivery.key.is_empty() || delivery.key.len() > 400 {
                return Err(AcceptError::BadKey(delivery.key.len()));
            }
            weight += delivery.weight();
        }
        // A request heavier than the whole queue waits until it is alone.
        let share = u32::try_from(weight.min(self.limits.queue_bytes)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(share).await.map_err(|_| AcceptError::Closed)?;
        let entries = if weight > LARGE {
            tokio::task::spawn_blocking(move || hashed(deliveries)).await.map_err(|_| AcceptError::Closed)?
        } else {
            hashed(deliveries)
        };
        let (answer, answered) = oneshot::channel();
        let request = Request { entries, position, lease, weight, answer, _room: room };
        self.queue.send(request).await.map_err(|_| AcceptError::Closed)?;
        answered.await.map_err(|_| AcceptError::Closed)?
    }
}
