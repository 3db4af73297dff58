//! Revisions: what changed from one version of an order to the next, and the order as it stands after a change.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::exceptions::Exceptions;
use super::pairing::{number_key, pair};
use super::{LineAction, Order, OrderKind, OrderLine, examine};

/// One thing that differs between two versions of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What happened to it.
    pub change: ChangeKind,
    /// On which line; none for the order's head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<ChangedLine>,
    /// The field, with dots for what is inside one (`ship_to.city`); none for a whole line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What happened to a field or a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It is no longer there.
    Removed,
    /// It is another.
    Changed,
}

/// Which line differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedLine {
    /// Its number as the sender wrote it, the later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Where it stood before, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<usize>,
    /// Where it stands now, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<usize>,
}

/// What changed between two versions of an order, both as they stand (see [`apply`]): the head's fields, then the lines in their
/// order, then the lines that are gone. Lines are the same by their number, then by their item; where they stand does not matter.
/// What does not count: decimals (`12.50` is `12.5`), where values came from, exceptions.
pub fn difference(before: &Order, after: &Order) -> Vec<Change> {
    let mut changes = Vec::new();
    if (before.kind == OrderKind::Cancel) != (after.kind == OrderKind::Cancel) {
        changes.push(Change::field(None, "kind", to_value(&before.kind), to_value(&after.kind)));
    }
    compare(None, fields(head(before)), fields(head(after)), &mut changes);

    let later: Vec<&OrderLine> = after.lines.iter().collect();
    let pairs = pair(&before.lines, &later);
    let mut gone = vec![true; before.lines.len()];
    for (at, (line, paired)) in after.lines.iter().zip(&pairs).enumerate() {
        let earlier = paired.and_then(|place| Some((place, before.lines.get(place)?)));
        match earlier {
            Some((place, earlier)) => {
                if let Some(gone) = gone.get_mut(place) {
                    *gone = false;
                }
                if earlier != line {
                    let which = ChangedLine { number: line.number.clone(), before: Some(place), after: Some(at) };
                    compare_lines(&which, earlier, line, &mut changes);
                }
            }
            None => {
                let which = ChangedLine { number: line.number.clone(), before: None, after: Some(at) };
                let added = to_value(&bare_line(line));
                changes.push(Change { change: ChangeKind::Added, line: Some(which), field: None, before: None, after: added });
            }
        }
    }
    for (at, line) in before.lines.iter().enumerate().filter(|(at, _)| gone.get(*at) == Some(&true)) {
        let which = ChangedLine { number: line.number.clone(), before: Some(at), after: None };
        let removed = to_value(&bare_line(line));
        changes.push(Change { change: ChangeKind::Removed, line: Some(which), field: None, before: removed, after: None });
    }
    changes
}

/// The order as it stands after a change to it.
///
/// A cancellation leaves the lines as they were. A change that says of some lines what happens to them adds, deletes and changes
/// those: what it does not say of a line stays. A change whose lines say nothing of the kind replaces them all; one without lines
/// changes the head alone. A total that nobody said of the order as it stands now is left out. What a change says of a line that is
/// not there is the exception `unknown-line`.
pub fn apply(before: &Order, change: &Order) -> Order {
    let mut order = if change.kind == OrderKind::Cancel { cancelled(before, change) } else { merged_head(before, change) };
    let mut unknown = Vec::new();
    if change.kind == OrderKind::Cancel || change.lines.is_empty() {
        order.lines.clone_from(&before.lines);
    } else if change.lines.iter().all(|line| line.action.is_none()) {
        order.lines.clone_from(&change.lines);
    } else {
        order.lines = changed_lines(before, change, &mut unknown);
    }
    for line in &mut order.lines {
        line.action = None;
    }
    let mut found = Exceptions::beside(&order);
    let absent: Vec<_> = unknown.iter().filter(|unknown| unknown.at.is_none()).map(|unknown| unknown.number).collect();
    if !absent.is_empty() {
        found.order("unknown-line", || {
            let shown: Vec<_> = absent.iter().take(20).copied().collect();
            format!("the change names {} lines that the order does not have: {}", absent.len(), shown.join(", "))
        });
    }
    for unknown in &unknown {
        if let Some(at) = unknown.at {
            found.line("unknown-line", at, || format!("the change names line {}, which the order did not have", unknown.number));
        }
    }
    found.into_order(&mut order);
    examine(&mut order);
    order
}

