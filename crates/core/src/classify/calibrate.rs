//! Calibration: one temperature for all scores, found on messages that the model had not seen, so that "0.9" is right nine
//! times in ten; and the measures that say how well it holds.

use super::math::{ln, softmax};
use super::optimize::Triple;

/// A message that was judged without having been learned from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    /// Its scores.
    pub(super) scores: Triple,
    /// The code of its true class.
    pub(super) class: usize,
}

impl Judged {
    /// Its probabilities at a temperature.
    pub(super) fn probabilities(&self, temperature: f64) -> Triple {
        softmax(self.scores.map(|score| score / temperature))
    }
}

/// The temperature under which the true classes are likeliest.
pub(super) fn temperature(judged: &[Judged]) -> f64 {
    let (mut low, mut high) = (0.05, 5.0);
    // The loss has one minimum in 1/temperature; thirds of the interval that cannot hold it are dropped.
    for _ in 0..60 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if loss(judged, a) < loss(judged, b) { high = b } else { low = a }
    }
    (low + high) / 2.0
}

/// The mean surprise at the true classes.
pub(super) fn loss(judged: &[Judged], temperature: f64) -> f64 {
    let sum: f64 = judged.iter().map(|one| -ln(one.probabilities(temperature).get(one.class).copied().unwrap_or(0.0))).sum();
    sum / judged.len().max(1) as f64
}

/// Expected calibration error over ten bins: how far confidence and hit rate are apart, on average.
pub(super) fn expected_error(confidences: &[(f64, bool)]) -> f64 {
    let mut bins = [(0.0_f64, 0.0_f64); 10];
    for (confidence, right) in confidences {
        let bin = ((confidence * 10.0) as usize).min(9);
        if let Some((sum, hits)) = bins.get_mut(bin) {
            *sum += confidence;
            *hits += f64::from(u8::from(*right));
        }
    }
    bins.iter().map(|(sum, hits)| (sum - hits).abs()).sum::<f64>() / confidences.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overconfident_scores_are_cooled_down() {
        // Three in four right, with scores that claim nearly always.
        let judged: Vec<Judged> = (0..40).map(|n| Judged { scores: [6.0, 0.0, 0.0], class: usize::from(n % 4 == 0) }).collect();
        let temperature = temperature(&judged);
        assert!(temperature > 2.0, "{temperature}");
        assert!(loss(&judged, temperature) < loss(&judged, 1.0));
    }

    #[test]
    fn the_expected_error_is_nothing_when_confidence_is_true() {
        let exact: Vec<(f64, bool)> = (0..10).map(|n| (0.7, n < 7)).collect();
        assert!(expected_error(&exact) < 1e-12);
        assert!((expected_error(&[(0.95, false), (0.95, false)]) - 0.95).abs() < 1e-12);
    }
}
