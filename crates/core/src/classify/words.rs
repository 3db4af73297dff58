//! Text into words: folded (case, accents, compatibility forms and the look-alike digits of OCR do not count), each with the
//! bytes it stands on, in one pass. Numbers, dates, addresses and codes become signs for what they are.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// Longer runs of letters are no words: base64, keys, somebody asleep on the keyboard.
const LONGEST_WORD: usize = 32;
/// A line at least this wide that is followed by another was wrapped, not ended.
const WRAPPED: usize = 50;

/// Where words stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the subject.
    Subject,
    /// In the text.
    Text,
}

impl Place {
    /// As evidence names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "text",
        }
    }
}

/// What a word is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Letters.
    Letters,
    /// A whole number, with its count of digits.
    Number(u8),
    /// A number with decimals.
    Decimal,
    /// A date in digits.
    Date,
    /// A time of day in digits.
    Time,
    /// Letters and digits: an article number, a licence plate.
    Code,
    /// A telephone number or another very long one.
    Long,
    /// A mail address or a link.
    Address,
    /// A sign or an emoji that stands for a word.
    Sign,
}

/// A word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// Where its folded form is in [`Words::folded`].
    pub(super) fold: (u32, u32),
    /// Where it stands.
    pub(super) place: Place,
    /// Its first byte there, and the byte after its last.
    pub(super) span: (u32, u32),
    /// What it is made of.
    pub(super) shape: Shape,
    /// The number of its sentence.
    pub(super) sentence: u32,
    /// Whether it begins one.
    pub(super) first: bool,
    /// Whether its sentence ends in a question mark.
    pub(super) question: bool,
    /// Whether it is shouted.
    pub(super) caps: bool,
}

/// Something counted in the text, and where it was first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// How often.
    pub(super) count: u32,
    /// Where first.
    pub(super) first: Option<(Place, u32, u32)>,
}

impl Tally {
    pub(super) fn add(&mut self, place: Place, start: u32, end: u32) {
        self.count = self.count.saturating_add(1);
        self.first = self.first.or(Some((place, start, end)));
    }
}

/// A subject and a text in words.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// The folded words, a blank before, between and after them; `|` between sentences.
    pub(super) folded: String,
    /// The words, in order.
    pub(super) words: Vec<Word>,
    /// Question marks.
    pub(super) questions: Tally,
    /// Exclamation marks.
    pub(super) exclamations: Tally,
    /// `??`, `!!`, `?!`.
    pub(super) doubled: Tally,
    /// Lines that look like those of a list of goods: a number at one end, words at the other.
    pub(super) items: Tally,
    /// Sentences.
    pub(super) sentences: u32,
}

impl Words {
    /// Of a subject and a text.
    pub(super) fn of(subject: &str, text: &str) -> Self {
        let mut words = Self { folded: String::with_capacity(subject.len() + text.len() + 64), ..Self::default() };
        words.words.reserve((subject.len() + text.len()) / 5 + 8);
        words.folded.push(' ');
        for (place, source) in [(Place::Subject, subject), (Place::Text, text)] {
            Scan { out: &mut words, place, source, sentence: 0, line: 0, line_at: 0, chunk: 0, fresh: true }.run();
        }
        words
    }

    /// The folded form of a word.
    #[cfg(test)]
    pub(super) fn fold(&self, word: &Word) -> &str {
        self.folded.get(word.fold.0 as usize..word.fold.1 as usize).unwrap_or_default()
    }
}

/// Appends a character as it is compared: lower case, compatibility forms and accents resolved.
pub(super) fn fold(c: char, into: &mut String) {
    match c {
        _ if c.is_ascii() => into.push(c.to_ascii_lowercase()),
        'ß' | 'ẞ' => into.push_str("ss"),
        'æ' | 'Æ' => into.push_str("ae"),
        'œ' | 'Œ' => into.push_str("oe"),
        'ø' | 'Ø' => into.push('o'),
        'ł' | 'Ł' => into.push('l'),
        'đ' | 'Đ' => into.push('d'),
        _ => decompose_compatible(c, |part| {
            if !is_combining_mark(part) {
                into.extend(part.to_lowercase());
            }
        }),
    }
}

/// What a run of letters and digits holds.
#[derive(Default)]
struct Run {
    letters: usize,
    upper: usize,
    digits: usize,
    zeros_and_ones: usize,
    /// Letters that OCR reads for digits: O, o, l, I.
    lookalikes: usize,
    /// The byte where the first letter stands, for `10kg`.
    first_letter: Option<usize>,
    /// A digit after a letter.
    mixed: bool,
    dots: usize,
    commas: usize,
    colons: usize,
    dashes: usize,
    /// Ends in é or és: a French participle (`commandé`), where the bare form (`commande`) means something else.
    participle: bool,
}

