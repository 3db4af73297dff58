//! mbox files of all kinds: mboxo and mboxrd (lines that begin with `From ` are quoted), mboxcl and mboxcl2 (the length of each
//! mail is in its header), with blank lines between mails or without, cut off at the end.
//!
//! A mail begins at a `From ` line that is followed by a header. A length is believed only when a mail or the end of the file is
//! where it says; then nothing within is taken for the beginning of a mail.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::file::{Taken, looks_like_mail};
use super::{ImportError, Mail};

/// How much of a line is held at once.
const PIECE: usize = 64 * 1024;
/// How much of a header is searched for the length.
const MAX_HEADER: usize = 256 * 1024;

/// Whether a file that starts so is an mbox.
pub(super) fn begins(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let mut lines = start.split(|&b| b == b'\n');
    let first = lines.next().unwrap_or_default();
    is_from_line(first) && lines.next().is_none_or(|next| is_field(next) || is_dated(first))
}

/// A line that may begin a mail: `From jan@example.nl Tue Nov 24 09:30:00 2026`.
fn is_from_line(line: &[u8]) -> bool {
    line.starts_with(b"From ") && line.len() < 1_000
}

/// Whether a `From ` line has a time and a year in it, as they have.
fn is_dated(line: &[u8]) -> bool {
    let clock = line.windows(6).any(|w| matches!(w, [a, b, b':', c, d, b':' | b' '] if [a, b, c, d].iter().all(|x| x.is_ascii_digit())));
    let year = line.windows(4).any(|w| (w.starts_with(b"19") || w.starts_with(b"20")) && w.iter().all(u8::is_ascii_digit));
    clock && year
}

/// Whether a line could be the first of a header.
fn is_field(line: &[u8]) -> bool {
    if line.starts_with(b">From ") {
        return true;
    }
    let name = line.iter().take(80).position(|&b| b == b':').and_then(|colon| line.get(..colon)).map(<[u8]>::trim_ascii_end);
    name.is_some_and(|name| !name.is_empty() && name.iter().all(|b| matches!(b, 33..=126)))
}

/// One piece of a line: the whole line, or as much of it as is held at once.
#[derive(Default)]
struct Piece {
    at: u64,
    bytes: Vec<u8>,
    /// Whether a line begins with it.
    begins_line: bool,
}

/// An mbox file while it is read.
pub(super) struct Mbox {
    path: PathBuf,
    reader: BufReader<File>,
    /// To look ahead where a length points, without disturbing the reader.
    ahead: File,
    size: u64,
    max_payload: u64,
    at: u64,
    at_line_start: bool,
    /// Pieces that were looked at and belong to what comes.
    next: VecDeque<Piece>,
    ended: bool,
}

/// A mail while it is read.
struct Current {
    at: u64,
    taken: Taken,
    header: Vec<u8>,
    in_header: bool,
    /// Up to here nothing begins a new mail.
    ends_at: u64,
    /// A blank line that belongs to the mail only if it goes on.
    blank: Option<Vec<u8>>,
}

