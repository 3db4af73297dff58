//! cXML: OrderRequest new, update and delete; everything else that cXML asks or answers is kept and not read.

use loket_core::order::{Order, OrderKind, OrderLine, OrderParty};

use super::{Draft, other};
use crate::dates;
use crate::fill::{self, Bad, Company, Notes};
use crate::leftover;
use crate::numbers::LoneComma;
use crate::xml::{Node, Value};

/// Money in cXML: `1,234.50`.
const COMMA: LoneComma = LoneComma::Thousands;

/// The roles of people who buy.
const PERSONS: [&str; 4] = ["purchasingAgent", "purchasing", "buyer", "buyerContact"];

pub(super) fn read(node: Node<'_>) -> Result<Draft, Bad> {
    let text = |value: Option<Value<'_>>| value.map(|value| value.text().into_owned());
    let mut draft = Draft { syntax: "cxml", identity: text(node.attribute("payloadID")), ..Draft::default() };
    draft.sent_at = node.attribute("timestamp").and_then(|value| dates::moment(&value.text()));
    let inner = match node.name() {
        "OrderRequest" => Some(node),
        _ => {
            ["Request", "Message", "Response"].iter().find_map(|name| node.child(name)).map(|around| (around, around.children())).and_then(
                |(around, children)| {
                    let mut children = children.filter(|child| child.name() != "Status");
                    children.next().or(Some(around))
                },
            )
        }
    };
    let Some(inner) = inner else { return Err(Bad::at(node, "the cXML holds no Request, Message or Response")) };
    draft.document = inner.name().to_owned();
    let mode = inner.parent().and_then(|around| around.attribute("deploymentMode"));
    let test = mode.is_some_and(|mode| mode.text().eq_ignore_ascii_case("test"));
    draft.edi("version", text(node.attribute("version")));
    draft.edi("interchange", text(node.attribute("payloadID")));
    draft.edi("date", text(node.attribute("timestamp")));
    draft.edi("test", Some(test));
    draft.edi("ack_requested", Some(true));
    if let Some(header) = node.child("Header") {
        draft.edi_id("sender", credential(header.child("From")));
        draft.edi_id("receiver", credential(header.child("To")));
        draft.edi_id("hub", credential(header.child("Sender")));
        draft.edi("user_agent", text(header.at("Sender/UserAgent")));
    }
    if inner.name() != "OrderRequest" {
        return Ok(unread(draft, node, inner));
    }
    let Some(head) = inner.child("OrderRequestHeader") else { return Err(Bad::at(inner, "the OrderRequest has no OrderRequestHeader")) };
    let order = order(node, inner, head, test, &mut draft.notes)?;
    draft.edi("transaction", order.po_number.clone());
    draft.edi("order_date", text(head.attribute("orderDate")));
    draft.edi("replaces", text(head.at("DocumentReference/@payloadID")));
    draft.order = Some(order);
    Ok(draft)
}

/// What is no order: a message with its text.
fn unread(mut draft: Draft, node: Node<'_>, inner: Node<'_>) -> Draft {
    draft.is_answer = node.has("Response");
    draft.edi("ack_requested", Some(false));
    let status = node.find("Response/Status");
    if let Some(status) = status {
        let part = |name: &str| status.attribute(name).map(|value| value.text().into_owned());
        let code = part("code");
        draft.subject =
            Some(format!("cXML Response {} {}", code.clone().unwrap_or_default(), part("text").unwrap_or_default()).trim().to_owned());
        draft.edi("status", code);
    } else {
        draft.subject = Some(format!("cXML {}", inner.name()));
        draft.notes.tell(format!("cXML {} is not read", inner.name()));
    }
    draft.text = other::outline(node);
    draft
}

/// The first identity of a side, its domain with it. Marketplaces name themselves beside the company.
fn credential(side: Option<Node<'_>>) -> Option<(String, Option<String>)> {
    let side = side?;
    let own = |credential: &Node<'_>| credential.attribute("type").is_none_or(|kind| kind.peek() != "marketplace");
    let credential = side.all("Credential").find(own).or_else(|| side.child("Credential")).unwrap_or(side);
    let identity = credential.at("Identity")?.text().into_owned();
    Some((identity, credential.attribute("domain").map(|domain| domain.text().into_owned())))
}

