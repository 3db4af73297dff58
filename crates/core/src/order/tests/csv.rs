use super::*;

fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = row.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cells.last_mut().unwrap().push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

fn cell(csv: &str, row: usize, column: &str) -> String {
    let rows: Vec<_> = csv.split("\r\n").collect();
    let at = cells(rows[0]).iter().position(|name| name == column).unwrap();
    cells(rows[row])[at].clone()
}

#[test]
fn one_row_a_line_with_the_head_repeated() {
    let mut order = sample();
    order.exceptions.push(OrderException { code: "line-total-differs".into(), line: Some(1), text: String::new() });
    order.exceptions.push(OrderException { code: "total-differs".into(), line: None, text: String::new() });
    let csv = csv([&order, &Order::default()]);
    assert_eq!(csv.matches("\r\n").count(), 4);
    for row in [1, 2] {
        assert_eq!(cell(&csv, row, "po_number"), "PO-4711");
        assert_eq!(cell(&csv, row, "order_notes"), "Graag bellen\nvoor levering");
        assert_eq!(cell(&csv, row, "order_exceptions"), "total-differs");
    }
    assert_eq!(cell(&csv, 1, "quantity"), "12.50");
    assert_eq!(cell(&csv, 1, "description"), "Schroef 1,5 mm");
    assert_eq!(cell(&csv, 1, "line_exceptions"), "");
    assert_eq!(cell(&csv, 2, "line_exceptions"), "line-total-differs");
    assert_eq!(cell(&csv, 2, "line_requested_date"), "2026-12-03");
    assert_eq!(cell(&csv, 3, "kind"), "new");
    assert_eq!(cell(&csv, 3, "line"), "");
    let width = cells(csv.split("\r\n").next().unwrap()).len();
    assert!(csv.split("\r\n").filter(|row| !row.is_empty()).all(|row| cells(row).len() == width));
}

#[test]
fn what_looks_like_a_formula_is_a_text_and_numbers_stay_numbers() {
    let mut order = sample();
    order.po_number = Some("=HYPERLINK(\"http://a.example\",\"x\")".into());
    order.lines[0].description = Some("-2+3".into());
    order.lines[0].buyer_item = Some("@SUM(A1)".into());
    order.lines[0].seller_item = Some("+31".into());
    order.lines[0].gtin = Some("\t=1".into());
    order.lines[0].quantity = Some(amount("-5"));
    let csv = csv([&order]);
    assert_eq!(cell(&csv, 1, "po_number"), "'=HYPERLINK(\"http://a.example\",\"x\")");
    assert_eq!(cell(&csv, 1, "description"), "'-2+3");
    assert_eq!(cell(&csv, 1, "buyer_item"), "'@SUM(A1)");
    assert_eq!(cell(&csv, 1, "seller_item"), "'+31");
    assert_eq!(cell(&csv, 1, "gtin"), "'\t=1");
    assert_eq!(cell(&csv, 1, "quantity"), "-5");
}

#[test]
fn piece_by_piece_with_the_callers_own_columns() {
    let mut csv = Csv::new(&["case", "received"]);
    let mut all = csv.take();
    for number in ["L-1", "L-2"] {
        csv.push(&[number], &sample());
        all.push_str(&csv.take());
    }
    assert_eq!(csv.take(), "");
    assert_eq!(cell(&all, 1, "case"), "L-1");
    assert_eq!(cell(&all, 4, "case"), "L-2");
    assert_eq!(cell(&all, 4, "received"), "");
    assert_eq!(cell(&all, 4, "line"), "2");
}

proptest! {
    #[test]
    fn no_text_is_a_formula_or_breaks_out_of_its_cell(text in "[-=+@,;\"'a \t]{0,12}") {
        let order = Order { po_number: Some(text.clone()), ..Order::default() };
        let csv = csv([&order]);
        let read = cell(&csv, 1, "po_number");
        prop_assert!(!read.starts_with(['=', '+', '-', '@', '\t']));
        prop_assert_eq!(read.strip_prefix('\'').filter(|rest| *rest == text).unwrap_or(&read), &text);
    }
}
