//! Words into features: words, pairs of words, pieces of words, groups of the lexicon, and plain facts such as quantities, each
//! a 64-bit hash with the words that it stands on. One pass, linear in the text, which is read to a limit.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::lexicon::{Group, Lexicon};
use super::words::{Place, Shape, Tally, Word, Words};

/// Only so much of a text is looked at: what a customer wants stands in the first pages.
pub(super) const LONGEST_TEXT: usize = 32 * 1024;
/// Only so much of a subject.
pub(super) const LONGEST_SUBJECT: usize = 1024;
/// Features of a message that are told apart, as bits of their hashes; in longer ones a few are lost.
const SEEN_BITS: u32 = 17;

/// A kind of feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word.
    Word,
    /// A word of the subject, or the first of a sentence.
    Marked,
    /// Two words, side by side.
    Pair,
    /// Three to five letters of a word.
    Piece,
    /// A word of a group in the lexicon.
    Group,
    /// Such a word in a question, near a negation, or with another in its sentence.
    Context,
    /// A plain fact.
    Fact,
}

/// How many kinds there are.
pub(super) const KINDS: usize = 7;

impl Kind {
    /// What a feature of this kind is worth in a message that has `count` of them. Divided by the root of their number, so that
    /// long messages do not shout; the floor keeps very short ones from it.
    pub(super) fn value(self, count: u32) -> f64 {
        let (scale, floor) = match self {
            Self::Word => (1.8, 6),
            Self::Marked => (1.0, 3),
            Self::Pair => (1.2, 8),
            Self::Piece => (1.0, 40),
            Self::Group => (1.4, 8),
            Self::Context => (0.9, 6),
            Self::Fact => (0.8, 6),
        };
        scale / f64::from(count.max(floor)).sqrt()
    }
}

/// A feature.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feature {
    /// Its name, hashed.
    pub(super) hash: u64,
    /// Its kind.
    pub(super) kind: Kind,
    /// The words that it stands on: the first, and the one after the last. For a fact: its number, and the same.
    pub(super) at: (u32, u32),
}

/// A plain fact about a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact {
    /// Its name.
    pub(super) name: &'static str,
    /// Where it was first seen, if it can be pointed at.
    pub(super) first: Option<(Place, u32, u32)>,
}

/// How many features of each kind a message has.
pub(super) type Counts = [u32; KINDS];

/// Cuts a text at a limit, between characters.
pub(super) fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

/// The features of a message, each once; the facts that the last ones speak of.
pub(super) fn extract(lexicon: &Lexicon, words: &Words, mut emit: impl FnMut(Feature)) -> (Counts, Vec<Fact>) {
    let mut counts = Counts::default();
    let mut seen = vec![0_u64; 1 << (SEEN_BITS - 6)];
    let mut once = |kind: Kind, hash: u64, at: (u32, u32)| {
        let bit = hash >> (64 - SEEN_BITS);
        if let (Some(cell), Some(count)) = (seen.get_mut((bit >> 6) as usize), counts.get_mut(kind as usize)) {
            let mask = 1 << (bit & 63);
            if *cell & mask == 0 {
                *cell |= mask;
                *count += 1;
                emit(Feature { hash, kind, at });
            }
        }
    };
    plain(words, &mut once);
    let hits = Hits::of(lexicon, words);
    hits.features(&mut once);
    let facts = facts(words, &hits, &mut once);
    (counts, facts)
}

fn hash(kind: Kind, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, kind as u64)
}

/// Words, pairs and pieces.
fn plain(words: &Words, once: &mut impl FnMut(Kind, u64, (u32, u32))) {
    let folded = words.folded.as_bytes();
    let slice = |from: u32, to: u32| folded.get(from as usize..to as usize).unwrap_or_default();
    let mut last: Option<&Word> = None;
    for (at, word) in (0_u32..).zip(&words.words) {
        let (from, to) = word.fold;
        let here = (at, at + 1);
        let whole = hash(Kind::Word, slice(from, to));
        once(Kind::Word, whole, here);
        if word.place == Place::Subject {
            once(Kind::Marked, whole.rotate_left(17) ^ 1, here);
        } else if word.first {
            once(Kind::Marked, whole.rotate_left(17) ^ 2, here);
        }
        if let Some(last) = last.filter(|last| last.sentence == word.sentence) {
            once(Kind::Pair, hash(Kind::Pair, slice(last.fold.0, to)), (at - 1, at + 1));
        }
        last = Some(word);
        if word.shape == Shape::Letters && to - from > 2 {
            // With the blanks before and after it, so that beginnings and ends are told apart.
            let spaced = slice(from - 1, to + 1);
            for size in 3..=5 {
                for piece in spaced.windows(size) {
                    once(Kind::Piece, hash(Kind::Piece, piece), here);
                }
            }
        }
    }
}

