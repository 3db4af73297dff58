//! RTF, cut into its pieces in one pass.

/// A piece of RTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `{`
    Open,
    /// `}`
    Close,
    /// `\word12`, in its own case.
    Word(&'a [u8], Option<i32>),
    /// `\` and something that is no letter.
    Symbol(u8),
    /// `\'e9`, or a byte over 0x7f that somebody did not escape.
    Byte(u8),
    /// Text as it is.
    Text(&'a [u8]),
}

/// The pieces of a document.
pub(super) struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    pub(super) fn new(rtf: &'a [u8]) -> Self {
        Self { rest: rtf }
    }

    fn word(&mut self, text: &'a [u8]) -> Token<'a> {
        let length = text.iter().position(|b| !b.is_ascii_alphabetic()).unwrap_or(text.len());
        let (word, mut rest) = text.split_at_checked(length).unwrap_or((text, &[]));
        let negative = rest.first() == Some(&b'-') && rest.get(1).is_some_and(u8::is_ascii_digit);
        let digits = rest.get(usize::from(negative)..).unwrap_or_default();
        let count = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
        let number = digits.get(..count).filter(|digits| !digits.is_empty()).map(|digits| {
            let number = digits.iter().fold(0_i32, |number, digit| number.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
            if negative { -number } else { number }
        });
        if number.is_some() {
            rest = digits.get(count..).unwrap_or_default();
        }
        // One blank ends the word and belongs to it.
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
        if word == b"bin" {
            let skipped = usize::try_from(number.unwrap_or(0)).unwrap_or(0);
            self.rest = self.rest.get(skipped..).unwrap_or_default();
        }
        Token::Word(word, number)
    }

    fn control(&mut self, text: &'a [u8]) -> Option<Token<'a>> {
        let (&first, rest) = text.split_first()?;
        if first.is_ascii_alphabetic() {
            return Some(self.word(text));
        }
        self.rest = rest;
        if first == b'\''
            && let [high, low, rest @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            self.rest = rest;
            return Some(Token::Byte(high * 16 + low));
        }
        Some(Token::Symbol(first))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        // Line ends only make RTF fit for mail, and NULs fill it up.
        let start = self.rest.iter().position(|b| !matches!(b, b'\r' | b'\n' | 0))?;
        let text = self.rest.get(start..)?;
        let (&first, rest) = text.split_first()?;
        self.rest = rest;
        match first {
            b'{' => Some(Token::Open),
            b'}' => Some(Token::Close),
            b'\\' => self.control(rest),
            0x80.. => Some(Token::Byte(first)),
            _ => {
                let ends = |b: &u8| matches!(b, b'{' | b'}' | b'\\' | b'\r' | b'\n' | 0 | 0x80..);
                let (text, rest) = text.split_at_checked(text.iter().position(ends).unwrap_or(text.len()))?;
                self.rest = rest;
                Some(Token::Text(text))
            }
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let pieces: Vec<_> = Tokens::new(b"{\\b1 a b\\'e9\\par\n\\*\\u-10179?\\fs\\bin3 }}}\xe9\\'zz\\").collect();
        let expected = [
            Token::Open,
            Token::Word(b"b", Some(1)),
            Token::Text(b"a b"),
            Token::Byte(0xe9),
            Token::Word(b"par", None),
            Token::Symbol(b'*'),
            Token::Word(b"u", Some(-10179)),
            Token::Text(b"?"),
            Token::Word(b"fs", None),
            Token::Word(b"bin", Some(3)),
            Token::Byte(0xe9),
            Token::Symbol(b'\''),
            Token::Text(b"zz"),
        ];
        assert_eq!(pieces, expected);
        assert_eq!(Tokens::new(b"\\f99999999999 x").next(), Some(Token::Word(b"f", Some(i32::MAX))));
        assert_eq!(Tokens::new(b"\\bin2147483647 x").count(), 1);
    }
}