/// A line that a change names and the order does not have.
struct Unknown<'a> {
    number: &'a str,
    at: Option<usize>,
}

fn changed_lines<'a>(before: &Order, change: &'a Order, unknown: &mut Vec<Unknown<'a>>) -> Vec<OrderLine> {
    let named: Vec<&OrderLine> = change.lines.iter().filter(|line| line.action != Some(LineAction::Add)).collect();
    let pairs = pair(&before.lines, &named);
    let mut lines: Vec<Option<OrderLine>> = before.lines.iter().cloned().map(Some).collect();
    let mut pairs = pairs.into_iter();
    let mut added: Vec<(&OrderLine, bool)> = Vec::new();
    for line in &change.lines {
        if line.action == Some(LineAction::Add) {
            added.push((line, false));
            continue;
        }
        let place = pairs.next().flatten().and_then(|place| lines.get_mut(place));
        match (line.action, place) {
            (Some(LineAction::Delete), Some(place)) => *place = None,
            (Some(LineAction::None), Some(_)) => {}
            (_, Some(place)) => {
                if let Some(earlier) = place {
                    *earlier = merged_line(earlier, line);
                }
            }
            (Some(LineAction::Delete | LineAction::None), None) => unknown.push(Unknown { number: number_of(line), at: None }),
            (_, None) => added.push((line, true)),
        }
    }
    let mut lines: Vec<OrderLine> = lines.into_iter().flatten().collect();
    for (line, strange) in added {
        if strange {
            unknown.push(Unknown { number: number_of(line), at: Some(lines.len()) });
        }
        lines.push(line.clone());
    }
    lines
}

fn number_of(line: &OrderLine) -> &str {
    line.number.as_deref().unwrap_or("without a number")
}

fn merged_line(before: &OrderLine, change: &OrderLine) -> OrderLine {
    let mut line = change.clone();
    keep(&mut line.number, &before.number);
    keep(&mut line.buyer_item, &before.buyer_item);
    keep(&mut line.seller_item, &before.seller_item);
    keep(&mut line.gtin, &before.gtin);
    keep(&mut line.description, &before.description);
    keep(&mut line.requested_date, &before.requested_date);
    if line.unit.is_none() && line.unit_as_written.is_none() {
        line.unit.clone_from(&before.unit);
        line.unit_as_written.clone_from(&before.unit_as_written);
    }
    if line.unit_price.is_none() {
        line.unit_price = before.unit_price;
        line.price_as_written.clone_from(&before.price_as_written);
    }
    keep(&mut line.quantity, &before.quantity);
    if (line.quantity, &line.unit, line.unit_price) == (before.quantity, &before.unit, before.unit_price) {
        keep(&mut line.total, &before.total);
    }
    if line.other_items.is_empty() {
        line.other_items.clone_from(&before.other_items);
    }
    if line.notes.is_empty() {
        line.notes.clone_from(&before.notes);
    }
    line.extra = merged_map(&before.extra, &change.extra);
    line.sources = before.sources.clone();
    for (field, source) in change.sources.iter() {
        line.sources.set(field.to_owned(), source.clone());
    }
    line
}

fn merged_head(before: &Order, change: &Order) -> Order {
    let mut order = head(change);
    order.kind = OrderKind::New;
    order.test |= before.test;
    keep(&mut order.po_number, &before.po_number);
    keep(&mut order.revision, &before.revision);
    keep(&mut order.buyer, &before.buyer);
    keep(&mut order.seller, &before.seller);
    keep(&mut order.ship_to, &before.ship_to);
    keep(&mut order.bill_to, &before.bill_to);
    keep(&mut order.currency, &before.currency);
    keep(&mut order.order_date, &before.order_date);
    keep(&mut order.requested_date, &before.requested_date);
    keep(&mut order.earliest_date, &before.earliest_date);
    keep(&mut order.latest_date, &before.latest_date);
    if change.lines.is_empty() {
        keep(&mut order.total, &before.total);
    }
    if order.notes.is_empty() {
        order.notes.clone_from(&before.notes);
    }
    order.extra = merged_map(&before.extra, &change.extra);
    order.sources = before.sources.clone();
    for (field, source) in change.sources.iter() {
        order.sources.set(field.to_owned(), source.clone());
    }
    order
}

