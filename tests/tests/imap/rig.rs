//! A store of our own, an intake on it, and channels that run on both under a supervisor. Shared by the suites that need it.

#![allow(dead_code, reason = "each suite uses its own part")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use loket_channel_email::config;
use loket_core::channel::ChannelCx;
use loket_core::config::{Report, parse};
use loket_core::delivery::Tenant;
use loket_core::health::{ChannelState, ChannelStatus, HealthBoard};
use loket_core::intake::{Intake, IntakeLimits};
use loket_core::metrics::Metrics;
use loket_core::store::{self, JournalEntry, Page, Store, StoreSettings};
use loket_core::supervisor::{Backoff, supervise};
use loket_tests::postgres::Server;
use loket_tests::wait_for;
use sqlx::{Connection, Executor};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The channel's name.
pub const NAME: &str = "email.test";

/// Where channels work.
pub struct Rig {
    pub folder: TempDir,
    pub store: Arc<dyn Store>,
    intake: Intake,
    url: String,
    server: Option<Server>,
}

/// A channel at work, as one instance of the daemon runs it.
pub struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
    board: HealthBoard,
}

impl Rig {
    pub async fn new() -> Self {
        Self::with(IntakeLimits::default()).await
    }

    pub async fn with(limits: IntakeLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("loket.db").display());
        Self::on(folder, url, None, limits).await
    }

    /// On a PostgreSQL of our own.
    pub async fn postgres() -> Self {
        let server = Server::start().unwrap_or_else(|error| panic!("{error:#}"));
        let url = server.database().await.unwrap();
        Self::on(tempfile::tempdir().unwrap(), url, Some(server), IntakeLimits::default()).await
    }

    async fn on(folder: TempDir, url: String, server: Option<Server>, limits: IntakeLimits) -> Self {
        // Shown when a test fails.
        let _ = tracing_subscriber::fmt().with_env_filter("warn,loket_channel_email=debug").with_test_writer().try_init();
        let store = store::open(&url, &StoreSettings::default()).await.unwrap();
        // The task ends with the intake.
        let (intake, _) = Intake::start(Arc::clone(&store), None, limits, Metrics::default());
        Self { folder, store, intake, url, server }
    }

    /// Runs the channel that this TOML configures, as a new instance.
    pub fn run(&self, toml: &str) -> Running {
        let report = Report::new(toml);
        let mut section = parse(toml, &report);
        let config = config::read("test", &mut section);
        section.finish();
        let faults = report.into_faults();
        assert!(faults.is_empty(), "{faults:?}");
        let channel = loket_channel_email::channel(config.unwrap());
        let board = HealthBoard::default();
        let stop = CancellationToken::new();
        let health = board.channel(NAME, Tenant::DEFAULT);
        let store = Arc::clone(&self.store);
        let cx = ChannelCx::new(NAME, Tenant::default(), self.intake.clone(), store, health, stop.clone(), Uuid::now_v7());
        let backoff =
            Backoff { first: Duration::from_millis(20), longest: Duration::from_millis(100), refused: Duration::from_millis(500) };
        Running { task: tokio::spawn(supervise(channel, cx, backoff)), stop, board }
    }

    /// Everything in the journal, oldest first.
    pub async fn entries(&self) -> Vec<JournalEntry> {
        let mut entries = Vec::new();
        let mut page = Page::first(500);
        loop {
            let part = self.store.journal_entries(&Tenant::default(), None, &page).await.unwrap();
            let Some(last) = part.last() else { break };
            page.after = Some((last.received_at, last.id));
            entries.extend(part);
        }
        entries.reverse();
        entries
    }

    /// How often the journal has each payload.
    pub async fn payloads(&self) -> BTreeMap<Vec<u8>, usize> {
        let mut payloads = BTreeMap::new();
        for entry in self.entries().await {
            *payloads.entry(self.payload(entry.id).await).or_default() += 1;
        }
        payloads
    }

    pub async fn payload(&self, id: Uuid) -> Vec<u8> {
        self.store.delivery(&Tenant::default(), id).await.unwrap().unwrap().0.payload.to_vec()
    }

    /// Waits until the journal holds so many deliveries.
    pub async fn wait_for_entries(&self, number: usize) -> Vec<JournalEntry> {
        let seen = wait_for(PATIENCE, async || {
            let entries = self.entries().await;
            (entries.len() >= number).then_some(entries)
        })
        .await;
        match seen {
            Ok(entries) => {
                assert_eq!(entries.len(), number);
                entries
            }
            Err(error) => panic!("{error}: {} of {number} in the journal", self.entries().await.len()),
        }
    }

    /// Statements of ours, past the store.
    pub async fn sql(&self, statements: &str) {
        if let Some(server) = &self.server {
            return server.execute(&self.url, statements).await.unwrap();
        }
        let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
        connection.execute(sqlx::AssertSqlSafe(statements.to_owned())).await.unwrap();
        connection.close().await.unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Running {
    pub fn status(&self) -> ChannelStatus {
        self.board.all().into_iter().find(|status| status.channel == NAME).unwrap()
    }

    /// Waits until the channel's health is so.
    pub async fn wait_until(&self, what: &str, so: impl Fn(&ChannelStatus) -> bool) -> ChannelStatus {
        let seen = wait_for(PATIENCE, async || Some(self.status()).filter(&so)).await;
        seen.unwrap_or_else(|error| panic!("{error} for {what}: {:?}", self.status()))
    }

    /// Waits until it has everything and is well.
    pub async fn wait_until_up(&self) -> ChannelStatus {
        self.wait_until("all is well", |status| status.last_success.is_some() && status.state == ChannelState::Up && status.lag == Some(0))
            .await
    }

    /// Waits until it has done a whole round from now on without an error: for channels that look often.
    pub async fn wait_for_round(&self) -> ChannelStatus {
        let before = self.status().last_success;
        self.wait_until("a good round", |status| status.last_success > before && status.state == ChannelState::Up).await
    }

    /// Stops it as a daemon that is told to stop does.
    pub async fn stop(self) -> ChannelStatus {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it does not stop").unwrap();
        self.board.all().into_iter().next().unwrap()
    }

    /// Ends it as a crash does: nothing is given back.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// A mail with a number that is found again, larger with higher numbers, and never the same twice.
pub fn mail(number: usize) -> Vec<u8> {
    let mut text = format!(
        "From: Marloes Terwindt <marloes@terwindt.example>\r\nTo: support@loket.example\r\nSubject: =?utf-8?q?Vraag_{number}_=C3=A9?=\r\n\
         Message-ID: <{number}.a@terwindt.example>\r\nDate: Tue, 24 Nov 2026 09:30:00 +0100\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         Dit is mail {number} met {{12}} haakjes ((, een \"aanhaling\" en \\.\r\n"
    );
    for line in 0..number % 40 {
        text.push_str(&format!("Regel {line} van {number}: graag 12 dozen kopieerpapier, 3 €.\r\n.\r\n) L{line} OK\r\n"));
    }
    text.into_bytes()
}
