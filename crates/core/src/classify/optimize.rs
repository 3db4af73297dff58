//! Multinomial logistic regression with an L2 penalty, by L-BFGS: the same bits on every machine and in every run.

use std::collections::VecDeque;

use super::math::{ln, softmax};

/// One weight a class.
pub(super) type Triple = [f64; 3];

/// A message to learn from.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Its features with their values.
    pub(super) features: Vec<(u32, f64)>,
    /// The code of its class.
    pub(super) class: usize,
}

/// How long and how hard to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// The L2 penalty on the weights, a message.
    pub(super) penalty: f64,
    /// The most iterations.
    pub(super) iterations: usize,
}

/// Directions that are remembered.
const MEMORY: usize = 5;

/// Finds the weights: one triple a feature, the last one is the bias.
pub(super) fn fit(rows: &[Row], features: usize, effort: Effort) -> Vec<Triple> {
    let mut at = vec![[0.0; 3]; features + 1];
    let mut gradient = vec![[0.0; 3]; features + 1];
    let mut loss = evaluate(rows, &at, effort.penalty, &mut gradient);
    let mut history: VecDeque<Step> = VecDeque::new();
    for _ in 0..effort.iterations {
        let mut direction = descent(&gradient, &history);
        let mut slope = dot(&gradient, &direction);
        if slope >= 0.0 {
            history.clear();
            direction = gradient.iter().map(|triple| triple.map(|x| -x)).collect();
            slope = dot(&gradient, &direction);
        }
        if slope > -1e-9 {
            break;
        }
        let mut length = if history.is_empty() { 1.0 / slope.abs().sqrt() } else { 1.0 };
        let mut next = vec![[0.0; 3]; features + 1];
        let mut next_gradient = vec![[0.0; 3]; features + 1];
        let mut next_loss = f64::INFINITY;
        for _ in 0..20 {
            for ((next, at), step) in next.iter_mut().zip(&at).zip(&direction) {
                for ((next, at), step) in next.iter_mut().zip(at).zip(step) {
                    *next = at + length * step;
                }
            }
            next_loss = evaluate(rows, &next, effort.penalty, &mut next_gradient);
            if next_loss <= loss + 1e-4 * length * slope {
                break;
            }
            length *= 0.5;
        }
        if next_loss >= loss {
            break;
        }
        history.push_back(Step::new(&at, &next, &gradient, &next_gradient));
        if history.len() > MEMORY {
            history.pop_front();
        }
        let done = loss - next_loss < 1e-7 * loss;
        (at, gradient, loss) = (next, next_gradient, next_loss);
        if done {
            break;
        }
    }
    at
}

/// The scores of a message.
pub(super) fn scores(weights: &[Triple], features: &[(u32, f64)]) -> Triple {
    let mut scores = weights.last().copied().unwrap_or_default();
    for (feature, value) in features {
        if let Some(triple) = weights.get(*feature as usize) {
            for (score, weight) in scores.iter_mut().zip(triple) {
                *score += value * weight;
            }
        }
    }
    scores
}

/// The loss and its gradient.
fn evaluate(rows: &[Row], weights: &[Triple], penalty: f64, gradient: &mut [Triple]) -> f64 {
    let share = 1.0 / rows.len().max(1) as f64;
    let mut loss = 0.0;
    for (gradient, weight) in gradient.iter_mut().zip(weights) {
        for (gradient, weight) in gradient.iter_mut().zip(weight) {
            *gradient = penalty * weight;
            loss += 0.5 * penalty * weight * weight;
        }
    }
    let bias = weights.len().saturating_sub(1);
    for row in rows {
        let mut error = softmax(scores(weights, &row.features));
        if let Some(probability) = error.get_mut(row.class) {
            loss -= share * ln(*probability);
            *probability -= 1.0;
        }
        let error = error.map(|error| error * share);
        for (feature, value) in row.features.iter().copied().chain([(bias as u32, 1.0)]) {
            if let Some(gradient) = gradient.get_mut(feature as usize) {
                for (gradient, error) in gradient.iter_mut().zip(error) {
                    *gradient += value * error;
                }
            }
        }
    }
    loss
}

/// A step taken, and how the gradient changed over it.
struct Step {
    moved: Vec<Triple>,
    turned: Vec<Triple>,
    curvature: f64,
}

impl Step {
    fn new(at: &[Triple], next: &[Triple], gradient: &[Triple], next_gradient: &[Triple]) -> Self {
        let (moved, turned) = (minus(next, at), minus(next_gradient, gradient));
        let curvature = dot(&moved, &turned);
        Self { moved, turned, curvature }
    }
}

/// Where to go: the gradient, bent by what the last steps told of the curvature.
fn descent(gradient: &[Triple], history: &VecDeque<Step>) -> Vec<Triple> {
    let mut direction: Vec<Triple> = gradient.iter().map(|triple| triple.map(|x| -x)).collect();
    let mut used = Vec::new();
    for step in history.iter().rev().filter(|step| step.curvature > 1e-12) {
        let share = dot(&step.moved, &direction) / step.curvature;
        add(&mut direction, &step.turned, -share);
        used.push((step, share));
    }
    if let Some((newest, _)) = used.first() {
        let scale = newest.curvature / dot(&newest.turned, &newest.turned);
        direction.iter_mut().flatten().for_each(|x| *x *= scale);
    }
    for (step, share) in used.into_iter().rev() {
        let back = dot(&step.turned, &direction) / step.curvature;
        add(&mut direction, &step.moved, share - back);
    }
    direction
}

fn dot(a: &[Triple], b: &[Triple]) -> f64 {
    a.iter().zip(b).map(|([a, b, c], [x, y, z])| a * x + b * y + c * z).sum()
}

fn minus(a: &[Triple], b: &[Triple]) -> Vec<Triple> {
    a.iter().zip(b).map(|([a, b, c], [x, y, z])| [a - x, b - y, c - z]).collect()
}

fn add(to: &mut [Triple], what: &[Triple], times: f64) {
    for (to, what) in to.iter_mut().flatten().zip(what.iter().flatten()) {
        *to += times * what;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separates_what_can_be_separated() {
        let rows: Vec<Row> = (0..60_u32).map(|n| Row { features: vec![(n % 3, 1.0), (3 + n % 7, 0.5)], class: (n % 3) as usize }).collect();
        let weights = fit(&rows, 10, Effort { penalty: 1e-3, iterations: 50 });
        for row in &rows {
            let probabilities = softmax(scores(&weights, &row.features));
            assert!(probabilities[row.class] > 0.9, "{probabilities:?}");
        }
    }
}
