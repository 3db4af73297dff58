//! The seam between channels and everything behind them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::delivery::{Delivery, Envelope, Tenant};
use crate::health::ChannelHealth;
use crate::intake::{AcceptError, Accepted, Intake};
use crate::outbound::Answering;
use crate::store::{Lease, Position, Store, StoreError};
use crate::time::Timestamp;

/// One configured connection to an upstream. Registered in the one list in `crates/loket/src/channels.rs`.
#[async_trait]
pub trait Channel: Send {
    /// Works until `cx.stop()` is cancelled, then returns `Ok`. An error goes to the supervisor, which alone decides when to try again.
    async fn run(&mut self, cx: ChannelCx) -> Result<(), ChannelError>;
}

/// Why a channel stopped.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// It may work again by itself: a broken connection, an upstream or a store that is down. Tried again with growing pauses.
    #[error("{0}")]
    Transient(String),
    /// The upstream refuses us (a password, a missing folder): somebody must act. Tried again rarely.
    #[error("{0}")]
    Refused(String),
}

impl From<StoreError> for ChannelError {
    fn from(error: StoreError) -> Self {
        Self::Transient(error.to_string())
    }
}

impl From<AcceptError> for ChannelError {
    fn from(error: AcceptError) -> Self {
        Self::Transient(error.to_string())
    }
}

/// What a channel is given to work with. Cheap to clone.
#[derive(Clone)]
pub struct ChannelCx {
    name: Arc<str>,
    tenant: Tenant,
    intake: Intake,
    store: Arc<dyn Store>,
    health: ChannelHealth,
    stop: CancellationToken,
    instance: Uuid,
    answering: Answering,
}

impl ChannelCx {
    /// For the channel of this name. `instance` tells this process from others on the same store.
    pub fn new(
        name: &str,
        tenant: Tenant,
        intake: Intake,
        store: Arc<dyn Store>,
        health: ChannelHealth,
        stop: CancellationToken,
        instance: Uuid,
    ) -> Self {
        Self { name: name.into(), tenant, intake, store, health, stop, instance, answering: Answering::default() }
    }

    /// With what tells of new things to be sent.
    #[must_use]
    pub fn answering(self, answering: Answering) -> Self {
        Self { answering, ..self }
    }

    /// Whose channel it is.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// This process, among others on the same store.
    pub(crate) fn instance(&self) -> Uuid {
        self.instance
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Resolves when there may be something new to be sent.
    pub(crate) fn outbound_wake(&self) -> impl Future<Output = ()> + Send {
        self.answering.woken()
    }

    /// The channel's name, e.g. `email.support`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The token that is cancelled when the channel shall stop.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Where the channel reports how it is doing.
    pub fn health(&self) -> &ChannelHealth {
        &self.health
    }

    /// A delivery of this channel, received now.
    pub fn delivery(&self, key: impl Into<String>, media_type: &str, envelope: Envelope, payload: impl Into<Bytes>) -> Delivery {
        Delivery {
            id: Uuid::now_v7(),
            tenant: self.tenant.clone(),
            channel: self.name.clone(),
            key: key.into(),
            received_at: Timestamp::now(),
            media_type: media_type.into(),
            envelope,
            payload: payload.into(),
        }
    }

    /// Hands over one delivery. When this returns `Ok`, the delivery is durable and may be acknowledged upstream. Waits while
    /// the intake is full.
    pub async fn accept(&self, delivery: Delivery) -> Result<Accepted, AcceptError> {
        let accepted = self.intake.accept(delivery).await?;
        self.count(std::slice::from_ref(&accepted));
        Ok(accepted)
    }

    /// Hands over several deliveries and, in the same commit, how far the channel has come with their source. With a lease, the
    /// commit happens only while the lease is still ours. Answers in the order of the deliveries.
    pub async fn accept_all(
        &self,
        deliveries: Vec<Delivery>,
        position: Option<(&str, String)>,
        lease: Option<&Lease>,
    ) -> Result<Vec<Accepted>, AcceptError> {
        let position = position.map(|(source, value)| Position {
            tenant: self.tenant.clone(),
            channel: self.name.clone(),
            source: source.into(),
            value,
        });
        let accepted = self.intake.accept_all(deliveries, position, lease.cloned()).await?;
        self.count(&accepted);
        Ok(accepted)
    }

    fn count(&self, accepted: &[Accepted]) {
        let known = accepted.iter().filter(|one| one.known).count() as u64;
        self.health.counted(accepted.len() as u64 - known, known);
    }

    /// How far the channel had come with a source, as last committed.
    pub async fn position(&self, source: &str) -> Result<Option<String>, StoreError> {
        self.store.position(&self.tenant, &self.name, source).await
    }

    /// Takes or renews the lease on an exclusive resource of this channel (a mailbox folder). `None`: another instance holds it.
    pub async fn lease(&self, resource: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let name = format!("{}/{}/{resource}", self.tenant, self.name);
        self.store.lease(&name, self.instance, ttl).await
    }

    /// Gives a lease back early.
    pub async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.store.release_lease(lease).await
    }

    /// How many deliveries of this channel with keys that begin so are in the journal, in whatever state.
    pub async fn journal_count(&self, key_prefix: &str) -> Result<u64, StoreError> {
        self.store.journal_count(&self.tenant, &self.name, key_prefix).await
    }

    /// The keys of this channel's deliveries that begin so, from `from` on, in byte order, at most `limit`.
    pub async fn journal_keys(&self, key_prefix: &str, from: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        self.store.journal_keys(&self.tenant, &self.name, key_prefix, from, limit).await
    }

    /// The journal's entry for a key of this channel: its id and the SHA-256 of its payload.
    pub async fn find(&self, key: &str) -> Result<Option<(Uuid, [u8; 32])>, StoreError> {
        self.store.find_delivery(&self.tenant, &self.name, key).await
    }

    /// A delivery in the journal by its id, with its bytes.
    pub async fn stored(&self, id: Uuid) -> Result<Option<Delivery>, StoreError> {
        Ok(self.store.delivery(&self.tenant, id).await?.map(|(delivery, _)| delivery))
    }
}
