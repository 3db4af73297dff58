//! The dates of an order or of a line (DTM, in an 875 G62): which one counts for what.

use jiff::civil::Date;
use loket_core::order::{Order, OrderLine, Source};

use super::kept::Kept;
use crate::syntax::Segment;
use crate::value;

/// A date as it stood.
#[derive(Clone, Debug)]
pub(super) struct Dated {
    tag: String,
    /// Data element 374, three digits; 432 in a G62 has the same numbers with two.
    qualifier: String,
    date: Option<Date>,
    written: String,
    source: Source,
}

/// Dates in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Dates(Vec<Dated>);

/// When the buyer wants it: delivery requested, required by, required delivery; where there is only that, ship or pick-up.
const REQUESTED: [&str; 5] = ["002", "106", "996", "010", "118"];

/// Not before: do not deliver before, deliver from then on, ship not before, ship from then on.
const EARLIEST: [&str; 4] = ["064", "071", "037", "081"];

/// Not after: do not deliver after, deliver up to then, ship no later, ship up to then, cancel if not there by, cancel if not shipped by.
const LATEST: [&str; 6] = ["063", "074", "038", "084", "001", "061"];

/// The day of the order, where its head has none.
const ORDERED: [&str; 1] = ["004"];

/// The date in a segment.
pub(super) fn read(segment: &Segment<'_>, source: Source) -> Dated {
    let qualifier = segment.code_or_empty(1);
    let date = match (segment.element(2), segment.element(5)) {
        // DTM05 and 06: a format and the date in it, or the century of an older version.
        (b"", b"D8" | b"DT" | b"RD8") => value::date(segment.element(6).split(|&byte| byte == b'-').next().unwrap_or_default(), b""),
        (day, century) => value::date(day, century),
    };
    let qualifier = if qualifier.len() == 2 { format!("0{qualifier}") } else { qualifier };
    Dated { tag: segment.tag_text(), qualifier, date, written: segment.rest(2), source }
}

/// The date in a schedule (SCH) of a line.
pub(super) fn scheduled(segment: &Segment<'_>, number: u32) -> Option<Dated> {
    // Some put one separator too many before both.
    let qualifier = if segment.element(5).is_empty() { 6 } else { 5 };
    let date = value::date(segment.element(qualifier + 1), b"")?;
    let source = Source::element(number, if qualifier == 5 { "SCH06" } else { "SCH07" });
    Some(Dated { tag: "SCH".into(), qualifier: segment.code_or_empty(qualifier), date: Some(date), written: String::new(), source })
}

impl Dates {
    /// The one date that all of them say, as one that counts as requested.
    pub(super) fn single(&self) -> Option<Dated> {
        let first = self.0.first()?;
        let same = self.0.iter().all(|other| other.date == first.date) && REQUESTED.contains(&first.qualifier.as_str());
        same.then(|| first.clone())
    }

    /// Adds one, unless there is a requested date.
    pub(super) fn add_missing(&mut self, date: Dated) {
        if !self.0.iter().any(|other| other.date.is_some() && REQUESTED.contains(&other.qualifier.as_str())) {
            self.0.push(date);
        }
    }

    /// Adds one.
    pub(super) fn add(&mut self, date: Dated) {
        self.0.push(date);
    }

    /// Takes out the first one whose qualifier comes first in the list.
    fn take(&mut self, qualifiers: &[&str]) -> Option<(Date, Source)> {
        let rank = |dated: &Dated| qualifiers.iter().position(|qualifier| *qualifier == dated.qualifier);
        let best =
            self.0.iter().enumerate().filter(|(_, dated)| dated.date.is_some()).filter_map(|(at, dated)| Some((rank(dated)?, at))).min()?;
        let dated = self.0.remove(best.1);
        Some((dated.date?, dated.source))
    }

    /// Puts them where an order has them; the others are kept.
    pub(super) fn of_order(mut self, order: &mut Order, kept: &mut Kept) {
        let fields: [(&'static str, &mut Option<Date>, &[&str]); 3] = [
            ("requested_date", &mut order.requested_date, &REQUESTED),
            ("earliest_date", &mut order.earliest_date, &EARLIEST),
            ("latest_date", &mut order.latest_date, &LATEST),
        ];
        for (name, field, qualifiers) in fields {
            if let Some((date, source)) = self.take(qualifiers) {
                *field = Some(date);
                order.sources.set(name, source);
            }
        }
        if order.order_date.is_none()
            && let Some((date, source)) = self.take(&ORDERED)
        {
            order.order_date = Some(date);
            order.sources.set("order_date", source);
        }
        self.keep(kept);
    }

    /// Puts them where a line has them; the others are kept.
    pub(super) fn of_line(mut self, line: &mut OrderLine, kept: &mut Kept) {
        if let Some((date, source)) = self.take(&REQUESTED) {
            line.requested_date = Some(date);
            line.sources.set("requested_date", source);
        }
        self.keep(kept);
    }

    fn keep(self, kept: &mut Kept) {
        for dated in self.0 {
            kept.add(format!("{}*{}", dated.tag, dated.qualifier), dated.written.into());
        }
    }
}
