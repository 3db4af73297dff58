//! A disk that fills up.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

/// A file system of so many MB, gone when the test is.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one.
    pub fn mount(megabytes: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"]).arg(folder.path()).status()?;
        ensure!(mounted.success(), "a small file system cannot be mounted; this test runs as root");
        Ok(Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes it larger.
    pub fn resize(&self, megabytes: usize) -> Result<()> {
        let resized = Command::new("mount").args(["-o", &format!("remount,size={megabytes}m")]).arg(self.0.path()).status()?;
        ensure!(resized.success(), "the small file system cannot be made larger");
        Ok(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
