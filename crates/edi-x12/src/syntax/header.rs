//! Finds an interchange, and reads from its ISA which characters delimit it.
//!
//! ISA16 is found by counting separators, never by its place: padding may be no-break spaces of two bytes, lines may be wrapped, and
//! some senders do not pad at all.

use super::{Syntax, Terminator, trimmed};
use crate::value;

/// No ISA is longer, with whatever padding.
const MAX_HEADER: usize = 1_024;

/// No element of an ISA is longer.
const MAX_ELEMENT: usize = 80;

/// What fits in the elements of an ISA, without its padding; more than the standard has where senders do.
const WIDTHS: [usize; 15] = [2, 10, 2, 10, 15, 40, 15, 40, 8, 8, 1, 6, 14, 1, 1];

/// How far is looked for the lengths of lines.
const WRAP_WINDOW: usize = 4_096;

/// What stands before the first transaction.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// Where it begins.
    pub(crate) start: usize,
    /// Where the payload goes on after it.
    pub(crate) end: usize,
    /// The elements of ISA, 1 to 16; none where the interchange begins with GS or ST.
    pub(crate) elements: Vec<String>,
    /// What it is written with.
    pub(crate) syntax: Syntax,
}

impl Header {
    /// It begins with GS or ST: there is no ISA.
    pub(crate) fn is_bare(&self) -> bool {
        self.elements.is_empty()
    }
}

/// The next interchange at or after `from`: one with an ISA, wherever it stands; else one without, when the bytes begin with GS or ST
/// or when there is no ISA any more.
pub(crate) fn find(bytes: &[u8], from: usize) -> Option<Header> {
    let first = from + bytes.get(from..)?.iter().position(|&byte| byte > b' ' && !matches!(byte, 0xef | 0xbb | 0xbf | 0xa0 | 0xc2))?;
    isa_at(bytes, first)
        .or_else(|| bare_at(bytes, first))
        .or_else(|| search(bytes, first, |byte| matches!(byte, b'I' | 0xc9), isa_at))
        .or_else(|| search(bytes, first, |byte| byte == b'S', transaction_at))
}

fn search(bytes: &[u8], from: usize, begins: fn(u8) -> bool, read: fn(&[u8], usize) -> Option<Header>) -> Option<Header> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| begins(byte))?;
        let inside_word = at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(u8::is_ascii_alphanumeric);
        if !inside_word && let Some(header) = read(bytes, at) {
            return Some(header);
        }
        at += 1;
    }
}

/// Whether an ISA of the standard's own length begins here: no text looks like that.
pub(super) fn starts_strictly_at(bytes: &[u8], at: usize) -> bool {
    isa(bytes, at).is_some_and(|header| header.end >= at + 106)
}

/// Whether an ISA begins here.
pub(crate) fn starts_at(bytes: &[u8], at: usize) -> bool {
    isa(bytes, at).is_some()
}

/// The interchange whose ISA begins here.
fn isa_at(bytes: &[u8], start: usize) -> Option<Header> {
    let mut header = isa(bytes, start)?;
    header.syntax.wrap = line_width(bytes, start, &header.syntax);
    Some(header)
}

