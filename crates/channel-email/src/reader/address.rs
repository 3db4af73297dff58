//! Address lists (RFC 5322 section 3.4), as people and mailers write them: display names in every encoding, comments, groups,
//! quoted local parts, semicolons for commas, names with commas outside of quotes in encoded words, addresses without a domain.

use loket_core::message::{Address, Party};

use super::fields::{Fields, unfold};
use super::limits::{MAX_NAME, MAX_PARTIES};
use super::lines::one_line;
use super::words::{self, Scanner};

/// The parties in a header's value, groups expanded. `hint` is the body's character set, for names in eight bits.
pub(super) fn parties(raw: &[u8], hint: Option<&str>) -> Vec<Party> {
    let bytes = unfold(raw);
    let mut list = List {
        bytes: &bytes,
        at: 0,
        words: Scanner::new(&bytes),
        hint,
        no_quote: false,
        no_bracket: false,
        no_angle: false,
        found: Vec::new(),
    };
    list.read();
    list.found
}

/// The address of a party as text, for comparing.
pub(super) fn mail_of(party: &Party) -> Option<&str> {
    party.address.as_ref().map(|address| address.value.as_str())
}

/// The domain of an address, in lower case.
pub(super) fn domain_of(party: &Party) -> Option<String> {
    Some(mail_of(party)?.rsplit_once('@')?.1.to_lowercase())
}

/// The mailboxes that a mail was delivered to, as the way wrote it down.
pub(super) fn delivered_to(fields: &Fields<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in ["delivered-to", "x-original-to", "envelope-to", "x-envelope-to"] {
        for party in fields.all(name).take(5).flat_map(|raw| parties(raw.get(..raw.len().min(2_000)).unwrap_or_default(), None)) {
            if let Some(address) = party.address.map(|address| address.value)
                && !found.contains(&address)
                && found.len() < 10
            {
                found.push(address);
            }
        }
    }
    found
}

struct List<'a> {
    bytes: &'a [u8],
    at: usize,
    words: Scanner<'a>,
    hint: Option<&'a str>,
    // What was looked for to the end in vain is not looked for again.
    no_quote: bool,
    no_bracket: bool,
    no_angle: bool,
    found: Vec<Party>,
}

/// One address while it is read.
#[derive(Default)]
struct Draft<'a> {
    /// The text outside of angle brackets and comments, quotes undone.
    phrase: Vec<u8>,
    /// Where in the phrase text in quotes stands: an `@` or a blank in there means nothing.
    quoted: Vec<(usize, usize)>,
    comment: Vec<u8>,
    angle: Option<&'a [u8]>,
}

impl<'a> List<'a> {
    fn read(&mut self) {
        let mut draft = Draft::default();
        while let Some(&byte) = self.bytes.get(self.at) {
            if self.found.len() >= MAX_PARTIES {
                return;
            }
            match byte {
                b'"' => self.quoted(&mut draft),
                b'(' => self.comment(&mut draft),
                b'<' => self.angle(&mut draft),
                b'[' => self.literal(&mut draft),
                b',' | b';' => {
                    self.at += 1;
                    self.finish(std::mem::take(&mut draft));
                }
                b':' if draft.angle.is_none() => {
                    self.at += 1;
                    // The name of a group, or somebody pasted a link.
                    draft = Draft::default();
                }
                b'=' => self.word(&mut draft),
                // The end of a bracket that was ended already.
                b'>' => self.at += 1,
                _ => {
                    let length =
                        self.rest().iter().skip(1).position(|b| b"\"(<[,;:=>".contains(b)).map_or(self.rest().len(), |end| end + 1);
                    draft.phrase.extend_from_slice(self.rest().get(..length).unwrap_or_default());
                    self.at += length;
                }
            }
        }
        self.finish(draft);
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn quoted(&mut self, draft: &mut Draft<'a>) {
        let from = draft.phrase.len();
        let mut rest = self.rest().get(1..).unwrap_or_default();
        let length = rest.len();
        while !self.no_quote {
            let Some((&byte, tail)) = rest.split_first() else {
                self.no_quote = true;
                break;
            };
            rest = tail;
            match byte {
                b'"' if looks_like_many(draft.phrase.get(from..).unwrap_or_default()) => break,
                b'"' => {
                    draft.quoted.push((from, draft.phrase.len()));
                    self.at += 1 + length - rest.len();
                    return;
                }
                b'\\' if !rest.is_empty() => {
                    draft.phrase.extend(rest.first());
                    rest = rest.get(1..).unwrap_or_default();
                }
                byte => draft.phrase.push(byte),
            }
        }
        // A quote that was never closed, or by the next address's: it means nothing.
        draft.phrase.truncate(from);
        self.at += 1;
    }

    fn comment(&mut self, draft: &mut Draft<'a>) {
        let rest = self.rest();
        let mut depth = 0_usize;
        let mut escaped = false;
        for (length, &byte) in rest.iter().enumerate() {
            if self.no_bracket {
                break;
            }
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                if !draft.comment.is_empty() {
                    draft.comment.push(b' ');
                }
                draft.comment.extend_from_slice(rest.get(1..length).unwrap_or_default());
                draft.phrase.push(b' ');
                self.at += length + 1;
                return;
            }
        }
        self.no_bracket = true;
        draft.phrase.push(b'(');
        self.at += 1;
    }

