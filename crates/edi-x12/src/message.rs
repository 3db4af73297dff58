//! Transactions as messages: orders, acknowledgements of what we sent, and all other documents as text.

use jiff::tz::TimeZone;
use loket_core::message::{Address, AddressKind, Automatic, Body, Identity, Message, Party, SentAt};
use loket_core::order::{Order, OrderKind, OrderParty, buyer_address};
use loket_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::envelope::{self, Group, Interchange, gs};
use crate::fault::{Fault, FaultKind};
use crate::limits::MAX_BODY;
use crate::order;
use crate::syntax::{Segment, Segments};
use crate::value;
use crate::walk::{Finding, InterchangeAck, Transaction};

/// So many transactions of an acknowledgement are listed.
const MAX_ACKNOWLEDGED: usize = 10_000;

/// The message of a transaction, and what was odd about it.
pub(crate) fn read(bytes: &[u8], transaction: &Transaction) -> Result<(Message, Vec<Finding>), Fault> {
    if order::is_order(&transaction.kind) {
        let read = order::read(bytes, transaction)?;
        return Ok((order_message(transaction, read.order), read.findings));
    }
    document(bytes, transaction)
}

fn order_message(transaction: &Transaction, order: Order) -> Message {
    let number = order.po_number.as_deref().unwrap_or_default();
    let what = match order.kind {
        OrderKind::New => "Order",
        OrderKind::Change => "Order change",
        OrderKind::Cancel => "Order cancellation",
    };
    let mut message = envelope_message(&transaction.interchange, transaction.group.as_deref(), Some(transaction));
    message.subject = Some(format!("{what} {number}"));
    if let Some(buyer) = order.buyer.as_ref() {
        let sender = sender(&transaction.interchange, transaction.group.as_deref());
        message.from = Some(party_of(buyer, buyer_address(buyer, sender, order::is_global)));
    }
    if let Some((seller, id)) = order.seller.as_ref().and_then(|seller| Some((seller, seller.id.clone()?))) {
        message.to = vec![party_of(seller, Some(id))];
    }
    message.automatic = Automatic::Generated;
    message.order = Some(Box::new(order));
    message
}

/// The interchange's sender.
fn sender<'a>(interchange: &'a Interchange, group: Option<&'a Group>) -> &'a str {
    Some(interchange.isa(6)).filter(|id| !id.is_empty()).unwrap_or(gs(group, 2))
}

/// A party of an order as a message has it.
fn party_of(party: &OrderParty, address: Option<String>) -> Party {
    let further = party.other_ids.iter().filter(|id| matches!(id.scheme.as_str(), "gln" | "duns"));
    let mut also: Vec<Address> = further.map(|id| Address { kind: AddressKind::Edi, value: id.id.clone() }).collect();
    also.extend(party.email.clone().filter(|email| email.contains('@')).map(Address::mail));
    also.extend(party.phone.clone().map(|value| Address { kind: AddressKind::Phone, value }));
    let address = address.map(|value| Address { kind: AddressKind::Edi, value });
    Party { name: party.name.clone(), address, also, company: None }
}

/// What every message has of its envelope.
fn envelope_message(interchange: &Interchange, group: Option<&Group>, transaction: Option<&Transaction>) -> Message {
    let partner = |id: &str| {
        let address = (!id.is_empty()).then(|| Address { kind: AddressKind::Edi, value: id.to_owned() });
        address.map(|address| Party { address: Some(address), ..Party::default() })
    };
    let receiver = Some(interchange.isa(8)).filter(|id| !id.is_empty()).unwrap_or(gs(group, 3));
    let control = transaction.map_or("", |transaction| transaction.control.as_str());
    let parts = [5, 6, 7, 8, 13].map(|number| interchange.isa(number)).into_iter().chain([gs(group, 6), control]);
    let identity = (!interchange.isa(13).is_empty())
        .then(|| Identity { kind: "x12".into(), value: parts.collect::<Vec<_>>().join("/").trim_end_matches('/').to_owned() });
    let mut edi = envelope::describe(interchange, group);
    if let Some(transaction) = transaction {
        edi.insert("type".into(), json!(transaction.kind));
        edi.insert("transaction".into(), json!(transaction.control));
        if !transaction.convention.is_empty() {
            edi.insert("convention".into(), json!(transaction.convention));
        }
    }
    let (day, time) = envelope::sent(interchange, group);
    let sent_at = value::date_time(day, time)
        .and_then(|at| at.to_zoned(TimeZone::UTC).ok())
        .map(|at| SentAt { at: Timestamp::from_micros(at.timestamp().as_microsecond()), offset: 0 });
    Message {
        identity,
        from: partner(sender(interchange, group)),
        to: partner(receiver).into_iter().collect(),
        sent_at,
        extra: Map::from_iter([("edi".to_owned(), Value::Object(edi))]),
        ..Message::default()
    }
}

