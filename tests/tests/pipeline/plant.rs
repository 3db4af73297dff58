//! An intake and a pipeline on a store, with a reader that does as the bytes say.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use loket_core::classify::Classifier;
use loket_core::delivery::Delivery;
use loket_core::intake::{Accepted, Intake, IntakeLimits};
use loket_core::message::{Identity, Message};
use loket_core::metrics::Metrics;
use loket_core::outbound::Answering;
use loket_core::pipeline::{Masters, Pipeline, PipelineSettings, Works};
use loket_core::reader::{Reader, Readers, Recognition, Unreadable};
use loket_core::store::{JournalState, Store};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::place::{mail, unique, until};

/// Reads deliveries whose first line says what to do: `panic`, `unreadable`, `nothing`, `slow` or `mail`. After the last two,
/// each line is a message: sender, identity (`-` for none) and text, with bars between; a slow one takes 20 milliseconds.
pub(crate) struct ByTheBook;

impl Reader for ByTheBook {
    fn name(&self) -> &'static str {
        "book/1"
    }

    fn media_types(&self) -> &'static [&'static str] {
        &["text/book"]
    }

    fn recognizes(&self, _: &[u8]) -> Recognition {
        Recognition::No
    }

    fn read(&self, delivery: &Delivery) -> Result<Vec<Message>, Unreadable> {
        let text = std::str::from_utf8(&delivery.payload).map_err(|error| Unreadable(error.to_string()))?;
        let (what, rest) = text.split_once('\n').unwrap_or((text, ""));
        match what {
            "panic" => panic!("the book says so"),
            "unreadable" => Err(Unreadable("torn pages".into())),
            "nothing" => Ok(Vec::new()),
            "slow" => {
                let slowly = |line| {
                    std::thread::sleep(Duration::from_millis(20));
                    message(line)
                };
                Ok(rest.lines().map(slowly).collect())
            }
            _ => Ok(rest.lines().map(message).collect()),
        }
    }

    fn attachment(&self, _: &Delivery, _: usize, _: &str) -> Option<Bytes> {
        None
    }
}

fn message(line: &str) -> Message {
    let mut fields = line.splitn(3, '|');
    let mut next = || fields.next().unwrap_or_default();
    let (from, identity, text) = (next(), next(), next());
    let mut message = mail(from, "Vraag", text);
    message.identity = (identity != "-").then(|| Identity::message_id(identity));
    message
}

pub(crate) fn book(key: &str, text: &str) -> Delivery {
    Delivery::standalone("email.support", key, "text/book", text.as_bytes().to_vec())
}

/// A delivery with one message that no other is like.
pub(crate) fn question() -> Delivery {
    let text = unique("vraag");
    book(&unique("key"), &format!("mail\njan@bouw.example|-|{text}"))
}

/// Settings under which only new work wakes the pipeline: polling would take hours.
pub(crate) fn woken_only() -> PipelineSettings {
    PipelineSettings { poll: Duration::from_secs(4 * 3_600), ..PipelineSettings::default() }
}

pub(crate) struct Plant {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Metrics,
    pub(crate) wake: Arc<Notify>,
    pub(crate) instance: Uuid,
    pub(crate) intake: Intake,
    committer: JoinHandle<()>,
    pipeline: Pipeline,
    stop: CancellationToken,
}

impl Plant {
    pub(crate) fn start(store: Arc<dyn Store>, settings: PipelineSettings, limits: IntakeLimits) -> Self {
        let works = Works {
            instance: Uuid::now_v7(),
            store: store.clone(),
            readers: Arc::new(Readers::new(vec![Box::new(ByTheBook)])),
            classifier: Arc::new(Classifier::builtin().unwrap()),
            metrics: Metrics::default(),
            answering: Answering::default(),
            masters: Masters::default(),
            wake: Arc::new(Notify::new()),
            settings,
        };
        let stop = CancellationToken::new();
        let (lane, pipeline) = Pipeline::start(&works, &stop);
        let (intake, committer) = Intake::start(store.clone(), Some(lane), limits, works.metrics.clone());
        Self { store, metrics: works.metrics, wake: works.wake, instance: works.instance, intake, committer, pipeline, stop }
    }

    pub(crate) async fn accept(&self, delivery: Delivery) -> Accepted {
        self.intake.accept(delivery).await.unwrap()
    }

    /// Takes in nothing more, and finishes what was accepted.
    pub(crate) async fn drain(self) -> Arc<dyn Store> {
        let Self { store, intake, committer, pipeline, stop, .. } = self;
        drop(intake);
        committer.await.unwrap();
        stop.cancel();
        pipeline.finished().await;
        store
    }

    pub(crate) async fn until_nothing_is_pending(&self) {
        until("everything is filed", || async { self.store.backlog().await.is_ok_and(|backlog| backlog.pending == 0) }).await;
    }

    pub(crate) async fn state(&self, id: Uuid) -> (JournalState, Option<String>) {
        let (_, line) = self.store.delivery(&Default::default(), id).await.unwrap().unwrap();
        (line.state, line.error)
    }

    /// One figure of the metrics page; one that was never counted is zero.
    pub(crate) fn figure(&self, name: &str) -> f64 {
        let page = self.metrics.render(None, None, &[]);
        let line = page.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}
