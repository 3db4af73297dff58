//! The pages of a form: to fill in, to be thanked, to hear what went wrong. They have no script at all.
//!
//! Everything that comes from outside goes through the templates' escaping; the policy that is sent along would stop a browser
//! from running anything even if some of it got through.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::check::Fault;
use super::problem::Problem;
use super::words::{Words, words};
use crate::config::{FieldConfig, FieldKind, FormConfig, HONEYPOT, TOKEN, Target};
use crate::decode::{Field, Value};
use crate::value::is_checked;

const STYLE: &str = include_str!("../../templates/style.css");
const TEMPLATES: [(&str, &str); 4] = [
    ("page.html", include_str!("../../templates/page.html")),
    ("form.html", include_str!("../../templates/form.html")),
    ("thanks.html", include_str!("../../templates/thanks.html")),
    ("refused.html", include_str!("../../templates/refused.html")),
];
/// A page repeats so much text of the one who filled it in. Escaped it can be six times as long; nobody types this much.
const REPEATED: usize = 1 << 20;

/// What a form's page shows in its fields.
pub(super) struct Shown<'a> {
    /// What was filled in before.
    pub(super) given: &'a [Field],
    /// What is wrong with it.
    pub(super) faults: &'a [(String, Fault)],
    /// The token that it was sent with; a new one where there was none.
    pub(super) token: Option<&'a str>,
    /// Why it could not be taken although nothing is wrong with it.
    pub(super) notice: Option<&'static str>,
}

/// The templates.
pub(super) struct Pages {
    environment: Environment<'static>,
    /// The hash by which the policy knows our style, `'sha256-…'`.
    style_hash: String,
}

impl Pages {
    pub(super) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_global("style", minijinja::Value::from_safe_string(STYLE.into()));
        for (name, source) in TEMPLATES {
            if let Err(error) = environment.add_template(name, source) {
                tracing::error!("the page {name} cannot be used: {error}");
            }
        }
        Self { environment, style_hash: format!("'sha256-{}'", BASE64.encode(Sha256::digest(STYLE))) }
    }

    /// The form itself.
    pub(super) fn form(&self, config: &FormConfig, status: StatusCode, shown: &Shown<'_>) -> Response {
        let words = words(config.language);
        let fields = field_views(config, words, shown);
        let token = shown.token.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned);
        let view = FormView {
            lang: config.language.code(),
            words,
            title: config.title.as_deref().unwrap_or(words.title),
            intro: config.intro.as_deref(),
            action: &config.name,
            failed: !shown.faults.is_empty() || shown.notice.is_some(),
            notice: shown.notice,
            any_faults: fields.iter().any(|field| field.fault.is_some()),
            any_required: fields.iter().any(|field| field.required),
            files_lost: shown.given.iter().any(|field| matches!(field.value, Value::File(_))),
            multipart: config.fields.iter().any(|field| field.kind == FieldKind::File),
            fields,
            token_name: TOKEN,
            token,
            honeypot: HONEYPOT,
        };
        // A page that was sent back is of no use to a cache; a fresh one may come back with the browser's "back", and what was
        // typed with it.
        let caching = if status == StatusCode::OK { "private, no-cache" } else { "no-store" };
        self.render("form.html", config, status, caching, &view)
    }

    /// After a post was accepted.
    pub(super) fn thanks(&self, config: &FormConfig, reference: Uuid) -> Response {
        let view = NoticeView { reference: Some(reference.to_string()), ..NoticeView::new(config) };
        self.render("thanks.html", config, StatusCode::ACCEPTED, "no-store", &view)
    }

    /// After a post was refused before its fields were known.
    pub(super) fn refused(&self, config: &FormConfig, status: StatusCode) -> Response {
        let view = NoticeView { notice: Some(words(config.language).notice(status)), ..NoticeView::new(config) };
        self.render("refused.html", config, status, "no-store", &view)
    }

    fn render(&self, template: &str, config: &FormConfig, status: StatusCode, caching: &'static str, view: &impl Serialize) -> Response {
        let html = self.environment.get_template(template).and_then(|template| template.render(minijinja::value::Serde(view)));
        let (Ok(html), Ok(policy)) = (&html, HeaderValue::from_str(&self.policy(config))) else {
            tracing::error!(form = config.name, "the page {template} could not be made: {:?}", html.err());
            return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made").into_response();
        };
        let headers: [(HeaderName, HeaderValue); 5] = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, policy),
            (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        ];
        (status, headers, html.clone()).into_response()
    }

    /// What a browser may do with a page: use our style, send the form here, go on to the thank-you page. Sites whose scripts may
    /// post may also show it in a frame.
    fn policy(&self, config: &FormConfig) -> String {
        let onward = config.redirect.as_deref().and_then(origin).map(|origin| format!(" {origin}")).unwrap_or_default();
        let frames = config.origins.iter().fold(String::new(), |frames, origin| frames + " " + origin);
        format!(
            "default-src 'none'; style-src {}; form-action 'self'{onward}; base-uri 'none'; frame-ancestors 'self'{frames}",
            self.style_hash
        )
    }
}

