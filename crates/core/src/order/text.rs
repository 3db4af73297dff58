//! An order as plain text, for people and for everything that works on texts.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{LineAction, Order, OrderKind, OrderLine, OrderParty};

/// So many lines are written out.
const LINES: usize = 1_000;
/// So many notes of the order, or of a line.
const NOTES: usize = 50;
/// So many characters of one value.
const VALUE: usize = 1_000;
/// So many characters of one note.
const NOTE: usize = 10_000;

/// The order as plain text: number, dates, parties, lines, totals, notes. The same order gives the same text; what is left out of a
/// very large one is counted and stands for itself with a digest, so that two orders that differ there have two texts.
pub fn text(order: &Order) -> String {
    let mut text = String::new();
    let kind = match order.kind {
        OrderKind::New => "Order",
        OrderKind::Change => "Order change",
        OrderKind::Cancel => "Order cancellation",
    };
    match &order.po_number {
        Some(po) => put(&mut text, kind, &clipped(po, VALUE)),
        None => put(&mut text, kind, "without a number"),
    }
    if order.test {
        put(&mut text, "Test", "nothing is to be delivered");
    }
    let head = [
        ("Revision", order.revision.as_deref().map(|revision| clipped(revision, VALUE))),
        ("Order date", order.order_date.map(|date| date.to_string())),
        ("Requested", order.requested_date.map(|date| date.to_string())),
        ("Not before", order.earliest_date.map(|date| date.to_string())),
        ("Not after", order.latest_date.map(|date| date.to_string())),
        ("Currency", order.currency.as_deref().map(|currency| clipped(currency, VALUE))),
        ("Buyer", order.buyer.as_ref().map(party)),
        ("Seller", order.seller.as_ref().map(party)),
        ("Ship to", order.ship_to.as_ref().map(party)),
        ("Bill to", order.bill_to.as_ref().map(party)),
    ];
    for (label, value) in head {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            put(&mut text, label, &value);
        }
    }
    if !order.lines.is_empty() {
        text.push('\n');
    }
    for (at, each) in order.lines.iter().enumerate().take(LINES) {
        line(&mut text, at, each);
    }
    if let Some(rest) = order.lines.get(LINES..).filter(|rest| !rest.is_empty()) {
        let mut hash = Sha256::new();
        let mut shown = String::new();
        for (at, each) in rest.iter().enumerate() {
            shown.clear();
            line(&mut shown, LINES + at, each);
            hash.update(shown.as_bytes());
        }
        let _ = writeln!(text, "… and {} more lines (digest {})", rest.len(), short(hash));
    }
    if let Some(total) = order.total {
        let currency = order.currency.as_deref().map(|currency| clipped(currency, VALUE)).unwrap_or_default();
        text.push('\n');
        put(&mut text, "Total", format!("{total} {currency}").trim_end());
    }
    notes(&mut text, "", &order.notes);
    text
}

fn put(text: &mut String, label: &str, value: &str) {
    let _ = writeln!(text, "{label}: {value}");
}

fn party(party: &OrderParty) -> String {
    let mut parts: Vec<String> = Vec::new();
    let value = |value: &Option<String>| value.as_deref().map(|value| clipped(value, VALUE)).filter(|value| !value.is_empty());
    let id = value(&party.id).map(|id| match value(&party.scheme) {
        Some(scheme) => format!("({scheme} {id})"),
        None => format!("({id})"),
    });
    let named: Vec<_> = [value(&party.name), id].into_iter().flatten().collect();
    parts.push(named.join(" "));
    parts.extend(party.street.iter().take(NOTES).map(|street| clipped(street, VALUE)));
    let town: Vec<_> = [value(&party.postcode), value(&party.city)].into_iter().flatten().collect();
    parts.push(town.join(" "));
    parts.extend(
        [value(&party.region), value(&party.country), value(&party.contact), value(&party.email), value(&party.phone)]
            .into_iter()
            .flatten(),
    );
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

fn line(text: &mut String, at: usize, line: &OrderLine) {
    let number = line.number.as_deref().map(|number| clipped(number, VALUE)).filter(|number| !number.is_empty());
    let mut parts: Vec<String> = Vec::new();
    match line.action {
        Some(LineAction::Add) => parts.push("added".into()),
        Some(LineAction::Delete) => parts.push("deleted".into()),
        Some(LineAction::Change) => parts.push("changed".into()),
        Some(LineAction::None) => parts.push("unchanged".into()),
        None => {}
    }
    if let Some(quantity) = line.quantity {
        let unit = line.unit.as_deref().or(line.unit_as_written.as_deref()).map(|unit| clipped(unit, VALUE)).unwrap_or_default();
        parts.push(format!("{quantity} {unit}").trim_end().to_owned());
    }
    let items = [("buyer's item", &line.buyer_item), ("seller's item", &line.seller_item), ("GTIN", &line.gtin)];
    parts.extend(items.iter().filter_map(|(label, item)| Some(format!("{label} {}", clipped(item.as_deref()?, VALUE)))));
    parts.extend(
        line.other_items.iter().take(NOTES).map(|other| format!("{} {}", clipped(&other.scheme, VALUE), clipped(&other.id, VALUE))),
    );
    parts.extend(line.description.as_deref().map(|description| clipped(description, VALUE)));
    match (&line.price_as_written, line.unit_price) {
        (Some(written), _) => parts.push(format!(
            "price {} per {} {}",
            written.price,
            written.per,
            written.unit.as_deref().map(|unit| clipped(unit, VALUE)).unwrap_or_default()
        )),
        (None, Some(price)) => parts.push(format!("price {price}")),
        (None, None) => {}
    }
    parts.extend(line.total.map(|total| format!("total {total}")));
    parts.extend(line.requested_date.map(|date| format!("requested {date}")));
    parts.retain(|part| !part.is_empty());
    let number = number.unwrap_or_else(|| format!("({})", at + 1));
    let _ = writeln!(text, "Line {number}: {}", parts.iter().map(|part| part.trim_end()).collect::<Vec<_>>().join("; "));
    notes(text, "  ", &line.notes);
}

fn notes(text: &mut String, indent: &str, notes: &[String]) {
    for note in notes.iter().take(NOTES) {
        let note = clipped(note, NOTE);
        if !note.is_empty() {
            let _ = writeln!(text, "{indent}Note: {note}");
        }
    }
    if let Some(rest) = notes.get(NOTES..).filter(|rest| !rest.is_empty()) {
        let mut hash = Sha256::new();
        for note in rest {
            hash.update(note.as_bytes());
            hash.update([0]);
        }
        let _ = writeln!(text, "{indent}… and {} more notes (digest {})", rest.len(), short(hash));
    }
}

/// A value on one line and not longer than this; what is cut off is counted and stands for itself with a digest.
fn clipped(value: &str, longest: usize) -> String {
    let mut clipped = String::new();
    for word in value.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !clipped.is_empty() {
            clipped.push(' ');
        }
        clipped.push_str(word);
    }
    if let Some((cut, _)) = clipped.char_indices().nth(longest) {
        let rest = clipped.split_off(cut);
        let digest = short(Sha256::new_with_prefix(rest.as_bytes()));
        let _ = write!(clipped, "… and {} more characters (digest {digest})", rest.chars().count());
    }
    clipped
}

fn short(hash: Sha256) -> String {
    hash.finalize().iter().take(8).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
