//! One connection to a folder: fetch what is above the cursor, commit, do what is to be done on the server, wait for more.

use loket_core::channel::{ChannelCx, ChannelError};
use loket_core::delivery::{Delivery, Envelope, TRUNCATED_FROM};
use loket_core::intake::AcceptError;
use loket_core::store::Lease;
use serde_json::Value;
use tokio::time::Instant;

use super::Board;
use super::batch::{self, Batch};
use super::cursor::{Cursor, key};
use super::folder::{Broken, Folder, sleep};
use super::session::{Idled, Mail, Session};
use crate::config::After;

/// Mails that are listed at once; the others are listed after these.
const MOST_LISTED: usize = 10_000;

/// One connection with a folder open.
pub(super) struct Visit<'a> {
    pub(super) folder: &'a mut Folder,
    pub(super) session: Session,
    pub(super) cx: &'a ChannelCx,
    pub(super) board: &'a Board,
    lease: &'a Lease,
    pub(super) cursor: Cursor,
    /// What the keys of the folder's mails begin with.
    pub(super) prefix: String,
    /// What is done to a mail after the commit; nothing where the server does not allow it.
    pub(super) after: After,
}

/// A mail that is in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) uid: u32,
    /// Only its first bytes are.
    pub(super) cut: bool,
}

impl<'a> Visit<'a> {
    /// Opens the folder and finds the place in it.
    pub(super) async fn begin(
        folder: &'a mut Folder,
        mut session: Session,
        cx: &'a ChannelCx,
        board: &'a Board,
        lease: &'a Lease,
    ) -> Result<Self, Broken> {
        let wanted = folder.config.after.clone();
        let selected = session.select(&folder.name, wanted != After::Leave).await?;
        let after = match wanted {
            After::Leave => After::Leave,
            _ if selected.read_only => cannot(cx, folder, "the server opens it for reading only"),
            After::Flag(flag) if !selected.keeps(&flag) => cannot(cx, folder, "the server keeps no keywords in it"),
            wanted => wanted,
        };
        let saved = cx.position(&folder.name).await?;
        let (cursor, anew) = Cursor::resume(saved.as_deref(), selected.validity, selected.next);
        let prefix = cursor.prefix(&folder.name);
        let mut visit = Self { folder, session, cx, board, lease, cursor, prefix, after };
        if let Some(why) = anew {
            tracing::warn!(
                channel = visit.cx.name(),
                folder = visit.folder.name,
                "the folder is read from its beginning again, because {why}; mails that were here before are filed as duplicates"
            );
            visit.folder.trouble = Default::default();
            visit.folder.reconciled = None;
            let from = visit.cursor.uid;
            visit.commit(Vec::new(), Some(from)).await?;
        }
        Ok(visit)
    }

    /// Works until stopped.
    pub(super) async fn stay(&mut self) -> Result<(), Broken> {
        loop {
            self.pull().await?;
            if self.reconcile_at() <= Instant::now() && !self.cx.stop().is_cancelled() {
                self.reconcile().await?;
            }
            if self.cx.stop().is_cancelled() {
                return Ok(());
            }
            self.board.success(self.folder.index);
            self.wait().await?;
        }
    }

    /// Says goodbye.
    pub(super) async fn end(mut self) {
        self.session.logout().await;
    }

    /// Fetches everything above the cursor.
    async fn pull(&mut self) -> Result<(), Broken> {
        while let Some(from) = self.cursor.uid.checked_add(1) {
            let listing = self.session.sizes(&format!("{from}:*"), from, MOST_LISTED).await?;
            let mut ahead = listing.total;
            self.board.lag(self.folder.index, ahead);
            let Some(last) = listing.sizes.last_key_value().map(|(uid, _)| *uid) else { return Ok(()) };
            let mut waiting = listing.sizes;
            waiting.retain(|uid, _| !self.folder.trouble.passed_by(*uid));
            while let Some(batch) = self.next_batch(&mut waiting) {
                if self.cx.stop().is_cancelled() {
                    return Ok(());
                }
                ahead -= (batch.uids.len() as u64).min(ahead);
                self.take(batch, true).await?;
                self.board.lag(self.folder.index, ahead);
            }
            // Mails that were passed by at the end of the list.
            if self.cursor.uid < last {
                self.commit(Vec::new(), Some(last)).await?;
                self.folder.reconciled = None;
            }
        }
        Ok(())
    }

