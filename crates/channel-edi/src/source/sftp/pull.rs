//! Fetching what the partner put on the server.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use loket_core::channel::{ChannelCx, ChannelError};
use loket_core::delivery::{Delivery, Envelope};
use loket_core::intake::AcceptError;
use loket_core::time::Timestamp;

use super::link::{Kind, Link, Stamp};
use super::trouble::{Trouble, is_missing, is_refusal};
use crate::config::{AfterTaken, EdiConfig, SftpConfig};
use crate::source::names::{self, Name};
use crate::source::take;

/// Files that are remembered from one look to the next; the others come when these are gone.
const MOST_SEEN: usize = 10_000;
/// Entries of a folder that are looked at, whatever they are: a server may never come to an end.
const MOST_ENTRIES: usize = 50_000;
/// Names that are not taken and are told of, at most.
const MOST_OTHERS: usize = 20;
/// Files in one commit, at most.
const MOST_FILES: usize = 200;
/// Their bytes together, unless one file alone is larger.
const MOST_BYTES: u64 = 8 << 20;

/// A folder on a server that is emptied.
pub(crate) struct Pull {
    partner: Arc<EdiConfig>,
    config: SftpConfig,
    max_payload: u64,
    link: Option<Link>,
    /// Files that stay where they are, which was said: too large, or in the journal and not to be moved.
    staying: BTreeMap<String, Stays>,
    /// Names that are not taken, which was said.
    others: Vec<String>,
}

/// A file that stays.
#[derive(Clone, Debug)]
struct Stays {
    stamp: Stamp,
    /// It is in the journal and wants to be moved away.
    in_journal: Option<String>,
}

/// What a look found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: BTreeMap<String, Stamp>,
    pub(super) others: Vec<(String, &'static str)>,
}

/// A file in the journal, or about to be.
struct Taken {
    name: String,
    stamp: Stamp,
    /// The beginning of its digest, for a name that is free where it goes.
    mark: String,
}

impl Pull {
    pub(crate) fn new(partner: Arc<EdiConfig>, config: SftpConfig) -> Self {
        let max_payload = partner.max_payload;
        Self { partner, config, max_payload, link: None, staying: BTreeMap::new(), others: Vec::new() }
    }

    /// Takes what comes, until it is told to stop.
    pub(crate) async fn run(&mut self, cx: &ChannelCx) -> Result<(), ChannelError> {
        self.link = None;
        while !cx.stop().is_cancelled() {
            if let Err(error) = self.look(cx).await {
                self.link = None;
                return Err(error);
            }
            cx.health().success();
            tokio::select! {
                () = tokio::time::sleep(self.config.poll) => {}
                () = cx.stop().cancelled() => {}
            }
        }
        if let Some(link) = self.link.take() {
            link.close().await;
        }
        Ok(())
    }

    /// Looks into the folder, waits a little, looks again, and takes what stood still.
    async fn look(&mut self, cx: &ChannelCx) -> Result<(), ChannelError> {
        let link = match self.link.take().filter(|link| !link.is_closed()) {
            Some(link) => link,
            None => {
                let link = Link::connect(&self.config).await?;
                if let AfterTaken::Move(done) = &self.config.after {
                    link.make_folder(done).await?;
                }
                link
            }
        };
        let before = list(&link, &self.config.folder).await?;
        self.tell_of_others(cx, before.others);
        cx.health().lag(before.files.len() as u64);
        self.staying.retain(|name, stays| before.files.get(name) == Some(&stays.stamp));
        for (name, stays) in self.staying.clone() {
            if let Some(mark) = stays.in_journal {
                self.put_away(cx, &link, Taken { name, stamp: stays.stamp, mark }).await?;
            }
        }
        if before.files.keys().any(|name| !self.staying.contains_key(name)) {
            tokio::select! {
                () = tokio::time::sleep(self.config.settle) => {}
                () = cx.stop().cancelled() => return Ok(()),
            }
            let after = list(&link, &self.config.folder).await?;
            let ready = after.files.into_iter().filter(|(name, stamp)| before.files.get(name) == Some(stamp));
            let ready = ready.filter(|(name, _)| !self.staying.contains_key(name)).collect();
            self.take(cx, &link, ready).await?;
        }
        cx.health().lag(self.staying.len() as u64);
        self.link = Some(link);
        Ok(())
    }

