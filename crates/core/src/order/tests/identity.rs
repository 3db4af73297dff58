use super::*;

type Edit = fn(&mut Order);

#[test]
fn a_number_is_the_same_however_it_is_spelled() {
    for (written, key) in [
        ("PO-4711", "PO4711"),
        ("po 4711", "PO4711"),
        (" 000123/4 ", "1234"),
        ("4500.001.234", "4500001234"),
        ("Ｐ０１", "P01"),
        ("000", "0"),
        ("", ""),
        ("-", ""),
    ] {
        assert_eq!(po_key(written), key, "{written}");
    }
    assert_ne!(po_key("P0-1"), po_key("PO-1"));
    assert_ne!(po_key("10"), po_key("1"));
}

#[test]
fn spelling_decimals_prices_and_words_do_not_count() {
    let order = sample();
    let mut other = sample();
    other.po_number = None;
    other.total = None;
    other.notes.clear();
    other.buyer = None;
    other.lines[0].quantity = Some(amount("12.5"));
    other.lines[0].gtin = Some("04006381333931".into());
    other.lines[0].buyer_item = None;
    other.lines[0].description = Some("Schroef".into());
    other.lines[0].unit_price = Some(amount("3"));
    other.lines[0].number = Some("0010".into());
    other.lines[1].seller_item = Some("s-200".into());
    other.lines[1].unit = Some("EA".into());
    other.lines.reverse();
    other.ship_to.as_mut().unwrap().name = Some("MAGAZIJN  3".into());
    assert_eq!(lines_hash(&order), lines_hash(&other));
}

#[test]
fn a_day_on_the_order_is_that_day_on_every_line_without_one() {
    let mut head = sample();
    head.lines.iter_mut().for_each(|line| line.requested_date = None);
    let mut lines = head.clone();
    lines.requested_date = None;
    lines.lines.iter_mut().for_each(|line| line.requested_date = head.requested_date);
    assert_eq!(lines_hash(&head), lines_hash(&lines));
}

#[test]
fn what_is_delivered_counts() {
    let order = sample();
    let changes: [(&str, Edit); 14] = [
        ("quantity", |order| order.lines[0].quantity = Some(amount("12.51"))),
        ("unit", |order| order.lines[0].unit = Some("GRM".into())),
        ("item", |order| order.lines[0].gtin = Some("8712345678906".into())),
        ("words, where there is nothing else", |order| {
            order.lines[1].seller_item = None;
            order.lines[1].description = Some("Schroef 1,5 mm".into());
        }),
        ("what stands between digits", |order| {
            order.lines[1].seller_item = None;
            order.lines[1].description = Some("Schroef 15 mm".into());
        }),
        ("line's day", |order| order.lines[1].requested_date = Some(date(2026, 12, 4))),
        ("order's day", |order| order.requested_date = Some(date(2026, 12, 2))),
        ("latest day", |order| order.latest_date = Some(date(2026, 12, 24))),
        ("one line less", |order| order.lines.truncate(1)),
        ("one line twice", |order| order.lines.push(order.lines[0].clone())),
        ("place", |order| order.ship_to.as_mut().unwrap().city = Some("Zwolle".into())),
        ("kind", |order| order.kind = OrderKind::Cancel),
        ("test", |order| order.test = true),
        ("no line", |order| order.lines.clear()),
    ];
    let mut seen = vec![lines_hash(&order)];
    for (what, change) in changes {
        let mut other = order.clone();
        change(&mut other);
        let hash = lines_hash(&other);
        assert!(!seen.contains(&hash), "{what}");
        seen.push(hash);
    }
}

#[test]
fn what_a_change_does_to_a_line_counts() {
    let mut delete = sample();
    delete.kind = OrderKind::Change;
    delete.lines[0].action = Some(LineAction::Delete);
    let mut change = delete.clone();
    change.lines[0].action = Some(LineAction::Change);
    assert_ne!(lines_hash(&delete), lines_hash(&change));
}

#[test]
fn the_key_of_a_key_is_that_key() {
    for c in '\0'..=char::MAX {
        let key = po_key(&format!("1{c}"));
        assert_eq!(po_key(&key), key, "{c:?}");
    }
}

proptest! {
    #[test]
    fn the_order_of_lines_does_not_count(order in orders(), seed in any::<u64>()) {
        let mut other = order.clone();
        let mut at = seed;
        for last in (1..other.lines.len()).rev() {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            other.lines.swap(last, usize::try_from(at >> 33).unwrap() % (last + 1));
        }
        for line in &mut other.lines {
            line.quantity = line.quantity.map(|quantity| quantity.normalize());
            line.unit_price = None;
            line.number = None;
        }
        prop_assert_eq!(lines_hash(&order), lines_hash(&other));
    }

    #[test]
    fn another_quantity_is_another_order(order in orders(), which in any::<prop::sample::Index>()) {
        prop_assume!(!order.lines.is_empty());
        let mut other = order.clone();
        let at = which.index(other.lines.len());
        other.lines[at].quantity = other.lines[at].quantity.map(|quantity| quantity + Decimal::ONE);
        prop_assert_ne!(lines_hash(&order), lines_hash(&other));
    }

    #[test]
    fn a_key_is_its_own_key(text in "\\PC{0,40}") {
        let key = po_key(&text);
        prop_assert_eq!(po_key(&key), key.clone());
    }
}
