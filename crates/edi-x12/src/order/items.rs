//! The numbers of an item: pairs of qualifier and number in PO1, POC, G68 and LIN.

use std::borrow::Cow;

use loket_core::order::{OrderLine, SchemedId, Source};

use super::codes::{self, ItemNumber};
use super::lines::Draft;
use crate::limits::MAX_ITEM_ELEMENT;
use crate::syntax::Segment;
use crate::value::is_gtin;

/// The qualifier that an answer takes for granted. Where the sender's is another one, it is kept by the name of its element.
pub(crate) fn usual_qualifier(field: &str, id: &str) -> &'static str {
    match (field, id.len()) {
        ("buyer_item", _) => "BP",
        ("seller_item", _) => "VP",
        (_, 13) => "EN",
        (_, 14) => "UK",
        _ => "UP",
    }
}

/// The name of the element with the qualifier, by that of the element with the number: `PO106` for `PO107`.
pub(crate) fn qualifier_element(number_element: &str) -> Option<String> {
    let (tag, number) = number_element.split_at_checked(3)?;
    let number: usize = number.parse().ok()?;
    (number > 0).then(|| format!("{tag}{:02}", number - 1))
}

impl Draft {
    /// Reads the pairs from an element on.
    pub(super) fn take_items(&mut self, segment: &Segment<'_>, number: u32, from: usize) {
        let last = segment.len().min(MAX_ITEM_ELEMENT);
        let mut at = from;
        while at < last {
            // A price bracket stands between the pairs of a G68.
            if segment.tag() == b"G68" && at == 9 {
                at = 10;
                continue;
            }
            if let Some(id) = segment.code(at + 1) {
                let qualifier = segment.code_or_empty(at).to_uppercase();
                let name = element_name(segment.tag(), at + 1);
                if qualifier.is_empty() && shifts(segment, at) {
                    // A separator too many: the pairs go on one element later.
                    at += 1;
                    continue;
                }
                if qualifier.is_empty() {
                    self.kept.add(name.into_owned(), id.into());
                } else {
                    self.take_item(&qualifier, id, number, name);
                }
            }
            at += 2;
        }
    }

    /// The case code of a G68, which has no qualifier: in the oldest orders it has no check digit either.
    pub(super) fn take_case_code(&mut self, id: String, number: u32) {
        self.take_item("UA", id, number, "G6804".into());
    }

    fn take_item(&mut self, qualifier: &str, id: String, number: u32, name: Cow<'static, str>) {
        let id = match codes::item_number(qualifier) {
            ItemNumber::Gtin | ItemNumber::PerhapsGtin => as_gtin(id),
            _ => id,
        };
        let line = &mut self.line;
        let digits = matches!(id.len(), 8 | 12 | 13 | 14) && id.bytes().all(|byte| byte.is_ascii_digit());
        match codes::item_number(qualifier) {
            ItemNumber::Buyer => self.set(qualifier, id, number, name, "buyer_item", |line| &mut line.buyer_item),
            ItemNumber::Seller => {
                if self.style_only
                    && let Some(style) = line.seller_item.take()
                {
                    line.other_items.push(SchemedId { scheme: "VA".into(), id: style });
                }
                self.style_only = false;
                self.set(qualifier, id, number, name, "seller_item", |line| &mut line.seller_item);
            }
            ItemNumber::SellerStyle if line.seller_item.is_none() => {
                self.style_only = true;
                self.set(qualifier, id, number, name, "seller_item", |line| &mut line.seller_item);
            }
            ItemNumber::Gtin if digits => self.set(qualifier, id, number, name, "gtin", |line| &mut line.gtin),
            ItemNumber::PerhapsGtin if line.gtin.is_none() && is_gtin(&id) => {
                self.set(qualifier, id, number, name, "gtin", |line| &mut line.gtin);
            }
            ItemNumber::Other(scheme) => line.other_items.push(SchemedId { scheme, id }),
            _ => line.other_items.push(SchemedId { scheme: codes::further_scheme(qualifier), id }),
        }
    }

    /// Sets a field that is still free; else it is one number more.
    fn set(
        &mut self,
        qualifier: &str,
        id: String,
        number: u32,
        name: Cow<'static, str>,
        field_name: &'static str,
        field: fn(&mut OrderLine) -> &mut Option<String>,
    ) {
        let slot = field(&mut self.line);
        if slot.is_some() {
            self.line.other_items.push(SchemedId { scheme: codes::further_scheme(qualifier), id });
            return;
        }
        let usual = usual_qualifier(field_name, &id) == qualifier;
        *slot = Some(id);
        if let Some(element) = qualifier_element(&name).filter(|_| !usual && name != "G6804") {
            self.kept.add(element, qualifier.into());
        }
        self.line.sources.set(field_name, Source::element(number, name));
    }
}

/// Whether a qualifier stands where a number should be, and a number that is no qualifier behind it.
fn shifts(segment: &Segment<'_>, at: usize) -> bool {
    let is_qualifier = |element: &[u8]| {
        matches!(
            element,
            b"BP" | b"IN" | b"CB" | b"SK" | b"PI" | b"VP" | b"VN" | b"VC" | b"VA" | b"UP" | b"UK" | b"EN" | b"UI" | b"UA" | b"MG"
        )
    };
    is_qualifier(segment.element(at + 1)) && !segment.element(at + 2).is_empty() && !is_qualifier(segment.element(at + 2))
}

/// A number without the blanks and dashes with which it is printed below a bar code, where it is a GTIN then; else as it is.
fn as_gtin(id: String) -> String {
    if !id.contains([' ', '-']) {
        return id;
    }
    let bare: String = id.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    if is_gtin(&bare) { bare } else { id }
}

/// The standard's name of an element that holds an item number.
fn element_name(tag: &[u8], element: usize) -> Cow<'static, str> {
    const PO1: [&str; 10] = ["PO107", "PO109", "PO111", "PO113", "PO115", "PO117", "PO119", "PO121", "PO123", "PO125"];
    const POC: [&str; 10] = ["POC09", "POC11", "POC13", "POC15", "POC17", "POC19", "POC21", "POC23", "POC25", "POC27"];
    const LIN: [&str; 10] = ["LIN03", "LIN05", "LIN07", "LIN09", "LIN11", "LIN13", "LIN15", "LIN17", "LIN19", "LIN21"];
    const G68: [&str; 2] = ["G6806", "G6808"];
    let (names, first): (&[&'static str], usize) = match tag {
        b"PO1" => (&PO1, 7),
        b"POC" => (&POC, 9),
        b"LIN" => (&LIN, 3),
        _ => (&G68, 6),
    };
    let known = element.checked_sub(first).and_then(|after| names.get(after / 2)).filter(|_| (element - first).is_multiple_of(2));
    match known {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("{}{element:02}", String::from_utf8_lossy(tag))),
    }
}
