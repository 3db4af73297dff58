//! What a message is: inquiry, order or complaint, how sure that is, and which words say so.
//!
//! A small linear model: [`words`] folds the text, [`features`] counts words, pairs, pieces of words, groups of the [`lexicon`]
//! and plain facts, [`model`] holds a weight for each, [`calibrate`] turns the sum into an honest probability, [`language`] says
//! which language it is, [`evidence`] what carried it. [`train`] makes the model from a corpus, the same to the byte each time.
//!
//! It is deterministic, linear in the text and bounded: only the first 32 KiB of a text and the first KiB of a subject are
//! looked at.

mod calibrate;
mod corpus;
mod evidence;
mod features;
mod language;
mod lexicon;
mod math;
mod model;
mod optimize;
mod report;
#[cfg(test)]
mod tests;
mod train;
mod verdict;
mod words;

use features::{Feature, Kind, LONGEST_SUBJECT, LONGEST_TEXT, cut, extract};
use lexicon::Lexicon;
use model::{Model, Weights};

pub use corpus::{Corpus, Example, LANGUAGES, Sample};
pub use report::{Figures, Outcome, Report};
pub use train::{Trained, train};
pub use verdict::{Class, Evidence, Probabilities, Verdict};

/// The classifier.
#[derive(Debug)]
pub struct Classifier {
    model: Model,
    lexicon: Lexicon,
}

impl Classifier {
    /// The model that was built in.
    pub fn builtin() -> Result<Self, String> {
        Self::from_bytes(include_bytes!("model.bin"))
    }

    /// A model from its file, as [`train`] gives it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (model, lexicon) = (Model::from_bytes(bytes)?, Lexicon::builtin()?);
        if model.head.lexicon != train::lexicon_hash() {
            return Err("the classifier's model was trained with another lexicon; train it again (script/train)".into());
        }
        Ok(Self { model, lexicon })
    }

    /// How many bytes its tables take, about.
    pub fn memory(&self) -> usize {
        self.model.memory() + self.lexicon.memory()
    }

    /// What a message is, from its subject and its new text.
    pub fn judge(&self, subject: Option<&str>, text: &str) -> Verdict {
        let (subject, text) = (cut(subject.unwrap_or_default(), LONGEST_SUBJECT), cut(text, LONGEST_TEXT));
        let words = words::Words::of(subject, text);
        if words.words.is_empty() {
            return nothing_said();
        }
        let mut known: Vec<(Feature, Weights)> = Vec::with_capacity((words.words.len() * 12).min(1 << 16));
        let (counts, facts) = extract(&self.lexicon, &words, |feature| {
            if let Some(weights) = self.model.weights(feature.hash) {
                known.push((feature, weights));
            }
        });
        let temperature = self.model.head.temperature;
        let values = [Kind::Word, Kind::Marked, Kind::Pair, Kind::Piece, Kind::Group, Kind::Context, Kind::Fact]
            .map(|kind| kind.value(counts.get(kind as usize).copied().unwrap_or(1)) as f32 / temperature);
        let value = |kind: Kind| values.get(kind as usize).copied().unwrap_or_default();
        let mut scores = self.model.head.bias.map(|bias| bias / temperature);
        for (feature, weights) in &known {
            let value = value(feature.kind);
            for (score, weight) in scores.iter_mut().zip(weights) {
                *score += value * weight;
            }
        }
        let probabilities = math::softmax(scores.map(f64::from));
        let (class, confidence) = train::best(&probabilities);
        let rivals = rivals(&probabilities, class);
        let mut ledger = evidence::Ledger::new(words.words.len(), facts.len());
        for (feature, weights) in &known {
            let weight = value(feature.kind) * weights.iter().zip(rivals).map(|(weight, rival)| weight * rival).sum::<f32>();
            match feature.kind {
                Kind::Fact => ledger.fact(feature.at.0, weight),
                _ => ledger.words(feature.at, weight),
            }
        }
        let [inquiry, order, complaint] = probabilities;
        Verdict {
            class,
            confidence,
            probabilities: Probabilities { inquiry, order, complaint },
            language: language::detect(self.model.head.languages, &self.model.letters, &words).map(str::to_owned),
            evidence: ledger.strongest(&words, &facts, subject, text),
        }
    }
}

/// The verdict on a message without a word: a person must look at it.
fn nothing_said() -> Verdict {
    let probabilities = Probabilities { inquiry: 0.4, order: 0.3, complaint: 0.3 };
    Verdict { class: Class::Inquiry, confidence: probabilities.inquiry, probabilities, language: None, evidence: Vec::new() }
}

/// What turns the weights of a feature into what it spoke for a class, in log-odds: one for the class, and minus one shared
/// among the others as they were in the running.
fn rivals(probabilities: &[f64; 3], class: Class) -> Weights {
    let own = usize::from(class.code().unsigned_abs());
    let others: f64 = probabilities.iter().enumerate().filter(|(at, _)| *at != own).map(|(_, probability)| probability).sum();
    let mut shares = probabilities.map(|probability| -(probability / others.max(f64::MIN_POSITIVE)) as f32);
    if let Some(share) = shares.get_mut(own) {
        *share = 1.0;
    }
    shares
}
