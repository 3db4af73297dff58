//! One message on its way into a case, with every token it is looked up by.

use uuid::Uuid;

use super::super::rows::SealedMessage;
use super::super::*;
use crate::message::{Address, Automatic, Message};
use crate::same::{Candidate, company_domain};
use crate::vault::Token;

/// References looked up per message: the direct ones and the latest of the others.
const ANSWERS: usize = 20;
/// Addresses by which one message can make a customer known.
const ADDRESSES: usize = 8;
/// Recipients that are looked at for a signed address.
const ADDRESSED: usize = 50;

pub(super) struct Draft<'a> {
    pub id: Uuid,
    pub reading: &'a Reading,
    pub part: u32,
    pub read: &'a ReadMessage,
    /// The sender's addresses with their tokens, the main one first.
    pub addresses: Vec<(Token, &'a Address)>,
    /// Set once customers are known.
    pub customer: Option<Uuid>,
    pub domain: Option<Token>,
    pub identity: Option<Token>,
    /// The identities that it answers, best first.
    pub answers: Vec<Token>,
    pub content: Option<Token>,
    /// Numbers of cases that its subject names.
    pub named: Vec<CaseNumber>,
    /// The number of the case whose signed address it came to.
    pub marked: Option<CaseNumber>,
    /// The identity of the mail of ours that it says was not delivered.
    pub bounced: Option<Token>,
    /// What it would be known by if it was deleted before.
    pub tombstone: Token,
    /// Message and verdict, sealed.
    pub sealed: Vec<u8>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(store: &SqlStore, reading: &'a Reading, part: u32, read: &'a ReadMessage) -> Result<Self> {
        let message = &read.message;
        let tenant = &reading.tenant;
        let identity = |kind: &str, value: &str| {
            // Some systems change the case of a Message-ID on its way; the content is compared as well, so nothing is risked.
            store.vault.token("identity", tenant, &[kind.as_bytes(), value.to_lowercase().as_bytes()])
        };
        let addresses = message
            .from
            .iter()
            .flat_map(|party| party.addresses())
            .filter_map(|address| Some((store.address_token(tenant, address, &address.normalized()?), address)))
            .take(ADDRESSES)
            .collect();
        let thread = &message.thread;
        let mut answers: Vec<Token> = Vec::new();
        for id in thread.in_reply_to.iter().chain(thread.references.iter().rev()).take(ANSWERS) {
            let token = identity("message-id", id);
            if !answers.contains(&token) {
                answers.push(token);
            }
        }
        let domain = message.from.as_ref().and_then(|party| company_domain(party.address.as_ref()?));
        let identity = message.identity.as_ref().map(|known| identity(&known.kind, &known.value));
        let content = read.fingerprint.content.map(|hash| store.vault.token("content", tenant, &[&hash]));
        let bounced = (message.automatic == Automatic::Bounce)
            .then(|| Some(store.sent_identity(tenant, message.extra.get("bounce")?.get("message_id")?.as_str()?)))
            .flatten();
        Ok(Self {
            id: Uuid::now_v7(),
            reading,
            part,
            read,
            addresses,
            customer: None,
            domain: domain.map(|domain| store.vault.token("domain", tenant, &[domain.as_bytes()])),
            identity,
            answers,
            content,
            marked: addressed(message).find_map(|address| marks::find(&store.vault, tenant, address)),
            bounced,
            tombstone: store.tombstone(tenant, identity, content, (&reading.payload_hash, part)),
            named: message.subject.as_deref().map(CaseNumber::find_all).unwrap_or_default(),
            sealed: store.seal_json(&SealedMessage { message, verdict: &read.verdict })?,
        })
    }

    /// The content's token among the customer's own messages.
    pub(super) fn content_of_customer(&self, store: &SqlStore) -> Option<Token> {
        let (customer, content) = (self.customer?, self.content?);
        Some(store.vault.token("customer-content", &self.reading.tenant, &[customer.as_bytes(), &content]))
    }

    /// The token of its buyer and its PO number together.
    pub(super) fn order_of_customer(&self, store: &SqlStore) -> Option<Token> {
        let po = self.read.fingerprint.order.as_ref()?.po.as_deref()?;
        Some(store.vault.token("order", &self.reading.tenant, &[self.customer?.as_bytes(), po.as_bytes()]))
    }

    pub(super) fn candidate(&self) -> Candidate {
        Candidate {
            customer: self.customer,
            domain: self.domain,
            content: self.content,
            bytes: (self.reading.payload_hash, self.part),
            order: self.read.fingerprint.order.clone(),
        }
    }
}

/// Every address that a message went to, as far as it says.
fn addressed(message: &Message) -> impl Iterator<Item = &str> {
    let named = message.to.iter().chain(&message.cc).take(ADDRESSED).filter_map(|party| Some(party.address.as_ref()?.value.as_str()));
    let delivered = message.extra.get("delivered_to").and_then(|list| list.as_array()).into_iter().flatten();
    delivered.filter_map(|address| address.as_str()).take(ADDRESSED).chain(named)
}

impl SqlStore {
    /// What a message is known by after it was deleted: its identity and its content, or else its bytes.
    pub(in super::super) fn tombstone(
        &self,
        tenant: &Tenant,
        identity: Option<Token>,
        content: Option<Token>,
        (bytes, part): (&[u8; 32], u32),
    ) -> Token {
        match (identity, content) {
            (Some(identity), Some(content)) => self.vault.token("tombstone", tenant, &[&identity, &content]),
            _ => self.vault.token("tombstone", tenant, &[bytes, &part.to_be_bytes()]),
        }
    }

    /// The token of a PO number, whoever's it is.
    pub(in super::super) fn po_token(&self, tenant: &Tenant, po: &str) -> Token {
        self.vault.token("po", tenant, &[po.as_bytes()])
    }

    /// The token that a customer is known by through this address.
    pub(in super::super) fn address_token(&self, tenant: &Tenant, address: &Address, normalized: &str) -> Token {
        self.vault.token("address", tenant, &[address.kind.name().as_bytes(), normalized.as_bytes()])
    }
}
