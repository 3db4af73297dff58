//! One line: LIN and what follows it.

use std::borrow::Cow;

use jiff::civil::Date;
use loket_core::order::{LineAction, Order, OrderLine, PriceAsWritten, Source, UnitList, unit};
use rust_decimal::Decimal;

use super::keep::{self, Best, Group};
use super::{At, date, head, items, number, text};
use crate::fault::{Fault, code};
use crate::notes::Notes;
use crate::syntax::Segment;

/// Quantities of a line, the best first: ordered, plain, to be delivered; where there is nothing else dispatched, delivered,
/// invoiced.
const QUANTITIES: [&str; 6] = ["21", "1", "113", "12", "46", "47"];
/// The last one of them that somebody orders.
const LAST_ORDERED: u8 = 2;
/// Prices of one unit, the best first: net, gross, net unit price, invoice, calculation, contract price, one of which nobody says
/// what it is; where there is nothing else for information, the same without and with taxes. Never a retail price.
const PRICES: [&str; 10] = ["AAA", "AAB", "NTP", "INV", "CAL", "CON", "", "INF", "AAF", "AAE"];
/// How many of them are what somebody pays.
const PAID: u8 = 7;
/// The price of one unit as an amount (MOA+146), worse than any of the prices that somebody pays.
const UNIT_AMOUNT: u8 = PAID;
/// A price of another kind.
const ANOTHER_PRICE: u8 = 20;
/// Prices that consumers pay (5387).
const RETAIL: [&str; 4] = ["SRP", "RTP", "MSR", "RES"];
/// Amounts of a line, the best first: line item amount, goods item total, invoice item amount, total.
const AMOUNTS: [&str; 4] = ["203", "66", "38", "128"];
/// More decimal places than these a division does not need.
const PLACES: u32 = 12;

/// A line that is being read.
#[derive(Debug)]
pub(super) struct LineDraft {
    line: OrderLine,
    group: Option<Group>,
    quantity: Option<Best>,
    price: Option<Best>,
    amount: Option<Best>,
    requested: Option<Best>,
    /// The quantities to single places or on single days.
    split: Option<(Decimal, Option<String>, u32)>,
    /// The day of every delivery, as long as it is one day.
    split_date: Option<Option<(Date, u32)>>,
    price_unit: Option<String>,
    per: Decimal,
}

impl LineDraft {
    pub(super) fn new(at: At<'_>) -> Self {
        let segment = &at.segment;
        let mut line = OrderLine { number: segment.value(1, 0), ..OrderLine::default() };
        if line.number.is_some() {
            line.sources.set("number", at.source("LIN 1082"));
        }
        // Some write one `+` too many, or one too few.
        let has_item = |element: usize| segment.code(element, 1).bytes().any(|byte| byte.is_ascii_alphabetic());
        let item = match segment.code(3, 0).is_empty() {
            true if has_item(4) => 4,
            true if has_item(2) => 2,
            _ => 3,
        };
        let action = if item == 2 { Cow::Borrowed("") } else { segment.code(2, 0) };
        line.action = match action.as_ref() {
            "1" => Some(LineAction::Add),
            "2" => Some(LineAction::Delete),
            "3" => Some(LineAction::Change),
            "4" => Some(LineAction::None),
            _ => None,
        };
        match line.action {
            Some(_) => line.sources.set("action", at.source("LIN 1229")),
            None if !action.is_empty() => keep::insert(&mut line.extra, "LIN 1229".into(), action.into_owned()),
            None => {}
        }
        items::take(&mut line, at, item, "LIN C212.7140");
        // A part of another line: of what an assortment or a display holds.
        if let Some(indicator) = segment.value(4, 0).filter(|_| item != 4) {
            let parent = segment.code(4, 1);
            keep::insert(&mut line.extra, "LIN C829".into(), format!("{indicator}:{parent}").trim_end_matches(':').into());
        }
        Self {
            line,
            group: None,
            quantity: None,
            price: None,
            amount: None,
            requested: None,
            split: None,
            split_date: None,
            price_unit: None,
            per: Decimal::ONE,
        }
    }

