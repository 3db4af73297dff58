//! From acceptance to a filed case, durably, beside the bare insert of the same bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use loket_channel_email::reader::EmailReader;
use loket_core::classify::Classifier;
use loket_core::delivery::Delivery;
use loket_core::intake::{Intake, IntakeLimits};
use loket_core::metrics::Metrics;
use loket_core::outbound::Answering;
use loket_core::pipeline::{Masters, Pipeline, PipelineSettings, Works};
use loket_core::reader::Readers;
use loket_core::store::{self, StoreSettings};
use loket_tests::mails;
use loket_tests::random::Random;
use sqlx::{Connection, Executor};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::figures::Figure;

/// Callers of the intake at the same time.
const SENDERS: usize = 64;
const MAILS: usize = 30_000;

/// Runs one of the benchmarks in this process.
pub async fn measure(name: &str, url: &str) -> Result<Vec<Figure>> {
    let store = store::open(url, &StoreSettings::default()).await?;
    let works = Works {
        instance: Uuid::now_v7(),
        store: Arc::clone(&store),
        readers: Arc::new(Readers::new(vec![Box::new(EmailReader)])),
        classifier: Arc::new(Classifier::builtin().map_err(anyhow::Error::msg)?),
        metrics: Metrics::default(),
        answering: Answering::default(),
        masters: Masters::default(),
        wake: Arc::new(Notify::new()),
        settings: PipelineSettings::default(),
    };
    let stop = CancellationToken::new();
    let (lane, pipeline) = Pipeline::start(&works, &stop);
    let (intake, committer) = Intake::start(Arc::clone(&store), Some(lane), IntakeLimits::default(), works.metrics.clone());
    let next = Arc::new(AtomicUsize::new(0));
    let bytes = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let senders: Vec<_> = (0..SENDERS).map(|_| tokio::spawn(send(intake.clone(), Arc::clone(&next), Arc::clone(&bytes)))).collect();
    let mut latencies = Vec::with_capacity(MAILS);
    for sender in senders {
        latencies.extend(sender.await??);
    }
    let accepted = started.elapsed();
    while store.backlog().await?.pending > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let filed = started.elapsed();
    let totals = store.totals().await?;
    ensure!(totals.deliveries == MAILS as u64, "{} deliveries", totals.deliveries);
    ensure!(store.backlog().await?.quarantined == 0, "mail went to quarantine");
    let memory = peak_memory()?;
    drop(intake);
    committer.await?;
    stop.cancel();
    pipeline.finished().await;
    let batch = mean_commit(&works.metrics)?;
    let bare = bare_insert(url, batch).await?;
    latencies.sort_unstable();
    let percentile = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).map_or(0.0, Duration::as_secs_f64) * 1e3;
    let rate = |elapsed: Duration| MAILS as f64 / elapsed.as_secs_f64();
    Ok(vec![
        Figure::new(name, rate(filed), "messages/s", Some(rate(bare))),
        Figure::new(format!("{name}-accept"), rate(accepted), "messages/s", Some(rate(bare))),
        Figure::new(format!("{name}-accept-p50"), percentile(0.5), "ms", None),
        Figure::new(format!("{name}-accept-p99"), percentile(0.99), "ms", None),
        Figure::new(format!("{name}-memory"), memory, "MB", None),
        Figure::new(format!("{name}-commit-size"), batch as f64, "deliveries", None),
        Figure::new(format!("{name}-mail-size"), bytes.load(Ordering::Relaxed) as f64 / MAILS as f64, "bytes", None),
    ])
}

/// The mail with this number: a quarter has an attachment, 6 KB in the mean.
fn mail(number: usize) -> Vec<u8> {
    let filler = if number.is_multiple_of(4) { 19_000 } else { 0 };
    mails::mail(number, None, filler, &mut Random::new(number as u64))
}

async fn send(intake: Intake, next: Arc<AtomicUsize>, bytes: Arc<AtomicUsize>) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= MAILS {
            return Ok(latencies);
        }
        let mail = mail(number);
        bytes.fetch_add(mail.len(), Ordering::Relaxed);
        let delivery = Delivery::standalone("email.bench", &format!("bench/{number}"), "message/rfc822", mail);
        let started = Instant::now();
        intake.accept(delivery).await?;
        latencies.push(started.elapsed());
    }
}

/// How many deliveries a commit held in the mean.
fn mean_commit(metrics: &Metrics) -> Result<usize> {
    let text = metrics.render(None, None, &[]);
    let figure = |name: &str| -> Result<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        Ok(line.trim().parse()?)
    };
    let (sum, count) = (figure("loket_journal_commit_size_sum")?, figure("loket_journal_commit_size_count")?);
    Ok((sum / count).round().max(1.0) as usize)
}

/// The most that this process had in memory, in MB.
pub fn peak_memory() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kb: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kb / 1024.0)
}

/// The same bytes into a table of two columns, one connection, one transaction a batch, as durably.
async fn bare_insert(url: &str, batch: usize) -> Result<Duration> {
    // Making the mails is not what is measured.
    let mut took = Duration::ZERO;
    if url.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(&format!("{url}-bare?mode=rwc")).await?;
        connection
            .execute("PRAGMA journal_mode = wal; PRAGMA synchronous = full; CREATE TABLE bare (id BLOB PRIMARY KEY, body BLOB NOT NULL)")
            .await?;
        for from in (0..MAILS).step_by(batch) {
            let rows: Vec<_> = (from..(from + batch).min(MAILS)).map(|number| (Uuid::now_v7(), mail(number))).collect();
            let started = Instant::now();
            let mut transaction = connection.begin().await?;
            for chunk in rows.chunks(64) {
                let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new("INSERT INTO bare (id, body) ");
                query.push_values(chunk, |mut row, (id, body)| {
                    row.push_bind(*id).push_bind(body.as_slice());
                });
                query.build().execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            took += started.elapsed();
        }
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await?;
        connection.execute("SET synchronous_commit = on").await?;
        connection.execute("CREATE TABLE bare (id UUID PRIMARY KEY, body BYTEA NOT NULL)").await?;
        for from in (0..MAILS).step_by(batch) {
            let rows: Vec<_> = (from..(from + batch).min(MAILS)).map(|number| (Uuid::now_v7(), mail(number))).collect();
            let started = Instant::now();
            let mut transaction = connection.begin().await?;
            for chunk in rows.chunks(64) {
                let mut query = sqlx::QueryBuilder::<sqlx::Postgres>::new("INSERT INTO bare (id, body) ");
                query.push_values(chunk, |mut row, (id, body)| {
                    row.push_bind(*id).push_bind(body.as_slice());
                });
                query.build().execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            took += started.elapsed();
        }
    }
    Ok(took)
}
