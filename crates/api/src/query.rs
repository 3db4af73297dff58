//! Query parameters: every one known, each given once, and each mistake told with its name.

use std::fmt::Write as _;
use std::str::FromStr;

use axum::extract::Query as Pairs;
use axum::http::{HeaderValue, Uri};

use crate::problem::Problem;

/// Bytes of a value.
const LONGEST: usize = 400;

/// The parameters of a request.
#[derive(Debug)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// The parameters in a request's address, if they are among the known ones.
    pub(crate) fn parse(uri: &Uri, known: &'static [&'static str]) -> Result<Self, Problem> {
        let Pairs(pairs) = Pairs::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| Problem::bad("the query cannot be read"))?;
        let mut query: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in pairs {
            let Some(found) = known.iter().find(|one| **one == name) else { return Err(unknown(&name, known)) };
            let wrong = |what: &str| Err(Problem::parameter(found, format!("`{found}` {what}")));
            if query.iter().any(|(one, _)| one == found) {
                return wrong("is given twice");
            }
            if value.is_empty() {
                return wrong("is empty; leave it out, or give it a value");
            }
            if value.len() > LONGEST {
                return wrong("is too long");
            }
            if value.contains(char::is_control) {
                return wrong("has control characters in it");
            }
            query.push((*found, value));
        }
        Ok(Self(query))
    }

    /// A parameter as it came.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(one, _)| *one == name).map(|(_, value)| value.as_str())
    }

    /// A parameter, understood by `read`; its error says what is wrong with the value.
    pub(crate) fn read<T>(&self, name: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, Problem> {
        let read = |value| read(value).map_err(|error| Problem::parameter(name, format!("`{name}`: {error}")));
        self.text(name).map(read).transpose()
    }

    /// A parameter whose type knows how it is written.
    pub(crate) fn parsed<T: FromStr<Err = String>>(&self, name: &'static str) -> Result<Option<T>, Problem> {
        self.read(name, str::parse)
    }

    /// The `Link` to the next page: the same query with this parameter set to that value.
    pub(crate) fn link(&self, path: &str, name: &'static str, value: &str) -> Option<HeaderValue> {
        let mut link = format!("<{path}?");
        let kept = self.0.iter().filter(|(one, _)| *one != name).map(|(one, value)| (*one, value.as_str()));
        for (index, (name, value)) in kept.chain([(name, value)]).enumerate() {
            let and = if index > 0 { "&" } else { "" };
            let _ = write!(link, "{and}{name}={}", percent_encoded(value));
        }
        link.push_str(">; rel=\"next\"");
        HeaderValue::try_from(link).ok()
    }
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    let detail = match known {
        [] => format!("unknown parameter `{name}`: this path takes none"),
        known => format!("unknown parameter `{name}`; known are {}", known.join(", ")),
    };
    Problem::parameter(&name, detail)
}

/// Text with everything but RFC 3986's unreserved characters percent-encoded.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_keeps_the_query() {
        let uri = Uri::from_static("/v1/cases?customer=jan%2Bwerk%40example.nl&cursor=old&limit=5");
        let query = Query::parse(&uri, &["customer", "cursor", "limit"]).unwrap();
        let link = query.link("/v1/cases", "cursor", "new").unwrap();
        assert_eq!(link, "</v1/cases?customer=jan%2Bwerk%40example.nl&limit=5&cursor=new>; rel=\"next\"");
    }
}
