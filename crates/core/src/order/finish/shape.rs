//! What an order must have, and what its parts say about each other.

use std::collections::HashMap;

use super::super::exceptions::Exceptions;
use super::super::{LineAction, Order, OrderKind, OrderLine};
use super::quoted;

pub(super) fn check(order: &Order, found: &mut Exceptions) {
    if order.test {
        found.order("test-order", || "sent for trying out: nothing is to be delivered".into());
    }
    if order.po_number.as_deref().is_none_or(|po| po.trim().is_empty()) {
        found.order("no-po-number", || "the order has no number of the buyer's".into());
    }
    if order.lines.is_empty() && order.kind != OrderKind::Cancel {
        found.order("no-lines", || "the order asks for nothing".into());
    }
    dates(order, found);
    if order.kind != OrderKind::Cancel {
        for (at, line) in order.lines.iter().enumerate().filter(|(_, line)| stays(line)) {
            quantity(at, line, found);
            if nameless(line) {
                found.line("no-item", at, || "the line says neither by number nor in words what is ordered".into());
            }
        }
    }
    line_numbers(order, found);
}

/// Whether a line asks for something: not when a change takes it away or leaves it alone.
pub(in crate::order) fn stays(line: &OrderLine) -> bool {
    !matches!(line.action, Some(LineAction::Delete | LineAction::None))
}

fn quantity(at: usize, line: &OrderLine, found: &mut Exceptions) {
    match line.quantity {
        None => found.line("no-quantity", at, || "the line has no quantity".into()),
        Some(quantity) if quantity.is_zero() => found.line("zero-quantity", at, || "the line asks for 0".into()),
        Some(quantity) if quantity.is_sign_negative() => found.line("negative-quantity", at, || format!("the line asks for {quantity}")),
        Some(_) => {}
    }
}

fn nameless(line: &OrderLine) -> bool {
    let given = [&line.buyer_item, &line.seller_item, &line.gtin, &line.description];
    given.into_iter().flatten().chain(line.other_items.iter().map(|other| &other.id)).all(|text| text.trim().is_empty())
}

fn dates(order: &Order, found: &mut Exceptions) {
    if let (Some(earliest), Some(latest)) = (order.earliest_date, order.latest_date)
        && latest < earliest
    {
        found.order("latest-before-earliest", || format!("not after {latest} and not before {earliest}"));
    }
    let Some(ordered) = order.order_date else { return };
    for wanted in [order.requested_date, order.latest_date].into_iter().flatten().filter(|wanted| *wanted < ordered) {
        found.order("requested-before-order", || format!("wanted on {wanted}, ordered on {ordered}"));
    }
    for (at, line) in order.lines.iter().enumerate() {
        if let Some(wanted) = line.requested_date.filter(|wanted| *wanted < ordered) {
            found.line("requested-before-order", at, || format!("wanted on {wanted}, ordered on {ordered}"));
        }
    }
}

fn line_numbers(order: &Order, found: &mut Exceptions) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (at, line) in order.lines.iter().enumerate() {
        let Some(number) = line.number.as_deref().map(|number| number.trim().trim_start_matches('0')).filter(|number| !number.is_empty())
        else {
            continue;
        };
        match first.get(number) {
            Some(before) => {
                found.line("duplicate-line-number", at, || format!("number {} is also that of line {}", quoted(number), before + 1));
            }
            None => {
                first.insert(number, at);
            }
        }
    }
}
