//! What forms usually call their fields, in the languages that we read: for bytes that come without their form.

use crate::config::{FieldKind, Target, is_stand_in};

const USUAL: [(Target, &[&str]); 7] = [
    (
        Target::Name,
        &[
            "naam",
            "your-name",
            "fullname",
            "full_name",
            "firstname",
            "first_name",
            "lastname",
            "last_name",
            "voornaam",
            "achternaam",
            "vorname",
            "nachname",
            "nom",
            "prenom",
        ],
    ),
    (Target::Email, &["e-mail", "mail", "your-email", "emailaddress", "email_address", "emailadres", "courriel"]),
    (Target::Phone, &["tel", "telephone", "telefoon", "telefoonnummer", "telefon", "mobile", "mobiel"]),
    (Target::Company, &["bedrijf", "bedrijfsnaam", "organisation", "organization", "firma", "societe"]),
    (Target::Account, &["customer_number", "customernumber", "klantnummer", "kundennummer"]),
    (Target::Subject, &["your-subject", "onderwerp", "betreff", "objet", "sujet"]),
    (Target::Text, &["your-message", "tekst", "vraag", "opmerking", "comments", "remarks", "question"]),
];

/// Where a field of this name goes.
pub(super) fn target(name: &str) -> Target {
    let name = name.to_lowercase();
    if is_stand_in(&name) {
        return Target::Text;
    }
    let usual = USUAL.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(target, _)| *target);
    usual.unwrap_or_else(|| Target::usual(&name, FieldKind::Text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names() {
        for (name, wanted) in [
            ("name", Target::Name),
            ("Naam", Target::Name),
            ("EMAIL", Target::Email),
            ("text", Target::Text),
            ("Bericht", Target::Text),
            ("klantnummer", Target::Account),
            ("aantal", Target::Extra),
            ("extra", Target::Extra),
            ("", Target::Extra),
        ] {
            assert_eq!(target(name), wanted, "{name}");
        }
    }
}
