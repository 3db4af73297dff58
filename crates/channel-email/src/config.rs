//! `[email.NAME]`: one mailbox by IMAP, one drop folder for .eml files, or one listener for mail that a server pushes by LMTP.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use loket_core::config::Section;
use loket_core::delivery::Tenant;
use loket_core::secret::Secret;

use crate::oauth2::{self, OAuth2Config};
use crate::source::lmtp;
pub use crate::source::lmtp::LmtpConfig;

const KB: u64 = 1 << 10;
const MB: u64 = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

const PAYLOAD: RangeInclusive<u64> = KB..=(256 * MB);
/// Each folder has a connection of its own; servers allow ten to fifteen for one user.
const MOST_FOLDERS: usize = 8;

/// One e-mail channel, as configured.
#[derive(Clone, Debug)]
pub struct EmailConfig {
    /// Its name: `support` for `[email.support]`.
    pub name: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// Bytes of one mail that are taken, at most.
    pub max_payload: u64,
    /// Where its mail comes from.
    pub source: Source,
}

/// Where mail comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A mailbox, pulled by IMAP.
    Imap(ImapConfig),
    /// A folder into which .eml files are put.
    Folder(FolderConfig),
    /// A listener to which a mail server pushes, by LMTP.
    Lmtp(LmtpConfig),
}

/// A mailbox on an IMAP server.
#[derive(Clone, Debug)]
pub struct ImapConfig {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) user: String,
    pub(crate) proof: Proof,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) folders: Vec<String>,
    pub(crate) after: After,
    pub(crate) idle: bool,
    pub(crate) idle_renew: Duration,
    pub(crate) poll: Duration,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) batch_bytes: u64,
    pub(crate) reconcile: Duration,
    pub(crate) lease: Duration,
}

/// What proves to the server who we are.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// A password.
    Password(Secret),
    /// A token, from `[email.NAME.oauth2]`.
    OAuth2(Box<OAuth2Config>),
}

impl Proof {
    pub(crate) fn missing(&self) -> Vec<String> {
        match self {
            Self::Password(secret) => secret.fetch().err().into_iter().collect(),
            Self::OAuth2(oauth2) => oauth2.missing(),
        }
    }
}

/// How the connection is kept private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS after STARTTLS, before anything else is said.
    StartTls,
    /// None, for a server on this machine.
    None,
}

impl Security {
    pub(crate) const WORDS: [(&'static str, Self); 3] = [("tls", Self::Tls), ("starttls", Self::StartTls), ("none", Self::None)];
}

/// What happens to a mail on the server once it is in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Nothing; the folder is opened for reading only.
    Leave,
    /// It gets this keyword.
    Flag(String),
    /// It goes to this folder.
    Move(String),
    /// It is deleted.
    Delete,
}

/// A drop folder.
#[derive(Clone, Debug)]
pub struct FolderConfig {
    pub(crate) folder: PathBuf,
    pub(crate) done: PathBuf,
    pub(crate) failed: PathBuf,
    pub(crate) poll: Duration,
}

impl EmailConfig {
    /// What no other channel may use at the same time: mailbox folders, folders of files, sockets. Equal texts are a clash.
    pub fn resources(&self) -> Vec<String> {
        match &self.source {
            Source::Imap(imap) => imap
                .folders
                .iter()
                .map(|folder| format!("mailbox folder {folder} of {} on {}", imap.user, imap.host.to_ascii_lowercase()))
                .collect(),
            Source::Folder(folder) => vec![format!("folder {}", folder.folder.display())],
            Source::Lmtp(lmtp) => vec![lmtp.resource()],
        }
    }

