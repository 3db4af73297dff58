//! The token of one channel: shared by its folders, renewed before it ends.
//!
//! A session that lasts is not ended because its token does: servers look at it when somebody logs in. The token is renewed all the
//! same, so that a login finds a good one, a revoked right is noticed before it hurts, and a refresh token does not end for want of use.

use std::sync::Arc;
use std::time::Duration;

use loket_core::channel::{ChannelCx, ChannelError};
use loket_core::secret::{ExposeSecret, SecretString};
use loket_core::time::Timestamp;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::answer::{Failure, Granted};
use super::endpoint::{self, Patience};
use super::refresh::Refresh;
use super::settings::{Grant, OAuth2Config};

/// A token is renewed when a fifth of its life is left, or so much, whichever is more (of a short life at its half).
const SPARE: Duration = Duration::from_secs(300);
/// A token that never let anyone in and is younger than this is not replaced: another one would be no better.
const YOUNG: Duration = Duration::from_secs(60);
/// Pauses between tries to renew a token, while nobody waits for it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// An access token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    text: SecretString,
    /// Tells it from those before.
    number: u64,
}

impl Token {
    pub(crate) fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

/// Where a channel gets its token.
#[derive(Debug)]
pub(crate) struct Tokens {
    config: OAuth2Config,
    patience: Patience,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    refresh: Refresh,
    given: u64,
    /// The endpoint wants no questions until then.
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    token: Token,
    since: Instant,
    renew: Instant,
    ends: Instant,
    /// It has let somebody in.
    proven: bool,
}

impl Tokens {
    pub(crate) fn new(config: OAuth2Config, connect: Duration, whole: Duration) -> Self {
        Self { config, patience: Patience { connect, whole }, state: Mutex::default(), changed: Notify::new() }
    }

    pub(crate) fn config(&self) -> &OAuth2Config {
        &self.config
    }

