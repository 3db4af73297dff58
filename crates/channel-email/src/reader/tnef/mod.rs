//! TNEF (MS-OXTNEF), the `winmail.dat` of Outlook and Exchange: a whole message in Microsoft's own encoding, sent as one attachment.
//! What is taken out of it is the text, the files, and the messages that were attached. Bytes in, values that borrow from them
//! out; a damaged or truncated stream gives what is in its readable part.
//!
//! - [`attributes`]: the outer layer; the oldest properties of a message are attributes of their own
//! - [`mapi`]: the properties that have no attribute, in lists
//! - [`lzfu`] and [`rtf`]: the text, where it is compressed rich text
//! - [`mail`]: an attached message as a mail that everybody can open

mod attributes;
mod codepage;
mod cursor;
mod lzfu;
mod mail;
mod mapi;
mod rtf;
mod text;

use attributes::{Attributes, Level};
use cursor::Cursor;
use mapi::{Properties, Value};
use text::Text;

use super::charset;
use super::limits::MAX_NAME;
use super::lines::one_line;

pub(super) use mail::{as_mail, file_header};

/// How many attachments of one message are taken.
const MAX_FILES: usize = 1_000;
/// How many recipients of an attached message are read.
const MAX_RECIPIENTS: usize = 1_000;
/// How much rich text is read: more is no mail.
const MAX_RTF: usize = 16 * 1024 * 1024;

/// A message that came as TNEF.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    /// What Outlook takes it for, e.g. `IPM.Note`.
    pub(super) class: String,
    pub(super) subject: Option<String>,
    /// The plain text, also where it was in rich text.
    pub(super) plain: Option<String>,
    /// The HTML, also where it was in rich text.
    pub(super) html: Option<String>,
    pub(super) files: Vec<File<'a>>,
    /// Whether the end of the last file is missing.
    pub(super) last_file_cut: bool,
    pub(super) from: Option<Person>,
    pub(super) to: Vec<Person>,
    pub(super) cc: Vec<Person>,
    /// In seconds since 1970.
    pub(super) sent_at: Option<i64>,
    pub(super) message_id: Option<String>,
    /// What was odd, in words.
    pub(super) oddities: Vec<String>,
}

/// Somebody whom a message names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: Option<String>,
    /// A mail address; Exchange's own are not kept.
    pub(super) address: Option<String>,
}

/// An attachment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File<'a> {
    pub(super) name: Option<String>,
    pub(super) media_type: String,
    pub(super) content_id: Option<String>,
    pub(super) content: Content<'a>,
}

/// What is in an attachment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Bytes(&'a [u8]),
    /// A message, as a TNEF stream of its own.
    Message(&'a [u8]),
}

/// Why bytes are no TNEF stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) &'static str);

/// Whether bytes begin as a TNEF stream does.
pub(super) fn is_tnef(bytes: &[u8]) -> bool {
    bytes.starts_with(&attributes::SIGNATURE)
}

/// Reads a TNEF stream.
pub(super) fn read(bytes: &[u8]) -> Result<Message<'_>, Unreadable> {
    let mut attributes = Attributes::new(bytes).ok_or(Unreadable("it does not begin as TNEF does"))?;
    let mut found = Found { code_page: codepage::WESTERN, ..Found::default() };
    let mut last = None;
    for attribute in attributes.by_ref() {
        last = Some(attribute.level);
        match attribute.level {
            Level::Message => found.message_attribute(attribute.name, attribute.data),
            Level::Attachment => found.file_attribute(attribute.name, attribute.data),
        }
    }
    let Some(last) = last else { return Err(Unreadable("there is nothing in it that can be read")) };
    let mut message = found.finish();
    message.last_file_cut = attributes.cut && last == Level::Attachment;
    let oddities = [
        (attributes.cut, "it is cut off"),
        (attributes.damaged, "it is damaged: a checksum is wrong"),
        (attributes.trailing, "its end cannot be read"),
    ];
    message.oddities.extend(oddities.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words.to_owned()));
    Ok(message)
}