fn order(node: Node<'_>, request: Node<'_>, head: Node<'_>, test: bool, notes: &mut Notes) -> Result<Order, Bad> {
    let mut order = Order { kind: kind(head, notes), test, ..Order::default() };
    let Some(number) = head.attribute("orderID") else { return Err(Bad::at(head, "the OrderRequestHeader has no orderID")) };
    order.po_number = fill::text(&mut order.sources, "po_number", Some(number));
    order.revision = fill::text(&mut order.sources, "revision", head.attribute("orderVersion"));
    order.order_date = fill::date(&mut order.sources, notes, "order_date", head.attribute("orderDate"));
    order.requested_date = fill::date(&mut order.sources, notes, "requested_date", head.attribute("requestedDeliveryDate"));
    fill::currency(&mut order, head.at("Total/Money/@currency"));
    order.total = fill::amount(&mut order.sources, notes, "total", head.at("Total/Money"), COMMA);
    order.buyer = side("buyer", &mut order, node.find("Header/From"), head, &["soldTo", "buyerCorporate", "buyerMasterAccount"], "BillTo");
    order.seller =
        side("seller", &mut order, node.find("Header/To"), head, &["supplierCorporate", "supplier", "supplierMasterAccount"], "");
    order.ship_to = address("ship_to", &mut order, head.find("ShipTo/Address").or_else(|| request.find("ItemOut/ShipTo/Address")));
    order.bill_to = address("bill_to", &mut order, head.find("BillTo/Address"));
    order.notes = fill::notes(&mut order.sources, head.all("Comments").filter_map(Node::value));
    for (place, item) in request.all("ItemOut").enumerate() {
        let line = line(item, place, notes)?;
        order.lines.push(line);
    }
    if order.currency.is_none() {
        fill::currency(
            &mut order,
            request.any(&["ItemOut/ItemDetail/UnitPrice/Money/@currency", "ItemOut/BlanketItemDetail/UnitPrice/Money/@currency"]),
        );
    }
    for money in request.all("ItemOut").filter_map(|item| item.at("ItemDetail/UnitPrice/Money/@currency")) {
        if order.currency.as_deref() == Some(&*money.peek()) {
            money.text();
        }
    }
    fill::requested_by_all(&mut order);
    let mut left = leftover::keep(
        request,
        &|child| child.name() == "ItemOut" && child.parent().map(Node::number) == Some(request.number()),
        &mut order.extra,
    );
    for (line, item) in order.lines.iter_mut().zip(request.all("ItemOut")) {
        left += leftover::keep(item, &|_| false, &mut line.extra);
    }
    if left > 0 {
        notes.tell(format!("{left} more values of it were not kept beside the order"));
    }
    Ok(order)
}

fn kind(head: Node<'_>, notes: &mut Notes) -> OrderKind {
    let Some(kind) = head.attribute("type") else { return OrderKind::New };
    match kind.text().to_ascii_lowercase().as_str() {
        "update" => OrderKind::Change,
        "delete" => OrderKind::Cancel,
        "new" | "" => OrderKind::New,
        other => {
            notes.tell(format!("an order of the type `{}` was taken for a new one ({})", fill::short(other), kind.path()));
            OrderKind::New
        }
    }
}

/// Buyer or seller: numbers from the header's credentials, name and person from whoever the order names in that part.
fn side(
    role: &'static str,
    order: &mut Order,
    credentials: Option<Node<'_>>,
    head: Node<'_>,
    roles: &[&str],
    otherwise: &str,
) -> Option<OrderParty> {
    let mut company = Company::new(role, &mut order.sources);
    let own = |credential: &Node<'_>| credential.attribute("type").is_none_or(|kind| kind.peek() != "marketplace");
    for credential in credentials.into_iter().flat_map(|side| side.all("Credential")).filter(own) {
        let domain = credential.attribute("domain").map(|domain| domain.text().into_owned());
        company.id(credential.at("Identity"), domain.as_deref());
    }
    // Some leave the element around it away.
    company.id(credentials.and_then(|side| side.at("Identity")), None);
    let contacts = || head.all("Contact").chain(head.all("BusinessPartner"));
    let in_role =
        |role: &str| contacts().find(|contact| contact.attribute("role").is_some_and(|found| found.peek().eq_ignore_ascii_case(role)));
    for contact in roles.iter().filter_map(|role| in_role(role)) {
        contact.attribute("role").map(Value::text);
        place(&mut company, contact.child("Address").unwrap_or(contact));
    }
    if let Some(correspondent) = credentials.and_then(|side| side.find("Correspondent/Contact")) {
        place(&mut company, correspondent);
    }
    if role == "buyer" {
        for person in PERSONS.iter().filter_map(|role| in_role(role)) {
            person.attribute("role").map(Value::text);
            company.contact(person.at("Name"));
            company.email(person.at("Email"));
        }
    }
    // Who pays is who buys, where nobody else is named.
    if company.party.name.is_none()
        && !otherwise.is_empty()
        && let Some(address) = head.find(otherwise).and_then(|part| part.child("Address"))
    {
        place(&mut company, address);
    }
    company.finish()
}

fn address(role: &'static str, order: &mut Order, address: Option<Node<'_>>) -> Option<OrderParty> {
    let address = address?;
    let mut company = Company::new(role, &mut order.sources);
    let domain = address.attribute("addressIDDomain").map(|domain| domain.text().into_owned());
    company.id(address.attribute("addressID"), domain.as_deref());
    place(&mut company, address);
    company.finish()
}

