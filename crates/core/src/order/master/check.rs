//! An order against the master data.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::super::exceptions::Exceptions;
use super::super::finish::{quoted, stays};
use super::super::{Order, OrderKind, OrderLine, OrderParty};
use super::MasterData;
use super::customers::{Customers, Known};
use super::items::Items;

/// The exceptions that come from here.
const CODES: [&str; 10] = [
    "unknown-customer",
    "customer-mismatch",
    "customer-ambiguous",
    "unknown-item",
    "item-mismatch",
    "customer-item-unknown",
    "unit-not-sold",
    "unit-missing",
    "price-differs",
    "currency-differs",
];

/// Checks an order against the master data. Every mismatch is an exception; what was found goes to `extra.master` of the order (our
/// customer number) and of its lines (our item number, the quantity in our unit, our price). Nothing of the order itself is changed.
/// Checked again, the last check counts.
pub fn check(order: &mut Order, master: &MasterData) {
    order.exceptions.retain(|exception| !CODES.contains(&exception.code.as_str()));
    order.extra.remove("master");
    for line in &mut order.lines {
        line.extra.remove("master");
    }
    let mut found = Exceptions::beside(order);
    let customer = master.customers.as_ref().and_then(|customers| customer(order, customers, &mut found));
    let customer = customer.map(|(number, by)| {
        order.extra.insert("master".into(), json!({ "customer": number, "by": by }));
        number
    });
    if let Some(items) = master.items.as_ref().filter(|_| order.kind != OrderKind::Cancel) {
        let currency = order.currency.clone();
        for (at, line) in order.lines.iter_mut().enumerate() {
            let mut checked = LineCheck { items, customer: customer.as_deref(), currency: currency.as_deref(), at, found: &mut found };
            if let Some(resolved) = checked.line(line) {
                line.extra.insert("master".into(), Value::Object(resolved));
            }
        }
    }
    found.into_order(order);
}

/// Our number for the customer that buys, and what it was known by.
fn customer(order: &Order, customers: &Customers, found: &mut Exceptions) -> Option<(String, &'static str)> {
    let buyer = order.buyer.as_ref();
    let evidence = buyer.map(evidence).unwrap_or_default();
    let sets: Vec<(Known, &str, &[usize])> =
        evidence.iter().map(|(known, text)| (*known, *text, customers.by(*known, text))).filter(|(_, _, set)| !set.is_empty()).collect();
    let Some((first, text, set)) = sets.first() else {
        found.order("unknown-customer", || {
            let shown: Vec<_> = evidence.iter().map(|(known, text)| format!("{} {}", known.name(), quoted(text))).collect();
            format!("no customer is known by {}", if shown.is_empty() { "nothing".into() } else { shown.join(", ") })
        });
        return None;
    };
    // Each further thing that it is known by narrows the choice; a number that belongs to another customer contradicts it.
    let mut left = set.to_vec();
    for (known, other, set) in sets.iter().skip(1) {
        let both: Vec<usize> = left.iter().copied().filter(|at| set.contains(at)).collect();
        if !both.is_empty() {
            left = both;
        } else if matches!(known, Known::Number | Known::Gln | Known::Edi) {
            found.order("customer-mismatch", || {
                format!("{} {} and {} {} are different customers", first.name(), quoted(text), known.name(), quoted(other))
            });
            return None;
        }
    }
    if left.len() > 1 {
        let country = buyer.and_then(|buyer| buyer.country.as_deref());
        let there: Vec<usize> =
            left.iter().copied().filter(|at| customers.get(*at).is_some_and(|customer| customer.may_be_in(country))).collect();
        if !there.is_empty() {
            left = there;
        }
    }
    match left.as_slice() {
        [one] => Some((customers.get(*one)?.number.clone(), first.name())),
        several => {
            found.order("customer-ambiguous", || {
                let numbers: Vec<_> = several.iter().take(10).filter_map(|at| Some(customers.get(*at)?.number.as_str())).collect();
                format!("{} {} is known of {} customers: {}", first.name(), quoted(text), several.len(), numbers.join(", "))
            });
            None
        }
    }
}

/// Everything that a buyer may be known by, the best first.
fn evidence(buyer: &OrderParty) -> Vec<(Known, &str)> {
    let own = buyer.id.as_deref().map(|id| (buyer.scheme.as_deref().unwrap_or_default(), id));
    let ids: Vec<_> = own.into_iter().chain(buyer.other_ids.iter().map(|other| (other.scheme.as_str(), other.id.as_str()))).collect();
    let numbers = ids.iter().filter(|(scheme, _)| *scheme == "seller").map(|(_, id)| (Known::Number, *id));
    let glns = ids.iter().filter(|(scheme, _)| *scheme == "gln").map(|(_, id)| (Known::Gln, *id));
    let others = ids.iter().filter(|(scheme, _)| *scheme != "seller").map(|(_, id)| (Known::Edi, *id));
    let mail = buyer.email.as_deref();
    let domain = mail.and_then(|mail| Some(mail.rsplit_once('@')?.1));
    let words = [(Known::Mail, mail), (Known::Domain, domain), (Known::Name, buyer.name.as_deref())];
    let words = words.into_iter().filter_map(|(known, text)| Some((known, text?)));
    numbers.chain(glns).chain(others).chain(words).filter(|(_, text)| !text.trim().is_empty()).collect()
}

