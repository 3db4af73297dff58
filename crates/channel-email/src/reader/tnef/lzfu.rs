//! Compressed RTF (MS-OXRTFCP): references into a window of 4096 bytes that begins filled with what RTF usually has. A reference of
//! two bytes gives at most 17, so that the output is bounded by the input; `limit` bounds it further.

use super::cursor::Cursor;

const WINDOW: usize = 4096;
const PREFILLED: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor \
MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// The RTF, and whether its end is missing. `None` when it is not compressed in a way that is known.
pub(super) fn decompress(bytes: &[u8], limit: usize) -> Option<(Vec<u8>, bool)> {
    let mut header = Cursor(bytes);
    // The sizes and the checksum are the writer's word; what is there counts.
    let (_, raw_size, kind, _) = (header.u32()?, header.size()?, header.take(4)?, header.u32()?);
    match kind {
        b"LZFu" => Some(references(header, limit)),
        b"MELA" => {
            let (raw, cut) = header.take_up_to(raw_size);
            let kept = raw.get(..limit).unwrap_or(raw);
            Some((kept.to_vec(), cut || kept.len() < raw.len()))
        }
        _ => None,
    }
}

fn references(mut rest: Cursor<'_>, limit: usize) -> (Vec<u8>, bool) {
    // The output, with the prefilled window in front: a place in the window is a place in the last 4096 bytes of it.
    let mut out = PREFILLED.to_vec();
    let end = limit.saturating_add(PREFILLED.len());
    let cut = loop {
        let Some(control) = rest.u8() else { break true };
        let done = (0..8).find_map(|bit| {
            if out.len() >= end {
                return Some(true);
            }
            if control & (1 << bit) == 0 {
                return match rest.u8() {
                    Some(byte) => {
                        out.push(byte);
                        None
                    }
                    None => Some(true),
                };
            }
            let Some(pair) = rest.take(2).and_then(|pair| <[u8; 2]>::try_from(pair).ok()) else { return Some(true) };
            let reference = usize::from(u16::from_be_bytes(pair));
            refer(&mut out, reference >> 4, (reference & 15) + 2).then_some(false)
        });
        if let Some(cut) = done {
            break cut;
        }
    };
    out.truncate(end);
    out.drain(..PREFILLED.len());
    (out, cut)
}

/// Copies from the window. Says whether the reference marks the end: one to the place that is written next does.
fn refer(out: &mut Vec<u8>, offset: usize, length: usize) -> bool {
    let back = (out.len() + WINDOW - offset) % WINDOW;
    if back == 0 {
        return true;
    }
    for _ in 0..length {
        // What was never written is as it was when the window was empty.
        let byte = out.len().checked_sub(back).and_then(|at| out.get(at)).copied().unwrap_or(0);
        out.push(byte);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        [&[0; 4][..], &u32::try_from(data.len()).unwrap().to_le_bytes(), kind, &[0; 4], data].concat()
    }

    #[test]
    fn the_examples_of_the_specification() {
        assert_eq!(PREFILLED.len(), 207);
        let simple =
            b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125\x42\x32\x0a\xf3\x20hel\x09\0\x20bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        assert_eq!(decompress(simple, 1_000).unwrap(), (b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n".to_vec(), false));
        let crossing = b"\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4\x4b\x51\x41\0\x04\x20WXYZ\x0d\x6e\x7d\x01\x0e\xb0";
        assert_eq!(decompress(crossing, 1_000).unwrap(), (b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}".to_vec(), false));
        assert_eq!(decompress(&compressed(b"MELA", b"{\\rtf1 x}"), 1_000).unwrap(), (b"{\\rtf1 x}".to_vec(), false));
    }

    #[test]
    fn cut_off_lying_and_hostile() {
        assert_eq!(decompress(b"too short", 10), None);
        assert_eq!(decompress(&compressed(b"ZIP!", b"x"), 10), None);
        assert_eq!(decompress(&compressed(b"LZFu", b""), 10).unwrap(), (Vec::new(), true));
        assert_eq!(decompress(&compressed(b"LZFu", b"\0ab"), 10).unwrap(), (b"ab".to_vec(), true));
        assert_eq!(decompress(&compressed(b"MELA", b"abcdef"), 3).unwrap(), (b"abc".to_vec(), true));
        let mut lying = compressed(b"MELA", b"abc");
        lying[4..8].fill(0xff);
        assert_eq!(decompress(&lying, 10).unwrap(), (b"abc".to_vec(), true));
        // A reference to what was never written, and then the longest ones that there are.
        let far = decompress(&compressed(b"LZFu", b"\x01\x80\0"), 10).unwrap();
        assert_eq!(far, (vec![0, 0], true));
        let bomb = compressed(b"LZFu", &[&[0xff][..], &b"\x0c\xef".repeat(8)].concat().repeat(100_000));
        let (out, _) = decompress(&bomb, usize::MAX).unwrap();
        assert!(out.len() <= bomb.len() * 17 / 2);
        assert_eq!(decompress(&bomb, 1_000).unwrap().0.len(), 1_000);
    }
}
