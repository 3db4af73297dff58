//! The way through a delivery: interchange after interchange, group after group, message after message. Nothing is kept of what was
//! passed, and everything is decided here, so that reader and acknowledgement can never differ.

use std::sync::Arc;

use bytes::Bytes;
use loket_core::message::Message;
use loket_core::reader::Unreadable;

use crate::envelope::{Around, Group, Header, Interchange};
use crate::fault::{Fault, code};
use crate::message::{self, Content};
use crate::notes::Notes;
use crate::syntax::{Charset, Delimiters, MAX_SEGMENT, NEXT_INTERCHANGE, Start, StartKind, Tokens, curly_terminator, find, is_blank};
use crate::write::escaped;

/// One thing found in a delivery.
pub(crate) struct Found {
    pub(crate) around: Around,
    pub(crate) outcome: Outcome,
}

/// What became of it.
pub(crate) enum Outcome {
    /// A message.
    Message(Box<Message>),
    /// Something that cannot be read.
    Aside(Aside),
}

/// What cannot be read.
pub(crate) struct Aside {
    pub(crate) name: String,
    pub(crate) payload: Bytes,
    pub(crate) fault: Fault,
    /// Whether it is the interchange as a whole.
    pub(crate) is_interchange: bool,
}

/// Walks through the bytes of a delivery.
pub(crate) struct Walk {
    bytes: Bytes,
    tokens: Tokens,
    open: Option<Open>,
    /// The start of the next interchange, where it was looked for already.
    next: Option<Option<Start>>,
    /// The message that was come to.
    ahead: Option<Begin>,
    interchanges: usize,
    /// To be told with the next message.
    notes: Notes,
    /// Whether it is known that no package ends any more.
    no_package_ends: bool,
}

/// The interchange that is open.
struct Open {
    interchange: Arc<Interchange>,
    group: Option<Arc<Group>>,
    groups: usize,
    messages: usize,
    messages_in_group: usize,
    packages: usize,
}

/// The beginning of a message.
struct Begin {
    header: Header,
    start: usize,
    whole: bool,
}

/// How a message ended.
enum Ending {
    /// With its UNT.
    Trailer,
    /// Another part of the interchange began.
    Untrailed,
    /// The bytes, or the interchange, ended before it did.
    Cut,
}

impl Walk {
    /// Through these bytes.
    pub(crate) fn new(bytes: Bytes) -> Result<Self, Unreadable> {
        if is_blank(&bytes) {
            return Err(Unreadable("empty".into()));
        }
        let bytes = from_utf16(bytes);
        let found = |bytes: &[u8]| find(bytes, 0).ok_or_else(|| Unreadable("not EDIFACT: neither UNA, UNB nor UNH is in it".into()));
        let (mut bytes, mut notes) = (bytes, Notes::default());
        let mut first = found(&bytes)?;
        if let Some(curly) = curly_terminator(&bytes, &first) {
            notes.add("the apostrophes at the end of its segments are typographic ones; something changed them on the way");
            bytes = straight(&bytes, curly);
            first = found(&bytes)?;
        }
        note_gap(&bytes, 0, first.at, &mut notes);
        let tokens = Tokens::new(bytes.len());
        Ok(Self { bytes, tokens, open: None, next: Some(Some(first)), ahead: None, interchanges: 0, notes, no_package_ends: false })
    }

