//! CONTRL, the service report on an interchange: version D.3 for syntax 1 to 3, version 4.1 for syntax 4.

use std::sync::Arc;

use bytes::Bytes;
use jiff::civil::DateTime;

use super::{Envelope, Segments};
use crate::envelope::{Around, Group, Interchange};
use crate::fault::Fault;
use crate::syntax::StartKind;
use crate::walk::{Aside, Outcome, Walk};

/// How an acknowledgement is written.
#[derive(Clone, Debug)]
pub struct AckOptions {
    /// The control reference of the interchange that goes back (UNB 0020); where a delivery holds several interchanges, the
    /// ones after the first count on from here.
    pub control: u64,
    /// The present, in the time zone that the partner expects.
    pub now: DateTime,
    /// Also where the sender did not ask for it.
    pub force: bool,
    /// What is reported.
    pub kind: AckKind,
}

/// What an acknowledgement reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckKind {
    /// Every message, accepted or rejected.
    #[default]
    Messages,
    /// The rejected messages; the others are accepted by that.
    Rejections,
    /// That the interchange has come, and nothing about its messages.
    Receipt,
}

/// Codes of data element 0083 (action).
mod action {
    pub(super) const REJECTED: &str = "4";
    pub(super) const ACKNOWLEDGED: &str = "7";
    pub(super) const RECEIVED: &str = "8";
}

/// The CONTRL for the interchanges in a delivery: each message accepted or rejected exactly as the reader decides. One interchange goes
/// back for each that asks for one (UNB 0031), one after the other. None: none is due; a CONTRL is never answered with one.
pub fn acknowledge(interchange: &[u8], options: &AckOptions) -> Result<Option<Vec<u8>>, String> {
    let mut walk = Walk::new(Bytes::copy_from_slice(interchange)).map_err(|unreadable| unreadable.to_string())?;
    let mut answers = Vec::new();
    let mut control = options.control;
    let mut report: Option<Report> = None;
    let mut finish = |report: Report| {
        if let Some(answer) = report.into_bytes(control, options) {
            answers.extend_from_slice(&answer);
            control += 1;
        }
    };
    while let Some(found) = walk.next() {
        let fault = match found.outcome {
            Outcome::Message(_) => None,
            Outcome::Aside(aside) => Some(aside),
        };
        if report.as_ref().is_some_and(|report| report.interchange.ordinal != found.around.interchange.ordinal)
            && let Some(report) = report.take()
        {
            finish(report);
        }
        report.get_or_insert_with(|| Report::new(found.around.interchange.clone(), options.kind)).add(&found.around, fault.as_ref());
    }
    if let Some(report) = report {
        finish(report);
    }
    Ok((!answers.is_empty()).then_some(answers))
}

/// What is to be said about one interchange.
struct Report {
    interchange: Arc<Interchange>,
    kind: AckKind,
    body: Segments,
    group: Option<Arc<Group>>,
    /// Why the interchange as a whole is rejected.
    rejected: Option<u8>,
    /// Whether anything but CONTRL is in it.
    is_answerable: bool,
}

impl Report {
    fn new(interchange: Arc<Interchange>, kind: AckKind) -> Self {
        let kind = if interchange.ack_request == "2" { AckKind::Receipt } else { kind };
        let body = Segments::new(&interchange.syntax_version);
        Self { interchange, kind, body, group: None, rejected: None, is_answerable: false }
    }