/// A document that is not an order.
fn document(bytes: &[u8], transaction: &Transaction) -> Result<(Message, Vec<Finding>), Fault> {
    let is_ack = matches!(transaction.kind.as_str(), "997" | "999");
    let mut message = envelope_message(&transaction.interchange, transaction.group.as_deref(), Some(transaction));
    let bytes = bytes.get(..transaction.range.end).unwrap_or(bytes);
    let mut text = String::new();
    let mut number = None;
    let mut ack = Acknowledged::default();
    let mut last = None;
    for segment in Segments::new(bytes, transaction.range.start, transaction.interchange.syntax()) {
        if text.len() < MAX_BODY {
            let line = segment.rest(0);
            let room = MAX_BODY - text.len();
            text.extend(line.chars().take(room));
            text.push('\n');
        }
        number = number.or_else(|| own_number(&segment));
        ack.take(&segment);
        last = Some(segment);
    }
    if let (Some(by), Some(last)) = (&transaction.cut_off_by, &last) {
        let what = format!("transaction {} is cut off, {by} follows", transaction.control);
        return Err(Fault::segment(FaultKind::NoTrailer, what, transaction.segments, last));
    }
    let mut findings = Vec::new();
    if is_ack {
        message.automatic = Automatic::Reply;
        message.subject = Some(format!("{} for group {} {}", transaction.kind, ack.functional, ack.group));
        add_to_edi(&mut message, "acknowledges", ack.into_json());
    } else {
        message.automatic = Automatic::Generated;
        message.subject = Some(format!("{} {}", transaction.kind, number.as_deref().unwrap_or(&transaction.control)));
        findings
            .push(Finding::new("", format!("documents of type {} are not read into fields: its text is its segments", transaction.kind)));
    }
    if text.len() >= MAX_BODY {
        findings.push(Finding::new("", format!("its text was cut off after {MAX_BODY} characters")));
    }
    let text = text.trim_end().to_owned();
    message.body = Body { new_text: text.clone(), full_text: text, html: None, language: None };
    Ok((message, findings))
}

fn add_to_edi(message: &mut Message, name: &str, value: Value) {
    if let Some(Value::Object(edi)) = message.extra.get_mut("edi") {
        edi.insert(name.to_owned(), value);
    }
}

/// The number that a document's sender gave it.
fn own_number(segment: &Segment<'_>) -> Option<String> {
    match segment.tag() {
        b"BIG" | b"BSN" | b"BGN" | b"BIA" | b"B2A" => segment.code(2),
        b"BAK" | b"BCA" | b"BSR" | b"BFR" => segment.code(3),
        _ => None,
    }
}

/// What an acknowledgement says of what we sent.
#[derive(Default)]
struct Acknowledged {
    functional: String,
    group: String,
    status: String,
    transactions: Vec<Value>,
    open: Option<(String, String)>,
}

impl Acknowledged {
    fn take(&mut self, segment: &Segment<'_>) {
        match segment.tag() {
            b"AK1" => (self.functional, self.group) = (segment.code_or_empty(1), segment.code_or_empty(2)),
            b"AK2" => self.open = Some((segment.code_or_empty(1), segment.code_or_empty(2))),
            b"AK5" | b"IK5" => {
                if let Some((kind, number)) = self.open.take().filter(|_| self.transactions.len() < MAX_ACKNOWLEDGED) {
                    self.transactions.push(json!({ "type": kind, "transaction": number, "status": segment.code_or_empty(1) }));
                }
            }
            b"AK9" => self.status = segment.code_or_empty(1),
            _ => {}
        }
    }

    fn into_json(self) -> Value {
        json!({ "functional": self.functional, "group": self.group, "status": self.status, "transactions": self.transactions })
    }
}

/// The message of a TA1.
pub(crate) fn interchange_ack(interchange: &Interchange, ack: &InterchangeAck) -> Message {
    let element = |index: usize| ack.elements.get(index).map_or("", String::as_str);
    let mut message = envelope_message(interchange, None, None);
    message.automatic = Automatic::Reply;
    message.subject = Some(format!("TA1 for interchange {}", element(0)));
    let text = format!("TA1*{}", ack.elements.join("*"));
    message.body = Body { new_text: text.clone(), full_text: text, html: None, language: None };
    add_to_edi(&mut message, "type", json!("TA1"));
    add_to_edi(&mut message, "acknowledges", json!({ "interchange": element(0), "status": element(3), "note": element(4) }));
    message
}
