//! A message as everything behind the readers knows it, from what was read and what stood around it.

use loket_core::message::{Address, AddressKind, Automatic, Body, Identity, Message, Party};
use loket_core::order::{self, Order, OrderKind, OrderParty};
use serde_json::{Map, Value, json};

use crate::envelope::{Around, Header, Station};
use crate::fault::{Fault, code};
use crate::notes::Notes;
use crate::order::Draft;
use crate::syntax::{Segment, StartKind};

/// Of a message that is not read, so much is shown as text.
const MAX_TEXT: usize = 64 * 1024;

/// What is made of a message, by its type.
pub(crate) enum Content {
    Order(Box<Draft>),
    Other(Text),
    /// Its type is not named.
    Unnamed,
}

/// What was made of it.
pub(crate) enum Read {
    Order(Box<Order>, Notes),
    Other(Text),
}

impl Content {
    pub(crate) fn of(header: &Header) -> Self {
        match header.message_type.as_str() {
            "ORDERS" => Self::Order(Box::new(Draft::new(false))),
            "ORDCHG" => Self::Order(Box::new(Draft::new(true))),
            "" => Self::Unnamed,
            _ => Self::Other(Text::default()),
        }
    }

    /// Takes the next segment.
    pub(crate) fn take(&mut self, number: u32, segment: Segment<'_>) {
        match self {
            Self::Order(draft) => draft.take(number, segment),
            Self::Other(text) => text.add(segment),
            Self::Unnamed => {}
        }
    }

    /// Whether nothing that matters can be missing.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Order(draft) if draft.is_whole())
    }

    /// What it has come to. `offset`: where the message starts.
    pub(crate) fn finish(self, offset: usize) -> Result<Read, Fault> {
        match self {
            Self::Order(draft) => draft.finish(offset).map(|(order, notes)| Read::Order(Box::new(order), notes)),
            Self::Other(text) => Ok(Read::Other(text)),
            Self::Unnamed => Err(Fault {
                what: "it does not say what type of message it is".into(),
                segment: Some(1),
                tag: "UNH".into(),
                element: "S009.0065",
                position: Some((3, 1)),
                offset,
                code: code::MISSING,
            }),
        }
    }
}

/// Segments as readable text, one a line, up to a limit.
#[derive(Debug, Default)]
pub(crate) struct Text {
    text: String,
    number: Option<String>,
    left_out: usize,
}

impl Text {
    pub(crate) fn add(&mut self, segment: Segment<'_>) {
        if segment.tag == *b"BGM" && self.number.is_none() {
            self.number = segment.value(2, 0);
        }
        if segment.tag == *b"UCI" && self.number.is_none() {
            self.number = segment.value(1, 0);
        }
        let line = if self.left_out == 0 { segment.to_text() } else { String::new() };
        if self.left_out > 0 || self.text.len() + line.len() > MAX_TEXT {
            self.left_out += 1;
            return;
        }
        self.text.push_str(&line);
        self.text.push('\n');
    }
}

/// Makes the message.
pub(crate) fn make(around: &Around, read: Read, mut notes: Notes) -> Message {
    let interchange = &around.interchange;
    let message_type = &around.header.message_type;
    let mut message = Message {
        identity: identity(around),
        sent_at: interchange.sent_at,
        automatic: Automatic::Generated,
        from: station(&interchange.sender),
        to: station(&interchange.receiver).into_iter().collect(),
        ..Message::default()
    };
    let mut edi = described(around);
    match read {
        Read::Order(mut order, found) => {
            notes.extend(found.into_list());
            order.test = interchange.test;
            if let Some(buyer) = &order.buyer {
                message.from = Some(party(buyer, order::buyer_address(buyer, &interchange.sender.id, order::is_global)));
            }
            if let Some(seller) = &order.seller {
                message.to = vec![party(seller, seller.id.clone())];
            }
            let number = order.po_number.as_deref().unwrap_or_default();
            let what = match order.kind {
                OrderKind::New => "Order",
                OrderKind::Change => "Order change",
                OrderKind::Cancel => "Order cancellation",
            };
            message.subject = Some(format!("{what} {number}"));
            for (name, key) in [("document", "BGM 1001"), ("function", "BGM 1225"), ("response", "BGM 4343")] {
                if let Some(value) = order.extra.get(key) {
                    edi.insert(name.into(), value.clone());
                }
            }
            message.order = Some(order);
        }
        Read::Other(text) => {
            if message_type == "CONTRL" {
                message.automatic = Automatic::Reply;
            } else if interchange.kind != StartKind::Interactive {
                notes.add(format!("messages of the type {message_type} are not read"));
            }
            if text.left_out > 0 {
                notes.add(format!("only its beginning is shown: {} more segments", text.left_out));
            }
            let kind = if message_type.is_empty() { "EDIFACT" } else { message_type };
            let number = text.number.as_deref().unwrap_or(&around.header.reference);
            message.subject = Some(format!("{kind} {number}").trim_end().to_owned());
            message.body = Body { new_text: text.text.clone(), full_text: text.text, ..Body::default() };
        }
    }
    message.extra.insert("edi".into(), Value::Object(edi));
    message.warnings = notes.into_list();
    message
}