    /// Says once of each name why its file is not taken.
    fn tell_of_others(&mut self, cx: &ChannelCx, others: Vec<(String, &'static str)>) {
        for (name, why) in others.iter().filter(|(name, _)| !self.others.contains(name)) {
            let text = format!("{name} in {} on {} is not taken because of {why}", self.config.folder, self.config.host);
            tracing::warn!(channel = cx.name(), "{text}");
            cx.health().error(text);
        }
        self.others = others.into_iter().map(|(name, _)| name).collect();
    }

    /// Fetches files, commits them in batches, and moves or deletes them.
    async fn take(&mut self, cx: &ChannelCx, link: &Link, mut ready: Vec<(String, Stamp)>) -> Result<(), ChannelError> {
        // Oldest first: a change must not overtake its order.
        ready.sort_by(|(name, stamp), (other, than)| (stamp.modified, name).cmp(&(than.modified, other)));
        let (mut deliveries, mut taken, mut weight) = (Vec::new(), Vec::new(), 0);
        for (name, stamp) in ready {
            if cx.stop().is_cancelled() {
                break;
            }
            if !deliveries.is_empty() && (deliveries.len() >= MOST_FILES || weight + stamp.size > MOST_BYTES) {
                self.commit(cx, link, std::mem::take(&mut deliveries), std::mem::take(&mut taken)).await?;
                weight = 0;
            }
            let Some(bytes) = self.fetch(cx, link, &name, stamp).await? else { continue };
            weight += stamp.size;
            let mut envelope = Envelope::new();
            envelope.insert("file".into(), name.as_str().into());
            envelope.insert("folder".into(), self.config.folder.as_str().into());
            envelope.insert("server".into(), format!("{}@{}:{}", self.config.user, self.config.host, self.config.port).into());
            envelope.insert("modified".into(), Timestamp::from_micros(i64::from(stamp.modified) * 1_000_000).to_string().into());
            let delivery = take::delivery(&self.partner, cx, None, envelope, bytes).await?;
            let mark = delivery.key.trim_start_matches("sha256:").chars().take(8).collect();
            deliveries.push(delivery);
            taken.push(Taken { name, stamp, mark });
        }
        if deliveries.is_empty() { Ok(()) } else { self.commit(cx, link, deliveries, taken).await }
    }

    /// The bytes of a file, if it is still as it was looked at when they are here.
    async fn fetch(&mut self, cx: &ChannelCx, link: &Link, name: &str, stamp: Stamp) -> Result<Option<Bytes>, ChannelError> {
        if stamp.size > self.max_payload {
            let text = format!("file {name} is not taken: it has {} bytes, at most {} are", stamp.size, self.max_payload);
            tracing::error!(channel = cx.name(), "{text}");
            cx.health().error(text);
            self.staying.insert(name.to_owned(), Stays { stamp, in_journal: None });
            return Ok(None);
        }
        let path = join(&self.config.folder, name);
        // The listing tells the size of what a link points to, on some servers; and names can change hands meanwhile.
        if link.kind(&path).await? != Some(Kind::File(stamp)) {
            return Ok(None);
        }
        let bytes = match link.get(&path, stamp.size).await {
            Ok(bytes) => bytes,
            Err(Trouble::Lasting(text)) => {
                // One file that may not be read stops no other.
                if link.kind(&path).await?.is_some() {
                    tracing::error!(channel = cx.name(), "{text}");
                    cx.health().error(text);
                    self.staying.insert(name.to_owned(), Stays { stamp, in_journal: None });
                }
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let unchanged = bytes.len() as u64 == stamp.size && link.kind(&path).await? == Some(Kind::File(stamp));
        Ok(unchanged.then(|| bytes.into()))
    }

    async fn commit(&mut self, cx: &ChannelCx, link: &Link, deliveries: Vec<Delivery>, taken: Vec<Taken>) -> Result<(), ChannelError> {
        match cx.accept_all(deliveries, None, None).await {
            Ok(accepted) => {
                for (one, _) in taken.iter().zip(accepted).filter(|(_, accepted)| accepted.known) {
                    tracing::info!(channel = cx.name(), "file {} holds what is in the journal already", one.name);
                }
            }
            Err(AcceptError::TooLarge { limit, .. }) if limit < self.max_payload => {
                // The installation takes less than the channel. The next look leaves such files alone.
                self.max_payload = limit;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        for one in taken {
            self.put_away(cx, link, one).await?;
        }
        Ok(())
    }

    /// Moves or deletes a file that is in the journal. One that cannot be moved stops no other.
    async fn put_away(&mut self, cx: &ChannelCx, link: &Link, taken: Taken) -> Result<(), ChannelError> {
        let path = join(&self.config.folder, &taken.name);
        // Another file under its name is one that was not read yet.
        if link.kind(&path).await? != Some(Kind::File(taken.stamp)) {
            self.staying.remove(&taken.name);
            return Ok(());
        }
        let gone = match &self.config.after {
            AfterTaken::Delete => link.remove(&path).await.map_err(|error| match error {
                Trouble::Lasting(text) => Ok(text),
                passing => Err(passing),
            }),
            AfterTaken::Move(done) => move_away(link, &path, done, &taken).await,
        };
        match gone {
            Ok(()) => {
                self.staying.remove(&taken.name);
                Ok(())
            }
            Err(Ok(text)) => {
                let stays = Stays { stamp: taken.stamp, in_journal: Some(taken.mark) };
                let name = taken.name.clone();
                if self.staying.insert(taken.name, stays).is_none() {
                    let error = format!("file {name} is in the journal and cannot be moved away: {text}");
                    tracing::error!(channel = cx.name(), "{error}");
                    cx.health().error(error);
                }
                Ok(())
            }
            Err(Err(passing)) => Err(passing.into()),
        }
    }
}

/// Moves a file, under its own name or, where that is taken, under one with its digest. The inner error is the server's refusal.
async fn move_away(link: &Link, path: &str, done: &str, taken: &Taken) -> Result<(), Result<String, Trouble>> {
    let mut said = String::new();
    for name in [taken.name.clone(), names::marked(&taken.name, &taken.mark)] {
        let target = join(done, &name);
        // Some servers overwrite what is there.
        if link.kind(&target).await.map_err(Err)?.is_some() {
            said = format!("there is a file under its name in {done}");
            continue;
        }
        match link.rename(path, &target).await {
            Ok(()) => return Ok(()),
            Err(error) if is_missing(&error) && link.kind(path).await.map_err(Err)?.is_none() => return Ok(()),
            Err(error) if is_refusal(&error) => said = error.to_string(),
            Err(error) => return Err(Err(Trouble::of(&format!("moving {path}"), &error))),
        }
    }
    // The same bytes were moved before under both names: what is there with the same digest in its name and the same size is this file.
    let target = join(done, &names::marked(&taken.name, &taken.mark));
    if matches!(link.kind(&target).await.map_err(Err)?, Some(Kind::File(stamp)) if stamp.size == taken.stamp.size) {
        return link.remove(path).await.map_err(Err);
    }
    Err(Ok(said))
}

/// The files in a folder that can be taken.
pub(super) async fn list(link: &Link, folder: &str) -> Result<Found, Trouble> {
    let mut found = Found::default();
    let mut entries = 0;
    link.list(folder, |name, kind| {
        entries += 1;
        found.add(name, kind);
        entries < MOST_ENTRIES && found.files.len() < MOST_SEEN
    })
    .await?;
    found.others.sort();
    found.others.dedup();
    Ok(found)
}

impl Found {
    fn add(&mut self, name: String, kind: Kind) {
        if name == "." || name == ".." || kind == Kind::Folder {
            return;
        }
        let why = match (names::judge(&name), kind) {
            (Name::Unfinished, _) => return,
            (Name::Refused(why), _) => why,
            // Not written yet, or nothing to lose.
            (Name::Plain, Kind::File(stamp)) if stamp.size == 0 => return,
            (Name::Plain, Kind::File(stamp)) => {
                self.files.insert(name, stamp);
                return;
            }
            (Name::Plain, _) => "its kind: a link, a pipe or a device",
        };
        if self.others.len() < MOST_OTHERS {
            self.others.push((names::shown(&name), why));
        }
    }
}

pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.ends_with('/') { format!("{folder}{name}") } else { format!("{folder}/{name}") }
}