/// Scheme and host of a URL that has them.
fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url.get(host..)?.find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    url.get(..end)
}

#[derive(Serialize)]
struct FormView<'a> {
    lang: &'static str,
    words: &'static Words,
    title: &'a str,
    intro: Option<&'a str>,
    /// Relative, so that it also holds behind a proxy that serves us under another path.
    action: &'a str,
    failed: bool,
    notice: Option<&'static str>,
    any_faults: bool,
    any_required: bool,
    files_lost: bool,
    multipart: bool,
    fields: Vec<FieldView<'a>>,
    token_name: &'static str,
    token: String,
    honeypot: &'static str,
}

#[derive(Serialize)]
struct FieldView<'a> {
    id: String,
    name: &'a str,
    label: &'a str,
    kind: &'static str,
    /// The `type` of its input.
    input: &'static str,
    required: bool,
    max_length: Option<usize>,
    autocomplete: Option<&'static str>,
    choices: &'a [String],
    value: &'a str,
    checked: bool,
    fault: Option<String>,
}

#[derive(Serialize)]
struct NoticeView<'a> {
    lang: &'static str,
    words: &'static Words,
    action: &'a str,
    reference: Option<String>,
    notice: Option<&'static str>,
}

impl<'a> NoticeView<'a> {
    fn new(config: &'a FormConfig) -> Self {
        Self { lang: config.language.code(), words: words(config.language), action: &config.name, reference: None, notice: None }
    }
}

fn field_views<'a>(config: &'a FormConfig, words: &'static Words, shown: &Shown<'a>) -> Vec<FieldView<'a>> {
    let mut left = REPEATED;
    let mut views = Vec::with_capacity(config.fields.len());
    for (index, field) in config.fields.iter().enumerate() {
        let given = shown.given.iter().filter(|given| given.name == field.name).find_map(Field::text);
        let given = given.filter(|text| text.len() <= left).unwrap_or_default();
        left -= given.len();
        let fault = shown.faults.iter().find(|(name, _)| *name == field.name);
        views.push(FieldView {
            id: format!("f{}", index + 1),
            name: &field.name,
            label: words.label(field),
            kind: field.kind.name(),
            input: input_type(field.kind),
            required: field.required,
            max_length: field
                .max_length
                .filter(|_| matches!(field.kind, FieldKind::Text | FieldKind::Textarea | FieldKind::Email | FieldKind::Phone)),
            autocomplete: autocomplete(field),
            choices: &field.choices,
            value: if field.kind == FieldKind::Choice { given.trim() } else { given },
            checked: is_checked(given),
            fault: fault.map(|(_, fault)| words.fault(*fault)),
        });
    }
    views
}

/// Numbers stay texts: a browser's number field takes either a comma or a point and drops what it does not understand.
fn input_type(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Email => "email",
        FieldKind::Phone => "tel",
        FieldKind::Date => "date",
        _ => "text",
    }
}

/// What a browser may fill in by itself (WCAG 2.2, 1.3.5).
fn autocomplete(field: &FieldConfig) -> Option<&'static str> {
    match field.to {
        _ if matches!(field.kind, FieldKind::Choice | FieldKind::Checkbox | FieldKind::File | FieldKind::Hidden) => None,
        Target::Name => Some("name"),
        Target::Email => Some("email"),
        Target::Phone => Some("tel"),
        Target::Company => Some("organization"),
        Target::Account | Target::Subject | Target::Text | Target::Extra => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_sound() {
        assert_eq!(Pages::new().environment.templates().count(), TEMPLATES.len());
        assert!(!STYLE.contains('\r') && !STYLE.contains("</"), "the style must hash as a browser sees it");
    }

    #[test]
    fn origins_of_redirects() {
        assert_eq!(origin("https://www.example.nl/thanks"), Some("https://www.example.nl"));
        assert_eq!(origin("http://localhost:8080"), Some("http://localhost:8080"));
        assert_eq!(origin("https://x.example?a=https://y.example"), Some("https://x.example"));
        assert_eq!(origin("/thanks"), None);
    }
}