impl Run {
    fn take(&mut self, at: usize, c: char) {
        if c.is_numeric() {
            self.digits += 1;
            self.zeros_and_ones += usize::from(c == '0' || c == '1');
            self.mixed |= self.letters > 0;
        } else {
            self.letters += 1;
            self.upper += usize::from(c.is_uppercase());
            self.lookalikes += usize::from(matches!(c, 'O' | 'o' | 'l' | 'I'));
            self.first_letter = self.first_letter.or(Some(at));
        }
        self.participle = matches!(c, 'é' | 'É') || self.participle && matches!(c, 's' | 'S');
    }
}

/// The pass over one place.
struct Scan<'a> {
    out: &'a mut Words,
    place: Place,
    source: &'a str,
    /// The first word of the running sentence, of the running line, of the running chunk between blanks.
    sentence: usize,
    line: usize,
    chunk: usize,
    /// Where the running line starts.
    line_at: usize,
    /// Whether the next word begins a sentence.
    fresh: bool,
}

impl Scan<'_> {
    fn run(mut self) {
        let start = self.out.words.len();
        (self.sentence, self.line, self.chunk) = (start, start, start);
        let mut at = 0;
        while let Some(c) = self.source.get(at..).and_then(|rest| rest.chars().next()) {
            at = if c.is_alphanumeric() { self.word(at) } else { self.mark(at, c) };
        }
        self.end_line(at);
        self.end_sentence();
    }

    /// Reads the word at `at`; returns where it ends.
    fn word(&mut self, at: usize) -> usize {
        let rest = self.source.get(at..).unwrap_or_default();
        let mut run = Run::default();
        let mut end = at;
        let mut chars = rest.char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            if c.is_alphanumeric() {
                run.take(at + offset, c);
            } else if is_combining_mark(c) {
                // Part of the letter before it, which `fold` drops.
                run.participle |= c == '\u{301}' && rest.get(..offset).is_some_and(|before| before.ends_with(['e', 'E']));
            } else {
                let number = run.letters == 0 && chars.peek().is_some_and(|(_, next)| next.is_ascii_digit());
                match c {
                    '.' if number => run.dots += 1,
                    ',' | '\u{202f}' if number => run.commas += 1,
                    ':' if number => run.colons += 1,
                    '/' | '-' if number => run.dashes += 1,
                    _ => break,
                }
            }
            end = at + offset + c.len_utf8();
        }
        self.finish(at, end, &run);
        end
    }

    /// Files a run of letters and digits as the word or words that it is.
    fn finish(&mut self, start: usize, end: usize, run: &Run) {
        let all_lookalikes = run.digits > 0 && run.letters > 0 && run.lookalikes == run.letters;
        // `1kg` is a quantity, `0rder` and `1nterest` are words.
        let quantity = !run.mixed && run.letters <= 4 && !self.source.get(start..end).is_some_and(|run| run.starts_with('0'));
        match (run.letters, run.digits) {
            (letters, 0) if letters <= LONGEST_WORD => self.letters(start, end, run),
            (_, 0) => self.sign("#long", Shape::Long, start, end),
            (0, _) => self.number(start, end, run),
            // `4O2` for 402, `l2` for 12.
            (letters, digits) if all_lookalikes && digits >= letters => self.number(start, end, run),
            // OCR's purchase order.
            _ if self.source.get(start..end) == Some("P0") => self.letters(start, end, run),
            // `0rder`, `fi1let`
            (letters, digits) if digits == run.zeros_and_ones && !quantity && letters >= 2 * digits && letters + digits <= LONGEST_WORD => {
                self.letters(start, end, run);
            }
            _ => match run.first_letter {
                // `10kg`, `3x`
                Some(letter) if !run.mixed && letter > start => {
                    let digits = Run { digits: run.digits, dots: run.dots, commas: run.commas, ..Run::default() };
                    self.number(start, letter, &digits);
                    if run.letters <= LONGEST_WORD {
                        self.letters(letter, end, run);
                    }
                }
                _ if run.letters + run.digits <= LONGEST_WORD => self.sign("#code", Shape::Code, start, end),
                _ => self.sign("#long", Shape::Long, start, end),
            },
        }
    }

    fn letters(&mut self, start: usize, end: usize, run: &Run) {
        let from = self.out.folded.len();
        for c in self.source.get(start..end).unwrap_or_default().chars() {
            match c {
                '0' => self.out.folded.push('o'),
                '1' => self.out.folded.push('l'),
                c => fold(c, &mut self.out.folded),
            }
        }
        if run.participle {
            self.out.folded.push('\'');
        }
        self.push(from, start, end, Shape::Letters, run.letters >= 4 && run.upper == run.letters);
    }

    fn number(&mut self, start: usize, end: usize, run: &Run) {
        let digits = run.digits + run.letters;
        let (shape, sign) = match (run.dots, run.commas, run.colons, run.dashes) {
            (_, _, 1.., _) => (Shape::Time, "#time"),
            (0, 0, 0, 1..) | (2, 0, 0, 0) if digits <= 8 => (Shape::Date, "#date"),
            (0, 0, 0, 1..) => (Shape::Long, "#tel"),
            (1.., _, _, _) | (_, 1.., _, _) => (Shape::Decimal, "#dec"),
            _ => match digits {
                1 => (Shape::Number(1), "#1"),
                2 => (Shape::Number(2), "#2"),
                3 => (Shape::Number(3), "#3"),
                4 => (Shape::Number(4), "#4"),
                5 => (Shape::Number(5), "#5"),
                6 => (Shape::Number(6), "#6"),
                7..=9 => (Shape::Number(7), "#7"),
                _ => (Shape::Long, "#tel"),
            },
        };
        self.sign(sign, shape, start, end);
    }

    fn sign(&mut self, sign: &str, shape: Shape, start: usize, end: usize) {
        let from = self.out.folded.len();
        self.out.folded.push_str(sign);
        self.push(from, start, end, shape, false);
    }

    /// Files the word whose folded form was appended from `from` on.
    fn push(&mut self, from: usize, start: usize, end: usize, shape: Shape, caps: bool) {
        self.out.words.push(Word {
            fold: (from as u32, self.out.folded.len() as u32),
            place: self.place,
            span: (start as u32, end as u32),
            shape,
            sentence: self.out.sentences,
            first: std::mem::take(&mut self.fresh),
            question: false,
            caps,
        });
        self.out.folded.push(' ');
    }

    /// Handles a character that is in no word; returns where to go on.
    fn mark(&mut self, at: usize, c: char) -> usize {
        let end = at + c.len_utf8();
        let rest = self.source.get(end..).unwrap_or_default();
        match c {
            '\n' => self.end_line(at),
            '.' | '…' if rest.is_empty() || rest.starts_with(char::is_whitespace) || c == '…' => self.end_sentence(),
            '?' | '!' => self.punctuation(at, c),
            '@' if rest.starts_with(char::is_alphanumeric) && self.out.words.len() > self.chunk => return self.address(end),
            ':' if rest.starts_with("//") && self.out.words.len() > self.chunk => return self.address(end),
            ':' | ';' => match smiley(rest) {
                Some(sign) => self.sign(sign, Shape::Sign, at, end),
                None if c == ';' => self.end_sentence(),
                None => {}
            },
            '€' | '$' | '£' | '¥' => self.symbol(at, c),
            '×' => self.sign("x", Shape::Letters, at, end),
            c if is_emoji(c) => self.symbol(at, c),
            _ => {}
        }
        if c.is_whitespace() {
            self.chunk = self.out.words.len();
        }
        end
    }

    fn symbol(&mut self, at: usize, c: char) {
        let mut bytes = [0; 4];
        self.sign(c.encode_utf8(&mut bytes), Shape::Sign, at, at + c.len_utf8());
    }

    fn punctuation(&mut self, at: usize, c: char) {
        let (start, end) = (at as u32, at as u32 + 1);
        let before = self.source.get(..at).unwrap_or_default();
        if before.ends_with(['?', '!']) {
            self.out.doubled.add(self.place, start, end);
        }
        if c == '?' {
            self.out.questions.add(self.place, start, end);
            for word in self.out.words.iter_mut().skip(self.sentence) {
                word.question = true;
            }
        } else {
            self.out.exclamations.add(self.place, start, end);
        }
        self.end_sentence();
    }

    /// The chunk so far was the beginning of an address: one word for all of it.
    fn address(&mut self, at: usize) -> usize {
        let rest = self.source.get(at..).unwrap_or_default();
        let whole =
            rest.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '"' | '(' | ')')).next().unwrap_or_default();
        let end = at + whole.trim_end_matches(['.', '!', '?', ':', '\'']).len();
        let first = self.out.words.get(self.chunk).map(|word| (word.span.0, word.fold.0, word.first));
        if let Some((start, fold, first)) = first {
            self.out.words.truncate(self.chunk);
            self.out.folded.truncate(fold as usize);
            self.fresh |= first;
            self.sign("#mail", Shape::Address, start as usize, end);
        }
        end
    }

    fn end_line(&mut self, at: usize) {
        let words = self.out.words.get(self.line..).unwrap_or_default();
        let counted = |word: &&Word| matches!(word.shape, Shape::Number(1..=4));
        let item = words.iter().any(|word| word.shape == Shape::Letters)
            && words.len() <= 14
            && (words.first().filter(counted).is_some() || words.last().filter(counted).is_some());
        if let (true, Some(first), Some(last)) = (item, words.first(), words.last()) {
            self.out.items.add(self.place, first.span.0, last.span.1);
        }
        let wrapped = at.saturating_sub(self.line_at) >= WRAPPED && !self.source.get(at..).unwrap_or_default().starts_with("\n\n");
        if !wrapped {
            self.end_sentence();
        }
        (self.line, self.line_at, self.chunk) = (self.out.words.len(), at + 1, self.out.words.len());
    }

    fn end_sentence(&mut self) {
        if self.out.words.len() > self.sentence {
            self.sentence = self.out.words.len();
            self.out.sentences += 1;
            self.out.folded.push_str("| ");
        }
        self.fresh = true;
    }
}

