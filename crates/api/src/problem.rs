//! What went wrong, as `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use loket_core::store::StoreError;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Seconds after which it may be over, for what passes by itself.
const LATER: u64 = 5;

/// Why a request was refused or failed, in words for its sender. What is only for the log is kept apart.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    /// Members of this kind of problem: the parameter, the reasons.
    members: Map<String, Value>,
    challenge: Option<&'static str>,
    /// For the log alone.
    inner: Option<String>,
    from_store: bool,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), members: Map::new(), challenge: None, inner: None, from_store: false }
    }

    /// A request that cannot be understood.
    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// A query parameter that is not right.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self::bad(detail).with("parameter", name.into())
    }

    /// Something that is not there, or is another tenant's: both are answered alike.
    pub(crate) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// No key, or none that is good.
    pub(crate) fn unauthorized(detail: &str, presented: bool) -> Self {
        let challenge = if presented { "Bearer realm=\"loket\", error=\"invalid_token\"" } else { "Bearer realm=\"loket\"" };
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, detail) }
    }

    /// A key that may not do this.
    pub(crate) fn forbidden() -> Self {
        let challenge = Some("Bearer realm=\"loket\", error=\"insufficient_scope\", scope=\"write\"");
        Self { challenge, ..Self::new(StatusCode::FORBIDDEN, "this key may only read; make one with write access for this") }
    }

    /// Too much at once, or too slow.
    pub(crate) fn busy(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("{detail}; try again later"))
    }

    /// A fault of ours, explained in the log only.
    pub(crate) fn fault(inner: impl Into<String>) -> Self {
        let detail = "this failed by a fault on our side; the log says more under this request_id";
        Self { inner: Some(inner.into()), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail) }
    }

    /// With one more member.
    pub(crate) fn with(mut self, member: &str, value: Value) -> Self {
        self.members.insert(member.into(), value);
        self
    }

    /// Whether a call of the store failed.
    pub(crate) fn is_the_stores(&self) -> bool {
        self.from_store
    }

    /// What the log is to say besides.
    pub(crate) fn inner(&self) -> Option<&str> {
        self.inner.as_deref()
    }

    pub(crate) fn response(self, request: Uuid) -> Response {
        let mut body = Map::new();
        body.insert("type".into(), "about:blank".into());
        body.insert("title".into(), self.status.canonical_reason().unwrap_or("Error").into());
        body.insert("status".into(), self.status.as_u16().into());
        body.insert("detail".into(), self.detail.into());
        body.extend(self.members);
        body.insert("request_id".into(), request.to_string().into());
        let mut response = (self.status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(LATER));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let seen = if error.is_transient() { Self::busy("the store is not available") } else { Self::fault("") };
        Self { inner: Some(error.to_string()), from_store: true, ..seen }
    }
}
