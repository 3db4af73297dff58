//! openTRANS 2.1 ORDERRESPONSE. It has no code for yes or no: what is confirmed stands in it as it will be delivered, what is refused
//! with the quantity 0, and the remarks say it in words.

use loket_core::order::{OrderParty, Outcome};
use rust_decimal::Decimal;

use super::{Answer, Line};
use crate::xml::Writer;

const NAMESPACES: [(&str, &str); 3] =
    [("xmlns", "http://www.opentrans.org/XMLSchema/2.1"), ("xmlns:bmecat", "http://www.bmecat.org/bmecat/2005"), ("version", "2.1")];

pub(super) fn write(answer: &Answer<'_>) -> Result<Vec<u8>, String> {
    let (order, decision) = (answer.order, answer.decision);
    let po_number = answer.po_number()?;
    let now = format!("{}Z", answer.time("%Y-%m-%dT%H:%M:%S"));
    let mut xml = Writer::new();
    xml.begin("ORDERRESPONSE", &NAMESPACES);
    xml.inside("ORDERRESPONSE_HEADER", &[], |xml| {
        xml.inside("CONTROL_INFO", &[], |xml| {
            xml.leaf("GENERATOR_INFO", &[], "Loket");
            xml.leaf("GENERATION_DATE", &[], &now);
        });
        xml.inside("ORDERRESPONSE_INFO", &[], |xml| {
            xml.leaf("ORDER_ID", &[], po_number);
            xml.leaf("ORDERRESPONSE_DATE", &[], &now);
            xml.some("ORDER_DATE", &[], answer.edi("order_date"));
            xml.some("SUPPLIER_ORDER_ID", &[], decision.seller_order.as_deref());
            xml.some("ORDERCHANGE_SEQUENCE_ID", &[], order.revision.as_deref());
            if let Some(date) = decision.delivery_date.filter(|_| !answer.options.only_received) {
                delivery(xml, &date.to_string());
            }
            xml.inside("PARTIES", &[], |xml| {
                party(xml, "buyer", order.buyer.as_ref());
                party(xml, "supplier", order.seller.as_ref());
                party(xml, "delivery", order.ship_to.as_ref());
            });
            let buyer = answer.edi("buyer_idref").or_else(|| order.buyer.as_ref()?.id.as_deref());
            let seller = answer.edi("supplier_idref").or_else(|| order.seller.as_ref()?.id.as_deref());
            if let (Some(buyer), Some(seller)) = (buyer, seller) {
                xml.inside("ORDER_PARTIES_REFERENCE", &[], |xml| {
                    xml.leaf("bmecat:BUYER_IDREF", &[("type", kind(order.buyer.as_ref()))], buyer);
                    xml.leaf("bmecat:SUPPLIER_IDREF", &[("type", kind(order.seller.as_ref()))], seller);
                });
            }
            xml.some("bmecat:CURRENCY", &[], order.currency.as_deref());
            let said = match answer.outcome() {
                _ if answer.options.only_received => "received",
                Outcome::Accepted => "accepted",
                Outcome::Changed => "accepted with changes",
                Outcome::Rejected => "rejected",
            };
            xml.leaf("REMARKS", &[("type", "status")], said);
            xml.some("REMARKS", &[("type", "general")], decision.reason.as_deref().filter(|_| !answer.options.only_received));
        });
    });
    xml.inside("ORDERRESPONSE_ITEM_LIST", &[], |xml| answer.lines.iter().for_each(|line| self::line(xml, answer, line)));
    xml.inside("ORDERRESPONSE_SUMMARY", &[], |xml| xml.leaf("TOTAL_ITEM_NUM", &[], &answer.lines.len().to_string()));
    Ok(xml.finish())
}

/// openTRANS's word for the kind of a company's number.
fn kind(party: Option<&OrderParty>) -> &str {
    match party.and_then(|party| party.scheme.as_deref()).unwrap_or_default() {
        "gln" => "iln",
        "buyer" => "buyer_specific",
        "seller" => "supplier_specific",
        other => other,
    }
}

fn party(xml: &mut Writer, role: &str, party: Option<&OrderParty>) {
    let Some(party) = party else { return };
    xml.inside("PARTY", &[], |xml| {
        xml.some("bmecat:PARTY_ID", &[("type", kind(Some(party)))], party.id.as_deref());
        xml.leaf("PARTY_ROLE", &[], role);
        if party.name.is_some() {
            xml.inside("ADDRESS", &[], |xml| {
                xml.some("bmecat:NAME", &[], party.name.as_deref());
                xml.some("bmecat:STREET", &[], party.street.last().map(String::as_str));
                xml.some("bmecat:ZIP", &[], party.postcode.as_deref());
                xml.some("bmecat:CITY", &[], party.city.as_deref());
                xml.some("bmecat:COUNTRY_CODED", &[], party.country.as_deref());
            });
        }
    });
}

fn delivery(xml: &mut Writer, date: &str) {
    xml.inside("DELIVERY_DATE", &[], |xml| {
        xml.leaf("DELIVERY_START_DATE", &[], date);
        xml.leaf("DELIVERY_END_DATE", &[], date);
    });
}

fn line(xml: &mut Writer, answer: &Answer<'_>, line: &Line<'_>) {
    let ordered = line.ordered;
    let received = answer.options.only_received;
    let quantity = match line.outcome {
        Outcome::Rejected if !received => Some(Decimal::ZERO),
        _ if received => ordered.quantity,
        _ => line.quantity,
    };
    let price = if received { ordered.unit_price } else { line.unit_price };
    xml.inside("ORDERRESPONSE_ITEM", &[], |xml| {
        xml.leaf("LINE_ITEM_ID", &[], &line.number);
        xml.inside("PRODUCT_ID", &[], |xml| {
            xml.some("bmecat:SUPPLIER_PID", &[], ordered.seller_item.as_deref());
            xml.some("bmecat:INTERNATIONAL_PID", &[("type", "gtin")], ordered.gtin.as_deref());
            xml.some("bmecat:BUYER_PID", &[], ordered.buyer_item.as_deref());
            xml.some("bmecat:DESCRIPTION_SHORT", &[], ordered.description.as_deref());
        });
        xml.some("QUANTITY", &[], quantity.map(|quantity| quantity.to_string()).as_deref());
        xml.some("bmecat:ORDER_UNIT", &[], ordered.unit_as_written.as_deref().or(ordered.unit.as_deref()));
        if let Some(price) = price {
            xml.inside("PRODUCT_PRICE_FIX", &[], |xml| {
                xml.leaf("bmecat:PRICE_AMOUNT", &[], &price.to_string());
                xml.leaf("bmecat:PRICE_QUANTITY", &[], "1");
            });
            if let Some(total) = quantity.and_then(|quantity| quantity.checked_mul(price)) {
                xml.leaf("PRICE_LINE_AMOUNT", &[], &total.normalize().to_string());
            }
        }
        if !received {
            if let Some(date) = line.delivery_date.filter(|_| line.outcome != Outcome::Rejected) {
                delivery(xml, &date.to_string());
            }
            let said = match line.outcome {
                Outcome::Accepted => "accepted",
                Outcome::Changed => "changed",
                Outcome::Rejected => "rejected",
            };
            xml.leaf("REMARKS", &[("type", "status")], said);
            xml.some("REMARKS", &[("type", "general")], line.reason);
        }
    });
}
