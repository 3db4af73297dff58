//! `POST /forms/{name}`: receive, decode, check, hand over, and only then say that it was accepted.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use loket_core::intake::AcceptError;
use uuid::Uuid;

use super::answer::{self, Refusal};
use super::body::{NotReceived, Received, discard_body};
use super::check::check;
use super::key::{content_digest, delivery_key, idempotency_key, token};
use super::problem::Problem;
use super::words::words;
use super::{Form, Site};
use crate::decode::{self, DecodeError, Field, Limits, decode, honeypot_filled};
use crate::digest::{hex, sha256_hex};
use crate::envelope::{Slip, SlipField};

/// When to come back after a refusal that passes by itself.
const LATER: Duration = Duration::from_secs(10);
/// How long a post waits for its commit: longer than a store takes to say that it is down.
const COMMIT: Duration = Duration::from_secs(30);
/// Larger bodies are decoded off the threads that serve others.
const LARGE: usize = 256 << 10;
/// Of a header that is kept, so many characters.
const HEADER_CHARS: usize = 500;

/// Takes one post and answers it.
pub(super) async fn submit(site: &Site, form: &Form, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let page = answer::wants_page(&head.headers);
    match take(site, form, &head, body).await {
        Ok(id) => {
            form.cx.health().success();
            answer::accepted(site, form, page, id)
        }
        Err(refusal) => answer::refused(site, form, page, refusal),
    }
}

/// What the head of a request says, where it says what we can work with.
struct Asked {
    content_type: String,
    idempotency_key: Option<String>,
    address: Option<IpAddr>,
}

async fn take(site: &Site, form: &Form, head: &Parts, body: Body) -> Result<Uuid, Refusal> {
    let asked = match asked(form, head) {
        Ok(asked) => asked,
        Err(problem) => {
            // Who waits to be told to go on hears the answer before sending anything.
            if !head.headers.contains_key(header::EXPECT) {
                discard_body(body).await;
            }
            return Err(problem.into());
        }
    };
    // The room stays taken until the bytes are durable.
    let Received { bytes, room: _room } = receive(site, form, head, body).await?;
    let (given, content) = decoded(&asked.content_type, &bytes, form.limits()).await?;
    let checked = check(&form.config, &given);
    let token = token(&given).map(str::to_owned);
    if !checked.faults.is_empty() {
        return Err(Refusal::faults(form, given, checked.faults, token));
    }
    let now = Instant::now();
    if let Err(wait) = form.rate.take(asked.address, now) {
        return Err(Refusal::later(too_often(wait), given, token));
    }
    let key = delivery_key(asked.idempotency_key.as_deref(), token.as_deref(), &content);
    let slip = slip(form, head, &asked, &given, checked.stand_in, content.clone());
    let delivery = form.cx.delivery(key.as_str(), &asked.content_type, slip.into_envelope(), bytes.clone());
    let accepted = match tokio::time::timeout(COMMIT, form.cx.accept(delivery)).await {
        Ok(accepted) => accepted.map_err(|error| not_accepted(form, &error)),
        Err(_) => Err(not_accepted(form, &AcceptError::Store("no commit within 30 seconds".into()))),
    };
    let accepted = accepted.map_err(|problem| {
        form.rate.give_back(asked.address, now);
        Refusal::later(problem, given, token)
    })?;
    if accepted.known {
        form.rate.give_back(asked.address, now);
        let repeated = Repeated { key: &key, id: accepted.id, bytes: &bytes, content: &content };
        if asked.idempotency_key.is_some() && !repeated.is_the_same(site, form).await? {
            let detail = "this Idempotency-Key came with another content before; a new submission needs a new key";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).into());
        }
    }
    Ok(accepted.id)
}

/// Whatever can be refused before the body is read.
fn asked(form: &Form, head: &Parts) -> Result<Asked, Problem> {
    if form.cx.stop().is_cancelled() {
        return Err(Problem::later(StatusCode::SERVICE_UNAVAILABLE, "the form is closing for a moment", LATER));
    }
    let encoded = head.headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the form without a Content-Encoding"));
    }
    let content_type = head.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default()).unwrap_or_default();
    if decode::Form::of(content_type).is_none() || content_type.len() > HEADER_CHARS {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, DecodeError::UnknownType.to_string()));
    }
    let idempotency_key = idempotency_key(&head.headers).map_err(|detail| Problem::new(StatusCode::BAD_REQUEST, detail))?;
    let address = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical());
    match form.rate.wait(address, Instant::now()) {
        Some(wait) => Err(too_often(wait)),
        None => Ok(Asked { content_type: content_type.to_owned(), idempotency_key, address }),
    }
}

async fn receive(site: &Site, form: &Form, head: &Parts, body: Body) -> Result<Received, Problem> {
    let limit = form.config.max_payload;
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the form takes at most {limit} bytes, files included"));
    let said = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|length| length > limit) {
        if !head.headers.contains_key(header::EXPECT) {
            discard_body(body).await;
        }
        return Err(too_large());
    }
    site.reception.receive(body, said, limit).await.map_err(|why| match why {
        NotReceived::TooLarge => too_large(),
        NotReceived::TooSlow => Problem::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"),
        NotReceived::Broken => Problem::new(StatusCode::BAD_REQUEST, "the body ended before its end"),
        NotReceived::NoRoom => no_room(),
    })
}

