//! Training: a corpus into a model, deterministic to the byte, and the cross-validation that calibrates it and says what it is
//! worth.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use super::calibrate::{self, Judged};
use super::corpus::{Corpus, Example};
use super::features::{Kind, extract};
use super::language;
use super::lexicon::{self, Lexicon};
use super::model::{Head, Model, Weights};
use super::optimize::{Effort, Row, Triple, fit, scores};
use super::report::{Outcome, Report};
use super::verdict::Class;
use super::words::Words;

/// How many parts a corpus is cut into for cross-validation.
const FOLDS: usize = 5;
/// Blocks of neighbours that go into each fold.
const BLOCKS: usize = 5;
/// A feature must be in that many messages; the rest is chance.
const SHOWN: u32 = 3;
/// Two to this power cells.
const BITS: u8 = 17;
/// What the temperature is multiplied by. The lexicon was written by people who knew the corpus, and neighbours in it resemble
/// each other; customers' own mail is stranger than any part of it.
const CAUTION: f64 = 1.2;
/// How hard training tries.
const EFFORT: Effort = Effort { penalty: 2e-4, iterations: 50 };

/// What training gives.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model's file.
    pub model: Vec<u8>,
    /// What it is worth.
    pub report: Report,
    /// How many features have a weight.
    pub features: usize,
}

/// Trains a model on a corpus.
pub fn train(corpus: &Corpus) -> Result<Trained, String> {
    let lexicon = Lexicon::builtin()?;
    let words: Vec<Words> = corpus.examples.iter().map(words).collect();
    let prepared = Prepared::of(&lexicon, &corpus.examples, &words);
    let judged = prepared.cross_validate(EFFORT);
    let detected = languages(corpus, &prepared.folds, &words);
    let report = report(&corpus.examples, &judged, detected);
    let judged: Vec<Judged> = judged.into_iter().map(|(judged, _)| judged).collect();
    let temperature = calibrate::temperature(&judged) * CAUTION;

    let (kept, weights) = prepared.learn(|_| true, EFFORT);
    let mut table: Vec<(u64, Weights)> = kept
        .iter()
        .zip(&weights)
        .filter_map(|(feature, weights)| Some((*prepared.hashes.get(*feature)?, weights.map(|weight| weight as f32))))
        .collect();
    let size = |weights: &Weights| weights.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
    // The heaviest first: they lie where they are looked for, and stay if the table is too small.
    table.sort_by(|(a_hash, a), (b_hash, b)| size(b).total_cmp(&size(a)).then(a_hash.cmp(b_hash)));
    let (languages, letters) = learn_languages(corpus, &words, |_| true);
    let head = Head {
        bits: BITS,
        language_bits: language::BITS,
        languages,
        lexicon: lexicon_hash(),
        scale: table.first().map_or(1.0, |(_, weights)| size(weights)).max(f32::MIN_POSITIVE),
        temperature: temperature as f32,
        bias: weights.last().copied().unwrap_or_default().map(|bias| bias as f32),
    };
    let features = table.len();
    Ok(Trained { model: Model::new(head, table.into_iter(), letters).to_bytes(), report, features })
}

/// What a model must have been trained with.
pub(super) fn lexicon_hash() -> u64 {
    xxh3_64(lexicon::TEXT.as_bytes())
}

/// A corpus in numbers.
struct Prepared {
    rows: Vec<Row>,
    /// The fold of each.
    folds: Vec<usize>,
    /// The hash of each feature.
    hashes: Vec<u64>,
}

impl Prepared {
    fn of(lexicon: &Lexicon, examples: &[Example], words: &[Words]) -> Self {
        let mut numbers: HashMap<u64, u32> = HashMap::new();
        let mut hashes = Vec::new();
        let mut rows = Vec::with_capacity(examples.len());
        for (example, words) in examples.iter().zip(words) {
            let mut found: Vec<(u32, Kind)> = Vec::new();
            let (counts, _) = extract(lexicon, words, |feature| {
                let number = *numbers.entry(feature.hash).or_insert_with(|| {
                    hashes.push(feature.hash);
                    (hashes.len() - 1) as u32
                });
                found.push((number, feature.kind));
            });
            let value = |kind: Kind| kind.value(counts.get(kind as usize).copied().unwrap_or(1));
            let features = found.into_iter().map(|(number, kind)| (number, value(kind))).collect();
            rows.push(Row { features, class: usize::from(example.class.code().unsigned_abs()) });
        }
        Self { rows, folds: folds(examples), hashes }
    }

    /// Learns from the rows that `take` takes, given their number; returns the features kept, and their weights with the bias.
    fn learn(&self, take: impl Fn(usize) -> bool, effort: Effort) -> (Vec<usize>, Vec<Triple>) {
        let rows = || self.rows.iter().enumerate().filter(|(at, _)| take(*at)).map(|(_, row)| row);
        let mut shown = vec![0_u32; self.hashes.len()];
        for (feature, _) in rows().flat_map(|row| &row.features) {
            if let Some(shown) = shown.get_mut(*feature as usize) {
                *shown += 1;
            }
        }
        let kept: Vec<usize> = shown.iter().enumerate().filter(|(_, shown)| **shown >= SHOWN).map(|(feature, _)| feature).collect();
        let mut place = vec![None; self.hashes.len()];
        for (at, feature) in (0_u32..).zip(&kept) {
            if let Some(place) = place.get_mut(*feature) {
                *place = Some(at);
            }
        }
        let place = |feature: u32| place.get(feature as usize).copied().flatten();
        let rows: Vec<Row> = rows()
            .map(|row| Row {
                features: row.features.iter().filter_map(|(feature, value)| Some((place(*feature)?, *value))).collect(),
                class: row.class,
            })
            .collect();
        let weights = fit(&rows, kept.len(), effort);
        (kept, weights)
    }