/// Words of the lexicon, where they stand.
struct Hits<'a> {
    words: &'a Words,
    found: Vec<(Group, u32, u32)>,
    /// For each word whether it negates, counts, is a unit, a currency, or announces a reference.
    flags: Vec<u8>,
}

const NEGATION: u8 = 1;
const NUMBER: u8 = 2;
const UNIT: u8 = 4;
const CURRENCY: u8 = 8;
const REFERENCE: u8 = 16;
const SPAN: u8 = 32;

impl<'a> Hits<'a> {
    fn of(lexicon: &Lexicon, words: &'a Words) -> Self {
        let flag = |group: Group| match lexicon.name(group) {
            "negation" => NEGATION,
            "count/word" => NUMBER,
            "count/unit" => UNIT,
            "money/price" => CURRENCY,
            "reference" => REFERENCE,
            "time/span" => SPAN,
            _ => 0,
        };
        let mut hits = Self { words, found: Vec::with_capacity(words.words.len()), flags: vec![0; words.words.len()] };
        for (at, word) in words.words.iter().enumerate() {
            let rest = words.folded.get(word.fold.0 as usize..).unwrap_or_default();
            lexicon.find(rest, |group, length| {
                let end = word.fold.0 + length as u32;
                let covers = words.words.iter().skip(at).take_while(|word| word.fold.0 < end).count();
                hits.found.push((group, at as u32, (at + covers) as u32));
                if let Some(flags) = hits.flags.get_mut(at) {
                    *flags |= flag(group);
                }
            });
        }
        hits
    }

    fn flag(&self, at: usize, flag: u8) -> bool {
        self.flags.get(at).is_some_and(|flags| flags & flag != 0)
    }

    /// Whether a negation stands within two words of these, in their sentence.
    fn negated(&self, from: u32, to: u32) -> bool {
        let sentence = self.words.words.get(from as usize).map(|word| word.sentence);
        let near = |at: u32| self.flag(at as usize, NEGATION) && self.words.words.get(at as usize).map(|word| word.sentence) == sentence;
        (from.saturating_sub(2)..from).chain(to..to.saturating_add(2)).any(near)
    }

    fn features(&self, once: &mut impl FnMut(Kind, u64, (u32, u32))) {
        let mut sentence = u32::MAX;
        let mut mates: Vec<(Group, u32)> = Vec::new();
        for &(group, from, to) in &self.found {
            let Some(word) = self.words.words.get(from as usize) else { continue };
            once(Kind::Group, hash(Kind::Group, &[group]), (from, to));
            if word.question {
                once(Kind::Context, hash(Kind::Context, &[group, b'?']), (from, to));
            }
            if !self.flag(from as usize, NEGATION) && self.negated(from, to) {
                once(Kind::Context, hash(Kind::Context, &[group, b'!']), (from, to));
            }
            if word.sentence != sentence {
                sentence = word.sentence;
                mates.clear();
            }
            for &(mate, mate_from) in mates.iter().filter(|(mate, _)| *mate != group) {
                let pair = if mate < group { [mate, group, b'+'] } else { [group, mate, b'+'] };
                once(Kind::Context, hash(Kind::Context, &pair), (mate_from, to));
            }
            // Few are enough, and a sentence without end stays linear.
            if mates.len() < 12 && !mates.iter().any(|(mate, _)| *mate == group) {
                mates.push((group, from));
            }
        }
    }
}

