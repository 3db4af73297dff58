//! The file system calls of a drop folder. They block.
//!
//! Whoever may write into the folder decides what lies there, so nothing is followed, waited for or overwritten: links and
//! pipes are not opened, and a file that is not the one that was looked at is left for the next look.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{Name, Others};
use crate::channel::ChannelError;

/// Files that are remembered from one look to the next; the others come when these are gone.
const MOST_SEEN: usize = 10_000;
/// Files that are not taken and are told of by name, at most.
const MOST_NAMED: usize = 20;

/// How long an empty file may be one that somebody will yet write.
const EMPTY: Duration = Duration::from_secs(600);

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
    pub(super) others: Others,
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

/// Makes a folder that is missing. Blocks.
pub fn make(folder: &Path) -> Result<(), ChannelError> {
    fs::create_dir_all(folder)
        .map_err(|error| ChannelError::Refused(format!("the folder {} is not there and cannot be made: {error}", folder.display())))
}

/// The files in the folder that can be taken.
pub(super) fn list(folder: &Path, judge: fn(&OsStr) -> Name, takes_empty: bool) -> Result<Found, ChannelError> {
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
        // One that went away meanwhile is no error. Links are not followed.
        let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
        if metadata.is_dir() {
            continue;
        }
        let name = entry.file_name();
        let why = match judge(&name) {
            Name::Unfinished => continue,
            Name::Refused(why) => why,
            Name::Plain if !metadata.is_file() => "its kind: a link, a pipe or a device",
            // Some create a file long before they write it.
            Name::Plain if metadata.len() == 0 && !takes_empty && metadata.modified().is_ok_and(is_recent) => continue,
            Name::Plain if metadata.len() == 0 && !takes_empty => "its size: it is empty",
            Name::Plain => {
                found.files.insert(name, Stamp::of(&metadata));
                if found.files.len() > MOST_SEEN {
                    found.files.pop_last();
                }
                continue;
            }
        };
        found.others.count += 1;
        if found.others.named.len() < MOST_NAMED {
            found.others.named.push((name, why));
        }
    }
    found.others.named.sort();
    Ok(found)
}

fn is_recent(modified: SystemTime) -> bool {
    modified.elapsed().is_ok_and(|age| age < EMPTY)
}

/// Opens a file, and nothing that hides behind its name: no link is followed, no pipe waited for.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
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
    let mut reading = || -> io::Result<bool> {
        let mut file = open(path)?;
        // What was opened, and not what the name means now.
        if !is_same(&file.metadata()?) {
            return Ok(false);
        }
        (&mut file).take(stamp.size + 1).read_to_end(&mut bytes)?;
        Ok(bytes.len() as u64 == stamp.size && is_same(&file.metadata()?))
    };
    match reading() {
        Ok(true) => Content::Bytes(bytes),
        Ok(false) => Content::Changed,
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ELOOP) => Content::Changed,
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
    let moved = Stamp::of(&fs::symlink_metadata(&target)?);
    if moved.size != stamp.size || moved.modified != stamp.modified {
        fs::rename(&target, folder.join(free_name(folder, name)))?;
    }
    sync(to)?;
    sync(folder)
}

