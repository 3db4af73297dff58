//! The order in a transaction 850, 860 or 875: one pass over its segments.
//!
//! A transaction is a head, lines and a summary; loops (parties, notes, sublines) open with a segment of their own and end where
//! something else begins. Real senders put segments where the standard does not want them, so that what a segment means is decided by
//! what is open, never by a strict order. What has no field is kept by its own name in [`kept`].

mod codes;
mod dates;
mod head;
mod items;
mod kept;
mod lines;
mod party;
mod price;

use loket_core::order::{Order, Source};
use serde_json::Value;

use crate::fault::{Fault, FaultKind};
use crate::limits::{MAX_KEPT, MAX_LINES};
use crate::syntax::{Segment, Segments};
use crate::walk::{END_OF_DATA, Finding, Transaction, same_number, shown};

pub(crate) use codes::is_global;
use dates::Dates;
pub(crate) use items::{qualifier_element, usual_qualifier};
use kept::Kept;
use lines::Draft;
use party::{HeadContact, LineParty, PartyDraft};

/// The transactions that are orders.
pub(crate) fn is_order(kind: &str) -> bool {
    matches!(kind, "850" | "860" | "875")
}

/// An order that was read, and what was odd about it.
pub(crate) struct Read {
    /// The order.
    pub(crate) order: Order,
    /// What does not fit.
    pub(crate) findings: Vec<Finding>,
}

/// Reads the order in a transaction.
pub(crate) fn read(bytes: &[u8], transaction: &Transaction) -> Result<Read, Fault> {
    let mut builder = Builder::new(transaction);
    let bytes = bytes.get(..transaction.range.end).unwrap_or(bytes);
    let mut last = None;
    for segment in Segments::new(bytes, transaction.range.start, transaction.interchange.syntax()) {
        builder.number += 1;
        builder.take(&segment)?;
        if builder.draft_count > MAX_LINES {
            let text = format!("more than {MAX_LINES} lines in one order");
            return Err(Fault::segment(FaultKind::TooMany, text, builder.number, &segment));
        }
        if builder.kept_count > MAX_KEPT {
            let text = format!("more than {MAX_KEPT} references, notes and other segments in one order");
            return Err(Fault::segment(FaultKind::TooMany, text, builder.number, &segment));
        }
        last = Some(segment);
    }
    let missing = |kind, text: String| Fault {
        text,
        segment: builder.number.max(1),
        tag: last.as_ref().map(Segment::tag_text).unwrap_or_default(),
        element: None,
        value: String::new(),
        offset: last.as_ref().map_or(transaction.range.start, |last| last.offset),
        kind,
    };
    if let Some(by) = &transaction.cut_off_by {
        if by == END_OF_DATA || !builder.is_whole() {
            let text = format!("transaction {} is cut off, {by} follows", transaction.control);
            return Err(missing(FaultKind::NoTrailer, text));
        }
        builder.findings.push(Finding::new("2", format!("transaction {} has no SE, {by} follows", transaction.control)));
    }
    if !builder.begun {
        let begin = head::begin_segment(&transaction.kind);
        return Err(missing(FaultKind::SegmentMissing, format!("transaction {} has no {begin} segment", transaction.control)));
    }
    Ok(builder.finish())
}

/// Where in the transaction we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Area {
    Head,
    Line,
    Summary,
}

struct Builder<'t> {
    transaction: &'t Transaction,
    /// Which segment this is, counted from 1.
    number: u32,
    area: Area,
    begun: bool,
    order: Order,
    kept: Kept,
    dates: Dates,
    /// The party whose address goes on.
    party: Option<PartyDraft>,
    /// Who stands for the buyer where none is named.
    stand_in: Option<PartyDraft>,
    /// The buyer and the place of delivery as lines name them.
    line_parties: Vec<LineParty>,
    /// Whom the head's contact segments name.
    contact: Option<HeadContact>,
    draft: Option<Draft>,
    draft_count: usize,
    kept_count: usize,
    /// The number of lines that the sender gives (CTT) is the number that there are.
    counted: bool,
    findings: Vec<Finding>,
}

