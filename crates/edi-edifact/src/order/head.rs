//! What stands before the lines, and what stands after them.

use jiff::civil::Date;
use loket_core::order::{Order, OrderKind};

use super::date::{self, Span};
use super::keep::{self, Best, Group};
use super::{At, Draft, Reference, number, party, text};
use crate::syntax::Segment;

/// Which values some fields have until a better one comes.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    order_date: Option<Best>,
    requested: Option<Best>,
    earliest: Option<Best>,
    latest: Option<Best>,
    currency: Option<Best>,
    total: Option<Best>,
    pub(super) parties: [Option<Best>; 4],
}

/// Amounts of the whole order, the best first: message total, sum of the lines, total, invoice total, invoice amount, amount due,
/// taxable amount.
const TOTALS: [&str; 7] = ["86", "79", "128", "39", "77", "9", "125"];

/// Days that the buyer names for the goods, the best first: delivery and shipment as requested; where there is nothing else the
/// delivery as scheduled, promised, planned and estimated, and the dispatch.
const WANTED: [&str; 7] = ["2", "10", "76", "69", "67", "17", "11"];

/// How well a kind of date fits as the day on which the buyer wants the goods: 0 is best.
pub(super) fn wanted(qualifier: &str) -> Option<u8> {
    WANTED.iter().position(|one| *one == qualifier).and_then(|rank| u8::try_from(rank).ok())
}

/// Whether an amount can only be the whole order's, wherever it stands.
pub(super) fn is_summary_amount(segment: &Segment<'_>) -> bool {
    ["86", "79", "39", "77", "9"].contains(&segment.code(1, 0).as_ref())
}

impl Draft {
    pub(super) fn take_head(&mut self, at: At<'_>) {
        let segment = &at.segment;
        let tag = &segment.tag;
        if self.group.as_ref().is_some_and(|group| !group.holds(tag)) {
            self.group = None;
            self.party = None;
        }
        match tag {
            b"BGM" => self.begin(at),
            b"DTM" => self.date(at),
            b"NAD" => self.party(at),
            b"CTA" | b"COM" if self.party.is_some() => self.contact(at),
            b"RFF" => self.refer(at),
            b"CUX" => self.currency(at),
            b"FTX" if self.group.is_none() => text::note(at, &mut self.order.notes, &mut self.order.sources, &mut self.order.extra),
            b"MOA" => self.amount(at),
            b"LOC" => self.place(at),
            _ => self.keep(at),
        }
    }

    /// Keeps a segment that has no field: with the group that it belongs to, or as the start of one.
    pub(super) fn keep(&mut self, at: At<'_>) {
        keep::keep_in_group(&mut self.group, &mut self.order.extra, &at.segment);
    }

    fn begin(&mut self, at: At<'_>) {
        let segment = &at.segment;
        if std::mem::replace(&mut self.has_begin, true) {
            self.notes.add("it has more than one BGM; the first one counts");
            return self.keep(at);
        }
        self.number = segment.value(2, 0).map(|number| (number, at.number));
        self.order.revision = segment.value(2, 2).or_else(|| segment.value(2, 1));
        if self.order.revision.is_some() {
            let element = if segment.code(2, 2).is_empty() { "BGM C106.1056" } else { "BGM C106.1060" };
            self.order.sources.set("revision", at.source(element));
        }
        for (key, element, component) in [("BGM 1001", 1, 0), ("BGM 1000", 1, 3), ("BGM 1225", 3, 0), ("BGM 4343", 4, 0)] {
            if let Some(value) = segment.value(element, component) {
                self.order.extra.insert(key.into(), value.into());
            }
        }
        let function = segment.code(3, 0);
        let kind = match function.as_ref() {
            // Cancellation, deletion, to be reissued.
            "1" | "3" | "17" => OrderKind::Cancel,
            // Change, replace, parts of it.
            "4" | "5" | "20" | "21" | "33" | "36" => OrderKind::Change,
            _ => self.order.kind,
        };
        if kind != self.order.kind {
            self.order.kind = kind;
            self.order.sources.set("kind", at.source("BGM 1225"));
        }
        match function.as_ref() {
            "7" => self.notes.add("its sender marks it as a duplicate (BGM 1225 = 7)"),
            "31" => self.notes.add("its sender marks it as a copy (BGM 1225 = 31)"),
            _ => {}
        }
    }

