//! Hands mails to a mail server, over connections that are kept for a while.
//!
//! lettre speaks SMTP; its pool is not used. There a mail that was cut off in the middle, by its time limit or by a stop, would give
//! its connection back with an answer still to come, and the next mail would take that for its own. Here a connection belongs to the
//! mail until the server's last word, and whoever is cut off takes it along.

mod line;
mod login;
mod verdict;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Noop, Quit, Rset};
use lettre::transport::smtp::extension::ClientId;
use loket_core::channel::ChannelCx;
use loket_core::outbound::Undone;
use tokio::time::{Instant, timeout};

use super::config::OutgoingConfig;
use crate::config::Proof;
use crate::oauth2::Tokens;
use login::Raw;
use verdict::{Refusal, Step, said};

/// A connection that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(20);
/// After so long a connection is asked whether it is still there.
const FRESH: Duration = Duration::from_secs(2);
/// Mails over one connection.
const MOST_MAILS: u32 = 100;
/// How long a polite word may take.
const POLITE: Duration = Duration::from_secs(5);
/// How long the token endpoint may take to be reached, and in all.
const TOKEN_CONNECT: Duration = Duration::from_secs(20);
const TOKEN_WHOLE: Duration = Duration::from_secs(60);

/// One mail server.
pub(super) struct Smtp {
    config: Arc<OutgoingConfig>,
    cx: ChannelCx,
    tokens: Option<Arc<Tokens>>,
    idle: Mutex<Vec<Kept>>,
    /// The server takes no mail without a sender.
    wants_sender: AtomicBool,
}

struct Kept {
    connection: AsyncSmtpConnection,
    mails: u32,
    since: Instant,
}

/// A mail on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parcel<'a> {
    /// The sender in the envelope; empty for mail that nothing shall come back for.
    pub(super) mail_from: &'a str,
    pub(super) to: &'a [String],
    pub(super) bytes: &'a [u8],
}

impl Smtp {
    pub(super) fn new(config: Arc<OutgoingConfig>, cx: ChannelCx) -> Self {
        let tokens = config.server.login.as_ref().and_then(|login| match &login.proof {
            Proof::OAuth2(oauth2) => Some(Arc::new(Tokens::new((**oauth2).clone(), TOKEN_CONNECT, TOKEN_WHOLE))),
            Proof::Password(_) => None,
        });
        Self { config, cx, tokens, idle: Mutex::default(), wants_sender: AtomicBool::new(false) }
    }

    /// Hands it over; what the server said when it took it.
    pub(super) async fn send(&self, parcel: Parcel<'_>) -> Result<String, Undone> {
        let first = parcel.to.first().map(String::as_str).unwrap_or_default();
        let meaning = |refusal: &Refusal| refusal.undone(self.config.from.address(), first);
        if let Some(mut kept) = self.take_idle().await {
            match self.over(&mut kept.connection, parcel).await {
                Ok(said) => {
                    self.keep_idle(kept);
                    return Ok(said);
                }
                // It went stale, before anything was handed over.
                Err(refusal) if refusal.step == Step::Sender && (refusal.code.is_none() || refusal.code == Some(421)) => {}
                Err(refusal) => {
                    self.keep_after(kept, &refusal).await;
                    return Err(meaning(&refusal));
                }
            }
        }
        let mut kept = self.open().await?;
        match self.over(&mut kept.connection, parcel).await {
            Ok(said) => {
                self.keep_idle(kept);
                Ok(said)
            }
            Err(refusal) => {
                self.keep_after(kept, &refusal).await;
                Err(meaning(&refusal))
            }
        }
    }

    async fn open(&self) -> Result<Kept, Undone> {
        let server = &self.config.server;
        let line = line::connect(server).await.map_err(Undone::Later)?;
        let from = self.config.from.address();
        let meaning = |refusal: Refusal| refusal.undone(from, "");
        let mut connection = AsyncSmtpConnection::connect_with_transport(Box::new(line), &ClientId::Domain(server.hello.clone()))
            .await
            .map_err(|error| meaning(Refusal::new(Step::Greeting, &error)))?;
        if let Some(login) = &server.login {
            login::login(&mut connection, server, login, self.tokens.as_ref(), &self.cx).await.map_err(meaning)?;
        }
        Ok(Kept { connection, mails: 0, since: Instant::now() })
    }

