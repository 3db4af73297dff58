//! Orders: one model, whatever they came in.
//!
//! [`Order`] and its parts are what the readers make, what `loket read` prints as `order` and what the API answers. Amounts are
//! decimals and are written as strings, dates are ISO 8601, units are codes of UN/ECE Recommendation 20, currencies are ISO 4217.
//! Where each value stood is kept beside it in `sources`.

mod csv;
mod decision;
mod exceptions;
mod finish;
mod fold;
mod identity;
mod master;
mod pairing;
mod revision;
mod source;
mod text;
mod unit;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use csv::{Csv, csv};
pub use decision::{Decision, LineDecision, Outcome};
pub use finish::{examine, finish};
pub use identity::{buyer_address, is_global, lines_hash, po_key};
pub use master::{MasterData, check};
pub use revision::{Change, ChangeKind, ChangedLine, apply, difference};
pub use source::{Place, Source, Sources};
pub use text::text;
pub use unit::{UnitList, unit, unit_in};

/// What a customer orders, changes or cancels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Order {
    /// The buyer's number for the order; what a change or a cancellation refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub po_number: Option<String>,
    /// Whether it is new, changes one that was sent before, or cancels it.
    pub kind: OrderKind,
    /// The sender's own number for this version of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Sent for trying out: nothing is to be delivered.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// Who buys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buyer: Option<OrderParty>,
    /// Who sells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seller: Option<OrderParty>,
    /// Where the goods go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ship_to: Option<OrderParty>,
    /// Who gets the invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bill_to: Option<OrderParty>,
    /// ISO 4217 code of the currency of every amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// When the buyer made the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_date: Option<Date>,
    /// When the buyer wants the goods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_date: Option<Date>,
    /// Not before this day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earliest_date: Option<Date>,
    /// Not after this day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_date: Option<Date>,
    /// What is ordered.
    pub lines: Vec<OrderLine>,
    /// What it all costs, as the sender says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Decimal>,
    /// What people wrote beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the format gives and this model has no field for, by the format's own names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
    /// Where each value of the order's head stood; lines have their own.
    #[serde(skip_serializing_if = "Sources::is_empty")]
    pub sources: Sources,
    /// What does not add up, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<OrderException>,
}

/// What an order does to those that were sent before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderKind {
    /// A new order.
    #[default]
    New,
    /// Changes or replaces one.
    Change,
    /// Cancels one.
    Cancel,
}

/// A company's part in an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderParty {
    /// The number that the sender knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What kind of number that is: `gln`, `duns`, `buyer`, `seller`, `vat`, or the format's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Further numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_ids: Vec<SchemedId>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Streets and what else stands between name and town, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub street: Vec<String>,
    /// The postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// The town.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State, province or canton.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// ISO 3166-1 alpha-2 code of the country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// A person there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// An e-mail address there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A telephone number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// A number, and what kind of number it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemedId {
    /// What kind, by a short name in lower case where it has one (`gtin`, `gln`), else the format's own code.
    pub scheme: String,
    /// The number.
    pub id: String,
}

/// One thing that is ordered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderLine {
    /// Its number as the sender wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// In a change: what happens to the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<LineAction>,
    /// The buyer's item number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buyer_item: Option<String>,
    /// The seller's item number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seller_item: Option<String>,
    /// The GTIN, 8, 12, 13 or 14 digits as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gtin: Option<String>,
    /// Further item numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_items: Vec<SchemedId>,
    /// What it is, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many or how much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Decimal>,
    /// Of what: a code of UN/ECE Recommendation 20 or 21, where the sender's unit is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The sender's own word for the unit, where `unit` differs from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_as_written: Option<String>,
    /// The price of one unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Decimal>,
    /// The price as written, where it is not per one unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_as_written: Option<PriceAsWritten>,
    /// What the line costs, as the sender says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Decimal>,
    /// When the buyer wants it, where that differs from the order's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_date: Option<Date>,
    /// What people wrote beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the format gives and this model has no field for.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
    /// Where each value stood.
    #[serde(skip_serializing_if = "Sources::is_empty")]
    pub sources: Sources,
}

/// What a change does to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineAction {
    /// It is new.
    Add,
    /// It goes.
    Delete,
    /// It is to be as it stands here.
    Change,
    /// It stays as it was.
    None,
}

/// A price for more than one unit, or per another unit than the quantity's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceAsWritten {
    /// The amount.
    pub price: Decimal,
    /// For so many.
    pub per: Decimal,
    /// Of this unit, where it is another than the quantity's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Something about an order that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderException {
    /// Its name, e.g. `total-differs`, `unknown-item`; docs/orders.md lists them.
    pub code: String,
    /// Which line, counted from 0; none for the whole order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What it is, in words for people.
    pub text: String,
}

#[cfg(test)]
mod tests;
