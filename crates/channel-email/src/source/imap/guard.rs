//! What a server may say, checked byte by byte before the parser sees it.
//!
//! The parser buffers whole responses, reads an unfinished line again with every packet, and recurses into parentheses: fine
//! with servers that behave. The guard holds the others to bounds in which all of that is cheap: so many bytes outside
//! literals, so many in literals (what was asked for), so many parentheses.

use std::io;

/// Bytes of one response outside its literals. A search answers with at most 5,000 numbers, 55 KB.
const MOST_TEXT: usize = 256 << 10;
/// Parentheses that one response opens. What is asked for needs three.
const MOST_PARENTHESES: u32 = 64;

/// The state of one direction of one connection.
#[derive(Debug)]
pub(super) struct Guard {
    /// Literal bytes that one response may have.
    pub(super) most_literal: u64,
    /// Of those, what this response has had.
    literals: u64,
    /// What is still to come of the literal that was announced.
    literal: u64,
    text: usize,
    parentheses: u32,
    kind: Kind,
    tail: Tail,
}

/// What a response is, as far as its first bytes say it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Start,
    Star,
    StarSpace,
    /// `* 12 FETCH …`: the only ones with literals.
    Numbered,
    /// Words for people, and lists.
    Words,
}

/// How far the end of a line looks like `{123}` CR LF.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tail {
    Other,
    Digits(u64),
    Closed(u64),
    Return(Option<u64>),
}

impl Guard {
    pub(super) fn new(most_literal: u64) -> Self {
        Self { most_literal, literals: 0, literal: 0, text: 0, parentheses: 0, kind: Kind::Start, tail: Tail::Other }
    }

    /// Checks bytes as they came. Bytes beyond ASCII in words for people become `?`: the parser cuts such words by bytes.
    pub(super) fn check(&mut self, mut bytes: &mut [u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let skipped = usize::try_from(self.literal).unwrap_or(usize::MAX).min(bytes.len());
            self.literal -= skipped as u64;
            bytes = bytes.split_at_mut(skipped).1;
            // One response, or what there is of it, or up to its next literal.
            let mut used = 0;
            for byte in bytes.iter_mut() {
                self.one(byte)?;
                used += 1;
                if self.literal > 0 {
                    break;
                }
            }
            bytes = bytes.split_at_mut(used).1;
        }
        Ok(())
    }

    fn one(&mut self, byte: &mut u8) -> io::Result<()> {
        self.text += 1;
        if self.text > MOST_TEXT {
            return Err(refused("a line of more than 256 KB"));
        }
        self.kind = match (self.kind, *byte) {
            (Kind::Start, b'*') => Kind::Star,
            (Kind::Star, b' ') => Kind::StarSpace,
            (Kind::StarSpace, b'0'..=b'9') => Kind::Numbered,
            (kind @ (Kind::Numbered | Kind::Words), _) => kind,
            _ => Kind::Words,
        };
        if *byte == b'(' {
            self.parentheses += 1;
            if self.parentheses > MOST_PARENTHESES {
                return Err(refused("a response with more than 64 parentheses"));
            }
        }
        if self.kind == Kind::Words && (*byte >= 0x80 || *byte == 0) {
            *byte = b'?';
        }
        self.tail = match (self.tail, *byte) {
            (_, b'{') => Tail::Digits(0),
            (Tail::Digits(number), digit @ b'0'..=b'9') => Tail::Digits(number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))),
            (Tail::Digits(number), b'}') => Tail::Closed(number),
            (Tail::Closed(number), b'\r') => Tail::Return(Some(number)),
            (_, b'\r') => Tail::Return(None),
            (Tail::Return(Some(number)), b'\n') if self.kind == Kind::Numbered => return self.announced(number),
            (Tail::Return(_), b'\n') => {
                *self = Self::new(self.most_literal);
                return Ok(());
            }
            _ => Tail::Other,
        };
        Ok(())
    }

    fn announced(&mut self, number: u64) -> io::Result<()> {
        self.literals = self.literals.saturating_add(number);
        if self.literals > self.most_literal {
            return Err(refused(&format!("{number} bytes where at most {} were asked for", self.most_literal)));
        }
        self.literal = number;
        self.tail = Tail::Other;
        Ok(())
    }
}

fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sends {what}; not read any further"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checked(most_literal: u64, text: &[u8], step: usize) -> Result<Vec<u8>, String> {
        let mut guard = Guard::new(most_literal);
        let mut bytes = text.to_vec();
        for part in bytes.chunks_mut(step) {
            guard.check(part).map_err(|error| error.to_string())?;
        }
        Ok(bytes)
    }

    #[test]
    fn what_servers_say_passes_unchanged_in_pieces_of_any_size() {
        let talk = b"* OK [CAPABILITY IMAP4rev1] ready {7}\r\n* 3 FETCH (UID 9 FLAGS (\\Seen) BODY[] {9}\r\n((((\x00\xff(((\r\n)\r\nA1 OK done\r\n* 1 FETCH (BODY[]<0> {3}\r\nabc UID 4)\r\n";
        for step in 1..talk.len() {
            assert_eq!(checked(9, talk, step).as_deref(), Ok(talk.as_slice()), "{step}");
        }
    }

    #[test]
    fn words_for_people_lose_what_the_parser_stumbles_over() {
        let talk = "* NO [ALERT]é\r\n* 2 FETCH (FLAGS (é))\r\nA1 BAD \u{0}\r\n";
        assert_eq!(checked(0, talk.as_bytes(), 7).unwrap(), "* NO [ALERT]??\r\n* 2 FETCH (FLAGS (é))\r\nA1 BAD ?\r\n".as_bytes());
    }

    #[test]
    fn more_than_was_asked_for_is_refused_at_the_announcement() {
        let table: [(&[u8], &str); 5] = [
            (b"* 1 FETCH (BODY[] {4294967296}\r\n", "4294967296 bytes where at most 100"),
            (b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n", "where at most 100"),
            (
                b"* 1 FETCH (BODY[] {60}\r\n0123456789012345678901234567890123456789012345678901234567890 X {60}\r\n",
                "60 bytes where at most 100",
            ),
            (&[b'('; 65], "more than 64 parentheses"),
            (&[b'x'; MOST_TEXT + 1], "more than 256 KB"),
        ];
        for (talk, part) in table {
            let error = checked(100, talk, 50).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn bounds_begin_anew_with_each_response() {
        let line = [b"* SEARCH (".as_slice(), &[b'1'; 200_000], b"\r\n"].concat();
        assert!(checked(0, &line.repeat(70), 4096).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_pieces_do_not_matter(talk in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'{'), Just(b'}'), Just(b'\r'), Just(b'\n'), Just(b'*'), Just(b' '), Just(b'1')], 0..300), step in 1..40_usize) {
            prop_assert_eq!(checked(20, &talk, step), checked(20, &talk, talk.len().max(1)));
        }
    }
}
