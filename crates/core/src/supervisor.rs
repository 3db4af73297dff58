//! Keeps a channel running: when it fails, it is tried again, with growing pauses and some jitter, for ever.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::channel::{Channel, ChannelCx, ChannelError};
use crate::health::ChannelState;

/// How long to wait between tries.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// At most, after failures that may pass by themselves.
    pub longest: Duration,
    /// After a refusal, which only somebody's action ends.
    pub refused: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(60), refused: Duration::from_secs(300) }
    }
}

/// Runs a channel until its stop token is cancelled. A run that lasted longer than the longest pause starts the pauses anew.
pub async fn supervise(mut channel: Box<dyn Channel>, cx: ChannelCx, backoff: Backoff) {
    let mut pause = backoff.first;
    while !cx.stop().is_cancelled() {
        cx.health().state(ChannelState::Starting);
        let started = tokio::time::Instant::now();
        // A panic is a failure like any other: the next run begins with a connection of its own.
        let run = AssertUnwindSafe(channel.run(cx.clone())).catch_unwind().await;
        let ended = run.unwrap_or_else(|_| Err(ChannelError::Transient("the channel panicked; the log says where".into())));
        if cx.stop().is_cancelled() {
            break;
        }
        if started.elapsed() > backoff.longest {
            pause = backoff.first;
        }
        let wait = match ended {
            Ok(()) => backoff.first,
            Err(ChannelError::Transient(error)) => {
                tracing::warn!(channel = cx.name(), retry_in = ?pause, "channel failed: {error}");
                cx.health().state(ChannelState::Retrying);
                cx.health().error(error);
                let wait = pause;
                pause = (pause * 2).min(backoff.longest);
                wait
            }
            Err(ChannelError::Refused(error)) => {
                tracing::error!(channel = cx.name(), retry_in = ?backoff.refused, "channel refused, somebody must act: {error}");
                cx.health().state(ChannelState::Failed);
                cx.health().error(error);
                backoff.refused
            }
        };
        sleep(jittered(wait), cx.stop()).await;
    }
    cx.health().state(ChannelState::Stopped);
}

async fn sleep(time: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = stop.cancelled() => {}
    }
}

/// Between three quarters of a pause and one and a quarter of it, so that many channels do not come back in step.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0_u8; 1];
    // Without random numbers the pauses are merely even.
    let _ = getrandom::fill(&mut random);
    let [byte] = random;
    pause.mul_f64(0.75 + f64::from(byte) / 510.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_near_the_pause() {
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(4));
            assert!((Duration::from_secs(3)..=Duration::from_secs(5)).contains(&pause), "{pause:?}");
        }
    }
}
