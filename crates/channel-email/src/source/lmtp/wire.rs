//! The bytes of one connection: lines and pieces in, answers out. Nothing is lost when a call is given up half-way.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::door::Stream;

/// Bytes of a command, its end included.
const LONGEST_LINE: usize = 1_000;
/// A longer one is read to its end and refused, if it has one within so many bytes.
const LONGEST_NONSENSE: usize = 64 << 10;
/// Bytes read ahead.
const AHEAD: usize = 16 << 10;

/// What came in place of a command, or a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A line, without its CRLF.
    Line(BytesMut),
    /// A line of which the end is no CRLF, or with a CR in it.
    BadEnd,
    /// A line that is too long.
    TooLong,
    /// A line without any end.
    Endless,
    /// The client is gone.
    Gone,
}

/// One connection.
pub(super) struct Wire {
    stream: Stream,
    input: BytesMut,
    output: BytesMut,
    /// Bytes of a line that is too long.
    dropped: usize,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, input: BytesMut::new(), output: BytesMut::new(), dropped: 0 }
    }

    /// Puts an answer on its way. It goes before the next reading waits, or with [`Wire::flush`].
    pub(super) fn say(&mut self, reply: &str) {
        self.output.extend_from_slice(reply.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Sends the answers.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        while self.output.has_remaining() {
            if self.stream.write_buf(&mut self.output).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.stream.flush().await
    }

    /// Sends the answers and says that there will be no more.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await
    }

    /// The next line.
    pub(super) async fn line(&mut self) -> io::Result<Heard> {
        loop {
            if let Some(heard) = cut(&mut self.input, &mut self.dropped) {
                return Ok(heard);
            }
            if self.read().await? == 0 {
                return Ok(Heard::Gone);
            }
        }
    }

    /// The next piece of a mail, empty when the client is gone. What of it was used is told with [`Wire::used`].
    pub(super) async fn piece(&mut self) -> io::Result<&[u8]> {
        if self.input.is_empty() {
            self.read().await?;
        }
        Ok(&self.input)
    }

    /// So many bytes of the last piece were used.
    pub(super) fn used(&mut self, bytes: usize) {
        self.input.advance(bytes.min(self.input.len()));
    }

    /// Whether the client said more than it was asked for.
    pub(super) fn is_ahead(&self) -> bool {
        !self.input.is_empty()
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.flush().await?;
        self.input.reserve(AHEAD.saturating_sub(self.input.len()));
        self.stream.read_buf(&mut self.input).await
    }
}

/// Cuts the first line off, if there is a whole one.
fn cut(input: &mut BytesMut, dropped: &mut usize) -> Option<Heard> {
    let Some(end) = input.iter().position(|&b| b == b'\n') else {
        if *dropped > 0 || input.len() >= LONGEST_LINE {
            *dropped += input.len();
            input.clear();
        }
        return (*dropped > LONGEST_NONSENSE).then_some(Heard::Endless);
    };
    let mut line = input.split_to(end + 1);
    if std::mem::take(dropped) + line.len() > LONGEST_LINE {
        return Some(Heard::TooLong);
    }
    let text = line.strip_suffix(b"\r\n").filter(|text| !text.contains(&b'\r'));
    let Some(length) = text.map(<[u8]>::len) else { return Some(Heard::BadEnd) };
    line.truncate(length);
    Some(Heard::Line(line))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(input: &[u8], piece: usize) -> Vec<Heard> {
        let (mut buffer, mut dropped, mut heard) = (BytesMut::new(), 0, Vec::new());
        for piece in input.chunks(piece) {
            buffer.extend_from_slice(piece);
            while let Some(line) = cut(&mut buffer, &mut dropped) {
                let endless = line == Heard::Endless;
                heard.push(line);
                if endless {
                    return heard;
                }
            }
            assert!(buffer.len() < LONGEST_LINE.max(piece.len()));
        }
        heard
    }

    fn line(text: &str) -> Heard {
        Heard::Line(text.into())
    }

    #[test]
    fn lines_end_with_crlf_and_nothing_else() {
        let longest = format!("{}\r\n", "x".repeat(LONGEST_LINE - 2));
        let longer = format!("{}\r\nQUIT\r\n", "x".repeat(LONGEST_LINE - 1));
        let table = [
            ("NOOP\r\nQUIT\r\nRS", vec![line("NOOP"), line("QUIT")]),
            ("\r\n", vec![line("")]),
            ("NOOP\nQUIT\r\n", vec![Heard::BadEnd, line("QUIT")]),
            ("NOOP\rQUIT\r\nQUIT\r\n", vec![Heard::BadEnd, line("QUIT")]),
            ("NOOP\r\r\n", vec![Heard::BadEnd]),
            ("\n\n", vec![Heard::BadEnd, Heard::BadEnd]),
            (longest.as_str(), vec![line(longest.trim_end())]),
            (longer.as_str(), vec![Heard::TooLong, line("QUIT")]),
        ];
        for (input, expected) in table {
            for piece in [1, 2, 7, 5_000] {
                assert_eq!(lines(input.as_bytes(), piece), expected, "{input:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_line_without_end_is_not_awaited() {
        for piece in [1, 999, 16 << 10] {
            assert_eq!(lines(&vec![b'x'; 1 << 20], piece), [Heard::Endless], "{piece}");
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(input in "[A-C\r\n]{0,60}", piece in 1_usize..10) {
            prop_assert_eq!(lines(input.as_bytes(), piece), lines(input.as_bytes(), 100));
        }
    }

    #[tokio::test]
    async fn answers_go_before_the_next_reading() {
        let (client, server) = tokio::io::duplex(100);
        let mut wire = Wire::new(Box::new(server));
        let (mut from, mut to) = tokio::io::split(client);
        to.write_all(b"NOOP\r\nDATA\r\na\r\n.\r\n").await.unwrap();
        assert_eq!(wire.line().await.unwrap(), line("NOOP"));
        wire.say("250 ok");
        assert!(wire.is_ahead());
        assert_eq!(wire.line().await.unwrap(), line("DATA"));
        assert_eq!(wire.piece().await.unwrap(), b"a\r\n.\r\n");
        wire.used(6);
        to.shutdown().await.unwrap();
        assert!(!wire.is_ahead());
        assert_eq!(wire.line().await.unwrap(), Heard::Gone);
        let mut answer = [0; 8];
        from.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"250 ok\r\n");
    }
}
