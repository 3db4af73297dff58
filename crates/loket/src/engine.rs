//! Store, intake and pipeline put together: what the daemon and an import run alike.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use loket_core::channel::ChannelCx;
use loket_core::classify::Classifier;
use loket_core::delivery::Tenant;
use loket_core::health::HealthBoard;
use loket_core::intake::Intake;
use loket_core::metrics::Metrics;
use loket_core::outbound::Answering;
use loket_core::pipeline::{Masters, Pipeline, Works};
use loket_core::reader::Readers;
use loket_core::store::{self, Store};
use loket_core::time::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::Config;
use crate::readers;

/// Opens the configured store.
pub(crate) async fn open_store(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let url = config.store.url().map_err(anyhow::Error::msg)?;
    Ok(store::open(&url, &config.store.settings).await?)
}

/// The classifier of this program.
pub(crate) fn classifier() -> anyhow::Result<Classifier> {
    Classifier::builtin().map_err(anyhow::Error::msg).context("the built-in classifier cannot be used")
}

/// How long an answer waits for what it answers, and how often those are looked for that waited longer.
const AWAITED: Duration = Duration::from_secs(180 * 86_400);
const TIDIED: Duration = Duration::from_secs(86_400);

/// Once a day, and at the start, the store forgets what nobody waits for any more.
async fn tidy(store: Arc<dyn Store>, stop: CancellationToken) {
    loop {
        match store.tidy(Timestamp::now().minus(AWAITED)).await {
            Ok(0) => {}
            Ok(count) => tracing::info!("forgot {count} messages that were answered and never came"),
            Err(error) => tracing::warn!("the store was not tidied, tried again tomorrow: {error}"),
        }
        tokio::select! {
            () = tokio::time::sleep(TIDIED) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// A running intake and pipeline on a store.
pub(crate) struct Engine {
    /// This process, among others on the same store.
    pub(crate) instance: Uuid,
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// The readers.
    pub(crate) readers: Arc<Readers>,
    /// How the channels are doing.
    pub(crate) health: HealthBoard,
    /// The figures.
    pub(crate) metrics: Metrics,
    /// How what comes by each channel is answered.
    pub(crate) answering: Answering,
    /// What orders are held against.
    pub(crate) masters: Masters,
    /// Wakes the pipeline to look at the journal.
    pub(crate) wake: Arc<Notify>,
    intake: Intake,
    committer: JoinHandle<()>,
    pipeline: Pipeline,
    stop: CancellationToken,
}

impl Engine {
    /// Starts both.
    pub(crate) fn start(store: Arc<dyn Store>, config: &Config) -> anyhow::Result<Self> {
        let works = Works {
            instance: Uuid::now_v7(),
            store: Arc::clone(&store),
            readers: Arc::new(readers::all()),
            classifier: Arc::new(classifier()?),
            metrics: Metrics::default(),
            answering: Answering::default(),
            masters: Masters::default(),
            wake: Arc::new(Notify::new()),
            settings: config.pipeline,
        };
        let stop = CancellationToken::new();
        let (lane, pipeline) = Pipeline::start(&works, &stop);
        let (intake, committer) = Intake::start(Arc::clone(&store), Some(lane), config.intake, works.metrics.clone());
        tokio::spawn(tidy(Arc::clone(&store), stop.clone()));
        // What an earlier process left behind is begun at once.
        works.wake.notify_one();
        Ok(Self {
            instance: works.instance,
            store,
            readers: works.readers,
            health: HealthBoard::default(),
            metrics: works.metrics,
            answering: works.answering,
            masters: works.masters,
            wake: works.wake,
            intake,
            committer,
            pipeline,
            stop,
        })
    }

    /// What the channel of this name works with.
    pub(crate) fn channel_cx(&self, name: &str, tenant: &Tenant, stop: CancellationToken) -> ChannelCx {
        let health = self.health.channel(name, tenant.as_str());
        ChannelCx::new(name, tenant.clone(), self.intake.clone(), Arc::clone(&self.store), health, stop, self.instance)
            .answering(self.answering.clone())
    }

    /// Takes in nothing more, finishes what is under way, and gives back what was claimed. Every [`ChannelCx`] must be gone
    /// before. False when the deadline came first: then the rest is in the journal for the next start.
    pub(crate) async fn drain(self, deadline: Duration) -> bool {
        let Self { instance, store, intake, committer, pipeline, stop, .. } = self;
        let drained = tokio::time::timeout(deadline, async {
            drop(intake);
            if let Err(error) = committer.await {
                tracing::error!("the intake ended badly: {error}");
            }
            stop.cancel();
            pipeline.finished().await;
        });
        let drained = drained.await.is_ok();
        match tokio::time::timeout(Duration::from_secs(5), store.release_claims(Some(instance))).await {
            Ok(Ok(0)) => {}
            Ok(Ok(released)) => tracing::info!("gave back {released} claimed deliveries"),
            Ok(Err(error)) => tracing::warn!("claims were not given back and run out by themselves: {error}"),
            Err(_) => tracing::warn!("claims were not given back and run out by themselves: the store does not answer"),
        }
        drained
    }
}
