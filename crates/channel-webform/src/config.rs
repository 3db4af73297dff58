//! `[webform.NAME]`: one form.

use std::ops::RangeInclusive;

use loket_core::config::Section;
use loket_core::delivery::Tenant;

/// The field that only robots fill: it is on the page, where no person sees it.
pub(crate) const HONEYPOT: &str = "_url";
/// The field that tells one showing of the page from another.
pub(crate) const TOKEN: &str = "_token";

const PAYLOAD: RangeInclusive<u64> = (1 << 10)..=(1 << 30);
/// The most that any form may allow; the reader holds to it too.
pub(crate) const MOST_FIELDS: u64 = 10_000;
/// The most that any form may allow; the reader holds to it too.
pub(crate) const MOST_FILES: u64 = 1_000;

/// One form, as configured.
#[derive(Clone, Debug)]
pub struct FormConfig {
    /// Its name: the last part of its address.
    pub name: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// Bytes of one post with its files, at most.
    pub max_payload: u64,
    pub(crate) max_files: usize,
    pub(crate) max_fields: usize,
    pub(crate) title: Option<String>,
    pub(crate) intro: Option<String>,
    pub(crate) language: Language,
    pub(crate) origins: Vec<String>,
    pub(crate) redirect: Option<String>,
    /// Accepted posts per minute from one remote address; 0 is any number.
    pub(crate) rate: u32,
    pub(crate) fields: Vec<FieldConfig>,
}

/// One field of a form.
#[derive(Clone, Debug)]
pub(crate) struct FieldConfig {
    pub(crate) name: String,
    /// What the page calls it; where there is none, the page's own word for its target, else its name.
    pub(crate) label: Option<String>,
    pub(crate) kind: FieldKind,
    pub(crate) required: bool,
    pub(crate) max_length: Option<usize>,
    pub(crate) choices: Vec<String>,
    pub(crate) to: Target,
}

/// The language of a form's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Dutch,
    English,
    German,
    French,
}

impl Language {
    const WORDS: [(&'static str, Self); 4] = [("nl", Self::Dutch), ("en", Self::English), ("de", Self::German), ("fr", Self::French)];

    /// Its ISO 639-1 code.
    pub(crate) fn code(self) -> &'static str {
        word(&Self::WORDS, self)
    }
}

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Text,
    Textarea,
    Email,
    Phone,
    Number,
    Date,
    Choice,
    Checkbox,
    File,
    Hidden,
}

impl FieldKind {
    const WORDS: [(&'static str, Self); 10] = [
        ("text", Self::Text),
        ("textarea", Self::Textarea),
        ("email", Self::Email),
        ("phone", Self::Phone),
        ("number", Self::Number),
        ("date", Self::Date),
        ("choice", Self::Choice),
        ("checkbox", Self::Checkbox),
        ("file", Self::File),
        ("hidden", Self::Hidden),
    ];

    /// Its name in the configuration.
    pub(crate) fn name(self) -> &'static str {
        word(&Self::WORDS, self)
    }
}

/// Where a field's value goes in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Name,
    Email,
    Phone,
    Company,
    Account,
    Subject,
    Text,
    Extra,
}

impl Target {
    const WORDS: [(&'static str, Self); 8] = [
        ("name", Self::Name),
        ("email", Self::Email),
        ("phone", Self::Phone),
        ("company", Self::Company),
        ("account", Self::Account),
        ("subject", Self::Subject),
        ("text", Self::Text),
        ("extra", Self::Extra),
    ];

    /// Its name in the configuration and in the envelope.
    pub(crate) fn name(self) -> &'static str {
        word(&Self::WORDS, self)
    }

    /// The target of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(word, _)| *word == name).map(|(_, target)| *target)
    }

    /// Where a field goes for which the configuration does not say it.
    pub(crate) fn usual(name: &str, kind: FieldKind) -> Self {
        Self::named(name).unwrap_or(match kind {
            FieldKind::Email => Self::Email,
            FieldKind::Phone => Self::Phone,
            _ => Self::Extra,
        })
    }
}

/// Fields that mean the text where the form's own is not there: programs that post by JSON have their own names for it.
const STAND_INS: [&str; 5] = ["message", "bericht", "nachricht", "body", "comment"];

/// Whether a field of this name can stand in for the text.
pub(crate) fn is_stand_in(name: &str) -> bool {
    STAND_INS.iter().any(|other| other.eq_ignore_ascii_case(name))
}

