//! Logs: lines on standard error, as text or JSON. What customers wrote, secrets and keys never go there.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::LogConfig;

/// Dependencies that tell more than anybody wants to know, or, at a level for developers, what customers wrote.
const QUIET: &str = "sqlx=warn,async_imap=warn,imap_proto=warn,hyper=info,reqwest=info";

/// Changes the level of a running process.
pub(crate) struct LogHandle(reload::Handle<EnvFilter, Registry>);

/// Whether a level or filter is understood.
pub(crate) fn check(level: &str) -> Result<(), String> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, String> {
    let known = ["error", "warn", "info", "debug", "trace", "off"];
    let plausible = level.split(',').all(|part| known.contains(&part.rsplit('=').next().unwrap_or_default().trim()));
    if !plausible {
        return Err(format!(
            "expected a level (error, warn, info, debug, trace, off) or a filter such as \"info,loket_core=debug\", found `{level}`"
        ));
    }
    EnvFilter::try_new(format!("{level},{QUIET}")).map_err(|error| format!("the filter is not understood: {error}"))
}

/// Starts logging. Call once.
pub(crate) fn init(config: &LogConfig) -> Result<LogHandle, String> {
    let (filter, handle) = reload::Layer::new(filter(&config.level)?);
    // Under systemd the journal writes the time.
    let timed = std::env::var_os("JOURNAL_STREAM").is_none();
    let to = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer: Box<dyn Layer<_> + Send + Sync> = match (config.json, timed) {
        (true, _) => to.json().flatten_event(true).boxed(),
        (false, true) => to.with_ansi(std::io::stderr().is_terminal()).boxed(),
        (false, false) => to.with_ansi(false).without_time().boxed(),
    };
    tracing_subscriber::registry().with(filter).with(layer).try_init().map_err(|error| error.to_string())?;
    Ok(LogHandle(handle))
}

impl LogHandle {
    /// Takes over the level of a configuration read again.
    pub(crate) fn set(&self, config: &LogConfig) -> Result<(), String> {
        let filter = filter(&config.level)?;
        self.0.reload(filter).map_err(|error| error.to_string())
    }
}
