//! Folders on this machine: the partner's files come in one, ours go out in another.
//!
//! The key of a file is the digest of its bytes; how files are taken is told in [`loket_core::drop_folder`].

mod put;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use loket_core::channel::{ChannelCx, ChannelError};
use loket_core::delivery::{Delivery, Envelope};
use loket_core::drop_folder::{self, Name, Others, Rules, Settings};

use super::{blocking, names, take};
use crate::config::{EdiConfig, FolderConfig};
pub(crate) use put::put;

/// The folder that the partner's files come in.
pub(crate) struct DropFolder {
    folder: drop_folder::DropFolder<PartnersFiles>,
    /// Where files for the partner are put.
    out: PathBuf,
}

impl DropFolder {
    pub(crate) fn new(partner: Arc<EdiConfig>, config: FolderConfig) -> Self {
        let FolderConfig { folder, done, failed, out, poll, settle } = config;
        let settings = Settings { folder, done, failed, poll, settle, max_payload: partner.max_payload };
        Self { folder: drop_folder::DropFolder::new(settings, PartnersFiles { partner, others: Vec::new() }), out }
    }

    /// Takes what comes, until it is told to stop.
    pub(crate) async fn run(&mut self, cx: &ChannelCx) -> Result<(), ChannelError> {
        // The partner may look there before there is something.
        let out = self.out.clone();
        blocking(move || drop_folder::make(&out)).await??;
        self.folder.run(cx).await
    }
}

/// Which files are taken from a partner, and what they are.
struct PartnersFiles {
    partner: Arc<EdiConfig>,
    /// Names in the folder that are not taken, which was said.
    others: Vec<String>,
}

#[async_trait]
impl Rules for PartnersFiles {
    const TAKES_EMPTY: bool = false;

    fn judge(name: &OsStr) -> Name {
        match names::judge(&name.to_string_lossy()) {
            names::Name::Plain => Name::Plain,
            names::Name::Unfinished => Name::Unfinished,
            names::Name::Refused(why) => Name::Refused(why),
        }
    }

    async fn delivery(&self, cx: &ChannelCx, envelope: Envelope, bytes: Bytes) -> Result<Delivery, ChannelError> {
        take::delivery(&self.partner, cx, None, envelope, bytes).await
    }

    /// Says once of each name why its file is not taken.
    fn tell_of_others(&mut self, cx: &ChannelCx, folder: &Path, others: &Others) {
        let others: Vec<(String, &str)> = others.named.iter().map(|(name, why)| (names::shown(&name.to_string_lossy()), *why)).collect();
        for (name, why) in others.iter().filter(|(name, _)| !self.others.contains(name)) {
            let text = format!("{name} in {} is not taken because of {why}", folder.display());
            tracing::warn!(channel = cx.name(), "{text}");
            cx.health().error(text);
        }
        self.others = others.into_iter().map(|(name, _)| name).collect();
    }

    fn tell_of_known(&self, cx: &ChannelCx, name: &OsStr) {
        tracing::info!(channel = cx.name(), "file {} holds what is in the journal already", name.display());
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn names_are_judged_as_they_are_on_the_disk() {
        let table: [(&[u8], Name); 6] = [
            (b"a.edi", Name::Plain),
            (b"B", Name::Plain),
            (b".c.edi", Name::Unfinished),
            (b"d.edi.part", Name::Unfinished),
            (b"g\n.edi", Name::Refused("control characters or invisible ones in it")),
            (b"K\xf6ln.edi", Name::Refused("bytes in it that are not UTF-8")),
        ];
        for (name, wanted) in table {
            assert_eq!(PartnersFiles::judge(OsStr::from_bytes(name)), wanted, "{name:?}");
        }
    }
}
