//! The memory that all connections of a listener share for mails that are coming in.
//!
//! Small mails need none: each connection has so much by itself. For a larger one its share is taken before the sender is told
//! to go ahead, so that nobody holds a part and waits for more; who said too little about the size waits for the rest while
//! sending, and not for long. Senders wait in the order in which they came.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// What a connection has by itself, in bytes.
pub(super) const FREE: u64 = 64 << 10;
/// At least so much is shared.
const LEAST: u64 = 64 << 20;
/// How long a sender waits for room. Mail servers themselves wait two minutes or longer.
const WAIT: Duration = Duration::from_secs(60);
const KB: u64 = 1 << 10;

/// All of it.
pub(super) struct Room {
    kilobytes: Arc<Semaphore>,
    wait: Duration,
}

/// What a connection has of it, until dropped.
#[derive(Debug, Default)]
pub(super) struct Share {
    bytes: u64,
    permits: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Room for two of the largest mails, and for many others.
    pub(super) fn new(max_payload: u64) -> Self {
        Self::of(LEAST.max(max_payload * 2), WAIT)
    }

    fn of(bytes: u64, wait: Duration) -> Self {
        Self { kilobytes: Arc::new(Semaphore::new(usize::try_from(bytes.div_ceil(KB)).unwrap_or(Semaphore::MAX_PERMITS))), wait }
    }

    /// Makes a share hold so many bytes. False: there is no room for that.
    pub(super) async fn enlarge(&self, share: &mut Share, bytes: u64) -> bool {
        if bytes <= share.bytes() {
            return true;
        }
        let more = (bytes - share.bytes()).div_ceil(KB);
        let Ok(permits) = u32::try_from(more) else { return false };
        let Ok(Ok(taken)) = timeout(self.wait, Arc::clone(&self.kilobytes).acquire_many_owned(permits)).await else { return false };
        share.bytes = share.bytes() + more * KB;
        match &mut share.permits {
            Some(permits) => permits.merge(taken),
            none => *none = Some(taken),
        }
        true
    }
}

impl Share {
    /// How many bytes it holds.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.max(FREE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_mails_need_nothing_and_large_ones_wait_for_each_other() {
        let room = Room::of(1 << 20, Duration::from_millis(20));
        let (mut one, mut two, mut small) = (Share::default(), Share::default(), Share::default());
        assert!(room.enlarge(&mut one, FREE + (1 << 20)).await);
        assert!(room.enlarge(&mut small, FREE).await);
        assert!(!room.enlarge(&mut two, FREE + 1).await);
        let (taken, ()) = tokio::join!(room.enlarge(&mut two, 3 * FREE), async { drop(std::mem::take(&mut one)) });
        assert!(taken && two.bytes() == 3 * FREE);
        assert!(room.enlarge(&mut two, 2 * FREE).await && two.bytes() == 3 * FREE);
        assert!(room.enlarge(&mut two, FREE + (1 << 20)).await);
        assert!(!room.enlarge(&mut one, FREE + 1).await);
        drop(two);
        assert_eq!(room.kilobytes.available_permits(), 1 << 10);
        // More than there is at all.
        assert!(!room.enlarge(&mut one, u64::MAX).await && !room.enlarge(&mut one, 2 << 20).await);
    }
}
