//! Same or not: whether a message was here already, and which case it belongs to. Pure: the store looks up what is known,
//! [`decide`] says what follows from it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::case::CaseNumber;
use crate::message::{Address, AddressKind, Message};
use crate::time::Timestamp;
use crate::vault::Token;

/// What can be set about it.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long after a message the same content from the same customer is a duplicate of it.
    pub window: Duration,
    /// Under this confidence the class of a new case goes to review.
    pub review_below: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { window: Duration::from_secs(3 * 86_400), review_below: 0.6 }
    }
}

/// SHA-256 over the content in a form in which spelling does not count.
pub type ContentHash = [u8; 32];

/// What the content says a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// A hash over what the customer sent: subject, text, attachments, and what it answers; white space, case and Unicode form
    /// do not count. `None` when there is nothing to compare.
    pub content: Option<ContentHash>,
}

impl Fingerprint {
    /// The fingerprint of a message.
    pub fn of(message: &Message) -> Self {
        let empty = message.body.full_text.trim().is_empty() && message.attachments.is_empty();
        if empty {
            return Self { content: None };
        }
        let mut hash = Sha256::new();
        let mut line = String::new();
        for text in [message.subject.as_deref().unwrap_or_default(), &message.body.full_text] {
            line.clear();
            fold(text, &mut line);
            hash.update(line.as_bytes());
            hash.update([0]);
        }
        let mut sums: Vec<_> = message.attachments.iter().map(|attachment| attachment.sha256.as_str()).collect();
        sums.sort_unstable();
        for sum in sums.into_iter().chain(message.thread.in_reply_to.iter().map(String::as_str)) {
            hash.update(sum.as_bytes());
            hash.update([0]);
        }
        Self { content: Some(hash.finalize().into()) }
    }
}

/// Lower case, NFKC, every run of white space one blank.
///
/// ASCII is its own NFKC, but for a character that something is put onto: the way through the tables is taken only from the
/// character before a run of others to the end of that run. Most of most mail never takes it.
fn fold(text: &str, into: &mut String) {
    let mut gap = false;
    let mut push = |c: char, into: &mut String| {
        if c.is_whitespace() || c == '\u{200b}' || c == '\u{feff}' {
            gap = !into.is_empty();
        } else {
            if std::mem::take(&mut gap) {
                into.push(' ');
            }
            into.push(c);
        }
    };
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest.bytes().position(|byte| !byte.is_ascii()).map_or(rest.len(), |first| first.saturating_sub(1));
        let (plain, others) = rest.split_at(ascii);
        plain.bytes().for_each(|byte| push(char::from(byte.to_ascii_lowercase()), into));
        // One character that may be ASCII, and then all that are not.
        let end = others.bytes().skip(1).position(|byte| byte.is_ascii()).map_or(others.len(), |next| next + 1);
        let (odd, left) = others.split_at(end);
        odd.nfkc().flat_map(char::to_lowercase).for_each(|c| push(c, into));
        rest = left;
    }
}

/// How a message stands to what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// Nothing like it was there.
    New,
    /// The same request again.
    Duplicate,
    /// It belongs to a case that was there.
    Answer,
    /// It names a case, but its sender has no part in that one: a case of its own, marked related.
    Related,
}

/// How a message came to be where it is: kept with it, and in the case's events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// How it stands to what was there.
    pub relation: Relation,
    /// The rule that decided, in a word: `identity`, `content`, `reply`, `answered`, `sibling`, `case-number`, `none`.
    pub rule: String,
    /// How sure that is, 0 to 1.
    pub score: f64,
    /// What the rule saw, in words for people.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// The message it duplicates or answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Uuid>,
    /// The case that it names without having a part in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related: Option<CaseNumber>,
}

impl Link {
    /// The link of a message that nothing was found for.
    pub fn none() -> Self {
        Self { relation: Relation::New, rule: "none".into(), score: 1.0, evidence: Vec::new(), of: None, related: None }
    }
}

/// A message that was there before, as far as deciding needs it.
#[derive(Clone, Debug)]
pub struct KnownMessage {
    /// Its id.
    pub id: Uuid,
    /// Its case.
    pub case: Option<Uuid>,
    /// Its customer.
    pub customer: Option<Uuid>,
    /// When it reached us.
    pub received_at: Timestamp,
    /// The token of its content hash.
    pub content: Option<Token>,
    /// The hash of the bytes that it came in, and which message in them it was.
    pub bytes: ([u8; 32], u32),
}

/// A case that was there before, as far as deciding needs it.
#[derive(Clone, Debug)]
pub struct KnownCase {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub number: CaseNumber,
    /// The customers that take part.
    pub customers: Vec<Uuid>,
    /// The tokens of the companies' domains that they write from.
    pub domains: Vec<Token>,
}

