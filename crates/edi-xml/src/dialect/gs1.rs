//! GS1 XML 3: Order. One message can hold several.

use loket_core::order::{LineAction, Order, OrderKind, OrderLine, OrderParty};

use super::Draft;
use crate::dates;
use crate::envelope::Envelope;
use crate::fill::{self, Bad, Company, Notes};
use crate::leftover;
use crate::numbers::LoneComma;
use crate::xml::{Node, Value};

const COMMA: LoneComma = LoneComma::Decimal;

pub(super) fn read(node: Node<'_>, envelope: &Envelope, among_others: bool) -> Result<Draft, Bad> {
    let mut draft = Draft { syntax: "gs1", document: "order".into(), ..Draft::default() };
    let notes = &mut draft.notes;
    let mut order = Order { kind: kind(node), ..Order::default() };
    let number = node.any(&["orderIdentification/entityIdentification", "orderIdentification/uniqueCreatorIdentification"]);
    let Some(number) = number else { return Err(Bad::at(node, "the order has no number (orderIdentification/entityIdentification)")) };
    order.po_number = fill::text(&mut order.sources, "po_number", Some(number));
    order.revision = fill::text(&mut order.sources, "revision", node.at("revisionNumber"));
    order.order_date = fill::date(&mut order.sources, notes, "order_date", node.any(&["creationDateTime", "@creationDateTime"]));
    // GS1 XML 2 has one element more around the parties, and around most values.
    let around = node.child("orderPartyInformation").unwrap_or(node);
    order.buyer = party("buyer", &mut order, around.child("buyer"));
    order.seller = party("seller", &mut order, around.child("seller"));
    order.bill_to = party("bill_to", &mut order, around.child("billTo"));
    if let Some(logistics) =
        node.child("orderLogisticalInformation").or_else(|| node.find("orderLineItem/orderLineItemDetail/orderLogisticalInformation"))
    {
        order.ship_to = party("ship_to", &mut order, logistics.child("shipTo").or_else(|| logistics.find("shipToLogistics/shipTo")));
    }
    let days = ["orderLogisticalInformation/orderLogisticalDateInformation", "orderLogisticalInformation/orderLogisticalDateGroup"];
    if let Some(days) = days.iter().find_map(|path| node.find(path)) {
        let (start, end) = wanted(days);
        fill::period(&mut order, notes, start, end);
    }
    let totals = ["totalMonetaryAmountExcludingTaxes", "totalMonetaryAmountIncludingTaxes"];
    let total = node.any(&totals);
    fill::currency(&mut order, total.and_then(|total| total.node().attribute("currencyCode")));
    order.total = fill::amount(&mut order.sources, notes, "total", total, COMMA);
    let remarks = node.all("note").chain(node.all("additionalOrderInstruction")).filter_map(Node::value);
    order.notes = fill::notes(&mut order.sources, remarks);
    for (place, item) in node.all("orderLineItem").enumerate() {
        let line = line(item, place, notes)?;
        order.lines.push(line);
    }
    for (item, field) in node.all("orderLineItem").flat_map(|item| ["netPrice", "netAmount", "listPrice"].map(|field| (item, field))) {
        let money = item.child(field);
        let code = money.and_then(|money| money.any(&["@currencyCode", "amount/currencyCode/currencyISOCode"]));
        if let Some(code) = code {
            fill::currency(&mut order, Some(code));
            if order.currency.as_deref() == Some(&*code.peek()) {
                code.text();
            }
        }
    }
    fill::requested_by_all(&mut order);
    contact(&mut order, envelope);

    let text = |path: &str| node.at(path).map(|value| value.text().into_owned());
    draft.identity = envelope.instance.as_ref().map(|instance| match (&order.po_number, among_others) {
        (Some(number), true) => format!("{instance}/{number}"),
        _ => instance.clone(),
    });
    if envelope.created.is_none() {
        draft.sent_at = text("creationDateTime").and_then(|written| dates::moment(&written));
    }
    draft.edi("version", envelope.version.clone().or_else(|| text("documentStructureVersion")));
    draft.edi("transaction", order.po_number.clone());
    draft.edi("status", text("documentStatusCode"));
    draft.edi("action", text("documentActionCode"));
    draft.edi("order_type", text("orderTypeCode"));
    draft.edi("date", text("creationDateTime"));
    draft.edi("ack_requested", text("isApplicationReceiptAcknowledgementRequired").map(|required| required == "true" || required == "1"));
    draft.edi("content_owner", text("orderIdentification/contentOwner/gln"));
    let mut left = leftover::keep(
        node,
        &|child| child.name() == "orderLineItem" && child.parent().map(Node::number) == Some(node.number()),
        &mut order.extra,
    );
    for (line, item) in order.lines.iter_mut().zip(node.all("orderLineItem")) {
        left += leftover::keep(item, &|_| false, &mut line.extra);
    }
    if left > 0 {
        draft.notes.tell(format!("{left} more values of it were not kept beside the order"));
    }
    draft.order = Some(order);
    Ok(draft)
}

