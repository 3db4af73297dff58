//! The `loket` program: command line, configuration, wiring and supervision. The only crate that knows all the others.
//!
//! - [`cli`] says what can be asked for, `commands/` does it, one file each
//! - [`config`] reads the TOML
//! - [`daemon`] is `loket run`: it wires store, intake, pipeline, channels and HTTP together and takes them down again
//! - [`channels`] and [`readers`] are the lists to which a new channel adds its line

mod channels;
mod cli;
mod commands;
mod config;
mod daemon;
mod engine;
mod http;
mod logging;
mod masters;
mod notify;
mod output;
mod readers;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Before anything can open a connection: reqwest and rustls take the process's provider.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("loket: a TLS provider was installed before ours");
        return ExitCode::FAILURE;
    }
    match commands::run(cli::Cli::parse()) {
        Ok(code) => code,
        // Whoever read our output has read enough.
        Err(error) if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("loket: {error:#}");
            ExitCode::FAILURE
        }
    }
}
