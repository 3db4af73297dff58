//! Which parts are the text, which are attachments, and what they hold.

use std::borrow::Cow;

use loket_core::message::Attachment;
use memchr::memchr_iter;

use super::html::{self, Mark};
use super::ids::sha256_hex;
use super::limits::MAX_NAME;
use super::lines::{clean, lossy, one_line};
use super::notes::Notes;
use super::parts::{Mail, Part, Wrapping};
use super::transfer;
use super::unpack::{self, Unpacked};
use super::{calendar, charset, flowed, parts};

/// The text of a mail and where its attachments are.
#[derive(Default)]
pub(super) struct Content {
    /// The whole text.
    pub(super) text: String,
    /// What the HTML says about each line of the text, where the text was made from HTML.
    pub(super) marks: Vec<Mark>,
    /// How many line ends the text has.
    line_ends: usize,
    /// The HTML as it came.
    pub(super) html: Option<String>,
    /// Which parts are attachments.
    pub(super) attached: Vec<usize>,
    /// Whether the text is that of an attached message, as the mail has none itself.
    pub(super) text_of_attached: bool,
}

/// A piece of the text in the forms in which the mail has it.
#[derive(Default)]
struct Block {
    plain: Option<String>,
    html: Option<String>,
}

/// Finds the text and the attachments.
pub(super) fn read(mail: &Mail<'_>, notes: &mut Notes) -> Content {
    let mut finder = Finder::new(mail, notes);
    let mut blocks = finder.blocks(0, false);
    if blocks.iter().all(Block::is_blank) {
        blocks.extend(finder.last_resort());
    }
    let attached = finder.attached;
    merge_renderings(&mut blocks);
    let mut content = Content { attached, ..Content::default() };
    let mut pages = Vec::new();
    for block in blocks {
        pages.extend(content.append(block));
    }
    content.html = joined(pages);
    if content.text.trim().is_empty() {
        content.borrow_text(mail, notes);
    }
    content
}

impl Block {
    fn is_blank(&self) -> bool {
        self.plain.as_deref().is_none_or(|text| text.trim().is_empty()) && self.html.as_deref().is_none_or(|html| html.trim().is_empty())
    }
}

impl Content {
    /// Adds a block to the text; gives its HTML back.
    fn append(&mut self, block: Block) -> Option<String> {
        let Block { plain, html } = block;
        let plain = plain.filter(|plain| !plain.trim().is_empty() && (html.is_none() || !is_placeholder(plain)));
        let (text, marks) = match (plain, &html) {
            (Some(plain), _) => (plain, Vec::new()),
            (None, Some(html)) => html::to_text(html),
            (None, None) => return None,
        };
        if !text.trim().is_empty() {
            self.append_text(text, marks);
        }
        html
    }

    fn append_text(&mut self, text: String, marks: Vec<Mark>) {
        if self.text.is_empty() {
            // Blank lines at the beginning say nothing. (Text from HTML, which alone has marks, has none.)
            let start = text.len() - text.trim_start().len();
            let line = text.get(..start).and_then(|blank| blank.rfind('\n')).map_or(0, |end| end + 1);
            self.text = if line == 0 { text } else { text.get(line..).unwrap_or_default().to_owned() };
            self.line_ends = memchr_iter(b'\n', self.text.as_bytes()).count();
            self.marks = marks;
            return;
        }
        // A part begins on a line of its own, with a blank line before it.
        let end = self.text.trim_end_matches('\n').len();
        self.line_ends = self.line_ends + 2 - (self.text.len() - end);
        self.text.truncate(end);
        self.text.push_str("\n\n");
        self.marks.resize(self.line_ends, Mark::None);
        self.marks.extend(marks);
        let text = text.trim_start_matches('\n');
        self.line_ends += memchr_iter(b'\n', text.as_bytes()).count();
        self.text.push_str(text);
    }

