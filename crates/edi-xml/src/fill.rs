//! Values of a document into fields of an order, with their places.

use std::borrow::Cow;

use jiff::civil::Date;
use loket_core::order::{Order, OrderLine, OrderParty, PriceAsWritten, SchemedId, Sources, UnitList, unit};
use rust_decimal::Decimal;

use crate::codes;
use crate::dates;
use crate::numbers::{LoneComma, number};
use crate::xml::{Node, Value};

/// So many remarks are kept of one order.
const MAX_WARNINGS: usize = 100;

/// Why one order of a document is no order, and where.
#[derive(Debug)]
pub(crate) struct Bad {
    /// The byte of the text.
    pub(crate) at: usize,
    /// What is wrong.
    pub(crate) why: String,
}

impl Bad {
    /// Something about an element.
    pub(crate) fn at(node: Node<'_>, why: impl Into<String>) -> Self {
        Self { at: node.range().start, why: format!("{} ({})", why.into(), node.path()) }
    }
}

/// What was odd, in words for people. Bounded.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    told: Vec<String>,
    untold: usize,
}

impl Notes {
    /// Remembers a remark.
    pub(crate) fn tell(&mut self, text: impl Into<String>) {
        if self.told.len() < MAX_WARNINGS {
            self.told.push(text.into());
        } else {
            self.untold += 1;
        }
    }

    /// All of them.
    pub(crate) fn finish(mut self) -> Vec<String> {
        if self.untold > 0 {
            self.told.push(format!("and {} more remarks", self.untold));
        }
        self.told
    }
}

/// A text on one line.
pub(crate) fn text(sources: &mut Sources, field: impl Into<Cow<'static, str>>, value: Option<Value<'_>>) -> Option<String> {
    let value = value?;
    sources.set(field, value.source());
    Some(value.text().into_owned())
}

/// A day; one that cannot be read stays where it was and is told of.
pub(crate) fn date(sources: &mut Sources, notes: &mut Notes, field: &'static str, value: Option<Value<'_>>) -> Option<Date> {
    let value = value?;
    let found = dates::date(&value.text());
    match found {
        Some(_) => sources.set(field, value.source()),
        None => {
            value.release();
            notes.tell(format!("`{}` is not a date that can be read ({})", short(&value.peek()), value.path()));
        }
    }
    found
}

/// An amount or a quantity that the order can do without: one that cannot be read stays where it was and is told of.
pub(crate) fn amount(
    sources: &mut Sources,
    notes: &mut Notes,
    field: &'static str,
    value: Option<Value<'_>>,
    comma: LoneComma,
) -> Option<Decimal> {
    let value = value?;
    match decimal(value, notes, comma) {
        Some(amount) => {
            sources.set(field, value.source());
            Some(amount)
        }
        None => {
            value.release();
            notes.tell(format!("`{}` is not a number that can be read ({})", short(&value.peek()), value.path()));
            None
        }
    }
}

fn decimal(value: Value<'_>, notes: &mut Notes, comma: LoneComma) -> Option<Decimal> {
    let found = number(&value.text(), comma)?;
    if found.decided {
        notes.tell(format!("`{}` was read as {} ({})", value.peek(), found.value, value.path()));
    }
    Some(found.value)
}

/// How many. An order line whose quantity cannot be read makes the whole order wrong.
pub(crate) fn quantity(line: &mut OrderLine, notes: &mut Notes, value: Option<Value<'_>>, comma: LoneComma) -> Result<(), Bad> {
    let Some(value) = value else { return Ok(()) };
    let Some(found) = decimal(value, notes, comma) else {
        return Err(Bad::at(value.node(), format!("the quantity `{}` is not a number", short(&value.peek()))));
    };
    line.sources.set("quantity", value.source());
    line.quantity = Some(found);
    Ok(())
}

/// The unit of the quantity.
pub(crate) fn unit_of(line: &mut OrderLine, value: Option<Value<'_>>) {
    let Some(value) = value else { return };
    let written = value.text().into_owned();
    line.sources.set("unit", value.source());
    match known_unit(&written) {
        Some(code) => {
            line.unit_as_written = (code != written).then_some(written);
            line.unit = Some(code.to_owned());
        }
        None => line.unit = Some(written),
    }
}

/// A unit by its code, or by a word: some write `Stück` where a code belongs. Short words look too much like codes of other lists.
fn known_unit(written: &str) -> Option<&'static str> {
    unit(written, UnitList::Rec20).or_else(|| unit(written, UnitList::Words).filter(|_| written.len() > 3))
}

