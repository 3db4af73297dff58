//! The file system calls of a drop folder. They block.
//!
//! Whoever may write into the folder decides what lies there, so nothing is followed, waited for or overwritten: links and
//! pipes are not opened, and a file that is not the one that was looked at is left for the next look.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use loket_core::channel::ChannelError;

use crate::config::FolderConfig;

/// Files that are remembered from one look to the next; the others come when these are gone.
const MOST_SEEN: usize = 10_000;

/// What makes a file the same, unchanged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    pub(super) size: u64,
    /// In microseconds since 1970.
    pub(super) modified: i64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata.mtime().saturating_mul(1_000_000).saturating_add(metadata.mtime_nsec() / 1_000);
        Self { device: metadata.dev(), inode: metadata.ino(), size: metadata.len(), modified }
    }
}

/// What a look found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: BTreeMap<OsString, Stamp>,
    /// Files with other names, links, pipes: nothing that is taken, and nothing hidden either.
    pub(super) others: u64,
}

/// What reading a file gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    /// It is not the file that was looked at any more.
    Changed,
    /// It cannot be taken, for this reason.
    Failed(String),
}

/// Makes the folders that are missing.
pub(super) fn prepare(config: &FolderConfig) -> Result<(), ChannelError> {
    for folder in [&config.folder, &config.done, &config.failed] {
        fs::create_dir_all(folder)
            .map_err(|error| ChannelError::Refused(format!("the folder {} is not there and cannot be made: {error}", folder.display())))?;
    }
    Ok(())
}

/// The .eml files in the folder.
pub(super) fn list(folder: &Path) -> Result<Found, ChannelError> {
    let unreadable = |error: io::Error| {
        let text = format!("the folder {} cannot be read: {error}", folder.display());
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => ChannelError::Refused(text),
            _ => ChannelError::Transient(text),
        }
    };
    let mut found = Found::default();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        // Names that programs give to files they are still writing: .hidden, name.tmp, name.part.
        if name.as_encoded_bytes().starts_with(b".") || has_ending(&name, "tmp") || has_ending(&name, "part") {
            continue;
        }
        // One that went away meanwhile is no error. Links are not followed.
        let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
        if metadata.is_dir() {
            continue;
        }
        if !metadata.is_file() || !has_ending(&name, "eml") {
            found.others += 1;
            continue;
        }
        found.files.insert(name, Stamp::of(&metadata));
        if found.files.len() > MOST_SEEN {
            found.files.pop_last();
        }
    }
    Ok(found)
}

fn has_ending(name: &OsStr, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending))
}

/// Reads a file, if it is still the one that was looked at.
pub(super) fn read(path: &Path, stamp: &Stamp, max: u64) -> Content {
    let is_same = |metadata: &Metadata| metadata.is_file() && Stamp::of(metadata) == *stamp;
    if !fs::symlink_metadata(path).is_ok_and(|metadata| is_same(&metadata)) {
        return Content::Changed;
    }
    if stamp.size > max {
        return Content::Failed(format!("it has {} bytes, at most {max} are taken", stamp.size));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or_default());
    let reading = || -> io::Result<bool> {
        let mut file = File::open(path)?;
        // What was opened, and not what the name means now.
        if !is_same(&file.metadata()?) {
            return Ok(false);
        }
        (&mut file).take(stamp.size + 1).read_to_end(&mut bytes)?;
        Ok(bytes.len() as u64 == stamp.size && is_same(&file.metadata()?))
    };
    let mut reading = reading;
    match reading() {
        Ok(true) => Content::Bytes(bytes),
        Ok(false) => Content::Changed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Content::Changed,
        Err(error) => Content::Failed(format!("it cannot be read: {error}")),
    }
}

/// Moves a file to another folder, under a name that is free there. Does nothing when the file is not the one that was read.
pub(super) fn put_away(folder: &Path, name: &OsStr, stamp: &Stamp, to: &Path) -> io::Result<()> {
    let from = folder.join(name);
    match fs::symlink_metadata(&from) {
        Ok(metadata) if Stamp::of(&metadata) == *stamp => {}
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    fs::create_dir_all(to)?;
    let target = to.join(free_name(to, name));
    let moved = match fs::rename(&from, &target) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy_away(&from, &target),
        moved => moved,
    };
    match moved {
        // Another instance moved it away between the look and the move.
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(&from).is_err() => return Ok(()),
        moved => moved?,
    }
    // Somebody may have put a new file there under the same name just now: that one goes back and is read.
    let moved = fs::symlink_metadata(&target)?;
    if Stamp::of(&moved).size != stamp.size || Stamp::of(&moved).modified != stamp.modified {
        fs::rename(&target, folder.join(free_name(folder, name)))?;
    }
    Ok(())
}

