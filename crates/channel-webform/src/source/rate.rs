//! How many posts one address may have accepted in a minute: a token bucket each, in bounded memory.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many addresses in each of two generations.
const ADDRESSES: usize = 10_000;

/// The buckets of one form.
pub(super) struct Rate {
    per_minute: u32,
    buckets: Mutex<Generations>,
}

/// The addresses of late and those before them. When the young generation is full it becomes the old one, and what was old is
/// forgotten: no sweep, no list, and an address that keeps posting is never forgotten.
#[derive(Default)]
struct Generations {
    young: HashMap<IpAddr, Bucket>,
    old: HashMap<IpAddr, Bucket>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Rate {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute, buckets: Mutex::default() }
    }

    /// How long to wait until a post could be taken; `None`: it can be now.
    pub(super) fn wait(&self, address: Option<IpAddr>, now: Instant) -> Option<Duration> {
        self.with(address, now, |bucket, per_second| {
            (bucket.tokens < 1.0).then(|| Duration::from_secs_f64((1.0 - bucket.tokens) / per_second))
        })
        .flatten()
    }

    /// Counts a post. `Err` says how long to wait.
    pub(super) fn take(&self, address: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        let taken = self.with(address, now, |bucket, per_second| {
            if bucket.tokens < 1.0 {
                return Err(Duration::from_secs_f64((1.0 - bucket.tokens) / per_second));
            }
            bucket.tokens -= 1.0;
            Ok(())
        });
        taken.unwrap_or(Ok(()))
    }

    /// Takes back the count of a post that was not accepted after all.
    pub(super) fn give_back(&self, address: Option<IpAddr>, now: Instant) {
        self.with(address, now, |bucket, _| bucket.tokens += 1.0);
    }

    fn with<T>(&self, address: Option<IpAddr>, now: Instant, work: impl FnOnce(&mut Bucket, f64) -> T) -> Option<T> {
        let address = network(address?);
        if self.per_minute == 0 {
            return None;
        }
        let most = f64::from(self.per_minute);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Generations { young, old } = &mut *buckets;
        if young.len() >= ADDRESSES && !young.contains_key(&address) {
            *old = std::mem::take(young);
        }
        let bucket = young.entry(address).or_insert_with(|| old.remove(&address).unwrap_or(Bucket { tokens: most, filled: now }));
        let per_second = most / 60.0;
        bucket.tokens = (bucket.tokens + now.saturating_duration_since(bucket.filled).as_secs_f64() * per_second).min(most);
        bucket.filled = bucket.filled.max(now);
        Some(work(bucket, per_second))
    }
}

/// What counts as one address: with IPv6 a whole /64, which is what one customer of a provider gets.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_then_one_by_one() {
        let rate = Rate::new(2);
        let start = Instant::now();
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        assert_eq!((rate.take(address, start), rate.take(address, start)), (Ok(()), Ok(())));
        assert!(rate.take(address, start).is_err_and(|wait| wait == Duration::from_secs(30)));
        assert_eq!(rate.wait(Some(IpAddr::from([192, 0, 2, 2])), start), None);
        assert_eq!(rate.wait(address, start + Duration::from_secs(30)), None);
        assert!(rate.take(address, start + Duration::from_secs(30)).is_ok());
        rate.give_back(address, start + Duration::from_secs(30));
        assert!(rate.take(address, start + Duration::from_secs(30)).is_ok());
        assert!(rate.take(address, start + Duration::from_secs(31)).is_err());
    }

    #[test]
    fn no_rate_and_no_address_are_never_refused() {
        let start = Instant::now();
        for (rate, address) in [(Rate::new(0), Some(IpAddr::from([1, 2, 3, 4]))), (Rate::new(1), None)] {
            assert!((0..100).all(|_| rate.take(address, start).is_ok()));
        }
    }

    #[test]
    fn memory_is_bounded_and_one_network_is_one() {
        let rate = Rate::new(1);
        let start = Instant::now();
        for number in 0..100_000_u32 {
            let _ = rate.take(Some(IpAddr::from(number.to_be_bytes())), start);
        }
        let buckets = rate.buckets.lock().unwrap();
        assert!(buckets.young.len() + buckets.old.len() <= 2 * ADDRESSES);
        assert_eq!(network("2001:db8::1".parse().unwrap()), network("2001:db8::ffff:2".parse().unwrap()));
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), IpAddr::from([192, 0, 2, 1]));
    }
}
