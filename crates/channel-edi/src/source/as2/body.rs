//! Receiving a body: up to a limit, in time, and only while there is room for it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// A body above this is a large one: small ones do not queue behind large ones.
const LARGE: u64 = 1 << 20;
/// Small bodies may have so many KB together.
const SMALL_KB: usize = 32 << 10;
/// Large bodies may have at least so many KB together.
const LARGE_KB: usize = 64 << 10;
/// How long a body waits for room.
const ROOM_WAIT: Duration = Duration::from_secs(30);
/// A sender has this long, and longer for every `PACE` bytes that came: a second each.
const PATIENCE: Duration = Duration::from_secs(60);
const PACE: usize = 16 << 10;
/// What a refused sender may still send before it hears so, in bytes and in time.
const DISCARDED: usize = 64 << 20;
const DISCARDING: Duration = Duration::from_secs(10);

/// A whole body, and the room it takes until it is dropped.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: Bytes,
    _room: OwnedSemaphorePermit,
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
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Reception {
    /// For bodies of at most `largest` bytes.
    pub(super) fn new(largest: u64) -> Self {
        let largest = usize::try_from(largest.div_ceil(1024)).unwrap_or(LARGE_KB).min(Semaphore::MAX_PERMITS);
        Self { small: Arc::new(Semaphore::new(SMALL_KB)), large: Arc::new(Semaphore::new(largest.max(LARGE_KB))) }
    }

    /// Receives a body of at most `limit` bytes, of which the sender says that it has so many. Room is taken once for the whole body,
    /// before it comes: bodies that each hold a part and wait for more would keep each other waiting.
    pub(super) async fn receive(&self, body: Body, said: Option<u64>, limit: u64) -> Result<Received, NotReceived> {
        let mut stream = body.into_data_stream();
        let received = self.read(&mut stream, said, limit).await;
        if received.as_ref().is_err_and(|why| matches!(why, NotReceived::TooLarge | NotReceived::NoRoom)) {
            drain(&mut stream).await;
        }
        received
    }

    async fn read(&self, stream: &mut BodyDataStream, said: Option<u64>, limit: u64) -> Result<Received, NotReceived> {
        if said.is_some_and(|said| said > limit) {
            return Err(NotReceived::TooLarge);
        }
        let room = self.room(said.unwrap_or(limit)).await?;
        let started = Instant::now();
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let earned = Duration::from_secs((bytes.len() / PACE) as u64);
            let chunk = match timeout_at(started + PATIENCE + earned, stream.next()).await {
                Err(_) => return Err(NotReceived::TooSlow),
                Ok(Some(Err(_))) => return Err(NotReceived::Broken),
                Ok(None) => return Ok(Received { bytes: bytes.into(), _room: room }),
                Ok(Some(Ok(chunk))) => chunk,
            };
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(NotReceived::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
    }

    async fn room(&self, size: u64) -> Result<OwnedSemaphorePermit, NotReceived> {
        let room = if size > LARGE { &self.large } else { &self.small };
        let kb = u32::try_from(size.div_ceil(1024)).map_err(|_| NotReceived::TooLarge)?;
        let taken = timeout(ROOM_WAIT, Arc::clone(room).acquire_many_owned(kb)).await;
        taken.ok().and_then(Result::ok).ok_or(NotReceived::NoRoom)
    }
}

/// Reads on and forgets. Without it the connection would be cut while the sender still sends, and the sender would see the cut
/// and not the answer.
pub(super) async fn discard(body: Body) {
    drain(&mut body.into_data_stream()).await;
}

async fn drain(stream: &mut BodyDataStream) {
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
