//! What cross-validation found, for people and for the tests that hold it.

use std::fmt;

use super::calibrate::expected_error;
use super::corpus::LANGUAGES;
use super::verdict::Class;

/// One message, judged by a model that had not seen it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name in the corpus.
    pub id: String,
    /// Its language.
    pub language: String,
    /// The language that it was taken for, where that was clear.
    pub detected: Option<String>,
    /// Its class.
    pub class: Class,
    /// Whether it is one of the hard ones.
    pub hard: bool,
    /// What it was taken for.
    pub judged: Class,
    /// With which probability.
    pub confidence: f64,
}

impl Outcome {
    fn right(&self) -> bool {
        self.judged == self.class
    }
}

/// The figures of a cross-validation.
#[derive(Clone, Debug)]
pub struct Report {
    /// Every message of the corpus.
    pub outcomes: Vec<Outcome>,
}

/// How well one class was found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Of those taken for it, how many were.
    pub precision: f64,
    /// Of those that were, how many were taken for it.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

impl Report {
    fn of<'a>(&'a self, language: Option<&'a str>) -> impl Iterator<Item = &'a Outcome> {
        self.outcomes.iter().filter(move |outcome| language.is_none_or(|language| outcome.language == language))
    }

    /// The figures of a class, in one language or in all.
    pub fn figures(&self, language: Option<&str>, class: Class) -> Figures {
        let count = |test: &dyn Fn(&Outcome) -> bool| self.of(language).filter(|outcome| test(outcome)).count() as f64;
        let hits = count(&|outcome| outcome.class == class && outcome.judged == class);
        let precision = hits / count(&|outcome| outcome.judged == class).max(1.0);
        let recall = hits / count(&|outcome| outcome.class == class).max(1.0);
        let f1 = if hits > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
        Figures { precision, recall, f1 }
    }

    /// The mean F1 over the classes.
    pub fn macro_f1(&self, language: Option<&str>) -> f64 {
        Class::ALL.iter().map(|class| self.figures(language, *class).f1).sum::<f64>() / 3.0
    }

    /// Expected calibration error.
    pub fn calibration_error(&self, language: Option<&str>) -> f64 {
        expected_error(&self.of(language).map(|outcome| (outcome.confidence, outcome.right())).collect::<Vec<_>>())
    }

    /// Of the verdicts with at least this confidence: how many there are, and which part is right.
    pub fn above(&self, confidence: f64) -> (usize, f64) {
        let sure: Vec<&Outcome> = self.outcomes.iter().filter(|outcome| outcome.confidence >= confidence).collect();
        let right = sure.iter().filter(|outcome| outcome.right()).count();
        (sure.len(), right as f64 / sure.len().max(1) as f64)
    }

    /// Of the messages whose language was told: which part was told right; and the part of all that was told.
    pub fn languages(&self) -> (f64, f64) {
        let told = self.outcomes.iter().filter(|outcome| outcome.detected.is_some()).count();
        let right = self.outcomes.iter().filter(|outcome| outcome.detected.as_deref() == Some(&outcome.language)).count();
        (right as f64 / told.max(1) as f64, told as f64 / self.outcomes.len().max(1) as f64)
    }

    /// The share of the hard ones that is right.
    pub fn hard(&self) -> f64 {
        let hard: Vec<bool> = self.outcomes.iter().filter(|outcome| outcome.hard).map(Outcome::right).collect();
        hard.iter().filter(|right| **right).count() as f64 / hard.len().max(1) as f64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "           messages  macro-F1   inquiry  order  complaint   calibration error")?;
        for language in LANGUAGES.into_iter().map(Some).chain([None]) {
            let [inquiry, order, complaint] = Class::ALL.map(|class| self.figures(language, class).f1);
            writeln!(
                f,
                "{:<10} {:>8}  {:>8.3}   {inquiry:>7.3}  {order:>5.3}  {complaint:>9.3}   {:>17.3}",
                language.unwrap_or("all"),
                self.of(language).count(),
                self.macro_f1(language),
                self.calibration_error(language),
            )?;
        }
        writeln!(f, "\nconfusion (rows: true)    inquiry  order  complaint")?;
        for class in Class::ALL {
            let row = Class::ALL.map(|judged| self.outcomes.iter().filter(|one| one.class == class && one.judged == judged).count());
            let [inquiry, order, complaint] = row;
            writeln!(f, "{:<25} {inquiry:>7}  {order:>5}  {complaint:>9}", class.name())?;
        }
        let (sure, right) = self.above(0.9);
        writeln!(f, "\nconfidence 0.9 and more: {sure} messages, {:.1} % right", right * 100.0)?;
        writeln!(f, "hard ones: {:.1} % right", self.hard() * 100.0)?;
        let (right, told) = self.languages();
        write!(f, "language: told for {:.1} %, {:.1} % of these right", told * 100.0, right * 100.0)
    }
}
