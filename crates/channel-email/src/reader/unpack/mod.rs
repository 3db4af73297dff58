//! Parts that are wrapped in something else: a mail within its own S/MIME signature, the text and the files in a `winmail.dat`. What
//! is in them becomes parts of the same mail, so that everything behind this reads them like any other; the wrapping stays an
//! attachment. What is encrypted or cannot be read stays as it is, and that is said.
//!
//! Wrappings within wrappings are opened as deep as parts may nest, and as long as all of them together are not much larger than the
//! mail itself.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::content::{bytes_of, file_name};
use super::limits::{MAX_DEPTH, MAX_PARTS, MAX_WRAPPED};
use super::notes::Notes;
use super::parts::{self, Mail, Part, Wrapping};
use super::recognize::is_binary;
use super::smime::{self, Cms};
use super::tnef;
use super::{fields, lines, transfer};

/// How many times its size what is unpacked from a mail may take, and how much it always may.
const MAX_GROWTH: usize = 4;
const ALWAYS: usize = 1024 * 1024;
const TOO_LARGE: &str = "what is wrapped in it is too large together; the rest was not unpacked";
/// The decoded part, the same without its armour, what was in it, a header.
const PLACES: usize = 4;

/// Holds what was unpacked, for as long as the mail is read. Each wrapping takes [`PLACES`] at most; most mails have none.
#[derive(Default)]
pub(super) struct Unpacked(OnceCell<Vec<OnceCell<Vec<u8>>>>);

impl Unpacked {
    fn keep(&self, bytes: Vec<u8>) -> Option<&[u8]> {
        let places = self.0.get_or_init(|| (0..PLACES * MAX_WRAPPED).map(|_| OnceCell::new()).collect());
        let place = places.iter().find(|place| place.get().is_none())?;
        Some(place.get_or_init(|| bytes))
    }

    /// As [`Self::keep`]; what stays anyway is not copied.
    fn keep_cow<'a>(&'a self, bytes: Cow<'a, [u8]>) -> Option<&'a [u8]> {
        match bytes {
            Cow::Borrowed(bytes) => Some(bytes),
            Cow::Owned(bytes) => self.keep(bytes),
        }
    }
}

/// Opens all wrapped parts of a mail.
pub(super) fn open<'a>(mail: Mail<'a>, unpacked: &'a Unpacked, notes: &mut Notes) -> Mail<'a> {
    let room = mail.body.len().saturating_mul(MAX_GROWTH).saturating_add(ALWAYS);
    let mut opener = Opener { mail, unpacked, notes, room, opened: 0 };
    let mut index = 0;
    // What is unpacked is added at the end, and its turn comes too.
    while index < opener.mail.parts.len() {
        opener.part(index);
        index += 1;
    }
    opener.mail
}

struct Opener<'a, 'n> {
    mail: Mail<'a>,
    unpacked: &'a Unpacked,
    notes: &'n mut Notes,
    /// How many bytes may still be unpacked.
    room: usize,
    opened: usize,
}

/// What may be wrapped in a part.
enum Candidate {
    Smime,
    Tnef,
    PgpMessage,
}

