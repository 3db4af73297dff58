//! Signed reply addresses: the mark of a case that we put into an address, and that nobody can guess (CVE-2026-47123 shows why).
//!
//! `100425-k7b2m5qx4hd3wz6a`: the case's number without its dashes, and 80 bits of a keyed hash over it.

use crate::case::CaseNumber;
use crate::delivery::Tenant;
use crate::vault::Vault;

/// Characters of the signature: 80 bits.
const SIGNATURE: usize = 16;
/// RFC 4648 section 6, in lower case: a mail server may change the case of an address.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The mark of a case.
pub(super) fn mark(vault: &Vault, tenant: &Tenant, case: CaseNumber) -> String {
    let token = vault.token("reply-address", tenant, &[&case.counter().to_be_bytes()]);
    let mut text: String = case.to_string().chars().filter(char::is_ascii_digit).collect();
    text.push('-');
    let bits = token.iter().take(10).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    for index in (0..SIGNATURE).rev() {
        let five = usize::try_from((bits >> (5 * index)) & 31).unwrap_or_default();
        text.push(char::from(BASE32.get(five).copied().unwrap_or(b'a')));
    }
    text
}

/// The case whose mark stands in an address, e.g. `support+100425-k7b2m5qx4hd3wz6a@example.nl`.
pub(super) fn find(vault: &Vault, tenant: &Tenant, address: &str) -> Option<CaseNumber> {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
    let words = local.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| word.len() > SIGNATURE + 1 && word.len() < 64);
    words.map(str::to_ascii_lowercase).find_map(|word| {
        let (number, _) = word.rsplit_once('-')?;
        // What stands before the number, as in `support-100425-…`, is not part of the mark.
        let digits = number.rsplit('-').next()?;
        let case: CaseNumber = digits.parse().ok()?;
        word.ends_with(&mark(vault, tenant, case)).then_some(case)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_marks_are_found() {
        let (vault, tenant) = (Vault::new(&[7; 32]), Tenant::default());
        let case = CaseNumber::from_counter(10_042);
        let mark = mark(&vault, &tenant, case);
        assert_eq!(mark.len(), 6 + 1 + SIGNATURE);
        for address in ["support+MARK@example.nl", "SUPPORT+MARK@EXAMPLE.NL", "support-MARK@example.nl", "MARK@reply.example.nl"] {
            assert_eq!(find(&vault, &tenant, &address.replace("MARK", &mark)), Some(case), "{address}");
        }
        let upper = mark.to_uppercase();
        assert_eq!(find(&vault, &tenant, &format!("support+{upper}@example.nl")), Some(case));
        let other = Tenant::new("other");
        let guess = mark.replacen("100425", "100436", 1);
        for (tenant, local) in [(&tenant, guess.as_str()), (&other, &mark), (&tenant, "100425-aaaaaaaaaaaaaaaa"), (&tenant, "")] {
            assert_eq!(find(&vault, tenant, &format!("support+{local}@example.nl")), None, "{local}");
        }
    }
}