impl<'t> Builder<'t> {
    fn new(transaction: &'t Transaction) -> Self {
        let order = Order { test: transaction.interchange.is_test(), ..Order::default() };
        Self {
            transaction,
            number: 0,
            area: Area::Head,
            begun: false,
            order,
            kept: Kept::default(),
            dates: Dates::default(),
            party: None,
            stand_in: None,
            line_parties: Vec::new(),
            contact: None,
            draft: None,
            draft_count: 0,
            kept_count: 0,
            counted: false,
            findings: Vec::new(),
        }
    }

    fn source(&self, element: &'static str) -> Source {
        Source::element(self.number, element)
    }

    fn note(&mut self, text: impl Into<String>) {
        // Without a code: nothing that the sender's syntax did wrong.
        self.findings.push(Finding::new("", text));
    }

    fn take(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        if self.in_subline(segment) {
            return Ok(());
        }
        match segment.tag() {
            b"ST" => {}
            b"SE" => self.end(segment),
            b"BEG" | b"BCH" | b"G50" if !self.begun => self.begin(segment)?,
            b"PO1" | b"POC" | b"G68" => self.open_line(segment)?,
            b"CTT" | b"G76" => self.total_lines(segment),
            b"CUR" if self.area == Area::Head && self.order.currency.is_none() => {
                self.order.currency = segment.code(2).map(|code| code.to_uppercase());
                let source = self.source("CUR02");
                self.order.sources.set("currency", source);
                self.keep_rest(segment, "CUR03", 3);
            }
            b"N1" => self.open_party(segment),
            b"N2" | b"N3" | b"N4" | b"REF" | b"PER" | b"G61" if self.party.is_some() => self.party_goes_on(segment),
            b"PER" | b"G61" if self.area == Area::Head => self.head_contact(segment),
            b"N9" => {
                self.close_party();
                self.keep_qualified(segment, 1, 2);
                self.text(segment.text(3));
            }
            b"MSG" => self.text(message_text(segment)),
            b"MTX" | b"NTE" => self.text(segment.text(2).or_else(|| segment.text(1))),
            b"K1" | b"K2" | b"K3" => self.text(Some(segment.rest(1).replace('*', " "))),
            b"DTM" | b"G62" => self.date(segment),
            b"AMT" => self.amount(segment),
            tag => match (self.area, tag) {
                (Area::Line, _) => self.line_goes_on(segment)?,
                (_, b"CTP") => self.keep_qualified(segment, 2, 3),
                (_, b"TAX" | b"MEA" | b"MAN" | b"QTY" | b"REF") => self.keep_qualified(segment, 1, 2),
                _ => self.keep(segment),
            },
        }
        Ok(())
    }

    /// A note of the order or of the line.
    fn text(&mut self, text: Option<String>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        self.kept_count += 1;
        match &mut self.draft {
            Some(draft) if self.area == Area::Line => draft.line.notes.push(text),
            _ => self.order.notes.push(text),
        }
    }

    /// Keeps a segment by its tag.
    fn keep(&mut self, segment: &Segment<'_>) {
        self.keep_as(segment.tag_text(), segment.rest(1));
    }

    /// Keeps what a segment has from an element on, by that element's name.
    fn keep_rest(&mut self, segment: &Segment<'_>, name: &str, from: usize) {
        let rest = segment.rest(from);
        if !rest.is_empty() {
            self.keep_as(name.to_owned(), rest);
        }
    }

    /// Keeps a segment by its tag and its qualifier.
    fn keep_qualified(&mut self, segment: &Segment<'_>, qualifier: usize, from: usize) {
        let name = match segment.code(qualifier) {
            Some(qualifier) => format!("{}*{qualifier}", segment.tag_text()),
            None => segment.tag_text(),
        };
        self.keep_as(name, segment.rest(from));
    }

    fn keep_as(&mut self, name: String, value: impl Into<Value>) {
        self.kept_count += 1;
        match &mut self.draft {
            Some(draft) if self.area == Area::Line => draft.kept.add(name, value.into()),
            _ => self.kept.add(name, value.into()),
        }
    }

