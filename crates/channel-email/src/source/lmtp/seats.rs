//! How many connections there are at once. When all seats are taken, further clients wait at the door, and who has said nothing
//! for some time makes room for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A client may be silent for so long while others wait for its seat.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// All seats.
pub(super) struct Seats {
    free: Arc<Semaphore>,
    guests: Guests,
    numbers: Mutex<u64>,
    patience: Duration,
    look: Duration,
}

#[derive(Clone, Default)]
struct Guests(Arc<Mutex<BTreeMap<u64, Guest>>>);

struct Guest {
    /// Since when its next command is awaited; `None` while there is something to do for it.
    silent_since: Option<Instant>,
    leave: CancellationToken,
}

impl Guests {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Guest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One seat, free again when dropped.
pub(super) struct Seat {
    number: u64,
    guests: Guests,
    leave: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Seats {
    /// So many.
    pub(super) fn new(number: usize) -> Self {
        Self::with(number, PATIENCE, LOOK)
    }

    fn with(number: usize, patience: Duration, look: Duration) -> Self {
        Self { free: Arc::new(Semaphore::new(number)), guests: Guests::default(), numbers: Mutex::new(0), patience, look }
    }

    /// Waits for a seat.
    pub(super) async fn take(&self) -> Seat {
        loop {
            let taken = tokio::time::timeout(self.look, Arc::clone(&self.free).acquire_owned()).await;
            // The semaphore is never closed.
            if let Ok(Ok(permit)) = taken {
                return self.seat(permit);
            }
            self.ask_the_silent();
        }
    }

    fn seat(&self, permit: OwnedSemaphorePermit) -> Seat {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        *numbers += 1;
        let leave = CancellationToken::new();
        self.guests.lock().insert(*numbers, Guest { silent_since: None, leave: leave.clone() });
        Seat { number: *numbers, guests: self.guests.clone(), leave, _permit: permit }
    }

    /// Asks those to leave who have said nothing for too long. They come again when they have something to say.
    fn ask_the_silent(&self) {
        for guest in self.guests.lock().values() {
            if guest.silent_since.is_some_and(|since| since.elapsed() >= self.patience) {
                guest.leave.cancel();
            }
        }
    }
}

impl Seat {
    /// The client's next command is awaited from now on.
    pub(super) fn waits(&self) {
        self.set(Some(Instant::now()));
    }

    /// There is something to do for it.
    pub(super) fn works(&self) {
        self.set(None);
    }

    fn set(&self, silent_since: Option<Instant>) {
        if let Some(guest) = self.guests.lock().get_mut(&self.number) {
            guest.silent_since = silent_since;
        }
    }

    /// Resolves when the seat is wanted for others.
    pub(super) async fn wanted(&self) {
        self.leave.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.guests.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_silent_make_room_and_who_works_stays() {
        let seats = Seats::with(3, Duration::from_secs(5), Duration::from_millis(10));
        let (works, silent, newer) = (seats.take().await, seats.take().await, seats.take().await);
        silent.set(Instant::now().checked_sub(Duration::from_secs(6)));
        newer.waits();
        let (fourth, ()) = tokio::join!(seats.take(), async {
            silent.wanted().await;
            drop(silent);
        });
        assert!(!newer.leave.is_cancelled() && !works.leave.is_cancelled());
        assert_eq!(seats.guests.lock().len(), 3);
        // Nobody is silent: one waits.
        newer.works();
        assert!(tokio::time::timeout(Duration::from_millis(100), seats.take()).await.is_err());
        assert!(!newer.leave.is_cancelled() && !works.leave.is_cancelled() && !fourth.leave.is_cancelled());
        drop((works, newer, fourth));
        assert!(seats.guests.lock().is_empty());
    }
}
