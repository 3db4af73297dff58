//! Lines: PO1 of an 850, POC of an 860, G68 of an 875, and what follows each of them.

use std::collections::BTreeMap;

use loket_core::order::{OrderLine, Source};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::dates::{self, Dates};
use super::kept::Kept;
use super::{Area, Builder, amount, codes};
use crate::fault::Fault;
use crate::syntax::Segment;
use crate::value;

/// A line that is being read.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) line: OrderLine,
    pub(super) kept: Kept,
    pub(super) dates: Dates,
    /// The seller's number is a style's.
    pub(super) style_only: bool,
    /// What it is, in the sender's words: in general, and by aspect (colour, size).
    words: Vec<String>,
    aspects: Vec<String>,
    description_source: Option<Source>,
    /// The price of a CTP that counts where the line itself has none.
    other_price: Option<(Decimal, String, Source)>,
    /// How much each store gets.
    stores: BTreeMap<String, Decimal>,
    stores_source: Option<(Source, String)>,
    pub(super) schedules: Dates,
    /// How much is to come on some day or other, and where the first part and its unit stood.
    scheduled: Option<Decimal>,
    schedule_source: Option<(Source, String)>,
    in_subline: bool,
}

/// The kinds of price (data element 236) that a buyer pays: unit cost, net, contract, unit catalogue, wholesale, dealer's, quoted, invoiced,
/// and one that is not said to be another. Retail prices are not.
const PAID: [&[u8]; 9] = [b"UCP", b"NET", b"CON", b"CUP", b"WHL", b"DPR", b"QTE", b"INV", b""];

/// The kinds of description (data element 750) that say what a thing is, and not which colour it has.
const GENERAL: [&[u8]; 4] = [b"", b"08", b"GEN", b"MC"];

impl Builder<'_> {
    pub(super) fn open_line(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        self.close_line();
        self.area = Area::Line;
        self.draft_count += 1;
        let mut draft = Draft::default();
        let number = self.number;
        let (quantity, unit, price, basis) = match segment.tag() {
            b"POC" => {
                draft.line.number = segment.code(1);
                let action = segment.code_or_empty(2);
                draft.line.action = codes::action(&action);
                draft.line.sources.set("action", Source::element(number, "POC02"));
                draft.kept.add("POC02".into(), action.into());
                ((3, "POC03"), (5, "POC05"), (6, "POC06"), (7, "POC07"))
            }
            b"G68" => ((1, "G6801"), (2, "G6802"), (3, "G6803"), (0, "")),
            _ => {
                draft.line.number = segment.code(1);
                ((2, "PO102"), (3, "PO103"), (4, "PO104"), (5, "PO105"))
            }
        };
        if draft.line.number.is_some() {
            let name = if segment.tag() == b"POC" { "POC01" } else { "PO101" };
            draft.line.sources.set("number", Source::element(number, name));
        }
        if let Some(amount) = amount(segment, quantity.0, number, "quantity")? {
            draft.line.quantity = Some(amount);
            draft.line.sources.set("quantity", Source::element(number, quantity.1));
        }
        if segment.tag() == b"POC"
            && let Some(left) = amount(segment, 4, number, "quantity left to receive").ok().flatten()
        {
            draft.kept.add("POC04".into(), left.to_string().into());
            // A change that names only what is still to come asks for that.
            if draft.line.quantity.is_none() {
                draft.line.quantity = Some(left);
                draft.line.sources.set("quantity", Source::element(number, "POC04"));
            }
        }
        for (element, name) in [quantity, price] {
            if value::is_unclear(segment.element(element))
                && let Ok(Some(amount)) = segment.number(element)
            {
                let written = segment.code_or_empty(element);
                self.note(format!("{name} of line {} is {written}, which is read as {amount}", self.draft_count));
            }
        }
        let written = value::code(segment.first_component(unit.0), false);
        if !written.is_empty() {
            draft.set_unit(written, Source::element(number, unit.1));
        }
        let code = if basis.0 > 0 { segment.code_or_empty(basis.0) } else { String::new() };
        if !code.is_empty() {
            draft.kept.add(basis.1.into(), code.clone().into());
        }
        match segment.number(price.0) {
            Ok(Some(amount)) => draft.set_price(amount, &code, Source::element(number, price.1)),
            Ok(None) => {}
            // Some write words: TBD, NC.
            Err(_) => {
                let words = segment.code_or_empty(price.0);
                draft.kept.add(price.1.into(), words.clone().into());
                self.note(format!("{} of line {} is not a number: {words}", price.1, self.draft_count));
            }
        }
        match segment.tag() {
            b"POC" => draft.take_items(segment, number, 8),
            b"G68" => {
                draft.take_items(segment, number, 5);
                if let Some(code) = segment.code(4) {
                    draft.take_case_code(code, number);
                }
                if let Some(bracket) = segment.code(9) {
                    draft.kept.add("G6809".into(), bracket.into());
                }
            }
            _ => draft.take_items(segment, number, 6),
        }
        self.draft = Some(draft);
        Ok(())
    }

    /// Whether a segment belongs to a subline (the parts of a kit): it is kept with it, and says nothing of the line.
    pub(super) fn in_subline(&mut self, segment: &Segment<'_>) -> bool {
        let Some(draft) = self.draft.as_mut().filter(|draft| draft.in_subline) else { return false };
        if matches!(segment.tag(), b"PO1" | b"POC" | b"G68" | b"CTT" | b"G76" | b"SE" | b"AMT") {
            return false;
        }
        draft.kept.add("SLN".into(), segment.rest(0).into());
        self.kept_count += 1;
        true
    }

    pub(super) fn line_goes_on(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let number = self.number;
        let Some(draft) = &mut self.draft else {
            self.keep(segment);
            return Ok(());
        };
        match segment.tag() {
            b"PID" => {
                self.kept_count += 1;
                if let Some(text) = segment.text(5).or_else(|| segment.text(4)) {
                    draft.describe(text, GENERAL.contains(&segment.element(2)), Source::element(number, "PID05"));
                }
                if !GENERAL.contains(&segment.element(2)) {
                    self.keep_qualified(segment, 2, 5);
                }
            }
            b"G69" => {
                if let Some(text) = segment.text(1) {
                    draft.describe(text, true, Source::element(number, "G6901"));
                }
            }
            b"LIN" => draft.take_items(segment, number, 2),
            b"CTP" => {
                if PAID.contains(&segment.element(2))
                    && segment.element(1) != b"RS"
                    && draft.other_price.is_none()
                    && let Ok(Some(price)) = segment.number(3)
                {
                    draft.other_price = Some((price, segment.code_or_empty(9), Source::element(number, "CTP03")));
                }
                self.keep_qualified(segment, 2, 3);
            }
            b"SDQ" => self.kept_count += draft.take_stores(segment, number)?,
            b"SCH" => {
                if let Some(dated) = dates::scheduled(segment, number) {
                    draft.schedules.add(dated);
                }
                if let Ok(Some(part)) = segment.number(1) {
                    draft.scheduled = draft.scheduled.unwrap_or_default().checked_add(part);
                    draft.schedule_source.get_or_insert((Source::element(number, "SCH01"), segment.code_or_empty(2)));
                }
                self.keep(segment);
            }
            b"SLN" => {
                draft.in_subline = true;
                draft.kept.add("SLN".into(), segment.rest(0).into());
            }
            b"REF" | b"TAX" | b"MEA" | b"MAN" | b"QTY" | b"PER" => self.keep_qualified(segment, 1, 2),
            _ => self.keep(segment),
        }
        Ok(())
    }

    pub(super) fn close_line(&mut self) {
        self.close_party();
        let Some(draft) = self.draft.take() else { return };
        let place = self.order.lines.len() + 1;
        let (line, note) = draft.finish(place);
        if let Some(note) = note {
            self.note(note);
        }
        self.order.lines.push(line);
    }
}

