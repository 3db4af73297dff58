//! `[store]`: where journal and cases are kept.

use std::time::Duration;

use loket_core::config::Section;
use loket_core::secret::{ExposeSecret, Secret};
use loket_core::store::StoreSettings;

/// The store, as configured.
#[derive(Clone, Debug)]
pub(crate) struct StoreConfig {
    url: Location,
    password: Option<Secret>,
    /// Connections and time-outs.
    pub(crate) settings: StoreSettings,
}

#[derive(Clone, Debug)]
enum Location {
    Plain(String),
    Secret(Secret),
}

pub(super) fn read(section: &mut Section) -> StoreConfig {
    let default = StoreSettings::default();
    let url = section.required_text("url");
    let password = section.secret("password");
    let url = match Secret::by_reference(&url) {
        Ok(secret) => Location::Secret(secret),
        Err(_) => {
            check(section, &url);
            Location::Plain(url)
        }
    };
    StoreConfig {
        url,
        password,
        settings: StoreSettings {
            connections: u32::try_from(section.integer("connections", 2..=200, u64::from(default.connections)))
                .unwrap_or(default.connections),
            connect_timeout: section.duration(
                "connect_timeout",
                Duration::from_secs(1)..=Duration::from_secs(120),
                default.connect_timeout,
            ),
        },
    }
}

fn check(section: &Section, url: &str) {
    let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
    if !known && !url.trim().is_empty() {
        section.fault("url", "expected \"sqlite:PATH\", \"postgres://USER@HOST/DATABASE\", or a secret such as \"env:LOKET_STORE\"");
    }
    if known && userinfo(url).is_some_and(|user| user.contains(':')) {
        section.fault("url", "a password does not belong here; write `password = \"env:NAME\"` beside it, or the whole URL as a secret");
    }
}

/// What stands between `//` and `@`.
fn userinfo(url: &str) -> Option<&str> {
    let authority = url.split_once("//")?.1.split(['/', '?']).next()?;
    Some(authority.rsplit_once('@')?.0)
}

impl StoreConfig {
    /// The URL with its password. Not to be shown.
    pub(crate) fn url(&self) -> Result<String, String> {
        let url = match &self.url {
            Location::Plain(url) => url.clone(),
            Location::Secret(secret) => secret.fetch()?.expose_secret().to_owned(),
        };
        let Some(password) = &self.password else { return Ok(url) };
        let password = escape(password.fetch()?.expose_secret());
        match (url.split_once("//"), userinfo(&url)) {
            (Some((scheme, rest)), Some(user)) => Ok(format!("{scheme}//{user}:{password}{}", rest.strip_prefix(user).unwrap_or_default())),
            _ => Err("[store] has a password, but its url names no user (postgres://USER@HOST/DATABASE)".into()),
        }
    }

    /// The SQLite file, if it is one.
    pub(crate) fn sqlite_file(&self) -> Option<String> {
        let url = self.url().ok()?;
        let path = url.strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        Some(path.split('?').next().unwrap_or_default().to_owned())
    }
}

/// A text as a part of a URL (RFC 3986 section 2.1).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_into_the_url_and_not_into_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "p@ss/w:rd\n").unwrap();
        let config = StoreConfig {
            url: Location::Plain("postgres://loket@db.example:5432/loket?sslmode=require".into()),
            password: Some(Secret::File(file)),
            settings: StoreSettings::default(),
        };
        assert_eq!(config.url().unwrap(), "postgres://loket:p%40ss%2Fw%3Ard@db.example:5432/loket?sslmode=require");
        assert!(!format!("{config:?}").contains("p@ss"));
    }

    #[test]
    fn a_written_out_password_is_refused_without_being_repeated() {
        let faults = crate::config::Config::read("[store]\nurl = \"postgres://loket:hunter2@db/loket\"\n").unwrap_err();
        let all: String = faults.iter().map(ToString::to_string).collect();
        assert!(all.contains("store.url: a password does not belong here") && !all.contains("hunter2"), "{all}");
    }

    #[test]
    fn the_file_of_a_sqlite_url() {
        for (url, file) in [("sqlite:data/x.db", "data/x.db"), ("sqlite://x.db?mode=rwc", "x.db"), ("sqlite:///var/x.db", "/var/x.db")] {
            let config = StoreConfig { url: Location::Plain(url.into()), password: None, settings: StoreSettings::default() };
            assert_eq!(config.sqlite_file().as_deref(), Some(file));
        }
    }
}
