//! What the order model has no field for, kept by the format's own names: `REF*DP`, `SAC`, `PO4`.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Names and values in the order in which they came; a name that comes again gets a list.
#[derive(Default)]
pub(super) struct Kept {
    entries: Vec<(String, Vec<Value>)>,
    /// Where a name stands, once there are many.
    places: HashMap<String, usize>,
}

/// So many names are looked through one by one.
const FEW: usize = 16;

impl Kept {
    /// Adds a value.
    pub(super) fn add(&mut self, name: String, value: Value) {
        let place = if self.entries.len() < FEW {
            self.entries.iter().position(|(other, _)| *other == name)
        } else {
            if self.places.is_empty() {
                self.places = self.entries.iter().enumerate().map(|(place, (name, _))| (name.clone(), place)).collect();
            }
            self.places.get(&name).copied()
        };
        if let Some((_, values)) = place.and_then(|place| self.entries.get_mut(place)) {
            values.push(value);
            return;
        }
        if !self.places.is_empty() {
            self.places.insert(name.clone(), self.entries.len());
        }
        self.entries.push((name, vec![value]));
    }

    /// As JSON.
    pub(super) fn into_map(self) -> Map<String, Value> {
        let one = |mut values: Vec<Value>| match values.len() {
            1 => values.pop().unwrap_or_default(),
            _ => Value::Array(values),
        };
        self.entries.into_iter().map(|(name, values)| (name, one(values))).collect()
    }
}
