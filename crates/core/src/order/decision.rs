//! What was decided about an order, for the business answer that goes back to the buyer.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A decision on an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// For the order as a whole.
    pub outcome: Outcome,
    /// The seller's own number for the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller_order: Option<String>,
    /// Why, in words for the buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the goods will come, where that differs from what was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_date: Option<Date>,
    /// Lines that are decided otherwise than the whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineDecision>,
}

/// What becomes of an order, or of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As ordered.
    #[default]
    Accepted,
    /// With changes.
    Changed,
    /// Not at all.
    Rejected,
}

/// A decision on one line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineDecision {
    /// Which line, by its `number`.
    pub number: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// So many instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Decimal>,
    /// At this price instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Decimal>,
    /// On this day instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_date: Option<Date>,
    /// Why, in words for the buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