/// The price of one, from a price for so many.
pub(crate) fn price(
    line: &mut OrderLine,
    notes: &mut Notes,
    price: Option<Value<'_>>,
    per: Option<Value<'_>>,
    per_unit: Option<Value<'_>>,
    comma: LoneComma,
) {
    let Some(price) = amount(&mut line.sources, notes, "unit_price", price, comma) else { return };
    let base = per.and_then(|value| match decimal(value, notes, comma) {
        Some(base) if base > Decimal::ZERO => Some((value, base)),
        _ => {
            value.release();
            notes.tell(format!(
                "a price for `{}` of something makes no sense; it was taken for one ({})",
                short(&value.peek()),
                value.path()
            ));
            None
        }
    });
    let base_unit = per_unit.map(|value| {
        let written = value.text().into_owned();
        known_unit(&written).map_or(written, str::to_owned)
    });
    let base_unit = base_unit.filter(|unit| line.unit.as_deref().is_some_and(|of_quantity| of_quantity != unit));
    let count = base.map_or(Decimal::ONE, |(_, base)| base);
    line.unit_price = Some(price);
    if count != Decimal::ONE || base_unit.is_some() {
        if let Some((value, _)) = base {
            line.sources.set("price_as_written.per", value.source());
        }
        line.price_as_written = Some(PriceAsWritten { price, per: count, unit: base_unit });
    }
    if count != Decimal::ONE {
        line.unit_price = price.checked_div(count).map(|price| price.normalize());
    }
}

/// An item number of a kind: the GTIN where it is one, else one of the others.
pub(crate) fn item_number(line: &mut OrderLine, value: Option<Value<'_>>, scheme: Option<&str>) {
    let Some(value) = value else { return };
    let id = value.peek().into_owned();
    let scheme = match scheme {
        Some(code) => codes::item_scheme(code),
        None if codes::is_gtin(&id) => "gtin".to_owned(),
        None => "standard".to_owned(),
    };
    match scheme.as_str() {
        "gtin" if line.gtin.is_none() && codes::looks_like_gtin(&id) => line.gtin = text(&mut line.sources, "gtin", Some(value)),
        "buyer" if line.buyer_item.is_none() => line.buyer_item = text(&mut line.sources, "buyer_item", Some(value)),
        "seller" if line.seller_item.is_none() => line.seller_item = text(&mut line.sources, "seller_item", Some(value)),
        _ => {
            let field = format!("other_items.{}", line.other_items.len());
            let id = text(&mut line.sources, field, Some(value)).unwrap_or_default();
            line.other_items.push(SchemedId { scheme, id });
        }
    }
}

/// The currency, as an ISO 4217 code.
pub(crate) fn currency(order: &mut Order, value: Option<Value<'_>>) {
    if order.currency.is_none() {
        order.currency = text(&mut order.sources, "currency", value).map(|code| code.to_uppercase());
    }
}

/// Remarks, each with its lines. Only the place of the first is kept.
pub(crate) fn notes<'a>(sources: &mut Sources, found: impl Iterator<Item = Value<'a>>) -> Vec<String> {
    let mut notes = Vec::new();
    for value in found {
        if notes.is_empty() {
            sources.set("notes", value.source());
        }
        let note = value.prose();
        if !notes.contains(&note) || notes.len() > 20 {
            notes.push(note);
        }
    }
    notes
}

/// Wanted from one day to another: one day when both are the same or only one is named, else also the bounds.
pub(crate) fn period(order: &mut Order, notes: &mut Notes, start: Option<Value<'_>>, end: Option<Value<'_>>) {
    let from = date(&mut order.sources, notes, "requested_date", start);
    match from {
        None => order.requested_date = date(&mut order.sources, notes, "requested_date", end),
        Some(from) => {
            order.requested_date = Some(from);
            if let Some((value, to)) = end.and_then(|value| Some((value, dates::date(&value.text())?)))
                && to != from
            {
                order.sources.set("latest_date", value.source());
                order.latest_date = Some(to);
                if let Some(value) = start {
                    order.sources.set("earliest_date", value.source());
                }
                order.earliest_date = Some(from);
            }
        }
    }
}

/// The day of the whole order from its lines, where it does not say one itself and all of them want the same.
pub(crate) fn requested_by_all(order: &mut Order) {
    let Some(first) = order.lines.first() else { return };
    let wanted = first.requested_date;
    if order.requested_date.is_none() && wanted.is_some() && order.lines.iter().all(|line| line.requested_date == wanted) {
        if let Some(source) = first.sources.get("requested_date").cloned() {
            order.sources.set("requested_date", source);
        }
        order.requested_date = wanted;
    }
}

/// A company, as it is put together.
pub(crate) struct Company<'s> {
    role: &'static str,
    sources: &'s mut Sources,
    /// What is known of it so far.
    pub(crate) party: OrderParty,
}

