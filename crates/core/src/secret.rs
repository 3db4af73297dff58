//! Secrets: named in the configuration, fetched when used, never printed.

use std::fmt;
use std::path::PathBuf;

pub use secrecy::{ExposeSecret, SecretString};

/// Where a secret is to be found. Reading it again gives today's value, so that a rotated secret needs no restart.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// An environment variable.
    Env(String),
    /// A file; a trailing line end is not part of the secret.
    File(PathBuf),
    /// A systemd credential (`LoadCredential=`).
    Credential(String),
}

impl Secret {
    /// From `env:NAME`, `file:PATH` or `cred:NAME`. The error never repeats the text, which may be the secret itself.
    pub fn by_reference(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.into())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("cred", name)) if !name.is_empty() && !name.contains('/') => Ok(Self::Credential(name.into())),
            _ => Err("a secret is not written here but named: \"env:NAME\", \"file:PATH\" or \"cred:NAME\" (a systemd credential)".into()),
        }
    }

    /// The secret itself, as it is now.
    pub fn fetch(&self) -> Result<SecretString, String> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|error| format!("cannot read the secret {self}: {error}"))
        };
        let text = match self {
            Self::Env(name) => {
                std::env::var(name).map_err(|_| format!("the environment has no {name}, which the configuration names as a secret"))?
            }
            Self::File(path) => read(path)?,
            Self::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
                Some(folder) => read(&PathBuf::from(folder).join(name))?,
                None => return Err(format!("no systemd credentials here (CREDENTIALS_DIRECTORY is not set), wanted {self}")),
            },
        };
        if text.is_empty() { Err(format!("the secret {self} is empty")) } else { Ok(text.into()) }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Credential(name) => write!(f, "cred:{name}"),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
