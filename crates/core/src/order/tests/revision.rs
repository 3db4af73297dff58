use super::*;

fn shown(changes: &[Change]) -> Vec<String> {
    let value =
        |value: &Option<Value>| value.as_ref().map_or("-".into(), |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    changes
        .iter()
        .map(|change| {
            let line = change.line.as_ref().map(|line| format!("line {} ", line.number.as_deref().unwrap_or("?"))).unwrap_or_default();
            match &change.field {
                Some(field) => format!("{line}{field}: {} > {}", value(&change.before), value(&change.after)),
                None => format!("{line}{:?}", change.change),
            }
        })
        .collect()
}

#[test]
fn what_a_revision_changed() {
    let before = sample();
    let mut after = sample();
    after.kind = OrderKind::Change;
    after.requested_date = Some(date(2026, 12, 8));
    after.ship_to.as_mut().unwrap().city = Some("Zwolle".into());
    after.bill_to = Some(OrderParty { name: Some("Kantoor".into()), ..OrderParty::default() });
    after.total = Some(amount("69.950"));
    after.lines[0].quantity = Some(amount("13"));
    after.lines[0].number = Some("001".into());
    after.lines[1].unit_as_written = Some("Stck".into());
    after.lines.remove(1);
    after.lines.push(OrderLine { number: Some("3".into()), seller_item: Some("S 300".into()), ..OrderLine::default() });
    after.exceptions.push(OrderException { code: "total-differs".into(), line: None, text: String::new() });
    assert_eq!(
        shown(&difference(&before, &after)),
        [
            "requested_date: 2026-12-01 > 2026-12-08",
            "ship_to.city: Utrecht > Zwolle",
            "bill_to.name: - > Kantoor",
            "line 001 quantity: 12.50 > 13",
            "line 3 Added",
            "line 2 Removed",
        ]
    );
    let json = serde_json::to_value(&difference(&before, &after)[3]).unwrap();
    let line = serde_json::json!({ "number": "001", "before": 0, "after": 0 });
    let expected = serde_json::json!({ "change": "changed", "line": line, "field": "quantity", "before": "12.50", "after": "13" });
    assert_eq!(json, expected);
}

#[test]
fn lines_are_known_again_by_number_then_by_item() {
    let before = sample();
    let mut after = sample();
    after.lines.reverse();
    assert_eq!(difference(&before, &after), []);
    for line in &mut after.lines {
        line.number = None;
    }
    assert_eq!(shown(&difference(&before, &after)), ["line ? number: 2 > -", "line ? number: 1 > -"]);
}

#[test]
fn a_cancellation_leaves_the_lines_and_is_a_change() {
    let before = sample();
    let cancel = Order { kind: OrderKind::Cancel, po_number: Some("PO-4711".into()), notes: vec!["vervallen".into()], ..Order::default() };
    let after = apply(&before, &cancel);
    assert_eq!((after.kind, &after.lines), (OrderKind::Cancel, &before.lines));
    assert_eq!(shown(&difference(&before, &after)), ["kind: new > cancel", "notes: [\"Graag bellen\\nvoor levering\"] > [\"vervallen\"]"]);
}

#[test]
fn a_change_without_actions_replaces_the_lines_and_keeps_the_rest_of_the_head() {
    let before = sample();
    let change = Order { kind: OrderKind::Change, revision: Some("2".into()), lines: vec![before.lines[1].clone()], ..Order::default() };
    let after = apply(&before, &change);
    assert_eq!(after.lines, [before.lines[1].clone()]);
    assert_eq!((&after.buyer, &after.po_number, after.requested_date), (&before.buyer, &before.po_number, before.requested_date));
    assert_eq!((after.revision.as_deref(), after.kind), (Some("2"), OrderKind::New));
    // Nobody said what the order costs now.
    assert_eq!(after.total, None);
}

#[test]
fn a_change_without_lines_changes_the_head() {
    let before = sample();
    let change = Order { kind: OrderKind::Change, requested_date: Some(date(2026, 12, 9)), ..Order::default() };
    let after = apply(&before, &change);
    assert_eq!(shown(&difference(&before, &after)), ["requested_date: 2026-12-01 > 2026-12-09"]);
    assert_eq!(after.exceptions, []);
}

#[test]
fn actions_add_delete_and_change_lines() {
    let before = sample();
    let line = |number: &str, action| OrderLine { number: Some(number.into()), action: Some(action), ..OrderLine::default() };
    let change = Order {
        kind: OrderKind::Change,
        lines: vec![
            OrderLine { quantity: Some(amount("20")), ..line("1", LineAction::Change) },
            line("0002", LineAction::Delete),
            OrderLine { seller_item: Some("S 300".into()), quantity: Some(amount("1")), ..line("3", LineAction::Add) },
        ],
        ..Order::default()
    };
    let after = apply(&before, &change);
    assert_eq!(
        shown(&difference(&before, &after)),
        ["total: 69.95 > -", "line 1 quantity: 12.50 > 20", "line 1 total: 50.00 > -", "line 3 Added", "line 2 Removed"]
    );
    assert!(after.lines.iter().all(|line| line.action.is_none()));
    assert_eq!(after.lines[0].description.as_deref(), Some("Schroef 1,5 mm"));
    assert_eq!(after.exceptions, []);
}

#[test]
fn what_a_change_says_of_a_line_that_is_not_there_is_an_exception() {
    let before = sample();
    let line = |number: &str, action| OrderLine { number: Some(number.into()), action: Some(action), ..before.lines[1].clone() };
    let change = Order {
        kind: OrderKind::Change,
        lines: vec![
            line("2", LineAction::Change),
            OrderLine { seller_item: Some("S 9".into()), ..line("9", LineAction::Change) },
            OrderLine { seller_item: Some("S 8".into()), ..line("8", LineAction::Delete) },
            OrderLine { seller_item: Some("S 7".into()), ..line("7", LineAction::Delete) },
        ],
        ..Order::default()
    };
    let after = apply(&before, &change);
    let found: Vec<_> = after.exceptions.iter().map(|found| (found.code.as_str(), found.line, found.text.as_str())).collect();
    assert_eq!(
        found,
        [
            ("unknown-line", None, "the change names 2 lines that the order does not have: 8, 7"),
            ("unknown-line", Some(2), "the change names line 9, which the order did not have"),
        ]
    );
    assert_eq!(after.lines.len(), 3);
}

#[test]
fn a_hundred_thousand_lines_of_one_number_are_paired_in_one_go() {
    let mut order = Order { lines: vec![sample().lines[0].clone(); 100_000], ..Order::default() };
    let before = order.clone();
    for line in &mut order.lines {
        line.quantity = Some(amount("1"));
    }
    assert_eq!(difference(&before, &order).len(), 100_000);
}

/// The change message that says what makes one order of the other, line by line.
fn message(before: &Order, after: &Order) -> Order {
    let of = |order: &Order, number: &Option<String>| order.lines.iter().find(|line| line.number == *number).cloned();
    let mut lines = Vec::new();
    for line in &before.lines {
        let action = match of(after, &line.number) {
            None => LineAction::Delete,
            Some(same) if same == *line => LineAction::None,
            Some(_) => LineAction::Change,
        };
        let stated = of(after, &line.number).unwrap_or_else(|| line.clone());
        lines.push(OrderLine { action: Some(action), ..stated });
    }
    for line in after.lines.iter().filter(|line| of(before, &line.number).is_none()) {
        lines.push(OrderLine { action: Some(LineAction::Add), ..line.clone() });
    }
    Order { kind: OrderKind::Change, lines, requested_date: after.requested_date, ..Order::default() }
}

/// Two orders of which the second came about from the first: lines left out, changed and added.
fn revisions() -> impl Strategy<Value = (Order, Order)> {
    let fates = proptest::collection::vec((0..3_u8, 1..90_i64), 12);
    (orders(), orders(), fates).prop_map(|(before, more, fates)| {
        let mut after = before.clone();
        after.requested_date = more.requested_date.or(before.requested_date);
        after.lines.clear();
        for (line, (fate, quantity)) in before.lines.iter().zip(&fates) {
            match fate {
                0 => {}
                1 => after.lines.push(line.clone()),
                _ => after.lines.push(OrderLine { quantity: Some(Decimal::from(*quantity)), ..line.clone() }),
            }
        }
        for line in more.lines {
            let number = line.number.as_deref().map(|number| format!("1{number:0>3}"));
            after.lines.push(OrderLine { number, ..line });
        }
        (before, after)
    })
}

proptest! {
    #[test]
    fn an_order_differs_in_nothing_from_itself(order in orders()) {
        prop_assert_eq!(difference(&order, &order), []);
    }

    #[test]
    fn a_replacement_makes_of_any_order_the_one_that_it_says((before, after) in revisions()) {
        prop_assume!(!after.lines.is_empty());
        let change = Order { kind: OrderKind::Change, ..after.clone() };
        prop_assert_eq!(difference(&apply(&before, &change), &after), []);
    }

    #[test]
    fn actions_make_of_an_order_the_one_that_they_describe((before, after) in revisions()) {
        let change = message(&before, &after);
        let applied = apply(&before, &change);
        prop_assert_eq!(difference(&applied, &after), []);
        prop_assert!(applied.exceptions.iter().all(|found| found.code != "unknown-line"));
    }

    #[test]
    fn lines_that_are_added_and_removed_add_up((before, after) in revisions()) {
        let changes = difference(&before, &after);
        let lines = |kind| changes.iter().filter(|change| change.field.is_none() && change.change == kind).count();
        prop_assert_eq!(before.lines.len() + lines(ChangeKind::Added), after.lines.len() + lines(ChangeKind::Removed));
        let back = difference(&after, &before);
        prop_assert_eq!(back.iter().filter(|change| change.field.is_none()).count(), lines(ChangeKind::Added) + lines(ChangeKind::Removed));
    }
}
