//! The verdict on a message.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a customer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Wants to know something, or anything else that a person must answer.
    Inquiry,
    /// Wants to place, change or cancel an order.
    Order,
    /// Is unhappy about something that happened and wants it put right.
    Complaint,
}

impl Class {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 3] = [Self::Inquiry, Self::Order, Self::Complaint];

    /// As configuration, API and corpus write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inquiry => "inquiry",
            Self::Order => "order",
            Self::Complaint => "complaint",
        }
    }

    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Inquiry => 0,
            Self::Order => 1,
            Self::Complaint => 2,
        }
    }

    pub(crate) fn from_code(code: i16) -> Self {
        Self::ALL.into_iter().find(|class| class.code() == code).unwrap_or(Self::Inquiry)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Class {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|class| class.name() == text)
            .ok_or_else(|| format!("`{text}` is not a class; write inquiry, order or complaint"))
    }
}

/// The probability of each class; they add up to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Probabilities {
    /// Of an inquiry.
    pub inquiry: f64,
    /// Of an order.
    pub order: f64,
    /// Of a complaint.
    pub complaint: f64,
}

/// A word or fact that carried the verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The words as written, or the fact's name in angle brackets, e.g. `<quantity>`.
    pub text: String,
    /// How much it spoke for the class, in the model's log-odds; negative: against.
    pub weight: f64,
    /// Where it stands: `subject` or `text`.
    pub place: String,
    /// Its first byte in that place.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// What a message is, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The likeliest class.
    pub class: Class,
    /// Its calibrated probability, 0 to 1.
    pub confidence: f64,
    /// All three.
    pub probabilities: Probabilities,
    /// ISO 639-1 code of the language, where it is one of nl, en, de, fr and could be told.
    pub language: Option<String>,
    /// What carried it, strongest first, at most eight.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

impl Verdict {
    /// That of a document which is an order, whatever words are in it.
    pub fn of_order(confidence: f64, language: Option<String>) -> Self {
        let rest = (1.0 - confidence) / 2.0;
        let fact = Evidence { text: "<order document>".into(), weight: 10.0, place: "text".into(), start: 0, end: 0 };
        let probabilities = Probabilities { inquiry: rest, order: confidence, complaint: rest };
        Self { class: Class::Order, confidence, probabilities, language, evidence: vec![fact] }
    }
}
