//! The normalized message that all channels share, and its parts.
//!
//! Its JSON form is what `loket read` prints, what the API answers and what the store keeps (sealed): one shape to learn.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::order::Order;
use crate::time::Timestamp;

/// What a customer sent, by whichever channel, in the one form that everything behind the readers works on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// What the sender's side says this message is, where it says so.
    pub identity: Option<Identity>,
    /// What it answers.
    #[serde(default)]
    pub thread: Thread,
    /// Who wrote it.
    pub from: Option<Party>,
    /// Where the writer wants answers.
    pub reply_to: Option<Party>,
    /// For whom it was sent, when somebody else's system or colleague sent it (RFC 5322 Sender, form mail, forwards).
    pub on_behalf_of: Option<Party>,
    /// Its primary recipients.
    #[serde(default)]
    pub to: Vec<Party>,
    /// Its further recipients.
    #[serde(default)]
    pub cc: Vec<Party>,
    /// When the sender says it was sent.
    pub sent_at: Option<SentAt>,
    /// The subject line, decoded, on one line.
    pub subject: Option<String>,
    /// The text.
    #[serde(default)]
    pub body: Body,
    /// Everything attached; what was not read says why in `skipped`.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// Whether a machine wrote it.
    #[serde(default)]
    pub automatic: Automatic,
    /// The order in it, where there is one.
    #[serde(default)]
    pub order: Option<Box<Order>>,
    /// What else is worth keeping: header fields, form fields.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
    /// What was odd about it, in words for people.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What the sender's side says a message is: an RFC 5322 Message-ID, a form's own submission id, …
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Which kind of number it is, e.g. `message-id`.
    pub kind: String,
    /// The number, without decoration (a Message-ID without its angle brackets).
    pub value: String,
}

impl Identity {
    /// An RFC 5322 Message-ID, given without angle brackets.
    pub fn message_id(value: impl Into<String>) -> Self {
        Self { kind: "message-id".into(), value: value.into() }
    }
}

/// What a message answers (RFC 5322 section 3.6.4), ids without angle brackets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// The ids in In-Reply-To.
    #[serde(default)]
    pub in_reply_to: Vec<String>,
    /// The ids in References, oldest first.
    #[serde(default)]
    pub references: Vec<String>,
    /// An upstream's own conversation id (chat, phone).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
}

/// A person or company as a message names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The display name.
    pub name: Option<String>,
    /// The address that the message came from or goes to.
    pub address: Option<Address>,
    /// Further addresses of the same party that the message gives (a form's phone field, an account number).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Address>,
    /// The company it speaks for, where the message says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
}

impl Party {
    /// Every address of the party, the main one first.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.address.iter().chain(&self.also)
    }
}

/// How a customer can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressKind {
    /// An e-mail address.
    Mail,
    /// A telephone number.
    Phone,
    /// A fax number.
    Fax,
    /// A trading partner's EDI id.
    Edi,
    /// The number of the customer's account with us.
    Account,
}

impl AddressKind {
    const ALL: [(Self, &'static str); 5] =
        [(Self::Mail, "mail"), (Self::Phone, "tel"), (Self::Fax, "fax"), (Self::Edi, "edi"), (Self::Account, "account")];

    /// Its name, as the store and the scheme of [`Address`] write it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("mail", |(_, name)| name)
    }
}

/// An address of one kind. Written plainly for mail (`jan@example.nl`), with a scheme for the others (`tel:+31201234567`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Which kind.
    pub kind: AddressKind,
    /// The address as the message wrote it.
    pub value: String,
}

impl Address {
    /// An e-mail address.
    pub fn mail(value: impl Into<String>) -> Self {
        Self { kind: AddressKind::Mail, value: value.into() }
    }