/// The same, without looking how its lines are wrapped.
fn isa(bytes: &[u8], start: usize) -> Option<Header> {
    let ebcdic = match bytes.get(start..start + 3)? {
        b"ISA" => false,
        [0xc9, 0xe2, 0xc1] => true,
        _ => return None,
    };
    let bytes = bytes.get(..bytes.len().min(start + MAX_HEADER + WRAP_WINDOW))?;
    let separator = *bytes.get(start + 3)?;
    let mut syntax =
        Syntax { separator, component: None, repetition: None, terminator: Terminator { first: b'~', second: None }, ebcdic, wrap: 0 };
    let plain_separator = syntax.plain(separator);
    if plain_separator.is_ascii_alphanumeric() || matches!(plain_separator, b' ' | b'\r' | b'\n' | 0) {
        return None;
    }
    let mut elements: Vec<String> = Vec::with_capacity(16);
    let mut at = start + 4;
    for width in WIDTHS {
        let rest = bytes.get(at..)?;
        let length = rest.iter().take(MAX_ELEMENT).position(|&byte| byte == separator)?;
        let element: Vec<u8> =
            rest.iter().take(length).filter(|&&byte| !syntax.breaks_line(byte)).map(|&byte| syntax.plain(byte)).collect();
        let element = value::text(trimmed(&element), ebcdic);
        if element.chars().count() > width {
            return None;
        }
        elements.push(element);
        at += length + 1;
    }
    let version = elements.get(11)?;
    if at > start + MAX_HEADER || !version.starts_with(|c: char| c.is_ascii_digit()) || version.len() > 6 {
        return None;
    }
    let (component, terminator, end) = last_of_isa(bytes, at, &syntax)?;
    syntax.terminator = terminator;
    syntax.component = component.filter(|&byte| delimits(byte, &syntax));
    let eleventh = bytes.get(start..at).and_then(|isa| isa.split(|&byte| byte == separator).nth(11)).unwrap_or_default();
    syntax.repetition = match trimmed(eleventh) {
        [byte] if version.as_str() >= "00402" && delimits(*byte, &syntax) => Some(*byte),
        _ => None,
    };
    let component = component.map(|byte| char::from(syntax.plain(byte)).to_string());
    elements.push(component.unwrap_or_default());
    Some(Header { start, end, elements, syntax })
}

/// Whether a byte can be a delimiter beside those that are known.
fn delimits(byte: u8, syntax: &Syntax) -> bool {
    can_delimit(byte, syntax) && byte != syntax.terminator.first
}

/// Whether a byte can be a delimiter beside the separator.
fn can_delimit(byte: u8, syntax: &Syntax) -> bool {
    let plain = syntax.plain(byte);
    !plain.is_ascii_alphanumeric() && plain != b' ' && byte != syntax.separator
}

/// ISA16 and the terminator from `at` on, and where it goes on after them.
fn last_of_isa(bytes: &[u8], at: usize, syntax: &Syntax) -> Option<(Option<u8>, Terminator, usize)> {
    let first = *bytes.get(at)?;
    if syntax.breaks_line(first) {
        // ISA16 is empty and lines end segments, or a line was wrapped here.
        return match after_blanks(bytes, at, syntax) {
            Some(next) if begins_segment(bytes, next, syntax) => Some((None, line_end(bytes, at), next)),
            Some(next) => last_of_isa(bytes, next, syntax),
            None => None,
        };
    }
    let mut place = at + 1;
    // Records of a fixed length are filled up with blanks.
    while bytes.get(place).is_some_and(|&byte| matches!(syntax.plain(byte), b' ' | b'\t') && byte != syntax.separator) {
        place += 1;
    }
    // Some close ISA16 with a separator, as all elements before it are.
    if first != syntax.separator && bytes.get(place) == Some(&syntax.separator) {
        place += 1;
    }
    let Some(&second) = bytes.get(place) else {
        // The payload ends with its ISA.
        return Some((Some(first), Terminator { first: b'~', second: None }, place));
    };
    if syntax.breaks_line(second) {
        return match after_blanks(bytes, place, syntax) {
            Some(next) if can_delimit(*bytes.get(next)?, syntax) => {
                let terminator = character_at(bytes, next, syntax);
                Some((Some(first), terminator, next + terminator.len()))
            }
            // ISA16 is missing: the next line ends with what stands in its place.
            Some(next) if line_ends_with(bytes, next, first, syntax) => Some((None, Terminator { first, second: None }, next)),
            Some(next) => Some((Some(first), line_end(bytes, place), next)),
            None => Some((Some(first), line_end(bytes, place), bytes.len())),
        };
    }
    if syntax.plain(second).is_ascii_alphanumeric() {
        // ISA16 is missing: what stands in its place ends the segment.
        return begins_segment(bytes, place, syntax).then_some((None, Terminator { first, second: None }, place));
    }
    let terminator = character_at(bytes, place, syntax);
    Some((Some(first), terminator, place + terminator.len()))
}

