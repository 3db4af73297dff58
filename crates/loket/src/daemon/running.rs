//! What runs now: channels under supervision and routes, brought in line with a configuration.

use std::collections::BTreeMap;

use loket_api::ApiState;
use loket_core::supervisor::{Backoff, supervise};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::channels;
use crate::config::Config;
use crate::engine::Engine;
use crate::http::Routes;
use crate::masters;

/// The running parts.
pub(crate) struct Running {
    engine: Engine,
    routes: Routes,
    /// Cancelled when the daemon stops: the API is not ready from then on.
    stop: CancellationToken,
    workers: BTreeMap<String, Supervised>,
    forms: Vec<String>,
}

struct Supervised {
    fingerprint: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Nothing runs yet.
    pub(crate) fn new(engine: Engine, routes: Routes, stop: CancellationToken) -> Self {
        Self { engine, routes, stop, workers: BTreeMap::new(), forms: Vec::new() }
    }

    /// `sqlite` or `postgres`.
    pub(crate) fn store_kind(&self) -> &'static str {
        self.engine.store.kind()
    }

    /// Starts, restarts and stops channels as this configuration says, and serves its forms.
    pub(crate) fn apply(&mut self, config: &Config) {
        self.engine.answering.set(channels::answers(config));
        match masters::load(&config.masters) {
            Ok(masters) => self.engine.masters.set(masters),
            Err(faults) => {
                faults.iter().for_each(|fault| tracing::error!("{fault}"));
                tracing::error!("orders are held against the master data as it was before; after a start that is none");
            }
        }
        let wanted = channels::workers(config);
        let mut leaving = BTreeMap::new();
        for (name, running) in std::mem::take(&mut self.workers) {
            if wanted.iter().any(|worker| worker.name == name && worker.fingerprint == running.fingerprint) {
                self.workers.insert(name, running);
            } else {
                running.stop.cancel();
                leaving.insert(name, running.task);
            }
        }
        for worker in wanted {
            if self.workers.contains_key(&worker.name) {
                continue;
            }
            let stop = CancellationToken::new();
            let cx = self.engine.channel_cx(&worker.name, &worker.tenant, stop.clone());
            let channel = worker.channel();
            // Two of one name must never work side by side.
            let before = leaving.remove(&worker.name);
            let task = tokio::spawn(async move {
                if let Some(before) = before {
                    let _ = before.await;
                }
                supervise(channel, cx, Backoff::default()).await;
            });
            self.workers.insert(worker.name, Supervised { fingerprint: worker.fingerprint, stop, task });
        }
        for (name, task) in leaving {
            tracing::info!(channel = name, "left the configuration");
            let health = self.engine.health.clone();
            tokio::spawn(async move {
                let _ = task.await;
                health.remove(&name);
            });
        }
        self.serve(config);
    }

    fn serve(&mut self, config: &Config) {
        let forms = channels::forms(config);
        for gone in self.forms.iter().filter(|name| forms.iter().all(|(other, _)| other != *name)) {
            self.engine.health.remove(gone);
        }
        self.forms = forms.iter().map(|(name, _)| name.clone()).collect();
        let forms = forms.into_iter().map(|(name, form)| {
            let cx = self.engine.channel_cx(&name, &form.tenant, CancellationToken::new());
            (form, cx)
        });
        let forms = loket_channel_webform::router(forms.collect());
        let partners = config.partners.iter().map(|partner| {
            let cx = self.engine.channel_cx(&format!("edi.{}", partner.name), &partner.tenant, CancellationToken::new());
            (partner.clone(), cx)
        });
        let partners = loket_channel_edi::router(partners.collect());
        let Engine { store, readers, health, metrics, answering, wake, .. } = &self.engine;
        let state = ApiState::new(store.clone(), readers.clone(), health.clone(), metrics.clone(), wake.clone());
        let api = loket_api::router(ApiState { stop: self.stop.clone(), answering: answering.clone(), ..state });
        self.routes.set(api.merge(forms).merge(partners));
    }

    /// Stops every channel and waits until they are gone.
    pub(crate) async fn stop_channels(&mut self) {
        for worker in self.workers.values() {
            worker.stop.cancel();
        }
        for (name, worker) in std::mem::take(&mut self.workers) {
            if let Err(error) = worker.task.await {
                tracing::error!(channel = name, "a channel ended badly: {error}");
            }
        }
    }

    /// What is left when channels and listener are down.
    pub(crate) fn into_engine(self) -> Engine {
        // The forms hold on to the intake.
        self.routes.set(axum::Router::new());
        self.engine
    }
}