/// Sender, receiver, interchange, group, message: what the sender's side numbers it by.
fn identity(around: &Around) -> Option<Identity> {
    let interchange = &around.interchange;
    if interchange.reference.is_empty() {
        return None;
    }
    let group = around.group.as_ref().map_or("", |group| &group.reference);
    let (sender, receiver) = (&interchange.sender, &interchange.receiver);
    let parts = [&sender.id, &sender.qualifier, &receiver.id, &interchange.reference, group, &around.header.reference];
    Some(Identity { kind: "edifact".into(), value: parts.join("/") })
}

fn station(station: &Station) -> Option<Party> {
    let address = edi(&station.id)?;
    Some(Party { address: Some(address), ..Party::default() })
}

fn edi(id: &str) -> Option<Address> {
    (!id.is_empty()).then(|| Address { kind: AddressKind::Edi, value: id.into() })
}

/// A party of the order as one that writes messages.
fn party(party: &OrderParty, address: Option<String>) -> Party {
    let address = address.as_deref().and_then(edi);
    let further = party.other_ids.iter().filter(|other| order::is_global(&other.scheme));
    let mut also: Vec<Address> = further.filter_map(|other| edi(&other.id)).filter(|other| Some(other) != address.as_ref()).collect();
    also.extend(party.email.as_deref().filter(|mail| mail.contains('@')).map(Address::mail));
    also.extend(party.phone.clone().map(|value| Address { kind: AddressKind::Phone, value }));
    Party { name: party.name.clone(), address, also, company: None }
}

/// What is kept of the envelope, for people and for answers.
fn described(around: &Around) -> Map<String, Value> {
    let (interchange, header) = (&around.interchange, &around.header);
    let at = |station: &Station| {
        let mut map = Map::new();
        for (name, value) in [("id", &station.id), ("qualifier", &station.qualifier), ("routing", &station.routing)] {
            put(&mut map, name, value);
        }
        Value::Object(map)
    };
    let mut edi = Map::new();
    edi.insert("syntax".into(), json!("edifact"));
    edi.insert("sender".into(), at(&interchange.sender));
    edi.insert("receiver".into(), at(&interchange.receiver));
    for (name, value) in [
        ("charset", &interchange.syntax),
        ("syntax_version", &interchange.syntax_version),
        ("type", &header.message_type),
        ("version", &header.directory()),
        ("agency", &header.agency),
        ("association", &header.association),
        ("interchange", &interchange.reference),
        ("transaction", &header.reference),
        ("date", &interchange.date),
        ("application", &interchange.application),
        ("agreement", &interchange.agreement),
    ] {
        put(&mut edi, name, value);
    }
    if let Some(group) = &around.group {
        put(&mut edi, "group", &group.reference);
        edi.insert("group_sender".into(), at(&group.sender));
        edi.insert("group_receiver".into(), at(&group.receiver));
    }
    edi.insert("test".into(), json!(interchange.test));
    edi.insert("ack_requested".into(), json!(matches!(interchange.ack_request.as_str(), "1" | "2")));
    edi
}

fn put(map: &mut Map<String, Value>, name: &str, value: &str) {
    if !value.is_empty() {
        map.insert(name.into(), value.into());
    }
}
