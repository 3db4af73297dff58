//! A TCP proxy that does what networks do: it refuses, cuts after so many bytes, and goes silent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What happens to connections from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing.
    Pass,
    /// They are closed at once.
    Refuse,
    /// They are closed after so many bytes from the server.
    CutAfter(u64),
    /// They stay open, but after so many bytes from the server none passes any more.
    StallAfter(u64),
}

/// A proxy on a port of loopback, gone when it is dropped.
pub struct Proxy {
    port: u16,
    plan: Arc<Mutex<Plan>>,
    cut: watch::Sender<u64>,
    freeze: watch::Sender<u64>,
    connections: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Before a server on this port of loopback.
    pub async fn start(server: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let plan = Arc::new(Mutex::new(Plan::Pass));
        let connections = Arc::new(AtomicU64::new(0));
        let (cut, cuts) = watch::channel(0);
        let (freeze, freezes) = watch::channel(0);
        let (plans, counter) = (Arc::clone(&plan), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                let plan = *plans.lock().unwrap_or_else(PoisonError::into_inner);
                let (mut cuts, mut freezes) = (cuts.clone(), freezes.clone());
                cuts.mark_unchanged();
                freezes.mark_unchanged();
                passing.spawn(async move {
                    tokio::select! {
                        _ = pass(client, server, plan, &mut freezes) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Ok(Self { port, plan, cut, freeze, connections, task })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What happens to connections that are made from now on.
    pub fn plan(&self, plan: Plan) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// Cuts every connection that there is.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// Lets nothing pass any more on every connection that there is. They stay open.
    pub fn freeze(&self) {
        self.freeze.send_modify(|freezes| *freezes += 1);
    }

    /// Connections that were made until now.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, server: u16, plan: Plan, freezes: &mut watch::Receiver<u64>) -> Result<()> {
    if plan == Plan::Refuse {
        return Ok(());
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(("127.0.0.1", server)).await?.into_split();
    let up = tokio::io::copy(&mut from_client, &mut to_server);
    let down = async {
        let mut left = match plan {
            Plan::CutAfter(bytes) | Plan::StallAfter(bytes) => bytes,
            Plan::Pass | Plan::Refuse => u64::MAX,
        };
        let mut buffer = [0; 16 << 10];
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let came = from_server.read(&mut buffer[..room]).await?;
            if came == 0 {
                return Ok(());
            }
            to_client.write_all(&buffer[..came]).await?;
            left -= came as u64;
        }
        if matches!(plan, Plan::StallAfter(_)) {
            std::future::pending::<()>().await;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        ended = down => ended,
        _ = up => Ok(()),
        _ = freezes.changed() => std::future::pending().await,
    }
}
