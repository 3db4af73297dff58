//! What was odd about a mail, in words for people.

use super::limits::MAX_NOTES;

/// The warnings of one message: each said once, and not more than people read.
#[derive(Default)]
pub(super) struct Notes(Vec<String>);

impl Notes {
    /// Says something, unless it was said before.
    pub(super) fn add(&mut self, note: impl Into<String>) {
        let note = note.into();
        if self.0.len() < MAX_NOTES && !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    /// Everything that was said.
    pub(super) fn into_list(self) -> Vec<String> {
        self.0
    }
}
