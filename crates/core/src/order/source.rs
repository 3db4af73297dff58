//! Where a value stood, and how sure it is.

use std::borrow::Cow;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where the values of an order or of a line stood, by the names of their fields; `buyer.name` for what is inside one. A list
/// and no map: a line has a handful, and an order may have a hundred thousand lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources(Vec<(Cow<'static, str>, Source)>);

impl Sources {
    /// Remembers where a field's value stood; the last word counts.
    pub fn set(&mut self, field: impl Into<Cow<'static, str>>, source: Source) {
        let field = field.into();
        match self.0.iter_mut().find(|(name, _)| *name == field) {
            Some((_, before)) => *before = source,
            None => self.0.push((field, source)),
        }
    }

    /// Where a field's value stood.
    pub fn get(&self, field: &str) -> Option<&Source> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, source)| source)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.0.iter().map(|(name, source)| (name.as_ref(), source))
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where a value stood, and how sure it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// How sure, 0 to 1; 1 for what a machine wrote for machines.
    pub confidence: f32,
}

impl Source {
    /// An element of a segment (X12, EDIFACT), e.g. segment 17, `PO102`. Surely right.
    pub fn element(segment: u32, element: impl Into<Cow<'static, str>>) -> Self {
        Self { place: Place::Element { segment, element: element.into() }, confidence: 1.0 }
    }

    /// A place in an XML document. Surely right.
    pub fn path(path: impl Into<Cow<'static, str>>) -> Self {
        Self { place: Place::Path { path: path.into() }, confidence: 1.0 }
    }
}

/// A place in what was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// An element of a segment.
    Element {
        /// Which segment of the message it is, counted from 1 (ST or UNH).
        segment: u32,
        /// The element, in the standard's own words: `PO102`, `BGM 1004`, `NAD C082.3039`.
        element: Cow<'static, str>,
    },
    /// An element or attribute of an XML document, by its XPath from the order's root.
    Path {
        /// The XPath, e.g. `/Order/OrderLine[2]/LineItem/Quantity/@unitCode`.
        path: Cow<'static, str>,
    },
    /// Characters of a message's `body.full_text`.
    Span {
        /// From and up to these bytes.
        span: (usize, usize),
    },
    /// A box on a page.
    Box {
        /// The page, from 1.
        page: u32,
        /// Left, top, width and height in pixels.
        r#box: (u32, u32, u32, u32),
    },
}

impl Serialize for Sources {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, source) in &self.0 {
            map.serialize_entry(name, source)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Sources;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of sources")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sources, A::Error> {
                let mut sources = Sources::default();
                while let Some((name, source)) = map.next_entry::<String, Source>()? {
                    sources.0.push((name.into(), source));
                }
                Ok(sources)
            }
        }
        from.deserialize_map(Entries)
    }
}
