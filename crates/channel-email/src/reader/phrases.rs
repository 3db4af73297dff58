//! Lists of phrases, all in lower case, and whether a text begins with one or has one in it. Most texts begin with none of them:
//! the first three bytes tell that, in two looks for the whole list.

/// A list of phrases.
pub(super) struct Phrases {
    list: &'static [&'static str],
    /// For each first byte which second bytes there are, five bits of both.
    seconds: [u32; 32],
    /// The same for each second byte.
    thirds: [u32; 32],
}

impl Phrases {
    /// A list of phrases of two bytes and more. Made when the program is compiled.
    #[allow(clippy::indexing_slicing, reason = "the compiler would say so")]
    pub(super) const fn new(list: &'static [&'static str]) -> Self {
        let (mut seconds, mut thirds) = ([0; 32], [0; 32]);
        let mut index = 0;
        while index < list.len() {
            let phrase = list[index].as_bytes();
            seconds[(phrase[0] & 31) as usize] |= 1 << (phrase[1] & 31);
            thirds[(phrase[1] & 31) as usize] |= if phrase.len() > 2 { 1 << (phrase[2] & 31) } else { u32::MAX };
            index += 1;
        }
        Self { list, seconds, thirds }
    }

    /// The phrases that a text in lower case begins with.
    pub(super) fn beginning<'s>(&'s self, lower: &'s [u8]) -> impl Iterator<Item = &'static str> + 's {
        let list = if self.may_begin(lower) { self.list } else { &[] };
        list.iter().copied().filter(|phrase| phrase.as_bytes().first() == lower.first() && lower.starts_with(phrase.as_bytes()))
    }

    /// Whether a text in lower case begins with one of them.
    pub(super) fn begin(&self, lower: &str) -> bool {
        self.beginning(lower.as_bytes()).next().is_some()
    }

    /// Whether one of them stands in a text in lower case, from the beginning of a word on.
    pub(super) fn occur_in(&self, lower: &str) -> bool {
        words(lower).any(|word| self.beginning(word).next().is_some())
    }

    /// Whether a text in lower case is one of them.
    pub(super) fn contain(&self, lower: &str) -> bool {
        self.beginning(lower.as_bytes()).any(|phrase| phrase.len() == lower.len())
    }

    fn may_begin(&self, lower: &[u8]) -> bool {
        let [first, second, ref rest @ ..] = *lower else { return false };
        let has =
            |table: &[u32; 32], byte: u8, next: u8| table.get(usize::from(byte & 31)).is_some_and(|bits| bits & (1 << (next & 31)) != 0);
        // A phrase of two bytes has a bit for whatever follows, also for nothing.
        has(&self.seconds, first, second) && has(&self.thirds, second, rest.first().copied().unwrap_or_default())
    }
}

/// The rest of a text from the beginning of each word on. Bytes above ASCII may begin one anywhere.
pub(super) fn words(text: &str) -> impl Iterator<Item = &[u8]> {
    let bytes = text.as_bytes();
    let mut within = false;
    bytes.iter().enumerate().filter_map(move |(at, byte)| {
        let begins = !within;
        within = byte.is_ascii_alphanumeric();
        begins.then(|| bytes.get(at..)).flatten()
    })
}

/// A text in lower case. Capitals beyond ASCII are rare, and the only ones that take looking up.
pub(super) fn lower(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let done = lower.is_ascii() || !lower.contains(|c: char| !c.is_ascii() && c.is_uppercase());
    if done { lower } else { lower.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHRASES: Phrases = Phrases::new(&["échec", "op reis", "op", "à "]);

    #[test]
    fn phrases_at_the_beginning_and_in_the_text() {
        assert_eq!(PHRASES.beginning("op reis".as_bytes()).collect::<Vec<_>>(), ["op reis", "op"]);
        assert!(PHRASES.begin("échec de la remise") && PHRASES.begin("à jan") && PHRASES.begin("open"));
        for none in ["", "o", "é", "nop", "reis op", "ó"] {
            assert!(!PHRASES.begin(none), "{none}");
        }
        for text in ["ik ben op reis", "(échec)", "l’échec", "3 op"] {
            assert!(PHRASES.occur_in(text), "{text}");
        }
        assert!(!PHRASES.occur_in("hoop, stop en ’t"));
        assert!(PHRASES.contain("op") && PHRASES.contain("op reis") && !PHRASES.contain("op r"));
    }

    #[test]
    fn lower_case_of_all_scripts() {
        for text in ["", "ABC", "Größe ÉCHEC ßẞ Ж", "İ", "Straße\nÀ LA", "漢字 X"] {
            assert_eq!(lower(text), text.to_lowercase(), "{text}");
        }
    }
}
