//! A draft into the message that all channels share.

use loket_core::message::{Address, AddressKind, Automatic, Body, Identity, Message, Party};
use loket_core::order::{self, OrderKind, OrderParty};
use serde_json::Value as Json;

use crate::dialect::Draft;

/// So much of a number goes into a subject.
const MAX_NUMBER: usize = 100;

/// The message of a draft; `warnings` are those of the document that it stands in.
pub(crate) fn message(draft: Draft, warnings: &[String]) -> Message {
    let subject = match &draft.order {
        Some(order) => {
            let what = match order.kind {
                OrderKind::New => "Order",
                OrderKind::Change => "Order change",
                OrderKind::Cancel => "Order cancellation",
            };
            let number: String = order.po_number.as_deref().unwrap_or_default().chars().take(MAX_NUMBER).collect();
            format!("{what} {number}")
        }
        None => draft.subject.unwrap_or_else(|| draft.document.clone()),
    };
    let known = |field: &str| draft.edi.get(field).and_then(known_by_number);
    let sender = draft.edi.get("sender").and_then(|sender| sender.get("id")?.as_str()).unwrap_or_default();
    let (buyer, seller) = match &draft.order {
        Some(order) => (order.buyer.as_ref(), order.seller.as_ref()),
        None => (None, None),
    };
    let mut all = warnings.to_vec();
    let from = buyer.map(|buyer| party(buyer, order::buyer_address(buyer, sender, order::is_global))).or_else(|| known("sender"));
    let to = seller.map(|seller| party(seller, seller.id.clone())).or_else(|| known("receiver"));
    all.extend(draft.notes.finish());
    let mut message = Message {
        identity: draft.identity.map(|value| Identity { kind: draft.syntax.into(), value }),
        from,
        to: to.into_iter().collect(),
        sent_at: draft.sent_at,
        subject: Some(subject),
        body: Body { new_text: draft.text.clone(), full_text: draft.text, html: None, language: None },
        automatic: if draft.is_answer { Automatic::Reply } else { Automatic::Generated },
        order: draft.order.map(Box::new),
        warnings: all,
        ..Message::default()
    };
    message.extra.insert("edi".into(), Json::Object(draft.edi));
    message
}

/// A company of an order as somebody who writes and is written to.
fn party(party: &OrderParty, address: Option<String>) -> Party {
    let edi = |id: &String| Address { kind: AddressKind::Edi, value: id.clone() };
    let mut also: Vec<Address> = Vec::new();
    let others = party.other_ids.iter().filter(|other| order::is_global(&other.scheme)).map(|other| edi(&other.id));
    let mail = party.email.iter().map(Address::mail);
    let phone = party.phone.iter().map(|phone| Address { kind: AddressKind::Phone, value: phone.clone() });
    for address in others.chain(mail).chain(phone) {
        if !also.contains(&address) {
            also.push(address);
        }
    }
    let address = match (party.scheme.as_deref(), &party.id) {
        (Some("email"), Some(id)) if id.contains('@') => Some(Address::mail(id)),
        _ => address.as_ref().map(edi),
    };
    also.retain(|other| Some(other) != address.as_ref());
    Party { name: party.name.clone(), address, also, company: None }
}

/// Somebody of whom only a number is known.
fn known_by_number(fields: &Json) -> Option<Party> {
    let id = fields.get("id")?.as_str()?;
    Some(Party { address: Some(Address { kind: AddressKind::Edi, value: id.to_owned() }), ..Party::default() })
}
