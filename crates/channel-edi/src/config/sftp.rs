//! `[edi.NAME.sftp]`: folders on an SFTP server, and the keys that it may show.

use std::fmt;
use std::time::Duration;

use loket_core::config::Section;
use loket_core::secret::{ExposeSecret, Secret};
use russh::keys::{Algorithm, HashAlg, PublicKey, parse_public_key_base64};

use super::{HOUR, MINUTE, SECOND, SETTLE, is_host};

/// Folders on an SFTP server.
#[derive(Clone, Debug)]
pub struct SftpConfig {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) login: Login,
    pub(crate) host_keys: Vec<HostKey>,
    /// Where the partner's files come.
    pub(crate) folder: String,
    /// Where files for the partner are put.
    pub(crate) out: Option<String>,
    pub(crate) after: AfterTaken,
    pub(crate) poll: Duration,
    pub(crate) settle: Duration,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) keepalive: Duration,
}

/// What proves to the server who we are.
#[derive(Clone, Debug)]
pub(crate) enum Login {
    /// A password.
    Password(Secret),
    /// A private key, and the passphrase that opens it.
    Key(Secret, Option<Secret>),
}

/// What happens to a file on the server once it is in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AfterTaken {
    /// It goes to this folder.
    Move(String),
    /// It is deleted.
    Delete,
}

/// A key that the server may show.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HostKey {
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    fingerprint: String,
    /// Which kind of key, where the whole key is known.
    algorithm: Option<Algorithm>,
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint)
    }
}

impl HostKey {
    /// From a fingerprint `SHA256:…`, or from a line of known_hosts, with or without the host's name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.strip_prefix("SHA256:").is_some_and(|digest| digest.len() == 43 && digest.bytes().all(is_base64)) {
            return Ok(Self { fingerprint: text.into(), algorithm: None });
        }
        if text.starts_with('@') {
            return Err("certificate authorities and revoked keys are not understood here; write the server's own key".into());
        }
        let mut words = text.split_whitespace();
        let kind = words.find(|word| word.starts_with("ssh-") || word.starts_with("ecdsa-"));
        let key = kind.and_then(|_| words.next()).and_then(|key| parse_public_key_base64(key).ok());
        let key =
            key.ok_or("expected a fingerprint `SHA256:…` (of `ssh-keygen -l`) or a line of `ssh-keyscan`, `HOST ssh-ed25519 AAAA…`")?;
        Ok(Self { fingerprint: fingerprint(&key), algorithm: Some(key.algorithm()) })
    }

    /// Whether the server's key is this one.
    pub(crate) fn is(&self, key: &PublicKey) -> bool {
        self.fingerprint == fingerprint(key)
    }

    /// `SHA256:…`
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Which kind of key it is, where that is known.
    pub(crate) fn algorithm(&self) -> Option<&Algorithm> {
        self.algorithm.as_ref()
    }
}

/// `SHA256:…` of a key.
pub(crate) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/".contains(&byte)
}

impl SftpConfig {
    pub(super) fn resources(&self) -> Vec<String> {
        vec![format!("folder {} of {} on sftp://{}:{}", self.folder, self.user, self.host.to_ascii_lowercase(), self.port)]
    }

    pub(super) fn missing(&self) -> Vec<String> {
        let fetched = |secret: &Secret| secret.fetch().err();
        match &self.login {
            Login::Password(password) => fetched(password).into_iter().collect(),
            Login::Key(key, passphrase) => {
                let missing: Vec<String> = fetched(key).into_iter().chain(passphrase.as_ref().and_then(fetched)).collect();
                if missing.is_empty() { self.login.key().err().into_iter().collect() } else { missing }
            }
        }
    }
}

impl Login {
    /// The private key as it is now.
    pub(crate) fn key(&self) -> Result<russh::keys::PrivateKey, String> {
        let Self::Key(key, passphrase) = self else { return Err("there is no key, only a password".into()) };
        let passphrase = passphrase.as_ref().map(Secret::fetch).transpose()?;
        let text = key.fetch()?;
        russh::keys::decode_secret_key(text.expose_secret(), passphrase.as_ref().map(ExposeSecret::expose_secret)).map_err(|error| {
            format!(
                "the key {key} cannot be used: {error}; it is a private key as ssh-keygen writes it, with its `passphrase` where it has one"
            )
        })
    }
}

pub(super) fn read(mut section: Section) -> Option<SftpConfig> {
    let config = table(&mut section);
    section.finish();
    config
}

