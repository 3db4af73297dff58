//! What the header fields of a message say: from whom, for whom, which one, and what receipt is wanted.

use crate::digest::Digest;
use crate::disposition::{Disposition, detail};
use crate::headers::Headers;
use crate::names;
use crate::refused::Refused;

/// The longest Message-ID that is taken: a header line's length by RFC 5322.
const LONGEST_ID: usize = 998;

/// A message on its way, by its header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmission {
    /// The sender's AS2 identifier.
    pub from: String,
    /// The recipient's AS2 identifier.
    pub to: String,
    /// Its Message-ID as it came, usually in angle brackets. With `from` and `to` it tells a repetition.
    pub message_id: String,
    /// Its subject.
    pub subject: Option<String>,
    /// The receipt that the sender wants, if any.
    pub receipt: Option<ReceiptRequest>,
}

/// A receipt that a sender wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRequest {
    /// Where it is to be posted; none: it is the HTTP answer. The sender wrote this: post only to hosts that were agreed with it.
    pub deliver_to: Option<String>,
    /// Whether it is to be signed.
    pub signed: bool,
    /// The digest that it asked for, with its spelling; none: the choice is ours.
    pub micalg: Option<(Digest, String)>,
    /// What was demanded and cannot be done: the message must not be taken.
    pub(crate) impossible: Option<Disposition>,
}

impl Transmission {
    /// By the header fields of an HTTP request. Names a request that is no AS2 message.
    pub fn of(headers: &Headers) -> Result<Self, Box<Refused>> {
        let needed = |name: &str| match headers.get(name).filter(|value| !value.is_empty()) {
            Some(value) => Ok(value),
            None => Err(Refused::status(400, format!("no AS2 message: the header field {name} is missing"))),
        };
        let (from, to) = (names::unquoted(needed("AS2-From")?), names::unquoted(needed("AS2-To")?));
        let message_id = needed("Message-ID")?;
        if message_id.len() > LONGEST_ID {
            return Err(Refused::status(400, format!("the Message-ID is longer than {LONGEST_ID} characters")));
        }
        Ok(Self {
            from,
            to,
            message_id: message_id.into(),
            subject: headers.get("Subject").filter(|subject| !subject.is_empty()).map(str::to_owned),
            receipt: headers.get("Disposition-Notification-To").map(|_| ReceiptRequest::of(headers)),
        })
    }
}

impl ReceiptRequest {
    fn of(headers: &Headers) -> Self {
        let mut request = Self {
            deliver_to: headers.get("Receipt-Delivery-Option").filter(|url| !url.is_empty()).map(str::to_owned),
            signed: false,
            micalg: None,
            impossible: None,
        };
        // `signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-256, sha1`
        for option in headers.get("Disposition-Notification-Options").unwrap_or_default().split(';') {
            let Some((name, values)) = option.split_once('=') else { continue };
            let mut required = false;
            let mut offered = Vec::new();
            for value in values.split(',').map(|value| value.trim().trim_matches('"')) {
                if value.eq_ignore_ascii_case("required") {
                    required = true;
                } else if !value.is_empty() && !value.eq_ignore_ascii_case("optional") {
                    offered.push(value);
                }
            }
            match name.trim().to_ascii_lowercase().as_str() {
                "signed-receipt-protocol" => {
                    request.signed = offered.iter().any(|value| value.eq_ignore_ascii_case("pkcs7-signature"));
                    if required && !request.signed {
                        request.impossible = Some(Disposition::failed(detail::UNSUPPORTED_FORMAT));
                    }
                }
                "signed-receipt-micalg" => {
                    request.micalg = offered.iter().find_map(|value| Some((Digest::by_name(value)?, (*value).to_owned())));
                    if required && request.micalg.is_none() && !offered.is_empty() {
                        request.impossible = Some(Disposition::failed(detail::UNSUPPORTED_MIC_ALGORITHMS));
                    }
                }
                _ => {}
            }
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(options: &str) -> ReceiptRequest {
        let fields = [
            ("AS2-From", "\"Pump House\""),
            ("as2-to", "LOKET"),
            ("Message-ID", "<1@pump.example>"),
            ("Disposition-Notification-To", "edi@pump.example"),
            ("Disposition-Notification-Options", options),
        ];
        let transmission = Transmission::of(&fields.into_iter().collect()).unwrap();
        assert_eq!((transmission.from.as_str(), transmission.to.as_str()), ("Pump House", "LOKET"));
        transmission.receipt.unwrap()
    }

    #[test]
    fn options_in_all_sorts_of_spellings() {
        let sha256 = |spelling: &str| Some((Digest::Sha256, spelling.to_owned()));
        for (options, signed, micalg) in [
            ("signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha256, sha1", true, sha256("sha256")),
            ("signed-receipt-protocol=required,pkcs7-signature;signed-receipt-micalg=required,SHA-256", true, sha256("SHA-256")),
            ("Signed-Receipt-Protocol = optional , \"pkcs7-signature\" ; signed-receipt-micalg=md5, sha-256", true, sha256("sha-256")),
            ("signed-receipt-protocol=optional, pgp-signature", false, None),
            ("signed-receipt-protocol=pkcs7-signature; signed-receipt-micalg=optional, md5", true, None),
            ("", false, None),
            ("=;;=,,;signed-receipt-micalg", false, None),
        ] {
            let request = request(options);
            assert_eq!((request.signed, request.micalg, request.impossible), (signed, micalg, None), "{options}");
        }
    }

    #[test]
    fn what_is_demanded_and_cannot_be_done_is_said() {
        let impossible = |options| request(options).impossible.unwrap().to_string();
        assert_eq!(impossible("signed-receipt-protocol=required, pgp-signature"), "failed/failure: unsupported format");
        assert_eq!(impossible("signed-receipt-micalg=required, md5"), "failed/failure: unsupported MIC-algorithms");
    }

    #[test]
    fn a_request_without_names_is_no_as2_message() {
        for missing in ["AS2-From", "AS2-To", "Message-ID"] {
            let fields = [("AS2-From", "A"), ("AS2-To", "B"), ("Message-ID", "<1@a.example>")];
            let refused = Transmission::of(&fields.into_iter().filter(|(name, _)| *name != missing).collect()).unwrap_err();
            assert_eq!(refused.answer, crate::Answer::Status(400));
            assert!(refused.reason.contains(missing), "{}", refused.reason);
        }
    }
}
