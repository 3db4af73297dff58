//! The answers: written, read again by our own parser, and compared with what the standards want to see.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;

use jiff::civil::{DateTime, date, datetime};
use loket_core::delivery::Delivery;
use loket_core::message::{Automatic, Message};
use loket_core::order::{Decision, LineDecision, Outcome};
use loket_core::reader::{Part, Reader};
use loket_edi_xml::{AckOptions, Credential, ResponseOptions, XmlOrderReader, acknowledge, order_response};

fn now() -> DateTime {
    datetime(2026, 11, 24, 9, 30, 0, 0)
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.xml"))).unwrap()
}

fn first(bytes: Vec<u8>) -> Message {
    XmlOrderReader.read(&Delivery::standalone("edi.test", "key", "application/xml", bytes)).unwrap().remove(0)
}

fn options() -> ResponseOptions {
    ResponseOptions { id: "R-1".into(), now: now(), credential: None, only_received: false }
}

fn answer(name: &str, decision: &Decision, options: &ResponseOptions) -> String {
    let answer = order_response(&first(fixture(name)), decision, options).unwrap();
    // Our own reader knows what it is, and a strict parser takes it.
    let read = first(answer.clone());
    assert!(read.order.is_none() && read.warnings.iter().any(|warning| warning.contains("is not read")), "{:?}", read.warnings);
    let text = String::from_utf8(answer).unwrap();
    let strict = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    roxmltree::Document::parse_with_options(&text, strict).unwrap();
    text
}

/// All texts at a path of local names, in order; `@name` for an attribute.
fn texts(xml: &str, path: &str) -> Vec<String> {
    let strict = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(xml, strict).unwrap();
    let mut nodes = vec![document.root()];
    let mut steps: Vec<&str> = path.split('/').collect();
    let attribute = steps.pop_if(|last| last.starts_with('@'));
    for step in steps {
        nodes = nodes
            .into_iter()
            .flat_map(|node| node.children())
            .filter(|child| child.is_element() && child.tag_name().name() == step)
            .collect();
    }
    match attribute {
        Some(name) => nodes.iter().map(|node| node.attribute(&name[1..]).unwrap_or("-").to_owned()).collect(),
        None => nodes.iter().map(|node| node.text().unwrap_or_default().to_owned()).collect(),
    }
}

/// The names of the elements at a path, in order.
fn names(xml: &str, path: &str) -> Vec<String> {
    let strict = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(xml, strict).unwrap();
    let mut node = document.root();
    for step in path.split('/') {
        node = node.children().find(|child| child.tag_name().name() == step).unwrap();
    }
    node.children().filter(roxmltree::Node::is_element).map(|child| child.tag_name().name().to_owned()).collect()
}

/// Line 10 comes with fewer, later and dearer, line 20 not at all.
fn changed(first: &str, second: &str) -> Decision {
    Decision {
        outcome: Outcome::Changed,
        seller_order: Some("SO-5 <1>".into()),
        reason: Some("Nicht alles da & später".into()),
        delivery_date: Some(date(2026, 12, 2)),
        lines: vec![
            LineDecision {
                number: first.into(),
                outcome: Outcome::Changed,
                quantity: Some("1".parse().unwrap()),
                unit_price: Some("0.130".parse().unwrap()),
                delivery_date: Some(date(2026, 12, 9)),
                reason: Some("Rest folgt nicht".into()),
            },
            LineDecision {
                number: second.into(),
                outcome: Outcome::Rejected,
                reason: Some("Ausgelaufen".into()),
                ..LineDecision::default()
            },
        ],
    }
}