    fn angle(&mut self, draft: &mut Draft<'a>) {
        let rest = self.rest().get(1..).unwrap_or_default();
        let end = if self.no_angle { None } else { rest.iter().position(|&b| b == b'>') };
        self.no_angle |= end.is_none();
        let end = end.or_else(|| rest.iter().position(|&b| matches!(b, b',' | b';'))).unwrap_or(rest.len());
        let inside = rest.get(..end).unwrap_or_default();
        // `<<jan@example.nl>>`, or a name in brackets before the address.
        let inside = inside.iter().rposition(|&b| b == b'<').and_then(|at| inside.get(at + 1..)).unwrap_or(inside);
        self.at += 1 + end + usize::from(rest.get(end) == Some(&b'>'));
        if draft.angle.as_ref().is_none_or(|earlier| !earlier.contains(&b'@')) {
            if let Some(earlier) = draft.angle.replace(inside) {
                draft.phrase.extend(earlier);
            }
        } else if inside.contains(&b'@') {
            // Two addresses without a comma between them.
            self.finish(std::mem::take(draft));
            draft.angle = Some(inside);
        }
    }

    /// `[192.0.2.1]` and `[IPv6:2001:db8::1]`: the colons are no groups'.
    fn literal(&mut self, draft: &mut Draft<'a>) {
        let rest = self.rest();
        let end = rest.iter().take(64).position(|&b| b == b']').map_or(1, |end| end + 1);
        draft.phrase.extend_from_slice(rest.get(..end).unwrap_or_default());
        self.at += end;
    }

    /// An encoded word goes into the phrase whole: it may have commas in it that it should not.
    fn word(&mut self, draft: &mut Draft<'a>) {
        let end = self.words.word_at(self.at).map_or(self.at + 1, |word| word.end);
        draft.phrase.extend_from_slice(self.bytes.get(self.at..end).unwrap_or_default());
        self.at = end;
    }

    fn finish(&mut self, draft: Draft<'a>) {
        let comment = self.name(&draft.comment);
        let party = match draft.angle {
            Some(angle) => {
                let address = self.address(angle);
                Party { name: self.name(&draft.phrase).or(comment), address, ..Party::default() }
            }
            None => self.bare(&draft, comment),
        };
        if party.name.is_some() || party.address.is_some() {
            self.found.push(party);
        }
    }

