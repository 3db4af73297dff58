//! The reader for RFC 5322 mail: bytes to a message. Pure, in time and memory bounded by the size of the mail, and it fails on
//! nothing that anybody sends: what is odd is read as far as it makes sense and named in `warnings`.
//!
//! The way of a mail, top to bottom:
//! 1. [`parts`] cuts it into header [`fields`] and MIME parts in one pass; nothing is copied or decoded yet;
//! 2. [`unpack`] adds the parts that are wrapped: in an S/MIME signature ([`smime`]), in a winmail.dat ([`tnef`]);
//! 3. [`address`], [`date`], [`ids`] and [`words`] read the header;
//! 4. [`content`] says which parts are the text and which are attachments, undoes [`transfer`] encodings and [`charset`]s, and makes
//!    text of [`html`];
//! 5. [`quotes`] tells what was written this time from quoted history and signature;
//! 6. [`automatic`] says whether a machine wrote it, [`behalf`] for whom it was sent.
//!
//! `mail-parser` does what it is best at (base64, rare character sets, the names of HTML's characters). The structure is read here:
//! mail-parser searches the rest of the mail again for each multipart whose boundary is missing, and takes a boundary for one
//! wherever its text stands in a line.

mod address;
mod automatic;
mod behalf;
mod calendar;
mod charset;
mod content;
mod date;
mod extra;
mod fields;
mod flowed;
mod html;
mod ids;
mod limits;
mod lines;
mod notes;
mod params;
mod parts;
mod phrases;
mod quotes;
mod recognize;
mod smime;
mod text;
mod tnef;
mod transfer;
mod unpack;
mod words;

use bytes::Bytes;
use loket_core::delivery::{Delivery, TRUNCATED_FROM};
use loket_core::message::{Attachment, Body, Message, Party};
use loket_core::reader::{Reader, Recognition, Unreadable};
use serde_json::Value;

use automatic::Evidence;
use behalf::Sending;
use content::Content;
use fields::Fields;
pub(crate) use ids::sha256_hex;
use limits::{MAX_PARTIES, MAX_SUBJECT};
use notes::Notes;
use parts::Mail;
use quotes::Context;
pub use text::TextReader;
use unpack::Unpacked;

/// Reads mail (RFC 5322, MIME).
#[derive(Clone, Copy, Debug, Default)]
pub struct EmailReader;

impl Reader for EmailReader {
    fn name(&self) -> &'static str {
        "email/2"
    }

    fn media_types(&self) -> &'static [&'static str] {
        &["message/rfc822", "message/global"]
    }

    fn recognizes(&self, bytes: &[u8]) -> Recognition {
        recognize::mail(bytes)
    }

    fn read(&self, delivery: &Delivery) -> Result<Vec<Message>, Unreadable> {
        if delivery.payload.trim_ascii().is_empty() {
            return Err(Unreadable("empty".into()));
        }
        let bytes = lines::with_line_feeds(&delivery.payload);
        let mut notes = Notes::default();
        let mail = parts::split(&bytes, &mut notes);
        if mail.fields().is_empty() && recognize::is_binary(&bytes) {
            return Err(Unreadable("not a mail: it has neither a header nor text".into()));
        }
        let unpacked = Unpacked::default();
        let mail = unpack::open(mail, &unpacked, &mut notes);
        Ok(vec![message(&mail, delivery, notes)])
    }

    fn attachment(&self, delivery: &Delivery, part: usize, sha256: &str) -> Option<Bytes> {
        let bytes = lines::with_line_feeds(&delivery.payload);
        let unpacked = Unpacked::default();
        let mail = unpack::open(parts::split(&bytes, &mut Notes::default()), &unpacked, &mut Notes::default());
        let attached = content::read(&mail, &mut Notes::default()).attached;
        let mut decoded = attached.iter().filter(|_| part == 0).filter_map(|&index| mail.parts.get(index)).map(content::bytes_of);
        decoded.find(|bytes| sha256_hex(bytes) == sha256).map(|bytes| Bytes::copy_from_slice(&bytes))
    }
}

/// Makes the message of a mail.
fn message(mail: &Mail<'_>, delivery: &Delivery, mut notes: Notes) -> Message {
    let fields = mail.fields();
    let truncated_from = delivery.envelope.get(TRUNCATED_FROM).and_then(Value::as_u64);
    let mut content = content::read(mail, &mut notes);
    content.text.truncate(content.text.trim_end().len());
    let full_text = content.text.as_str();
    let header = header(mail, &mut notes);
    let mut thread = ids::thread(fields);
    let subject = header.subject.as_deref().unwrap_or_default();
    let prefix = quotes::prefix(subject);
    let is_answer = !(thread.in_reply_to.is_empty() && thread.references.is_empty());
    let split = quotes::split(full_text, &Context { prefix: Some(prefix), is_answer, marks: &content.marks });

    let recipients: Vec<&Party> = header.to.iter().chain(&header.cc).collect();
    let judgement = automatic::judge(&Evidence {
        fields,
        mail,
        delivery,
        recipients: &recipients,
        from: header.from.as_ref(),
        subject: &phrases::lower(subject),
        prefix,
        text: full_text,
        new_text: &split.new_text,
    });
    if let Some(about) = &judgement.about
        && !thread.references.contains(about)
    {
        // A delivery report answers the mail that it is about.
        thread.references.push(about.clone());
    }
    let behalf = behalf::find(
        &Sending {
            fields,
            prefix,
            from: header.from.as_ref(),
            sender: header.sender.as_ref(),
            reply_to: header.reply_to.as_ref(),
            recipients: &recipients,
            forwarded_from: split.forwarded_from.as_deref(),
        },
        mail,
        &content,
    );
    let attachments = attachments(mail, &content, truncated_from, &mut notes);
    if full_text.is_empty() && attachments.is_empty() {
        notes.add(if mail.body.trim_ascii().is_empty() { "it ends after its header" } else { "no text was found in it" });
    }
    let extra = extra::collect(fields, &header, &judgement, &behalf);
    let identity = ids::identity(fields, mail.body, &mut notes);
    Message {
        identity: Some(identity),
        thread,
        from: header.from,
        reply_to: header.reply_to,
        on_behalf_of: behalf.on_behalf_of,
        to: header.to,
        cc: header.cc,
        sent_at: header.sent_at,
        subject: header.subject,
        body: Body { new_text: split.new_text, full_text: content.text, html: content.html, language: None },
        attachments,
        automatic: judgement.automatic,
        order: None,
        extra,
        warnings: notes.into_list(),
    }
}

