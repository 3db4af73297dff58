//! `[edi.NAME.as2]`: who we are to the partner, who it is to us, and what was agreed.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use loket_as2::{Cipher, Compression, Digest, KeyPair, Limits, Local, Partner, ReceiptWish};
use loket_core::config::Section;
use loket_core::secret::{ExposeSecret, Secret};
use reqwest::Url;

use super::{HOUR, MINUTE, SECOND};

/// What was agreed with an AS2 partner.
#[derive(Clone, Debug)]
pub struct As2Config {
    /// Our AS2 identifier.
    pub(crate) our_id: String,
    /// The partner's.
    pub(crate) partner_id: String,
    /// The key that signs and decrypts.
    pub(crate) key: KeyFiles,
    /// Keys of before, for what partners still encrypt for them.
    pub(crate) older: Vec<KeyFiles>,
    /// The partner's certificates, the one to encrypt for first.
    pub(crate) partner_certificates: Vec<PathBuf>,
    /// Where the partner takes messages.
    pub(crate) url: Option<Url>,
    /// A certificate authority of the partner's own, for `url`.
    pub(crate) ca_file: Option<PathBuf>,
    /// How messages are signed.
    pub(crate) sign: Option<Digest>,
    /// How they are encrypted.
    pub(crate) encrypt: Option<Cipher>,
    /// Whether and when they are compressed.
    pub(crate) compress: Option<Compression>,
    /// Which receipt is wanted.
    pub(crate) mdn: Mdn,
    /// Whether it must be signed.
    pub(crate) mdn_signed: bool,
    /// What comes must be signed.
    pub(crate) require_signature: bool,
    /// What comes must be encrypted.
    pub(crate) require_encryption: bool,
    /// What comes may be signed with SHA-1.
    pub(crate) allow_sha1: bool,
    /// What comes may be encrypted with Triple DES.
    pub(crate) allow_3des: bool,
    /// How long the partner may take to answer.
    pub(crate) timeout: Duration,
    /// How long a receipt by a request of its own is waited for, before the message is sent again.
    pub(crate) mdn_wait: Duration,
}

/// Which receipt is wanted for what goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mdn {
    /// None.
    None,
    /// In the answer.
    Sync,
    /// By a request of its own, to this URL of ours.
    Async(Url),
}

/// A private key and its certificate, by their places.
#[derive(Clone, Debug)]
pub(crate) struct KeyFiles {
    key: Secret,
    passphrase: Option<Secret>,
    certificate: PathBuf,
}

impl KeyFiles {
    fn load(&self) -> Result<KeyPair, String> {
        let key = self.key.fetch()?;
        let passphrase = self.passphrase.as_ref().map(Secret::fetch).transpose()?;
        let certificate = file(&self.certificate)?;
        let passphrase = passphrase.as_ref().map(ExposeSecret::expose_secret);
        KeyPair::from_pem(key.expose_secret().as_bytes(), passphrase, &certificate)
            .map_err(|error| format!("{} with {}: {error}", self.key, self.certificate.display()))
    }
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

impl As2Config {
    pub(super) fn resources(&self) -> Vec<String> {
        vec![format!("AS2 pair {} to {}", self.partner_id, self.our_id)]
    }

    pub(super) fn missing(&self) -> Vec<String> {
        let ourselves = self.local(u64::MAX).err();
        let partner = match self.partner() {
            Ok(partner) => partner.faults(Timestamp::now()),
            Err(problem) => vec![problem],
        };
        let ca_file = self.ca_file.as_deref().and_then(|path| file(path).err());
        ourselves.into_iter().chain(partner).chain(ca_file).collect()
    }

    /// Ourselves, with the keys as they are now. Reads files: they block.
    pub(crate) fn local(&self, max_payload: u64) -> Result<Local, String> {
        let mut local = Local::new(&self.our_id, self.key.load()?).map_err(|error| error.to_string())?;
        local.older = self.older.iter().map(KeyFiles::load).collect::<Result<_, _>>()?;
        let limit = usize::try_from(body_limit(max_payload)).unwrap_or(usize::MAX);
        local.limits = Limits { bytes: limit, ..Limits::default() };
        Ok(local)
    }

