//! Answers: pages for browsers, JSON for everything else.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use super::check::Fault;
use super::page::Shown;
use super::problem::Problem;
use super::words::words;
use super::{Form, Site};
use crate::decode::Field;

/// Why a post was refused, and what was filled in as far as it was read: a page shows it again.
#[derive(Debug)]
pub(super) struct Refusal {
    problem: Problem,
    filled: Option<Filled>,
}

#[derive(Debug)]
struct Filled {
    given: Vec<Field>,
    faults: Vec<(String, Fault)>,
    token: Option<String>,
}

impl Refusal {
    /// Fields are not right.
    pub(super) fn faults(form: &Form, given: Vec<Field>, faults: Vec<(String, Fault)>, token: Option<String>) -> Self {
        let words = words(form.config.language);
        let problem = Problem::fields(faults.iter().map(|(field, fault)| (field.clone(), words.fault(*fault))).collect());
        Self { problem, filled: Some(Filled { given, faults, token }) }
    }

    /// The fields are right, but it cannot be taken now.
    pub(super) fn later(problem: Problem, given: Vec<Field>, token: Option<String>) -> Self {
        Self { problem, filled: Some(Filled { given, faults: Vec::new(), token }) }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, filled: None }
    }
}

/// Whether a page is wanted: a browser that goes somewhere says so, and a script does not.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let script = headers.get("sec-fetch-mode").is_some_and(|mode| mode != "navigate") || headers.contains_key("x-requested-with");
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    let page = quality(&accept, &["text/html", "application/xhtml+xml"]);
    !script && page > 0.0 && page >= quality(&accept, &["application/json", "application/problem+json"])
}

/// How much one of these types is wanted, 0 to 1. Types that stand for many do not count.
fn quality(accept: &str, wanted: &[&str]) -> f32 {
    let mut best = 0.0_f32;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        if wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(media_type)) {
            let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            best = best.max(quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0)));
        }
    }
    best
}

/// The answer to a post that is in the journal now.
pub(super) fn accepted(site: &Site, form: &Form, page: bool, id: Uuid) -> Response {
    match &form.config.redirect {
        Some(redirect) if page => match HeaderValue::from_str(redirect) {
            Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
            Err(_) => site.pages.thanks(&form.config, id),
        },
        None if page => site.pages.thanks(&form.config, id),
        _ => {
            let body = json!({ "status": "accepted", "reference": id, "delivery": id }).to_string();
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ];
            (StatusCode::ACCEPTED, headers, body).into_response()
        }
    }
}

/// The answer to a post that was not taken.
pub(super) fn refused(site: &Site, form: &Form, page: bool, refusal: Refusal) -> Response {
    let Refusal { problem, filled } = refusal;
    if !page {
        return problem.into_response();
    }
    let (status, retry_after) = (problem.status, problem.retry_after());
    let mut response = match filled {
        Some(Filled { given, faults, token }) => {
            let notice = faults.is_empty().then(|| words(form.config.language).notice(status));
            site.pages.form(&form.config, status, &Shown { given: &given, faults: &faults, token: token.as_deref(), notice })
        }
        None => site.pages.refused(&form.config, status),
    };
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_pages_and_programs_get_json() {
        let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, more, page) in [
            (Some(firefox), None, true),
            (Some(firefox), Some(("sec-fetch-mode", "navigate")), true),
            (Some(firefox), Some(("sec-fetch-mode", "cors")), false),
            (Some(firefox), Some(("x-requested-with", "XMLHttpRequest")), false),
            (Some("TEXT/HTML; q=0.3"), None, true),
            (Some("text/html, application/json"), None, true),
            (Some("text/html;q=0.5, application/json"), None, false),
            (Some("application/json, text/plain, */*"), None, false),
            (Some("text/html;q=0"), None, false),
            (Some("text/html;q=much"), None, false),
            (Some("*/*"), None, false),
            (Some("text/*"), None, false),
            (Some(""), None, false),
            (None, None, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(accept.map(|accept| (header::ACCEPT, HeaderValue::from_static(accept))));
            headers.extend(more.map(|(name, value)| (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value))));
            assert_eq!(wants_page(&headers), page, "{accept:?} {more:?}");
        }
    }
}
