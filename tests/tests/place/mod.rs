//! An empty store of either kind to work in, and makers of what goes into it. Shared by the suites that need a store.

#![allow(dead_code, reason = "each suite uses its own part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use loket_core::classify::{Class, Probabilities, Verdict};
use loket_core::delivery::{Delivery, Tenant};
use loket_core::message::{Address, Identity, Message, Party};
use loket_core::same::{Fingerprint, Rules};
use loket_core::store::{
    self, Claim, Claimed, Filed, JournalBatch, Journaled, NewEntry, ReadMessage, Reading, Store, StoreSettings, Stretch,
};
use loket_core::time::Timestamp;
use loket_tests::postgres::Server;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

/// A database of our own, gone with this value.
pub struct Place {
    pub url: String,
    pub server: Option<Server>,
    folder: TempDir,
}

impl Place {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("data/loket.db").display());
        Self { url, server: None, folder }
    }

    pub async fn postgres() -> Self {
        Self::on(Server::start().unwrap_or_else(|error| panic!("{error:#}"))).await
    }

    pub async fn on(server: Server) -> Self {
        let url = server.database().await.unwrap();
        Self { url, server: Some(server), folder: tempfile::tempdir().unwrap() }
    }

    /// One more connection pool on it, as another instance has.
    pub async fn open(&self) -> Arc<dyn Store> {
        store::open(&self.url, &StoreSettings::default()).await.unwrap()
    }

    /// Statements of ours, past the store.
    pub async fn execute(&self, statements: &str) {
        match &self.server {
            Some(server) => server.execute(&self.url, statements).await.unwrap(),
            None => {
                use sqlx::{Connection, Executor};
                let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                connection.execute(sqlx::AssertSqlSafe(statements.to_owned())).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    /// The first columns of a query's rows.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        use sqlx::{Connection, Row};
        let sql = sqlx::AssertSqlSafe(query.to_owned());
        match &self.server {
            Some(_) => {
                let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
                let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            None => {
                let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// How this database writes bytes in a statement.
    pub fn bytes(&self, hex: &str) -> String {
        if self.server.is_some() { format!("'\\x{hex}'::bytea") } else { format!("x'{hex}'") }
    }

    /// How this database writes an id in a statement.
    pub fn id(&self, id: Uuid) -> String {
        if self.server.is_some() { format!("'{id}'") } else { format!("x'{}'", id.simple()) }
    }

    /// Instances that wait for each other in a circle would have been told so.
    pub fn assert_no_deadlock(&self) {
        if let Some(server) = &self.server {
            let log = server.log();
            assert!(!log.contains("deadlock detected"), "{log}");
        }
    }
}

/// A place with its store open, and one instance working on it.
pub struct Shop {
    pub place: Place,
    pub store: Arc<dyn Store>,
    pub owner: Uuid,
    pub rules: Rules,
    pub tenant: Tenant,
}

impl Shop {
    pub async fn open(place: Place) -> Self {
        let store = place.open().await;
        Self { place, store, owner: Uuid::now_v7(), rules: Rules::default(), tenant: Tenant::default() }
    }

    pub async fn journal(&self, deliveries: &[Delivery]) -> Vec<Journaled> {
        self.store.journal(&batch(deliveries)).await.unwrap()
    }

    /// Claims everything that can be claimed.
    pub async fn claim(&self) -> Vec<Claimed> {
        let mut all = Vec::new();
        loop {
            let some = self.store.claim(&claim(self.owner)).await.unwrap();
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }

    pub async fn file(&self, readings: &[Reading]) -> Vec<Filed> {
        self.store.file(self.owner, readings, &self.rules).await.unwrap()
    }

    /// Journals, claims and files messages, each in a delivery of its own, all in one batch.
    pub async fn receive_all(&self, messages: Vec<Message>) -> Vec<Filed> {
        let deliveries: Vec<_> = messages.iter().map(|_| self.delivery()).collect();
        self.journal(&deliveries).await;
        let claimed = self.claim().await;
        assert_eq!(claimed.len(), messages.len());
        let readings: Vec<_> = claimed.iter().zip(messages).map(|(claimed, message)| reading(claimed, vec![message])).collect();
        self.file(&readings).await
    }

    pub async fn receive(&self, message: Message) -> Filed {
        self.receive_all(vec![message]).await.pop().unwrap()
    }

    /// A delivery of this shop's tenant with a key and bytes that no other has.
    pub fn delivery(&self) -> Delivery {
        let key = unique("key");
        Delivery { tenant: self.tenant.clone(), ..delivery("email.support", &key, &unique("payload")) }
    }

    /// The number of the case that a filed delivery's only message is in.
    pub async fn case_of(&self, filed: &Filed) -> Option<String> {
        let messages = self.store.delivery_messages(&self.tenant, filed.delivery).await.unwrap();
        assert_eq!(messages.len(), 1);
        messages[0].case.map(|number| number.to_string())
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A text that no other call gives.
pub fn unique(what: &str) -> String {
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn delivery(channel: &str, key: &str, text: &str) -> Delivery {
    Delivery::standalone(channel, key, "message/rfc822", text.as_bytes().to_vec())
}

pub fn entry(delivery: &Delivery) -> NewEntry {
    NewEntry { delivery: delivery.clone(), payload_hash: Sha256::digest(&delivery.payload).into(), born_claimed: None }
}

pub fn batch(deliveries: &[Delivery]) -> JournalBatch {
    JournalBatch { entries: deliveries.iter().map(entry).collect(), ..JournalBatch::default() }
}

pub fn claim(owner: Uuid) -> Claim {
    Claim { owner, until: Timestamp::now().plus(Duration::from_secs(60)), limit: 1_000, bytes: 1 << 30 }
}

pub fn reading(claimed: &Claimed, messages: Vec<Message>) -> Reading {
    Reading {
        delivery: claimed.delivery.id,
        tenant: claimed.delivery.tenant.clone(),
        channel: claimed.delivery.channel.clone(),
        received_at: claimed.delivery.received_at,
        payload_hash: claimed.payload_hash,
        messages: messages.into_iter().map(read).collect(),
        asides: Vec::new(),
        stretch: Stretch::default(),
        answer: None,
    }
}

pub fn read(message: Message) -> ReadMessage {
    let fingerprint = Fingerprint::of(&message);
    ReadMessage { message, reader: "test/1".into(), verdict: verdict(Class::Inquiry, 0.9), fingerprint }
}

pub fn verdict(class: Class, confidence: f64) -> Verdict {
    Verdict { class, confidence, probabilities: Probabilities::default(), language: None, evidence: Vec::new() }
}

/// A mail from an address, with a Message-ID that no other has.
pub fn mail(from: &str, subject: &str, text: &str) -> Message {
    let mut message = Message {
        identity: Some(Identity::message_id(unique("id") + "@mail.example")),
        from: Some(Party { address: Some(Address::mail(from)), ..Party::default() }),
        subject: Some(subject.into()),
        ..Message::default()
    };
    message.body.new_text = text.into();
    message.body.full_text = text.into();
    message
}

/// A mail that answers another one.
pub fn answer(from: &str, to: &Message, text: &str) -> Message {
    let mut message = mail(from, "Re: uw vraag", text);
    message.thread.in_reply_to.push(to.identity.as_ref().unwrap().value.clone());
    message
}

/// Waits until something holds, looking again and again; fails when it does not come true.
pub async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(std::time::Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A connection that keeps everybody else from writing, until it is dropped.
pub enum Blocker {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Place {
    pub async fn block_writers(&self) -> Blocker {
        use sqlx::{Connection, Executor};
        match &self.server {
            Some(_) => {
                let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
                connection.execute("BEGIN; LOCK TABLE delivery, message IN EXCLUSIVE MODE").await.unwrap();
                Blocker::Postgres(connection)
            }
            None => {
                let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                connection.execute("BEGIN IMMEDIATE").await.unwrap();
                Blocker::Sqlite(connection)
            }
        }
    }
}

impl Blocker {
    pub async fn end(self) {
        use sqlx::Connection;
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
        }
    }
}
