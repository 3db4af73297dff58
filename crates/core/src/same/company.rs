//! Which company an address speaks for.

use crate::message::{Address, AddressKind};

/// Providers whose addresses say nothing about a company.
const FREE_MAIL: &[&str] = &[
    "aol.com",
    "bluewin.ch",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hetnet.nl",
    "home.nl",
    "hotmail.be",
    "hotmail.com",
    "hotmail.de",
    "hotmail.fr",
    "hotmail.nl",
    "icloud.com",
    "kpnmail.nl",
    "kpnplanet.nl",
    "laposte.net",
    "live.be",
    "live.com",
    "live.fr",
    "live.nl",
    "mac.com",
    "mail.com",
    "me.com",
    "msn.com",
    "orange.fr",
    "outlook.be",
    "outlook.com",
    "outlook.de",
    "outlook.fr",
    "outlook.nl",
    "planet.nl",
    "proton.me",
    "protonmail.com",
    "quicknet.nl",
    "sfr.fr",
    "skynet.be",
    "t-online.de",
    "telenet.be",
    "upcmail.nl",
    "wanadoo.fr",
    "web.de",
    "xs4all.nl",
    "yahoo.com",
    "yahoo.de",
    "yahoo.fr",
    "ziggo.nl",
];

/// The domain of the company that an address speaks for; `None` for free-mail providers and other kinds of addresses.
pub fn company_domain(address: &Address) -> Option<String> {
    if address.kind != AddressKind::Mail {
        return None;
    }
    let domain = address.value.rsplit_once('@')?.1.trim().trim_end_matches('.').to_lowercase();
    (domain.contains('.') && !FREE_MAIL.contains(&domain.as_str())).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_mail_is_no_company() {
        assert_eq!(company_domain(&Address::mail("jan@Bouw.example")).as_deref(), Some("bouw.example"));
        assert_eq!(company_domain(&Address::mail("jan@gmail.com")), None);
    }
}
