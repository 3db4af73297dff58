//! The disposition of a receipt (MDN): what became of a message.

use std::fmt;

/// Details that RFC 4130 section 7.5 and RFC 5402 name, and those that AS2 products added.
pub mod detail {
    /// The signature is missing, or not one of a configured and valid certificate.
    pub const AUTHENTICATION_FAILED: &str = "authentication-failed";
    /// It could not be decrypted.
    pub const DECRYPTION_FAILED: &str = "decryption-failed";
    /// It could not be decompressed.
    pub const DECOMPRESSION_FAILED: &str = "decompression-failed";
    /// The content is not what was signed.
    pub const INTEGRITY_CHECK_FAILED: &str = "integrity-check-failed";
    /// Less security than was agreed upon.
    pub const INSUFFICIENT_MESSAGE_SECURITY: &str = "insufficient-message-security";
    /// Anything else.
    pub const UNEXPECTED_PROCESSING_ERROR: &str = "unexpected-processing-error";
    /// The receipt was asked for in a form that is not supported.
    pub const UNSUPPORTED_FORMAT: &str = "unsupported format";
    /// The receipt was asked for with digests that are not supported.
    pub const UNSUPPORTED_MIC_ALGORITHMS: &str = "unsupported MIC-algorithms";
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `processed`.
    Processed,
    /// `processed/warning`: processed all the same.
    Warning,
    /// `processed/error`: understood but not taken.
    Error,
    /// `failed/failure`, `denied` and anything unknown: not taken.
    Failed,
}

/// What a receipt says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong, e.g. `authentication-failed`; one of [`detail`]'s or the partner's own words.
    pub detail: Option<String>,
}

impl Disposition {
    /// Taken.
    pub const fn processed() -> Self {
        Self { outcome: Outcome::Processed, detail: None }
    }

    /// `processed/error` with a detail.
    pub fn error(detail: &str) -> Self {
        Self { outcome: Outcome::Error, detail: Some(detail.into()) }
    }

    /// `failed/failure` with a detail.
    pub fn failed(detail: &str) -> Self {
        Self { outcome: Outcome::Failed, detail: Some(detail.into()) }
    }

    /// Whether the partner took the message.
    pub const fn is_positive(&self) -> bool {
        matches!(self.outcome, Outcome::Processed | Outcome::Warning)
    }

    /// From a `Disposition` field, `mode; type/modifier: detail`. What is not understood counts as failed, with its words as the detail.
    pub(crate) fn parse(field: &str) -> Self {
        let said = field.split_once(';').map_or(field, |(_, said)| said).trim();
        let (kind, detail) = match said.split_once(':') {
            Some((kind, detail)) => (kind, Some(detail.trim()).filter(|detail| !detail.is_empty())),
            None => (said, None),
        };
        let (kind, modifier) = kind.split_once('/').unwrap_or((kind, ""));
        let modifier = modifier.trim();
        let outcome = match (kind.trim().to_ascii_lowercase().as_str(), modifier.to_ascii_lowercase().as_str()) {
            ("processed", "") => Outcome::Processed,
            ("processed", "warning") => Outcome::Warning,
            ("processed", "error") => Outcome::Error,
            // Some put the detail where the modifier belongs: `processed/decryption-failed`.
            ("processed", _) => return Self { outcome: Outcome::Error, detail: detail.or(Some(modifier)).map(str::to_owned) },
            // Message stores of mail clients say so; for a machine it is as good as processed.
            ("displayed" | "dispatched", "") => Outcome::Processed,
            ("failed", _) => Outcome::Failed,
            _ => return Self { outcome: Outcome::Failed, detail: Some(said.to_owned()) },
        };
        Self { outcome, detail: detail.map(str::to_owned) }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.outcome {
            Outcome::Processed => "processed",
            Outcome::Warning => "processed/warning",
            Outcome::Error => "processed/error",
            Outcome::Failed => "failed/failure",
        })?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispositions_of_all_sorts_of_products() {
        let warning = Disposition { outcome: Outcome::Warning, detail: Some("duplicate-document".into()) };
        for (field, wanted) in [
            ("automatic-action/MDN-sent-automatically; processed", Disposition::processed()),
            ("automatic-action/MDN-sent-automatically;processed", Disposition::processed()),
            ("manual-action/MDN-sent-manually; Processed/Error: authentication-failed", Disposition::error("authentication-failed")),
            ("automatic-action/MDN-sent-automatically; processed/warning: duplicate-document", warning),
            ("automatic-action/MDN-sent-automatically; processed/decryption-failed", Disposition::error("decryption-failed")),
            ("automatic-action/MDN-sent-automatically; failed/Failure: unsupported format", Disposition::failed("unsupported format")),
            ("automatic-action/MDN-sent-automatically; denied", Disposition::failed("denied")),
            ("", Disposition { outcome: Outcome::Failed, detail: Some(String::new()) }),
        ] {
            assert_eq!(Disposition::parse(field), wanted, "{field}");
        }
        assert_eq!(Disposition::error(detail::DECRYPTION_FAILED).to_string(), "processed/error: decryption-failed");
    }
}
