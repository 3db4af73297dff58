//! What a document says and no field of the order holds: kept by the format's own names.

use serde_json::{Map, Value as Json};

use crate::xml::{Node, Value};

/// So many values are kept of a head, and of a line.
const MAX_VALUES: usize = 500;
/// So many characters are kept of one of them; pictures and documents inside of an order stand in the delivery.
const MAX_CHARS: usize = 1_000;

/// Attributes that say how another value is written.
const QUALIFIERS: [&str; 12] = [
    "lang",
    "languageID",
    "languageCode",
    "listID",
    "listAgencyID",
    "listAgencyName",
    "listVersionID",
    "schemeAgencyID",
    "schemeAgencyName",
    "schemeVersionID",
    "schemaLocation",
    "noNamespaceSchemaLocation",
];

/// What must not be kept a second time: secrets, signatures, numbers of cards.
const SECRETS: [&str; 10] = [
    "SharedSecret",
    "DigitalSignature",
    "CredentialMac",
    "Signature",
    "UBLExtensions",
    "PrimaryAccountNumberID",
    "CVC",
    "CVV2ID",
    "CARD_NUM",
    "Password",
];

/// Adds all values in an element that nobody used, by their paths from it: `Shipping/Money`, `Shipping/Money/@currency`; what stands
/// several times as a list. Elements for which `skip` says so are left out. Gives how many were too many.
pub(crate) fn keep(node: Node<'_>, skip: &dyn Fn(Node<'_>) -> bool, into: &mut Map<String, Json>) -> usize {
    let mut keeper = Keeper { skip, into, kept: 0, left: 0 };
    keeper.element(node, &mut String::new());
    keeper.left
}

struct Keeper<'k> {
    skip: &'k dyn Fn(Node<'_>) -> bool,
    into: &'k mut Map<String, Json>,
    kept: usize,
    left: usize,
}

impl Keeper<'_> {
    /// The nesting of elements is bounded by the parser.
    fn element(&mut self, node: Node<'_>, path: &mut String) {
        for attribute in node.attributes().filter(|attribute| !attribute.is_used() && !QUALIFIERS.contains(&attribute.name())) {
            let length = path.len();
            path.push_str(if path.is_empty() { "@" } else { "/@" });
            path.push_str(attribute.name());
            self.value(path, attribute);
            path.truncate(length);
        }
        if let Some(value) = node.value().filter(|value| !value.is_used())
            && !path.is_empty()
        {
            self.value(path, value);
        }
        for child in node.children().filter(|child| !SECRETS.contains(&child.name()) && !(self.skip)(*child)) {
            let length = path.len();
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(child.name());
            // Fields that a partner made up are told apart by what they are called.
            let called = match child.name() {
                "Extrinsic" => child.attribute("name"),
                "AdditionalItemProperty" => child.at("Name"),
                _ => None,
            };
            if let Some(name) = called {
                path.push_str(&format!("[{}]", name.text()));
            }
            self.element(child, path);
            path.truncate(length);
        }
    }

    fn value(&mut self, path: &str, value: Value<'_>) {
        if self.kept >= MAX_VALUES {
            self.left += 1;
            return;
        }
        self.kept += 1;
        let text = value.prose();
        let is_card = path.ends_with("PCard/@number") || path.ends_with("PCard/@expiration");
        let text = match text.char_indices().nth(MAX_CHARS) {
            _ if is_card => masked(&text),
            Some((end, _)) => format!("{}… ({} characters)", text.get(..end).unwrap_or_default(), text.chars().count()),
            None => text,
        };
        match self.into.get_mut(path) {
            None => {
                self.into.insert(path.to_owned(), Json::String(text));
            }
            Some(Json::Array(list)) => list.push(Json::String(text)),
            Some(one) => *one = Json::Array(vec![one.take(), Json::String(text)]),
        }
    }
}

/// The last four digits of a card's number.
fn masked(number: &str) -> String {
    let shown = number.chars().count().saturating_sub(4);
    number.chars().enumerate().map(|(place, c)| if place < shown || number.len() < 12 { '*' } else { c }).collect()
}
