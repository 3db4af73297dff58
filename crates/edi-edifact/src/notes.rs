//! What was odd, in words for people: each once, and not endlessly many.

/// More than these are only counted.
const MOST: usize = 40;

/// Warnings of one message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    list: Vec<String>,
    more: usize,
}

impl Notes {
    /// Notes something, once.
    pub(crate) fn add(&mut self, note: impl Into<String>) {
        let note = note.into();
        if self.list.len() >= MOST {
            self.more += 1;
        } else if !self.list.contains(&note) {
            self.list.push(note);
        }
    }

    /// All of them.
    pub(crate) fn into_list(mut self) -> Vec<String> {
        if self.more > 0 {
            self.list.push(format!("and {} more oddities", self.more));
        }
        self.list
    }
}

impl Extend<String> for Notes {
    fn extend<T: IntoIterator<Item = String>>(&mut self, notes: T) {
        notes.into_iter().for_each(|note| self.add(note));
    }
}
