//! The way of every request: its key, its parameters, its time limit, its line in the log.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use loket_core::delivery::Tenant;
use loket_core::keys::KeyRecord;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::auth;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::{Outcome, Route, Serves, Verb};
use crate::state::Api;

/// Bytes of a request's body; a client that announces more is told before it sends it.
const MOST_BODY: usize = 256 << 10;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One request of somebody with a key.
pub(crate) struct Call {
    pub(crate) api: Arc<Api>,
    pub(crate) key: KeyRecord,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    body: Bytes,
    path: Vec<(String, String)>,
}

impl Call {
    /// Whose data it is about.
    pub(crate) fn tenant(&self) -> &Tenant {
        &self.key.tenant
    }

    /// A part of the path, decoded.
    pub(crate) fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(part, _)| part == name).map_or("", |(_, value)| value)
    }

    /// The body, which is to be JSON of this shape.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| match self.body.is_empty() {
            true => Problem::bad("this path takes a body of JSON; none came"),
            false => Problem::bad(format!("the body is not the JSON that this path takes: {error}")),
        })
    }

    /// The id in the path.
    pub(crate) fn id(&self) -> Result<Uuid, Problem> {
        Uuid::try_parse(self.part("id")).map_err(|_| Problem::bad("the id in the path is no UUID, as ids are"))
    }
}

/// Serves one request on a known route. `path`: the decoded parts of the path, `None` when they are no text.
pub(crate) async fn serve(api: Arc<Api>, route: &'static Route, path: Option<Vec<(String, String)>>, request: Request) -> Response {
    let started = Instant::now();
    let mut key = None;
    let (parts, body) = request.into_parts();
    let method = parts.method.clone();
    let outcome = match route.serves {
        Serves::Open(handler) => handler(Arc::clone(&api)).await,
        Serves::Keyed(access, handler) => {
            let work = async {
                let record = auth::caller(api.store(), &parts.headers).await?;
                let record = key.insert(record).clone();
                auth::allow(&record, access)?;
                let query = Query::parse(&parts.uri, route.parameters)?;
                let path = path.ok_or_else(|| Problem::bad("the path is not UTF-8 when its percent signs are decoded"))?;
                let body = if route.takes_body { received(body).await? } else { Bytes::new() };
                handler(Call { api: Arc::clone(&api), key: record, query, headers: parts.headers.clone(), body, path }).await
            };
            in_turn(&api, &parts.headers, route, work).await
        }
    };
    if outcome.as_ref().is_err_and(|problem| problem.is_the_stores()) {
        api.given.metrics.store_errors.inc();
    }
    answer(outcome, &Visit { method: &method, route: route.path, key: key.as_ref(), started })
}

/// Does a request's work when it is its turn, within its time limit.
async fn in_turn(api: &Api, headers: &HeaderMap, route: &Route, work: impl Future<Output = Outcome>) -> Outcome {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MOST_BODY) {
        return Err(too_large(route.takes_body));
    }
    let limits = &api.given.limits;
    let Ok(Ok(_place)) = tokio::time::timeout(limits.turn, api.places.acquire()).await else {
        return Err(Problem::busy("too many requests are under way"));
    };
    tokio::time::timeout(limits.request, work).await.unwrap_or_else(|_| {
        Err(Problem::busy(match route.verb {
            Verb::Get => "the answer took too long",
            Verb::Post | Verb::Delete => "the answer took too long; it may have been done all the same, so look before you ask again",
        }))
    })
}

fn too_large(takes_body: bool) -> Problem {
    let detail = if takes_body { format!("a body has at most {MOST_BODY} bytes") } else { "this path takes no body".into() };
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

/// The whole body, if it is not too large.
async fn received(body: Body) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, MOST_BODY).await.map_err(|error| {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(one) = cause {
            if one.to_string().contains("length limit") {
                return too_large(true);
            }
            cause = one.source();
        }
        Problem::bad("the body did not come whole")
    })
}

/// The answer to a path that is not ours.
pub(crate) async fn unknown_path(method: Method) -> Response {
    let outcome = Err(Problem::missing("there is no such path; /openapi.json lists those that there are"));
    answer(outcome, &Visit { method: &method, route: "-", key: None, started: Instant::now() })
}

/// The answer to a method that a path does not take; the router adds `Allow`.
pub(crate) async fn wrong_method(method: Method) -> Response {
    let outcome =
        Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method; `Allow` names those that it takes"));
    answer(outcome, &Visit { method: &method, route: "-", key: None, started: Instant::now() })
}

/// What the log tells of a request. The route's template and never the path or the query: these can hold a customer's address.
struct Visit<'a> {
    method: &'a Method,
    route: &'static str,
    key: Option<&'a KeyRecord>,
    started: Instant,
}

/// The response, with what all responses have, and its line in the log.
fn answer(outcome: Outcome, visit: &Visit<'_>) -> Response {
    let id = Uuid::now_v7();
    let mut response = outcome.unwrap_or_else(|problem| {
        if let Some(inner) = problem.inner() {
            tracing::error!(request = %id, route = visit.route, "a request failed: {inner}");
        }
        problem.response(id)
    });
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let status = response.status().as_u16();
    let micros = u64::try_from(visit.started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let Visit { method, route, .. } = visit;
    match visit.key {
        Some(key) => tracing::info!(request = %id, key = key.name, tenant = %key.tenant, %method, route, status, micros, "access"),
        None => tracing::debug!(request = %id, %method, route, status, micros, "access without a key"),
    }
    response
}
