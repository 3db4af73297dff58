//! A message that a partner sends: verified, committed, receipted.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use jiff::Timestamp;
use loket_as2::{Answer, Cipher, Disposition, Headers, Local, Partner, Receipt, Received, Refused, Transmission, detail, receipt, receive};
use loket_core::delivery::Envelope;
use loket_core::intake::AcceptError;
use reqwest::Url;
use serde_json::json;
use uuid::Uuid;

use super::post::{self, message_id};
use super::{Pair, answer, slip};
use crate::config::As2Config;
use crate::source::{blocking, take};

/// What OpenAS2 and others say of a Message-ID that comes again.
const DUPLICATE: &str = "duplicate-document";

/// Where the receipt goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Destination {
    /// None is wanted.
    Nowhere,
    /// It is the answer.
    Answer,
    /// It is posted there.
    Post(Url),
}

/// What is decided of a message before anything is kept.
struct Judged {
    local: Local,
    partner: Partner,
    result: Result<Received, Box<Refused>>,
    /// The receipt for it, where one is wanted and can be made.
    receipt: Option<Receipt>,
}

/// Takes a message, and answers.
pub(super) async fn take(pair: &Pair, headers: Headers, body: Bytes) -> Response {
    let destination = match Transmission::of(&headers) {
        Err(refused) => return refused_status(pair, &refused),
        Ok(transmission) => match destination(&pair.as2, &transmission) {
            Ok(destination) => destination,
            Err(why) => {
                pair.trouble(why);
                return answer(
                    StatusCode::FORBIDDEN,
                    "the receipt cannot go to the address in Receipt-Delivery-Option: it was not agreed on",
                );
            }
        },
    };
    let (as2, max_payload, wanted) = (pair.as2.clone(), pair.partner.max_payload, destination != Destination::Nowhere);
    let (seen, whole) = (headers.clone(), body.clone());
    let judged = match blocking(move || judge(&as2, max_payload, &seen, &whole, wanted)).await {
        Ok(Ok(judged)) => judged,
        Ok(Err(why)) => return not_now(pair, format!("a message of {} cannot be taken: {why}", pair.as2.partner_id)),
        Err(error) => return not_now(pair, error.to_string()),
    };
    let Judged { local, partner, result, receipt } = judged;
    match result {
        Ok(received) if received.payload.len() as u64 > max_payload => {
            pair.trouble(format!(
                "a message of {} has {} bytes, at most {max_payload} are taken",
                pair.as2.partner_id,
                received.payload.len()
            ));
            answer(StatusCode::PAYLOAD_TOO_LARGE, "the message is larger than was agreed")
        }
        Ok(received) => taken(pair, &headers, &body, received, receipt, destination, &local, &partner).await,
        Err(refused) => not_taken(pair, &headers, &body, &refused, receipt, destination).await,
    }
}

/// Verifies a message and makes its receipt. Blocks.
fn judge(as2: &As2Config, max_payload: u64, headers: &Headers, body: &Bytes, wanted: bool) -> Result<Judged, String> {
    let (local, partner) = (as2.local(max_payload)?, as2.partner()?);
    let now = Timestamp::now();
    let result = receive(headers, body, &local, &[&partner], now).and_then(|received| strong_enough(as2, received));
    let id = message_id(&as2.our_id, Uuid::now_v7());
    let receipt = match &result {
        Ok(received) if wanted => Some(received.receipt(&local, &partner, &id, now)),
        Err(refused) if wanted => refused.receipt(&local, &partner, &id, now),
        _ => None,
    };
    let receipt = receipt.transpose().map_err(|error| format!("no receipt can be made: {error}"))?;
    Ok(Judged { local, partner, result, receipt })
}

/// Triple DES only where it was agreed on.
fn strong_enough(as2: &As2Config, received: Received) -> Result<Received, Box<Refused>> {
    if received.encrypted == Some(Cipher::TripleDes) && !as2.allow_3des {
        return Err(Box::new(Refused {
            reason: format!("{} encrypts with Triple DES; ask it for AES, or allow this with allow_3des = true", as2.partner_id),
            answer: Answer::Receipt(Disposition::error(detail::INSUFFICIENT_MESSAGE_SECURITY)),
            transmission: Some(received.transmission),
        }));
    }
    Ok(received)
}

