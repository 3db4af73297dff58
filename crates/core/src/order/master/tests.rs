use proptest::prelude::*;
use serde_json::json;

use super::super::tests::{amount, sample};
use super::super::{Order, OrderKind, OrderLine, OrderParty, SchemedId};
use super::*;

const CUSTOMERS: &str = "\u{feff}Debiteurnr.;Naam;GLN;EDI-id;E-mail;Domein;Land\r\n\
    1001;\"Bouwmarkt \"\"Voorbeeld\"\" B.V.\";8712345000004;ACME-NL;inkoop@voorbeeld.example|info@voorbeeld.example;\
    voorbeeld.example;Nederland\r\n\
    1002;Beispiel GmbH;4012345000009;ACME-DE;einkauf@beispiel.example;beispiel.example;DE\r\n\
    1003;Groep Zuid;;GROEP;;groep.example;BE\r\n\
    1004;Groep Noord;;GROEP;;groep.example;NL\r\n\
    \r\n";

const ITEMS: &str = "item,gtin,description,unit,units,price,currency,customer,customer_item,customer_price\n\
    A-1,4006381333931,Schroef,kg,doos=2.5 BX=2.5,4.00,EUR,,,\n\
    A-1,,,,,,,1001,B-100,3.80\n\
    A-2,4012345678901 8712345678906,\"Emmer,\nrood\",stuks,CT=12|PX=480,1.995,EUR,1001,B-200,\n\
    A-3,,Plank,,,7.50,,,,\n";

fn master() -> MasterData {
    MasterData::load(Some(CUSTOMERS.as_bytes()), Some(ITEMS.as_bytes())).unwrap()
}

fn found(order: &Order) -> Vec<(&str, Option<usize>)> {
    order.exceptions.iter().map(|exception| (exception.code.as_str(), exception.line)).collect()
}

/// An order of one line, checked.
fn checked(line: OrderLine) -> Order {
    let mut order = sample();
    order.total = None;
    order.lines = vec![line];
    check(&mut order, &master());
    order
}

fn line(seller_item: &str, quantity: &str, unit: &str) -> OrderLine {
    OrderLine { seller_item: Some(seller_item.into()), quantity: Some(amount(quantity)), unit: Some(unit.into()), ..OrderLine::default() }
}

#[test]
fn the_examples_of_the_documentation_are_good() {
    let docs = include_str!("../../../../../docs/orders.md");
    let mut examples = docs.split("```csv\n").skip(1).map(|rest| rest.split("```").next().unwrap().as_bytes());
    let master = MasterData::load(examples.next(), examples.next()).unwrap();
    assert_eq!(master.counts(), (2, 2));
}

#[test]
fn the_documentation_names_every_exception() {
    let docs = include_str!("../../../../../docs/orders.md");
    let sources = [
        include_str!("check.rs"),
        include_str!("../revision.rs"),
        include_str!("../finish/codes.rs"),
        include_str!("../finish/shape.rs"),
        include_str!("../finish/numbers.rs"),
        include_str!("../finish/totals.rs"),
    ];
    let mut codes = 0;
    for raised in sources.iter().flat_map(|source| source.split("found.line(\"").skip(1).chain(source.split("found.order(\"").skip(1))) {
        let code = raised.split('"').next().unwrap();
        assert!(docs.contains(&format!("`{code}`")), "{code}");
        codes += 1;
    }
    assert!(codes > 25, "{codes}");
}

#[test]
fn files_as_spreadsheets_write_them() {
    assert_eq!(master().counts(), (4, 3));
    for text in ["Kundennummer\tName\r1\tA\r2\tB", "sep=;\nnumber;name\n1;A\n2;B\n", "client,nom,inconnu\n1,\"A\n;\",x\n2,B \"deux\" C,y"] {
        assert_eq!(MasterData::load(Some(text.as_bytes()), None).unwrap().counts(), (2, 0), "{text}");
    }
    assert_eq!(MasterData::load(None, None).unwrap().counts(), (0, 0));
}

#[test]
fn every_fault_is_told_with_its_place() {
    let customers = "number;gln;mail;country\n\
        1;871234500000;a.example;NL\n\
        ;;;\n\
        1;;;\n\
        2;;;Atlantis\n\
        3;;\n\
        4;\"x\"y;;\n\
        5;\"open;;\n";
    let items = "item;gtin;unit;units;price;currency;customer;customer_item\n\
        A;12;hap;CT;1.2.3;gulden;;\n\
        B;4006381333931;H87;;1,50;EUR;9;X\n\
        C;4006381333931;H87;;;;;X\n\
        B;;KGM;;1,60;;;\n";
    let faults = MasterData::load(Some(customers.as_bytes()), Some(items.as_bytes())).unwrap_err();
    assert_eq!(
        faults,
        [
            "customers line 2, column gln: \"871234500000\" has not the 13 digits of a GLN",
            "customers line 2, column mail: \"a.example\" is no mail address",
            "customers line 4, column number: customer 1 stands in the file already",
            "customers line 5, column country: \"Atlantis\" is no country of ISO 3166",
            "customers line 6: 3 cells where the first line has 4",
            "customers line 7: something stands behind a closing quote",
            "customers line 8: a quote that is opened here is never closed",
            "items line 2, column unit: \"hap\" is no unit that is known",
            "items line 2, column units: \"CT\" is not like CT=12: a unit that is known, and how many base units it is",
            "items line 2, column currency: \"gulden\" is no currency of ISO 4217",
            "items line 2, column price: \"1.2.3\" is no amount; write 1234.50 or 1234,50",
            "items line 2, column gtin: \"12\" has not the 8, 12, 13 or 14 digits of a GTIN",
            "items line 4, column gtin: 4006381333931 is also that of item B",
            "items line 4, column customer: a customer's own item or price without the customer",
            "items line 5, column unit: item B has another unit in a line before; customers' own go into customer_item and customer_price",
            "items line 5, column price: item B has another price in a line before; customers' own go into customer_item and customer_price",
        ]
    );
}

