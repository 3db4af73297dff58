//! The keys of `[email.NAME.oauth2]`.

use std::path::PathBuf;

use loket_core::config::Section;
use loket_core::secret::Secret;
use reqwest::Url;

/// Where tokens come from, and how they are shown.
#[derive(Clone, Debug)]
pub(crate) struct OAuth2Config {
    pub(crate) token_url: Url,
    pub(crate) client_id: String,
    /// Public clients have none.
    pub(crate) client_secret: Option<Secret>,
    pub(crate) grant: Grant,
    pub(crate) scope: Option<String>,
    pub(crate) mechanism: Mechanism,
    pub(crate) ca_file: Option<PathBuf>,
}

/// Why the endpoint should give us a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// Because of who we are.
    ClientCredentials,
    /// Because somebody authorized us once, and this is the proof.
    RefreshToken(Secret),
}

/// How a token is shown to the mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// Google's and Microsoft's own.
    Xoauth2,
    /// RFC 7628.
    OauthBearer,
}

impl Mechanism {
    const WORDS: [(&'static str, Self); 2] = [("xoauth2", Self::Xoauth2), ("oauthbearer", Self::OauthBearer)];

    /// Its name in SASL.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Xoauth2 => "XOAUTH2",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

impl OAuth2Config {
    /// What the configuration names and this machine, for this user, does not have.
    pub(crate) fn missing(&self) -> Vec<String> {
        let refresh = match &self.grant {
            Grant::RefreshToken(secret) => Some(secret),
            Grant::ClientCredentials => None,
        };
        let secrets = self.client_secret.iter().chain(refresh).filter_map(|secret| secret.fetch().err());
        let ca_file = self.ca_file.as_ref().and_then(|path| {
            let error = std::fs::metadata(path).err()?;
            Some(format!("cannot read oauth2.ca_file {}: {error}", path.display()))
        });
        secrets.chain(ca_file).collect()
    }
}

/// Reads the table. What is wrong goes into the report.
pub(crate) fn read(mut section: Section) -> Option<OAuth2Config> {
    let token_url = token_url(&mut section);
    let client_id = section.required_text("client_id");
    let client_secret = section.secret("client_secret");
    let client_secret_wrong = section.has("client_secret") && client_secret.is_none();
    let words = [("client_credentials", false), ("refresh_token", true)];
    let by_refresh = section.choice("grant", &words, false);
    let refresh_token = section.secret("refresh_token");
    let grant = match (by_refresh, section.has("refresh_token")) {
        (true, true) => refresh_token.map(Grant::RefreshToken),
        (true, false) => {
            section.fault("grant", "grant = \"refresh_token\" needs `refresh_token = \"file:PATH\"`");
            None
        }
        (false, true) => {
            section.fault("refresh_token", "`refresh_token` goes with grant = \"refresh_token\"");
            None
        }
        (false, false) if !section.has("client_secret") => {
            section.fault(
                "",
                "`client_secret` is missing: with grant = \"client_credentials\" it is what proves who asks; add `client_secret = \"env:NAME\"`, \"file:PATH\" or \"cred:NAME\"",
            );
            None
        }
        (false, false) => Some(Grant::ClientCredentials),
    };
    let scope = section.text("scope").filter(|scope| !scope.is_empty());
    if scope.as_ref().is_some_and(|scope| scope.chars().any(char::is_control)) {
        section.fault("scope", "scopes are one line, with spaces between them");
    }
    let mechanism = section.choice("mechanism", &Mechanism::WORDS, Mechanism::Xoauth2);
    let ca_file = section.file("ca_file");
    if ca_file.is_some() && token_url.as_ref().is_some_and(|url| url.scheme() == "http") {
        section.fault("ca_file", "there is no certificate to check with http");
    }
    section.finish();
    if client_secret_wrong {
        return None;
    }
    Some(OAuth2Config { token_url: token_url?, client_id, client_secret, grant: grant?, scope, mechanism, ca_file })
}

fn token_url(section: &mut Section) -> Option<Url> {
    let text = section.required_text("token_url");
    if text.is_empty() {
        return None;
    }
    let url = Url::parse(&text).ok().filter(|url| url.has_host() && matches!(url.scheme(), "https" | "http"));
    let Some(url) = url else {
        section.fault("token_url", "expected the address of the token endpoint, such as \"https://login.example.com/token\"");
        return None;
    };
    if url.scheme() == "http" && !is_loopback(&url) {
        section.fault("token_url", "secrets go there: https, please; http is for this machine (127.0.0.1, ::1, localhost) only");
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        section.fault("token_url", "no user name or password in the address: they belong into `client_id` and `client_secret`");
        return None;
    }
    Some(url)
}

/// Whether what goes there stays on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use loket_core::config::{Report, parse};

    use super::*;

    fn table(text: &str) -> (Option<OAuth2Config>, Vec<String>) {
        let report = Report::new(text);
        let config = read(parse(text, &report));
        (config, report.into_faults().iter().map(ToString::to_string).collect())
    }

    const URL: &str = "token_url = \"https://login.example.nl/token\"\nclient_id = \"loket\"\n";

    #[test]
    fn an_application_or_somebody_who_consented_once() {
        let (config, faults) = table(&format!("{URL}client_secret = \"env:S\"\nscope = \"https://outlook.office365.com/.default\"\n"));
        assert_eq!(faults, [""; 0]);
        let config = config.unwrap();
        assert_eq!((config.grant, config.mechanism), (Grant::ClientCredentials, Mechanism::Xoauth2));
        assert_eq!(config.scope.as_deref(), Some("https://outlook.office365.com/.default"));
        let (config, faults) = table(
            "token_url = \"http://[::1]:8080/token\"\nclient_id = \"x\"\ngrant = \"refresh_token\"\nrefresh_token = \"file:/r\"\nmechanism = \"oauthbearer\"\n",
        );
        assert_eq!(faults, [""; 0]);
        let config = config.unwrap();
        assert_eq!((config.grant, config.mechanism), (Grant::RefreshToken(Secret::File("/r".into())), Mechanism::OauthBearer));
    }

    #[test]
    fn every_mistake_is_named() {
        let cases = [
            ("client_id = \"x\"\nclient_secret = \"env:S\"\n", "`token_url` is missing"),
            ("token_url = \"http://login.example.nl/\"\nclient_id = \"x\"\nclient_secret = \"env:S\"\n", "token_url: secrets go there"),
            ("token_url = \"http://127.0.0.1.example.nl/\"\nclient_id = \"x\"\nclient_secret = \"env:S\"\n", "token_url: secrets go there"),
            ("token_url = \"ftp://x/\"\nclient_id = \"x\"\nclient_secret = \"env:S\"\n", "token_url: expected the address"),
            ("token_url = \"login\"\nclient_id = \"x\"\nclient_secret = \"env:S\"\n", "token_url: expected the address"),
            ("token_url = \"https://u:hunter2@x/\"\nclient_id = \"x\"\nclient_secret = \"env:S\"\n", "token_url: no user name"),
            ("token_url = \"https://x/\"\nclient_secret = \"env:S\"\n", "`client_id` is missing"),
            ("token_url = \"https://x/\"\nclient_id = \"x\"\n", "`client_secret` is missing"),
            ("token_url = \"https://x/\"\nclient_id = \"x\"\nclient_secret = \"hunter2\"\n", "client_secret: a secret is not written here"),
            ("token_url = \"https://x/\"\nclient_id = \"x\"\ngrant = \"refresh_token\"\n", "needs `refresh_token"),
            (
                "token_url = \"https://x/\"\nclient_id = \"x\"\nclient_secret = \"env:S\"\nrefresh_token = \"env:R\"\n",
                "goes with grant = \"refresh_token\"",
            ),
            (
                "token_url = \"https://x/\"\nclient_id = \"x\"\ngrant = \"refresh_token\"\nrefresh_token = \"hunter2\"\n",
                "refresh_token: a secret is not written here",
            ),
            ("token_url = \"https://x/\"\nclient_id = \"x\"\nclient_secret = \"env:S\"\ngrant = \"password\"\n", "grant: expected one of"),
            (
                "token_url = \"https://x/\"\nclient_id = \"x\"\nclient_secret = \"env:S\"\nmechanism = \"plain\"\n",
                "mechanism: expected one of",
            ),
            ("token_url = \"https://x/\"\nclient_id = \"x\"\nclient_secret = \"env:S\"\nscopes = \"x\"\n", "did you mean `scope`?"),
            ("token_url = \"https://x/\"\nclient_id = \"x\"\nclient_secret = \"env:S\"\nscope = \"a\\nb\"\n", "scope: scopes are one line"),
            ("token_url = \"http://localhost/\"\nclient_id = \"x\"\nclient_secret = \"env:S\"\nca_file = \"c\"\n", "ca_file: there is no"),
        ];
        for (text, part) in cases {
            let (_, faults) = table(text);
            assert!(faults.iter().any(|fault| fault.contains(part)), "{part} is not in {faults:?} of\n{text}");
            assert!(!faults.iter().any(|fault| fault.contains("hunter2")), "{faults:?}");
        }
    }
}
