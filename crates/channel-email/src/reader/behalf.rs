//! For whom a mail was sent, when somebody else sent it: the writer of a mail that a colleague passes on, the author behind a
//! secretary or a list, the customer behind a website's form.

use loket_core::message::{Address, Party};
use loket_core::same::company_domain;

use super::address::{domain_of, mail_of, parties};
use super::content::{Content, is_message};
use super::fields::Fields;
use super::notes::Notes;
use super::parts::{self, Mail};
use super::quotes::Prefix;

/// What is known about who sent a mail to whom.
pub(super) struct Sending<'a> {
    pub(super) fields: &'a Fields<'a>,
    /// What the beginning of its subject says.
    pub(super) prefix: Prefix,
    pub(super) from: Option<&'a Party>,
    pub(super) sender: Option<&'a Party>,
    pub(super) reply_to: Option<&'a Party>,
    /// The recipients.
    pub(super) recipients: &'a [&'a Party],
    /// Who wrote the mail that is passed on, as the text says.
    pub(super) forwarded_from: Option<&'a str>,
}

/// For whom the mail was sent, and for whom a mail was passed on that is not our own colleague's.
#[derive(Default)]
pub(super) struct Behalf {
    pub(super) on_behalf_of: Option<Party>,
    /// The writer of the mail that is passed on, whoever passes it on.
    pub(super) forwarded_from: Option<Party>,
}

/// Finds it.
pub(super) fn find(sending: &Sending<'_>, mail: &Mail<'_>, content: &Content) -> Behalf {
    let forwarded_from = forwarded(sending, mail, content);
    let passed_on = forwarded_from.as_ref().filter(|writer| by_colleague(sending, writer)).cloned();
    let on_behalf_of = passed_on.or_else(|| original_from(sending)).or_else(|| author(sending)).or_else(|| behind_form(sending));
    Behalf { on_behalf_of, forwarded_from }
}

/// The writer of the mail in this one: from the header in the text, or from the mail that is attached.
fn forwarded(sending: &Sending<'_>, mail: &Mail<'_>, content: &Content) -> Option<Party> {
    if let Some(party) = sending.forwarded_from.and_then(party_in_text) {
        return Some(party);
    }
    let passes_on = content.text_of_attached || sending.prefix == Prefix::Forward;
    let mut messages = content.attached.iter().filter_map(|&index| mail.parts.get(index)).filter(|part| is_message(part));
    let only = messages.next().filter(|_| messages.next().is_none())?;
    if !passes_on || mail.parts.first().is_some_and(|mail| mail.media.value == "multipart/report") {
        return None;
    }
    let bytes = super::content::bytes_of(only);
    let inner = parts::split(&bytes, &mut Notes::default());
    inner.fields().first("from").and_then(|raw| parties(raw, None).into_iter().next()).filter(has_mail)
}

/// `Jan Jansen [mailto:jan@example.nl]`, `*Jan* <jan@example.nl>` and whatever else mailers write behind "From:".
fn party_in_text(text: &str) -> Option<Party> {
    let text = text.replace("[mailto:", "<").replace("<mailto:", "<").replace(']', ">").replace('*', " ");
    parties(text.as_bytes(), None).into_iter().find(has_mail)
}

fn has_mail(party: &Party) -> bool {
    domain_of(party).is_some_and(|domain| domain.contains('.'))
}

/// Whether the one who passes it on works where it was sent to, and the writer does not: then the writer is the customer.
fn by_colleague(sending: &Sending<'_>, writer: &Party) -> bool {
    let Some(company) = sending.from.and_then(|from| from.address.as_ref()).and_then(company_domain) else { return false };
    let same = |other: &str| other == company || other.ends_with(&format!(".{company}")) || company.ends_with(&format!(".{other}"));
    let delivered =
        ["delivered-to", "x-original-to", "envelope-to", "x-envelope-to"].into_iter().filter_map(|name| sending.fields.first(name));
    let delivered: Vec<Party> = delivered.flat_map(|raw| parties(raw.get(..raw.len().min(2_000)).unwrap_or_default(), None)).collect();
    let mut known = sending.recipients.iter().copied().chain(&delivered).filter_map(domain_of).peekable();
    // Sent to nobody that we can see (Bcc): nothing speaks against it.
    let to_own = known.peek().is_none() || known.any(|domain| same(&domain));
    to_own && !domain_of(writer).is_some_and(|domain| same(&domain))
}

/// Lists and groups that put themselves into From say who it was.
fn original_from(sending: &Sending<'_>) -> Option<Party> {
    let raw = ["x-original-from", "x-original-sender", "x-google-original-from"].into_iter().find_map(|name| sending.fields.first(name))?;
    parties(raw, None).into_iter().next().filter(|party| has_mail(party) && !is_same(Some(party), sending.from))
}

/// `Sender` sent it for `From`.
fn author(sending: &Sending<'_>) -> Option<Party> {
    let sender = sending.sender.filter(|sender| has_mail(sender))?;
    sending.from.filter(|from| has_mail(from) && !is_same(Some(from), Some(sender))).cloned()
}

/// A website mails its forms from an address of its own and puts the customer's into Reply-To.
fn behind_form(sending: &Sending<'_>) -> Option<Party> {
    const MACHINES: &[&str] = &[
        "noreply",
        "no-reply",
        "no_reply",
        "donotreply",
        "do-not-reply",
        "website",
        "webmaster",
        "web",
        "www",
        "www-data",
        "wordpress",
        "form",
        "forms",
        "formulier",
        "formular",
        "formulaire",
        "contactform",
        "contactformulier",
        "mailer",
        "apache",
        "nobody",
    ];
    let from = sending.from.and_then(mail_of)?;
    let (local, domain) = from.rsplit_once('@')?;
    let reply_to = sending.reply_to.filter(|party| has_mail(party) && !is_same(Some(party), sending.from))?;
    let elsewhere = domain_of(reply_to).is_some_and(|other| !other.eq_ignore_ascii_case(domain));
    (elsewhere && MACHINES.contains(&local.to_lowercase().as_str())).then(|| reply_to.clone())
}

fn is_same(one: Option<&Party>, other: Option<&Party>) -> bool {
    let normal = |party: Option<&Party>| party.and_then(|party| party.address.as_ref()).and_then(Address::normalized);
    normal(one).is_some() && normal(one) == normal(other)
}