#[test]
fn files_in_other_character_sets_are_refused() {
    let told = |bytes: &[u8]| MasterData::load(Some(bytes), None).unwrap_err();
    assert_eq!(
        told(b"number;name\n1;Caf\xe9\n"),
        ["customers line 2: the text is not UTF-8 (byte 0xE9; Windows-1252 perhaps); save the file as \"CSV UTF-8\""]
    );
    assert_eq!(told(b"\xff\xfen\0"), ["customers line 1: the file is UTF-16; save it as \"CSV UTF-8\""]);
    assert_eq!(told(b""), ["customers line 1: the file is empty; its first line names the columns"]);
    let missing = told(b"naam;plaats\nA;B\n");
    assert!(missing[0].starts_with("customers line 1: there is no column number; it may be called number, customer,"), "{missing:?}");
    assert_eq!(told(b"number;klant\n1;2\n"), ["customers line 1, column klant: columns 1 and 2 mean the same; keep one"]);
}

#[test]
fn an_order_that_fits_is_resolved_and_left_as_it_is() {
    let mut order = sample();
    order.lines[0].unit_price = Some(amount("3.80"));
    order.lines[1].seller_item = Some("A 2".into());
    let before = order.clone();
    check(&mut order, &master());
    assert_eq!(found(&order), []);
    assert_eq!(order.extra.remove("master"), Some(json!({ "customer": "1001", "by": "gln" })));
    assert_eq!(
        order.lines[0].extra.remove("master"),
        Some(json!({ "item": "A-1", "by": "gtin", "description": "Schroef", "unit": "KGM", "quantity": "12.5", "price": "3.8" }))
    );
    assert_eq!(
        order.lines[1].extra.remove("master"),
        Some(
            json!({ "item": "A-2", "by": "seller_item", "description": "Emmer,\nrood", "unit": "H87", "quantity": "10", "price": "1.995" })
        )
    );
    assert_eq!(order, before);
}

#[test]
fn customers_by_what_they_are_known_by() {
    let by = |id: &str, scheme: &str, email: &str, name: &str, country: &str| {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let buyer = OrderParty {
            id: text(id),
            scheme: text(scheme),
            email: text(email),
            name: text(name),
            country: text(country),
            ..OrderParty::default()
        };
        let mut order = Order { buyer: Some(buyer), ..Order::default() };
        check(&mut order, &MasterData { items: None, ..master() });
        let known =
            order.extra.get("master").map(|master| format!("{} {}", master["customer"].as_str().unwrap(), master["by"].as_str().unwrap()));
        known.unwrap_or_else(|| order.exceptions[0].code.clone())
    };
    assert_eq!(by("4012345000009", "gln", "", "", ""), "1002 gln");
    assert_eq!(by("acme-nl", "ZZ", "", "", ""), "1001 edi");
    assert_eq!(by("1002", "seller", "", "", ""), "1002 number");
    assert_eq!(by("", "", "Info@Voorbeeld.example", "", ""), "1001 mail");
    assert_eq!(by("", "", "iemand@voorbeeld.example", "", ""), "1001 domain");
    assert_eq!(by("", "", "", "BEISPIEL GMBH", ""), "1002 name");
    assert_eq!(by("GROEP", "ZZ", "", "", ""), "customer-ambiguous");
    assert_eq!(by("GROEP", "ZZ", "", "", "NL"), "1004 edi");
    assert_eq!(by("GROEP", "ZZ", "", "Groep Zuid", ""), "1003 edi");
    assert_eq!(by("999", "ZZ", "x@y.example", "Niemand", ""), "unknown-customer");
    assert_eq!(by("", "", "", "", ""), "unknown-customer");
    let mut order = sample();
    order.buyer.as_mut().unwrap().other_ids.push(SchemedId { scheme: "ZZ".into(), id: "ACME-DE".into() });
    check(&mut order, &MasterData { items: None, ..master() });
    assert_eq!(found(&order), [("customer-mismatch", None)]);
    let mut order = Order::default();
    check(&mut order, &master());
    assert_eq!(found(&order), [("unknown-customer", None)]);
}

