//! What comes after DATA: where a mail ends, and its bytes. Pure.
//!
//! Only CRLF.CRLF ends a mail. Servers that also take LF.LF, LF.CRLF, CR.CR or CRLF.CR for an end have been made to see two mails
//! where the server before them saw one, the second one forged. So:
//!
//! - an LF without its CR is refused wherever it stands; no server that keeps to the rules sends one,
//! - a dot between two line ends that are no CRLF is refused too,
//! - a CR that is only a stray CR is kept: mail from old programs has them, and Postfix passes them on.
//!
//! A mail that is refused is read to its true end, so that what follows in it is not taken for commands. Everything else is kept
//! as it came, NUL and lines of any length included; only the dots that the sender doubled at the start of lines become one.

/// Why a mail is not taken. The first reason found counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An LF without its CR.
    BareLineFeed,
    /// Something that others could take for the end of the mail.
    FalseEnd,
    /// More bytes than are taken.
    TooLarge,
    /// There was no room for it.
    NoRoom,
}

/// Where the reading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a line.
    Start,
    /// After a dot there.
    StartDot,
    /// After a dot and a CR there.
    StartDotCr,
    /// Within a line.
    Text,
    /// After a CR.
    Cr,
    /// After a CR and a dot.
    CrDot,
}

/// Takes a mail apart from what comes after it, in pieces as they arrive.
#[derive(Debug)]
pub(super) struct Decoder {
    state: State,
    limit: u64,
    body: Vec<u8>,
    /// Bytes that came.
    came: u64,
    fault: Option<Fault>,
}

