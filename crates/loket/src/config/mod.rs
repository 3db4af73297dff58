//! The configuration: one TOML file, every mistake in it reported at once.
//!
//! [`Config::read`] is the one place that knows all tables; each channel's crate reads its own. What it returns is valid: whoever
//! gets a [`Config`] has nothing left to check but the world outside (does the server answer, is the secret there).

mod clashes;
mod store;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use loket_channel_edi::config::EdiConfig;
use loket_channel_email::config::EmailConfig;
use loket_channel_email::outgoing::OutgoingConfig;
use loket_channel_webform::config::FormConfig;
use loket_core::config::{Fault, Report, Section, parse};
use loket_core::intake::IntakeLimits;
use loket_core::pipeline::PipelineSettings;
use loket_core::same::Rules;

use crate::masters::{self, MasterConfig};
use clashes::Tables;
pub(crate) use store::StoreConfig;

/// The whole configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where journal and cases are kept.
    pub(crate) store: StoreConfig,
    /// The HTTP listener.
    pub(crate) http: HttpConfig,
    /// What is logged, and how.
    pub(crate) log: LogConfig,
    /// How long a stop may take.
    pub(crate) drain: Duration,
    /// The intake's limits.
    pub(crate) intake: IntakeLimits,
    /// The pipeline's limits, and the rules of same-or-not and review.
    pub(crate) pipeline: PipelineSettings,
    /// `[email.NAME]`
    pub(crate) emails: Vec<EmailConfig>,
    /// `[webform.NAME]`
    pub(crate) forms: Vec<FormConfig>,
    /// `[edi.NAME]`
    pub(crate) partners: Vec<EdiConfig>,
    /// `[outgoing.NAME]`
    pub(crate) outgoing: Vec<OutgoingConfig>,
    /// `[master.NAME]`
    pub(crate) masters: Vec<MasterConfig>,
}

/// `[http]`: the query API and the forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpConfig {
    /// The address to listen on.
    pub(crate) listen: SocketAddr,
    /// Connections at once, at most.
    pub(crate) connections: usize,
    /// How long a client may take to send a request's head.
    pub(crate) head_timeout: Duration,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogConfig {
    /// `error` to `trace`, or a filter such as `info,loket_core=debug`.
    pub(crate) level: String,
    /// JSON lines instead of text.
    pub(crate) json: bool,
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// It has mistakes.
    Faults(PathBuf, Vec<Fault>),
}

impl std::error::Error for ConfigError {}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read the configuration {}: {error}", path.display()),
            Self::Faults(path, faults) => {
                let count = if faults.len() == 1 { "1 mistake".into() } else { format!("{} mistakes", faults.len()) };
                write!(f, "{count} in the configuration:")?;
                faults.iter().try_for_each(|fault| write!(f, "\n  {}:{fault}", path.display()))
            }
        }
    }
}

const MB: u64 = 1 << 20;

impl Config {
    /// Reads a file.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable(path.into(), error))?;
        Self::read(&text).map_err(|faults| ConfigError::Faults(path.into(), faults))
    }

    /// Reads a text. The error holds every mistake, in the order of the text.
    pub(crate) fn read(text: &str) -> Result<Self, Vec<Fault>> {
        let report = Report::new(text);
        let mut root = parse(text, &report);
        let store = section(&mut root, "store", store::read);
        let http = section(&mut root, "http", http);
        let log = section(&mut root, "log", log);
        let drain = section(&mut root, "daemon", |section| section.duration("drain", seconds(1)..=seconds(3_600), seconds(30)));
        let intake = section(&mut root, "intake", intake);
        let mut rules = Rules::default();
        section(&mut root, "same", |section| {
            let longest = seconds(366 * 86_400);
            rules.window = section.duration("window", seconds(60)..=longest, rules.window);
            rules.order_window = section.duration("order_window", seconds(60)..=longest, rules.order_window);
        });
        section(&mut root, "classify", |section| {
            rules.review_below = section.number("review_below", 0.0..=1.0, rules.review_below);
        });
        let pipeline = section(&mut root, "pipeline", |section| pipeline(section, rules));
        let emails = channels(&mut root, "email", loket_channel_email::config::read);
        let forms = channels(&mut root, "webform", loket_channel_webform::config::read);
        let partners = channels(&mut root, "edi", loket_channel_edi::config::read);
        let outgoing = channels(&mut root, "outgoing", loket_channel_email::outgoing::read);
        let masters = channels(&mut root, "master", masters::read);
        clashes::check(
            &mut root,
            &Tables { emails: &emails, forms: &forms, partners: &partners, outgoing: &outgoing, masters: &masters },
            intake.max_payload,
        );
        root.finish();
        match report.into_faults() {
            faults if faults.is_empty() => {
                Ok(Self { store, http, log, drain, intake, pipeline, emails, forms, partners, outgoing, masters })
            }
            faults => Err(faults),
        }
    }
}

/// One table that is there once.
fn section<T>(root: &mut Section, name: &'static str, read: impl FnOnce(&mut Section) -> T) -> T {
    let mut section = root.table(name);
    let value = read(&mut section);
    section.finish();
    value
}