/// The terminator that stands here: two bytes where a character of UTF-8 does and a segment follows it.
fn character_at(bytes: &[u8], at: usize, syntax: &Syntax) -> Terminator {
    let first = bytes.get(at).copied().unwrap_or(b'~');
    let second =
        bytes.get(at + 1).copied().filter(|second| matches!(first, 0xc2..=0xdf) && matches!(second, 0x80..=0xbf) && !syntax.ebcdic);
    Terminator { first, second }
}

/// The line end here as a terminator: the line feed where there is one.
fn line_end(bytes: &[u8], at: usize) -> Terminator {
    let first = bytes.get(at).copied().unwrap_or(b'\n');
    let line_feed = bytes.get(at + 1).copied().filter(|&second| first == b'\r' && second == b'\n');
    // In EBCDIC a carriage return may come before either of its line feeds.
    let coded = bytes.get(at + 1).copied().filter(|second| first == 0x0d && matches!(second, 0x15 | 0x25));
    Terminator { first: line_feed.or(coded).unwrap_or(first), second: None }
}

fn line_ends_with(bytes: &[u8], at: usize, last: u8, syntax: &Syntax) -> bool {
    let line: &[u8] = bytes.get(at..).and_then(|rest| rest.split(|&byte| syntax.breaks_line(byte)).next()).unwrap_or_default();
    line.iter().rev().find(|&&byte| syntax.plain(byte) > b' ') == Some(&last)
}

fn after_blanks(bytes: &[u8], at: usize, syntax: &Syntax) -> Option<usize> {
    Some(at + bytes.get(at..)?.iter().position(|&byte| syntax.plain(byte) > b' ')?)
}

/// Whether one of the segments that can follow an ISA begins here.
fn begins_segment(bytes: &[u8], at: usize, syntax: &Syntax) -> bool {
    let tag: Vec<u8> = bytes.iter().skip(at).take(4).map(|&byte| syntax.plain(byte)).collect();
    let separator = syntax.plain(syntax.separator);
    match tag.as_slice() {
        [b'G' | b'S', b'S' | b'T', next, ..] => *next == separator,
        [b'T', b'A', b'1', next, ..] | [b'I', b'E' | b'S', b'A', next, ..] => *next == separator,
        _ => false,
    }
}

/// The length at which lines were cut inside of segments; 0 when none were.
fn line_width(bytes: &[u8], start: usize, syntax: &Syntax) -> usize {
    let window = bytes.get(start..bytes.len().min(start + WRAP_WINDOW)).unwrap_or_default();
    let mut lengths = Vec::new();
    let mut longest = 0;
    let mut line = 0;
    for (at, _) in window.iter().enumerate().filter(|&(_, &byte)| syntax.breaks_line(byte)) {
        let text = window.get(line..at).unwrap_or_default();
        longest = longest.max(text.len());
        let ends_segment = text.last().is_none_or(|&last| last == syntax.terminator.first);
        if !ends_segment && at >= line {
            lengths.push(text.len());
        }
        line = at + 1;
    }
    let widest = lengths.iter().copied().max().unwrap_or(0);
    let often = lengths.iter().filter(|&&length| length == widest).count() > 1;
    let lines_end_segments = syntax.breaks_line(syntax.terminator.first);
    if widest >= 20 && widest == longest && (often || widest <= 132) && !lines_end_segments { widest } else { 0 }
}

/// The interchange without an ISA that begins here with GS or ST.
pub(crate) fn bare_at(bytes: &[u8], start: usize) -> Option<Header> {
    match bytes.get(start..start + 2)? {
        b"ST" => transaction_at(bytes, start),
        b"GS" => bare(bytes, start, 8),
        _ => None,
    }
}