impl Decoder {
    /// For a mail of at most `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self { state: State::Start, limit, body: Vec::new(), came: 0, fault: None }
    }

    /// Takes the next piece. When the mail ends in it: how many bytes of the piece belong to the mail.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Option<usize> {
        let mut rest = piece;
        while let Some((&byte, after)) = rest.split_first() {
            if self.state == State::Text {
                let run = rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
                if let Some((text, after)) = rest.split_at_checked(run).filter(|_| run > 0) {
                    self.keep(text);
                    rest = after;
                    continue;
                }
            }
            rest = after;
            if self.step(byte) {
                let used = piece.len() - rest.len();
                self.came += used as u64;
                return Some(used);
            }
        }
        self.came += piece.len() as u64;
        None
    }

    /// Takes one byte. True when the mail ends with it.
    fn step(&mut self, byte: u8) -> bool {
        self.state = match (self.state, byte) {
            (State::StartDotCr, b'\n') => return true,
            (State::Start, b'.') => State::StartDot,
            (State::StartDot, b'\r') => State::StartDotCr,
            (State::Cr, b'\n') => {
                self.keep(b"\n");
                State::Start
            }
            (State::StartDotCr, _) | (State::CrDot, b'\r') => {
                self.fault(Fault::FalseEnd);
                if byte == b'\r' { State::Cr } else { State::Text }
            }
            (_, b'\n') => {
                self.fault(Fault::BareLineFeed);
                State::Text
            }
            (_, b'\r') => {
                self.keep(b"\r");
                State::Cr
            }
            (State::Cr, b'.') => {
                self.keep(b".");
                State::CrDot
            }
            _ => {
                self.keep(&[byte]);
                State::Text
            }
        };
        false
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.fault.is_none() {
            if (self.body.len() + bytes.len()) as u64 > self.limit {
                self.fault(Fault::TooLarge);
            } else {
                self.body.extend_from_slice(bytes);
            }
        }
    }

    /// The mail is not taken. Its bytes are forgotten, and those to come are not kept.
    pub(super) fn fault(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
        self.body = Vec::new();
    }

    /// Bytes that are kept now. `None` when none are kept any more.
    pub(super) fn kept(&self) -> Option<u64> {
        self.fault.is_none().then_some(self.body.len() as u64)
    }

    /// Bytes that came.
    pub(super) fn came(&self) -> u64 {
        self.came
    }

    /// The mail, or why there is none.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => {
                self.body.shrink_to_fit();
                Ok(self.body)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The mail, and what came after it.
    type Decoded = (Result<Vec<u8>, Fault>, Vec<u8>);

    /// Fed in pieces of this size. `None`: it did not end.
    fn decode(input: &[u8], limit: u64, piece: usize) -> Option<Decoded> {
        let mut decoder = Decoder::new(limit);
        let mut at = 0;
        for piece in input.chunks(piece) {
            if let Some(used) = decoder.feed(piece) {
                at += used;
                assert_eq!(decoder.came(), at as u64);
                return Some((decoder.finish(), input[at..].to_vec()));
            }
            at += piece.len();
        }
        None
    }

    fn every_way(input: &[u8], limit: u64) -> Option<Decoded> {
        let whole = decode(input, limit, input.len().max(1));
        for piece in 1..=5 {
            assert_eq!(decode(input, limit, piece), whole, "{:?} in pieces of {piece}", String::from_utf8_lossy(input));
        }
        whole
    }

    #[test]
    fn mails() {
        let table: [(&[u8], &[u8], &[u8]); 11] = [
            (b".\r\n", b"", b""),
            (b"Hoi\r\n.\r\nQUIT\r\n", b"Hoi\r\n", b"QUIT\r\n"),
            (b"\r\n.\r\n", b"\r\n", b""),
            (b"a\r\n..\r\n...b\r\n.c\r\n.\r\n", b"a\r\n.\r\n..b\r\nc\r\n", b""),
            (b"a.\r\nb.c\r\n.\r\n", b"a.\r\nb.c\r\n", b""),
            (b"\0\xff\xfe\0\r\n.\r\n", b"\0\xff\xfe\0\r\n", b""),
            (b"a\rb\r\r\n.\r\n", b"a\rb\r\r\n", b""),
            (b"a\r.b\r\n.\r\n", b"a\r.b\r\n", b""),
            (b"a\r..\r\n.\r\n", b"a\r..\r\n", b""),
            (b"..\r\n.\r\n", b".\r\n", b""),
            (b"a\r\n.\r\n.\r\n", b"a\r\n", b".\r\n"),
        ];
        for (input, mail, rest) in table {
            assert_eq!(every_way(input, 100), Some((Ok(mail.to_vec()), rest.to_vec())), "{:?}", String::from_utf8_lossy(input));
        }
        for open in [&b""[..], b".", b".\r", b"a\r\n.", b"a\r\n.\r", b"a.\r\n", b"a\r\n..\r\n", b"a\r\n.a\r\n"] {
            assert_eq!(every_way(open, 100), None, "{:?}", String::from_utf8_lossy(open));
        }
    }

    #[test]
    fn what_others_take_for_an_end_is_refused_and_ends_nothing() {
        let smuggled = b"MAIL FROM:<boss@example.nl>\r\nRCPT TO:<support@example.nl>\r\nDATA\r\nforged\r\n.\r\nNOOP\r\n";
        let table: [(&[u8], Fault); 12] = [
            (b"\n.\n", Fault::BareLineFeed),
            (b"\n.\r\n", Fault::BareLineFeed),
            (b"\r\n.\n", Fault::BareLineFeed),
            (b"\r.\n", Fault::BareLineFeed),
            (b"\n.\r", Fault::BareLineFeed),
            (b"\n", Fault::BareLineFeed),
            (b"\n\r.\r\n", Fault::BareLineFeed),
            (b"\r.\r", Fault::FalseEnd),
            (b"\r.\r\n", Fault::FalseEnd),
            (b"\r\n.\r", Fault::FalseEnd),
            (b"\r\n.\r\r\n", Fault::FalseEnd),
            (b"\r\r.\r\n", Fault::FalseEnd),
        ];
        for (end, fault) in table {
            let input = [b"Hoi", end, &smuggled[..]].concat();
            assert_eq!(every_way(&input, 1_000), Some((Err(fault), b"NOOP\r\n".to_vec())), "{:?}", String::from_utf8_lossy(end));
        }
    }

    #[test]
    fn too_much_is_read_to_its_end_and_forgotten() {
        assert_eq!(every_way(b"1234\r\n.\r\n", 6), Some((Ok(b"1234\r\n".to_vec()), Vec::new())));
        assert_eq!(every_way(b"12345\r\n.\r\nX", 6), Some((Err(Fault::TooLarge), b"X".to_vec())));
        let mut decoder = Decoder::new(10);
        assert_eq!((decoder.feed(b"0123456789"), decoder.kept()), (None, Some(10)));
        assert_eq!((decoder.feed(b"0"), decoder.kept(), decoder.body.capacity()), (None, None, 0));
        assert_eq!((decoder.feed(&[b'x'; 100_000]), decoder.body.capacity(), decoder.came()), (None, 0, 100_011));
        let mut decoder = Decoder::new(10);
        decoder.fault(Fault::NoRoom);
        assert_eq!(decoder.feed(b"a\nb\r\n.\r\n"), Some(8));
        assert_eq!(decoder.finish(), Err(Fault::NoRoom));
    }

    /// Dots at the start of lines are doubled, and the end is added.
    fn encode(mail: &[u8]) -> Vec<u8> {
        let mut encoded = Vec::new();
        let mut start = true;
        for &byte in mail {
            if start && byte == b'.' {
                encoded.push(b'.');
            }
            encoded.push(byte);
            start = encoded.ends_with(b"\r\n");
        }
        encoded.extend_from_slice(b".\r\n");
        encoded
    }

    /// The same by searching in the whole, the first CRLF.CRLF ending it: whether it is refused, the mail, and where it ended.
    fn search(input: &[u8]) -> Option<(bool, Vec<u8>, usize)> {
        let whole = [b"\r\n", input].concat();
        let end = whole.windows(5).position(|window| window == b"\r\n.\r\n")?;
        // From the line end that was put before it to the one before the dot.
        let mail = &whole[..end + 2];
        let bare = mail.iter().zip(&mail[1..]).any(|(before, &byte)| byte == b'\n' && *before != b'\r');
        let false_end =
            mail.windows(3).enumerate().any(|(at, window)| window == b"\r.\r" || (window == b"\n.\r" && mail.get(at + 3) != Some(&b'\n')));
        let mut plain = Vec::new();
        for (at, &byte) in mail.iter().enumerate().skip(2) {
            if !(byte == b'.' && mail[..at].ends_with(b"\r\n")) {
                plain.push(byte);
            }
        }
        Some((bare || false_end, plain, end + 3))
    }

    proptest! {
        #[test]
        fn whatever_is_encoded_comes_back(lines in prop::collection::vec("[^\r\n]{0,20}|\\.[^\r\n]{0,5}", 0..20), rest: Vec<u8>, piece in 1_usize..50) {
            let mail: Vec<u8> = lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
            let input = [encode(&mail), rest.clone()].concat();
            prop_assert_eq!(decode(&input, 10_000, piece), Some((Ok(mail), rest)));
        }

        #[test]
        fn it_ends_where_a_search_says_and_pieces_make_no_difference(
            parts in prop::collection::vec(prop::sample::select(vec!["a", "b", ".", "\r", "\n", "\r\n", "\r\n", "\r\n.", "\r\n.\r\n"]), 0..25),
            piece in 1_usize..20
        ) {
            let input = parts.concat();
            let input = input.as_bytes();
            let found = decode(input, 10_000, piece);
            prop_assert_eq!(&found, &decode(input, 10_000, 1));
            match (found, search(input)) {
                (None, None) => {}
                (Some((mail, rest)), Some((refused, plain, end))) => {
                    prop_assert_eq!(rest, &input[end..]);
                    prop_assert_eq!(mail.is_err(), refused);
                    if let Ok(mail) = mail {
                        prop_assert_eq!(mail, plain);
                    }
                }
                (found, searched) => prop_assert!(false, "{found:?} {searched:?}"),
            }
        }

        #[test]
        fn any_bytes_are_bounded(input: Vec<u8>, limit in 0_u64..100) {
            let mut decoder = Decoder::new(limit);
            decoder.feed(&input);
            prop_assert!(decoder.body.len() as u64 <= limit);
        }
    }
}
