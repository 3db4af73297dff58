//! One table of the configuration, read key by key.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::{Report, suggestion};
use super::units::{parse_duration, parse_size};
use crate::secret::Secret;

type Span = Range<usize>;

/// A TOML value that owns its text and knows where it stood.
#[derive(Clone, Debug)]
struct Node {
    span: Span,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    List(Vec<Node>),
    Table(BTreeMap<String, (Span, Node)>),
    Other(&'static str),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// One table: hands out its keys one by one, and reports what is wrong with them.
#[derive(Debug)]
pub struct Section {
    path: String,
    span: Option<Span>,
    entries: BTreeMap<String, (Span, Node)>,
    asked: Vec<&'static str>,
    report: Report,
}

/// Reads a TOML text into its root section. Mistakes in the syntax go into the report and give an empty section.
pub fn parse(text: &str, report: &Report) -> Section {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        report.fault(error.span(), "", error.message());
    }
    let Value::Table(entries) = own_table(table.into_inner()) else { return Section::new(String::new(), None, BTreeMap::new(), report) };
    Section::new(String::new(), None, entries, report)
}

fn own_table(table: DeTable<'_>) -> Value {
    Value::Table(table.into_iter().map(|(key, value)| (key.get_ref().to_string(), (key.span(), own(value)))).collect())
}

fn own(value: Spanned<DeValue<'_>>) -> Node {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other("a number out of range"),
        },
        DeValue::Float(number) => match number.as_str().replace('_', "").parse() {
            Ok(number) => Value::Float(number),
            Err(_) => Value::Other("a number out of range"),
        },
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => Value::List(items.into_iter().map(own).collect()),
        DeValue::Table(table) => own_table(table),
    };
    Node { span, value }
}

impl Section {
    fn new(path: String, span: Option<Span>, entries: BTreeMap<String, (Span, Node)>, report: &Report) -> Self {
        Self { path, span, entries, asked: Vec::new(), report: report.clone() }
    }

    /// Its path from the root, e.g. `email.support`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reports a mistake at a key of this section (at its heading when `key` is empty).
    pub fn fault(&self, key: &str, message: impl Into<String>) {
        let span = self.entries.get(key).map(|(span, _)| span.clone()).or_else(|| self.span.clone());
        self.report.fault(span, self.key_path(key), message);
    }

