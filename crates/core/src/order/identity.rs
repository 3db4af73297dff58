//! What makes two orders the same one: a key for the buyer's number, and a hash over what is to be delivered.

use jiff::civil::Date;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use super::unit::comparable;
use super::{LineAction, Order, OrderKind, OrderLine, OrderParty};

/// A number of an order in the form in which two spellings of it are equal: upper case, without blanks, punctuation and leading
/// zeros. Look-alikes (`0` and `O`) stay apart.
pub fn po_key(po: &str) -> String {
    let key = bare(po);
    let short = key.trim_start_matches('0');
    // Only zeros are a number all the same.
    if short.is_empty() && !key.is_empty() { "0".into() } else { short.into() }
}

/// A hash over what is to be delivered, to whom and when. Two orders that have the same ask for the same.
///
/// Every line counts with its item, quantity, unit, day and what a change does to it; so do the order's days, its kind, where the
/// goods go, and whether it is only a test. How things are spelled, how many decimals a quantity has, in which order the lines stand
/// and what they cost does not count.
pub fn lines_hash(order: &Order) -> [u8; 32] {
    let mut lines: Vec<[u8; 32]> = order.lines.iter().map(|line| line_hash(order, line)).collect();
    lines.sort_unstable();
    // The order's day is in the lines that have none of their own. Where all have one, it says something by itself.
    let inherited = order.lines.iter().any(|line| line.requested_date.is_none());

    let mut hash = Hash::new("order/1");
    hash.put(match order.kind {
        OrderKind::New => "new",
        OrderKind::Change => "change",
        OrderKind::Cancel => "cancel",
    });
    hash.put(if order.test { "test" } else { "" });
    hash.put_date(order.requested_date.filter(|_| !inherited));
    hash.put_date(order.earliest_date);
    hash.put_date(order.latest_date);
    hash.put(&order.ship_to.as_ref().map(place).unwrap_or_default());
    for line in &lines {
        hash.0.update(line);
    }
    hash.0.finalize().into()
}

fn line_hash(order: &Order, line: &OrderLine) -> [u8; 32] {
    let mut hash = Hash::new("line/1");
    let (kind, item) = item(line);
    hash.put(kind);
    hash.put(&item);
    hash.put(&line.quantity.map(number).unwrap_or_default());
    hash.put(line.unit.as_deref().or(line.unit_as_written.as_deref()).map(comparable).unwrap_or_default());
    hash.put_date(line.requested_date.or(order.requested_date));
    hash.put(match (order.kind, line.action) {
        (OrderKind::Change, Some(LineAction::Add)) => "add",
        (OrderKind::Change, Some(LineAction::Delete)) => "delete",
        (OrderKind::Change, Some(LineAction::Change)) => "change",
        (OrderKind::Change, Some(LineAction::None)) => "none",
        _ => "",
    });
    hash.0.finalize().into()
}

/// What a line asks for, by the best number that it gives: which kind of number, and the number as it is compared.
pub(super) fn item(line: &OrderLine) -> (&'static str, String) {
    let ids = [("gtin", line.gtin.as_deref()), ("seller", line.seller_item.as_deref()), ("buyer", line.buyer_item.as_deref())];
    for (kind, id) in ids {
        let id = id.map(|id| if kind == "gtin" { gtin_key(id) } else { bare(id) }).filter(|id| !id.is_empty());
        if let Some(id) = id {
            return (kind, id);
        }
    }
    let other = line.other_items.iter().map(|other| bare(&other.id)).find(|id| !id.is_empty());
    match other {
        Some(id) => ("other", id),
        None => ("words", line.description.as_deref().map(words).unwrap_or_default()),
    }
}

/// A GTIN of any length as the same 14 digits.
pub(super) fn gtin_key(gtin: &str) -> String {
    let bare = bare(gtin);
    if bare.is_empty() { bare } else { format!("{bare:0>14}") }
}

/// The place that goods go to: its number, or else its name and address.
fn place(party: &OrderParty) -> String {
    if let Some(id) = party.id.as_deref().map(bare).filter(|id| !id.is_empty()) {
        return format!("#{id}");
    }
    let parts = [&party.name, &party.postcode, &party.city, &party.country].into_iter().flatten().chain(&party.street);
    parts.map(|part| bare(part)).collect::<Vec<_>>().join("/")
}

/// A number as it is compared: `12.50` is `12.5`.
pub(super) fn number(number: Decimal) -> String {
    number.normalize().to_string()
}

/// Upper case without accents, in Unicode's compatible form, and nothing but letters and digits.
pub(super) fn bare(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    }
    folded(text).filter(|c| c.is_alphanumeric()).collect()
}

/// The same for a description, in which what stands between two digits counts: 1.5 mm are not 15 mm.
pub(super) fn words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut gap = false;
    for c in folded(text) {
        if c.is_alphanumeric() {
            if gap && c.is_numeric() && words.chars().next_back().is_some_and(char::is_numeric) {
                words.push('.');
            }
            words.push(c);
        }
        gap = !c.is_alphanumeric();
    }
    words
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    // Once more behind the upper case, which puts some letters together again.
    text.nfkd().flat_map(char::to_uppercase).nfkd()
}

/// A hash over texts that are told apart from each other.
struct Hash(Sha256);

impl Hash {
    fn new(of: &str) -> Self {
        let mut hash = Self(Sha256::new());
        hash.put(of);
        hash
    }

    fn put(&mut self, text: &str) {
        self.0.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn put_date(&mut self, date: Option<Date>) {
        self.put(&date.map(|date| date.to_string()).unwrap_or_default());
    }
}
/// Whether a number of this scheme is one company's alone, whoever writes it.
pub fn is_global(scheme: &str) -> bool {
    matches!(scheme, "gln" | "duns" | "vat" | "kvk" | "oin" | "cvr" | "cbe" | "siret" | "leitweg")
}

/// What a buyer is known by as a customer. A number that is its alone in the world (`is_global` says so of its scheme) as it is; a number
/// that somebody gave it, or else its name, within the sender's id, for two buyers behind one hub may have the same; the sender's own
/// where the order says nothing.
pub fn buyer_address(buyer: &OrderParty, sender: &str, is_global: impl Fn(&str) -> bool) -> Option<String> {
    let own = match (&buyer.id, &buyer.name) {
        (Some(id), _) if buyer.scheme.as_deref().is_some_and(is_global) => return Some(id.clone()),
        (Some(id), _) => id.clone(),
        (None, Some(name)) if !sender.is_empty() => name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
        _ => sender.to_owned(),
    };
    let within = !sender.is_empty() && own != sender;
    Some(if within { format!("{sender}/{own}") } else { own }).filter(|address| !address.is_empty())
}
