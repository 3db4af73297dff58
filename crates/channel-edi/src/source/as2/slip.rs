//! What is kept of a message beside its content: in the envelope of its delivery, and in what waits to be sent.

use bytes::Bytes;
use loket_as2::{Cipher, Headers, Mic, Receipt, Received, Sent, Transmission};
use loket_core::delivery::Envelope;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::source::take::hex_digest;

/// The longest key of a delivery.
const LONGEST_KEY: usize = 400;
/// The envelope field with the receipt.
const MDN: &str = "mdn";

/// An HTTP message as JSON: the bytes as text where they are UTF-8 and as hex where they are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

impl Kept {
    pub(super) fn new(headers: &Headers, body: &[u8]) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        match std::str::from_utf8(body) {
            Ok(text) => Self { headers, body: Some(text.into()), hex: None },
            Err(_) => Self { headers, body: None, hex: Some(body.iter().map(|byte| format!("{byte:02x}")).collect()) },
        }
    }

    /// Its header fields and its bytes.
    pub(super) fn parts(&self) -> Option<(Headers, Bytes)> {
        let headers = self.headers.iter().map(|(name, value)| (name, value)).collect();
        match (&self.body, &self.hex) {
            (Some(text), _) => Some((headers, Bytes::copy_from_slice(text.as_bytes()))),
            (None, Some(hex)) => Some((headers, unhex(hex)?.into())),
            (None, None) => None,
        }
    }
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let half = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    hex.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(half(*high)? << 4 | half(*low)?),
            _ => None,
        })
        .collect()
}

/// The key of a message: who repeats it gives it again.
pub(super) fn key(transmission: &Transmission) -> String {
    let plain = format!("as2/{}/{}/{}", transmission.from, transmission.to, transmission.message_id);
    if plain.len() <= LONGEST_KEY {
        return plain;
    }
    format!("as2/sha256:{}", hex_digest(plain.as_bytes()))
}

/// The key of a message that was not taken: another one for other bytes, so that a better attempt is not a repetition.
pub(super) fn refused_key(transmission: Option<&Transmission>, body: &[u8]) -> String {
    let of = transmission.map(key).unwrap_or_default();
    format!("as2-refused/{}/{}", hex_digest(of.as_bytes()).get(..16).unwrap_or_default(), hex_digest(body))
}

/// The envelope of a message that was taken.
pub(super) fn envelope(received: &Received, receipt: Option<&Receipt>) -> Envelope {
    let transmission = &received.transmission;
    let signed = received.signed.as_ref().map(|by| {
        json!({
            "subject": by.certificate.subject,
            "serial": by.certificate.serial,
            "sha256": by.certificate.sha256,
            "digest": by.digest.name(),
        })
    });
    let mut envelope = Envelope::new();
    let as2 = json!({
        "from": transmission.from,
        "to": transmission.to,
        "message_id": transmission.message_id,
        "subject": transmission.subject,
        "content_type": received.content_type,
        "mic": received.mic.to_string(),
        "signed": signed,
        "encrypted": received.encrypted.map(Cipher::name),
        "compressed": received.compressed,
    });
    envelope.insert("as2".into(), as2);
    if let Some(name) = &received.filename {
        envelope.insert("file".into(), name.as_str().into());
    }
    if let Some(receipt) = receipt {
        envelope.insert(MDN.into(), json!(Kept::new(&receipt.headers, &receipt.body)));
    }
    envelope
}

/// The receipt that a message was given when it came first.
pub(super) fn stored_receipt(envelope: &Envelope) -> Option<Receipt> {
    let kept: Kept = serde_json::from_value(envelope.get(MDN)?.clone()).ok()?;
    let (headers, body) = kept.parts()?;
    Some(Receipt { headers, body })
}

/// What must be kept of a message that we send, to send it again and to understand its receipt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SentSlip {
    pub(super) headers: Vec<(String, String)>,
    message_id: String,
    mic: String,
    signed_receipt: bool,
}

impl SentSlip {
    pub(super) fn new(headers: &Headers, sent: &Sent) -> Self {
        Self {
            headers: headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            message_id: sent.message_id.clone(),
            mic: sent.mic.to_string(),
            signed_receipt: sent.signed_receipt,
        }
    }

    pub(super) fn of(envelope: &Value) -> Option<Self> {
        serde_json::from_value(envelope.clone()).ok()
    }

    pub(super) fn sent(&self) -> Option<Sent> {
        let mic: Mic = self.mic.parse().ok()?;
        Some(Sent { message_id: self.message_id.clone(), mic, signed_receipt: self.signed_receipt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transmission(message_id: &str) -> Transmission {
        let fields = [("AS2-From", "ACME"), ("AS2-To", "LOKET"), ("Message-ID", message_id)];
        Transmission::of(&fields.into_iter().collect()).unwrap()
    }

    #[test]
    fn keys_tell_messages_and_attempts_apart() {
        assert_eq!(key(&transmission("<1@acme.example>")), "as2/ACME/LOKET/<1@acme.example>");
        let long = key(&transmission(&"x".repeat(900)));
        assert!(long.len() <= LONGEST_KEY && long.starts_with("as2/sha256:") && long != key(&transmission(&"y".repeat(900))));
        let one = transmission("<1@acme.example>");
        let refused = refused_key(Some(&one), b"one");
        assert!(refused != refused_key(Some(&one), b"two") && refused != refused_key(None, b"one") && refused.len() <= LONGEST_KEY);
    }

    #[test]
    fn receipts_are_kept_byte_for_byte() {
        for body in [&b"--b\r\n\r\nprocessed\r\n--b--\r\n"[..], b"\x30\x82\xff\x00", b""] {
            let headers: Headers = [("AS2-From", "LOKET"), ("Content-Type", "multipart/signed; boundary=\"b\"")].into_iter().collect();
            let json = serde_json::to_value(Kept::new(&headers, body)).unwrap();
            let kept: Kept = serde_json::from_value(json).unwrap();
            assert_eq!(kept.parts().unwrap(), (headers, Bytes::copy_from_slice(body)));
        }
    }
}
