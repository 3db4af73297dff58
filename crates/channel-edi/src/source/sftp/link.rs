//! A connection: the host's key is checked before anything is said of us, and every step has its time.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use loket_core::secret::ExposeSecret;
use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{MethodKind, MethodSet, Preferred};
use russh_sftp::client::{Config as SftpSettings, RawSftpSession};
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};
use tokio::time::timeout;

use super::trouble::{Trouble, is_missing};
use crate::config::{HostKey, Login, SftpConfig, fingerprint};

/// Bytes of one packet of the server's, at most.
const LONGEST_PACKET: u32 = 256 << 10;
/// Bytes that are asked for at a time: what fits into a packet.
const PIECE: u32 = 255 << 10;
/// Bytes that are sent at a time: every server takes these.
const WRITTEN: usize = 32_000;

/// A connection to a server, logged in.
pub(super) struct Link {
    session: Handle<Guard>,
    sftp: RawSftpSession,
    can_sync: bool,
}

/// Where SSH tells of a key that is not one of those we know, and the connection ends before we say who we are.
struct Guard {
    known: Arc<[HostKey]>,
    stranger: Arc<Mutex<Option<String>>>,
}

impl client::Handler for Guard {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let plain;
        let key: &PublicKey = match offered {
            PublicKeyOrCertificate::PublicKey { key, .. } => key,
            PublicKeyOrCertificate::Certificate(certificate) => {
                plain = PublicKey::from(certificate.public_key().clone());
                &plain
            }
        };
        let known = self.known.iter().any(|known| known.is(key));
        if !known {
            *self.stranger.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint(key));
        }
        Ok(known)
    }
}

/// Attributes of a file, as far as we look at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size: u64,
    /// In seconds since 1970, as the server says.
    pub(super) modified: u32,
}

/// What an entry of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File(Stamp),
    Folder,
    /// A link, a pipe, a device.
    Other,
}

impl Kind {
    fn of(attributes: &FileAttributes) -> Self {
        const FORMAT: u32 = 0o170_000;
        match attributes.permissions.map(|mode| mode & FORMAT) {
            Some(0o040_000) => Self::Folder,
            // Servers that say nothing of the kind have plain files.
            Some(0o100_000 | 0) | None => Self::File(Stamp { size: attributes.size.unwrap_or(0), modified: attributes.mtime.unwrap_or(0) }),
            Some(_) => Self::Other,
        }
    }
}