    /// The next thing in the delivery.
    pub(crate) fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(begin) = self.ahead.take() {
                return self.message(begin);
            }
            if self.open.is_none() {
                self.open_next()?;
            }
            let open = self.open.as_ref()?;
            let interchange = open.interchange.clone();
            if interchange.kind == StartKind::Interactive {
                return Some(self.interactive(interchange));
            }
            let mut notes = std::mem::take(&mut self.notes);
            self.ahead = self.between(&mut notes);
            self.notes = notes;
            if self.ahead.is_none() {
                return Some(self.empty(interchange));
            }
        }
    }

    /// Opens the next interchange.
    fn open_next(&mut self) -> Option<()> {
        let bytes = self.bytes.clone();
        let start = self.next.take().unwrap_or_else(|| find(&bytes, self.tokens.at))?;
        self.interchanges += 1;
        let (delimiters, notes) = Delimiters::of(&bytes, &start);
        self.notes.extend(notes);
        self.tokens.begin(start.segment, delimiters);
        self.tokens.set_charset(Charset::new("UNOY"));
        let interchange = if start.kind == StartKind::Bare {
            self.notes.add("it has no UNB");
            Interchange::read(self.interchanges, &start, delimiters, None)
        } else {
            let header = self.tokens.next(&bytes)?;
            Interchange::read(self.interchanges, &start, delimiters, Some(&header))
        };
        self.tokens.set_charset(Charset::new(&interchange.syntax));
        let interchange = Arc::new(interchange);
        self.open = Some(Open { interchange, group: None, groups: 0, messages: 0, messages_in_group: 0, packages: 0 });
        Some(())
    }

    /// Goes on to the next message of the interchange. None: the interchange is over, and closed.
    fn between(&mut self, notes: &mut Notes) -> Option<Begin> {
        let bytes = self.bytes.clone();
        let open = self.open.as_mut()?;
        let bare = open.interchange.kind == StartKind::Bare;
        loop {
            let Some(segment) = self.tokens.next(&bytes) else {
                if !bare {
                    notes.add("UNZ is missing at the end of the interchange");
                }
                break;
            };
            match &segment.tag {
                &NEXT_INTERCHANGE => {
                    if !bare {
                        notes.add("UNZ is missing before the next interchange");
                    }
                    break;
                }
                b"UNH" => {
                    open.messages += 1;
                    open.messages_in_group += 1;
                    return Some(Begin { header: Header::read(&segment), start: segment.start, whole: segment.terminated });
                }
                b"UNG" => {
                    open.groups += 1;
                    open.messages_in_group = 0;
                    open.group = Some(Arc::new(Group::read(&segment)));
                }
                b"UNE" => {
                    let group = open.group.take();
                    check_count(notes, "UNE", &segment.code(1, 0), open.messages_in_group, "messages");
                    check_reference(notes, "UNE", &segment.code(2, 0), group.as_ref().map_or("", |group| &group.reference));
                }
                b"UNZ" => {
                    let count = if open.groups > 0 { open.groups } else { open.messages + open.packages };
                    check_count(notes, "UNZ", &segment.code(1, 0), count, if open.groups > 0 { "groups" } else { "messages" });
                    if !bare {
                        check_reference(notes, "UNZ", &segment.code(2, 0), &open.interchange.reference);
                    }
                    break;
                }
                b"UNO" => {
                    open.packages += 1;
                    notes.add(format!("the package {} (UNO) in the interchange was not read", segment.code(1, 0)));
                    let (end, security) = (segment.end, segment.code(4, 1).parse::<usize>().unwrap_or(0).min(999));
                    let length = segment.code(4, 0).parse::<usize>().ok();
                    (0..security).for_each(|_| {
                        self.tokens.next(&bytes);
                    });
                    let object = if security > 0 { self.tokens.at } else { end };
                    self.tokens.at = package_end(&bytes, object, length, &mut self.no_package_ends);
                }
                // Some write a UNA before each message.
                b"UNP" | b"UNA" => {}
                _ => {
                    notes.add(format!("the segment {} stands outside of a message and was not read", segment.tag_text()));
                }
            }
        }
        self.close(notes);
        None
    }

    /// Closes the interchange, and says what stands between it and the next one.
    fn close(&mut self, notes: &mut Notes) {
        self.open = None;
        let at = self.tokens.at;
        let next = find(&self.bytes, at);
        note_gap(&self.bytes, at, next.map_or(self.bytes.len(), |next| next.at), notes);
        notes.extend(self.tokens.take_notes());
        self.next = Some(next);
    }

    /// Reads the message that begins here, up to the beginning of what comes after it.
    fn message(&mut self, begin: Begin) -> Option<Found> {
        let bytes = self.bytes.clone();
        let open = self.open.as_ref()?;
        let ordinal = open.messages;
        let around = Around { interchange: open.interchange.clone(), group: open.group.clone(), header: begin.header };
        let mut notes = std::mem::take(&mut self.notes);
        let mut content = Content::of(&around.header);
        let mut number = 1;
        let mut fault = None;
        let ending = loop {
            if !begin.whole {
                break Ending::Cut;
            }
            let Some(segment) = self.tokens.next(&bytes) else { break Ending::Cut };
            match &segment.tag {
                &NEXT_INTERCHANGE => break Ending::Cut,
                b"UNH" | b"UNE" | b"UNZ" | b"UNG" | b"UNO" | b"UNA" => {
                    let start = segment.start;
                    self.tokens.at = start;
                    break Ending::Untrailed;
                }
                b"UNT" => {
                    check_count(&mut notes, "UNT", &segment.code(1, 0), number as usize + 1, "segments");
                    check_reference(&mut notes, "UNT", &segment.code(2, 0), &around.header.reference);
                    break Ending::Trailer;
                }
                _ if segment.terminated => {
                    number += 1;
                    content.take(number, segment);
                }
                // The bytes, or what was left of the interchange, end within it.
                _ if segment.end - segment.start < MAX_SEGMENT => {
                    number += 1;
                    break Ending::Cut;
                }
                _ => {
                    number += 1;
                    let what = format!("it goes on for more than {MAX_SEGMENT} bytes; its terminator is missing");
                    let (tag, offset, code) = (segment.tag_text(), segment.start, code::TOO_LONG);
                    fault.get_or_insert(Fault { what, segment: Some(number), tag, element: "", position: None, offset, code });
                }
            }
        };
        let whole_enough = content.is_whole();
        match ending {
            Ending::Trailer => {}
            Ending::Untrailed => notes.add("UNT is missing at its end"),
            Ending::Cut if whole_enough && fault.is_none() => notes.add("it ends without UNT"),
            Ending::Cut => {
                let what = format!("cut off after {number} segments: UNT is missing");
                let (tag, code) = ("UNT".to_owned(), code::MISSING);
                let cut = Fault { what, segment: Some(number + 1), tag, element: "", position: None, offset: self.tokens.at, code };
                fault.get_or_insert(cut);
            }
        }
        let end = self.tokens.at;
        notes.extend(self.tokens.take_notes());
        let content = match fault {
            Some(fault) => Err(fault),
            None => content.finish(begin.start),
        };
        let outcome = match content {
            Ok(read) => {
                self.ahead = self.between(&mut notes);
                Outcome::Message(Box::new(message::make(&around, read, notes)))
            }
            Err(fault) => {
                let payload = self.cut_out(&around, begin.start, end, !matches!(ending, Ending::Cut));
                let name = aside_name(&around, ordinal);
                // What is odd about the envelope is told with the next message in it.
                let mut notes = Notes::default();
                self.ahead = self.between(&mut notes);
                if self.open.is_some() {
                    self.notes = notes;
                }
                Outcome::Aside(Aside { name, payload, fault, is_interchange: false })
            }
        };
        Some(Found { around, outcome })
    }

    /// An interchange without a message.
    fn empty(&mut self, interchange: Arc<Interchange>) -> Found {
        let end = match &self.next {
            Some(Some(next)) => next.at,
            _ => self.bytes.len(),
        };
        let notes = std::mem::take(&mut self.notes).into_list();
        let mut what = "there is no message in it".to_owned();
        for note in notes {
            what.push_str("; ");
            what.push_str(&note);
        }
        let offset = interchange.head.start;
        let fault = Fault { what, segment: None, tag: String::new(), element: "", position: None, offset, code: code::EMPTY };
        let payload = self.bytes.slice(offset.min(end)..end);
        let name = interchange.ordinal.to_string();
        let around = Around { interchange, group: None, header: Header::default() };
        Found { around, outcome: Outcome::Aside(Aside { name, payload, fault, is_interchange: true }) }
    }

    /// An interactive interchange: kept, not read.
    fn interactive(&mut self, interchange: Arc<Interchange>) -> Found {
        let bytes = self.bytes.clone();
        let mut notes = std::mem::take(&mut self.notes);
        let mut header = Header::default();
        let mut text = message::Text::default();
        while let Some(segment) = self.tokens.next(&bytes) {
            let tag = segment.tag;
            match &tag {
                &NEXT_INTERCHANGE => break,
                b"UIH" if header.message_type.is_empty() => header = Header::read(&segment),
                _ => {}
            }
            text.add(segment);
            if tag == *b"UIZ" {
                break;
            }
        }
        notes.add("interactive EDIFACT (UIB) is kept and not read");
        self.close(&mut notes);
        let around = Around { interchange, group: None, header };
        let message = message::make(&around, message::Read::Other(text), notes);
        Found { around, outcome: Outcome::Message(Box::new(message)) }
    }

    /// A message inside an envelope of its own.
    fn cut_out(&mut self, around: &Around, start: usize, end: usize, whole: bool) -> Bytes {
        let interchange = &around.interchange;
        let delimiters = &interchange.delimiters;
        let mut payload = Vec::with_capacity(end - start + 512);
        let mut copy = |range: std::ops::Range<usize>| {
            self.tokens.unwrapped(&self.bytes, range, &mut payload);
        };
        copy(interchange.head.clone());
        if let Some(group) = &around.group {
            copy(group.head.clone());
        }
        copy(start..end);
        // Without a trailer, what was cut off stays cut off.
        if whole && interchange.kind != StartKind::Bare {
            let mut trailer = |tag: &str, reference: &str| {
                payload.extend_from_slice(tag.as_bytes());
                payload.extend_from_slice(&[delimiters.element, b'1', delimiters.element]);
                payload.extend_from_slice(&escaped(reference.as_bytes(), delimiters));
                payload.push(delimiters.terminator);
            };
            if let Some(group) = &around.group {
                trailer("UNE", &group.reference);
            }
            trailer("UNZ", &interchange.reference);
        }
        payload.into()
    }
}

