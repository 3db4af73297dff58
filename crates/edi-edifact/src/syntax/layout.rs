//! Lines that were cut off at a fixed width on the way. Such a line break can stand anywhere, also inside a tag, and must go without
//! a trace; a line break that somebody typed stands for a blank.

/// How many bytes are looked at to find the width.
const WINDOW: usize = 64 * 1024;
/// Nothing cuts lines shorter than this, or longer than that.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=4096;
/// Widths at which one single cut line is believed.
const USUAL: [usize; 13] = [70, 72, 76, 78, 79, 80, 100, 120, 128, 132, 133, 255, 256];
/// More blanks than these are not lost at the end of a line.
const LOST_BLANKS: usize = 8;

/// How the lines of a part of the payload are cut.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    from: usize,
    to: usize,
    width: Option<usize>,
    /// Nearly every line has the full width: where one has less, blanks at its end were lost.
    flows: bool,
}

/// What a line break inside a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// Put in by something that cuts lines; so many blanks before it were lost.
    Cut(usize),
    /// Put in by somebody who wrote.
    Written,
}

impl Layout {
    /// What the line break at this place is. Looks the lines around it over when they have not been yet.
    pub(super) fn at(&mut self, bytes: &[u8], place: usize, terminator: u8) -> Break {
        if !(self.from..self.to).contains(&place) {
            *self = Self::of(bytes, place, terminator);
        }
        let Some(width) = self.width else { return Break::Written };
        let length = line_length(bytes, place, width);
        match width.checked_sub(length) {
            None | Some(0) => Break::Cut(0),
            Some(missing) if self.flows && missing <= LOST_BLANKS => Break::Cut(missing),
            Some(_) => Break::Written,
        }
    }

    /// The layout of the lines from the one on that ends here.
    fn of(bytes: &[u8], place: usize, terminator: u8) -> Self {
        let from = place - line_length(bytes, place, *WIDTHS.end()).min(place);
        let to = (place + WINDOW).min(bytes.len()).max(place + 1);
        let unknown = Self { from: place, to, width: None, flows: false };
        let Some(window) = bytes.get(from..to) else { return unknown };
        let mut cut = vec![0_u32; *WIDTHS.end() + 1];
        let (mut lines, mut longest) = (0_u32, 0);
        let mut rest = window;
        while let Some(end) = rest.iter().position(|byte| is_break(*byte)) {
            let (line, after) = rest.split_at(end);
            rest = after.get(after.iter().take_while(|byte| is_break(**byte)).count()..).unwrap_or_default();
            if line.is_empty() {
                continue;
            }
            lines += 1;
            longest = longest.max(line.len());
            if line.last() != Some(&terminator)
                && let Some(count) = cut.get_mut(line.len())
            {
                *count += 1;
            }
        }
        let best = cut.iter().enumerate().skip(*WIDTHS.start()).max_by_key(|(_, count)| **count);
        let Some((width, &count)) = best.filter(|(_, count)| **count > 0) else { return unknown };
        // A cut line is as long as lines get here, save for characters of more than one byte.
        let believed = (count > 1 || USUAL.contains(&width)) && longest <= width + width / 8;
        Self { from: place, to, width: believed.then_some(width), flows: believed && count * 4 >= lines.saturating_sub(1) * 3 }
    }
}

pub(super) fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// How long the line is that ends here, counted up to one byte more than asked for.
fn line_length(bytes: &[u8], end: usize, most: usize) -> usize {
    let line = bytes.get(..end).unwrap_or_default();
    let line = line.get(line.len().saturating_sub(most + 1)..).unwrap_or_default();
    line.len() - line.iter().rposition(|byte| is_break(*byte)).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_lines_are_told_from_written_ones() {
        let line = format!("{}\r\n", "x".repeat(80));
        let cut = line.repeat(3) + "x'";
        assert_eq!(Layout::default().at(cut.as_bytes(), 80, b'\''), Break::Cut(0));
        assert_eq!(Layout::default().at(cut.as_bytes(), 162, b'\''), Break::Cut(0));
        let stripped = line.repeat(4) + &"x".repeat(78) + "\r\n" + &line + "x'";
        assert_eq!(Layout::default().at(stripped.as_bytes(), 4 * 82 + 78, b'\''), Break::Cut(2));
        let written = format!("FTX+AAI+++Bitte vor 12 Uhr\nliefern'\n{}'\n", "x".repeat(90)).repeat(3);
        assert_eq!(Layout::default().at(written.as_bytes(), 26, b'\''), Break::Written);
    }
}