/// Moves a file to another file system: the copy is whole and on the disk before the first one goes.
fn copy_away(from: &Path, target: &Path) -> io::Result<()> {
    let modified = fs::symlink_metadata(from)?.modified()?;
    let part = target.with_extension("part");
    fs::copy(from, &part)?;
    let copy = File::options().write(true).open(&part)?;
    copy.set_modified(modified)?;
    copy.sync_all()?;
    fs::rename(&part, target)?;
    fs::remove_file(from)
}

/// The name, or `name-2.eml`, `name-3.eml`, … where it is taken.
fn free_name(folder: &Path, name: &OsStr) -> OsString {
    let is_free = |name: &OsStr| fs::symlink_metadata(folder.join(name)).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if is_free(name) {
        return name.to_owned();
    }
    let path = Path::new(name);
    let numbered = |number: u64| {
        let mut numbered = path.file_stem().unwrap_or(name).to_owned();
        numbered.push(format!("-{number}"));
        if let Some(extension) = path.extension() {
            numbered.push(".");
            numbered.push(extension);
        }
        numbered
    };
    // Doubling first, then halving: a name that comes a thousand times does not cost a million looks.
    let mut high = 2_u64;
    while !is_free(&numbered(high)) && high < 1 << 40 {
        high *= 2;
    }
    let mut low = high / 2;
    while low + 1 < high {
        let middle = low.midpoint(high);
        if is_free(&numbered(middle)) { high = middle } else { low = middle }
    }
    numbered(high)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(found: &Found) -> Vec<String> {
        found.files.keys().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn only_whole_plain_eml_files_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.eml", "B.EML", ".c.eml", "d.eml.part", "e.eml.tmp", "f.txt", "g"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::create_dir(folder.path().join("h.eml")).unwrap();
        symlink("/etc/passwd", folder.path().join("i.eml")).unwrap();
        let found = list(folder.path()).unwrap();
        assert_eq!(names(&found), ["B.EML", "a.eml"]);
        assert_eq!(found.others, 3);
        assert!(matches!(list(&folder.path().join("nowhere")), Err(ChannelError::Refused(_))));
    }

    #[test]
    fn a_file_is_read_only_as_it_was_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.eml");
        fs::write(&path, "Subject: x\n\n").unwrap();
        let stamp = Stamp::of(&fs::symlink_metadata(&path).unwrap());
        assert_eq!(read(&path, &stamp, 100), Content::Bytes(b"Subject: x\n\n".into()));
        assert!(matches!(read(&path, &stamp, 5), Content::Failed(why) if why.contains("12 bytes, at most 5")));
        fs::write(&path, "Subject: x\n\nmore").unwrap();
        assert_eq!(read(&path, &stamp, 100), Content::Changed);
        fs::rename(&path, folder.path().join("b.eml")).unwrap();
        symlink("b.eml", &path).unwrap();
        assert_eq!(read(&path, &stamp, 100), Content::Changed);
        assert_eq!(read(&folder.path().join("gone"), &stamp, 100), Content::Changed);
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let done = folder.path().join("done");
        for round in 1..=9 {
            let path = folder.path().join("a.eml");
            fs::write(&path, format!("{round}")).unwrap();
            let stamp = Stamp::of(&fs::symlink_metadata(&path).unwrap());
            put_away(folder.path(), OsStr::new("a.eml"), &stamp, &done).unwrap();
            assert!(!path.exists());
        }
        let mut kept: Vec<_> = fs::read_dir(&done).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
        kept.sort();
        assert_eq!(kept, ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    }

    #[test]
    fn another_file_under_the_name_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.eml");
        fs::write(&path, "read").unwrap();
        let stamp = Stamp::of(&fs::symlink_metadata(&path).unwrap());
        fs::write(&path, "not read yet").unwrap();
        put_away(folder.path(), OsStr::new("a.eml"), &stamp, &folder.path().join("done")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "not read yet");
        fs::remove_file(&path).unwrap();
        put_away(folder.path(), OsStr::new("a.eml"), &stamp, &folder.path().join("done")).unwrap();
    }
}
