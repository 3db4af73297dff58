//! The words of our mails: templates built in, in four languages, and a folder of one's own in their place.
//!
//! `ack.LANGUAGE.CLASS.txt` is the acknowledgement of receipt for a class, `ack.LANGUAGE.txt` that for any, `reply.LANGUAGE.txt` what
//! stands around an agent's text. A first line `Subject: …` gives the subject. All of them are read and tried once, at the start.

mod builtin;
mod values;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use loket_core::classify::Class;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

pub(super) use values::{Facts, Values};

/// Bytes of a template's file.
const LONGEST_FILE: u64 = 64 << 10;
/// Files in the folder.
const MOST_FILES: usize = 500;
/// What one rendering may cost, in minijinja's measure: about 6 MB of text, or so many steps.
const FUEL: u64 = 100_000;
/// Bytes of a mail's text.
const LONGEST_TEXT: usize = 1 << 20;

/// Every template there is.
#[derive(Debug)]
pub(super) struct Templates {
    environment: Environment<'static>,
    /// The names of those that take the place of built-in ones.
    own: BTreeSet<String>,
}

/// What a template says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// Where the template has one.
    pub(super) subject: Option<String>,
    pub(super) text: String,
}

impl Templates {
    /// The languages that are built in.
    pub(super) const LANGUAGES: [&'static str; 4] = ["nl", "en", "de", "fr"];

    /// The built-in ones, and those in a folder. The error holds every mistake, with file and line.
    pub(super) fn load(folder: Option<&Path>) -> Result<Self, Vec<String>> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(50);
        let mut faults = Vec::new();
        match SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
            Ok(syntax) => environment.set_syntax(syntax),
            Err(error) => faults.push(error.to_string()),
        }
        let mut templates = Self { environment, own: BTreeSet::new() };
        for (name, source) in builtin::ALL {
            faults.extend(templates.add(&format!("built-in {name}"), source).err());
        }
        if let Some(folder) = folder {
            templates.add_folder(folder, &mut faults);
        }
        if faults.is_empty() { Ok(templates) } else { Err(faults) }
    }

    fn add_folder(&mut self, folder: &Path, faults: &mut Vec<String>) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                faults.push(format!("cannot read the folder of templates {}: {error}", folder.display()));
                return;
            }
        };
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).take(MOST_FILES + 1).collect();
        paths.sort();
        if paths.len() > MOST_FILES {
            faults.push(format!("{} has more than {MOST_FILES} files", folder.display()));
        }
        for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "txt")) {
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            if !is_name(name) {
                faults.push(format!(
                    "{}: no template has this name; they are ack.LANGUAGE.txt, ack.LANGUAGE.CLASS.txt and reply.LANGUAGE.txt, such as ack.nl.order.txt",
                    path.display()
                ));
                continue;
            }
            match read(path) {
                Ok(source) => match self.add(name, &source) {
                    Ok(()) => drop(self.own.insert(name.to_owned())),
                    Err(fault) => faults.push(format!("{}{fault}", path.display())),
                },
                Err(fault) => faults.push(format!("{}: {fault}", path.display())),
            }
        }
    }

    /// Adds one and tries it, so that a name that is written wrong is found now.
    fn add(&mut self, name: &str, source: &str) -> Result<(), String> {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source).replace("\r\n", "\n");
        let (subject, text) = match source.strip_prefix("Subject:") {
            Some(rest) => {
                let (subject, text) = rest.split_once('\n').unwrap_or((rest, ""));
                // So that lines are counted as in the file.
                (Some(subject.trim().to_owned()), format!("{{#\n#}}{text}"))
            }
            None => (None, source),
        };
        let at = |error: &minijinja::Error| format!(":{}: {}", error.line().unwrap_or(1), said(error));
        if let Some(subject) = subject {
            self.environment.add_template_owned(subject_of(name), subject).map_err(|error| at(&error))?;
        }
        self.environment.add_template_owned(name.to_owned(), text).map_err(|error| at(&error))?;
        for sample in Values::samples() {
            self.render(name, &sample).map_err(|error| at(&error))?;
        }
        Ok(())
    }

    fn render(&self, name: &str, values: &Values) -> Result<Words, minijinja::Error> {
        let values = minijinja::Value::from(minijinja::value::Serde(values));
        let text = self.environment.get_template(name)?.render(values.clone())?;
        let subject = self.environment.get_template(&subject_of(name)).ok();
        let subject = subject.map(|template| template.render(values)).transpose()?;
        Ok(Words { subject, text: format!("{}\n", text.trim_matches('\n')) })
    }

    /// Whether there are words in this language.
    pub(super) fn knows(&self, language: &str) -> bool {
        Self::LANGUAGES.contains(&language) || ["ack", "reply"].iter().all(|kind| self.own.contains(&format!("{kind}.{language}")))
    }

    /// The language to write in: the customer's, or else the usual one.
    pub(super) fn language<'a>(&self, theirs: Option<&'a str>, usual: &'a str) -> &'a str {
        theirs.filter(|language| self.knows(language)).unwrap_or(usual)
    }

    /// The words of an acknowledgement of receipt.
    pub(super) fn acknowledgement(&self, language: &str, class: Class, values: &Values) -> Result<Words, String> {
        let class = class.name();
        self.first(&[format!("ack.{language}.{class}"), format!("ack.{language}"), format!("built-in ack.{language}.{class}")], values)
    }

    /// An agent's text with what belongs around it.
    pub(super) fn reply(&self, language: &str, values: &Values) -> Result<Words, String> {
        self.first(&[format!("reply.{language}"), format!("built-in reply.{language}")], values)
    }

    fn first(&self, names: &[String], values: &Values) -> Result<Words, String> {
        let found = names.iter().find(|name| name.starts_with("built-in ") || self.own.contains(*name));
        let name = found.ok_or_else(|| format!("there is no template {}", names.join(" or ")))?;
        let words = self.render(name, values).map_err(|error| format!("the template {name}: {}", said(&error)))?;
        if words.text.len() > LONGEST_TEXT {
            return Err(format!("the template {name} makes a text of more than 1 MB"));
        }
        Ok(words)
    }

    /// What stands for the subject of a message that has none.
    pub(super) fn without_subject(language: &str) -> &'static str {
        match language {
            "nl" => "Uw bericht",
            "de" => "Ihre Nachricht",
            "fr" => "Votre message",
            _ => "Your message",
        }
    }
}