/// What tells a message from the others of its delivery: interchange and reference, and its place where the reference is no count.
fn aside_name(around: &Around, ordinal: usize) -> String {
    let interchange = around.interchange.ordinal;
    let reference: String = around.header.reference.chars().filter(|c| c.is_ascii_graphic()).take(35).collect();
    match reference.parse::<usize>() {
        Ok(count) if count == ordinal => format!("{interchange}-{reference}"),
        _ => format!("{interchange}-{ordinal}-{reference}").trim_end_matches('-').to_owned(),
    }
}

fn check_count(notes: &mut Notes, tag: &str, said: &str, counted: usize, of: &str) {
    if !said.is_empty() && said.parse::<usize>() != Ok(counted) {
        notes.add(format!("{tag} says {said} {of}; there are {counted}"));
    }
}

fn check_reference(notes: &mut Notes, tag: &str, said: &str, header: &str) {
    if !said.is_empty() && said != header {
        notes.add(format!("{tag} has the reference `{said}` and its header has `{header}`"));
    }
}

fn note_gap(bytes: &[u8], from: usize, to: usize, notes: &mut Notes) {
    let gap = bytes.get(from..to).unwrap_or_default();
    if !is_blank(gap) {
        notes.add(format!("{} bytes that are not EDIFACT were passed over (from byte {from})", gap.len()));
    }
}