/// What the store knows about a message's surroundings.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Messages with the same identity in the tenant, oldest first.
    pub same_identity: Vec<KnownMessage>,
    /// Messages of the same customer with the same content hash within the window, oldest first.
    pub same_content: Vec<KnownMessage>,
    /// Messages that it answers (In-Reply-To, then References from the last), best first.
    pub answered: Vec<KnownMessage>,
    /// Messages that answer it and came before it, oldest first.
    pub answers: Vec<KnownMessage>,
    /// Messages that answer the same message, one that has not come yet; oldest first.
    pub siblings: Vec<KnownMessage>,
    /// Cases that it answers or names, that answer it, or that its siblings are in.
    pub cases: Vec<KnownCase>,
    /// Cases whose numbers stand in its subject, in order.
    pub named: Vec<Uuid>,
}

/// The message in question.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Its customer.
    pub customer: Option<Uuid>,
    /// The token of its company's domain.
    pub domain: Option<Token>,
    /// The token of its content hash.
    pub content: Option<Token>,
    /// The hash of the bytes that it came in, and which message in them it is.
    pub bytes: ([u8; 32], u32),
}

/// Where a message belongs.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The case that it joins; `None`: one of its own.
    pub case: Option<Uuid>,
    /// Why.
    pub link: Link,
}

/// Decides where a message belongs. The first rule that holds decides (design: identity, content, thread).
pub fn decide(message: &Candidate, known: &Known) -> Decision {
    let mut evidence = Vec::new();
    for same in &known.same_identity {
        let as_before = same.bytes == message.bytes || (same.content.is_some() && same.content == message.content);
        if as_before {
            evidence.push("same identity and same content".into());
            return duplicate(same, "identity", evidence);
        }
    }
    if !known.same_identity.is_empty() {
        evidence.push("its identity was used before for other content".into());
    }
    if let Some(same) = known.same_content.first() {
        evidence.push("same content from the same customer within the window".into());
        return duplicate(same, "content", evidence);
    }
    let mut related = None;
    for answered in &known.answered {
        let Some(case) = answered.case.and_then(|id| known.cases.iter().find(|case| case.id == id)) else { continue };
        if takes_part(message, case) {
            evidence.push("answers a message of this case".into());
            let link =
                Link { relation: Relation::Answer, rule: "reply".into(), score: 1.0, evidence, of: Some(answered.id), related: None };
            return Decision { case: Some(case.id), link };
        }
        related.get_or_insert((case.number, "reply", "answers a message of a case that its sender has no part in"));
    }
    let answers = known.answers.iter().map(|answer| (answer, "answered", "a message of this case that came before answers it"));
    let siblings =
        known.siblings.iter().map(|sibling| (sibling, "sibling", "a message of this case answers the same one, which has not come"));
    for (other, rule, why) in answers.chain(siblings) {
        let Some(case) = other.case.and_then(|id| known.cases.iter().find(|case| case.id == id)) else { continue };
        if takes_part(message, case) {
            evidence.push(why.into());
            let link = Link { relation: Relation::Answer, rule: rule.into(), score: 1.0, evidence, of: Some(other.id), related: None };
            return Decision { case: Some(case.id), link };
        }
    }
    for case in known.named.iter().filter_map(|id| known.cases.iter().find(|case| case.id == *id)) {
        if takes_part(message, case) {
            evidence.push(format!("names case {} in its subject", case.number));
            let link = Link { relation: Relation::Answer, rule: "case-number".into(), score: 0.95, evidence, of: None, related: None };
            return Decision { case: Some(case.id), link };
        }
        related.get_or_insert((case.number, "case-number", "names a case that its sender has no part in"));
    }
    let link = match related {
        Some((number, rule, why)) => {
            evidence.push(why.into());
            Link { relation: Relation::Related, rule: rule.into(), score: 0.5, evidence, of: None, related: Some(number) }
        }
        None => Link { evidence, ..Link::none() },
    };
    Decision { case: None, link }
}

fn duplicate(of: &KnownMessage, rule: &str, evidence: Vec<String>) -> Decision {
    let link = Link { relation: Relation::Duplicate, rule: rule.into(), score: 1.0, evidence, of: Some(of.id), related: None };
    Decision { case: of.case, link }
}

fn takes_part(message: &Candidate, case: &KnownCase) -> bool {
    message.customer.is_some_and(|customer| case.customers.contains(&customer))
        || message.domain.is_some_and(|domain| case.domains.contains(&domain))
}

/// Providers whose addresses say nothing about a company.
const FREE_MAIL: &[&str] = &[
    "aol.com",
    "bluewin.ch",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hetnet.nl",
    "home.nl",
    "hotmail.be",
    "hotmail.com",
    "hotmail.de",
    "hotmail.fr",
    "hotmail.nl",
    "icloud.com",
    "kpnmail.nl",
    "kpnplanet.nl",
    "laposte.net",
    "live.be",
    "live.com",
    "live.fr",
    "live.nl",
    "mac.com",
    "mail.com",
    "me.com",
    "msn.com",
    "orange.fr",
    "outlook.be",
    "outlook.com",
    "outlook.de",
    "outlook.fr",
    "outlook.nl",
    "planet.nl",
    "proton.me",
    "protonmail.com",
    "quicknet.nl",
    "sfr.fr",
    "skynet.be",
    "t-online.de",
    "telenet.be",
    "upcmail.nl",
    "wanadoo.fr",
    "web.de",
    "xs4all.nl",
    "yahoo.com",
    "yahoo.de",
    "yahoo.fr",
    "ziggo.nl",
];

