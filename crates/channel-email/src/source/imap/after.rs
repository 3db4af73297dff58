//! What happens to a mail on the server once it is in the journal. Only then, and never to another one.
//!
//! When the process dies between the commit and this, reconciling finds the mail still there and does it then.

use std::collections::BTreeSet;

use super::folder::Broken;
use super::session::Session;
use super::visit::{Kept, Visit};
use super::wire::Answer;
use crate::config::After;

type Result<T> = std::result::Result<T, Broken>;

/// Mails in one command: its line stays below what servers take.
const AT_ONCE: usize = 200;

impl Visit<'_> {
    /// Does what is configured to these mails. What the server refuses is reported, and tried again by the next reconciliation.
    pub(super) async fn act(&mut self, kept: &[Kept]) -> Result<()> {
        let after = self.after.clone();
        // Of a mail that was cut, the server has the only whole copy.
        let mut uids: Vec<u32> = kept.iter().filter(|mail| !(mail.cut && after == After::Delete)).map(|mail| mail.uid).collect();
        uids.sort_unstable();
        for uids in uids.chunks(AT_ONCE) {
            let answer = match &after {
                After::Leave => return Ok(()),
                After::Flag(flag) => self.session.flag(uids, flag).await?,
                After::Move(folder) => move_to(&mut self.session, uids, folder).await?,
                After::Delete => delete(&mut self.session, uids).await?,
            };
            if !answer.is_ok() {
                let error = format!(
                    "{} mails of folder `{}` are in the journal, but the server refuses what `after` says: {}",
                    uids.len(),
                    self.folder.name,
                    answer.text
                );
                tracing::error!(channel = self.cx.name(), "{error}");
                self.cx.health().error(error);
            }
        }
        Ok(())
    }
}

async fn move_to(session: &mut Session, uids: &[u32], folder: &str) -> Result<Answer> {
    if session.can("MOVE") {
        return Ok(session.transfer("MOVE", uids, folder).await?);
    }
    let copied = session.transfer("COPY", uids, folder).await?;
    if copied.is_ok() { delete(session, uids).await } else { Ok(copied) }
}

async fn delete(session: &mut Session, uids: &[u32]) -> Result<Answer> {
    let marked = session.flag(uids, "\\Deleted").await?;
    if !marked.is_ok() {
        return Ok(marked);
    }
    if session.can("UIDPLUS") {
        return Ok(session.expunge(Some(uids)).await?);
    }
    // EXPUNGE takes everything that is marked. Where other people's mails are, ours stay marked, as mail programs leave them.
    let ours: BTreeSet<u32> = uids.iter().copied().collect();
    if session.search_all("DELETED").await?.iter().all(|uid| ours.contains(uid)) {
        return Ok(session.expunge(None).await?);
    }
    Ok(marked)
}
