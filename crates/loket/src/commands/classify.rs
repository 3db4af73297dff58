//! `loket classify`: JSON lines in, verdicts out.

use std::io::{BufRead, Read};
use std::process::ExitCode;

use loket_core::classify::{Class, Classifier, Evidence, Probabilities};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine;
use crate::output::Output;

/// A line longer than this is no message.
const LONGEST: u64 = 64 << 20;

#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    id: Value,
    subject: Option<String>,
    text: String,
}

#[derive(Serialize)]
struct Answer {
    id: Value,
    class: Class,
    confidence: f64,
    probabilities: Probabilities,
    language: Option<String>,
    evidence: Vec<Evidence>,
}

#[derive(Serialize)]
struct Failed {
    line: u64,
    error: String,
}

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let classifier = engine::classifier()?;
    let mut output = Output::new();
    let mut input = std::io::stdin().lock();
    let (mut number, mut failed) = (0, false);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(question) => output.line(&answer(&classifier, question))?,
            Err(error) => {
                failed = true;
                output.line(&Failed { line: number, error: format!("expected {{\"id\", \"subject\"?, \"text\"}}: {error}") })?;
            }
        }
    }
    output.finish()?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn answer(classifier: &Classifier, question: Question) -> Answer {
    let verdict = classifier.judge(question.subject.as_deref(), &question.text);
    Answer {
        id: question.id,
        class: verdict.class,
        confidence: verdict.confidence,
        probabilities: verdict.probabilities,
        language: verdict.language,
        evidence: verdict.evidence,
    }
}
