//! What went wrong, as `application/problem+json` (RFC 9457).

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// Why a request was refused, in words for its sender. Never repeats an inner error: those go to the log.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    detail: String,
    /// Fields and what is wrong with each.
    errors: Vec<(String, String)>,
    retry_after: Option<Duration>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// One that passes by itself.
    pub(super) fn later(status: StatusCode, detail: impl Into<String>, after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(status, detail) }
    }

    /// One that lies in the fields.
    pub(super) fn fields(errors: Vec<(String, String)>) -> Self {
        let detail = match errors.as_slice() {
            [(field, message)] => format!("`{field}` {message}"),
            _ => format!("{} fields are not right", errors.len()),
        };
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// The seconds after which it may be over.
    pub(super) fn retry_after(&self) -> Option<HeaderValue> {
        self.retry_after.map(|after| HeaderValue::from(after.as_millis().div_ceil(1000).clamp(1, 3600) as u64))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let retry_after = self.retry_after();
        let mut body = Map::new();
        body.insert("type".into(), "about:blank".into());
        body.insert("title".into(), self.status.canonical_reason().unwrap_or("Error").into());
        body.insert("status".into(), self.status.as_u16().into());
        body.insert("detail".into(), self.detail.into());
        if !self.errors.is_empty() {
            let errors = self.errors.into_iter().map(|(field, message)| json!({ "field": field, "message": message }));
            body.insert("errors".into(), errors.collect::<Vec<_>>().into());
        }
        let mut response = (self.status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
