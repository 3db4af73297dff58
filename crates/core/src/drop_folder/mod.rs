//! Drop folders: others put files into a folder on this machine, and a channel takes them.
//!
//! A file is taken when it stood still for a while, committed to the journal, and only then moved to `done`. What cannot be taken goes
//! to `failed`. When the process dies between the commit and the move, the next look finds the file known and moves it: channels make
//! keys that are the same for the same bytes.
//!
//! What is told here is the same for all channels. Which files are theirs, and what a file is, they say with their [`Rules`].

mod files;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use crate::channel::{ChannelCx, ChannelError};
use crate::delivery::{Delivery, Envelope};
use crate::intake::AcceptError;
use crate::time::Timestamp;
use files::{Content, Stamp};
pub use files::{make, sync};

/// Files in one commit, at most.
const MOST_FILES: usize = 200;
/// Their bytes together, unless one file alone is larger.
const MOST_BYTES: u64 = 8 << 20;

/// Where files come, where they go, and when.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where files come.
    pub folder: PathBuf,
    /// Where they go once they are in the journal.
    pub done: PathBuf,
    /// Where they go when they cannot be taken.
    pub failed: PathBuf,
    /// How often to look.
    pub poll: Duration,
    /// How long a file must have stood still. However short that is, two looks find it unchanged before it is taken.
    pub settle: Duration,
    /// The most bytes of one file; larger ones cannot be taken.
    pub max_payload: u64,
}

/// What a name says about its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// It can be taken.
    Plain,
    /// Its writer is not done with it, or hides it.
    Unfinished,
    /// It is not taken because of this.
    Refused(&'static str),
}

/// What a look found that is not taken and stays where it is: links, pipes, names that are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// How many there are.
    pub count: u64,
    /// Some of them by name, in order, each with what it is not taken because of.
    pub named: Vec<(OsString, &'static str)>,
}

/// What a channel decides about the files in its drop folder.
#[async_trait]
pub trait Rules: Send + Sync {
    /// Whether empty files are taken.
    const TAKES_EMPTY: bool;

    /// Judges the name of a file.
    fn judge(name: &OsStr) -> Name;

    /// Makes a delivery of a file's bytes. Its key is the same for the same bytes. The envelope has the name and the time of the file.
    async fn delivery(&self, cx: &ChannelCx, envelope: Envelope, bytes: Bytes) -> Result<Delivery, ChannelError>;

    /// Tells of what a look found and does not take; called for every look.
    fn tell_of_others(&mut self, cx: &ChannelCx, folder: &Path, others: &Others);

    /// Tells that the journal had what a file holds.
    fn tell_of_known(&self, _cx: &ChannelCx, _name: &OsStr) {}
}

/// A drop folder.
pub struct DropFolder<R> {
    settings: Arc<Settings>,
    rules: R,
    max_payload: u64,
    /// The files as the last look found them, and since when they stand still.
    seen: BTreeMap<OsString, (Stamp, Instant)>,
    /// Files that cannot be moved away, which was said; those in the journal are not read again.
    stuck: BTreeMap<OsString, Stuck>,
}

/// A file that cannot be moved away.
#[derive(Clone, Copy)]
struct Stuck {
    stamp: Stamp,
    in_journal: bool,
}

impl<R: Rules> DropFolder<R> {
    /// A folder with these settings, whose files are taken by these rules.
    pub fn new(settings: Settings, rules: R) -> Self {
        let max_payload = settings.max_payload;
        Self { settings: Arc::new(settings), rules, max_payload, seen: BTreeMap::new(), stuck: BTreeMap::new() }
    }

    /// Takes what comes, until it is told to stop. Makes the folders that are missing.
    pub async fn run(&mut self, cx: &ChannelCx) -> Result<(), ChannelError> {
        let settings = Arc::clone(&self.settings);
        blocking(move || [&settings.folder, &settings.done, &settings.failed].into_iter().try_for_each(|folder| make(folder))).await??;
        self.seen.clear();
        while !cx.stop().is_cancelled() {
            self.look(cx).await?;
            cx.health().lag(self.seen.len() as u64);
            cx.health().success();
            tokio::select! {
                () = tokio::time::sleep(self.settings.poll) => {}
                () = cx.stop().cancelled() => {}
            }
        }
        Ok(())
    }

