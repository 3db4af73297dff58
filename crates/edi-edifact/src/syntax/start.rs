//! Where interchanges start, whatever stands before, between and after them.

/// The start of an interchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// Its first byte: the UNA's, where there is one.
    pub(crate) at: usize,
    /// Its UNA.
    pub(crate) una: Option<usize>,
    /// Its first segment.
    pub(crate) segment: usize,
    pub(super) after_tag: usize,
    pub(crate) kind: StartKind,
    /// What separates elements in its first segment.
    pub(crate) element: u8,
    /// What separates components in its first segment, as far as one is seen there.
    pub(super) component: Option<u8>,
    /// The first character of the syntax's version.
    pub(super) version: Option<u8>,
}

/// What an interchange starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartKind {
    /// UNB: batch.
    Batch,
    /// UIB: interactive.
    Interactive,
    /// UNG or UNH: the envelope is missing.
    Bare,
}

/// The first start of an interchange at or after this place.
pub(crate) fn find(bytes: &[u8], from: usize) -> Option<Start> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == b'U')?;
        if let Some(start) = start_at(bytes, at) {
            return Some(start);
        }
        at += 1;
    }
}

/// Whether nothing but blanks, byte order marks and end-of-file marks is in here.
pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.iter().all(|byte| byte.is_ascii_whitespace() || matches!(byte, 0x00 | 0x0b | 0x1a))
}

/// The start of an interchange at exactly this place.
pub(super) fn start_at(bytes: &[u8], at: usize) -> Option<Start> {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    if let Some(after) = matches(bytes, at, b"UNA") {
        let segment = [5, 6].into_iter().find_map(|length| header_after(bytes, after + length)).or_else(|| wrapped_header(bytes, after));
        return segment.and_then(|segment| Some(Start { at, una: Some(at), ..segment_at(bytes, segment)? }));
    }
    (!before.is_some_and(u8::is_ascii_alphanumeric)).then(|| segment_at(bytes, at)).flatten()
}

/// The first segment after a UNA that ends here.
fn header_after(bytes: &[u8], end: usize) -> Option<usize> {
    let rest = bytes.get(end..)?;
    let gap = rest.iter().take(200).position(|byte| !byte.is_ascii_whitespace())?;
    segment_at(bytes, end + gap).map(|start| start.segment)
}

/// The same where a line break stands among the six characters.
fn wrapped_header(bytes: &[u8], after_tag: usize) -> Option<usize> {
    let end = (6..=8).find(|length| {
        let raw = bytes.get(after_tag..after_tag + length).unwrap_or_default();
        raw.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).count() == 6
    })?;
    header_after(bytes, after_tag + end)
}

/// A segment that an interchange can start with.
fn segment_at(bytes: &[u8], at: usize) -> Option<Start> {
    if bytes.get(at) != Some(&b'U') {
        return None;
    }
    for (name, kind) in [(b"UNB", StartKind::Batch), (b"UIB", StartKind::Interactive)] {
        if let Some(after_tag) = matches(bytes, at, name) {
            let (element, rest) = separated(bytes.get(after_tag..)?)?;
            // The syntax identifier; some leave its version away.
            let word = rest.iter().take(9).take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let next = *rest.get(word)?;
            let component = Some(next).filter(|next| *next != element);
            let sound = if component.is_some() { (3..=8).contains(&word) && is_separator(next) } else { word == 4 };
            let version = component.and_then(|_| rest.get(word + 1).copied());
            return sound.then_some(Start { at, una: None, segment: at, after_tag, kind, element, component, version });
        }
    }
    let (after_tag, is_group) = match matches(bytes, at, b"UNH") {
        Some(after) => (after, false),
        None => (matches(bytes, at, b"UNG")?, true),
    };
    let (element, rest) = separated(bytes.get(after_tag..)?)?;
    // UNH+reference+TYPE:… and UNG+TYPE+…
    let skip = if is_group { 0 } else { rest.iter().take(40).position(|byte| *byte == element)? + 1 };
    let message_type = rest.get(skip..)?;
    let letters = message_type.iter().take(7).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let next = *message_type.get(letters)?;
    let component = Some(next).filter(|next| *next != element);
    let sound = letters == 6 && is_separator(next);
    sound.then_some(Start { at, una: None, segment: at, after_tag, kind: StartKind::Bare, element, component, version: None })
}

fn is_separator(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && !byte.is_ascii_whitespace() && byte < 0x80
}

/// The element separator after a tag, and what follows it.
fn separated(after_tag: &[u8]) -> Option<(u8, &[u8])> {
    let (element, rest) = after_tag.split_first()?;
    is_separator(*element).then_some((*element, rest))
}

/// Whether these letters stand here, line breaks between them aside; then the place after them.
pub(super) fn matches(bytes: &[u8], at: usize, letters: &[u8]) -> Option<usize> {
    let mut place = at;
    for (index, letter) in letters.iter().enumerate() {
        while index > 0 && bytes.get(place).is_some_and(|byte| matches!(byte, b'\r' | b'\n')) && place < at + 8 {
            place += 1;
        }
        if bytes.get(place) != Some(letter) {
            return None;
        }
        place += 1;
    }
    Some(place)
}
