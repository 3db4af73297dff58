//! What has no field in the order is kept by the format's own names: `RFF+CT`: `K-4711`, `TOD+6`: `3+EXW`. Segments of a group stand
//! with the one that opened it: `ALC+A`: [`+++1+DI`, `PCD+3:5`].

use serde_json::{Map, Value};

use crate::syntax::Segment;

/// A group of segments: the one that opened it, and under which name it is kept.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) tag: [u8; 3],
    key: String,
}

impl Group {
    pub(super) fn opened_by(segment: &Segment<'_>) -> Self {
        Self { tag: segment.tag, key: key(segment) }
    }

    /// Whether segments of this tag belong to the group.
    pub(super) fn holds(&self, tag: &[u8; 3]) -> bool {
        match &self.tag {
            b"RFF" => matches!(tag, b"DTM"),
            b"CUX" | b"PRI" => matches!(tag, b"DTM" | b"PCD" | b"APR" | b"RNG" | b"CUX"),
            b"PAT" => matches!(tag, b"DTM" | b"PCD" | b"MOA" | b"PAI" | b"FII"),
            b"TDT" => matches!(tag, b"LOC" | b"DTM" | b"TSR" | b"RFF" | b"QTY" | b"TPL" | b"FTX"),
            b"TOD" => matches!(tag, b"LOC"),
            b"PAC" => matches!(tag, b"MEA" | b"QTY" | b"DTM" | b"RFF" | b"PCI" | b"GIN" | b"GIR" | b"HAN"),
            b"LOC" => matches!(tag, b"QTY" | b"DTM" | b"PCD"),
            b"TAX" => matches!(tag, b"MOA" | b"LOC"),
            b"NAD" => matches!(tag, b"LOC" | b"FII" | b"RFF" | b"DOC" | b"CTA" | b"COM" | b"DTM"),
            b"ALC" => matches!(tag, b"ALI" | b"DTM" | b"QTY" | b"PCD" | b"MOA" | b"RTE" | b"RNG" | b"TAX"),
            b"SCC" => matches!(tag, b"FTX" | b"RFF" | b"QTY" | b"DTM"),
            b"EQD" => matches!(tag, b"HAN" | b"MEA" | b"FTX"),
            b"RCS" => matches!(tag, b"RFF" | b"DTM" | b"FTX"),
            b"DGS" => matches!(tag, b"FTX" | b"CTA" | b"COM" | b"MEA"),
            b"DOC" => matches!(tag, b"DTM"),
            _ => false,
        }
    }
}

/// The best value for a field so far.
#[derive(Debug)]
pub(super) struct Best {
    pub(super) rank: u8,
    /// How it is kept once a better one comes. The best there can be needs none.
    pub(super) entry: Option<(String, String)>,
}

/// Whether the value of a segment is better than what there is. The worse one of the two is kept.
pub(super) fn offer(best: &mut Option<Best>, rank: u8, segment: &Segment<'_>, extra: &mut Map<String, Value>) -> bool {
    if best.as_ref().is_some_and(|best| best.rank <= rank) {
        keep(extra, segment);
        return false;
    }
    let entry = (rank > 0).then(|| entry(segment));
    if let Some((key, value)) = best.replace(Best { rank, entry }).and_then(|before| before.entry) {
        insert(extra, key, value);
    }
    true
}

/// Keeps a segment: with the group that it belongs to, else by itself, as the start of a group.
pub(super) fn keep_in_group(group: &mut Option<Group>, extra: &mut Map<String, Value>, segment: &Segment<'_>) {
    if let Some(group) = group.as_ref().filter(|group| group.holds(&segment.tag)) {
        insert(extra, group.key.clone(), format!("{}+{}", segment.tag_text(), segment.rest(0)));
        return;
    }
    keep(extra, segment);
    *group = Some(Group::opened_by(segment));
}

/// Keeps a segment by itself.
pub(super) fn keep(extra: &mut Map<String, Value>, segment: &Segment<'_>) {
    let (key, value) = entry(segment);
    insert(extra, key, value);
}

/// The name and the value that a segment is kept with.
fn entry(segment: &Segment<'_>) -> (String, String) {
    if !has_qualifier(segment) {
        return (key(segment), segment.rest(0));
    }
    let value = segment.rest(1);
    (key(segment), value.strip_prefix('+').map(str::to_owned).unwrap_or(value))
}

/// Adds a value under a name; several become a list.
pub(super) fn insert(extra: &mut Map<String, Value>, key: String, value: String) {
    match extra.get_mut(&key) {
        None => {
            extra.insert(key, value.into());
        }
        Some(Value::Array(list)) => list.push(value.into()),
        Some(one) => *one = Value::Array(vec![one.take(), value.into()]),
    }
}

fn key(segment: &Segment<'_>) -> String {
    let tag = segment.tag_text();
    if !has_qualifier(segment) {
        return tag;
    }
    let qualifier: String = segment.code(1, 0).chars().take(35).collect();
    format!("{tag}+{qualifier}")
}

/// Whether the first component of a segment says what the rest of it is.
fn has_qualifier(segment: &Segment<'_>) -> bool {
    let plain = matches!(&segment.tag, b"PAC" | b"PAI" | b"ALI" | b"QVR" | b"IMD" | b"PCI" | b"BGM");
    !plain && !segment.code(1, 0).is_empty() && (segment.elements() > 1 || segment.components(1) > 1)
}
