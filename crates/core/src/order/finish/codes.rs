//! Currencies, countries and units in one form.

use serde_json::{Map, Value};

use super::super::exceptions::Exceptions;
use super::super::{Order, OrderParty, UnitList, unit};
use super::country::country;
use super::currency::currency;

pub(super) fn normalize(order: &mut Order, found: &mut Exceptions) {
    let Order { currency: money, extra, buyer, seller, ship_to, bill_to, lines, .. } = order;
    if let Some(written) = money {
        match currency(written) {
            Some(code) => put(written, code, "currency", extra),
            None if written.trim().is_empty() => *money = None,
            None => found.order("unknown-currency", || format!("no currency of ISO 4217 is written {}", quoted(written))),
        }
    }
    let parties: [(&str, &mut Option<OrderParty>); 4] =
        [("buyer.country", buyer), ("seller.country", seller), ("ship_to.country", ship_to), ("bill_to.country", bill_to)];
    for (field, party) in parties {
        let Some(land) = party.as_mut().map(|party| &mut party.country) else { continue };
        let Some(written) = land else { continue };
        match country(written) {
            Some(code) => put(written, code, field, extra),
            None if written.trim().is_empty() => *land = None,
            None => found.order("unknown-country", || format!("no country of ISO 3166 is written {} ({field})", quoted(written))),
        }
    }
    for (at, line) in lines.iter().enumerate() {
        let unknown = match (&line.unit, &line.unit_as_written) {
            (Some(code), _) if unit(code, UnitList::Rec20) != Some(code.as_str()) => Some(code),
            (None, Some(written)) => Some(written),
            _ => None,
        };
        if let Some(written) = unknown.filter(|written| !written.trim().is_empty()) {
            found.line("unknown-unit", at, || format!("{} is no unit that is known, or could be more than one", quoted(written)));
        }
    }
}

/// Puts a code in the place of what was written, which is kept unless it was the code but for case and blanks.
fn put(written: &mut String, code: &str, field: &str, extra: &mut Map<String, Value>) {
    if written == code {
        return;
    }
    let before = std::mem::replace(written, code.to_owned());
    if before.trim().eq_ignore_ascii_case(code) {
        return;
    }
    let kept = extra.entry("as_written").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(kept) = kept {
        kept.insert(field.to_owned(), before.into());
    }
}

/// A text of the sender's as it is shown in a sentence.
pub(in crate::order) fn quoted(text: &str) -> String {
    let short: String = text.trim().chars().take(60).collect();
    format!("{short:?}")
}
