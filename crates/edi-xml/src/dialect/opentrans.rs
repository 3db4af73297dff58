//! openTRANS 2.1, 2.0 and 1.0: ORDER and ORDERCHANGE, as German, Austrian, Swiss and Dutch wholesale send them.

use std::collections::HashMap;

use loket_core::order::{Order, OrderKind, OrderLine, OrderParty};

use super::Draft;
use crate::dates;
use crate::fill::{self, Bad, Company, Notes};
use crate::leftover;
use crate::numbers::LoneComma;
use crate::xml::{Node, Value};

const COMMA: LoneComma = LoneComma::Decimal;

/// Who gets the invoice.
const INVOICE_ROLES: [&str; 2] = ["invoice_recipient", "invoice"];
const INVOICE_REFERENCES: [&str; 2] =
    ["ORDER_PARTIES_REFERENCE/INVOICE_RECIPIENT_IDREF", "ORDERCHANGE_PARTIES_REFERENCE/INVOICE_RECIPIENT_IDREF"];
const INVOICE_PARTY: &str = "INVOICE_PARTY";

/// What some write where a name belongs, with the name behind it.
const SALUTATIONS: [&str; 8] = ["herr", "frau", "firma", "fa.", "mr", "mrs", "ms", "dhr."];

pub(super) fn read(node: Node<'_>) -> Result<Draft, Bad> {
    let is_change = node.name() == "ORDERCHANGE";
    let [header, info, list, items, summary] = match is_change {
        true => ["ORDERCHANGE_HEADER", "ORDERCHANGE_INFO", "ORDERCHANGE_ITEM_LIST", "ORDERCHANGE_ITEM", "ORDERCHANGE_SUMMARY"],
        false => ["ORDER_HEADER", "ORDER_INFO", "ORDER_ITEM_LIST", "ORDER_ITEM", "ORDER_SUMMARY"],
    };
    let mut draft = Draft { syntax: "opentrans", document: node.name().to_owned(), ..Draft::default() };
    let Some(info) = node.child(header).and_then(|header| header.child(info)) else {
        return Err(Bad::at(node, format!("the {} has no {header}/{info}", node.name())));
    };
    let notes = &mut draft.notes;
    let mut order = Order { kind: if is_change { change(info) } else { OrderKind::New }, ..Order::default() };
    let Some(number) = info.at("ORDER_ID") else {
        return Err(Bad::at(info, format!("the {} has no order number (ORDER_ID)", node.name())));
    };
    order.po_number = fill::text(&mut order.sources, "po_number", Some(number));
    order.revision = fill::text(&mut order.sources, "revision", info.at("ORDERCHANGE_SEQUENCE_ID"));
    order.order_date =
        fill::date(&mut order.sources, notes, "order_date", info.any(&["ORDER_DATE", "ORDER_DATE/DATE", "ORDERCHANGE_DATE"]));
    let (start, end) = wanted(info);
    fill::period(&mut order, notes, start, end);
    fill::currency(&mut order, info.any(&["CURRENCY", "PRICE_CURRENCY"]));
    if order.currency.is_none() {
        let prices = ["PRODUCT_PRICE_FIX", "ARTICLE_PRICE", "PRODUCT_PRICE"];
        let named = |price| node.at(&format!("{list}/{items}/{price}/PRICE_CURRENCY"));
        fill::currency(&mut order, prices.into_iter().find_map(named));
    }
    let parties = Parties::of(info);
    order.buyer = parties.read(
        "buyer",
        &mut order,
        &["buyer", "customer"],
        &["ORDER_PARTIES_REFERENCE/BUYER_IDREF", "ORDERCHANGE_PARTIES_REFERENCE/BUYER_IDREF"],
        "BUYER_PARTY",
    );
    order.seller = parties.read(
        "seller",
        &mut order,
        &["supplier"],
        &["ORDER_PARTIES_REFERENCE/SUPPLIER_IDREF", "ORDERCHANGE_PARTIES_REFERENCE/SUPPLIER_IDREF"],
        "SUPPLIER_PARTY",
    );
    order.ship_to = parties.read(
        "ship_to",
        &mut order,
        &["delivery", "final_delivery", "shipment"],
        &[
            "ORDER_PARTIES_REFERENCE/SHIPMENT_PARTIES_REFERENCE/DELIVERY_IDREF",
            "ORDER_PARTIES_REFERENCE/SHIPMENT_PARTIES_REFERENCE/FINAL_DELIVERY_IDREF",
            "ORDERCHANGE_PARTIES_REFERENCE/SHIPMENT_PARTIES_REFERENCE/DELIVERY_IDREF",
        ],
        "SHIPMENT_PARTIES/DELIVERY_PARTY",
    );
    order.bill_to = parties.read("bill_to", &mut order, &INVOICE_ROLES, &INVOICE_REFERENCES, INVOICE_PARTY);
    // Who pays is who buys, where nobody else is named: shops write their customers so.
    if order.buyer.is_none() {
        order.buyer = parties.read("buyer", &mut order, &INVOICE_ROLES, &INVOICE_REFERENCES, INVOICE_PARTY);
    }
    order.notes = fill::notes(&mut order.sources, remarks(info));
    order.total =
        fill::amount(&mut order.sources, notes, "total", node.child(summary).and_then(|summary| summary.at("TOTAL_AMOUNT")), COMMA);
    let lines =
        || node.child(list).into_iter().flat_map(Node::children).filter(|child| child.name() == items || child.name() == "ORDER_ITEM");
    for (place, item) in lines().enumerate() {
        let line = line(item, place, notes)?;
        order.lines.push(line);
    }
    if let Some(value) = node.child(summary).and_then(|summary| summary.at("TOTAL_ITEM_NUM")) {
        let counted = value.text().parse::<usize>().ok();
        if counted.is_some_and(|counted| counted != order.lines.len()) {
            notes.tell(format!(
                "it says that it has {} lines, and has {} ({})",
                fill::short(&value.peek()),
                order.lines.len(),
                value.path()
            ));
        }
    }
    fill::requested_by_all(&mut order);

    let text = |value: Option<Value<'_>>| value.map(|value| value.text().into_owned());
    let control = node.child(header).and_then(|header| header.child("CONTROL_INFO"));
    let generated = text(control.and_then(|control| control.at("GENERATION_DATE")));
    draft.sent_at = generated.as_deref().or(text(info.at("ORDER_DATE")).as_deref()).and_then(dates::moment);
    draft.edi("version", text(node.attribute("version")));
    draft.edi("order_type", text(node.attribute("type")));
    draft.edi("transaction", order.po_number.clone());
    draft.edi("date", generated.or(text(info.at("ORDER_DATE"))));
    draft.edi("order_date", text(info.at("ORDER_DATE")));
    draft.edi_id("sender", named(order.buyer.as_ref()));
    draft.edi_id("receiver", named(order.seller.as_ref()));
    draft.edi("buyer_idref", text(info.at("ORDER_PARTIES_REFERENCE/BUYER_IDREF")));
    draft.edi("supplier_idref", text(info.at("ORDER_PARTIES_REFERENCE/SUPPLIER_IDREF")));

    let is_line = |child: Node<'_>| {
        (child.name() == items || child.name() == "ORDER_ITEM") && child.parent().is_some_and(|parent| parent.name() == list)
    };
    let mut left = leftover::keep(node, &is_line, &mut order.extra);
    for (line, item) in order.lines.iter_mut().zip(lines()) {
        left += leftover::keep(item, &|_| false, &mut line.extra);
    }
    if left > 0 {
        draft.notes.tell(format!("{left} more values of it were not kept beside the order"));
    }
    draft.order = Some(order);
    Ok(draft)
}

