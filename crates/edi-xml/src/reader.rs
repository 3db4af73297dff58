//! The reader: a delivery to its documents, a document to its orders, one after the other as they are asked for.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use loket_core::delivery::Delivery;
use loket_core::message::Message;
use loket_core::reader::{Part, Parts, Reader, Recognition, SetAside, Unreadable};

use crate::dialect::{self, Kind};
use crate::envelope::{self, Envelope};
use crate::message::message;
use crate::recognize::recognize;
use crate::xml::{self, Document, Fault, decode};

/// Reads orders in XML: UBL, cXML, openTRANS, GS1 XML, OAGIS.
#[derive(Clone, Copy, Debug, Default)]
pub struct XmlOrderReader;

impl Reader for XmlOrderReader {
    fn name(&self) -> &'static str {
        "orderxml/1"
    }

    fn media_types(&self) -> &'static [&'static str] {
        &["application/xml", "text/xml"]
    }

    fn recognizes(&self, bytes: &[u8]) -> Recognition {
        recognize(bytes)
    }

    fn read(&self, delivery: &Delivery) -> Result<Vec<Message>, Unreadable> {
        let (mut messages, mut reason) = (Vec::new(), None);
        for part in self.parts(delivery)? {
            match part {
                Part::Message(message) => messages.push(*message),
                Part::Aside(aside) => {
                    reason.get_or_insert(aside.reason);
                }
            }
        }
        match (messages.is_empty(), reason) {
            (true, reason) => Err(Unreadable(reason.unwrap_or_else(|| "there is no document in it".into()))),
            (false, _) => Ok(messages),
        }
    }

    fn parts(&self, delivery: &Delivery) -> Result<Parts, Unreadable> {
        let mut documents = Documents::of(&delivery.payload)?;
        // The first document says whether there is anything to read at all.
        let Some(first) = documents.next() else { return Err(Unreadable("there is no document in it".into())) };
        match first {
            Part::Aside(aside) if documents.is_over() => Err(Unreadable(aside.reason)),
            first => Ok(Box::new(std::iter::once(first).chain(documents))),
        }
    }

    fn attachment(&self, _: &Delivery, _: usize, _: &str) -> Option<Bytes> {
        None
    }
}

/// The parts of a delivery.
pub(crate) struct Documents {
    text: String,
    /// The bytes that the text was made from, where it is the same text: what is set aside is cut out of them.
    bytes: Option<Bytes>,
    warning: Option<String>,
    /// Where the next document begins.
    at: usize,
    /// How many documents came before.
    ordinal: usize,
    /// The document whose orders are being read, and those that are still to come.
    current: Option<Current>,
    lines: Lines,
    /// Whether a document was no XML that can be read.
    pub(crate) is_broken: bool,
    /// How often all of the text was searched in vain.
    searches: usize,
}

/// Which line a byte is on, without counting from the beginning each time.
#[derive(Default)]
struct Lines {
    at: usize,
    before: usize,
}

impl Lines {
    /// From 1.
    fn of(&mut self, text: &str, at: usize) -> usize {
        let count =
            |from: usize, to: usize| text.as_bytes().get(from..to).unwrap_or_default().iter().filter(|&&byte| byte == b'\n').count();
        self.before = match at >= self.at {
            true => self.before + count(self.at, at),
            false => self.before.saturating_sub(count(at, self.at)),
        };
        self.at = at;
        self.before + 1
    }
}

/// After so many documents with something that never ends, the rest of a delivery is one that cannot be read.
const MAX_SEARCHES: usize = 20;
/// A document's envelope longer than this does not go along with what is set aside of it.
const MAX_ENVELOPE: usize = 64 << 10;

struct Current {
    document: Document,
    envelope: Envelope,
    orders: VecDeque<(u32, Kind)>,
    /// How many orders it has.
    count: usize,
    /// From the first of them to behind the last one.
    span: Range<usize>,
}

