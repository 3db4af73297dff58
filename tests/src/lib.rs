//! What the end-to-end tests share: the real program, real servers on loopback, mail as messy as the world's.

pub mod daemon;
pub mod disk;
pub mod dovecot;
pub mod mails;
pub mod oracle;
pub mod postfix;
pub mod postgres;
pub mod proxy;
pub mod random;
pub mod sftp;
pub mod token_endpoint;

use std::time::Duration;

use anyhow::{Result, bail};

/// Looks until there is something to see, or the deadline comes.
pub async fn wait_for<T>(deadline: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let until = tokio::time::Instant::now() + deadline;
    loop {
        if let Some(seen) = look().await {
            return Ok(seen);
        }
        if tokio::time::Instant::now() >= until {
            bail!("waited {deadline:?} in vain");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
