//! Logging in: with a password, or with a token.

use std::fmt;
use std::sync::Arc;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use loket_core::channel::ChannelCx;
use loket_core::secret::ExposeSecret;

use super::super::config::{Login, ServerConfig};
use super::verdict::{Refusal, Step, said};
use crate::config::Proof;
use crate::oauth2::{self, Token, Tokens};

/// A command that lettre has no type for.
pub(super) struct Raw(pub(super) String);

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\r\n", self.0)
    }
}

fn refusal(words: impl Into<String>) -> Refusal {
    Refusal { step: Step::Login, code: None, words: words.into() }
}

/// Logs in, with today's password or token.
pub(super) async fn login(
    connection: &mut AsyncSmtpConnection,
    server: &ServerConfig,
    login: &Login,
    tokens: Option<&Arc<Tokens>>,
    cx: &ChannelCx,
) -> Result<(), Refusal> {
    match (&login.proof, tokens) {
        (Proof::Password(secret), _) => {
            let password = secret.fetch().map_err(refusal)?;
            if connection.server_info().get_auth_mechanism(&[Mechanism::Plain, Mechanism::Login]).is_none() {
                return Err(refusal("the server offers no login by password"));
            }
            let credentials = Credentials::new(login.user.clone(), password.expose_secret().to_owned());
            match connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await {
                Ok(response) if response.has_code(235) => Ok(()),
                Ok(response) => Err(Refusal::unexpected(Step::Login, &response)),
                Err(error) => Err(Refusal::new(Step::Login, &error)),
            }
        }
        (Proof::OAuth2(_), Some(tokens)) => with_token(connection, server, login, tokens, cx).await,
        (Proof::OAuth2(_), None) => Err(refusal("there is no token endpoint to ask")),
    }
}

/// A token that looked good may have been revoked: another one gets a chance, once.
async fn with_token(
    connection: &mut AsyncSmtpConnection,
    server: &ServerConfig,
    login: &Login,
    tokens: &Arc<Tokens>,
    cx: &ChannelCx,
) -> Result<(), Refusal> {
    let token = tokens.token(cx).await.map_err(|error| refusal(error.to_string()))?;
    let refused = match show(connection, server, login, &token, tokens).await {
        Err(refused) if refused.code.is_some_and(|code| code >= 500) => refused,
        other => return other,
    };
    match tokens.instead_of(&token, cx).await.map_err(|error| refusal(error.to_string()))? {
        Some(another) => show(connection, server, login, &another, tokens).await,
        None => Err(refused),
    }
}

async fn show(
    connection: &mut AsyncSmtpConnection,
    server: &ServerConfig,
    login: &Login,
    token: &Token,
    tokens: &Tokens,
) -> Result<(), Refusal> {
    let mechanism = tokens.config().mechanism;
    let who = oauth2::Login { user: &login.user, host: &server.host, port: server.port };
    let proof = oauth2::proof(mechanism, who, token.expose());
    let answer = connection.command(Raw(format!("AUTH {} {proof}", mechanism.name()))).await;
    let answer = answer.map_err(|error| Refusal::new(Step::Login, &error))?;
    if answer.has_code(235) {
        tokens.took(token).await;
        return Ok(());
    }
    if !answer.has_code(334) {
        return Err(Refusal::unexpected(Step::Login, &answer));
    }
    // It gives its reasons, and refuses when it was told that they were understood.
    let reasons = oauth2::refusal(answer.first_line().unwrap_or_default());
    match connection.command(Raw(oauth2::over(mechanism).into())).await {
        Ok(answer) => Err(refusal(format!("the server does not come to an end with AUTH: {}", said(&answer)))),
        Err(error) => {
            let mut refusal = Refusal::new(Step::Login, &error);
            if !reasons.is_empty() {
                refusal.words = format!("{} ({reasons})", refusal.words);
            }
            Err(refusal)
        }
    }
}
