//! From the journal to cases: read, judge, match, file.
//!
//! Work comes by two lanes. The *hot lane* carries deliveries straight from the intake's commit, claimed from birth. The *cold
//! lane* claims from the journal: what the hot lane had no room for, what an earlier process left, what is tried again.
//! Reading happens outside of any transaction; each batch is filed in one. A reader that fails or panics sets aside its own
//! delivery only; one that takes the whole process down is found by its attempts after the restart.

mod hot;
mod masters;
mod read;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use hot::{HotLane, Slot};
pub use masters::Masters;
pub use read::{Opened, read_one};

use crate::classify::Classifier;
use crate::metrics::Metrics;
use crate::outbound::Answering;
use crate::reader::Readers;
use crate::same::Rules;
use crate::store::{Reading, Store};

/// How often a delivery is tried before it goes to quarantine.
pub const MAX_ATTEMPTS: u32 = 5;

/// The pipeline's limits.
#[derive(Clone, Copy, Debug)]
pub struct PipelineSettings {
    /// Workers that read and file.
    pub workers: usize,
    /// Deliveries in one batch, at most.
    pub batch: usize,
    /// Payload bytes in one batch, at most (one delivery may be larger).
    pub batch_bytes: usize,
    /// Payload bytes that the hot lane holds.
    pub hot_bytes: usize,
    /// How long a claim lasts.
    pub claim: Duration,
    /// How often the journal is looked at when nothing is going on.
    pub poll: Duration,
    /// Same-or-not and review.
    pub rules: Rules,
}

impl Default for PipelineSettings {
    fn default() -> Self {
        Self {
            workers: 2,
            batch: 256,
            batch_bytes: 16 << 20,
            hot_bytes: 32 << 20,
            claim: Duration::from_secs(30),
            poll: Duration::from_secs(2),
            rules: Rules::default(),
        }
    }
}

/// What the workers share.
#[derive(Clone)]
pub struct Works {
    /// This process, among others on the same store.
    pub instance: Uuid,
    /// The store.
    pub store: Arc<dyn Store>,
    /// The readers.
    pub readers: Arc<Readers>,
    /// The classifier.
    pub classifier: Arc<Classifier>,
    /// The figures.
    pub metrics: Metrics,
    /// How what comes by each channel is answered.
    pub answering: Answering,
    /// What orders are held against.
    pub masters: Masters,
    /// Wakes a worker to look at the journal at once (a retry was asked for).
    pub wake: Arc<Notify>,
    /// The limits.
    pub settings: PipelineSettings,
}

impl Works {
    /// Tells those who send that there may be something new.
    fn ring(&self, filed: &[Reading]) {
        if filed.iter().any(|reading| reading.answer.is_some()) {
            self.answering.ring();
        }
    }
}

/// Running workers.
pub struct Pipeline {
    workers: Vec<JoinHandle<()>>,
}

impl Pipeline {
    /// Starts the workers. They stop when `stop` is cancelled and every [`HotLane`] is gone, after finishing what they hold.
    pub fn start(works: &Works, stop: &CancellationToken) -> (HotLane, Self) {
        let (lane, queue) = hot::lane(works);
        let workers = (0..works.settings.workers.max(1))
            .map(|_| tokio::spawn(worker::Worker::new(works.clone(), queue.clone(), stop.clone()).run()))
            .collect();
        (lane, Self { workers })
    }

    /// Resolves when every worker has finished.
    pub async fn finished(self) {
        for worker in self.workers {
            if let Err(error) = worker.await {
                tracing::error!("a pipeline worker ended badly: {error}");
            }
        }
    }
}
