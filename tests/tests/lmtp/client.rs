//! A client that says what it is told to, rules or no rules.

use std::path::Path;
use std::time::Duration;

use loket_tests::postfix::stuffed;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::rig::PATIENCE;

pub struct Client {
    from: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    to: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Client {
    pub async fn connect(port: u16) -> Self {
        Self::of(TcpStream::connect(("127.0.0.1", port)).await.unwrap())
    }

    pub fn of(stream: TcpStream) -> Self {
        let (from, to) = stream.into_split();
        Self { from: BufReader::new(Box::new(from)), to: Box::new(to) }
    }

    pub async fn connect_to(socket: &Path) -> Self {
        let (from, to) = UnixStream::connect(socket).await.unwrap().into_split();
        Self { from: BufReader::new(Box::new(from)), to: Box::new(to) }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        assert!(self.try_send(bytes.as_ref()).await, "the connection ended");
    }

    /// The same to a server that may have had enough: whether they went off.
    pub async fn try_send(&mut self, bytes: &[u8]) -> bool {
        timeout(PATIENCE, self.to.write_all(bytes)).await.expect("nothing is read").is_ok()
    }

    /// Says that nothing more will be sent.
    pub async fn hang_up(&mut self) {
        self.to.shutdown().await.unwrap();
    }

    /// The next answer, with all its lines; empty when there is none any more.
    pub async fn answer(&mut self) -> String {
        let mut answer = String::new();
        loop {
            let start = answer.len();
            let read = timeout(PATIENCE, self.from.read_line(&mut answer)).await.expect("no answer");
            // A connection that was cut has no answer either.
            if read.unwrap_or(0) == 0 || answer.as_bytes().get(start + 3) != Some(&b'-') {
                return answer.trim_end().to_owned();
            }
        }
    }

    /// So many answers.
    pub async fn answers(&mut self, number: usize) -> Vec<String> {
        let mut answers = Vec::new();
        for _ in 0..number {
            answers.push(self.answer().await);
        }
        answers
    }

    /// Sends a line and takes the answer.
    pub async fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.answer().await
    }

    /// Says a line that gets an answer with this beginning.
    pub async fn must(&mut self, line: &str, expected: &str) {
        let answer = self.say(line).await;
        assert!(answer.starts_with(expected), "{line}: {answer}");
    }

    pub async fn greet(&mut self) {
        assert_eq!(self.answer().await, "220 loket LMTP");
        self.must("LHLO mx.loket.example", "250-").await;
    }

    /// Up to the point where a mail may be sent.
    pub async fn begin(&mut self, to: &[&str]) {
        self.must("MAIL FROM:<marloes@terwindt.example>", "250 2.1.0").await;
        for to in to {
            self.must(&format!("RCPT TO:<{to}>"), "250 2.1.5").await;
        }
        self.must("DATA", "354").await;
    }

    /// A mail for these recipients; the answer for each.
    pub async fn deliver(&mut self, to: &[&str], mail: &[u8]) -> Vec<String> {
        self.begin(to).await;
        self.send([stuffed(mail), b".\r\n".to_vec()].concat()).await;
        self.answers(to.len()).await
    }

    /// Everything that is said until the connection ends.
    pub async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // Cut off or closed, it has ended.
        let _ = timeout(PATIENCE, self.from.read_to_end(&mut rest)).await.expect("the connection does not end");
        String::from_utf8(rest).unwrap()
    }

    /// Whether anything is said within a moment.
    pub async fn is_silent(&mut self) -> bool {
        timeout(Duration::from_millis(100), self.from.fill_buf()).await.is_err()
    }
}