#[test]
fn ubl_accepted_rejected_changed_received() {
    let code =
        |decision: &Decision, options: &ResponseOptions| texts(&answer("ubl-peppol", decision, options), "OrderResponse/OrderResponseCode");
    assert_eq!(code(&Decision::default(), &options()), ["AP"]);
    assert_eq!(code(&Decision { outcome: Outcome::Rejected, ..Decision::default() }, &options()), ["RE"]);
    assert_eq!(code(&changed("10", "20"), &options()), ["CA"]);
    assert_eq!(code(&Decision::default(), &ResponseOptions { only_received: true, ..options() }), ["AB"]);
    // A line that is refused makes it a change, all of them a refusal.
    let refused = |number: &str| LineDecision { number: number.into(), outcome: Outcome::Rejected, ..LineDecision::default() };
    assert_eq!(code(&Decision { lines: vec![refused("10")], ..Decision::default() }, &options()), ["CA"]);
    assert_eq!(code(&Decision { lines: vec![refused("10"), refused("20")], ..Decision::default() }, &options()), ["RE"]);
}

#[test]
fn ubl_lines_and_structure() {
    let xml = answer("ubl-peppol", &changed("10", "20"), &options());
    // The order of the elements is the schema's.
    assert_eq!(
        names(&xml, "OrderResponse"),
        [
            "CustomizationID",
            "ProfileID",
            "ID",
            "SalesOrderID",
            "IssueDate",
            "IssueTime",
            "OrderResponseCode",
            "Note",
            "DocumentCurrencyCode",
            "CustomerReference",
            "OrderReference",
            "SellerSupplierParty",
            "BuyerCustomerParty",
            "Delivery",
            "OrderLine",
            "OrderLine"
        ]
    );
    assert_eq!(names(&xml, "OrderResponse/OrderLine"), ["LineItem", "OrderLineReference"]);
    assert_eq!(names(&xml, "OrderResponse/OrderLine/LineItem"), ["ID", "Note", "LineStatusCode", "Quantity", "Delivery", "Price", "Item"]);
    let at = |path: &str| texts(&xml, &format!("OrderResponse/{path}"));
    assert_eq!(at("CustomizationID"), ["urn:fdc:peppol.eu:poacc:trns:order_response:3"]);
    assert_eq!(at("ProfileID"), ["urn:fdc:peppol.eu:poacc:bis:ordering:3"]);
    assert_eq!(
        (at("ID"), at("SalesOrderID"), at("OrderReference/ID")),
        (vec!["R-1".into()], vec!["SO-5 <1>".into()], vec!["4500012345".into()])
    );
    assert_eq!((at("IssueDate"), at("IssueTime")), (vec!["2026-11-24".into()], vec!["09:30:00".into()]));
    assert_eq!(at("SellerSupplierParty/Party/EndpointID/@schemeID"), ["NL:VAT"]);
    assert_eq!(at("BuyerCustomerParty/Party/EndpointID"), ["99000001"]);
    assert_eq!(at("BuyerCustomerParty/Party/PartyLegalEntity/RegistrationName"), ["Bouwbedrijf Vermeulen & Zn."]);
    assert_eq!(at("Delivery/PromisedDeliveryPeriod/EndDate"), ["2026-12-02"]);
    assert_eq!(at("OrderLine/LineItem/LineStatusCode"), ["3", "7"]);
    assert_eq!(at("OrderLine/LineItem/Quantity"), ["1", "12.50"]);
    assert_eq!(at("OrderLine/LineItem/Quantity/@unitCode"), ["C62", "KGM"]);
    assert_eq!(at("OrderLine/LineItem/Price/PriceAmount"), ["0.130", "4.016"]);
    assert_eq!(at("OrderLine/LineItem/Delivery/PromisedDeliveryPeriod/StartDate"), ["2026-12-09"]);
    assert_eq!(at("OrderLine/OrderLineReference/LineID"), ["10", "20"]);
    assert_eq!(at("OrderLine/LineItem/Item/StandardItemIdentification/ID/@schemeID"), ["0160"]);
    // The rest of a change is accepted line by line.
    let one = Decision { lines: vec![changed("10", "20").lines.remove(1)], outcome: Outcome::Changed, ..Decision::default() };
    assert_eq!(texts(&answer("ubl-peppol", &one, &options()), "OrderResponse/OrderLine/LineItem/LineStatusCode"), ["5", "7"]);
}

