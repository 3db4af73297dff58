//! Outgoing mail of the whole daemon: through a real Postfix, to a server that does what bad servers do, and in circles.

mod dkim;
mod loops;
mod secure;
mod server;
mod site;
mod threads;
mod trouble;

use std::time::Duration;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Whose mailbox it is.
const SUPPORT: &str = "support@loket.example";
