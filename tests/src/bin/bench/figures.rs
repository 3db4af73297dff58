//! A figure, and how it is shown.

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// One figure beside what it is measured against.
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: String,
    /// What the bare thing reaches, in the same unit.
    pub against: Option<f64>,
}

impl Figure {
    /// A figure.
    pub fn new(name: impl Into<String>, value: f64, unit: &str, against: Option<f64>) -> Self {
        Self { name: name.into(), value, unit: unit.into(), against }
    }

    fn ratio(&self) -> Option<f64> {
        self.against.filter(|against| *against > 0.0).map(|against| self.value / against)
    }

    /// As a JSON line has it.
    pub fn json(&self) -> Value {
        let round = |number: f64| (number * 1e3).round() / 1e3;
        json!({
            "name": self.name, "value": round(self.value), "unit": self.unit,
            "against": self.against.map(round), "ratio": self.ratio().map(round),
        })
    }

    /// From a JSON line.
    pub fn read(line: &str) -> Result<Self> {
        let line: Value = serde_json::from_str(line)?;
        Ok(Self {
            name: line["name"].as_str().context("no name")?.into(),
            value: line["value"].as_f64().context("no value")?,
            unit: line["unit"].as_str().context("no unit")?.into(),
            against: line["against"].as_f64(),
        })
    }
}

/// All of them, for people.
pub fn table(figures: &[Figure]) {
    eprintln!("{:<36} {:>12} {:<10} {:>12} {:>8}", "figure", "value", "unit", "against", "ratio");
    for figure in figures {
        let shown = |number: Option<f64>, digits: usize| number.map_or("-".into(), |number| format!("{number:.digits$}"));
        eprintln!(
            "{:<36} {:>12.1} {:<10} {:>12} {:>8}",
            figure.name,
            figure.value,
            figure.unit,
            shown(figure.against, 1),
            shown(figure.ratio(), 2)
        );
    }
}