fn subject_of(name: &str) -> String {
    format!("{name} (subject)")
}

fn is_name(name: &str) -> bool {
    let language = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_lowercase());
    match name.split('.').collect::<Vec<_>>().as_slice() {
        ["ack", of, class] => language(of) && class.parse::<Class>().is_ok(),
        ["ack" | "reply", of] => language(of),
        _ => false,
    }
}

fn read(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LONGEST_FILE {
        return Err("larger than 64 KB".into());
    }
    fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => "it is not UTF-8".into(),
        _ => error.to_string(),
    })
}

/// An error without the source text around it.
fn said(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use loket_core::order::OrderKind;

    use super::values::tests::{facts, order};
    use super::*;

    fn builtin() -> Templates {
        Templates::load(None).unwrap_or_else(|faults| panic!("{faults:#?}"))
    }

    #[test]
    fn built_in_words_say_what_was_understood() {
        let templates = builtin();
        for (language, date, words) in [
            ("nl", "24 november 2026", ["vraag", "bestelling", "klacht", "Zaaknummer"]),
            ("en", "24 November 2026", ["question", "order", "complaint", "case number"]),
            ("de", "24. November 2026", ["Anfrage", "Bestellung", "Beschwerde", "Vorgangsnummer"]),
            ("fr", "24 novembre 2026", ["question", "commande", "r\u{e9}clamation", "num\u{e9}ro de dossier"]),
        ] {
            for (class, word) in [(Class::Inquiry, words[0]), (Class::Order, words[1]), (Class::Complaint, words[2])] {
                let order = order(OrderKind::New);
                let facts = Facts { order: (class == Class::Order).then_some(&order), ..facts() };
                let made = templates.acknowledgement(language, class, &Values::new(&facts, language)).unwrap();
                for part in [word, words[3], date, "100-425", "Zo\u{eb} Jansen", "Voorbeeld B.V."] {
                    assert!(made.text.contains(part), "{part} is not in {language} {class}:\n{}", made.text);
                }
                assert!(!made.text.contains("\n\n\n") && made.text.starts_with(char::is_alphabetic), "{}", made.text);
                assert_eq!(made.subject, None);
                if class == Class::Order {
                    for part in ["PO-4711", "10 dozen A-12 Papieren zakken", "KRT-7"] {
                        assert!(made.text.contains(part), "{part} is not in {language}:\n{}", made.text);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_sure_is_not_said() {
        let templates = builtin();
        for (language, sure, unsure) in
            [("nl", "vraag", "bericht"), ("en", "question", "message"), ("de", "Anfrage", "Nachricht"), ("fr", "question", "message")]
        {
            let values = Values::new(&Facts { unsure: true, name: "", ..facts() }, language);
            let made = templates.acknowledgement(language, Class::Inquiry, &values).unwrap().text;
            assert!(made.contains(unsure) && !made.contains(sure), "{made}");
            assert!(made.starts_with(['G', 'H', 'B']), "{made}");
        }
    }

    #[test]
    fn orders_that_change_or_end_are_told_from_new_ones() {
        let templates = builtin();
        for language in Templates::LANGUAGES {
            let texts: Vec<String> = [OrderKind::New, OrderKind::Change, OrderKind::Cancel]
                .into_iter()
                .map(|kind| {
                    let order = order(kind);
                    let values = Values::new(&Facts { order: Some(&order), ..facts() }, language);
                    templates.acknowledgement(language, Class::Order, &values).unwrap().text
                })
                .collect();
            assert!(texts[0] != texts[1] && texts[1] != texts[2] && texts[0] != texts[2]);
            // An order of which nothing was read.
            let bare = loket_core::order::Order::default();
            for order in [None, Some(&bare)] {
                let text =
                    templates.acknowledgement(language, Class::Order, &Values::new(&Facts { order, ..facts() }, language)).unwrap().text;
                assert!(!text.contains("- ") && !text.contains("\n\n\n") && !text.contains("PO-"), "{text}");
            }
        }
    }

    #[test]
    fn an_agents_text_stands_as_it_is() {
        let templates = builtin();
        for language in Templates::LANGUAGES {
            let text = "Subject: geen onderwerp\n\n\n\n{{ case.number }} <b> & \u{e9}\n  einde";
            let made = templates.reply(language, &Values::new(&Facts { text, ..facts() }, language)).unwrap();
            assert!(made.text.starts_with(&format!("{text}\n")) && made.subject.is_none(), "{}", made.text);
            assert!(made.text.contains("\n-- \nVoorbeeld B.V.\n"), "{}", made.text);
        }
    }

    #[test]
    fn a_folder_takes_the_place_of_what_is_built_in() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "ack.nl.order.txt",
            "Subject: Uw order {{ order.po_number }}\r\n\r\nDank, {{ name }}.\r\n{% for line in order.lines %}\r\n* {{ line.text }}\r\n{% endfor %}\r\n",
        );
        write("ack.nl.txt", "Algemeen: {{ class }}");
        write("ack.it.txt", "Grazie");
        write("reply.it.txt", "{{ text }}");
        write("ack.es.txt", "Gracias");
        write("README.md", "not a template");
        let templates = Templates::load(Some(folder.path())).unwrap();
        let order = order(OrderKind::New);
        let values = Values::new(&Facts { order: Some(&order), ..facts() }, "nl");
        let made = templates.acknowledgement("nl", Class::Order, &values).unwrap();
        assert_eq!(made.subject.as_deref(), Some("Uw order PO-4711"));
        assert!(made.text.starts_with("Dank, Zo\u{eb} Jansen.\n* 10 dozen A-12 Papieren zakken\n"), "{}", made.text);
        assert_eq!(templates.acknowledgement("nl", Class::Complaint, &values).unwrap().text, "Algemeen: complaint\n");
        assert!(templates.acknowledgement("en", Class::Order, &values).unwrap().text.contains("PO-4711"));
        assert_eq!(templates.language(Some("it"), "nl"), "it");
        assert_eq!(templates.language(Some("es"), "nl"), "nl");
        assert_eq!(templates.language(None, "de"), "de");
        assert_eq!(templates.acknowledgement("it", Class::Order, &values).unwrap().text, "Grazie\n");
    }

    #[test]
    fn mistakes_come_with_their_file_and_line_and_limits_hold() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
        write("ack.nl.txt", b"Subject: x\nBeste {{ nmae }}\n");
        write("ack.en.txt", b"a\nb\n{% if x\n");
        write("ack.nl.orders.txt", b"x");
        write("reply.de.txt", b"\xff\xfe");
        write("reply.fr.txt", b"{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}");
        write("reply.en.txt", b"{{ 'x' * 1000000000 }}");
        write("reply.nl.txt", &b"x".repeat(70_000));
        let faults = Templates::load(Some(folder.path())).unwrap_err();
        for part in [
            "ack.nl.txt:2: undefined value",
            "ack.en.txt:3: ",
            "ack.nl.orders.txt: no template has this name",
            "reply.de.txt: it is not UTF-8",
            "reply.fr.txt:1: ",
            "reply.en.txt:1: ",
            "reply.nl.txt: larger than 64 KB",
        ] {
            assert!(faults.iter().any(|fault| fault.contains(part)), "{part} is not in {faults:#?}");
        }
        assert_eq!(faults.len(), 7, "{faults:#?}");
        assert!(Templates::load(Some(&folder.path().join("none"))).unwrap_err()[0].contains("cannot read the folder"));
    }
}
