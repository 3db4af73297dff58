//! `loket check`: every mistake in the configuration at once, and what it names and this machine does not have.

use std::path::Path;
use std::process::ExitCode;

use loket_core::config::Fault;
use serde::Serialize;

use crate::channels;
use crate::config::{Config, ConfigError};
use crate::output::Output;

#[derive(Serialize)]
struct Mistake<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    key: &'a str,
    message: &'a str,
}

pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let file = path.to_string_lossy();
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error @ ConfigError::Unreadable(..)) => return Err(error.into()),
        Err(error) => {
            eprintln!("loket: {error}");
            let ConfigError::Faults(_, faults) = &error else { return Ok(ExitCode::FAILURE) };
            let mut output = Output::new();
            for Fault { line, column, key, message } in faults {
                output.line(&Mistake { file: &file, line: *line, column: *column, key, message })?;
            }
            output.finish()?;
            return Ok(ExitCode::FAILURE);
        }
    };
    // The daemon may run elsewhere, as another user, with other credentials: told, but no mistake in the file.
    if let Err(problem) = config.store.url() {
        eprintln!("loket: note: {problem}");
    }
    for email in &config.emails {
        for problem in email.missing() {
            eprintln!("loket: note: email.{}: {problem}", email.name);
        }
    }
    for partner in &config.partners {
        for problem in partner.missing() {
            eprintln!("loket: note: edi.{}: {problem}", partner.name);
        }
    }
    for outgoing in &config.outgoing {
        for problem in outgoing.missing() {
            eprintln!("loket: note: outgoing.{}: {problem}", outgoing.name);
        }
    }
    for master in &config.masters {
        for problem in master.load().err().unwrap_or_default() {
            eprintln!("loket: note: {problem}");
        }
    }
    let names = channels::names(&config);
    let list: Vec<_> = names.iter().map(|(name, _)| name.as_str()).collect();
    eprintln!("loket: {file} is right; {} channels{}{}", list.len(), if list.is_empty() { "" } else { ": " }, list.join(", "));
    Ok(ExitCode::SUCCESS)
}
