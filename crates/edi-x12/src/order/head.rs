//! The head of an order: BEG of an 850, BCH of an 860, G50 of an 875.

use jiff::civil::Date;
use loket_core::order::{OrderKind, Source};

use super::{Area, Builder, codes};
use crate::envelope;
use crate::fault::{Fault, FaultKind};
use crate::syntax::Segment;
use crate::value;

/// The segment that a transaction begins with.
pub(super) fn begin_segment(kind: &str) -> &'static str {
    match kind {
        "860" => "BCH",
        "875" => "G50",
        _ => "BEG",
    }
}

/// So far from the day on which it was sent an order may be dated when its date is not where it should be.
const SHIFTED_DAYS: i64 = 60;

/// Which elements hold what. The elements are counted from 1; 0 where there is none.
struct Elements {
    po_number: (usize, &'static str),
    date: (usize, &'static str),
    revision: (usize, &'static str),
    last: usize,
}

const BEG: Elements = Elements { po_number: (3, "BEG03"), date: (5, "BEG05"), revision: (4, "BEG04"), last: 12 };
const BCH: Elements = Elements { po_number: (3, "BCH03"), date: (6, "BCH06"), revision: (5, "BCH05"), last: 13 };
const G50: Elements = Elements { po_number: (3, "G5003"), date: (2, "G5002"), revision: (0, ""), last: 9 };

impl Builder<'_> {
    pub(super) fn begin(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        self.begun = true;
        self.area = Area::Head;
        let tag = segment.tag_text();
        let mut elements = match segment.tag() {
            b"BCH" => BCH,
            b"G50" => G50,
            _ => BEG,
        };
        let is_date = |element: usize| value::date(segment.element(element), b"").is_some();
        if segment.tag() == b"G50" && !is_date(2) && is_date(3) {
            (elements.po_number, elements.date) = ((2, "G5002"), (3, "G5003"));
        }
        let (number, name) = elements.po_number;
        let Some(po_number) = segment.code(number) else {
            let text = format!("{tag} has no purchase order number");
            return Err(Fault::element(FaultKind::ElementMissing, text, self.number, segment, number));
        };
        self.order.po_number = Some(po_number);
        let source = self.source(name);
        self.order.sources.set("po_number", source);
        self.kind(segment);
        let date = self.order_date(segment, elements.date);
        let (number, name) = elements.revision;
        if let Some(revision) = segment.code(number).filter(|_| number > 0 && date != Some(number)) {
            self.order.revision = Some(revision);
            let source = self.source(name);
            self.order.sources.set("revision", source);
        } else if segment.tag() == b"BCH"
            && let Some(release) = segment.code(4)
        {
            self.order.revision = Some(release);
            let source = self.source("BCH04");
            self.order.sources.set("revision", source);
        }
        let known = [elements.po_number.0, elements.revision.0, date.unwrap_or(0)];
        for number in 1..=elements.last.min(segment.len()) {
            if let Some(value) = segment.code(number).filter(|_| !known.contains(&number)) {
                self.keep_as(format!("{tag}{number:02}"), value);
            }
        }
        Ok(())
    }

    /// Reads the order's date. Says which element it was in.
    fn order_date(&mut self, segment: &Segment<'_>, (number, name): (usize, &'static str)) -> Option<usize> {
        if let Some(date) = value::date(segment.element(number), b"") {
            self.order.order_date = Some(date);
            let source = self.source(name);
            self.order.sources.set("order_date", source);
            return Some(number);
        }
        if !segment.element(number).is_empty() {
            self.note(format!("{name} is not a date: {}", segment.code_or_empty(number)));
            return None;
        }
        // Some put a separator too few or too many before it: a day of the weeks around the one on which it was sent is no other number.
        let (day, _) = envelope::sent(&self.transaction.interchange, self.transaction.group.as_deref());
        let sent = value::date(day.as_bytes(), b"").filter(|_| segment.tag() != b"G50")?;
        let near = |date: &Date| (date.duration_since(sent).as_hours() / 24).abs() <= SHIFTED_DAYS;
        let beside = |place: usize| Some((place, value::date(segment.element(place), b"").filter(near)?));
        let (place, date) = beside(number - 1).or_else(|| beside(number + 1))?;
        let shifted = format!("{}{place:02}", segment.tag_text());
        self.note(format!("the order's date is in {shifted}, where {name} is meant for it"));
        self.order.order_date = Some(date);
        self.order.sources.set("order_date", Source::element(self.number, shifted));
        Some(place)
    }

    fn kind(&mut self, segment: &Segment<'_>) {
        let purpose = segment.code_or_empty(1);
        self.order.kind = codes::kind(&self.transaction.kind, &purpose);
        let element = match segment.tag() {
            b"BCH" => "BCH01",
            b"G50" => "G5001",
            _ => "BEG01",
        };
        if segment.tag() == b"G50" && purpose == "X" {
            self.order.test = true;
        }
        if self.order.kind != OrderKind::New || !purpose.is_empty() {
            let source = self.source(element);
            self.order.sources.set("kind", source);
        }
        if purpose == "07" {
            self.note(format!("the sender says that it is a duplicate ({element} 07)"));
        }
    }
}
