//! The real `loket` program as its users run it: the daemon as a child, commands with their lines.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::process::Child;

use crate::wait_for;

/// The program, built by `cargo build` beside the tests.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    let program = test.parent().and_then(Path::parent).map(|folder| folder.join("loket")).unwrap_or_default();
    assert!(program.exists(), "{} is not there: build it with `cargo build`, or run script/test", program.display());
    program
}

/// A port of this machine that nobody listens on.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.local_addr().expect("its address").port()
}

/// A configuration in a folder of its own, and the daemon that runs with it.
pub struct Loket {
    /// The configuration's file.
    pub config: PathBuf,
    /// The daemon's port.
    pub port: u16,
    log: PathBuf,
    child: Option<Child>,
    client: reqwest::Client,
    key: String,
}

impl Loket {
    /// With a store URL and the tables of its channels; `name` tells several in one folder apart. Not running yet.
    pub fn new(folder: &Path, name: &str, store: &str, tables: &str) -> Result<Self> {
        let port = free_port();
        let config = folder.join(format!("{name}.toml"));
        // A URL with a password does not stand in a configuration.
        let secret = folder.join(format!("{name}.url"));
        std::fs::write(&secret, store)?;
        let store = format!("file:{}", secret.display());
        let text = format!(
            "[store]\nurl = \"{store}\"\n[http]\nlisten = \"127.0.0.1:{port}\"\n[pipeline]\npoll = \"200ms\"\nclaim = \"10s\"\n{tables}"
        );
        std::fs::write(&config, text)?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { config, port, log: folder.join(format!("{name}.log")), child: None, client, key: String::new() })
    }

    /// Starts the daemon, without waiting for it.
    pub fn spawn(&mut self) -> Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(&self.log)?;
        let child = tokio::process::Command::new(binary())
            .args(["run", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        self.child = Some(child);
        Ok(())
    }

    /// Starts the daemon and waits until it is ready.
    pub async fn start(&mut self) -> Result<()> {
        self.spawn()?;
        self.ready().await
    }

    /// Waits until the daemon is ready.
    pub async fn ready(&mut self) -> Result<()> {
        let ready = wait_for(Duration::from_secs(60), async || {
            let answer = self.client.get(self.url("/readyz")).send().await;
            answer.is_ok_and(|answer| answer.status().is_success()).then_some(())
        });
        ready.await.with_context(|| format!("the daemon is not ready; its log:\n{}", self.log_text()))
    }

    /// What it logged so far.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref()?.id()
    }

    /// Sends it a signal by name.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.pid().context("the daemon does not run")?;
        ensure!(Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status()?.success(), "kill -{signal} {pid}");
        Ok(())
    }

    /// `kill -9`, and waits until it is gone.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.start_kill()?;
            child.wait().await?;
        }
        Ok(())
    }

    /// SIGTERM, and waits until it has drained.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.signal("TERM")?;
        let mut child = self.child.take().context("the daemon does not run")?;
        tokio::time::timeout(Duration::from_secs(60), child.wait()).await.context("the daemon does not stop")?.map_err(Into::into)
    }

    /// A URL of the daemon.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A client for it.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Gets JSON from the API, with a key that may write, made at the first call.
    pub async fn get(&mut self, path: &str) -> Result<Value> {
        if self.key.is_empty() {
            let lines = self.lines(&["key", "create", "--name", "tests", "--write"])?;
            self.key = lines[0]["key"].as_str().context("no key")?.to_owned();
        }
        let answer = self.client.get(self.url(path)).bearer_auth(&self.key).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "GET {path}: {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Runs a command on its configuration.
    pub fn command(&self, args: &[&str]) -> Result<Output> {
        Ok(Command::new(binary()).args(args).arg("--config").arg(&self.config).stdin(Stdio::null()).output()?)
    }

    /// Runs a command that must end well; its lines.
    pub fn lines(&self, args: &[&str]) -> Result<Vec<Value>> {
        let output = self.command(args)?;
        if !output.status.success() {
            bail!("loket {args:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        lines(&output.stdout)
    }
}

/// JSON lines.
pub fn lines(bytes: &[u8]) -> Result<Vec<Value>> {
    std::str::from_utf8(bytes)?.lines().map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))).collect()
}