impl Mbox {
    pub(super) fn new(path: &Path, file: File, max_payload: u64) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let ahead = File::open(path)?;
        let reader = BufReader::with_capacity(256 * 1024, file);
        Ok(Self { path: path.into(), reader, ahead, size, max_payload, at: 0, at_line_start: true, next: VecDeque::new(), ended: false })
    }

    fn piece(&mut self) -> io::Result<Option<Piece>> {
        match self.next.pop_front() {
            Some(piece) => Ok(Some(piece)),
            None => self.read_piece(),
        }
    }

    fn read_piece(&mut self) -> io::Result<Option<Piece>> {
        let mut bytes = Vec::new();
        let length = (&mut self.reader).take(PIECE as u64).read_until(b'\n', &mut bytes)?;
        if length == 0 {
            return Ok(None);
        }
        let piece = Piece { at: self.at, begins_line: self.at_line_start, bytes };
        self.at += length as u64;
        self.at_line_start = piece.bytes.ends_with(b"\n");
        Ok(Some(piece))
    }

    /// Whether a mail begins with this piece: looks at the line behind it.
    fn begins_mail(&mut self, piece: &Piece, after_blank: bool) -> io::Result<bool> {
        if !piece.begins_line || !is_from_line(&piece.bytes) {
            return Ok(false);
        }
        if self.next.is_empty() {
            let behind = self.read_piece()?;
            self.next.extend(behind);
        }
        let field = self.next.front().is_some_and(|next| is_field(&next.bytes));
        let dated = is_dated(&piece.bytes);
        Ok(if after_blank { field || dated } else { field && dated })
    }

    fn read(&mut self) -> io::Result<Option<Result<Mail, ImportError>>> {
        let Some(mut current) = self.begin()? else { return Ok(None) };
        while let Some(piece) = self.piece()? {
            if piece.at >= current.ends_at && self.begins_mail(&piece, current.blank.is_some())? {
                self.next.push_front(piece);
                break;
            }
            let header_ended = current.push(&piece);
            if header_ended {
                current.ends_at = self.end_by_length(&current.header, piece.at + piece.bytes.len() as u64)?;
            }
        }
        Ok(Some(self.finish(current)))
    }

    /// Passes over blank lines and the `From ` line of the next mail.
    fn begin(&mut self) -> io::Result<Option<Current>> {
        while let Some(piece) = self.piece()? {
            let text = if piece.at == 0 { piece.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&piece.bytes) } else { &piece.bytes };
            if text.trim_ascii().is_empty() {
                continue;
            }
            let mut current =
                Current { at: piece.at, taken: Taken::new(self.max_payload), header: Vec::new(), in_header: true, ends_at: 0, blank: None };
            if !is_from_line(text) {
                current.push(&piece);
            }
            return Ok(Some(current));
        }
        Ok(None)
    }

    /// Where the mail ends by the length in its header, when that is true.
    fn end_by_length(&mut self, header: &[u8], body_at: u64) -> io::Result<u64> {
        let Some(end) = content_length(header).and_then(|length| body_at.checked_add(length)).filter(|&end| end <= self.size) else {
            return Ok(0);
        };
        self.ahead.seek(SeekFrom::Start(end))?;
        let mut behind = Vec::new();
        (&mut self.ahead).take(1_100).read_to_end(&mut behind)?;
        let text = behind.trim_ascii_start();
        let is_end = text.is_empty() || (behind.len() - text.len() <= 4 && text.starts_with(b"From "));
        Ok(if is_end { end } else { 0 })
    }

    fn finish(&self, current: Current) -> Result<Mail, ImportError> {
        let origin = format!("{}@{}", self.path.display(), current.at);
        if !looks_like_mail(current.taken.kept()) {
            return Err(ImportError::new(&self.path, format!("at byte {}: not a mail: no header of one in it", current.at)));
        }
        Ok(current.taken.into_mail(origin, None))
    }
}

impl Current {
    /// Takes a piece; says whether the header ended with it.
    fn push(&mut self, piece: &Piece) -> bool {
        let blank = piece.begins_line && matches!(piece.bytes.as_slice(), b"\n" | b"\r\n");
        if let Some(earlier) = self.blank.take() {
            self.taken.push(&earlier);
        }
        if self.in_header {
            if blank {
                self.in_header = false;
                self.taken.push(&piece.bytes);
                return true;
            }
            if self.header.len() < MAX_HEADER {
                self.header.extend_from_slice(&piece.bytes);
            }
        }
        if blank {
            self.blank = Some(piece.bytes.clone());
        } else {
            self.taken.push(unquoted(piece));
        }
        false
    }
}

/// A line without the `>` that was put before its `From `.
fn unquoted(piece: &Piece) -> &[u8] {
    let marks = piece.bytes.iter().take_while(|&&b| b == b'>').count();
    let quoted = piece.begins_line && marks > 0 && piece.bytes.get(marks..).is_some_and(|rest| rest.starts_with(b"From "));
    piece.bytes.get(usize::from(quoted)..).unwrap_or_default()
}

fn content_length(header: &[u8]) -> Option<u64> {
    let value = header.split(|&b| b == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked("content-length:".len())?;
        name.eq_ignore_ascii_case(b"content-length:").then_some(value)
    })?;
    std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()
}

impl Iterator for Mbox {
    type Item = Result<Mail, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.read() {
            Ok(Some(mail)) => Some(mail),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(ImportError::new(&self.path, format!("cannot be read further than byte {}: {error}", self.at))))
            }
        }
    }
}
