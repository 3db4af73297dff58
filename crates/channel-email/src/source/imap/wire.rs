//! Commands and their answers, none of them awaited without an end.
//!
//! This stands on the lower half of async-imap, its stream and parser. The upper half takes a connection that ends, or a
//! refusal, in the middle of a FETCH or SEARCH for the end of the answer: mail would look as if it were gone.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_imap::Client;
use async_imap::imap_proto::{AttributeValue, MailboxDatum, Outcome, Response, ResponseCode, Status};
use futures_util::FutureExt;
use loket_core::channel::ChannelError;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use super::busy;
use super::line::Line;

type Result<T> = std::result::Result<T, ChannelError>;

/// A server must answer faster than this, once the time-out has passed.
const SLOWEST: u64 = 4 << 10;
/// Other things that a server may say before its next word on a login.
const MOST_ASIDES: u32 = 100;
/// Characters of a challenge.
const LONGEST_CHALLENGE: usize = 8 << 10;
/// Bytes outside literals that one command may be answered with: a million mails listed.
const MOST_TALK: u64 = 256 << 20;

/// How a command ended.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// The server's words about it.
    pub(super) text: String,
    /// The folder to be copied to is not there, but may be made.
    pub(super) try_create: bool,
    pub(super) read_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    No,
    Bad,
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        self.verdict == Verdict::Ok
    }

    /// An error unless the command went well.
    pub(super) fn must(self, doing: &str) -> Result<Self> {
        if self.is_ok() { Ok(self) } else { Err(ChannelError::Transient(format!("{doing} failed, the server says: {}", self.text))) }
    }

    /// Whether a refusal is about the server's state and not about us (RFC 5530, and what servers say in words).
    pub(super) fn is_passing(&self) -> bool {
        let passing = ["[INUSE]", "[SERVERBUG]", "[CONTACTADMIN]", "[SYS/TEMP]"];
        let text = self.text.to_ascii_uppercase();
        !self.is_ok() && (passing.iter().any(|code| text.starts_with(code)) || busy::is_busy(&self.text))
    }
}

/// What a server says while somebody logs in.
#[derive(Debug)]
pub(super) enum Step {
    /// It wants to hear more; in base64.
    Challenge(String),
    /// It is decided.
    Done(Answer),
}

/// A conversation with a server.
pub(super) struct Wire {
    client: Client<Line>,
    timeout: Duration,
    tag: u32,
    /// Mails in the folder, by the server's last word.
    exists: u32,
    /// Whether there were more of them than when we last looked.
    more: bool,
    validity: Option<u32>,
    farewell: Option<String>,
}

impl Wire {
    pub(super) fn new(line: Line, timeout: Duration) -> Self {
        Self { client: Client::new(line), timeout, tag: 0, exists: 0, more: false, validity: None, farewell: None }
    }

    /// The connection. What the server had said and nobody had read is gone with the conversation.
    pub(super) fn into_line(self) -> Line {
        self.client.into_inner()
    }

    pub(super) fn exists(&self) -> u32 {
        self.exists
    }

    /// Whether mail came since the last call.
    pub(super) fn take_more(&mut self) -> bool {
        std::mem::take(&mut self.more)
    }

    pub(super) fn has_more(&self) -> bool {
        self.more
    }

    /// The folder's UIDVALIDITY, by the server's last word.
    pub(super) fn validity(&self) -> Option<u32> {
        self.validity
    }

    /// Forgets what was said about the folder that was open before.
    pub(super) fn forget_folder(&mut self) {
        (self.exists, self.more, self.validity) = (0, false, None);
    }

    /// Each response to come may have so many bytes in literals.
    pub(super) fn expect_literals(&mut self, bytes: u64) {
        self.client.get_mut().expect_literals(bytes);
    }

    /// Sends a command and takes everything up to its tagged answer. `each` sees the untagged responses.
    pub(super) async fn command(&mut self, command: &str, each: impl FnMut(&Response<'_>) + Send) -> Result<Answer> {
        let tag = self.start(command).await?;
        self.finish(&tag, each).await
    }

    /// Sends a command. Its answer is to be taken with [`Wire::finish`].
    pub(super) async fn start(&mut self, command: &str) -> Result<String> {
        self.tag += 1;
        let tag = format!("L{}", self.tag);
        self.send(&format!("{tag} {command}")).await?;
        Ok(tag)
    }

    /// Sends a line. Written here and not by async-imap, which would show it in its log, passwords too.
    pub(super) async fn send(&mut self, line: &str) -> Result<()> {
        let stream = self.client.get_mut();
        let sending = async {
            stream.write_all(format!("{line}\r\n").as_bytes()).await?;
            stream.flush().await
        };
        match timeout(self.timeout, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ChannelError::Transient(format!("the connection broke: {error}"))),
            Err(_) => Err(ChannelError::Transient(format!("the server took nothing for {:?}", self.timeout))),
        }
    }

