//! Reading a corpus: `corpus/LANGUAGE/CLASS.jsonl`, one message a line.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::verdict::Class;

/// The languages that the classifier knows, in the order in which corpora are read.
pub const LANGUAGES: [&str; 4] = ["nl", "en", "de", "fr"];

/// A message whose class is known.
#[derive(Clone, Debug, Deserialize)]
pub struct Example {
    /// Its name in the corpus.
    pub id: String,
    /// Its subject.
    #[serde(default)]
    pub subject: Option<String>,
    /// Its text.
    pub text: String,
    /// Whether it is one of the hard ones.
    #[serde(default)]
    pub hard: bool,
    /// Its language: the folder's name.
    #[serde(skip)]
    pub language: String,
    /// Its class: the file's name.
    #[serde(skip, default = "inquiry")]
    pub class: Class,
}

fn inquiry() -> Class {
    Class::Inquiry
}

/// A text whose language is known, for telling languages apart only.
#[derive(Clone, Debug, Deserialize)]
pub struct Sample {
    /// ISO 639-1 code.
    pub language: String,
    /// The text.
    pub text: String,
}

/// A corpus.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Messages in the languages that the classifier knows, always in the same order.
    pub examples: Vec<Example>,
    /// Texts in languages that it only has to recognize as others.
    pub others: Vec<Sample>,
}

impl Corpus {
    /// Reads the corpus in a folder.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let mut examples = Vec::new();
        for language in LANGUAGES {
            for class in Class::ALL {
                let path = folder.join(language).join(format!("{class}.jsonl"));
                examples.extend(lines::<Example>(&path)?.into_iter().map(|example| Example {
                    language: language.into(),
                    class,
                    ..example
                }));
            }
        }
        Ok(Self { examples, others: lines(&folder.join("other-languages.jsonl"))? })
    }
}

fn lines<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| serde_json::from_str(line).map_err(|error| format!("{}, line {}: {error}", path.display(), at + 1)))
        .collect()
}
