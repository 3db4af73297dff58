//! The pure part of the pipeline: a delivery becomes messages with a verdict and a fingerprint.

use std::iter::Peekable;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;

use super::Masters;
use crate::classify::{Class, Classifier, Verdict};
use crate::message::{Automatic, Message};
use crate::order::{self, MasterData};
use crate::outbound::{Answer, Answering, ByItself};
use crate::reader::{Part, Parts, Readers, Unreadable, nothing_in_it};
use crate::same::Fingerprint;
use crate::store::{Claimed, ReadMessage, Reading, Stretch};

/// Nesting that is kept of what a message carries beside its text. JSON that is nested deeper than 128 cannot be read again.
const DEPTH: usize = 64;

/// Reads and judges one delivery, all of it.
pub fn read_one(claimed: &Claimed, readers: &Readers, masters: &Masters, classifier: &Classifier) -> Result<Reading, Unreadable> {
    let mut opened = Opened::new(claimed.clone(), readers, masters).map_err(|failed| failed.1)?;
    let answering = Answering::default();
    let mut whole = opened.stretch(classifier, &answering)?;
    while whole.stretch.more {
        let next = opened.stretch(classifier, &answering)?;
        whole.messages.extend(next.messages);
        whole.asides.extend(next.asides);
        whole.stretch.more = next.stretch.more;
    }
    Ok(whole)
}

/// Messages filed in one transaction of a delivery that holds many.
const STRETCH: usize = 250;

/// A delivery whose messages are read as they are asked for.
pub struct Opened {
    claimed: Claimed,
    parts: Peekable<Parts>,
    master: Option<Arc<MasterData>>,
    reader: &'static str,
    next: u32,
}

impl Opened {
    /// Opens one delivery. A panic on the way is its own delivery's fault and no one else's.
    pub fn new(claimed: Claimed, readers: &Readers, masters: &Masters) -> Result<Self, Box<(Claimed, Unreadable)>> {
        // Everything in there is pure: whatever it leaves behind when it panics is dropped with the unwinding.
        let opened = caught(|| readers.parts(&claimed.delivery).map(|(parts, reader)| (parts.peekable(), reader)));
        match opened {
            Ok((parts, reader)) => {
                let master = masters.of(&claimed.delivery.tenant);
                Ok(Self { claimed, parts, master, reader, next: 0 })
            }
            Err(unreadable) => Err(Box::new((claimed, unreadable))),
        }
    }

    /// The delivery that it is.
    pub fn claimed(&self) -> &Claimed {
        &self.claimed
    }

    /// Reads and judges its next messages, not more than are filed in one transaction.
    pub fn stretch(&mut self, classifier: &Classifier, answering: &Answering) -> Result<Reading, Unreadable> {
        caught(|| self.read(classifier, answering))
    }

    fn read(&mut self, classifier: &Classifier, answering: &Answering) -> Result<Reading, Unreadable> {
        let delivery = &self.claimed.delivery;
        let first = self.next;
        let (mut messages, mut asides) = (Vec::new(), Vec::new());
        let recipients = delivery.envelope.get("rcpt_to");
        while messages.len() + asides.len() < STRETCH {
            match self.parts.next() {
                Some(Part::Message(mut message)) => {
                    if let (Some(order), Some(master)) = (message.order.as_deref_mut(), &self.master) {
                        order::check(order, master);
                    }
                    messages.push(judge(*message, recipients, self.reader, classifier));
                    self.next += 1;
                }
                Some(Part::Aside(aside)) => asides.push(aside),
                None => break,
            }
        }
        let more = self.parts.peek().is_some();
        // A part that was mended and is read alone was acknowledged with the whole.
        let part_of_another = delivery.envelope.contains_key("part_of");
        let whole = |answer: &Answer| answer.by_itself == ByItself::EdiAcknowledgement;
        let answer = answering.of(&delivery.channel).filter(|answer| !(part_of_another && whole(answer)));
        // What is the only thing in a delivery is no part of it: the delivery itself is set aside. Unless the partner is to be told.
        let told = answer.as_ref().is_some_and(whole);
        if first == 0 && !more && messages.is_empty() && (asides.is_empty() || (asides.len() == 1 && !told)) {
            return Err(Unreadable(asides.pop().map_or_else(|| nothing_in_it(self.reader), |aside| aside.reason)));
        }
        Ok(Reading {
            delivery: delivery.id,
            tenant: delivery.tenant.clone(),
            channel: delivery.channel.clone(),
            received_at: delivery.received_at,
            payload_hash: self.claimed.payload_hash,
            messages,
            asides,
            stretch: Stretch { first, more, again: self.claimed.attempts > 1 },
            answer,
        })
    }
}

