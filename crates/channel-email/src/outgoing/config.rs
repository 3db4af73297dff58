//! `[outgoing.NAME]`: a mail server that takes our mail, who it is from, and which channels' cases it answers.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use loket_core::config::Section;
use loket_core::delivery::Tenant;
use loket_core::outbound::OutboundSettings;

use super::address::{Mailbox, fit};
use super::dkim::{self, DkimConfig};
use super::guards::{Budget, Own};
use super::templates::Templates;
use crate::config::{Proof, Security, is_loopback, proof};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// Automatic answers that one may count.
const COUNT: RangeInclusive<u64> = 1..=100_000;
/// What stands for the case's mark in `reply_address`.
const MARK: &str = "{mark}";

/// One way for mail to go out, as configured.
#[derive(Clone, Debug)]
pub struct OutgoingConfig {
    /// Its name: `main` for `[outgoing.main]`.
    pub name: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// The channels whose cases it answers, by their names: `email.support`.
    pub channels: Vec<String>,
    /// Those of them whose customers get an acknowledgement of receipt by itself.
    pub acknowledge: Vec<String>,
    pub(super) server: ServerConfig,
    pub(super) from: Mailbox,
    pub(super) reply_address: Option<ReplyAddress>,
    pub(super) own: Own,
    pub(super) templates: Option<PathBuf>,
    pub(super) language: String,
    pub(super) budget: Budget,
    pub(super) dkim: Option<DkimConfig>,
    pub(super) queue: OutboundSettings,
}

/// The mail server that takes our mail.
#[derive(Clone, Debug)]
pub(super) struct ServerConfig {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) login: Option<Login>,
    pub(super) ca_file: Option<PathBuf>,
    /// What we say we are.
    pub(super) hello: String,
}

/// Who logs in, and what proves it.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) proof: Proof,
}

/// An address of ours with a place for a case's mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReplyAddress(String);

impl ReplyAddress {
    /// With the mark in its place.
    pub(super) fn with(&self, mark: &str) -> String {
        self.0.replacen(MARK, mark, 1)
    }
}

impl OutgoingConfig {
    /// What no other `[outgoing.NAME]` may do at the same time. Equal texts are a clash.
    pub fn resources(&self) -> Vec<String> {
        self.channels.iter().map(|channel| format!("answering the cases of {channel}")).collect()
    }

    /// What the configuration names and this machine, for this user, does not have or cannot use: a secret, a certificate, a
    /// template with a mistake in it.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = self.server.login.as_ref().map(|login| login.proof.missing()).unwrap_or_default();
        missing.extend(self.server.ca_file.as_ref().and_then(|path| {
            let error = std::fs::metadata(path).err()?;
            Some(format!("cannot read ca_file {}: {error}", path.display()))
        }));
        missing.extend(self.dkim.as_ref().and_then(|dkim| dkim.key().err()));
        match Templates::load(self.templates.as_deref()) {
            Ok(templates) if !templates.knows(&self.language) => missing.push(self.no_words()),
            Ok(_) => {}
            Err(faults) => missing.extend(faults),
        }
        missing
    }

    fn no_words(&self) -> String {
        let language = &self.language;
        format!(
            "there are no templates in the language `{language}`: add ack.{language}.txt and reply.{language}.txt, or choose nl, en, de or fr"
        )
    }
}

