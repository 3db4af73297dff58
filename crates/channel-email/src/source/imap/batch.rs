//! Which mails are fetched together. Pure.

use std::collections::BTreeMap;

/// Deliveries in one commit, at most: the intake's own batches are of this order.
const MOST_MAILS: usize = 200;

/// Mails to be fetched with one command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// Their UIDs, ascending.
    pub(super) uids: Vec<u32>,
    /// Only so many bytes of each are asked for.
    pub(super) first: Option<u64>,
}

/// Takes the next batch out of `waiting` (UIDs with sizes): ascending, at most `bytes` unless one mail alone is larger, at most
/// `max_payload` of any. Mails that are above it, or that `alone` says so of, come alone, and in part if need be.
pub(super) fn next(waiting: &mut BTreeMap<u32, u32>, bytes: u64, max_payload: u64, alone: impl Fn(u32) -> bool) -> Option<Batch> {
    let by_itself = |uid: u32, size: u32| u64::from(size) > max_payload || alone(uid);
    let (uid, size) = waiting.pop_first()?;
    if by_itself(uid, size) {
        return Some(Batch { uids: vec![uid], first: Some(max_payload) });
    }
    let mut uids = vec![uid];
    let mut sum = u64::from(size);
    while let Some(entry) = waiting.first_entry() {
        let (uid, size) = (*entry.key(), *entry.get());
        sum += u64::from(size);
        if sum > bytes || uids.len() >= MOST_MAILS || by_itself(uid, size) {
            break;
        }
        entry.remove();
        uids.push(uid);
    }
    Some(Batch { uids, first: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(sizes: &[(u32, u32)], bytes: u64, max_payload: u64, alone_to: u32) -> Vec<Batch> {
        let mut waiting: BTreeMap<_, _> = sizes.iter().copied().collect();
        std::iter::from_fn(|| next(&mut waiting, bytes, max_payload, |uid| uid <= alone_to)).collect()
    }

    #[test]
    fn batches_are_bounded_by_bytes_and_large_mails_come_in_part() {
        let batches = all(&[(3, 40), (4, 60), (5, 1), (9, 500), (10, 101), (12, 10)], 100, 300, 0);
        let shown: Vec<_> = batches.iter().map(|batch| (batch.uids.as_slice(), batch.first)).collect();
        assert_eq!(shown, [(&[3, 4][..], None), (&[5][..], None), (&[9][..], Some(300)), (&[10][..], None), (&[12][..], None)]);
        let careful = all(&[(3, 40), (4, 60), (5, 1), (6, 1)], 100, 300, 4);
        assert_eq!(careful.iter().map(|batch| batch.uids.len()).collect::<Vec<_>>(), [1, 1, 2]);
    }

    proptest! {
        #[test]
        fn each_mail_is_in_one_batch_in_order(sizes in proptest::collection::btree_map(1..100_000_u32, 0..5_000_u32, 0..700), bytes in 1..20_000_u64, max_payload in 1..4_000_u64, alone_to in 0..1_000_u32) {
            let list: Vec<_> = sizes.iter().map(|(uid, size)| (*uid, *size)).collect();
            let batches = all(&list, bytes, max_payload, alone_to);
            let uids: Vec<u32> = batches.iter().flat_map(|batch| batch.uids.clone()).collect();
            prop_assert_eq!(uids, sizes.keys().copied().collect::<Vec<_>>());
            for batch in batches {
                let sum: u64 = batch.uids.iter().map(|uid| u64::from(sizes[uid])).sum();
                prop_assert!(batch.uids.len() == 1 || (sum <= bytes && batch.uids.len() <= MOST_MAILS));
            }
        }
    }
}
