//! The I/O: folders on this machine, folders on SFTP servers, AS2.

pub(crate) mod as2;
pub(crate) mod folder;
mod names;
pub(crate) mod sftp;
mod take;

use loket_core::channel::ChannelError;

/// Runs file system calls, or long computations, where they may block.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ChannelError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ChannelError::Transient(error.to_string()))
}
