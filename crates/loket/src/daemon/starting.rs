//! The time until the store is there: the listener answers that it will be, and the store is tried again.

use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use loket_core::store::StoreError;

use super::Signals;
use crate::config::Config;
use crate::engine::{self, Engine};

const PROBLEM: &str =
    r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the daemon is starting and waits for its store"}"#;

/// Alive, not ready.
pub(crate) fn router() -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).fallback(|| async {
        let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::RETRY_AFTER, "5")];
        (StatusCode::SERVICE_UNAVAILABLE, headers, PROBLEM).into_response()
    })
}

/// Opens the store, waiting for one that is away, and starts intake and pipeline on it. `None`: told to stop meanwhile.
pub(crate) async fn engine(config: &Config, signals: &mut Signals) -> anyhow::Result<Option<Engine>> {
    let mut pause = Duration::from_millis(500);
    let store = loop {
        let error = match engine::open_store(config).await {
            Ok(store) => break store,
            Err(error) => error,
        };
        let passing = error.downcast_ref::<StoreError>().is_some_and(StoreError::is_transient);
        if !passing {
            return Err(error.context("cannot open the store"));
        }
        tracing::error!(retry_in = ?pause, "cannot open the store, trying again: {error:#}");
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(15)),
            () = signals.stop() => return Ok(None),
        }
    };
    match store.weak_points().await {
        Ok(weaknesses) => weaknesses.iter().for_each(|weakness| tracing::warn!("{weakness}")),
        Err(error) => tracing::warn!("cannot see how the database is set up: {error}"),
    }
    if store.kind() == "sqlite" {
        // The lock says that no other daemon is alive, so these are claims of one that is dead.
        let released = store.release_claims(None).await?;
        if released > 0 {
            tracing::info!("took over {released} deliveries that an earlier process was working on");
        }
    }
    Ok(Some(Engine::start(store, config)?))
}
