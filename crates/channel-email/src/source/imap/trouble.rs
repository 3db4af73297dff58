//! Mails that cannot be fetched: they must not stop those behind them, and must not be forgotten. Pure but for the clock.
//!
//! A mail that the server refuses, or over which connections break again and again, is passed by. It is then on the server,
//! below the cursor, and not in the journal: that is what reconciling looks for, so it is reported as missing, and asked for
//! again, with growing pauses, until it comes or goes.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// After so many broken connections a mail is passed by.
const TRIES: u32 = 3;
/// So many mails are remembered; the others are asked for at every reconciliation.
const MOST: usize = 1_000;
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);

/// What is known about such mails. Outlives connections, not the process.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// What is being fetched now.
    fetching: Vec<u32>,
    /// Up to this UID mails are fetched one by one.
    careful_to: u32,
    known: BTreeMap<u32, Tries>,
}

#[derive(Clone, Copy, Debug)]
struct Tries {
    tries: u32,
    not_before: Instant,
}

impl Trouble {
    /// These are asked for now.
    pub(super) fn begin(&mut self, uids: &[u32]) {
        self.fetching = uids.to_vec();
    }

    /// The server answered, or somebody else is to blame for the end.
    pub(super) fn end(&mut self) {
        self.fetching.clear();
    }

    /// What was asked for when the last connection broke is suspect: several mails are asked for one by one from now on, one
    /// alone has had a try.
    pub(super) fn recover(&mut self) {
        let fetching = std::mem::take(&mut self.fetching);
        if let Some(last) = fetching.last() {
            self.careful_to = self.careful_to.max(*last);
        }
        if let [uid] = fetching.as_slice() {
            self.failed(*uid, 1);
        }
    }

    /// The server does not give this mail.
    pub(super) fn refused(&mut self, uid: u32) {
        self.failed(uid, TRIES);
    }

    /// One more try, and at least so many.
    fn failed(&mut self, uid: u32, at_least: u32) {
        if self.known.len() >= MOST && !self.known.contains_key(&uid) {
            // The oldest is asked for again at the next reconciliation; this one must not stop us now.
            self.known.pop_first();
        }
        let now = Instant::now();
        let entry = self.known.entry(uid).or_insert(Tries { tries: 0, not_before: now });
        entry.tries = entry.tries.saturating_add(1).max(at_least);
        let doublings = entry.tries.saturating_sub(TRIES).min(16);
        entry.not_before = now + (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE);
    }

    /// It came after all.
    pub(super) fn solved(&mut self, uid: u32) {
        self.known.remove(&uid);
    }

    /// Whether this mail is passed by on the way to newer ones.
    pub(super) fn passed_by(&self, uid: u32) -> bool {
        self.known.get(&uid).is_some_and(|tries| tries.tries >= TRIES)
    }

    /// Whether it is time to ask for it again.
    pub(super) fn due(&self, uid: u32) -> bool {
        self.known.get(&uid).is_none_or(|tries| tries.tries < TRIES || tries.not_before <= Instant::now())
    }

    /// When the first of those that were passed by is to be asked for again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.known.values().filter(|tries| tries.tries >= TRIES).map(|tries| tries.not_before).min()
    }

    /// Up to this UID, only these (ascending) are still there and have not come.
    pub(super) fn settle(&mut self, up_to: u32, lacking: &[u32]) {
        self.known.retain(|uid, _| *uid > up_to || lacking.binary_search(uid).is_ok());
    }

    /// Whether this mail is asked for alone.
    pub(super) fn alone(&self, uid: u32) -> bool {
        uid <= self.careful_to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_batch_is_tried_one_by_one_and_the_bad_one_passed_by() {
        let mut trouble = Trouble::default();
        trouble.begin(&[4, 5, 9]);
        trouble.recover();
        assert!(trouble.alone(5) && trouble.alone(9) && !trouble.alone(10));
        assert!(!trouble.passed_by(5));
        for _ in 0..3 {
            assert!(!trouble.passed_by(5) && trouble.due(5));
            trouble.begin(&[5]);
            trouble.recover();
        }
        assert!(trouble.passed_by(5) && !trouble.due(5) && trouble.due(9));
        assert!(trouble.next().is_some());
        trouble.settle(4, &[]);
        assert!(trouble.passed_by(5));
        trouble.settle(5, &[5]);
        assert!(trouble.passed_by(5));
        trouble.settle(5, &[4]);
        assert!(!trouble.passed_by(5) && trouble.due(5) && trouble.next().is_none());
        trouble.refused(5);
        trouble.solved(5);
        assert!(!trouble.passed_by(5) && trouble.due(5));
    }

    #[test]
    fn what_ended_well_is_not_suspect() {
        let mut trouble = Trouble::default();
        trouble.begin(&[4]);
        trouble.end();
        trouble.recover();
        assert!(!trouble.alone(4) && !trouble.passed_by(4));
        trouble.refused(7);
        assert!(trouble.passed_by(7) && !trouble.due(7));
    }

    #[test]
    fn memory_is_bounded() {
        let mut trouble = Trouble::default();
        for uid in 0..5_000 {
            trouble.refused(uid);
        }
        assert_eq!(trouble.known.len(), MOST);
        for _ in 0..100 {
            trouble.refused(4_999);
        }
        assert!(trouble.passed_by(4_999) && !trouble.passed_by(0));
    }
}
