//! Lists and newsletters, and what only looks like one: the inbox of many companies is a group (of Google, of their own list server), and
//! what a customer writes to `support@` then carries all the marks of a list.

use loket_core::message::{Address, Party};
use loket_core::same::company_domain;

use super::super::address::{delivered_to, mail_of};
use super::Evidence;

/// What an inbox is called: nobody names a list for discussions so.
const COUNTERS: &[&str] = &[
    "support",
    "help",
    "helpdesk",
    "info",
    "contact",
    "service",
    "sales",
    "office",
    "care",
    "order",
    "orders",
    "returns",
    "complaints",
    "claims",
    "billing",
    "invoices",
    "customerservice",
    "customer-service",
    "customercare",
    "klantenservice",
    "verkoop",
    "bestelling",
    "bestellingen",
    "administratie",
    "facturen",
    "klachten",
    "retour",
    "retouren",
    "kundenservice",
    "kundendienst",
    "kontakt",
    "vertrieb",
    "verkauf",
    "bestellung",
    "bestellungen",
    "auftrag",
    "buchhaltung",
    "rechnung",
    "reklamation",
    "serviceclient",
    "service-client",
    "commande",
    "commandes",
    "ventes",
    "accueil",
    "reclamation",
    "reclamations",
    "facturation",
    "sav",
];

/// Why a mail is a list's or a newsletter.
pub(super) fn bulk(evidence: &Evidence<'_>) -> Option<String> {
    let reason = marked(evidence)?;
    let own_inbox = !is_newsletter(evidence) && is_inbox(evidence);
    (!own_inbox).then_some(reason)
}

/// What marks it as one.
fn marked(evidence: &Evidence<'_>) -> Option<String> {
    let fields = evidence.fields;
    const LISTS: &[&str] =
        &["list-id", "list-post", "list-archive", "mailing-list", "x-mailing-list", "x-mailman-version", "x-beenthere", "x-list-id"];
    if let Some(name) = LISTS.iter().find(|name| fields.has(name)) {
        return Some((*name).into());
    }
    if let Some(precedence) = evidence.precedence().filter(|precedence| matches!(precedence.as_str(), "bulk" | "list" | "junk")) {
        return Some(format!("Precedence: {precedence}"));
    }
    // A shop's order mail offers to unsubscribe too; it says that it was generated.
    let generated = evidence.auto_submitted().is_some_and(|auto| auto == "auto-generated");
    let unsubscribe =
        fields.has("list-unsubscribe") || fields.has("x-campaign-id") || fields.has("x-campaignid") || fields.has("x-mc-user");
    (unsubscribe && !generated).then(|| "list-unsubscribe".into())
}

/// Whether it was sent to many, also when it came over the inbox's own list.
fn is_newsletter(evidence: &Evidence<'_>) -> bool {
    const SENT_TO_MANY: &[&str] = &["list-unsubscribe-post", "x-campaign-id", "x-campaignid", "x-mc-user", "x-csa-complaints"];
    let fields = evidence.fields;
    SENT_TO_MANY.iter().any(|name| fields.has(name))
        || evidence.precedence().is_some_and(|precedence| matches!(precedence.as_str(), "bulk" | "junk"))
        // Amazon puts one on whatever it sends, also on the forms of a website.
        || fields.word("feedback-id").is_some_and(|id| !id.ends_with(":amazonses"))
}

/// Whether the lists that it came over are the inbox itself, and somebody else wrote it.
fn is_inbox(evidence: &Evidence<'_>) -> bool {
    let lists = lists(evidence);
    let mailboxes = mailboxes(evidence);
    let is_own = |list: &List| mailboxes.contains(&list.domain) || is_counter(list, evidence);
    !lists.is_empty() && lists.iter().all(is_own) && !lists.iter().any(|list| wrote(list, evidence))
}

/// The address of a list, in lower case.
struct List {
    local: String,
    domain: String,
}

/// The lists that a mail came over, by all that names one.
fn lists(evidence: &Evidence<'_>) -> Vec<List> {
    // `<support.example.nl>`
    let id = evidence.fields.word("list-id").and_then(|id| {
        let id = id.rsplit_once('<').map_or(id.as_str(), |(_, id)| id).trim_end_matches('>').trim();
        id.split_once('.').map(|(local, domain)| List { local: local.into(), domain: domain.into() })
    });
    // `<https://groups.example/g/support>, <mailto:support@example.nl>`, `list support@example.nl; contact …`
    let named = ["list-post", "mailing-list", "x-beenthere"].into_iter().flat_map(|name| evidence.fields.all(name).take(10));
    let address = |value: &[u8]| {
        let text = String::from_utf8_lossy(value.get(..500).unwrap_or(value)).to_lowercase();
        let mut words = text.split(|c: char| c.is_whitespace() || "<>,;:?".contains(c));
        words.find_map(|word| word.split_once('@')).map(|(local, domain)| List { local: local.into(), domain: domain.into() })
    };
    id.into_iter().chain(named.filter_map(address)).collect()
}

/// The domains of the mailboxes that it was received for, as far as anybody says; those of free mail are nobody's own.
fn mailboxes(evidence: &Evidence<'_>) -> Vec<String> {
    let asked = ["rcpt_to", "user"].into_iter().filter_map(|name| evidence.delivery.envelope_text(name).map(str::to_owned));
    asked.chain(delivered_to(evidence.fields)).filter_map(|address| company_domain(&Address::mail(address))).collect()
}

/// Whether it was sent to the list by the name of an inbox: the mailbox behind that may be at another company.
fn is_counter(list: &List, evidence: &Evidence<'_>) -> bool {
    let is_list = |party: &Party| mail_of(party).and_then(|address| address.rsplit_once('@')).is_some_and(|to| list.is(to));
    COUNTERS.contains(&list.local.as_str()) && evidence.recipients.iter().any(|party| is_list(party))
}

/// Whether the list itself wrote it (`support+noreply@`), and for nobody: what it passes on in its own name says who it was.
fn wrote(list: &List, evidence: &Evidence<'_>) -> bool {
    let Some((local, domain)) = evidence.from.and_then(mail_of).and_then(|address| address.rsplit_once('@')) else { return false };
    let by_list = list.is((local.split('+').next().unwrap_or(local), domain));
    let others = ["x-original-from", "reply-to"].into_iter().filter_map(|name| evidence.fields.word(name));
    by_list && !others.into_iter().any(|other| !other.contains(&format!("{}@{}", list.local, list.domain)) && other.contains('@'))
}

impl List {
    fn is(&self, (local, domain): (&str, &str)) -> bool {
        self.local.eq_ignore_ascii_case(local) && self.domain.eq_ignore_ascii_case(domain)
    }
}
