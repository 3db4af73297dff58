//! How far we are in a folder, and what its mails are called in the journal. Pure.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A folder's name in a key has so many bytes at most; longer ones are hashed. A key has at most 400.
const LONGEST_NAME: usize = 300;
/// What a key ends with when only the first bytes of a mail were taken.
const CUT: &str = "/cut";

/// Everything up to `uid` is in the journal, or known to be gone, or reported as missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// UIDs mean something only together with this number.
    pub(super) validity: u32,
    /// Grows when a server gives out UIDs a second time under one validity.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) generation: u32,
    /// The last UID that was dealt with.
    pub(super) uid: u32,
    /// Where we were under the validity before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<Before>,
}

/// A cursor that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    pub(super) validity: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) generation: u32,
    pub(super) uid: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Cursor {
    /// Goes on from a saved position. The second value says why a folder is read from its beginning again, if it is.
    pub(super) fn resume(saved: Option<&str>, validity: u32, next: Option<u32>) -> (Self, Option<String>) {
        let fresh = Self { validity, generation: 0, uid: 0, before: None };
        let Some(text) = saved else { return (fresh, None) };
        let Ok(saved) = serde_json::from_str::<Self>(text) else {
            return (fresh, Some("its saved position cannot be read".into()));
        };
        let before = Some(Before { validity: saved.validity, generation: saved.generation, uid: saved.uid });
        if saved.validity != validity {
            let why = format!("its UIDVALIDITY changed from {} to {validity}", saved.validity);
            return (Self { before, ..fresh }, Some(why));
        }
        match next {
            Some(next) if next <= saved.uid => {
                let why = format!("the server gives out UIDs again from {next} though we were at {}", saved.uid);
                (Self { generation: saved.generation.saturating_add(1), before, ..fresh }, Some(why))
            }
            _ => (saved, None),
        }
    }

    /// As it is saved.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What the keys of this folder's mails begin with.
    pub(super) fn prefix(&self, folder: &str) -> String {
        let escaped = folder.replace('%', "%25").replace('/', "%2F");
        let name = if escaped.len() > LONGEST_NAME {
            let digest: [u8; 32] = Sha256::digest(folder).into();
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("sha256:{hex}")
        } else {
            escaped
        };
        match self.generation {
            0 => format!("{name}/{}/", self.validity),
            generation => format!("{name}/{}.{generation}/", self.validity),
        }
    }
}

/// A mail's key. UIDs have ten digits, so that keys are ordered like UIDs.
pub(super) fn key(prefix: &str, uid: u32, cut: bool) -> String {
    format!("{prefix}{uid:010}{}", if cut { CUT } else { "" })
}

/// The UID in a key with this prefix, and whether the mail was cut.
pub(super) fn uid_of(prefix: &str, key: &str) -> Option<(u32, bool)> {
    let rest = key.strip_prefix(prefix)?;
    let (digits, cut) = rest.strip_suffix(CUT).map_or((rest, false), |digits| (digits, true));
    (digits.len() == 10).then(|| digits.parse().ok()).flatten().map(|uid| (uid, cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_on_where_it_was() {
        let at = Cursor { validity: 7, generation: 0, uid: 40, before: None };
        assert_eq!(at.text(), r#"{"validity":7,"uid":40}"#);
        assert_eq!(Cursor::resume(Some(&at.text()), 7, Some(41)), (at.clone(), None));
        assert_eq!(Cursor::resume(Some(&at.text()), 7, None), (at, None));
        assert_eq!(Cursor::resume(None, 7, Some(41)).0.uid, 0);
    }

    #[test]
    fn begins_again_when_uids_mean_something_else() {
        let saved = r#"{"validity":7,"uid":40,"before":{"validity":3,"uid":9}}"#;
        let (changed, why) = Cursor::resume(Some(saved), 8, Some(3));
        assert_eq!((changed.validity, changed.generation, changed.uid), (8, 0, 0));
        assert_eq!(changed.before, Some(Before { validity: 7, generation: 0, uid: 40 }));
        assert_eq!(why.as_deref(), Some("its UIDVALIDITY changed from 7 to 8"));
        let (fallen, why) = Cursor::resume(Some(saved), 7, Some(40));
        assert_eq!((fallen.validity, fallen.generation, fallen.uid), (7, 1, 0));
        assert!(why.unwrap().contains("UIDs again from 40"));
        let (damaged, why) = Cursor::resume(Some("{"), 7, Some(40));
        assert_eq!((damaged.uid, why.is_some()), (0, true));
    }

    #[test]
    fn keys_tell_folders_validities_and_generations_apart() {
        let cursor = |validity, generation| Cursor { validity, generation, uid: 0, before: None };
        assert_eq!(key(&cursor(5, 0).prefix("INBOX"), 42, false), "INBOX/5/0000000042");
        assert_eq!(key(&cursor(5, 2).prefix("a/b%"), 42, true), "a%2Fb%25/5.2/0000000042/cut");
        let long = "é".repeat(500);
        assert!(key(&cursor(u32::MAX, u32::MAX).prefix(&long), u32::MAX, true).len() <= 400);
        assert_ne!(cursor(1, 0).prefix(&long), cursor(1, 0).prefix(&"é".repeat(501)));
        assert_eq!(uid_of("INBOX/5/", "INBOX/5/0000000042"), Some((42, false)));
        assert_eq!(uid_of("INBOX/5/", "INBOX/5/0000000042/cut"), Some((42, true)));
        for other in ["INBOX/6/0000000042", "INBOX/5/42", "INBOX/5/00000000x2", "INBOX/5/9999999999"] {
            assert_eq!(uid_of("INBOX/5/", other), None);
        }
    }
}
