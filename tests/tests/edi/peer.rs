//! The AS2 partner: pyas2lib behind a small HTTP server, told what to do line by line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// Where script/test makes the Python environment with pyas2lib.
fn python() -> PathBuf {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python-env");
    let env = std::env::var_os("LOKET_PYTHON_ENV").map_or(made, PathBuf::from);
    let python = env.join("bin/python");
    assert!(python.exists(), "{} is not there: script/test makes it, or set LOKET_PYTHON_ENV", python.display());
    python
}

/// Keys and certificates of both sides, in a folder.
pub struct Keys {
    pub folder: TempDir,
}

impl Keys {
    pub fn new() -> Self {
        let keys = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["loket", "acme", "acme-new", "stranger"] {
            keys.make(name, "3650");
        }
        keys.make("acme-expired", "-1");
        keys
    }

    /// `NAME.key`, `NAME.crt` and both in `NAME.pem`.
    fn make(&self, name: &str, days: &str) {
        let (key, request, certificate) = (self.path(&format!("{name}.key")), self.path("csr"), self.path(&format!("{name}.crt")));
        openssl(&["req", "-newkey", "rsa:2048", "-nodes", "-subj", &format!("/CN={name} AS2"), "-keyout", &key, "-out", &request]);
        openssl(&["x509", "-req", "-in", &request, "-signkey", &key, "-days", days, "-out", &certificate]);
        let both = fs::read_to_string(&key).unwrap() + &fs::read_to_string(&certificate).unwrap();
        fs::write(self.path(&format!("{name}.pem")), both).unwrap();
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

fn openssl(args: &[&str]) {
    let output = Command::new("openssl").args(args).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The partner's program.
pub struct Peer {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// What it received.
    pub folder: TempDir,
    /// Where it listens.
    pub port: u16,
}

impl Peer {
    /// Starts it; it posts to Loket's port.
    pub async fn start(keys: &Keys, loket_port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = loket_tests::daemon::free_port();
        let settings = json!({
            "own_name": "ACME AS2",
            "partner_name": "LOKET",
            "key": keys.path("acme.pem"),
            "partner_certificate": keys.path("loket.crt"),
            "stranger_certificate": keys.path("stranger.crt"),
            "url": format!("http://127.0.0.1:{loket_port}/as2"),
            "mdn_url": format!("http://127.0.0.1:{port}/mdn"),
            "port": port,
        });
        let file = folder.path().join("settings.json");
        fs::write(&file, settings.to_string()).unwrap();
        let inbox = folder.path().join("inbox");
        fs::create_dir(&inbox).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edi/as2_peer.py");
        let mut child = tokio::process::Command::new(python())
            .arg(script)
            .args([&file, &inbox])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready: Value = serde_json::from_str(&output.next_line().await.unwrap().expect("the peer ended")).unwrap();
        assert_eq!(ready["port"], port);
        Self { _child: child, input, output, folder, port }
    }

    /// Tells it to do something.
    pub async fn tell(&mut self, job: &Value) -> Value {
        self.input.write_all(format!("{job}\n").as_bytes()).await.unwrap();
        self.input.flush().await.unwrap();
        let line = self.output.next_line().await.unwrap().expect("the peer ended");
        let given: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(given["error"], Value::Null, "{job}");
        given
    }

    /// Sends a file under a Message-ID; `more` says what is other than usual.
    pub async fn send(&mut self, id: &str, payload: &str, more: Value) -> Value {
        let mut job = json!({ "do": "send", "id": id, "payload": base64(payload.as_bytes()) });
        for (name, value) in more.as_object().unwrap() {
            job[name] = value.clone();
        }
        self.tell(&job).await
    }

    /// How it answers from now on.
    pub async fn mode(&mut self, mode: &str) {
        self.tell(&json!({ "do": "mode", "mode": mode })).await;
    }

    pub fn inbox(&self) -> PathBuf {
        self.folder.path().join("inbox")
    }

    /// The messages that it took: their Message-IDs and their contents.
    pub fn taken(&self) -> Vec<(String, Vec<u8>)> {
        (1..)
            .map(|number| self.inbox().join(format!("in-{number}")))
            .take_while(|path| path.exists())
            .map(|path| (fs::read_to_string(path.with_extension("id")).unwrap(), fs::read(&path).unwrap()))
            .collect()
    }

    /// The receipts that were posted to it: status and raw bytes.
    pub fn receipts(&self) -> Vec<(Value, String)> {
        (1..)
            .map(|number| self.inbox().join(format!("receipt-{number}")))
            .take_while(|path| path.exists())
            .map(|path| {
                let status = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                (status, fs::read_to_string(path.with_extension("raw")).unwrap())
            })
            .collect()
    }
}

/// Base64, as the peer's lines have it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let all = (u32::from(chunk[0]) << 16) | (u32::from(*chunk.get(1).unwrap_or(&0)) << 8) | u32::from(*chunk.get(2).unwrap_or(&0));
        for place in 0..4 {
            let digit = DIGITS[(all >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}
