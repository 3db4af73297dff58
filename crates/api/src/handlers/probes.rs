//! What needs no key: `/healthz`, `/readyz`, `/metrics` for the machines around, and `/openapi.json`.

use std::sync::{Arc, PoisonError};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use loket_core::health::ChannelState;
use loket_core::store::StoreError;

use super::json;
use crate::problem::Problem;
use crate::routes::Outcome;
use crate::state::Api;
use crate::wire::{Alive, Failing, Ready};

const OPENAPI: &str = include_str!("../../../../docs/openapi.json");
/// The format that [`loket_core::metrics::Metrics::render`] writes.
const OPENMETRICS: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The process is alive: nothing else is looked at, so that nobody restarts it because the store is away.
pub(crate) async fn alive() -> Outcome {
    json(&Alive { status: "alive" })
}

/// Whether requests should come here: the store answers and the daemon is not stopping. A channel that fails makes it no less
/// ready (the others work, and a restart would mend nothing), but is named.
pub(crate) async fn ready(api: Arc<Api>) -> Outcome {
    let mut reasons = Vec::new();
    if api.given.stop.is_cancelled() {
        reasons.push("the daemon is stopping");
    }
    match tokio::time::timeout(api.given.limits.probe, api.store().ping()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!("not ready: {error}");
            reasons.push("the store does not answer");
        }
        Err(_) => reasons.push("the store does not answer in time"),
    }
    if !reasons.is_empty() {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}", reasons.join(", ")));
        return Err(problem.with("reasons", reasons.into()));
    }
    let failing = api.given.health.all().into_iter().filter(|status| matches!(status.state, ChannelState::Retrying | ChannelState::Failed));
    json(&Ready { status: "ready", failing: failing.map(|status| Failing { channel: status.channel, state: status.state }).collect() })
}

/// The figures. They come without a store too, the backlog then as it last was: this is when they are needed most.
pub(crate) async fn metrics(api: Arc<Api>) -> Outcome {
    let counts = async { Ok::<_, StoreError>((api.store().backlog().await?, api.store().outbound_counts().await?)) };
    let (backlog, outbound) = match tokio::time::timeout(api.given.limits.probe, counts).await {
        Ok(Ok((backlog, outbound))) => (Some(backlog), Some(outbound)),
        Ok(Err(_)) | Err(_) => {
            api.given.metrics.store_errors.inc();
            (None, None)
        }
    };
    let text = {
        let _turn = api.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        api.given.metrics.render(backlog.as_ref(), outbound.as_ref(), &api.given.health.all())
    };
    if text.is_empty() {
        return Err(Problem::fault("the figures cannot be written"));
    }
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

/// This API, described.
pub(crate) async fn openapi() -> Outcome {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, OPENAPI).into_response())
}
