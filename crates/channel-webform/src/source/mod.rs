//! The HTTP side of forms: `GET /forms/{name}` shows the page, `POST /forms/{name}` takes what is posted.

mod answer;
mod body;
mod check;
mod cors;
mod key;
mod page;
mod problem;
mod rate;
mod submit;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use loket_core::channel::ChannelCx;
use loket_core::health::ChannelState;

use crate::config::FormConfig;
use crate::decode::{Limits, decode_query};
use body::{Means, Reception};
use page::{Pages, Shown};
use problem::Problem;
use rate::Rate;

/// One form that is served.
struct Form {
    config: FormConfig,
    cx: ChannelCx,
    rate: Rate,
}

impl Form {
    fn limits(&self) -> Limits {
        Limits { fields: self.config.max_fields, files: self.config.max_files }
    }
}

/// All of them.
struct Site {
    forms: BTreeMap<String, Form>,
    pages: Pages,
    reception: Reception,
}

/// The routes of these forms, `/forms/{name}`. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: without the
/// remote address there is none in the envelope, and no limit to the rate.
pub fn router(forms: Vec<(FormConfig, ChannelCx)>) -> Router {
    // Two of the largest posts must fit, or one could wait for ever.
    let largest = forms.iter().map(|(config, _)| config.max_payload >> 10).max().unwrap_or(0);
    let mut means = Means::default();
    means.large_kb = means.large_kb.max(usize::try_from(largest * 2).unwrap_or(means.large_kb));
    router_with(forms, means)
}

fn router_with(forms: Vec<(FormConfig, ChannelCx)>, means: Means) -> Router {
    let forms = forms
        .into_iter()
        .map(|(config, cx)| {
            cx.health().state(ChannelState::Up);
            (config.name.clone(), Form { rate: Rate::new(config.rate), config, cx })
        })
        .collect();
    let site = Site { forms, pages: Pages::new(), reception: Reception::new(means) };
    Router::new().route("/forms/{name}", any(serve)).with_state(Arc::new(site))
}

async fn serve(State(site): State<Arc<Site>>, name: Result<Path<String>, PathRejection>, request: Request) -> Response {
    // The answer lists no forms: which there are is nobody's business but the page's that links to one.
    let Some(form) = name.ok().and_then(|Path(name)| site.forms.get(&name)) else {
        return Problem::new(StatusCode::NOT_FOUND, "there is no such form").into_response();
    };
    let origin = cors::allowed(&form.config, request.headers());
    let mut response = match *request.method() {
        Method::GET | Method::HEAD => show(&site, form, request.uri().query().unwrap_or_default()),
        Method::POST => submit::submit(&site, form, request).await,
        Method::OPTIONS => cors::preflight(origin.is_some()),
        _ => {
            let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "a form takes GET and POST").into_response();
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(cors::METHODS));
            response
        }
    };
    cors::decorate(&form.config, origin, &mut response);
    response
}

/// The page, with values from the query where a link gives some.
fn show(site: &Site, form: &Form, query: &str) -> Response {
    let given = decode_query(query, form.limits());
    site.pages.form(&form.config, StatusCode::OK, &Shown { given: &given, faults: &[], token: None, notice: None })
}
