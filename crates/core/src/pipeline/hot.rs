//! The hot lane: from the intake's commit to a worker without reading anything back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use uuid::Uuid;

use super::Works;
use crate::store::{Claimed, NewEntry};
use crate::time::Timestamp;

/// The intake's end. Cheap to clone.
#[derive(Clone)]
pub struct HotLane {
    instance: Uuid,
    claim: Duration,
    room: Arc<Semaphore>,
    queue: mpsc::Sender<HotItem>,
    wake: Arc<Notify>,
}

/// A delivery on its way, with the room that it takes up until it is filed.
pub(super) struct HotItem {
    pub claimed: Claimed,
    pub claimed_until: Timestamp,
    pub room: OwnedSemaphorePermit,
}

/// A place on the lane, reserved before the commit.
pub struct Slot {
    permit: mpsc::OwnedPermit<HotItem>,
    room: OwnedSemaphorePermit,
}

impl HotLane {
    /// A place for a delivery of this weight in bytes, if there is room now.
    pub fn reserve(&self, weight: usize) -> Option<Slot> {
        let room = Arc::clone(&self.room).try_acquire_many_owned(u32::try_from(weight).ok()?).ok()?;
        let permit = self.queue.clone().try_reserve_owned().ok()?;
        Some(Slot { permit, room })
    }

    /// The claim that a delivery is born with.
    pub fn claim(&self) -> (Uuid, Timestamp) {
        (self.instance, Timestamp::now().plus(self.claim))
    }

    /// Whether a claim that lasts until then is still good for the way: a commit may have taken nearly all of its time.
    pub fn in_time(&self, claimed_until: Timestamp) -> bool {
        claimed_until.since(Timestamp::now()) * 2 > self.claim
    }

    /// Tells the workers that the journal may hold more.
    pub fn nudge(&self) {
        self.wake.notify_one();
    }
}

impl Slot {
    /// Sends the delivery to the workers.
    pub fn send(self, entry: NewEntry) {
        let claimed_until = entry.born_claimed.map(|(_, until)| until).unwrap_or_default();
        let claimed = Claimed { delivery: entry.delivery, attempts: 1, payload_hash: entry.payload_hash };
        self.permit.send(HotItem { claimed, claimed_until, room: self.room });
    }
}

/// The workers' end; they take turns.
pub(super) type HotQueue = Arc<Mutex<mpsc::Receiver<HotItem>>>;

pub(super) fn lane(works: &Works) -> (HotLane, HotQueue) {
    let (queue, items) = mpsc::channel(works.settings.batch * works.settings.workers.max(1) * 2);
    let lane = HotLane {
        instance: works.instance,
        claim: works.settings.claim,
        room: Arc::new(Semaphore::new(works.settings.hot_bytes)),
        queue,
        wake: Arc::clone(&works.wake),
    };
    (lane, Arc::new(Mutex::new(items)))
}
