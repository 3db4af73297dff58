//! What is there already that a batch's messages could be the same as, or answer. Looked up once for the whole batch, by index.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::{QueryBuilder, Row};
use uuid::Uuid;

use super::super::super::push_each;
use super::super::rows::{DbRow, bytes32};
use super::draft::Draft;
use super::*;
use crate::same::{Known, KnownCase, KnownMessage, KnownOrder, Rules};
use crate::time::Timestamp;
use crate::vault::Token;

/// Messages looked at per identity: senders that reuse one id for everything must not make every look-up long.
const PER_TOKEN: usize = 20;
/// Identities that one message can wait for.
const AWAITED: usize = 3;
/// Participants kept per case, customers and domains together: who comes after them starts a case of its own.
const PARTICIPANTS: usize = 500;
const CASE: &str = "SELECT id, tenant, number, participants FROM cases WHERE ";

/// The store's knowledge around a batch, growing as the batch is decided.
#[derive(Default)]
pub(super) struct Surroundings {
    by_identity: HashMap<Token, Vec<KnownMessage>>,
    by_content: HashMap<Token, Vec<KnownMessage>>,
    /// Messages by the identities that they answer and that had not come yet.
    awaiting: HashMap<Token, Vec<KnownMessage>>,
    content_tokens: HashMap<Uuid, Token>,
    /// Orders by buyer and PO number.
    by_order: HashMap<Token, Vec<KnownOrder>>,
    order_tokens: HashMap<Uuid, Token>,
    /// Cases of mails of ours, by their identities.
    ours: HashMap<Token, Uuid>,
    /// What was deleted.
    deleted: HashSet<Token>,
    cases: HashMap<Uuid, KnownCase>,
    numbers: HashMap<(Tenant, CaseNumber), Uuid>,
}

