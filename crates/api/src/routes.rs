//! The one list of routes. The router is built from it, and a test holds `docs/openapi.json` against it.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use loket_core::keys::Access;

use crate::handlers::{cases, channels, deliveries, messages, orders, outbound, probes, quarantine, status};
use crate::problem::Problem;
use crate::serve::{self, Call};
use crate::state::{Api, ApiState};

/// What a handler comes to.
pub(crate) type Outcome = Result<Response, Problem>;
type Pending = Pin<Box<dyn Future<Output = Outcome> + Send>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Delete,
}

/// Who may come, and what is done for them.
#[derive(Clone, Copy)]
pub(crate) enum Serves {
    /// Anybody.
    Open(fn(Arc<Api>) -> Pending),
    /// Whoever has a key with this access.
    Keyed(Access, fn(Call) -> Pending),
}

pub(crate) struct Route {
    pub(crate) verb: Verb,
    pub(crate) path: &'static str,
    /// The query parameters that it knows; any other is refused.
    pub(crate) parameters: &'static [&'static str],
    pub(crate) takes_body: bool,
    pub(crate) serves: Serves,
}

const fn open(path: &'static str, handler: fn(Arc<Api>) -> Pending) -> Route {
    Route { verb: Verb::Get, path, parameters: &[], takes_body: false, serves: Serves::Open(handler) }
}

const fn read(path: &'static str, parameters: &'static [&'static str], handler: fn(Call) -> Pending) -> Route {
    Route { verb: Verb::Get, path, parameters, takes_body: false, serves: Serves::Keyed(Access::Read, handler) }
}

const fn write(path: &'static str, handler: fn(Call) -> Pending) -> Route {
    Route { verb: Verb::Post, path, parameters: &[], takes_body: false, serves: Serves::Keyed(Access::Write, handler) }
}

const fn taking_body(route: Route) -> Route {
    Route { takes_body: true, ..route }
}

const fn delete(path: &'static str, handler: fn(Call) -> Pending) -> Route {
    Route { verb: Verb::Delete, path, parameters: &[], takes_body: false, serves: Serves::Keyed(Access::Write, handler) }
}

pub(crate) static ROUTES: &[Route] = &[
    open("/healthz", |_| Box::pin(probes::alive())),
    open("/readyz", |api| Box::pin(probes::ready(api))),
    open("/metrics", |api| Box::pin(probes::metrics(api))),
    open("/openapi.json", |_| Box::pin(probes::openapi())),
    read("/v1/cases", cases::PARAMETERS, |call| Box::pin(cases::list(call))),
    read("/v1/cases/{number}", &[], |call| Box::pin(cases::one(call))),
    delete("/v1/cases/{number}", |call| Box::pin(cases::delete(call))),
    taking_body(write("/v1/cases/{number}/replies", |call| Box::pin(outbound::reply(call)))),
    read("/v1/cases/{number}/messages", &["limit", "after"], |call| Box::pin(cases::messages(call))),
    read("/v1/messages/{id}", &[], |call| Box::pin(messages::one(call))),
    read("/v1/messages/{id}/raw", &[], |call| Box::pin(messages::raw(call))),
    read("/v1/messages/{id}/attachments/{sha256}", &[], |call| Box::pin(messages::attachment(call))),
    read("/v1/deliveries/{id}", &[], |call| Box::pin(deliveries::one(call))),
    read("/v1/deliveries/{id}/raw", &[], |call| Box::pin(deliveries::raw(call))),
    read("/v1/orders", orders::PARAMETERS, |call| Box::pin(orders::list(call))),
    read("/v1/orders/{id}", &[], |call| Box::pin(orders::one(call))),
    read("/v1/orders/{id}/revisions", &[], |call| Box::pin(orders::revisions(call))),
    taking_body(write("/v1/orders/{id}/decision", |call| Box::pin(orders::decide(call)))),
    read("/v1/outbound", outbound::PARAMETERS, |call| Box::pin(outbound::list(call))),
    read("/v1/outbound/{id}", &[], |call| Box::pin(outbound::one(call))),
    write("/v1/outbound/{id}/retry", |call| Box::pin(outbound::retry(call))),
    read("/v1/channels", &[], |call| Box::pin(channels::list(call))),
    read("/v1/quarantine", &["limit", "cursor"], |call| Box::pin(quarantine::list(call))),
    read("/v1/quarantine/{id}", &[], |call| Box::pin(quarantine::one(call))),
    read("/v1/quarantine/{id}/raw", &[], |call| Box::pin(quarantine::raw(call))),
    write("/v1/quarantine/{id}/retry", |call| Box::pin(quarantine::retry(call))),
    write("/v1/quarantine/{id}/discard", |call| Box::pin(quarantine::discard(call))),
    read("/v1/status", &[], |call| Box::pin(status::status(call))),
];

/// The API's router. It sets the answers to unknown paths and wrong methods, so no other router that it is merged with may.
pub fn router(state: ApiState) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let filter = match route.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Delete => MethodFilter::DELETE,
        };
        let handler = move |State(api): State<Arc<Api>>, path: Result<Path<Vec<(String, String)>>, PathRejection>, request: Request| {
            serve::serve(api, route, path.map(|Path(path)| path).ok(), request)
        };
        router = router.route(route.path, on(filter, handler));
    }
    router.fallback(serve::unknown_path).method_not_allowed_fallback(serve::wrong_method).with_state(Arc::new(Api::new(state)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    /// Method and path, to the query parameters and the access that is needed.
    type Table = BTreeMap<(String, String), (Vec<String>, Value)>;

    fn in_the_code() -> Table {
        let route = |route: &Route| {
            let method = match route.verb {
                Verb::Get => "get",
                Verb::Post => "post",
                Verb::Delete => "delete",
            };
            let needed = match route.serves {
                Serves::Open(_) => json!([]),
                Serves::Keyed(Access::Read, _) => json!([{ "key": ["read"] }]),
                Serves::Keyed(Access::Write, _) => json!([{ "key": ["write"] }]),
            };
            let mut parameters: Vec<String> = route.parameters.iter().map(|name| format!("query {name}")).collect();
            parameters
                .extend(route.path.split('/').filter_map(|part| Some(format!("path {}", part.strip_prefix('{')?.strip_suffix('}')?))));
            parameters.sort();
            ((method.into(), route.path.into()), (parameters, needed))
        };
        ROUTES.iter().map(route).collect()
    }

    fn in_the_document() -> Table {
        let document: Value = serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap();
        let mut table = Table::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let parameter = |parameter: &Value| {
                    let parameter = document.pointer(parameter["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
                    format!("{} {}", parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap())
                };
                let mut parameters: Vec<String> = operation["parameters"].as_array().into_iter().flatten().map(parameter).collect();
                parameters.sort();
                table.insert((method.clone(), path.clone()), (parameters, operation["security"].clone()));
            }
        }
        table
    }

    #[test]
    fn the_document_and_the_router_have_the_same_routes() {
        assert_eq!(in_the_document(), in_the_code());
        assert_eq!(in_the_code().len(), ROUTES.len(), "a route is there twice");
    }
}
