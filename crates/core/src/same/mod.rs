//! Same or not: whether a message was here already, and which case it belongs to. Pure: the store looks up what is known,
//! [`decide`] says what follows from it.

mod company;
mod fingerprint;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::case::CaseNumber;
use crate::order::OrderKind;
use crate::time::Timestamp;
use crate::vault::Token;
pub use company::company_domain;
pub use fingerprint::{ContentHash, Fingerprint, OrderFacts};

/// What can be set about it.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long after a message the same content from the same customer is a duplicate of it.
    pub window: Duration,
    /// How long after an order the same PO number of the same buyer means that order.
    pub order_window: Duration,
    /// Under this confidence the class of a new case goes to review.
    pub review_below: f64,
}

impl Default for Rules {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self { window: day * 3, order_window: day * 180, review_below: 0.6 }
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
    /// The same order, changed.
    Revision,
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
    /// The rule that decided, in a word: `deleted`, `identity`, `order`, `content`, `bounce`, `reply-address`, `reply`, `answered`,
    /// `sibling`, `case-number`, `none`.
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
    /// It came by a right signed address, but its sender is new to the case: nobody has seen to it that it is the customer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
}

impl Link {
    /// The link of a message that nothing was found for.
    pub fn none() -> Self {
        Self::by("none", Relation::New, 1.0, Vec::new())
    }

    fn by(rule: &str, relation: Relation, score: f64, evidence: Vec<String>) -> Self {
        Self { relation, rule: rule.into(), score, evidence, of: None, related: None, unverified: false }
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

/// An order that was there before, as far as deciding needs it.
#[derive(Clone, Debug)]
pub struct KnownOrder {
    /// The message that says it.
    pub message: Uuid,
    /// Its case.
    pub case: Uuid,
    /// What it does.
    pub kind: OrderKind,
    /// The hash over what is ordered.
    pub lines: ContentHash,
}

/// What the store knows about a message's surroundings.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// It was here, and was deleted.
    pub deleted: bool,
    /// Orders with the same PO number of the same buyer within the window, oldest first.
    pub same_order: Vec<KnownOrder>,
    /// The case whose mail of ours came back with it.
    pub bounced: Option<Uuid>,
    /// The case whose signed address it came to.
    pub marked: Option<Uuid>,
    /// Cases whose mails of ours it answers, best first.
    pub answered_ours: Vec<Uuid>,
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
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its customer.
    pub customer: Option<Uuid>,
    /// The token of its company's domain.
    pub domain: Option<Token>,
    /// The token of its content hash.
    pub content: Option<Token>,
    /// The hash of the bytes that it came in, and which message in them it is.
    pub bytes: ([u8; 32], u32),
    /// What tells the order in it from others.
    pub order: Option<OrderFacts>,
}

/// Where a message belongs.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The case that it joins; `None`: one of its own.
    pub case: Option<Uuid>,
    /// Why.
    pub link: Link,
}

/// Decides where a message belongs. The first rule that holds decides (design: identity, order, content, thread).
pub fn decide(message: &Candidate, known: &Known) -> Decision {
    let mut evidence = Vec::new();
    if known.deleted {
        evidence.push("it was here before, and was deleted".into());
        return Decision { case: None, link: Link::by("deleted", Relation::Duplicate, 1.0, evidence) };
    }
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
    if let Some(decision) = same_order(message, known, &mut evidence) {
        return decision;
    }
    if let Some(same) = known.same_content.first() {
        evidence.push("same content from the same customer within the window".into());
        return duplicate(same, "content", evidence);
    }
    if let Some(case) = known.bounced {
        evidence.push("reports that a mail of ours in this case was not delivered".into());
        return Decision { case: Some(case), link: Link::by("bounce", Relation::Answer, 1.0, evidence) };
    }
    thread(message, known, evidence)
}

/// The same PO number of the same buyer: the same order again, or a revision of it.
fn same_order(message: &Candidate, known: &Known, evidence: &mut Vec<String>) -> Option<Decision> {
    let order = message.order.as_ref()?;
    let last = known.same_order.last()?;
    let as_before = |other: &&KnownOrder| other.kind == order.kind && other.lines == order.lines;
    // A late copy of the order may come after changes to it; a change that was taken back is a change.
    let again = known.same_order.iter().find(as_before).filter(|same| order.kind == OrderKind::New || same.message == last.message);
    let (of, relation, why) = match again {
        Some(same) => (same, Relation::Duplicate, "same PO number of the same buyer, and the same lines"),
        None => (last, Relation::Revision, "same PO number of the same buyer, with other lines"),
    };
    evidence.push(why.into());
    let link = Link { of: Some(of.message), ..Link::by("order", relation, 0.98, std::mem::take(evidence)) };
    Some(Decision { case: Some(of.case), link })
}