    /// What the configuration names and this machine, for this user, does not have: a secret, a certificate.
    pub fn missing(&self) -> Vec<String> {
        let Source::Imap(imap) = &self.source else { return Vec::new() };
        let ca_file = imap.ca_file.as_ref().and_then(|path| {
            let error = std::fs::metadata(path).err()?;
            Some(format!("cannot read ca_file {}: {error}", path.display()))
        });
        imap.proof.missing().into_iter().chain(ca_file).collect()
    }
}

/// Reads one e-mail channel. What is wrong goes into the section's report; `None` when there is no channel to speak of. The
/// caller calls [`Section::finish`] on the section.
pub fn read(name: &str, section: &mut Section) -> Option<EmailConfig> {
    let tenant = section.text("tenant").unwrap_or_else(|| Tenant::DEFAULT.into());
    let tenant_ok = !tenant.is_empty() && tenant.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !tenant_ok {
        section.fault("tenant", "a tenant's name has lower-case letters, digits and dashes");
    }
    let max_payload = section.size("max_payload", PAYLOAD, 25 * MB);
    let source = match (section.has("host"), section.has("folder"), section.has("lmtp")) {
        (true, false, false) => Source::Imap(imap(section)?),
        (false, true, false) => Source::Folder(folder(section)?),
        (false, false, true) => Source::Lmtp(lmtp::read(section)?),
        (true, true, false) => {
            section
                .fault("folder", "a channel has a mailbox (`host`) or a drop folder (`folder`), not both; IMAP folders go into `folders`");
            return None;
        }
        (_, _, true) => {
            section.fault("lmtp", "a channel has a mailbox (`host`), a drop folder (`folder`) or a listener (`lmtp`), one of them only");
            return None;
        }
        (false, false, false) => {
            section.fault(
                "",
                "add `host = \"…\"` for a mailbox by IMAP, or `folder = \"…\"` for a folder of .eml files, or `lmtp = \"…\"` for mail that your own server pushes",
            );
            return None;
        }
    };
    tenant_ok.then(|| EmailConfig { name: name.into(), tenant: Tenant::new(&tenant), max_payload, source })
}

fn imap(section: &mut Section) -> Option<ImapConfig> {
    let host = section.required_text("host");
    let host_ok = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:_".contains(&b));
    if !host_ok {
        section.fault("host", "expected a host name or an IP address, without port (that goes into `port`)");
    }
    let security = section.choice("security", &Security::WORDS, Security::Tls);
    if security == Security::None && !is_loopback(&host) {
        section.fault(
            "security",
            format!("without TLS the password and all mail would cross the network readable: \"none\" is for a server on this machine (127.0.0.1, ::1, localhost), not for `{host}`"),
        );
    }
    let usual_port = if security == Security::Tls { 993 } else { 143 };
    let port = u16::try_from(section.integer("port", 1..=65_535, usual_port)).ok()?;
    let user = section.required_text("user");
    let one_line = !user.contains(['\r', '\n', '\0', '\u{1}']);
    if !one_line {
        section.fault("user", "a user name is one line");
    }
    let proof = proof(section);
    let ca_file = section.file("ca_file");
    if ca_file.is_some() && security == Security::None {
        section.fault("ca_file", "there is no certificate to check with security = \"none\"");
    }
    let folders = folders(section);
    let after = after(section, &folders);
    let config = ImapConfig {
        host,
        port,
        security,
        user,
        proof: proof?,
        ca_file,
        folders,
        after: after?,
        idle: section.flag("idle", true),
        idle_renew: section.duration("idle_renew", SECOND..=(29 * MINUTE), 9 * MINUTE),
        poll: section.duration("poll", SECOND..=(24 * HOUR), MINUTE),
        timeout: section.duration("timeout", SECOND..=HOUR, MINUTE),
        connect_timeout: section.duration("connect_timeout", SECOND..=HOUR, 20 * SECOND),
        batch_bytes: section.size("batch_bytes", (64 * KB)..=(256 * MB), 8 * MB),
        reconcile: section.duration("reconcile", SECOND..=(7 * 24 * HOUR), 10 * MINUTE),
        lease: section.duration("lease", (3 * SECOND)..=(10 * MINUTE), 30 * SECOND),
    };
    (host_ok && one_line).then_some(config)
}

pub(crate) fn proof(section: &mut Section) -> Option<Proof> {
    match (section.has("password"), section.has("oauth2")) {
        (true, false) => section.secret("password").map(Proof::Password),
        (false, true) => oauth2::read(section.table("oauth2")).map(|oauth2| Proof::OAuth2(Box::new(oauth2))),
        (true, true) => {
            section.fault("password", "a mailbox has a `password` or a table `oauth2`, not both");
            None
        }
        (false, false) => {
            section.fault(
                "",
                "`password` is missing; add `password = \"env:NAME\"`, \"file:PATH\" or \"cred:NAME\", or a table `oauth2` where the server wants tokens",
            );
            None
        }
    }
}

/// Whether the traffic to this host stays on this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn folders(section: &mut Section) -> Vec<String> {
    let mut folders: Vec<String> = Vec::new();
    for folder in section.list("folders").unwrap_or_else(|| vec!["INBOX".into()]) {
        let folder = usual_name(&folder);
        if !is_folder_name(&folder) {
            section.fault("folders", "a folder's name is one line of text and not empty");
        } else if folders.contains(&folder) {
            section.fault("folders", format!("`{folder}` is there twice"));
        } else {
            folders.push(folder);
        }
    }
    if folders.is_empty() || folders.len() > MOST_FOLDERS {
        section.fault("folders", format!("expected 1 to {MOST_FOLDERS} folders; make another channel for more"));
    }
    folders
}

/// INBOX is the one folder whose name has no case (RFC 3501 section 5.1).
fn usual_name(folder: &str) -> String {
    if folder.eq_ignore_ascii_case("INBOX") { "INBOX".into() } else { folder.into() }
}

