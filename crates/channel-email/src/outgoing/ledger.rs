//! The automatic answers of the last hour, in memory: they count before the store has them, and bound what goes out altogether.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use loket_core::time::Timestamp;
use uuid::Uuid;

use super::address::base;
use super::guards::{Budget, Spent};

pub(super) const HOUR: Duration = Duration::from_secs(3_600);

/// Bounded by the budget: what exceeds it is not entered.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<VecDeque<Entry>>);

#[derive(Debug)]
struct Entry {
    at: Timestamp,
    item: Uuid,
    address: u64,
}

impl Ledger {
    /// Enters an answer to this address, unless the budget is spent: then the reason. `stored` is what the store knows of. One that is
    /// made again counts once.
    pub(super) fn enter(&self, item: Uuid, address: &str, now: Timestamp, budget: &Budget, stored: Spent) -> Result<(), String> {
        let mut hasher = DefaultHasher::new();
        base(address).hash(&mut hasher);
        let address = hasher.finish();
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while entries.front().is_some_and(|entry| now.since(entry.at) >= HOUR) {
            entries.pop_front();
        }
        entries.retain(|entry| entry.item != item);
        let to_address = entries.iter().filter(|entry| entry.address == address).count() as u64;
        let spent = Spent {
            address_hour: stored.address_hour.max(to_address),
            address_day: stored.address_day.max(to_address),
            hour: stored.hour.max(entries.len() as u64),
        };
        if let Some(why) = budget.exceeded(&spent) {
            return Err(why);
        }
        entries.push_back(Entry { at: now, item, address });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget { address_hour: 2, address_day: 3, hour: 4 };

    #[test]
    fn an_hour_is_remembered_and_one_made_again_counts_once() {
        let ledger = Ledger::default();
        let at = Timestamp::from_seconds;
        let enter = |item: u128, address: &str, now: i64| ledger.enter(Uuid::from_u128(item), address, at(now), &BUDGET, Spent::default());
        assert_eq!(enter(1, "jan@klant.example", 0), Ok(()));
        assert_eq!(enter(1, "jan@klant.example", 10), Ok(()));
        assert_eq!(enter(2, "Jan+x@klant.example", 20), Ok(()));
        assert!(enter(3, "jan@klant.example", 30).unwrap_err().contains("per_address_hour"));
        assert_eq!(enter(4, "piet@klant.example", 40), Ok(()));
        assert_eq!(enter(5, "kees@klant.example", 50), Ok(()));
        assert!(enter(6, "mien@klant.example", 60).unwrap_err().contains("per_hour"));
        // An hour after the first ones there is room again.
        assert_eq!(enter(7, "jan@klant.example", 3_610), Ok(()));
    }

    #[test]
    fn what_the_store_knows_counts_too() {
        let ledger = Ledger::default();
        let stored = Spent { address_day: 3, ..Spent::default() };
        let why = ledger.enter(Uuid::nil(), "jan@klant.example", Timestamp::default(), &BUDGET, stored).unwrap_err();
        assert!(why.contains("per_address_day"), "{why}");
        assert!(ledger.0.lock().unwrap().is_empty());
    }
}
