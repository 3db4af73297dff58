//! The connection itself: TCP or TLS, with the guard on what comes in.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use loket_core::channel::ChannelError;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::guard::Guard;
use crate::config::{ImapConfig, Security};
use crate::tls::{self, Stream};

/// Bytes in literals where none were asked for: a date, a keyword.
const SMALL: u64 = 4 << 10;

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Line {
    stream: Stream,
    guard: Guard,
    received: u64,
}

impl Line {
    fn new(stream: Stream) -> Self {
        Self { stream, guard: Guard::new(SMALL), received: 0 }
    }

    /// Connects, with TLS at once where the configuration says so.
    pub(super) async fn connect(config: &ImapConfig) -> Result<Self, ChannelError> {
        let connecting = TcpStream::connect((config.host.as_str(), config.port));
        let tcp = timeout(config.connect_timeout, connecting)
            .await
            .map_err(|_| ChannelError::Transient(format!("no connection within {:?}", config.connect_timeout)))?
            .map_err(|error| ChannelError::Transient(format!("no connection: {error}")))?;
        // Without TLS it matters where the name led to.
        if config.security == Security::None && !tcp.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()) {
            return Err(ChannelError::Refused("the host is not on this machine; without TLS nothing is said to it".into()));
        }
        // Commands are small and wait for their answers.
        let _ = tcp.set_nodelay(true);
        let plain = Self::new(Stream::Plain(tcp));
        if config.security == Security::Tls { plain.secure(config).await } else { Ok(plain) }
    }

    /// Puts TLS on the connection. Nothing that was said before counts any more.
    pub(super) async fn secure(self, config: &ImapConfig) -> Result<Self, ChannelError> {
        let Stream::Plain(tcp) = self.stream else { return Ok(self) };
        let name = ServerName::try_from(config.host.clone())
            .map_err(|_| ChannelError::Refused(format!("`{}` is no name that a certificate can have", config.host)))?;
        let ca_file = config.ca_file.clone();
        let settings = tokio::task::spawn_blocking(move || tls::settings(ca_file.as_deref()))
            .await
            .map_err(|error| ChannelError::Transient(error.to_string()))??;
        let stream = timeout(config.connect_timeout, TlsConnector::from(Arc::new(settings)).connect(name, tcp))
            .await
            .map_err(|_| ChannelError::Transient(format!("no TLS within {:?}", config.connect_timeout)))?
            .map_err(|error| tls_error(&error))?;
        Ok(Self::new(Stream::Tls(Box::new(stream))))
    }

    /// So many bytes in literals may each of the next responses have, and a little more.
    pub(super) fn expect_literals(&mut self, bytes: u64) {
        self.guard.most_literal = bytes.saturating_add(SMALL);
    }

    /// Bytes that came since the connection was made.
    pub(super) fn received(&self) -> u64 {
        self.received
    }
}

fn tls_error(error: &io::Error) -> ChannelError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => ChannelError::Refused(format!(
            "the server's certificate is not trusted: {error}; correct `host`, or name its certificate authority in `ca_file`"
        )),
        _ => ChannelError::Transient(format!("TLS failed: {error}")),
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        let fresh = buffer.filled_mut().get_mut(before..).unwrap_or_default();
        this.received += fresh.len() as u64;
        Poll::Ready(this.guard.check(fresh))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