/// What was found so far. Nothing is decoded before the end: the code page may come late, and half of it is not needed.
#[derive(Default)]
struct Found<'a> {
    code_page: u32,
    html_page: Option<u32>,
    class: Option<Text<'a>>,
    subject: Option<Text<'a>>,
    body: Option<Text<'a>>,
    html: Option<Value<'a>>,
    rtf: Option<&'a [u8]>,
    sender: Names<'a>,
    represented: Names<'a>,
    recipients: Vec<(u64, Names<'a>)>,
    sent_at: Option<i64>,
    message_id: Option<Text<'a>>,
    files: Vec<FoundFile<'a>>,
    too_many_files: bool,
}

/// What a message calls somebody.
#[derive(Clone, Copy, Default)]
struct Names<'a> {
    name: Option<Text<'a>>,
    email: Option<Text<'a>>,
    smtp: Option<Text<'a>>,
}

impl<'a> Found<'a> {
    fn message_attribute(&mut self, name: u16, data: &'a [u8]) {
        let mut data = Cursor(data);
        match name {
            0x9007 => self.code_page = data.u32().unwrap_or(self.code_page),
            0x8008 => self.class = self.class.or(Some(Text::Narrow(data.0))),
            0x8004 => self.subject = self.subject.or(Some(Text::Narrow(data.0))),
            0x800c => self.body = self.body.or(Some(Text::Narrow(data.0))),
            0x8000 => self.sender = triple(data).unwrap_or(self.sender),
            0x8005 => self.sent_at = self.sent_at.or(date(data)),
            0x9003 => Properties::new(&mut data).for_each(|property| self.message_property(property.id, property.value)),
            0x9004 => self.recipient_table(data),
            _ => {}
        }
    }

    /// The properties are newer than the attributes, and may be in UTF-16: they count.
    fn message_property(&mut self, id: u16, value: Value<'a>) {
        let text = Text::of(value);
        match id {
            mapi::MESSAGE_CLASS => self.class = text.or(self.class),
            mapi::SUBJECT => self.subject = text.or(self.subject),
            mapi::BODY => self.body = text.or(self.body),
            mapi::HTML => self.html = Some(value),
            mapi::RTF_COMPRESSED => {
                if let Value::Binary(data) = value {
                    self.rtf = Some(data);
                }
            }
            mapi::INTERNET_CODE_PAGE => {
                if let Value::Number(number) = value {
                    self.html_page = u32::try_from(number).ok();
                }
            }
            mapi::CLIENT_SUBMIT_TIME => self.sent_at = moment(value).or(self.sent_at),
            mapi::DELIVERY_TIME => self.sent_at = self.sent_at.or_else(|| moment(value)),
            mapi::INTERNET_MESSAGE_ID => self.message_id = text,
            mapi::SENDER_NAME => self.sender.name = text,
            mapi::SENDER_EMAIL => self.sender.email = text,
            mapi::SENDER_SMTP => self.sender.smtp = text,
            mapi::SENT_REPRESENTING_NAME => self.represented.name = text,
            mapi::SENT_REPRESENTING_EMAIL => self.represented.email = text,
            mapi::SENT_REPRESENTING_SMTP => self.represented.smtp = text,
            _ => {}
        }
    }

    fn recipient_table(&mut self, mut rows: Cursor<'a>) {
        for _ in 0..rows.u32().unwrap_or(0) {
            if rows.0.is_empty() || self.recipients.len() >= MAX_RECIPIENTS {
                return;
            }
            let (mut kind, mut names) = (1, Names::default());
            for property in Properties::new(&mut rows) {
                match property.id {
                    mapi::RECIPIENT_TYPE => kind = if let Value::Number(number) = property.value { number } else { kind },
                    mapi::DISPLAY_NAME => names.name = Text::of(property.value),
                    mapi::EMAIL => names.email = Text::of(property.value),
                    mapi::SMTP => names.smtp = Text::of(property.value),
                    _ => {}
                }
            }
            self.recipients.push((kind, names));
        }
    }

