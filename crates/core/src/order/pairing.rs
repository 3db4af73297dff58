//! Which line of one order is which line of another.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use super::OrderLine;
use super::identity::{bare, gtin_key, words};

/// For each line of `after`, the line of `before` that it is, if any: the one with its number and item, else with its number, else
/// with its item. No line is two lines.
pub(super) fn pair<'a>(before: &'a [OrderLine], after: &[&'a OrderLine]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; after.len()];
    let mut free = vec![true; before.len()];
    by_key(before, after, numbered_items, &mut pairs, &mut free);
    by_key(before, after, |line| number_key(line).into_iter().collect(), &mut pairs, &mut free);
    by_key(before, after, items, &mut pairs, &mut free);
    pairs
}

/// Pairs what has a key in common and is not paired yet, first come, first paired.
fn by_key<'a, K: Eq + Hash>(
    before: &'a [OrderLine],
    after: &[&'a OrderLine],
    keys: impl Fn(&'a OrderLine) -> Vec<K>,
    pairs: &mut [Option<usize>],
    free: &mut [bool],
) {
    let mut places: HashMap<K, VecDeque<usize>> = HashMap::new();
    for (at, line) in before.iter().enumerate().filter(|(at, _)| free.get(*at) == Some(&true)) {
        for key in keys(line) {
            places.entry(key).or_default().push_back(at);
        }
    }
    for (line, pair) in after.iter().zip(pairs).filter(|(_, pair)| pair.is_none()) {
        *pair = keys(line).iter().find_map(|key| {
            let waiting = places.get_mut(key)?;
            std::iter::from_fn(|| waiting.pop_front()).find(|at| free.get(*at) == Some(&true))
        });
        if let Some(taken) = pair.and_then(|at| free.get_mut(at)) {
            *taken = false;
        }
    }
}

/// A line's number as it is compared: without blanks and leading zeros.
pub(super) fn number_key(line: &OrderLine) -> Option<String> {
    let number = line.number.as_deref()?.trim();
    let short = number.trim_start_matches('0');
    (!number.is_empty()).then(|| if short.is_empty() { "0".into() } else { short.to_uppercase() })
}

/// Everything that a line's item may be known by, the best first.
fn items(line: &OrderLine) -> Vec<(&str, String)> {
    let own = [
        ("gtin", line.gtin.as_deref().map(gtin_key)),
        ("seller", line.seller_item.as_deref().map(bare)),
        ("buyer", line.buyer_item.as_deref().map(bare)),
    ];
    let own = own.into_iter().filter_map(|(kind, id)| Some((kind, id?)));
    let others = line.other_items.iter().map(|other| (other.scheme.as_str(), bare(&other.id)));
    let ids: Vec<_> = own.chain(others).filter(|(_, id)| !id.is_empty()).collect();
    if ids.is_empty() { vec![("words", line.description.as_deref().map(words).unwrap_or_default())] } else { ids }
}

fn numbered_items(line: &OrderLine) -> Vec<(String, (&str, String))> {
    let Some(number) = number_key(line) else { return Vec::new() };
    items(line).into_iter().map(|item| (number.clone(), item)).collect()
}