fn word<T: PartialEq + Copy>(words: &[(&'static str, T)], wanted: T) -> &'static str {
    words.iter().find(|(_, value)| *value == wanted).map_or("", |(word, _)| word)
}

/// Reads one form. What is wrong goes into the section's report; `None` when there is no form to speak of. The caller calls
/// [`Section::finish`] on the section.
pub fn read(name: &str, section: &mut Section) -> Option<FormConfig> {
    let tenant = section.text("tenant").unwrap_or_else(|| Tenant::DEFAULT.into());
    let tenant_ok = !tenant.is_empty() && tenant.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !tenant_ok {
        section.fault("tenant", "a tenant's name has lower-case letters, digits and dashes");
    }
    let max_payload = section.size("max_payload", PAYLOAD, 25 << 20);
    let max_files = section.integer("max_files", 0..=MOST_FILES, 10);
    let max_fields = section.integer("max_fields", 1..=MOST_FIELDS, 100);
    let title = section.text("title");
    let intro = section.text("intro");
    let language = section.choice("language", &Language::WORDS, Language::Dutch);
    let rate = section.integer("rate", 0..=100_000, 60);
    let origins = origins(section);
    let redirect = redirect(section);
    let fields = fields(section);
    if fields.len() as u64 > max_fields {
        section.fault("max_fields", format!("the form itself has {} fields; `max_fields` must allow them", fields.len()));
    }
    tenant_ok.then(|| FormConfig {
        name: name.into(),
        tenant: Tenant::new(&tenant),
        max_payload,
        max_files: usize::try_from(max_files).unwrap_or(usize::MAX),
        max_fields: usize::try_from(max_fields).unwrap_or(usize::MAX),
        title,
        intro,
        language,
        origins,
        redirect,
        rate: u32::try_from(rate).unwrap_or(u32::MAX),
        fields: if fields.is_empty() { default_fields() } else { fields },
    })
}

fn origins(section: &mut Section) -> Vec<String> {
    let origins = section.list("origins").unwrap_or_default();
    for origin in &origins {
        // An origin is compared as browsers send it: anything else would never match, and a `*` would open the form to all.
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).unwrap_or_default();
        let proper = !host.is_empty() && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:[]".contains(&b));
        if !proper {
            section.fault("origins", format!("`{origin}` is no origin; write scheme and host, such as \"https://www.example.nl\""));
        }
    }
    origins
}

fn redirect(section: &mut Section) -> Option<String> {
    let redirect = section.text("redirect")?;
    let local = redirect.starts_with('/') && !redirect.starts_with("//");
    let global = redirect.starts_with("https://") || redirect.starts_with("http://");
    // It becomes a header and a part of the page's policy: nothing in it may end either.
    if !(local || global) || !redirect.bytes().all(|b| b.is_ascii_graphic() && !b"\"'<>;,\\".contains(&b)) {
        section.fault("redirect", "expected a URL such as \"https://www.example.nl/thanks\" or \"/thanks\"");
        return None;
    }
    Some(redirect)
}

fn fields(section: &mut Section) -> Vec<FieldConfig> {
    let mut fields: Vec<FieldConfig> = Vec::new();
    for mut section in section.tables("field") {
        let field = field(&mut section);
        if fields.iter().any(|other| other.name == field.name) && !field.name.is_empty() {
            section.fault("name", format!("there is a field `{}` already", field.name));
        }
        fields.push(field);
        section.finish();
    }
    fields
}

fn field(section: &mut Section) -> FieldConfig {
    let name = section.required_text("name");
    let first = name.bytes().next().unwrap_or(b'a');
    let proper = name.len() <= 64 && first != b'_' && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if !proper {
        section.fault("name", "a field's name has letters, digits, `-`, `_` and `.`, at most 64, and does not begin with `_`");
    }
    let label = section.text("label");
    let kind = section.choice("kind", &FieldKind::WORDS, FieldKind::Text);
    let required = section.flag("required", false);
    let max_length = section.has("max_length").then(|| section.integer("max_length", 1..=10_000_000, 10_000_000));
    let choices = choices(section, kind);
    if kind == FieldKind::File && section.has("to") {
        section.fault("to", "a file always becomes an attachment; leave `to` out");
    }
    let to = section.choice("to", &Target::WORDS, Target::usual(&name, kind));
    let max_length = max_length.and_then(|length| usize::try_from(length).ok());
    FieldConfig { name, label, kind, required, max_length, choices, to }
}

fn choices(section: &mut Section, kind: FieldKind) -> Vec<String> {
    let choices = section.list("choices");
    match (kind, &choices) {
        (FieldKind::Choice, None) => section.fault("", "a field of kind \"choice\" needs `choices`, a list of texts"),
        (FieldKind::Choice, Some(list)) => {
            let twice = list.iter().enumerate().any(|(at, choice)| list.iter().take(at).any(|other| other == choice));
            if list.is_empty() || twice || list.iter().any(|choice| choice.trim().is_empty()) {
                section.fault("choices", "expected different texts, at least one, none of them empty");
            }
        }
        (_, Some(_)) => section.fault("choices", "only a field of kind \"choice\" has choices"),
        (_, None) => {}
    }
    choices.unwrap_or_default()
}

/// The form of those who configure no fields.
fn default_fields() -> Vec<FieldConfig> {
    [
        ("name", FieldKind::Text, false),
        ("email", FieldKind::Email, true),
        ("phone", FieldKind::Phone, false),
        ("subject", FieldKind::Text, false),
        ("text", FieldKind::Textarea, true),
        ("file", FieldKind::File, false),
    ]
    .map(|(name, kind, required)| FieldConfig {
        name: name.into(),
        label: None,
        kind,
        required,
        max_length: None,
        choices: Vec::new(),
        to: Target::usual(name, kind),
    })
    .into()
}

#[cfg(test)]
mod tests {
    use loket_core::config::{Report, parse};

    use super::*;

    fn form(text: &str) -> (Option<FormConfig>, Vec<String>) {
        let report = Report::new(text);
        let mut root = parse(text, &report);
        let form = read("contact", &mut root);
        root.finish();
        (form, report.into_faults().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_given_is_a_whole_form() {
        let (form, faults) = form("");
        let form = form.unwrap();
        assert_eq!(faults, [""; 0]);
        assert_eq!((form.max_payload, form.max_files, form.max_fields, form.rate), (25 << 20, 10, 100, 60));
        assert_eq!(form.tenant.as_str(), "main");
        let names: Vec<_> = form.fields.iter().map(|field| (field.name.as_str(), field.to, field.required)).collect();
        assert_eq!(names[1], ("email", Target::Email, true));
        assert_eq!(names[4], ("text", Target::Text, true));
        assert_eq!(names[5], ("file", Target::Extra, false));
    }

    #[test]
    fn fields_know_where_they_go() {
        let text = "[[field]]\nname = \"klant\"\nto = \"name\"\n[[field]]\nname = \"antwoord\"\nkind = \"email\"\n[[field]]\nname = \"subject\"\nmax_length = 7\n[[field]]\nname = \"soort\"\nkind = \"choice\"\nchoices = [\"a\", \"b\"]\n";
        let (form, faults) = form(text);
        assert_eq!(faults, [""; 0]);
        let fields = form.unwrap().fields;
        let targets: Vec<_> = fields.iter().map(|field| field.to).collect();
        assert_eq!(targets, [Target::Name, Target::Email, Target::Subject, Target::Extra]);
        assert_eq!(fields[2].max_length, Some(7));
    }

    #[test]
    fn every_mistake_is_named() {
        let text = r#"tenant = "Big Co"
origins = ["https://ok.example", "*", "https://a.example/path"]
redirect = "javascript:alert(1)"
lnguage = "nl"
[[field]]
name = "a"
[[field]]
name = "a"
[[field]]
name = "_url"
[[field]]
name = "two words"
[[field]]
name = "c"
kind = "choice"
[[field]]
name = "d"
kind = "file"
to = "text"
[[field]]
name = "e"
choices = ["x"]
requird = true
"#;
        let (form, faults) = form(text);
        assert!(form.is_none());
        let all = faults.join("\n");
        for part in [
            "1:1: tenant: a tenant's name",
            "origins: `*` is no origin",
            "origins: `https://a.example/path` is no origin",
            "redirect: expected a URL",
            "did you mean `language`?",
            "there is a field `a` already",
            "field[2].name: a field's name has",
            "field[3].name: a field's name has",
            "needs `choices`",
            "a file always becomes an attachment",
            "only a field of kind \"choice\" has choices",
            "did you mean `required`?",
        ] {
            assert!(all.contains(part), "{part} is not in\n{all}");
        }
        assert_eq!(faults.len(), 12, "{all}");
    }

    #[test]
    fn the_examples_of_the_docs_are_right() {
        let docs = include_str!("../../../docs/channels/webform.md");
        let examples: Vec<_> = docs.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert_eq!(examples.len(), 2);
        for example in examples {
            let report = Report::new(example);
            let mut root = parse(example, &report);
            for (name, mut section) in root.instances("webform") {
                assert!(read(&name, &mut section).is_some());
                section.finish();
            }
            root.finish();
            assert_eq!(report.into_faults().iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
        }
    }
}