fn no_room() -> Problem {
    Problem::later(StatusCode::SERVICE_UNAVAILABLE, "too many forms are being received right now", LATER)
}

fn too_often(wait: Duration) -> Problem {
    Problem::later(StatusCode::TOO_MANY_REQUESTS, "too many submissions from this address", wait)
}

/// The fields of a body, and the digest of what they say.
async fn decoded(content_type: &str, bytes: &Bytes, limits: Limits) -> Result<(Vec<Field>, String), Problem> {
    let work = move |content_type: &str, bytes: &Bytes| {
        let given = decode(content_type, bytes, limits)?;
        let content = content_digest(&given, bytes);
        Ok((given, content))
    };
    let decoded = if bytes.len() < LARGE {
        work(content_type, bytes)
    } else {
        let (content_type, bytes) = (content_type.to_owned(), bytes.clone());
        match tokio::task::spawn_blocking(move || work(&content_type, &bytes)).await {
            Ok(decoded) => decoded,
            Err(error) => {
                tracing::error!("decoding a form failed: {error}");
                return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the form could not be read"));
            }
        }
    };
    decoded.map_err(|error| {
        let status = match error {
            DecodeError::UnknownType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            DecodeError::Malformed(_) => StatusCode::BAD_REQUEST,
            DecodeError::TooManyFields(_) | DecodeError::TooManyFiles(_) => StatusCode::PAYLOAD_TOO_LARGE,
        };
        Problem::new(status, error.to_string())
    })
}

/// What the reader must know later.
fn slip(form: &Form, head: &Parts, asked: &Asked, given: &[Field], stand_in: Option<String>, content: String) -> Slip {
    let words = words(form.config.language);
    let limits = form.limits();
    Slip {
        form: form.config.name.clone(),
        language: form.config.language.code().into(),
        fields: form.config.fields.iter().map(|field| SlipField::new(&field.name, words.label(field), field.kind, field.to)).collect(),
        stand_in,
        max_fields: limits.fields,
        max_files: limits.files,
        honeypot: honeypot_filled(given),
        idempotency_key: asked.idempotency_key.clone(),
        content,
        remote_address: asked.address.map(|address| address.to_string()),
        user_agent: kept(&head.headers, header::USER_AGENT),
        page: kept(&head.headers, header::REFERER),
    }
}

/// A header as it is kept: data from outside, of bounded length.
fn kept(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).chars().take(HEADER_CHARS).collect())
}

/// Why the intake did not take it: the particulars go to the log and to the channel's health, not to strangers.
fn not_accepted(form: &Form, error: &AcceptError) -> Problem {
    match error {
        AcceptError::TooLarge { limit, .. } => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {limit} bytes are taken, files included"))
        }
        AcceptError::BadKey(_) | AcceptError::Closed | AcceptError::LeaseLost(_) | AcceptError::Store(_) => {
            tracing::warn!(channel = form.cx.name(), "a form was not accepted: {error}");
            form.cx.health().error(format!("a form was not accepted: {error}"));
            Problem::later(StatusCode::SERVICE_UNAVAILABLE, "the form cannot be accepted right now; please send it again", LATER)
        }
    }
}

/// A post whose key is in the journal already.
struct Repeated<'a> {
    key: &'a str,
    id: Uuid,
    bytes: &'a Bytes,
    content: &'a str,
}

impl Repeated<'_> {
    /// Whether the earlier one said the same. Mostly its bytes tell; a multipart body that was built again has another boundary,
    /// so then its content does.
    async fn is_the_same(&self, site: &Site, form: &Form) -> Result<bool, Problem> {
        let unknown = |error: loket_core::store::StoreError| not_accepted(form, &AcceptError::from(&error));
        let Some((_, hash)) = form.cx.find(self.key).await.map_err(unknown)? else { return Ok(true) };
        if hex(&hash) == sha256_hex(self.bytes) {
            return Ok(true);
        }
        // The earlier one comes with its bytes.
        let _turn = site.reception.compare().await.map_err(|_| no_room())?;
        let earlier = form.cx.stored(self.id).await.map_err(unknown)?;
        Ok(earlier.is_some_and(|earlier| earlier.envelope_text("content") == Some(self.content)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_intake_says_becomes_a_status() {
        let form = crate::source::tests::form_alone();
        for (error, status, later) in [
            (AcceptError::TooLarge { size: 2, limit: 1 }, 413, false),
            (AcceptError::BadKey(0), 503, true),
            (AcceptError::Closed, 503, true),
            (AcceptError::LeaseLost("x".into()), 503, true),
            (AcceptError::Store("secret path".into()), 503, true),
        ] {
            let problem = not_accepted(&form, &error);
            assert_eq!((problem.status.as_u16(), problem.retry_after().is_some()), (status, later), "{error}");
            assert!(!format!("{problem:?}").contains("secret path"));
        }
    }
}