fn table(section: &mut Section) -> Option<SftpConfig> {
    let host = section.required_text("host");
    let host_ok = is_host(&host);
    if !host_ok {
        section.fault("host", "expected a host name or an IP address, without port (that goes into `port`)");
    }
    let port = u16::try_from(section.integer("port", 1..=65_535, 22)).ok()?;
    let user = section.required_text("user");
    let user_ok = !user.chars().any(char::is_control);
    if !user_ok {
        section.fault("user", "a user name is one line");
    }
    let login = login(section);
    let host_keys = host_keys(section);
    let folder = remote(section, "folder", None);
    let out = section.has("out").then(|| remote(section, "out", None));
    let after = after(section, folder.as_deref().unwrap_or_default());
    if out.as_ref().is_some_and(|out| out.is_some() && *out == folder) {
        section.fault("out", "what is put there would be fetched again from there");
    }
    let config = SftpConfig {
        host,
        port,
        user,
        login: login?,
        host_keys,
        folder: folder?,
        out: out.flatten(),
        after: after?,
        poll: section.duration("poll", Duration::from_millis(100)..=(24 * HOUR), MINUTE),
        settle: section.duration("settle", SETTLE, 2 * SECOND),
        timeout: section.duration("timeout", SECOND..=HOUR, 30 * SECOND),
        connect_timeout: section.duration("connect_timeout", SECOND..=HOUR, 20 * SECOND),
        keepalive: section.duration("keepalive", SECOND..=HOUR, 15 * SECOND),
    };
    (host_ok && user_ok && !config.host_keys.is_empty()).then_some(config)
}

fn login(section: &mut Section) -> Option<Login> {
    let passphrase = section.secret("passphrase");
    match (section.has("password"), section.has("key")) {
        (true, false) => {
            if passphrase.is_some() {
                section.fault("passphrase", "`passphrase` goes with `key`");
            }
            section.secret("password").map(Login::Password)
        }
        (false, true) => section.secret("key").map(|key| Login::Key(key, passphrase)),
        (true, true) => {
            section.fault("password", "a server is given a `password` or a `key`, not both");
            None
        }
        (false, false) => {
            section.fault("", "`key` is missing; add `key = \"file:PATH\"` (a private key), or `password = \"file:PATH\"`");
            None
        }
    }
}

fn host_keys(section: &mut Section) -> Vec<HostKey> {
    let mut keys = Vec::new();
    for text in section.list("host_keys").unwrap_or_default() {
        match HostKey::parse(&text) {
            Ok(key) => keys.push(key),
            Err(problem) => section.fault("host_keys", problem),
        }
    }
    if keys.is_empty() {
        let place = if section.has("host_keys") { "host_keys" } else { "" };
        section.fault(
            place,
            "`host_keys` is missing: without the server's key anybody on the way could pose as it; ask the partner for its fingerprint and add `host_keys = [\"SHA256:…\"]`",
        );
    }
    keys
}

fn after(section: &mut Section, folder: &str) -> Option<AfterTaken> {
    let delete = section.choice("after", &[("move", false), ("delete", true)], false);
    if delete {
        if section.has("done") {
            section.fault("done", "`done` goes with after = \"move\"");
        }
        return Some(AfterTaken::Delete);
    }
    let done = remote(section, "done", Some(format!("{}/done", folder.trim_end_matches('/'))))?;
    if done == folder {
        section.fault("done", "files that were taken cannot stay in the folder itself");
        return None;
    }
    Some(AfterTaken::Move(done))
}

/// A folder on the server, without a slash at the end.
fn remote(section: &mut Section, key: &'static str, default: Option<String>) -> Option<String> {
    let path = match (section.has(key), default) {
        (false, Some(default)) => default,
        _ => section.required_text(key),
    };
    if path.chars().any(char::is_control) {
        section.fault(key, "a folder's name is one line of text");
        return None;
    }
    let trimmed = path.trim_end_matches('/');
    let path = if trimmed.is_empty() && path.starts_with('/') { "/" } else { trimmed };
    (!path.is_empty()).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn keys_are_known_by_fingerprint_or_line() {
        let plain = HostKey::parse(&format!("ssh-ed25519 {KEY}")).unwrap();
        assert!(plain.fingerprint().starts_with("SHA256:") && plain.algorithm() == Some(&Algorithm::Ed25519));
        let line = HostKey::parse(&format!("[sftp.example.nl]:2222 ssh-ed25519 {KEY} a comment")).unwrap();
        assert_eq!(line, plain);
        let short = HostKey::parse(plain.fingerprint()).unwrap();
        assert_eq!((short.fingerprint(), short.algorithm()), (plain.fingerprint(), None));
        for wrong in ["", "SHA256:abc", "MD5:16:27:ac", "ssh-ed25519", "ssh-ed25519 AAAA", "@revoked * ssh-ed25519 AAAA", "host rsa"] {
            assert!(HostKey::parse(wrong).is_err(), "{wrong}");
        }
        assert!(plain.is(&parse_public_key_base64(KEY).unwrap()));
    }
}