    /// A mail without text of its own: what its calendar entry or the message attached to it says.
    fn borrow_text(&mut self, mail: &Mail<'_>, notes: &mut Notes) {
        let attached: Vec<_> =
            self.attached.iter().filter_map(|&index| mail.parts.get(index)).filter(|part| part.skipped.is_none()).collect();
        if let Some(part) = attached.iter().find(|part| part.media.value == "text/calendar")
            && let Some(text) = calendar::summary(&text_of(part, notes))
        {
            self.text = text;
            return;
        }
        let Some(part) = attached.iter().find(|part| is_message(part)) else { return };
        let bytes = bytes_of(part);
        let mut inner_notes = Notes::default();
        let unpacked = Unpacked::default();
        let inner = unpack::open(parts::split(&bytes, &mut inner_notes), &unpacked, &mut inner_notes);
        let mut finder = Finder::new(&inner, &mut inner_notes);
        let mut blocks = finder.blocks(0, false);
        if blocks.iter().all(Block::is_blank) {
            blocks.extend(finder.tnef_text());
        }
        merge_renderings(&mut blocks);
        for block in blocks {
            self.append(block);
        }
        if !self.text.trim().is_empty() {
            self.text_of_attached = true;
            notes.add("no text of its own; the text is that of the attached message");
        }
    }
}

struct Finder<'m, 'a, 'n> {
    mail: &'m Mail<'a>,
    notes: &'n mut Notes,
    attached: Vec<usize>,
    /// A text that has a file's name, for mails that have no other text.
    named_text: Option<usize>,
    /// A rendering that is neither plain nor HTML, likewise.
    other_rendering: Option<usize>,
    /// The winmail.dat that has a text, likewise.
    tnef: Option<usize>,
}

/// What a part is to a reader.
#[derive(PartialEq)]
enum Kind {
    Plain,
    Html,
    /// The text once more, in a form that we have better ones of.
    OtherRendering,
    Attached,
}

impl<'m, 'a, 'n> Finder<'m, 'a, 'n> {
    fn new(mail: &'m Mail<'a>, notes: &'n mut Notes) -> Self {
        Self { mail, notes, attached: Vec::new(), named_text: None, other_rendering: None, tnef: None }
    }

    /// The blocks of text in a part. Recursive, as deep as parts nest at most (`MAX_DEPTH`).
    fn blocks(&mut self, index: usize, in_alternative: bool) -> Vec<Block> {
        let Some(part) = self.mail.parts.get(index) else { return Vec::new() };
        if let Some(wrapping) = &part.wrapping {
            return self.unwrapped(index, part, wrapping);
        }
        if !part.is_multipart {
            return self.leaf(index, part, in_alternative).into_iter().collect();
        }
        if part.media.value == "multipart/encrypted" {
            self.notes.add("it is encrypted; its parts were kept and not read");
            self.attached.extend(part.children.iter().filter(|&&child| self.mail.parts.get(child).is_some_and(|part| !part.is_multipart)));
            return Vec::new();
        }
        let alternative = part.media.value == "multipart/alternative";
        let children: Vec<Vec<Block>> = part.children.iter().map(|&child| self.blocks(child, alternative)).collect();
        if alternative { vec![alternatives(children)] } else { children.into_iter().flatten().collect() }
    }

    /// What was unpacked from a part. The wrapping itself is an attachment.
    fn unwrapped(&mut self, index: usize, part: &Part<'_>, wrapping: &Wrapping) -> Vec<Block> {
        self.attached.push(index);
        let texts = match wrapping {
            Wrapping::Signature => 0,
            Wrapping::Tnef { texts, .. } => *texts,
        };
        if texts > 0 {
            self.tnef.get_or_insert(index);
        }
        part.children.iter().skip(texts).flat_map(|&child| self.blocks(child, false)).collect()
    }

    /// The text that was in a winmail.dat.
    fn tnef_text(&mut self) -> Option<Block> {
        let part = self.tnef.and_then(|index| self.mail.parts.get(index))?;
        let Some(Wrapping::Tnef { texts, .. }) = part.wrapping else { return None };
        let texts = part.children.iter().take(texts).filter_map(|&child| self.mail.parts.get(child));
        let block = alternatives(texts.map(|text| vec![self.block(text, kind(text) == Kind::Html)]).collect());
        (!block.is_blank()).then_some(block)
    }

