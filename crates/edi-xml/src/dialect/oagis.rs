//! OAGIS 8 and 9: ProcessPurchaseOrder and its siblings.

use loket_core::order::{Order, OrderKind, OrderLine, OrderParty};

use super::Draft;
use crate::dates;
use crate::fill::{self, Bad, Company, Notes};
use crate::leftover;
use crate::numbers::LoneComma;
use crate::xml::{Node, Value};

const COMMA: LoneComma = LoneComma::Decimal;

pub(super) fn read(node: Node<'_>) -> Result<Draft, Bad> {
    let mut draft = Draft { syntax: "oagis", document: node.name().to_owned(), ..Draft::default() };
    let Some(document) = node.find("DataArea/PurchaseOrder") else { return Err(Bad::at(node, "it has no DataArea/PurchaseOrder")) };
    let Some(head) = document.child("PurchaseOrderHeader").or_else(|| document.child("Header")) else {
        return Err(Bad::at(document, "the PurchaseOrder has no PurchaseOrderHeader"));
    };
    let notes = &mut draft.notes;
    let mut order = Order { kind: kind(node), ..Order::default() };
    let number = head.any(&["DocumentID/ID", "DocumentID", "DocumentIds/CustomerDocumentId/Id", "DocumentIds/DocumentId/Id"]);
    let Some(number) = number else { return Err(Bad::at(head, "the PurchaseOrder has no number (DocumentID)")) };
    order.po_number = fill::text(&mut order.sources, "po_number", Some(number));
    order.revision = fill::text(&mut order.sources, "revision", head.any(&["DocumentID/RevisionID", "DocumentIDSet/RevisionID"]));
    order.order_date = fill::date(&mut order.sources, notes, "order_date", head.any(&["DocumentDateTime", "OrderDateTime"]));
    order.requested_date = fill::date(
        &mut order.sources,
        notes,
        "requested_date",
        head.any(&["RequiredDeliveryDateTime", "RequestedDeliveryDateTime", "PromisedDeliveryDateTime", "NeedDeliveryDate"]),
    );
    let parties = head.child("Parties").unwrap_or(head);
    order.buyer = party("buyer", &mut order, parties.child("CustomerParty").or_else(|| parties.child("BuyerParty")));
    order.seller = party("seller", &mut order, parties.child("SupplierParty"));
    order.ship_to = party("ship_to", &mut order, parties.child("ShipToParty"));
    order.bill_to = party("bill_to", &mut order, parties.child("BillToParty"));
    let total = head.any(&["TotalAmount", "ExtendedAmount", "ExtendedPrice"]);
    fill::currency(&mut order, total.and_then(|total| money_code(total.node())));
    order.total = fill::amount(&mut order.sources, notes, "total", total, COMMA);
    order.notes = fill::notes(&mut order.sources, head.all("Note").chain(head.all("Description")).filter_map(Node::value));
    let lines = || document.children().filter(|child| matches!(child.name(), "PurchaseOrderLine" | "Line"));
    for (place, item) in lines().enumerate() {
        let line = line(item, place, notes, &mut order)?;
        order.lines.push(line);
    }
    fill::requested_by_all(&mut order);

    let text = |path: &str| node.at(path).map(|value| value.text().into_owned());
    let bod = text("ApplicationArea/BODID").or_else(|| text("ApplicationArea/BODId"));
    draft.identity.clone_from(&bod);
    draft.sent_at = text("ApplicationArea/CreationDateTime").and_then(|written| dates::moment(&written));
    draft.edi("version", text("@releaseID").or_else(|| text("@revision")));
    draft.edi("interchange", bod);
    draft.edi("transaction", order.po_number.clone());
    draft.edi("date", text("ApplicationArea/CreationDateTime"));
    draft.edi(
        "ack_requested",
        text("DataArea/Process/@acknowledgeCode").or_else(|| text("DataArea/Process/@acknowledge")).map(|code| code != "Never"),
    );
    draft.edi_id(
        "sender",
        text("ApplicationArea/Sender/LogicalID").or_else(|| text("ApplicationArea/Sender/LogicalId")).map(|id| (id, None)),
    );
    let mut left = leftover::keep(
        document,
        &|child| matches!(child.name(), "PurchaseOrderLine" | "Line") && child.parent().map(Node::number) == Some(document.number()),
        &mut order.extra,
    );
    for (line, item) in order.lines.iter_mut().zip(lines()) {
        left += leftover::keep(item, &|_| false, &mut line.extra);
    }
    if left > 0 {
        draft.notes.tell(format!("{left} more values of it were not kept beside the order"));
    }
    draft.order = Some(order);
    Ok(draft)
}

fn kind(node: Node<'_>) -> OrderKind {
    let action = node.any(&[
        "DataArea/Process/ActionCriteria/ActionExpression/@actionCode",
        "DataArea/Change/ActionCriteria/ActionExpression/@actionCode",
    ]);
    match (node.name(), action.map(|action| action.text().to_ascii_lowercase()).as_deref()) {
        ("CancelPurchaseOrder", _) | (_, Some("delete" | "cancel")) => OrderKind::Cancel,
        ("ChangePurchaseOrder", _) | (_, Some("change" | "replace")) => OrderKind::Change,
        _ => OrderKind::New,
    }
}

