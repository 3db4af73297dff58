//! GS1 XML 3 orderResponse.

use loket_core::order::{OrderParty, Outcome};
use rust_decimal::Decimal;

use super::{Answer, Line};
use crate::xml::Writer;

const NAMESPACES: [(&str, &str); 2] = [
    ("xmlns:order_response", "urn:gs1:ecom:order_response:xsd:3"),
    ("xmlns:sh", "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"),
];

pub(super) fn write(answer: &Answer<'_>) -> Result<Vec<u8>, String> {
    let (order, decision) = (answer.order, answer.decision);
    let po_number = answer.po_number()?;
    let now = format!("{}Z", answer.time("%Y-%m-%dT%H:%M:%S"));
    let received = answer.options.only_received;
    let status = match answer.outcome() {
        _ if received => "RECEIVED",
        Outcome::Accepted => "ACCEPTED",
        Outcome::Changed => "MODIFIED",
        Outcome::Rejected => "REJECTED",
    };
    let gln = |party: Option<&OrderParty>| {
        party.filter(|party| party.scheme.as_deref() == Some("gln")).and_then(|party| party.id.clone()).unwrap_or_default()
    };
    let (buyer, seller) = (gln(order.buyer.as_ref()), gln(order.seller.as_ref()));
    // The answer goes back where the order came from, which may be a hub.
    let side = |field: &str, otherwise: &str| answer.edi_id(field).map_or_else(|| otherwise.to_owned(), |(id, _)| id.to_owned());
    let mut xml = Writer::new();
    xml.begin("order_response:orderResponseMessage", &NAMESPACES);
    xml.inside("sh:StandardBusinessDocumentHeader", &[], |xml| {
        xml.leaf("sh:HeaderVersion", &[], "1.0");
        for (element, id) in [("sh:Sender", side("receiver", &seller)), ("sh:Receiver", side("sender", &buyer))] {
            xml.inside(element, &[], |xml| xml.leaf("sh:Identifier", &[("Authority", "GS1")], &id));
        }
        xml.inside("sh:DocumentIdentification", &[], |xml| {
            xml.leaf("sh:Standard", &[], "GS1");
            xml.leaf("sh:TypeVersion", &[], answer.edi("version").unwrap_or("3.4"));
            xml.leaf("sh:InstanceIdentifier", &[], &answer.options.id);
            xml.leaf("sh:Type", &[], "Order Response");
            xml.leaf("sh:MultipleType", &[], "false");
            xml.leaf("sh:CreationDateAndTime", &[], &now);
        });
    });
    xml.inside("orderResponse", &[], |xml| {
        xml.leaf("creationDateTime", &[], &now);
        xml.leaf("documentStatusCode", &[], "ORIGINAL");
        xml.inside("orderResponseIdentification", &[], |xml| {
            xml.leaf("entityIdentification", &[], &answer.options.id);
            if !seller.is_empty() {
                xml.inside("contentOwner", &[], |xml| xml.leaf("gln", &[], &seller));
            }
        });
        xml.leaf("responseStatusCode", &[], status);
        xml.some("note", &[("languageCode", "en")], decision.reason.as_deref().filter(|_| !received));
        party(xml, "buyer", order.buyer.as_ref(), &buyer);
        party(xml, "seller", order.seller.as_ref(), &seller);
        xml.inside("originalOrder", &[], |xml| {
            xml.leaf("entityIdentification", &[], po_number);
            xml.some("creationDateTime", &[], answer.edi("date"));
        });
        if let Some(number) = &decision.seller_order {
            xml.inside("salesOrder", &[], |xml| xml.leaf("entityIdentification", &[], number));
        }
        if !received {
            answer.lines.iter().enumerate().for_each(|(place, line)| self::line(xml, answer, line, place + 1));
        }
    });
    Ok(xml.finish())
}

fn party(xml: &mut Writer, element: &'static str, party: Option<&OrderParty>, gln: &str) {
    xml.inside(element, &[], |xml| {
        if !gln.is_empty() {
            xml.leaf("gln", &[], gln);
        } else if let Some(id) = party.and_then(|party| party.id.as_deref()) {
            xml.leaf("additionalPartyIdentification", &[("additionalPartyIdentificationTypeCode", "FOR_INTERNAL_USE_1")], id);
        }
    });
}

fn line(xml: &mut Writer, answer: &Answer<'_>, line: &Line<'_>, place: usize) {
    let ordered = line.ordered;
    let (indicator, quantity) = match line.outcome {
        Outcome::Accepted => ("ACCEPTED", line.quantity),
        Outcome::Changed => ("MODIFIED", line.quantity),
        Outcome::Rejected => ("REJECTED", Some(Decimal::ZERO)),
    };
    let unit = ordered.unit_as_written.as_deref().or(ordered.unit.as_deref()).unwrap_or_default();
    xml.inside("orderResponseLineItem", &[], |xml| {
        xml.leaf("lineItemNumber", &[], &place.to_string());
        xml.leaf("originalOrderLineItemNumber", &[], &line.number);
        if let Some(quantity) = quantity {
            xml.leaf("confirmedQuantity", &[("measurementUnitCode", unit)], &quantity.to_string());
        }
        xml.leaf("lineItemChangeIndicator", &[], indicator);
        if let Some(price) = line.unit_price {
            xml.leaf("netPrice", &[("currencyCode", answer.order.currency.as_deref().unwrap_or_default())], &price.to_string());
        }
        xml.some("note", &[("languageCode", "en")], line.reason);
        if let Some(date) = line.delivery_date.filter(|_| line.outcome != Outcome::Rejected) {
            xml.inside("deliveryDateTime", &[], |xml| xml.leaf("date", &[], &date.to_string()));
        }
        xml.inside("transactionalTradeItem", &[], |xml| {
            xml.some("gtin", &[], ordered.gtin.as_deref());
            for (id, kind) in [(&ordered.buyer_item, "BUYER_ASSIGNED"), (&ordered.seller_item, "SUPPLIER_ASSIGNED")] {
                xml.some("additionalTradeItemIdentification", &[("additionalTradeItemIdentificationTypeCode", kind)], id.as_deref());
            }
        });
    });
}