/// Reads one table. What is wrong goes into the section's report; `None` when there is nothing to speak of. The caller calls
/// [`Section::finish`] on the section.
pub fn read(name: &str, section: &mut Section) -> Option<OutgoingConfig> {
    let tenant = section.text("tenant").unwrap_or_else(|| Tenant::DEFAULT.into());
    let tenant_ok = !tenant.is_empty() && tenant.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !tenant_ok {
        section.fault("tenant", "a tenant's name has lower-case letters, digits and dashes");
    }
    let from = from(section);
    let server = server(section, from.as_ref());
    let channels = channels(section, "channels").unwrap_or_default();
    if channels.is_empty() {
        section.fault("channels", "name the channels whose cases it answers, such as channels = [\"email.support\"]");
    }
    let acknowledge = channels_of(section, &channels);
    let reply_address = reply_address(section);
    let own = own(section, from.as_ref(), reply_address.as_ref());
    let dkim = dkim(section, from.as_ref());
    let templates = section.file("templates");
    let language = section.text("language").unwrap_or_else(|| "nl".into());
    if language.len() != 2 || !language.bytes().all(|b| b.is_ascii_lowercase()) {
        section.fault("language", "expected a language's code of two letters, such as \"nl\" or \"en\"");
    } else if templates.is_none() && !Templates::LANGUAGES.contains(&language.as_str()) {
        section.fault("language", "built in are nl, en, de and fr; for another one put templates into a folder and name it in `templates`");
    }
    let budget = Budget {
        address_hour: section.integer("per_address_hour", COUNT, 3),
        address_day: section.integer("per_address_day", COUNT, 10),
        hour: section.integer("per_hour", COUNT, 1_000),
    };
    let usual = OutboundSettings::default();
    let queue = OutboundSettings {
        at_once: usize::try_from(section.integer("at_once", 1..=50, usual.at_once as u64)).unwrap_or(1),
        timeout: section.duration("timeout", (5 * SECOND)..=(10 * MINUTE), usual.timeout),
        first_pause: section.duration("first_pause", SECOND..=DAY, usual.first_pause),
        longest_pause: section.duration("longest_pause", SECOND..=DAY, usual.longest_pause),
        give_up: section.duration("give_up", MINUTE..=(30 * DAY), usual.give_up),
        poll: usual.poll,
    };
    if queue.longest_pause < queue.first_pause {
        section.fault("longest_pause", "it is shorter than `first_pause`");
    }
    if !tenant_ok {
        return None;
    }
    Some(OutgoingConfig {
        name: name.into(),
        tenant: Tenant::new(&tenant),
        channels,
        acknowledge,
        server: server?,
        from: from?,
        reply_address,
        own,
        templates,
        language,
        budget,
        dkim,
        queue,
    })
}

fn server(section: &mut Section, from: Option<&Mailbox>) -> Option<ServerConfig> {
    let host = section.required_text("host");
    let host_ok = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:_".contains(&b));
    if !host_ok {
        section.fault("host", "expected a host name or an IP address, without port (that goes into `port`)");
    }
    let security = section.choice("security", &Security::WORDS, Security::Tls);
    if security == Security::None && !is_loopback(&host) {
        section.fault(
            "security",
            format!("without TLS all mail would cross the network readable: \"none\" is for a server on this machine (127.0.0.1, ::1, localhost), not for `{host}`"),
        );
    }
    let usual_port = match security {
        Security::Tls => 465,
        Security::StartTls => 587,
        Security::None => 25,
    };
    let port = section.integer("port", 1..=65_535, usual_port);
    let ca_file = section.file("ca_file");
    if ca_file.is_some() && security == Security::None {
        section.fault("ca_file", "there is no certificate to check with security = \"none\"");
    }
    let hello = section.text("hello");
    let hello = hello.unwrap_or_else(|| from.map_or_else(|| "localhost".into(), |from| from.domain().to_owned()));
    // Said in a command: nothing in it may end the line.
    let hello_ok = !hello.is_empty() && hello.len() <= 253 && hello.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:_[]".contains(&b));
    if !hello_ok {
        section.fault("hello", "expected this machine's name as others know it, such as \"loket.example.nl\"");
    }
    let login = match section.text("user") {
        Some(user) if user.is_empty() || user.contains(['\r', '\n', '\0', '\u{1}']) => {
            section.fault("user", "a user name is one line and not empty");
            return None;
        }
        Some(user) => Some(Login { user, proof: proof(section)? }),
        None => {
            for key in ["password", "oauth2"] {
                if section.has(key) {
                    section.fault(key, "whose? Add `user`");
                }
            }
            None
        }
    };
    (host_ok && hello_ok).then_some(ServerConfig { host, port: u16::try_from(port).ok()?, security, login, ca_file, hello })
}

fn from(section: &mut Section) -> Option<Mailbox> {
    let text = section.required_text("from");
    if text.is_empty() {
        return None;
    }
    match Mailbox::parse(&text) {
        Ok(from) => Some(from),
        Err(why) => {
            section.fault("from", format!("`{text}` {why}; write \"Klantenservice <support@example.nl>\""));
            None
        }
    }
}

fn channels(section: &mut Section, key: &'static str) -> Option<Vec<String>> {
    let mut channels: Vec<String> = Vec::new();
    for channel in section.list(key)? {
        let name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !channel.split_once('.').is_some_and(|(kind, of)| name(kind) && name(of)) {
            section.fault(key, format!("`{channel}` is not a channel's name; it is the name of its table, such as \"email.support\""));
        } else if channels.contains(&channel) {
            section.fault(key, format!("`{channel}` is there twice"));
        } else {
            channels.push(channel);
        }
    }
    Some(channels)
}