    /// Looks into the folder once and takes what is ready.
    async fn look(&mut self, cx: &ChannelCx) -> Result<(), ChannelError> {
        let settings = Arc::clone(&self.settings);
        let found = blocking(move || files::list(&settings.folder, R::judge, R::TAKES_EMPTY)).await??;
        self.rules.tell_of_others(cx, &self.settings.folder, &found.others);
        cx.health().lag(found.files.len() as u64);
        let now = Instant::now();
        let mut ready: Vec<(OsString, Stamp)> = Vec::new();
        let mut seen = BTreeMap::new();
        for (name, stamp) in found.files {
            let since = match self.seen.get(&name) {
                Some((before, since)) if *before == stamp => *since,
                _ => now,
            };
            if now != since && now.duration_since(since) >= self.settings.settle {
                ready.push((name.clone(), stamp));
            }
            seen.insert(name, (stamp, since));
        }
        self.seen = seen;
        self.stuck.retain(|name, stuck| self.seen.get(name).is_some_and(|(stamp, _)| *stamp == stuck.stamp));
        let (kept, mut ready): (Vec<_>, Vec<_>) =
            ready.into_iter().partition(|(name, _)| self.stuck.get(name).is_some_and(|stuck| stuck.in_journal));
        for (name, stamp) in kept {
            self.put_away(cx, name, stamp, true).await?;
        }
        // Oldest first: a change must not overtake its order.
        ready.sort_by(|(name, stamp), (other, than)| (stamp.modified, name).cmp(&(than.modified, other)));
        let mut rest = ready.into_iter().peekable();
        while rest.peek().is_some() && !cx.stop().is_cancelled() {
            let mut batch = Vec::new();
            let mut bytes = 0;
            while let Some((name, stamp)) =
                rest.next_if(|(_, stamp)| batch.is_empty() || (batch.len() < MOST_FILES && bytes + stamp.size <= MOST_BYTES))
            {
                bytes += stamp.size;
                batch.push((name, stamp));
            }
            self.take(cx, batch).await?;
        }
        Ok(())
    }

    /// Reads files, commits them, and moves them away.
    async fn take(&mut self, cx: &ChannelCx, batch: Vec<(OsString, Stamp)>) -> Result<(), ChannelError> {
        let mut deliveries = Vec::with_capacity(batch.len());
        let mut moves = Vec::with_capacity(batch.len());
        for (name, stamp) in batch {
            let (settings, max, file) = (Arc::clone(&self.settings), self.max_payload, name.clone());
            match blocking(move || files::read(&settings.folder.join(file), &stamp, max)).await? {
                Content::Bytes(bytes) => {
                    let mut envelope = Envelope::new();
                    envelope.insert("file".into(), name.to_string_lossy().into());
                    envelope.insert("modified".into(), Timestamp::from_micros(stamp.modified).to_string().into());
                    deliveries.push(self.rules.delivery(cx, envelope, bytes.into()).await?);
                    moves.push((name, stamp));
                }
                Content::Changed => {}
                Content::Failed(why) => {
                    if !self.stuck.contains_key(&name) {
                        let error = format!("file {} is not taken and goes to {}: {why}", name.display(), self.settings.failed.display());
                        tracing::error!(channel = cx.name(), "{error}");
                        cx.health().error(error);
                    }
                    self.put_away(cx, name, stamp, false).await?;
                }
            }
        }
        if deliveries.is_empty() {
            return Ok(());
        }
        match cx.accept_all(deliveries, None, None).await {
            Ok(accepted) => {
                for ((name, _), _) in moves.iter().zip(accepted).filter(|(_, accepted)| accepted.known) {
                    self.rules.tell_of_known(cx, name);
                }
            }
            Err(AcceptError::TooLarge { limit, .. }) if limit < self.max_payload => {
                // The installation takes less than the channel. The next look sets such files aside.
                self.max_payload = limit;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        for (name, stamp) in moves {
            self.put_away(cx, name, stamp, true).await?;
        }
        Ok(())
    }

    /// Moves a file away: to `done` when it is in the journal, else to `failed`. One that cannot be moved stops no other.
    async fn put_away(&mut self, cx: &ChannelCx, name: OsString, stamp: Stamp, in_journal: bool) -> Result<(), ChannelError> {
        let (settings, file) = (Arc::clone(&self.settings), name.clone());
        let moving = move || files::put_away(&settings.folder, &file, &stamp, if in_journal { &settings.done } else { &settings.failed });
        match blocking(moving).await? {
            Ok(()) => {
                self.seen.remove(&name);
                self.stuck.remove(&name);
            }
            Err(error) => {
                if self.stuck.insert(name.clone(), Stuck { stamp, in_journal }).is_none() {
                    let kept = if in_journal { "is in the journal" } else { "is not taken" };
                    let error = format!("file {} {kept} and cannot be moved away: {error}", name.display());
                    tracing::error!(channel = cx.name(), "{error}");
                    cx.health().error(error);
                }
            }
        }
        Ok(())
    }
}

/// Runs file system calls where they may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ChannelError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ChannelError::Transient(error.to_string()))
}