fn is_folder_name(folder: &str) -> bool {
    !folder.trim().is_empty() && folder.len() <= 1_000 && !folder.chars().any(char::is_control)
}

fn after(section: &mut Section, folders: &[String]) -> Option<After> {
    #[derive(Clone, Copy, PartialEq)]
    enum Word {
        Leave,
        Flag,
        Move,
        Delete,
    }
    let words = [("leave", Word::Leave), ("flag", Word::Flag), ("move", Word::Move), ("delete", Word::Delete)];
    let word = section.choice("after", &words, Word::Leave);
    let flag = section.text("flag");
    let move_to = section.text("move_to").map(|folder| usual_name(&folder));
    if flag.is_some() && word != Word::Flag {
        section.fault("flag", "`flag` goes with after = \"flag\"");
    }
    if move_to.is_some() && word != Word::Move {
        section.fault("move_to", "`move_to` goes with after = \"move\"");
    }
    match word {
        Word::Leave => Some(After::Leave),
        Word::Delete => Some(After::Delete),
        Word::Flag => {
            let flag = flag.unwrap_or_else(|| "$Loket".into());
            // A backslash begins the flags that mean something to people's mail programs, \Seen before all: those stay theirs.
            let proper = !flag.is_empty() && flag.len() <= 64 && flag.bytes().all(|b| b.is_ascii_alphanumeric() || b"$_-.".contains(&b));
            if !proper {
                section.fault(
                    "flag",
                    "a keyword has letters, digits, `$`, `_`, `-` and `.`, such as \"$Loket\"; system flags such as \\Seen are not set",
                );
            }
            proper.then_some(After::Flag(flag))
        }
        Word::Move => match move_to {
            Some(folder) if !is_folder_name(&folder) => {
                section.fault("move_to", "a folder's name is one line of text and not empty");
                None
            }
            Some(folder) if folders.contains(&folder) => {
                section.fault("move_to", format!("mail would be moved to `{folder}` and fetched again from there"));
                None
            }
            Some(folder) => Some(After::Move(folder)),
            None => {
                section.fault("after", "after = \"move\" needs `move_to = \"FOLDER\"`");
                None
            }
        },
    }
}

fn folder(section: &mut Section) -> Option<FolderConfig> {
    let folder = PathBuf::from(section.required_text("folder"));
    let done = folder.join(section.file("done").unwrap_or_else(|| "done".into()));
    let failed = folder.join(section.file("failed").unwrap_or_else(|| "failed".into()));
    for (key, other) in [("done", &done), ("failed", &failed)] {
        if *other == folder {
            section.fault(key, "files that were taken cannot stay in the drop folder itself");
        }
    }
    let poll = section.duration("poll", Duration::from_millis(50)..=HOUR, 2 * SECOND);
    (!folder.as_os_str().is_empty()).then_some(FolderConfig { folder, done, failed, poll })
}

#[cfg(test)]
mod tests {
    use loket_core::config::{Report, parse};

    use super::*;

    fn channel(text: &str) -> (Option<EmailConfig>, Vec<String>) {
        let report = Report::new(text);
        let mut root = parse(text, &report);
        let channel = read("support", &mut root);
        root.finish();
        (channel, report.into_faults().iter().map(ToString::to_string).collect())
    }

    fn imap_of(channel: Option<EmailConfig>) -> ImapConfig {
        match channel.unwrap().source {
            Source::Imap(imap) => imap,
            _ => panic!("not IMAP"),
        }
    }

    const MINIMAL: &str = "host = \"imap.example.nl\"\nuser = \"support@example.nl\"\npassword = \"env:PASSWORD\"\n";

    #[test]
    fn three_keys_are_a_mailbox() {
        let (channel, faults) = channel(MINIMAL);
        assert_eq!(faults, [""; 0]);
        let whole = channel.clone().unwrap();
        assert_eq!((whole.max_payload, whole.tenant.as_str()), (25 << 20, "main"));
        assert_eq!(whole.resources(), ["mailbox folder INBOX of support@example.nl on imap.example.nl"]);
        let imap = imap_of(channel);
        assert_eq!((imap.port, imap.security, &imap.after, imap.idle), (993, Security::Tls, &After::Leave, true));
        assert_eq!((imap.poll, imap.timeout, imap.idle_renew), (MINUTE, MINUTE, 9 * MINUTE));
        assert_eq!((imap.batch_bytes, imap.reconcile), (8 << 20, 10 * MINUTE));
    }