#[test]
fn ubl_by_profile() {
    let advanced = answer("ubl-change", &Decision::default(), &options());
    assert_eq!(texts(&advanced, "OrderResponse/CustomizationID"), ["urn:fdc:peppol.eu:poacc:trns:order_response_advanced:3"]);
    assert_eq!(texts(&advanced, "OrderResponse/OrderReference/ID"), ["4500012345"]);
    let refused = order_response(&first(fixture("ubl-sbdh")), &Decision::default(), &options()).unwrap_err();
    assert!(refused.contains("order_only"));
    // Without Peppol's profile it is answered as if it had one.
    assert_eq!(
        texts(&answer("ubl-20-undeclared", &Decision::default(), &options()), "OrderResponse/ProfileID"),
        ["urn:fdc:peppol.eu:poacc:bis:ordering:3"]
    );
}

#[test]
fn cxml_confirmations() {
    let at = |xml: &str, path: &str| texts(xml, &format!("cXML/{path}"));
    let accepted = answer("cxml-new", &Decision::default(), &options());
    assert_eq!(at(&accepted, "Request/ConfirmationRequest/ConfirmationHeader/@type"), ["accept"]);
    assert!(at(&accepted, "Request/ConfirmationRequest/ConfirmationItem").is_empty());
    assert_eq!(at(&accepted, "Request/@deploymentMode"), ["test"]);
    assert_eq!(at(&accepted, "Header/From/Credential/Identity"), ["000000027"]);
    assert_eq!(at(&accepted, "Header/From/Credential/@domain"), ["DUNS"]);
    assert_eq!(at(&accepted, "Header/To/Credential/Identity"), ["AN01000000001"]);
    assert_eq!(at(&accepted, "Request/ConfirmationRequest/OrderReference/@orderID"), ["DO1234"]);
    assert_eq!(at(&accepted, "Request/ConfirmationRequest/OrderReference/DocumentReference/@payloadID"), ["1764000000.0001@hub.example"]);
    assert_eq!(at(&accepted, "@timestamp"), ["2026-11-24T09:30:00+00:00"]);

    let own = Credential { domain: "NetworkID".into(), identity: "AN9".into(), shared_secret: Some("geheim".into()) };
    assert!(!format!("{own:?}").contains("geheim"));
    let rejected = answer(
        "cxml-new",
        &Decision { outcome: Outcome::Rejected, reason: Some("No".into()), ..Decision::default() },
        &ResponseOptions { credential: Some(own), ..options() },
    );
    assert_eq!(at(&rejected, "Request/ConfirmationRequest/ConfirmationHeader/@type"), ["reject"]);
    assert_eq!(at(&rejected, "Request/ConfirmationRequest/ConfirmationHeader/Comments"), ["No"]);
    assert_eq!(at(&rejected, "Header/Sender/Credential/SharedSecret"), ["geheim"]);

    let except = answer("cxml-new", &changed("1", "2"), &options());
    let item = |path: &str| at(&except, &format!("Request/ConfirmationRequest/ConfirmationItem/{path}"));
    assert_eq!(at(&except, "Request/ConfirmationRequest/ConfirmationHeader/@type"), ["except"]);
    assert_eq!(at(&except, "Request/ConfirmationRequest/ConfirmationHeader/@confirmID"), ["SO-5 <1>"]);
    assert_eq!((item("@lineNumber"), item("@quantity")), (vec!["1".into(), "2".into()], vec!["1000".into(), "2".into()]));
    assert_eq!(item("ConfirmationStatus/@type"), ["detail", "reject", "reject"]);
    assert_eq!(item("ConfirmationStatus/@quantity"), ["1", "999", "2"]);
    assert_eq!(item("ConfirmationStatus/@deliveryDate"), ["2026-12-09T00:00:00+00:00", "-", "-"]);
    assert_eq!(item("ConfirmationStatus/UnitPrice/Money"), ["0.130"]);

    let mut later = changed("1", "2");
    later.lines.pop();
    let detail = answer("cxml-new", &later, &options());
    assert_eq!(at(&detail, "Request/ConfirmationRequest/ConfirmationHeader/@type"), ["detail"]);
    assert_eq!(
        texts(&detail, "cXML/Request/ConfirmationRequest/ConfirmationItem/ConfirmationStatus/@type"),
        ["detail", "reject", "accept"]
    );
    assert!(
        order_response(&first(fixture("cxml-new")), &later, &ResponseOptions { only_received: true, ..options() })
            .unwrap_err()
            .contains("Response")
    );
}

