//! AS2 identifiers (RFC 4130, section 6.2): case matters, and some must stand in quotes.

use crate::Error;

/// The longest identifier that RFC 4130 allows.
const LONGEST: usize = 128;

/// The identifier in a header field's value: without quotes and escapes.
pub(crate) fn unquoted(value: &str) -> String {
    let value = value.trim();
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.into() };
    let mut name = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        name.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    name
}

/// The identifier as a header field's value.
pub(crate) fn quoted(name: &str) -> String {
    if name.contains([' ', '"', '\\']) { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) } else { name.into() }
}

/// An identifier that can be used.
pub(crate) fn checked(name: &str) -> Result<String, Error> {
    if name.is_empty() || name.len() > LONGEST || !name.chars().all(|c| c == ' ' || c.is_ascii_graphic()) || name.trim() != name {
        return Err(Error::new(format!(
            "\"{}\" cannot be an AS2 identifier: 1 to {LONGEST} printable ASCII characters, without spaces at the ends",
            name.escape_debug()
        )));
    }
    Ok(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted_where_they_must_be() {
        for (name, value) in
            [("ACME", "ACME"), ("Pump House", "\"Pump House\""), ("a\"b\\c", "\"a\\\"b\\\\c\""), ("4012345000009", "4012345000009")]
        {
            assert_eq!(quoted(name), value);
            assert_eq!(unquoted(value), name);
        }
        assert_eq!(unquoted(" \"ACME\" "), "ACME");
        assert_eq!(unquoted("\""), "\"");
        assert!(checked("").is_err() && checked(" x").is_err() && checked("Müller").is_err() && checked(&"x".repeat(129)).is_err());
    }
}
