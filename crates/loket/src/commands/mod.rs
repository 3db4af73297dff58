//! What the command line asks for, one file each.

mod cases;
mod check;
mod classify;
mod delete;
mod import;
mod key;
mod outbound;
mod quarantine;
mod read;
mod replay;
mod status;

use std::process::ExitCode;
use std::sync::Arc;

use loket_core::store::Store;

use crate::cli::{Cli, Command};
use crate::config::{Config, LogConfig};
use crate::daemon::Daemon;
use crate::engine;
use crate::logging::{self, LogHandle};

/// Does what was asked for.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Command::Check => check::run(&cli.config),
        Command::Read(args) => read::run(args),
        Command::Classify => classify::run(),
        Command::Run => {
            let (config, log) = prepare(&cli, "info")?;
            let log = cli.log.is_none().then_some(log);
            let daemon = Daemon { path: cli.config, config, log };
            runtime()?.block_on(daemon.run())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Status(shown) => with_store(&cli, |config, store| status::run(config, store, *shown)),
        Command::Import(args) => with_store(&cli, |config, store| import::run(config, store, args)),
        Command::Replay(args) => with_store(&cli, |config, store| replay::run(config, store, args)),
        Command::Cases(args) => with_store(&cli, |_, store| cases::list(store, args)),
        Command::Case(args) => with_store(&cli, |_, store| cases::show(store, args)),
        Command::Quarantine(command) => with_store(&cli, |_, store| quarantine::run(store, command)),
        Command::Outbound(command) => with_store(&cli, |_, store| outbound::run(store, command)),
        Command::Delete(args) => with_store(&cli, |_, store| delete::run(store, args)),
        Command::Key(command) => with_store(&cli, |_, store| key::run(store, command)),
    }
}

/// The configuration and the log. Commands of a moment log only what is wrong, unless the command line says otherwise.
fn prepare(cli: &Cli, level: &str) -> anyhow::Result<(Config, LogHandle)> {
    let config = Config::load(&cli.config)?;
    let configured = matches!(cli.command, Command::Run).then(|| config.log.level.clone());
    let level = cli.log.clone().or(configured).unwrap_or_else(|| level.into());
    let log = logging::init(&LogConfig { level, json: config.log.json }).map_err(anyhow::Error::msg)?;
    Ok((config, log))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Runs something on the opened store.
fn with_store<W>(cli: &Cli, work: impl FnOnce(Config, Arc<dyn Store>) -> W) -> anyhow::Result<ExitCode>
where
    W: Future<Output = anyhow::Result<ExitCode>>,
{
    let (config, _log) = prepare(cli, "warn")?;
    runtime()?.block_on(async {
        let store = engine::open_store(&config).await.map_err(|error| error.context("cannot open the store"))?;
        work(config, store).await
    })
}
