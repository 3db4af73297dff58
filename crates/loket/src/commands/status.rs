//! `loket status`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use loket_core::outbound::OutboundCounts;
use loket_core::store::{Backlog, Store, Totals};
use loket_core::time::Timestamp;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cli::Shown;
use crate::config::Config;
use crate::output::Output;

#[derive(Serialize)]
struct Status {
    store: &'static str,
    #[serde(flatten)]
    totals: Totals,
    #[serde(flatten)]
    backlog: Backlog,
    /// Age of the oldest delivery that waits, in seconds.
    backlog_seconds: u64,
    outbound: OutboundCounts,
    /// What the daemon at the configured address says of itself: `ready`, `not ready`, `down`.
    daemon: &'static str,
    listen: String,
}

pub(super) async fn run(config: Config, store: Arc<dyn Store>, shown: Shown) -> anyhow::Result<ExitCode> {
    let (totals, backlog, outbound) = (store.totals().await?, store.backlog().await?, store.outbound_counts().await?);
    let status = Status {
        store: store.kind(),
        totals,
        backlog,
        backlog_seconds: backlog.oldest.map_or(0, |oldest| Timestamp::now().since(oldest).as_secs()),
        outbound,
        daemon: daemon(&config).await,
        listen: config.http.listen.to_string(),
    };
    let mut output = Output::new();
    if shown.table {
        let rows = [
            ["daemon".into(), format!("{} ({})", status.daemon, status.listen)],
            ["store".into(), status.store.into()],
            ["deliveries".into(), totals.deliveries.to_string()],
            ["messages".into(), totals.messages.to_string()],
            ["cases".into(), totals.cases.to_string()],
            ["waiting".into(), format!("{} (oldest {} s)", backlog.pending, status.backlog_seconds)],
            ["quarantined".into(), backlog.quarantined.to_string()],
            ["to be sent".into(), format!("{} ({} given up)", outbound.waiting, outbound.failed)],
        ];
        output.table(["", ""], &rows)?;
    } else {
        output.line(&status)?;
    }
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Asks `/readyz`.
async fn daemon(config: &Config) -> &'static str {
    let asked = tokio::time::timeout(Duration::from_secs(3), async {
        let mut stream = TcpStream::connect(config.http.listen).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        Ok::<_, std::io::Error>(head)
    });
    match asked.await {
        Ok(Ok(head)) if head.ends_with(b" 200") => "ready",
        Ok(Ok(_)) => "not ready",
        _ => "down",
    }
}
