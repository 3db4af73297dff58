//! `loket import`: archives of mail into the journal and on to cases.
//!
//! Each mail's delivery key is the digest of its bytes, so a second run, or one after an interruption, adds only what is missing.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use loket_channel_email::import::{self, ImportError, Mail};
use loket_core::channel::ChannelCx;
use loket_core::store::Store;
use loket_core::time::Timestamp;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::channels;
use crate::cli;
use crate::config::Config;
use crate::engine::Engine;
use crate::output::Output;

/// Mails in one commit, at most.
const BATCH: usize = 256;
/// Bytes read ahead of the journal, at most (one mail may be larger).
const AHEAD: usize = 32 << 20;
/// How long the last ones may take to be filed while a shutdown waits for them.
const DRAIN: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Summary {
    channel: String,
    /// Mails new to the journal.
    accepted: u64,
    /// Mails that the journal had.
    known: u64,
    /// Files that could not be taken in.
    failed: u64,
    /// Cases and quarantined deliveries that there are more than before.
    cases: u64,
    quarantined: u64,
    seconds: f64,
    interrupted: bool,
}

#[derive(Serialize)]
struct Failed {
    error: String,
}

/// What the reading thread hands over.
struct Item {
    mail: Result<Mail, ImportError>,
    _room: OwnedSemaphorePermit,
}

#[derive(Default)]
struct Counts {
    accepted: u64,
    known: u64,
    failed: u64,
}

pub(super) async fn run(config: Config, store: Arc<dyn Store>, args: &cli::Import) -> anyhow::Result<ExitCode> {
    let (name, tenant) = channels::find(&config, &args.channel).map_err(anyhow::Error::msg)?;
    let Some(email) = config.emails.iter().find(|email| name == format!("email.{}", email.name)) else {
        bail!("{name} is no e-mail channel; mail is imported into a channel of kind email");
    };
    for path in &args.paths {
        if let Err(error) = std::fs::metadata(path) {
            bail!("{}: {error}", path.display());
        }
    }
    let started = Instant::now();
    let (totals, backlog) = (store.totals().await?, store.backlog().await?);
    let engine = Engine::start(Arc::clone(&store), &config)?;
    let cx = engine.channel_cx(&name, &tenant, CancellationToken::new());
    let bar = progress();
    let mut output = Output::new();
    let mut counts = Counts::default();
    let taken = tokio::select! {
        taken = take(&cx, read(args.paths.clone(), email.max_payload), &mut counts, &bar, &mut output) => taken.map(|()| false),
        _ = tokio::signal::ctrl_c() => Ok(true),
    };
    drop(cx);
    let interrupted = match taken {
        Ok(false) => {
            bar.set_message("filing");
            tokio::select! {
                () = filed(&*store, Timestamp::now()) => false,
                _ = tokio::signal::ctrl_c() => true,
            }
        }
        Ok(true) => true,
        Err(error) => {
            engine.drain(DRAIN).await;
            bar.finish_and_clear();
            output.finish()?;
            return Err(error.context("the import stopped; run it again and it goes on where it was"));
        }
    };
    engine.drain(DRAIN).await;
    bar.finish_and_clear();
    let (totals_now, backlog_now) = (store.totals().await?, store.backlog().await?);
    output.line(&Summary {
        channel: name,
        accepted: counts.accepted,
        known: counts.known,
        failed: counts.failed,
        cases: totals_now.cases.saturating_sub(totals.cases),
        quarantined: backlog_now.quarantined.saturating_sub(backlog.quarantined),
        seconds: (started.elapsed().as_secs_f64() * 1e3).round() / 1e3,
        interrupted,
    })?;
    output.finish()?;
    if interrupted {
        eprintln!("loket: interrupted; run the same import again and it goes on where it was");
    }
    Ok(if counts.failed > 0 || interrupted { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Reads the archives in a thread of their own, a bounded number of bytes ahead.
fn read(paths: Vec<PathBuf>, max_payload: u64) -> mpsc::Receiver<Item> {
    let (items, received) = mpsc::channel(BATCH * 2);
    let room = Arc::new(Semaphore::new(AHEAD));
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        for path in paths {
            for mail in import::mails(&path, max_payload) {
                let size = mail.as_ref().map_or(0, |mail| mail.bytes.len()).clamp(1, AHEAD);
                let permit = runtime.block_on(Arc::clone(&room).acquire_many_owned(u32::try_from(size).unwrap_or(u32::MAX)));
                let Ok(permit) = permit else { return };
                if items.blocking_send(Item { mail, _room: permit }).is_err() {
                    return;
                }
            }
        }
    });
    received
}

/// Journals what is read, batch by batch.
async fn take(
    cx: &ChannelCx,
    mut items: mpsc::Receiver<Item>,
    counts: &mut Counts,
    bar: &ProgressBar,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    while items.recv_many(&mut batch, BATCH).await > 0 {
        let mut deliveries = Vec::with_capacity(batch.len());
        let mut rooms = Vec::with_capacity(batch.len());
        for Item { mail, _room: room } in batch.drain(..) {
            rooms.push(room);
            match mail {
                Ok(mail) => deliveries.push(cx.delivery(mail.key.clone(), import::MEDIA_TYPE, mail.envelope(), mail.bytes)),
                Err(error) => {
                    counts.failed += 1;
                    output.line(&Failed { error: error.to_string() })?;
                }
            }
        }
        for accepted in accept(cx, deliveries).await? {
            if accepted.known {
                counts.known += 1;
            } else {
                counts.accepted += 1;
            }
        }
        bar.set_position(counts.accepted + counts.known);
        bar.set_message(format!("{} new, {} known, {} failed", counts.accepted, counts.known, counts.failed));
    }
    Ok(())
}

/// Tries again while the store is away for a moment: an import of a night must not end for a restart of the database.
async fn accept(cx: &ChannelCx, deliveries: Vec<loket_core::delivery::Delivery>) -> anyhow::Result<Vec<loket_core::intake::Accepted>> {
    use loket_core::intake::AcceptError;
    let mut pause = Duration::from_millis(500);
    loop {
        match cx.accept_all(deliveries.clone(), None, None).await {
            Ok(accepted) => return Ok(accepted),
            Err(AcceptError::Store(error)) if pause < Duration::from_secs(60) => {
                tracing::warn!(retry_in = ?pause, "the journal did not take a batch, trying again: {error}");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) => return Err(anyhow!(error)),
        }
    }
}

/// Resolves when everything that was received until then is filed or quarantined.
async fn filed(store: &dyn Store, until: Timestamp) {
    loop {
        match store.backlog().await {
            Ok(backlog) if backlog.oldest.is_none_or(|oldest| oldest > until) => return,
            Ok(_) => {}
            Err(error) => tracing::warn!("cannot see whether everything is filed: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A line of progress on a terminal; nothing elsewhere.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} mails in {elapsed}, {per_sec}: {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
