//! One connection, from the greeting to the end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use loket_core::channel::ChannelCx;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::accept;
use super::data::{Decoder, Fault};
use super::dialogue::{self, Dialogue, Reply, Step};
use super::door::Stream;
use super::room::{FREE, Room, Share};
use super::seats::Seat;
use super::settings::LmtpConfig;
use super::wire::{Heard, Wire};

/// Bytes of a refused mail that are read to find its end.
const MOST_DISCARDED: u64 = 1 << 30;
/// How long the last word may take to be sent.
const FAREWELL: Duration = Duration::from_secs(5);

/// What all sessions of a listener share.
pub(super) struct Service {
    pub(super) cx: ChannelCx,
    pub(super) config: Arc<LmtpConfig>,
    pub(super) max_payload: u64,
    room: Room,
    closing: CancellationToken,
}

impl Service {
    pub(super) fn new(cx: ChannelCx, config: Arc<LmtpConfig>, max_payload: u64) -> Self {
        Self { cx, config, max_payload, room: Room::new(max_payload), closing: CancellationToken::new() }
    }

    /// Sessions end when they have finished the mail that they are at.
    pub(super) fn close(&self) {
        self.closing.cancel();
    }
}

/// How the session goes on after a mail came, or did not.
enum Then {
    GoOn,
    Leave(Option<Reply>),
}

struct Session {
    service: Arc<Service>,
    wire: Wire,
    dialogue: Dialogue,
    peer: String,
    seat: Seat,
}

/// Talks with a client until one of us has enough.
pub(super) async fn serve(service: Arc<Service>, stream: Stream, peer: String, seat: Seat) {
    let dialogue = Dialogue::new(Arc::clone(&service.config), service.max_payload);
    let mut session = Session { service, wire: Wire::new(stream), dialogue, peer, seat };
    let ended = match session.converse().await {
        Ok(last_word) => session.leave(last_word).await,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::debug!(channel = session.service.cx.name(), peer = session.peer, "LMTP connection broke: {error}");
    }
}

impl Session {
    /// Answers with the last word, if there is one to say.
    async fn converse(&mut self) -> io::Result<Option<Reply>> {
        self.wire.say(&Dialogue::greeting());
        loop {
            self.seat.waits();
            let heard = tokio::select! {
                biased;
                () = self.service.closing.cancelled(), if !self.dialogue.is_busy() => return Ok(Some(stopping())),
                () = self.seat.wanted() => return Ok(Some("421 4.3.2 others are waiting for this connection".into())),
                heard = timeout(self.service.config.timeout, self.wire.line()) => heard,
            };
            self.seat.works();
            let Ok(heard) = heard else { return Ok(Some("421 4.4.2 nothing was said for too long".into())) };
            let step = match heard? {
                Heard::Line(line) => self.dialogue.hear(&line),
                Heard::BadEnd => self.dialogue.mistake("500 5.5.2 a line ends with CRLF, and has no other CR or LF"),
                Heard::TooLong => self.dialogue.mistake("500 5.5.2 the line is too long"),
                Heard::Endless => return Ok(Some("421 4.7.0 the line has no end".into())),
                Heard::Gone => return Ok(None),
            };
            match step {
                Step::Say(reply) => self.wire.say(&reply),
                Step::Close(reply) => return Ok(Some(reply)),
                Step::Receive => {
                    if let Then::Leave(last_word) = self.mail().await? {
                        return Ok(last_word);
                    }
                }
            }
        }
    }

    /// Takes one mail and answers for each of its recipients.
    async fn mail(&mut self) -> io::Result<Then> {
        if self.wire.is_ahead() {
            // Were DATA refused, what should be a mail would be taken for commands.
            return Ok(Then::Leave(Some("421 4.7.0 the mail comes after the answer to DATA, and not with it".into())));
        }
        let size = self.dialogue.transaction().and_then(|transaction| transaction.sender.size);
        // What a sender says is about right; line ends and dots may come on top.
        let expected = size.map_or(FREE, |size| size.saturating_add(size / 16 + 4_096)).min(self.service.max_payload);
        let mut share = Share::default();
        let has_room = tokio::select! {
            biased;
            () = self.service.closing.cancelled() => return Ok(Then::Leave(Some(stopping()))),
            has_room = self.service.room.enlarge(&mut share, expected) => has_room,
        };
        if !has_room {
            self.dialogue.end(false);
            self.wire.say(&dialogue::refusal(Fault::NoRoom, self.service.max_payload));
            return Ok(Then::GoOn);
        }
        self.wire.say("354 go ahead, and end with CRLF.CRLF");
        let decoder = match self.receive(&mut share).await? {
            Ok(decoder) => decoder,
            Err(last_word) => return Ok(Then::Leave(last_word)),
        };
        let received = decoder.finish();
        let Some(transaction) = self.dialogue.end(received.is_ok()) else { return Ok(Then::Leave(None)) };
        match received {
            Ok(mail) => {
                let replies = accept::accept(&self.service, self.dialogue.helo(), &self.peer, &transaction, mail).await;
                replies.iter().for_each(|reply| self.wire.say(reply));
            }
            Err(fault) => self.refuse(fault, transaction.recipients.len()),
        }
        drop(share);
        Ok(Then::GoOn)
    }

    /// Reads to the end of a mail. The error is the last word to a client with which there is no going on.
    async fn receive(&mut self, share: &mut Share) -> io::Result<Result<Decoder, Option<Reply>>> {
        let Service { config, max_payload, room, .. } = &*self.service;
        let mut decoder = Decoder::new(*max_payload);
        let mut deadline = Instant::now() + config.data_timeout;
        loop {
            let until = deadline.min(Instant::now() + config.timeout);
            let Ok(piece) = timeout_at(until, self.wire.piece()).await else {
                return Ok(Err(Some("421 4.4.2 the mail comes too slowly".into())));
            };
            let piece = piece?;
            if let Some(kept) = decoder.kept()
                && share.bytes() < (kept + piece.len() as u64).min(*max_payload)
            {
                let waiting = Instant::now();
                if !room.enlarge(share, *max_payload).await {
                    decoder.fault(Fault::NoRoom);
                }
                // That it had to wait for us is not the sender's fault.
                deadline += waiting.elapsed();
            }
            let length = piece.len();
            let end = decoder.feed(piece);
            self.wire.used(end.unwrap_or(length));
            if decoder.kept().is_none() {
                *share = Share::default();
            }
            if end.is_some() {
                return Ok(Ok(decoder));
            }
            if length == 0 || decoder.came() > MOST_DISCARDED.saturating_add(*max_payload) {
                // Who sent something that is refused anyway hears so; who went away half-way through a good mail sends it again.
                let recipients = self.dialogue.transaction().map_or(0, |transaction| transaction.recipients.len());
                if let Err(fault) = decoder.finish() {
                    self.refuse(fault, recipients);
                }
                return Ok(Err(None));
            }
        }
    }

    fn refuse(&mut self, fault: Fault, recipients: usize) {
        let reply = dialogue::refusal(fault, self.service.max_payload);
        tracing::warn!(channel = self.service.cx.name(), peer = self.peer, recipients, "a mail was refused: {reply}");
        for _ in 0..recipients {
            self.wire.say(&reply);
        }
    }

    /// Says the last word and closes.
    async fn leave(&mut self, last_word: Option<Reply>) -> io::Result<()> {
        if let Some(reply) = last_word {
            self.wire.say(&reply);
        }
        timeout(FAREWELL, self.wire.close()).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn stopping() -> Reply {
    "421 4.3.2 stopping; come again".into()
}
