use super::*;

#[test]
fn an_order_as_text() {
    assert_eq!(
        text(&sample()),
        "Order: PO-4711\n\
         Order date: 2026-11-24\n\
         Requested: 2026-12-01\n\
         Currency: EUR\n\
         Buyer: Bouwmarkt Voorbeeld B.V. (gln 8712345000004), Kade 12, 1011 AB Amsterdam, NL, inkoop@voorbeeld.example\n\
         Ship to: Magazijn 3, Utrecht\n\
         \n\
         Line 1: 12.50 KGM; buyer's item B-100; GTIN 4006381333931; Schroef 1,5 mm; price 4.00; total 50.00\n\
         Line 2: 10 H87; seller's item S 200; Emmer; price 1.995; total 19.95; requested 2026-12-03\n  \
           Note: zonder deksel\n\
         \n\
         Total: 69.95 EUR\n\
         Note: Graag bellen voor levering\n"
    );
}

#[test]
fn a_cancellation_and_a_price_per_hundred() {
    let mut order = Order { kind: OrderKind::Cancel, test: true, ..Order::default() };
    order.lines.push(OrderLine {
        action: Some(LineAction::Delete),
        quantity: Some(amount("3")),
        unit_price: Some(amount("0.125")),
        price_as_written: Some(PriceAsWritten { price: amount("12.5"), per: amount("100"), unit: Some("H87".into()) }),
        ..OrderLine::default()
    });
    assert_eq!(
        text(&order),
        "Order cancellation: without a number\nTest: nothing is to be delivered\n\nLine (1): deleted; 3; price 12.5 per 100 H87\n"
    );
}

#[test]
fn a_very_large_order_is_bounded_and_still_itself() {
    let mut order = sample();
    order.lines = (0..3_000).map(|_| order.lines[0].clone()).collect();
    order.notes = vec!["x".repeat(1_000_000)];
    order.lines[0].description = Some("y".repeat(1_000_000));
    let before = text(&order);
    assert!(before.len() < 300_000, "{}", before.len());
    assert!(before.contains("… and 2000 more lines (digest "));
    let changes: [fn(&mut Order); 3] = [
        |order| order.lines[2_999].quantity = Some(amount("13")),
        |order| order.notes[0].push('z'),
        |order| order.lines[0].description.as_mut().unwrap().push('z'),
    ];
    for change in changes {
        let mut other = order.clone();
        change(&mut other);
        assert_ne!(text(&other), before);
    }
}

proptest! {
    #[test]
    fn every_order_has_a_text(order in orders(), note in "\\PC{0,200}") {
        let order = Order { notes: vec![note.clone()], revision: Some(note), ..order };
        let shown = text(&order);
        prop_assert_eq!(shown.lines().filter(|line| line.starts_with("Line ")).count(), order.lines.len());
        prop_assert_eq!(&shown, &text(&order));
    }
}
