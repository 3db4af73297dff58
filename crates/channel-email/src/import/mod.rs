//! Import of archives: .eml files, mbox files and Maildir folders, alone or in folders of them. What a file is is seen from its
//! content; one that is called .eml is taken for a mail whatever is in it. Memory is bounded by one mail and the names in one folder, so files of many gigabytes are fine.
//!
//! [`mails`] reads blocking: run it on a blocking thread and hand its mails over one by one. Their keys depend on their bytes alone,
//! so that a second import of the same mails, from whichever file, adds nothing.

mod file;
mod mbox;
mod walk;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use loket_core::delivery::{Envelope, TRUNCATED_FROM};
use serde_json::json;

use file::Opened;
use mbox::Mbox;
use walk::{Found, Walk};

/// What the deliveries of an import are.
pub const MEDIA_TYPE: &str = "message/rfc822";

/// A mail found in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The delivery key: `sha256:` and the digest of the whole mail in hex.
    pub key: String,
    /// Where it was: the file, and behind `@` the offset in it for an mbox.
    pub origin: String,
    /// The flags of a Maildir file, e.g. `FS`.
    pub flags: Option<String>,
    /// The mail, without what the archive put around it; its first bytes only when it is too large.
    pub bytes: Bytes,
    /// How large it is, when it is larger than what was taken of it.
    pub truncated_from: Option<u64>,
}

impl Mail {
    /// The envelope of its delivery.
    pub fn envelope(&self) -> Envelope {
        let mut envelope = Envelope::new();
        envelope.insert("imported_from".into(), json!(self.origin));
        if let Some(flags) = &self.flags {
            envelope.insert("flags".into(), json!(flags));
        }
        if let Some(size) = self.truncated_from {
            envelope.insert(TRUNCATED_FROM.into(), json!(size));
        }
        envelope
    }
}

/// Why a file gave no mail. The import goes on with the next one.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ImportError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl ImportError {
    fn new(path: &Path, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

/// The mails in a file or folder, in the order of the files' names. Of a mail larger than `max_payload` the first bytes are taken.
/// Blocking.
pub fn mails(path: &Path, max_payload: u64) -> Mails {
    Mails { walk: Walk::new(path), open: None, max_payload }
}

/// The mails of an import. See [`mails`].
pub struct Mails {
    walk: Walk,
    open: Option<Mbox>,
    max_payload: u64,
}

impl Iterator for Mails {
    type Item = Result<Mail, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(mbox) = &mut self.open {
                match mbox.next() {
                    Some(mail) => return Some(mail),
                    None => self.open = None,
                }
            }
            let opened = match self.walk.next()? {
                Found::File { path, flags } => file::open(&path, flags, self.max_payload),
                Found::Error(error) => Err(error),
            };
            match opened {
                Ok(Opened::Mail(mail)) => return Some(Ok(mail)),
                Ok(Opened::Mbox(mbox)) => self.open = Some(mbox),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