impl Draft {
    fn set_unit(&mut self, written: String, source: Source) {
        let (unit, as_written) = codes::unit_of(written);
        (self.line.unit, self.line.unit_as_written) = (Some(unit), as_written);
        self.line.sources.set("unit", source);
    }

    fn describe(&mut self, text: String, general: bool, source: Source) {
        if general || self.description_source.is_none() {
            if general && self.words.is_empty() {
                self.description_source = Some(source);
            } else {
                self.description_source.get_or_insert(source);
            }
        }
        if general { self.words.push(text) } else { self.aspects.push(text) }
    }

    fn take_stores(&mut self, segment: &Segment<'_>, number: u32) -> Result<usize, Fault> {
        let mut count = 0;
        for store in (3..segment.len().min(23)).step_by(2) {
            let Some(id) = segment.code(store) else { continue };
            let quantity = amount(segment, store + 1, number, "quantity")?.unwrap_or_default();
            let sum = self.stores.entry(id).or_default();
            *sum = sum.checked_add(quantity).unwrap_or(*sum);
            count += 1;
        }
        if self.stores_source.is_none() {
            self.stores_source = Some((Source::element(number, "SDQ04"), segment.code_or_empty(1)));
            if let Some(qualifier) = segment.code(2) {
                self.kept.add("SDQ02".into(), qualifier.into());
            }
        }
        Ok(count)
    }

    fn finish(mut self, place: usize) -> (OrderLine, Option<String>) {
        let mut note = None;
        if let Some((source, unit)) = self.stores_source.take() {
            let sum = self.stores.values().try_fold(Decimal::ZERO, |sum, quantity| sum.checked_add(*quantity)).unwrap_or_default();
            if self.line.unit.is_none() && !unit.is_empty() {
                self.set_unit(unit, source.clone());
            }
            match self.line.quantity {
                // Some write 0 there and leave it to the stores.
                quantity if quantity.is_none_or(|quantity| quantity.is_zero()) => {
                    self.line.quantity = Some(sum);
                    self.line.sources.set("quantity", source);
                }
                Some(quantity) if quantity != sum => {
                    note = Some(format!("line {place} orders {quantity}, its stores (SDQ) get {sum} together"));
                }
                _ => {}
            }
            let stores: Map<String, Value> =
                self.stores.iter().map(|(store, quantity)| (store.clone(), quantity.to_string().into())).collect();
            self.kept.add("SDQ".into(), stores.into());
        }
        if let Some((source, unit)) = self.schedule_source.take()
            && self.line.quantity.is_none()
        {
            if self.line.unit.is_none() && !unit.is_empty() {
                self.set_unit(unit, source.clone());
            }
            self.line.quantity = self.scheduled;
            self.line.sources.set("quantity", source);
        }
        if self.line.unit_price.is_none()
            && self.line.price_as_written.is_none()
            && let Some((price, basis, source)) = self.other_price.take()
        {
            self.set_price(price, &basis, source);
        }
        let words = if self.words.is_empty() { &self.aspects } else { &self.words };
        if !words.is_empty() {
            self.line.description = Some(words.join(" "));
            if let Some(source) = self.description_source.take() {
                self.line.sources.set("description", source);
            }
        } else if let Some(named) = self.line.other_items.iter().find(|other| other.scheme == "PD") {
            // Words among the item's numbers.
            self.line.description = Some(named.id.clone());
        }
        if let Some(date) = self.schedules.single() {
            self.dates.add_missing(date);
        }
        let mut line = self.line;
        self.dates.of_line(&mut line, &mut self.kept);
        line.extra = self.kept.into_map();
        (line, note)
    }
}
