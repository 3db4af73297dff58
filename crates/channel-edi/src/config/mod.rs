//! `[edi.NAME]`: one trading partner, who it is, what it sends, and the one way by which files go to and fro.

mod as2;
mod folder;
mod ids;
mod sftp;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::tz::TimeZone;
use loket_core::config::Section;
use loket_core::delivery::Tenant;
use loket_core::outbound::{Answer, ByItself};

pub use as2::As2Config;
pub(crate) use as2::{Mdn, body_limit};
pub use folder::FolderConfig;
pub(crate) use ids::PartyId;
pub use sftp::SftpConfig;
pub(crate) use sftp::{AfterTaken, HostKey, Login, fingerprint};

const KB: u64 = 1 << 10;
const MB: u64 = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

const PAYLOAD: RangeInclusive<u64> = KB..=(1 << 30);
/// Files are looked at again after this at the earliest, so that one that is still being written shows.
const SETTLE: RangeInclusive<Duration> = Duration::from_millis(50)..=HOUR;

/// One trading partner, as configured.
#[derive(Clone, Debug)]
pub struct EdiConfig {
    /// The channel's name: `acme` for `[edi.acme]`.
    pub name: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// Bytes of one interchange that are taken, at most.
    pub max_payload: u64,
    /// The way by which files go to and fro.
    pub transport: Transport,
    /// Ids by which the partner may name itself as sender.
    pub(crate) partner_ids: Vec<PartyId>,
    /// Ids by which the partner may name us as receiver.
    pub(crate) our_ids: Vec<PartyId>,
    /// An interchange of another sender is quarantined.
    pub(crate) only_known: bool,
    /// What the partner may send.
    pub(crate) formats: Vec<Format>,
    /// What the partner's text is encoded in, whatever the interchange says.
    pub(crate) charset: Option<String>,
    /// Whether interchanges are acknowledged.
    pub(crate) acknowledge: Acknowledge,
    /// X12: which acknowledgement.
    pub(crate) ack_kind: AckKind,
    /// In which the partner reads dates and times.
    pub(crate) timezone: TimeZone,
    /// Whether the partner's control numbers tell one interchange from another.
    pub(crate) control_numbers: ControlNumbers,
    /// Whether decisions on orders go back.
    pub(crate) responses: bool,
    /// The pause after the first attempt to send that failed.
    pub(crate) retry: Duration,
}

/// The way by which files go to and fro.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Folders on this machine.
    Folder(FolderConfig),
    /// Folders on an SFTP server.
    Sftp(Box<SftpConfig>),
    /// AS2, both ways.
    As2(Box<As2Config>),
}

/// A format that a partner may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// ANSI X12.
    X12,
    /// UN/EDIFACT.
    Edifact,
    /// UBL.
    Ubl,
    /// cXML.
    Cxml,
    /// openTRANS.
    Opentrans,
    /// GS1 XML.
    Gs1,
}

impl Format {
    pub(crate) const ALL: [(&'static str, Self); 6] = [
        ("x12", Self::X12),
        ("edifact", Self::Edifact),
        ("ubl", Self::Ubl),
        ("cxml", Self::Cxml),
        ("opentrans", Self::Opentrans),
        ("gs1", Self::Gs1),
    ];

    /// The format by the name that its reader gives it.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(word, _)| *word == name).map(|(_, format)| *format)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("x12", |(word, _)| word)
    }
}

/// Whether interchanges are acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledge {
    /// Where the interchange asks for it, and wherever the format always has one (X12, cXML).
    WhenAsked,
    /// Every one.
    Always,
    /// None.
    Never,
}

/// Which acknowledgement an X12 interchange gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AckKind {
    /// 999 from version 005010 on, else 997.
    Auto,
    /// 997.
    Functional,
    /// 999.
    Implementation,
    /// Nothing but the TA1 of the interchange.
    Interchange,
}

/// Whether the partner's control numbers tell one interchange from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ControlNumbers {
    /// They do.
    Unique,
    /// They come again: only the content tells.
    Reused,
}

