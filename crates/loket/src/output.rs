//! Standard output: JSON lines, or a table for people.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;

/// Buffered standard output. Flush it with [`Output::finish`], so that a full disk behind a redirection is an error and not a
/// silence.
pub(crate) struct Output {
    to: BufWriter<Stdout>,
    /// Somebody waits for each line.
    live: bool,
}

impl Output {
    /// Standard output.
    pub(crate) fn new() -> Self {
        let stdout = io::stdout();
        let live = stdout.is_terminal();
        Self { to: BufWriter::with_capacity(64 << 10, stdout), live }
    }

    /// One JSON line.
    pub(crate) fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.to, value)?;
        self.to.write_all(b"\n")?;
        if self.live { self.to.flush() } else { Ok(()) }
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes)
    }

    /// A table: columns as wide as their widest cell, the last one cut to fit a line.
    pub(crate) fn table<const N: usize>(&mut self, head: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
        let mut widths = head.map(|cell| cell.chars().count());
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        self.row(&widths, head.iter().copied())?;
        for row in rows {
            self.row(&widths, row.iter().map(String::as_str))?;
        }
        Ok(())
    }

    fn row<'a>(&mut self, widths: &[usize], cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
        let mut line = String::new();
        for (cell, width) in cells.zip(widths) {
            // What customers wrote must not steer the terminal.
            line.extend(cell.chars().map(|c| if c.is_control() { ' ' } else { c }));
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
        }
        writeln!(self.to, "{}", line.trim_end())
    }

    /// Writes what is still buffered.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.to.flush()
    }
}
