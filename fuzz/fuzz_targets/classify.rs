//! Any text has a class, probabilities that add up to one, and evidence that stands where it says.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use loket_core::classify::Classifier;

static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(|| Classifier::builtin().unwrap());

fuzz_target!(|texts: (Option<&str>, &str)| {
    let (subject, text) = texts;
    let verdict = CLASSIFIER.judge(subject, text);
    let sum = verdict.probabilities.inquiry + verdict.probabilities.order + verdict.probabilities.complaint;
    assert!((sum - 1.0).abs() < 1e-6 && (0.0..=1.0).contains(&verdict.confidence));
    for evidence in &verdict.evidence {
        let place = if evidence.place == "subject" { subject.unwrap_or_default() } else { text };
        assert!(place.get(evidence.start..evidence.end).is_some());
    }
});