    pub(super) fn take(&mut self, at: At<'_>, order: &mut Order, notes: &mut Notes) -> Result<(), Fault> {
        let segment = &at.segment;
        if self.group.as_ref().is_some_and(|group| !group.holds(&segment.tag)) {
            self.group = None;
        }
        match &segment.tag {
            b"PIA" => self.item_numbers(at),
            b"IMD" => self.describe(at),
            b"QTY" => return self.quantity(at),
            b"PRI" => self.price(at, notes),
            b"MOA" => self.amount(at, order, notes),
            b"DTM" => self.date(at, notes),
            b"CUX" => self.currency(at, order, notes),
            b"FTX" if self.group.is_none() && segment.is(1, 0, "AFM") && self.line.description.is_none() => self.title(at),
            b"FTX" if self.group.is_none() => text::note(at, &mut self.line.notes, &mut self.line.sources, &mut self.line.extra),
            b"RFF" if self.group.as_ref().is_some_and(|group| group.tag == *b"RFF") => {
                self.group = None;
                self.keep(at);
            }
            _ => self.keep(at),
        }
        Ok(())
    }

    /// The line as it is known at its end.
    pub(super) fn finish(mut self, notes: &mut Notes) -> OrderLine {
        if self.line.quantity.is_none()
            && let Some((quantity, unit, segment)) = self.split.take()
        {
            self.line.quantity = Some(quantity);
            self.line.sources.set("quantity", Source::element(segment, "QTY C186.6060"));
            self.set_unit(unit, segment);
        }
        if self.line.requested_date.is_none()
            && let Some((day, segment)) = self.split_date.take().flatten()
        {
            self.line.requested_date = Some(day);
            self.line.sources.set("requested_date", Source::element(segment, "DTM C507.2380"));
        }
        self.settle_price();
        for (best, last, of) in [(&self.quantity, LAST_ORDERED, "quantity"), (&self.price, UNIT_AMOUNT, "price")] {
            if let Some((name, _)) = best.as_ref().filter(|best| best.rank > last).and_then(|best| best.entry.as_ref()) {
                notes.add(format!("lines have no better {of} than {name}"));
            }
        }
        self.line
    }

    fn keep(&mut self, at: At<'_>) {
        keep::keep_in_group(&mut self.group, &mut self.line.extra, &at.segment);
    }

    /// Whether the segments at hand are about one of several deliveries.
    fn is_split(&self) -> bool {
        self.group.as_ref().is_some_and(|group| matches!(&group.tag, b"LOC" | b"SCC"))
    }

    fn item_numbers(&mut self, at: At<'_>) {
        // Substitutes (2, 3, 4) are other items.
        if matches!(at.segment.code(1, 0).as_ref(), "2" | "3" | "4") {
            return self.keep(at);
        }
        for element in 2..=at.segment.elements() {
            items::take(&mut self.line, at, element, "PIA C212.7140");
        }
    }

    fn describe(&mut self, at: At<'_>) {
        let segment = &at.segment;
        let pieces = description(segment);
        if pieces.is_empty() {
            return self.keep(at);
        }
        let description = self.line.description.get_or_insert_default();
        text::join(description, &text::joined(&pieces), 0);
        if self.line.sources.get("description").is_none() {
            self.line.sources.set("description", at.source("IMD C273.7008"));
        }
    }

    /// FTX+AFM: the title of what is ordered.
    fn title(&mut self, at: At<'_>) {
        let pieces = text::components(&at.segment, 4, 0, 5);
        if pieces.is_empty() {
            return self.keep(at);
        }
        self.line.description = Some(text::joined(&pieces));
        self.line.sources.set("description", at.source("FTX+AFM C108.4440"));
    }

    /// The currency of a line's prices: the order's, where the order has not named one.
    fn currency(&mut self, at: At<'_>, order: &mut Order, notes: &mut Notes) {
        let Some((code, _)) = head::currency_code(&at.segment) else { return self.keep(at) };
        if order.currency.as_ref() == Some(&code) {
            return;
        }
        if let Some(other) = &order.currency {
            let line = self.line.number.as_deref().unwrap_or("?");
            notes.add(format!("line {line}: its currency is {code}, the order's is {other}"));
            return self.keep(at);
        }
        order.currency = Some(code);
        order.sources.set("currency", at.source("CUX C504.6345"));
    }

