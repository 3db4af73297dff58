//! Whether bytes are an order in XML, by their first ones.

use loket_core::reader::Recognition;

use crate::xml::decode;

/// So many bytes are looked at.
const HEAD: usize = 8 << 10;

/// Outermost elements that nobody else uses.
const SURE: [&str; 14] = [
    "cXML",
    "StandardBusinessDocument",
    "orderMessage",
    "orderResponseMessage",
    "OrderChange",
    "OrderCancellation",
    "OrderResponseSimple",
    "ORDERCHANGE",
    "ORDERRESPONSE",
    "ProcessPurchaseOrder",
    "ChangePurchaseOrder",
    "CancelPurchaseOrder",
    "AcknowledgePurchaseOrder",
    "ORDER_LIST",
];

/// Outermost elements of what only tells of such documents: schemas, style sheets, pages, feeds.
const NEVER: [&str; 10] = ["schema", "stylesheet", "transform", "definitions", "grammar", "html", "svg", "rss", "feed", "RDF"];

/// Words that stand in the first lines of the vocabularies that are read.
const WORDS: [&str; 9] = [
    "urn:oasis:names:specification:ubl",
    "www.opentrans.org",
    "ORDER_HEADER",
    "urn:gs1:ecom",
    "urn:ean.ucc",
    "StandardBusinessDocumentHeader",
    "openapplications.org",
    "BuyerCustomerParty",
    "OrderRequestHeader",
];

/// Outermost elements that others use too.
const PERHAPS: [&str; 8] = ["Order", "ORDER", "order", "OrderRequest", "Orders", "ORDERS", "INVOICE", "DISPATCHNOTIFICATION"];

/// By the first few thousand bytes.
pub(crate) fn recognize(bytes: &[u8]) -> Recognition {
    let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or_default();
    // Cut between two bytes of a character, it would be decoded as something else.
    let head = match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_none() => head.get(..error.valid_up_to()).unwrap_or_default(),
        _ => head,
    };
    let Ok(decoded) = decode(head) else { return Recognition::No };
    let text: &str = &decoded.text;
    let Some(root) = root(text).filter(|root| !NEVER.contains(root)) else { return Recognition::No };
    if SURE.contains(&root) || WORDS.iter().any(|word| text.contains(word)) {
        Recognition::Sure
    } else if PERHAPS.contains(&root) {
        Recognition::Perhaps
    } else {
        Recognition::No
    }
}

/// The local name of the outermost element. Only blanks, comments and the like may stand before it.
fn root(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\0'));
        rest = if let Some(comment) = rest.strip_prefix("<!--") {
            comment.split_once("-->")?.1
        } else if rest.starts_with("<?") {
            rest.split_once("?>")?.1
        } else if rest.get(..9).is_some_and(|head| head.eq_ignore_ascii_case("<!DOCTYPE")) {
            // Its name is that of the outermost element.
            let name = rest.get(9..)?.split_whitespace().next()?;
            return Some(name.trim_end_matches(['>', '[']));
        } else {
            let name = rest.strip_prefix('<')?;
            let end = name.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))?;
            let name = name.get(..end)?;
            return Some(name.rsplit_once(':').map_or(name, |(_, local)| local)).filter(|name| !name.is_empty());
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_known_by_their_beginning() {
        for (text, expected) in [
            (
                "\u{feff}<?xml version=\"1.0\"?>\n<!-- <Order> -->\n<Order xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:Order-2\">",
                Recognition::Sure,
            ),
            ("<Order><ID>1</ID>", Recognition::Perhaps),
            ("<!DOCTYPE cXML SYSTEM \"http://example.com/cXML.dtd\"><cXML>", Recognition::Sure),
            ("  <ORDER version='2.1'><ORDER_HEADER>", Recognition::Sure),
            ("<o:orderMessage xmlns:o='x'>", Recognition::Sure),
            ("<soap:Envelope><soap:Body><Order xmlns='urn:oasis:names:specification:ubl:schema:xsd:Order-2'>", Recognition::Sure),
            ("<soap:Envelope><soap:Body><soap:Fault>", Recognition::No),
            ("<xs:schema targetNamespace='urn:oasis:names:specification:ubl:schema:xsd:Order-2'>", Recognition::No),
            ("<xsl:stylesheet xmlns:o='http://www.opentrans.org/XMLSchema/2.1'>", Recognition::No),
            ("<!DOCTYPE html><html>", Recognition::No),
            ("<html><body>Order</body></html>", Recognition::No),
            ("Dear all, <Order>", Recognition::No),
            ("ISA*00*", Recognition::No),
            ("<", Recognition::No),
            ("", Recognition::No),
        ] {
            assert_eq!(recognize(text.as_bytes()), expected, "{text}");
        }
        let wide: Vec<u8> = "<cXML payloadID=\"1\">".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(recognize(&wide), Recognition::Sure);
        let long = format!("<cXML a=\"{}", "é".repeat(HEAD));
        assert_eq!(recognize(long.as_bytes()), Recognition::Sure);
    }
}