#[allow(clippy::too_many_arguments, reason = "one step of `take`, with all that it found")]
async fn taken(
    pair: &Pair,
    headers: &Headers,
    body: &Bytes,
    received: Received,
    receipt: Option<Receipt>,
    destination: Destination,
    local: &Local,
    partner: &Partner,
) -> Response {
    for warning in &received.warnings {
        pair.trouble(format!("message {} of {}: {warning}", received.transmission.message_id, pair.as2.partner_id));
    }
    let envelope = slip::envelope(&received, receipt.as_ref());
    let key = slip::key(&received.transmission);
    let delivery = match take::delivery(&pair.partner, &pair.cx, Some(key), envelope, received.payload.clone()).await {
        Ok(delivery) => delivery,
        Err(error) => return not_now(pair, error.to_string()),
    };
    let accepted = match pair.cx.accept(delivery).await {
        Ok(accepted) => accepted,
        Err(AcceptError::TooLarge { .. }) => return answer(StatusCode::PAYLOAD_TOO_LARGE, "the message is larger than is taken here"),
        Err(error) => return not_now(pair, error.to_string()),
    };
    if !accepted.known {
        pair.cx.health().success();
        return respond(pair, receipt, destination);
    }
    match pair.cx.stored(accepted.id).await {
        Ok(Some(first)) if first.payload != received.payload => {
            let id = &received.transmission.message_id;
            let reason = format!("the Message-ID {id} was used before, with other content");
            let refused = Refused {
                reason,
                answer: Answer::Receipt(Disposition::error(DUPLICATE)),
                transmission: Some(received.transmission.clone()),
            };
            let said = Disposition::error(DUPLICATE);
            let made = receipt_for(pair, &received.transmission, &said, local, partner);
            not_taken(pair, headers, body, &refused, made, destination).await
        }
        Ok(first) => {
            tracing::info!(channel = pair.cx.name(), "message {} came again", received.transmission.message_id);
            // The very same receipt; a new one where the first time none was wanted.
            let stored = first.as_ref().and_then(|first| slip::stored_receipt(&first.envelope));
            respond(pair, stored.or(receipt), destination)
        }
        Err(error) => not_now(pair, error.to_string()),
    }
}

fn receipt_for(pair: &Pair, of: &Transmission, said: &Disposition, local: &Local, partner: &Partner) -> Option<Receipt> {
    of.receipt.as_ref()?;
    let id = message_id(&pair.as2.our_id, Uuid::now_v7());
    receipt(of, said, None, local, partner, &id, Timestamp::now()).map_err(|error| pair.trouble(format!("no receipt: {error}"))).ok()
}

/// Keeps the bytes of a message that is not taken, in quarantine, and says so.
async fn not_taken(
    pair: &Pair,
    headers: &Headers,
    body: &Bytes,
    refused: &Refused,
    receipt: Option<Receipt>,
    destination: Destination,
) -> Response {
    pair.trouble(format!("a message of {} is not taken: {}", pair.as2.partner_id, refused.reason));
    if pair.kept.take() {
        let mut envelope = Envelope::new();
        let fields: Vec<(&str, &str)> = headers.iter().take(100).collect();
        envelope.insert("headers".into(), json!(fields));
        envelope.insert(take::REFUSED.into(), format!("AS2: {}", refused.reason).into());
        let key = slip::refused_key(refused.transmission.as_ref(), body);
        let delivery = pair.cx.delivery(key, "application/octet-stream", envelope, body.clone());
        match pair.cx.accept(delivery).await {
            Ok(_) | Err(AcceptError::TooLarge { .. }) => {}
            Err(error) => return not_now(pair, error.to_string()),
        }
    } else {
        tracing::warn!(
            channel = pair.cx.name(),
            "its bytes are not kept: too many of this partner's messages were refused in the last hour"
        );
    }
    match receipt {
        Some(receipt) => respond(pair, Some(receipt), destination),
        None => refused_status(pair, refused),
    }
}

/// The status for a message that gets no receipt.
fn refused_status(pair: &Pair, refused: &Refused) -> Response {
    tracing::debug!(channel = pair.cx.name(), "answered without a receipt: {}", refused.reason);
    let status = match refused.answer {
        Answer::Status(status) => StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        Answer::Receipt(_) => StatusCode::BAD_REQUEST,
    };
    answer(status, "the message is not taken")
}