impl Link {
    /// Connects and logs in.
    pub(super) async fn connect(config: &SftpConfig) -> Result<Self, Trouble> {
        let stranger = Arc::new(Mutex::new(None));
        let guard = Guard { known: config.host_keys.clone().into(), stranger: Arc::clone(&stranger) };
        let server = format!("{}:{}", config.host, config.port);
        let connecting = client::connect(Arc::new(settings(config)), (config.host.as_str(), config.port), guard);
        let connected = within(config.connect_timeout, &format!("connecting to {server}"), connecting).await?;
        let mut session = connected.map_err(|error| {
            match stranger.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(offered) => {
                    let known: Vec<&str> = config.host_keys.iter().map(HostKey::fingerprint).collect();
                    Trouble::Lasting(format!(
                        "{server} showed the key {offered}, and not {}; nothing was sent to it. Ask the partner whether the key changed, and only then write the new one into `host_keys`",
                        known.join(" or ")
                    ))
                }
                None => Trouble::Passing(format!("no connection to {server}: {error}")),
            }
        })?;
        within(config.connect_timeout, &format!("logging in to {server}"), log_in(config, &mut session)).await??;
        let opening = async {
            let channel = session.channel_open_session().await?;
            channel.request_subsystem(true, "sftp").await?;
            Ok::<_, russh::Error>(channel.into_stream())
        };
        let no_sftp = |error: &dyn std::fmt::Display| Trouble::Passing(format!("{server} gives no SFTP: {error}"));
        let stream = within(config.timeout, &format!("opening SFTP on {server}"), opening).await?.map_err(|error| no_sftp(&error))?;
        let limits = SftpSettings {
            max_packet_len: LONGEST_PACKET,
            request_timeout_secs: config.timeout.as_secs().max(1),
            ..SftpSettings::default()
        };
        let sftp = RawSftpSession::new_with_config(stream, limits);
        let version = sftp.init().await.map_err(|error| no_sftp(&error))?;
        let can_sync = version.extensions.get("fsync@openssh.com").is_some_and(|version| version == "1");
        Ok(Self { session, sftp, can_sync })
    }

    /// Whether the connection is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.session.is_closed()
    }

    /// The entries of a folder, each handed to `take`, until that has enough of them.
    pub(super) async fn list(&self, folder: &str, mut take: impl FnMut(String, Kind) -> bool) -> Result<(), Trouble> {
        let what = format!("listing {folder}");
        let trouble = |error| Trouble::of(&what, &error);
        let handle = self.sftp.opendir(folder).await.map_err(trouble)?.handle;
        let mut more = true;
        while more {
            match self.sftp.readdir(handle.as_str()).await {
                Ok(names) => {
                    for file in names.files {
                        more = more && take(file.filename, Kind::of(&file.attrs));
                    }
                }
                Err(russh_sftp::client::error::Error::Status(status)) if status.status_code == StatusCode::Eof => break,
                Err(error) => return Err(trouble(error)),
            }
        }
        self.sftp.close(handle).await.map_err(trouble)?;
        Ok(())
    }

    /// What a name is now, links not followed; none when there is no such name.
    pub(super) async fn kind(&self, path: &str) -> Result<Option<Kind>, Trouble> {
        match self.sftp.lstat(path).await {
            Ok(found) => Ok(Some(Kind::of(&found.attrs))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(Trouble::of(&format!("looking at {path}"), &error)),
        }
    }

    /// The bytes of a file, at most so many; one that has more comes one byte longer than that.
    pub(super) async fn get(&self, path: &str, most: u64) -> Result<Vec<u8>, Trouble> {
        let what = format!("fetching {path}");
        let trouble = |error| Trouble::of(&what, &error);
        let handle = self.sftp.open(path, OpenFlags::READ, FileAttributes::empty()).await.map_err(trouble)?.handle;
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let left = (most + 1).saturating_sub(bytes.len() as u64);
            let piece = u32::try_from(left).unwrap_or(u32::MAX).min(PIECE);
            if piece == 0 {
                break;
            }
            match self.sftp.read(handle.as_str(), bytes.len() as u64, piece).await {
                Ok(data) if data.data.is_empty() => break,
                Ok(data) => bytes.extend_from_slice(data.data.get(..piece as usize).unwrap_or(&data.data)),
                Err(russh_sftp::client::error::Error::Status(status)) if status.status_code == StatusCode::Eof => break,
                Err(error) => return Err(trouble(error)),
            }
        }
        self.sftp.close(handle).await.map_err(trouble)?;
        Ok(bytes)
    }

    /// Writes a file, in place of one that was there; on the server's disk when this returns, where the server can say so.
    pub(super) async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), Trouble> {
        let what = format!("writing {path}");
        let trouble = |error| Trouble::of(&what, &error);
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
        let handle = self.sftp.open(path, flags, FileAttributes::empty()).await.map_err(trouble)?.handle;
        let mut at = 0;
        for piece in bytes.chunks(WRITTEN) {
            self.sftp.write(handle.as_str(), at, piece.to_vec()).await.map_err(trouble)?;
            at += piece.len() as u64;
        }
        if self.can_sync {
            self.sftp.fsync(handle.as_str()).await.map_err(trouble)?;
        }
        self.sftp.close(handle).await.map_err(trouble)?;
        Ok(())
    }

    /// Renames a file. The raw answer: what a refusal means depends on why it was asked.
    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<(), russh_sftp::client::error::Error> {
        self.sftp.rename(from, to).await.map(|_| ())
    }

    /// Removes a file; one that is gone already is no error.
    pub(super) async fn remove(&self, path: &str) -> Result<(), Trouble> {
        match self.sftp.remove(path).await {
            Err(error) if !is_missing(&error) => Err(Trouble::of(&format!("removing {path}"), &error)),
            _ => Ok(()),
        }
    }

    /// Makes a folder where there is none.
    pub(super) async fn make_folder(&self, path: &str) -> Result<(), Trouble> {
        if self.kind(path).await?.is_none() {
            let made = self.sftp.mkdir(path, FileAttributes::empty()).await;
            // Another instance may have been faster.
            if let Err(error) = made
                && self.kind(path).await?.is_none()
            {
                return Err(Trouble::of(&format!("making the folder {path}"), &error));
            }
        }
        Ok(())
    }

    /// Says good-bye.
    pub(super) async fn close(self) {
        let _ = self.sftp.close_session();
        let leaving = self.session.disconnect(russh::Disconnect::ByApplication, "", "en");
        let _ = timeout(Duration::from_secs(1), leaving).await;
    }
}

