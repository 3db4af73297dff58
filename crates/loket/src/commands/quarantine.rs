//! `loket quarantine`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use loket_core::delivery::Tenant;
use loket_core::store::{JournalState, Page, Resolution, Store};
use serde::Serialize;
use uuid::Uuid;

use crate::cli::{Ids, Quarantine};
use crate::output::Output;

/// So many are fetched at a time.
const PAGE: u32 = 500;

#[derive(Serialize)]
struct Resolved {
    id: Uuid,
    done: &'static str,
}

#[derive(Serialize)]
struct Failed {
    id: Uuid,
    error: &'static str,
}

pub(super) async fn run(store: Arc<dyn Store>, command: &Quarantine) -> anyhow::Result<ExitCode> {
    match command {
        Quarantine::List { tenant, limit } => list(&*store, &tenant.get(), *limit).await,
        Quarantine::Show { id, tenant, raw } => show(&*store, &tenant.get(), *id, *raw).await,
        Quarantine::Retry(ids) => resolve(&*store, ids, Resolution::Retry, "retried").await,
        Quarantine::Discard(ids) => resolve(&*store, ids, Resolution::Discard, "discarded").await,
    }
}

async fn list(store: &dyn Store, tenant: &Tenant, limit: u32) -> anyhow::Result<ExitCode> {
    let mut output = Output::new();
    let (mut left, mut after) = (limit, None);
    while left > 0 {
        let page = Page { after, limit: left.min(PAGE) };
        let entries = store.journal_entries(tenant, Some(JournalState::Quarantined), &page).await?;
        for entry in &entries {
            output.line(entry)?;
        }
        let Some(last) = entries.last().filter(|_| entries.len() == page.limit as usize) else { break };
        after = Some((last.received_at, last.id));
        left -= page.limit;
    }
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}

async fn show(store: &dyn Store, tenant: &Tenant, id: Uuid, raw: bool) -> anyhow::Result<ExitCode> {
    let found = store.delivery(tenant, id).await?;
    let Some((delivery, entry)) = found.filter(|(_, entry)| entry.state == JournalState::Quarantined) else {
        bail!("there is no delivery {id} in quarantine in tenant {tenant}");
    };
    let mut output = Output::new();
    if raw {
        output.raw(&delivery.payload)?;
    } else {
        output.line(&entry)?;
    }
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}

async fn resolve(store: &dyn Store, ids: &Ids, resolution: Resolution, done: &'static str) -> anyhow::Result<ExitCode> {
    let tenant = ids.tenant.get();
    let actor = "loket quarantine";
    let mut output = Output::new();
    let mut failed = false;
    for &id in &ids.ids {
        if store.resolve_quarantine(&tenant, id, resolution, actor).await? {
            output.line(&Resolved { id, done })?;
        } else {
            failed = true;
            output.line(&Failed { id, error: "there is no such delivery in quarantine" })?;
        }
    }
    if ids.all {
        // Page by page into the past: one that is retried and comes back to quarantine is not met again.
        let mut page = Page::first(PAGE);
        loop {
            let entries = store.journal_entries(&tenant, Some(JournalState::Quarantined), &page).await?;
            let Some(last) = entries.last() else { break };
            page.after = Some((last.received_at, last.id));
            for entry in entries {
                // One that another hand resolved meanwhile is resolved all the same.
                store.resolve_quarantine(&tenant, entry.id, resolution, actor).await?;
                output.line(&Resolved { id: entry.id, done })?;
            }
        }
    }
    output.finish()?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
