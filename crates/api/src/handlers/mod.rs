//! What each route does: ask the store for the key's tenant, and put the answer into its wire form.

pub(crate) mod cases;
pub(crate) mod channels;
pub(crate) mod deliveries;
pub(crate) mod messages;
pub(crate) mod orders;
pub(crate) mod outbound;
pub(crate) mod probes;
pub(crate) mod quarantine;
pub(crate) mod status;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;

/// A JSON answer.
fn json(value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| Problem::fault(format!("an answer cannot be written as JSON: {error}")))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
}

/// A JSON answer that has a next page.
fn json_page(value: &impl Serialize, next: Option<HeaderValue>) -> Result<Response, Problem> {
    let mut response = json(value)?;
    if let Some(next) = next {
        response.headers_mut().insert(header::LINK, next);
    }
    Ok(response)
}
