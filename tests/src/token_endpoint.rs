//! A token endpoint of our own (RFC 6749), with the introspection that Dovecot asks: a little HTTP on a free port of loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The client that the endpoint knows.
pub const CLIENT_ID: &str = "loket-client";
/// That client's secret, with characters that a form must escape.
pub const CLIENT_SECRET: &str = "s3cr~t&=+ %é";
/// Bytes of a request, at most.
const LONGEST_REQUEST: u64 = 64 << 10;

/// A form that was posted.
pub type Form = BTreeMap<String, String>;

/// The endpoint. Dropping it stops it.
pub struct TokenEndpoint {
    port: u16,
    task: JoinHandle<()>,
    shared: Arc<Mutex<State>>,
}

/// How the endpoint behaves, and what happened so far.
pub struct State {
    /// Whose mailbox its tokens open.
    pub user: String,
    /// The life of its tokens in seconds.
    pub expires_in: u64,
    /// The refresh tokens that are good.
    pub refresh_tokens: BTreeSet<String>,
    /// Gives a new refresh token each time; the one before is worth nothing then.
    pub rotates: bool,
    /// Hangs up on whoever wants a token.
    pub down: bool,
    /// Never answers whoever wants a token.
    pub silent: bool,
    /// What it says to whoever wants a token, instead of the usual: a status line, more headers, a body.
    pub instead: Option<(String, String, String)>,
    /// The access tokens that are good.
    pub good: BTreeSet<String>,
    /// The access tokens that were given, the last one last.
    pub given: Vec<String>,
    /// The forms that were posted, good or not.
    pub asked: Vec<Form>,
    /// The tokens that the mail server wanted to know about, and whether they were good.
    pub shown: Vec<(String, bool)>,
}

impl TokenEndpoint {
    /// An endpoint whose tokens open the mailbox of this user.
    pub async fn start(user: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Mutex::new(State {
            user: user.into(),
            expires_in: 3600,
            refresh_tokens: BTreeSet::new(),
            rotates: false,
            down: false,
            silent: false,
            instead: None,
            good: BTreeSet::new(),
            given: Vec::new(),
            asked: Vec::new(),
            shown: Vec::new(),
        }));
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut talks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                // Who hangs up in the middle is no concern of ours.
                talks.spawn(async move { talk(stream, &shared).await.unwrap_or_default() });
            }
        });
        Ok(Self { port, task, shared })
    }

    /// Where tokens are given.
    pub fn token_url(&self) -> String {
        format!("http://127.0.0.1:{}/token", self.port)
    }

    /// Where the mail server asks about them.
    pub fn introspection_url(&self) -> String {
        format!("http://127.0.0.1:{}/introspect", self.port)
    }

    /// Its state, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TokenEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk(stream: TcpStream, shared: &Mutex<State>) -> Result<()> {
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from.take(LONGEST_REQUEST));
    let mut request = String::new();
    from.read_line(&mut request).await?;
    let (mut length, mut bearer) = (0_usize, String::new());
    loop {
        let mut header = String::new();
        if from.read_line(&mut header).await? == 0 || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse()?,
            "authorization" => bearer = value.trim().trim_start_matches("Bearer ").to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length.min(LONGEST_REQUEST as usize)];
    from.read_exact(&mut body).await?;
    let for_token = request.starts_with("POST /token ");
    let silent = for_token && shared.lock().unwrap_or_else(PoisonError::into_inner).silent;
    if silent {
        std::future::pending::<()>().await;
    }
    let answer = {
        let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if for_token {
            if state.down {
                return Ok(());
            }
            state.token(form(&body))
        } else if request.starts_with("GET /introspect ") {
            state.introspect(&bearer)
        } else {
            reply("404 Not Found", "", "")
        }
    };
    to.write_all(answer.as_bytes()).await?;
    to.shutdown().await?;
    Ok(())
}

impl State {
    fn token(&mut self, form: Form) -> String {
        let said = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
        let client_is_known = said("client_id") == CLIENT_ID && said("client_secret") == CLIENT_SECRET;
        let refresh = said("refresh_token").to_owned();
        let by_refresh = said("grant_type") == "refresh_token";
        let granted = match said("grant_type") {
            "client_credentials" => true,
            "refresh_token" => self.refresh_tokens.contains(&refresh),
            _ => false,
        };
        self.asked.push(form);
        if let Some((status, headers, body)) = &self.instead {
            return reply(status, headers, body);
        }
        if !client_is_known {
            return error("401 Unauthorized", "invalid_client", "The client secret is wrong.");
        }
        if !granted {
            return error("400 Bad Request", "invalid_grant", "Token has been expired or revoked.");
        }
        let token = format!("access-{}.x_y~z", self.given.len() + 1);
        self.given.push(token.clone());
        self.good.insert(token.clone());
        let mut answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": self.expires_in });
        if by_refresh && self.rotates {
            let next = format!("refresh-{}", self.asked.len() + 1);
            self.refresh_tokens.remove(&refresh);
            self.refresh_tokens.insert(next.clone());
            answer["refresh_token"] = next.into();
        }
        reply("200 OK", "", &answer.to_string())
    }

    fn introspect(&mut self, token: &str) -> String {
        let good = self.good.contains(token);
        self.shown.push((token.to_owned(), good));
        reply("200 OK", "", &json!({ "active": good, "username": self.user, "scope": "mail" }).to_string())
    }
}

fn error(status: &str, code: &str, words: &str) -> String {
    reply(status, "", &json!({ "error": code, "error_description": words }).to_string())
}

/// `headers` end with CR LF each.
fn reply(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn form(body: &[u8]) -> Form {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            (unescaped(&pair[..at]), unescaped(pair.get(at + 1..).unwrap_or_default()))
        })
        .collect()
}

fn unescaped(text: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        (rest, _) = match (byte, hex) {
            (b'%', Some(byte)) => (&after[2..], bytes.push(byte)),
            (b'+', _) => (after, bytes.push(b' ')),
            (byte, _) => (after, bytes.push(*byte)),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