fn caught<T>(read: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| Err(Unreadable(format!("the reader panicked: {}", panic_message(&*panic)))))
}

/// Under this confidence, what the classifier says of a letter does not count against the order attached to it.
const SURE: f64 = 0.8;

fn judge(mut message: Message, recipients: Option<&Value>, reader: &str, classifier: &Classifier) -> ReadMessage {
    message.extra.values_mut().for_each(|value| flatten(value, DEPTH));
    if let Some(Value::String(recipient)) = recipients {
        remember_recipient(&mut message, recipient);
    }
    let mut verdict = classifier.judge(message.subject.as_deref(), &message.body.new_text);
    match &message.order {
        // The whole delivery is an order by construction.
        Some(_) if !message.extra.contains_key("order_document") || message.automatic == Automatic::Generated => {
            verdict = Verdict::of_order(1.0, verdict.language);
        }
        Some(_) if verdict.class == Class::Order || verdict.confidence < SURE => verdict = Verdict::of_order(0.95, verdict.language),
        _ => {}
    }
    if message.body.language.is_none() {
        message.body.language.clone_from(&verdict.language);
    }
    let fingerprint = Fingerprint::of(&message);
    ReadMessage { message, reader: reader.into(), verdict, fingerprint }
}

/// The mailbox that a mail server delivered it to, beside those that the header tells of.
fn remember_recipient(message: &mut Message, recipient: &str) {
    let list = message.extra.entry("delivered_to").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list
        && !list.iter().any(|known| known.as_str() == Some(recipient))
    {
        list.push(recipient.into());
    }
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
    use crate::reader::{Reader, Recognition, SetAside};

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
        let mut opened = Opened::new(claimed, &Readers::new(vec![Box::new(Deep)]), &Masters::default()).map_err(|failed| failed.1)?;
        opened.stretch(&Classifier::builtin().unwrap(), &Answering::default())
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

    /// Finds one part, and cannot read it.
    struct Bad;

    impl Reader for Bad {
        fn name(&self) -> &'static str {
            "bad/1"
        }

        fn media_types(&self) -> &'static [&'static str] {
            &["text/bad"]
        }

        fn recognizes(&self, _: &[u8]) -> Recognition {
            Recognition::No
        }

        fn read(&self, _: &Delivery) -> Result<Vec<Message>, Unreadable> {
            Err(Unreadable("no message".into()))
        }

        fn parts(&self, delivery: &Delivery) -> Result<Parts, Unreadable> {
            let aside = SetAside { name: "1-0001".into(), payload: delivery.payload.clone(), reason: "no PO number".into() };
            Ok(Box::new(std::iter::once(Part::Aside(aside))))
        }

        fn attachment(&self, _: &Delivery, _: usize, _: &str) -> Option<Bytes> {
            None
        }
    }

    #[test]
    fn a_partner_is_told_of_an_interchange_with_nothing_good_in_it_once() {
        let answering = Answering::default();
        let read = |envelope: &[(&str, &str)]| {
            let mut delivery = Delivery::standalone("edi.a", "k", "text/bad", "ISA");
            delivery.envelope.extend(envelope.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
            let claimed = Claimed { delivery, attempts: 1, payload_hash: [0; 32] };
            let readers = Readers::new(vec![Box::new(Bad)]);
            let mut opened = Opened::new(claimed, &readers, &Masters::default()).map_err(|failed| failed.1)?;
            opened.stretch(&Classifier::builtin().unwrap(), &answering)
        };
        // Nobody is told: the delivery itself is set aside.
        assert_eq!(read(&[]).unwrap_err().0, "no PO number");
        let answer = Answer { sender: "edi.a".into(), by_itself: ByItself::EdiAcknowledgement, order_responses: true };
        answering.set([("edi.a".to_owned(), answer)].into());
        let told = read(&[]).unwrap();
        assert_eq!((told.messages.len(), told.asides.len(), told.answer.is_some()), (0, 1, true));
        // What was set aside then, and is read again by itself, was acknowledged with the whole.
        assert_eq!(read(&[("part_of", "0198")]).unwrap_err().0, "no PO number");
    }
}