impl Surroundings {
    pub(super) async fn load(store: &SqlStore, tx: &mut Tx, drafts: &[Draft<'_>], rules: &Rules) -> Result<Self> {
        let mut known = Self::default();
        let identities = drafts.iter().flat_map(|draft| draft.identity.iter().chain(&draft.answers)).copied().collect();
        known.by_identity = messages(tx, "m.identity_token", &identities, Timestamp::default()).await?;
        let awaited = drafts.iter().flat_map(|draft| draft.answers.iter().take(AWAITED)).copied();
        let new = drafts.iter().filter_map(|draft| draft.identity).chain(awaited);
        let new = new.filter(|identity| !known.by_identity.contains_key(identity)).collect();
        known.awaiting = awaiting(tx, &new).await?;
        for draft in drafts {
            known.content_tokens.extend(draft.content_of_customer(store).map(|token| (draft.id, token)));
        }
        let contents = known.content_tokens.values().copied().collect();
        let oldest = drafts.iter().map(|draft| draft.reading.received_at).min().unwrap_or_default();
        known.by_content = messages(tx, "m.content_token", &contents, oldest.minus(rules.window)).await?;
        known.order_tokens = drafts.iter().filter_map(|draft| Some((draft.id, draft.order_of_customer(store)?))).collect();
        known.load_orders(tx, oldest.minus(rules.order_window)).await?;
        known.load_ours(tx, drafts.iter().flat_map(|draft| draft.answers.iter().chain(&draft.bounced)).copied().collect()).await?;
        known.deleted = buried(tx, drafts.iter().map(|draft| draft.tombstone).collect()).await?;
        // Those of duplicates too: a later message of the batch may answer one.
        let found = known.by_identity.values().chain(known.by_content.values()).chain(known.awaiting.values()).flatten();
        let orders = known.by_order.values().flatten().map(|order| order.case).chain(known.ours.values().copied());
        let cases: BTreeSet<Uuid> = found.filter_map(|message| message.case).chain(orders).collect();
        let mut named: BTreeMap<&Tenant, BTreeSet<CaseNumber>> = BTreeMap::new();
        for draft in drafts.iter().filter(|draft| !draft.named.is_empty() || draft.marked.is_some()) {
            named.entry(&draft.reading.tenant).or_default().extend(draft.named.iter().chain(&draft.marked));
        }
        known.load_cases(tx, cases, named).await?;
        Ok(known)
    }

    async fn load_orders(&mut self, tx: &mut Tx, since: Timestamp) -> Result<()> {
        let tokens: BTreeSet<Token> = self.order_tokens.values().copied().collect();
        let tokens: Vec<Vec<u8>> = tokens.iter().map(|token| token.to_vec()).collect();
        for chunk in tokens.chunks(CHUNK) {
            let mut query = QueryBuilder::<Db>::new(
                "SELECT order_token, message_id, case_id, kind, lines_hash, revision FROM orders WHERE received_at >= ",
            );
            query.push_bind(since.micros()).push(" AND order_token");
            push_in(&mut query, chunk);
            query.push(" ORDER BY revision, id");
            for row in query.build().fetch_all(&mut **tx).await.map_err(store_error)? {
                let order = KnownOrder {
                    message: row.try_get(1).map_err(store_error)?,
                    case: row.try_get(2).map_err(store_error)?,
                    kind: orders::kind(row.try_get(3).map_err(store_error)?),
                    lines: bytes32(&row, 4)?,
                };
                self.by_order.entry(token(&row, 0)?.unwrap_or_default()).or_default().push(order);
            }
        }
        Ok(())
    }

    async fn load_ours(&mut self, tx: &mut Tx, tokens: BTreeSet<Token>) -> Result<()> {
        let tokens: Vec<Vec<u8>> = tokens.iter().map(|token| token.to_vec()).collect();
        for chunk in tokens.chunks(CHUNK) {
            let mut query =
                QueryBuilder::<Db>::new("SELECT identity_token, case_id FROM outbound WHERE case_id IS NOT NULL AND identity_token");
            push_in(&mut query, chunk);
            for row in query.build().fetch_all(&mut **tx).await.map_err(store_error)? {
                self.ours.insert(token(&row, 0)?.unwrap_or_default(), row.try_get(1).map_err(store_error)?);
            }
        }
        Ok(())
    }

    async fn load_cases(&mut self, tx: &mut Tx, ids: BTreeSet<Uuid>, named: BTreeMap<&Tenant, BTreeSet<CaseNumber>>) -> Result<()> {
        let ids: Vec<_> = ids.into_iter().collect();
        for chunk in ids.chunks(CHUNK) {
            let mut query = QueryBuilder::<Db>::new(format!("{CASE} id"));
            push_in(&mut query, chunk);
            self.keep_cases(&query.build().fetch_all(&mut **tx).await.map_err(store_error)?)?;
        }
        for (tenant, numbers) in named {
            let numbers: Vec<i64> = numbers.into_iter().filter_map(|number| i64::try_from(number.counter()).ok()).collect();
            for chunk in numbers.chunks(CHUNK) {
                let mut query = QueryBuilder::<Db>::new(format!("{CASE} tenant = "));
                query.push_bind(stored(tenant.as_str())).push(" AND number");
                push_in(&mut query, chunk);
                self.keep_cases(&query.build().fetch_all(&mut **tx).await.map_err(store_error)?)?;
            }
        }
        Ok(())
    }

    fn keep_cases(&mut self, rows: &[DbRow]) -> Result<()> {
        for row in rows {
            let tenant = Tenant::new(&text(row, 1)?);
            let number = CaseNumber::from_counter(u64::try_from(row.try_get::<i64, _>(2).map_err(store_error)?).unwrap_or_default());
            let id = row.try_get(0).map_err(store_error)?;
            let mut case = KnownCase { id, number, customers: Vec::new(), domains: Vec::new() };
            read_participants(row.try_get(3).map_err(store_error)?, &mut case);
            self.numbers.insert((tenant, number), id);
            self.cases.insert(id, case);
        }
        Ok(())
    }

    /// Who takes part in a case, as its row keeps it.
    pub(super) fn participants(&self, case: Uuid) -> Option<Vec<u8>> {
        self.cases.get(&case).map(write_participants)
    }

    pub(super) fn numbered(&self, tenant: &Tenant, number: CaseNumber) -> Option<Uuid> {
        self.numbers.get(&(tenant.clone(), number)).copied()
    }

    pub(super) fn add_case(&mut self, id: Uuid, tenant: Tenant, number: CaseNumber) {
        self.numbers.insert((tenant, number), id);
        self.cases.entry(id).or_insert_with(|| KnownCase { id, number, customers: Vec::new(), domains: Vec::new() });
    }

    /// How many revisions of a message's order there are.
    pub(super) fn revisions(&self, draft: &Draft<'_>) -> usize {
        self.order_tokens.get(&draft.id).and_then(|token| self.by_order.get(token)).map_or(0, Vec::len)
    }

    /// Remembers where a message of this batch went, for the ones after it. A sender who takes part may enter the case again.
    pub(super) fn add_message(&mut self, draft: &Draft<'_>, case: Option<Uuid>, takes_part: bool, revises: bool) {
        let message = KnownMessage {
            id: draft.id,
            case,
            customer: draft.customer,
            received_at: draft.reading.received_at,
            content: draft.content,
            bytes: (draft.reading.payload_hash, draft.part),
        };
        let order = draft.read.fingerprint.order.as_ref();
        if let (Some(order), Some(token), Some(case), true) = (order, self.order_tokens.get(&draft.id), case, revises) {
            let order = KnownOrder { message: draft.id, case, kind: order.kind, lines: order.lines };
            self.by_order.entry(*token).or_default().push(order);
        }
        if let Some(case) = case.filter(|_| takes_part).and_then(|id| self.cases.get_mut(&id)) {
            let room = case.customers.len() + case.domains.len() < PARTICIPANTS;
            case.customers.extend(draft.customer.filter(|customer| room && !case.customers.contains(customer)));
            case.domains.extend(draft.domain.filter(|domain| room && !case.domains.contains(domain)));
        }
        if let Some(token) = self.content_tokens.get(&draft.id) {
            self.by_content.entry(*token).or_default().push(message.clone());
        }
        for token in self.awaited(draft) {
            self.awaiting.entry(token).or_default().push(message.clone());
        }
        if let Some(identity) = draft.identity {
            self.by_identity.entry(identity).or_default().push(message);
        }
    }

    /// The identities that a message answers and that have not come yet, the direct ones first.
    pub(super) fn awaited(&self, draft: &Draft<'_>) -> Vec<Token> {
        draft
            .answers
            .iter()
            .take(AWAITED)
            .filter(|token| !self.by_identity.contains_key(*token) && !self.ours.contains_key(*token))
            .copied()
            .collect()
    }

    /// What is known around one message.
    pub(super) fn of(&self, draft: &Draft<'_>, rules: &Rules) -> Known {
        let list = |token: &Token| self.by_identity.get(token).cloned().unwrap_or_default();
        let same_content = self.content_tokens.get(&draft.id).and_then(|token| self.by_content.get(token)).into_iter().flatten();
        let received_at = draft.reading.received_at;
        // Arrival times are per instance; a little disorder must not open a second case.
        let in_window =
            |message: &&KnownMessage| received_at.since(message.received_at).max(message.received_at.since(received_at)) <= rules.window;
        let answered: Vec<KnownMessage> = draft.answers.iter().flat_map(list).collect();
        let named: Vec<Uuid> =
            draft.named.iter().filter_map(|number| self.numbers.get(&(draft.reading.tenant.clone(), *number)).copied()).collect();
        let answers: Vec<KnownMessage> = draft.identity.and_then(|token| self.awaiting.get(&token)).cloned().unwrap_or_default();
        let siblings: Vec<KnownMessage> =
            self.awaited(draft).iter().filter_map(|token| self.awaiting.get(token)).flatten().cloned().collect();
        let answered_ours: Vec<Uuid> = draft.answers.iter().filter_map(|token| self.ours.get(token)).copied().collect();
        let marked = draft.marked.and_then(|number| self.numbered(&draft.reading.tenant, number));
        let threads = answered.iter().chain(&answers).chain(&siblings).filter_map(|message| message.case);
        let cases: BTreeSet<Uuid> = threads.chain(named.iter().copied()).chain(answered_ours.iter().copied()).chain(marked).collect();
        Known {
            deleted: self.deleted.contains(&draft.tombstone),
            same_order: self.order_tokens.get(&draft.id).and_then(|token| self.by_order.get(token)).cloned().unwrap_or_default(),
            bounced: draft.bounced.and_then(|token| self.ours.get(&token)).copied(),
            marked,
            answered_ours,
            same_identity: draft.identity.as_ref().map(list).unwrap_or_default(),
            same_content: same_content.filter(in_window).cloned().collect(),
            answered,
            answers,
            siblings,
            cases: cases.iter().filter_map(|id| self.cases.get(id)).cloned().collect(),
            named,
        }
    }
}

/// Which of these were deleted.
async fn buried(tx: &mut Tx, tokens: BTreeSet<Token>) -> Result<HashSet<Token>> {
    let tokens: Vec<Vec<u8>> = tokens.iter().map(|token| token.to_vec()).collect();
    let mut found = HashSet::new();
    for chunk in tokens.chunks(CHUNK) {
        let mut query = QueryBuilder::<Db>::new("SELECT token FROM tombstone WHERE token");
        push_in(&mut query, chunk);
        for row in query.build().fetch_all(&mut **tx).await.map_err(store_error)? {
            found.extend(token(&row, 0)?);
        }
    }
    Ok(found)
}

/// A token in a row.
pub(in super::super) fn token(row: &DbRow, column: usize) -> Result<Option<Token>> {
    let bytes: Option<&[u8]> = row.try_get(column).map_err(store_error)?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()))
}

