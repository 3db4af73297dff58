//! The connection to a mail server: TCP, TLS from the first byte, or TLS after STARTTLS.
//!
//! STARTTLS is spoken here and not by lettre, which would keep what the server said without TLS for an answer that came with it
//! (NO STARTTLS, USENIX Security 2021). What lettre gets is a connection that begins with a greeting, secured or not.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::super::config::ServerConfig;
use crate::config::Security;
use crate::tls::{self, Stream};

/// How long connecting, and TLS, may each take.
const CONNECT: Duration = Duration::from_secs(30);
/// How long the server may think about STARTTLS.
const ANSWER: Duration = Duration::from_secs(60);
/// Bytes of an answer before TLS.
const LONGEST_ANSWER: usize = 16 << 10;
/// What lettre is greeted with after STARTTLS: servers greet once only, and that was before.
const GREETING: &[u8] = b"220 secured\r\n";

/// A connection on which a greeting comes next.
#[derive(Debug)]
pub(super) struct Line {
    stream: Stream,
    /// What is read before anything that the server says.
    first: &'static [u8],
}

/// Connects. The error says what is wrong, in words for ops.
pub(super) async fn connect(config: &ServerConfig) -> Result<Line, String> {
    let tcp = timeout(CONNECT, TcpStream::connect((config.host.as_str(), config.port)))
        .await
        .map_err(|_| format!("no connection to {}:{} within {} seconds", config.host, config.port, CONNECT.as_secs()))?
        .map_err(|error| format!("no connection to {}:{}: {error}", config.host, config.port))?;
    // Without TLS it matters where the name led to.
    if config.security == Security::None && !tcp.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()) {
        return Err("`host` is not on this machine; without TLS nothing is said to it".into());
    }
    // Commands are small and wait for their answers.
    let _ = tcp.set_nodelay(true);
    match config.security {
        Security::None => Ok(Line { stream: Stream::Plain(tcp), first: b"" }),
        Security::Tls => Ok(Line { stream: secure(tcp, config).await?, first: b"" }),
        Security::StartTls => {
            let tcp =
                timeout(ANSWER, start_tls(tcp, &config.hello)).await.map_err(|_| "the server does not answer STARTTLS".to_owned())??;
            Ok(Line { stream: secure(tcp, config).await?, first: GREETING })
        }
    }
}

async fn secure(tcp: TcpStream, config: &ServerConfig) -> Result<Stream, String> {
    let name =
        ServerName::try_from(config.host.clone()).map_err(|_| format!("`{}` is no name that a certificate can have", config.host))?;
    let ca_file = config.ca_file.clone();
    let settings = tokio::task::spawn_blocking(move || tls::settings(ca_file.as_deref())).await.map_err(|error| error.to_string())?;
    let settings = settings.map_err(|error| error.to_string())?;
    let stream = timeout(CONNECT, TlsConnector::from(Arc::new(settings)).connect(name, tcp))
        .await
        .map_err(|_| format!("no TLS within {} seconds; `security` may have to be \"starttls\" for this port", CONNECT.as_secs()))?
        .map_err(|error| tls_error(&error))?;
    Ok(Stream::Tls(Box::new(stream)))
}

fn tls_error(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => {
            format!("the server's certificate is not trusted: {error}; correct `host`, or name its certificate authority in `ca_file`")
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            format!("TLS failed: {error}; `security` may have to be \"starttls\" for this port")
        }
        _ => format!("TLS failed: {error}"),
    }
}

/// The part of the conversation that is without TLS. Nothing that is said in it counts afterwards.
async fn start_tls(mut tcp: TcpStream, hello: &str) -> Result<TcpStream, String> {
    let mut said = Said::default();
    said.answer(&mut tcp, "220", "it does not greet").await?;
    said.ask(&mut tcp, &format!("EHLO {hello}\r\n")).await?;
    let offered = said.answer(&mut tcp, "250", "it does not take EHLO").await?;
    if !offered.lines().any(|line| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS"))) {
        return Err("the server offers no STARTTLS; `security` may have to be \"tls\", with its port".into());
    }
    said.ask(&mut tcp, "STARTTLS\r\n").await?;
    said.answer(&mut tcp, "220", "it refuses STARTTLS").await?;
    if !said.0.is_empty() {
        return Err("the server says more than it was asked before TLS begins: somebody may be in between; nothing is sent".into());
    }
    Ok(tcp)
}

/// What the server said and nobody took yet.
#[derive(Default)]
struct Said(Vec<u8>);

impl Said {
    async fn ask(&self, tcp: &mut TcpStream, command: &str) -> Result<(), String> {
        tcp.write_all(command.as_bytes()).await.map_err(|error| format!("the connection broke: {error}"))
    }

    /// One answer with all its lines, which must have this code.
    async fn answer(&mut self, tcp: &mut TcpStream, code: &str, otherwise: &str) -> Result<String, String> {
        loop {
            if let Some(end) = end_of_answer(&self.0) {
                let answer = String::from_utf8_lossy(self.0.get(..end).unwrap_or_default()).into_owned();
                self.0.drain(..end);
                return if answer.starts_with(code) { Ok(answer) } else { Err(format!("{otherwise}: {}", answer.trim_end())) };
            }
            if self.0.len() > LONGEST_ANSWER {
                return Err("the server's answer does not come to an end".into());
            }
            match tcp.read_buf(&mut self.0).await {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(_) => {}
                Err(error) => return Err(format!("the connection broke: {error}")),
            }
        }
    }
}

/// Where the first answer ends, once its last line (`250 …`, and not `250-…`) is there.
fn end_of_answer(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(length) = bytes.get(start..)?.iter().position(|&b| b == b'\n') {
        let line = bytes.get(start..start + length)?;
        start += length + 1;
        if line.get(3) != Some(&b'-') {
            return Some(start);
        }
    }
    None
}

impl AsyncTokioStream for Line {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.stream {
            Stream::Plain(stream) => stream.peer_addr(),
            Stream::Tls(stream) => stream.get_ref().0.peer_addr(),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.first.is_empty() {
            let (now, later) = this.first.split_at(this.first.len().min(buffer.remaining()));
            buffer.put_slice(now);
            this.first = later;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_read(cx, buffer)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_end_with_their_last_line() {
        let table: [(&[u8], Option<usize>); 6] = [
            (b"", None),
            (b"220 mx", None),
            (b"220 mx\r\n", Some(8)),
            (b"250-mx\r\n250-SIZE\r\n", None),
            (b"250-mx\r\n250 HELP\r\n220 x\r\n", Some(18)),
            (b"\n", Some(1)),
        ];
        for (bytes, end) in table {
            assert_eq!(end_of_answer(bytes), end, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
