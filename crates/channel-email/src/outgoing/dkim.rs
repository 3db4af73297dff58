//! Signs mails with DKIM (RFC 6376; Ed25519 by RFC 8463), relaxed both in header and body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loket_core::config::Section;
use loket_core::secret::{ExposeSecret, Secret};
use loket_core::time::Timestamp;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

/// What is signed where it is there, in this order.
const SIGNED: &[&str] = &[
    "from",
    "to",
    "cc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "auto-submitted",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];
/// Signed once more than they are there, so that nobody can add another one.
const SEALED: &[&str] = &["from", "to", "subject"];
/// Columns of the signature's lines.
const WIDTH: usize = 72;

/// `[outgoing.NAME.dkim]`
#[derive(Clone, Debug)]
pub(super) struct DkimConfig {
    domain: String,
    selector: String,
    key: Secret,
}

/// Reads the table. The caller has seen that it is there.
pub(super) fn read(mut section: Section, from_domain: &str) -> Option<DkimConfig> {
    let name = |text: &str| {
        !text.is_empty() && text.len() <= 253 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
    };
    let domain = section.text("domain").map_or_else(|| from_domain.to_owned(), |domain| domain.to_ascii_lowercase());
    let aligned = name(&domain) && (domain == from_domain || from_domain.ends_with(&format!(".{domain}")));
    if !aligned && !from_domain.is_empty() {
        section.fault(
            "domain",
            format!("the domain of `from` ({from_domain}) or one above it: with another one receivers do not count the signature"),
        );
    }
    let selector = section.required_text("selector");
    let selector_ok = name(&selector);
    if !selector.is_empty() && !selector_ok {
        section.fault("selector", format!("expected the name under which the public key is in DNS, as in SELECTOR._domainkey.{domain}"));
    }
    let key = section.secret("key");
    if key.is_none() && !section.has("key") {
        section.fault("", "`key` is missing; add key = \"file:PATH\" with the private key in PEM");
    }
    section.finish();
    (aligned && selector_ok).then_some(())?;
    Some(DkimConfig { domain, selector, key: key? })
}

impl DkimConfig {
    /// The private key, as it is now.
    pub(super) fn key(&self) -> Result<Key, String> {
        let pem = self.key.fetch()?;
        let unusable = |why: &str| format!("the DKIM key {} cannot be used: {why}", self.key);
        let der = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes())
            .map_err(|_| unusable("it is no private key in PEM (`-----BEGIN PRIVATE KEY-----` or `-----BEGIN RSA PRIVATE KEY-----`)"))?;
        let rsa = |found: Result<RsaKeyPair, ring::error::KeyRejected>| {
            found.map(Key::Rsa).map_err(|error| unusable(&format!("{error}; RSA keys need 2048 bits at least")))
        };
        match &der {
            PrivateKeyDer::Pkcs1(key) => rsa(RsaKeyPair::from_der(key.secret_pkcs1_der())),
            PrivateKeyDer::Pkcs8(key) => {
                let der = key.secret_pkcs8_der();
                match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                    Ok(key) => Ok(Key::Ed25519(key)),
                    Err(_) => rsa(RsaKeyPair::from_pkcs8(der)),
                }
            }
            _ => Err(unusable("it is neither an RSA nor an Ed25519 key")),
        }
    }

    /// The signature over a mail, as a header field with its line end.
    pub(super) fn sign(&self, key: &Key, head: &str, body: &str, at: Timestamp) -> Result<String, String> {
        let fields = fields(head);
        let mut names: Vec<&str> = SIGNED.iter().copied().filter(|name| fields.iter().any(|(other, _)| other == name)).collect();
        names.extend(SEALED);
        let body_hash = STANDARD.encode(digest(&SHA256, relaxed_body(body).as_bytes()));
        let mut field = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; d={};\r\n s={}; t={};\r\n h=",
            key.algorithm(),
            self.domain,
            self.selector,
            at.micros() / 1_000_000,
        );
        let mut column = 3;
        for (index, name) in names.iter().enumerate() {
            if index > 0 {
                field.push(':');
            }
            if column + name.len() > WIDTH {
                field.push_str("\r\n  ");
                column = 2;
            }
            field.push_str(name);
            column += name.len() + 1;
        }
        field.push_str(&format!(";\r\n bh={body_hash};\r\n b="));

        let mut signed = String::with_capacity(head.len() + field.len());
        let mut left: Vec<&(String, String)> = fields.iter().collect();
        for name in names {
            // From the last one up; where there is none left, nothing is signed, and so that there is none.
            if let Some(at) = left.iter().rposition(|(other, _)| other == name) {
                let (name, value) = left.remove(at);
                signed.push_str(&format!("{name}:{value}\r\n"));
            }
        }
        for (name, value) in crate::outgoing::dkim::fields(&field) {
            signed.push_str(&format!("{name}:{value}"));
        }
        let signature = STANDARD.encode(key.sign(signed.as_bytes())?);
        let mut rest = signature.as_str();
        while let Some((line, after)) = rest.split_at_checked(WIDTH) {
            field.push_str(line);
            field.push_str("\r\n  ");
            rest = after;
        }
        field.push_str(rest);
        Ok(field.trim_end().to_owned() + "\r\n")
    }
}