/// `:)`, `:-(` and the like, from what follows the eyes.
fn smiley(rest: &str) -> Option<&'static str> {
    let mouth = rest.strip_prefix('-').unwrap_or(rest);
    if mouth.starts_with([')', 'D', ']']) {
        Some("☺")
    } else if mouth.starts_with(['(', '[', '/']) && !mouth.starts_with("//") {
        Some("😞")
    } else {
        None
    }
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x2600..=0x27BF | 0x2B50 | 0x1F300..=0x1FAFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        let words = Words::of("", text);
        words.words.iter().map(|word| words.fold(word).to_owned()).collect()
    }

    #[test]
    fn words_are_folded() {
        let table: &[(&str, &[&str])] = &[
            ("Straße ÉTÉ naïve", &["strasse", "ete'", "naive"]),
            ("e\u{301}te\u{301}", &["ete'"]),
            ("commandé commande", &["commande'", "commande"]),
            ("j’ai l'été", &["j", "ai", "l", "ete'"]),
            ("ﬁn ½ ①", &["fin", "#1", "#1"]),
            ("0rder bestel1ung P0 l2 4O2", &["order", "bestellung", "po", "#2", "#3"]),
            ("10kg 3x 5 Stk 1kg", &["#2", "kg", "#1", "x", "#1", "stk", "#1", "kg"]),
            ("1.250,00 12.3.2024 3/5 9:30 06-12345678", &["#dec", "#date", "#date", "#time", "#tel"]),
            ("SO-448190 HF220 4500098121", &["so", "#6", "#code", "#tel"]),
            ("mail jan@example.com, of www", &["mail", "#mail", "of", "www"]),
            ("kijk op https://example.com/a?b=1 !", &["kijk", "op", "#mail"]),
            ("€ 12 :) 😡", &["€", "#2", "☺", "😡"]),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &["#long"]),
        ];
        for (text, expected) in table {
            assert_eq!(folded(text), *expected, "{text}");
        }
    }

    #[test]
    fn every_word_knows_where_it_stands() {
        let (subject, text) = ("Re: Ordér", "Ik wil 3x ﬁlet.\nMail jan@example.com!");
        let words = Words::of(subject, text);
        let said: Vec<&str> = words
            .words
            .iter()
            .map(|word| {
                let source = if word.place == Place::Subject { subject } else { text };
                &source[word.span.0 as usize..word.span.1 as usize]
            })
            .collect();
        assert_eq!(said, ["Re", "Ordér", "Ik", "wil", "3", "x", "ﬁlet", "Mail", "jan@example.com"]);
    }

    #[test]
    fn sentences_questions_and_lists_are_seen() {
        let words = Words::of("", "Hoi. Kan dat?! Nee\n\n12 dozen tape\nrollen folie 3\n");
        let questions: Vec<bool> = words.words.iter().map(|word| word.question).collect();
        assert_eq!(questions[..4], [false, true, true, false]);
        assert_eq!((words.questions.count, words.exclamations.count, words.doubled.count, words.items.count), (1, 1, 1, 2));
        let firsts = words.words.iter().filter(|word| word.first).count();
        assert_eq!(firsts, 5);
        // A wrapped line is one sentence with the next one.
        let wrapped = Words::of("", "Dit is een zin die door het mailprogramma in twee stukken\ngeknipt is.");
        assert_eq!(wrapped.sentences, 1);
    }
}
