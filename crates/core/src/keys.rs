//! API keys: 256 random bits, kept only as their SHA-256, scoped to a tenant and to reading or writing.

use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::delivery::Tenant;
use crate::time::Timestamp;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Query.
    Read,
    /// Query and change.
    Write,
}

impl Access {
    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Read => 0,
            Self::Write => 1,
        }
    }

    pub(crate) fn from_code(code: i16) -> Self {
        if code == 1 { Self::Write } else { Self::Read }
    }
}

/// A key as stored: everything but the key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyRecord {
    /// Its id, for listing and revoking.
    pub id: Uuid,
    /// Whose cases it opens.
    pub tenant: Tenant,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub access: Access,
    /// SHA-256 of the key.
    #[serde(skip)]
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it is no longer good.
    pub revoked_at: Option<Timestamp>,
}

/// SHA-256 of a key as presented.
pub fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Makes a key: the text to show once, and the record to keep.
pub fn create(tenant: Tenant, name: &str, access: Access) -> Result<(String, KeyRecord), String> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|error| format!("the system has no random numbers: {error}"))?;
    let mut key = String::from("loket_");
    for byte in random {
        key.push_str(&format!("{byte:02x}"));
    }
    let record = KeyRecord {
        id: Uuid::now_v7(),
        tenant,
        name: name.into(),
        access,
        hash: hash(&key),
        created_at: Timestamp::now(),
        revoked_at: None,
    };
    Ok((key, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_are_found_by_hash() {
        let (one, record) = create(Tenant::default(), "erp", Access::Read).unwrap();
        let (two, _) = create(Tenant::default(), "erp", Access::Read).unwrap();
        assert_ne!(one, two);
        assert_eq!(hash(&one), record.hash);
        assert!(!serde_json::to_string(&record).unwrap().contains(&one));
    }
}