    pub(super) fn next_batch(&self, waiting: &mut std::collections::BTreeMap<u32, u32>) -> Option<Batch> {
        let Folder { config, max_payload, trouble, .. } = &*self.folder;
        batch::next(waiting, config.batch_bytes, *max_payload, |uid| trouble.alone(uid))
    }

    /// Fetches and commits a batch, and the cursor with it if it `moves`. Answers how many mails came.
    pub(super) async fn take(&mut self, batch: Batch, moves: bool) -> Result<usize, Broken> {
        let Some(last) = batch.uids.last().copied() else { return Ok(0) };
        let refused = self.take_some(&batch.uids, batch.first, moves.then_some(last)).await?;
        let mut came = batch.uids.len().saturating_sub(refused.len());
        // One mail may be the reason that the server gave none of several: each has its own chance.
        let alone: &[u32] = if batch.uids.len() > 1 { &refused } else { &[] };
        let mut lost = if batch.uids.len() > 1 { Vec::new() } else { refused.clone() };
        for (at, uid) in alone.iter().enumerate() {
            let up_to = refused.get(at + 1).map_or(last, |next| next - 1);
            let first = Some(self.folder.max_payload);
            if self.take_some(&[*uid], first, moves.then_some(up_to)).await?.is_empty() {
                came += 1;
            } else {
                lost.push(*uid);
            }
            if moves && self.cursor.uid < up_to {
                self.commit(Vec::new(), Some(up_to)).await?;
            }
        }
        if moves && self.cursor.uid < last {
            self.commit(Vec::new(), Some(last)).await?;
        }
        for uid in lost {
            self.folder.trouble.refused(uid);
            // It shall be seen to be missing now, and not in ten minutes.
            self.folder.reconciled = None;
        }
        Ok(came)
    }

    /// Fetches and commits mails, and the cursor up to `up_to`, but not past a mail that is there and did not come. Answers
    /// which those are.
    async fn take_some(&mut self, uids: &[u32], first: Option<u64>, up_to: Option<u32>) -> Result<Vec<u32>, Broken> {
        self.folder.trouble.begin(uids);
        let most = first.unwrap_or(self.folder.max_payload);
        // Sizes are estimates on some servers; on the others, twice the batch is never reached.
        let room = self.folder.config.batch_bytes.saturating_mul(2);
        let (mails, answer) = self.session.bodies(uids, most, first, room).await?;
        let lacking: Vec<u32> = uids.iter().copied().filter(|uid| mails.binary_search_by_key(uid, |mail| mail.uid).is_err()).collect();
        let refused = if lacking.is_empty() { lacking } else { self.session.still_there(&lacking).await? };
        self.folder.trouble.end();
        let vanished = uids.len().saturating_sub(mails.len() + refused.len());
        if vanished > 0 {
            tracing::info!(
                channel = self.cx.name(),
                folder = self.folder.name,
                vanished,
                "mails were moved or deleted by others before they were fetched"
            );
        }
        if let [uid] = refused.as_slice() {
            let said = if answer.is_ok() { "OK, without the mail" } else { answer.text.as_str() };
            let error = format!("the server does not give mail {uid} of folder `{}`; it says: {said}", self.folder.name);
            tracing::error!(channel = self.cx.name(), "{error}");
            self.cx.health().error(error);
        }
        let up_to = up_to.map(|up_to| refused.first().map_or(up_to, |uid| uid - 1));
        self.commit(mails, up_to).await?;
        Ok(refused)
    }

