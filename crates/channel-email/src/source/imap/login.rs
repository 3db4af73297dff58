//! Logging in: with a password, or with a token.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loket_core::channel::{ChannelCx, ChannelError};
use loket_core::secret::{ExposeSecret, Secret, SecretString};

use super::names::quoted;
use super::session::Session;
use super::wire::{Answer, Step};
use crate::config::{ImapConfig, Proof as Configured};
use crate::oauth2::{self, Token, Tokens};

type Result<T> = std::result::Result<T, ChannelError>;

/// Challenges in one login, at most.
const MOST_CHALLENGES: u32 = 5;

/// What a channel logs in with.
pub(super) struct Key<'a> {
    pub(super) cx: &'a ChannelCx,
    /// There are some where the configuration says so.
    pub(super) tokens: Option<&'a Arc<Tokens>>,
}

/// What proves to the server who we are.
pub(super) enum Proof<'a> {
    Password(SecretString, &'a Secret),
    Token(Token, &'a Arc<Tokens>),
}

impl<'a> Key<'a> {
    /// Today's password or token.
    pub(super) async fn proof(&self, config: &'a ImapConfig) -> Result<Proof<'a>> {
        match (&config.proof, self.tokens) {
            (Configured::Password(secret), _) => Ok(Proof::Password(secret.fetch().map_err(ChannelError::Refused)?, secret)),
            (Configured::OAuth2(_), Some(tokens)) => Ok(Proof::Token(tokens.token(self.cx).await?, tokens)),
            (Configured::OAuth2(_), None) => Err(ChannelError::Refused("there is no token endpoint to ask".into())),
        }
    }
}

impl Session {
    /// Logs in.
    pub(super) async fn login(&mut self, config: &ImapConfig, key: &Key<'_>, proof: Proof<'_>) -> Result<()> {
        match proof {
            Proof::Password(password, secret) => self.with_password(config, &password, secret).await,
            Proof::Token(token, tokens) => self.with_token(config, key, token, tokens).await,
        }
    }

    async fn with_password(&mut self, config: &ImapConfig, password: &SecretString, secret: &Secret) -> Result<()> {
        let password = password.expose_secret();
        let answer = if self.can("AUTH=PLAIN") {
            let proof = STANDARD.encode(format!("\0{}\0{password}", config.user));
            self.authenticate("PLAIN", &proof, false, |_| "*").await?
        } else if self.can("LOGINDISABLED") {
            return Err(ChannelError::Refused("the server takes no password here; set security = \"tls\" or \"starttls\"".into()));
        } else {
            let (Some(user), Some(password)) = (quoted(&config.user), quoted(password)) else {
                return Err(ChannelError::Refused(format!("the secret {secret} has more than one line")));
            };
            self.wire.command(&format!("LOGIN {user} {password}"), |_| ()).await?
        };
        outcome(&answer, || format!("login as {} refused, check user and password", config.user))
    }

    /// A token that looked good may have been revoked: another one gets a chance, once.
    async fn with_token(&mut self, config: &ImapConfig, key: &Key<'_>, token: Token, tokens: &Arc<Tokens>) -> Result<()> {
        let refused = match self.show(config, &token, tokens).await {
            Err(ChannelError::Refused(refused)) => refused,
            other => return other,
        };
        tracing::debug!(channel = key.cx.name(), "the mail server does not take the token: {refused}");
        match tokens.instead_of(&token, key.cx).await? {
            Some(another) => self.show(config, &another, tokens).await,
            None => Err(ChannelError::Refused(refused)),
        }
    }

    async fn show(&mut self, config: &ImapConfig, token: &Token, tokens: &Tokens) -> Result<()> {
        let mechanism = tokens.config().mechanism;
        let name = mechanism.name();
        if !self.can(&format!("AUTH={name}")) {
            return Err(ChannelError::Refused(format!("the server does not take {name}; it offers: {}", self.mechanisms())));
        }
        let login = oauth2::Login { user: &config.user, host: &config.host, port: config.port };
        let proof = oauth2::proof(mechanism, login, token.expose());
        let at_once = self.can("SASL-IR");
        let mut reasons = String::new();
        let answer = self
            .authenticate(name, &proof, at_once, |challenge| {
                reasons = oauth2::refusal(challenge);
                oauth2::over(mechanism)
            })
            .await?;
        if answer.is_ok() {
            tokens.took(token).await;
        }
        outcome(&answer, || {
            let reasons = if reasons.is_empty() { reasons } else { format!(" ({reasons})") };
            format!(
                "the mail server does not take the token for {}{reasons}: check `user`, `scope`, and the client's right to this mailbox",
                config.user
            )
        })
    }

    /// One AUTHENTICATE. The proof is said when the server asks, or at once (RFC 4959); what it asks after that, `further` answers.
    async fn authenticate<'r>(
        &mut self,
        mechanism: &str,
        proof: &str,
        at_once: bool,
        mut further: impl FnMut(&str) -> &'r str,
    ) -> Result<Answer> {
        let command = if at_once { format!("AUTHENTICATE {mechanism} {proof}") } else { format!("AUTHENTICATE {mechanism}") };
        let tag = self.wire.start(&command).await?;
        let mut said = at_once;
        for _ in 0..MOST_CHALLENGES {
            match self.wire.step(&tag).await? {
                Step::Done(answer) => return Ok(answer),
                Step::Challenge(challenge) => {
                    let line = if said { further(&challenge) } else { proof };
                    said = true;
                    self.wire.send(line).await?;
                }
            }
        }
        Err(ChannelError::Transient("the server does not come to an end with AUTHENTICATE".into()))
    }

    fn mechanisms(&self) -> String {
        let offered: Vec<_> = self.capabilities.iter().filter_map(|capability| capability.strip_prefix("AUTH=")).take(20).collect();
        if offered.is_empty() { "nothing".into() } else { offered.join(", ") }
    }
}

/// What the server's verdict means for us.
fn outcome(answer: &Answer, refused: impl FnOnce() -> String) -> Result<()> {
    if answer.is_ok() {
        Ok(())
    } else if answer.is_passing() {
        Err(ChannelError::Transient(format!("no login for now, the server says: {}", answer.text)))
    } else {
        Err(ChannelError::Refused(format!("{}; the server says: {}", refused(), answer.text)))
    }
}
