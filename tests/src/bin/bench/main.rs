//! `script/bench [NAME...]`: figures, each beside what the same machine does at its barest in the same run.
//!
//! JSON lines on standard output, `{"name","value","unit","against","ratio"}`; a table on standard error. Machines are noisy:
//! compare ratios, not values. Each benchmark runs in a process of its own, so that its memory is its own.

mod edi;
mod figures;
mod intake;
mod read;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use figures::Figure;
use loket_tests::postgres::Server;

const NAMES: [&str; 5] = ["intake-sqlite", "intake-postgres", "read-mail", "edi-x12", "edi-edifact"];
/// Set in the process that measures: the store's URL.
const STORE: &str = "LOKET_BENCH_STORE";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    if let (Ok(store), [name]) = (std::env::var(STORE), wanted.as_slice()) {
        let figures = match name.as_str() {
            "read-mail" => read::measure()?,
            "edi-x12" | "edi-edifact" => edi::measure(name)?,
            _ => runtime.block_on(intake::measure(name, &store))?,
        };
        for figure in figures {
            println!("{}", serde_json::to_string(&figure.json())?);
        }
        return Ok(());
    }
    for name in &wanted {
        ensure!(NAMES.contains(&name.as_str()), "there is no benchmark `{name}`; there are {}", NAMES.join(", "));
    }
    let mut figures = Vec::new();
    for name in NAMES.into_iter().filter(|name| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)) {
        eprintln!("{name} …");
        let folder = tempfile::tempdir()?;
        let server = (name == "intake-postgres").then(Server::start).transpose()?;
        let store = match &server {
            Some(server) => runtime.block_on(server.database())?,
            None => format!("sqlite:{}", folder.path().join("loket.db").display()),
        };
        figures.extend(in_child(name, &store)?);
    }
    for figure in &figures {
        println!("{}", serde_json::to_string(&figure.json())?);
    }
    figures::table(&figures);
    Ok(())
}

fn in_child(name: &str, store: &str) -> Result<Vec<Figure>> {
    let output = Command::new(std::env::current_exe()?).arg(name).env(STORE, store).stderr(std::process::Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{name}: {}", output.status);
    std::str::from_utf8(&output.stdout)?.lines().map(|line| Figure::read(line).with_context(|| format!("not a figure: {line}"))).collect()
}