/// What the header says about the message.
struct Header {
    from: Option<Party>,
    /// Further authors.
    other_from: Vec<Party>,
    sender: Option<Party>,
    reply_to: Option<Party>,
    to: Vec<Party>,
    cc: Vec<Party>,
    sent_at: Option<loket_core::message::SentAt>,
    subject: Option<String>,
}

fn header(mail: &Mail<'_>, notes: &mut Notes) -> Header {
    let fields = mail.fields();
    let charset = mail.parts.iter().filter(|part| part.media.value.starts_with("text/")).find_map(|part| part.media.bytes("charset"));
    let hint = charset.and_then(|charset| str::from_utf8(charset).ok());
    let mut authors = all_parties(fields, "from", hint, notes);
    let sender = all_parties(fields, "sender", hint, notes).into_iter().next();
    let first = authors.iter().position(|party| party.address.is_some()).unwrap_or(0);
    let from = if authors.is_empty() { stand_in(fields, sender.as_ref(), notes) } else { Some(authors.remove(first)) };
    if !authors.is_empty() {
        notes.add("more than one sender in From; the first one counts");
    }
    if from.as_ref().is_some_and(|from| from.address.is_none()) {
        notes.add("From has no address");
    }
    for name in ["subject", "date", "content-type"] {
        if fields.all(name).nth(1).is_some() {
            notes.add(format!("more than one {name} in the header; the first one counts"));
        }
    }
    let sent_at = fields.first("date").and_then(date::read);
    if sent_at.is_none() {
        notes.add(if fields.has("date") { "its date cannot be read" } else { "no date" });
    }
    Header {
        from: from.map(|from| Party { company: organization(fields, hint), ..from }),
        other_from: authors,
        sender,
        reply_to: all_parties(fields, "reply-to", hint, notes).into_iter().find(|party| party.address.is_some()),
        to: all_parties(fields, "to", hint, notes),
        cc: all_parties(fields, "cc", hint, notes),
        sent_at,
        subject: subject(fields, hint, notes),
    }
}

/// The parties in all fields of this name.
fn all_parties(fields: &Fields<'_>, name: &str, hint: Option<&str>, notes: &mut Notes) -> Vec<Party> {
    let mut found: Vec<Party> = Vec::new();
    for raw in fields.all(name) {
        found.extend(address::parties(raw, hint).into_iter().take(MAX_PARTIES - found.len()));
    }
    if found.len() >= MAX_PARTIES {
        notes.add(format!("addresses after the first {MAX_PARTIES} in {name} were not read"));
    }
    found
}

/// Who sent a mail that has no From.
fn stand_in(fields: &Fields<'_>, sender: Option<&Party>, notes: &mut Notes) -> Option<Party> {
    if let Some(sender) = sender {
        notes.add("no From; Sender was taken for it");
        return Some(sender.clone());
    }
    let path = ["return-path", "x-envelope-from", "resent-from"]
        .into_iter()
        .filter_map(|name| fields.first(name))
        .find_map(|raw| address::parties(raw, None).into_iter().find(|party| party.address.is_some()));
    notes.add(if path.is_some() { "no From; the return path was taken for it" } else { "no From" });
    path
}

fn organization(fields: &Fields<'_>, hint: Option<&str>) -> Option<String> {
    let raw = fields.first("organization").or_else(|| fields.first("organisation"))?;
    let (name, _) = lines::one_line(&words::decode(raw.get(..raw.len().min(2_000))?, hint).text, limits::MAX_NAME);
    (!name.is_empty()).then_some(name)
}

fn subject(fields: &Fields<'_>, hint: Option<&str>, notes: &mut Notes) -> Option<String> {
    let decoded = words::decode(fields.first("subject")?, hint);
    if let Some(note) = decoded.note {
        notes.add(note);
    }
    let (subject, longer) = lines::one_line(&decoded.text, MAX_SUBJECT);
    if longer {
        notes.add(format!("its subject was cut off after {MAX_SUBJECT} characters"));
    }
    (!subject.is_empty()).then_some(subject)
}

fn attachments(mail: &Mail<'_>, content: &Content, truncated_from: Option<u64>, notes: &mut Notes) -> Vec<Attachment> {
    let cut_off = truncated_from.map(|size| format!("cut off: the mail has {size} bytes, more than are taken of one"));
    if let Some(size) = truncated_from {
        notes.add(format!("only its first bytes were taken: the mail has {size} bytes, more than are taken of one"));
    }
    let parts = content.attached.iter().filter_map(|&index| Some((index, mail.parts.get(index)?)));
    parts.map(|(index, part)| content::attachment(part, cut_off.as_deref().filter(|_| part.cut || index == 0))).collect()
}
