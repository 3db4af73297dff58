//! Folders on this machine.

use std::path::PathBuf;
use std::time::Duration;

use loket_core::config::Section;

use super::{HOUR, SECOND, SETTLE};

/// Folders on this machine.
#[derive(Clone, Debug)]
pub struct FolderConfig {
    /// Where the partner's files come.
    pub(crate) folder: PathBuf,
    /// Where they go once they are in the journal.
    pub(crate) done: PathBuf,
    /// Where they go when they cannot be taken.
    pub(crate) failed: PathBuf,
    /// Where files for the partner are put.
    pub(crate) out: PathBuf,
    /// How often to look.
    pub(crate) poll: Duration,
    /// How long a file must have stood still.
    pub(crate) settle: Duration,
}

impl FolderConfig {
    pub(super) fn resources(&self) -> Vec<String> {
        vec![format!("folder {}", self.folder.display())]
    }
}

pub(super) fn read(section: &mut Section) -> Option<FolderConfig> {
    let folder = PathBuf::from(section.required_text("folder"));
    let inside = |section: &mut Section, key: &'static str, default: &str| folder.join(section.file(key).unwrap_or_else(|| default.into()));
    let (done, failed, out) = (inside(section, "done", "done"), inside(section, "failed", "failed"), inside(section, "out", "out"));
    for (key, other) in [("done", &done), ("failed", &failed)] {
        if *other == folder {
            section.fault(key, "files that were taken cannot stay in the drop folder itself");
        }
    }
    if out == folder || out == done || out == failed {
        section.fault("out", "what goes to the partner needs a folder of its own");
    }
    let poll = section.duration("poll", Duration::from_millis(50)..=HOUR, 2 * SECOND);
    let settle = section.duration("settle", SETTLE, 2 * SECOND);
    (!folder.as_os_str().is_empty()).then_some(FolderConfig { folder, done, failed, out, poll, settle })
}
