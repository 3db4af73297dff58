//! `application/x-www-form-urlencoded`.

use super::text::percent_decode;
use super::{DecodeError, Gathered, Limits, Raw, RawValue};

/// The fields of a body. Every byte string is one, so nothing is malformed.
pub(super) fn decode(body: &[u8], limits: Limits) -> Result<Vec<Raw>, DecodeError> {
    let mut gathered = Gathered::new(limits);
    for pair in body.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(at);
        let name = percent_decode(name, true);
        let value = percent_decode(value.get(1..).unwrap_or_default(), true);
        let plain = String::from_utf8_lossy(&name).into_owned();
        gathered.field(&plain, Raw { name, value: RawValue::Text(value) })?;
    }
    Ok(gathered.items)
}
