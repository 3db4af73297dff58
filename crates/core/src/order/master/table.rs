//! A small reader of CSV (RFC 4180) as spreadsheets write it: `;`, `,` or tab, quotes, a byte order mark, `sep=` lines. Text is UTF-8; what
//! is not is refused, not guessed.

use std::borrow::Cow;

use super::super::fold::Folded;

/// So many faults of a file are told one by one.
const FAULTS: usize = 50;

/// One kind of column: the name that we give it, and every header that means it, as [`Folded`] has it.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) headers: &'static str,
    pub(super) needed: bool,
}

/// A file with its columns found.
pub(super) struct Table<'a> {
    places: Vec<Option<usize>>,
    columns: &'static [Column],
    records: Records<'a>,
    width: usize,
}

/// A row, with the line of the file that it begins on.
pub(super) struct Row<'a> {
    pub(super) line: usize,
    cells: Vec<Cow<'a, str>>,
}

/// What is wrong with a file, each with its place.
pub(super) struct Faults {
    file: &'static str,
    told: Vec<String>,
    more: usize,
}

impl Faults {
    pub(super) fn new(file: &'static str) -> Self {
        Self { file, told: Vec::new(), more: 0 }
    }

    pub(super) fn at(&mut self, line: usize, column: Option<&str>, what: &str) {
        if self.told.len() < FAULTS {
            let column = column.map(|column| format!(", column {column}")).unwrap_or_default();
            self.told.push(format!("{} line {line}{column}: {what}", self.file));
        } else {
            self.more += 1;
        }
    }

    pub(super) fn into_list(mut self) -> Vec<String> {
        if self.more > 0 {
            self.told.push(format!("{}: {} more faults", self.file, self.more));
        }
        self.told
    }
}

impl<'a> Table<'a> {
    /// Finds the columns in the first row.
    pub(super) fn open(bytes: &'a [u8], columns: &'static [Column], faults: &mut Faults) -> Option<Self> {
        let text = match utf8(bytes) {
            Ok(text) => text,
            Err((line, what)) => {
                faults.at(line, None, &what);
                return None;
            }
        };
        let mut records = Records::new(text);
        let header = match records.next() {
            Some(Ok(header)) => header,
            Some(Err((line, what))) => {
                faults.at(line, None, &what);
                return None;
            }
            None => {
                faults.at(1, None, "the file is empty; its first line names the columns");
                return None;
            }
        };
        let mut places = vec![None; columns.len()];
        for (at, cell) in header.cells.iter().enumerate() {
            let Some(folded) = Folded::lower(cell) else { continue };
            let meant = columns.iter().position(|column| column.headers.split_ascii_whitespace().any(|name| name == folded.as_str()));
            let Some(place) = meant.and_then(|meant| places.get_mut(meant)) else { continue };
            match place {
                Some(before) => {
                    faults.at(header.line, Some(cell.trim()), &format!("columns {} and {} mean the same; keep one", *before + 1, at + 1));
                }
                None => *place = Some(at),
            }
        }
        for (column, _) in columns.iter().zip(&places).filter(|(column, place)| column.needed && place.is_none()) {
            let known = column.headers.replace(' ', ", ");
            faults.at(header.line, None, &format!("there is no column {}; it may be called {known}", column.name));
        }
        let missing = columns.iter().zip(&places).any(|(column, place)| column.needed && place.is_none());
        (!missing).then_some(Self { places, columns, width: header.cells.len(), records })
    }

