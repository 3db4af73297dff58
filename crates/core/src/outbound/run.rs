//! The loop that sends: claims, prepares, sends, records.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Outbound, OutboundEnd, Prepared, Sender, Undone};
use crate::channel::{ChannelCx, ChannelError};
use crate::delivery::{Delivery, Tenant};
use crate::store::{CaseRecord, MessageRecord, Store, StoreError};
use crate::time::Timestamp;

/// How long a stop waits for what is being sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a sender's queue is worked off.
#[derive(Clone, Copy, Debug)]
pub struct OutboundSettings {
    /// How many are sent at a time.
    pub at_once: usize,
    /// How long one attempt may take; a claim lasts a little longer.
    pub timeout: Duration,
    /// The pause after the first attempt that failed; it doubles with each.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// From when on a failing one is given up.
    pub give_up: Duration,
    /// How often the queue is looked at when nobody wakes us.
    pub poll: Duration,
}

impl Default for OutboundSettings {
    fn default() -> Self {
        Self {
            at_once: 4,
            timeout: Duration::from_secs(120),
            first_pause: Duration::from_secs(60),
            longest_pause: Duration::from_secs(3_600),
            give_up: Duration::from_secs(4 * 86_400),
            poll: Duration::from_secs(2),
        }
    }
}

/// What a sender can look up while it prepares.
#[derive(Clone)]
pub struct SenderCx {
    store: Arc<dyn Store>,
}

impl SenderCx {
    /// The message that something answers.
    pub async fn message(&self, tenant: &Tenant, id: Uuid) -> Result<Option<MessageRecord>, Undone> {
        self.store.message(tenant, id).await.map_err(later)
    }

    /// The case that something belongs to.
    pub async fn case(&self, item: &Outbound) -> Result<Option<CaseRecord>, Undone> {
        let Some(number) = item.case else { return Ok(None) };
        self.store.case(&item.tenant, number).await.map_err(later)
    }

    /// A delivery with its bytes.
    pub async fn delivery(&self, tenant: &Tenant, id: Uuid) -> Result<Option<Delivery>, Undone> {
        Ok(self.store.delivery(tenant, id).await.map_err(later)?.map(|(delivery, _)| delivery))
    }

    /// How many of a kind this sender's tenant has prepared for an address since then, sent or not; this one not counted.
    pub async fn recently(&self, item: &Outbound, address: &str, since: Timestamp) -> Result<u64, Undone> {
        self.store.outbound_recently(&item.tenant, item.kind, address, since).await.map_err(later)
    }

    /// The mark in a signed reply address: who writes to an address with it belongs to the case.
    pub fn reply_mark(&self, item: &Outbound) -> Option<String> {
        item.case.map(|number| self.store.reply_mark(&item.tenant, number))
    }

    /// A number that this tenant never gave out before under this name, from 1 (interchange control numbers).
    pub async fn next_number(&self, tenant: &Tenant, name: &str) -> Result<u64, Undone> {
        self.store.next_number(tenant, name).await.map_err(later)
    }
}

fn later(error: StoreError) -> Undone {
    Undone::Later(format!("the store: {error}"))
}

/// Sends what is there for the channel of this context, until it is told to stop. Any number of instances may do so at once.
pub async fn run(cx: &ChannelCx, sender: &dyn Sender, settings: &OutboundSettings) -> Result<(), ChannelError> {
    let store = cx.store();
    let with = SenderCx { store: Arc::clone(store) };
    let mut failing: Option<String> = None;
    loop {
        let woken = cx.outbound_wake();
        let until = Timestamp::now().plus(settings.timeout * 2 + Duration::from_secs(30));
        let limit = u32::try_from(settings.at_once).unwrap_or(1);
        let claimed = if cx.stop().is_cancelled() {
            return Ok(());
        } else {
            store.claim_outbound(cx.tenant(), cx.name(), cx.instance(), until, limit).await?
        };
        let idle = claimed.is_empty();
        let ends = stream::iter(claimed).map(|item| one(cx, sender, &with, settings, item)).buffer_unordered(settings.at_once.max(1));
        let ends: Vec<Result<Option<String>, StoreError>> = tokio::select! {
            ends = ends.collect() => ends,
            // What is cut off here is claimed again when its claim has run out.
            () = hurry(cx.stop()) => return Ok(()),
        };
        for end in ends {
            failing = end?;
        }
        match failing.take() {
            Some(error) => cx.health().error(error),
            None => cx.health().success(),
        }
        if idle {
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(settings.poll) => {}
                () = cx.stop().cancelled() => return Ok(()),
            }
        }
    }
}

/// Resolves a little after the stop: what is under way may end in time.
async fn hurry(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(PATIENCE).await;
}

/// Sends one. `Ok` with what it failed on, for the channel's health; an error when the end could not be written: then the claim
/// runs out by itself.
async fn one(
    cx: &ChannelCx,
    sender: &dyn Sender,
    with: &SenderCx,
    settings: &OutboundSettings,
    item: Outbound,
) -> Result<Option<String>, StoreError> {
    let done = tokio::time::timeout(settings.timeout, attempt(cx, sender, with, &item)).await;
    let done = done.unwrap_or_else(|_| Err(Undone::Later(format!("not done within {} seconds", settings.timeout.as_secs()))));
    let (end, failing) = match done {
        Ok(said) => (OutboundEnd::Sent(said), None),
        Err(Undone::Withhold(why)) => (OutboundEnd::Withheld(why), None),
        Err(Undone::Never(why)) => (OutboundEnd::Failed(why), None),
        Err(Undone::Later(why)) => {
            let now = Timestamp::now();
            let doubled = 1_u32.checked_shl(item.attempts.saturating_sub(1)).unwrap_or(u32::MAX);
            let pause = settings.first_pause.saturating_mul(doubled).min(settings.longest_pause);
            if now.plus(pause).since(item.created_at) > settings.give_up {
                (OutboundEnd::Failed(format!("given up after {} attempts: {why}", item.attempts)), Some(why))
            } else {
                (OutboundEnd::Retry(now.plus(pause), why.clone()), Some(why))
            }
        }
    };
    match &end {
        OutboundEnd::Sent(said) => tracing::info!(outbound = %item.id, kind = item.kind.name(), case = ?item.case, "sent: {said}"),
        OutboundEnd::Withheld(why) => tracing::info!(outbound = %item.id, kind = item.kind.name(), case = ?item.case, "withheld: {why}"),
        OutboundEnd::Retry(_, why) => {
            tracing::warn!(outbound = %item.id, kind = item.kind.name(), case = ?item.case, "not sent yet: {why}")
        }
        OutboundEnd::Failed(why) => tracing::error!(outbound = %item.id, kind = item.kind.name(), case = ?item.case, "not sent: {why}"),
    }
    with.store.end_outbound(cx.instance(), &item, &end).await?;
    Ok(failing)
}

async fn attempt(cx: &ChannelCx, sender: &dyn Sender, with: &SenderCx, item: &Outbound) -> Result<String, Undone> {
    let prepared: Prepared = match &item.prepared {
        Some(prepared) => prepared.clone(),
        None => {
            let prepared = sender.prepare(item, with).await?;
            let ours = with.store.keep_prepared(cx.instance(), item, &prepared).await.map_err(later)?;
            if !ours {
                return Err(Undone::Later("its claim ran out while it was made".into()));
            }
            prepared
        }
    };
    sender.send(item, &prepared).await
}