/// Facts about the whole message, each with the levels that it reaches.
fn facts(words: &Words, hits: &Hits<'_>, once: &mut impl FnMut(Kind, u64, (u32, u32))) -> Vec<Fact> {
    let mut tallies = Tallies::default();
    for (at, word) in words.words.iter().enumerate() {
        tallies.word(words, hits, at, word);
    }
    let length = Tally { count: words.words.len() as u32, first: None };
    let subject = Tally { count: u32::from(words.words.first().is_some_and(|word| word.place == Place::Subject)), first: None };
    let asked = Tally { count: u32::from(words.words.last().is_some_and(|word| word.question)), ..words.questions };
    let only = Tally { count: u32::from(!words.words.is_empty() && words.words.iter().all(|word| word.question)), ..words.questions };
    let all: [(&'static str, Tally, &[u32]); 18] = [
        ("<quantity>", tallies.quantity, &[1, 2, 4, 8]),
        ("<list of items>", words.items, &[1, 2, 4]),
        ("<reference>", tallies.reference, &[1, 2]),
        ("<amount>", tallies.amount, &[1, 2]),
        ("<date>", tallies.date, &[1, 2]),
        ("<time>", tallies.time, &[1]),
        ("<duration>", tallies.duration, &[1, 2]),
        ("<address>", tallies.address, &[1]),
        ("<number>", tallies.number, &[1, 3, 6, 12]),
        ("<question>", words.questions, &[1, 2, 3]),
        ("<ends in a question>", asked, &[1]),
        ("<only a question>", only, &[1]),
        ("<exclamation>", words.exclamations, &[1, 2, 4]),
        ("<doubled mark>", words.doubled, &[1, 2]),
        ("<capitals>", tallies.capitals, &[1, 3]),
        ("<length>", length, &[6, 12, 24, 48, 96]),
        ("<subject>", subject, &[1]),
        ("<emoji>", tallies.emoji, &[1]),
    ];
    for (number, (name, tally, levels)) in (0_u32..).zip(&all) {
        for level in levels.iter().filter(|level| **level <= tally.count) {
            let name = xxh3_64_with_seed(name.as_bytes(), u64::from(*level));
            once(Kind::Fact, name, (number, number));
        }
    }
    all.iter().map(|(name, tally, _)| Fact { name, first: tally.first }).collect()
}

#[derive(Default)]
struct Tallies {
    quantity: Tally,
    reference: Tally,
    amount: Tally,
    date: Tally,
    time: Tally,
    duration: Tally,
    address: Tally,
    number: Tally,
    capitals: Tally,
    emoji: Tally,
}

impl Tallies {
    fn word(&mut self, words: &Words, hits: &Hits<'_>, at: usize, word: &Word) {
        let (start, end) = word.span;
        let next = words.words.get(at + 1).filter(|next| next.place == word.place);
        let previous = at.checked_sub(1).and_then(|at| words.words.get(at)).filter(|previous| previous.place == word.place);
        let counts = matches!(word.shape, Shape::Number(1..=5) | Shape::Decimal) || hits.flag(at, NUMBER);
        let measured = next.is_some() && hits.flag(at + 1, UNIT);
        // `3 x`, `x 3`, `qty 3`: a unit on the other side.
        let multiplied = at.checked_sub(1).is_some_and(|before| hits.flag(before, UNIT)) && matches!(word.shape, Shape::Number(1..=4));
        if counts && measured {
            self.quantity.add(word.place, start, next.map_or(end, |next| next.span.1));
        } else if multiplied {
            self.quantity.add(word.place, previous.map_or(start, |previous| previous.span.0), end);
        }
        if counts && next.is_some() && hits.flag(at + 1, SPAN) {
            self.duration.add(word.place, start, next.map_or(end, |next| next.span.1));
        }
        let long = matches!(word.shape, Shape::Code | Shape::Number(5..));
        let announced = matches!(word.shape, Shape::Number(3..)) && at.checked_sub(1).is_some_and(|before| hits.flag(before, REFERENCE));
        if long || announced {
            self.reference.add(word.place, start, end);
        }
        let money = hits.flag(at, CURRENCY) && matches!(word.shape, Shape::Sign)
            || hits.flag(at, CURRENCY) && previous.is_some_and(|previous| matches!(previous.shape, Shape::Number(_) | Shape::Decimal));
        if money {
            self.amount.add(word.place, start, end);
        }
        match word.shape {
            Shape::Date => self.date.add(word.place, start, end),
            Shape::Time => self.time.add(word.place, start, end),
            Shape::Address => self.address.add(word.place, start, end),
            Shape::Number(_) | Shape::Decimal => self.number.add(word.place, start, end),
            Shape::Sign if !hits.flag(at, CURRENCY) => self.emoji.add(word.place, start, end),
            _ => {}
        }
        if word.caps {
            self.capitals.add(word.place, start, end);
        }
    }
}