    fn key_path(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.into(),
            (path, "") => path.into(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    /// Whether the key is there. Counts as asking for it.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.asked.push(key);
        self.entries.contains_key(key)
    }

    fn take<T>(&mut self, key: &'static str, wanted: &str, convert: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        self.asked.push(key);
        let (_, node) = self.entries.get(key)?;
        let found = convert(&node.value);
        if found.is_none() {
            let shown = match &node.value {
                Value::Text(text) => format!("`{text}`"),
                Value::Integer(number) => format!("`{number}`"),
                Value::Float(number) => format!("`{number}`"),
                other => other.kind().into(),
            };
            self.report.fault(Some(node.span.clone()), self.key_path(key), format!("expected {wanted}, found {shown}"));
        }
        found
    }

    /// A text.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.take(key, "a text", |value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// A text that must be there and not be empty. Where it is missing that is reported, and the answer is empty.
    pub fn required_text(&mut self, key: &'static str) -> String {
        let missing = !self.has(key);
        let text = self.text(key).unwrap_or_default();
        if missing {
            self.fault("", format!("`{key}` is missing; add `{key} = \"…\"`"));
        } else if text.trim().is_empty() && matches!(self.entries.get(key), Some((_, Node { value: Value::Text(_), .. }))) {
            self.fault(key, "must not be empty");
        }
        text
    }

    /// A path, relative ones from the working directory.
    pub fn file(&mut self, key: &'static str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// A whole number within bounds.
    pub fn integer(&mut self, key: &'static str, bounds: RangeInclusive<u64>, default: u64) -> u64 {
        let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.take(key, &wanted, |value| match value {
            Value::Integer(number) => u64::try_from(*number).ok().filter(|number| bounds.contains(number)),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// A number within bounds, with or without decimals.
    pub fn number(&mut self, key: &'static str, bounds: RangeInclusive<f64>, default: f64) -> f64 {
        let wanted = format!("a number from {} to {}", bounds.start(), bounds.end());
        #[allow(clippy::cast_precision_loss, reason = "what people write into a configuration fits a float")]
        self.take(key, &wanted, |value| match value {
            Value::Float(number) => Some(*number).filter(|number| bounds.contains(number)),
            Value::Integer(number) => Some(*number as f64).filter(|number| bounds.contains(number)),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// True or false.
    pub fn flag(&mut self, key: &'static str, default: bool) -> bool {
        self.take(key, "true or false", |value| match value {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// A duration with its unit, within bounds.
    pub fn duration(&mut self, key: &'static str, bounds: RangeInclusive<Duration>, default: Duration) -> Duration {
        let wanted = format!("a duration from {:?} to {:?} with its unit, such as \"30s\", \"5m\" or \"2h\"", bounds.start(), bounds.end());
        self.take(key, &wanted, |value| match value {
            Value::Text(text) => parse_duration(text).filter(|duration| bounds.contains(duration)),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// A size in bytes with its unit, within bounds.
    pub fn size(&mut self, key: &'static str, bounds: RangeInclusive<u64>, default: u64) -> u64 {
        let wanted = format!("a size from {}B to {}B with its unit, such as \"64KB\" or \"25MB\"", bounds.start(), bounds.end());
        self.take(key, &wanted, |value| match value {
            Value::Text(text) => parse_size(text).filter(|size| bounds.contains(size)),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// One of a few words.
    pub fn choice<T: Clone>(&mut self, key: &'static str, choices: &[(&str, T)], default: T) -> T {
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        self.take(key, &format!("one of {}", words.join(", ")), |value| match value {
            Value::Text(text) => choices.iter().find(|(word, _)| word == text).map(|(_, choice)| choice.clone()),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// A list of texts.
    pub fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.take(key, "a list of texts", |value| match value {
            Value::List(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
    }

    /// A secret by reference: `env:NAME`, `file:PATH` or `cred:NAME`. A secret written out is refused without repeating it.
    pub fn secret(&mut self, key: &'static str) -> Option<Secret> {
        let text = self.text(key)?;
        match Secret::by_reference(&text) {
            Ok(secret) => Some(secret),
            Err(problem) => {
                self.fault(key, problem);
                None
            }
        }
    }

    /// A table in this one. An empty section when it is not there.
    pub fn table(&mut self, key: &'static str) -> Section {
        self.asked.push(key);
        let path = self.key_path(key);
        match self.entries.get(key) {
            Some((span, Node { value: Value::Table(entries), .. })) => {
                Section::new(path, Some(span.clone()), entries.clone(), &self.report)
            }
            Some((_, node)) => {
                self.report.fault(
                    Some(node.span.clone()),
                    path.clone(),
                    format!("expected a table `[{path}]`, found {}", node.value.kind()),
                );
                Section::new(path, Some(node.span.clone()), BTreeMap::new(), &self.report)
            }
            None => Section::new(path, self.span.clone(), BTreeMap::new(), &self.report),
        }
    }

    /// The tables of an array of tables, `[[path.key]]`.
    pub fn tables(&mut self, key: &'static str) -> Vec<Section> {
        self.asked.push(key);
        let path = self.key_path(key);
        let Some((_, node)) = self.entries.get(key) else { return Vec::new() };
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match &item.value {
                Value::Table(entries) if matches!(node.value, Value::List(_)) => {
                    sections.push(Section::new(format!("{path}[{index}]"), Some(item.span.clone()), entries.clone(), &self.report));
                }
                other => {
                    self.report.fault(
                        Some(item.span.clone()),
                        path.clone(),
                        format!("expected tables `[[{path}]]`, found {}", other.kind()),
                    );
                }
            }
        }
        sections
    }

    /// The named tables of a table kind: `[email.support]` and `[email.sales]` for `email`, by name.
    pub fn instances(&mut self, kind: &'static str) -> Vec<(String, Section)> {
        let section = self.table(kind);
        let mut instances = Vec::new();
        for (name, (span, node)) in &section.entries {
            let path = format!("{kind}.{name}");
            let proper =
                !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            match &node.value {
                Value::Table(entries) if proper => {
                    instances.push((name.clone(), Section::new(path, Some(span.clone()), entries.clone(), &self.report)));
                }
                Value::Table(_) => {
                    self.report.fault(Some(span.clone()), path, "a channel's name has lower-case letters, digits and dashes, at most 64");
                }
                other => self.report.fault(
                    Some(span.clone()),
                    path,
                    format!("expected a table `[{kind}.NAME]`, found {}; each {kind} channel has a name of its own", other.kind()),
                ),
            }
        }
        instances
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        for (key, (span, _)) in &self.entries {
            if self.asked.contains(&key.as_str()) {
                continue;
            }
            let hint = match suggestion(key, self.asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let mut known = self.asked.clone();
                    known.sort_unstable();
                    known.dedup();
                    format!("known here: {}", known.join(", "))
                }
            };
            self.report.fault(Some(span.clone()), self.key_path(key), format!("unknown key; {hint}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str, read: impl FnOnce(&mut Section)) -> Vec<String> {
        let report = Report::new(text);
        let mut root = parse(text, &report);
        read(&mut root);
        root.finish();
        report.into_faults().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_mistakes_come_at_once_with_line_key_and_suggestion() {
        let text = "[email.support]\nhost = 7\npasword = \"x\"\npoll = \"5\"\nsize = \"1MB\"\n\n[email.\"Two Words\"]\n";
        let found = faults(text, |root| {
            for (_, mut section) in root.instances("email") {
                section.text("host");
                section.text("password");
                section.duration("poll", Duration::from_secs(1)..=Duration::from_secs(60), Duration::from_secs(5));
                assert_eq!(section.size("size", 0..=u64::MAX, 0), 1 << 20);
                section.finish();
            }
        });
        assert_eq!(
            found,
            [
                "2:8: email.support.host: expected a text, found `7`",
                "3:1: email.support.pasword: unknown key; did you mean `password`?",
                "4:8: email.support.poll: expected a duration from 1s to 60s with its unit, such as \"30s\", \"5m\" or \"2h\", found `5`",
                "7:8: email.Two Words: a channel's name has lower-case letters, digits and dashes, at most 64",
            ]
        );
    }

    #[test]
    fn bad_syntax_is_a_fault_with_its_place() {
        let found = faults("[store]\nurl = \n", |root| {
            root.table("store").text("url");
        });
        assert!(found.iter().any(|fault| fault.starts_with("2:")), "{found:?}");
    }

    #[test]
    fn secrets_are_references() {
        let found = faults("password = \"hunter2\"\n", |root| assert!(root.secret("password").is_none()));
        assert_eq!(found.len(), 1);
        assert!(!found[0].contains("hunter2"), "{found:?}");
    }
}
