//! MIME structure (RFC 2046): one pass over the lines of a mail, with the open boundaries on a stack. Bodies are not copied and
//! not decoded here. Structure that contradicts itself is read as far as it makes sense:
//! - a multipart that is never closed ends where its parent goes on, or with the mail;
//! - a boundary that was declared otherwise than it is used is recognized by the header that follows it;
//! - a multipart without any part in it is text;
//! - what nests too deep or comes after too many parts is one part, skipped.

use memchr::memmem;

use super::fields::{self, Fields};
use super::limits::{MAX_DEPTH, MAX_FIELDS, MAX_PART_FIELDS, MAX_PARTS};
use super::lines::{Line, line_at};
use super::notes::Notes;
use super::params::Parameters;
use super::transfer::Encoding;

/// One part; the mail itself is the first.
pub(super) struct Part<'a> {
    /// Its header.
    pub(super) fields: Fields<'a>,
    /// Its Content-Type; `text/plain` where there is none.
    pub(super) media: Parameters,
    /// Its Content-Disposition, if it has one.
    pub(super) disposition: Option<Parameters>,
    /// How its body was encoded for the way.
    pub(super) encoding: Encoding,
    /// Its body, encoded as it came.
    pub(super) raw: &'a [u8],
    /// The parts in it, for a multipart and for what was unpacked.
    pub(super) children: Vec<usize>,
    /// How many parts it is in.
    pub(super) depth: usize,
    /// What its children were unpacked from, if they were.
    pub(super) wrapping: Option<Wrapping>,
    /// Whether it is a multipart with parts in it.
    pub(super) is_multipart: bool,
    /// Whether it lasted until the mail ended although its boundary had not come.
    pub(super) cut: bool,
    /// Why it was not looked into.
    pub(super) skipped: Option<String>,
}

/// What parts were unpacked from.
pub(super) enum Wrapping {
    /// An S/MIME signature around what was signed.
    Signature,
    /// TNEF: a text in so many forms, then files.
    Tnef {
        texts: usize,
        /// What Outlook takes the message for, in lower case.
        class: String,
    },
}

impl<'a> Part<'a> {
    /// A part that is no multipart.
    pub(super) fn leaf(fields: Fields<'a>, media: Parameters, raw: &'a [u8], depth: usize) -> Self {
        let disposition = fields.first("content-disposition").map(Parameters::read);
        let encoding = fields.first("content-transfer-encoding").map_or(Encoding::None, Encoding::named);
        Self {
            fields,
            media,
            disposition,
            encoding,
            raw,
            children: Vec::new(),
            depth,
            wrapping: None,
            is_multipart: false,
            cut: false,
            skipped: None,
        }
    }
}

/// A mail, cut into parts.
#[derive(Default)]
pub(super) struct Mail<'a> {
    /// All parts in order; the first is the mail.
    pub(super) parts: Vec<Part<'a>>,
    /// The body as a whole.
    pub(super) body: &'a [u8],
    /// The text before the first boundary, for mails that have their text there.
    pub(super) preamble: &'a [u8],
}

impl<'a> Mail<'a> {
    /// The header of the mail.
    pub(super) fn fields(&self) -> &Fields<'a> {
        // `split` never makes a mail without its first part.
        self.parts.first().map_or(const { &Fields::NONE }, |part| &part.fields)
    }
}

/// Cuts a mail into its header and its parts.
pub(super) fn split<'a>(bytes: &'a [u8], notes: &mut Notes) -> Mail<'a> {
    let start = header_start(bytes);
    let (mut found, mut body_at) = fields::read(bytes, start, MAX_FIELDS, |_| false);
    if !found.iter().any(|field| fields::is_known(field.name)) {
        // A text whose first line happens to have a colon.
        (found, body_at) = (Fields::default(), start);
        notes.add("no header: everything was taken for the text");
    }
    if found.left_out > 0 {
        notes.add(format!("{} header fields after the first {MAX_FIELDS} were not read", found.left_out));
    }
    if found.mended > 0 {
        notes.add("lines of the header were broken without the blank that continues a line");
    }
    let body = bytes.get(body_at..).unwrap_or_default();
    let mail = Mail { parts: Vec::new(), body, preamble: &[] };
    let mut splitter = Splitter { body, mail, depth: 0, open: Vec::new(), leaf: None, notes };
    splitter.add(found, 0, None);
    splitter.run();
    splitter.mail
}

/// Adds an entity that was unpacked from the part `from`, cut into its parts.
pub(super) fn graft<'a>(mail: Mail<'a>, from: usize, entity: &'a [u8], notes: &mut Notes) -> Mail<'a> {
    let (mut found, mut body_at) = fields::read(entity, 0, MAX_PART_FIELDS, |_| false);
    if !found.iter().any(|field| fields::is_known(field.name)) && !entity.starts_with(b"\n") && !entity.starts_with(b"\r\n") {
        (found, body_at) = (Fields::default(), 0);
    }
    let depth = mail.parts.get(from).map_or(0, |part| part.depth + 1);
    let body = entity.get(body_at..).unwrap_or_default();
    let mut splitter = Splitter { body, mail, depth, open: Vec::new(), leaf: None, notes };
    splitter.add(found, 0, Some(from));
    splitter.run();
    splitter.mail
}

