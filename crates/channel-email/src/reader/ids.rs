//! What a mail says it is, and what it answers.

use loket_core::message::{Identity, Thread};
use sha2::{Digest, Sha256};

use super::fields::{Fields, unfold};
use super::limits::{MAX_ID, MAX_REFERENCES};
use super::lines::lines;
use super::notes::Notes;

/// The identity: the Message-ID; where there is none to use, a digest of the mail without what the way left on it.
pub(super) fn identity(fields: &Fields<'_>, body: &[u8], notes: &mut Notes) -> Identity {
    let mut said = fields.all("message-id");
    let first = said.next();
    if said.next().is_some() {
        notes.add("more than one Message-ID; the first one counts");
    }
    match first.map(|raw| ids(raw, 1)) {
        Some(found) if !found.is_empty() => Identity::message_id(found.into_iter().next().unwrap_or_default()),
        found => {
            notes.add(if found.is_some() { "its Message-ID cannot be used" } else { "no Message-ID" });
            Identity { kind: "digest".into(), value: digest(fields, body) }
        }
    }
}

/// What it answers. Of a long chain of references the latest count.
pub(super) fn thread(fields: &Fields<'_>) -> Thread {
    let in_reply_to = fields.first("in-reply-to").map(|raw| answered(raw, 10)).unwrap_or_default();
    let latest = |raw: &'_ [u8]| answered(raw.get(raw.len().saturating_sub(MAX_REFERENCES * MAX_ID)..).unwrap_or_default(), usize::MAX);
    let mut references = fields.first("references").map(latest).unwrap_or_default();
    if references.len() > MAX_REFERENCES {
        references.drain(..references.len() - MAX_REFERENCES);
    }
    Thread { in_reply_to, references, conversation: None }
}

/// The ids in a field. In-Reply-To of old mailers has sentences in it (`Your message of Monday <id>`): only what looks like an id counts.
fn answered(raw: &[u8], limit: usize) -> Vec<String> {
    let mut found = ids(raw, limit);
    found.retain(|id| raw.contains(&b'<') || id.contains('@'));
    found
}

/// The first id in a value.
pub(super) fn first(raw: &[u8]) -> Option<String> {
    ids(raw, 1).into_iter().next()
}

/// The ids in a value, without angle brackets; without any bracket, its words.
fn ids(raw: &[u8], limit: usize) -> Vec<String> {
    let value = unfold(raw);
    let mut found = Vec::new();
    if !value.contains(&b'<') {
        let words = value.split(|b| b.is_ascii_whitespace() || *b == b',');
        found.extend(words.filter_map(id).take(limit));
        return found;
    }
    let mut rest: &[u8] = &value;
    while let Some(start) = rest.iter().position(|&b| b == b'<')
        && found.len() < limit
    {
        rest = rest.get(start + 1..).unwrap_or_default();
        // The next id begins where this one was not closed.
        let end = rest.iter().position(|&b| matches!(b, b'>' | b'<')).unwrap_or(rest.len());
        found.extend(rest.get(..end).and_then(id));
        rest = rest.get(end..).unwrap_or_default();
    }
    found
}

/// An id without the blanks that folding put into it. `None` when nothing is left to know a mail by.
fn id(raw: &[u8]) -> Option<String> {
    if raw.len() > MAX_ID {
        return None;
    }
    if let Ok(text) = str::from_utf8(raw)
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'>')
    {
        return text.contains(|c: char| c.is_ascii_alphanumeric()).then(|| text.to_owned());
    }
    let text: String = String::from_utf8_lossy(raw).chars().filter(|c| !c.is_whitespace() && !c.is_control() && *c != '>').collect();
    text.contains(|c: char| c.is_alphanumeric()).then_some(text)
}