    fn leaf(&mut self, index: usize, part: &Part<'_>, in_alternative: bool) -> Option<Block> {
        let root = index == 0;
        let named = file_name(part).is_some();
        let detached = part.disposition.as_ref().is_some_and(|d| d.value == "attachment");
        let kind = kind(part);
        if part.skipped.is_some() || kind == Kind::Attached || detached || (named && !root && !in_alternative) {
            self.note_attached(part);
            self.attached.push(index);
            if matches!(kind, Kind::Plain | Kind::Html) && part.skipped.is_none() {
                self.named_text.get_or_insert(index);
            }
            return None;
        }
        match kind {
            Kind::OtherRendering => {
                self.other_rendering.get_or_insert(index);
                None
            }
            kind => Some(self.block(part, kind == Kind::Html)),
        }
    }

    fn block(&mut self, part: &Part<'_>, html: bool) -> Block {
        let text = text_of(part, self.notes);
        if text.trim_start().starts_with("-----BEGIN PGP MESSAGE-----") {
            self.notes.add("its text is encrypted with PGP; it was kept as it came");
        }
        if html || looks_like_html(&text) {
            return Block { html: Some(text), plain: None };
        }
        let flowed = part.media.word("format").is_some_and(|format| format == "flowed");
        let delete_space = part.media.word("delsp").is_some_and(|delsp| delsp == "yes");
        Block { plain: Some(if flowed { flowed::unflow(&text, delete_space) } else { text }), html: None }
    }

    /// For mails without any text so far: the text in a winmail.dat, a text that has a file's name, a rendering that we do not like, the text before the first
    /// boundary.
    fn last_resort(&mut self) -> Option<Block> {
        if let Some(text) = self.tnef_text() {
            return Some(text);
        }
        if let Some(part) = self.named_text.or(self.other_rendering).and_then(|index| self.mail.parts.get(index)) {
            return Some(self.block(part, kind(part) != Kind::Plain));
        }
        let preamble = self.mail.preamble.trim_ascii();
        let explains = preamble.is_empty() || is_mime_notice(&String::from_utf8_lossy(preamble).to_lowercase());
        (!explains).then(|| Block { plain: Some(clean(charset::decode(preamble, None).0)), html: None })
    }

    fn note_attached(&mut self, part: &Part<'_>) {
        match part.media.value.as_str() {
            "application/pgp-encrypted" => self.notes.add("it is encrypted; its parts were kept and not read"),
            "message/partial" => self.notes.add("it is one piece of a mail that was sent in pieces"),
            "message/external-body" => self.notes.add("an attachment is elsewhere and was not fetched"),
            _ => {}
        }
        if let Some(skipped) = &part.skipped {
            self.notes.add(format!("a part was skipped: {skipped}"));
        }
    }
}

fn kind(part: &Part<'_>) -> Kind {
    match part.media.value.as_str() {
        "text/plain" | "text/ascii" | "text/text" => Kind::Plain,
        "text/html" | "html" | "application/xhtml+xml" => Kind::Html,
        "text/enriched" | "text/richtext" | "text/x-amp-html" | "text/watch-html" => Kind::OtherRendering,
        // Without any part in it.
        value if value.starts_with("multipart/") && !part.is_multipart => Kind::Plain,
        // No type at all is text (RFC 2045 section 5.2).
        value if !value.contains('/') => Kind::Plain,
        _ => Kind::Attached,
    }
}

/// The same text in several forms, made one block. Of several plain texts the first one counts when there is HTML beside it; without,
/// somebody meant `multipart/mixed`.
fn alternatives(children: Vec<Vec<Block>>) -> Block {
    let mut plains: Vec<String> = Vec::new();
    let mut html = None;
    for blocks in children {
        let (plain, page): (Vec<_>, Vec<_>) = blocks.into_iter().map(|block| (block.plain, block.html)).unzip();
        if let Some(plain) = joined(plain.into_iter().flatten().collect())
            && !plain.trim().is_empty()
            && plains.last() != Some(&plain)
        {
            plains.push(plain);
        }
        // The last one that we understand is the best (RFC 2046 section 5.1.4).
        html = joined(page.into_iter().flatten().collect()).or(html);
    }
    if html.is_some() {
        plains.truncate(1);
    }
    Block { plain: joined(plains), html }
}