impl ControlNumbers {
    pub(crate) const WORDS: [(&'static str, Self); 2] = [("unique", Self::Unique), ("reused", Self::Reused)];
}

impl EdiConfig {
    /// What no other channel may use at the same time. Equal texts are a clash.
    pub fn resources(&self) -> Vec<String> {
        match &self.transport {
            Transport::Folder(folder) => folder.resources(),
            Transport::Sftp(sftp) => sftp.resources(),
            Transport::As2(as2) => as2.resources(),
        }
    }

    /// What the configuration names and this machine, for this user, does not have: a secret, a certificate, a fitting key.
    pub fn missing(&self) -> Vec<String> {
        match &self.transport {
            Transport::Folder(_) => Vec::new(),
            Transport::Sftp(sftp) => sftp.missing(),
            Transport::As2(as2) => as2.missing(),
        }
    }

    /// How what comes by this channel is answered.
    pub fn answer(&self) -> Answer {
        let by_itself = match self.acknowledge {
            Acknowledge::WhenAsked | Acknowledge::Always => ByItself::EdiAcknowledgement,
            Acknowledge::Never => ByItself::Nothing,
        };
        Answer { sender: format!("edi.{}", self.name), by_itself, order_responses: self.responses }
    }

    /// Whether anything ever goes to the partner.
    fn sends(&self) -> bool {
        self.responses || self.acknowledge != Acknowledge::Never
    }
}

/// Reads one partner. What is wrong goes into the section's report; `None` when there is no partner to speak of. The caller calls
/// [`Section::finish`] on the section.
pub fn read(name: &str, section: &mut Section) -> Option<EdiConfig> {
    let tenant = section.text("tenant").unwrap_or_else(|| Tenant::DEFAULT.into());
    let tenant_ok = !tenant.is_empty() && tenant.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !tenant_ok {
        section.fault("tenant", "a tenant's name has lower-case letters, digits and dashes");
    }
    let partner_ids = ids::read(section, "partner_ids");
    let our_ids = ids::read(section, "our_ids");
    let only_known = section.flag("only_known", !partner_ids.is_empty());
    if only_known && partner_ids.is_empty() {
        section.fault("only_known", "only_known = true needs `partner_ids`: without them every sender is unknown");
    }
    let formats = formats(section);
    let charset = section.text("charset");
    if charset.as_deref().is_some_and(|label| !is_charset(label)) {
        section.fault("charset", "expected the name of a character set, such as \"utf-8\", \"windows-1252\", \"iso-8859-2\" or \"cp037\"");
    }
    let acknowledge = [("when-asked", Acknowledge::WhenAsked), ("always", Acknowledge::Always), ("never", Acknowledge::Never)];
    let ack_kinds =
        [("auto", AckKind::Auto), ("997", AckKind::Functional), ("999", AckKind::Implementation), ("ta1", AckKind::Interchange)];
    let timezone = timezone(section);
    let config = EdiConfig {
        name: name.into(),
        tenant: Tenant::new(&tenant),
        max_payload: section.size("max_payload", PAYLOAD, 128 * MB),
        partner_ids,
        our_ids,
        only_known,
        formats,
        charset,
        acknowledge: section.choice("acknowledge", &acknowledge, Acknowledge::WhenAsked),
        ack_kind: section.choice("ack_kind", &ack_kinds, AckKind::Auto),
        timezone: timezone?,
        control_numbers: section.choice("control_numbers", &ControlNumbers::WORDS, ControlNumbers::Unique),
        responses: section.flag("responses", true),
        retry: section.duration("retry", SECOND..=HOUR, MINUTE),
        transport: transport(section)?,
    };
    let way_missing = match &config.transport {
        Transport::Folder(_) => None,
        Transport::Sftp(sftp) => sftp.out.is_none().then_some(("sftp", "out")),
        Transport::As2(as2) => as2.url.is_none().then_some(("as2", "url")),
    };
    if let Some((table, key)) = way_missing.filter(|_| config.sends()) {
        section.fault(
            table,
            format!("`{key}` is missing: acknowledgements and answers would have no way to the partner; add it, or set acknowledge = \"never\" and responses = false"),
        );
    }
    tenant_ok.then_some(config)
}

fn transport(section: &mut Section) -> Option<Transport> {
    match (section.has("folder"), section.has("sftp"), section.has("as2")) {
        (true, false, false) => folder::read(section).map(Transport::Folder),
        (false, true, false) => sftp::read(section.table("sftp")).map(|sftp| Transport::Sftp(Box::new(sftp))),
        (false, false, true) => as2::read(section.table("as2")).map(|as2| Transport::As2(Box::new(as2))),
        (false, false, false) => {
            section.fault(
                "",
                format!(
                    "add `folder = \"…\"` for files on this machine, or a table `[{path}.sftp]` or `[{path}.as2]`",
                    path = section.path()
                ),
            );
            None
        }
        _ => {
            section.fault("", "a partner has a folder (`folder`), an SFTP server (`sftp`) or AS2 (`as2`), one of them only; a partner with two ways is two channels");
            None
        }
    }
}

fn formats(section: &mut Section) -> Vec<Format> {
    let Some(words) = section.list("formats") else { return Format::ALL.map(|(_, format)| format).to_vec() };
    let mut formats = Vec::new();
    for word in words {
        match Format::by_name(&word) {
            Some(format) if formats.contains(&format) => section.fault("formats", format!("`{word}` is there twice")),
            Some(format) => formats.push(format),
            None => {
                let known = Format::ALL.map(|(word, _)| word).join(", ");
                section.fault("formats", format!("`{word}` is not a format; known are {known}"));
            }
        }
    }
    if formats.is_empty() {
        section.fault("formats", "without a format the partner can send nothing; leave the key out to allow all");
    }
    formats
}

fn timezone(section: &mut Section) -> Option<TimeZone> {
    let Some(name) = section.text("timezone") else { return Some(TimeZone::UTC) };
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    TimeZone::get(&name)
        .map_err(|_| section.fault("timezone", format!("this system knows no time zone `{name}`; write one such as \"Europe/Amsterdam\"")))
        .ok()
}

/// Whether this can be the name of a character set; the readers know which there are.
fn is_charset(label: &str) -> bool {
    !label.is_empty() && label.len() <= 40 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

/// A host name or an IP address, without port.
fn is_host(host: &str) -> bool {
    let is_name = !host.is_empty() && host.len() <= 255 && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    is_name || host.parse::<std::net::IpAddr>().is_ok()
}
