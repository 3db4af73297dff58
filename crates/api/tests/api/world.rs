//! A store in a temporary folder, the intake and the pipeline in front of it, and the API behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use loket_api::{ApiState, Limits};
use loket_core::classify::{Class, Classifier, Evidence, Probabilities, Verdict};
use loket_core::delivery::{Delivery, Tenant};
use loket_core::health::HealthBoard;
use loket_core::intake::{Intake, IntakeLimits};
use loket_core::keys::{self, Access, KeyRecord};
use loket_core::message::{Address, Attachment, Message, Party};
use loket_core::metrics::Metrics;
use loket_core::outbound::{self, Answering, ByItself, OutboundEnd, Prepared};
use loket_core::pipeline::{Masters, Pipeline, PipelineSettings, Works};
use loket_core::reader::{Reader, Readers, Recognition, Unreadable};
use loket_core::same::{Fingerprint, Rules};
use loket_core::store::{self, JournalBatch, JournalState, NewEntry, Page, ReadMessage, Reading, Store, StoreSettings, Stretch};
use loket_core::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

use crate::schema;

pub(crate) const SLIP: &str = "application/x-slip+json; v=1";

/// Reads slips: `{"messages": [Message], "files": {SHA-256: content}}`. One that begins with `later` is unreadable until it has learned.
struct Slips {
    learned: Arc<AtomicBool>,
}

impl Slips {
    fn slip(&self, bytes: &[u8]) -> Result<Value, Unreadable> {
        let rest = bytes.strip_prefix(b"later").filter(|_| self.learned.load(Ordering::SeqCst)).unwrap_or(bytes);
        serde_json::from_slice(rest).map_err(|error| Unreadable(format!("not a slip: {error}")))
    }
}

impl Reader for Slips {
    fn name(&self) -> &'static str {
        "slip/1"
    }

    fn media_types(&self) -> &'static [&'static str] {
        &["application/x-slip+json"]
    }

    fn recognizes(&self, _: &[u8]) -> Recognition {
        Recognition::No
    }

    fn read(&self, delivery: &Delivery) -> Result<Vec<Message>, Unreadable> {
        let mut slip = self.slip(&delivery.payload)?;
        serde_json::from_value(slip["messages"].take()).map_err(|error| Unreadable(error.to_string()))
    }

    fn attachment(&self, delivery: &Delivery, part: usize, sha256: &str) -> Option<Bytes> {
        let slip = self.slip(&delivery.payload).ok()?;
        let listed = slip["messages"][part]["attachments"].as_array()?.iter().any(|one| one["sha256"] == sha256);
        let content = slip["files"][sha256].as_str().filter(|_| listed)?;
        assert_ne!(content, "panic", "a file that breaks its reader");
        Some(Bytes::from(content.to_owned()))
    }
}

