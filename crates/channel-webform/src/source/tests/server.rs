//! The server under test, and a client that sends exactly the bytes it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use loket_core::channel::ChannelCx;
use loket_core::config::{Report, parse};
use loket_core::delivery::{Delivery, Tenant};
use loket_core::health::{ChannelStatus, HealthBoard};
use loket_core::intake::{Intake, IntakeLimits};
use loket_core::message::Message;
use loket_core::metrics::Metrics;
use loket_core::reader::Reader;
use loket_core::store::{self, Page, Store, StoreSettings};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::{self, FormConfig};
use crate::reader::FormReader;
use crate::source::body::Means;
use crate::source::rate::Rate;
use crate::source::{Form, router_with};

/// No answer takes this long unless it never comes.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) const JSON: &str = "application/json";
pub(super) const URLENCODED: &str = "application/x-www-form-urlencoded";
pub(super) const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nSec-Fetch-Mode: navigate\r\n";

/// A running server with one form, `contact`.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    pub(super) store: Arc<dyn Store>,
    pub(super) stop: CancellationToken,
    /// The task that commits: without it nothing can be accepted.
    pub(super) committer: JoinHandle<()>,
    health: HealthBoard,
    folder: Arc<TempDir>,
}

impl Served {
    pub(super) async fn start(toml: &str) -> Self {
        Self::start_with(toml, Means::default()).await
    }

    pub(super) async fn start_with(toml: &str, means: Means) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), toml, means).await
    }

    async fn start_in(folder: Arc<TempDir>, toml: &str, means: Means) -> Self {
        let url = format!("sqlite:{}", folder.path().join("loket.db").display());
        let store = store::open(&url, &StoreSettings::default()).await.unwrap();
        let (intake, committer) = Intake::start(Arc::clone(&store), None, IntakeLimits::default(), Metrics::default());
        let (health, stop) = (HealthBoard::default(), CancellationToken::new());
        let cx = ChannelCx::new(
            "webform.contact",
            Tenant::default(),
            intake,
            Arc::clone(&store),
            health.channel("webform.contact", "main"),
            stop.clone(),
            Uuid::now_v7(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router_with(vec![(form_config(toml), cx)], means).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, store, stop, committer, health, folder }
    }

    /// Another process on the same store.
    pub(super) async fn again(&self, toml: &str) -> Self {
        Self::start_in(Arc::clone(&self.folder), toml, Means::default()).await
    }

    /// Sends bytes as they are and reads the answer until the server closes.
    pub(super) async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let (mut reading, mut writing) = connection.split();
        let mut answer = Vec::new();
        let talking = async {
            let write = async {
                // The server may answer and close before all is sent.
                let _ = writing.write_all(request.as_ref()).await;
            };
            let read = reading.read_to_end(&mut answer);
            let ((), read) = tokio::join!(write, read);
            read
        };
        let read = tokio::time::timeout(DEADLINE, talking).await.expect("the server does not answer");
        assert!(read.is_ok() || !answer.is_empty(), "{read:?}");
        Answer::parse(&answer)
    }

    pub(super) async fn get(&self, target: &str) -> Answer {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
    }

    /// Posts a body with more header lines, each with its line end.
    pub(super) async fn post(&self, content_type: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(post(content_type, headers, body.as_ref())).await
    }

    /// Everything in the journal, oldest first.
    pub(super) async fn deliveries(&self) -> Vec<Delivery> {
        let tenant = Tenant::default();
        let mut deliveries = Vec::new();
        for entry in self.store.journal_entries(&tenant, None, &Page::first(1_000)).await.unwrap() {
            deliveries.push(self.store.delivery(&tenant, entry.id).await.unwrap().unwrap().0);
        }
        deliveries.sort_by_key(|delivery| delivery.id);
        deliveries
    }

    /// The only delivery in the journal and its message.
    pub(super) async fn only(&self) -> (Delivery, Message) {
        let mut deliveries = self.deliveries().await;
        assert_eq!(deliveries.len(), 1);
        let delivery = deliveries.remove(0);
        let message = FormReader.read(&delivery).unwrap().remove(0);
        (delivery, message)
    }

    pub(super) fn status(&self) -> ChannelStatus {
        self.health.all().remove(0)
    }
}

/// The bytes of a post.
pub(super) fn post(content_type: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /forms/contact HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {text}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {head}"));
        Self { status, head: head.into(), body: body.into() }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} is no JSON: {}", self.status, self.body))
    }

    /// The reference of an accepted post.
    pub(super) fn reference(&self) -> Uuid {
        assert_eq!(self.status, 202, "{}", self.body);
        self.json()["reference"].as_str().unwrap().parse().unwrap()
    }

    /// Checks that it is a problem with this status, and gives its text.
    #[track_caller]
    pub(super) fn problem(&self, status: u16) -> serde_json::Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        problem
    }
}

pub(super) fn form_config(toml: &str) -> FormConfig {
    let report = Report::new(toml);
    let mut section = parse(toml, &report);
    let form = config::read("contact", &mut section);
    section.finish();
    let faults: Vec<_> = report.into_faults().iter().map(ToString::to_string).collect();
    assert_eq!(faults, [""; 0]);
    form.unwrap()
}

/// A form whose intake is gone.
pub(in crate::source) fn form_alone() -> Form {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cx = runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("loket.db").display());
        let store = store::open(&url, &StoreSettings::default()).await.unwrap();
        let (intake, _) = Intake::start(Arc::clone(&store), None, IntakeLimits::default(), Metrics::default());
        let health = HealthBoard::default().channel("webform.contact", "main");
        ChannelCx::new("webform.contact", Tenant::default(), intake, store, health, CancellationToken::new(), Uuid::now_v7())
    });
    let config = form_config("");
    Form { rate: Rate::new(config.rate), config, cx }
}
