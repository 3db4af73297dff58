//! A folder into which others put .eml files.
//!
//! The key of a file is the digest of its bytes; the rest is told in [`loket_core::drop_folder`].

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use loket_core::channel::{Channel, ChannelCx, ChannelError};
use loket_core::delivery::{Delivery, Envelope};
use loket_core::drop_folder::{self, Name, Others, Rules, Settings};

use crate::config::FolderConfig;
use crate::reader::sha256_hex;

/// A drop folder.
pub struct DropFolder(drop_folder::DropFolder<Mails>);

impl DropFolder {
    /// As configured; files above `max_payload` bytes are moved to `failed`.
    pub fn new(config: FolderConfig, max_payload: u64) -> Self {
        let FolderConfig { folder, done, failed, poll } = config;
        // Two looks that find a file unchanged are enough: there is a poll between them.
        let settings = Settings { folder, done, failed, poll, settle: Duration::ZERO, max_payload };
        Self(drop_folder::DropFolder::new(settings, Mails::default()))
    }
}

#[async_trait]
impl Channel for DropFolder {
    async fn run(&mut self, cx: ChannelCx) -> Result<(), ChannelError> {
        self.0.run(&cx).await
    }
}

/// Which files are mails.
#[derive(Default)]
struct Mails {
    /// Files in the folder that are not ours to take, when that was last said.
    others: u64,
}

#[async_trait]
impl Rules for Mails {
    const TAKES_EMPTY: bool = true;

    fn judge(name: &OsStr) -> Name {
        // Names that programs give to files they are still writing: .hidden, name.tmp, name.part.
        if name.as_encoded_bytes().starts_with(b".") || has_ending(name, "tmp") || has_ending(name, "part") {
            Name::Unfinished
        } else if has_ending(name, "eml") {
            Name::Plain
        } else {
            Name::Refused("its ending: it is not .eml")
        }
    }

    async fn delivery(&self, cx: &ChannelCx, envelope: Envelope, bytes: Bytes) -> Result<Delivery, ChannelError> {
        Ok(cx.delivery(format!("sha256:{}", sha256_hex(&bytes)), "message/rfc822", envelope, bytes))
    }

    fn tell_of_others(&mut self, cx: &ChannelCx, folder: &Path, others: &Others) {
        if others.count > self.others {
            tracing::warn!(
                channel = cx.name(),
                others = others.count,
                "there are files in {} that are not taken: their names do not end in .eml",
                folder.display()
            );
        }
        self.others = others.count;
    }
}

fn has_ending(name: &OsStr, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn mails_are_known_by_their_names() {
        let refused = Name::Refused("its ending: it is not .eml");
        let table: [(&[u8], Name); 12] = [
            (b"a.eml", Name::Plain),
            (b"B.EML", Name::Plain),
            (b"K\xf6ln \xe2\x80\x8b.eml", Name::Plain),
            (b"line\nend.eml", Name::Plain),
            (b"a.part.eml", Name::Plain),
            (b".eml", Name::Unfinished),
            (b".c.eml", Name::Unfinished),
            (b"d.eml.part", Name::Unfinished),
            (b"e.eml.TMP", Name::Unfinished),
            (b"f.txt", refused),
            (b"eml", refused),
            (b"g.eml\xff", refused),
        ];
        for (name, wanted) in table {
            assert_eq!(Mails::judge(OsStr::from_bytes(name)), wanted, "{name:?}");
        }
    }
}
