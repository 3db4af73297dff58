//! The server's mails against the journal's: what should be here and is not is fetched again, and an alarm until it is.
//!
//! The journal may have more than the server: people move and delete mail. So numbers alone prove nothing, except when they
//! are equal and were found right before. Else the UIDs are compared, ordered lists both.

use std::collections::BTreeMap;
use std::time::Duration;

use loket_core::channel::ChannelCx;
use tokio::time::Instant;

use super::cursor::{key, uid_of};
use super::folder::Broken;
use super::names::uid_set;
use super::visit::{Kept, Visit};
use crate::config::After;

type Result<T> = std::result::Result<T, Broken>;

/// Keys that are read from the journal at once.
const PAGE: u32 = 1_000;
/// Between two reconciliations, when mails that were passed by ask for them.
const SPACING: Duration = Duration::from_secs(5);
/// Mails whose sizes are asked for at once.
const AT_ONCE: usize = 200;

impl Visit<'_> {
    /// When the next reconciliation is due: after the configured time, or sooner when a mail that was passed by is.
    pub(super) fn reconcile_at(&self) -> Instant {
        let Some(last) = self.folder.reconciled else { return Instant::now() };
        let regular = last + self.folder.config.reconcile;
        self.folder.trouble.next().map_or(regular, |again| regular.min(again.max(last + SPACING)))
    }

    /// Compares, fetches what is missing, and does to the others what had to wait.
    pub(super) async fn reconcile(&mut self) -> Result<()> {
        let up_to = self.cursor.uid;
        let taken_away = matches!(self.after, After::Move(_) | After::Delete);
        if taken_away || !self.counts_agree().await? {
            let mut here = self.session.search_all(&format!("UID 1:{}", up_to.max(1))).await?;
            here.retain(|uid| *uid <= up_to);
            let kept = in_journal(self.cx, &self.prefix, &here).await?;
            let lacking = self.heal(without(&here, &kept)).await?;
            self.folder.trouble.settle(up_to, &lacking);
            let missing = lacking.len() as u64;
            if missing > 0 {
                tracing::error!(
                    channel = self.cx.name(),
                    folder = self.folder.name,
                    missing,
                    "mails are on the server and should be in the journal, but cannot be fetched; they are asked for again"
                );
            }
            self.board.missing(self.folder.index, missing);
            self.folder.whole = missing == 0;
            if taken_away {
                self.act(&kept).await?;
            }
        }
        if let After::Flag(flag) = &self.after {
            let mut pending = self.session.search_all(&format!("UID 1:{} UNKEYWORD {flag}", up_to.max(1))).await?;
            pending.retain(|uid| *uid <= up_to);
            let kept = in_journal(self.cx, &self.prefix, &pending).await?;
            self.act(&kept).await?;
        }
        // Set at the end: one that was broken off is due again.
        self.folder.reconciled = Some(Instant::now());
        Ok(())
    }

    /// Whether a look at the numbers is enough.
    async fn counts_agree(&self) -> Result<bool> {
        let nothing_wrong = self.folder.whole && self.folder.trouble.next().is_none();
        Ok(nothing_wrong && u64::from(self.session.exists()) == self.cx.journal_count(&self.prefix).await?)
    }

    /// Fetches mails below the cursor. Answers which are there and did not come.
    async fn heal(&mut self, missing: Vec<u32>) -> Result<Vec<u32>> {
        let due: Vec<u32> = missing.iter().copied().filter(|uid| self.folder.trouble.due(*uid)).collect();
        let mut healed = 0;
        for uids in due.chunks(AT_ONCE) {
            let listing = self.session.sizes(&uid_set(uids), 0, AT_ONCE).await?;
            let mut waiting: BTreeMap<u32, u32> = listing.sizes;
            waiting.retain(|uid, _| uids.binary_search(uid).is_ok());
            while let Some(batch) = self.next_batch(&mut waiting) {
                if self.cx.stop().is_cancelled() {
                    break;
                }
                healed += self.take(batch, false).await?;
            }
        }
        if healed > 0 {
            tracing::warn!(
                channel = self.cx.name(),
                folder = self.folder.name,
                healed,
                "mails were on the server, below our position, and not in the journal; fetched now"
            );
        }
        let mut lacking = Vec::new();
        for uids in without(&missing, &in_journal(self.cx, &self.prefix, &missing).await?).chunks(AT_ONCE) {
            lacking.extend(self.session.still_there(uids).await?);
        }
        lacking.sort_unstable();
        Ok(lacking)
    }
}

/// Which of these mails (ascending) the journal has. Reads it in pages, and skips what the server does not have.
async fn in_journal(cx: &ChannelCx, prefix: &str, uids: &[u32]) -> Result<Vec<Kept>> {
    let mut kept: Vec<Kept> = Vec::new();
    let mut rest = uids;
    while let Some(first) = rest.first() {
        let keys = cx.journal_keys(prefix, &key(prefix, *first, false), PAGE).await?;
        let found: Vec<Kept> = keys.iter().filter_map(|key| uid_of(prefix, key)).map(|(uid, cut)| Kept { uid, cut }).collect();
        let last = found.last().map(|mail| mail.uid);
        for mail in found.into_iter().filter(|mail| rest.binary_search(&mail.uid).is_ok()) {
            // A whole copy and a cut one: the whole one counts.
            match kept.last_mut() {
                Some(before) if before.uid == mail.uid => before.cut &= mail.cut,
                _ => kept.push(mail),
            }
        }
        // A full page without a single UID of ours would be somebody else's keys: there is nothing to go on from.
        let Some(last) = last.filter(|_| keys.len() >= PAGE as usize) else { break };
        rest = rest.split_at(rest.partition_point(|uid| *uid <= last)).1;
    }
    Ok(kept)
}

/// The UIDs (ascending) that are not among the kept ones (ascending).
fn without(uids: &[u32], kept: &[Kept]) -> Vec<u32> {
    uids.iter().copied().filter(|uid| kept.binary_search_by_key(uid, |mail| mail.uid).is_err()).collect()
}