fn settings(config: &SftpConfig) -> client::Config {
    // A server has several keys, and shows the one of the kind that we ask for first.
    let mut kinds: Vec<Algorithm> = Vec::new();
    for known in config.host_keys.iter().filter_map(HostKey::algorithm) {
        kinds.extend(Preferred::DEFAULT.key.iter().filter(|kind| same_kind(kind, known)).cloned());
    }
    if config.host_keys.iter().any(|known| known.algorithm().is_none()) || kinds.is_empty() {
        kinds.extend(Preferred::DEFAULT.key.iter().cloned());
    }
    client::Config {
        keepalive_interval: Some(config.keepalive),
        keepalive_max: 3,
        nodelay: true,
        preferred: Preferred { key: Cow::Owned(kinds), ..Preferred::DEFAULT },
        ..client::Config::default()
    }
}

fn same_kind(one: &Algorithm, other: &Algorithm) -> bool {
    one == other || matches!((one, other), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }))
}

async fn within<T>(time: Duration, what: &str, work: impl Future<Output = T>) -> Result<T, Trouble> {
    timeout(time, work).await.map_err(|_| Trouble::Passing(format!("{what}: not done within {} seconds", time.as_secs())))
}

async fn log_in(config: &SftpConfig, session: &mut Handle<Guard>) -> Result<(), Trouble> {
    let broken = |error: russh::Error| Trouble::Passing(format!("logging in to {}: {error}", config.host));
    let user = config.user.as_str();
    let (result, with) = match &config.login {
        Login::Password(secret) => {
            let password = secret.fetch().map_err(Trouble::Lasting)?;
            let mut result = session.authenticate_password(user, password.expose_secret()).await.map_err(broken)?;
            if offers(&result, MethodKind::KeyboardInteractive) {
                result = answer_prompts(session, user, password.expose_secret()).await.map_err(broken)?;
            }
            (result, format!("the password {secret}"))
        }
        Login::Key(secret, _) => {
            let login = config.login.clone();
            let key = tokio::task::spawn_blocking(move || login.key())
                .await
                .map_err(|error| Trouble::Passing(error.to_string()))?
                .map_err(Trouble::Lasting)?;
            let public = fingerprint(key.public_key());
            let hash = if matches!(key.algorithm(), Algorithm::Rsa { .. }) {
                session.best_supported_rsa_hash().await.map_err(broken)?.unwrap_or(Some(HashAlg::Sha256))
            } else {
                None
            };
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
            (session.authenticate_publickey(user, key).await.map_err(broken)?, format!("the key {secret} ({public})"))
        }
    };
    match result {
        AuthResult::Success => Ok(()),
        // Broken off, or refused by a server that names no other way. With a password it counts as refused: who goes on trying gets
        // the account locked.
        AuthResult::Failure { remaining_methods, .. }
            if remaining_methods.is_empty() && session.is_closed() && matches!(config.login, Login::Key(..)) =>
        {
            Err(Trouble::Passing(format!("{} broke off while we logged in as {user}", config.host)))
        }
        AuthResult::Failure { remaining_methods, partial_success } => Err(Trouble::Lasting(format!(
            "{} {} {with} of {user}; it would go on with {}",
            config.host,
            if partial_success { "wants more than" } else { "does not take" },
            if remaining_methods.is_empty() { "nothing else".into() } else { names(&remaining_methods) }
        ))),
    }
}

fn offers(result: &AuthResult, method: MethodKind) -> bool {
    matches!(result, AuthResult::Failure { remaining_methods, .. } if remaining_methods.contains(&method))
}

fn names(methods: &MethodSet) -> String {
    let names: Vec<&str> = methods.iter().map(Into::into).collect();
    names.join(", ")
}

/// Servers that ask for the password in a dialogue of their own (PAM) get it there.
async fn answer_prompts(session: &mut Handle<Guard>, user: &str, password: &str) -> Result<AuthResult, russh::Error> {
    let mut answer = session.authenticate_keyboard_interactive_start(user, None).await?;
    // One question, and perhaps an empty one after it.
    for _ in 0..3 {
        let prompts = match answer {
            KeyboardInteractiveAuthResponse::Success => return Ok(AuthResult::Success),
            KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                return Ok(AuthResult::Failure { remaining_methods, partial_success });
            }
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        let secret = prompts.len() == 1 && prompts.iter().all(|prompt| !prompt.echo);
        let answers = prompts.iter().map(|_| if secret { password.to_owned() } else { String::new() }).collect();
        answer = session.authenticate_keyboard_interactive_respond(answers).await?;
    }
    Ok(AuthResult::Failure { remaining_methods: MethodSet::from(&[MethodKind::Password][..]), partial_success: false })
}