    /// One mail over a connection.
    async fn over(&self, connection: &mut AsyncSmtpConnection, parcel: Parcel<'_>) -> Result<String, Refusal> {
        self.sender(connection, parcel.mail_from).await?;
        let mut refused: Vec<(String, Refusal)> = Vec::new();
        for to in parcel.to {
            match command(connection, Step::Recipient, &["250", "251", "252"], &format!("RCPT TO:<{to}>")).await {
                Ok(_) => {}
                Err(refusal) if refusal.code.is_some_and(|code| code >= 500) => refused.push((to.clone(), refusal)),
                Err(refusal) => return Err(refusal),
            }
        }
        if refused.len() == parcel.to.len()
            && let Some((_, refusal)) = refused.first()
        {
            return Err(refusal.clone());
        }
        match connection.command(Data).await {
            Ok(response) if response.has_code(354) => {}
            Ok(response) => return Err(Refusal::unexpected(Step::Data, &response)),
            Err(error) => return Err(Refusal::new(Step::Data, &error)),
        }
        let taken = match connection.message(parcel.bytes).await {
            Ok(response) if response.has_code(250) => said(&response),
            Ok(response) => return Err(Refusal::unexpected(Step::Content, &response)),
            Err(error) => return Err(Refusal::new(Step::Content, &error)),
        };
        let others = refused.iter().map(|(to, refusal)| format!("; not to {to}: {}", refusal.words));
        Ok(others.fold(taken, |all, other| all + &other))
    }

    /// MAIL FROM. Some servers, mostly those of large providers, take no mail without a sender from their customers: they get ours.
    async fn sender(&self, connection: &mut AsyncSmtpConnection, mail_from: &str) -> Result<(), Refusal> {
        let ours = self.config.from.address();
        let mail_from = if mail_from.is_empty() && self.wants_sender.load(Ordering::Relaxed) { ours } else { mail_from };
        let refusal = match command(connection, Step::Sender, &["250"], &format!("MAIL FROM:<{mail_from}>")).await {
            Ok(_) => return Ok(()),
            Err(refusal) => refusal,
        };
        let about_the_sender = refusal.code.is_some_and(|code| (500..600).contains(&code) && !matches!(code, 530 | 534 | 535 | 538 | 552));
        if !(mail_from.is_empty() && about_the_sender) {
            return Err(refusal);
        }
        command(connection, Step::Sender, &["250"], &format!("MAIL FROM:<{ours}>")).await?;
        if !self.wants_sender.swap(true, Ordering::Relaxed) {
            tracing::info!(channel = self.cx.name(), "the mail server takes no mail without a sender ({}); it gets {ours}", refusal.words);
        }
        Ok(())
    }

    /// A connection from before that still answers.
    async fn take_idle(&self) -> Option<Kept> {
        loop {
            let mut kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if kept.since.elapsed() < FRESH {
                return Some(kept);
            }
            if kept.since.elapsed() < IDLE
                && let Ok(Ok(response)) = timeout(POLITE, kept.connection.command(Noop)).await
                && response.has_code(250)
            {
                return Some(kept);
            }
        }
    }

    fn keep_idle(&self, mut kept: Kept) {
        kept.mails += 1;
        kept.since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.mails < MOST_MAILS && idle.len() < self.config.queue.at_once {
            idle.push(kept);
        }
    }

    /// After a refusal: used again when the server goes on with it, else left.
    async fn keep_after(&self, mut kept: Kept, refusal: &Refusal) {
        if !refusal.goes_on() {
            bye(kept).await;
        } else if let Ok(Ok(response)) = timeout(POLITE, kept.connection.command(Rset)).await
            && response.has_code(250)
        {
            self.keep_idle(kept);
        }
    }

    /// Closes connections that nobody uses, and keeps the token fresh, for ever.
    pub(super) async fn keep(&self) {
        let tidy = async {
            loop {
                tokio::time::sleep(IDLE / 4).await;
                let old: Vec<Kept> = {
                    let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                    let (stays, old) = std::mem::take(&mut *idle).into_iter().partition(|kept| kept.since.elapsed() < IDLE);
                    *idle = stays;
                    old
                };
                for kept in old {
                    bye(kept).await;
                }
            }
        };
        match &self.tokens {
            Some(tokens) => tokio::join!(tidy, tokens.keep_fresh(&self.cx, || false)).0,
            None => tidy.await,
        }
    }

    /// Says good-bye on every connection.
    pub(super) async fn hang_up(&self) {
        let all = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for kept in all {
            bye(kept).await;
        }
    }
}

/// One command, whose answer must have one of these codes.
async fn command(connection: &mut AsyncSmtpConnection, step: Step, codes: &[&str], command: &str) -> Result<String, Refusal> {
    match connection.command(Raw(command.to_owned())).await {
        Ok(response) if codes.contains(&response.code().to_string().as_str()) => Ok(said(&response)),
        Ok(response) => Err(Refusal::unexpected(step, &response)),
        Err(error) => Err(Refusal::new(step, &error)),
    }
}

async fn bye(mut kept: Kept) {
    // Whether it answers makes no difference.
    let _ = timeout(POLITE, kept.connection.command(Quit)).await;
}
