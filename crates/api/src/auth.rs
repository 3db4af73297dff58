//! Keys: `Authorization: Bearer loket_…`. Every request looks its key up, so that a revoked one is refused at once.

use axum::http::{HeaderMap, header};
use loket_core::keys::{self, Access, KeyRecord};
use loket_core::store::Store;
use loket_core::time::Timestamp;

use crate::problem::Problem;

/// Longer than any key: what is longer is not looked up.
const LONGEST: usize = 200;

/// Whose key came with a request.
pub(crate) async fn caller(store: &dyn Store, headers: &HeaderMap) -> Result<KeyRecord, Problem> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Err(Problem::unauthorized("send a key: Authorization: Bearer loket_…", false));
    }
    let presented = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.to_str().ok()?));
    let Some(presented) = presented else {
        return Err(Problem::unauthorized("the Authorization header does not read: Bearer loket_…", true));
    };
    let record = store.key_by_hash(&keys::hash(presented)).await?;
    record
        .filter(|record| record.revoked_at.is_none_or(|at| at > Timestamp::now()))
        .ok_or_else(|| Problem::unauthorized("this key is not known or was revoked", true))
}

/// Whether a key suffices.
pub(crate) fn allow(key: &KeyRecord, needed: Access) -> Result<(), Problem> {
    if key.access < needed { Err(Problem::forbidden()) } else { Ok(()) }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && key.starts_with("loket_") && key.len() <= LONGEST).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearers_key_is_taken() {
        for (value, key) in [
            ("Bearer loket_ab", Some("loket_ab")),
            ("bearer  loket_ab ", Some("loket_ab")),
            ("Basic bG9rZXRfYWI6", None),
            ("Bearer", None),
            ("Bearer ab", None),
            ("loket_ab", None),
        ] {
            assert_eq!(bearer(value), key, "{value}");
        }
        assert_eq!(bearer(&format!("Bearer loket_{}", "a".repeat(LONGEST))), None);
    }
}
