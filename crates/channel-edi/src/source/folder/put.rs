//! Files for the partner: whole from the moment that they have their names.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use loket_core::drop_folder::sync;

/// Puts a file into a folder, durable when this returns. The words say what became of it; one that an earlier attempt put there, and
/// that nobody has fetched yet, is not put there again. Blocks.
pub(crate) fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<String> {
    fs::create_dir_all(folder)?;
    let target = folder.join(name);
    if is_there(&target, bytes)? {
        return Ok(format!("{name} was in {} already", folder.display()));
    }
    // Partners fetch what has no dot before its name.
    let part = folder.join(format!(".{name}.part"));
    // What an attempt left that died while it wrote.
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).custom_flags(libc::O_NOFOLLOW).open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, &target)?;
    sync(folder)?;
    Ok(format!("{name} put into {}", folder.display()))
}

/// Whether the file is there with this content. Another content under the name is an error: nothing is overwritten.
fn is_there(target: &Path, bytes: &[u8]) -> io::Result<bool> {
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(metadata) if metadata.is_file() && metadata.len() == bytes.len() as u64 => {}
        Ok(_) => return Err(io::Error::other("there is something else under its name")),
    }
    let mut there = Vec::with_capacity(bytes.len());
    File::open(target)?.take(bytes.len() as u64 + 1).read_to_end(&mut there)?;
    if there == bytes { Ok(true) } else { Err(io::Error::other("there is a file with other content under its name")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        // An earlier attempt died while it wrote.
        fs::write(out.join(".997-1.edi.part"), "IS").unwrap();
        assert!(put(&out, "997-1.edi", b"ISA*00").unwrap().contains("put into"));
        assert!(put(&out, "997-1.edi", b"ISA*00").unwrap().contains("already"));
        let names: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["997-1.edi"]);
        assert_eq!(fs::read(out.join("997-1.edi")).unwrap(), b"ISA*00");
        assert!(put(&out, "997-1.edi", b"ISA*01").is_err() && put(&out, "997-1.edi", b"").is_err());
    }
}
