//! Cross-origin requests: scripts of configured origins may send what needs asking for first (JSON, an `Idempotency-Key`) and
//! read the answer, and no others. A plain HTML form may post from anywhere: it carries nobody's rights.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::config::FormConfig;

/// What a form takes.
pub(super) const METHODS: &str = "GET, HEAD, POST, OPTIONS";

/// The request's origin, if it is configured.
pub(super) fn allowed(config: &FormConfig, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    config.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// The answer to a browser that asks before a script posts.
pub(super) fn preflight(allowed: bool) -> Response {
    let plain: &[(HeaderName, &str)] = &[(header::ALLOW, METHODS)];
    let open: &[(HeaderName, &str)] = &[
        (header::ALLOW, METHODS),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, idempotency-key"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    let mut response = StatusCode::NO_CONTENT.into_response();
    for (name, value) in if allowed { open } else { plain } {
        response.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
    }
    response
}

/// Says in an answer which origin may read it.
pub(super) fn decorate(config: &FormConfig, origin: Option<HeaderValue>, response: &mut Response) {
    if config.origins.is_empty() {
        return;
    }
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
}
