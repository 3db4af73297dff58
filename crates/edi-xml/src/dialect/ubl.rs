//! UBL 2.0 and 2.1, with or without Peppol: Order, OrderChange, OrderCancellation. The Order of UBL 1.0 too, which has other names
//! for some things.

use loket_core::order::{LineAction, Order, OrderKind, OrderLine, OrderParty};

use super::Draft;
use crate::dates;
use crate::envelope::Envelope;
use crate::fill::{self, Bad, Company, Notes};
use crate::leftover;
use crate::numbers::LoneComma;
use crate::xml::{Node, Value};

const COMMA: LoneComma = LoneComma::Decimal;

pub(super) fn read(node: Node<'_>, envelope: &Envelope) -> Result<Draft, Bad> {
    let mut draft = Draft { syntax: "ubl", document: node.name().to_owned(), ..Draft::default() };
    let mut order = Order { kind: kind(node.name()), ..Order::default() };
    let notes = &mut draft.notes;

    let own_number = node.any(&["ID", "BuyersID", "SellersID"]);
    let number = match order.kind {
        OrderKind::New => own_number,
        _ => node.any(&["OrderReference/ID", "OrderReference/BuyersID"]).or_else(|| {
            own_number
                .inspect(|_| notes.tell(format!("the {} does not say which order it is about; its own number was taken", node.name())))
        }),
    };
    if number.is_none() {
        return Err(Bad::at(node, format!("the {} has no order number (ID)", node.name())));
    }
    order.po_number = fill::text(&mut order.sources, "po_number", number);
    order.revision = fill::text(&mut order.sources, "revision", node.at("SequenceNumberID"));
    order.order_date = fill::date(&mut order.sources, notes, "order_date", node.at("IssueDate"));
    fill::currency(&mut order, node.at("DocumentCurrencyCode").or_else(|| node.at("PricingCurrencyCode")));
    order.buyer = party("buyer", &mut order, node.child("BuyerCustomerParty").or_else(|| node.child("BuyerParty")));
    order.seller = party("seller", &mut order, node.child("SellerSupplierParty").or_else(|| node.child("SellerParty")));
    order.bill_to = party("bill_to", &mut order, node.child("AccountingCustomerParty"));
    if let Some(delivery) = node.child("Delivery") {
        order.ship_to = ship_to(&mut order, delivery);
        requested(&mut order, notes, delivery);
    }
    order.total = fill::amount(
        &mut order.sources,
        notes,
        "total",
        node.any(&[
            "AnticipatedMonetaryTotal/PayableAmount",
            "LegalMonetaryTotal/PayableAmount",
            "LegalTotal/ToBePaidAmount",
            "AnticipatedMonetaryTotal/LineExtensionAmount",
            "LineExtensionTotalAmount",
        ]),
        COMMA,
    );
    let remarks = node.all("Note").chain(node.all("CancellationNote")).filter_map(Node::value);
    order.notes = fill::notes(&mut order.sources, remarks);
    for line in node.all("OrderLine") {
        let line = self::line(line, notes)?;
        order.lines.push(line);
    }
    if order.currency.is_none() {
        let money = node.any(&[
            "AnticipatedMonetaryTotal/PayableAmount/@currencyID",
            "OrderLine/LineItem/Price/PriceAmount/@currencyID",
            "OrderLine/LineItem/LineExtensionAmount/@currencyID",
            "OrderLine/Price/PriceAmount/@currencyID",
            "OrderLine/LineItem/BasePrice/PriceAmount/@currencyID",
            "LineExtensionTotalAmount/@amountCurrencyID",
            "OrderLine/LineItem/Item/BasePrice/PriceAmount/@amountCurrencyID",
        ]);
        fill::currency(&mut order, money);
    }
    same_currency(node, &order);
    fill::requested_by_all(&mut order);

    let text = |path: &str| node.at(path).map(|value| value.text().into_owned());
    let (uuid, own_number) = (text("UUID"), own_number.map(|value| value.text().into_owned()));
    let buyer_id = order.buyer.as_ref().and_then(|buyer| buyer.id.clone());
    draft.identity = uuid.clone().or_else(|| envelope.instance.clone()).or_else(|| {
        let own = own_number.clone()?;
        Some(match order.kind {
            OrderKind::New => format!("{}/{own}", buyer_id?),
            _ => format!("{}/{}/{own}", buyer_id?, node.name()),
        })
    });
    if envelope.created.is_none()
        && let (Some(day), Some(time)) = (text("IssueDate"), text("IssueTime"))
    {
        draft.sent_at = dates::moment(&format!("{}T{time}", day.get(..10).unwrap_or(&day)));
    }
    draft.edi("version", text("UBLVersionID"));
    draft.edi("transaction", own_number);
    draft.edi("uuid", uuid);
    draft.edi("customization", text("CustomizationID"));
    draft.edi("profile", text("ProfileID"));
    draft.edi("order_type", text("OrderTypeCode"));
    draft.edi("customer_reference", text("CustomerReference"));
    draft.edi("date", text("IssueDate"));
    for (field, path) in [("sender", "BuyerCustomerParty"), ("receiver", "SellerSupplierParty")] {
        draft.edi_id(field, endpoint(node, path));
    }
    leave(node, &mut order, &mut draft.notes);
    draft.order = Some(order);
    Ok(draft)
}