/// Where the header begins: after a byte order mark, blank lines and an mbox's `From ` line.
pub(super) fn header_start(bytes: &[u8]) -> usize {
    let mut at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    while let Some(line) = line_at(bytes, at) {
        let skip = line.text.trim_ascii().is_empty() || line.text.starts_with(b"From ") || line.text.starts_with(b">From ");
        if !skip {
            break;
        }
        at = line.next;
    }
    at
}

/// A multipart that is being read.
struct Open {
    part: usize,
    boundary: Option<Vec<u8>>,
    /// Whether its closing boundary has come. Parts that come after it all the same still count.
    closed: bool,
    /// Where its body begins.
    from: usize,
}

/// A part that is no multipart, being read.
struct Leaf {
    part: usize,
    from: usize,
}

struct Splitter<'a, 'n> {
    body: &'a [u8],
    mail: Mail<'a>,
    /// How many parts are around all that is read here.
    depth: usize,
    open: Vec<Open>,
    leaf: Option<Leaf>,
    notes: &'n mut Notes,
}

enum Boundary {
    Delimiter,
    Closing,
}

impl<'a> Splitter<'a, '_> {
    fn run(&mut self) {
        let mut at = 0;
        while !self.open.is_empty()
            && let Some(line) = dashed_line(self.body, at)
        {
            at = line.next;
            if let Some((level, boundary)) = boundary_in(&self.open, line.text).or_else(|| self.adopted(line)) {
                let end = before(self.body, line.at);
                self.note_preamble(level, end);
                self.end_leaf(end, false);
                self.end_multiparts(level + 1, line.at);
                match boundary {
                    Boundary::Closing => self.close(level),
                    Boundary::Delimiter => match self.part(line.next) {
                        Some(body_at) => at = body_at,
                        None => return self.finish(),
                    },
                }
            }
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.end_leaf(self.body.len(), !self.open.is_empty());
        self.end_multiparts(0, self.body.len());
    }

    /// Reads the header of the part that begins here; says where to go on. `None` when there are too many parts.
    fn part(&mut self, at: usize) -> Option<usize> {
        let (fields, body_at) =
            fields::read(self.body, at, MAX_PART_FIELDS, |line| line.starts_with(b"--") && boundary_in(&self.open, line).is_some());
        let parent = self.open.last()?.part;
        if self.mail.parts.len() >= MAX_PARTS {
            self.notes.add(format!("more than {MAX_PARTS} parts: the rest was not taken apart"));
            let rest = self.body.get(at..).unwrap_or_default();
            let skipped = Some(format!("it comes after the first {MAX_PARTS} parts"));
            let media = Parameters::read(b"application/octet-stream");
            let depth = self.depth + self.open.len();
            self.push(Part { skipped, ..Part::leaf(Fields::default(), media, rest, depth) }, Some(parent));
            self.leaf = None;
            return None;
        }
        self.add(fields, body_at, Some(parent));
        Some(body_at)
    }

    /// Adds a part whose body begins at `body_at`, and opens it.
    fn add(&mut self, fields: Fields<'a>, body_at: usize, parent: Option<usize>) {
        let digest = parent.and_then(|parent| self.mail.parts.get(parent)).is_some_and(|parent| parent.media.value == "multipart/digest");
        let default: &[u8] = if digest { b"message/rfc822" } else { b"text/plain" };
        let media = media_of(&fields, default);
        let is_multipart = media.value.starts_with("multipart/");
        let depth = self.depth + self.open.len();
        let too_deep = is_multipart && depth >= MAX_DEPTH;
        let boundary = media.bytes("boundary").map(|b| b.trim_ascii().to_vec()).filter(|b| !b.is_empty());
        let skipped = too_deep.then(|| format!("it is nested deeper than {MAX_DEPTH} levels"));
        let part = self.push(Part { is_multipart: is_multipart && !too_deep, skipped, ..Part::leaf(fields, media, &[], depth) }, parent);
        if too_deep {
            self.notes.add(format!("parts nested deeper than {MAX_DEPTH} levels were not taken apart"));
        }
        if is_multipart && !too_deep {
            self.open.push(Open { part, boundary, closed: false, from: body_at });
        } else {
            self.leaf = Some(Leaf { part, from: body_at });
        }
    }

    fn push(&mut self, part: Part<'a>, parent: Option<usize>) -> usize {
        let index = self.mail.parts.len();
        self.mail.parts.push(part);
        if let Some(parent) = parent.and_then(|parent| self.mail.parts.get_mut(parent)) {
            parent.children.push(index);
        }
        index
    }

    fn end_leaf(&mut self, end: usize, cut: bool) {
        let Some(leaf) = self.leaf.take() else { return };
        if let Some(part) = self.mail.parts.get_mut(leaf.part) {
            part.raw = self.body.get(leaf.from..end.max(leaf.from)).unwrap_or_default();
            part.cut = cut;
        }
    }

    /// Ends the multiparts from `level` on, innermost first.
    fn end_multiparts(&mut self, level: usize, end: usize) {
        while self.open.len() > level
            && let Some(open) = self.open.pop()
        {
            let Some(part) = self.mail.parts.get_mut(open.part) else { continue };
            part.raw = self.body.get(open.from..end.max(open.from)).unwrap_or_default();
            if part.children.is_empty() {
                part.is_multipart = false;
                self.notes.add("a multipart has no part in it; it was taken for text");
            } else if !open.closed {
                self.notes.add("a multipart is not closed; the mail may be cut off");
            } else if open.part == 0 {
                self.epilogue(open.from);
            }
        }
    }

    fn note_preamble(&mut self, level: usize, end: usize) {
        if let Some(open) = self.open.first().filter(|open| level == 0 && open.part == 0)
            && self.mail.parts.first().is_some_and(|mail| mail.children.is_empty())
        {
            self.mail.preamble = self.body.get(open.from..end.max(open.from)).unwrap_or_default();
        }
    }

    fn close(&mut self, level: usize) {
        if let Some(open) = self.open.get_mut(level) {
            open.closed = true;
        }
    }

    /// Text after the end of everything: gateways append it. It is in no part, so it is at least said.
    fn epilogue(&mut self, from: usize) {
        let Some(boundary) = self.mail.parts.first().and_then(|mail| mail.media.bytes("boundary")) else { return };
        let body = self.body.get(from..).unwrap_or_default();
        let closing = [b"--", boundary, b"--"].concat();
        let tail = body.get(body.len().saturating_sub(4_096)..).unwrap_or_default();
        if let Some(at) = memmem::rfind(tail, &closing)
            && let Some(rest) = tail.get(at + closing.len()..).map(<[u8]>::trim_ascii)
            && !rest.is_empty()
        {
            self.notes.add(format!("{} bytes after the last part belong to no part", rest.len()));
        }
    }

    /// A line that looks like the boundary of the innermost multipart, although another one or none was declared: it begins with
    /// two dashes, no part has come yet, and the line behind it begins a part's header.
    fn adopted(&mut self, line: Line<'_>) -> Option<(usize, Boundary)> {
        let level = self.open.len().checked_sub(1)?;
        let open = self.open.get_mut(level)?;
        let part = self.mail.parts.get(open.part)?;
        let text = line.text.trim_ascii_end();
        let next = line_at(self.body, line.next)?;
        let begins_part = next.text.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-")) && next.text.contains(&b':');
        if !part.children.is_empty() || open.closed || text.len() < 4 || text.contains(&b' ') || !begins_part {
            return None;
        }
        open.boundary = text.get(2..).map(<[u8]>::to_vec);
        self.notes.add("a multipart's boundary is not the one that its header declares");
        Some((level, Boundary::Delimiter))
    }
}