    /// The form in which two spellings of one address are equal: mail in lower case, numbers as digits only (a leading `00`
    /// or `+` as `+`), others trimmed and in lower case. `None` when nothing is left to know anybody by.
    pub fn normalized(&self) -> Option<String> {
        let text = self.value.trim();
        let normal = match self.kind {
            AddressKind::Mail => text.contains('@').then(|| text.to_lowercase())?,
            AddressKind::Phone | AddressKind::Fax => {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                match digits.strip_prefix("00") {
                    Some(rest) => format!("+{rest}"),
                    None if text.starts_with('+') => format!("+{digits}"),
                    None => digits,
                }
            }
            AddressKind::Edi | AddressKind::Account => text.to_lowercase(),
        };
        (normal.len() > 2).then_some(normal)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            AddressKind::Mail => f.write_str(&self.value),
            kind => write!(f, "{}:{}", kind.name(), self.value),
        }
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        let schemed = text.split_once(':').and_then(|(scheme, value)| {
            let (kind, _) = AddressKind::ALL.iter().find(|(_, name)| *name == scheme)?;
            Some(Self { kind: *kind, value: value.into() })
        });
        schemed.unwrap_or_else(|| Self::mail(text))
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(from)?.as_str()))
    }
}

/// When the sender says a message was sent: the moment, and the sender's own offset from UTC. RFC 3339 outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentAt {
    /// The moment.
    pub at: Timestamp,
    /// The sender's offset from UTC in minutes.
    pub offset: i16,
}

impl Serialize for SentAt {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let shown = jiff::tz::Offset::from_seconds(i32::from(self.offset) * 60)
            .ok()
            .and_then(|offset| Some(jiff::Timestamp::from_microsecond(self.at.micros()).ok()?.display_with_offset(offset).to_string()));
        to.serialize_str(&shown.unwrap_or_else(|| self.at.to_string()))
    }
}

impl<'de> Deserialize<'de> for SentAt {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let at: Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        let offset = jiff::fmt::temporal::DateTimeParser::new()
            .parse_pieces(&text)
            .ok()
            .and_then(|pieces| pieces.to_numeric_offset())
            .map_or(0, |offset| offset.seconds() / 60);
        Ok(Self { at, offset: i16::try_from(offset).unwrap_or(0) })
    }
}

/// The text of a message. `new_text` is part of `full_text`, told apart, never cut away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// What the sender wrote this time, without quoted history and signature.
    #[serde(default)]
    pub new_text: String,
    /// The whole text.
    #[serde(default)]
    pub full_text: String,
    /// The HTML part as it came, where there was one. Unsafe to show as it is.
    pub html: Option<String>,
    /// ISO 639-1 code of the language that `new_text` is written in; the pipeline sets it when the reader does not.
    pub language: Option<String>,
}

/// A file that came with a message. Its bytes stay in the delivery and are cut out of it on demand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The name that the sender gave it: data, never a path.
    pub name: Option<String>,
    /// Its type as declared.
    pub media_type: String,
    /// Its decoded size in bytes.
    pub size: u64,
    /// SHA-256 of its decoded bytes, in lower-case hex.
    pub sha256: String,
    /// Its Content-ID, for pictures that the HTML shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
    /// Why it was kept but not read, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// Whether a machine wrote a message, and which kind (RFC 3834).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Automatic {
    /// A person wrote it.
    #[default]
    None,
    /// An automatic answer: out of office, receipt. Opens no case.
    Reply,
    /// A delivery report. Opens no case.
    Bounce,
    /// A list or newsletter. Opens no case.
    Bulk,
    /// Made by a machine for a customer (a shop's order mail, form mail): opens a case, and is never answered.
    Generated,
}

impl Automatic {
    /// Whether a message of this kind may open a case of its own.
    pub fn opens_case(self) -> bool {
        matches!(self, Self::None | Self::Generated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_their_kind_through_json() {
        let fax = Address { kind: AddressKind::Fax, value: "+31 20 123 45 67".into() };
        let json = serde_json::to_string(&fax).unwrap();
        assert_eq!(json, "\"fax:+31 20 123 45 67\"");
        assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), fax);
        assert_eq!(fax.normalized().as_deref(), Some("+31201234567"));
        assert_eq!(Address::mail(" Jan@Example.NL ").normalized().as_deref(), Some("jan@example.nl"));
        assert_eq!(Address::mail("nobody").normalized(), None);
    }

    #[test]
    fn the_senders_offset_is_kept() {
        let sent: SentAt = serde_json::from_str("\"2026-11-24T09:30:00+01:00\"").unwrap();
        assert_eq!(sent.offset, 60);
        assert_eq!(serde_json::to_string(&sent).unwrap(), "\"2026-11-24T09:30:00+01:00\"");
    }
}
