//! Whose mail is taken.

use std::collections::BTreeSet;

/// Addresses and whole domains. Compared without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recipients {
    everybody: bool,
    addresses: BTreeSet<String>,
    domains: BTreeSet<String>,
}

impl Recipients {
    /// Every recipient.
    pub(super) fn everybody() -> Self {
        Self { everybody: true, ..Self::default() }
    }

    /// Only these: `support@example.nl`, or `@example.nl` for a whole domain. The error is the one that is neither.
    pub(super) fn only(list: &[String]) -> Result<Self, String> {
        let mut recipients = Self::default();
        for text in list {
            let (local, domain) = text.rsplit_once('@').ok_or_else(|| text.clone())?;
            if domain.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err(text.clone());
            }
            let lower = text.to_lowercase();
            if local.is_empty() {
                recipients.domains.insert(lower.trim_start_matches('@').into());
            } else {
                recipients.addresses.insert(lower);
            }
        }
        Ok(recipients)
    }

    /// Whether mail to this address is taken. An extension (`support+order7@example.nl`) is part of the address before it.
    pub(super) fn take(&self, address: &str) -> bool {
        if self.everybody {
            return true;
        }
        let lower = address.to_lowercase();
        let Some((local, domain)) = lower.rsplit_once('@') else { return false };
        self.domains.contains(domain)
            || self.addresses.contains(&lower)
            || local.split_once('+').is_some_and(|(name, _)| self.addresses.contains(&format!("{name}@{domain}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_domains_and_extensions() {
        let list = ["Support@Example.NL".to_owned(), "@orders.example".to_owned(), "vragen@bücher.example".to_owned()];
        let recipients = Recipients::only(&list).unwrap();
        let table = [
            ("support@example.nl", true),
            ("SUPPORT@EXAMPLE.NL", true),
            ("support+case-7.abc@example.nl", true),
            ("support+@example.nl", true),
            ("anybody@orders.example", true),
            ("anybody@sub.orders.example", false),
            ("VRAGEN@BÜCHER.EXAMPLE", true),
            ("sales@example.nl", false),
            ("sales+support@example.nl", false),
            ("support@example.nl.evil.example", false),
            ("\"x@orders.example\"@evil.example", false),
            ("support", false),
            ("", false),
        ];
        for (address, taken) in table {
            assert_eq!(recipients.take(address), taken, "{address}");
        }
        assert!(Recipients::everybody().take("postmaster"));
    }

    #[test]
    fn what_is_no_address_is_named() {
        for wrong in ["example.nl", "a@", "@", "a b@example.nl", ""] {
            assert_eq!(Recipients::only(&[wrong.to_owned()]), Err(wrong.to_owned()));
        }
    }
}
