//! Tells systemd how far the daemon is (`Type=notify`), where there is a systemd to tell.

use std::os::unix::net::UnixDatagram;

/// Sends a state such as `READY=1`. Without systemd nothing happens.
pub(crate) fn send(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let sent = UnixDatagram::unbound().and_then(|from| from.send_to(state.as_bytes(), socket));
    if let Err(error) = sent {
        tracing::debug!("systemd was not told {state}: {error}");
    }
}
