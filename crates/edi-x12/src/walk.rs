//! Walks through a payload: interchanges, groups and transactions, one after the other, and which of them belong together.
//!
//! It holds no more than its place, so that memory does not grow with the payload.

use std::ops::Range;
use std::sync::Arc;

use crate::envelope::{Group, Interchange};
use crate::syntax::{Segment, Segments, header};

/// What follows a transaction that is cut off with the payload.
pub(crate) const END_OF_DATA: &str = "the end of the data";

/// What comes next in a payload.
pub(crate) enum Step {
    /// An interchange begins.
    Interchange(Arc<Interchange>),
    /// A group begins.
    Group(Arc<Group>),
    /// A transaction, whole or cut off.
    Transaction(Transaction),
    /// Somebody acknowledges one of our interchanges.
    Acknowledged(Arc<Interchange>, InterchangeAck),
    /// Segments that stand in no transaction.
    Stray(Stray),
    /// A group ends; it says that it has so many transactions.
    GroupEnd(Vec<Finding>, Option<u32>),
    /// An interchange ends.
    InterchangeEnd(Vec<Finding>),
    /// So many bytes behind the last interchange could not be read.
    Trailing(usize),
}

/// A transaction's place.
#[derive(Clone)]
pub(crate) struct Transaction {
    /// What it stands in.
    pub(crate) interchange: Arc<Interchange>,
    /// The group it stands in.
    pub(crate) group: Option<Arc<Group>>,
    /// Which one of the interchange it is, counted from 1.
    pub(crate) ordinal: usize,
    /// ST01.
    pub(crate) kind: String,
    /// ST02.
    pub(crate) control: String,
    /// ST03.
    pub(crate) convention: String,
    /// From its ST to its SE.
    pub(crate) range: Range<usize>,
    /// What stands where its SE should, when it has none.
    pub(crate) cut_off_by: Option<String>,
    /// How many segments it has.
    pub(crate) segments: u32,
}

/// Segments in no transaction.
pub(crate) struct Stray {
    /// What they stand in.
    pub(crate) interchange: Arc<Interchange>,
    /// The group they stand in.
    pub(crate) group: Option<Arc<Group>>,
    /// How many transactions were before them.
    pub(crate) after: usize,
    /// The first one's name.
    pub(crate) tag: String,
    /// Where they stand.
    pub(crate) range: Range<usize>,
}

/// What a TA1 says.
#[derive(Clone, Debug)]
pub(crate) struct InterchangeAck {
    /// TA101 to TA105.
    pub(crate) elements: Vec<String>,
}

/// What does not fit in an envelope: its code for the acknowledgement, and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// AK502, AK905 or TA105.
    pub(crate) code: &'static str,
    /// In words for people.
    pub(crate) text: String,
}

impl Finding {
    pub(crate) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// The walk, between two steps.
pub(crate) struct Walk {
    at: usize,
    interchanges: usize,
    interchange: Option<Arc<Interchange>>,
    group: Option<Arc<Group>>,
    /// How many groups and transactions the interchange has so far, and transactions the group.
    groups: u32,
    transactions: usize,
    in_group: u32,
    done: bool,
}

impl Walk {
    /// From the beginning.
    pub(crate) fn new() -> Self {
        Self { at: 0, interchanges: 0, interchange: None, group: None, groups: 0, transactions: 0, in_group: 0, done: false }
    }

    /// The next step. The bytes must be the same each time.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Option<Step> {
        if self.done {
            return None;
        }
        match self.interchange.clone() {
            None => self.enter(bytes),
            Some(interchange) => Some(self.inside(bytes, &interchange)),
        }
    }

