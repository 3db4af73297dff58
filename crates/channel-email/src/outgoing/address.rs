//! Addresses that mail can go to, in the one form that is safe in a header and in an SMTP command: ASCII, no blanks, no brackets.

use std::fmt;

use reqwest::Url;

/// Bytes of a whole address, and of what stands before the `@` (RFC 5321 section 4.5.3.1).
const LONGEST: usize = 254;
const LONGEST_LOCAL: usize = 64;
/// Characters of a name.
const LONGEST_NAME: usize = 80;

/// An address with the name of whoever it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mailbox {
    /// One line without control characters; never empty.
    name: Option<String>,
    address: String,
}

/// Why mail cannot go to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is no mail address.
    NoAddress,
    /// It has characters beyond ASCII before the `@`.
    NeedsUtf8,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAddress => "is no mail address",
            Self::NeedsUtf8 => {
                "has letters beyond ASCII before the @ (SMTPUTF8), which many mail servers do not take: nothing is sent to it"
            }
        })
    }
}

impl Mailbox {
    /// From a name, which is cleaned, and an address, which is checked.
    pub(crate) fn new(name: Option<&str>, address: &str) -> Result<Self, Unfit> {
        let name = name.map(|name| one_line(name, LONGEST_NAME)).filter(|name| !name.is_empty());
        Ok(Self { name, address: fit(address)? })
    }

    /// From `Klantenservice <support@example.nl>` or the address alone.
    pub(crate) fn parse(text: &str) -> Result<Self, Unfit> {
        match text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => Self::new(Some(name.trim().trim_matches('"')), address),
            None => Self::new(None, text),
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What stands behind the `@`.
    pub(crate) fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => f.write_str(&self.address),
        }
    }
}

/// The form in which an address can be used: its domain in ASCII and in lower case, odd dots in quotes.
pub(crate) fn fit(address: &str) -> Result<String, Unfit> {
    let address = address.trim();
    if address.len() > 2 * LONGEST {
        return Err(Unfit::NoAddress);
    }
    let (local, domain) = address.rsplit_once('@').ok_or(Unfit::NoAddress)?;
    let domain = fit_domain(domain).ok_or(Unfit::NoAddress)?;
    if local.chars().any(|c| c.is_control() || (c.is_whitespace() && !local.starts_with('"'))) {
        return Err(Unfit::NoAddress);
    }
    if !local.is_ascii() {
        return Err(Unfit::NeedsUtf8);
    }
    let local = fit_local(local).ok_or(Unfit::NoAddress)?;
    let fit = format!("{local}@{domain}");
    if fit.len() <= LONGEST { Ok(fit) } else { Err(Unfit::NoAddress) }
}

fn fit_local(local: &str) -> Option<String> {
    if local.is_empty() || local.len() > LONGEST_LOCAL {
        return None;
    }
    if let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        let plain = !quoted.is_empty() && quoted.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\');
        return plain.then(|| local.to_owned());
    }
    if !local.bytes().all(|b| is_atom(b) || b == b'.') {
        return None;
    }
    // Some providers gave out addresses such as `a..b@` and `a.@`: real, and only right in quotes.
    let odd = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    Some(if odd { format!("\"{local}\"") } else { local.to_owned() })
}

/// The characters of an atom (RFC 5322 section 3.2.3).
pub(super) fn is_atom(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn fit_domain(domain: &str) -> Option<String> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address = literal.strip_prefix("IPv6:").unwrap_or(literal);
        return address.parse::<std::net::IpAddr>().is_ok().then(|| domain.to_owned());
    }
    if domain.is_ascii() {
        return is_host(domain).then(|| domain.to_ascii_lowercase());
    }
    // A name with letters beyond ASCII: what browsers make of it is what is registered.
    if domain.chars().any(|c| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '.' && c != '-') {
        return None;
    }
    let url = Url::parse(&format!("http://{domain}/")).ok()?;
    url.host_str().filter(|host| is_host(host)).map(str::to_owned)
}

fn is_host(host: &str) -> bool {
    let is_label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    host.len() <= 253 && host.split('.').all(is_label)
}

/// The form in which two spellings of an address are one: in lower case, without what follows a `+`.
pub(super) fn base(address: &str) -> String {
    let address = address.trim().to_lowercase();
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or_default()),
        None => address,
    }
}

