//! Asking the token endpoint: one POST, no redirects followed, all of it bounded.

use std::error::Error;
use std::time::Duration;

use loket_core::channel::ChannelError;
use loket_core::secret::{ExposeSecret, SecretString};
use reqwest::header::{ACCEPT, RETRY_AFTER};
use reqwest::redirect::Policy;

use super::answer::{self, Failure, Granted};
use super::settings::{OAuth2Config, is_loopback};
use crate::tls;

/// Bytes of an answer, at most.
const LONGEST_ANSWER: usize = 64 << 10;

/// How long it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) connect: Duration,
    pub(super) whole: Duration,
}

/// Asks for a token.
pub(super) async fn ask(config: &OAuth2Config, refresh_token: Option<&SecretString>, patience: Patience) -> Result<Granted, Failure> {
    let secret = config.client_secret.as_ref().map(|secret| secret.fetch()).transpose().map_err(ChannelError::Refused)?;
    let mut form = vec![("client_id", config.client_id.as_str())];
    form.push(("grant_type", if refresh_token.is_some() { "refresh_token" } else { "client_credentials" }));
    form.extend(secret.as_ref().map(|secret| ("client_secret", secret.expose_secret())));
    form.extend(refresh_token.map(|token| ("refresh_token", token.expose_secret())));
    form.extend(config.scope.as_ref().map(|scope| ("scope", scope.as_str())));
    let request = client(config, patience).await?.post(config.token_url.clone()).header(ACCEPT, "application/json").form(&form);
    let mut response = request.send().await.map_err(|error| failed(&error))?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| failed(&error))? {
        if body.len() + part.len() > LONGEST_ANSWER {
            return Err(ChannelError::Transient("the token endpoint's answer is larger than 64 KB; not read any further".into()).into());
        }
        body.extend_from_slice(&part);
    }
    let secrets: Vec<&SecretString> = secret.iter().chain(refresh_token).collect();
    answer::read(config, status, retry_after.as_deref(), &body, &secrets)
}

/// A client for one request: they are rare, and certificates may have changed since the last one.
async fn client(config: &OAuth2Config, patience: Patience) -> Result<reqwest::Client, ChannelError> {
    let ca_file = config.ca_file.clone();
    let settings = tokio::task::spawn_blocking(move || tls::settings(ca_file.as_deref()))
        .await
        .map_err(|error| ChannelError::Transient(error.to_string()))??;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(settings)
        .connect_timeout(patience.connect)
        .timeout(patience.whole)
        // Secrets go where the configuration says, and nowhere else.
        .redirect(Policy::none());
    if is_loopback(&config.token_url) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| ChannelError::Transient(format!("no HTTP client: {error}")))
}

fn failed(error: &reqwest::Error) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut last = String::new();
    while let Some(inner) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = inner.downcast_ref::<rustls::Error>() {
            return ChannelError::Refused(format!(
                "the token endpoint's certificate is not trusted: {inner}; correct `token_url`, or name its certificate authority in `ca_file` of the `oauth2` table"
            ))
            .into();
        }
        last = inner.to_string();
        // TLS errors travel inside I/O errors, whose source is the error's source and not the error.
        let within = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref).map(|inner| inner as &(dyn Error + 'static));
        cause = within.or_else(|| inner.source());
    }
    let how = if error.is_timeout() { "the token endpoint does not answer in time" } else { "the token endpoint cannot be reached" };
    let why = if last.is_empty() { String::new() } else { format!(": {last}") };
    ChannelError::Transient(format!("{how}{why}")).into()
}
