//! AS2: one URL, `POST /as2`, for all partners of all channels. Who is meant says the pair of AS2-From and AS2-To.
//!
//! A message is verified, committed to the journal together with its receipt, and then receipted: whoever sends it again gets the very
//! same receipt. What cannot be verified is receipted as an error and files nothing; its bytes go to quarantine, under a key of their
//! own, so that the sender's next attempt with the same Message-ID is not taken for a repetition.

mod body;
mod inbound;
mod post;
mod quota;
mod receipts;
mod send;
mod slip;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use loket_as2::{Headers, Transmission, is_receipt};
use loket_core::channel::ChannelCx;
use loket_core::health::ChannelState;

use crate::config::{As2Config, EdiConfig, Transport, body_limit};
use body::{NotReceived, Reception};
use quota::Quota;
pub(crate) use send::As2Sender;

/// Bytes of a receipt, at most.
const LONGEST_RECEIPT: u64 = 256 << 10;

/// A partner and ourselves, as the two AS2 identifiers name them.
struct Pair {
    partner: Arc<EdiConfig>,
    as2: As2Config,
    cx: ChannelCx,
    /// Refused messages that are kept.
    kept: Quota,
    /// Receipts that nobody signed.
    unsigned: Quota,
    /// Receipts that are being posted.
    posting: Arc<tokio::sync::Semaphore>,
}

struct Site {
    pairs: Vec<Pair>,
    reception: Reception,
}

impl Site {
    /// The pair that a request names.
    fn pair(&self, headers: &Headers) -> Option<&Pair> {
        let mut named = headers.clone();
        if named.get("Message-ID").is_none() {
            // Some receipts have none.
            named.push("Message-ID", "<none>");
        }
        let transmission = Transmission::of(&named).ok()?;
        // pyas2lib quotes names that are quoted already, in its receipts.
        let same = |ours: &str, theirs: &str| ours == theirs || ours == theirs.trim_matches('"');
        self.pairs.iter().find(|pair| same(&pair.as2.our_id, &transmission.to) && same(&pair.as2.partner_id, &transmission.from))
    }
}

/// The routes of these partners: `POST /as2`, where one of them has AS2.
pub fn router(partners: Vec<(EdiConfig, ChannelCx)>) -> Router {
    let pairs: Vec<Pair> = partners
        .into_iter()
        .filter_map(|(partner, cx)| {
            let Transport::As2(as2) = &partner.transport else { return None };
            cx.health().state(ChannelState::Up);
            Some(Pair {
                as2: (**as2).clone(),
                partner: Arc::new(partner),
                cx,
                kept: Quota::per_hour(50),
                unsigned: Quota::per_hour(600),
                posting: Arc::new(tokio::sync::Semaphore::new(64)),
            })
        })
        .collect();
    if pairs.is_empty() {
        return Router::new();
    }
    let largest = pairs.iter().map(|pair| body_limit(pair.partner.max_payload)).max().unwrap_or(0);
    let site = Site { pairs, reception: Reception::new(largest) };
    Router::new().route("/as2", post(take)).with_state(Arc::new(site))
}

async fn take(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers: Headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    if headers.get("AS2-From").is_none() || headers.get("AS2-To").is_none() {
        return answer(StatusCode::BAD_REQUEST, "this is no AS2 message: AS2-From or AS2-To is missing");
    }
    let Some(pair) = site.pair(&headers) else {
        // Anybody can say any name: nothing of it is read, kept or repeated.
        tracing::warn!("an AS2 message for a pair of identifiers that is not configured was refused");
        body::discard(body).await;
        return answer(StatusCode::FORBIDDEN, "there is no such pair of AS2 identifiers here");
    };
    let bytes = match site.reception.receive(body, length(&parts.headers), body_limit(pair.partner.max_payload)).await {
        Ok(received) => received,
        Err(why) => return not_received(pair, why),
    };
    if is_receipt(&headers, &bytes.bytes) {
        receipts::take(pair, headers, bytes.bytes.clone()).await
    } else {
        inbound::take(pair, headers, bytes.bytes.clone()).await
    }
}

fn not_received(pair: &Pair, why: NotReceived) -> Response {
    let (status, text) = match why {
        NotReceived::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the message is larger than was agreed"),
        NotReceived::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the message did not come in time"),
        NotReceived::Broken => (StatusCode::BAD_REQUEST, "the message ended before its end"),
        NotReceived::NoRoom => (StatusCode::SERVICE_UNAVAILABLE, "there is no room just now; come again"),
    };
    pair.trouble(format!("a message of {} was not taken: {text}", pair.as2.partner_id));
    answer(status, text)
}

impl Pair {
    /// Says what went wrong, in the log and to ops.
    fn trouble(&self, text: String) {
        tracing::warn!(channel = self.cx.name(), "{text}");
        self.cx.health().error(text);
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// An answer in plain words.
fn answer(status: StatusCode, text: &'static str) -> Response {
    let text = if text.is_empty() { String::new() } else { format!("{text}\n") };
    let mut response = (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from(text)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, axum::http::HeaderValue::from_static("60"));
    }
    response
}
