//! The pure part of the pipeline: a delivery becomes messages with a verdict and a fingerprint.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use crate::classify::Classifier;
use crate::message::Message;
use crate::reader::{Readers, Unreadable};
use crate::same::Fingerprint;
use crate::store::{Claimed, ReadMessage, Reading};

/// Nesting that is kept of what a message carries beside its text. JSON that is nested deeper than 128 cannot be read again.
const DEPTH: usize = 64;

/// Reads and judges one delivery. A panic on the way is its own delivery's fault and no one else's.
pub fn read_one(claimed: &Claimed, readers: &Readers, classifier: &Classifier) -> Result<Reading, Unreadable> {
    // Everything in there is pure: whatever it leaves behind when it panics is dropped with the unwinding.
    catch_unwind(AssertUnwindSafe(|| read(claimed, readers, classifier)))
        .unwrap_or_else(|panic| Err(Unreadable(format!("the reader panicked: {}", panic_message(&*panic)))))
}

fn read(claimed: &Claimed, readers: &Readers, classifier: &Classifier) -> Result<Reading, Unreadable> {
    let delivery = &claimed.delivery;
    let (messages, reader) = readers.read(delivery)?;
    Ok(Reading {
        delivery: delivery.id,
        tenant: delivery.tenant.clone(),
        channel: delivery.channel.clone(),
        received_at: delivery.received_at,
        payload_hash: claimed.payload_hash,
        messages: messages.into_iter().map(|message| judge(message, reader, classifier)).collect(),
    })
}

fn judge(mut message: Message, reader: &str, classifier: &Classifier) -> ReadMessage {
    message.extra.values_mut().for_each(|value| flatten(value, DEPTH));
    let verdict = classifier.judge(message.subject.as_deref(), &message.body.new_text);
    if message.body.language.is_none() {
        message.body.language.clone_from(&verdict.language);
    }
    let fingerprint = Fingerprint::of(&message);
    ReadMessage { message, reader: reader.into(), verdict, fingerprint }
}

/// What is nested deeper becomes its JSON text.
fn flatten(value: &mut Value, depth: usize) {
    if depth == 0 && (value.is_array() || value.is_object()) {
        *value = Value::String(value.to_string());
        return;
    }
    match value {
        Value::Array(list) => list.iter_mut().for_each(|inner| flatten(inner, depth - 1)),
        Value::Object(fields) => fields.values_mut().for_each(|inner| flatten(inner, depth - 1)),
        _ => {}
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::delivery::Delivery;
    use crate::reader::{Reader, Recognition};

    struct Deep;

    impl Reader for Deep {
        fn name(&self) -> &'static str {
            "deep/1"
        }

        fn media_types(&self) -> &'static [&'static str] {
            &["text/deep"]
        }

        fn recognizes(&self, _: &[u8]) -> Recognition {
            Recognition::No
        }

        fn read(&self, delivery: &Delivery) -> Result<Vec<Message>, Unreadable> {
            let depth: usize = std::str::from_utf8(&delivery.payload).unwrap().parse().unwrap();
            let mut message = Message::default();
            message.extra.insert("form".into(), (0..depth).fold(json!("bodem"), |inner, _| json!({ "a": [inner] })));
            Ok(vec![message])
        }

        fn attachment(&self, _: &Delivery, _: usize, _: &str) -> Option<Bytes> {
            None
        }
    }

    fn read_deep(payload: &str) -> Result<Reading, Unreadable> {
        let delivery = Delivery::standalone("form.a", "k", "text/deep", payload.as_bytes().to_vec());
        let claimed = Claimed { delivery, attempts: 1, payload_hash: [0; 32] };
        read_one(&claimed, &Readers::new(vec![Box::new(Deep)]), &Classifier::builtin().unwrap())
    }

    #[test]
    fn what_is_nested_too_deep_can_be_read_again() {
        for depth in ["1", "30", "33", "61", "2000"] {
            let message = read_deep(depth).unwrap().messages.remove(0).message;
            let text = serde_json::to_string(&json!({ "message": message })).unwrap();
            let again: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(again["message"]["extra"], json!(message.extra));
            assert!(text.contains("bodem"));
        }
    }

    #[test]
    fn a_panic_is_a_reason() {
        assert!(read_deep("none").unwrap_err().0.starts_with("the reader panicked: called"));
    }
}
