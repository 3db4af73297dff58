//! What the pages say, in four languages.

use axum::http::StatusCode;
use serde::Serialize;

use super::check::Fault;
use crate::config::{FieldConfig, Language, Target};

/// The words of one language.
#[derive(Serialize)]
pub(super) struct Words {
    pub(super) title: &'static str,
    pub(super) required_note: &'static str,
    pub(super) optional: &'static str,
    pub(super) choose: &'static str,
    pub(super) send: &'static str,
    pub(super) yes: &'static str,
    pub(super) errors: &'static str,
    pub(super) files_again: &'static str,
    pub(super) leave_empty: &'static str,
    pub(super) thanks: &'static str,
    pub(super) received: &'static str,
    pub(super) reference: &'static str,
    pub(super) not_sent: &'static str,
    pub(super) go_back: &'static str,
    #[serde(skip)]
    labels: [&'static str; 7],
    #[serde(skip)]
    file: &'static str,
    #[serde(skip)]
    faults: [&'static str; 9],
    #[serde(skip)]
    notices: [&'static str; 5],
}

/// The words of a language.
pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::Dutch => &DUTCH,
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
        Language::French => &FRENCH,
    }
}

impl Words {
    /// What a page calls a field.
    pub(super) fn label<'a>(&self, field: &'a FieldConfig) -> &'a str {
        if let Some(label) = &field.label {
            return label;
        }
        let [name, email, phone, company, account, subject, text] = self.labels;
        match (field.to, field.name.as_str()) {
            (_, "file") => self.file,
            (Target::Name, _) => name,
            (Target::Email, _) => email,
            (Target::Phone, _) => phone,
            (Target::Company, _) => company,
            (Target::Account, _) => account,
            (Target::Subject, _) => subject,
            (Target::Text, _) => text,
            (Target::Extra, other) => other,
        }
    }

    /// What is wrong with a field, to the one who filled it in.
    pub(super) fn fault(&self, fault: Fault) -> String {
        let [required, text, file, long, email, phone, number, date, choice] = self.faults;
        match fault {
            Fault::Required => required.into(),
            Fault::NotText => text.into(),
            Fault::NotFile => file.into(),
            Fault::TooLong(most) => long.replace("{}", &most.to_string()),
            Fault::NotEmail => email.into(),
            Fault::NotPhone => phone.into(),
            Fault::NotNumber => number.into(),
            Fault::NotDate => date.into(),
            Fault::NotChoice => choice.into(),
        }
    }

    /// Why a post was refused as a whole.
    pub(super) fn notice(&self, status: StatusCode) -> &'static str {
        let [wrong, large, slow, often, down] = self.notices;
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => large,
            StatusCode::REQUEST_TIMEOUT => slow,
            StatusCode::TOO_MANY_REQUESTS => often,
            StatusCode::SERVICE_UNAVAILABLE => down,
            _ => wrong,
        }
    }
}

const DUTCH: Words = Words {
    title: "Contact",
    required_note: "Velden met * zijn verplicht.",
    optional: "niet verplicht",
    choose: "Maak een keuze",
    send: "Versturen",
    yes: "ja",
    errors: "Het bericht is nog niet verstuurd. Verbeter het volgende:",
    files_again: "Kies uw bestanden opnieuw.",
    leave_empty: "Laat dit veld leeg",
    thanks: "Bedankt",
    received: "Wij hebben uw bericht ontvangen.",
    reference: "Uw kenmerk",
    not_sent: "Het bericht is niet verstuurd",
    go_back: "Ga terug naar het formulier",
    labels: ["Naam", "E-mailadres", "Telefoon", "Bedrijf", "Klantnummer", "Onderwerp", "Bericht"],
    file: "Bijlage",
    faults: [
        "moet ingevuld zijn",
        "moet tekst zijn",
        "moet een bestand zijn",
        "mag hoogstens {} tekens hebben",
        "moet een e-mailadres zijn",
        "moet een telefoonnummer zijn",
        "moet een getal zijn",
        "moet een datum zijn, zoals 2026-11-24",
        "moet een van de keuzes zijn",
    ],
    notices: [
        "Er ging iets mis met wat uw browser verstuurde.",
        "Het bericht met zijn bijlagen is te groot.",
        "Het versturen duurde te lang.",
        "Er zijn te veel berichten vanaf uw adres verstuurd. Probeer het over een minuut opnieuw.",
        "Wij kunnen uw bericht nu niet aannemen. Probeer het over een minuut opnieuw.",
    ],
};