    fn file_attribute(&mut self, name: u16, data: &'a [u8]) {
        // `attAttachRendData` begins an attachment.
        if name == 0x9002 || self.files.is_empty() {
            if self.files.len() >= MAX_FILES {
                self.too_many_files = true;
            } else {
                self.files.push(FoundFile::default());
            }
        }
        if self.too_many_files {
            return;
        }
        let Some(file) = self.files.last_mut() else { return };
        match name {
            0x800f => file.data = data,
            0x8010 => file.title = Some(Text::Narrow(data)),
            0x9001 => file.transport_name = Some(Text::Narrow(data)),
            0x9005 => Properties::new(&mut Cursor(data)).for_each(|property| file.property(property.id, property.value)),
            _ => {}
        }
    }

    fn finish(self) -> Message<'a> {
        let page = self.code_page;
        let some = |text: Option<Text<'a>>| text.and_then(|text| text.some(page));
        let mut message = Message {
            class: some(self.class).map(|class| one_line(&class, MAX_NAME).0).unwrap_or_default(),
            subject: some(self.subject).map(|subject| one_line(&subject, MAX_NAME).0),
            message_id: some(self.message_id),
            from: [self.represented, self.sender].into_iter().find_map(|names| names.person(page)),
            sent_at: self.sent_at,
            ..Message::default()
        };
        for (kind, names) in &self.recipients {
            let list = match kind {
                1 => &mut message.to,
                2 => &mut message.cc,
                _ => continue,
            };
            list.extend(names.person(page));
        }
        if self.too_many_files {
            message.oddities.push(format!("attachments after the first {MAX_FILES} were not taken out of it"));
        }
        self.texts(&mut message);
        message.files = self.files.into_iter().map(|file| file.finish(page)).collect();
        message
    }

    /// The plain text and the HTML, from wherever they are.
    fn texts(&self, message: &mut Message<'a>) {
        let mut decoded = |text: Text<'a>| {
            let (text, odd) = text.decode(self.code_page);
            message.oddities.extend(odd);
            Some(text).filter(|text| !text.trim().is_empty())
        };
        message.plain = self.body.and_then(&mut decoded);
        message.html = match self.html {
            Some(Value::Binary(bytes)) => {
                let label = self.html_page.and_then(codepage::label).or_else(|| charset::of_html(bytes));
                let (html, odd) = charset::decode(bytes, label.as_deref());
                message.oddities.extend(odd);
                Some(html.into_owned()).filter(|html| !html.trim().is_empty())
            }
            Some(value) => Text::of(value).and_then(decoded),
            None => None,
        };
        let (None, Some(rtf)) = (&message.html, self.rtf) else { return };
        let Some((rtf, cut)) = lzfu::decompress(rtf, MAX_RTF) else {
            message.oddities.push("its rich text cannot be read".into());
            return;
        };
        match rtf::read(&rtf) {
            Some(rtf::Content::Html(html)) => message.html = Some(html),
            Some(rtf::Content::Text(text)) if message.plain.is_none() => message.plain = Some(text).filter(|text| !text.is_empty()),
            // The plain text says the same.
            Some(rtf::Content::Text(_)) => return,
            None => message.oddities.push("its rich text cannot be read".into()),
        }
        if cut {
            message.oddities.push("its rich text is cut off".into());
        }
    }
}

impl Names<'_> {
    fn person(&self, page: u32) -> Option<Person> {
        let some = |text: Option<Text<'_>>| text.and_then(|text| text.some(page)).map(|text| one_line(&text, MAX_NAME).0);
        let address = [self.smtp, self.email].into_iter().filter_map(some).find(|address| address.contains('@'));
        let name = some(self.name).filter(|name| Some(name) != address.as_ref());
        (name.is_some() || address.is_some()).then_some(Person { name, address })
    }
}

/// One attachment, as it was found.
#[derive(Default)]
struct FoundFile<'a> {
    data: &'a [u8],
    object: Option<&'a [u8]>,
    title: Option<Text<'a>>,
    transport_name: Option<Text<'a>>,
    name: Option<Text<'a>>,
    long_name: Option<Text<'a>>,
    display_name: Option<Text<'a>>,
    mime_tag: Option<Text<'a>>,
    content_id: Option<Text<'a>>,
}

/// The interface of an attached message, IID_IMessage: 00020307-0000-0000-C000-000000000046.
const MESSAGE_INTERFACE: [u8; 16] = [7, 3, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];

