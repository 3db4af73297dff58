//! The LMTP listener: against a client that breaks every rule, against swaks, and behind a real Postfix.

mod client;
mod crowd;
mod daemon;
mod lost;
mod postfix;
#[path = "../imap/rig.rs"]
mod rig;
mod talk;

use loket_core::health::ChannelState;
use loket_tests::daemon::free_port;

use client::Client;
use rig::{Rig, Running};

/// Where mail goes in these tests.
const SUPPORT: &str = "support@loket.example";

/// A listener on a port of its own.
struct Listener {
    port: u16,
    toml: String,
    running: Running,
}

impl Listener {
    /// With keys on top.
    async fn start(rig: &Rig, more: &str) -> Self {
        let port = free_port();
        let toml = format!("lmtp = \"127.0.0.1:{port}\"\n{more}");
        let running = up(rig.run(&toml)).await;
        Self { port, toml, running }
    }

    async fn client(&self) -> Client {
        Client::connect(self.port).await
    }

    /// A client that was greeted and has said who it is.
    async fn greeted(&self) -> Client {
        let mut client = self.client().await;
        client.greet().await;
        client
    }
}

async fn up(running: Running) -> Running {
    running.wait_until("a listener", |status| status.state == ChannelState::Up).await;
    running
}