    fn add(&mut self, around: &Around, aside: Option<&Aside>) {
        self.is_answerable |= around.header.message_type != "CONTRL";
        if let Some(aside) = aside.filter(|aside| aside.is_interchange) {
            self.rejected = Some(aside.fault.code);
            return;
        }
        if self.kind == AckKind::Receipt || self.kind == AckKind::Rejections && aside.is_none() {
            return;
        }
        if let Some(group) = &around.group
            && !self.group.as_ref().is_some_and(|open| Arc::ptr_eq(open, group))
        {
            let station = |station: &crate::envelope::Station| [station.id.clone(), station.qualifier.clone()];
            let (sender, receiver) = (station(&group.sender), station(&group.receiver));
            self.body.add(
                "UCF",
                &[
                    &[&group.reference],
                    &sender.each_ref().map(String::as_str),
                    &receiver.each_ref().map(String::as_str),
                    &[action::ACKNOWLEDGED],
                ],
            );
            self.group = Some(group.clone());
        }
        let header = &around.header;
        let identifier = [&header.message_type, &header.version, &header.release, &header.agency, &header.association];
        let identifier = identifier.map(String::as_str);
        let reference: &[&str] = &[&header.reference];
        let Some(fault) = aside.map(|aside| &aside.fault) else {
            return self.body.add("UCM", &[reference, &identifier, &[action::ACKNOWLEDGED]]);
        };
        let code = fault.code.to_string();
        match fault.tag.as_str() {
            // The service segments are reported with the message itself.
            "UNH" | "UNT" => {
                let (element, component) = position(fault);
                self.body.add("UCM", &[reference, &identifier, &[action::REJECTED], &[&code], &[&fault.tag], &[&element, &component]]);
            }
            _ => {
                self.body.add("UCM", &[reference, &identifier, &[action::REJECTED]]);
                self.segment_error(fault, &code);
            }
        }
    }

    fn segment_error(&mut self, fault: &Fault, code: &str) {
        let segment = fault.segment.unwrap_or(1).to_string();
        let (element, component) = position(fault);
        if element.is_empty() {
            return self.body.add("UCS", &[&[&segment], &[code]]);
        }
        self.body.add("UCS", &[&[&segment]]);
        self.body.add("UCD", &[&[code], &[&element, &component]]);
    }

    /// The interchange that goes back. None when none is due.
    fn into_bytes(self, control: u64, options: &AckOptions) -> Option<Vec<u8>> {
        let interchange = &self.interchange;
        let asked = options.force || matches!(interchange.ack_request.as_str(), "1" | "2");
        if !asked || !self.is_answerable || interchange.kind != StartKind::Batch {
            return None;
        }
        let envelope = Envelope {
            syntax: &interchange.syntax,
            version: &interchange.syntax_version,
            sender: &interchange.receiver,
            receiver: &interchange.sender,
            control,
            now: options.now,
            test: interchange.test,
        };
        Some(envelope.around(|version| self.message(version)))
    }

    fn message(&self, version: &str) -> Segments {
        let interchange = &self.interchange;
        let mut message = Segments::new(version);
        let identifier: &[&str] = if message.version_4 { &["CONTRL", "4", "1", "UN"] } else { &["CONTRL", "D", "3", "UN"] };
        message.add("UNH", &[&["1"], identifier]);
        let (sender, receiver) = (&interchange.sender, &interchange.receiver);
        let (action, code) = match (self.rejected, self.kind) {
            (Some(code), _) => (action::REJECTED, code.to_string()),
            (None, AckKind::Receipt) => (action::RECEIVED, String::new()),
            (None, _) => (action::ACKNOWLEDGED, String::new()),
        };
        message.add(
            "UCI",
            &[
                &[&interchange.reference],
                &[&sender.id, &sender.qualifier, &sender.routing],
                &[&receiver.id, &receiver.qualifier, &receiver.routing],
                &[action],
                &[&code],
            ],
        );
        message.text.push_str(&self.body.text);
        message.count += self.body.count;
        message.add("UNT", &[&[&(message.count + 1).to_string()], &["1"]]);
        message
    }
}

/// Element and component as the report counts them: the tag is 1. Empty where the segment itself is wrong.
fn position(fault: &Fault) -> (String, String) {
    fault.position.map_or_else(Default::default, |(element, component)| (element.to_string(), component.to_string()))
}
