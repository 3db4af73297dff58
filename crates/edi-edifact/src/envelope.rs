//! What stands around messages: interchange (UNB), group (UNG) and message header (UNH).

use std::ops::Range;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use loket_core::message::SentAt;
use loket_core::time::Timestamp;

use crate::order::date;
use crate::syntax::{Delimiters, Segment, Start, StartKind};

/// One end of an interchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Station {
    pub(crate) id: String,
    pub(crate) qualifier: String,
    /// For routing behind the station.
    pub(crate) routing: String,
}

impl Station {
    fn read(segment: &Segment<'_>, element: usize) -> Self {
        let code = |component| segment.code(element, component).into_owned();
        Self { id: code(0), qualifier: code(1), routing: code(2) }
    }
}

/// An interchange, as its header names it.
#[derive(Clone, Debug)]
pub(crate) struct Interchange {
    /// Which one of the delivery it is, from 1.
    pub(crate) ordinal: usize,
    pub(crate) kind: StartKind,
    pub(crate) delimiters: Delimiters,
    /// The bytes of its UNA and its header.
    pub(crate) head: Range<usize>,
    pub(crate) syntax: String,
    pub(crate) syntax_version: String,
    pub(crate) sender: Station,
    pub(crate) receiver: Station,
    pub(crate) date: String,
    pub(crate) sent_at: Option<SentAt>,
    /// Data element 0020.
    pub(crate) reference: String,
    pub(crate) application: String,
    /// Data element 0031: what is to be acknowledged.
    pub(crate) ack_request: String,
    pub(crate) agreement: String,
    pub(crate) test: bool,
}

impl Interchange {
    /// By its UNB. With a start that has none: an interchange that says nothing.
    pub(crate) fn read(ordinal: usize, start: &Start, delimiters: Delimiters, header: Option<&Segment<'_>>) -> Self {
        let mut interchange = Self {
            ordinal,
            kind: start.kind,
            delimiters,
            head: start.at..start.segment,
            syntax: String::new(),
            syntax_version: String::new(),
            sender: Station::default(),
            receiver: Station::default(),
            date: String::new(),
            sent_at: None,
            reference: String::new(),
            application: String::new(),
            ack_request: String::new(),
            agreement: String::new(),
            test: false,
        };
        let Some(header) = header else { return interchange };
        let code = |element, component| header.code(element, component).into_owned();
        interchange.head.end = header.end;
        interchange.syntax = code(1, 0).to_ascii_uppercase();
        interchange.syntax_version = code(1, 1);
        if start.kind == StartKind::Interactive {
            // UIB: S001, S302 dialogue, S303 transaction, S018 scenario, S019 dialogue identification, S002, S003, S300.
            interchange.sender = Station::read(header, 6);
            interchange.receiver = Station::read(header, 7);
            interchange.reference = code(2, 0);
            return interchange;
        }
        interchange.sender = Station::read(header, 2);
        interchange.receiver = Station::read(header, 3);
        let (day, time) = (code(4, 0), code(4, 1));
        interchange.sent_at = moment(&day, &time);
        interchange.date = if time.is_empty() { day } else { format!("{day}:{time}") };
        interchange.reference = code(5, 0);
        interchange.application = code(7, 0);
        interchange.ack_request = code(9, 0);
        interchange.agreement = code(10, 0);
        interchange.test = code(11, 0) == "1";
        interchange
    }

    /// How messages about it call it.
    pub(crate) fn name(&self) -> String {
        match self.reference.as_str() {
            "" => format!("interchange {}", self.ordinal),
            reference => format!("interchange {reference}"),
        }
    }
}

/// A group of messages, as its header names it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) head: Range<usize>,
    pub(crate) sender: Station,
    pub(crate) receiver: Station,
    /// Data element 0048.
    pub(crate) reference: String,
}

impl Group {
    pub(crate) fn read(segment: &Segment<'_>) -> Self {
        Self {
            head: segment.start..segment.end,
            sender: Station::read(segment, 2),
            receiver: Station::read(segment, 3),
            reference: segment.code(5, 0).into_owned(),
        }
    }
}

/// A message, as its header names it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    /// Data element 0062.
    pub(crate) reference: String,
    /// Data element 0065, in upper case.
    pub(crate) message_type: String,
    pub(crate) version: String,
    pub(crate) release: String,
    pub(crate) agency: String,
    /// Data element 0057, e.g. `EAN008`.
    pub(crate) association: String,
}

impl Header {
    /// By a UNH, or by a UIH, whose composites stand the other way round.
    pub(crate) fn read(segment: &Segment<'_>) -> Self {
        let (identifier, reference) = if segment.tag == *b"UIH" { (1, 2) } else { (2, 1) };
        let code = |component| segment.code(identifier, component).into_owned();
        let interactive = identifier == 1;
        Self {
            reference: segment.code(reference, 0).into_owned(),
            message_type: code(0).to_ascii_uppercase(),
            version: code(1),
            release: code(2),
            agency: code(if interactive { 5 } else { 3 }),
            association: code(if interactive { 6 } else { 4 }),
        }
    }

    /// Version and release as the directories are called: `D.96A`.
    pub(crate) fn directory(&self) -> String {
        match (self.version.as_str(), self.release.as_str()) {
            (version, "") => version.to_owned(),
            (version, release) => format!("{version}.{release}"),
        }
    }
}

/// Everything around one message.
#[derive(Clone, Debug)]
pub(crate) struct Around {
    pub(crate) interchange: Arc<Interchange>,
    pub(crate) group: Option<Arc<Group>>,
    pub(crate) header: Header,
}

/// The moment of preparation (S004): `YYMMDD` or `CCYYMMDD`, `HHMM` or longer. Nobody says the offset: taken as UTC.
fn moment(day: &str, time: &str) -> Option<SentAt> {
    let day: Date = date::day(day)?;
    let number = |at: usize| time.get(at..at + 2)?.parse::<i8>().ok();
    let (hour, minute) = (number(0).unwrap_or(0), number(2).unwrap_or(0));
    let at = DateTime::new(day.year(), day.month(), day.day(), hour, minute, number(4).unwrap_or(0), 0).ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(SentAt { at: Timestamp::from_micros(at.as_microsecond()), offset: 0 })
}