/// SHA-256 over what the sender sent. What the way added (trace fields, anything that begins with `X-`), how lines end and how
/// they are folded do not count: the same mail in two mailboxes, or fetched again after the server was rebuilt, is one mail.
fn digest(fields: &Fields<'_>, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    for field in fields.iter().filter(|field| !is_trace(field.name)) {
        hash.update(field.name.to_ascii_lowercase());
        hash.update(b":");
        for word in field.value.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty()) {
            hash.update(b" ");
            hash.update(word);
        }
        hash.update(b"\n");
    }
    hash.update(b"\n");
    // Blank lines at the end come and go.
    for line in lines(body.trim_ascii_end(), 0) {
        hash.update(line.text);
        hash.update(b"\n");
    }
    hex(&hash.finalize())
}

fn is_trace(name: &[u8]) -> bool {
    const NAMES: &[&str] = &[
        "received",
        "return-path",
        "delivered-to",
        "envelope-to",
        "delivery-date",
        "authentication-results",
        "received-spf",
        "dkim-signature",
        "domainkey-signature",
        "status",
        "content-length",
        "lines",
        "errors-to",
        "original-recipient",
        "bcc",
    ];
    const PREFIXES: &[&str] = &["x-", "arc-", "resent-", "dkim2-"];
    NAMES.iter().any(|trace| name.eq_ignore_ascii_case(trace.as_bytes()))
        || PREFIXES.iter().any(|prefix| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes())))
}

/// SHA-256 in lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fields;
    use super::*;

    fn identity_of(mail: &str) -> (String, String) {
        let (fields, body) = fields::read(mail.as_bytes(), 0, 100, |_| false);
        let identity = identity(&fields, &mail.as_bytes()[body..], &mut Notes::default());
        (identity.kind, identity.value)
    }

    #[test]
    fn message_ids() {
        for (raw, expected) in [
            ("<a.b@example.nl>", "a.b@example.nl"),
            (" a.b@example.nl ", "a.b@example.nl"),
            ("<long\r\n part@example.nl>", "longpart@example.nl"),
            ("<Mixed.Case@Example.NL> (comment)", "Mixed.Case@Example.NL"),
            ("<no-end@example.nl", "no-end@example.nl"),
            ("<nodomain>", "nodomain"),
        ] {
            assert_eq!(identity_of(&format!("Message-Id: {raw}\n\nx")), ("message-id".into(), expected.into()), "{raw}");
        }
        for raw in ["", "   ", "<>", "<   >", "<@>", &"x".repeat(2_000)] {
            assert_eq!(identity_of(&format!("Message-ID: {raw}\n\nx")).0, "digest", "{raw}");
        }
    }

    #[test]
    fn the_way_does_not_change_the_digest() {
        let one = identity_of("Return-Path: <a@example.nl>\nReceived: by one\nFrom: a@example.nl\nSubject: Hoi\n\nTekst\n");
        let two = identity_of(
            "Received: by two\r\nX-Spam: no\r\nFrom: a@example.nl\r\nSubject:\r\n Hoi\r\nDelivered-To: b@example.nl\r\n\r\nTekst\r\n\r\n",
        );
        assert_eq!(one, two);
        assert_ne!(one, identity_of("From: a@example.nl\nSubject: Hoi\n\nAndere tekst\n"));
    }

    #[test]
    fn threads() {
        let many: String = (0..250).map(|n| format!("<{n}@example.nl>\r\n ")).collect();
        let mail = format!("In-Reply-To: Your message of Monday <a@example.nl>\nReferences: {many}\n\n");
        let (fields, _) = fields::read(mail.as_bytes(), 0, 100, |_| false);
        let thread = thread(&fields);
        assert_eq!(thread.in_reply_to, ["a@example.nl"]);
        assert_eq!((thread.references.len(), thread.references[0].as_str()), (100, "150@example.nl"));
        let (fields, _) = fields::read(b"In-Reply-To: Your message of Monday\n\n", 0, 100, |_| false);
        assert!(super::thread(&fields).in_reply_to.is_empty());
    }
}