/// The domain of the company that an address speaks for; `None` for free-mail providers and other kinds of addresses.
pub fn company_domain(address: &Address) -> Option<String> {
    if address.kind != AddressKind::Mail {
        return None;
    }
    let domain = address.value.rsplit_once('@')?.1.trim().trim_end_matches('.').to_lowercase();
    (domain.contains('.') && !FREE_MAIL.contains(&domain.as_str())).then_some(domain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known_message(case: Uuid, content: u8) -> KnownMessage {
        KnownMessage {
            id: Uuid::now_v7(),
            case: Some(case),
            customer: None,
            received_at: Timestamp::default(),
            content: Some([content; 16]),
            bytes: ([content; 32], 0),
        }
    }

    fn candidate(customer: Uuid, content: u8) -> Candidate {
        Candidate { customer: Some(customer), domain: None, content: Some([content; 16]), bytes: ([content; 32], 0) }
    }

    #[test]
    fn a_reused_identity_is_no_duplicate() {
        let case = Uuid::now_v7();
        let known = Known { same_identity: vec![known_message(case, 1)], ..Known::default() };
        let other = decide(&candidate(case, 2), &known);
        assert_eq!((other.case, other.link.relation), (None, Relation::New));
        assert!(other.link.evidence[0].contains("used before"));
        let same = decide(&candidate(case, 1), &known);
        assert_eq!((same.case, same.link.relation), (Some(case), Relation::Duplicate));
    }

    #[test]
    fn nobody_enters_a_strangers_case() {
        let (customer, stranger, case) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        let answered = known_message(case, 1);
        let number = CaseNumber::from_counter(10_042);
        let theirs = KnownCase { id: case, number, customers: vec![customer], domains: vec![[7; 16]] };
        let known = Known { answered: vec![answered], cases: vec![theirs], named: vec![case], ..Known::default() };
        assert_eq!(decide(&candidate(customer, 2), &known).case, Some(case));
        let refused = decide(&candidate(stranger, 2), &known);
        assert_eq!((refused.case, refused.link.relation, refused.link.related), (None, Relation::Related, Some(number)));
        let colleague = Candidate { domain: Some([7; 16]), ..candidate(stranger, 2) };
        assert_eq!(decide(&colleague, &known).link.relation, Relation::Answer);
    }

    #[test]
    fn the_answer_may_come_before_what_it_answers() {
        let (customer, stranger, case) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        let theirs = KnownCase { id: case, number: CaseNumber::from_counter(10_042), customers: vec![customer], domains: Vec::new() };
        let known = Known { answers: vec![known_message(case, 1)], cases: vec![theirs], ..Known::default() };
        let late = decide(&candidate(customer, 2), &known);
        assert_eq!((late.case, late.link.relation, late.link.rule.as_str()), (Some(case), Relation::Answer, "answered"));
        assert_eq!(decide(&candidate(stranger, 2), &known).case, None);
    }

    #[test]
    fn white_space_and_case_do_not_make_another_content() {
        let mut one = Message { subject: Some("Bestelling".into()), ..Message::default() };
        one.body.full_text = "Graag  12 dozen\r\n".into();
        let mut two = one.clone();
        two.body.full_text = "graag 12\u{a0}dozen".into();
        assert_eq!(Fingerprint::of(&one), Fingerprint::of(&two));
        two.body.full_text = "graag 13 dozen".into();
        assert_ne!(Fingerprint::of(&one), Fingerprint::of(&two));
        assert_eq!(Fingerprint::of(&Message::default()).content, None);
    }

    proptest! {
        #[test]
        fn the_short_way_through_ascii_leads_to_the_same(text in "[ -~\t\r\n]{0,4}([àÉe\u{301}\u{308}\u{327}ﬁ½Å\u{212b}İßΣ\u{1100}\u{1161}\u{200b}\u{a0} ax]{0,6}[ -~]{0,3}){0,6}|\\PC{0,20}") {
            let (mut short, mut long) = (String::new(), String::new());
            fold(&text, &mut short);
            let mut gap = false;
            for c in text.nfkc().flat_map(char::to_lowercase) {
                if c.is_whitespace() || c == '\u{200b}' || c == '\u{feff}' {
                    gap = !long.is_empty();
                } else {
                    if std::mem::take(&mut gap) {
                        long.push(' ');
                    }
                    long.push(c);
                }
            }
            prop_assert_eq!(short, long);
        }
    }

    #[test]
    fn free_mail_is_no_company() {
        assert_eq!(company_domain(&Address::mail("jan@Bouw.example")).as_deref(), Some("bouw.example"));
        assert_eq!(company_domain(&Address::mail("jan@gmail.com")), None);
    }
}
