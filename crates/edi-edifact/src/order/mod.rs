//! ORDERS and ORDCHG, segment by segment, into one order.
//!
//! Order and place of segments are taken from the directories D.93A to D.20B and their EANCOM subsets, and not insisted on: what a
//! segment means follows from its qualifier, and from the segment that opened the group it is in. What has no field in the
//! order is kept in `extra`.

pub(crate) mod date;
mod head;
mod items;
mod keep;
mod line;
mod number;
mod party;
mod text;

use loket_core::order::{Order, OrderKind, Source};
use rust_decimal::Decimal;

use crate::fault::{Fault, code};
use crate::notes::Notes;
use crate::syntax::Segment;
use head::Ranks;
use keep::Group;
use line::LineDraft;
use party::{Place, Role};

/// An order that is being read.
#[derive(Debug)]
pub(crate) struct Draft {
    order: Order,
    /// ORDCHG.
    is_change: bool,
    section: Section,
    /// The group of the head that the segments at hand belong to.
    group: Option<Group>,
    /// The party of that group, if it is one of the order's.
    party: Option<Role>,
    ranks: Ranks,
    /// The document's own number, and where it stood.
    number: Option<(String, u32)>,
    /// The number of the order that it is about, by reference.
    reference: Option<Reference>,
    line: Option<LineDraft>,
    lines: usize,
    /// Where the goods go, by a LOC and not by a NAD.
    place: Option<Place>,
    /// How many lines there should be.
    control: Option<Decimal>,
    has_begin: bool,
    fault: Option<Fault>,
    notes: Notes,
}

#[derive(Debug)]
struct Reference {
    rank: u8,
    number: String,
    segment: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Head,
    Lines,
    Summary,
}

/// A segment and its number within the message.
#[derive(Clone, Copy)]
struct At<'a> {
    number: u32,
    segment: Segment<'a>,
}

impl At<'_> {
    fn source(&self, element: &'static str) -> Source {
        Source::element(self.number, element)
    }

    fn fault(&self, element: &'static str, position: (u8, u8), code: u8, what: String) -> Fault {
        let (segment, tag, offset) = (Some(self.number), self.segment.tag_text(), self.segment.start);
        Fault { what, segment, tag, element, position: Some(position), offset, code }
    }
}

impl Draft {
    /// For an ORDCHG or an ORDERS.
    pub(crate) fn new(is_change: bool) -> Self {
        Self {
            order: Order { kind: if is_change { OrderKind::Change } else { OrderKind::New }, ..Order::default() },
            is_change,
            section: Section::Head,
            group: None,
            party: None,
            ranks: Ranks::default(),
            number: None,
            reference: None,
            line: None,
            lines: 0,
            place: None,
            control: None,
            has_begin: false,
            fault: None,
            notes: Notes::default(),
        }
    }

    /// Takes the next segment. After a fault nothing is taken any more.
    pub(crate) fn take(&mut self, number: u32, segment: Segment<'_>) {
        if self.fault.is_some() {
            return;
        }
        let at = At { number, segment };
        match &segment.tag {
            b"UNS" => self.section_control(at),
            b"LIN" => self.begin_line(at),
            b"CNT" => self.count(at),
            b"MOA" if self.line.is_some() && head::is_summary_amount(&segment) => self.amount(at),
            b"???" => self.notes.add(format!("a segment without a valid tag was passed over (byte {})", segment.start)),
            _ => match self.line.as_mut() {
                Some(line) => {
                    if let Err(fault) = line.take(at, &mut self.order, &mut self.notes) {
                        self.fault = Some(fault);
                    }
                }
                None => self.take_head(at),
            },
        }
    }

    /// Whether the summary was reached: every line is here.
    pub(crate) fn is_whole(&self) -> bool {
        self.section == Section::Summary
    }

    /// The order, or why it is none. `offset`: where the message starts.
    pub(crate) fn finish(mut self, offset: usize) -> Result<(Order, Notes), Fault> {
        self.end_line();
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.name(offset)?;
        self.settle_buyer();
        self.settle_place();
        if let Some(control) = self.control.filter(|control| *control != Decimal::from(self.lines)) {
            self.notes.add(format!("it has {} lines and says (CNT+2) that it has {control}", self.lines));
        }
        if self.lines == 0 && self.order.kind == OrderKind::New {
            self.notes.add("it has no lines");
        }
        Ok((self.order, self.notes))
    }

    fn section_control(&mut self, at: At<'_>) {
        if at.segment.is(1, 0, "S") {
            self.end_line();
            self.section = Section::Summary;
            self.group = None;
            self.party = None;
        }
    }

    fn begin_line(&mut self, at: At<'_>) {
        self.end_line();
        self.section = Section::Lines;
        self.group = None;
        self.party = None;
        self.lines += 1;
        self.line = Some(LineDraft::new(at));
    }

    fn end_line(&mut self) {
        if let Some(line) = self.line.take() {
            self.order.lines.push(line.finish(&mut self.notes));
        }
    }

    fn count(&mut self, at: At<'_>) {
        if at.segment.is(1, 0, "2") {
            self.control = number::decimal(&at.segment.code(1, 1));
        }
        self.end_line();
        self.section = Section::Summary;
        keep::keep(&mut self.order.extra, &at.segment);
    }

    /// Gives the order its number: the changed order's for a change, else its own.
    fn name(&mut self, offset: usize) -> Result<(), Fault> {
        let own = self.number.take();
        let referred = self.reference.take();
        let own_first = !self.is_change || referred.is_none();
        let (number, source) = match (own, referred) {
            (Some((number, segment)), _) if own_first => (number, Source::element(segment, "BGM C106.1004")),
            (own, Some(referred)) => {
                if let Some((own, segment)) = own.filter(|(own, _)| *own != referred.number && self.order.revision.is_none()) {
                    self.order.revision = Some(own);
                    self.order.sources.set("revision", Source::element(segment, "BGM C106.1004"));
                }
                (referred.number, Source::element(referred.segment, "RFF C506.1154"))
            }
            _ => return Err(self.nameless(offset)),
        };
        self.order.po_number = Some(number);
        self.order.sources.set("po_number", source);
        Ok(())
    }

    fn nameless(&self, offset: usize) -> Fault {
        let what = if self.has_begin { "there is no order number in it" } else { "it is missing, and with it the order's number" };
        Fault {
            what: what.into(),
            segment: Some(2),
            tag: "BGM".into(),
            element: if self.has_begin { "C106.1004" } else { "" },
            position: self.has_begin.then_some((3, 1)),
            offset,
            code: code::MISSING,
        }
    }
}