/// A private key.
#[derive(Debug)]
pub(super) enum Key {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)
                    .map_err(|_| "the mail cannot be signed".to_owned())?;
                Ok(signature)
            }
            // RFC 8463 section 3: the signature is over the hash.
            Self::Ed25519(key) => Ok(key.sign(digest(&SHA256, bytes).as_ref()).as_ref().to_vec()),
        }
    }
}

/// The fields of a header, relaxed (RFC 6376 section 3.4.2).
fn fields(head: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n").filter(|line| !line.is_empty()) {
        match fields.last_mut() {
            Some((_, value)) if line.starts_with([' ', '\t']) => {
                value.push(' ');
                value.push_str(line);
            }
            _ => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                fields.push((name.trim_end().to_ascii_lowercase(), value.to_owned()));
            }
        }
    }
    for (_, value) in &mut fields {
        *value = single_blanks(value.trim_matches([' ', '\t']));
    }
    fields
}

/// A body, relaxed (RFC 6376 section 3.4.4).
fn relaxed_body(body: &str) -> String {
    let mut relaxed = String::with_capacity(body.len());
    let mut empty = 0;
    for line in body.strip_suffix("\r\n").unwrap_or(body).split("\r\n") {
        let line = single_blanks(line.trim_end_matches([' ', '\t']));
        if line.is_empty() {
            empty += 1;
            continue;
        }
        (0..empty).for_each(|_| relaxed.push_str("\r\n"));
        empty = 0;
        relaxed.push_str(&line);
        relaxed.push_str("\r\n");
    }
    relaxed
}

fn single_blanks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    for c in text.chars() {
        if c == ' ' || c == '\t' {
            blank = true;
            continue;
        }
        if blank {
            out.push(' ');
            blank = false;
        }
        out.push(c);
    }
    if blank {
        out.push(' ');
    }
    out
}

#[cfg(test)]
mod tests {
    use ring::signature::{ED25519, KeyPair, UnparsedPublicKey};

    use super::*;

    #[test]
    fn headers_and_bodies_are_relaxed_as_the_standard_says() {
        // RFC 6376 section 3.4.5.
        assert_eq!(fields("A: X\r\nB : Y\t\r\n\tZ  \r\n"), [("a".to_owned(), "X".to_owned()), ("b".into(), "Y Z".into())]);
        assert_eq!(relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
        assert_eq!((relaxed_body(""), relaxed_body("\r\n\r\n")), (String::new(), String::new()));
        assert_eq!(relaxed_body("\r\na"), "\r\na\r\n");
        // The hash of nothing that the standard gives (section 3.4.4).
        assert_eq!(STANDARD.encode(digest(&SHA256, relaxed_body("").as_bytes())), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn what_is_signed_can_be_put_together_again() {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let public = UnparsedPublicKey::new(&ED25519, key.public_key().as_ref().to_vec());
        let config = DkimConfig { domain: "example.nl".into(), selector: "s1".into(), key: Secret::Env("X".into()) };
        let head = "From: a@example.nl\r\nTo: b@c.example\r\nSubject: Hallo\r\n  daar\r\n";
        let field = config.sign(&Key::Ed25519(key), head, "Tekst\r\n", Timestamp::from_seconds(7)).unwrap();
        assert!(field.starts_with("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.nl;\r\n s=s1; t=7;\r\n h=from:to:subject:from:to:subject;\r\n"), "{field}");
        assert!(field.lines().all(|line| line.len() <= 78), "{field}");
        let (unsigned, signature) = field.trim_end().split_once("; b=").or_else(|| field.trim_end().split_once(" b=")).unwrap();
        let value = single_blanks(&format!("{unsigned} b=").replace("\r\n", " ")).replacen("DKIM-Signature: ", "dkim-signature:", 1);
        let text = format!("from:a@example.nl\r\nto:b@c.example\r\nsubject:Hallo daar\r\n{value}");
        let signature = STANDARD.decode(signature.replace(['\r', '\n', ' '], "")).unwrap();
        public.verify(digest(&SHA256, text.as_bytes()).as_ref(), &signature).unwrap();
    }

    #[test]
    fn bad_keys_are_named_without_being_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let config = DkimConfig { domain: "example.nl".into(), selector: "s1".into(), key: Secret::File(path.clone()) };
        assert!(config.key().unwrap_err().contains("key.pem"));
        for text in [
            "hunter2",
            "-----BEGIN PRIVATE KEY-----\nhunter2=\n-----END PRIVATE KEY-----\n",
            "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = config.key().unwrap_err();
            assert!(error.contains("cannot be used") && !error.contains("hunter2"), "{error}");
        }
    }
}