impl<'s> Company<'s> {
    /// In a role of the order: `buyer`, `seller`, `ship_to`, `bill_to`.
    pub(crate) fn new(role: &'static str, sources: &'s mut Sources) -> Self {
        Self { role, sources, party: OrderParty::default() }
    }

    /// A number that it is known by; the first is the main one.
    pub(crate) fn id(&mut self, value: Option<Value<'_>>, scheme: Option<&str>) {
        let Some(value) = value else { return };
        let written = value.text().into_owned();
        // Some write the scheme of Peppol into the number: 0088:7300010000001.
        let (scheme, id) = match (scheme, written.split_once(':')) {
            (None, Some((code, id))) if code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit()) && !id.is_empty() => {
                (Some(codes::party_scheme(code)), id.to_owned())
            }
            _ => (scheme.map(codes::party_scheme), written),
        };
        if self.party.id.is_none() {
            self.sources.set(format!("{}.id", self.role), value.source());
            self.party.id = Some(id);
            self.party.scheme = scheme;
            return;
        }
        let scheme = scheme.unwrap_or_default();
        let is_main = self.party.id.as_ref() == Some(&id) && self.party.scheme.clone().unwrap_or_default() == scheme;
        let other = SchemedId { scheme, id };
        if !is_main && !self.party.other_ids.contains(&other) {
            self.sources.set(format!("{}.other_ids.{}", self.role, self.party.other_ids.len()), value.source());
            self.party.other_ids.push(other);
        }
    }

    /// Its name.
    pub(crate) fn name(&mut self, value: Option<Value<'_>>) {
        self.set("name", value, |party| &mut party.name);
    }

    /// A line between name and town.
    pub(crate) fn street(&mut self, value: Option<Value<'_>>) {
        let Some(value) = value else { return };
        if self.party.street.is_empty() {
            self.sources.set(format!("{}.street", self.role), value.source());
        }
        self.party.street.push(value.text().into_owned());
    }

    /// A house number behind the street that was set last.
    pub(crate) fn house_number(&mut self, value: Option<Value<'_>>) {
        let Some(value) = value else { return };
        match self.party.street.last_mut() {
            Some(street) => {
                street.push(' ');
                street.push_str(&value.text());
            }
            None => self.street(Some(value)),
        }
    }

    /// The postal code.
    pub(crate) fn postcode(&mut self, value: Option<Value<'_>>) {
        self.set("postcode", value, |party| &mut party.postcode);
    }

    /// The town.
    pub(crate) fn city(&mut self, value: Option<Value<'_>>) {
        self.set("city", value, |party| &mut party.city);
    }

    /// State or province.
    pub(crate) fn region(&mut self, value: Option<Value<'_>>) {
        self.set("region", value, |party| &mut party.region);
    }

    /// The country, from the first of these that can be read as one. A code says it; a name beside it says it again.
    pub(crate) fn country(&mut self, values: &[Option<Value<'_>>]) {
        let read = values.iter().flatten().find_map(|value| Some((*value, codes::country(&value.peek())?)));
        let Some((value, code)) = read else { return };
        self.sources.set(format!("{}.country", self.role), value.source());
        self.party.country = Some(code.clone());
        for value in values.iter().flatten().filter(|value| codes::country(&value.peek()).as_ref() == Some(&code)) {
            value.text();
        }
    }

    /// A person there.
    pub(crate) fn contact(&mut self, value: Option<Value<'_>>) {
        self.set("contact", value, |party| &mut party.contact);
    }

    /// An e-mail address there.
    pub(crate) fn email(&mut self, value: Option<Value<'_>>) {
        self.set("email", value.filter(|value| value.peek().contains('@')), |party| &mut party.email);
    }

    /// A telephone number there.
    pub(crate) fn phone(&mut self, value: Option<Value<'_>>) {
        self.set("phone", value, |party| &mut party.phone);
    }

    /// A value that is put together from several; its place is that of one of them.
    pub(crate) fn put(&mut self, field: &'static str, value: String, place: Value<'_>, slot: fn(&mut OrderParty) -> &mut Option<String>) {
        if slot(&mut self.party).is_none() && !value.is_empty() {
            self.sources.set(format!("{}.{field}", self.role), place.source());
            *slot(&mut self.party) = Some(value);
        }
    }

    fn set(&mut self, field: &'static str, value: Option<Value<'_>>, slot: fn(&mut OrderParty) -> &mut Option<String>) {
        if let Some(value) = value
            && slot(&mut self.party).is_none()
        {
            self.put(field, value.text().into_owned(), value, slot);
        }
    }

    /// The company, where anything is known of it.
    pub(crate) fn finish(self) -> Option<OrderParty> {
        (self.party != OrderParty::default()).then_some(self.party)
    }
}

/// The beginning of a text, for a message about it.
pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