fn cancelled(before: &Order, change: &Order) -> Order {
    let mut order = head(before);
    order.kind = OrderKind::Cancel;
    order.test |= change.test;
    if change.revision.is_some() {
        order.revision.clone_from(&change.revision);
    }
    if !change.notes.is_empty() {
        order.notes.clone_from(&change.notes);
    }
    order
}

fn keep<T: Clone>(value: &mut Option<T>, before: &Option<T>) {
    if value.is_none() {
        value.clone_from(before);
    }
}

fn merged_map(before: &Map<String, Value>, change: &Map<String, Value>) -> Map<String, Value> {
    let mut map = before.clone();
    map.extend(change.iter().map(|(key, value)| (key.clone(), value.clone())));
    map
}

/// An order without its lines and what was found about it.
fn head(order: &Order) -> Order {
    Order {
        po_number: order.po_number.clone(),
        kind: order.kind,
        revision: order.revision.clone(),
        test: order.test,
        buyer: order.buyer.clone(),
        seller: order.seller.clone(),
        ship_to: order.ship_to.clone(),
        bill_to: order.bill_to.clone(),
        currency: order.currency.clone(),
        order_date: order.order_date,
        requested_date: order.requested_date,
        earliest_date: order.earliest_date,
        latest_date: order.latest_date,
        lines: Vec::new(),
        total: order.total,
        notes: order.notes.clone(),
        extra: order.extra.clone(),
        sources: order.sources.clone(),
        exceptions: Vec::new(),
    }
}

fn bare_line(line: &OrderLine) -> OrderLine {
    OrderLine { sources: Default::default(), action: None, ..line.clone() }
}

fn compare_lines(which: &ChangedLine, before: &OrderLine, after: &OrderLine, changes: &mut Vec<Change>) {
    let mut earlier = bare_line(before);
    let later = bare_line(after);
    if number_key(before) == number_key(after) {
        earlier.number.clone_from(&later.number);
    }
    // How a unit is written does not matter where it is known.
    if earlier.unit.is_some() && later.unit.is_some() {
        earlier.unit_as_written.clone_from(&later.unit_as_written);
    }
    compare(Some(which), fields(earlier), fields(later), changes);
}

/// The fields that are numbers: `12.50` is `12.5` there.
const NUMBERS: [&str; 5] = ["quantity", "unit_price", "total", "price_as_written.price", "price_as_written.per"];

fn compare(which: Option<&ChangedLine>, before: Map<String, Value>, mut after: Map<String, Value>, changes: &mut Vec<Change>) {
    for (field, was) in before {
        let is = after.remove(&field);
        let same = is.as_ref().is_some_and(|is| *is == was || (NUMBERS.contains(&field.as_str()) && equal(&was, is)));
        if !same {
            changes.push(Change::field(which, &field, Some(was), is));
        }
    }
    for (field, is) in after {
        changes.push(Change::field(which, &field, None, Some(is)));
    }
}

fn equal(one: &Value, other: &Value) -> bool {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<Decimal>().ok());
    number(one).is_some() && number(one) == number(other)
}

/// The fields of something by name, with dots for what is inside one. What core made of the others is left out.
fn fields(of: impl Serialize) -> Map<String, Value> {
    let mut flat = Map::new();
    let Some(Value::Object(map)) = to_value(&of) else { return flat };
    for (name, value) in map {
        match value {
            _ if ["kind", "lines", "sources"].contains(&name.as_str()) => {}
            Value::Object(inside) => {
                for (inner, value) in inside {
                    if name != "extra" || !["as_written", "master"].contains(&inner.as_str()) {
                        flat.insert(format!("{name}.{inner}"), value);
                    }
                }
            }
            value => {
                flat.insert(name, value);
            }
        }
    }
    flat
}

fn to_value(value: &impl Serialize) -> Option<Value> {
    serde_json::to_value(value).ok()
}

impl Change {
    fn field(line: Option<&ChangedLine>, field: &str, before: Option<Value>, after: Option<Value>) -> Self {
        let change = match (&before, &after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        Self { change, line: line.cloned(), field: Some(field.to_owned()), before, after }
    }
}
