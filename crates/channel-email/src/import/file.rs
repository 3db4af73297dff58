//! One file: a mail, or an mbox.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use loket_core::reader::{Reader, Recognition};
use sha2::{Digest, Sha256};

use super::mbox::{self, Mbox};
use super::{ImportError, Mail};
use crate::reader::EmailReader;

/// How much is looked at to see what a file is.
const WINDOW: u64 = 64 * 1024;

/// What a file is.
pub(super) enum Opened {
    Mail(Mail),
    Mbox(Mbox),
}

/// Opens a file and sees what it is.
pub(super) fn open(path: &Path, flags: Option<String>, max_payload: u64) -> Result<Opened, ImportError> {
    let failed = |error: io::Error| ImportError::new(path, format!("cannot be read: {error}"));
    let mut file = File::open(path).map_err(failed)?;
    let mut start = Vec::new();
    file.by_ref().take(WINDOW).read_to_end(&mut start).map_err(failed)?;
    if mbox::begins(&start) {
        file.rewind().map_err(failed)?;
        return Ok(Opened::Mbox(Mbox::new(path, file, max_payload).map_err(failed)?));
    }
    // What stands in a Maildir or is called .eml was a mail once, whatever is left of it: it is taken in, and told from there.
    let called_mail = flags.is_some() || path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml"));
    if !called_mail && start.trim_ascii().is_empty() {
        return Err(ImportError::new(path, "empty"));
    }
    if !called_mail && !looks_like_mail(&start) {
        return Err(ImportError::new(path, "not a mail: no header of one in it"));
    }
    let mut taken = Taken::new(max_payload);
    // Piece by piece: the file may be larger than what may be taken of it.
    let mut piece = start;
    while !piece.is_empty() {
        taken.push(&piece);
        piece.clear();
        file.by_ref().take(WINDOW).read_to_end(&mut piece).map_err(failed)?;
    }
    Ok(Opened::Mail(taken.into_mail(path.display().to_string(), flags)))
}

/// Whether this is the beginning of a mail.
pub(super) fn looks_like_mail(start: &[u8]) -> bool {
    EmailReader.recognizes(start) > Recognition::No
}

/// The bytes of one mail while it is read: all of them go into the digest, as many as allowed are kept.
pub(super) struct Taken {
    kept: Vec<u8>,
    max: usize,
    size: u64,
    hash: Sha256,
}

impl Taken {
    pub(super) fn new(max_payload: u64) -> Self {
        Self { kept: Vec::new(), max: usize::try_from(max_payload).unwrap_or(usize::MAX), size: 0, hash: Sha256::new() }
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        self.hash.update(piece);
        self.size += piece.len() as u64;
        let room = self.max - self.kept.len();
        self.kept.extend_from_slice(piece.get(..room).unwrap_or(piece));
    }

    /// What was kept so far.
    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    pub(super) fn into_mail(self, origin: String, flags: Option<String>) -> Mail {
        let digest = self.hash.finalize();
        let key = digest.iter().fold(String::from("sha256:"), |key, byte| key + &format!("{byte:02x}"));
        let truncated_from = (self.size > self.kept.len() as u64).then_some(self.size);
        Mail { key, origin, flags, bytes: self.kept.into(), truncated_from }
    }
}
