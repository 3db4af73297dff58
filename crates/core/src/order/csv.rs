//! Orders as CSV (RFC 4180) for spreadsheets: one row a line, the order's head repeated on each.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::{LineAction, Order, OrderKind, OrderLine, OrderParty};

/// The orders' lines as CSV, with a header.
pub fn csv<'a>(orders: impl IntoIterator<Item = &'a Order>) -> String {
    let mut csv = Csv::new(&[]);
    for order in orders {
        csv.push(&[], order);
    }
    csv.take()
}

/// CSV that is made order by order, so that a large export need not be in memory whole: push some, take, send, push on.
#[derive(Debug)]
pub struct Csv {
    text: String,
    own: usize,
}

const COLUMNS: [&str; 37] = [
    "po_number",
    "kind",
    "revision",
    "test",
    "order_date",
    "requested_date",
    "earliest_date",
    "latest_date",
    "currency",
    "buyer_id",
    "buyer_name",
    "seller_id",
    "seller_name",
    "ship_to_id",
    "ship_to_name",
    "ship_to_street",
    "ship_to_postcode",
    "ship_to_city",
    "ship_to_country",
    "order_total",
    "order_notes",
    "order_exceptions",
    "line",
    "action",
    "buyer_item",
    "seller_item",
    "gtin",
    "description",
    "quantity",
    "unit",
    "unit_as_written",
    "unit_price",
    "line_total",
    "line_requested_date",
    "our_item",
    "line_notes",
    "line_exceptions",
];

impl Csv {
    /// With a header: the caller's own columns (a case's number, …), then the order's and the line's.
    pub fn new(own: &[&str]) -> Self {
        let mut csv = Self { text: String::new(), own: own.len() };
        let mut row = Row::on(&mut csv.text);
        own.iter().chain(&COLUMNS).for_each(|name| row.text(Some(name)));
        row.end();
        csv
    }

    /// One row for each line of the order; one with empty cells for an order without lines. `own` are the caller's own cells.
    pub fn push(&mut self, own: &[&str], order: &Order) {
        let own: Vec<Option<&str>> = (0..self.own).map(|at| own.get(at).copied()).collect();
        let mut whole: Vec<&str> = Vec::new();
        let mut lines: HashMap<usize, Vec<&str>> = HashMap::new();
        for exception in &order.exceptions {
            match exception.line {
                Some(line) => lines.entry(line).or_default().push(&exception.code),
                None => whole.push(&exception.code),
            }
        }
        let mut head = String::new();
        let mut row = Row::on(&mut head);
        own.into_iter().for_each(|cell| row.text(cell));
        order_cells(&mut row, order, &whole.join(" "));
        if order.lines.is_empty() {
            let mut row = Row::on(&mut self.text);
            row.raw(&head);
            line_cells(&mut row, &OrderLine::default(), "");
            row.end();
        }
        for (at, line) in order.lines.iter().enumerate() {
            let mut row = Row::on(&mut self.text);
            row.raw(&head);
            line_cells(&mut row, line, &lines.get(&at).map(|codes| codes.join(" ")).unwrap_or_default());
            row.end();
        }
    }

    /// What was written since it was last taken.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

fn order_cells(row: &mut Row, order: &Order, exceptions: &str) {
    row.text(order.po_number.as_deref());
    row.text(Some(match order.kind {
        OrderKind::New => "new",
        OrderKind::Change => "change",
        OrderKind::Cancel => "cancel",
    }));
    row.text(order.revision.as_deref());
    row.text(order.test.then_some("test"));
    for date in [order.order_date, order.requested_date, order.earliest_date, order.latest_date] {
        row.text(date.map(|date| date.to_string()).as_deref());
    }
    row.text(order.currency.as_deref());
    for party in [&order.buyer, &order.seller, &order.ship_to] {
        row.text(party.as_ref().and_then(|party| party.id.as_deref()));
        row.text(party.as_ref().and_then(|party| party.name.as_deref()));
    }
    let place = order.ship_to.as_ref();
    row.text(place.map(|place| place.street.join(", ")).as_deref());
    let rest: [fn(&OrderParty) -> &Option<String>; 3] = [|place| &place.postcode, |place| &place.city, |place| &place.country];
    for part in rest {
        row.text(place.and_then(|place| part(place).as_deref()));
    }
    row.number(order.total);
    row.text(Some(&order.notes.join("\n")));
    row.text(Some(exceptions));
}

fn line_cells(row: &mut Row, line: &OrderLine, exceptions: &str) {
    row.text(line.number.as_deref());
    row.text(line.action.map(|action| match action {
        LineAction::Add => "add",
        LineAction::Delete => "delete",
        LineAction::Change => "change",
        LineAction::None => "none",
    }));
    for text in [&line.buyer_item, &line.seller_item, &line.gtin, &line.description] {
        row.text(text.as_deref());
    }
    row.number(line.quantity);
    row.text(line.unit.as_deref());
    row.text(line.unit_as_written.as_deref());
    row.number(line.unit_price);
    row.number(line.total);
    row.text(line.requested_date.map(|date| date.to_string()).as_deref());
    row.text(line.extra.get("master").and_then(|master| master.get("item")).and_then(|item| item.as_str()));
    row.text(Some(&line.notes.join("\n")));
    row.text(Some(exceptions));
}

/// A row that is being written.
struct Row<'a> {
    to: &'a mut String,
    first: bool,
}

impl<'a> Row<'a> {
    fn on(to: &'a mut String) -> Self {
        Self { to, first: true }
    }

    /// A text. A spreadsheet takes one that begins like a formula for one: an apostrophe before it keeps it a text.
    fn text(&mut self, text: Option<&str>) {
        self.part();
        let text = text.unwrap_or_default();
        let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
        let quoted = text.contains(['"', ',', ';', '\t', '\r', '\n']) || text.trim() != text;
        if quoted {
            self.to.push('"');
        }
        if formula {
            self.to.push('\'');
        }
        for (at, part) in text.split('"').enumerate() {
            if at > 0 {
                self.to.push_str("\"\"");
            }
            self.to.push_str(part);
        }
        if quoted {
            self.to.push('"');
        }
    }

    /// A number stays a number, also below zero.
    fn number(&mut self, number: Option<Decimal>) {
        self.part();
        if let Some(number) = number {
            self.to.push_str(&number.to_string());
        }
    }

    /// Cells that are written already.
    fn raw(&mut self, cells: &str) {
        self.part();
        self.to.push_str(cells);
    }

    fn part(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.to.push(',');
        }
    }

    fn end(self) {
        self.to.push_str("\r\n");
    }
}
