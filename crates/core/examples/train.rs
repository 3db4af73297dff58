//! Trains the built-in classifier from `corpus/` and says what it is worth. `script/train` runs it.
//!
//! `train [--check] [--errors] [--corpus FOLDER] [--measure FILE]...`: `--check` writes nothing and fails if the built-in model
//! is not what the corpus gives; `--errors` lists the messages that were judged wrong; `--corpus` reads another corpus and
//! writes nothing; `--measure` judges messages that are no part of the corpus, JSON lines with `text`, `label` and `lang`.

#![allow(clippy::print_stdout, reason = "a tool for people")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs};

use loket_core::classify::{Class, Classifier, Corpus, Outcome, Report, train};
use serde::Deserialize;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("train: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Options {
    check: bool,
    errors: bool,
    corpus: Option<PathBuf>,
    measure: Vec<PathBuf>,
}

impl Options {
    fn read() -> Result<Self, String> {
        let mut options = Self::default();
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().map(PathBuf::from).ok_or_else(|| format!("`{arg}` needs a path"));
            match arg.as_str() {
                "--check" => options.check = true,
                "--errors" => options.errors = true,
                "--corpus" => options.corpus = Some(value()?),
                "--measure" => options.measure.push(value()?),
                _ => return Err(format!("`{arg}` is not an option; there are --check, --errors, --corpus and --measure")),
            }
        }
        Ok(options)
    }
}

fn run() -> Result<(), String> {
    let options = Options::read()?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = Corpus::read(&options.corpus.clone().unwrap_or_else(|| here.join("../../corpus")))?;
    let begun = Instant::now();
    let trained = train(&corpus)?;
    let seconds = begun.elapsed().as_secs_f64();
    show(&trained.report, &options);
    let path = here.join("src/classify/model.bin");
    if options.check {
        if fs::read(&path).ok().as_deref() != Some(trained.model.as_slice()) {
            return Err("the built-in model is not what the corpus gives; run script/train and commit model.bin".into());
        }
    } else if options.corpus.is_none() {
        fs::write(&path, &trained.model).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let classifier = Classifier::from_bytes(&trained.model)?;
    println!(
        "trained in {seconds:.1} s, {} features, file {} bytes, in memory {} bytes",
        trained.features,
        trained.model.len(),
        classifier.memory()
    );
    speed(&classifier, &corpus);
    for file in &options.measure {
        println!("\n{}", file.display());
        show(&measure(&classifier, file)?, &options);
    }
    Ok(())
}

fn show(report: &Report, options: &Options) {
    println!("{report}\n");
    if options.errors {
        for wrong in report.outcomes.iter().filter(|outcome| outcome.judged != outcome.class) {
            println!("{} taken for {} ({:.2}){}", wrong.id, wrong.judged, wrong.confidence, if wrong.hard { ", hard" } else { "" });
        }
        println!();
    }
}

/// A message to measure on.
#[derive(Deserialize)]
struct Measured {
    #[serde(default)]
    id: String,
    #[serde(default)]
    subject: Option<String>,
    text: String,
    label: Class,
    lang: String,
    #[serde(default)]
    hard: bool,
}

fn measure(classifier: &Classifier, file: &Path) -> Result<Report, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut outcomes = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let message: Measured = serde_json::from_str(line).map_err(|error| format!("{}, line {}: {error}", file.display(), at + 1))?;
        let verdict = classifier.judge(message.subject.as_deref(), &message.text);
        outcomes.push(Outcome {
            id: message.id,
            language: message.lang,
            detected: verdict.language,
            class: message.label,
            hard: message.hard,
            judged: verdict.class,
            confidence: verdict.confidence,
        });
    }
    Ok(Report { outcomes })
}

/// Messages a second on this one core, at about 500 characters.
fn speed(classifier: &Classifier, corpus: &Corpus) {
    let texts: Vec<&str> =
        corpus.examples.iter().map(|example| example.text.as_str()).filter(|text| (400..600).contains(&text.len())).collect();
    let begun = Instant::now();
    let mut judged = 0_u32;
    while begun.elapsed().as_millis() < 1000 {
        for text in &texts {
            std::hint::black_box(classifier.judge(None, text));
            judged += 1;
        }
    }
    println!("{:.0} messages/s on one core ({} texts of 400 to 600 bytes)", f64::from(judged) / begun.elapsed().as_secs_f64(), texts.len());
}