    #[test]
    fn the_port_follows_the_security() {
        let (starttls, faults) =
            channel(&format!("{MINIMAL}security = \"starttls\"\nfolders = [\"inbox\", \"Orders\"]\nafter = \"flag\"\n"));
        assert_eq!(faults, [""; 0]);
        let imap = imap_of(starttls);
        assert_eq!((imap.port, imap.folders, imap.after), (143, vec!["INBOX".into(), "Orders".into()], After::Flag("$Loket".into())));
        let (plain, faults) = channel("host = \"::1\"\nuser = \"u\"\npassword = \"file:/x\"\nsecurity = \"none\"\nport = 1143\n");
        assert_eq!(faults, [""; 0]);
        assert_eq!(imap_of(plain).port, 1143);
    }

    #[test]
    fn a_folder_is_a_drop_folder() {
        let (found, faults) = channel("folder = \"/var/spool/loket\"\nfailed = \"/var/spool/loket-failed\"\n");
        assert_eq!(faults, [""; 0]);
        let found = found.unwrap();
        assert_eq!(found.resources(), ["folder /var/spool/loket"]);
        let Source::Folder(folder) = found.source else { panic!("not a folder") };
        assert_eq!(folder.done, PathBuf::from("/var/spool/loket/done"));
        assert_eq!(folder.failed, PathBuf::from("/var/spool/loket-failed"));
    }

    #[test]
    fn a_listener_is_pushed_to() {
        let (found, faults) = channel("lmtp = \"127.0.0.1:2424\"\nrecipients = [\"@example.nl\"]\nmax_payload = \"1MB\"\n");
        assert_eq!(faults, [""; 0]);
        let found = found.unwrap();
        assert_eq!((found.resources(), found.max_payload), (vec!["LMTP port 127.0.0.1:2424".into()], 1 << 20));
        assert!(found.missing().is_empty());
    }

    #[test]
    fn every_mistake_is_named() {
        let table = [
            ("", "add `host = \"…\"` for a mailbox by IMAP, or `folder"),
            ("host = \"h\"\nfolder = \"f\"\n", "not both"),
            ("lmtp = \"unix:s\"\nfolder = \"f\"\n", "lmtp: a channel has a mailbox (`host`), a drop folder"),
            ("lmtp = \"unix:s\"\nuser = \"u\"\n", "user: unknown key"),
            ("host = \"imap.example.nl\"\nuser = \"u\"\n", "`password` is missing"),
            (
                "host = \"h\"\nuser = \"u\"\npassword = \"env:P\"\n[oauth2]\nclient_id = \"x\"\n",
                "password: a mailbox has a `password` or a table",
            ),
            ("host = \"h\"\nuser = \"u\"\n[oauth2]\nclient_id = \"x\"\n", "oauth2: `token_url` is missing"),
            ("host = \"imap.example.nl:993\"\nuser = \"u\"\npassword = \"env:P\"\nsecurity = \"none\"\n", "security: without TLS"),
            ("host = \"h h\"\nuser = \"u\"\npassword = \"env:P\"\n", "host: expected a host name"),
            ("host = \"h\"\nuser = \"u\"\npassword = \"hunter2\"\n", "password: a secret is not written here"),
            ("host = \"h\"\nuser = \"u\"\npassword = \"env:P\"\nafter = \"move\"\n", "needs `move_to"),
            ("host = \"h\"\nuser = \"u\"\npassword = \"env:P\"\nafter = \"move\"\nmove_to = \"inbox\"\n", "fetched again from there"),
            ("host = \"h\"\nuser = \"u\"\npassword = \"env:P\"\nmove_to = \"Done\"\n", "goes with after = \"move\""),
            (
                "host = \"h\"\nuser = \"u\"\npassword = \"env:P\"\nafter = \"flag\"\nflag = \"\\\\Seen\"\n",
                "system flags such as \\Seen are not set",
            ),
            ("host = \"h\"\nuser = \"u\"\npassword = \"env:P\"\nfolders = [\"A\", \"A\"]\n", "`A` is there twice"),
            ("host = \"h\"\nuser = \"u\"\npassword = \"env:P\"\nfolders = []\n", "expected 1 to 8 folders"),
            ("host = \"h\"\nuser = \"u\"\npassword = \"env:P\"\ndone = \"x\"\n", "done: unknown key"),
            ("host = \"h\"\nuser = \"u\"\npassword = \"env:P\"\nidle_renew = \"40m\"\n", "idle_renew: expected a duration"),
            ("folder = \"f\"\ndone = \".\"\nfailed = \"\"\n", "failed: files that were taken cannot stay"),
            ("folder = \"f\"\nuser = \"u\"\n", "user: unknown key"),
        ];
        for (text, part) in table {
            let (_, faults) = channel(text);
            assert!(faults.iter().any(|fault| fault.contains(part)), "{part} is not in {faults:?} of\n{text}");
            assert!(!faults.iter().any(|fault| fault.contains("hunter2")), "{faults:?}");
        }
    }
}