    /// The next row; rows that cannot be read are told and passed over.
    pub(super) fn next(&mut self, faults: &mut Faults) -> Option<Row<'a>> {
        loop {
            match self.records.next()? {
                Ok(row) if row.cells.iter().all(|cell| cell.trim().is_empty()) => {}
                Ok(row) if row.cells.len() != self.width => {
                    faults.at(row.line, None, &format!("{} cells where the first line has {}", row.cells.len(), self.width));
                }
                Ok(row) => return Some(row),
                Err((line, what)) => faults.at(line, None, &what),
            }
        }
    }

    /// A row's cell of one kind of column, trimmed; none when it is empty or not there.
    pub(super) fn cell<'r>(&self, row: &'r Row<'a>, name: &str) -> Option<&'r str> {
        let at = self.columns.iter().position(|column| column.name == name)?;
        let cell = row.cells.get((*self.places.get(at)?)?)?.trim();
        (!cell.is_empty()).then_some(cell)
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, (usize, String)> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err((1, "the file is UTF-16; save it as \"CSV UTF-8\"".into()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let (good, bad) = bytes.split_at_checked(error.valid_up_to()).unwrap_or((bytes, &[]));
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        let byte = bad.first().copied().unwrap_or_default();
        (line, format!("the text is not UTF-8 (byte 0x{byte:02X}; Windows-1252 perhaps); save the file as \"CSV UTF-8\""))
    })
}

/// The records of a text, with what is wrong between them.
struct Records<'a> {
    rest: &'a str,
    line: usize,
    delimiter: char,
}

impl<'a> Records<'a> {
    fn new(text: &'a str) -> Self {
        let mut records = Self { rest: text, line: 1, delimiter: ',' };
        let first = text.split(['\r', '\n']).next().unwrap_or_default();
        if let Some(named) = first.strip_prefix("sep=").and_then(|named| named.chars().next()) {
            records.delimiter = named;
            records.rest = text.get(first.len()..).unwrap_or_default();
            records.end_of_line();
            return records;
        }
        // The one that the header has most of, outside of quotes.
        let mut counts = [(';', 0_usize), (',', 0), ('\t', 0)];
        let mut quoted = false;
        for c in text.chars() {
            match c {
                '"' => quoted = !quoted,
                '\r' | '\n' if !quoted => break,
                _ if quoted => {}
                _ => counts.iter_mut().filter(|(delimiter, _)| *delimiter == c).for_each(|(_, count)| *count += 1),
            }
        }
        if let Some((delimiter, _)) = counts.iter().rev().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > 0) {
            records.delimiter = *delimiter;
        }
        records
    }

    fn next(&mut self) -> Option<Result<Row<'a>, (usize, String)>> {
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line;
        let mut cells = Vec::new();
        loop {
            match self.cell() {
                Ok(cell) => cells.push(cell),
                Err(what) => {
                    self.skip_line();
                    return Some(Err((line, what)));
                }
            }
            match self.rest.strip_prefix(self.delimiter) {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        self.end_of_line();
        Some(Ok(Row { line, cells }))
    }

    /// A cell, up to the delimiter or the end of the line behind it.
    fn cell(&mut self) -> Result<Cow<'a, str>, String> {
        let ends = [self.delimiter, '\r', '\n'];
        let Some(inside) = self.rest.strip_prefix('"') else {
            let (cell, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
            self.rest = rest;
            return Ok(cell.into());
        };
        let mut cell = Cow::Borrowed("");
        let mut at = inside;
        loop {
            let Some((part, rest)) = at.split_once('"') else {
                self.line += at.matches('\n').count();
                self.rest = "";
                return Err("a quote that is opened here is never closed".into());
            };
            self.line += part.matches('\n').count();
            if cell.is_empty() {
                cell = part.into();
            } else {
                cell.to_mut().push_str(part);
            }
            match rest.strip_prefix('"') {
                Some(rest) => {
                    cell.to_mut().push('"');
                    at = rest;
                }
                None => {
                    self.rest = rest;
                    break;
                }
            }
        }
        if self.rest.is_empty() || self.rest.starts_with(ends) { Ok(cell) } else { Err("something stands behind a closing quote".into()) }
    }

    fn skip_line(&mut self) {
        let end = self.rest.find(['\r', '\n']).unwrap_or(self.rest.len());
        self.rest = self.rest.get(end..).unwrap_or_default();
        self.end_of_line();
    }

    fn end_of_line(&mut self) {
        let rest = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix(['\r', '\n']));
        if let Some(rest) = rest {
            self.rest = rest;
            self.line += 1;
        }
    }
}