/// openTRANS has no document that cancels; the partners that do it with a change say so in a remark.
fn change(info: Node<'_>) -> OrderKind {
    let says = |remark: Node<'_>| {
        let is_action = remark.attribute("type").is_some_and(|kind| kind.peek().eq_ignore_ascii_case("action"));
        is_action
            && remark.value().is_some_and(|value| {
                let text = value.peek().to_lowercase();
                text.contains("cancel") || text.contains("storno")
            })
    };
    if info.all("REMARKS").any(says) { OrderKind::Cancel } else { OrderKind::Change }
}

fn remarks<'a>(node: Node<'a>) -> impl Iterator<Item = Value<'a>> {
    node.all("REMARKS")
        .chain(node.all("REMARK"))
        .filter(|remark| remark.attribute("type").is_none_or(|kind| !kind.peek().eq_ignore_ascii_case("action")))
        .filter_map(Node::value)
}

/// The day or the days that somebody wants something.
fn wanted<'a>(node: Node<'a>) -> (Option<Value<'a>>, Option<Value<'a>>) {
    let Some(delivery) = node.child("DELIVERY_DATE") else { return (None, None) };
    let start = delivery.any(&["DELIVERY_START_DATE", "DELIVERY_START_DATE/DATE", "DATE"]).or_else(|| delivery.value());
    (start, delivery.any(&["DELIVERY_END_DATE", "DELIVERY_END_DATE/DATE"]))
}

