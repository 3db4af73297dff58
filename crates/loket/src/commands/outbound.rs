//! `loket outbound`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use loket_core::delivery::Tenant;
use loket_core::outbound::{OutboundFilter, OutboundState};
use loket_core::store::{Page, Store};
use serde::Serialize;
use uuid::Uuid;

use crate::cli;
use crate::output::Output;

/// So many are fetched at a time.
const PAGE: u32 = 500;

#[derive(Serialize)]
struct Done {
    id: Uuid,
    done: &'static str,
}

#[derive(Serialize)]
struct Failed {
    id: Uuid,
    error: &'static str,
}

pub(super) async fn run(store: Arc<dyn Store>, command: &cli::Outbound) -> anyhow::Result<ExitCode> {
    match command {
        cli::Outbound::List { state, case, tenant, limit } => {
            let filter = OutboundFilter { state: *state, case: *case, sender: None };
            list(&*store, &tenant.get(), &filter, *limit).await
        }
        cli::Outbound::Show { id, tenant } => {
            let tenant = tenant.get();
            let Some(found) = store.outbound(&tenant, *id).await? else { bail!("nothing with the id {id} goes out in tenant {tenant}") };
            let mut output = Output::new();
            output.line(&found)?;
            output.finish()?;
            Ok(ExitCode::SUCCESS)
        }
        cli::Outbound::Retry { ids, all, tenant } => retry(&*store, ids, *all, &tenant.get()).await,
    }
}

async fn list(store: &dyn Store, tenant: &Tenant, filter: &OutboundFilter, limit: u32) -> anyhow::Result<ExitCode> {
    let mut output = Output::new();
    let (mut left, mut after) = (limit, None);
    while left > 0 {
        let page = Page { after, limit: left.min(PAGE) };
        let found = store.outbounds(tenant, filter, &page).await?;
        for one in &found {
            output.line(one)?;
        }
        let Some(last) = found.last().filter(|_| found.len() == page.limit as usize) else { break };
        after = Some((last.created_at, last.id));
        left -= page.limit;
    }
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}

async fn retry(store: &dyn Store, ids: &[Uuid], all: bool, tenant: &Tenant) -> anyhow::Result<ExitCode> {
    let actor = "loket outbound";
    let mut output = Output::new();
    let mut failed = false;
    for &id in ids {
        if store.retry_outbound(tenant, id, actor).await? {
            output.line(&Done { id, done: "waiting again" })?;
        } else {
            failed = true;
            output.line(&Failed { id, error: "nothing with this id has failed or was withheld" })?;
        }
    }
    if all {
        let filter = OutboundFilter { state: Some(OutboundState::Failed), ..OutboundFilter::default() };
        // Page by page into the past: one that fails again at once is not met again.
        let mut page = Page::first(PAGE);
        loop {
            let found = store.outbounds(tenant, &filter, &page).await?;
            let Some(last) = found.last() else { break };
            page.after = Some((last.created_at, last.id));
            for one in found {
                store.retry_outbound(tenant, one.id, actor).await?;
                output.line(&Done { id: one.id, done: "waiting again" })?;
            }
        }
    }
    output.finish()?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
