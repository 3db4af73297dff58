//! Which language a text is in: the likelihood of its runs of three letters and its short words under each language's own.
//! Other languages are there to be recognized as such, and give no answer.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::corpus::LANGUAGES;
use super::math::ln;
use super::model::LANGUAGE_STEP;
use super::words::{Shape, Words};

/// Two to this power rows.
pub(super) const BITS: u8 = 13;
/// Enough of a text to tell.
const ENOUGH: usize = 300;
/// How much likelier than the next one, in nats, before it is believed.
const MARGIN: f32 = 2.0;
const SEED: u64 = 0x6c61_6e67;

/// The rows of a message's words.
fn rows(words: &Words, mut each: impl FnMut(usize)) {
    let row = |bytes: &[u8]| (xxh3_64_with_seed(bytes, SEED) >> (64 - BITS)) as usize;
    let folded = words.folded.as_bytes();
    for word in words.words.iter().filter(|word| word.shape == Shape::Letters).take(ENOUGH) {
        let (from, to) = (word.fold.0 as usize, word.fold.1 as usize);
        let spaced = folded.get(from - 1..to + 1).unwrap_or_default();
        for piece in spaced.windows(3) {
            each(row(piece));
        }
        if (2..=5).contains(&(to - from)) {
            each(row(spaced));
        }
    }
}

/// Learns languages from texts that are each in one; returns how many there are, and the table.
pub(super) fn train<'a>(texts: impl Iterator<Item = (&'a str, &'a Words)>) -> (u8, Vec<u8>) {
    let texts: Vec<_> = texts.collect();
    let mut names: Vec<&str> = LANGUAGES.to_vec();
    for (language, _) in &texts {
        if !names.contains(language) {
            names.push(language);
        }
    }
    let size = 1_usize << BITS;
    let mut counts = vec![vec![0_u32; size]; names.len()];
    for (language, words) in texts {
        if let Some(counts) = names.iter().position(|name| *name == language).and_then(|at| counts.get_mut(at)) {
            rows(words, |row| {
                if let Some(count) = counts.get_mut(row) {
                    *count += 1;
                }
            });
        }
    }
    // What all languages share stands in for what one of them did not show. Each language counts alike in it.
    let totals: Vec<f64> = counts.iter().map(|counts| f64::from(counts.iter().sum::<u32>()).max(1.0)).collect();
    let shared: Vec<f64> = (0..size)
        .map(|row| {
            let sum: f64 = counts.iter().zip(&totals).map(|(counts, total)| f64::from(counts.get(row).copied().unwrap_or(0)) / total).sum();
            (sum / names.len() as f64) * 0.95 + 0.05 / size as f64
        })
        .collect();
    let mut table = Vec::with_capacity(size * names.len());
    for (row, shared) in shared.iter().enumerate() {
        for (counts, total) in counts.iter().zip(&totals) {
            let count = f64::from(counts.get(row).copied().unwrap_or(0));
            let probability = (count + SHARED * shared) / (total + SHARED);
            table.push((-ln(probability) / f64::from(LANGUAGE_STEP)).round().clamp(0.0, 255.0) as u8);
        }
    }
    (names.len() as u8, table)
}

/// How many counts what is shared is worth.
const SHARED: f64 = 400.0;

/// The language of a message's words, where it is one of [`LANGUAGES`] and clear.
pub(super) fn detect(languages: u8, table: &[u8], words: &Words) -> Option<&'static str> {
    let languages = usize::from(languages);
    let mut sums = vec![0_u32; languages];
    rows(words, |row| {
        let costs = table.get(row * languages..(row + 1) * languages).unwrap_or_default();
        for (sum, cost) in sums.iter_mut().zip(costs) {
            *sum += u32::from(*cost);
        }
    });
    let best = sums.iter().enumerate().min_by_key(|(_, sum)| **sum)?;
    let next = sums.iter().enumerate().filter(|(at, _)| *at != best.0).map(|(_, sum)| *sum).min()?;
    let margin = (next - best.1) as f32 * LANGUAGE_STEP;
    LANGUAGES.get(best.0).copied().filter(|_| margin >= MARGIN)
}
