//! HTTP header fields as text, in the order in which they came.

/// Header fields. Names are compared without regard to case, as HTTP does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field. Control characters in the value become spaces: nothing from outside can start a line of its own.
    pub fn push(&mut self, name: &str, value: impl AsRef<str>) {
        self.0.push((name.into(), one_line(value.as_ref())));
    }

    /// The first field of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Name and value of each field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// From names and values as an HTTP library hands them over. Bytes that are not UTF-8 are taken as Latin-1.
impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut headers = Self::new();
        for (name, value) in fields {
            headers.push(name.as_ref(), latin1_or_utf8(value.as_ref()));
        }
        headers
    }
}

/// A text without line ends and other control characters.
pub(crate) fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.trim().into()
}

/// Bytes as UTF-8 when they are, else as Latin-1.
pub(crate) fn latin1_or_utf8(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_their_case_and_hold_one_line() {
        let headers: Headers = [("as2-from", &b"Pump\r\nX-Evil: 1"[..]), ("Subject", b"M\xfcller")].into_iter().collect();
        assert_eq!(headers.get("AS2-From"), Some("Pump  X-Evil: 1"));
        assert_eq!(headers.get("SUBJECT"), Some("Müller"));
        assert_eq!(headers.get("Date"), None);
    }
}