    fn date(&mut self, segment: &Segment<'_>) {
        let element = if segment.tag() == b"G62" { "G6202" } else { "DTM02" };
        let source = self.source(element);
        let date = dates::read(segment, source);
        self.kept_count += 1;
        match &mut self.draft {
            Some(draft) if self.area == Area::Line && self.party.is_none() => draft.dates.add(date),
            Some(draft) if self.area == Area::Line => {
                draft.schedules.add(date);
                self.keep_qualified(segment, 1, 2);
            }
            _ => self.dates.add(date),
        }
    }

    fn amount(&mut self, segment: &Segment<'_>) {
        let amount = segment.number(2).ok().flatten();
        match (segment.element(1), amount) {
            (b"1", Some(amount)) if self.area == Area::Line => {
                let source = self.source("AMT02");
                if let Some(draft) = &mut self.draft {
                    draft.line.total = Some(amount);
                    draft.line.sources.set("total", source);
                }
            }
            // A total of all stands behind the last line where there is no CTT. Behind a CTT a line's total, or the value of the goods, can
            // only be meant for all of them.
            (b"1" | b"GV", Some(amount)) if self.area == Area::Summary && self.order.total.is_none() => {
                self.order.total = Some(amount);
                let source = self.source("AMT02");
                self.order.sources.set("total", source);
            }
            (b"TT", Some(amount)) => {
                self.order.total = Some(amount);
                let source = self.source("AMT02");
                self.order.sources.set("total", source);
            }
            _ => self.keep_qualified(segment, 1, 2),
        }
    }

    fn total_lines(&mut self, segment: &Segment<'_>) {
        self.close_line();
        self.area = Area::Summary;
        if segment.tag() == b"CTT" {
            let said = segment.code_or_empty(1);
            self.counted = same_number(&said, &self.order.lines.len().to_string());
            if !said.is_empty() && !self.counted {
                self.note(format!("CTT01 says {said} lines, the order has {}", self.order.lines.len()));
            }
            self.keep_rest(segment, "CTT02", 2);
        } else {
            self.keep(segment);
        }
    }

    /// Whether nothing is missing but the SE, when other segments follow: there are lines, and as many as the sender counted.
    fn is_whole(&self) -> bool {
        self.begun && self.counted && !self.order.lines.is_empty()
    }

    fn end(&mut self, segment: &Segment<'_>) {
        self.close_line();
        self.area = Area::Summary;
        let (said, control) = (segment.code_or_empty(1), segment.code_or_empty(2));
        if !same_number(&said, &self.number.to_string()) {
            let text = format!("SE01 says {} segments, the transaction has {}", shown(&said), self.number);
            self.findings.push(Finding::new("4", text));
        }
        if !same_number(&control, &self.transaction.control) {
            let text = format!("SE02 is {}, ST02 is {}", shown(&control), shown(&self.transaction.control));
            self.findings.push(Finding::new("3", text));
        }
    }

    fn finish(mut self) -> Read {
        self.close_line();
        self.area = Area::Summary;
        self.dates.clone().of_order(&mut self.order, &mut self.kept);
        self.settle_buyer();
        self.order.extra = self.kept.into_map();
        Read { order: self.order, findings: self.findings }
    }
}

/// The text of an MSG. MSG02 says how to print it; what else stands behind it is text with a separator in it.
fn message_text(segment: &Segment<'_>) -> Option<String> {
    match segment.element(2) {
        [] | [b'A'..=b'Z', b'A'..=b'Z'] => segment.text(1),
        _ => Some(segment.rest(1)),
    }
}

/// An element that must be an amount where it is there at all.
fn amount(segment: &Segment<'_>, element: usize, number: u32, what: &str) -> Result<Option<rust_decimal::Decimal>, Fault> {
    segment.number(element).map_err(|_| {
        let shown: String = segment.code_or_empty(element).chars().take(40).collect();
        Fault::element(FaultKind::ElementWrong, format!("the {what} {shown:?} is not a number"), number, segment, element)
    })
}
