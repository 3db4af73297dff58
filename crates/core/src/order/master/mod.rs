//! Master data: who buys, and what is sold, as ops give it in two CSV files. What orders are checked against; docs/orders.md
//! describes the files.

mod check;
mod customers;
mod items;
mod table;

use std::str::FromStr;

use rust_decimal::Decimal;

pub use check::check;
use customers::Customers;
use items::Items;

/// Customers and items, looked up by their numbers.
#[derive(Debug, Default)]
pub struct MasterData {
    customers: Option<Customers>,
    items: Option<Items>,
}

impl MasterData {
    /// From the two files, of which one may be missing. Either all of it is good, or every fault is told with file, line and column.
    pub fn load(customers_csv: Option<&[u8]>, items_csv: Option<&[u8]>) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut tell = |told: Vec<String>| faults.extend(told);
        let customers = customers_csv.and_then(|bytes| Customers::read(bytes).map_err(&mut tell).ok());
        let items = items_csv.and_then(|bytes| Items::read(bytes, customers.as_ref()).map_err(&mut tell).ok());
        if faults.is_empty() { Ok(Self { customers, items }) } else { Err(faults) }
    }

    /// How many customers and items there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.customers.as_ref().map_or(0, Customers::len), self.items.as_ref().map_or(0, Items::len))
    }
}

/// The parts of a cell that holds several.
fn several(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(|c: char| c.is_whitespace() || matches!(c, '|' | ';' | ',')).filter(|part| !part.is_empty())
}

/// An amount with `.` or `,` as its decimal mark and nothing between thousands.
fn amount(text: &str) -> Option<Decimal> {
    let mark = text.find([',', '.']);
    let plain = text.bytes().enumerate().all(|(at, byte)| byte.is_ascii_digit() || Some(at) == mark);
    if !plain || text.len() > 25 {
        return None;
    }
    Decimal::from_str(&text.replace(',', ".")).ok()
}

#[cfg(test)]
mod tests;