pub(crate) struct World {
    pub store: Arc<dyn Store>,
    pub state: ApiState,
    pub router: Router,
    pub read: String,
    pub write: String,
    pub other: String,
    intake: Intake,
    learned: Arc<AtomicBool>,
    stop: CancellationToken,
    _folder: TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn other() -> Tenant {
    Tenant::new("other")
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default(), |store| store).await
    }

    /// `wrap` gives what the API alone sees of the store.
    pub(crate) async fn with(limits: Limits, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("loket.db").display());
        let store = store::open(&url, &StoreSettings::default()).await.unwrap();
        let learned = Arc::new(AtomicBool::new(false));
        let readers = Arc::new(Readers::new(vec![Box::new(Slips { learned: Arc::clone(&learned) })]));
        let (metrics, wake, stop) = (Metrics::default(), Arc::new(Notify::new()), CancellationToken::new());
        let answering = Answering::default();
        let works = Works {
            instance: Uuid::now_v7(),
            store: Arc::clone(&store),
            readers: Arc::clone(&readers),
            classifier: Arc::new(Classifier::builtin().unwrap()),
            metrics: metrics.clone(),
            answering: answering.clone(),
            masters: Masters::default(),
            wake: Arc::clone(&wake),
            // So rarely that only being woken explains that something is read again.
            settings: PipelineSettings { poll: Duration::from_secs(3_600), ..PipelineSettings::default() },
        };
        let (hot, _) = Pipeline::start(&works, &stop);
        let (intake, _) = Intake::start(Arc::clone(&store), Some(hot), IntakeLimits::default(), metrics.clone());
        let api = ApiState::new(wrap(Arc::clone(&store)), readers, HealthBoard::default(), metrics, wake);
        let state = ApiState { limits, version: "0.0.0-test", answering, ..api };
        let mut texts = Vec::new();
        for (tenant, access) in [(Tenant::default(), Access::Read), (Tenant::default(), Access::Write), (other(), Access::Write)] {
            texts.push(Self::key(&*store, tenant, access).await.0);
        }
        let [read, write, other] = texts.try_into().unwrap();
        Self { router: loket_api::router(state.clone()), store, state, read, write, other, intake, learned, stop, _folder: folder }
    }

    pub(crate) async fn key(store: &dyn Store, tenant: Tenant, access: Access) -> (String, KeyRecord) {
        let (text, record) = keys::create(tenant, "erp", access).unwrap();
        store.add_key(&record).await.unwrap();
        (text, record)
    }

    /// Hands deliveries over by the intake, and waits until the pipeline is through with them.
    pub(crate) async fn accept(&self, deliveries: Vec<Delivery>) {
        self.intake.accept_all(deliveries, None, None).await.unwrap();
        self.settled().await;
    }

    pub(crate) async fn settled(&self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while self.store.backlog().await.unwrap().pending > 0 {
            assert!(tokio::time::Instant::now() < deadline, "the pipeline does not come to an end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Files a delivery with this verdict, whatever the classifier would say.
    pub(crate) async fn file(&self, delivery: Delivery, message: Message, verdict: Verdict) {
        let (owner, until) = (Uuid::now_v7(), Timestamp::now().plus(Duration::from_secs(60)));
        let payload_hash = Sha256::digest(&delivery.payload).into();
        let reading = Reading {
            delivery: delivery.id,
            tenant: delivery.tenant.clone(),
            channel: delivery.channel.clone(),
            received_at: delivery.received_at,
            payload_hash,
            messages: vec![ReadMessage { fingerprint: Fingerprint::of(&message), message, reader: "slip/1".into(), verdict }],
            asides: Vec::new(),
            stretch: Stretch::default(),
            answer: None,
        };
        let entry = NewEntry { delivery, payload_hash, born_claimed: Some((owner, until)) };
        self.store.journal(&JournalBatch { entries: vec![entry], ..JournalBatch::default() }).await.unwrap();
        assert_eq!(self.store.file(owner, &[reading], &Rules::default()).await.unwrap().len(), 1);
    }

    pub(crate) fn learn(&self) {
        self.learned.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn quarantined(&self) -> Vec<Uuid> {
        let entries = self.store.journal_entries(&Tenant::default(), Some(JournalState::Quarantined), &Page::first(500)).await.unwrap();
        entries.into_iter().map(|entry| entry.id).collect()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Some(&self.read), &[]).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.ask("POST", path, Some(&self.write), &[]).await
    }

    /// Whatever comes is answered by this sender.
    pub(crate) fn answered_by(&self, sender: &str, order_responses: bool) {
        let answer = outbound::Answer { sender: sender.into(), by_itself: ByItself::Nothing, order_responses };
        self.state.answering.set([("email.support".to_owned(), answer)].into());
    }

    /// Prepares what waits for `outgoing.main` and gives it up.
    pub(crate) async fn fail_outbound(&self, id: Uuid) {
        let (owner, until) = (Uuid::now_v7(), Timestamp::now().plus(Duration::from_secs(60)));
        let claimed = self.store.claim_outbound(&Tenant::default(), "outgoing.main", owner, until, 10).await.unwrap();
        let item = claimed.iter().find(|item| item.id == id).unwrap();
        let prepared = Prepared {
            identity: Some("1@loket.example".into()),
            to: vec!["jan@example.nl".into()],
            payload: b"Subject: Uw stoel\r\n\r\nMorgen.\r\n".to_vec(),
            envelope: Value::Null,
        };
        assert!(self.store.keep_prepared(owner, item, &prepared).await.unwrap());
        self.store.end_outbound(owner, item, &OutboundEnd::Failed("550 5.1.1 no such user".into())).await.unwrap();
    }

    /// Posts JSON with the key that may write.
    pub(crate) async fn post_json(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(&self.write), &[], Body::from(body.to_string())).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, key: Option<&str>, headers: &[(&str, &str)]) -> Answer {
        self.send(method, path, key, headers, Body::empty()).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, key: Option<&str>, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body: to_bytes(body, usize::MAX).await.unwrap() };
        let bare = path.split('?').next().unwrap();
        schema::check_answer(method, bare, answer.status, answer.header("content-type"), &answer.body);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("x-request-id").is_some_and(|id| Uuid::try_parse(id).is_ok()));
        let cache = if bare == "/openapi.json" { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), Some(cache), "{path}");
        answer
    }
}

pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body of an answer that must be a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The detail of an answer that must be this problem.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.header("x-request-id").unwrap());
        problem["detail"].as_str().unwrap().into()
    }

    /// The address of the next page, by its header.
    pub(crate) fn next_link(&self) -> Option<String> {
        let link = self.header("link")?.strip_prefix('<').unwrap();
        Some(link.strip_suffix(">; rel=\"next\"").unwrap().into())
    }
}

/// A body that an operation takes, by its path.
pub(crate) fn body_of(path: &str) -> Body {
    match path.rsplit('/').next() {
        Some("replies") => Body::from(r#"{"text":"Morgen."}"#),
        Some("decision") => Body::from(r#"{"outcome":"accepted"}"#),
        _ => Body::empty(),
    }
}

/// Every method and path of the document, those that take something away last.
pub(crate) fn all_operations() -> Vec<(String, &'static str)> {
    let paths = schema::DOCUMENT["paths"].as_object().unwrap();
    let mut all: Vec<_> = paths
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.as_str())))
        .collect();
    all.sort_by_key(|(method, path)| (method == "DELETE", *path));
    all
}

/// A message from somebody about something.
pub(crate) fn message(from: &str, subject: &str, text: &str) -> Message {
    let mut message = Message { from: Some(party(from)), subject: Some(subject.into()), ..Message::default() };
    message.body.new_text = text.into();
    message.body.full_text = text.into();
    message
}

pub(crate) fn party(address: &str) -> Party {
    Party { address: Some(Address::from(address)), ..Party::default() }
}

/// A delivery with these messages and files in it.
pub(crate) fn slip(key: &str, messages: &[Message], files: &[&str]) -> Delivery {
    let files: serde_json::Map<_, _> = files.iter().map(|content| (sha256(content), json!(content))).collect();
    Delivery::standalone("email.support", key, SLIP, json!({ "messages": messages, "files": files }).to_string())
}

pub(crate) fn attached(name: Option<&str>, media_type: &str, content: &str) -> Attachment {
    Attachment {
        name: name.map(str::to_owned),
        media_type: media_type.into(),
        size: content.len() as u64,
        sha256: sha256(content),
        ..Attachment::default()
    }
}

pub(crate) fn sha256(content: &str) -> String {
    Sha256::digest(content.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn verdict(class: Class, confidence: f64) -> Verdict {
    Verdict {
        class,
        confidence,
        probabilities: Probabilities { inquiry: 0.2, order: 0.3, complaint: 0.5 },
        language: Some("nl".into()),
        evidence: vec![Evidence { text: "kapot".into(), weight: 1.5, place: "text".into(), start: 0, end: 5 }],
    }
}
