use jiff::civil::date;
use proptest::prelude::*;
use serde_json::json;

use super::super::tests::{amount, orders, sample};
use super::super::{LineAction, OrderKind, OrderLine, OrderParty, PriceAsWritten, SchemedId};
use super::*;
use crate::message::Body;

type Edit = fn(&mut Order);
type Found<'a> = (&'a str, Option<usize>);

fn found(order: &Order) -> Vec<Found<'_>> {
    order.exceptions.iter().map(|exception| (exception.code.as_str(), exception.line)).collect()
}

/// What is found about the sample when it is changed like this.
fn after(change: impl FnOnce(&mut Order)) -> Order {
    let mut order = sample();
    change(&mut order);
    examine(&mut order);
    order
}

#[test]
fn an_order_that_adds_up_has_no_exceptions_and_stays_as_it_is() {
    assert_eq!(after(|_| {}), sample());
}

#[test]
fn currencies_are_codes_and_what_was_written_is_kept() {
    for (written, code) in [
        ("€", "EUR"),
        ("euro", "EUR"),
        ("Eur.", "EUR"),
        ("978", "EUR"),
        ("£", "GBP"),
        ("US$", "USD"),
        ("SFr.", "CHF"),
        ("zł", "PLN"),
        ("eur ", "EUR"),
    ] {
        let order = after(|order| order.currency = Some(written.into()));
        assert_eq!(order.currency.as_deref(), Some(code), "{written}");
        assert_eq!(found(&order), []);
        let kept = order.extra.get("as_written").map(|kept| kept["currency"].clone());
        assert_eq!(kept, (!written.trim().eq_ignore_ascii_case(code)).then(|| json!(written)));
    }
    for written in ["$", "kr", "¥", "gulden", "XYZ"] {
        let order = after(|order| order.currency = Some(written.into()));
        assert_eq!((order.currency.as_deref(), found(&order)), (Some(written), vec![("unknown-currency", None)]));
    }
}

#[test]
fn countries_are_codes_and_what_was_written_is_kept() {
    for (written, code) in [
        ("NLD", "NL"),
        ("528", "NL"),
        ("Nederland", "NL"),
        ("The Netherlands", "NL"),
        ("Pays-Bas", "NL"),
        ("Deutschland", "DE"),
        ("D", "DE"),
        ("Österreich", "AT"),
        ("Oesterreich", "AT"),
        ("België", "BE"),
        ("Belgique", "BE"),
        ("UK", "GB"),
        ("U.S.A.", "US"),
        ("Schweiz", "CH"),
        ("fr", "FR"),
        ("Côte d’Ivoire", "CI"),
    ] {
        let order = after(|order| order.buyer.as_mut().unwrap().country = Some(written.into()));
        assert_eq!(order.buyer.as_ref().unwrap().country.as_deref(), Some(code), "{written}");
        assert_eq!(found(&order), []);
    }
    let order = after(|order| order.ship_to.as_mut().unwrap().country = Some("Deutschland".into()));
    assert_eq!(order.extra["as_written"], json!({ "ship_to.country": "Deutschland" }));
    let order = after(|order| order.ship_to.as_mut().unwrap().country = Some("Atlantis".into()));
    assert_eq!(found(&order), [("unknown-country", None)]);
    assert_eq!(order.ship_to.unwrap().country.as_deref(), Some("Atlantis"));
}

#[test]
fn units_that_are_not_known_are_said() {
    let order = after(|order| {
        order.lines[0].unit = Some("QQ".into());
        order.lines[1].unit = None;
        order.lines[1].unit_as_written = Some("dozen".into());
    });
    assert_eq!(found(&order), [("unknown-unit", Some(0)), ("unknown-unit", Some(1))]);
}

