//! Accounts that nobody reads. In lower case.

const ACCOUNTS: &[&str] = &[
    "mailer-daemon",
    "mailerdaemon",
    "mail-daemon",
    "postmaster",
    "daemon",
    "nobody",
    "root",
    "majordomo",
    "listserv",
    "mailman",
    "bounce",
    "bounces",
    "noanswer",
    "no-answer",
    "unsubscribe",
    "autoreply",
    "auto-reply",
    "autoresponder",
    "notification",
    "notifications",
    "nietbeantwoorden",
    "niet-beantwoorden",
    "geenantwoord",
    "geen-antwoord",
    "nicht-antworten",
    "nichtantworten",
    "keine-antwort",
    "keineantwort",
    "nepasrepondre",
    "ne-pas-repondre",
    "ne_pas_repondre",
    "pas-de-reponse",
    "noresponder",
    "no-responder",
    "norispondere",
];
/// Anywhere in the account's name.
const INSIDE: &[&str] = &["noreply", "no-reply", "no_reply", "no.reply", "donotreply", "do-not-reply", "do_not_reply", "dontreply"];
const BEGINNINGS: &[&str] =
    &["bounce-", "bounces-", "bounce+", "bounces+", "bounce=", "owner-", "prvs=", "microsoftexchange", "srs0=", "srs1="];
const ENDINGS: &[&str] = &["-bounces", "-bounce", "-request", "-owner", "-errors", "-unsubscribe", "-daemon"];

/// The account's name, when nobody reads what is sent to it.
pub(super) fn nobody(address: &str) -> Option<String> {
    let account = address.rsplit_once('@').map_or(address, |(local, _)| local).trim_matches('"').to_lowercase();
    let bare = account.split('+').next().unwrap_or_default();
    let found = ACCOUNTS.contains(&bare)
        || INSIDE.iter().any(|word| account.contains(word))
        || BEGINNINGS.iter().any(|word| account.starts_with(word))
        || ENDINGS.iter().any(|word| bare.ends_with(word));
    found.then_some(account)
}