    /// Judges every row by a model that has not seen its fold; with the temperature found on the other folds.
    fn cross_validate(&self, effort: Effort) -> Vec<(Judged, f64)> {
        let mut judged: Vec<Judged> = self.rows.iter().map(|row| Judged { scores: [0.0; 3], class: row.class }).collect();
        for fold in 0..FOLDS {
            let (kept, weights) = self.learn(|at| self.folds.get(at) != Some(&fold), effort);
            let mut all = vec![[0.0; 3]; self.hashes.len() + 1];
            for (feature, weights) in kept.iter().copied().zip(&weights).chain(weights.last().map(|bias| (self.hashes.len(), bias))) {
                if let Some(place) = all.get_mut(feature) {
                    *place = *weights;
                }
            }
            for ((judged, row), _) in judged.iter_mut().zip(&self.rows).zip(&self.folds).filter(|(_, own)| **own == fold) {
                judged.scores = scores(&all, &row.features);
            }
        }
        let temperatures: Vec<f64> = (0..FOLDS)
            .map(|fold| {
                let others: Vec<Judged> =
                    judged.iter().zip(&self.folds).filter(|(_, own)| **own != fold).map(|(judged, _)| *judged).collect();
                calibrate::temperature(&others) * CAUTION
            })
            .collect();
        judged.into_iter().zip(&self.folds).map(|(judged, fold)| (judged, temperatures.get(*fold).copied().unwrap_or(1.0))).collect()
    }
}

/// The fold of each example: blocks of neighbours in each file. Neighbours, and the same places in other languages' files, may
/// tell of the same situation; they must not stand on both sides.
fn folds(examples: &[Example]) -> Vec<usize> {
    let mut sizes: HashMap<(&str, Class), usize> = HashMap::new();
    for example in examples {
        *sizes.entry((example.language.as_str(), example.class)).or_default() += 1;
    }
    let mut seen: HashMap<(&str, Class), usize> = HashMap::new();
    examples
        .iter()
        .map(|example| {
            let key = (example.language.as_str(), example.class);
            let at = seen.entry(key).or_default();
            let fold = (*at * FOLDS * BLOCKS / sizes.get(&key).copied().unwrap_or(1)) % FOLDS;
            *at += 1;
            fold
        })
        .collect()
}

fn words(example: &Example) -> Words {
    Words::of(example.subject.as_deref().unwrap_or_default(), &example.text)
}

/// Learns the languages from the examples that `take` takes, and from the texts in other languages.
fn learn_languages(corpus: &Corpus, words: &[Words], take: impl Fn(usize) -> bool) -> (u8, Vec<u8>) {
    let others: Vec<(&str, Words)> = corpus.others.iter().map(|sample| (sample.language.as_str(), Words::of("", &sample.text))).collect();
    let own = corpus.examples.iter().zip(words).enumerate().filter(|(at, _)| take(*at));
    let own = own.map(|(_, (example, words))| (example.language.as_str(), words));
    language::train(own.chain(others.iter().map(|(language, words)| (*language, words))))
}

/// The language of each example, told without having learned from its fold.
fn languages(corpus: &Corpus, folds: &[usize], words: &[Words]) -> Vec<Option<&'static str>> {
    let learned: Vec<(u8, Vec<u8>)> = (0..FOLDS).map(|fold| learn_languages(corpus, words, |at| folds.get(at) != Some(&fold))).collect();
    let detect = |(fold, words): (&usize, &Words)| learned.get(*fold).and_then(|(count, table)| language::detect(*count, table, words));
    folds.iter().zip(words).map(detect).collect()
}

fn report(examples: &[Example], judged: &[(Judged, f64)], detected: Vec<Option<&'static str>>) -> Report {
    let outcome = |((example, (judged, temperature)), detected): ((&Example, &(Judged, f64)), Option<&'static str>)| {
        let probabilities = judged.probabilities(*temperature);
        let (best, confidence) = best(&probabilities);
        Outcome {
            id: example.id.clone(),
            language: example.language.clone(),
            detected: detected.map(str::to_owned),
            class: example.class,
            hard: example.hard,
            judged: best,
            confidence,
        }
    };
    Report { outcomes: examples.iter().zip(judged).zip(detected).map(outcome).collect() }
}

/// The likeliest class and its probability.
pub(super) fn best(probabilities: &Triple) -> (Class, f64) {
    Class::ALL.into_iter().zip(probabilities).fold(
        (Class::Inquiry, -1.0),
        |best, (class, probability)| {
            if *probability > best.1 { (class, *probability) } else { best }
        },
    )
}
