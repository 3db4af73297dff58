//! So many in an hour: what strangers can cause has a limit.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);

/// A budget that is full again every hour.
pub(super) struct Quota {
    most: u32,
    now: Mutex<(Instant, u32)>,
}

impl Quota {
    pub(super) fn per_hour(most: u32) -> Self {
        Self { most, now: Mutex::new((Instant::now(), 0)) }
    }

    /// Whether there is one left; it is taken.
    pub(super) fn take(&self) -> bool {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.0.elapsed() >= HOUR {
            *now = (Instant::now(), 0);
        }
        now.1 = now.1.saturating_add(1);
        now.1 <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_ends() {
        let quota = Quota::per_hour(2);
        assert_eq!([quota.take(), quota.take(), quota.take(), quota.take()], [true, true, false, false]);
    }
}
