//! The fields of a form become a message.
//!
//! Nothing that was written is invisible: what the form gives no place in the message stands under the text with its label,
//! so that people see it and the classifier reads it, and in `extra` for programs.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use loket_core::message::{Address, AddressKind, Attachment, Automatic, Body, Identity, Message, Party};
use serde_json::{Map, json};

use super::names;
use crate::config::{FieldKind, HONEYPOT, Target};
use crate::decode::{Field, Value, honeypot_filled};
use crate::envelope::{Slip, SlipField};
use crate::value::{is_checked, is_email, lines, one_line};

/// The message; `None` when nothing was filled in.
pub(super) fn message(fields: &[Field], slip: Option<&Slip>, attachments: Vec<Attachment>) -> Option<Message> {
    let mut draft = Draft::default();
    let form = Places::of(slip);
    for field in fields.iter().filter(|field| !field.is_ours()) {
        draft.add(field, form.place(field));
    }
    if draft.is_empty() && attachments.is_empty() {
        return None;
    }
    let automatic = if honeypot_filled(fields) || slip.is_some_and(|slip| slip.honeypot) {
        draft.warnings.push(format!("the field `{HONEYPOT}` is filled in, which only robots see (honeypot filled)"));
        Automatic::Bulk
    } else {
        Automatic::None
    };
    let text = draft.whole_text();
    let identity = slip.and_then(|slip| slip.idempotency_key.clone()).map(|value| Identity { kind: "submission".into(), value });
    Some(Message {
        identity,
        from: draft.party(),
        subject: some(draft.subject.join(", ")),
        body: Body { new_text: text.clone(), full_text: text, html: None, language: None },
        attachments,
        automatic,
        extra: extra(draft.extra, slip),
        warnings: draft.warnings,
        ..Message::default()
    })
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// What is kept for programs: the form, its page, and in their order the fields that have no other place.
fn extra(fields: Vec<serde_json::Value>, slip: Option<&Slip>) -> Map<String, serde_json::Value> {
    let mut extra = Map::new();
    if let Some(slip) = slip {
        extra.insert("form".into(), slip.form.as_str().into());
        extra.extend(slip.page.as_deref().map(|page| ("page".to_owned(), page.into())));
    }
    if !fields.is_empty() {
        extra.insert("fields".into(), fields.into());
    }
    extra
}

/// Where the fields of a form go.
enum Places<'a> {
    Known { fields: HashMap<&'a str, &'a SlipField>, stand_in: Option<&'a str> },
    Usual,
}

/// The place of one field.
#[derive(Clone, Copy)]
struct Place<'a> {
    to: Target,
    label: &'a str,
    /// Whether a person filled it in, and not the page.
    by_person: bool,
    checkbox: bool,
}

impl<'a> Places<'a> {
    fn of(slip: Option<&'a Slip>) -> Self {
        match slip {
            Some(slip) => {
                let fields = slip.fields.iter().map(|field| (field.name.as_str(), field)).collect();
                Self::Known { fields, stand_in: slip.stand_in.as_deref() }
            }
            None => Self::Usual,
        }
    }

    fn place(&self, field: &'a Field) -> Place<'a> {
        let plain = |to| Place { to, label: &field.name, by_person: true, checkbox: false };
        match self {
            Self::Usual => plain(names::target(&field.name)),
            Self::Known { fields, stand_in } => match fields.get(field.name.as_str()) {
                Some(known) => Place {
                    to: known.to(),
                    label: &known.label,
                    by_person: !known.is(FieldKind::Hidden),
                    checkbox: known.is(FieldKind::Checkbox),
                },
                None if *stand_in == Some(field.name.as_str()) => plain(Target::Text),
                None => plain(Target::Extra),
            },
        }
    }
}

/// A message in the making.
#[derive(Default)]
struct Draft {
    name: Vec<String>,
    company: Vec<String>,
    mail: Vec<Address>,
    phone: Vec<Address>,
    account: Vec<Address>,
    subject: Vec<String>,
    text: Vec<String>,
    /// Lines under the text.
    lines: String,
    extra: Vec<serde_json::Value>,
    warnings: Vec<String>,
    warned: HashSet<&'static str>,
}

impl Draft {
    fn add(&mut self, field: &Field, place: Place<'_>) {
        let text = match &field.value {
            Value::File(_) => return,
            Value::Nested(json) => return self.add_extra(field, place, json),
            Value::Text(text) => text,
        };
        if field.guessed {
            self.warn("guessed", || {
                format!("`{}` is not in the character set that the form names; it was read as windows-1252", one_line(&field.name))
            });
        }
        let line = one_line(text);
        if line.is_empty() {
            return;
        }
        match place.to {
            Target::Name => self.name.push(line),
            Target::Company => self.company.push(line),
            Target::Subject => self.subject.push(line),
            Target::Phone => self.phone.push(Address { kind: AddressKind::Phone, value: line }),
            Target::Account => self.account.push(Address { kind: AddressKind::Account, value: line }),
            Target::Email if is_email(text.trim()) => self.mail.push(Address::mail(text.trim())),
            Target::Email => {
                self.warn("email", || format!("`{}` holds no e-mail address", one_line(&field.name)));
                self.add_extra(field, place, text);
            }
            Target::Text => {
                let text = self.cleaned(text);
                self.text.push(text.trim().to_owned());
            }
            Target::Extra => self.add_extra(field, place, text),
        }
    }

    fn add_extra(&mut self, field: &Field, place: Place<'_>, value: &str) {
        let value = self.cleaned(value);
        let label = one_line(place.label);
        if place.by_person && (!place.checkbox || is_checked(&value)) {
            let colon = if label.ends_with([':', '?', '!', '.']) { "" } else { ":" };
            let value = value.trim();
            let gap = if value.contains('\n') { '\n' } else { ' ' };
            // Writing into a text cannot fail.
            let _ = writeln!(self.lines, "{label}{colon}{gap}{value}");
        }
        self.extra.push(json!({ "name": field.name, "label": label, "value": value }));
    }

    fn cleaned(&mut self, text: &str) -> String {
        let (text, odd) = lines(text);
        if odd {
            self.warn("control", || "control characters in the text are shown as \u{fffd}".into());
        }
        text
    }

    /// Warns once of each thing, however many fields have it.
    fn warn(&mut self, what: &'static str, warning: impl FnOnce() -> String) {
        if self.warned.insert(what) {
            self.warnings.push(warning());
        }
    }

    fn is_empty(&self) -> bool {
        let parties =
            self.name.is_empty() && self.company.is_empty() && self.mail.is_empty() && self.phone.is_empty() && self.account.is_empty();
        parties && self.subject.is_empty() && self.text.is_empty() && self.extra.is_empty()
    }

    fn whole_text(&self) -> String {
        let mut whole = self.text.join("\n\n");
        let lines = self.lines.trim_end();
        if !whole.is_empty() && !lines.is_empty() {
            whole.push_str("\n\n");
        }
        whole.push_str(lines);
        whole
    }

    fn party(&mut self) -> Option<Party> {
        let mut seen = HashSet::new();
        let given = self.mail.drain(..).chain(self.phone.drain(..)).chain(self.account.drain(..));
        let mut addresses = given.filter(|address| seen.insert(address.clone()));
        let party = Party {
            address: addresses.next(),
            also: addresses.collect(),
            name: some(self.name.join(" ")),
            company: some(self.company.join(", ")),
        };
        (party != Party::default()).then_some(party)
    }
}