#[test]
fn check_digits() {
    for (gtin, code) in [
        ("4006381333931", None),
        ("4006381333932", Some("gtin-check-digit")),
        ("96385074", None),
        ("036000291452", None),
        ("036000291453", Some("gtin-check-digit")),
        ("10614141000415", None),
        ("12345", Some("gtin-form")),
        ("400638133393A", Some("gtin-form")),
        ("00000000000000", Some("gtin-form")),
        ("٤٠٠٦٣٨١", Some("gtin-form")),
    ] {
        let order = after(|order| order.lines[0].gtin = Some(gtin.into()));
        assert_eq!(found(&order), code.map(|code| (code, Some(0))).into_iter().collect::<Vec<_>>(), "{gtin}");
    }
    let order = after(|order| order.buyer.as_mut().unwrap().id = Some("8712345000005".into()));
    assert_eq!(found(&order), [("gln-check-digit", None)]);
    let order = after(|order| {
        order.bill_to = Some(OrderParty { other_ids: vec![SchemedId { scheme: "gln".into(), id: "123".into() }], ..OrderParty::default() });
    });
    assert_eq!(found(&order), [("gln-form", None)]);
    let order = after(|order| order.buyer.as_mut().unwrap().scheme = Some("duns".into()));
    assert_eq!(found(&order), []);
}