    fn date(&mut self, at: At<'_>) {
        let segment = &at.segment;
        let qualifier = segment.code(1, 0);
        // In these groups a date is the group's: a term of payment, a delivery to one of many places.
        let elsewhere = self.group.as_ref().is_some_and(|group| matches!(&group.tag, b"PAT" | b"LOC" | b"ALC" | b"TAX" | b"PAC"));
        let ranks = &mut self.ranks;
        let (field, best, rank) = match qualifier.as_ref() {
            "137" => (Field::Order, &mut ranks.order_date, 0),
            "4" => (Field::Order, &mut ranks.order_date, 1),
            // Deliver, or else ship, not before and not after.
            "64" => (Field::Earliest, &mut ranks.earliest, 0),
            "37" => (Field::Earliest, &mut ranks.earliest, 1),
            "63" => (Field::Latest, &mut ranks.latest, 0),
            "38" => (Field::Latest, &mut ranks.latest, 1),
            // Cancel if not delivered by then.
            "61" => (Field::Latest, &mut ranks.latest, 2),
            other => match wanted(other) {
                Some(rank) => (Field::Requested, &mut ranks.requested, rank),
                None => return self.keep(at),
            },
        };
        if elsewhere {
            return self.keep(at);
        }
        match date::of_segment(segment) {
            Some(span) => {
                if keep::offer(best, rank, segment, &mut self.order.extra) {
                    field.set(&mut self.order, span, at);
                }
            }
            // All zeros: none.
            None if segment.code(1, 1).trim_matches('0').is_empty() => {}
            // A time of day alone.
            None if segment.is(1, 2, "401") => keep::keep(&mut self.order.extra, segment),
            None => {
                self.notes.add(format!("the date `{}` (DTM+{qualifier}) cannot be read", segment.code(1, 1)));
                keep::keep(&mut self.order.extra, segment);
            }
        }
    }

    fn refer(&mut self, at: At<'_>) {
        let segment = &at.segment;
        let qualifier = segment.code(1, 0).to_ascii_uppercase();
        // The order's own number, the buyer's, the original one, the one before.
        if let Some(rank) = ["ON", "CO", "OP", "PW"].iter().position(|one| *one == qualifier).and_then(|rank| u8::try_from(rank).ok())
            && let Some(number) = segment.value(1, 1)
        {
            if self.reference.as_ref().is_none_or(|reference| rank < reference.rank) {
                self.reference = Some(Reference { rank, number, segment: at.number });
            }
            self.group = None;
            self.party = None;
            return self.keep(at);
        }
        match self.party {
            Some(role) => party::other_id(role.of(&mut self.order), segment),
            None => {
                if self.group.as_ref().is_some_and(|group| group.tag == *b"RFF") {
                    self.group = None;
                }
                self.keep(at);
            }
        }
    }

    fn currency(&mut self, at: At<'_>) {
        let segment = &at.segment;
        let Some((code, rank)) = currency_code(segment) else { return self.keep(at) };
        self.group = Some(Group::opened_by(segment));
        if keep::offer(&mut self.ranks.currency, rank, segment, &mut self.order.extra) {
            self.order.currency = Some(code);
            self.order.sources.set("currency", at.source("CUX C504.6345"));
            // The rate and the other currency, where there are any.
            if segment.elements() > 1 {
                keep::keep(&mut self.order.extra, segment);
            }
        }
    }

    pub(super) fn amount(&mut self, at: At<'_>) {
        let segment = &at.segment;
        let grouped = self.group.as_ref().is_some_and(|group| group.holds(&segment.tag));
        let rank = TOTALS.iter().position(|one| segment.is(1, 0, one)).and_then(|rank| u8::try_from(rank).ok());
        let (Some(rank), false) = (rank, grouped) else { return self.keep(at) };
        let Some(total) = number::decimal(&segment.code(1, 1)) else {
            if !segment.code(1, 1).is_empty() {
                self.notes.add(format!("the amount `{}` (MOA) cannot be read", segment.code(1, 1)));
            }
            return self.keep(at);
        };
        currency_of_amount(&mut self.order, at);
        if keep::offer(&mut self.ranks.total, rank, segment, &mut self.order.extra) {
            self.order.total = Some(total);
            self.order.sources.set("total", at.source("MOA C516.5004"));
        }
    }
}

/// The currency in a CUX: the one of reference, or else the first; and how well it fits, 0 is best.
pub(super) fn currency_code(segment: &Segment<'_>) -> Option<(String, u8)> {
    let reference = (1..=segment.elements().min(2)).find(|element| segment.is(*element, 0, "2"));
    let (element, rank) = reference.map_or((1, 1), |element| (element, 0));
    segment.value(element, 1).map(|code| (code.to_ascii_uppercase(), rank))
}

/// The currency of an amount, where the order has not named one.
pub(super) fn currency_of_amount(order: &mut Order, at: At<'_>) {
    if order.currency.is_none()
        && let Some(code) = at.segment.value(1, 2)
    {
        order.currency = Some(code.to_ascii_uppercase());
        order.sources.set("currency", at.source("MOA C516.6345"));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Order,
    Requested,
    Earliest,
    Latest,
}

impl Field {
    fn set(self, order: &mut Order, span: Span, at: At<'_>) {
        let mut put = |slot: &mut Option<Date>, name: &'static str, day: Date| {
            *slot = Some(day);
            order.sources.set(name, at.source("DTM C507.2380"));
        };
        match (self, span.to) {
            (Self::Order, _) => put(&mut order.order_date, "order_date", span.from),
            // A period: not before its first day, not after its last.
            (Self::Requested, Some(to)) => {
                put(&mut order.earliest_date, "earliest_date", span.from);
                put(&mut order.latest_date, "latest_date", to);
            }
            (Self::Requested, None) => put(&mut order.requested_date, "requested_date", span.from),
            (Self::Earliest, _) => put(&mut order.earliest_date, "earliest_date", span.from),
            (Self::Latest, to) => put(&mut order.latest_date, "latest_date", to.unwrap_or(span.from)),
        }
    }
}