fn named(party: Option<&OrderParty>) -> Option<(String, Option<String>)> {
    let party = party?;
    Some((party.id.clone()?, party.scheme.clone()))
}

/// The companies of an order, by their numbers and by their roles.
struct Parties<'a> {
    info: Node<'a>,
    by_id: HashMap<String, Vec<Node<'a>>>,
    by_role: HashMap<String, Node<'a>>,
}

impl<'a> Parties<'a> {
    fn of(info: Node<'a>) -> Self {
        let mut parties = Self { info, by_id: HashMap::new(), by_role: HashMap::new() };
        for party in info.all("PARTIES").flat_map(Node::children).filter(|child| child.name() == "PARTY") {
            for id in party.all("PARTY_ID").filter_map(Node::value) {
                parties.by_id.entry(id.peek().into_owned()).or_default().push(party);
            }
            for role in party.all("PARTY_ROLE").filter_map(Node::value) {
                parties.by_role.entry(role.text().to_ascii_lowercase()).or_insert(party);
            }
        }
        parties
    }

    /// A company: the one that a reference names, else the one in the role, else the one in openTRANS 1.0's element for it.
    fn read(&self, role: &'static str, order: &mut Order, roles: &[&str], references: &[&str], old: &str) -> Option<OrderParty> {
        let reference = self.info.any(references);
        let with_role = |party: &Node<'_>| {
            party.all("PARTY_ROLE").filter_map(Node::value).any(|found| roles.iter().any(|role| found.peek().eq_ignore_ascii_case(role)))
        };
        // One number can stand at several parties; then the role decides.
        let referenced = reference.and_then(|reference| {
            let same = self.by_id.get(&*reference.peek())?;
            same.iter().find(|party| with_role(party)).or_else(|| same.first()).copied()
        });
        let by_role = || roles.iter().find_map(|role| self.by_role.get(*role)).copied();
        let old = || {
            // Also beside the element in which they belong.
            let places = [Some(self.info), self.info.parent()];
            let mut around = places.into_iter().flatten().flat_map(Node::children);
            let around = around.find(|child| matches!(child.name(), "ORDER_PARTIES" | "ORDERCHANGE_PARTIES"))?;
            let party = around.find(old)?;
            Some(party.child("PARTY").unwrap_or(party))
        };
        let mut company = Company::new(role, &mut order.sources);
        match referenced.or_else(by_role).or_else(old) {
            Some(party) => {
                let named = reference.map(|reference| reference.peek());
                let ids = || party.all("PARTY_ID").filter_map(Node::value);
                // The number that the order refers to is the main one.
                let first = ids().find(|id| named.as_ref() == Some(&id.peek()));
                for id in first.into_iter().chain(ids()) {
                    let kind = id.node().attribute("type").map(|kind| kind.text().into_owned());
                    company.id(Some(id), kind.as_deref());
                }
                if company.party.id.is_none()
                    && let Some(reference) = reference
                {
                    let kind = reference.node().attribute("type").map(|kind| kind.text().into_owned());
                    company.id(Some(reference), kind.as_deref());
                }
                address(&mut company, party);
            }
            None => {
                if let Some(reference) = reference {
                    let kind = reference.node().attribute("type").map(|kind| kind.text().into_owned());
                    company.id(Some(reference), kind.as_deref());
                }
            }
        }
        if let Some(reference) = reference
            && company.party.id.as_deref() == Some(&*reference.peek())
        {
            reference.text();
            reference.node().attribute("type").map(Value::text);
        }
        company.finish()
    }
}

