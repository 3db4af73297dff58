//! Posting receipts that are wanted by a request of their own.
//!
//! They are tried for half an hour. One that does not arrive is not lost: it is in the journal with its message, and goes out again
//! when the partner, who misses it, sends the message again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use loket_as2::{Headers, Receipt};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::Pair;
use crate::tls;

/// The pauses before each attempt.
const PAUSES: [u64; 6] = [0, 10, 60, 300, 600, 900];

/// Posts a receipt, in the background.
pub(super) fn later(pair: &Pair, url: Url, receipt: Receipt) {
    let Ok(permit) = Arc::clone(&pair.posting).try_acquire_owned() else {
        pair.trouble(format!("too many receipts wait for {}: this one is not posted until the partner asks again", pair.as2.partner_id));
        return;
    };
    // Nothing of the intake goes with it: a stop does not wait for a partner that is away.
    let (name, health) = (pair.cx.name().to_owned(), pair.cx.health().clone());
    let (ca_file, timeout) = (pair.as2.ca_file.clone(), pair.as2.timeout);
    tokio::spawn(async move {
        let _permit = permit;
        let mut said = String::new();
        for pause in PAUSES {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            match post(&url, ca_file.as_deref(), timeout, &receipt.headers, receipt.body.to_vec()).await {
                Ok(response) if response.status().is_success() => return,
                Ok(response) => said = format!("the answer was {}", response.status()),
                Err(why) => said = why,
            }
            tracing::warn!(channel = name, "a receipt could not be posted to {}: {said}", url.host_str().unwrap_or_default());
        }
        let text = format!("a receipt could not be posted to {}: {said}", url.host_str().unwrap_or_default());
        tracing::error!(channel = name, "{text}");
        health.error(text);
    });
}

/// Posts bytes with these header fields.
pub(super) async fn post(
    url: &Url,
    ca_file: Option<&Path>,
    timeout: Duration,
    headers: &Headers,
    body: Vec<u8>,
) -> Result<reqwest::Response, String> {
    let mut fields = HeaderMap::new();
    for (name, value) in headers.iter() {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => fields.append(name, value),
            _ => return Err(format!("the header field {name} cannot be sent")),
        };
    }
    let client = tls::client(ca_file, is_loopback(url), timeout).await?;
    client.post(url.clone()).headers(fields).body(body).send().await.map_err(|error| in_words(&error))
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host.eq_ignore_ascii_case("localhost")
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// The error with its causes, without the URL.
fn in_words(error: &reqwest::Error) -> String {
    let how = if error.is_timeout() { "no answer in time" } else { "no connection" };
    let mut cause = std::error::Error::source(error);
    let mut last = String::new();
    while let Some(inner) = cause {
        last = inner.to_string();
        cause = inner.source();
    }
    if last.is_empty() { how.into() } else { format!("{how}: {last}") }
}

/// A Message-ID of ours, in angle brackets.
pub(super) fn message_id(our_id: &str, id: Uuid) -> String {
    format!("<{id}@{}>", domain(our_id))
}

/// The outbound that a Message-ID of ours is of.
pub(super) fn outbound_of(our_id: &str, message_id: &str) -> Option<Uuid> {
    let (id, at) = message_id.trim().trim_start_matches('<').trim_end_matches('>').split_once('@')?;
    if at == domain(our_id) { id.parse().ok() } else { None }
}

fn domain(our_id: &str) -> String {
    let plain: String = our_id.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(60).collect();
    format!("{plain}.loket")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_ids_are_known_again() {
        let id = Uuid::now_v7();
        let text = message_id("Loket \"Main\"", id);
        assert_eq!(text, format!("<{id}@loketmain.loket>"));
        assert_eq!(outbound_of("Loket \"Main\"", &text), Some(id));
        assert_eq!(outbound_of("Loket \"Main\"", text.trim_matches(['<', '>'])), Some(id));
        assert_eq!(outbound_of("OTHER", &text), None);
        assert_eq!(outbound_of("LOKET", "<1@loket.loket>"), None);
    }
}