/// The channels of one kind.
fn channels<T>(root: &mut Section, kind: &'static str, read: fn(&str, &mut Section) -> Option<T>) -> Vec<T> {
    let mut channels = Vec::new();
    for (name, mut section) in root.instances(kind) {
        channels.extend(read(&name, &mut section));
        section.finish();
    }
    channels
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Sizes and counts are bounded far below what a `usize` holds on any machine that runs this.
fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn http(section: &mut Section) -> HttpConfig {
    let default = SocketAddr::from(([127, 0, 0, 1], 8080));
    let listen = section.text("listen").map_or(default, |text| {
        text.parse().unwrap_or_else(|_| {
            section.fault("listen", format!("expected an address and a port such as \"127.0.0.1:8080\" or \"[::1]:8080\", found `{text}`"));
            default
        })
    });
    HttpConfig {
        listen,
        connections: small(section.integer("connections", 1..=100_000, 1_000)),
        head_timeout: section.duration("head_timeout", seconds(1)..=seconds(300), seconds(10)),
    }
}

fn log(section: &mut Section) -> LogConfig {
    let level = section.text("level").unwrap_or_else(|| "info".into());
    if let Err(problem) = crate::logging::check(&level) {
        section.fault("level", problem);
    }
    LogConfig { level, json: section.choice("format", &[("text", false), ("json", true)], false) }
}

fn intake(section: &mut Section) -> IntakeLimits {
    let default = IntakeLimits::default();
    IntakeLimits {
        queue_bytes: small(section.size("queue", MB..=(4 << 30) - 1, default.queue_bytes as u64)),
        batch: small(section.integer("batch", 1..=4_096, default.batch as u64)),
        batch_bytes: small(section.size("batch_bytes", 64 << 10..=1 << 30, default.batch_bytes as u64)),
        max_payload: section.size("max_payload", 64 << 10..=1 << 30, default.max_payload),
    }
}

fn pipeline(section: &mut Section, rules: Rules) -> PipelineSettings {
    let default = PipelineSettings::default();
    PipelineSettings {
        workers: small(section.integer("workers", 1..=64, default.workers as u64)),
        batch: small(section.integer("batch", 1..=4_096, default.batch as u64)),
        batch_bytes: small(section.size("batch_bytes", 64 << 10..=1 << 30, default.batch_bytes as u64)),
        hot_bytes: small(section.size("hot_bytes", 64 << 10..=1 << 30, default.hot_bytes as u64)),
        claim: section.duration("claim", seconds(10)..=seconds(3_600), default.claim),
        poll: section.duration("poll", Duration::from_millis(50)..=seconds(600), default.poll),
        rules,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        Config::read(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_but_a_store_is_a_whole_configuration() {
        let config = Config::read("[store]\nurl = \"sqlite:data/loket.db\"\n").unwrap();
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.drain, seconds(30));
        assert!(config.emails.is_empty() && config.forms.is_empty());
    }

    #[test]
    fn every_mistake_comes_with_its_place_and_a_suggestion() {
        let text = "[stor]\nurl = \"sqlite:x\"\n[http]\nlisten = \"everywhere\"\n[log]\nlevel = \"loud\"\n[pipeline]\nwokers = 2\n\
                    claim = \"1s\"\n[classify]\nreview_below = 2\n";
        let found = faults(text);
        let all = found.join("\n");
        for part in [
            "1:2: stor: unknown key; did you mean `store`?",
            "store: `url` is missing",
            "4:1: http.listen: expected an address",
            "6:1: log.level:",
            "8:1: pipeline.wokers: unknown key; did you mean `workers`?",
            "9:9: pipeline.claim: expected a duration",
            "11:16: classify.review_below: expected a number from 0 to 1, found `2`",
        ] {
            assert!(all.contains(part), "{part} is not in\n{all}");
        }
    }

    /// Keys whose commented lines are examples and not defaults.
    const EXAMPLES: [&str; 11] = [
        "ca_file",
        "charset",
        "flag",
        "max_length",
        "mdn_url",
        "move_to",
        "own_addresses",
        "passphrase",
        "redirect",
        "reply_address",
        "templates",
    ];

    #[test]
    fn the_annotated_configuration_shows_every_default_as_it_is() {
        let text = include_str!("../../../../config/production.toml");
        let plain = format!("{:?}", Config::read(text).unwrap());
        let mut shown = 0;
        for (at, line) in text.lines().enumerate() {
            let key = line.strip_prefix('#').and_then(|line| line.split_once(" = ")).map(|(key, _)| key).unwrap_or_default();
            if key.is_empty() || !key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
                continue;
            }
            let with: Vec<_> =
                text.lines().enumerate().map(|(other, text)| if other == at { line.trim_start_matches('#') } else { text }).collect();
            let read = Config::read(&with.join("\n"));
            if EXAMPLES.contains(&key) {
                let faults: String = read.err().unwrap_or_default().iter().map(ToString::to_string).collect();
                assert!(!faults.contains("unknown key"), "{line}: {faults}");
            } else {
                assert_eq!(format!("{:?}", read.unwrap()), plain, "{line} is not the default");
            }
            shown += 1;
        }
        assert!(shown > 30, "{shown}");
    }

    #[test]
    fn what_two_channels_cannot_share_is_found() {
        let text = "[store]\nurl = \"sqlite:x\"\n[email.a]\nfolder = \"in\"\n[email.b]\nfolder = \"in\"\n";
        let found = faults(text);
        assert!(found.iter().any(|fault| fault.contains("email.a") && fault.contains("email.b")), "{found:?}");
    }
}