/// What the message answers: a signed address first, then what its header names, then a number in its subject.
fn thread(message: &Candidate, known: &Known, mut evidence: Vec<String>) -> Decision {
    let case_of = |id: Uuid| known.cases.iter().find(|case| case.id == id);
    if let Some(case) = known.marked.and_then(case_of) {
        let verified = takes_part(message, case);
        evidence.push("came to the signed address of this case".into());
        if !verified {
            evidence.push("its sender is new to the case".into());
        }
        let link = Link::by("reply-address", Relation::Answer, if verified { 1.0 } else { 0.6 }, evidence);
        return Decision { case: Some(case.id), link: Link { unverified: !verified, ..link } };
    }
    let mut related = None;
    let theirs = known.answered.iter().filter_map(|answered| Some((case_of(answered.case?)?, Some(answered.id))));
    let ours = known.answered_ours.iter().filter_map(|case| Some((case_of(*case)?, None)));
    for (case, of) in ours.chain(theirs) {
        if takes_part(message, case) {
            evidence.push(if of.is_some() { "answers a message of this case" } else { "answers a mail of ours in this case" }.into());
            let link = Link { of, ..Link::by("reply", Relation::Answer, 1.0, evidence) };
            return Decision { case: Some(case.id), link };
        }
        related.get_or_insert((case.number, "reply", "answers a message of a case that its sender has no part in"));
    }
    let answers = known.answers.iter().map(|answer| (answer, "answered", "a message of this case that came before answers it"));
    let siblings =
        known.siblings.iter().map(|sibling| (sibling, "sibling", "a message of this case answers the same one, which has not come"));
    for (other, rule, why) in answers.chain(siblings) {
        let Some(case) = other.case.and_then(case_of) else { continue };
        if takes_part(message, case) {
            evidence.push(why.into());
            let link = Link { of: Some(other.id), ..Link::by(rule, Relation::Answer, 1.0, evidence) };
            return Decision { case: Some(case.id), link };
        }
    }
    for case in known.named.iter().filter_map(|id| case_of(*id)) {
        if takes_part(message, case) {
            evidence.push(format!("names case {} in its subject", case.number));
            return Decision { case: Some(case.id), link: Link::by("case-number", Relation::Answer, 0.95, evidence) };
        }
        related.get_or_insert((case.number, "case-number", "names a case that its sender has no part in"));
    }
    let link = match related {
        Some((number, rule, why)) => {
            evidence.push(why.into());
            Link { related: Some(number), ..Link::by(rule, Relation::Related, 0.5, evidence) }
        }
        None => Link { evidence, ..Link::none() },
    };
    Decision { case: None, link }
}

fn duplicate(of: &KnownMessage, rule: &str, evidence: Vec<String>) -> Decision {
    let link = Link { of: Some(of.id), ..Link::by(rule, Relation::Duplicate, 1.0, evidence) };
    Decision { case: of.case, link }
}

fn takes_part(message: &Candidate, case: &KnownCase) -> bool {
    message.customer.is_some_and(|customer| case.customers.contains(&customer))
        || message.domain.is_some_and(|domain| case.domains.contains(&domain))
}

#[cfg(test)]
mod tests {
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
        Candidate { customer: Some(customer), domain: None, content: Some([content; 16]), bytes: ([content; 32], 0), order: None }
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
    fn a_signed_address_lets_a_new_sender_in_unverified() {
        let (customer, stranger, case) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        let theirs = KnownCase { id: case, number: CaseNumber::from_counter(10_042), customers: vec![customer], domains: Vec::new() };
        let known = Known { marked: Some(case), cases: vec![theirs], ..Known::default() };
        let by_customer = decide(&candidate(customer, 2), &known);
        assert_eq!((by_customer.case, by_customer.link.unverified), (Some(case), false));
        let by_stranger = decide(&candidate(stranger, 2), &known);
        assert_eq!((by_stranger.case, by_stranger.link.unverified, by_stranger.link.score), (Some(case), true, 0.6));
        let ours = Known { marked: None, answered_ours: vec![case], ..known };
        assert_eq!(decide(&candidate(customer, 2), &ours).link.rule, "reply");
        assert_eq!(decide(&candidate(stranger, 2), &ours).link.relation, Relation::Related);
    }

    #[test]
    fn the_same_purchase_order_is_a_duplicate_or_a_revision() {
        let (customer, case) = (Uuid::now_v7(), Uuid::now_v7());
        let order = |kind, lines: u8| KnownOrder { message: Uuid::now_v7(), case, kind, lines: [lines; 32] };
        let facts = |kind, lines: u8| Candidate {
            order: Some(OrderFacts { po: Some("4711".into()), kind, lines: [lines; 32] }),
            ..candidate(customer, 9)
        };
        let known = Known { same_order: vec![order(OrderKind::New, 1), order(OrderKind::Change, 2)], ..Known::default() };
        for (kind, lines, relation, of) in [
            (OrderKind::New, 1, Relation::Duplicate, 0),
            (OrderKind::Change, 2, Relation::Duplicate, 1),
            (OrderKind::New, 3, Relation::Revision, 1),
            (OrderKind::Change, 1, Relation::Revision, 1),
            (OrderKind::Cancel, 1, Relation::Revision, 1),
        ] {
            let decision = decide(&facts(kind, lines), &known);
            assert_eq!((decision.case, decision.link.relation), (Some(case), relation), "{kind:?} {lines}");
            assert_eq!(decision.link.of, Some(known.same_order[of].message), "{kind:?} {lines}");
        }
        assert_eq!(decide(&candidate(customer, 9), &known).case, None);
    }

    #[test]
    fn what_was_deleted_does_not_come_back() {
        let case = Uuid::now_v7();
        let known = Known { deleted: true, same_identity: vec![known_message(case, 1)], ..Known::default() };
        let decision = decide(&candidate(case, 1), &known);
        assert_eq!((decision.case, decision.link.relation, decision.link.rule.as_str()), (None, Relation::Duplicate, "deleted"));
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
}