impl<'a> FoundFile<'a> {
    fn property(&mut self, id: u16, value: Value<'a>) {
        let text = Text::of(value);
        match (id, value) {
            (mapi::ATTACH_DATA, Value::Binary(data)) if !data.is_empty() => self.data = data,
            (mapi::ATTACH_DATA, Value::Object(data)) => self.object = Some(data),
            (mapi::ATTACH_FILE_NAME, _) => self.name = text,
            (mapi::ATTACH_LONG_FILE_NAME, _) => self.long_name = text,
            (mapi::DISPLAY_NAME, _) => self.display_name = text,
            (mapi::ATTACH_MIME_TAG, _) => self.mime_tag = text,
            (mapi::ATTACH_CONTENT_ID, _) => self.content_id = text,
            _ => {}
        }
    }

    fn content(&self) -> Content<'a> {
        match self.object.map(|object| object.strip_prefix(&MESSAGE_INTERFACE).ok_or(object)) {
            Some(Ok(stream)) if is_tnef(stream) => Content::Message(stream),
            // An OLE object, behind the id of its interface.
            Some(Ok(other)) => Content::Bytes(other),
            Some(Err(other)) => Content::Bytes(other.get(MESSAGE_INTERFACE.len()..).unwrap_or(other)),
            None => Content::Bytes(self.data),
        }
    }

    fn finish(self, page: u32) -> File<'a> {
        let some = |text: Option<Text<'a>>| text.and_then(|text| text.some(page));
        let content = self.content();
        // What an attached message is called is its subject. The title is the long name too, in a code page.
        let subject = self.display_name.filter(|_| matches!(content, Content::Message(_)));
        let names = [subject, self.long_name, self.title, self.name, self.transport_name, self.display_name];
        let name = names.into_iter().find_map(some).map(|name| one_line(&name, MAX_NAME).0);
        let (name, media_type) = match content {
            Content::Message(_) => (Some(name.unwrap_or_else(|| "message".into()) + ".eml"), "message/rfc822".into()),
            Content::Bytes(_) => (name, media_type(some(self.mime_tag))),
        };
        let content_id = some(self.content_id).map(|id| one_line(id.trim_matches(['<', '>']), MAX_NAME).0);
        File { name, media_type, content_id: content_id.filter(|id| !id.is_empty()), content }
    }
}

/// A type that is one.
fn media_type(tag: Option<String>) -> String {
    let tag = tag.unwrap_or_default().to_ascii_lowercase();
    let valid = tag.len() <= 127
        && tag.split('/').filter(|half| !half.is_empty()).count() == 2
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'+' | b'-' | b'_'));
    match tag.as_str() {
        // A signed message within its own signature, which Outlook names `smime.p7m`.
        "multipart/signed" => "application/pkcs7-mime".into(),
        tag if valid && !tag.starts_with("multipart/") => tag.into(),
        _ => "application/octet-stream".into(),
    }
}

/// The sender as an attribute: sizes, a name and an address such as `SMTP:jan@example.nl`.
fn triple(mut data: Cursor<'_>) -> Option<Names<'_>> {
    let (_, _, name, address) = (data.u16()?, data.u16()?, data.u16()?, data.u16()?);
    let (name, _) = data.take_up_to(name.into());
    let (address, _) = data.take_up_to(address.into());
    let address = address.iter().position(|&b| b == b':').and_then(|colon| address.get(colon + 1..)).unwrap_or(address);
    Some(Names { name: Some(Text::Narrow(name)), email: Some(Text::Narrow(address)), smtp: None })
}

/// A date as an attribute: year, month, day, hour, minute, second.
fn date(mut data: Cursor<'_>) -> Option<i64> {
    let mut next = || data.u16().map(i64::from);
    let (year, month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let valid = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    valid.then(|| mail::days_of(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// A FILETIME: tenths of microseconds since 1601.
fn moment(value: Value<'_>) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    let seconds = i64::try_from(number / 10_000_000).ok()? - 11_644_473_600;
    (0..253_402_300_800).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
pub(super) mod encoder;
#[cfg(test)]
mod tests;
