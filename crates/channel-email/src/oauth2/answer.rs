//! What a token endpoint's answer means (RFC 6749 section 5). Pure.

use std::time::Duration;

use loket_core::channel::ChannelError;
use loket_core::secret::{ExposeSecret, SecretString};
use serde_json::Value;

use super::settings::{Grant, OAuth2Config};

/// Characters of a token, at most. Mail servers take lines of 8 KB to 64 KB.
const LONGEST_TOKEN: usize = 16 << 10;
/// How long a token is taken to last whose answer does not say it.
const USUAL_LIFE: Duration = Duration::from_secs(600);
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// The pause when the endpoint has enough of us and does not say for how long.
const USUAL_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// A token as it was given.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) token: SecretString,
    pub(super) lasts: Duration,
    /// The refresh token from now on, where the endpoint gives a new one each time.
    pub(super) refresh_token: Option<SecretString>,
}

/// No token.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: ChannelError,
    /// The endpoint wants to hear nothing from us for so long.
    pub(super) pause: Option<Duration>,
}

impl From<ChannelError> for Failure {
    fn from(error: ChannelError) -> Self {
        Self { error, pause: None }
    }
}

/// Reads an answer. `secrets` are what was sent: an endpoint that repeats them is not repeated.
pub(super) fn read(
    config: &OAuth2Config,
    status: u16,
    retry_after: Option<&str>,
    body: &[u8],
    secrets: &[&SecretString],
) -> Result<Granted, Failure> {
    let json = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default();
    if status == 200 && text("error").is_empty() {
        return granted(&json);
    }
    let code = clean(text("error"), 60, secrets);
    let mut said = format!("HTTP {status}");
    for words in [&code, &clean(text("error_description"), 300, secrets)] {
        if !words.is_empty() {
            said.push_str(", ");
            said.push_str(words);
        }
    }
    let enough = matches!(status, 429 | 503) || code == "slow_down";
    let passing = enough || matches!(status, 408 | 425 | 500..=599) || matches!(code.as_str(), "temporarily_unavailable" | "server_error");
    if passing {
        let seconds = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let pause = seconds.or(enough.then_some(USUAL_PAUSE)).map(|pause| pause.min(LONGEST_PAUSE));
        return Err(Failure { error: ChannelError::Transient(format!("the token endpoint gives no token for now: {said}")), pause });
    }
    let advice = advice(config, status, &code);
    Err(ChannelError::Refused(format!("{advice}; the token endpoint says: {said}")).into())
}

fn granted(json: &Value) -> Result<Granted, Failure> {
    let kind = json.get("token_type").and_then(Value::as_str).unwrap_or("Bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(ChannelError::Refused("the token endpoint gives a token of another type than Bearer".into()).into());
    }
    let token = json.get("access_token").and_then(Value::as_str).unwrap_or_default();
    if !is_token(token) {
        return Err(ChannelError::Transient("the token endpoint's answer has no usable access_token".into()).into());
    }
    // Some endpoints write the number as a text.
    let lasts = match json.get("expires_in") {
        Some(Value::String(text)) => text.trim().parse::<f64>().ok(),
        other => other.and_then(Value::as_f64),
    };
    let lasts = lasts.filter(|seconds| *seconds > 0.0);
    let lasts = lasts.map_or(USUAL_LIFE, |seconds| Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_LIFE).min(LONGEST_LIFE));
    let refresh_token = json.get("refresh_token").and_then(Value::as_str).filter(|token| is_token(token));
    Ok(Granted { token: token.into(), lasts, refresh_token: refresh_token.map(Into::into) })
}

/// Fit for one line of a protocol.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What somebody can do about it.
fn advice(config: &OAuth2Config, status: u16, code: &str) -> String {
    let secret = config.client_secret.as_ref().map_or("(there is none)".into(), ToString::to_string);
    match (code, &config.grant) {
        ("invalid_grant", Grant::RefreshToken(place)) => {
            format!("the refresh token was revoked or has ended: authorize anew and put the new one into {place}")
        }
        ("invalid_grant", Grant::ClientCredentials) => "the token endpoint gives this client no token: check its rights there".into(),
        ("invalid_client", _) => format!(
            "the client is unknown, or its secret is wrong or has ended: check `client_id` and `client_secret` {secret}; make a new secret where it has ended"
        ),
        ("unauthorized_client", _) => {
            "the client may not ask for tokens this way: check `client_id`, `grant` and `token_url`, and the client's rights".into()
        }
        ("unsupported_grant_type", _) => "the endpoint does not know this `grant`".into(),
        ("invalid_scope", _) => "the endpoint does not give this `scope`: check it, and the client's rights".into(),
        ("access_denied" | "consent_required" | "interaction_required" | "login_required", _) => {
            "somebody must consent first: let an administrator agree to the client's rights, or authorize anew".into()
        }
        ("", _) if (300..400).contains(&status) || status == 404 => "`token_url` is not where tokens are given: check it".into(),
        _ => "the token endpoint refuses us: check the `oauth2` table".into(),
    }
}

