//! UBL 2.1 OrderResponse as Peppol BIS Ordering 3 has it.

use loket_core::order::{OrderParty, Outcome};

use super::{Answer, Line};
use crate::xml::Writer;

const ORDERING: &str = "urn:fdc:peppol.eu:poacc:bis:ordering:3";
const NAMESPACES: [(&str, &str); 3] = [
    ("xmlns", "urn:oasis:names:specification:ubl:schema:xsd:OrderResponse-2"),
    ("xmlns:cac", "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"),
    ("xmlns:cbc", "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"),
];

pub(super) fn write(answer: &Answer<'_>) -> Result<Vec<u8>, String> {
    let profile = answer.edi("profile").unwrap_or(ORDERING);
    if profile.contains("order_only") {
        return Err("the buyer's process is Peppol's `order_only`, which takes no order response".into());
    }
    let (order, decision) = (answer.order, answer.decision);
    let is_advanced = profile.contains("advanced_ordering");
    let customization = match is_advanced {
        true => "urn:fdc:peppol.eu:poacc:trns:order_response_advanced:3",
        false => "urn:fdc:peppol.eu:poacc:trns:order_response:3",
    };
    let received = answer.options.only_received;
    let code = match answer.outcome() {
        _ if received => "AB",
        Outcome::Accepted => "AP",
        Outcome::Rejected => "RE",
        Outcome::Changed => "CA",
    };
    let po_number = answer.po_number()?;
    let mut xml = Writer::new();
    xml.begin("OrderResponse", &NAMESPACES);
    xml.leaf("cbc:CustomizationID", &[], customization);
    xml.leaf("cbc:ProfileID", &[], if profile.contains("peppol.eu:poacc") { profile } else { ORDERING });
    xml.leaf("cbc:ID", &[], &answer.options.id);
    xml.some("cbc:SalesOrderID", &[], decision.seller_order.as_deref());
    xml.leaf("cbc:IssueDate", &[], &answer.time("%Y-%m-%d"));
    xml.leaf("cbc:IssueTime", &[], &answer.time("%H:%M:%S"));
    xml.leaf("cbc:OrderResponseCode", &[], code);
    if !received {
        xml.some("cbc:Note", &[], decision.reason.as_deref());
    }
    xml.some("cbc:DocumentCurrencyCode", &[], order.currency.as_deref());
    xml.some("cbc:CustomerReference", &[], answer.edi("customer_reference"));
    xml.inside("cac:OrderReference", &[], |xml| xml.leaf("cbc:ID", &[], po_number));
    party(&mut xml, "cac:SellerSupplierParty", order.seller.as_ref(), answer.edi_id("receiver"));
    party(&mut xml, "cac:BuyerCustomerParty", order.buyer.as_ref(), answer.edi_id("sender"));
    if !received {
        if let Some(date) = decision.delivery_date {
            promised(&mut xml, &date.to_string());
        }
        for line in &answer.lines {
            self::line(&mut xml, answer, line);
        }
    }
    Ok(xml.finish())
}

/// A party, by the address and the scheme with which it came.
fn party(xml: &mut Writer, element: &'static str, party: Option<&OrderParty>, endpoint: Option<(&str, &str)>) {
    xml.inside(element, &[], |xml| {
        xml.inside("cac:Party", &[], |xml| {
            if let Some((id, scheme)) = endpoint {
                xml.leaf("cbc:EndpointID", &[("schemeID", scheme)], id);
                xml.inside("cac:PartyIdentification", &[], |xml| xml.leaf("cbc:ID", &[("schemeID", scheme)], id));
            }
            if let Some(name) = party.and_then(|party| party.name.as_deref()) {
                xml.inside("cac:PartyLegalEntity", &[], |xml| xml.leaf("cbc:RegistrationName", &[], name));
            }
        });
    });
}

fn promised(xml: &mut Writer, date: &str) {
    xml.inside("cac:Delivery", &[], |xml| {
        xml.inside("cac:PromisedDeliveryPeriod", &[], |xml| {
            xml.leaf("cbc:StartDate", &[], date);
            xml.leaf("cbc:EndDate", &[], date);
        });
    });
}

fn line(xml: &mut Writer, answer: &Answer<'_>, line: &Line<'_>) {
    let ordered = line.ordered;
    // UN/CEFACT 1229: accepted without amendment, changed, not accepted.
    let status = match line.outcome {
        Outcome::Accepted => "5",
        Outcome::Changed => "3",
        Outcome::Rejected => "7",
    };
    let unit = ordered.unit_as_written.as_deref().or(ordered.unit.as_deref()).unwrap_or_default();
    let own_date = line.delivery_date.filter(|date| Some(*date) != answer.decision.delivery_date);
    xml.inside("cac:OrderLine", &[], |xml| {
        xml.inside("cac:LineItem", &[], |xml| {
            xml.leaf("cbc:ID", &[], &line.number);
            xml.some("cbc:Note", &[], line.reason);
            xml.leaf("cbc:LineStatusCode", &[], status);
            if let Some(quantity) = line.quantity {
                xml.leaf("cbc:Quantity", &[("unitCode", unit)], &quantity.to_string());
            }
            if let Some(date) = own_date {
                promised(xml, &date.to_string());
            }
            if let Some(price) = line.unit_price {
                xml.inside("cac:Price", &[], |xml| {
                    xml.leaf(
                        "cbc:PriceAmount",
                        &[("currencyID", answer.order.currency.as_deref().unwrap_or_default())],
                        &price.to_string(),
                    );
                    xml.leaf("cbc:BaseQuantity", &[("unitCode", unit)], "1");
                });
            }
            xml.inside("cac:Item", &[], |xml| {
                xml.leaf("cbc:Name", &[], ordered.description.as_deref().or(ordered.seller_item.as_deref()).unwrap_or(&line.number));
                let ids = [("cac:BuyersItemIdentification", &ordered.buyer_item), ("cac:SellersItemIdentification", &ordered.seller_item)];
                for (element, id) in ids {
                    if let Some(id) = id {
                        xml.inside(element, &[], |xml| xml.leaf("cbc:ID", &[], id));
                    }
                }
                if let Some(gtin) = &ordered.gtin {
                    xml.inside("cac:StandardItemIdentification", &[], |xml| xml.leaf("cbc:ID", &[("schemeID", "0160")], gtin));
                }
            });
        });
        xml.inside("cac:OrderLineReference", &[], |xml| xml.leaf("cbc:LineID", &[], &line.number));
    });
}