#[test]
fn opentrans_response() {
    let xml = answer("opentrans-idref", &changed("1", "2"), &options());
    assert_eq!(names(&xml, "ORDERRESPONSE"), ["ORDERRESPONSE_HEADER", "ORDERRESPONSE_ITEM_LIST", "ORDERRESPONSE_SUMMARY"]);
    assert_eq!(
        names(&xml, "ORDERRESPONSE/ORDERRESPONSE_HEADER/ORDERRESPONSE_INFO"),
        [
            "ORDER_ID",
            "ORDERRESPONSE_DATE",
            "ORDER_DATE",
            "SUPPLIER_ORDER_ID",
            "DELIVERY_DATE",
            "PARTIES",
            "ORDER_PARTIES_REFERENCE",
            "CURRENCY",
            "REMARKS",
            "REMARKS"
        ]
    );
    let info = |path: &str| texts(&xml, &format!("ORDERRESPONSE/ORDERRESPONSE_HEADER/ORDERRESPONSE_INFO/{path}"));
    assert_eq!((info("ORDER_ID"), info("SUPPLIER_ORDER_ID")), (vec!["BE-2026-0815".into()], vec!["SO-5 <1>".into()]));
    assert_eq!(info("PARTIES/PARTY/PARTY_ROLE"), ["buyer", "supplier", "delivery"]);
    assert_eq!(info("ORDER_PARTIES_REFERENCE/BUYER_IDREF/@type"), ["iln"]);
    assert_eq!(info("REMARKS"), ["accepted with changes", "Nicht alles da & später"]);
    let item = |path: &str| texts(&xml, &format!("ORDERRESPONSE/ORDERRESPONSE_ITEM_LIST/ORDERRESPONSE_ITEM/{path}"));
    assert_eq!((item("LINE_ITEM_ID"), item("QUANTITY")), (vec!["1".into(), "2".into()], vec!["1".into(), "0".into()]));
    assert_eq!(item("PRICE_LINE_AMOUNT"), ["0.13", "0"]);
    assert_eq!(item("DELIVERY_DATE/DELIVERY_START_DATE"), ["2026-12-09"]);
    assert_eq!(item("REMARKS"), ["changed", "Rest folgt nicht", "rejected", "Ausgelaufen"]);
    assert_eq!(texts(&xml, "ORDERRESPONSE/ORDERRESPONSE_SUMMARY/TOTAL_ITEM_NUM"), ["2"]);
    let accepted = answer("opentrans-role", &Decision::default(), &options());
    assert_eq!(texts(&accepted, "ORDERRESPONSE/ORDERRESPONSE_ITEM_LIST/ORDERRESPONSE_ITEM/QUANTITY"), ["1.5"]);
}

#[test]
fn gs1_response() {
    let xml = answer("gs1-orders", &changed("1", "2"), &options());
    let at = |path: &str| texts(&xml, &format!("orderResponseMessage/{path}"));
    assert_eq!(at("StandardBusinessDocumentHeader/Sender/Identifier"), ["5410000000026"]);
    assert_eq!(at("StandardBusinessDocumentHeader/Receiver/Identifier"), ["5410000000019"]);
    assert_eq!(at("StandardBusinessDocumentHeader/DocumentIdentification/InstanceIdentifier"), ["R-1"]);
    assert_eq!(at("orderResponse/responseStatusCode"), ["MODIFIED"]);
    assert_eq!(at("orderResponse/originalOrder/entityIdentification"), ["PO3352"]);
    assert_eq!(
        (at("orderResponse/buyer/gln"), at("orderResponse/seller/gln")),
        (vec!["5410000000019".into()], vec!["5410000000026".into()])
    );
    assert_eq!(at("orderResponse/orderResponseLineItem/originalOrderLineItemNumber"), ["1", "2"]);
    assert_eq!(at("orderResponse/orderResponseLineItem/confirmedQuantity"), ["1", "0"]);
    assert_eq!(at("orderResponse/orderResponseLineItem/confirmedQuantity/@measurementUnitCode"), ["EA", "EA"]);
    assert_eq!(at("orderResponse/orderResponseLineItem/lineItemChangeIndicator"), ["MODIFIED", "REJECTED"]);
    let status =
        |decision: &Decision| texts(&answer("gs1-orders", decision, &options()), "orderResponseMessage/orderResponse/responseStatusCode");
    assert_eq!(status(&Decision::default()), ["ACCEPTED"]);
    assert_eq!(status(&Decision { outcome: Outcome::Rejected, ..Decision::default() }), ["REJECTED"]);
}