fn transaction_at(bytes: &[u8], start: usize) -> Option<Header> {
    let separator = *bytes.get(start + 2)?;
    let kind = bytes.get(start + 3..start + 6)?;
    let is_transaction =
        bytes.starts_with_at(start, b"ST") && kind.iter().all(u8::is_ascii_digit) && bytes.get(start + 6) == Some(&separator);
    if !is_transaction {
        return None;
    }
    bare(bytes, start, 2).or_else(|| bare(bytes, start, 3))
}

/// Beginning with a segment of so many elements, of which the last one is letters and digits: what comes after them ends it.
fn bare(bytes: &[u8], start: usize, elements: usize) -> Option<Header> {
    let bytes = bytes.get(..bytes.len().min(start + MAX_HEADER + WRAP_WINDOW))?;
    let separator = *bytes.get(start + 2)?;
    if separator.is_ascii_alphanumeric() || matches!(separator, b' ' | b'\r' | b'\n' | b'.' | b',' | 0) {
        return None;
    }
    let mut at = start + 3;
    for _ in 1..elements {
        at += bytes.get(at..)?.iter().take(MAX_ELEMENT).position(|&byte| byte == separator)? + 1;
    }
    at += bytes.get(at..)?.iter().take(MAX_ELEMENT).position(|byte| !byte.is_ascii_alphanumeric())?;
    at += bytes.get(at..)?.iter().position(|&byte| byte != b' ')?;
    let mut syntax = Syntax {
        separator,
        component: None,
        repetition: None,
        terminator: Terminator { first: b'~', second: None },
        ebcdic: false,
        wrap: 0,
    };
    syntax.terminator = if syntax.breaks_line(*bytes.get(at)?) { line_end(bytes, at) } else { character_at(bytes, at, &syntax) };
    let next = after_blanks(bytes, at + syntax.terminator.len(), &syntax)?;
    let tag: Vec<u8> = bytes.iter().skip(next).copied().take_while(|&byte| byte != separator).take(4).collect();
    let follows = (2..=3).contains(&tag.len()) && tag.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !follows || syntax.terminator.first == separator {
        return None;
    }
    syntax.wrap = line_width(bytes, start, &syntax);
    Some(Header { start, end: start, elements: Vec::new(), syntax })
}

trait StartsWithAt {
    fn starts_with_at(&self, at: usize, what: &[u8]) -> bool;
}