fn kind(node: Node<'_>) -> OrderKind {
    let action = node.at("documentActionCode").map(|value| value.text().to_ascii_uppercase()).unwrap_or_default();
    match action.as_str() {
        "DELETE" | "CANCEL" => OrderKind::Cancel,
        "CHANGE_BY_REFRESH" | "CHANGE" | "CORRECT" | "PARTIAL_CHANGE" => OrderKind::Change,
        _ => OrderKind::New,
    }
}

/// The person that the envelope names on the sender's side, where the sender is the buyer.
fn contact(order: &mut Order, envelope: &Envelope) {
    let sender = envelope.sender.as_ref().map(|(id, _)| id.as_str());
    if let Some(buyer) = order.buyer.as_mut().filter(|buyer| buyer.id.is_some() && buyer.id.as_deref() == sender) {
        let slots = [("buyer.contact", &mut buyer.contact), ("buyer.email", &mut buyer.email), ("buyer.phone", &mut buyer.phone)];
        for ((field, slot), found) in slots.into_iter().zip(envelope.sender_contact.clone()) {
            if let Some((value, source)) = found
                && slot.is_none()
            {
                *slot = Some(value);
                order.sources.set(field, source);
            }
        }
    }
}

fn party(role: &'static str, order: &mut Order, node: Option<Node<'_>>) -> Option<OrderParty> {
    let node = node?;
    let mut company = Company::new(role, &mut order.sources);
    company.id(node.at("gln"), Some("gln"));
    for id in node.all("additionalPartyIdentification") {
        let kind = id.any_attribute(&["additionalPartyIdentificationTypeCode", "additionalPartyIdentificationType"]);
        let scheme = kind
            .map(|kind| kind.text().into_owned())
            .or_else(|| id.at("additionalPartyIdentificationType").map(|kind| kind.text().into_owned()));
        company.id(id.value().or_else(|| id.at("additionalPartyIdentificationValue")), scheme.as_deref());
    }
    if let Some(vat) = node.at("dutyFeeTaxRegistration/dutyFeeTaxRegistrationID") {
        company.id(Some(vat), Some("vat"));
    }
    company.name(node.any(&["address/name", "organisation/organisationName", "organisationDetails/organisationName"]));
    if let Some(address) = node.child("address") {
        for field in ["streetAddressOne", "streetAddressTwo", "streetAddressThree"] {
            company.street(address.at(field));
        }
        company.postcode(address.at("postalCode"));
        company.city(address.at("city"));
        company.region(address.any(&["state", "provinceCode"]));
        company.country(&[address.at("countryCode")]);
    }
    for contact in node.all("contact") {
        company.contact(contact.any(&["personName", "departmentName"]));
        for channel in contact.all("communicationChannel").chain(contact.all("communicationChannelList")) {
            let code = channel
                .any(&["communicationChannelCode", "@communicationChannelCode"])
                .map(|code| code.text().to_ascii_uppercase())
                .unwrap_or_default();
            let value = channel.at("communicationValue");
            match code.as_str() {
                "EMAIL" => company.email(value),
                "TELEPHONE" => company.phone(value),
                _ => {}
            }
        }
    }
    company.finish()
}