    fn quantity(&mut self, at: At<'_>) -> Result<(), Fault> {
        let segment = &at.segment;
        let written = segment.code(1, 1);
        let rank = QUANTITIES.iter().position(|one| segment.is(1, 0, one)).and_then(|rank| u8::try_from(rank).ok());
        // A part of it says so itself (11), wherever it stands.
        let is_part = segment.is(1, 0, "11");
        if self.is_split() || is_part {
            let amount = number::decimal(&written).filter(|_| rank.is_some() || is_part);
            if let Some(amount) = amount {
                let (sum, unit, place) = self.split.take().unwrap_or((Decimal::ZERO, segment.value(1, 2), at.number));
                self.split = sum.checked_add(amount).map(|sum| (sum, unit, place));
            }
            self.keep(at);
            return Ok(());
        }
        let in_allowance = self.group.as_ref().is_some_and(|group| group.tag == *b"ALC");
        let Some(rank) = rank.filter(|_| !in_allowance && !written.is_empty()) else {
            self.keep(at);
            return Ok(());
        };
        let Some(quantity) = number::decimal(&written) else {
            return Err(at.fault("C186.6060", (2, 2), code::INVALID_VALUE, format!("`{written}` is not a quantity")));
        };
        if keep::offer(&mut self.quantity, rank, segment, &mut self.line.extra) {
            self.line.quantity = Some(quantity);
            self.line.sources.set("quantity", at.source("QTY C186.6060"));
            self.set_unit(segment.value(1, 2), at.number);
        }
        Ok(())
    }

    fn set_unit(&mut self, written: Option<String>, segment: u32) {
        let Some(written) = written else { return };
        self.line.sources.set("unit", Source::element(segment, "QTY C186.6411"));
        let (unit, as_written) = common(written);
        (self.line.unit, self.line.unit_as_written) = (Some(unit), as_written);
    }

    fn price(&mut self, at: At<'_>, notes: &mut Notes) {
        let segment = &at.segment;
        let written = segment.code(1, 1);
        let qualifier = segment.code(1, 0);
        let known = PRICES.iter().position(|one| qualifier.eq_ignore_ascii_case(one)).and_then(|rank| u8::try_from(rank).ok());
        // Worse than the amount of a unit, unless it is what somebody pays.
        let rank = known.map_or(ANOTHER_PRICE, |rank| if rank < PAID { rank } else { rank + 1 });
        let retail = |component| RETAIL.iter().any(|one| segment.is(1, component, one));
        if written.is_empty() || rank >= PAID && (retail(0) || retail(2) || retail(3)) {
            return self.keep(at);
        }
        let Some(price) = number::decimal(&written) else {
            let line = self.line.number.as_deref().unwrap_or("?");
            notes.add(format!("line {line}: the price `{written}` (PRI) cannot be read"));
            return self.keep(at);
        };
        let basis = segment.code(1, 4);
        let per = match number::decimal(&basis) {
            Some(per) if per > Decimal::ZERO => per,
            // What stands there by mistake is a code or a unit.
            None if !basis.bytes().any(|byte| byte.is_ascii_digit()) => Decimal::ONE,
            _ => {
                let line = self.line.number.as_deref().unwrap_or("?");
                notes.add(format!("line {line}: the price is said to be per `{basis}`; taken as per 1"));
                Decimal::ONE
            }
        };
        self.group = Some(Group::opened_by(segment));
        if keep::offer(&mut self.price, rank, segment, &mut self.line.extra) {
            self.line.unit_price = Some(price);
            self.line.sources.set("unit_price", at.source("PRI C509.5118"));
            self.per = per;
            self.price_unit = segment.value(1, 5).map(|unit| common(unit).0);
        }
    }

    /// The price of one unit, and the price as written where that is another one.
    fn settle_price(&mut self) {
        let Some(price) = self.line.unit_price else { return };
        let unit = self.price_unit.take().filter(|unit| self.line.unit.as_ref() != Some(unit));
        if self.per == Decimal::ONE && unit.is_none() {
            return;
        }
        self.line.price_as_written = Some(PriceAsWritten { price, per: self.per, unit });
        if self.per != Decimal::ONE {
            self.line.unit_price = price.checked_div(self.per).map(|price| price.round_dp(PLACES).normalize());
        }
    }