/// Where the UNP of a package is: after so many bytes, or else wherever one is.
fn package_end(bytes: &[u8], object: usize, length: Option<usize>, none_left: &mut bool) -> usize {
    let is_trailer = |at: usize| bytes.get(at..).is_some_and(|rest| rest.starts_with(b"UNP"));
    let stated = length.and_then(|length| object.checked_add(length)).filter(|end| *end <= bytes.len());
    if let Some(end) = stated {
        let gap = bytes.get(end..).unwrap_or_default().iter().take(4).take_while(|byte| byte.is_ascii_whitespace()).count();
        if is_trailer(end + gap) {
            return end;
        }
    }
    if *none_left {
        return object;
    }
    let found = bytes
        .get(object..)
        .unwrap_or_default()
        .windows(4)
        .position(|window| window.starts_with(b"UNP") && window.last().is_some_and(|byte| !byte.is_ascii_alphanumeric()));
    *none_left = found.is_none();
    object + found.unwrap_or(0)
}

/// The bytes with apostrophes for what a word processor made of them.
fn straight(bytes: &[u8], curly: &[u8]) -> Bytes {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = rest.strip_prefix(curly).map_or((*first, after), |after| (b'\'', after));
        plain.push(byte);
        rest = after;
    }
    plain.into()
}

/// UTF-16 as UTF-8; everything else as it is.
fn from_utf16(bytes: Bytes) -> Bytes {
    match encoding_rs::Encoding::for_bom(&bytes) {
        Some((encoding, length)) if encoding != encoding_rs::UTF_8 => {
            let text = encoding.decode_without_bom_handling(bytes.get(length..).unwrap_or_default()).0;
            text.into_owned().into_bytes().into()
        }
        _ => bytes,
    }
}
