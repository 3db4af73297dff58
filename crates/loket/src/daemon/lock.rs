//! One daemon on one SQLite file: a lock on a file beside it, which the system gives back when the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, bail};

use crate::config::StoreConfig;

/// The lock of a SQLite store; `None` for PostgreSQL, which any number of daemons may share.
pub(crate) fn of_store(store: &StoreConfig) -> anyhow::Result<Option<File>> {
    let Some(file) = store.sqlite_file().filter(|file| !file.is_empty() && file != ":memory:") else { return Ok(None) };
    if let Some(folder) = Path::new(&file).parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let path = format!("{file}.lock");
    let lock = File::options().create(true).append(true).open(&path).with_context(|| format!("cannot open {path}"))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => {
            bail!("another daemon works on {file}; one SQLite file serves one daemon (PostgreSQL serves several)")
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {path}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_second_daemon_on_the_same_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("[store]\nurl = \"sqlite:{}/sub/loket.db\"\n", folder.path().display());
        let config = Config::read(&text).unwrap();
        let first = super::of_store(&config.store).unwrap();
        assert!(super::of_store(&config.store).unwrap_err().to_string().contains("another daemon"));
        drop(first);
        assert!(super::of_store(&config.store).unwrap().is_some());
    }
}
