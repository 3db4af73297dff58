//! Functional acknowledgements: 997 or 999 for each group, TA1 for the interchange.

use std::sync::Arc;

use bytes::Bytes;
use jiff::civil::DateTime;

use super::writer::{Outgoing, OutgoingGroup, Writer, delimiters};
use crate::envelope::{Group, Interchange, version};
use crate::fault::{Fault, FaultKind};
use crate::message;
use crate::reader::{in_utf_8, why_nothing};
use crate::walk::{Finding, Step, Transaction, Walk};

/// Which acknowledgement a partner wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckKind {
    /// 999 for groups of version 005010 and later, 997 for those before it and for the retail trade's versions (`005010VICS`), which have
    /// never had a 999.
    #[default]
    Auto,
    /// 997 for every group.
    Functional,
    /// 999 for every group.
    Implementation,
    /// Nothing but the TA1.
    Interchange,
}

/// What an acknowledgement needs besides the interchange.
#[derive(Clone, Debug)]
pub struct AckOptions {
    /// ISA13 of the answer, and GS06 of its group. An answer to several interchanges in one file takes this number and the ones after it.
    pub control_number: u32,
    /// When it is written, in the time zone that the partner expects.
    pub now: DateTime,
    /// Which kind.
    pub kind: AckKind,
    /// A TA1 also where the sender did not ask for one (ISA14).
    pub force: bool,
}

/// The acknowledgement of everything in a payload, one interchange for each in it. Accepted is what
/// [`crate::X12Reader`] makes a message of, rejected what it sets aside. `None` when none is due: acknowledgements are not acknowledged, and
/// an interchange without ISA names nobody to answer to.
pub fn acknowledge(interchange: &[u8], options: &AckOptions) -> Result<Option<Vec<u8>>, String> {
    let bytes = in_utf_8(&Bytes::copy_from_slice(interchange));
    let mut walk = Walk::new();
    let mut out = Vec::new();
    let mut answer: Option<Answer> = None;
    let mut found = false;
    while let Some(step) = walk.step(&bytes) {
        match step {
            Step::Interchange(interchange) => {
                found = true;
                answer = (!interchange.header.is_bare()).then(|| Answer::new(interchange));
            }
            step => {
                let Some(open) = &mut answer else { continue };
                if open.take(&bytes, step) {
                    let due = answer.take().and_then(|done| done.write(options, out.len()));
                    out.extend(due);
                }
            }
        }
    }
    if !found {
        return Err(why_nothing(&bytes));
    }
    Ok((!out.is_empty()).then(|| out.concat()))
}

/// What is known of an interchange so far.
struct Answer {
    interchange: Arc<Interchange>,
    groups: Vec<GroupAnswer>,
    findings: Vec<Finding>,
}

struct GroupAnswer {
    group: Arc<Group>,
    transactions: Vec<TransactionAnswer>,
    findings: Vec<Finding>,
    /// GE01.
    said: Option<u32>,
}

struct TransactionAnswer {
    kind: String,
    control: String,
    convention: String,
    outcome: Result<Vec<Finding>, Fault>,
}

impl Answer {
    fn new(interchange: Arc<Interchange>) -> Self {
        Self { interchange, groups: Vec::new(), findings: Vec::new() }
    }

    /// Takes a step; says whether the interchange is over.
    fn take(&mut self, bytes: &[u8], step: Step) -> bool {
        match step {
            Step::Group(group) => self.groups.push(GroupAnswer { group, transactions: Vec::new(), findings: Vec::new(), said: None }),
            Step::Transaction(transaction) => {
                // Without a group there is nothing that a 997 could name.
                if let Some(group) = self.groups.last_mut().filter(|_| transaction.group.is_some()) {
                    group.transactions.push(TransactionAnswer::new(bytes, &transaction));
                }
            }
            Step::Stray(stray) => {
                if let Some(group) = self.groups.last_mut().filter(|_| stray.group.is_some()) {
                    group.findings.push(Finding::new("", "segments that stand in no transaction"));
                }
            }
            Step::GroupEnd(findings, said) => {
                if let Some(group) = self.groups.last_mut() {
                    group.findings.extend(findings);
                    group.said = said;
                }
            }
            Step::InterchangeEnd(findings) => {
                self.findings.extend(findings);
                return true;
            }
            Step::Interchange(_) | Step::Acknowledged(..) | Step::Trailing(_) => {}
        }
        false
    }

