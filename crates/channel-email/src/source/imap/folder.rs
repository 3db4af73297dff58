//! One folder of a mailbox: who may work on it, and what outlives a connection.

use std::sync::Arc;
use std::time::Duration;

use loket_core::channel::{ChannelCx, ChannelError};
use loket_core::health::ChannelState;
use loket_core::intake::AcceptError;
use loket_core::store::{Lease, StoreError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Board;
use super::busy;
use super::login::Key;
use super::session::Session;
use super::trouble::Trouble;
use super::visit::Visit;
use crate::config::ImapConfig;
use crate::oauth2::Tokens;

/// How long a stop may take: the commit under way, and a goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
/// The pause after a refusal, while other folders of the mailbox are well.
const REFUSED: Duration = Duration::from_secs(300);

/// One folder.
pub(super) struct Folder {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) config: Arc<ImapConfig>,
    pub(super) max_payload: u64,
    pub(super) trouble: Trouble,
    /// When the server's mails were last held against the journal's.
    pub(super) reconciled: Option<Instant>,
    /// Whether nothing was missing then.
    pub(super) whole: bool,
    /// The server refused IDLE once.
    pub(super) no_idle: bool,
    /// Where the token comes from, if one is wanted.
    tokens: Option<Arc<Tokens>>,
    /// How many times in a row the server had enough of us, and until when it is left alone.
    busy: u32,
    not_before: Option<Instant>,
}

/// Why the work on a folder ended.
pub(super) enum Broken {
    /// Another instance may have it now.
    LeaseLost,
    /// Something failed.
    Channel(ChannelError),
}

impl From<ChannelError> for Broken {
    fn from(error: ChannelError) -> Self {
        Self::Channel(error)
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LeaseLost(_) => Self::LeaseLost,
            other => Self::Channel(other.into()),
        }
    }
}

impl From<AcceptError> for Broken {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::LeaseLost(_) => Self::LeaseLost,
            other => Self::Channel(other.into()),
        }
    }
}

impl Folder {
    pub(super) fn new(index: usize, name: &str, config: &Arc<ImapConfig>, tokens: Option<&Arc<Tokens>>, max_payload: u64) -> Self {
        Self {
            index,
            name: name.into(),
            config: Arc::clone(config),
            max_payload,
            trouble: Trouble::default(),
            reconciled: None,
            whole: false,
            no_idle: false,
            tokens: tokens.cloned(),
            busy: 0,
            not_before: None,
        }
    }

    /// Serves the folder until stopped. While other folders of the mailbox are well, it tries again by itself, so that one
    /// missing folder does not stop the others; else the error goes to the supervisor. A server that has enough of us is left
    /// alone for longer than the supervisor would.
    pub(super) async fn keep(&mut self, cx: &ChannelCx, board: &Board) -> Result<(), ChannelError> {
        loop {
            if let Some(until) = self.not_before.filter(|until| *until > Instant::now()) {
                board.failed(self.index);
                sleep(until.saturating_duration_since(Instant::now()), cx.stop()).await;
            }
            self.not_before = None;
            let started = Instant::now();
            let Err(error) = self.serve(cx, board).await else { return Ok(()) };
            let busy = self.busy_pause(&error, started);
            let (error, pause) = match error {
                ChannelError::Transient(text) => (ChannelError::Transient(self.placed(&text)), busy.unwrap_or(self.config.poll)),
                ChannelError::Refused(text) => (ChannelError::Refused(self.placed(&text)), REFUSED),
            };
            let others_are_well = board.failed(self.index);
            if !others_are_well && busy.is_none() {
                return Err(error);
            }
            if !others_are_well {
                cx.health().state(ChannelState::Retrying);
            }
            tracing::warn!(channel = cx.name(), retry_in = ?pause, "a folder failed: {error}");
            cx.health().error(error.to_string());
            if busy.is_some() {
                // Remembered past the end of this run: another folder's error may come in between.
                self.not_before = Some(Instant::now() + pause);
            } else {
                sleep(pause, cx.stop()).await;
            }
        }
    }

    /// How long the server is to be left alone, if it is busy.
    fn busy_pause(&mut self, error: &ChannelError, started: Instant) -> Option<Duration> {
        if started.elapsed() > busy::LONGEST {
            self.busy = 0;
        }
        let pause = match error {
            ChannelError::Transient(text) => busy::pause(text, self.config.poll, self.busy),
            ChannelError::Refused(_) => None,
        };
        self.busy = if pause.is_some() { self.busy.saturating_add(1) } else { 0 };
        pause
    }

    fn placed(&self, text: &str) -> String {
        format!("IMAP {}:{} {}: {text}", self.config.host, self.config.port, self.name)
    }

    /// Works on the folder whenever this instance has its lease.
    async fn serve(&mut self, cx: &ChannelCx, board: &Board) -> Result<(), ChannelError> {
        let ttl = self.config.lease;
        let name = self.name.clone();
        while !cx.stop().is_cancelled() {
            let Some(lease) = cx.lease(&name, ttl).await? else {
                board.standby(self.index);
                sleep(ttl / 3, cx.stop()).await;
                continue;
            };
            let ended = tokio::select! {
                ended = self.work(cx, board, &lease) => ended,
                broken = keep_lease(cx, &name, &lease, ttl) => Err(broken),
                () = overdue(cx.stop()) => Ok(()),
            };
            // Whoever comes next need not wait until the lease runs out. Where the store does not answer, they do.
            let _ = tokio::time::timeout(GOODBYE, cx.release(&lease)).await;
            match ended {
                Ok(()) => return Ok(()),
                Err(Broken::LeaseLost) => {
                    tracing::warn!(
                        channel = cx.name(),
                        folder = name,
                        "another instance may work on this folder now, or the store was too slow"
                    );
                    self.trouble.end();
                    sleep(Duration::from_secs(1), cx.stop()).await;
                }
                Err(Broken::Channel(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// One connection, from its first byte to its last.
    async fn work(&mut self, cx: &ChannelCx, board: &Board, lease: &Lease) -> Result<(), Broken> {
        self.trouble.recover();
        let session = Session::open(&self.config, &Key { cx, tokens: self.tokens.as_ref() }).await?;
        let mut visit = Visit::begin(self, session, cx, board, lease).await?;
        visit.stay().await?;
        visit.end().await;
        Ok(())
    }
}

/// Renews the lease until that fails.
async fn keep_lease(cx: &ChannelCx, name: &str, lease: &Lease, ttl: Duration) -> Broken {
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(ttl / 3).await;
        match cx.lease(name, ttl).await {
            Ok(Some(again)) if again.token == lease.token => renewed = Instant::now(),
            Ok(_) => return Broken::LeaseLost,
            Err(error) if renewed.elapsed() < ttl => tracing::debug!(channel = cx.name(), "lease not renewed yet: {error}"),
            Err(error) => return Broken::from(error),
        }
    }
}

/// Some time after the stop.
async fn overdue(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GOODBYE).await;
}

/// Sleeps, at most until stopped.
pub(super) async fn sleep(time: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = stop.cancelled() => {}
    }
}
