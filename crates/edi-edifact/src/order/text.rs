//! Free text: FTX, IMD, names.

use loket_core::order::{Source, Sources};
use serde_json::{Map, Value};

use super::{At, keep};
use crate::syntax::Segment;

/// Component lengths at which texts are cut in the directories: a text of exactly this length may go on in the next component.
const CUTS: [usize; 4] = [35, 70, 256, 512];

/// Of so many notes it is remembered where they stood: each place is looked up among all of them.
const MAX_SOURCES: usize = 50;

/// The texts in these components of an element, the empty ones left out.
pub(super) fn components(segment: &Segment<'_>, element: usize, from: usize, to: usize) -> Vec<String> {
    (from..to).filter_map(|component| segment.text(element, component)).collect()
}

/// Adds a piece of text. A piece that was cut in the middle of a word is put together again.
pub(super) fn join(text: &mut String, piece: &str, length_before: usize) {
    let edge = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let cut = CUTS.contains(&length_before) && edge(text.chars().next_back()) && edge(piece.chars().next());
    if !text.is_empty() && !cut {
        text.push(' ');
    }
    text.push_str(piece);
}

/// Texts as one.
pub(super) fn joined(pieces: &[String]) -> String {
    let mut text = String::new();
    let mut before = 0;
    for piece in pieces {
        join(&mut text, piece, before);
        before = piece.chars().count();
    }
    text
}

/// What somebody wrote (FTX): a note. A code that stands for a text is kept.
pub(super) fn note(at: At<'_>, notes: &mut Vec<String>, sources: &mut Sources, extra: &mut Map<String, Value>) {
    let segment = &at.segment;
    let pieces = components(segment, 4, 0, 5);
    if pieces.is_empty() || !segment.code(3, 0).is_empty() {
        keep::keep(extra, segment);
    }
    if pieces.is_empty() {
        return;
    }
    if notes.len() < MAX_SOURCES {
        let element = format!("FTX+{} C108.4440", segment.code(1, 0));
        sources.set(format!("notes[{}]", notes.len()), Source::element(at.number, element));
    }
    notes.push(joined(&pieces));
}