impl<'a> Opener<'a, '_> {
    fn part(&mut self, index: usize) {
        let Some(part) = self.mail.parts.get(index).filter(|part| part.skipped.is_none() && !part.is_multipart) else { return };
        let Some(candidate) = candidate(part) else { return };
        if let Candidate::PgpMessage = candidate {
            return self.notes.add("an attachment is encrypted with PGP; it was kept and not read");
        }
        if part.depth >= MAX_DEPTH || self.opened >= MAX_WRAPPED || self.mail.parts.len() >= MAX_PARTS {
            return self.notes.add("it has more wrappings (S/MIME, winmail.dat) or deeper ones than are opened; the rest was not unpacked");
        }
        let bytes = bytes_of(part);
        if matches!(bytes, Cow::Owned(_)) && !take(&mut self.room, bytes.len()) {
            return self.notes.add(TOO_LARGE);
        }
        let Some(bytes) = self.unpacked.keep_cow(bytes) else { return };
        self.opened += 1;
        match candidate {
            Candidate::Smime => self.smime(index, bytes),
            _ => self.tnef(index, bytes),
        }
    }

    // --- S/MIME

    fn smime(&mut self, index: usize, bytes: &'a [u8]) {
        let Some(bytes) = self.unpacked.keep_cow(without_armour(bytes)) else { return };
        match smime::read(bytes) {
            Ok(Cms::Signed { content, cut }) => {
                if matches!(content, Cow::Owned(_)) && !take(&mut self.room, content.len()) {
                    return self.notes.add(TOO_LARGE);
                }
                let Some(content) = self.unpacked.keep_cow(content) else { return };
                if cut {
                    self.notes.add("what was signed with S/MIME is cut off");
                }
                self.signed(index, content, cut);
            }
            Ok(Cms::Encrypted) => self.notes.add("it is encrypted with S/MIME; that part was kept and not read"),
            Ok(Cms::Detached) => {
                let certificates = self.mail.parts.get(index).is_some_and(|part| smime_type(part) == "certs-only");
                if !certificates {
                    self.notes.add("it is signed with S/MIME, and what was signed is missing");
                }
            }
            Ok(Cms::Other(what)) => self.notes.add(format!("an S/MIME part was kept and not read: it is {what}")),
            // Exchange puts a whole `multipart/signed` into a file of this name.
            Err(_) if begins_entity(bytes) => self.signed(index, bytes, false),
            Err(unreadable) => {
                let says_encrypted = self.mail.parts.get(index).is_some_and(|part| smime_type(part).contains("enveloped"));
                self.notes.add(match says_encrypted {
                    true => "it is encrypted with S/MIME; that part was kept and not read".into(),
                    false => format!("an S/MIME part cannot be read, it was kept: {}", unreadable.0),
                });
            }
        }
    }

    /// What was signed: a mail's content, or a file (`order.pdf.p7m`).
    fn signed(&mut self, index: usize, content: &'a [u8], cut: bool) {
        let Some(part) = self.mail.parts.get(index) else { return };
        let depth = part.depth + 1;
        let cut = cut || part.cut;
        let name = file_name(part);
        let inner_name = name.as_deref().and_then(without_p7m).filter(|inner| inner.contains('.'));
        let first = self.mail.parts.len();
        let is_entity = begins_entity(content) || (inner_name.is_none() && !is_binary(content));
        if is_entity {
            self.notes.add("it is signed with S/MIME; the signature was not verified");
            self.mail = parts::graft(std::mem::take(&mut self.mail), index, content, self.notes);
        } else {
            self.notes.add("an attachment is signed with S/MIME; the signature was not verified");
            let file = tnef::File {
                name: inner_name.map(str::to_owned),
                media_type: sniffed(content).into(),
                content_id: None,
                content: tnef::Content::Bytes(content),
            };
            let Some(header) = self.unpacked.keep(tnef::file_header(&file, true).into_bytes()) else { return };
            self.push(header, content, index, depth);
        }
        if let Some(last) = self.mail.parts.get_mut(first..).and_then(<[_]>::last_mut) {
            last.cut |= cut;
        }
        if let Some(part) = self.mail.parts.get_mut(index) {
            part.wrapping = Some(Wrapping::Signature);
        }
    }

    // --- TNEF

    fn tnef(&mut self, index: usize, bytes: &'a [u8]) {
        let message = match tnef::read(bytes) {
            Ok(message) => message,
            Err(unreadable) => return self.notes.add(format!("winmail.dat cannot be unpacked, it was kept: {}", unreadable.0)),
        };
        let Some(part) = self.mail.parts.get(index) else { return };
        let (depth, cut) = (part.depth + 1, part.cut || message.last_file_cut);
        // Headers and texts in one piece; the files stay where they are.
        let mut made = Made::default();
        for (media, text) in [("text/plain", &message.plain), ("text/html", &message.html)] {
            if let Some(text) = text {
                made.add(&format!("Content-Type: {media}; charset=utf-8\n"), text.as_bytes());
            }
        }
        let texts = made.pieces.len();
        let mut files = Vec::new();
        for file in &message.files {
            let mail = match file.content {
                tnef::Content::Bytes(_) => None,
                tnef::Content::Message(stream) => Some(tnef::as_mail(stream)),
            };
            match (&mail, &file.content) {
                (Some(Some(mail)), _) => {
                    made.add(&tnef::file_header(file, true), mail);
                    files.push(None);
                }
                (mail, tnef::Content::Bytes(bytes) | tnef::Content::Message(bytes)) => {
                    made.add(&tnef::file_header(file, mail.is_none()), b"");
                    files.push(Some(*bytes));
                }
            }
            if made.bytes.len() > self.room {
                return self.notes.add(TOO_LARGE);
            }
        }
        self.room -= made.bytes.len().min(self.room);
        let Some(kept) = self.unpacked.keep(made.bytes) else { return };
        let first = self.mail.parts.len();
        let files = std::iter::repeat_n(None, texts).chain(files);
        for ((header, body), file) in made.pieces.into_iter().zip(files) {
            if self.mail.parts.len() >= MAX_PARTS {
                self.notes.add(format!("more than {MAX_PARTS} parts: the rest was not taken apart"));
                break;
            }
            let body = file.unwrap_or_else(|| kept.get(body).unwrap_or_default());
            self.push(kept.get(header).unwrap_or_default(), body, index, depth);
        }
        if let Some(last) = self.mail.parts.get_mut(first..).and_then(<[_]>::last_mut) {
            last.cut |= cut;
        }
        if let Some(part) = self.mail.parts.get_mut(index) {
            part.wrapping = Some(Wrapping::Tnef { texts, class: message.class.to_ascii_lowercase() });
        }
        self.note_tnef(&message);
    }

    fn note_tnef(&mut self, message: &tnef::Message<'_>) {
        self.notes.add("winmail.dat was unpacked");
        let class = message.class.to_ascii_lowercase();
        if !(class.is_empty() || class.starts_with("ipm.note") || class.starts_with("ipm.microsoft mail.note")) {
            self.notes.add(format!("winmail.dat holds a message of the kind {}", message.class));
        }
        for oddity in &message.oddities {
            self.notes.add(format!("winmail.dat: {oddity}"));
        }
    }

    /// Adds a part that was made here.
    fn push(&mut self, header: &'a [u8], body: &'a [u8], parent: usize, depth: usize) {
        let (fields, _) = fields::read(header, 0, 10, |_| false);
        let added = self.mail.parts.len();
        let media = parts::media_of(&fields, b"application/octet-stream");
        self.mail.parts.push(Part::leaf(fields, media, body, depth));
        if let Some(parent) = self.mail.parts.get_mut(parent) {
            parent.children.push(added);
        }
    }
}

