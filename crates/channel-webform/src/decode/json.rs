//! `application/json`: one object, its members the fields.
//!
//! Values are kept raw until their kind is known: a customer number of thirty digits stays what it is, and the fields stay in
//! the order in which they were written.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{DecodeError, Field, Gathered, Limits, Value, malformed};

/// The fields of a body.
pub(super) fn decode(body: &[u8], limits: Limits) -> Result<Vec<Field>, DecodeError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|_| malformed("the JSON is not in UTF-8"))?;
    if !text.trim_start().starts_with('{') {
        return Err(malformed("the body must be a JSON object"));
    }
    let mut members = Members { gathered: Gathered::new(limits), stopped: None };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = DeserializeSeed::deserialize(&mut members, &mut reader).and_then(|()| reader.end());
    match (members.stopped, read) {
        (Some(stopped), _) => Err(stopped),
        (None, Err(error)) => Err(malformed(format!("the body is not proper JSON: {error}"))),
        (None, Ok(())) => Ok(members.gathered.items),
    }
}

struct Members {
    gathered: Gathered<Field>,
    /// Why reading stopped, when JSON was not the reason.
    stopped: Option<DecodeError>,
}

impl<'de> DeserializeSeed<'de> for &mut Members {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Members {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, raw)) = map.next_entry::<String, &'de RawValue>()? {
            let value = value(raw.get()).map_err(serde::de::Error::custom)?;
            let Some(value) = value else { continue };
            let name = name.strip_suffix("[]").map(str::to_owned).unwrap_or(name);
            let field = Field { name: name.clone(), value, guessed: false };
            if let Err(error) = self.gathered.field(&name, field) {
                self.stopped = Some(error);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// A member's value: `None` where nothing was said.
fn value(raw: &str) -> Result<Option<Value>, serde_json::Error> {
    match raw.as_bytes().first() {
        Some(b'[') => {
            let mut joined = Joined { text: String::new(), nested: false };
            DeserializeSeed::deserialize(&mut joined, &mut serde_json::Deserializer::from_str(raw))?;
            Ok(match joined {
                Joined { nested: true, .. } => Some(Value::Nested(raw.to_owned())),
                Joined { text, .. } => (!text.is_empty()).then_some(Value::Text(text)),
            })
        }
        Some(b'{') => Ok(Some(Value::Nested(raw.to_owned()))),
        _ => Ok(scalar(raw)?.map(Value::Text)),
    }
}

/// A text, number or truth value as text; `None` for null.
fn scalar(raw: &str) -> Result<Option<String>, serde_json::Error> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).map(Some),
        _ if raw == "null" => Ok(None),
        _ => Ok(Some(raw.to_owned())),
    }
}

/// The elements of a list, joined as they are read.
struct Joined {
    text: String,
    nested: bool,
}

impl<'de> DeserializeSeed<'de> for &mut Joined {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Joined {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(raw) = list.next_element::<&'de RawValue>()? {
            let raw = raw.get();
            self.nested |= raw.starts_with(['{', '[']);
            if self.nested {
                continue;
            }
            if let Some(text) = scalar(raw).map_err(serde::de::Error::custom)? {
                if !self.text.is_empty() {
                    self.text.push_str(", ");
                }
                self.text.push_str(&text);
            }
        }
        Ok(())
    }
}
