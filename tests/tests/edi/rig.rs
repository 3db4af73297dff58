//! A daemon with trading partners, and questions to its API.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use loket_tests::daemon::Loket;
use loket_tests::wait_for;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A daemon, its folder, and a key for its API.
pub struct Rig {
    pub folder: TempDir,
    pub loket: Loket,
    key: String,
}

impl Rig {
    /// With these tables of partners; `{folder}` in them is the rig's own. Running.
    pub async fn start(tables: &str) -> Self {
        let mut rig = Self::new(tables);
        rig.run().await;
        rig
    }

    /// The same, not running yet.
    pub fn new(tables: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = tables.replace("{folder}", &folder.path().display().to_string());
        let store = format!("sqlite:{}", folder.path().join("loket.db").display());
        let limits = "[intake]\nmax_payload = \"128MB\"\n";
        let loket = Loket::new(folder.path(), "loket", &store, &format!("{limits}{tables}")).unwrap();
        Self { folder, loket, key: String::new() }
    }

    pub async fn run(&mut self) {
        self.loket.start().await.unwrap();
        if self.key.is_empty() {
            let made = self.loket.lines(&["key", "create", "--name", "edi", "--write"]).unwrap();
            self.key = made[0]["key"].as_str().unwrap().to_owned();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn get(&mut self, path: &str) -> Value {
        self.loket.get(path).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.loket.client().post(self.loket.url(path)).bearer_auth(&self.key).json(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "POST {path}: {status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Everything in a list of the API.
    pub async fn all(&mut self, path: &str, field: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{join}limit=500{cursor}")).await;
            found.extend(page[field].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    }

    pub async fn cases(&mut self) -> Vec<Value> {
        self.all("/v1/cases", "cases").await
    }

    pub async fn orders(&mut self) -> Vec<Value> {
        self.all("/v1/orders", "orders").await
    }

    pub async fn quarantine(&mut self) -> Vec<Value> {
        self.all("/v1/quarantine", "deliveries").await
    }

    pub async fn outbound(&mut self) -> Vec<Value> {
        self.all("/v1/outbound", "outbound").await
    }

    /// What a channel's health says.
    pub async fn channel(&mut self, name: &str) -> Value {
        let channels = self.get("/v1/channels").await;
        channels["channels"].as_array().unwrap().iter().find(|channel| channel["channel"] == name).cloned().unwrap_or_default()
    }

    /// Waits until there are so many cases, and sees that there are no more.
    pub async fn wait_for_cases(&mut self, wanted: usize) -> Vec<Value> {
        let mut last = Vec::new();
        let seen = wait_for(PATIENCE, async || {
            last = self.cases().await;
            (last.len() >= wanted).then_some(())
        })
        .await;
        assert!(seen.is_ok() && last.len() == wanted, "{} cases, wanted {wanted}; the log:\n{}", last.len(), self.tail());
        last
    }

    pub async fn wait_for_quarantine(&mut self, wanted: usize) -> Vec<Value> {
        let mut last = Vec::new();
        let seen = wait_for(PATIENCE, async || {
            last = self.quarantine().await;
            (last.len() >= wanted).then_some(())
        })
        .await;
        assert!(seen.is_ok() && last.len() == wanted, "{} in quarantine, wanted {wanted}; the log:\n{}", last.len(), self.tail());
        last
    }

    /// Waits until a channel's last error says this.
    pub async fn wait_for_error(&mut self, channel: &str, part: &str) -> String {
        let mut last = Value::Null;
        let seen = wait_for(PATIENCE, async || {
            last = self.channel(channel).await;
            last["last_error"].as_str().filter(|error| error.contains(part)).map(str::to_owned)
        })
        .await;
        seen.unwrap_or_else(|error| panic!("{error} for {part}: {last}; the log:\n{}", self.tail()))
    }

    /// Waits until so many things were to be sent and none of them waits any more, and answers how each ended.
    pub async fn wait_until_all_is_sent(&mut self, wanted: usize) -> Vec<Value> {
        let mut last = Vec::new();
        let seen = wait_for(PATIENCE, async || {
            last = self.outbound().await;
            (last.len() >= wanted && last.iter().all(|one| one["state"] != "waiting")).then_some(())
        })
        .await;
        assert!(seen.is_ok() && last.len() == wanted, "wanted {wanted} sent: {last:?}; the log:\n{}", self.tail());
        last
    }

    /// The end of the log.
    pub fn tail(&self) -> String {
        let log = self.loket.log_text();
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains("access request")).collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

/// The names of the plain files in a folder, without those that are being written.
pub fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| !name.starts_with('.')).collect()
}

/// Waits until a folder has so many files, and answers their contents by name.
pub async fn wait_for_files(folder: &Path, wanted: usize) -> Vec<(String, Vec<u8>)> {
    let seen = wait_for(PATIENCE, async || (names(folder).len() >= wanted).then_some(())).await;
    let names = names(folder);
    assert!(seen.is_ok() && names.len() == wanted, "{} has {names:?}, wanted {wanted}", folder.display());
    names.into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

/// Waits until a folder holds no files.
pub async fn wait_until_empty(folder: &Path) {
    let seen = wait_for(PATIENCE, async || names(folder).is_empty().then_some(())).await;
    assert!(seen.is_ok(), "{} still has {:?}", folder.display(), names(folder));
}

/// Puts a file as careful programs do.
pub fn drop_file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(folder).unwrap();
    let part = folder.join(format!("{name}.tmp"));
    fs::write(&part, bytes).unwrap();
    fs::rename(part, folder.join(name)).unwrap();
}

/// The segments of an X12 interchange with this tag.
pub fn segments(x12: &[u8], tag: &str) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(x12).into_owned();
    let element = text.chars().nth(3).unwrap_or('*');
    let end = text.chars().nth(105).unwrap_or('~');
    text.split(end)
        .map(|segment| segment.trim().split(element).map(str::to_owned).collect::<Vec<_>>())
        .filter(|segment| segment.first().is_some_and(|first| first == tag))
        .collect()
}

/// A decision that accepts an order as a whole.
pub fn accepted() -> Value {
    json!({ "outcome": "accepted", "seller_order": "SO-1" })
}
