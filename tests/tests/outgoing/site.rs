//! A daemon that takes mail by LMTP and sends its answers to a mail server, and what the tests ask of it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use loket_tests::daemon::{Loket, free_port};
use loket_tests::postfix::{Server, stuffed};
use loket_tests::wait_for;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::PATIENCE;

/// One company's daemon.
pub struct Site {
    pub loket: Loket,
    pub lmtp: u16,
    key: String,
}

impl Site {
    /// In a folder of its own, on SQLite, with these keys in `[outgoing.main]` (and tables below it). `name` tells several apart, and
    /// is the name of the company's domain before `.example`.
    pub async fn start(folder: &Path, name: &str, outgoing: &str) -> Result<Self> {
        Self::at(folder, name, free_port(), outgoing).await
    }

    /// The same, listening on this port.
    pub async fn at(folder: &Path, name: &str, lmtp: u16, outgoing: &str) -> Result<Self> {
        let store = format!("sqlite:{}/{name}.db", folder.display());
        let tables = format!(
            "[email.support]\nlmtp = \"127.0.0.1:{lmtp}\"\n[outgoing.main]\nfrom = \"Klantenservice {name} <support@{name}.example>\"\n\
             channels = [\"email.support\"]\nacknowledge = [\"email.support\"]\nfirst_pause = \"1s\"\nlongest_pause = \"2s\"\n{outgoing}\n"
        );
        let mut loket = Loket::new(folder, name, &store, &tables)?;
        loket.start().await?;
        let key = loket.lines(&["key", "create", "--name", "outgoing", "--write"])?;
        let key = key[0]["key"].as_str().context("no key")?.to_owned();
        Ok(Self { loket, lmtp, key })
    }

    /// Hands it a mail as a mail server does.
    pub async fn deliver(&self, from: &str, to: &str, mail: &[u8]) -> Result<()> {
        let mut door = Door::open(self.lmtp).await?;
        door.deliver(from, to, mail).await
    }

    pub async fn get(&mut self, path: &str) -> Result<Value> {
        self.loket.get(path).await
    }

    /// Posts JSON; the status and the answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let request = self.loket.client().post(self.loket.url(path)).bearer_auth(&self.key);
        let answer = request.header("content-type", "application/json").body(body.to_string()).send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// An agent answers; the id of what goes out.
    pub async fn reply(&self, case: &str, reply: &Value) -> Result<String> {
        let (status, answer) = self.post(&format!("/v1/cases/{case}/replies"), reply).await?;
        ensure!(status == 202, "{status}: {answer}");
        Ok(answer["id"].as_str().context("no id")?.to_owned())
    }

    /// The cases, oldest first.
    pub async fn cases(&mut self) -> Result<Vec<Value>> {
        let mut cases = self.get("/v1/cases?limit=200").await?["cases"].as_array().cloned().unwrap_or_default();
        cases.reverse();
        Ok(cases)
    }

    /// Waits until there are so many cases.
    pub async fn wait_for_cases(&mut self, count: usize) -> Result<Vec<Value>> {
        let found = wait_for(PATIENCE, async || self.cases().await.ok().filter(|cases| cases.len() >= count)).await;
        let found = found.with_context(|| format!("{count} cases; its log:\n{}", self.loket.log_text()))?;
        ensure!(found.len() == count, "{count} cases, not {found:#?}");
        Ok(found)
    }

    /// A case's messages and events.
    pub async fn case(&mut self, number: &str) -> Result<Value> {
        self.get(&format!("/v1/cases/{number}")).await
    }

    /// Waits until a case has so many messages.
    pub async fn wait_for_messages(&mut self, number: &str, count: u64) -> Result<()> {
        let there = wait_for(PATIENCE, async || {
            self.cases().await.ok()?.into_iter().find(|case| case["number"] == number && case["messages_total"] == count)
        });
        if there.await.is_err() {
            anyhow::bail!("{count} messages in {number}: {:#?}\n{}", self.cases().await?, self.loket.log_text());
        }
        Ok(())
    }

    /// What goes out, oldest first.
    pub async fn outbound(&mut self) -> Result<Vec<Value>> {
        let mut all = self.get("/v1/outbound?limit=200").await?["outbound"].as_array().cloned().unwrap_or_default();
        all.reverse();
        Ok(all)
    }

    /// Waits until the only thing that goes out, or the one with this id, looks so.
    pub async fn wait_for_one(&mut self, id: Option<&str>, what: &str, look: impl Fn(&Value) -> bool) -> Result<Value> {
        let found = wait_for(PATIENCE, async || {
            let all = self.outbound().await.ok()?;
            all.into_iter().find(|one| id.is_none_or(|id| one["id"] == id) && look(one))
        });
        match found.await {
            Ok(found) => Ok(found),
            Err(_) => anyhow::bail!("{what}: {:#?}\n{}", self.outbound().await?, self.loket.log_text()),
        }
    }