/// The Content-Type in a header.
pub(super) fn media_of(fields: &Fields<'_>, default: &[u8]) -> Parameters {
    Parameters::read(fields.first("content-type").filter(|value| !value.trim_ascii().is_empty()).unwrap_or(default))
}

/// The first line from `at` on, where a line begins, that begins with two dashes.
fn dashed_line(bytes: &[u8], at: usize) -> Option<Line<'_>> {
    let rest = bytes.get(at..)?;
    let skipped = if rest.starts_with(b"--") { 0 } else { memmem::find(rest, b"\n--")? + 1 };
    line_at(bytes, at + skipped)
}

/// Which open multipart's boundary this line is, innermost first; closed ones last.
fn boundary_in(open: &[Open], line: &[u8]) -> Option<(usize, Boundary)> {
    let text = line.get(2..)?.trim_ascii_end();
    let matching = |open: &Open| {
        let rest = text.strip_prefix(open.boundary.as_deref()?)?;
        match rest {
            b"" => Some(Boundary::Delimiter),
            b"--" => Some(Boundary::Closing),
            _ => None,
        }
    };
    let found = |closed: bool| {
        open.iter().enumerate().rev().filter(|(_, open)| open.closed == closed).find_map(|(level, open)| Some((level, matching(open)?)))
    };
    found(false).or_else(|| found(true))
}

/// Where the line before the one at `at` ends: the line break before a boundary belongs to the boundary.
fn before(bytes: &[u8], at: usize) -> usize {
    let head = bytes.get(..at).unwrap_or_default();
    let head = head.strip_suffix(b"\n").unwrap_or(head);
    head.strip_suffix(b"\r").unwrap_or(head).len()
}
