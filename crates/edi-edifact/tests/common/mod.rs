//! What the suites share.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::PathBuf;

use loket_core::delivery::Delivery;
use loket_core::message::Message;
use loket_core::reader::{Part, Reader, SetAside};
use loket_edi_edifact::EdifactReader;
use serde_json::Value;

/// Where the fixtures are.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A fixture's bytes.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

/// A delivery of these bytes.
pub(crate) fn delivery(bytes: &[u8]) -> Delivery {
    Delivery::standalone("edi.test", "key", "application/edifact", bytes.to_vec())
}

/// The messages in these bytes, and what is set aside.
pub(crate) fn opened(bytes: &[u8]) -> (Vec<Message>, Vec<SetAside>) {
    let (mut messages, mut aside) = (Vec::new(), Vec::new());
    let Ok(parts) = EdifactReader.parts(&delivery(bytes)) else { return (messages, aside) };
    for part in parts {
        match part {
            Part::Message(message) => messages.push(*message),
            Part::Aside(one) => aside.push(one),
        }
    }
    (messages, aside)
}

/// Without nulls and without what is empty.
pub(crate) fn pruned(value: Value) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, pruned(value))).filter(|(_, value)| !is_empty(value)).collect(),
        Value::Array(list) => list.into_iter().map(pruned).collect(),
        other => other,
    }
}
