//! Why: what each word and fact of a message spoke for its class. Pairs, pieces and groups are credited to the words that they
//! stand on; neighbours that pull the same way are shown as one.

use super::features::Fact;
use super::verdict::Evidence;
use super::words::{Place, Words};

/// How many are told.
const MOST: usize = 8;
/// What is weaker says nothing.
const LEAST: f32 = 0.05;
/// Longer phrases are cut.
const PHRASE: usize = 6;

/// The weights collected so far.
#[derive(Debug)]
pub(super) struct Ledger {
    words: Vec<f32>,
    facts: Vec<f32>,
}

impl Ledger {
    pub(super) fn new(words: usize, facts: usize) -> Self {
        Self { words: vec![0.0; words], facts: vec![0.0; facts] }
    }

    /// Credits words, each with an equal share.
    pub(super) fn words(&mut self, (from, to): (u32, u32), weight: f32) {
        let words = self.words.get_mut(from as usize..to as usize).unwrap_or_default();
        let share = weight / words.len().max(1) as f32;
        words.iter_mut().for_each(|word| *word += share);
    }

    /// Credits a fact.
    pub(super) fn fact(&mut self, number: u32, weight: f32) {
        if let Some(fact) = self.facts.get_mut(number as usize) {
            *fact += weight;
        }
    }

    /// The strongest, first.
    pub(super) fn strongest(&self, words: &Words, facts: &[Fact], subject: &str, text: &str) -> Vec<Evidence> {
        let mut all: Vec<Evidence> = Vec::new();
        for (fact, weight) in facts.iter().zip(&self.facts).filter(|(_, weight)| weight.abs() >= LEAST) {
            if let Some((place, start, end)) = fact.first {
                all.push(evidence(fact.name.to_owned(), *weight, place, start, end));
            }
        }
        for phrase in self.phrases(words) {
            let source = if phrase.place == Place::Subject { subject } else { text };
            if let Some(said) = source.get(phrase.start as usize..phrase.end as usize) {
                all.push(evidence(said.to_owned(), phrase.weight, phrase.place, phrase.start, phrase.end));
            }
        }
        all.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
        all.truncate(MOST);
        all
    }

    /// Words that weigh enough, joined with neighbours that pull the same way.
    fn phrases(&self, words: &Words) -> Vec<Phrase> {
        let mut phrases: Vec<Phrase> = Vec::new();
        let mut open: Option<(usize, u32)> = None;
        for (at, (word, weight)) in words.words.iter().zip(&self.words).enumerate() {
            if weight.abs() < LEAST {
                continue;
            }
            let joined = open == Some((at, word.sentence)) && phrases.last().is_some_and(|last| last.joins(*weight));
            match phrases.last_mut().filter(|_| joined) {
                Some(last) => {
                    last.weight += weight;
                    last.end = word.span.1;
                    last.words += 1;
                }
                None => phrases.push(Phrase { place: word.place, start: word.span.0, end: word.span.1, weight: *weight, words: 1 }),
            }
            open = Some((at + 1, word.sentence));
        }
        phrases
    }
}

struct Phrase {
    place: Place,
    start: u32,
    end: u32,
    weight: f32,
    words: usize,
}

impl Phrase {
    fn joins(&self, weight: f32) -> bool {
        self.words < PHRASE && (self.weight < 0.0) == (weight < 0.0)
    }
}

fn evidence(text: String, weight: f32, place: Place, start: u32, end: u32) -> Evidence {
    let rounded = (f64::from(weight) * 1000.0).round() / 1000.0;
    Evidence { text, weight: rounded, place: place.name().to_owned(), start: start as usize, end: end as usize }
}
