//! The keys of an LMTP listener in `[email.NAME]`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use loket_core::config::Section;

use super::recipients::Recipients;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The system's limit for a Unix socket's path, in bytes.
const LONGEST_PATH: usize = 107;

/// An LMTP listener.
#[derive(Clone, Debug)]
pub struct LmtpConfig {
    pub(crate) listen: Listen,
    pub(crate) recipients: Recipients,
    /// Recipients of one mail, at most.
    pub(crate) max_recipients: usize,
    /// Connections at once; further ones wait.
    pub(crate) connections: usize,
    /// How long a command, or the next part of a mail, may be awaited.
    pub(crate) timeout: Duration,
    /// How long a mail may take in all.
    pub(crate) data_timeout: Duration,
    /// How long a commit may take before the sender is told to come again.
    pub(crate) commit_timeout: Duration,
}

/// Where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// A Unix socket, with its permissions.
    Unix(PathBuf, u32),
    /// An address and port.
    Tcp(SocketAddr),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path, _) => write!(f, "socket {}", path.display()),
            Self::Tcp(address) => write!(f, "port {address}"),
        }
    }
}

impl LmtpConfig {
    /// What no other channel may use at the same time.
    pub(crate) fn resource(&self) -> String {
        format!("LMTP {}", self.listen)
    }
}

/// Reads the keys. What is wrong goes into the section's report.
pub(crate) fn read(section: &mut Section) -> Option<LmtpConfig> {
    let listen = listen(section);
    let recipients = recipients(section);
    let config = LmtpConfig {
        listen: listen?,
        recipients: recipients?,
        max_recipients: small(section.integer("max_recipients", 1..=10_000, 100)),
        connections: small(section.integer("connections", 1..=10_000, 50)),
        timeout: section.duration("timeout", SECOND..=HOUR, 5 * MINUTE),
        data_timeout: section.duration("data_timeout", SECOND..=(24 * HOUR), 10 * MINUTE),
        commit_timeout: section.duration("commit_timeout", SECOND..=HOUR, 2 * MINUTE),
    };
    Some(config)
}

/// Counts are bounded far below what a `usize` holds.
fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn listen(section: &mut Section) -> Option<Listen> {
    let text = section.required_text("lmtp");
    let mode = section.text("mode");
    let allow_remote = section.flag("allow_remote", false);
    if let Some(path) = text.strip_prefix("unix:") {
        let mode = match mode.as_deref().map_or(Some(0o660), octal) {
            Some(mode) => mode,
            None => {
                section.fault("mode", "expected permissions in octal, such as \"0660\" or \"0666\"");
                return None;
            }
        };
        if path.is_empty() || path.len() > LONGEST_PATH || path.contains('\0') {
            section.fault("lmtp", format!("the path of a Unix socket has 1 to {LONGEST_PATH} bytes"));
            return None;
        }
        return Some(Listen::Unix(path.into(), mode));
    }
    if mode.is_some() {
        section.fault("mode", "`mode` goes with a Unix socket");
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => {
            section.fault("lmtp", "port 0 is no port that a mail server could be told");
            None
        }
        Ok(address) if !address.ip().is_loopback() && !allow_remote => {
            section.fault(
                "lmtp",
                format!("whoever reaches `{address}` could put mail in, and LMTP has no password and no TLS here: use a Unix socket or a loopback address; allow_remote = true if a firewall lets in nobody but your mail server"),
            );
            None
        }
        Ok(address) => Some(Listen::Tcp(address)),
        Err(_) => {
            if !text.trim().is_empty() {
                section.fault(
                    "lmtp",
                    format!(
                        "expected \"unix:PATH\", or an IP address and a port such as \"127.0.0.1:2424\" or \"[::1]:2424\", found `{text}`"
                    ),
                );
            }
            None
        }
    }
}