/// The day or days in dates of a delivery.
fn wanted<'a>(days: Node<'a>) -> (Option<Value<'a>>, Option<Value<'a>>) {
    if let Some(range) = days.child("requestedDeliveryDateRange") {
        let day = |names: &[&str]| range.any(names);
        return (day(&["beginDate", "beginDate/date", "begin/date"]), day(&["endDate", "endDate/date", "end/date"]));
    }
    let day = days.any(&[
        "requestedDeliveryDateTime/date",
        "requestedDeliveryDateTime",
        "requestedDeliveryDate/date",
        "requestedDeliveryDate",
        "requestedDeliveryDateAtUltimateConsignee/date",
        "requestedDeliveryDateTimeAtUltimateConsignee/date",
    ]);
    (day, None)
}

fn line(item: Node<'_>, place: usize, notes: &mut Notes) -> Result<OrderLine, Bad> {
    let mut line = OrderLine::default();
    line.number = fill::text(&mut line.sources, "number", item.any(&["lineItemNumber", "@number"]));
    if let Some(value) = item.at("lineItemActionCode") {
        line.action = match value.peek().to_ascii_uppercase().as_str() {
            "ADDED" | "ADD" => Some(LineAction::Add),
            "DELETED" | "DELETE" => Some(LineAction::Delete),
            "CHANGED" | "CHANGE" => Some(LineAction::Change),
            "NO_ACTION" | "NOT_AMENDED" => Some(LineAction::None),
            _ => None,
        };
        if line.action.is_some() {
            value.text();
            line.sources.set("action", value.source());
        }
    }
    let quantity = item.any(&["requestedQuantity", "requestedQuantity/value"]);
    if quantity.is_none() {
        notes.tell(format!("order line {} has no quantity ({})", place + 1, item.path()));
    }
    fill::quantity(&mut line, notes, quantity, COMMA)?;
    fill::unit_of(
        &mut line,
        item.any(&["requestedQuantity/@measurementUnitCode", "requestedQuantity/unitOfMeasure/measurementUnitCodeValue"]),
    );
    if let Some(product) = item.child("transactionalTradeItem").or_else(|| item.child("tradeItemIdentification")) {
        fill::item_number(&mut line, product.at("gtin"), Some("gtin"));
        for id in product.all("additionalTradeItemIdentification") {
            let kind =
                id.any_attribute(&["additionalTradeItemIdentificationTypeCode"]).or_else(|| id.at("additionalTradeItemIdentificationType"));
            let scheme = kind.map(|kind| kind.text().into_owned());
            fill::item_number(&mut line, id.value().or_else(|| id.at("additionalTradeItemIdentificationValue")), scheme.as_deref());
        }
        line.description = fill::text(&mut line.sources, "description", product.at("tradeItemDescription"));
    }
    let per = item.any(&["itemPriceBaseQuantity", "itemPriceBaseQuantity/value"]);
    let per_unit = item.at("itemPriceBaseQuantity/@measurementUnitCode");
    fill::price(&mut line, notes, item.any(&["netPrice", "netPrice/amount/monetaryAmount"]), per, per_unit, COMMA);
    line.total = fill::amount(&mut line.sources, notes, "total", item.any(&["netAmount", "monetaryAmountExcludingTaxes"]), COMMA);
    let days = item
        .find("orderLineItemDetail/orderLogisticalInformation/orderLogisticalDateInformation")
        .or_else(|| item.find("orderLogisticalInformation/orderLogisticalDateInformation"));
    if let Some(days) = days {
        let (start, end) = wanted(days);
        line.requested_date = fill::date(&mut line.sources, notes, "requested_date", start.or(end));
    }
    line.notes = fill::notes(&mut line.sources, item.all("note").chain(item.all("additionalOrderLineInstruction")).filter_map(Node::value));
    Ok(line)
}