    /// Commits mails, and that we have come up to there. Then, and only then, the server is told.
    async fn commit(&mut self, mails: Vec<Mail>, up_to: Option<u32>) -> Result<(), Broken> {
        // A UID read under one validity must not be kept under another.
        if self.session.validity() != Some(self.cursor.validity) {
            return Err(ChannelError::Transient("the folder's UIDVALIDITY changed under our hands".into()).into());
        }
        let mut moved = self.cursor.clone();
        if let Some(uid) = up_to {
            moved.uid = uid.max(moved.uid);
        }
        let mut kept = Vec::with_capacity(mails.len());
        let mut deliveries = Vec::with_capacity(mails.len());
        for mail in mails {
            let (delivery, cut) = self.delivery(mail.uid, mail);
            kept.push(cut);
            deliveries.push(delivery);
        }
        let position = (up_to.is_some()).then(|| (self.folder.name.as_str(), moved.text()));
        if position.is_none() && deliveries.is_empty() {
            return Ok(());
        }
        match self.cx.accept_all(deliveries, position, Some(self.lease)).await {
            Ok(_) => {}
            Err(AcceptError::TooLarge { limit, .. }) if limit < self.folder.max_payload => {
                // The installation takes less than the channel: the mail is fetched again, in part.
                self.folder.max_payload = limit;
                let error = format!(
                    "the installation takes at most {limit} bytes, less than this channel's max_payload; larger mails are cut there"
                );
                return Err(ChannelError::Transient(error).into());
            }
            Err(error) => return Err(error.into()),
        }
        self.cursor = moved;
        for mail in &kept {
            self.folder.trouble.solved(mail.uid);
        }
        self.act(&kept).await
    }

    fn delivery(&self, uid: u32, mail: Mail) -> (Delivery, Kept) {
        let max = self.folder.max_payload;
        let most = usize::try_from(max).unwrap_or(usize::MAX);
        let size = mail.size.map_or(0, u64::from).max(mail.body.len() as u64);
        let body = if mail.body.len() > most { mail.body.slice(..most) } else { mail.body };
        // Sizes are estimates on some servers: only where the limit was met is the mail cut.
        let cut = size > max && body.len() as u64 >= max;
        let mut envelope = Envelope::new();
        let mut put = |name: &str, value: Value| {
            envelope.insert(name.into(), value);
        };
        put("host", self.folder.config.host.as_str().into());
        put("user", self.folder.config.user.as_str().into());
        put("folder", self.folder.name.as_str().into());
        put("uidvalidity", self.cursor.validity.into());
        put("uid", uid.into());
        put("flags", mail.flags.into());
        if let Some(date) = mail.date {
            put("internaldate", date.into());
        }
        if cut {
            put(TRUNCATED_FROM, size.into());
        }
        (self.cx.delivery(key(&self.prefix, uid, cut), "message/rfc822", envelope, body), Kept { uid, cut })
    }

    /// Waits until it is worth looking again.
    async fn wait(&mut self) -> Result<(), Broken> {
        if self.session.has_more() {
            return Ok(());
        }
        let now = Instant::now();
        let config = &self.folder.config;
        if config.idle && !self.folder.no_idle && self.session.can("IDLE") {
            let until = (now + config.idle_renew).min(self.reconcile_at());
            if self.session.idle(until, self.cx.stop()).await? == Idled::Unwanted && !self.cx.stop().is_cancelled() {
                tracing::warn!(
                    channel = self.cx.name(),
                    folder = self.folder.name,
                    "the server offers IDLE and refuses it; asking every {:?}",
                    config.poll
                );
                self.folder.no_idle = true;
            }
            return Ok(());
        }
        sleep(config.poll.min(self.reconcile_at().saturating_duration_since(now)), self.cx.stop()).await;
        if !self.cx.stop().is_cancelled() {
            self.session.noop().await?;
        }
        Ok(())
    }
}

fn cannot(cx: &ChannelCx, folder: &Folder, why: &str) -> After {
    let error = format!("mails in folder `{}` stay as they are: {why}", folder.name);
    tracing::error!(channel = cx.name(), "{error}");
    cx.health().error(error);
    After::Leave
}
