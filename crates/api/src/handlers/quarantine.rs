//! `/v1/quarantine`: what could not be read, and what is done with it.

use axum::http::StatusCode;
use loket_core::store::{JournalState, Resolution};

use super::{json, json_page};
use crate::paging::{List, Paging};
use crate::problem::Problem;
use crate::routes::Outcome;
use crate::serve::Call;
use crate::state::Loaded;
use crate::wire;

pub(crate) async fn list(call: Call) -> Outcome {
    let paging = Paging::of(&call.query, List::Quarantine)?;
    let mut entries = call.api.store().journal_entries(call.tenant(), Some(JournalState::Quarantined), &paging.page()).await?;
    let next = paging.cut(&mut entries, |last| (last.received_at, last.id));
    let link = next.as_deref().and_then(|next| call.query.link("/v1/quarantine", "cursor", next));
    json_page(&wire::Quarantine { deliveries: entries.into_iter().map(wire::Delivery::from).collect(), next }, link)
}

pub(crate) async fn one(call: Call) -> Outcome {
    json(&wire::Delivery::from(quarantined(&call).await?.entry))
}

pub(crate) async fn raw(call: Call) -> Outcome {
    Ok(super::deliveries::bytes(quarantined(&call).await?))
}

pub(crate) async fn retry(call: Call) -> Outcome {
    let answer = resolve(&call, Resolution::Retry, JournalState::Pending).await?;
    call.api.given.wake.notify_one();
    json(&answer)
}

pub(crate) async fn discard(call: Call) -> Outcome {
    json(&resolve(&call, Resolution::Discard, JournalState::Discarded).await?)
}

async fn quarantined(call: &Call) -> Result<Loaded, Problem> {
    let loaded = call.api.load(call.tenant(), call.id()?).await?;
    if loaded.entry.state == JournalState::Quarantined { Ok(loaded) } else { Err(elsewhere(StatusCode::NOT_FOUND, &loaded)) }
}

async fn resolve(call: &Call, resolution: Resolution, state: JournalState) -> Result<wire::Resolved, Problem> {
    let id = call.id()?;
    if call.api.store().resolve_quarantine(call.tenant(), id, resolution, &call.key.name).await? {
        return Ok(wire::Resolved { id, state });
    }
    let loaded = call.api.load(call.tenant(), id).await?;
    Err(elsewhere(StatusCode::CONFLICT, &loaded))
}

/// The problem with a delivery that is there, but not in quarantine.
fn elsewhere(status: StatusCode, loaded: &Loaded) -> Problem {
    let state = match loaded.entry.state {
        JournalState::Pending => "pending",
        JournalState::Filed => "filed",
        JournalState::Quarantined => "quarantined again",
        JournalState::Discarded => "discarded",
        JournalState::Erased => "deleted with its case",
    };
    Problem::new(status, format!("this delivery is not in quarantine: it is {state}; see /v1/deliveries/{}", loaded.entry.id))
}
