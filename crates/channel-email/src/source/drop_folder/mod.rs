//! A folder into which others put .eml files.
//!
//! A file is taken when two looks found it unchanged, committed to the journal, and only then moved to `done`. Its key is the
//! digest of its bytes: when the process dies between the commit and the move, the next look finds it known and moves it.

mod files;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

use async_trait::async_trait;
use loket_core::channel::{Channel, ChannelCx, ChannelError};
use loket_core::delivery::Envelope;
use loket_core::intake::AcceptError;
use loket_core::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::config::FolderConfig;
use files::{Content, Stamp};

/// Files in one commit, at most.
const MOST_FILES: usize = 200;
/// Their bytes together, unless one file alone is larger.
const MOST_BYTES: u64 = 8 << 20;

/// A drop folder.
pub struct DropFolder {
    config: Arc<FolderConfig>,
    max_payload: u64,
    /// The files as the last look found them.
    seen: BTreeMap<OsString, Stamp>,
    /// Files that cannot be moved away, which was said; those in the journal are not read again.
    stuck: BTreeMap<OsString, Stuck>,
    /// Files in the folder that are not ours to take, when that was last said.
    others: u64,
}

/// A file that cannot be moved away.
#[derive(Clone, Copy)]
struct Stuck {
    stamp: Stamp,
    in_journal: bool,
}

/// A file that was read and is to be committed.
struct Taken {
    name: OsString,
    stamp: Stamp,
    bytes: Vec<u8>,
}

impl DropFolder {
    /// As configured; files above `max_payload` bytes are moved to `failed`.
    pub fn new(config: FolderConfig, max_payload: u64) -> Self {
        Self { config: Arc::new(config), max_payload, seen: BTreeMap::new(), stuck: BTreeMap::new(), others: 0 }
    }

    /// Looks into the folder once and takes what is ready.
    async fn look(&mut self, cx: &ChannelCx) -> Result<(), ChannelError> {
        let config = Arc::clone(&self.config);
        let found = blocking(move || files::list(&config.folder)).await??;
        if found.others > self.others {
            tracing::warn!(
                channel = cx.name(),
                others = found.others,
                "there are files in {} that are not taken: their names do not end in .eml",
                self.config.folder.display()
            );
        }
        self.others = found.others;
        let mut ready: Vec<(OsString, Stamp)> = found
            .files
            .iter()
            .filter(|(name, stamp)| self.seen.get(*name) == Some(*stamp))
            .map(|(name, stamp)| (name.clone(), *stamp))
            .collect();
        cx.health().lag(found.files.len() as u64);
        self.seen = found.files;
        self.stuck.retain(|name, stuck| self.seen.get(name) == Some(&stuck.stamp));
        let mut kept = Vec::new();
        ready.retain(|(name, stamp)| {
            let is_kept = self.stuck.get(name).is_some_and(|stuck| stuck.in_journal);
            if is_kept {
                kept.push((name.clone(), *stamp));
            }
            !is_kept
        });
        for (name, stamp) in kept {
            self.put_away(cx, name, stamp, true).await?;
        }
        ready.sort_by_key(|(_, stamp)| stamp.modified);
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
        let mut taken = Vec::with_capacity(batch.len());
        for (name, stamp) in batch {
            let (config, max, file) = (Arc::clone(&self.config), self.max_payload, name.clone());
            match blocking(move || files::read(&config.folder.join(file), &stamp, max)).await? {
                Content::Bytes(bytes) => taken.push(Taken { name, stamp, bytes }),
                Content::Changed => {}
                Content::Failed(why) => {
                    if !self.stuck.contains_key(&name) {
                        let error = format!("file {} is not taken and goes to {}: {why}", name.display(), self.config.failed.display());
                        tracing::error!(channel = cx.name(), "{error}");
                        cx.health().error(error);
                    }
                    self.put_away(cx, name, stamp, false).await?;
                }
            }
        }
        let mut deliveries = Vec::with_capacity(taken.len());
        let mut moves = Vec::with_capacity(taken.len());
        for Taken { name, stamp, bytes } in taken {
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let mut envelope = Envelope::new();
            envelope.insert("file".into(), name.to_string_lossy().into());
            envelope.insert("modified".into(), Timestamp::from_micros(stamp.modified).to_string().into());
            deliveries.push(cx.delivery(format!("sha256:{hex}"), "message/rfc822", envelope, bytes));
            moves.push((name, stamp));
        }
        if deliveries.is_empty() {
            return Ok(());
        }
        match cx.accept_all(deliveries, None, None).await {
            Ok(_) => {}
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
        let (config, file) = (Arc::clone(&self.config), name.clone());
        let moving = move || files::put_away(&config.folder, &file, &stamp, if in_journal { &config.done } else { &config.failed });
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

#[async_trait]
impl Channel for DropFolder {
    async fn run(&mut self, cx: ChannelCx) -> Result<(), ChannelError> {
        let config = Arc::clone(&self.config);
        blocking(move || files::prepare(&config)).await??;
        self.seen.clear();
        while !cx.stop().is_cancelled() {
            self.look(&cx).await?;
            cx.health().lag(self.seen.len() as u64);
            cx.health().success();
            tokio::select! {
                () = tokio::time::sleep(self.config.poll) => {}
                () = cx.stop().cancelled() => {}
            }
        }
        Ok(())
    }
}

/// Runs file system calls where they may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ChannelError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ChannelError::Transient(error.to_string()))
}