struct LineCheck<'a> {
    items: &'a Items,
    customer: Option<&'a str>,
    currency: Option<&'a str>,
    at: usize,
    found: &'a mut Exceptions,
}

impl LineCheck<'_> {
    /// What is known of a line.
    fn line(&mut self, line: &OrderLine) -> Option<Map<String, Value>> {
        let (item_at, by) = self.item(line)?;
        let item = self.items.get(item_at)?;
        let mut resolved = Map::new();
        resolved.insert("item".into(), item.number.clone().into());
        resolved.insert("by".into(), by.into());
        if let Some(description) = &item.description {
            resolved.insert("description".into(), description.clone().into());
        }
        if !stays(line) {
            return Some(resolved);
        }
        let Some(base) = item.unit else {
            // Without a unit, the price is for whatever the order counts.
            if let Some(price) = self.price(line, item_at, Decimal::ONE) {
                resolved.insert("price".into(), price.to_string().into());
            }
            return Some(resolved);
        };
        resolved.insert("unit".into(), base.into());
        let Some(written) = line.unit.as_deref().or(line.unit_as_written.as_deref()) else {
            self.found
                .line("unit-missing", self.at, || format!("the line names no unit; item {} is sold in {}", item.number, item.sold_in()));
            return Some(resolved);
        };
        let Some(factor) = item.factor(written) else {
            self.found.line("unit-not-sold", self.at, || {
                format!("item {} is not sold in {}, but in {}", item.number, quoted(written), item.sold_in())
            });
            return Some(resolved);
        };
        if let Some(quantity) = line.quantity.and_then(|quantity| quantity.checked_mul(factor)) {
            resolved.insert("quantity".into(), quantity.normalize().to_string().into());
        }
        if let Some(price) = self.price(line, item_at, factor) {
            resolved.insert("price".into(), price.to_string().into());
        }
        Some(resolved)
    }

    /// Which item of ours it is, and by what.
    fn item(&mut self, line: &OrderLine) -> Option<(usize, &'static str)> {
        let gtins = line.gtin.iter().chain(line.other_items.iter().filter(|other| other.scheme == "gtin").map(|other| &other.id));
        let by_gtin = gtins.filter_map(|gtin| Some((self.items.by_gtin(gtin)?, "gtin", gtin)));
        let by_number = line.seller_item.iter().filter_map(|number| Some((self.items.by_number(number)?, "seller_item", number)));
        let by_customer =
            line.buyer_item.iter().filter_map(|number| Some((self.items.by_customer(self.customer?, number)?, "buyer_item", number)));
        let all: Vec<_> = by_gtin.chain(by_number).chain(by_customer).collect();
        if let (Some(customer), Some(number)) = (self.customer, &line.buyer_item)
            && self.items.knows_numbers_of(customer)
            && self.items.by_customer(customer, number).is_none()
        {
            self.found.line("customer-item-unknown", self.at, || format!("{} is no item number of customer {customer}'s", quoted(number)));
        }
        let Some((first, by, written)) = all.first() else {
            let shown = [("gtin", &line.gtin), ("seller's item", &line.seller_item), ("buyer's item", &line.buyer_item)];
            let shown: Vec<_> = shown.iter().filter_map(|(name, id)| Some(format!("{name} {}", quoted(id.as_deref()?)))).collect();
            let words = || line.description.as_deref().map_or("nothing".into(), quoted);
            self.found.line("unknown-item", self.at, || {
                format!("no item is known by {}", if shown.is_empty() { words() } else { shown.join(", ") })
            });
            return None;
        };
        if let Some((_, other_by, other)) = all.iter().find(|(at, ..)| at != first) {
            self.found.line("item-mismatch", self.at, || {
                format!("{by} {} and {other_by} {} are different items", quoted(written), quoted(other))
            });
            return None;
        }
        Some((*first, by))
    }

    /// What one of the line's unit should cost.
    fn price(&mut self, line: &OrderLine, item: usize, factor: Decimal) -> Option<Decimal> {
        let agreed = self.items.price(item, self.customer)?;
        let expected = agreed.price.checked_mul(factor)?.normalize();
        let Some(price) = line.unit_price else { return Some(expected) };
        if let (Some(ours), Some(theirs)) = (agreed.currency, self.currency)
            && ours != theirs
        {
            self.found.line("currency-differs", self.at, || format!("the order is in {theirs}, the item's price in {ours}"));
            return Some(expected);
        }
        // A price is as exact as it is written, and at least to the cent.
        let exact = Decimal::try_new(5, price.scale().clamp(2, 26) + 1).unwrap_or_default();
        if price.checked_sub(expected).is_none_or(|by| by.abs() > exact) {
            self.found.line("price-differs", self.at, || format!("the price is {} where {expected} is agreed", price.normalize()));
        }
        Some(expected)
    }
}
