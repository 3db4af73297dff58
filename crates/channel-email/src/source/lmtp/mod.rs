//! Mail that a site's own Postfix or Exim pushes, by LMTP (RFC 2033). From the outside in:
//!
//! - here: the channel; takes connections, each into a task of its own, and stops in good order
//! - `door.rs`: the Unix socket or port; `seats.rs`: how many connections there may be, and who leaves for others
//! - `session.rs`: one connection; `accept.rs`: a mail that came whole; `wire.rs`: bytes; `room.rs`: the memory that all share
//! - `settings.rs`, `recipients.rs`, `command.rs`, `dialogue.rs`, `data.rs`, `key.rs`: pure
//!
//! A recipient hears 250 only after the journal's commit. When that answer gets lost the sender sends the mail again: the key,
//! recipient and digest of the mail, is known then, and the answer is 250 at once.
//!
//! Only CRLF ends a line and only CRLF.CRLF ends a mail. What some servers take for an end as well, and smugglers therefore put
//! into mails, is refused: see `data.rs`.

mod accept;
mod command;
mod data;
mod dialogue;
mod door;
mod key;
mod recipients;
mod room;
mod seats;
mod session;
mod settings;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use loket_core::channel::{Channel, ChannelCx, ChannelError};
use loket_core::health::ChannelState;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use door::Door;
use seats::Seats;
use session::Service;

pub use settings::LmtpConfig;
pub(crate) use settings::read;

/// How long a stop waits for transactions under way. What is cut off then is sent again.
const GRACE: Duration = Duration::from_secs(10);
/// How often to see whether the socket is still there.
const LOOK: Duration = Duration::from_secs(2);
/// After a connection could not be taken (no file handles, for one).
const PAUSE: Duration = Duration::from_millis(200);

/// An LMTP listener.
pub struct LmtpListener {
    config: Arc<LmtpConfig>,
    max_payload: u64,
}

impl LmtpListener {
    /// As configured; mails above `max_payload` bytes are refused.
    pub fn new(config: LmtpConfig, max_payload: u64) -> Self {
        Self { config: Arc::new(config), max_payload }
    }
}

#[async_trait]
impl Channel for LmtpListener {
    async fn run(&mut self, cx: ChannelCx) -> Result<(), ChannelError> {
        let door = Door::open(&self.config.listen).await?;
        tracing::info!(channel = cx.name(), "LMTP on {}", self.config.listen);
        cx.health().state(ChannelState::Up);
        let service = Arc::new(Service::new(cx.clone(), Arc::clone(&self.config), self.max_payload));
        let mut sessions = JoinSet::new();
        let ended = take_connections(&door, &cx, &service, &mut sessions).await;
        // Nobody new comes in while those inside finish.
        drop(door);
        service.close();
        let all = async { while sessions.join_next().await.is_some() {} };
        if timeout(GRACE, all).await.is_err() {
            tracing::warn!(channel = cx.name(), "LMTP transactions were cut off by the stop; they will be sent again");
        }
        ended
    }
}

/// Takes connections until the channel is told to stop, or the door is of no use any more.
async fn take_connections(door: &Door, cx: &ChannelCx, service: &Arc<Service>, sessions: &mut JoinSet<()>) -> Result<(), ChannelError> {
    let seats = Seats::new(service.config.connections);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seat = None;
    loop {
        tokio::select! {
            biased;
            () = cx.stop().cancelled() => return Ok(()),
            Some(ended) = sessions.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(channel = cx.name(), "an LMTP session ended badly: {error}");
                }
            }
            _ = look.tick() => door.check().await?,
            taken = seats.take(), if seat.is_none() => seat = Some(taken),
            accepted = door.accept(), if seat.is_some() => match accepted {
                Ok((stream, peer)) => {
                    if let Some(seat) = seat.take() {
                        sessions.spawn(session::serve(Arc::clone(service), stream, peer, seat));
                    }
                }
                Err(error) => {
                    tracing::warn!(channel = cx.name(), "a connection could not be taken: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
}