fn kind(name: &str) -> OrderKind {
    match name {
        "OrderChange" => OrderKind::Change,
        "OrderCancellation" => OrderKind::Cancel,
        _ => OrderKind::New,
    }
}

/// The electronic address of a party with its scheme as written: where an answer goes.
fn endpoint(node: Node<'_>, path: &str) -> Option<(String, Option<String>)> {
    let party = node.find(path)?;
    let value = party.any(&["Party/EndpointID", "Party/PartyIdentification/ID"])?;
    Some((value.text().into_owned(), scheme(value)))
}

fn scheme(value: Value<'_>) -> Option<String> {
    value.node().attribute("schemeID").map(|scheme| scheme.text().into_owned())
}

fn numbered(company: &mut Company<'_>, value: Value<'_>, otherwise: Option<&str>) {
    let scheme = scheme(value);
    company.id(Some(value), scheme.as_deref().or(otherwise));
}

fn party(role: &'static str, order: &mut Order, holder: Option<Node<'_>>) -> Option<OrderParty> {
    let holder = holder?;
    let party = holder.child("Party").unwrap_or(holder);
    let mut company = Company::new(role, &mut order.sources);
    party.all("EndpointID").filter_map(Node::value).for_each(|id| numbered(&mut company, id, None));
    party.all("PartyIdentification").filter_map(|id| id.at("ID")).for_each(|id| numbered(&mut company, id, None));
    company.id(holder.any(&["SupplierAssignedAccountID", "Party/SupplierAssignedAccountID"]), Some("seller"));
    company.id(holder.any(&["CustomerAssignedAccountID", "Party/CustomerAssignedAccountID"]), Some("buyer"));
    company.id(party.at("ID"), party.at("ID").and_then(scheme).as_deref());
    party
        .all("PartyLegalEntity")
        .filter_map(|entity| entity.at("CompanyID"))
        .for_each(|id| numbered(&mut company, id, Some("registration")));
    party.all("PartyTaxScheme").filter_map(|tax| tax.at("CompanyID")).for_each(|id| company.id(Some(id), Some("vat")));
    company.name(party.any(&["PartyName/Name", "PartyLegalEntity/RegistrationName"]));
    let addresses = ["PostalAddress", "Address", "PartyLegalEntity/RegistrationAddress"];
    if let Some(address) = addresses.iter().find_map(|path| party.find(path)) {
        self::address(&mut company, address);
    }
    let contacts = ["BuyerContact", "OrderContact", "SellerContact", "DeliveryContact", "AccountingContact"];
    for contact in party.all("Contact").chain(contacts.iter().filter_map(|name| holder.child(name))) {
        self::contact(&mut company, contact);
    }
    if let Some(person) = party.child("Person")
        && let (Some(first), Some(family)) = (person.at("FirstName"), person.at("FamilyName"))
    {
        company.put("contact", format!("{} {}", first.text(), family.text()), family, |party| &mut party.contact);
    }
    company.finish()
}

