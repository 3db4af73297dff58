//! `loket cases` and `loket case`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use loket_core::store::{CaseFilter, CaseRecord, EventRecord, MessageRecord, Page, Store};
use serde::Serialize;

use crate::cli;
use crate::output::Output;

/// So many are fetched at a time.
const PAGE: u32 = 500;
/// So many messages and events of a case are shown.
const MOST: u32 = 10_000;

pub(super) async fn list(store: Arc<dyn Store>, args: &cli::Cases) -> anyhow::Result<ExitCode> {
    let filter = CaseFilter { class: args.class, status: args.status, ..CaseFilter::default() };
    let tenant = args.tenant.get();
    let mut output = Output::new();
    let mut rows = Vec::new();
    let (mut left, mut after) = (args.limit, None);
    while left > 0 {
        let page = Page { after, limit: left.min(PAGE) };
        let cases = store.cases(&tenant, &filter, &page).await?;
        for case in &cases {
            if args.shown.table {
                rows.push(row(case));
            } else {
                output.line(case)?;
            }
        }
        let Some(last) = cases.last().filter(|_| cases.len() == page.limit as usize) else { break };
        after = Some((last.opened_at, last.id));
        left -= page.limit;
    }
    if args.shown.table {
        output.table(["CASE", "CLASS", "SURE", "LANG", "MSGS", "CHANNEL", "FROM", "ABOUT"], &rows)?;
    }
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn row(case: &CaseRecord) -> [String; 8] {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    [
        case.number.to_string(),
        format!("{}{}", case.class, if case.review { " ?" } else { "" }),
        format!("{:.0} %", case.confidence * 100.0),
        case.language.clone().unwrap_or_else(|| "-".into()),
        case.messages.to_string(),
        case.channel.clone(),
        cut(case.from.as_deref().unwrap_or("-"), 24),
        cut(&case.title, 60),
    ]
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    case: CaseRecord,
    history: Vec<MessageRecord>,
    events: Vec<EventRecord>,
}

pub(super) async fn show(store: Arc<dyn Store>, args: &cli::Case) -> anyhow::Result<ExitCode> {
    let tenant = args.tenant.get();
    let Some(case) = store.case(&tenant, args.number).await? else {
        bail!("there is no case {} in tenant {tenant}", args.number);
    };
    let history = store.case_messages(&tenant, case.id, None, MOST).await?;
    let events = store.case_events(&tenant, case.id, MOST).await?;
    let mut output = Output::new();
    output.line(&Whole { case, history, events })?;
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}