impl StartsWithAt for [u8] {
    fn starts_with_at(&self, at: usize, what: &[u8]) -> bool {
        self.get(at..).is_some_and(|rest| rest.starts_with(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISA: &str = "ISA*00*          *00*          *ZZ*BUYER          *ZZ*SELLER         *261124*0930*U*00401*000000001*0*P*>";

    fn read(text: &str) -> Header {
        find(text.as_bytes(), 0).unwrap()
    }

    fn terminator(text: &str) -> Vec<u8> {
        read(text).syntax.terminator.bytes().collect()
    }

    #[test]
    fn delimiters_of_all_kinds() {
        for (after, expected) in [
            ("~GS*PO", &b"~"[..]),
            ("~\r\nGS*PO", b"~"),
            ("\nGS*PO", b"\n"),
            ("\r\nGS*PO", b"\n"),
            ("\rGS*PO", b"\r"),
            ("   \r\nGS*PO", b"\n"),
            ("\u{15}GS*PO", b"\x15"),
            ("\n~GS*PO", b"~"),
            ("'GS*PO", b"'"),
            ("\u{85}GS*PO", b"\xc2\x85"),
            // Some close the last element too.
            ("*~GS*PO", b"~"),
            ("*\r\nGS*PO", b"\n"),
            ("~", b"~"),
            ("", b"~"),
        ] {
            let header = read(&format!("{ISA}{after}"));
            assert_eq!(header.syntax.terminator.bytes().collect::<Vec<_>>(), expected, "{after:?}");
            assert_eq!(header.syntax.component, Some(b'>'), "{after:?}");
            assert_eq!(header.elements.len(), 16);
            assert_eq!(header.elements[5], "BUYER");
        }
        let missing = format!("{}~GS*PO*A", ISA.strip_suffix('>').unwrap());
        assert_eq!((terminator(&missing), read(&missing).syntax.component), (b"~".to_vec(), None));
        let missing = format!("{}~\r\nGS*PO*A~\r\nST*850*1~", ISA.strip_suffix('>').unwrap());
        assert_eq!((terminator(&missing), read(&missing).syntax.component), (b"~".to_vec(), None));
        let missing = format!("{}\r\nGS*PO*A", ISA.strip_suffix('>').unwrap());
        assert_eq!((terminator(&missing), read(&missing).syntax.component), (b"\n".to_vec(), None));
    }

    #[test]
    fn isa16_is_counted_to() {
        for padding in ["\u{a0}", "", "   "] {
            let text = format!("{}~GS*PO*A", ISA.replace("BUYER          ", &format!("BUYER{}", padding.repeat(10))));
            let header = read(&text);
            assert_eq!((header.elements[5].as_str(), header.syntax.terminator.first), ("BUYER", b'~'));
        }
        for width in 20..107 {
            let wrapped: Vec<String> =
                format!("{ISA}~GS*PO*A~").as_bytes().chunks(width).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
            let header = read(&wrapped.join("\r\n"));
            assert_eq!((header.elements[12].as_str(), header.syntax.component), ("000000001", Some(b'>')), "{width}");
            assert_eq!(header.syntax.terminator.first, b'~', "{width}");
        }
    }

    #[test]
    fn repetition_separators_are_of_later_versions() {
        let of = |eleventh: &str, version: &str| {
            read(&format!("{}~GS*PO*A", ISA.replace("*U*00401*", &format!("*{eleventh}*{version}*")))).syntax.repetition
        };
        assert_eq!(of("^", "00501"), Some(b'^'));
        assert_eq!(of("^", "00402"), Some(b'^'));
        assert_eq!(of("^", "00401"), None);
        assert_eq!(of("U", "00501"), None);
        assert_eq!(of("", "00501"), None);
    }

    #[test]
    fn what_is_no_header() {
        for text in ["", "ISA", "ISABELLA*", "VISA*00*", "Dear all, ISA 1 and 2", "ST. Louis", "GS1", &ISA[..60], "ST*850"] {
            assert!(find(text.as_bytes(), 0).is_none(), "{text:?}");
        }
        let inside = format!("MSG*see ISA*00* and so on~\n{ISA}~GS*PO*A");
        assert_eq!(find(inside.as_bytes(), 0).unwrap().start, 27);
    }

    #[test]
    fn without_isa() {
        for (text, expected) in [
            ("ST*850*0001~BEG*00*SA*1~", "~"),
            ("ST*850*0001~\r\nBEG*00*SA*1~", "~"),
            ("ST|850|0001\nBEG|00|SA|1\n", "\n"),
            ("ST*850*0001*005010X~BEG*00*SA*1~", "~"),
            ("GS*PO*A B*C*20261124*0930*1*X*004010'\nST*850*0001'", "'"),
            ("order follows\nST*850*0001~BEG*00*SA*1~", "~"),
        ] {
            let header = read(text);
            assert!(header.is_bare(), "{text:?}");
            assert_eq!(header.syntax.terminator.bytes().collect::<Vec<_>>(), expected.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn widths_of_wrapped_lines() {
        let long = format!("{ISA}~GS*PO*BUYER*SELLER*20261124*0930*1*X*004010~ST*850*0001~BEG*00*SA*4711**20261124~");
        for width in [40, 72, 80, 132] {
            let wrapped: Vec<String> = long.as_bytes().chunks(width).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
            assert_eq!(read(&wrapped.join("\n")).syntax.wrap, width);
        }
        assert_eq!(read(&long).syntax.wrap, 0);
        assert_eq!(read(&long.replace('~', "~\r\n")).syntax.wrap, 0);
        assert_eq!(read(&long.replace('~', "\n")).syntax.wrap, 0);
        assert_eq!(read(&long.replace('~', "~\n").replace("4711", "47\n11")).syntax.wrap, 0);
    }
}