const ENGLISH: Words = Words {
    title: "Contact",
    required_note: "Fields with * are required.",
    optional: "optional",
    choose: "Please choose",
    send: "Send",
    yes: "yes",
    errors: "The message has not been sent yet. Please correct the following:",
    files_again: "Please choose your files again.",
    leave_empty: "Leave this field empty",
    thanks: "Thank you",
    received: "We have received your message.",
    reference: "Your reference",
    not_sent: "The message was not sent",
    go_back: "Go back to the form",
    labels: ["Name", "E-mail address", "Phone", "Company", "Customer number", "Subject", "Message"],
    file: "Attachment",
    faults: [
        "is required",
        "must be a text",
        "must be a file (send the form as multipart/form-data)",
        "must have at most {} characters",
        "must be an e-mail address",
        "must be a telephone number",
        "must be a number",
        "must be a date such as 2026-11-24",
        "must be one of the choices",
    ],
    notices: [
        "Something was wrong with what your browser sent.",
        "The message with its attachments is too large.",
        "Sending took too long.",
        "Too many messages were sent from your address. Please try again in a minute.",
        "We cannot take your message right now. Please try again in a minute.",
    ],
};

const GERMAN: Words = Words {
    title: "Kontakt",
    required_note: "Felder mit * sind Pflichtfelder.",
    optional: "freiwillig",
    choose: "Bitte wählen",
    send: "Absenden",
    yes: "ja",
    errors: "Die Nachricht wurde noch nicht gesendet. Bitte verbessern Sie:",
    files_again: "Bitte wählen Sie Ihre Dateien erneut aus.",
    leave_empty: "Dieses Feld bitte leer lassen",
    thanks: "Vielen Dank",
    received: "Wir haben Ihre Nachricht erhalten.",
    reference: "Ihr Zeichen",
    not_sent: "Die Nachricht wurde nicht gesendet",
    go_back: "Zurück zum Formular",
    labels: ["Name", "E-Mail-Adresse", "Telefon", "Firma", "Kundennummer", "Betreff", "Nachricht"],
    file: "Anhang",
    faults: [
        "muss ausgefüllt sein",
        "muss Text sein",
        "muss eine Datei sein",
        "darf höchstens {} Zeichen haben",
        "muss eine E-Mail-Adresse sein",
        "muss eine Telefonnummer sein",
        "muss eine Zahl sein",
        "muss ein Datum sein, zum Beispiel 2026-11-24",
        "muss eine der Möglichkeiten sein",
    ],
    notices: [
        "Mit dem, was Ihr Browser gesendet hat, stimmt etwas nicht.",
        "Die Nachricht mit ihren Anhängen ist zu groß.",
        "Das Senden hat zu lange gedauert.",
        "Von Ihrer Adresse wurden zu viele Nachrichten gesendet. Bitte versuchen Sie es in einer Minute erneut.",
        "Wir können Ihre Nachricht gerade nicht annehmen. Bitte versuchen Sie es in einer Minute erneut.",
    ],
};

const FRENCH: Words = Words {
    title: "Contact",
    required_note: "Les champs marqués * sont obligatoires.",
    optional: "facultatif",
    choose: "Choisissez",
    send: "Envoyer",
    yes: "oui",
    errors: "Le message n’a pas encore été envoyé. Veuillez corriger :",
    files_again: "Veuillez choisir à nouveau vos fichiers.",
    leave_empty: "Laissez ce champ vide",
    thanks: "Merci",
    received: "Nous avons bien reçu votre message.",
    reference: "Votre référence",
    not_sent: "Le message n’a pas été envoyé",
    go_back: "Revenir au formulaire",
    labels: ["Nom", "Adresse e-mail", "Téléphone", "Société", "Numéro de client", "Objet", "Message"],
    file: "Pièce jointe",
    faults: [
        "doit être rempli",
        "doit être un texte",
        "doit être un fichier",
        "doit avoir au plus {} caractères",
        "doit être une adresse e-mail",
        "doit être un numéro de téléphone",
        "doit être un nombre",
        "doit être une date, par exemple 2026-11-24",
        "doit être l’un des choix",
    ],
    notices: [
        "Ce que votre navigateur a envoyé n’est pas correct.",
        "Le message et ses pièces jointes sont trop volumineux.",
        "L’envoi a pris trop de temps.",
        "Trop de messages ont été envoyés depuis votre adresse. Veuillez réessayer dans une minute.",
        "Nous ne pouvons pas prendre votre message pour l’instant. Veuillez réessayer dans une minute.",
    ],
};