fn contact(company: &mut Company<'_>, contact: Node<'_>) {
    company.contact(contact.at("Name"));
    company.phone(contact.at("Telephone"));
    company.email(contact.at("ElectronicMail"));
}

fn address(company: &mut Company<'_>, address: Node<'_>) {
    company.street(address.at("StreetName"));
    company.house_number(address.at("BuildingNumber"));
    company.street(address.at("AdditionalStreetName"));
    address.all("AddressLine").filter_map(|line| line.at("Line")).for_each(|line| company.street(Some(line)));
    company.postcode(address.at("PostalZone"));
    company.city(address.at("CityName"));
    company.region(address.any(&["CountrySubentity", "CountrySubentityCode"]));
    company.country(&[address.at("Country/IdentificationCode"), address.at("Country/Name")]);
}

fn ship_to(order: &mut Order, delivery: Node<'_>) -> Option<OrderParty> {
    let mut company = Company::new("ship_to", &mut order.sources);
    let location = delivery.child("DeliveryLocation");
    let party = delivery.child("DeliveryParty");
    location.and_then(|location| location.at("ID")).into_iter().for_each(|id| numbered(&mut company, id, None));
    if let Some(party) = party {
        party.all("EndpointID").filter_map(Node::value).for_each(|id| numbered(&mut company, id, None));
        party.all("PartyIdentification").filter_map(|id| id.at("ID")).for_each(|id| numbered(&mut company, id, None));
        company.name(party.any(&["PartyName/Name", "PartyLegalEntity/RegistrationName"]));
        party.all("Contact").for_each(|contact| self::contact(&mut company, contact));
    }
    if let Some(location) = location {
        company.name(location.at("Name"));
    }
    let addresses = [
        location.and_then(|location| location.child("Address")),
        delivery.child("DeliveryAddress"),
        party.and_then(|party| party.child("PostalAddress")),
    ];
    if let Some(address) = addresses.into_iter().flatten().next() {
        company.id(address.at("ID"), address.at("ID").and_then(scheme).as_deref());
        self::address(&mut company, address);
    }
    company.finish()
}

fn requested(order: &mut Order, notes: &mut Notes, delivery: Node<'_>) {
    let start = delivery.any(&["RequestedDeliveryPeriod/StartDate", "RequestedDeliveryDate", "RequestedDeliveryDateTime"]);
    fill::period(order, notes, start, delivery.at("RequestedDeliveryPeriod/EndDate"));
    if let Some(latest) = fill::date(&mut order.sources, notes, "latest_date", delivery.at("LatestDeliveryDate")) {
        order.latest_date = Some(latest);
    }
}