fn address(company: &mut Company<'_>, party: Node<'_>) {
    let Some(address) = party.child("ADDRESS") else { return company.name(party.any(&["PARTY_NAME", "NAME"])) };
    let mut names: Vec<_> = ["NAME", "NAME2", "NAME3"].iter().filter_map(|name| address.at(name)).collect();
    let is_salutation = |name: &Value<'_>| SALUTATIONS.contains(&name.peek().to_lowercase().as_str());
    if names.len() > 1 && names.first().is_some_and(is_salutation) {
        names.remove(0);
    }
    company.name(names.first().copied());
    // What a company writes behind its name stands between name and street on an envelope too.
    names.iter().skip(1).for_each(|name| company.street(Some(*name)));
    company.street(address.at("DEPARTMENT"));
    company.street(address.at("STREET"));
    company.postcode(address.any(&["ZIP", "ZIPBOX"]));
    company.city(address.at("CITY"));
    company.region(address.at("STATE"));
    company.country(&[address.at("COUNTRY_CODED"), address.at("COUNTRY")]);
    company.id(address.at("VAT_ID"), Some("vat"));
    for contact in address.all("CONTACT_DETAILS").chain(party.all("CONTACT")) {
        if let Some(family) = contact.at("CONTACT_NAME") {
            let first = contact.at("FIRST_NAME").map(|first| first.text().into_owned()).unwrap_or_default();
            company.put("contact", format!("{first} {}", family.text()).trim().to_owned(), family, |party| &mut party.contact);
        }
        company.phone(contact.at("PHONE"));
        company.email(contact.any(&["EMAILS/EMAIL", "EMAIL"]));
    }
    company.phone(address.at("PHONE"));
    company.email(address.any(&["EMAIL", "EMAILS/EMAIL"]));
}

fn line(item: Node<'_>, place: usize, notes: &mut Notes) -> Result<OrderLine, Bad> {
    let mut line = OrderLine { number: None, ..OrderLine::default() };
    line.number = fill::text(&mut line.sources, "number", item.at("LINE_ITEM_ID"));
    if let Some(product) = ["PRODUCT_ID", "ARTICLE_ID", "PRODUCT"].iter().find_map(|name| item.child(name)) {
        line.seller_item = fill::text(&mut line.sources, "seller_item", product.any(&["SUPPLIER_PID", "SUPPLIER_AID"]));
        line.buyer_item = fill::text(&mut line.sources, "buyer_item", product.any(&["BUYER_PID", "BUYER_AID"]));
        for id in product.all("INTERNATIONAL_PID").chain(product.all("INTERNATIONAL_AID")).filter_map(Node::value) {
            let kind = id.node().attribute("type").map(|kind| kind.text().into_owned());
            fill::item_number(&mut line, Some(id), kind.as_deref());
        }
        fill::item_number(
            &mut line,
            product.any(&["MANUFACTURER_INFO/MANUFACTURER_PID", "MANUFACTURER_INFO/MANUFACTURER_AID"]),
            Some("manufacturer"),
        );
        line.description = fill::text(&mut line.sources, "description", product.any(&["DESCRIPTION_SHORT", "DESCRIPTION_LONG"]));
    }
    if item.at("QUANTITY").is_none() {
        notes.tell(format!("order line {} has no quantity ({})", place + 1, item.path()));
    }
    fill::quantity(&mut line, notes, item.at("QUANTITY"), COMMA)?;
    fill::unit_of(&mut line, item.any(&["ORDER_UNIT", "ORDER_UNIT_CODED"]));
    let price = item.child("PRODUCT_PRICE_FIX").or_else(|| item.child("ARTICLE_PRICE")).or_else(|| item.child("PRODUCT_PRICE"));
    if let Some(price) = price {
        fill::price(&mut line, notes, price.any(&["PRICE_AMOUNT", "FULL_PRICE"]), price.at("PRICE_QUANTITY"), None, COMMA);
    }
    let total = item.any(&["PRICE_LINE_AMOUNT", "LINE_AMOUNT"]).or_else(|| price.and_then(|price| price.at("PRICE_LINE_AMOUNT")));
    line.total = fill::amount(&mut line.sources, notes, "total", total, COMMA);
    let (start, end) = wanted(item);
    line.requested_date = fill::date(&mut line.sources, notes, "requested_date", start.or(end));
    line.notes = fill::notes(&mut line.sources, remarks(item));
    Ok(line)
}