    fn amount(&mut self, at: At<'_>, order: &mut Order, notes: &mut Notes) {
        let segment = &at.segment;
        if segment.is(1, 0, "146") {
            return self.unit_amount(at, order);
        }
        let rank = AMOUNTS.iter().position(|one| segment.is(1, 0, one)).and_then(|rank| u8::try_from(rank).ok());
        let grouped = self.group.as_ref().is_some_and(|group| group.holds(&segment.tag));
        // Of an allowance or a tax, unless it says that it is the line's.
        let Some(rank) = rank.filter(|rank| !grouped || *rank == 0) else { return self.keep(at) };
        let written = segment.code(1, 1);
        let Some(total) = number::decimal(&written) else {
            if !written.is_empty() {
                let line = self.line.number.as_deref().unwrap_or("?");
                notes.add(format!("line {line}: the amount `{written}` (MOA) cannot be read"));
            }
            return self.keep(at);
        };
        head::currency_of_amount(order, at);
        if keep::offer(&mut self.amount, rank, segment, &mut self.line.extra) {
            self.line.total = Some(total);
            self.line.sources.set("total", at.source("MOA C516.5004"));
        }
    }

    /// MOA+146: the price of one unit.
    fn unit_amount(&mut self, at: At<'_>, order: &mut Order) {
        let segment = &at.segment;
        let grouped = self.group.as_ref().is_some_and(|group| group.holds(&segment.tag));
        let Some(price) = number::decimal(&segment.code(1, 1)).filter(|_| !grouped) else { return self.keep(at) };
        head::currency_of_amount(order, at);
        if keep::offer(&mut self.price, UNIT_AMOUNT, segment, &mut self.line.extra) {
            self.line.unit_price = Some(price);
            self.line.sources.set("unit_price", at.source("MOA C516.5004"));
            (self.per, self.price_unit) = (Decimal::ONE, None);
        }
    }

    fn date(&mut self, at: At<'_>, notes: &mut Notes) {
        let segment = &at.segment;
        let Some(rank) = head::wanted(&segment.code(1, 0)) else { return self.keep(at) };
        let span = date::of_segment(segment);
        let elsewhere = self.group.as_ref().is_some_and(|group| group.holds(&segment.tag) && !matches!(&group.tag, b"RFF" | b"PRI"));
        match span {
            // One of several deliveries: the line's day only if it is the day of all.
            Some(span) if self.is_split() && span.to.is_none() => {
                let one = self.split_date.unwrap_or(Some((span.from, at.number)));
                self.split_date = Some(one.filter(|(day, _)| *day == span.from));
                self.keep(at);
            }
            Some(span) if !elsewhere && span.to.is_none() => {
                if keep::offer(&mut self.requested, rank, segment, &mut self.line.extra) {
                    self.line.requested_date = Some(span.from);
                    self.line.sources.set("requested_date", at.source("DTM C507.2380"));
                }
            }
            None if !elsewhere && !segment.is(1, 2, "401") && !segment.code(1, 1).trim_matches('0').is_empty() => {
                let line = self.line.number.as_deref().unwrap_or("?");
                notes.add(format!("line {line}: the date `{}` (DTM) cannot be read", segment.code(1, 1)));
                keep::keep(&mut self.line.extra, segment);
            }
            _ => self.keep(at),
        }
    }
}

/// What an IMD says in words. Some leave a separator away or write one too many.
fn description(segment: &Segment<'_>) -> Vec<String> {
    let pieces = [3, 2, 4].into_iter().map(|element| text::components(segment, element, 3, 5)).find(|pieces| !pieces.is_empty());
    if let Some(pieces) = pieces {
        return pieces;
    }
    // Free text where a code should be: as an element too many, one component too early, or in the code's own place.
    let in_words = |element, component| segment.text(element, component).filter(|text| text.chars().count() > 3);
    let is_free = ["A", "E", "F"].iter().any(|form| segment.is(1, 0, form));
    let text = in_words(3, 2).or_else(|| in_words(4, 0));
    text.or_else(|| segment.text(3, 0).filter(|_| is_free)).into_iter().collect()
}

/// A unit by its code in Recommendation 20, and the sender's own where that is another one.
fn common(written: String) -> (String, Option<String>) {
    match unit(&written, UnitList::Edifact) {
        Some(code) if code != written => (code.to_owned(), Some(written)),
        _ => (written, None),
    }
}