fn channels_of(section: &mut Section, answered: &[String]) -> Vec<String> {
    let acknowledge = channels(section, "acknowledge").unwrap_or_default();
    if let Some(other) = acknowledge.iter().find(|channel| !answered.contains(channel)) {
        section.fault("acknowledge", format!("`{other}` is not one of `channels`"));
    }
    acknowledge
}

fn reply_address(section: &mut Section) -> Option<ReplyAddress> {
    let address = section.text("reply_address")?;
    let local = address.rsplit_once('@').map_or("", |(local, _)| local);
    // A case's mark has about 24 characters; what stands before the @ may have 64.
    let fits = fit(&address.replacen(MARK, "100425-k7b2m5qx4hd3wz6a", 1)).is_ok();
    if local.matches(MARK).count() != 1 || !fits {
        section.fault("reply_address", "expected an address with {mark} before the @, such as \"support+{mark}@example.nl\"");
        return None;
    }
    Some(ReplyAddress(address))
}

fn own(section: &mut Section, from: Option<&Mailbox>, reply_address: Option<&ReplyAddress>) -> Own {
    let mut own = Own::default();
    for address in section.list("own_addresses").unwrap_or_default() {
        let domain_only = address.strip_prefix('@').map(|domain| format!("x@{domain}"));
        if fit(domain_only.as_ref().unwrap_or(&address)).is_ok() {
            own.add(&address);
        } else {
            section.fault("own_addresses", format!("`{address}` is neither an address nor a domain with its @, such as \"@example.nl\""));
        }
    }
    if let Some(from) = from {
        own.add(from.address());
    }
    if let Some(ReplyAddress(pattern)) = reply_address {
        own.add_pattern(pattern, MARK);
    }
    own
}

fn dkim(section: &mut Section, from: Option<&Mailbox>) -> Option<DkimConfig> {
    if !section.has("dkim") {
        return None;
    }
    dkim::read(section.table("dkim"), from.map_or("", Mailbox::domain))
}

#[cfg(test)]
mod tests {
    use loket_core::config::{Report, parse};

    use super::*;

    pub(in crate::outgoing) fn table(text: &str) -> (Option<OutgoingConfig>, Vec<String>) {
        let report = Report::new(text);
        let mut root = parse(text, &report);
        let config = read("main", &mut root);
        root.finish();
        (config, report.into_faults().iter().map(ToString::to_string).collect())
    }

    const MINIMAL: &str = "host = \"smtp.example.nl\"\nfrom = \"Klantenservice <support@example.nl>\"\nchannels = [\"email.support\"]\n";

    #[test]
    fn three_keys_are_a_way_out() {
        let (config, faults) = table(MINIMAL);
        assert_eq!(faults, [""; 0]);
        let config = config.unwrap();
        assert_eq!((config.server.port, config.server.security, config.server.hello.as_str()), (465, Security::Tls, "example.nl"));
        assert_eq!((config.language.as_str(), config.acknowledge.len(), config.tenant.as_str()), ("nl", 0, "main"));
        assert_eq!(config.budget, Budget { address_hour: 3, address_day: 10, hour: 1_000 });
        assert_eq!(config.queue.give_up, 4 * DAY);
        assert!(config.own.is("Support+x@example.nl") && !config.own.is("jan@example.nl"));
        assert_eq!(config.resources(), ["answering the cases of email.support"]);
        assert_eq!(config.missing(), [""; 0]);
    }