/// It may work in a while: nothing was decided.
fn not_now(pair: &Pair, why: String) -> Response {
    pair.trouble(why);
    answer(StatusCode::SERVICE_UNAVAILABLE, "it cannot be taken just now; come again")
}

fn respond(pair: &Pair, receipt: Option<Receipt>, destination: Destination) -> Response {
    match (receipt, destination) {
        (Some(receipt), Destination::Answer) => with_receipt(receipt),
        (Some(receipt), Destination::Post(url)) => {
            post::later(pair, url, receipt);
            answer(StatusCode::OK, "")
        }
        (None, _) | (_, Destination::Nowhere) => answer(StatusCode::OK, ""),
    }
}

fn with_receipt(receipt: Receipt) -> Response {
    let mut response = Response::new(Body::from(receipt.body));
    for (name, value) in receipt.headers.iter() {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// Where the receipt goes. The sender wrote the address, and nobody signed it: it is the partner's own host, or nowhere.
fn destination(as2: &As2Config, transmission: &Transmission) -> Result<Destination, String> {
    let Some(wish) = &transmission.receipt else { return Ok(Destination::Nowhere) };
    let Some(text) = &wish.deliver_to else { return Ok(Destination::Answer) };
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match (url, &as2.url) {
        (Some(url), Some(agreed)) if url.host().is_some() && url.host() == agreed.host() => Ok(Destination::Post(url)),
        (Some(url), agreed) => Err(format!(
            "a message of {} wants its receipt at {}, and `url` of the partner is {}; it was not taken: a receipt goes only to the host of `url`",
            as2.partner_id,
            url.host_str().unwrap_or_default(),
            agreed.as_ref().and_then(|url| url.host_str()).unwrap_or("not set")
        )),
        (None, _) => {
            Err(format!("a message of {} wants its receipt at an address that is no URL of the web; it was not taken", as2.partner_id))
        }
    }
}

#[cfg(test)]
mod tests {
    use loket_core::config::{Report, parse};

    use super::*;
    use crate::config::Transport;

    fn as2(url: &str) -> As2Config {
        let text = format!(
            "acknowledge = \"never\"\nresponses = false\n[as2]\nour_id = \"LOKET\"\npartner_id = \"ACME\"\nkey = \"file:k\"\n\
             certificate = \"c\"\npartner_certificates = [\"p\"]\n{url}"
        );
        let report = Report::new(&text);
        match crate::config::read("acme", &mut parse(&text, &report)).unwrap().transport {
            Transport::As2(as2) => *as2,
            _ => panic!("not AS2"),
        }
    }

    fn wanting(receipt: &[(&str, &str)]) -> Transmission {
        let fields = [("AS2-From", "ACME"), ("AS2-To", "LOKET"), ("Message-ID", "<1@acme.example>")];
        Transmission::of(&fields.iter().chain(receipt).copied().collect()).unwrap()
    }

    #[test]
    fn receipts_go_to_the_partner_and_nowhere_else() {
        let to = |url| wanting(&[("Disposition-Notification-To", "x"), ("Receipt-Delivery-Option", url)]);
        let agreed = as2("url = \"https://as2.acme.example/as2\"\n");
        assert_eq!(destination(&agreed, &wanting(&[])), Ok(Destination::Nowhere));
        assert_eq!(destination(&agreed, &wanting(&[("Disposition-Notification-To", "x")])), Ok(Destination::Answer));
        let there = "https://as2.acme.example:8443/mdn?x=1";
        assert_eq!(destination(&agreed, &to(there)), Ok(Destination::Post(there.parse().unwrap())));
        for elsewhere in [
            "http://169.254.169.254/latest",
            "http://localhost/",
            "http://as2.acme.example.evil.example/",
            "http://as2.acme.example@evil.example/",
            "http://[::ffff:127.0.0.1]/",
            "file:///etc/passwd",
            "mailto:x@acme.example",
            "nonsense",
        ] {
            assert!(destination(&agreed, &to(elsewhere)).is_err(), "{elsewhere}");
        }
        assert!(destination(&as2(""), &to(there)).unwrap_err().contains("not set"));
    }
}