    /// Without angle brackets: the word with the `@` is the address, the others are the name.
    fn bare(&self, draft: &Draft<'a>, comment: Option<String>) -> Party {
        let in_quotes = |at: usize| draft.quoted.iter().any(|&(from, to)| (from..to).contains(&at));
        let Some(at) = draft.phrase.iter().enumerate().rposition(|(at, &b)| b == b'@' && (draft.quoted.len() > 20 || !in_quotes(at)))
        else {
            return self.without_at(draft, comment);
        };
        let is_gap = |at: usize, b: u8| b.is_ascii_whitespace() && !(draft.quoted.len() <= 20 && in_quotes(at));
        let local = draft.phrase.get(..at).unwrap_or_default();
        let domain = draft.phrase.get(at + 1..).unwrap_or_default();
        // Blanks around the `@` belong to nobody.
        let local_end = local.len() - (local.len() - local.trim_ascii_end().len());
        let start =
            local.get(..local_end).unwrap_or_default().iter().enumerate().rposition(|(at, &b)| is_gap(at, b)).map_or(0, |gap| gap + 1);
        let lead = domain.len() - domain.trim_ascii_start().len();
        let end = domain
            .iter()
            .enumerate()
            .skip(lead)
            .find(|&(offset, &b)| is_gap(at + 1 + offset, b))
            .map_or(domain.len(), |(offset, _)| offset);
        let mut address = Vec::new();
        let local_part = local.get(start..local_end).unwrap_or_default();
        let needs_quotes = in_quotes(start) && local_part.iter().any(|b| b" \t,;:()<>@[]\"".contains(b));
        address.extend(needs_quotes.then_some(b'"'));
        address.extend_from_slice(local_part);
        address.extend(needs_quotes.then_some(b'"'));
        address.push(b'@');
        address.extend_from_slice(domain.get(lead..end).unwrap_or_default());
        let mut name = local.get(..start).unwrap_or_default().to_vec();
        name.push(b' ');
        name.extend_from_slice(domain.get(end..).unwrap_or_default());
        Party { name: self.name(&name).or(comment), address: self.address(&address), ..Party::default() }
    }

    /// A name only, or a local account (`root`, `MAILER-DAEMON (Mail Delivery System)`).
    fn without_at(&self, draft: &Draft<'a>, comment: Option<String>) -> Party {
        let phrase = draft.phrase.trim_ascii();
        let account = draft.quoted.is_empty()
            && !phrase.is_empty()
            && phrase.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && (comment.is_some() || !phrase.iter().any(u8::is_ascii_uppercase) || phrase.eq_ignore_ascii_case(b"mailer-daemon"));
        if account {
            return Party { name: comment, address: self.address(phrase), ..Party::default() };
        }
        Party { name: self.name(phrase).or(comment), ..Party::default() }
    }

    fn name(&self, raw: &[u8]) -> Option<String> {
        if raw.trim_ascii().is_empty() {
            return None;
        }
        let (mut name, _) = one_line(&words::decode(raw, self.hint).text, MAX_NAME);
        // Runs of blanks come from comments and folding.
        if !name.is_ascii() || name.contains("  ") || name.trim().len() < name.len() {
            name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        (!name.is_empty()).then_some(name)
    }

    fn address(&self, raw: &[u8]) -> Option<Address> {
        // A route before the address (`@relay:jan@example.nl`) is from another age.
        let raw = if raw.trim_ascii_start().starts_with(b"@") { raw.splitn(2, |&b| b == b':').last().unwrap_or(raw) } else { raw };
        let text = words::decode(raw, self.hint).text;
        let text = text.trim();
        let text = text.get(..7).filter(|start| start.eq_ignore_ascii_case("mailto:")).and_then(|_| text.get(7..)).unwrap_or(text);
        let in_quotes = text.starts_with('"');
        if text.len() <= MAX_NAME && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>')) {
            let address = text.trim_matches([',', ';', '\'']);
            return (!address.is_empty()).then(|| Address::mail(address));
        }
        let address: String = text
            .chars()
            .filter(|&c| !c.is_control() && !matches!(c, '<' | '>' | '\u{200b}' | '\u{feff}') && (in_quotes || !c.is_whitespace()))
            .take(MAX_NAME)
            .collect();
        let address = address.trim_matches(|c: char| matches!(c, ',' | ';' | '\''));
        (!address.is_empty()).then(|| Address::mail(address))
    }
}