    fn enter(&mut self, bytes: &[u8]) -> Option<Step> {
        let Some(header) = header::find(bytes, self.at) else {
            self.done = true;
            let left = bytes.get(self.at..).unwrap_or_default().iter().filter(|&&byte| !matches!(byte, 0..=b' ' | b'@' | 0x7f)).count();
            return (left > 0).then_some(Step::Trailing(left));
        };
        let before = bytes.get(self.at..header.start).unwrap_or_default();
        let blank = |byte: u8| header.syntax.plain(byte) <= b' ' || matches!(byte, 0xef | 0xbb | 0xbf);
        let skipped = before.iter().filter(|&&byte| !blank(byte)).count();
        self.at = header.end;
        self.interchanges += 1;
        (self.groups, self.transactions, self.in_group) = (0, 0, 0);
        let interchange = Arc::new(Interchange { ordinal: self.interchanges, header, skipped });
        self.interchange = Some(interchange.clone());
        Some(Step::Interchange(interchange))
    }

    fn inside(&mut self, bytes: &[u8], interchange: &Arc<Interchange>) -> Step {
        let mut segments = Segments::new(bytes, self.at, interchange.syntax());
        let next = segments.skip_to_next();
        let another = next.is_none_or(|next| header::starts_at(bytes, next));
        let segment = if another { None } else { segments.next() };
        let Some(segment) = segment else {
            // Without an IEA: the payload ends here, or another interchange begins.
            if self.group.is_some() {
                return self.end_group(interchange, None);
            }
            self.at = next.unwrap_or(bytes.len());
            return self.end_interchange(interchange, None);
        };
        match segment.tag() {
            b"GS" if self.group.is_some() => self.end_group(interchange, None),
            b"GS" => {
                self.at = segment.end;
                let group = Arc::new(Group::new(&segment));
                self.groups += 1;
                self.in_group = 0;
                self.group = Some(group.clone());
                Step::Group(group)
            }
            b"ST" => self.transaction(&segment, segments, bytes, interchange),
            b"TA1" => {
                self.at = segment.end;
                let elements = (1..=5).map(|number| segment.code_or_empty(number)).collect();
                Step::Acknowledged(interchange.clone(), InterchangeAck { elements })
            }
            b"GE" => {
                self.at = segment.end;
                self.end_group(interchange, Some(&segment))
            }
            b"IEA" if self.group.is_some() => self.end_group(interchange, None),
            b"IEA" => {
                let end = end_of_trailer(bytes, &segment, interchange);
                self.at = Segments::new(bytes, end, interchange.syntax()).skip_to_next().unwrap_or(bytes.len());
                self.end_interchange(interchange, Some(&segment))
            }
            _ => self.stray(&segment, segments, bytes, interchange),
        }
    }

    fn transaction(&mut self, st: &Segment<'_>, segments: Segments<'_>, bytes: &[u8], interchange: &Arc<Interchange>) -> Step {
        let (mut end, mut count, mut cut_off_by) = (st.end, 1, Some(END_OF_DATA.to_owned()));
        let mut segments = Until { segments, bytes };
        while let Some(next) = segments.next() {
            match next {
                Err(what) => {
                    cut_off_by = Some(what);
                    break;
                }
                Ok(segment) => {
                    end = segment.end;
                    count += 1;
                    if segment.tag() == b"SE" {
                        cut_off_by = None;
                        break;
                    }
                }
            }
        }
        self.at = end;
        self.transactions += 1;
        self.in_group += 1;
        Step::Transaction(Transaction {
            interchange: interchange.clone(),
            group: self.group.clone(),
            ordinal: self.transactions,
            kind: st.code_or_empty(1),
            control: st.code_or_empty(2),
            convention: st.code_or_empty(3),
            range: st.offset..end,
            cut_off_by,
            segments: count,
        })
    }

    fn stray(&mut self, first: &Segment<'_>, segments: Segments<'_>, bytes: &[u8], interchange: &Arc<Interchange>) -> Step {
        let mut end = first.end;
        let mut segments = Until { segments, bytes };
        // An SE without its ST ends nothing.
        while let Some(Ok(segment)) = segments.next() {
            end = segment.end;
        }
        self.at = end;
        Step::Stray(Stray {
            interchange: interchange.clone(),
            group: self.group.clone(),
            after: self.transactions,
            tag: first.tag_text(),
            range: first.offset..end,
        })
    }