impl Documents {
    pub(crate) fn of(payload: &Bytes) -> Result<Self, Unreadable> {
        if payload.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
            return Err(Unreadable("empty".into()));
        }
        if u32::try_from(payload.len()).is_err() {
            return Err(Unreadable("it is larger than four gigabytes".into()));
        }
        let decoded = decode(payload).map_err(Unreadable)?;
        let bytes = match &decoded.text {
            Cow::Borrowed(text) => Some(payload.slice(payload.len() - text.len()..)),
            Cow::Owned(_) => None,
        };
        let text = decoded.text.into_owned();
        if u32::try_from(text.len()).is_err() {
            return Err(Unreadable("it is larger than four gigabytes".into()));
        }
        Ok(Self {
            text,
            bytes,
            warning: decoded.warning,
            at: 0,
            ordinal: 0,
            current: None,
            lines: Lines::default(),
            is_broken: false,
            searches: 0,
        })
    }

    /// Whether nothing but blanks follows.
    fn is_over(&self) -> bool {
        self.current.as_ref().is_none_or(|current| current.orders.is_empty())
            && self.text.get(self.at..).is_none_or(|rest| !rest.contains('<'))
    }

    /// The next document; what cannot be one is set aside.
    fn open(&mut self) -> Option<Part> {
        let start = self.at;
        let document = match xml::document(&self.text, start) {
            Ok(None) => {
                self.at = self.text.len();
                return None;
            }
            Ok(Some(document)) => document,
            Err(fault) => {
                self.ordinal += 1;
                self.searches += usize::from(fault.searched_all);
                self.at = match self.searches > MAX_SEARCHES {
                    true => self.text.len(),
                    false => self.next_declaration(fault.at + usize::from(!fault.is_next)),
                };
                self.is_broken = true;
                let reason = self.told(&fault);
                return Some(self.aside(self.ordinal.to_string(), self.cut(start..self.at), reason));
            }
        };
        self.ordinal += 1;
        self.at = document.end;
        let range = document.start..document.end;
        let root = document.tree.root(&self.text)?;
        let orders = dialect::find(root);
        let (Some(first), Some(last)) = (orders.first(), orders.last()) else {
            let at = root.range().start;
            let reason = format!(
                "<{}> is no order that is known here: UBL Order, OrderChange or OrderCancellation, cXML, openTRANS ORDER or ORDERCHANGE, GS1 XML order, OAGIS ProcessPurchaseOrder (line {}, byte {at})",
                root.name(),
                self.lines.of(&self.text, at),
            );
            return Some(self.aside(self.ordinal.to_string(), self.cut(range), reason));
        };
        let place = |number: u32| document.tree.node(&self.text, number).map_or(0..0, |node| node.range());
        let span = place(first.0).start..place(last.0).end;
        let envelope = envelope::read(root);
        self.current = Some(Current { envelope, count: orders.len(), orders: orders.into(), span, document });
        self.order()
    }

    /// The next order of the document that is open.
    fn order(&mut self) -> Option<Part> {
        let mut current = self.current.take()?;
        let (number, kind) = current.orders.pop_front()?;
        let place = current.count - current.orders.len();
        let node = current.document.tree.node(&self.text, number)?;
        let part = match dialect::read(node, kind, &current.envelope, current.count > 1) {
            Ok(draft) => {
                let warnings: Vec<String> = self.warning.iter().chain(&current.document.warnings).cloned().collect();
                Part::Message(Box::new(message(draft, &warnings)))
            }
            Err(bad) => {
                let reason = format!("{} (line {}, byte {})", bad.why, self.lines.of(&self.text, bad.at), bad.at);
                let (before, behind) = (current.document.start..current.span.start, current.span.end..current.document.end);
                let payload = match before.len() + behind.len() > MAX_ENVELOPE {
                    true => self.cut(node.range()),
                    false => self.joined([before, node.range(), behind]),
                };
                let name = if current.count > 1 { format!("{}-{place}", self.ordinal) } else { self.ordinal.to_string() };
                self.aside(name, payload, reason)
            }
        };
        if !current.orders.is_empty() {
            self.current = Some(current);
        }
        Some(part)
    }

    /// A fault in words, with its place.
    fn told(&mut self, fault: &Fault) -> String {
        let began = fault.began.map(|began| format!(" (it began on line {})", self.lines.of(&self.text, began))).unwrap_or_default();
        format!("{}{began} (line {}, byte {})", fault.why, self.lines.of(&self.text, fault.at), fault.at)
    }

    fn aside(&self, name: String, payload: Bytes, reason: String) -> Part {
        Part::Aside(SetAside { name, payload, reason })
    }

    /// A part of the text as bytes: the delivery's own where they are the same, else UTF-8.
    fn cut(&self, range: Range<usize>) -> Bytes {
        match &self.bytes {
            Some(bytes) if range.end <= bytes.len() => bytes.slice(range),
            _ => Bytes::copy_from_slice(self.text.get(range).unwrap_or_default().as_bytes()),
        }
    }

    /// Parts of the text as if they stood together.
    fn joined(&self, ranges: [Range<usize>; 3]) -> Bytes {
        ranges.into_iter().filter_map(|range| self.text.get(range)).collect::<String>().into()
    }

    /// Where the next document begins behind one that cannot be read: at the next declaration.
    fn next_declaration(&self, behind: usize) -> usize {
        let end = self.text.len();
        // The place of a fault need not be between two characters.
        let from = (behind..=end).find(|&at| self.text.is_char_boundary(at)).unwrap_or(end);
        self.text.get(from..).and_then(|rest| rest.find("<?xml ")).map_or(end, |next| from + next)
    }
}

impl Iterator for Documents {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        match self.current.is_some() {
            true => self.order(),
            false => self.open(),
        }
    }
}
