//! An SMTP server that does as it is told: refuses, stalls, holds back its last word, strips what would stop a loop.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use loket_tests::wait_for;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use crate::PATIENCE;

/// What the server does with the next mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Takes it.
    Take,
    /// Answers so to MAIL FROM, when the sender is empty.
    NoNullSender(&'static str),
    /// Answers so to RCPT TO.
    Recipient(&'static str),
    /// Answers so to the mail itself.
    Content(&'static str),
    /// Has the mail, and never says so.
    Silent,
    /// Has the mail, and hangs up.
    HangUp,
}

/// A mail that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    pub mail_from: String,
    pub to: Vec<String>,
    pub bytes: Vec<u8>,
    /// Whether the server said that it has it.
    pub told: bool,
}

#[derive(Default)]
pub struct State {
    /// What is done with the next mails; after these, they are taken.
    pub acts: VecDeque<Act>,
    /// The mails that came whole.
    pub came: Vec<Came>,
    /// Connections that were made.
    pub connections: usize,
}

/// The server. Dropping it stops it.
pub struct Smtp {
    pub port: u16,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Smtp {
    pub async fn start(acts: &[Act]) -> Result<Self> {
        Self::with(acts, None).await
    }

    /// With somebody who is told of each mail that was taken.
    pub async fn with(acts: &[Act], to: Option<mpsc::UnboundedSender<Came>>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(Mutex::new(State { acts: acts.iter().cloned().collect(), ..State::default() }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut talks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (state, to) = (Arc::clone(&shared), to.clone());
                lock(&state).connections += 1;
                // Who hangs up in the middle is no concern of ours.
                talks.spawn(async move { talk(stream, &state, to).await.unwrap_or_default() });
            }
        });
        Ok(Self { port, state, task })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Waits until so many mails came whole.
    pub async fn wait_for(&self, count: usize) -> Result<Vec<Came>> {
        let came = wait_for(PATIENCE, async || Some(self.state().came.clone()).filter(|came| came.len() >= count)).await;
        came.with_context(|| format!("{count} mails did not come: {:?}", self.state().came))
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn talk(stream: TcpStream, state: &Mutex<State>, told: Option<mpsc::UnboundedSender<Came>>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(b"220 mx.test ESMTP\r\n").await?;
    let (mut mail_from, mut to, mut act) = (String::new(), Vec::new(), None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let address = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address.to_owned());
        let answer = match word.as_str() {
            "EHLO" => "250-mx.test\r\n250 SIZE 10000000",
            "MAIL" => {
                mail_from = address.unwrap_or_default();
                to.clear();
                let next = act.take().unwrap_or_else(|| lock(state).acts.pop_front().unwrap_or(Act::Take));
                let answer = match &next {
                    Act::NoNullSender(answer) if mail_from.is_empty() => answer,
                    _ => "250 2.1.0 ok",
                };
                act = Some(next);
                answer
            }
            "RCPT" => {
                to.extend(address);
                match &act {
                    Some(Act::Recipient(answer)) => answer,
                    _ => "250 2.1.5 ok",
                }
            }
            "DATA" => "354 go on",
            "RSET" => {
                act = None;
                "250 ok"
            }
            "NOOP" => "250 ok",
            "QUIT" => {
                stream.get_mut().write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 what?",
        };
        if answer.starts_with("55") || answer.starts_with("45") {
            // A sender may be refused and another one tried; a refused recipient ends the mail.
            act = act.filter(|_| word == "MAIL");
        }
        stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await?;
        if word != "DATA" {
            continue;
        }
        let mut bytes = Vec::new();
        loop {
            let mut line = Vec::new();
            if stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(());
            }
            if line == b".\r\n" {
                break;
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let act = act.take().unwrap_or(Act::Take);
        let refused = matches!(act, Act::Content(_));
        let came =
            Came { mail_from: mail_from.clone(), to: to.clone(), bytes, told: !matches!(act, Act::Silent | Act::HangUp) && !refused };
        let number = {
            let mut state = lock(state);
            state.came.push(came.clone());
            state.came.len()
        };
        match act {
            Act::Content(answer) => stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await?,
            // Until the other side has had enough.
            Act::Silent => {
                let mut rest = Vec::new();
                let _ = stream.read_until(0, &mut rest).await;
                return Ok(());
            }
            Act::HangUp => return Ok(()),
            _ => {
                stream.get_mut().write_all(format!("250 2.0.0 kept as {number}\r\n").as_bytes()).await?;
                if let Some(told) = &told {
                    // The test may be over.
                    let _ = told.send(came);
                }
            }
        }
    }
}