/// Address and Contact have the same things in them.
fn place(company: &mut Company<'_>, address: Node<'_>) {
    company.name(address.at("Name"));
    if let Some(postal) = address.child("PostalAddress") {
        company.contact(postal.at("DeliverTo"));
        if company.party.street.is_empty() {
            postal.all("Street").filter_map(Node::value).for_each(|street| company.street(Some(street)));
        }
        company.postcode(postal.at("PostalCode"));
        company.city(postal.at("City"));
        company.region(postal.at("State"));
        company.country(&[postal.at("Country/@isoCountryCode"), address.attribute("isoCountryCode"), postal.at("Country")]);
    }
    company.email(address.at("Email"));
    if let Some(number) = address.find("Phone/TelephoneNumber")
        && let Some((written, place)) = phone(number)
    {
        company.put("phone", written, place, |party| &mut party.phone);
    }
}

fn phone(number: Node<'_>) -> Option<(String, Value<'_>)> {
    let local = number.at("Number")?;
    let parts = [number.at("AreaOrCityCode"), Some(local)];
    let mut written: Vec<String> = parts.into_iter().flatten().map(|part| part.text().into_owned()).collect();
    if let Some(country) =
        number.at("CountryCode").map(|code| code.text().trim_start_matches(['+', '0']).to_owned()).filter(|code| !code.is_empty())
    {
        written.insert(0, format!("+{country}"));
    }
    if let Some(extension) = number.at("Extension") {
        written.push(format!("ext. {}", extension.text()));
    }
    Some((written.join(" "), local))
}

fn line(item: Node<'_>, place: usize, notes: &mut Notes) -> Result<OrderLine, Bad> {
    let mut line = OrderLine::default();
    let detail = item.child("ItemDetail").or_else(|| item.child("BlanketItemDetail"));
    let ids = item.child("ItemID");
    line.number = fill::text(&mut line.sources, "number", item.attribute("lineNumber"));
    if item.attribute("quantity").is_none() {
        notes.tell(format!("order line {} has no quantity ({})", place + 1, item.path()));
    }
    fill::quantity(&mut line, notes, item.attribute("quantity"), COMMA)?;
    line.requested_date = fill::date(&mut line.sources, notes, "requested_date", item.attribute("requestedDeliveryDate"));
    if line.requested_date.is_none() {
        line.requested_date = fill::date(&mut line.sources, notes, "requested_date", item.at("ScheduleLine/@requestedDeliveryDate"));
    }
    if let Some(ids) = ids {
        line.seller_item = fill::text(&mut line.sources, "seller_item", ids.at("SupplierPartID"));
        line.buyer_item = fill::text(&mut line.sources, "buyer_item", ids.at("BuyerPartID"));
        fill::item_number(&mut line, ids.at("SupplierPartAuxiliaryID"), Some("supplier-auxiliary"));
        for reference in ids.all("IdReference") {
            let domain = reference.attribute("domain").map(|domain| domain.text().into_owned());
            fill::item_number(&mut line, reference.attribute("identifier"), domain.as_deref());
        }
    } else {
        line.seller_item = fill::text(&mut line.sources, "seller_item", item.at("SupplierPartID"));
    }
    if let Some(detail) = detail {
        fill::unit_of(&mut line, detail.at("UnitOfMeasure"));
        let basis = detail.child("PriceBasisQuantity");
        fill::price(
            &mut line,
            notes,
            detail.at("UnitPrice/Money"),
            basis.and_then(|basis| basis.attribute("quantity")),
            basis.and_then(|basis| basis.at("UnitOfMeasure")),
            COMMA,
        );
        description(&mut line, detail);
        fill::item_number(&mut line, detail.at("ManufacturerPartID"), Some("manufacturer"));
        fill::item_number(
            &mut line,
            detail.any(&["ItemDetailIndustry/ItemDetailRetail/EANID", "ItemDetailIndustry/ItemDetailRetail/EuropeanWasteCatalogID"]),
            Some("gtin"),
        );
    } else {
        line.description = fill::text(&mut line.sources, "description", item.at("Description"));
    }
    line.total =
        fill::amount(&mut line.sources, notes, "total", item.any(&["SpendDetail/Extended/Money", "ItemDetail/Total/Money"]), COMMA);
    line.notes = fill::notes(&mut line.sources, item.all("Comments").filter_map(Node::value));
    Ok(line)
}

/// The description; its short name where there is nothing else, beside it where there is.
fn description(line: &mut OrderLine, detail: Node<'_>) {
    let long = detail.at("Description");
    let short = detail.at("Description/ShortName");
    line.description = fill::text(&mut line.sources, "description", long.or(short));
}