/// What a line orders. Some leave the element around it away.
fn line_item(outer: Node<'_>) -> Node<'_> {
    outer.child("LineItem").unwrap_or(outer)
}

fn line(outer: Node<'_>, notes: &mut Notes) -> Result<OrderLine, Bad> {
    let mut line = OrderLine::default();
    let item_line = line_item(outer);
    let item = item_line.child("Item");
    let sources = &mut line.sources;
    line.number = fill::text(sources, "number", item_line.any(&["ID", "BuyersID"]));
    line.action = action(sources, item_line.at("LineStatusCode"));
    if let Some(item) = item {
        line.buyer_item = fill::text(sources, "buyer_item", item.at("BuyersItemIdentification/ID"));
        line.seller_item = fill::text(sources, "seller_item", item.at("SellersItemIdentification/ID"));
        line.description = fill::text(sources, "description", item.any(&["Name", "Description"]));
        for id in item.all("StandardItemIdentification").filter_map(|id| id.at("ID")) {
            let scheme = scheme(id);
            fill::item_number(&mut line, Some(id), scheme.as_deref());
        }
        fill::item_number(&mut line, item.at("ManufacturersItemIdentification/ID"), Some("manufacturer"));
        fill::item_number(&mut line, item.at("CatalogueItemIdentification/ID"), Some("catalogue"));
    }
    fill::quantity(&mut line, notes, item_line.at("Quantity"), COMMA)?;
    fill::unit_of(&mut line, item_line.any(&["Quantity/@unitCode", "Quantity/@quantityUnitCode"]));
    fill::price(
        &mut line,
        notes,
        item_line.any(&["Price/PriceAmount", "BasePrice/PriceAmount", "Item/BasePrice/PriceAmount"]),
        item_line.any(&["Price/BaseQuantity", "BasePrice/BaseQuantity", "Item/BasePrice/BaseQuantity"]),
        item_line.any(&[
            "Price/BaseQuantity/@unitCode",
            "BasePrice/BaseQuantity/@unitCode",
            "Item/BasePrice/BaseQuantity/@quantityUnitCode",
        ]),
        COMMA,
    );
    line.total = fill::amount(&mut line.sources, notes, "total", item_line.at("LineExtensionAmount"), COMMA);
    let wanted = item_line.any(&[
        "Delivery/RequestedDeliveryPeriod/StartDate",
        "Delivery/RequestedDeliveryPeriod/EndDate",
        "Delivery/LatestDeliveryDate",
        "Delivery/RequestedDeliveryDate",
        "DeliveryRequirement/DeliverySchedule/RequestedDeliveryDateTime",
    ]);
    line.requested_date = fill::date(&mut line.sources, notes, "requested_date", wanted);
    let inner = (item_line.number() != outer.number()).then_some(item_line);
    let remarks = outer.all("Note").chain(inner.into_iter().flat_map(|inner| inner.all("Note")));
    line.notes = fill::notes(&mut line.sources, remarks.filter_map(Node::value));
    Ok(line)
}

/// UN/CEFACT 1229 as Peppol has it, and UBL's own words.
fn action(sources: &mut loket_core::order::Sources, value: Option<Value<'_>>) -> Option<LineAction> {
    let value = value?;
    let action = match value.peek().to_ascii_lowercase().as_str() {
        "1" | "added" => LineAction::Add,
        "2" | "cancelled" | "canceled" | "deleted" => LineAction::Delete,
        "3" | "revised" | "changed" => LineAction::Change,
        "4" | "nostatus" | "no action" => LineAction::None,
        _ => return None,
    };
    value.text();
    sources.set("action", value.source());
    Some(action)
}

/// Says of every currency that is the order's own that it was read.
fn same_currency(node: Node<'_>, order: &Order) {
    let of_line = |line| {
        let item = line_item(line);
        let prices = item.all("Price").chain(item.all("BasePrice")).chain(item.all("Item").flat_map(|item| item.all("BasePrice")));
        item.children().chain(prices.flat_map(Node::children))
    };
    let amounts = node.children().chain(node.children().flat_map(Node::children)).chain(node.all("OrderLine").flat_map(of_line));
    for value in amounts.filter_map(|amount| amount.any_attribute(&["currencyID", "amountCurrencyID"])) {
        if order.currency.as_deref() == Some(&*value.peek()) {
            value.text();
        }
    }
}

fn leave(node: Node<'_>, order: &mut Order, notes: &mut Notes) {
    let mut left = leftover::keep(
        node,
        &|child| child.name() == "OrderLine" && child.parent().map(Node::number) == Some(node.number()),
        &mut order.extra,
    );
    for (line, outer) in order.lines.iter_mut().zip(node.all("OrderLine")) {
        left += leftover::keep(outer, &|_| false, &mut line.extra);
    }
    if left > 0 {
        notes.tell(format!("{left} more values of it were not kept beside the order"));
    }
}