/// A text as one line: blanks of all kinds and control characters become one blank, marks that change the direction of writing go,
/// and what is over the limit is cut off.
pub(crate) fn one_line(text: &str, longest: usize) -> String {
    let mut line = String::with_capacity(text.len().min(longest * 4));
    let (mut count, mut gap) = (0, false);
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() || c == '\u{2028}' || c == '\u{2029}' {
            gap = !line.is_empty();
        } else if !is_hidden(c) {
            if count + usize::from(gap) >= longest {
                break;
            }
            if gap {
                line.push(' ');
                count += 1;
                gap = false;
            }
            line.push(c);
            count += 1;
        }
    }
    line
}

/// Characters that nobody sees and that can make a line read otherwise than it is.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_used_as_they_are_or_made_fit_or_refused() {
        let good = [
            ("jan@example.nl", "jan@example.nl"),
            (" Jan.Jansen+7@Example.NL. ", "Jan.Jansen+7@example.nl"),
            ("jan@bücher.example", "jan@xn--bcher-kva.example"),
            ("jan@BÜCHER.example", "jan@xn--bcher-kva.example"),
            ("a..b@mobiel.example", "\"a..b\"@mobiel.example"),
            ("a.@mobiel.example", "\"a.\"@mobiel.example"),
            ("\"jan jansen\"@example.nl", "\"jan jansen\"@example.nl"),
            ("o'neill/x=y@example.nl", "o'neill/x=y@example.nl"),
            ("root@localhost", "root@localhost"),
            ("a@[192.0.2.1]", "a@[192.0.2.1]"),
            ("a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"),
        ];
        for (text, address) in good {
            assert_eq!(fit(text).as_deref(), Ok(address), "{text}");
        }
        assert_eq!(fit("jörg@example.de"), Err(Unfit::NeedsUtf8));
        let long = format!("{}@example.nl", "a".repeat(65));
        let bad = [
            "",
            "jan",
            "@example.nl",
            "jan@",
            "jan@exa mple.nl",
            "jan jansen@example.nl",
            "jan@example.nl>\r\nBcc: x@y.example",
            "jan\r\nRCPT TO:<x>@example.nl",
            "\"a\r\nb\"@example.nl",
            "\"a\\\"b\"@example.nl",
            "a<b>@example.nl",
            "jan@example..nl",
            "jan@[x]",
            "jan@bü/cher.example",
            "jan@b@ücher!.example",
            long.as_str(),
        ];
        for text in bad {
            assert_eq!(fit(text), Err(Unfit::NoAddress), "{text}");
        }
    }

    #[test]
    fn a_mailbox_is_written_as_people_write_it() {
        let both = Mailbox::parse("Klantenservice Voorbeeld <support@example.nl>").unwrap();
        assert_eq!((both.name(), both.address(), both.domain()), (Some("Klantenservice Voorbeeld"), "support@example.nl", "example.nl"));
        assert_eq!(Mailbox::parse("\"Jansen, J.\" <j@example.nl>").unwrap().name(), Some("Jansen, J."));
        assert_eq!(Mailbox::parse("support@example.nl").unwrap().name(), None);
        assert_eq!(Mailbox::new(Some("Jan\r\nBcc: x@y.example\0"), "j@example.nl").unwrap().name(), Some("Jan Bcc: x@y.example"));
        assert_eq!(Mailbox::new(Some("\u{202e}\t"), "j@example.nl").unwrap().name(), None);
        assert!(Mailbox::parse("Support <support>").is_err());
    }

    #[test]
    fn spellings_of_an_address_are_one() {
        assert_eq!(base("Support+100425-abc@Example.NL"), "support@example.nl");
        assert_eq!(base("support@example.nl"), "support@example.nl");
        assert_eq!(base("nobody"), "nobody");
    }

    proptest! {
        #[test]
        fn what_fits_is_safe_in_a_command(text in ".*", domain in "\\PC{0,20}") {
            for text in [text.clone(), format!("{text}@{domain}"), format!("jan@{text}")] {
                if let Ok(fit) = fit(&text) {
                    prop_assert!(fit.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'<' && b != b'>' || fit.starts_with('"')), "{}", fit);
                    prop_assert!(!fit.contains(['\r', '\n', '\0']) && fit.len() <= LONGEST);
                    // It stays as it is when it is checked again.
                    prop_assert_eq!(super::fit(&fit), Ok(fit));
                }
            }
        }

        #[test]
        fn one_line_is_one_line(text in ".*", longest in 0..50_usize) {
            let line = one_line(&text, longest);
            prop_assert!(!line.chars().any(char::is_control) && line.chars().count() <= longest);
            prop_assert_eq!(one_line(&line, longest), line);
        }
    }
}