/// Whether text in quotes has a whole address and a comma in it: then the quote before it was never closed.
fn looks_like_many(text: &[u8]) -> bool {
    let after_angle = text.iter().position(|&b| b == b'<').and_then(|at| text.get(at..));
    after_angle.is_some_and(|rest| rest.contains(&b'@') && rest.windows(2).any(|pair| pair == b">,"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str) -> Vec<String> {
        parties(raw.as_bytes(), None)
            .into_iter()
            .map(|p| format!("{}|{}", p.name.clone().unwrap_or_default(), mail_of(&p).unwrap_or_default()))
            .collect()
    }

    #[test]
    fn one_address() {
        for (raw, expected) in [
            ("jan@example.nl", "|jan@example.nl"),
            ("Jan de Vries <jan@example.nl>", "Jan de Vries|jan@example.nl"),
            ("\"Vries, Jan de\" <jan@example.nl>", "Vries, Jan de|jan@example.nl"),
            ("\"Jan \\\"JJ\\\" Vries\" <jan@example.nl>", "Jan \"JJ\" Vries|jan@example.nl"),
            ("jan@example.nl (Jan de Vries)", "Jan de Vries|jan@example.nl"),
            ("Jan (inkoop (nu)) <jan@example.nl>", "Jan|jan@example.nl"),
            ("=?utf-8?Q?Vries,_Ren=C3=A9?= <rene@example.nl>", "Vries, René|rene@example.nl"),
            ("=?utf-8?B?UmVuw6k=?= =?utf-8?Q?_Vries?= <rene@example.nl>", "René Vries|rene@example.nl"),
            ("\"=?iso-8859-1?Q?Ren=E9?=\" <rene@example.nl>", "René|rene@example.nl"),
            ("<jan@example.nl>", "|jan@example.nl"),
            ("<<jan@example.nl>>", "|jan@example.nl"),
            ("Jan <jan@example.nl", "Jan|jan@example.nl"),
            ("Jan <@relay.example,@b.example:jan@example.nl>", "Jan|jan@example.nl"),
            ("<mailto:jan@example.nl>", "|jan@example.nl"),
            ("\"jan de vries\"@example.nl", "|\"jan de vries\"@example.nl"),
            ("\"jan.de.vries\"@example.nl", "|jan.de.vries@example.nl"),
            ("Jan < jan @ example.nl >", "Jan|jan@example.nl"),
            ("Jan jan@example.nl", "Jan|jan@example.nl"),
            ("jan@[IPv6:2001:db8::1]", "|jan@[IPv6:2001:db8::1]"),
            ("root (Cron Daemon)", "Cron Daemon|root"),
            ("MAILER-DAEMON", "|MAILER-DAEMON"),
            ("Jan de Vries", "Jan de Vries|"),
            ("Jan <>", "Jan|"),
            ("jan@example.nl <jan@example.nl>", "jan@example.nl|jan@example.nl"),
            ("Jan\r\n\t<jan@example.nl>", "Jan|jan@example.nl"),
        ] {
            assert_eq!(shown(raw), [expected], "{raw}");
        }
    }

    #[test]
    fn many_addresses() {
        assert_eq!(shown("a@example.nl, B <b@example.nl>; c@example.nl,,"), ["|a@example.nl", "B|b@example.nl", "|c@example.nl"]);
        assert_eq!(shown("Inkoop: a@example.nl, B <b@example.nl>;, c@example.nl"), ["|a@example.nl", "B|b@example.nl", "|c@example.nl"]);
        assert_eq!(shown("undisclosed-recipients:;"), Vec::<String>::new());
        assert_eq!(
            shown("\"Jansen, Jan <jan@example.nl>, \"Piet\" <piet@example.nl>"),
            ["Jansen|", "Jan|jan@example.nl", "Piet|piet@example.nl"]
        );
        assert_eq!(shown("a@example.nl <b@example.nl> <c@example.nl>"), ["a@example.nl|b@example.nl", "|c@example.nl"]);
        assert_eq!(shown(""), Vec::<String>::new());
    }

    #[test]
    fn floods_end() {
        assert_eq!(shown(&"a@example.nl,".repeat(20_000)).len(), MAX_PARTIES);
        for hostile in ["\"", "(", "<", "=?a?q?", "\"(<", "[", "a \"", "@ "] {
            let _ = parties(hostile.repeat(100_000).as_bytes(), None);
        }
    }
}
