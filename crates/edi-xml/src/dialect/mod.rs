//! The vocabularies that orders are written in: which of them an element is, and a draft of a message from it.

mod cxml;
mod gs1;
mod oagis;
mod opentrans;
mod other;
mod ubl;

use loket_core::message::SentAt;
use loket_core::order::Order;
use serde_json::{Map, Value as Json};

use crate::envelope::Envelope;
use crate::fill::{Bad, Notes};
use crate::xml::Node;

/// A vocabulary, and whether its documents of this kind are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// UBL Order, OrderChange, OrderCancellation.
    Ubl,
    /// cXML, whatever it asks or answers.
    Cxml,
    /// openTRANS ORDER, ORDERCHANGE.
    OpenTrans,
    /// GS1 XML 3 order.
    Gs1,
    /// OAGIS purchase orders.
    Oagis,
    /// Another business document of this vocabulary, which is kept and not read.
    Other(&'static str),
}

/// So deep under the outermost element are documents looked for: envelopes, SOAP, lists of orders.
const DEEPEST: usize = 6;

/// The business documents in a tree, by the numbers of their elements, in order. Whether they are in a list or an envelope does not
/// matter.
pub(crate) fn find(root: Node<'_>) -> Vec<(u32, Kind)> {
    let mut found = Vec::new();
    look(root, DEEPEST, &mut found);
    found
}

fn look(node: Node<'_>, deepest: usize, found: &mut Vec<(u32, Kind)>) {
    if let Some(kind) = kind(node) {
        found.push((node.number(), kind));
    } else if deepest > 0 {
        node.children().for_each(|child| look(child, deepest - 1, found));
    }
}

/// Which vocabulary an element belongs to: by its name, and by what is in it where the name alone says little.
fn kind(node: Node<'_>) -> Option<Kind> {
    let has = |paths: &[&str]| paths.iter().any(|path| node.has(path));
    let kind = match node.name() {
        "cXML" | "OrderRequest" if has(&["Request", "Response", "Message", "OrderRequestHeader", "Header"]) => Kind::Cxml,
        "Order"
            if has(&["BuyerCustomerParty", "SellerSupplierParty", "OrderLine/LineItem"])
                || has(&["ID", "BuyersID"]) && has(&["IssueDate", "OrderLine"]) =>
        {
            Kind::Ubl
        }
        "OrderChange" | "OrderCancellation"
            if has(&["OrderReference", "BuyerCustomerParty", "SellerSupplierParty", "OrderLine/LineItem"]) =>
        {
            Kind::Ubl
        }
        "ORDER" if has(&["ORDER_HEADER", "ORDER_ITEM_LIST"]) => Kind::OpenTrans,
        "ORDERCHANGE" if has(&["ORDERCHANGE_HEADER", "ORDERCHANGE_ITEM_LIST"]) => Kind::OpenTrans,
        "order" if has(&["orderIdentification", "orderLineItem"]) => Kind::Gs1,
        "ProcessPurchaseOrder" | "ChangePurchaseOrder" | "CancelPurchaseOrder" | "SyncPurchaseOrder" | "AddPurchaseOrder"
            if node.has("DataArea") =>
        {
            Kind::Oagis
        }
        _ => Kind::Other(other::syntax(node)?),
    };
    Some(kind)
}

/// A message as a dialect found it.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// The vocabulary; also the kind of its identity.
    pub(crate) syntax: &'static str,
    /// The name of the document, e.g. `OrderChange`.
    pub(crate) document: String,
    /// Its order; none in documents that are not read.
    pub(crate) order: Option<Order>,
    /// What the sender's side says that it is.
    pub(crate) identity: Option<String>,
    /// When it was sent.
    pub(crate) sent_at: Option<SentAt>,
    /// For documents without order: what they are, in one line.
    pub(crate) subject: Option<String>,
    /// For documents without order: their text.
    pub(crate) text: String,
    /// Whether it answers something of ours.
    pub(crate) is_answer: bool,
    /// For `extra.edi`.
    pub(crate) edi: Map<String, Json>,
    /// What was odd.
    pub(crate) notes: Notes,
}

impl Draft {
    /// Keeps a value for `extra.edi`, where there is one.
    pub(crate) fn edi(&mut self, name: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.edi.insert(name.to_owned(), value.into());
        }
    }

    /// A number and what kind of number it is, for `extra.edi`.
    pub(crate) fn edi_id(&mut self, name: &str, id: Option<(String, Option<String>)>) {
        if let Some((id, qualifier)) = id {
            let mut fields = Map::new();
            fields.insert("id".into(), id.into());
            if let Some(qualifier) = qualifier {
                fields.insert("qualifier".into(), qualifier.into());
            }
            self.edi.insert(name.to_owned(), Json::Object(fields));
        }
    }
}

/// Reads one business document.
pub(crate) fn read(node: Node<'_>, kind: Kind, envelope: &Envelope, among_others: bool) -> Result<Draft, Bad> {
    let mut draft = match kind {
        Kind::Ubl => ubl::read(node, envelope)?,
        Kind::Cxml => cxml::read(node)?,
        Kind::OpenTrans => opentrans::read(node)?,
        Kind::Gs1 => gs1::read(node, envelope, among_others)?,
        Kind::Oagis => oagis::read(node)?,
        Kind::Other(syntax) => other::read(node, syntax, envelope),
    };
    let name = draft.document.clone();
    draft.edi("syntax", Some(draft.syntax));
    draft.edi("type", Some(name));
    if !draft.edi.contains_key("interchange") {
        draft.edi("interchange", envelope.instance.clone());
    }
    for (field, party) in [("sender", &envelope.sender), ("receiver", &envelope.receiver)] {
        if !draft.edi.contains_key(field) {
            draft.edi_id(field, party.clone());
        }
    }
    draft.sent_at = draft.sent_at.or(envelope.created);
    Ok(draft)
}