    /// The answer, if one is due; the one after so many others.
    fn write(self, options: &AckOptions, before: usize) -> Option<Vec<u8>> {
        let interchange = &self.interchange;
        let due: Vec<&GroupAnswer> = match options.kind {
            AckKind::Interchange => Vec::new(),
            _ => self.groups.iter().filter(|group| group.group.gs(1) != "FA").collect(),
        };
        let holds_more_than_acks = self.groups.is_empty() || self.groups.iter().any(|group| group.group.gs(1) != "FA");
        let ta1 = interchange.isa(14) == "1" || (options.force && holds_more_than_acks && !self.groups.is_empty());
        if due.is_empty() && !ta1 {
            return None;
        }
        let syntax = interchange.syntax();
        let plain = |byte: u8| Some(syntax.plain(byte));
        let mut writer = Writer::new(Outgoing {
            sender_qualifier: interchange.isa(7).to_owned(),
            sender: interchange.isa(8).to_owned(),
            receiver_qualifier: interchange.isa(5).to_owned(),
            receiver: interchange.isa(6).to_owned(),
            repetition: syntax.repetition.map(|byte| syntax.plain(byte)).filter(u8::is_ascii_punctuation),
            version: interchange.isa(12).to_owned(),
            control_number: options.control_number.wrapping_add(u32::try_from(before).unwrap_or(u32::MAX)),
            now: options.now,
            test: interchange.is_test(),
            delimiters: delimiters(plain(syntax.separator), syntax.component.and_then(plain), plain(syntax.terminator.first)),
        });
        if ta1 {
            let (code, note) = match self.findings.first() {
                None => ("A", "000"),
                Some(finding) => ("E", finding.code),
            };
            writer.segment(&["TA1", interchange.isa(13), interchange.isa(9), interchange.isa(10), code, note]);
        }
        let mut open: Option<OutgoingGroup> = None;
        for group in due {
            let outgoing = OutgoingGroup {
                functional: "FA",
                sender: group.group.gs(3).to_owned(),
                receiver: group.group.gs(2).to_owned(),
                version: version(interchange, Some(&group.group)).to_owned(),
            };
            if open.as_ref() != Some(&outgoing) {
                if open.is_some() {
                    writer.close_group();
                }
                writer.open_group(&outgoing);
                open = Some(outgoing);
            }
            group.write(&mut writer, options.kind);
        }
        if open.is_some() {
            writer.close_group();
        }
        Some(writer.finish())
    }
}

impl GroupAnswer {
    fn write(&self, writer: &mut Writer, kind: AckKind) {
        let version = self.group.gs(8);
        let implementation = match kind {
            AckKind::Auto => has_implementation_ack(version),
            AckKind::Implementation => true,
            AckKind::Functional | AckKind::Interchange => false,
        };
        let later = version >= "005010";
        writer.open_transaction(if implementation { "999" } else { "997" });
        writer.segment(&["AK1", self.group.gs(1), self.group.gs(6), if later { version } else { "" }]);
        let received = self.transactions.len();
        let accepted = self.transactions.iter().filter(|transaction| transaction.outcome.is_ok()).count();
        let noted = !self.findings.is_empty() || self.transactions.iter().any(|transaction| !transaction.codes().is_empty());
        for transaction in &self.transactions {
            transaction.write(writer, implementation, later);
        }
        let code = match accepted {
            _ if accepted < received && accepted > 0 => "P",
            0 if received > 0 => "R",
            _ if noted => "E",
            _ => "A",
        };
        let said = self.said.map_or(received.to_string(), |said| said.to_string());
        let mut ak9 = vec!["AK9".to_owned(), code.to_owned(), said, received.to_string(), accepted.to_string()];
        ak9.extend(distinct(self.findings.iter().map(|finding| finding.code)).map(str::to_owned));
        writer.segment(&ak9);
        writer.close_transaction();
    }
}

/// Whether groups of this version are answered with a 999.
fn has_implementation_ack(version: &str) -> bool {
    let (number, industry) = version.split_at_checked(6).unwrap_or((version, ""));
    number >= "005010" && (industry.is_empty() || industry.starts_with('X'))
}

impl TransactionAnswer {
    fn new(bytes: &[u8], transaction: &Transaction) -> Self {
        Self {
            kind: transaction.kind.clone(),
            control: transaction.control.clone(),
            convention: transaction.convention.clone(),
            outcome: message::read(bytes, transaction).map(|(_, findings)| findings),
        }
    }

    /// The codes of what is wrong with it as a whole.
    fn codes(&self) -> Vec<&'static str> {
        match &self.outcome {
            Ok(findings) => distinct(findings.iter().map(|finding| finding.code)).collect(),
            Err(fault) if fault.kind == FaultKind::NoTrailer => vec!["2"],
            Err(_) => vec!["5"],
        }
    }

    fn write(&self, writer: &mut Writer, implementation: bool, later: bool) {
        writer.segment(&["AK2", &self.kind, &self.control, if later { &self.convention } else { "" }]);
        let tags = if implementation { ["IK3", "IK4", "IK5"] } else { ["AK3", "AK4", "AK5"] };
        if let Err(fault) = &self.outcome {
            write_fault(writer, fault, tags[0], tags[1]);
        }
        let codes = self.codes();
        let outcome = match &self.outcome {
            Ok(_) if codes.is_empty() => "A",
            Ok(_) => "E",
            Err(_) => "R",
        };
        let mut trailer = vec![tags[2], outcome];
        trailer.extend(codes);
        writer.segment(&trailer);
    }
}

fn write_fault(writer: &mut Writer, fault: &Fault, segment_tag: &str, element_tag: &str) {
    let (in_segment, in_element) = match fault.kind {
        FaultKind::NoTrailer => return,
        FaultKind::SegmentMissing => ("3", ""),
        FaultKind::TooMany => ("5", ""),
        FaultKind::ElementMissing => ("8", "1"),
        FaultKind::ElementWrong => ("8", "6"),
    };
    writer.segment(&[segment_tag, &fault.tag, &fault.segment.to_string(), "", in_segment]);
    if let Some(element) = fault.element {
        let value: String = fault.value.chars().take(99).collect();
        writer.segment(&[element_tag, &element.to_string(), "", in_element, &value]);
    }
}

/// The codes that there are, each once, at most five.
fn distinct(codes: impl Iterator<Item = &'static str>) -> impl Iterator<Item = &'static str> {
    let mut seen: Vec<&'static str> = Vec::new();
    for code in codes.filter(|code| !code.is_empty()) {
        if !seen.contains(&code) && seen.len() < 5 {
            seen.push(code);
        }
    }
    seen.into_iter()
}