/// Somebody else's words, fit for a log.
fn clean(text: &str, most: usize, secrets: &[&SecretString]) -> String {
    let mut text: String = text.chars().take(4 * most).collect();
    for secret in secrets {
        if !secret.expose_secret().is_empty() {
            text = text.replace(secret.expose_secret(), "(secret)");
        }
    }
    let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use loket_core::secret::Secret;
    use proptest::prelude::*;

    use super::super::settings::Mechanism;
    use super::*;

    fn config(grant: Grant) -> OAuth2Config {
        OAuth2Config {
            token_url: "https://login.example.nl/token".parse().unwrap(),
            client_id: "loket".into(),
            client_secret: Some(Secret::Env("CLIENT_SECRET".into())),
            grant,
            scope: None,
            mechanism: Mechanism::Xoauth2,
            ca_file: None,
        }
    }

    fn answer(status: u16, retry_after: Option<&str>, body: &str) -> Result<Granted, Failure> {
        let grant = Grant::RefreshToken(Secret::File("/secrets/refresh".into()));
        read(&config(grant), status, retry_after, body.as_bytes(), &[&"hunter2".into()])
    }

    #[test]
    fn a_token_comes_with_its_life_and_maybe_with_the_next_refresh_token() {
        let table = [
            (r#"{"access_token":"a.b-c","token_type":"bearer","expires_in":3599}"#, 3599, None),
            (r#"{"access_token":"a","token_type":"Bearer","expires_in":"3600","refresh_token":"r2"}"#, 3600, Some("r2")),
            (r#"{"access_token":"a"}"#, 600, None),
            (r#"{"access_token":"a","expires_in":1e300,"refresh_token":""}"#, 86_400, None),
            (r#"{"access_token":"a","expires_in":-7,"refresh_token":"two lines\n"}"#, 600, None),
        ];
        for (body, lasts, refresh) in table {
            let granted = answer(200, None, body).unwrap();
            assert_eq!(granted.lasts, Duration::from_secs(lasts), "{body}");
            assert_eq!(granted.refresh_token.as_ref().map(|token| token.expose_secret()), refresh, "{body}");
        }
    }

    #[test]
    fn what_somebody_must_do_is_a_refusal_that_says_it() {
        let table = [
            (
                400,
                r#"{"error":"invalid_grant","error_description":"Token has been\nexpired or revoked."}"#,
                "the refresh token was revoked or has ended: authorize anew and put the new one into file:/secrets/refresh; the token endpoint says: HTTP 400, invalid_grant, Token has been expired or revoked.",
            ),
            (
                401,
                r#"{"error":"invalid_client","error_description":"wrong: hunter2!"}"#,
                "check `client_id` and `client_secret` env:CLIENT_SECRET; make a new secret where it has ended; the token endpoint says: HTTP 401, invalid_client, wrong: (secret)!",
            ),
            (400, r#"{"error":"unauthorized_client"}"#, "the client's rights"),
            (400, r#"{"error":"invalid_scope"}"#, "does not give this `scope`"),
            (400, r#"{"error":"something_new"}"#, "HTTP 400, something_new"),
            (200, r#"{"error":"invalid_grant"}"#, "authorize anew"),
            (302, "", "`token_url` is not where tokens are given"),
            (404, "<html>", "HTTP 404"),
            (403, "", "HTTP 403"),
            (200, r#"{"access_token":"a","token_type":"mac"}"#, "another type"),
        ];
        for (status, body, part) in table {
            let failure = answer(status, None, body).unwrap_err();
            let ChannelError::Refused(text) = &failure.error else { panic!("{body}: {failure:?}") };
            assert!(text.contains(part), "{text} has no {part}");
            assert!(!text.contains("hunter2") && failure.pause.is_none(), "{text}");
        }
        let failure = read(&config(Grant::ClientCredentials), 400, None, br#"{"error":"invalid_grant"}"#, &[]).unwrap_err();
        assert!(failure.error.to_string().contains("check its rights there"));
    }

    #[test]
    fn what_passes_by_itself_is_tried_again_and_not_before_the_endpoint_wants_it() {
        let table = [
            (500, None, "", None),
            (502, Some("5"), "<html>", Some(5)),
            (503, None, "", Some(60)),
            (429, Some("7"), r#"{"error":"invalid_grant"}"#, Some(7)),
            (429, Some("Wed, 25 Nov 2026 09:00:00 GMT"), "", Some(60)),
            (429, Some("99999999"), "", Some(3600)),
            (400, None, r#"{"error":"temporarily_unavailable"}"#, None),
            (200, None, "<html>Welcome to our network</html>", None),
            (200, None, r#"{"access_token":"a\u0001b"}"#, None),
            (200, None, r#"{"access_token":7}"#, None),
        ];
        for (status, retry_after, body, pause) in table {
            let failure = answer(status, retry_after, body).unwrap_err();
            assert!(matches!(failure.error, ChannelError::Transient(_)), "{body}: {failure:?}");
            assert_eq!(failure.pause, pause.map(Duration::from_secs), "{status} {retry_after:?}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic_or_tell_a_secret(status in 100..600_u16, code in ".{0,40}", words in ".{0,400}", raw in proptest::collection::vec(any::<u8>(), 0..100)) {
            let body = serde_json::json!({ "error": code, "error_description": format!("{words}hunter2"), "expires_in": words }).to_string();
            for body in [body.as_bytes(), raw.as_slice()] {
                if let Err(failure) = read(&config(Grant::ClientCredentials), status, Some(&words), body, &[&"hunter2".into()]) {
                    let text = failure.error.to_string();
                    prop_assert!(!text.contains("hunter2") && text.chars().count() < 1_000);
                }
            }
        }
    }
}
