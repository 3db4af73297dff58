//! Short words as they are looked up in tables: units, currencies, countries.

/// Words and the codes that they stand for, sorted by word.
pub(super) struct Table(pub(super) Vec<(&'static str, &'static str)>);

impl Table {
    /// From rows of a code and the words for it.
    pub(super) fn new(rows: &[(&'static str, &'static str)]) -> Self {
        let mut all: Vec<_> = rows.iter().flat_map(|(code, words)| words.split_ascii_whitespace().map(|word| (word, *code))).collect();
        all.sort_unstable();
        Self(all)
    }

    pub(super) fn get(&self, word: &str) -> Option<&'static str> {
        let at = self.0.binary_search_by_key(&word, |(word, _)| word).ok()?;
        self.0.get(at).map(|(_, code)| *code)
    }
}

/// A short text with nothing left that does not count: letters without accents, digits and `%`, in one case.
pub(super) struct Folded {
    bytes: [u8; Self::LONGEST],
    len: usize,
}

impl Folded {
    const LONGEST: usize = 48;

    pub(super) fn upper(text: &str) -> Option<Self> {
        Self::new(text, |c| c.to_ascii_uppercase())
    }

    pub(super) fn lower(text: &str) -> Option<Self> {
        Self::new(text, |c| c.to_ascii_lowercase())
    }

    /// None when nothing is left of it, when it is longer than any word of ours, or has letters that none has.
    fn new(text: &str, case: impl Fn(u8) -> u8) -> Option<Self> {
        if text.len() > 4 * Self::LONGEST {
            return None;
        }
        let mut folded = Self { bytes: [0; Self::LONGEST], len: 0 };
        for c in text.chars() {
            let mut foreign = false;
            as_ascii(c, |c| match u8::try_from(c) {
                Ok(c) if c.is_ascii_alphanumeric() || c == b'%' => {
                    if let Some(place) = folded.bytes.get_mut(folded.len) {
                        *place = case(c);
                    }
                    folded.len += 1;
                }
                _ => foreign |= c.is_alphanumeric(),
            });
            if foreign || folded.len > Self::LONGEST {
                return None;
            }
        }
        (folded.len > 0).then_some(folded)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// What a character is written with where there is nothing but ASCII: `ü` as `u`, `²` as `2`, `ß` as `ss`.
fn as_ascii(c: char, mut to: impl FnMut(char)) {
    match c {
        _ if c.is_ascii() => to(c),
        'ß' => "ss".chars().for_each(to),
        'œ' | 'Œ' => "oe".chars().for_each(to),
        'ø' | 'Ø' => to('o'),
        _ => unicode_normalization::char::decompose_compatible(c, to),
    }
}
