//! What travels with a form's bytes, so that they can be read without the configuration: what the form was then, and who sent it.

use loket_core::delivery::Envelope;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{FieldKind, Target};
use crate::decode::Limits;

/// The envelope of a form's delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slip {
    /// The form's name.
    pub(crate) form: String,
    /// ISO 639-1 code of the form's language.
    #[serde(default)]
    pub(crate) language: String,
    /// The form's fields.
    #[serde(default)]
    pub(crate) fields: Vec<SlipField>,
    /// The field that was taken as the text in place of the form's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stand_in: Option<String>,
    /// Fields that are decoded at most.
    pub(crate) max_fields: usize,
    /// Files that are decoded at most.
    pub(crate) max_files: usize,
    /// Whether the field was filled in that only robots see.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) honeypot: bool,
    /// The sender's Idempotency-Key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<String>,
    /// SHA-256 over fields and files in whatever encoding: tells a repeated post from another one.
    #[serde(default)]
    pub(crate) content: String,
    /// The address that connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remote_address: Option<String>,
    /// The sender's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<String>,
    /// The page that the form was on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<String>,
}

/// One field of the form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SlipField {
    pub(crate) name: String,
    /// What the page called it.
    pub(crate) label: String,
    kind: String,
    to: String,
}

impl SlipField {
    pub(crate) fn new(name: &str, label: &str, kind: FieldKind, to: Target) -> Self {
        Self { name: name.into(), label: label.into(), kind: kind.name().into(), to: to.name().into() }
    }

    /// Where its value goes. A target that only a later version knows is kept as an extra.
    pub(crate) fn to(&self) -> Target {
        Target::named(&self.to).unwrap_or(Target::Extra)
    }

    /// Whether it is of this kind.
    pub(crate) fn is(&self, kind: FieldKind) -> bool {
        self.kind == kind.name()
    }
}

impl Slip {
    pub(crate) fn limits(&self) -> Limits {
        Limits { fields: self.max_fields, files: self.max_files }
    }

    /// As the journal keeps it.
    pub(crate) fn into_envelope(self) -> Envelope {
        match serde_json::to_value(self) {
            Ok(Value::Object(envelope)) => envelope,
            _ => Envelope::new(),
        }
    }

    /// From the journal; `None` where the bytes did not come by a form of ours (a file that was imported).
    pub(crate) fn of(envelope: &Envelope) -> Option<Result<Self, serde_json::Error>> {
        envelope.contains_key("form").then(|| Self::deserialize(Value::Object(envelope.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let slip = Slip {
            form: "contact".into(),
            language: "nl".into(),
            fields: vec![SlipField::new("klant", "Uw naam", FieldKind::Text, Target::Name)],
            stand_in: Some("bericht".into()),
            max_fields: 7,
            honeypot: true,
            idempotency_key: Some("\"\n\0é".into()),
            ..Slip::default()
        };
        let envelope = slip.clone().into_envelope();
        assert_eq!(envelope.get("form").and_then(Value::as_str), Some("contact"));
        assert!(!envelope.contains_key("page"));
        assert_eq!(Slip::of(&envelope).unwrap().unwrap(), slip);
        assert_eq!(slip.fields[0].to(), Target::Name);
        assert!(slip.fields[0].is(FieldKind::Text));
    }

    #[test]
    fn other_envelopes_are_told_apart_from_damaged_ones() {
        let envelope = |text: &str| serde_json::from_str::<Envelope>(text).unwrap();
        assert!(Slip::of(&envelope("{}")).is_none());
        assert!(Slip::of(&envelope(r#"{"file": "a.json"}"#)).is_none());
        assert!(Slip::of(&envelope(r#"{"form": 7}"#)).unwrap().is_err());
        let later = envelope(
            r#"{"form": "x", "max_fields": 1, "max_files": 1, "fields": [{"name": "a", "label": "A", "kind": "map", "to": "moon"}], "new": {}}"#,
        );
        assert_eq!(Slip::of(&later).unwrap().unwrap().fields[0].to(), Target::Extra);
    }
}
