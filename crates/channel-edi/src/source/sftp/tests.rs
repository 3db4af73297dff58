//! Against servers that no real one is: they give names that lead elsewhere, folders without an end, more bytes than were asked for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loket_core::config::{Report, parse};
use russh::keys::{Algorithm, PrivateKey, key::safe_rng};
use russh::server::{Auth, ChannelOpenHandle, Msg, Response, Session};
use russh::{Channel, ChannelId, MethodKind, MethodSet, server};
use russh_sftp::protocol::{Attrs, Data, File, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode, Version};
use tokio::net::TcpListener;

use super::link::Link;
use super::pull;
use super::trouble::Trouble;
use crate::config::{SftpConfig, Transport, fingerprint};

const PASSWORD: &str = "open sesame";

/// How a server behaves.
#[derive(Clone, Default)]
struct Manners {
    /// It asks for the password in a dialogue of its own.
    dialogue: bool,
    /// It answers nothing once it has the password.
    silent: bool,
    /// What stands in its folder; an empty list is a folder without an end.
    names: Vec<String>,
    /// Who tried to log in, with what.
    tried: Arc<Mutex<Vec<String>>>,
}

/// A server on a free port, and what is configured for it.
async fn server(manners: Manners, login: &str) -> (SftpConfig, tempfile::TempDir) {
    let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
    let known = fingerprint(key.public_key());
    let mut methods = MethodSet::empty();
    methods.push(if manners.dialogue { MethodKind::KeyboardInteractive } else { MethodKind::Password });
    let config = Arc::new(server::Config {
        keys: vec![key],
        methods,
        auth_rejection_time: Duration::from_millis(1),
        auth_rejection_time_initial: Some(Duration::ZERO),
        ..server::Config::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let visit = Visit { manners: manners.clone(), channels: HashMap::new() };
            if let Ok(session) = server::run_stream(Arc::clone(&config), stream, visit).await {
                tokio::spawn(session);
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), login).unwrap();
    let text = format!(
        "acknowledge = \"never\"\nresponses = false\n[sftp]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"loket\"\n\
         password = \"file:{}\"\nhost_keys = [\"{known}\"]\nfolder = \"out\"\ntimeout = \"2s\"\nconnect_timeout = \"2s\"\n",
        folder.path().join("password").display()
    );
    let report = Report::new(&text);
    let read = crate::config::read("acme", &mut parse(&text, &report)).unwrap();
    assert!(report.into_faults().is_empty());
    match read.transport {
        Transport::Sftp(sftp) => (*sftp, folder),
        _ => panic!("not SFTP"),
    }
}

struct Visit {
    manners: Manners,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

fn no() -> Auth {
    let others = MethodSet::from(&[MethodKind::Password, MethodKind::KeyboardInteractive][..]);
    Auth::Reject { proceed_with_methods: Some(others), partial_success: false }
}

impl server::Handler for Visit {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        self.manners.tried.lock().unwrap().push(format!("{user}/{password}"));
        Ok(if password == PASSWORD { Auth::Accept } else { no() })
    }

    async fn auth_keyboard_interactive<'a>(&'a mut self, _: &str, _: &str, response: Option<Response<'a>>) -> Result<Auth, Self::Error> {
        let Some(response) = response else {
            let prompts = Cow::Owned(vec![(Cow::Borrowed("Password: "), false)]);
            return Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts });
        };
        let said: Vec<Vec<u8>> = response.map(|word| word.to_vec()).collect();
        Ok(if said == [PASSWORD.as_bytes()] { Auth::Accept } else { no() })
    }

    async fn channel_open_session(&mut self, channel: Channel<Msg>, reply: ChannelOpenHandle, _: &mut Session) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(&mut self, id: ChannelId, _: &str, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(id)?;
        if let Some(channel) = self.channels.remove(&id).filter(|_| !self.manners.silent) {
            russh_sftp::server::run(channel.into_stream(), Files { manners: self.manners.clone(), page: 0 }).await;
        }
        Ok(())
    }
}

struct Files {
    manners: Manners,
    page: usize,
}

fn file(size: u64) -> FileAttributes {
    FileAttributes { size: Some(size), permissions: Some(0o100_644), mtime: Some(1_000), ..FileAttributes::empty() }
}

impl russh_sftp::server::Handler for Files {
    type Error = StatusCode;

