//! What the API works with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use loket_core::delivery::{Delivery, Tenant};
use loket_core::health::HealthBoard;
use loket_core::metrics::Metrics;
use loket_core::outbound::Answering;
use loket_core::reader::Readers;
use loket_core::store::{JournalEntry, Store};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::problem::Problem;

/// What the API is given to work with. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// The store that it answers from.
    pub store: Arc<dyn Store>,
    /// The readers, which cut attachments out of deliveries.
    pub readers: Arc<Readers>,
    /// The channels' health in this process.
    pub health: HealthBoard,
    /// The figures that `/metrics` shows.
    pub metrics: Metrics,
    /// Who answers what comes by each channel, and the bell that wakes them.
    pub answering: Answering,
    /// Wakes the pipeline after a retry (`Works::wake`).
    pub wake: Arc<Notify>,
    /// Cancelled when the daemon begins to stop: from then on `/readyz` says so, and everything else still answers.
    pub stop: CancellationToken,
    /// The program's version, for `/v1/status`.
    pub version: &'static str,
    /// The limits.
    pub limits: Limits,
}

impl ApiState {
    /// With the default limits, this crate's version, and a stop token of its own; change a field where these do not fit.
    pub fn new(store: Arc<dyn Store>, readers: Arc<Readers>, health: HealthBoard, metrics: Metrics, wake: Arc<Notify>) -> Self {
        let (stop, version) = (CancellationToken::new(), env!("CARGO_PKG_VERSION"));
        Self { store, readers, health, metrics, answering: Answering::default(), wake, stop, version, limits: Limits::default() }
    }
}

/// The API's limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long one request may take until it is answered 503.
    pub request: Duration,
    /// Requests with a key that are worked on at once.
    pub at_once: usize,
    /// Deliveries with their bytes that are in memory at once, until the last byte is sent.
    pub files: usize,
    /// How long a request waits for its turn, where either is used up, until it is answered 503.
    pub turn: Duration,
    /// How long `/readyz` and `/metrics` wait for the store.
    pub probe: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { request: Duration::from_secs(15), at_once: 64, files: 8, turn: Duration::from_secs(2), probe: Duration::from_secs(2) }
    }
}

/// What all requests share.
pub(crate) struct Api {
    pub(crate) given: ApiState,
    pub(crate) places: Semaphore,
    files: Arc<Semaphore>,
    /// Scrapes take turns: rendering sets the channels' gauges anew.
    pub(crate) scrape: Mutex<()>,
}

/// A delivery with its bytes, and the room that they take up.
pub(crate) struct Loaded {
    pub(crate) delivery: Delivery,
    pub(crate) entry: JournalEntry,
    pub(crate) room: OwnedSemaphorePermit,
}

impl Api {
    pub(crate) fn new(given: ApiState) -> Self {
        let Limits { at_once, files, .. } = given.limits;
        Self { given, places: Semaphore::new(at_once.max(1)), files: Arc::new(Semaphore::new(files.max(1))), scrape: Mutex::new(()) }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.given.store
    }

    /// The delivery with this id, or a 404 that says so.
    pub(crate) async fn load(&self, tenant: &Tenant, id: Uuid) -> Result<Loaded, Problem> {
        let turn = tokio::time::timeout(self.given.limits.turn, Arc::clone(&self.files).acquire_owned()).await;
        let Ok(Ok(room)) = turn else { return Err(Problem::busy("too many downloads are under way")) };
        let found = self.store().delivery(tenant, id).await?;
        let (delivery, entry) = found.ok_or_else(|| Problem::missing("there is no delivery with this id"))?;
        Ok(Loaded { delivery, entry, room })
    }
}
