//! `loket delete`.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use loket_core::case::CaseNumber;
use loket_core::store::Store;
use serde::Serialize;

use crate::cli;
use crate::output::Output;

#[derive(Serialize)]
struct Deleted {
    case: CaseNumber,
    done: &'static str,
}

pub(super) async fn run(store: Arc<dyn Store>, args: &cli::Delete) -> anyhow::Result<ExitCode> {
    let tenant = args.tenant.get();
    let Some(case) = store.case(&tenant, args.number).await? else {
        bail!("there is no case {} in tenant {tenant}", args.number);
    };
    if !args.yes && !confirmed(&format!("delete case {} ({}, {} messages) for good?", case.number, case.title, case.messages))? {
        bail!("nothing was deleted; --yes deletes without asking");
    }
    if !store.delete_case(&tenant, args.number, "loket delete").await? {
        bail!("case {} is gone already", args.number);
    }
    let mut output = Output::new();
    output.line(&Deleted { case: args.number, done: "deleted" })?;
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Asks whoever sits there; where nobody does, the answer is no.
fn confirmed(question: &str) -> std::io::Result<bool> {
    let (input, mut output) = (std::io::stdin(), std::io::stderr());
    if !input.is_terminal() {
        return Ok(false);
    }
    write!(output, "{question} [y/N] ")?;
    output.flush()?;
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes" | "j" | "J" | "ja"))
}
