//! A mailbox, pulled by IMAP. From the outside in:
//!
//! - here: the channel; one task a folder, each with a connection of its own
//! - `folder.rs`: a folder's lease, so that one instance works on it; connecting again
//! - `visit.rs`: one connection to a folder: fetch what is above the cursor, commit, wait for more
//! - `reconcile.rs`: the server's mails against the journal's
//! - `after.rs`: what happens to a mail on the server after the commit
//! - `batch.rs`, `busy.rs`, `trouble.rs`, `cursor.rs`, `names.rs`: pure
//! - `login.rs`: with a password or a token
//! - `session.rs`, `wire.rs`, `line.rs`, `guard.rs`: the protocol, down to the bytes
//!
//! The cursor is UIDVALIDITY and UID, committed together with the deliveries. \Seen belongs to people: it is never read to
//! decide anything and never set. Nothing is searched by date.

mod after;
mod batch;
mod busy;
mod cursor;
mod folder;
mod guard;
mod line;
mod login;
mod names;
mod reconcile;
mod session;
mod trouble;
mod visit;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use loket_core::channel::{Channel, ChannelCx, ChannelError};
use loket_core::health::{ChannelHealth, ChannelState};

use crate::config::{ImapConfig, Proof};
use crate::oauth2::Tokens;
use folder::Folder;

/// A mailbox on an IMAP server.
pub struct Mailbox {
    folders: Vec<Folder>,
    tokens: Option<Arc<Tokens>>,
}

impl Mailbox {
    /// As configured; mails above `max_payload` bytes are cut to them.
    pub fn new(config: ImapConfig, max_payload: u64) -> Self {
        let tokens = match &config.proof {
            Proof::Password(_) => None,
            Proof::OAuth2(oauth2) => Some(Arc::new(Tokens::new((**oauth2).clone(), config.connect_timeout, config.timeout))),
        };
        let config = Arc::new(config);
        let folder = |(index, name): (usize, &String)| Folder::new(index, name, &config, tokens.as_ref(), max_payload);
        Self { folders: config.folders.iter().enumerate().map(folder).collect(), tokens }
    }
}

#[async_trait]
impl Channel for Mailbox {
    async fn run(&mut self, cx: ChannelCx) -> Result<(), ChannelError> {
        let board = Board::new(cx.health().clone(), self.folders.len());
        let serving = try_join_all(self.folders.iter_mut().map(|folder| folder.keep(&cx, &board)));
        let Some(tokens) = &self.tokens else { return serving.await.map(|_| ()) };
        tokio::select! {
            served = serving => served.map(|_| ()),
            () = tokens.keep_fresh(&cx, || board.stands_by()) => Ok(()),
        }
    }
}

/// Where a channel's folders report; makes one health of them.
struct Board {
    health: ChannelHealth,
    folders: Mutex<Vec<Standing>>,
}

/// How one folder does.
#[derive(Clone, Default)]
struct Standing {
    lag: u64,
    missing: u64,
    standby: bool,
    failing: bool,
}

impl Board {
    fn new(health: ChannelHealth, folders: usize) -> Self {
        Self { health, folders: Mutex::new(vec![Standing::default(); folders]) }
    }

    fn change<T>(&self, index: usize, change: impl FnOnce(&mut Standing), sum: impl FnOnce(&[Standing]) -> T) -> T {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = folders.get_mut(index) {
            change(folder);
        }
        sum(&folders)
    }

    /// So many mails are on the server and not here yet.
    fn lag(&self, index: usize, lag: u64) {
        self.health.lag(self.change(index, |folder| folder.lag = lag, |all| all.iter().map(|folder| folder.lag).sum()));
    }

    /// So many mails should be here and are not.
    fn missing(&self, index: usize, missing: u64) {
        self.health.missing(self.change(index, |folder| folder.missing = missing, |all| all.iter().map(|folder| folder.missing).sum()));
    }

    /// Everything that the server has is here.
    fn success(&self, index: usize) {
        self.change(index, |folder| (folder.standby, folder.failing) = (false, false), |_| ());
        self.health.success();
    }

    /// Another instance works on the folder.
    fn standby(&self, index: usize) {
        let all = self.change(
            index,
            |folder| *folder = Standing { standby: true, ..Standing::default() },
            |all| all.iter().all(|folder| folder.standby),
        );
        if all {
            self.health.state(ChannelState::Standby);
        }
    }

    /// Whether others work on all folders.
    fn stands_by(&self) -> bool {
        self.change(usize::MAX, |_| (), |all| all.iter().all(|folder| folder.standby))
    }

    /// The folder failed. Answers whether any other one is well.
    fn failed(&self, index: usize) -> bool {
        self.change(index, |folder| folder.failing = true, |all| all.iter().any(|folder| !folder.failing))
    }
}
