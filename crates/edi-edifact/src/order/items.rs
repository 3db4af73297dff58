//! Item numbers: LIN and PIA.

use loket_core::order::{OrderLine, SchemedId};

use super::{At, number};

/// Which field an item number goes to, by its type (data element 7143).
enum Kind {
    Gtin,
    Seller,
    Buyer,
    Other(&'static str),
    /// By the code as it is.
    Unnamed,
}

fn kind(code: &str) -> Kind {
    match code {
        // International article number, GTIN, UPC.
        "EN" | "SRV" | "UP" | "EAN" | "GTIN" => Kind::Gtin,
        "SA" | "VN" | "VP" => Kind::Seller,
        "IN" | "BP" => Kind::Buyer,
        "MF" => Kind::Other("manufacturer"),
        "IB" => Kind::Other("isbn"),
        "IS" => Kind::Other("issn"),
        // The data element's own number where no code says what it is.
        "" => Kind::Other("7140"),
        _ => Kind::Unnamed,
    }
}

/// Whether numbers of this type can be GTINs as well: ISBN, mutually defined, none, and types of other standards.
fn names_any_number(code: &str) -> bool {
    matches!(code, "" | "IB" | "ZZ" | "ZZZ" | "SRS" | "UI" | "UK" | "UA" | "UD")
}

/// Takes the item numbers (C212) at an element.
pub(super) fn take(line: &mut OrderLine, at: At<'_>, element: usize, name: &'static str) {
    (0..at.segment.repetitions(element)).for_each(|repetition| take_one(line, at, element, repetition, name));
}

fn take_one(line: &mut OrderLine, at: At<'_>, element: usize, repetition: usize, name: &'static str) {
    let segment = &at.segment;
    let Some(id) = segment.repeated_value(element, repetition, 0) else { return };
    let mut code = segment.repeated_code(element, repetition, 1).to_ascii_uppercase();
    // Some write one `:` too many.
    let next = segment.repeated_code(element, repetition, 2).to_ascii_uppercase();
    if code.is_empty() && !matches!(kind(&next), Kind::Unnamed) {
        code = next;
    }
    let is_digits = id.bytes().all(|byte| byte.is_ascii_digit()) && id.len() <= 14;
    // What is a GTIN by its digits is one, whatever somebody calls it.
    if line.gtin.is_none() && names_any_number(&code) && (12..=14).contains(&id.len()) && number::has_check_digit(&id) {
        line.gtin = Some(id.clone());
        line.sources.set("gtin", at.source(name));
        if code.is_empty() {
            return;
        }
    }
    let (slot, field, scheme) = match kind(&code) {
        Kind::Gtin if is_digits => (&mut line.gtin, "gtin", "gtin"),
        Kind::Seller => (&mut line.seller_item, "seller_item", "seller"),
        Kind::Buyer => (&mut line.buyer_item, "buyer_item", "buyer"),
        Kind::Other(scheme) => return line.other_items.push(SchemedId { scheme: scheme.into(), id }),
        Kind::Gtin | Kind::Unnamed => return line.other_items.push(SchemedId { scheme: code, id }),
    };
    match slot {
        None => {
            *slot = Some(id);
            line.sources.set(field, at.source(name));
        }
        Some(same) if *same == id => {}
        Some(_) => line.other_items.push(SchemedId { scheme: scheme.into(), id }),
    }
}