    fn unimplemented(&self) -> Self::Error {
        StatusCode::OpUnsupported
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Result<Version, Self::Error> {
        Ok(Version::new())
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, Self::Error> {
        Ok(Handle { id, handle: path })
    }

    async fn readdir(&mut self, id: u32, _: String) -> Result<Name, Self::Error> {
        self.page += 1;
        let entry = |name: String| File::new(name, file(10));
        if self.manners.names.is_empty() {
            return Ok(Name { id, files: (0..1_000).map(|number| entry(format!("../{}-{number}", self.page))).collect() });
        }
        if self.page > 1 {
            return Err(StatusCode::Eof);
        }
        Ok(Name { id, files: self.manners.names.iter().cloned().map(entry).collect() })
    }

    async fn close(&mut self, id: u32, _: String) -> Result<Status, Self::Error> {
        Ok(Status { id, status_code: StatusCode::Ok, error_message: "ok".into(), language_tag: "en".into() })
    }

    async fn lstat(&mut self, id: u32, _: String) -> Result<Attrs, Self::Error> {
        Ok(Attrs { id, attrs: file(10) })
    }

    async fn open(&mut self, id: u32, filename: String, _: OpenFlags, _: FileAttributes) -> Result<Handle, Self::Error> {
        Ok(Handle { id, handle: filename })
    }

    /// A file without an end, and always a little more of it than was asked for.
    async fn read(&mut self, id: u32, _: String, _: u64, len: u32) -> Result<Data, Self::Error> {
        Ok(Data { id, data: vec![b'x'; len as usize + 7] })
    }
}

async fn connected(manners: Manners) -> (Link, tempfile::TempDir) {
    let (config, folder) = server(manners, PASSWORD).await;
    (Link::connect(&config).await.unwrap(), folder)
}

#[tokio::test]
async fn a_password_goes_in_by_either_way() {
    for dialogue in [false, true] {
        let (link, _folder) = connected(Manners { dialogue, names: vec!["a".into()], ..Manners::default() }).await;
        assert!(!link.is_closed());
        link.close().await;
        let (config, _folder) = server(Manners { dialogue, ..Manners::default() }, "guess").await;
        let Err(Trouble::Lasting(why)) = Link::connect(&config).await.map(|_| ()) else { panic!("a wrong password is passing") };
        assert!(why.contains("does not take") && !why.contains("guess"), "{why}");
    }
}

#[tokio::test]
async fn a_strange_key_hears_nothing_of_us() {
    let manners = Manners::default();
    let tried = Arc::clone(&manners.tried);
    let (mut config, _folder) = server(manners, PASSWORD).await;
    let known = config.host_keys.remove(0);
    let other = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
    config.host_keys = vec![crate::config::HostKey::parse(&fingerprint(other.public_key())).unwrap()];
    let Err(Trouble::Lasting(why)) = Link::connect(&config).await.map(|_| ()) else { panic!("it passes") };
    assert!(why.contains(known.fingerprint()) && why.contains(&fingerprint(other.public_key())), "{why}");
    assert!(tried.lock().unwrap().is_empty());
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused_and_told_of() {
    let names =
        ["..", ".", "../../etc/passwd", "/etc/passwd", "a/b.edi", "c\\d.edi", "e\n.edi", "f\u{202e}.edi", "", "good.edi", ".hidden"];
    let (link, _folder) = connected(Manners { names: names.map(str::to_owned).into(), ..Manners::default() }).await;
    let found = pull::list(&link, "out").await.unwrap();
    assert_eq!(found.files.keys().collect::<Vec<_>>(), ["good.edi"]);
    assert_eq!(found.others.len(), 7, "{:?}", found.others);
    let long = vec!["x".repeat(300); 5];
    let (link, _folder) = connected(Manners { names: long, ..Manners::default() }).await;
    let found = pull::list(&link, "out").await.unwrap();
    assert!(found.files.is_empty() && found.others.len() == 1, "{found:?}");
}

#[tokio::test]
async fn a_folder_without_end_ends() {
    let (link, _folder) = connected(Manners::default()).await;
    let found = pull::list(&link, "out").await.unwrap();
    assert!(found.files.is_empty() && !found.others.is_empty() && found.others.len() <= 20, "{:?}", found.others.len());
}

#[tokio::test]
async fn a_file_without_end_is_cut() {
    let (link, _folder) = connected(Manners { names: vec!["a".into()], ..Manners::default() }).await;
    for size in [0, 10, 1_000_000] {
        assert_eq!(link.get("out/a", size).await.unwrap().len() as u64, size + 1);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left() {
    let (config, _folder) = server(Manners { silent: true, ..Manners::default() }, PASSWORD).await;
    let Err(Trouble::Passing(why)) = Link::connect(&config).await.map(|_| ()) else { panic!("it is not passing") };
    assert!(why.contains("gives no SFTP"), "{why}");
    // Nor one that takes the connection and says nothing at all.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = SftpConfig { port: listener.local_addr().unwrap().port(), ..config };
    let Err(Trouble::Passing(why)) = Link::connect(&config).await.map(|_| ()) else { panic!("it is not passing") };
    assert!(why.contains("not done within 2 seconds"), "{why}");
}