#[test]
fn decisions_that_do_not_fit() {
    let no_line = order_response(&first(fixture("ubl-peppol")), &changed("10", "99"), &options()).unwrap_err();
    assert_eq!(no_line, "the order has no line 99; its lines are numbered 10, 20");
    assert!(order_response(&first(fixture("oagis")), &Decision::default(), &options()).unwrap_err().contains("oagis"));
    assert!(order_response(&first(fixture("ubl-invoice")), &Decision::default(), &options()).unwrap_err().contains("no order"));
    assert!(order_response(&Message::default(), &Decision::default(), &options()).is_err());
}

#[test]
fn cxml_acknowledgements() {
    let options = AckOptions { payload_id: "77@loket.example".into(), now: now() };
    let status = |bytes: &[u8]| -> Option<String> {
        let response = acknowledge(bytes, &options).unwrap()?;
        let read = first(response.clone());
        assert_eq!(
            (read.automatic, read.order.is_none(), read.identity.unwrap().value.as_str()),
            (Automatic::Reply, true, "77@loket.example")
        );
        Some(texts(std::str::from_utf8(&response).unwrap(), "cXML/Response/Status/@code").remove(0))
    };
    for name in ["cxml-new", "cxml-update", "cxml-delete", "cxml-utf-16"] {
        assert_eq!(status(&fixture(name)).as_deref(), Some("200"), "{name}");
    }
    for name in ["cxml-punchout", "cxml-response", "ubl-peppol", "opentrans-idref", "gs1-orders", "oagis"] {
        assert_eq!(status(&fixture(name)), None, "{name}");
    }
    let good = String::from_utf8(fixture("cxml-new")).unwrap();
    assert_eq!(status(good.replace("orderID=\"DO1234\"", "").as_bytes()).as_deref(), Some("400"));
    assert_eq!(status(good.replace("quantity=\"2\"", "quantity=\"two\"").as_bytes()).as_deref(), Some("400"));
    assert_eq!(status(good.get(..4_000).unwrap().as_bytes()).as_deref(), Some("406"));
    assert_eq!(status(b""), None);
    assert_eq!(status(b"cXML OrderRequest"), None);
    // The reason is in it.
    let response = acknowledge(good.replace("orderID=\"DO1234\"", "").as_bytes(), &options).unwrap().unwrap();
    assert!(texts(std::str::from_utf8(&response).unwrap(), "cXML/Response/Status")[0].contains("no orderID"));
}

#[test]
fn every_order_of_every_fixture_can_be_answered_or_says_why_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut answered = 0;
    for path in
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "xml"))
    {
        let delivery = Delivery::standalone("edi.test", "key", "application/xml", std::fs::read(&path).unwrap());
        for part in XmlOrderReader.parts(&delivery).unwrap() {
            let Part::Message(message) = part else { continue };
            for outcome in [Outcome::Accepted, Outcome::Changed, Outcome::Rejected] {
                match order_response(&message, &Decision { outcome, ..Decision::default() }, &options()) {
                    Ok(answer) => {
                        answered += 1;
                        first(answer);
                    }
                    Err(why) => assert!(
                        why.contains("no order") || why.contains("order_only") || why.contains("oagis"),
                        "{}: {why}",
                        path.display()
                    ),
                }
            }
        }
    }
    assert!(answered > 45, "{answered}");
}
