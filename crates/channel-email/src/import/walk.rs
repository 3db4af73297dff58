//! The files in a folder and its folders, sorted. Symbolic links are not followed, so that a link cannot lead out of what was
//! given; of a Maildir only `cur` and `new` count.

use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use super::ImportError;

/// What a walk comes by.
pub(super) enum Found {
    /// A file. `flags` are those of a Maildir file.
    File { path: PathBuf, flags: Option<String> },
    /// Something that cannot be read.
    Error(ImportError),
}

/// A walk through a folder; of a file, the file alone.
pub(super) struct Walk {
    /// What is still to come by, the next one last.
    ahead: Vec<PathBuf>,
    /// What was given is taken as it is, link or not.
    given: Option<PathBuf>,
}

impl Walk {
    pub(super) fn new(path: &Path) -> Self {
        Self { ahead: Vec::new(), given: Some(path.into()) }
    }

    fn visit(&mut self, path: PathBuf, metadata: std::io::Result<fs::Metadata>) -> Option<Found> {
        let kind = match metadata {
            Ok(metadata) => metadata.file_type(),
            Err(error) => return Some(Found::Error(ImportError::new(&path, format!("cannot be read: {error}")))),
        };
        if kind.is_dir() {
            return self.enter(&path).err().map(Found::Error);
        }
        if kind.is_symlink() {
            return Some(Found::Error(ImportError::new(&path, "a symbolic link; it was not followed")));
        }
        if !kind.is_file() {
            return Some(Found::Error(ImportError::new(&path, "not a regular file")));
        }
        let flags = maildir_flags(&path);
        Some(Found::File { path, flags })
    }

    fn enter(&mut self, folder: &Path) -> Result<(), ImportError> {
        let failed = |error: std::io::Error| ImportError::new(folder, format!("cannot be listed: {error}"));
        let entries = fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<DirEntry>, _>>().map_err(failed)?;
        let is_folder = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_maildir = ["cur", "new"].iter().all(|name| entries.iter().any(|entry| entry.file_name() == *name && is_folder(entry)));
        let mut names: Vec<OsString> = entries
            .iter()
            // In a Maildir, `tmp` has mails that are still being written, and files beside the folders are the server's own.
            .filter(|entry| !is_maildir || (is_folder(entry) && entry.file_name() != "tmp"))
            .map(DirEntry::file_name)
            .collect();
        names.sort_unstable_by(|one, other| other.cmp(one));
        self.ahead.extend(names.into_iter().map(|name| folder.join(name)));
        Ok(())
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if let Some(path) = self.given.take() {
            let metadata = fs::metadata(&path);
            if let Some(found) = self.visit(path, metadata) {
                return Some(found);
            }
        }
        while let Some(path) = self.ahead.pop() {
            let metadata = fs::symlink_metadata(&path);
            if let Some(found) = self.visit(path, metadata) {
                return Some(found);
            }
        }
        None
    }
}

/// The flags in the name of a Maildir file: `1700000000.M1P1.host:2,FS`.
fn maildir_flags(path: &Path) -> Option<String> {
    let in_maildir = path.parent()?.file_name().is_some_and(|folder| folder == "cur" || folder == "new");
    let name = path.file_name()?.to_str().filter(|_| in_maildir)?;
    let (_, flags) = name.rsplit_once(":2,").or_else(|| name.rsplit_once("!2,"))?;
    (!flags.is_empty() && flags.bytes().all(|b| b.is_ascii_alphabetic())).then(|| flags.to_owned())
}