    /// The partner, with its certificates as they are now. Reads files: they block.
    pub(crate) fn partner(&self) -> Result<Partner, String> {
        let files = self.partner_certificates.iter().map(|path| file(path)).collect::<Result<Vec<_>, _>>()?;
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let mut partner = Partner::new(&self.partner_id, &files).map_err(|error| format!("a partner's certificate: {error}"))?;
        partner.require_signature = self.require_signature;
        partner.require_encryption = self.require_encryption;
        partner.allow_sha1 = self.allow_sha1;
        partner.sign = self.sign;
        partner.encrypt = self.encrypt;
        partner.compress = self.compress;
        let wish = |deliver_to| ReceiptWish { signed: self.mdn_signed, digest: self.sign.unwrap_or(Digest::Sha256), deliver_to };
        partner.receipt = match &self.mdn {
            Mdn::None => None,
            Mdn::Sync => Some(wish(None)),
            Mdn::Async(url) => Some(wish(Some(url.to_string()))),
        };
        Ok(partner)
    }
}

/// What a message with this content may weigh on its way: base64 adds a third, twice over where it is signed and then encrypted.
pub(crate) fn body_limit(max_payload: u64) -> u64 {
    max_payload.saturating_mul(2).saturating_add(64 << 10)
}

pub(super) fn read(mut section: Section) -> Option<As2Config> {
    let config = table(&mut section);
    section.finish();
    config
}

fn table(section: &mut Section) -> Option<As2Config> {
    let our_id = identifier(section, "our_id");
    let partner_id = identifier(section, "partner_id");
    if our_id.is_some() && our_id == partner_id {
        section.fault("partner_id", "the partner's AS2 identifier cannot be ours");
    }
    let key = key_files(section);
    let older: Vec<_> = section
        .tables("older")
        .into_iter()
        .map(|mut older| {
            let files = key_files(&mut older);
            older.finish();
            files
        })
        .collect();
    let require_signature = section.flag("require_signature", true);
    let (sign, encrypt) = (section.flag("sign", true), section.flag("encrypt", true));
    let partner_certificates: Vec<PathBuf> =
        section.list("partner_certificates").unwrap_or_default().into_iter().map(PathBuf::from).collect();
    if partner_certificates.is_empty() && (require_signature || encrypt) {
        let place = if section.has("partner_certificates") { "partner_certificates" } else { "" };
        section.fault(
            place,
            "`partner_certificates` is missing: its signatures are checked, and messages to it encrypted, with the partner's certificate; add `partner_certificates = [\"/etc/loket/acme.pem\"]`",
        );
    }
    let digest = by_name(section, "digest", Digest::Sha256);
    let cipher = by_name(section, "cipher", Cipher::Aes256Cbc);
    let compress = [("no", None), ("before-signing", Some(Compression::BeforeSigning)), ("after-signing", Some(Compression::AfterSigning))];
    let mdn = mdn(section);
    let config = As2Config {
        our_id: our_id?,
        partner_id: partner_id?,
        key: key?,
        older: older.into_iter().collect::<Option<_>>()?,
        partner_certificates,
        url: url(section, "url"),
        ca_file: section.file("ca_file"),
        sign: sign.then_some(digest?),
        encrypt: encrypt.then_some(cipher?),
        compress: section.choice("compress", &compress, None),
        mdn: mdn?,
        mdn_signed: section.flag("mdn_signed", true),
        require_signature,
        require_encryption: section.flag("require_encryption", true),
        allow_sha1: section.flag("allow_sha1", false),
        allow_3des: section.flag("allow_3des", false),
        timeout: section.duration("timeout", SECOND..=HOUR, MINUTE),
        mdn_wait: section.duration("mdn_wait", SECOND..=HOUR, MINUTE),
    };
    Some(config)
}

/// An AS2 identifier (RFC 4130 section 6.2).
fn identifier(section: &mut Section, key: &'static str) -> Option<String> {
    let id = section.required_text(key);
    let proper = id.len() <= 128 && id.trim() == id && id.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    if !proper {
        section.fault(key, "an AS2 identifier has 1 to 128 printable ASCII characters, without spaces at the ends");
    }
    (proper && !id.is_empty()).then_some(id)
}

fn key_files(section: &mut Section) -> Option<KeyFiles> {
    let key = match section.has("key") {
        true => section.secret("key"),
        false => {
            section.fault("", "`key` is missing; add `key = \"file:PATH\"`, a private key in PEM");
            None
        }
    };
    let passphrase = section.secret("passphrase");
    let certificate = PathBuf::from(section.required_text("certificate"));
    Some(KeyFiles { key: key?, passphrase, certificate })
}

fn by_name<T: FromStr<Err = loket_as2::Error>>(section: &mut Section, key: &'static str, default: T) -> Option<T> {
    let Some(name) = section.text(key) else { return Some(default) };
    name.parse().map_err(|error: loket_as2::Error| section.fault(key, error.to_string())).ok()
}

fn mdn(section: &mut Section) -> Option<Mdn> {
    #[derive(Clone, Copy, PartialEq)]
    enum Word {
        None,
        Sync,
        Async,
    }
    let word = section.choice("mdn", &[("sync", Word::Sync), ("async", Word::Async), ("none", Word::None)], Word::Sync);
    let mdn_url = url(section, "mdn_url");
    if mdn_url.is_some() && word != Word::Async {
        section.fault("mdn_url", "`mdn_url` goes with mdn = \"async\"");
    }
    match (word, mdn_url) {
        (Word::None, _) => Some(Mdn::None),
        (Word::Sync, _) => Some(Mdn::Sync),
        (Word::Async, Some(url)) => Some(Mdn::Async(url)),
        (Word::Async, None) => {
            if !section.has("mdn_url") {
                section.fault("mdn", "mdn = \"async\" needs `mdn_url`: the URL by which the partner reaches our /as2, such as \"https://edi.example.nl/as2\"");
            }
            None
        }
    }
}

fn url(section: &mut Section, key: &'static str) -> Option<Url> {
    let text = section.text(key)?;
    match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            if url.username().is_empty() && url.password().is_none() {
                Some(url)
            } else {
                section.fault(key, "a URL with a password does not belong in a configuration");
                None
            }
        }
        _ => {
            section.fault(key, "expected a URL such as \"https://edi.example.nl/as2\"");
            None
        }
    }
}