const MESSAGE: &str = "m.id, m.case_id, m.customer_id, m.received_at, m.content_hash, m.part, d.payload_hash FROM message m \
                       JOIN delivery d ON d.id = m.delivery_id";

/// The oldest messages since then for each token in a column.
async fn messages(tx: &mut Tx, column: &str, tokens: &BTreeSet<Token>, since: Timestamp) -> Result<HashMap<Token, Vec<KnownMessage>>> {
    let select = format!("SELECT {column} AS token, {MESSAGE}");
    look_up(tx, &select, column, tokens, since, "m.received_at, m.id").await
}

/// The first messages that wait for each of these identities.
async fn awaiting(tx: &mut Tx, tokens: &BTreeSet<Token>) -> Result<HashMap<Token, Vec<KnownMessage>>> {
    let select = format!("SELECT a.token AS token, {MESSAGE} JOIN awaited a ON a.message_id = m.id");
    look_up(tx, &select, "a.token", tokens, Timestamp::default(), "a.message_id").await
}

async fn look_up(
    tx: &mut Tx,
    select: &str,
    column: &str,
    tokens: &BTreeSet<Token>,
    since: Timestamp,
    order: &str,
) -> Result<HashMap<Token, Vec<KnownMessage>>> {
    let tokens: Vec<Token> = tokens.iter().copied().collect();
    let mut found: HashMap<Token, Vec<KnownMessage>> = HashMap::new();
    for chunk in tokens.chunks(CHUNK) {
        let mut query = QueryBuilder::<Db>::default();
        push_each(&mut query, select, column, chunk, since.micros(), order, PER_TOKEN);
        for row in query.build().fetch_all(&mut **tx).await.map_err(store_error)? {
            let message = KnownMessage {
                id: row.try_get(1).map_err(store_error)?,
                case: row.try_get(2).map_err(store_error)?,
                customer: row.try_get(3).map_err(store_error)?,
                received_at: Timestamp::from_micros(row.try_get(4).map_err(store_error)?),
                content: token(&row, 5)?,
                bytes: (bytes32(&row, 7)?, u32::try_from(row.try_get::<i32, _>(6).map_err(store_error)?).unwrap_or_default()),
            };
            found.entry(token(&row, 0)?.unwrap_or_default()).or_default().push(message);
        }
    }
    Ok(found)
}

fn write_participants(case: &KnownCase) -> Vec<u8> {
    let customers = case.customers.iter().map(|customer| (b'c', customer.as_bytes()));
    let domains = case.domains.iter().map(|domain| (b'd', domain));
    customers.chain(domains).flat_map(|(kind, id)| std::iter::once(kind).chain(id.iter().copied())).collect()
}

fn read_participants(bytes: &[u8], case: &mut KnownCase) {
    for entry in bytes.chunks_exact(17) {
        match entry.split_first().and_then(|(kind, id)| Some((*kind, Token::try_from(id).ok()?))) {
            Some((b'c', id)) => case.customers.push(Uuid::from_bytes(id)),
            Some((b'd', id)) => case.domains.push(id),
            _ => {}
        }
    }
}
