//! Words that mean the same, in four languages: `lexicon.txt`. The model learns what each group speaks for, so that a word
//! which the corpus never shows still counts.

/// What it is read from.
pub(super) const TEXT: &str = include_str!("lexicon.txt");

/// The number of a group.
pub(super) type Group = u8;

/// Groups of words, to be found where a word begins.
#[derive(Debug)]
pub(super) struct Lexicon {
    names: Vec<&'static str>,
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    next: Vec<(u8, u32)>,
    /// Groups with an entry that ends here, at the end of a word.
    whole: Vec<Group>,
    /// Groups with an entry that ends here, whatever follows.
    stem: Vec<Group>,
}

impl Lexicon {
    /// The one that was built in.
    pub(super) fn builtin() -> Result<Self, String> {
        Self::parse(TEXT)
    }

    fn parse(text: &'static str) -> Result<Self, String> {
        let mut lexicon = Self { names: Vec::new(), nodes: vec![Node::default()] };
        let mut groups = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            // An indented line goes on with the group before it.
            let entries = if line.starts_with(' ') {
                line
            } else {
                let (name, entries) = line.split_once(':').ok_or_else(|| format!("lexicon.txt: no colon in `{line}`"))?;
                groups.clear();
                groups.push(lexicon.enter(name)?);
                if let Some((parent, _)) = name.split_once('/') {
                    groups.push(lexicon.enter(parent)?);
                }
                entries
            };
            for entry in entries.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
                let (entry, stem) = entry.strip_suffix('*').map_or((entry, false), |stem| (stem, true));
                let node = lexicon.path(entry);
                if let Some(node) = lexicon.nodes.get_mut(node) {
                    let own = if stem { &mut node.stem } else { &mut node.whole };
                    for group in &groups {
                        if !own.contains(group) {
                            own.push(*group);
                        }
                    }
                }
            }
        }
        for node in &mut lexicon.nodes {
            node.next.shrink_to_fit();
        }
        lexicon.nodes.shrink_to_fit();
        Ok(lexicon)
    }

    /// The node of an entry, made where it is missing.
    fn path(&mut self, entry: &str) -> usize {
        let mut at = 0_usize;
        for byte in entry.bytes() {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { break };
            at = match node.next.iter().find(|(next, _)| *next == byte) {
                Some((_, to)) => *to as usize,
                None => {
                    node.next.push((byte, fresh as u32));
                    self.nodes.push(Node::default());
                    fresh
                }
            };
        }
        at
    }

    /// The number of a group, which is new or known.
    fn enter(&mut self, name: &'static str) -> Result<Group, String> {
        let known = self.names.iter().position(|known| *known == name);
        if known.is_none() {
            self.names.push(name);
        }
        Group::try_from(known.unwrap_or(self.names.len() - 1)).map_err(|_| "lexicon.txt: more than 256 groups".to_owned())
    }

    /// How many bytes it takes in memory, about.
    pub(super) fn memory(&self) -> usize {
        let inner = |node: &Node| node.next.capacity() * size_of::<(u8, u32)>() + node.whole.capacity() + node.stem.capacity();
        self.nodes.capacity() * size_of::<Node>() + self.nodes.iter().map(inner).sum::<usize>()
    }

    /// The name of a group.
    pub(super) fn name(&self, group: Group) -> &'static str {
        self.names.get(usize::from(group)).copied().unwrap_or_default()
    }

    /// The groups with an entry at the beginning of `folded`, each with the length of what matched.
    pub(super) fn find(&self, folded: &str, mut found: impl FnMut(Group, usize)) {
        let Some(mut node) = self.nodes.first() else { return };
        let bytes = folded.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let Some(next) = node.next.iter().find(|(next, _)| next == byte).and_then(|(_, to)| self.nodes.get(*to as usize)) else {
                return;
            };
            node = next;
            // A participle's mark ends a word too.
            if !node.whole.is_empty() && bytes.get(at + 1).is_none_or(|after| matches!(after, b' ' | b'\'')) {
                node.whole.iter().for_each(|group| found(*group, at + 1));
            }
            node.stem.iter().for_each(|group| found(*group, at + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&'static str, usize)> {
        let lexicon = Lexicon::parse("bad: kapot*,\n  does not work\nown/mine: kapotje, commande', x").unwrap();
        let mut all = Vec::new();
        lexicon.find(text, |group, length| all.push((lexicon.name(group), length)));
        all
    }

    #[test]
    fn finds_words_stems_and_phrases() {
        assert_eq!(found("kapotte deur"), [("bad", 5)]);
        assert_eq!(found("kapotje "), [("bad", 5), ("own/mine", 7), ("own", 7)]);
        assert_eq!(found("does not work | "), [("bad", 13)]);
        assert_eq!(found("does not worker"), []);
        assert_eq!(found("commande' "), [("own/mine", 9), ("own", 9)]);
        assert_eq!(found("commandes"), []);
        assert_eq!(found("xx"), []);
        assert_eq!(found(""), []);
    }

    #[test]
    fn the_built_in_one_reads_and_is_folded() {
        let lexicon = Lexicon::builtin().unwrap();
        assert!(["count/unit", "count/word", "money/price", "reference", "negation"].iter().all(|name| lexicon.names.contains(name)));
        for (at, line) in TEXT.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let mut folded = String::new();
            line.chars().for_each(|c| super::super::words::fold(c, &mut folded));
            assert_eq!(line, folded, "line {} of lexicon.txt is not folded", at + 1);
            assert!(!line.split(',').any(|entry| entry.trim().trim_end_matches('*').contains('*')), "line {}: a star inside", at + 1);
            let entries = line.split_once(':').map_or(line, |(_, entries)| entries);
            assert!(!entries.contains(['-', '’']), "line {}: texts have blanks for these", at + 1);
        }
    }
}
