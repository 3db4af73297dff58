//! A server that says what a test wants: a little IMAP, with answers replaced where the test gives others.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What a test has to say to a command, instead of the usual. `{tag}` is the command's tag. An empty answer closes the connection,
/// `{close}` at the end of one does so after it.
pub type Script = Arc<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

/// The server.
pub struct Fake {
    pub port: u16,
    task: JoinHandle<()>,
    shared: Arc<Shared>,
}

struct Shared {
    script: Script,
    mails: Vec<Vec<u8>>,
    /// Every command that came.
    heard: Mutex<Vec<String>>,
    connections: AtomicU32,
}

impl Fake {
    /// A server with one folder that has these mails, UIDs from 1.
    pub async fn start(mails: Vec<Vec<u8>>, script: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { script: Arc::new(script), mails, heard: Mutex::default(), connections: AtomicU32::new(0) });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut talks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::Relaxed);
                let shared = Arc::clone(&serving);
                talks.spawn(async move {
                    let _ = talk(stream, &shared).await;
                });
            }
        });
        Self { port, task, shared }
    }

    /// Every command that came.
    pub fn heard(&self) -> Vec<String> {
        self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn connections(&self) -> u32 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The TOML for its mailbox.
    pub fn toml(&self, rig: &super::rig::Rig, more: &str) -> String {
        std::fs::write(rig.path("password"), "x\n").unwrap();
        format!(
            "host = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nuser = \"u\"\npassword = \"file:{}\"\ntimeout = \"2s\"\n{more}",
            self.port,
            rig.path("password").display()
        )
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut lines = BufReader::new(from).lines();
    to.write_all(&(shared.script)("GREETING").unwrap_or_else(|| b"* OK ready\r\n".to_vec())).await?;
    while let Some(line) = lines.next_line().await? {
        let (tag, command) = line.split_once(' ').unwrap_or(("", &line));
        shared.heard.lock().unwrap_or_else(PoisonError::into_inner).push(command.to_owned());
        let answer = (shared.script)(command).unwrap_or_else(|| usual(command, &shared.mails));
        if answer.is_empty() {
            return Ok(());
        }
        let (answer, close) = match answer.strip_suffix(b"{close}") {
            Some(answer) => (answer, true),
            None => (answer.as_slice(), false),
        };
        to.write_all(&with_tag(answer, tag)).await?;
        if close {
            return Ok(());
        }
    }
    Ok(())
}

fn with_tag(answer: &[u8], tag: &str) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = answer;
    while let Some(at) = rest.windows(5).position(|window| window == b"{tag}") {
        text.extend_from_slice(&rest[..at]);
        text.extend_from_slice(tag.as_bytes());
        rest = &rest[at + 5..];
    }
    text.extend_from_slice(rest);
    text
}

/// What an honest server says.
pub fn usual(command: &str, mails: &[Vec<u8>]) -> Vec<u8> {
    let mut words = command.split(' ');
    let ok = b"{tag} OK done\r\n".to_vec();
    match (words.next(), words.next()) {
        (Some("CAPABILITY"), _) => b"* CAPABILITY IMAP4rev1 UIDPLUS MOVE\r\n{tag} OK done\r\n".to_vec(),
        (Some("EXAMINE" | "SELECT"), _) => format!(
            "* FLAGS (\\Seen)\r\n* {} EXISTS\r\n* OK [UIDVALIDITY 9] .\r\n* OK [UIDNEXT {}] .\r\n* OK [PERMANENTFLAGS (\\*)] .\r\n{{tag}} OK done\r\n",
            mails.len(),
            mails.len() + 1
        )
        .into_bytes(),
        (Some("UID"), Some("FETCH")) => {
            let mut answer = Vec::new();
            for uid in uids(words.next().unwrap_or_default(), mails.len()) {
                answer.extend(fetched(uid, &mails[uid - 1], command));
            }
            answer.extend(ok);
            answer
        }
        (Some("UID"), Some("SEARCH")) => {
            let set = command.rsplit("UID ").next().unwrap_or_default();
            let found: Vec<String> = uids(set.split(' ').next().unwrap_or_default(), mails.len()).iter().map(usize::to_string).collect();
            format!("* SEARCH {}\r\n{{tag}} OK done\r\n", found.join(" ")).into_bytes()
        }
        _ => ok,
    }
}

/// One mail's answer to a FETCH.
pub fn fetched(uid: usize, mail: &[u8], command: &str) -> Vec<u8> {
    if !command.contains("BODY.PEEK[]") {
        return format!("* {uid} FETCH (UID {uid} RFC822.SIZE {})\r\n", mail.len()).into_bytes();
    }
    let head = format!(
        "* {uid} FETCH (UID {uid} RFC822.SIZE {} FLAGS (\\Seen) INTERNALDATE \"24-Nov-2026 09:30:00 +0100\" BODY[] {{{}}}\r\n",
        mail.len(),
        mail.len()
    );
    [head.as_bytes(), mail, b")\r\n"].concat()
}

/// The UIDs in a set that there are. `n:*` gives the last one in any case.
fn uids(set: &str, most: usize) -> Vec<usize> {
    let mut uids = Vec::new();
    for part in set.split(',') {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        let number = |text: &str| if text == "*" { most } else { text.parse().unwrap_or(0) };
        let (from, to) = (number(from), number(to));
        uids.extend((from.min(to)..=from.max(to)).filter(|uid| (1..=most).contains(uid)));
    }
    uids
}