/// Some senders put the plain text and the HTML side by side without saying that they are the same.
fn merge_renderings(blocks: &mut Vec<Block>) {
    let mut index = 1;
    while index < blocks.len() {
        let same = match (blocks.get(index - 1), blocks.get(index)) {
            (Some(Block { plain: Some(plain), html: None }), Some(Block { plain: None, html: Some(html) })) => {
                folded(plain) == folded(&html::to_text(html).0)
            }
            _ => false,
        };
        if same {
            let html = blocks.remove(index).html;
            if let Some(block) = blocks.get_mut(index - 1) {
                block.html = html;
            }
        } else {
            index += 1;
        }
    }
}

fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn joined(mut texts: Vec<String>) -> Option<String> {
    if texts.len() > 1 { Some(texts.join("\n")) } else { texts.pop() }
}

/// Whether a plain text only says that the other form is the one to read.
fn is_placeholder(plain: &str) -> bool {
    if plain.len() > 400 {
        return false;
    }
    let text = plain.to_lowercase();
    is_mime_notice(&text)
        || (text.contains("html")
            && ["support", "view", "weerge", "bekijk", "ondersteun", "anzeig", "unterstütz", "affich", "prend pas"]
                .iter()
                .any(|word| text.contains(word)))
}

fn is_mime_notice(lower: &str) -> bool {
    ["multi-part message in mime", "multipart message in mime", "mime format", "mime-formatted", "cryptographically signed message"]
        .iter()
        .any(|notice| lower.contains(notice))
}

fn looks_like_html(text: &str) -> bool {
    let start = text.trim_start();
    ["<!doctype html", "<html"].iter().any(|tag| start.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag)))
}

/// The text of a part, decoded, clean.
fn text_of(part: &Part<'_>, notes: &mut Notes) -> String {
    let (bytes, note) = transfer::decode(part.raw, part.encoding, true);
    if let Some(note) = note {
        notes.add(note);
    }
    let label = part.media.word("charset").or_else(|| if kind(part) == Kind::Html { charset::of_html(&bytes) } else { None });
    let (text, note) = charset::decode(&bytes, label.as_deref());
    if let Some(note) = note {
        notes.add(note);
    }
    clean(text)
}

/// The decoded bytes of a part. What was skipped is given as it came.
pub(super) fn bytes_of<'a>(part: &Part<'a>) -> Cow<'a, [u8]> {
    if part.skipped.is_some() || part.is_multipart {
        return Cow::Borrowed(part.raw);
    }
    transfer::decode(part.raw, part.encoding, part.media.value.starts_with("text/")).0
}

/// Whether a part is a message of its own.
pub(super) fn is_message(part: &Part<'_>) -> bool {
    matches!(part.media.value.as_str(), "message/rfc822" | "message/global" | "message/news")
}

/// An attachment as the message shows it. `cut_off` says why its end is missing, if it is.
pub(super) fn attachment(part: &Part<'_>, cut_off: Option<&str>) -> Attachment {
    let bytes = bytes_of(part);
    Attachment {
        name: file_name(part),
        media_type: media_type_of(part),
        size: bytes.len() as u64,
        sha256: sha256_hex(&bytes),
        content_id: part.fields.first("content-id").and_then(content_id),
        skipped: part.skipped.clone().or_else(|| cut_off.map(str::to_owned)),
    }
}

/// The name that the sender gave a file: data, whatever it looks like.
pub(super) fn file_name(part: &Part<'_>) -> Option<String> {
    let disposition = part.disposition.as_ref();
    let name = disposition.and_then(|d| d.text("filename").or_else(|| d.text("name"))).filter(|name| !name.trim().is_empty());
    let name = name.or_else(|| part.media.text("name").or_else(|| part.media.text("filename")))?;
    let (name, _) = one_line(&name, MAX_NAME);
    (!name.is_empty()).then_some(name)
}

fn media_type_of(part: &Part<'_>) -> String {
    let value = part.media.value.as_str();
    let valid = value.len() <= 127
        && value.split('/').filter(|half| !half.is_empty()).count() == 2
        && value.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"[]?=".contains(&b));
    if valid { value.into() } else { "application/octet-stream".into() }
}

fn content_id(raw: &[u8]) -> Option<String> {
    let text = lossy(raw.get(..raw.len().min(998))?);
    let (id, _) = one_line(text.trim().trim_start_matches('<').trim_end_matches('>'), MAX_NAME);
    (!id.is_empty()).then_some(id)
}