    /// The token to log in with. While it cannot be renewed, the one before is good until it ends.
    pub(crate) async fn token(self: &Arc<Self>, cx: &ChannelCx) -> Result<Token, ChannelError> {
        self.whole(cx, |tokens, cx| async move {
            let mut state = tokens.state.lock().await;
            let now = Instant::now();
            if let Some(held) = state.held.as_ref().filter(|held| now < held.renew) {
                return Ok(held.token.clone());
            }
            let error = match tokens.fetch(&mut state, &cx).await {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            match state.held.as_ref().filter(|held| now < held.ends) {
                Some(held) => {
                    tokens.report(&cx, &error, true);
                    Ok(held.token.clone())
                }
                None => Err(error),
            }
        })
        .await
    }

    /// The server did not take this token. Another one, if that may help.
    pub(crate) async fn instead_of(self: &Arc<Self>, refused: &Token, cx: &ChannelCx) -> Result<Option<Token>, ChannelError> {
        let refused = refused.number;
        self.whole(cx, move |tokens, cx| async move {
            let mut state = tokens.state.lock().await;
            match &state.held {
                Some(held) if held.token.number != refused => Ok(Some(held.token.clone())),
                Some(held) if !held.proven && held.since.elapsed() < YOUNG => {
                    // The next try begins with a new one.
                    state.held = None;
                    Ok(None)
                }
                _ => {
                    state.held = None;
                    tokens.fetch(&mut state, &cx).await.map(Some)
                }
            }
        })
        .await
    }

    /// The server took this token.
    pub(crate) async fn took(&self, token: &Token) {
        if let Some(held) = self.state.lock().await.held.as_mut().filter(|held| held.token.number == token.number) {
            held.proven = true;
        }
    }

    /// Renews the token for ever, whenever it is time to, unless this instance only stands by. Nothing is fetched before somebody
    /// has asked for a token.
    pub(crate) async fn keep_fresh(self: &Arc<Self>, cx: &ChannelCx, stands_by: impl Fn() -> bool + Sync) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Some((number, renew)) = self.state.lock().await.held.as_ref().map(|held| (held.token.number, held.renew)) else {
                self.changed.notified().await;
                continue;
            };
            if renew > Instant::now() {
                tokio::select! {
                    () = tokio::time::sleep_until(renew) => {}
                    () = self.changed.notified() => {}
                }
                continue;
            }
            if !stands_by() {
                match self.token(cx).await {
                    Ok(token) if token.number != number => pause = FIRST_PAUSE,
                    Ok(_) => {}
                    Err(error) => self.report(cx, &error, false),
                }
            }
            // Also after a success: an endpoint whose tokens last for a moment is asked once a second.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Does it to its end, even where whoever asks goes away: an answer that is on its way may hold the only valid refresh token.
    async fn whole<T, F>(self: &Arc<Self>, cx: &ChannelCx, work: impl FnOnce(Arc<Self>, ChannelCx) -> F) -> Result<T, ChannelError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ChannelError>> + Send + 'static,
    {
        let work = tokio::spawn(work(Arc::clone(self), cx.clone()));
        work.await.unwrap_or_else(|error| Err(ChannelError::Transient(format!("asking for a token ended: {error}"))))
    }

    async fn fetch(&self, state: &mut State, cx: &ChannelCx) -> Result<Token, ChannelError> {
        if let Some(wait) = state.not_before.and_then(|until| until.checked_duration_since(Instant::now())).filter(|wait| !wait.is_zero()) {
            return Err(ChannelError::Transient(format!("the token endpoint asked us to wait; {} s to go", wait.as_secs().max(1))));
        }
        let used = match &self.config.grant {
            Grant::ClientCredentials => None,
            Grant::RefreshToken(place) => Some((place, state.refresh.current(place).map_err(ChannelError::Refused)?)),
        };
        let asked = Instant::now();
        let Granted { token, lasts, refresh_token } =
            match endpoint::ask(&self.config, used.as_ref().map(|(_, token)| token), self.patience).await {
                Ok(granted) => granted,
                Err(Failure { error, pause }) => {
                    state.not_before = pause.map(|pause| Instant::now() + pause);
                    return Err(error);
                }
            };
        state.not_before = None;
        if let Some((place, used)) = used
            && let Some(given) = refresh_token
            && let Err(why) = state.refresh.given(place, &used, given)
        {
            let error = format!(
                "the token endpoint gave a new refresh token, which is in memory only: after a restart somebody may have to authorize anew, because {why}"
            );
            tracing::error!(channel = cx.name(), "{error}");
            cx.health().error(error);
        }
        state.given += 1;
        let token = Token { text: token, number: state.given };
        let renew = asked + (lasts - spare(lasts));
        state.held = Some(Held { token: token.clone(), since: asked, renew, ends: asked + lasts, proven: false });
        self.changed.notify_one();
        tracing::debug!(channel = cx.name(), ends = %Timestamp::now().plus(lasts), renewed_in = ?(lasts - spare(lasts)), "a new access token");
        Ok(token)
    }

    fn report(&self, cx: &ChannelCx, error: &ChannelError, still_good: bool) {
        let then = if still_good { "the one before is good for now" } else { "the next login will fail" };
        let error = format!("the access token cannot be renewed, {then}: {error}");
        tracing::warn!(channel = cx.name(), "{error}");
        cx.health().error(error);
    }
}

/// How long before its end a token is renewed.
fn spare(lasts: Duration) -> Duration {
    (lasts / 5).max(SPARE.min(lasts / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_renewed_in_good_time() {
        let table = [(86_400, 69_120), (3_600, 2_880), (1_500, 1_200), (900, 600), (600, 300), (60, 30), (4, 2), (0, 0)];
        for (lasts, renewed) in table {
            let lasts = Duration::from_secs(lasts);
            assert_eq!(lasts - spare(lasts), Duration::from_secs(renewed), "{lasts:?}");
        }
    }
}
