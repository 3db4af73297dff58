//! What mailers and people say in many languages. Everything in lower case.

mod history;
mod signature;
mod subject;

use crate::reader::phrases::Phrases;

pub(super) use history::{FORWARDED, Key, ORIGINAL, QUOTING, REPLY_ABOVE, STARTS, WROTE, key};
pub(super) use signature::{CLOSINGS, DEVICES, DISCLAIMERS, REFERENCES, SENT_FROM};
pub(in super::super) use subject::{Prefix, prefix};

/// How people speak of their answers.
pub(super) static OWN_ANSWERS: Phrases = Phrases::new(&[
    "mijn antwoord",
    "mijn reactie",
    "mijn opmerking",
    "antwoorden hieronder",
    "antwoorden in",
    "antwoorden staan",
    "my answer",
    "my comment",
    "my repl",
    "my response",
    "answers below",
    "answers inline",
    "comments below",
    "comments inline",
    "replies below",
    "replies inline",
    "meine antwort",
    "meine kommentar",
    "meine anmerkung",
    "antworten unten",
    "antworten im",
    "antworten in",
    "mes réponse",
    "mes commentaire",
    "mes remarque",
    "réponses ci-dessous",
    "réponses dans",
    "réponses en",
]);

/// Where they say that these are: among what they quote.
pub(super) static AMONG_QUOTES: Phrases = Phrases::new(&[
    "hieronder",
    "onder",
    "daaronder",
    "eronder",
    "below",
    "inline",
    "in-line",
    "unten",
    "ci-dessous",
    "tussen de regels",
    "tussen jouw",
    "tussen uw",
    "between the lines",
    "zwischen den zeilen",
    "im text",
    "dans le texte",
    "in rood",
    "in het rood",
    "in blauw",
    "in het blauw",
    "in groen",
    "in red",
    "in blue",
    "in green",
    "in rot",
    "in blau",
    "in grün",
    "en rouge",
    "en bleu",
    "en vert",
]);