    #[test]
    fn everything_can_be_said() {
        let (config, faults) = table(
            "tenant = \"acme\"\nhost = \"127.0.0.1\"\nport = 2525\nsecurity = \"none\"\nuser = \"loket\"\npassword = \"env:LOKET_NOT_THERE\"\n\
             hello = \"loket.example.nl\"\nfrom = \"support@example.nl\"\nchannels = [\"email.support\", \"webform.contact\"]\n\
             acknowledge = [\"email.support\"]\nreply_address = \"antwoord-{mark}@reply.example.nl\"\nown_addresses = [\"info@example.nl\", \"@intern.example.nl\"]\n\
             language = \"de\"\nper_address_hour = 1\nper_address_day = 2\nper_hour = 50\nat_once = 2\ntimeout = \"30s\"\nfirst_pause = \"5s\"\n\
             longest_pause = \"10m\"\ngive_up = \"2d\"\n[dkim]\nselector = \"loket1\"\nkey = \"file:/not/there.pem\"\n",
        );
        assert_eq!(faults, [""; 0]);
        let config = config.unwrap();
        assert_eq!(config.reply_address.as_ref().unwrap().with("100425-abc"), "antwoord-100425-abc@reply.example.nl");
        for own in ["info@example.nl", "x@intern.example.nl", "ANTWOORD-100425-abc@reply.example.nl", "support+1@example.nl"] {
            assert!(config.own.is(own), "{own}");
        }
        assert!(!config.own.is("antwoord@reply.example.nl"));
        let missing = config.missing();
        assert!(
            missing.iter().any(|one| one.contains("LOKET_NOT_THERE")) && missing.iter().any(|one| one.contains("there.pem")),
            "{missing:?}"
        );
    }

    #[test]
    fn every_mistake_is_named() {
        let (_, minimal) = MINIMAL.split_once('\n').unwrap();
        let table_of = [
            ("channels = [\"email.support\"]\n".to_owned(), "`host` is missing"),
            ("host = \"h\"\nchannels = [\"email.support\"]\n".into(), "`from` is missing"),
            ("host = \"h\"\nfrom = \"support\"\nchannels = [\"email.support\"]\n".into(), "from: `support` is no mail address"),
            ("host = \"h\"\nfrom = \"a@example.nl\"\n".into(), "channels: name the channels"),
            ("host = \"h\"\nfrom = \"a@example.nl\"\nchannels = [\"support\"]\n".into(), "channels: `support` is not a channel's name"),
            ("host = \"h\"\nfrom = \"a@example.nl\"\nchannels = [\"email.a\", \"email.a\"]\n".into(), "twice"),
            (format!("{MINIMAL}acknowledge = [\"email.other\"]\n"), "acknowledge: `email.other` is not one of"),
            (format!("host = \"smtp.example.nl:25\"\n{minimal}security = \"none\"\n"), "security: without TLS"),
            (format!("host = \"h h\"\n{minimal}"), "host: expected a host name"),
            (format!("{MINIMAL}password = \"env:P\"\n"), "password: whose? Add `user`"),
            (format!("{MINIMAL}user = \"u\"\n"), "`password` is missing"),
            (format!("{MINIMAL}user = \"u\"\npassword = \"hunter2\"\n"), "password: a secret is not written here"),
            (format!("{MINIMAL}hello = \"a\\r\\nMAIL\"\n"), "hello: expected this machine's name"),
            (format!("{MINIMAL}reply_address = \"support@example.nl\"\n"), "reply_address: expected an address with {mark}"),
            (format!("{MINIMAL}reply_address = \"support@{{mark}}.example.nl\"\n"), "reply_address: expected an address with {mark}"),
            (format!("{MINIMAL}own_addresses = [\"example.nl\"]\n"), "own_addresses: `example.nl` is neither"),
            (format!("{MINIMAL}language = \"Dutch\"\n"), "language: expected a language's code"),
            (format!("{MINIMAL}language = \"it\"\n"), "language: built in are nl"),
            (format!("{MINIMAL}per_address_hour = 0\n"), "per_address_hour: expected"),
            (format!("{MINIMAL}first_pause = \"2h\"\n"), "longest_pause: it is shorter"),
            (format!("{MINIMAL}[dkim]\nselector = \"s\"\n"), "dkim: `key` is missing"),
            (format!("{MINIMAL}[dkim]\nkey = \"env:K\"\n"), "`selector` is missing"),
            (format!("{MINIMAL}[dkim]\nkey = \"env:K\"\nselector = \"a b\"\n"), "dkim.selector: expected"),
            (
                format!("{MINIMAL}[dkim]\nkey = \"env:K\"\nselector = \"a\"\ndomain = \"other.example\"\n"),
                "dkim.domain: the domain of `from`",
            ),
            (format!("{MINIMAL}tls = true\n"), "tls: unknown key"),
        ];
        for (text, part) in table_of {
            let (_, faults) = table(&text);
            assert!(faults.iter().any(|fault| fault.contains(part)), "{part} is not in {faults:?} of\n{text}");
            assert!(!faults.iter().any(|fault| fault.contains("hunter2")), "{faults:?}");
        }
    }
}