    /// Takes everything up to the tagged answer.
    pub(super) async fn finish(&mut self, tag: &str, mut each: impl FnMut(&Response<'_>) + Send) -> Result<Answer> {
        let started = Instant::now();
        let received = self.client.get_ref().received();
        let mut in_literals = 0;
        loop {
            let mut read = |response: &Response<'_>| {
                match response {
                    Response::Done { tag: theirs, status, outcome } if theirs.0 == tag => return Some(answer(status, outcome)),
                    Response::Fetch(_, attributes) => in_literals += attributes.iter().map(literal_bytes).sum::<u64>(),
                    _ => {}
                }
                each(response);
                None
            };
            if let Some(answer) = self.next_since(started, received, &mut read).await? {
                return Ok(answer);
            }
            if self.client.get_ref().received() - received > MOST_TALK + in_literals {
                return Err(ChannelError::Transient("the server's answer has no end; not read any further".into()));
            }
        }
    }

    /// The next word on a login.
    pub(super) async fn step(&mut self, tag: &str) -> Result<Step> {
        for _ in 0..MOST_ASIDES {
            let step = self
                .next(|response| match response {
                    Response::Continue(outcome) => {
                        let challenge = outcome.information.as_deref().unwrap_or_default();
                        Some(Step::Challenge(challenge.chars().take(LONGEST_CHALLENGE).collect()))
                    }
                    Response::Done { tag: theirs, status, outcome } if theirs.0 == tag => Some(Step::Done(answer(status, outcome))),
                    _ => None,
                })
                .await?;
            if let Some(step) = step {
                return Ok(step);
            }
        }
        Err(ChannelError::Transient("the server does not answer AUTHENTICATE as it should".into()))
    }

    /// What `read` makes of the next response.
    pub(super) async fn next<T: Send>(&mut self, mut read: impl FnMut(&Response<'_>) -> T + Send) -> Result<T> {
        let received = self.client.get_ref().received();
        self.next_since(Instant::now(), received, &mut read).await
    }

    /// The next response of an answer that began then, after so many bytes.
    async fn next_since<T: Send>(
        &mut self,
        started: Instant,
        received: u64,
        read: &mut (impl FnMut(&Response<'_>) -> T + Send),
    ) -> Result<T> {
        loop {
            let before = self.client.get_ref().received();
            if let Ok(response) = timeout(self.timeout, self.listen(&mut *read)).await {
                return response;
            }
            let now = self.client.get_ref().received();
            if now == before {
                return Err(ChannelError::Transient(format!("the server said nothing for {:?}", self.timeout)));
            }
            if started.elapsed() > self.timeout + Duration::from_secs((now - received) / SLOWEST) {
                return Err(ChannelError::Transient("the server's answer has stopped, or comes at less than 4 KB/s".into()));
            }
        }
    }

    /// What `read` makes of the next response, however long that takes. May be cancelled: nothing is lost.
    pub(super) async fn listen<T>(&mut self, read: impl FnOnce(&Response<'_>) -> T + Send) -> Result<T> {
        // The parser panics on some nonsense, `INTERNALDATE NIL` for one. The conversation is over then, and nothing else.
        let response = match AssertUnwindSafe(self.client.read_response()).catch_unwind().await {
            Ok(Ok(Some(response))) => response,
            Ok(Ok(None)) => return Err(ChannelError::Transient(self.closed("the server closed the connection"))),
            // The parser's own words hold everything it had before it: mail, for example.
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::Other => {
                return Err(ChannelError::Transient("the server's answer is not IMAP, or larger than anything asked for".into()));
            }
            Ok(Err(error)) => return Err(ChannelError::Transient(self.closed(&format!("the connection broke: {error}")))),
            Err(_) => return Err(ChannelError::Transient("the server's answer makes no sense".into())),
        };
        self.observe(response.parsed());
        Ok(read(response.parsed()))
    }

    fn closed(&self, how: &str) -> String {
        match &self.farewell {
            Some(words) => format!("{how}, saying: {words}"),
            None => how.into(),
        }
    }

    /// Notes what a server may say at any time.
    fn observe(&mut self, response: &Response<'_>) {
        match response {
            Response::MailboxData(MailboxDatum::Exists(number)) => {
                self.more |= *number > self.exists;
                self.exists = *number;
            }
            Response::Expunge(_) => self.exists = self.exists.saturating_sub(1),
            Response::Data { status: Status::Bye, outcome } => self.farewell = Some(words(outcome)),
            Response::Data { outcome: Outcome { code: Some(ResponseCode::UidValidity(validity)), .. }, .. } => {
                self.validity = Some(*validity)
            }
            Response::Data { outcome: outcome @ Outcome { code: Some(ResponseCode::Alert), .. }, .. } => {
                tracing::warn!("the mail server has a message for people: {}", words(outcome));
            }
            _ => {}
        }
    }
}

fn literal_bytes(attribute: &AttributeValue<'_>) -> u64 {
    match attribute {
        AttributeValue::BodySection { data: Some(data), .. } => data.len() as u64,
        _ => 0,
    }
}

fn answer(status: &Status, outcome: &Outcome<'_>) -> Answer {
    Answer {
        verdict: match status {
            Status::Ok => Verdict::Ok,
            Status::No => Verdict::No,
            Status::Bad | Status::PreAuth | Status::Bye => Verdict::Bad,
        },
        text: words(outcome),
        try_create: outcome.code == Some(ResponseCode::TryCreate),
        read_only: outcome.code == Some(ResponseCode::ReadOnly),
    }
}

/// A server's words, fit for a log.
pub(super) fn words(outcome: &Outcome<'_>) -> String {
    let words: String = outcome.information.as_deref().unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(300).collect();
    if words.is_empty() { "(nothing)".into() } else { words }
}
