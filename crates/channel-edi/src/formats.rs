//! The writers of the three syntaxes behind one face. The reader that knows the bytes says which one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use loket_core::delivery::Delivery;
use loket_core::message::Message;
use loket_core::order::Decision;
use loket_core::reader::{Part, Reader};
use serde_json::Value;
use uuid::Uuid;

use crate::config::{AckKind, Acknowledge, EdiConfig, Format};
use crate::partner;

/// Control numbers of interchanges have nine digits; after the last one comes the first again.
const NUMBERS: u64 = 999_999_999;

/// Something written for a partner.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: &'static str,
    /// The ending of its file's name.
    pub(crate) ending: &'static str,
}

impl Made {
    fn x12(bytes: Vec<u8>) -> Self {
        Self { bytes, media_type: "application/edi-x12", ending: "x12" }
    }

    fn edifact(bytes: Vec<u8>) -> Self {
        Self { bytes, media_type: "application/edifact", ending: "edi" }
    }

    fn xml(bytes: Vec<u8>) -> Self {
        Self { bytes, media_type: "application/xml", ending: "xml" }
    }

    /// How many control numbers it takes: one for each interchange in it.
    pub(crate) fn numbers(&self) -> usize {
        let delivery = Delivery::standalone("edi", "answer", self.media_type, self.bytes.clone());
        let parts = match self.ending {
            "x12" => loket_edi_x12::X12Reader.parts(&delivery),
            "edi" => loket_edi_edifact::EdifactReader.parts(&delivery),
            _ => return 1,
        };
        let Ok(parts) = parts else { return 1 };
        let numbers: BTreeSet<String> = parts
            .filter_map(|part| match part {
                Part::Message(message) => Some(message.extra.get("edi")?.get("interchange")?.to_string()),
                Part::Aside(_) => None,
            })
            .collect();
        numbers.len().max(1)
    }
}

/// The acknowledgement of an interchange, if one is due. Long ones take their time.
pub(crate) fn acknowledge(config: &EdiConfig, delivery: &Delivery, number: u64) -> Result<Option<Made>, String> {
    let bytes = &delivery.payload;
    let force = config.acknowledge == Acknowledge::Always;
    match partner::recognized(bytes) {
        Some((_, Some(Format::X12))) => {
            let options = loket_edi_x12::AckOptions {
                control_number: nine_digits(number),
                now: config.now(),
                kind: match config.ack_kind {
                    AckKind::Auto => loket_edi_x12::AckKind::Auto,
                    AckKind::Functional => loket_edi_x12::AckKind::Functional,
                    AckKind::Implementation => loket_edi_x12::AckKind::Implementation,
                    AckKind::Interchange => loket_edi_x12::AckKind::Interchange,
                },
                force,
            };
            Ok(loket_edi_x12::acknowledge(bytes, &options)?.map(Made::x12))
        }
        Some((_, Some(Format::Edifact))) => {
            let options = loket_edi_edifact::AckOptions {
                control: nine_digits(number).into(),
                now: config.now(),
                force,
                kind: loket_edi_edifact::AckKind::Messages,
            };
            Ok(loket_edi_edifact::acknowledge(bytes, &options)?.map(Made::edifact))
        }
        Some((_, _)) => {
            let options = loket_edi_xml::AckOptions { payload_id: payload_id(), now: now_utc() };
            Ok(loket_edi_xml::acknowledge(bytes, &options)?.map(Made::xml))
        }
        None => Ok(None),
    }
}

/// Why the buyer of an order is not answered, if so.
pub(crate) fn unwanted(message: &Message) -> Option<&'static str> {
    let edifact = message.extra.get("edi").and_then(|edi| edi.get("syntax")).and_then(Value::as_str) == Some("edifact");
    (edifact && !loket_edi_edifact::response_wanted(message)).then_some("the buyer wants no answer to this order (BGM 4343 = NA)")
}

/// The answer to an order as it was filed.
pub(crate) fn order_response(config: &EdiConfig, message: &Message, decision: &Decision, number: u64) -> Result<Made, String> {
    let syntax = message.extra.get("edi").and_then(|edi| edi.get("syntax")).and_then(Value::as_str);
    match syntax.and_then(|syntax| Format::by_name(&syntax.to_ascii_lowercase())) {
        None => Err("the order did not come by EDI: there is no format to answer it in".into()),
        Some(Format::X12) => {
            let options = loket_edi_x12::ResponseOptions { control_number: nine_digits(number), now: config.now() };
            loket_edi_x12::order_response(message, decision, &options).map(Made::x12)
        }
        Some(Format::Edifact) => {
            let (control, now) = (nine_digits(number).into(), config.now());
            let options = loket_edi_edifact::ResponseOptions { control, now, number: None, association: None };
            loket_edi_edifact::order_response(message, decision, &options).map(Made::edifact)
        }
        Some(format) => {
            let id = if format == Format::Cxml { payload_id() } else { number.to_string() };
            let options = loket_edi_xml::ResponseOptions { id, now: now_utc(), credential: None, only_received: false };
            loket_edi_xml::order_response(message, decision, &options).map(Made::xml)
        }
    }
}

impl EdiConfig {
    /// Now, as the partner's clocks show it.
    fn now(&self) -> jiff::civil::DateTime {
        Timestamp::now().to_zoned(self.timezone.clone()).datetime()
    }
}

fn now_utc() -> jiff::civil::DateTime {
    Timestamp::now().to_zoned(TimeZone::UTC).datetime()
}

fn nine_digits(number: u64) -> u32 {
    u32::try_from((number.max(1) - 1) % NUMBERS + 1).unwrap_or(1)
}

/// An id that a cXML document has alone.
fn payload_id() -> String {
    format!("{}@loket", Uuid::now_v7())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_numbers_begin_anew_after_the_last() {
        assert_eq!([0, 1, 999_999_999, 1_000_000_000, u64::MAX].map(nine_digits), [1, 1, 999_999_999, 1, nine_digits(u64::MAX)]);
        assert!((1..=999_999_999).contains(&nine_digits(u64::MAX)));
    }
}
