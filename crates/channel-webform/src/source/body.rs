//! Receiving a body: up to a limit, in time, and only while there is room for it.
//!
//! Room is taken once for the whole body, before its larger part comes: bodies that each hold a part and wait for more would
//! keep each other waiting. Small bodies do not queue behind large ones.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// The beginning of a body takes no room: a connection costs as much by itself.
const FREE: usize = 16 << 10;
/// A body above this is a large one.
const LARGE: u64 = 1 << 20;
/// What a refused sender may still send before it hears so, in bytes and in time.
const DISCARDED: usize = 64 << 20;
const DISCARDING: Duration = Duration::from_secs(10);

/// How bodies are received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Means {
    /// Bodies that are being received or handed over may have so many KB together, over all forms: those up to 1 MB,
    pub(super) small_kb: usize,
    /// and those above it.
    pub(super) large_kb: usize,
    /// How long a body waits for room.
    pub(super) room_wait: Duration,
    /// A sender has this long, and longer for every `pace` bytes that came: a second each.
    pub(super) patience: Duration,
    /// Bytes.
    pub(super) pace: u32,
}

impl Default for Means {
    fn default() -> Self {
        Self {
            small_kb: 16 << 10,
            large_kb: 48 << 10,
            room_wait: Duration::from_secs(10),
            patience: Duration::from_secs(30),
            pace: 32 << 10,
        }
    }
}

/// A whole body, and the room it takes until it is dropped.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: Bytes,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Why a body was not received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotReceived {
    TooLarge,
    TooSlow,
    /// It ended before its end.
    Broken,
    /// Others take all the room.
    NoRoom,
}

/// Where bodies are received.
pub(super) struct Reception {
    means: Means,
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    /// One earlier body at a time is fetched to compare with.
    comparing: Semaphore,
}

impl Reception {
    pub(super) fn new(means: Means) -> Self {
        Self {
            means,
            small: Arc::new(Semaphore::new(means.small_kb)),
            large: Arc::new(Semaphore::new(means.large_kb)),
            comparing: Semaphore::new(1),
        }
    }

    /// Receives a body of at most `limit` bytes, of which the sender says that it has so many. One that is refused is not held.
    pub(super) async fn receive(&self, body: Body, said: Option<u64>, limit: u64) -> Result<Received, NotReceived> {
        let mut stream = body.into_data_stream();
        let received = self.read(&mut stream, said, limit).await;
        if received.as_ref().is_err_and(|why| matches!(why, NotReceived::TooLarge | NotReceived::NoRoom)) {
            discard(&mut stream).await;
        }
        received
    }

    async fn read(&self, stream: &mut BodyDataStream, said: Option<u64>, limit: u64) -> Result<Received, NotReceived> {
        let mut started = Instant::now();
        let mut bytes: Vec<u8> = Vec::new();
        let mut room = None;
        loop {
            let earned = Duration::from_secs((bytes.len() / self.means.pace.max(1) as usize) as u64);
            let chunk = match timeout_at(started + self.means.patience + earned, stream.next()).await {
                Err(_) => return Err(NotReceived::TooSlow),
                Ok(Some(Err(_))) => return Err(NotReceived::Broken),
                Ok(None) => return Ok(Received { bytes: bytes.into(), room }),
                Ok(Some(Ok(chunk))) => chunk,
            };
            let size = bytes.len() + chunk.len();
            if size as u64 > limit {
                return Err(NotReceived::TooLarge);
            }
            if room.is_none() && size > FREE {
                let waiting = Instant::now();
                room = Some(self.room(said.unwrap_or(limit).min(limit)).await?);
                bytes.reserve_exact(said.and_then(|said| usize::try_from(said).ok()).map_or(size, |said| said.max(size)));
                // That it had to wait for us is not the sender's fault.
                started += waiting.elapsed();
            }
            bytes.extend_from_slice(&chunk);
        }
    }

    async fn room(&self, size: u64) -> Result<OwnedSemaphorePermit, NotReceived> {
        let room = if size > LARGE { &self.large } else { &self.small };
        let kb = u32::try_from(size.div_ceil(1024)).map_err(|_| NotReceived::TooLarge)?;
        let taken = timeout(self.means.room_wait, Arc::clone(room).acquire_many_owned(kb)).await;
        taken.ok().and_then(Result::ok).ok_or(NotReceived::NoRoom)
    }

    /// The right to fetch an earlier body.
    pub(super) async fn compare(&self) -> Result<impl Drop, NotReceived> {
        let turn = timeout(self.means.room_wait, self.comparing.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or(NotReceived::NoRoom)
    }
}

/// Reads on and forgets. Without it the connection would be cut while the sender still sends, and the sender would see the cut
/// and not the answer.
async fn discard(stream: &mut BodyDataStream) {
    let reading = async {
        let mut left = DISCARDED;
        while let Some(Ok(chunk)) = stream.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                return;
            }
        }
    };
    let _ = timeout(DISCARDING, reading).await;
}

/// The same for a body of which nothing was wanted.
pub(super) async fn discard_body(body: Body) {
    discard(&mut body.into_data_stream()).await;
}
