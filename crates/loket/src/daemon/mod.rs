//! `loket run`: up, reload, down.
//!
//! SIGTERM and SIGINT drain: channels and listener stop taking in, what was accepted is filed, claims are given back; a second
//! signal, or the configured deadline, ends it at once. Nothing is lost either way: what was accepted is in the journal.
//! SIGHUP reads the configuration again.

mod lock;
mod running;
mod starting;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, HttpConfig};
use crate::http::{self, Routes};
use crate::logging::LogHandle;
use crate::notify;
use running::Running;

/// What `loket run` starts with.
pub(crate) struct Daemon {
    /// Where the configuration was read from, and is read again.
    pub(crate) path: PathBuf,
    /// What it said.
    pub(crate) config: Config,
    /// The log, whose level a reload may change: not when the command line set it.
    pub(crate) log: Option<LogHandle>,
}

/// The signals that a daemon answers to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
        })
    }

    /// Somebody wants us gone.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// True: read the configuration again. False: stop.
    async fn next(&mut self) -> bool {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => false,
            _ = self.interrupt.recv() => false,
            _ = self.reload.recv() => true,
        }
    }
}

impl Daemon {
    /// Runs until it is told to stop.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let HttpConfig { listen, .. } = self.config.http;
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen} ([http] listen)"))?;
        let address = listener.local_addr().unwrap_or(listen);
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "the HTTP listener can be reached from other machines and speaks no TLS: put a proxy that does in front of it");
        }
        let _lock = lock::of_store(&self.config.store)?;
        let routes = Routes::new(starting::router());
        let http_stop = CancellationToken::new();
        let http = tokio::spawn(http::serve(listener, routes.clone(), self.config.http.clone(), http_stop.clone()));
        let Some(engine) = starting::engine(&self.config, &mut signals).await? else { return Ok(()) };
        let mut running = Running::new(engine, routes, http_stop.clone());
        running.apply(&self.config);
        notify::send("READY=1");
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), store = running.store_kind(), "up");
        self.until_stopped(&mut signals, &mut running).await;
        notify::send("STOPPING=1");
        tracing::info!(deadline = ?self.config.drain, "stopping: finishing what was accepted");
        let down = async {
            http_stop.cancel();
            running.stop_channels().await;
            if let Err(error) = http.await {
                tracing::error!("the HTTP listener ended badly: {error}");
            }
            running.into_engine().drain(self.config.drain).await
        };
        tokio::select! {
            drained = tokio::time::timeout(self.config.drain + Duration::from_secs(10), down) => match drained {
                Ok(true) => tracing::info!("stopped"),
                _ => tracing::warn!("stopped at the deadline; what was not finished is in the journal"),
            },
            () = signals.stop() => bail!("stopped at once by a second signal; what was not finished is in the journal"),
        }
        Ok(())
    }

    async fn until_stopped(&self, signals: &mut Signals, running: &mut Running) {
        let mut current = self.config.clone();
        while signals.next().await {
            notify::send("RELOADING=1");
            match Config::load(&self.path) {
                Ok(config) => {
                    if let Some(Err(problem)) = self.log.as_ref().map(|log| log.set(&config.log)) {
                        tracing::warn!("the log's level stays as it was: {problem}");
                    }
                    for table in fixed_differences(&current, &config) {
                        tracing::warn!("[{table}] changed; that takes effect after a restart");
                    }
                    running.apply(&config);
                    tracing::info!("configuration read again");
                    current = config;
                }
                Err(error) => tracing::error!("the configuration stays as it was: {error}"),
            }
            notify::send("READY=1");
        }
    }
}

/// The tables that only a restart takes over and that differ.
fn fixed_differences(one: &Config, two: &Config) -> Vec<&'static str> {
    fn shown(config: &Config) -> [(&'static str, String); 5] {
        [
            ("store", format!("{:?}", config.store)),
            ("http", format!("{:?}", config.http)),
            ("daemon", format!("{:?}", config.drain)),
            ("intake", format!("{:?}", config.intake)),
            ("pipeline, same or classify", format!("{:?}", config.pipeline)),
        ]
    }
    shown(one).into_iter().zip(shown(two)).filter(|(a, b)| a.1 != b.1).map(|(a, _)| a.0).collect()
}