    /// Waits until one is in this state.
    pub async fn wait_for_state(&mut self, id: Option<&str>, state: &str) -> Result<Value> {
        self.wait_for_one(id, state, |one| one["state"] == state).await
    }

    /// Waits until it has nothing more to do: all that came is filed, all that goes out has ended.
    pub async fn wait_until_idle(&mut self) -> Result<()> {
        let idle = wait_for(PATIENCE, async || {
            let status = self.get("/v1/status").await.ok()?;
            (status["backlog"]["pending"] == 0 && status["outbound"]["waiting"] == 0).then_some(())
        });
        idle.await.with_context(|| format!("never idle:\n{}", self.loket.log_text()))
    }
}

/// A connection to the LMTP listener.
pub struct Door(BufReader<TcpStream>);

impl Door {
    pub async fn open(port: u16) -> Result<Self> {
        let mut door = Self(BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?));
        door.answer("220").await?;
        door.say("LHLO mx.klant.example\r\n", "250").await?;
        Ok(door)
    }

    pub async fn deliver(&mut self, from: &str, to: &str, mail: &[u8]) -> Result<()> {
        self.say(&format!("MAIL FROM:<{from}>\r\n"), "250").await?;
        self.say(&format!("RCPT TO:<{to}>\r\n"), "250").await?;
        self.say("DATA\r\n", "354").await?;
        self.0.get_mut().write_all(&stuffed(mail)).await?;
        self.say(".\r\n", "250").await
    }

    async fn say(&mut self, line: &str, code: &str) -> Result<()> {
        self.0.get_mut().write_all(line.as_bytes()).await?;
        self.answer(code).await.with_context(|| line.to_owned())
    }

    async fn answer(&mut self, code: &str) -> Result<()> {
        loop {
            let mut line = String::new();
            ensure!(self.0.read_line(&mut line).await? > 0, "the listener closed the connection");
            ensure!(line.starts_with(code), "the listener says {line}");
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }
}

/// A Postfix that keeps mail to customers and passes ours on by LMTP.
pub fn postfix(lmtp: u16, more: &str) -> Result<Server> {
    Server::start(&format!("relay_domains = loket.example\nrelay_transport = lmtp:inet:127.0.0.1:{lmtp}\n{more}\n"))
}

/// Keys for a mail server of this machine without TLS.
pub fn plain(port: u16) -> String {
    format!("host = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"")
}

/// A mail of a person.
pub fn mail(from: &str, id: &str, subject: &str, text: &str) -> Vec<u8> {
    format!(
        "From: {from}\r\nTo: support@loket.example\r\nSubject: {subject}\r\nDate: Tue, 24 Nov 2026 09:30:00 +0100\r\nMessage-ID: <{id}>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    )
    .into_bytes()
}

/// A complaint of a Dutch customer.
pub fn complaint(number: usize) -> Vec<u8> {
    mail(
        "Marloes Terwindt <marloes@klanten.example>",
        &format!("klacht-{number}@klanten.example"),
        &format!("Klacht over levering {number}"),
        &format!(
            "Ik ben erg ontevreden. Mijn bestelling {number} is alweer beschadigd aangekomen en niemand belt mij terug. Ik wil mijn geld terug."
        ),
    )
}

/// Content for a reply.
pub fn text(text: &str) -> Value {
    json!({ "text": text })
}

/// A header field of a mail, unfolded and decoded; the field must be there once.
pub fn field(mail: &[u8], name: &str) -> String {
    let parsed = mail_parser::MessageParser::default().parse(mail).expect("a mail");
    let raw: Vec<String> =
        parsed.headers_raw().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.replace("\r\n", "\n")).collect();
    assert_eq!(raw.len(), 1, "{name} in\n{}", String::from_utf8_lossy(mail));
    if name == "Subject" {
        return parsed.subject().unwrap_or_default().to_owned();
    }
    raw[0].split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The names of a mail's header fields.
pub fn fields(mail: &[u8]) -> Vec<String> {
    let parsed = mail_parser::MessageParser::default().parse(mail).expect("a mail");
    parsed.headers_raw().map(|(name, _)| name.to_ascii_lowercase()).collect()
}

/// The text of a mail.
pub fn body(mail: &[u8]) -> String {
    let parsed = mail_parser::MessageParser::default().parse(mail).expect("a mail");
    parsed.body_text(0).unwrap_or_default().replace("\r\n", "\n")
}

/// Waits until Postfix has kept so many mails for customers.
pub async fn wait_for_kept(postfix: &Server, count: usize) -> Result<Vec<Vec<u8>>> {
    let kept = wait_for(PATIENCE, async || postfix.kept().ok().filter(|kept| kept.len() >= count)).await;
    let kept = kept.with_context(|| format!("{count} mails were not kept:\n{}", postfix.log()))?;
    ensure!(kept.len() == count, "{} mails instead of {count}", kept.len());
    Ok(kept)
}