/// What was renamed in a folder is on the disk when this returns. Blocks.
pub fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Moves a file to another file system: the copy is whole and on the disk before the first one goes. It has the file's time and
/// permissions, and none but ours while it is written.
fn copy_away(from: &Path, target: &Path) -> io::Result<()> {
    let mut file = open(from)?;
    let metadata = file.metadata()?;
    let part = target.with_extension("part");
    let mut copy = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    io::copy(&mut file, &mut copy)?;
    copy.set_permissions(metadata.permissions())?;
    copy.set_modified(metadata.modified()?)?;
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
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&fs::symlink_metadata(path).unwrap())
    }

    fn judge(name: &OsStr) -> Name {
        match name.as_bytes() {
            [b'.', ..] => Name::Unfinished,
            [b'x', ..] => Name::Refused("its letter"),
            _ => Name::Plain,
        }
    }

    #[test]
    fn only_whole_plain_files_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let not_utf8 = OsStr::from_bytes(b"K\xf6ln");
        for name in ["a.edi", "B", ".c", "x1", "x2"].map(OsStr::new).into_iter().chain([not_utf8]) {
            fs::write(folder.path().join(name), "text").unwrap();
        }
        fs::create_dir(folder.path().join("h")).unwrap();
        symlink("/etc/passwd", folder.path().join("i")).unwrap();
        for (name, age) in [("j", 0), ("k", 3_600)] {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        let found = list(folder.path(), judge, false).unwrap();
        assert_eq!(found.files.keys().collect::<Vec<_>>(), [OsStr::new("B"), not_utf8, OsStr::new("a.edi")]);
        let others =
            [("i", "its kind: a link, a pipe or a device"), ("k", "its size: it is empty"), ("x1", "its letter"), ("x2", "its letter")];
        assert_eq!(found.others, Others { count: 4, named: others.map(|(name, why)| (name.into(), why)).into() });
        let found = list(folder.path(), judge, true).unwrap();
        assert_eq!((found.files.len(), found.others.count), (5, 3));
        assert!(found.files.contains_key(OsStr::new("j")) && found.files.contains_key(OsStr::new("k")));
        assert!(matches!(list(&folder.path().join("nowhere"), judge, false), Err(ChannelError::Refused(_))));
    }

    #[test]
    fn what_is_not_taken_is_counted_and_some_of_it_named() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..30 {
            fs::write(folder.path().join(format!("x{number}")), "text").unwrap();
        }
        let others = list(folder.path(), judge, false).unwrap().others;
        assert_eq!((others.count, others.named.len()), (30, MOST_NAMED));
    }

    #[test]
    fn a_file_is_read_only_as_it_was_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.edi");
        fs::write(&path, "UNB+UNOA").unwrap();
        let looked = stamp(&path);
        assert_eq!(read(&path, &looked, 100), Content::Bytes(b"UNB+UNOA".into()));
        assert!(matches!(read(&path, &looked, 5), Content::Failed(why) if why.contains("8 bytes, at most 5")));
        fs::write(&path, "UNB+UNOA:1").unwrap();
        assert_eq!(read(&path, &looked, 100), Content::Changed);
        fs::rename(&path, folder.path().join("b.edi")).unwrap();
        symlink("b.edi", &path).unwrap();
        assert_eq!(read(&path, &looked, 100), Content::Changed);
        assert!(open(&path).is_err(), "a link was followed");
        assert_eq!(read(&folder.path().join("gone"), &looked, 100), Content::Changed);
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let done = folder.path().join("done");
        for name in [OsStr::new("a.eml"), OsStr::new("noending"), OsStr::from_bytes(b"K\xf6ln.eml")] {
            for round in 1..=9 {
                let path = folder.path().join(name);
                fs::write(&path, format!("{round}")).unwrap();
                put_away(folder.path(), name, &stamp(&path), &done).unwrap();
                assert!(!path.exists());
            }
            let mut kept: Vec<_> = fs::read_dir(&done).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
            kept.sort();
            assert_eq!(kept, ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
            assert_eq!(fs::read_to_string(done.join(name)).unwrap(), "1");
            fs::remove_dir_all(&done).unwrap();
        }
    }

    #[test]
    fn another_file_under_the_name_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.eml");
        fs::write(&path, "read").unwrap();
        let read = stamp(&path);
        fs::write(&path, "not read yet").unwrap();
        put_away(folder.path(), OsStr::new("a.eml"), &read, &folder.path().join("done")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "not read yet");
        fs::remove_file(&path).unwrap();
        put_away(folder.path(), OsStr::new("a.eml"), &read, &folder.path().join("done")).unwrap();
    }

    #[test]
    fn a_copy_keeps_the_time_and_is_as_closed_as_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (from, target) = (folder.path().join("a.eml"), folder.path().join("b.eml"));
        fs::write(&from, "Subject: x\n\n").unwrap();
        let file = File::options().write(true).open(&from).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3_600)).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o640)).unwrap();
        let before = stamp(&from);
        copy_away(&from, &target).unwrap();
        assert!(!from.exists() && !folder.path().join("b.part").exists());
        assert_eq!(fs::read_to_string(&target).unwrap(), "Subject: x\n\n");
        assert_eq!((stamp(&target).size, stamp(&target).modified), (before.size, before.modified));
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