fn octal(text: &str) -> Option<u32> {
    let proper = (3..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    u32::from_str_radix(text, 8).ok().filter(|mode| proper && *mode <= 0o777)
}

fn recipients(section: &mut Section) -> Option<Recipients> {
    let Some(list) = section.list("recipients") else { return Some(Recipients::everybody()) };
    if list.is_empty() {
        section.fault("recipients", "with an empty list no mail is taken at all; leave `recipients` out to take every recipient's");
        return None;
    }
    match Recipients::only(&list) {
        Ok(recipients) => Some(recipients),
        Err(wrong) => {
            section.fault(
                "recipients",
                format!("expected an address such as \"support@example.nl\" or a whole domain such as \"@example.nl\", found `{wrong}`"),
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use loket_core::config::{Report, parse};

    use super::*;

    fn config(text: &str) -> (Option<LmtpConfig>, Vec<String>) {
        let report = Report::new(text);
        let mut root = parse(text, &report);
        let config = read(&mut root);
        root.finish();
        (config, report.into_faults().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn one_key_is_a_listener() {
        let (found, faults) = config("lmtp = \"unix:/run/loket/support.sock\"\n");
        assert_eq!(faults, [""; 0]);
        let found = found.unwrap();
        assert_eq!(found.listen, Listen::Unix("/run/loket/support.sock".into(), 0o660));
        assert_eq!(found.resource(), "LMTP socket /run/loket/support.sock");
        assert_eq!((found.max_recipients, found.connections), (100, 50));
        assert_eq!((found.timeout, found.data_timeout, found.commit_timeout), (5 * MINUTE, 10 * MINUTE, 2 * MINUTE));
        assert!(found.recipients.take("anybody@example.nl"));
    }

    #[test]
    fn ports_of_this_machine_and_others_when_allowed() {
        for (text, resource) in [
            ("lmtp = \"127.0.0.1:2424\"\n", "LMTP port 127.0.0.1:2424"),
            ("lmtp = \"[::1]:24\"\n", "LMTP port [::1]:24"),
            ("lmtp = \"192.0.2.7:24\"\nallow_remote = true\n", "LMTP port 192.0.2.7:24"),
        ] {
            let (found, faults) = config(text);
            assert_eq!(faults, [""; 0]);
            assert_eq!(found.unwrap().resource(), resource);
        }
        let (found, _) = config("lmtp = \"unix:s\"\nmode = \"666\"\n");
        assert_eq!(found.unwrap().listen, Listen::Unix("s".into(), 0o666));
    }

    #[test]
    fn every_mistake_is_named() {
        let long = format!("lmtp = \"unix:/{}\"\n", "x".repeat(LONGEST_PATH));
        let table = [
            ("", "`lmtp` is missing"),
            ("lmtp = \"\"\n", "lmtp: must not be empty"),
            ("lmtp = \"unix:\"\n", "has 1 to 107 bytes"),
            (long.as_str(), "has 1 to 107 bytes"),
            ("lmtp = \"localhost:24\"\n", "expected \"unix:PATH\", or an IP address"),
            ("lmtp = \"/run/loket.sock\"\n", "found `/run/loket.sock`"),
            ("lmtp = \"0.0.0.0:24\"\n", "whoever reaches `0.0.0.0:24` could put mail in"),
            ("lmtp = \"127.0.0.1:0\"\n", "port 0"),
            ("lmtp = \"127.0.0.1:24\"\nmode = \"0660\"\n", "mode: `mode` goes with a Unix socket"),
            ("lmtp = \"unix:s\"\nmode = \"0860\"\n", "permissions in octal"),
            ("lmtp = \"unix:s\"\nmode = \"rw\"\n", "permissions in octal"),
            ("lmtp = \"unix:s\"\nmode = \"+66\"\n", "permissions in octal"),
            ("lmtp = \"unix:s\"\nrecipients = []\n", "no mail is taken at all"),
            ("lmtp = \"unix:s\"\nrecipients = [\"a@example.nl\", \"example.nl\"]\n", "found `example.nl`"),
            ("lmtp = \"unix:s\"\nconnections = 0\n", "connections: expected a whole number"),
            ("lmtp = \"unix:s\"\ntimeout = \"0s\"\n", "timeout: expected a duration"),
            ("lmtp = \"unix:s\"\nmax_recipient = 3\n", "did you mean `max_recipients`"),
        ];
        for (text, part) in table {
            let (_, faults) = config(text);
            assert!(faults.iter().any(|fault| fault.contains(part)), "{part} is not in {faults:?} of\n{text}");
        }
    }
}