#[test]
fn units_and_prices() {
    let order = checked(OrderLine { unit_price: Some(amount("23.94")), ..line("A-2", "3", "CT") });
    assert_eq!(found(&order), []);
    assert_eq!(order.lines[0].extra["master"]["quantity"], "36");
    assert_eq!(order.lines[0].extra["master"]["price"], "23.94");
    let order = checked(OrderLine { unit_price: Some(amount("23.95")), ..line("A-2", "3", "CT") });
    assert_eq!(found(&order), [("price-differs", Some(0))]);
    assert_eq!(order.exceptions[0].text, "the price is 23.95 where 23.94 is agreed");
    assert_eq!(found(&checked(OrderLine { unit_price: Some(amount("2")), ..line("A-2", "3", "EA") })), []);
    assert_eq!(found(&checked(OrderLine { unit_price: Some(amount("1.994")), ..line("A-2", "3", "EA") })), [("price-differs", Some(0))]);
    let order = checked(line("A-2", "3", "LTR"));
    assert_eq!(found(&order), [("unit-not-sold", Some(0))]);
    assert_eq!(order.exceptions[0].text, "item A-2 is not sold in \"LTR\", but in H87, CT, PX");
    assert_eq!(found(&checked(OrderLine { unit: None, ..line("A-2", "3", "") })), [("unit-missing", Some(0))]);
    assert_eq!(found(&checked(OrderLine { unit_price: Some(amount("9")), ..line("A-3", "3", "H87") })), [("price-differs", Some(0))]);
    let mut order = sample();
    order.currency = Some("USD".into());
    order.lines[1].seller_item = Some("A-2".into());
    check(&mut order, &master());
    assert_eq!(found(&order), [("currency-differs", Some(0)), ("currency-differs", Some(1))]);
}

#[test]
fn items_that_are_unknown_or_two_at_once() {
    let order = checked(OrderLine { gtin: Some("4006381333931".into()), ..line("A-2", "1", "H87") });
    assert_eq!(found(&order), [("item-mismatch", Some(0))]);
    let order = checked(line("Z-9", "1", "H87"));
    assert_eq!(found(&order), [("unknown-item", Some(0))]);
    let order = checked(OrderLine { buyer_item: Some("B-999".into()), ..line("A-2", "1", "H87") });
    assert_eq!(found(&order), [("customer-item-unknown", Some(0))]);
    assert_eq!(order.lines[0].extra["master"]["item"], "A-2");
    let order = checked(OrderLine { seller_item: None, buyer_item: Some("b 200".into()), ..line("", "1", "H87") });
    assert_eq!((found(&order), &order.lines[0].extra["master"]["by"]), (vec![], &json!("buyer_item")));
    // What the buyer calls something is no number of ours, even if we have the same one.
    let order = checked(OrderLine { seller_item: None, buyer_item: Some("A-2".into()), ..line("", "1", "H87") });
    assert_eq!(found(&order), [("customer-item-unknown", Some(0)), ("unknown-item", Some(0))]);
}

#[test]
fn a_cancellation_is_checked_for_its_customer_only_and_the_last_check_counts() {
    let mut order = sample();
    order.lines[1].seller_item = Some("Z-9".into());
    check(&mut order, &master());
    assert_eq!(found(&order), [("price-differs", Some(0)), ("unknown-item", Some(1))]);
    let twice = {
        let mut order = order.clone();
        check(&mut order, &master());
        order
    };
    assert_eq!(order, twice);
    order.kind = OrderKind::Cancel;
    check(&mut order, &master());
    assert_eq!(found(&order), []);
    assert!(order.lines.iter().all(|line| !line.extra.contains_key("master")));
}

proptest! {
    #[test]
    fn any_bytes_are_master_data_or_faults(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = MasterData::load(Some(&bytes), Some(&bytes));
    }

    #[test]
    fn any_cells_are_master_data_or_faults(text in "[-a-z0-9;,\"\t\r\n =|.€]{0,200}") {
        for head in ["number;name;gln;mail\n", "item,gtin,unit,units,price,customer,customer_item\n", ""] {
            let file = format!("{head}{text}");
            if let Err(faults) = MasterData::load(Some(file.as_bytes()), Some(file.as_bytes())) {
                prop_assert!(!faults.is_empty() && faults.len() <= 102);
            }
        }
    }

    #[test]
    fn mutations_of_good_files_are_master_data_or_faults(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut bytes = ITEMS.as_bytes().to_vec();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        bytes.truncate(cut.index(bytes.len() + 1));
        if let Ok(master) = MasterData::load(Some(CUSTOMERS.as_bytes()), Some(&bytes)) {
            check(&mut sample(), &master);
        }
    }

    #[test]
    fn quoted_cells_come_back_as_they_were(cells in proptest::collection::vec("[a-z\"; \n]{0,8}[a-z]", 1..5)) {
        let quoted: Vec<_> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        let file = format!("item;description\nA;{}\n", quoted[0]);
        let master = MasterData::load(None, Some(file.as_bytes())).unwrap();
        let mut order = Order { lines: vec![line("A", "1", "H87")], ..Order::default() };
        check(&mut order, &master);
        prop_assert_eq!(order.lines[0].extra["master"]["description"].as_str(), Some(cells[0].trim()));
    }
}