/// Headers and bodies, one behind the other, and where each is.
#[derive(Default)]
struct Made {
    bytes: Vec<u8>,
    pieces: Vec<(std::ops::Range<usize>, std::ops::Range<usize>)>,
}

impl Made {
    fn add(&mut self, header: &str, body: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(header.as_bytes());
        let between = self.bytes.len();
        self.bytes.extend_from_slice(body);
        self.pieces.push((from..between, between..self.bytes.len()));
    }
}

fn take(room: &mut usize, size: usize) -> bool {
    let left = room.checked_sub(size);
    *room = left.unwrap_or(*room);
    left.is_some()
}

fn candidate(part: &Part<'_>) -> Option<Candidate> {
    match part.media.value.as_str() {
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => return Some(Candidate::Smime),
        "application/ms-tnef" | "application/vnd.ms-tnef" => return Some(Candidate::Tnef),
        value if value.starts_with("multipart/") || value.starts_with("message/") => return None,
        _ => {}
    }
    let start = || transfer::decode(part.raw.get(..128).unwrap_or(part.raw), part.encoding, false).0;
    let text = part.media.value.starts_with("text/");
    let mut name = file_name(part).unwrap_or_default();
    name.make_ascii_lowercase();
    let ends = |end: &str| name.ends_with(end);
    if ends(".p7m") {
        Some(Candidate::Smime)
    } else if name == "winmail.dat" || name == "win.dat" || (!text && tnef::is_tnef(&start())) {
        Some(Candidate::Tnef)
    } else if ends(".pgp") || ends(".gpg") || (ends(".asc") && start().trim_ascii_start().starts_with(b"-----BEGIN PGP MESSAGE-----")) {
        Some(Candidate::PgpMessage)
    } else {
        None
    }
}

/// The bytes of a CMS message that somebody encoded in base64 once too often, or forgot to say so.
fn without_armour(bytes: &[u8]) -> Cow<'_, [u8]> {
    let text = bytes.trim_ascii_start();
    // An encoded SEQUENCE of a length that is worth it, or one without a length.
    let encoded = [&b"MI"[..], b"-----BEGIN "].iter().any(|start| text.starts_with(start));
    if !encoded {
        return Cow::Borrowed(bytes);
    }
    let lines = lines::lines(text, 0).map(|line| line.text).filter(|line| !line.starts_with(b"-----"));
    Cow::Owned(transfer::base64(&lines.flatten().copied().collect::<Vec<_>>()))
}

fn smime_type(part: &Part<'_>) -> String {
    part.media.word("smime-type").unwrap_or_default()
}

/// The name of the file that was signed.
fn without_p7m(name: &str) -> Option<&str> {
    let at = name.len().checked_sub(4)?;
    name.get(at..).filter(|end| end.eq_ignore_ascii_case(".p7m")).and_then(|_| name.get(..at))
}

/// Whether bytes begin with the header of a MIME entity.
fn begins_entity(bytes: &[u8]) -> bool {
    let bytes = bytes.get(..2_000).unwrap_or(bytes);
    lines::line_at(bytes, 0).is_some_and(|line| {
        let name = line.text.split(|&b| b == b':').next().filter(|name| name.len() < line.text.len()).unwrap_or_default();
        fields::is_known(name.trim_ascii_end())
    })
}

/// The type of a file that nobody says the type of.
fn sniffed(bytes: &[u8]) -> &'static str {
    match bytes.trim_ascii_start() {
        [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
        [b'<', b'?', b'x', b'm', b'l', ..] | [0xef, 0xbb, 0xbf, b'<', b'?', b'x', b'm', b'l', ..] => "application/xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
