//! The ids by which partners name themselves and us in their interchanges.

use loket_core::config::Section;

/// An id, with its qualifier where that matters: `ZZ/ACME`, `14/8712345000004`, or only `8712345000004`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartyId {
    qualifier: Option<String>,
    id: String,
}

impl PartyId {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (qualifier, id) = match text.split_once('/') {
            Some((qualifier, id)) => (Some(qualifier.trim()), id.trim()),
            None => (None, text),
        };
        let proper = |part: &str| !part.is_empty() && part.len() <= 100 && !part.chars().any(char::is_control);
        (proper(id) && qualifier.is_none_or(proper)).then(|| Self { qualifier: qualifier.map(str::to_owned), id: id.into() })
    }

    /// Whether an interchange that gives these names this party. Letters have no case here: partners write theirs both ways.
    pub(crate) fn is(&self, qualifier: &str, id: &str) -> bool {
        let same = |ours: &str, theirs: &str| ours.eq_ignore_ascii_case(theirs.trim());
        same(&self.id, id) && self.qualifier.as_deref().is_none_or(|ours| same(ours, qualifier))
    }
}

pub(super) fn read(section: &mut Section, key: &'static str) -> Vec<PartyId> {
    let mut ids: Vec<PartyId> = Vec::new();
    for text in section.list(key).unwrap_or_default() {
        match PartyId::parse(&text) {
            Some(id) if ids.contains(&id) => section.fault(key, format!("`{text}` is there twice")),
            Some(id) => ids.push(id),
            None => section.fault(key, format!("`{text}` is not an id; write \"QUALIFIER/ID\", such as \"ZZ/ACME\", or the id alone")),
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualifier_counts_where_it_is_given() {
        let table = [
            ("ZZ/ACME", "ZZ", "ACME           ", true),
            ("ZZ/ACME", "01", "ACME", false),
            ("acme", "01", "ACME", true),
            ("14 / 8712345000004", "14", "8712345000004", true),
            ("8712345000004", "14", "8712345000011", false),
        ];
        for (configured, qualifier, id, wanted) in table {
            assert_eq!(PartyId::parse(configured).unwrap().is(qualifier, id), wanted, "{configured} {qualifier} {id}");
        }
        for wrong in ["", "ZZ/", "/X", "A\nB"] {
            assert_eq!(PartyId::parse(wrong), None, "{wrong:?}");
        }
    }
}