    fn end_group(&mut self, interchange: &Interchange, ge: Option<&Segment<'_>>) -> Step {
        let group = self.group.take();
        let mut findings = Vec::new();
        let said = ge.and_then(|ge| ge.code(1)?.parse().ok());
        match (ge, &group) {
            (Some(_), None) => findings.push(Finding::new("4", "a GE without its GS")),
            (None, _) if interchange.header.is_bare() => {}
            (None, _) => findings.push(Finding::new("3", "the group has no GE")),
            (Some(ge), Some(group)) => {
                let (count, control) = (ge.code_or_empty(1), ge.code_or_empty(2));
                if !same_number(&count, &self.in_group.to_string()) {
                    findings.push(Finding::new("5", format!("GE01 says {} transactions, the group has {}", shown(&count), self.in_group)));
                }
                if !same_number(&control, group.gs(6)) {
                    findings.push(Finding::new("4", format!("GE02 is {}, GS06 is {}", shown(&control), shown(group.gs(6)))));
                }
            }
        }
        Step::GroupEnd(findings, said)
    }

    fn end_interchange(&mut self, interchange: &Interchange, iea: Option<&Segment<'_>>) -> Step {
        self.interchange = None;
        let mut findings = Vec::new();
        match iea {
            _ if interchange.header.is_bare() => {}
            None => findings.push(Finding::new("023", "the interchange has no IEA")),
            Some(iea) => {
                let (count, control) = (iea.code_or_empty(1), iea.code_or_empty(2));
                if !same_number(&count, &self.groups.to_string()) {
                    findings.push(Finding::new("021", format!("IEA01 says {} groups, the interchange has {}", shown(&count), self.groups)));
                }
                let control = control.get(..interchange.isa(13).len().max(9)).unwrap_or(&control);
                if !same_number(control, interchange.isa(13)) {
                    let text = format!("IEA02 is {}, ISA13 is {}", shown(control), shown(interchange.isa(13)));
                    findings.push(Finding::new("001", text));
                }
            }
        }
        Step::InterchangeEnd(findings)
    }
}

/// The segments of a transaction up to its end, or up to what cannot be in one.
struct Until<'a> {
    segments: Segments<'a>,
    bytes: &'a [u8],
}

impl<'a> Until<'a> {
    fn next(&mut self) -> Option<Result<Segment<'a>, String>> {
        let start = self.segments.skip_to_next()?;
        if header::starts_at(self.bytes, start) {
            return Some(Err("another ISA".into()));
        }
        let segment = self.segments.next()?;
        match segment.tag() {
            b"ST" | b"GS" | b"GE" | b"IEA" => Some(Err(segment.tag_text())),
            _ => Some(Ok(segment)),
        }
    }
}

/// Where it goes on after an IEA: a sender that leaves out the last terminator glues the next interchange, or whatever else, to it.
fn end_of_trailer(bytes: &[u8], iea: &Segment<'_>, interchange: &Interchange) -> usize {
    let syntax = interchange.syntax();
    let raw = bytes.get(iea.offset..iea.end).unwrap_or_default();
    let Some(second) = raw.iter().enumerate().filter(|&(_, &byte)| byte == syntax.separator).nth(1).map(|(at, _)| at + 1) else {
        return iea.end;
    };
    let number = raw.get(second..).unwrap_or_default();
    let digits = number.iter().position(|&byte| !syntax.plain(byte).is_ascii_digit() && !syntax.breaks_line(byte));
    let after = iea.offset + second + digits.unwrap_or(number.len());
    let ends = bytes.len() <= after || syntax.terminator.stands_at(bytes, after);
    let glued = bytes.get(after..).is_some_and(|rest| rest.starts_with(b"ISA") || rest.starts_with(&[0xc9, 0xe2, 0xc1]));
    if !ends && glued { after } else { iea.end }
}

/// Whether two numbers are the same, whatever zeros stand before them.
pub(crate) fn same_number(one: &str, other: &str) -> bool {
    one.trim_start_matches('0') == other.trim_start_matches('0')
}

pub(crate) fn shown(value: &str) -> &str {
    if value.is_empty() { "empty" } else { value }
}
