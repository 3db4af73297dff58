//! What the tests of orders share, and the tests of what is small.

mod csv;
mod identity;
mod revision;
mod text;

use jiff::civil::date;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;

/// An amount.
pub(super) fn amount(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// An order of two lines by a company that does not exist.
pub(super) fn sample() -> Order {
    Order {
        po_number: Some("PO-4711".into()),
        buyer: Some(OrderParty {
            id: Some("8712345000004".into()),
            scheme: Some("gln".into()),
            name: Some("Bouwmarkt Voorbeeld B.V.".into()),
            street: vec!["Kade 12".into()],
            postcode: Some("1011 AB".into()),
            city: Some("Amsterdam".into()),
            country: Some("NL".into()),
            email: Some("inkoop@voorbeeld.example".into()),
            ..OrderParty::default()
        }),
        ship_to: Some(OrderParty { name: Some("Magazijn 3".into()), city: Some("Utrecht".into()), ..OrderParty::default() }),
        currency: Some("EUR".into()),
        order_date: Some(date(2026, 11, 24)),
        requested_date: Some(date(2026, 12, 1)),
        lines: vec![
            OrderLine {
                number: Some("1".into()),
                buyer_item: Some("B-100".into()),
                gtin: Some("4006381333931".into()),
                description: Some("Schroef 1,5 mm".into()),
                quantity: Some(amount("12.50")),
                unit: Some("KGM".into()),
                unit_price: Some(amount("4.00")),
                total: Some(amount("50.00")),
                ..OrderLine::default()
            },
            OrderLine {
                number: Some("2".into()),
                seller_item: Some("S 200".into()),
                description: Some("Emmer".into()),
                quantity: Some(amount("10")),
                unit: Some("H87".into()),
                unit_as_written: Some("stuks".into()),
                unit_price: Some(amount("1.995")),
                total: Some(amount("19.95")),
                requested_date: Some(date(2026, 12, 3)),
                notes: vec!["zonder deksel".into()],
                ..OrderLine::default()
            },
        ],
        total: Some(amount("69.95")),
        notes: vec!["Graag bellen\nvoor levering".into()],
        ..Order::default()
    }
}

/// Orders of up to a dozen lines with items, quantities, units, prices and days that often meet.
pub(super) fn orders() -> impl Strategy<Value = Order> {
    let line =
        (0..20_u32, 1..50_i64, 0..3_u32, 0..3_usize, proptest::option::of(0..500_i64), proptest::option::of(1..28_i8), any::<bool>());
    (proptest::collection::vec(line, 0..12), proptest::option::of(1..28_i8)).prop_map(|(lines, day)| Order {
        po_number: Some("4711".into()),
        requested_date: day.map(|day| date(2026, 12, day)),
        lines: lines
            .into_iter()
            .enumerate()
            .map(|(at, (item, quantity, scale, unit, price, day, words))| OrderLine {
                number: Some((at + 1).to_string()),
                seller_item: (!words).then(|| format!("S-{item}")),
                description: Some(format!("item {item}")),
                quantity: Some(Decimal::new(quantity, scale)),
                unit: Some(["H87", "BX", "KGM"][unit].into()),
                unit_price: price.map(|price| Decimal::new(price, 2)),
                requested_date: day.map(|day| date(2026, 12, day)),
                ..OrderLine::default()
            })
            .collect(),
        ..Order::default()
    })
}

#[test]
fn json_of_an_order_reads_as_it_was_written() {
    let order = sample();
    let json = serde_json::to_string(&order).unwrap();
    assert!(json.contains("\"quantity\":\"12.50\"") && json.contains("\"requested_date\":\"2026-12-01\""), "{json}");
    assert_eq!(serde_json::from_str::<Order>(&json).unwrap(), order);
}