#[test]
fn what_an_order_must_have() {
    let cases: [(Edit, &[Found<'_>]); 12] = [
        (|order| order.po_number = None, &[("no-po-number", None)]),
        (|order| order.po_number = Some(" ".into()), &[("no-po-number", None)]),
        (
            |order| {
                order.lines.clear();
                order.total = None;
            },
            &[("no-lines", None)],
        ),
        (|order| order.lines[1].quantity = None, &[("no-quantity", Some(1))]),
        (
            |order| {
                order.lines[1].quantity = Some(amount("0.00"));
                order.lines[1].total = None;
                order.total = None;
            },
            &[("zero-quantity", Some(1))],
        ),
        (
            |order| {
                order.lines[1].quantity = Some(amount("-1"));
                order.lines[1].total = None;
                order.total = None;
            },
            &[("negative-quantity", Some(1))],
        ),
        (
            |order| {
                order.lines[1].seller_item = None;
                order.lines[1].description = Some(" ".into());
            },
            &[("no-item", Some(1))],
        ),
        (|order| order.lines[1].number = Some("001".into()), &[("duplicate-line-number", Some(1))]),
        (|order| order.requested_date = Some(date(2026, 11, 23)), &[("requested-before-order", None)]),
        (|order| order.lines[1].requested_date = Some(date(2025, 12, 3)), &[("requested-before-order", Some(1))]),
        (
            |order| {
                order.earliest_date = Some(date(2026, 12, 3));
                order.latest_date = Some(date(2026, 12, 2));
            },
            &[("latest-before-earliest", None)],
        ),
        (|order| order.test = true, &[("test-order", None)]),
    ];
    for (change, expected) in cases {
        assert_eq!(found(&after(change)), expected);
    }
}

#[test]
fn a_cancellation_needs_no_lines_and_a_deleted_line_no_quantity() {
    let order = after(|order| {
        order.kind = OrderKind::Cancel;
        order.lines.clear();
    });
    assert_eq!(found(&order), []);
    let order = after(|order| {
        order.kind = OrderKind::Change;
        order.lines[1] = OrderLine { number: Some("2".into()), action: Some(LineAction::Delete), ..OrderLine::default() };
    });
    assert_eq!(found(&order), []);
}

#[test]
fn totals_that_differ() {
    let order = after(|order| order.lines[0].total = Some(amount("50.02")));
    assert_eq!(found(&order), [("line-total-differs", Some(0)), ("total-differs", None)]);
    assert_eq!(order.exceptions[0].text, "the line's total is 50.02; 12.5 at its price are 50.00");
    let order = after(|order| order.total = Some(amount("699.5")));
    assert_eq!(found(&order), [("total-differs", None)]);
    assert_eq!(order.exceptions[0].text, "the order's total is 699.5; its lines add up to 69.95");
}

#[test]
fn totals_within_rounding_or_of_unknown_prices_are_no_exceptions() {
    let cases: [Edit; 6] = [
        |order| order.lines[0].total = Some(amount("50.01")),
        // A price of three decimals was rounded: 10,000 at 1.995 may be 19,954.
        |order| {
            order.lines[1].quantity = Some(amount("10000"));
            order.lines[1].total = Some(amount("19954"));
            order.total = Some(amount("20004"));
        },
        // 7 at 10 for 3.
        |order| {
            order.lines[1].quantity = Some(amount("7"));
            order.lines[1].unit_price = Some(amount("3.333333"));
            order.lines[1].price_as_written = Some(PriceAsWritten { price: amount("10"), per: amount("3"), unit: None });
            order.lines[1].total = Some(amount("23.33"));
            order.total = Some(amount("73.33"));
        },
        // A price for another unit than that of the quantity.
        |order| {
            order.lines[1].price_as_written = Some(PriceAsWritten { price: amount("4"), per: amount("1"), unit: Some("BX".into()) });
        },
        |order| {
            order.lines[1].unit_price = None;
            order.lines[1].total = None;
        },
        |order| {
            order.lines[1].price_as_written = Some(PriceAsWritten { price: amount("4"), per: amount("0"), unit: None });
        },
    ];
    for (at, change) in cases.into_iter().enumerate() {
        assert_eq!(found(&after(change)), [], "case {at}");
    }
}

#[test]
fn allowances_explain_a_part_and_not_everything() {
    let order = after(|order| {
        order.extra.insert("SAC".into(), json!("A*C310***500"));
        order.total = Some(amount("64.95"));
    });
    assert_eq!(found(&order), []);
    let order = after(|order| {
        order.lines[0].extra.insert("AllowanceCharge".into(), json!({ "Amount": "5.00" }));
        order.lines[0].total = Some(amount("45.00"));
        order.total = Some(amount("64.95"));
    });
    assert_eq!(found(&order), []);
    let order = after(|order| {
        order.extra.insert("MOA+124".into(), json!("14.69"));
        order.total = Some(amount("6995"));
    });
    assert_eq!(found(&order), [("total-differs", None)]);
}

#[test]
fn a_change_of_some_lines_says_nothing_of_the_total() {
    let order = after(|order| {
        order.kind = OrderKind::Change;
        order.lines[0].action = Some(LineAction::Change);
        order.total = Some(amount("1000"));
    });
    assert_eq!(found(&order), []);
}

#[test]
fn many_lines_with_one_fault_are_counted() {
    let order = after(|order| {
        order.total = None;
        order.lines =
            (1..=2_500).map(|number| OrderLine { number: Some(number.to_string()), quantity: None, ..order.lines[0].clone() }).collect();
    });
    assert_eq!(order.exceptions.len(), 1_001);
    let last = order.exceptions.last().unwrap();
    assert_eq!((last.code.as_str(), last.line, last.text.as_str()), ("no-quantity", None, "the same on 1500 more lines"));
}

#[test]
fn a_message_without_a_text_gets_the_order_as_its_text() {
    let mut message = Message { order: Some(Box::new(sample())), ..Message::default() };
    finish(&mut message);
    assert_eq!(message.body.full_text, text(&sample()));
    assert_eq!(message.body.new_text, message.body.full_text);

    let body = Body { full_text: "Zie bijlage".into(), new_text: "Zie bijlage".into(), ..Body::default() };
    let mut message = Message { order: Some(Box::new(sample())), body: body.clone(), ..Message::default() };
    finish(&mut message);
    assert_eq!(message.body, body);

    let mut message = Message::default();
    finish(&mut message);
    assert_eq!(message, Message::default());
}

proptest! {
    #[test]
    fn looking_again_changes_nothing(mut order in orders(), words in ("\\PC{0,8}", "\\PC{0,20}"), total: i64, scale in 0..28_u32) {
        let (currency, country) = words;
        order.currency = Some(currency);
        order.buyer = Some(OrderParty { country: Some(country), ..OrderParty::default() });
        order.total = rust_decimal::Decimal::try_new(total, scale).ok();
        examine(&mut order);
        let once = order.clone();
        examine(&mut order);
        prop_assert_eq!(order, once);
    }

    #[test]
    fn no_amounts_overflow(quantity in any::<(i64, i64)>(), scales in (0..28_u32, 0..28_u32, 0..28_u32), per in any::<i64>()) {
        let mut order = sample();
        let big = |value: i64, scale| rust_decimal::Decimal::try_new(value, scale).ok();
        order.lines[0].quantity = Some(rust_decimal::Decimal::MAX);
        order.lines[0].unit_price = big(quantity.1, scales.1);
        order.lines[1].quantity = big(quantity.0, scales.0);
        let (price, per) = (big(quantity.1, scales.1).unwrap(), big(per, scales.2).unwrap());
        order.lines[1].price_as_written = Some(PriceAsWritten { price, per, unit: None });
        order.lines[1].total = Some(rust_decimal::Decimal::MIN);
        order.total = Some(rust_decimal::Decimal::MIN);
        examine(&mut order);
    }
}
