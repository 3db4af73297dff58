//! Documents that nobody sends by accident. There are no timed assertions: a reader that is not linear does not finish.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fmt::Write;

use loket_core::delivery::Delivery;
use loket_core::message::Message;
use loket_core::order::{Decision, LineDecision, Outcome};
use loket_core::reader::{Part, Reader, Unreadable};
use loket_edi_xml::{AckOptions, ResponseOptions, XmlOrderReader, acknowledge, order_response};
use proptest::prelude::*;

fn delivery(bytes: impl Into<Vec<u8>>) -> Delivery {
    Delivery::standalone("edi.test", "key", "application/xml", bytes.into())
}

fn reason(bytes: impl Into<Vec<u8>>) -> String {
    XmlOrderReader.read(&delivery(bytes)).unwrap_err().0
}

fn read(bytes: impl Into<Vec<u8>>) -> Message {
    XmlOrderReader.read(&delivery(bytes)).unwrap().remove(0)
}

/// A UBL order around something.
fn ubl(before: &str, note: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>{before}<Order><ID>1</ID><IssueDate>2026-11-24</IssueDate><Note>{note}</Note><BuyerCustomerParty/></Order>"
    )
}

#[test]
fn billion_laughs() {
    let mut dtd = String::from("<!DOCTYPE Order [<!ENTITY lol0 \"lol\">");
    for level in 1..=9 {
        write!(dtd, "<!ENTITY lol{level} \"{}\">", format!("&lol{};", level - 1).repeat(10)).unwrap();
    }
    dtd.push_str("]>");
    let reason = reason(ubl(&dtd, "&lol9;"));
    assert!(reason.contains("entity bombs") && reason.contains("line 1"), "{reason}");
    // Declared and never used it harms nobody.
    assert_eq!(read(ubl(&dtd, "rustig")).order.unwrap().notes, ["rustig"]);
    // With nothing in it, it costs time instead of memory.
    assert!(self::reason(ubl(&dtd.replace("\"lol\"", "\"\""), "&lol9;")).contains("entity bombs"));
}

#[test]
fn quadratic_blow_up() {
    let dtd = format!("<!DOCTYPE Order [<!ENTITY a \"{}\">]>", "a".repeat(1_000_000));
    assert!(reason(ubl(&dtd, &"&a;".repeat(1_000_000))).contains("entity bombs"));
    assert!(reason(format!("{}<Order x=\"{}\"/>", dtd, "&a;".repeat(1_000))).contains("entity bombs"));
}

#[test]
fn entities_that_name_each_other() {
    assert!(reason(ubl("<!DOCTYPE Order [<!ENTITY a \"&b;\"><!ENTITY b \"&a;\">]>", "&a;")).contains("name each other"));
    assert!(reason(ubl("<!DOCTYPE Order [<!ENTITY a \"x&a;y\">]>", "&a;")).contains("name each other"));
}

#[test]
fn nothing_is_fetched() {
    let file = "<!DOCTYPE Order [<!ENTITY secret SYSTEM \"file:///etc/passwd\">]>";
    let said = reason(ubl(file, "&secret;"));
    assert!(said.contains("&secret;") && said.contains("nothing is fetched"), "{said}");
    assert!(reason(format!("{file}<Order x='&secret;'/>")).contains("nothing is fetched"));
    assert_eq!(read(ubl(file, "rustig")).order.unwrap().notes, ["rustig"]);
    let public =
        "<!DOCTYPE Order PUBLIC \"-//x\" \"http://127.0.0.1:9/x.dtd\" [<!ENTITY y PUBLIC \"-//y\" \"http://127.0.0.1:9/y\" NDATA z>]>";
    assert!(reason(ubl(public, "&y;")).contains("nothing is fetched"));
    assert_eq!(read(ubl(public, "rustig")).order.unwrap().notes, ["rustig"]);
}

#[test]
fn parameter_entities() {
    for dtd in [
        "<!DOCTYPE Order [<!ENTITY % p SYSTEM \"http://127.0.0.1:9/p.dtd\"> %p;]>",
        "<!DOCTYPE Order [<!ENTITY % p \"<!ENTITY a 'x'>\"> %p;]>",
    ] {
        assert!(reason(ubl(dtd, "&a;")).contains("parameter entity"), "{dtd}");
    }
    // What a parameter entity would stand for inside of another entity stays as it is.
    assert_eq!(read(ubl("<!DOCTYPE Order [<!ENTITY % p 'x'><!ENTITY a '%p;'>]>", "&a;")).order.unwrap().notes, ["%p;"]);
}