fn money_code<'a>(node: Node<'a>) -> Option<Value<'a>> {
    node.any_attribute(&["currencyID", "currency"])
}

fn party(role: &'static str, order: &mut Order, node: Option<Node<'_>>) -> Option<OrderParty> {
    let node = node?;
    let mut company = Company::new(role, &mut order.sources);
    let ids = node.all("PartyIDs").chain(node.all("PartyId")).chain(node.all("PartyID"));
    for id in ids.flat_map(|ids| ids.all("ID").chain(ids.all("Id")).chain(ids.value().map(|_| ids))) {
        let scheme = id.any_attribute(&["schemeName", "schemeID", "schemeAgencyName"]).map(|scheme| scheme.text().into_owned());
        company.id(id.value(), scheme.as_deref());
    }
    company.id(node.at("PartyIDs/TaxID"), Some("vat"));
    company.name(node.at("Name"));
    if let Some(address) = node
        .find("Location/Address")
        .or_else(|| node.find("Addresses/PrimaryAddress"))
        .or_else(|| node.find("Addresses/Address"))
        .or_else(|| node.child("Address"))
    {
        for field in ["AddressLine", "LineOne", "LineTwo", "StreetName"] {
            address.all(field).filter_map(Node::value).for_each(|street| company.street(Some(street)));
        }
        company.house_number(address.at("BuildingNumber"));
        company.postcode(address.any(&["PostalCode", "PostCode"]));
        company.city(address.any(&["CityName", "City"]));
        company.region(address.any(&["CountrySubDivisionCode", "StateOrProvince"]));
        company.country(&[address.at("CountryCode"), address.at("Country")]);
    }
    for contact in node.all("Contact").chain(node.all("Contacts").flat_map(Node::children)) {
        company.contact(contact.any(&["Name", "PersonName/GivenName"]));
        company.email(contact.any(&["EMailAddressCommunication/EMailAddressID", "EmailAddress", "EMail"]));
        company.phone(contact.any(&["TelephoneCommunication/FormattedNumber", "TelephoneCommunication/CompleteNumber", "Telephone"]));
    }
    company.finish()
}

fn line(item: Node<'_>, place: usize, notes: &mut Notes, order: &mut Order) -> Result<OrderLine, Bad> {
    let mut line = OrderLine::default();
    line.number = fill::text(&mut line.sources, "number", item.any(&["LineNumber", "LineNumberID"]));
    if let Some(product) = item.child("Item").or_else(|| item.child("OrderItem")) {
        line.buyer_item = fill::text(&mut line.sources, "buyer_item", product.any(&["CustomerItemID/ID", "ItemIds/CustomerItemId/Id"]));
        line.seller_item =
            fill::text(&mut line.sources, "seller_item", product.any(&["SupplierItemID/ID", "ItemIds/SupplierItemId/Id", "ItemID/ID"]));
        fill::item_number(&mut line, product.any(&["ManufacturerItemID/ID", "ItemIds/ManufacturerItemId/Id"]), Some("manufacturer"));
        fill::item_number(&mut line, product.any(&["GTIN", "UPCID", "EANID"]), Some("gtin"));
        line.description = fill::text(&mut line.sources, "description", product.any(&["Description", "Name"]));
    }
    let quantity = item.any(&["Quantity", "OrderQuantity"]);
    if quantity.is_none() {
        notes.tell(format!("order line {} has no quantity ({})", place + 1, item.path()));
    }
    fill::quantity(&mut line, notes, quantity, COMMA)?;
    fill::unit_of(&mut line, quantity.and_then(|quantity| quantity.node().any_attribute(&["unitCode", "uom"])));
    let price = item.any(&["UnitPrice/Amount", "UnitPrice", "OrderItem/UnitPrice/Amount"]);
    let per = item.at("UnitPrice/PerQuantity");
    fill::price(&mut line, notes, price, per, per.and_then(|per| per.node().any_attribute(&["unitCode", "uom"])), COMMA);
    let total = item.any(&["ExtendedAmount", "TotalAmount", "ExtendedPrice/Amount"]);
    line.total = fill::amount(&mut line.sources, notes, "total", total, COMMA);
    for code in [price, total].into_iter().flatten().filter_map(|money| money_code(money.node())) {
        fill::currency(order, Some(code));
        if order.currency.as_deref() == Some(&*code.peek()) {
            code.text();
        }
    }
    line.requested_date = fill::date(
        &mut line.sources,
        notes,
        "requested_date",
        item.any(&["RequiredDeliveryDateTime", "RequestedDeliveryDateTime", "NeedDeliveryDate"]),
    );
    line.notes = fill::notes(&mut line.sources, item.all("Note").filter_map(Node::value));
    Ok(line)
}
