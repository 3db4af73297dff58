//! What went wrong, in words.

use openssl::error::ErrorStack;

/// Why something cannot be set up, made or read: what, where, and what to do.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What was tried, and OpenSSL's own words, which often name the cause.
    pub(crate) fn openssl(what: &str, stack: &ErrorStack) -> Self {
        match openssl_words(stack) {
            words if words.is_empty() => Self(what.into()),
            words => Self(format!("{what} (OpenSSL: {words})")),
        }
    }
}

/// OpenSSL's reasons, the first ones.
pub(crate) fn openssl_words(stack: &ErrorStack) -> String {
    let reasons: Vec<&str> = stack.errors().iter().filter_map(openssl::error::Error::reason).take(3).collect();
    reasons.join(", ")
}