#[test]
fn elements_in_entities_and_too_many_of_them() {
    assert!(reason(ubl("<!DOCTYPE Order [<!ENTITY a \"<ID>2</ID>\">]>", "&a;")).contains("holds elements"));
    let many: String = (0..1_001).fold(String::from("<!DOCTYPE Order ["), |dtd, number| dtd + &format!("<!ENTITY e{number} 'x'>")) + "]>";
    assert!(reason(ubl(&many, "")).contains("more than 1000 entities"));
}

#[test]
fn a_million_attributes() {
    let attributes: String = (0..1_000_000).fold(String::new(), |mut all, number| {
        write!(all, " a{number}=\"1\"").unwrap();
        all
    });
    assert!(reason(format!("<Order{attributes}><ID>1</ID></Order>")).contains("more than 500 attributes"));
    let namespaces = attributes.replace(" a", " xmlns:a");
    assert!(reason(format!("<Order{namespaces}><ID>1</ID></Order>")).contains("more than 500 attributes"));
}

#[test]
fn a_hundred_thousand_deep() {
    assert!(reason("<Order>".repeat(100_000)).contains("nested more than 200 deep"));
    let deep = format!("<Order>{}{}</Order>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert!(reason(deep).contains("nested more than 200 deep"));
    // As deep as it may be, it is walked without trouble.
    let (open, close) = ("<a>".repeat(150), "</a>".repeat(150));
    let order = read(ubl("", "x").replace("<BuyerCustomerParty/>", &format!("<BuyerCustomerParty>{open}x{close}</BuyerCustomerParty>")));
    assert_eq!(order.order.unwrap().extra.len(), 1);
}

#[test]
fn too_many_elements() {
    assert!(reason(format!("<Order>{}</Order>", "<a/>".repeat(6_000_001))).contains("more than 6000000 elements"));
}

#[test]
fn a_hundred_thousand_lines() {
    let lines: String = (1..=100_000).fold(String::new(), |mut all, number| {
        write!(all, "<cac:OrderLine><cac:LineItem><cbc:ID>{number}</cbc:ID><cbc:Quantity unitCode=\"EA\">{number}</cbc:Quantity><cac:Price><cbc:PriceAmount currencyID=\"EUR\">1.00</cbc:PriceAmount></cac:Price><cac:Item><cbc:Name>Artikel {number}</cbc:Name></cac:Item></cac:LineItem></cac:OrderLine>").unwrap();
        all
    });
    let order = read(ubl("", "").replace("</Order>", &format!("{lines}</Order>"))).order.unwrap();
    assert_eq!(order.lines.len(), 100_000);
    let last = order.lines.last().unwrap();
    assert_eq!(last.quantity.unwrap().to_string(), "100000");
    let source = serde_json::to_value(last.sources.get("quantity").unwrap()).unwrap();
    assert_eq!(source["path"], "/Order/OrderLine[100000]/LineItem/Quantity");

    for (start, line, end) in [
        (
            "<cXML payloadID='1'><Request><OrderRequest><OrderRequestHeader orderID='1'/>",
            "<ItemOut quantity='1'><ItemID><SupplierPartID>X</SupplierPartID></ItemID><ItemDetail><UnitOfMeasure>EA</UnitOfMeasure></ItemDetail></ItemOut>",
            "</OrderRequest></Request></cXML>",
        ),
        (
            "<ORDER><ORDER_HEADER><ORDER_INFO><ORDER_ID>1</ORDER_ID></ORDER_INFO></ORDER_HEADER><ORDER_ITEM_LIST>",
            "<ORDER_ITEM><QUANTITY>1</QUANTITY></ORDER_ITEM>",
            "</ORDER_ITEM_LIST></ORDER>",
        ),
        (
            "<orderMessage><order><orderIdentification><entityIdentification>1</entityIdentification></orderIdentification>",
            "<orderLineItem><requestedQuantity>1</requestedQuantity></orderLineItem>",
            "</order></orderMessage>",
        ),
        (
            "<ProcessPurchaseOrder><DataArea><PurchaseOrder><PurchaseOrderHeader><DocumentID>1</DocumentID></PurchaseOrderHeader>",
            "<PurchaseOrderLine><Quantity>1</Quantity></PurchaseOrderLine>",
            "</PurchaseOrder></DataArea></ProcessPurchaseOrder>",
        ),
    ] {
        assert_eq!(read(format!("{start}{}{end}", line.repeat(100_000))).order.unwrap().lines.len(), 100_000, "{start}");
    }
}

#[test]
fn many_orders_many_parties_many_notes() {
    let order = "<order><orderIdentification><entityIdentification>1</entityIdentification></orderIdentification></order>";
    let message = format!("<orderMessage>{}</orderMessage>", order.repeat(50_000));
    assert_eq!(XmlOrderReader.parts(&delivery(message)).unwrap().count(), 50_000);
    let documents = "<?xml version=\"1.0\"?><ORDER><ORDER_HEADER><ORDER_INFO><ORDER_ID>1</ORDER_ID></ORDER_INFO></ORDER_HEADER></ORDER>\n"
        .repeat(50_000);
    assert_eq!(XmlOrderReader.parts(&delivery(documents)).unwrap().count(), 50_000);
    let broken = "<?xml version=\"1.0\"?><ORDER><ORDER_HEADER></ORDER>\n".repeat(20_000);
    assert_eq!(XmlOrderReader.parts(&delivery(broken)).unwrap().count(), 20_000);
    let bad = "<order><orderIdentification/></order>".repeat(50_000);
    let message = format!("<orderMessage><head>{}</head>{bad}</orderMessage>", "x".repeat(1_000_000));
    assert_eq!(XmlOrderReader.parts(&delivery(message)).unwrap().count(), 50_000);
    let parties = "<PARTY><PARTY_ID>1</PARTY_ID><PARTY_ROLE>other</PARTY_ROLE></PARTY>".repeat(50_000);
    let message = read(format!(
        "<ORDER><ORDER_HEADER><ORDER_INFO><ORDER_ID>1</ORDER_ID><PARTIES>{parties}</PARTIES><ORDER_PARTIES_REFERENCE><BUYER_IDREF>1</BUYER_IDREF></ORDER_PARTIES_REFERENCE></ORDER_INFO></ORDER_HEADER></ORDER>"
    ));
    assert!(message.warnings.iter().any(|warning| warning.contains("were not kept")));
    let notes: String = (0..50_000).map(|number| format!("<Note>{number}</Note>")).collect();
    assert_eq!(read(ubl("", "").replace("<Note></Note>", &notes)).order.unwrap().notes.len(), 50_000);
}

#[test]
fn hostile_texts_end() {
    for piece in [
        "<",
        "&",
        "&#",
        "&a",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?",
        "<?xml ",
        "<?xml ?>",
        "<?xml ?><a>",
        "<?xml ?><!--",
        "<?xml ?><!DOCTYPE a [<!ENTITY ",
        "</a>",
        "<a ",
        "<a b=\"",
        "<a/>",
        "<!DOCTYPE ",
        "<!DOCTYPE a [",
        "<!ENTITY a 'b'>",
        "\"",
        "'",
        ">",
        "%a;",
        "<a:b xmlns:a='b'>",
        "é",
        "\0",
        "<Order>",
        "<OrderLine><LineItem>",
    ] {
        let text = piece.repeat(600_000 / piece.len());
        check(text.as_bytes());
        check(ubl("", &text).as_bytes());
        check(ubl(&text, "").as_bytes());
        check(format!("<!DOCTYPE Order [{text}").as_bytes());
        check(format!("<Order a=\"{text}").as_bytes());
    }
}

#[test]
fn nothing_to_read() {
    for bytes in [&b""[..], b" \r\n\t\n", b"\0\0\0"] {
        assert_eq!(XmlOrderReader.read(&delivery(bytes)), Err(Unreadable("empty".into())));
    }
    for (text, words) in [
        ("<!-- niets -->", "no document"),
        ("zomaar tekst", "no document"),
        ("<html><body>Order</body></html>", "<html> is no order that is known here"),
        ("<Order xmlns='urn:other'><OrderNumber>1</OrderNumber></Order>", "<Order> is no order"),
        (
            "<Order><ID>1</ID><IssueDate>2026-11-24</IssueDate><OrderLine><LineItem><Quantity>twee</Quantity></LineItem></OrderLine></Order>",
            "`twee` is not a number (/Order/OrderLine/LineItem/Quantity) (line 1, byte 71)",
        ),
        ("<Order><IssueDate>2026-11-24</IssueDate><BuyerCustomerParty/></Order>", "no order number (ID)"),
        ("<cXML><Request><OrderRequest><OrderRequestHeader/></OrderRequest></Request></cXML>", "no orderID"),
        ("<cXML><Request><OrderRequest/></Request></cXML>", "no OrderRequestHeader"),
        ("<Order><ID>1</ID>\n<IssueDate>", "cut off (line 2, byte 29)"),
        ("<Order><ID>1</id></Order>", "</id> stands where </ID> must (it began on line 1)"),
        ("<Order a=1/>", "not quoted"),
        ("<Order a/>", "no value"),
        ("<Order a='1", "does not end"),
        ("Lo\u{a7}\u{94}", "no document"),
    ] {
        assert!(reason(text).contains(words), "{text}: {}", reason(text));
    }
    assert!(reason([0x4c, 0x6f, 0xa7, 0x94, 0x93].to_vec()).contains("EBCDIC"));
}

/// The fixtures, and what they are.
fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .collect();
    paths.sort();
    paths.into_iter().map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn cut_off_at_every_byte_it_is_no_order() {
    for (name, bytes) in
        fixtures().into_iter().filter(|(name, _)| ["ubl-sbdh", "cxml-update", "opentrans-role", "oagis"].contains(&name.as_str()))
    {
        let end = bytes.iter().rposition(|&byte| byte == b'>').unwrap();
        for length in 0..end {
            let cut = XmlOrderReader.read(&delivery(&bytes[..length]));
            assert!(cut.is_err(), "{name} cut after {length} bytes is a message");
        }
        assert!(XmlOrderReader.read(&delivery(&bytes[..=end])).is_ok(), "{name}");
    }
}

#[test]
fn every_fixture_survives_mutation() {
    // A small generator of our own: the same mutations in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap()
    };
    let documents = fixtures();
    for round in 0..60 {
        for (_, document) in &documents {
            let mut bytes = document.clone();
            for _ in 0..=random(8) {
                let at = random(bytes.len());
                match (round + random(6)) % 6 {
                    0 => bytes[at] = u8::try_from(random(256)).unwrap(),
                    1 => bytes.truncate(at.max(1)),
                    2 => bytes.insert(at, b"<>&\"'/=;![]"[random(11)]),
                    3 => {
                        let end = (at + random(40)).min(bytes.len());
                        bytes.drain(at..end);
                    }
                    4 => {
                        let other = &documents[random(documents.len())].1;
                        let from = random(other.len());
                        bytes.splice(at..at, other[from..(from + random(200)).min(other.len())].iter().copied());
                    }
                    _ => {
                        let end = (at + random(100)).min(bytes.len());
                        let piece = bytes[at..end].to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
                if bytes.is_empty() {
                    break;
                }
            }
            check(&bytes);
        }
    }
}

/// What holds for every sequence of bytes.
fn check(bytes: &[u8]) {
    let delivery = delivery(bytes);
    let _ = XmlOrderReader.recognizes(bytes);
    let options = AckOptions { payload_id: "1@loket.example".into(), now: jiff::civil::datetime(2026, 11, 24, 9, 30, 0, 0) };
    let _ = acknowledge(bytes, &options).unwrap();
    let Ok(parts) = XmlOrderReader.parts(&delivery) else {
        assert!(XmlOrderReader.read(&delivery).is_err());
        return;
    };
    let (mut messages, mut names) = (Vec::new(), std::collections::HashSet::new());
    for part in parts {
        match part {
            Part::Message(message) => messages.push(*message),
            Part::Aside(aside) => {
                assert!(names.insert(aside.name), "two parts have one name");
                assert!(!aside.reason.is_empty());
            }
        }
    }
    match XmlOrderReader.read(&delivery) {
        Ok(again) => assert_eq!(again, messages),
        Err(_) => assert!(messages.is_empty()),
    }
    for message in messages.iter().take(100) {
        assert!(message.subject.as_ref().is_some_and(|subject| !subject.contains(|c: char| c.is_control())));
        if let Some(order) = &message.order {
            let number = order.po_number.as_ref().unwrap();
            assert!(!number.is_empty() && !number.contains(|c: char| c.is_control()));
            assert!(order.exceptions.is_empty() && message.body.full_text.is_empty());
        }
        let json = serde_json::to_string(message).unwrap();
        assert_eq!(&serde_json::from_str::<Message>(&json).unwrap(), message);
        answered(message);
    }
}

/// Whatever was ordered can be answered, and the answer can be read.
fn answered(message: &Message) {
    let first = message.order.as_ref().and_then(|order| order.lines.first()).and_then(|line| line.number.clone());
    let fewer =
        first.map(|number| LineDecision { number, outcome: Outcome::Changed, quantity: Some((-1).into()), ..LineDecision::default() });
    let options = ResponseOptions { id: "R-1".into(), now: jiff::civil::DateTime::default(), credential: None, only_received: false };
    for outcome in [Outcome::Accepted, Outcome::Changed, Outcome::Rejected] {
        let decision = Decision { outcome, lines: fewer.clone().into_iter().collect(), ..Decision::default() };
        if let Ok(answer) = order_response(message, &decision, &options) {
            XmlOrderReader.read(&delivery(answer)).unwrap();
        }
    }
}

/// Pieces that orders are made of, so that random ones come near to being one.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => proptest::collection::vec(any::<u8>(), 0..20),
        2 => "[ -~\\n]{0,30}".prop_map(String::into_bytes),
        8 => proptest::sample::select(vec![
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>", "<!DOCTYPE cXML SYSTEM \"x\">", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "<Order>", "</Order>", "<ID>1</ID>", "<IssueDate>2026-11-24</IssueDate>",
            "<BuyerCustomerParty><Party><EndpointID schemeID='0088'>1</EndpointID></Party></BuyerCustomerParty>", "<OrderLine><LineItem>", "</LineItem></OrderLine>", "<Quantity unitCode='EA'>1,5</Quantity>", "<Price><PriceAmount>", "</PriceAmount><BaseQuantity>0</BaseQuantity></Price>",
            "<cXML payloadID='1'>", "</cXML>", "<Request>", "</Request>", "<OrderRequest><OrderRequestHeader orderID='1'>", "</OrderRequestHeader>", "</OrderRequest>", "<ItemOut quantity='1'>", "</ItemOut>", "<Extrinsic name='a'>b</Extrinsic>",
            "<ORDER><ORDER_HEADER><ORDER_INFO><ORDER_ID>1</ORDER_ID>", "</ORDER_INFO></ORDER_HEADER></ORDER>", "<PARTY><PARTY_ID>1</PARTY_ID></PARTY>", "<BUYER_IDREF>1</BUYER_IDREF>",
            "<orderMessage>", "</orderMessage>", "<order><orderIdentification><entityIdentification>1</entityIdentification></orderIdentification>", "</order>", "&b;", "&amp;", "<![CDATA[", "]]>", "<!-- ", " -->",
        ]).prop_map(|text| text.as_bytes().to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_messages_or_an_error(pieces in proptest::collection::vec(piece(), 0..30)) {
        check(&pieces.concat());
    }

    #[test]
    fn any_value_in_any_place(value in "\\PC{0,60}", number in "[-+ 0-9.,eE']{0,20}") {
        let escaped = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        check(ubl("", &escaped).replace("<ID>1", &format!("<ID>{escaped}")).replace("2026-11-24", &escaped).as_bytes());
        check(ubl("", "").replace("</Order>", &format!("<OrderLine><LineItem><ID>{escaped}</ID><Quantity unitCode=\"{escaped}\">{number}</Quantity><LineExtensionAmount>{number}</LineExtensionAmount><Price><PriceAmount>{number}</PriceAmount><BaseQuantity>{number}</BaseQuantity></Price></LineItem></OrderLine></Order>")).as_bytes());
    }
}
