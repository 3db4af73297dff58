//! Whether prices and totals agree.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::super::exceptions::Exceptions;
use super::super::unit::comparable;
use super::super::{Order, OrderKind, OrderLine};
use super::shape::stays;

pub(super) fn check(order: &Order, found: &mut Exceptions) {
    let mut sum = Some(Amount::default());
    let mut adjusted = adjusts(&order.extra);
    for (at, line) in order.lines.iter().enumerate().filter(|(_, line)| stays(line)) {
        let line_adjusted = adjusts(&line.extra);
        let cost = cost(line);
        if let (Some(stated), Some(cost)) = (line.total, &cost)
            && cost.differs(stated, line_adjusted)
        {
            found.line("line-total-differs", at, || {
                let quantity = line.quantity.unwrap_or_default().normalize();
                format!("the line's total is {stated}; {quantity} at its price are {}", cost.shown())
            });
        }
        adjusted |= line_adjusted;
        sum = sum.zip(line.total.map(Amount::stated).or(cost)).and_then(|(sum, cost)| sum.plus(&cost));
    }
    // A change names the lines that it changes, and the total of all.
    let whole = order.kind != OrderKind::Cancel && !order.lines.is_empty() && order.lines.iter().all(|line| line.action.is_none());
    if let (true, Some(stated), Some(sum)) = (whole, order.total, sum)
        && sum.differs(stated, adjusted)
    {
        found.order("total-differs", || format!("the order's total is {stated}; its lines add up to {}", sum.shown()));
    }
}

/// What something should cost, and how far rounding may take it from that.
#[derive(Default)]
struct Amount {
    value: Decimal,
    rounding: Decimal,
}

impl Amount {
    const CENT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);
    const HALF_CENT: Decimal = Decimal::from_parts(5, 0, 0, false, 3);

    fn stated(value: Decimal) -> Self {
        Self { value, rounding: Decimal::ZERO }
    }

    fn plus(self, other: &Self) -> Option<Self> {
        Some(Self { value: self.value.checked_add(other.value)?, rounding: self.rounding.checked_add(other.rounding)? })
    }

    /// Whether an amount is another. Where allowances, charges or taxes are named that this model does not add up, only what they
    /// cannot explain: more than half.
    fn differs(&self, stated: Decimal, adjusted: bool) -> bool {
        let Some(by) = stated.checked_sub(self.value).map(|by| by.abs()) else { return true };
        let half = if adjusted { self.value.abs() / Decimal::TWO } else { Decimal::ZERO };
        by > self.rounding.saturating_add(Self::CENT).max(half)
    }

    fn shown(&self) -> Decimal {
        let value = self.value.normalize();
        if value.scale() < 2 { with_cents(value) } else { value.round_dp(4) }
    }
}

fn with_cents(mut value: Decimal) -> Decimal {
    value.rescale(2);
    value
}

/// Quantity times price, by the price as it was written. A price of three decimals or more was rounded by somebody: half its last
/// digit may be missing on each unit. One of two decimals is what it is.
fn cost(line: &OrderLine) -> Option<Amount> {
    let quantity = line.quantity?;
    let (price, per) = match &line.price_as_written {
        Some(written) => {
            let same = written.unit.as_deref().is_none_or(|unit| line.unit.as_deref().map(comparable) == Some(comparable(unit)));
            (Some(written.price).filter(|_| same)?, written.per)
        }
        None => (line.unit_price?, Decimal::ONE),
    };
    let units = quantity.checked_div(per)?;
    let last = if price.scale() < 3 { Decimal::ZERO } else { Decimal::try_new(5, price.scale() + 1).unwrap_or_default() };
    let rounding = units.abs().checked_mul(last)?.checked_add(Amount::HALF_CENT)?;
    // Multiplied first: 7 at 10 per 3 are 23.33, not 7 times 3.33.
    let value = match quantity.checked_mul(price) {
        Some(product) => product.checked_div(per)?,
        None => units.checked_mul(price)?,
    };
    Some(Amount { value, rounding })
}

/// Whether what was kept beside the model has amounts in it that change a total.
fn adjusts(extra: &Map<String, Value>) -> bool {
    const WORDS: [&str; 14] = [
        "allow",
        "charge",
        "discount",
        "rebate",
        "tax",
        "vat",
        "freight",
        "shipping",
        "modification",
        "deduction",
        "korting",
        "toeslag",
        "rabatt",
        "remise",
    ];
    const SEGMENTS: [&str; 6] = ["SAC", "ALC", "MOA", "ITA", "TXI", "PCD"];
    extra.keys().any(|key| {
        let segment: &str = key.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        SEGMENTS.contains(&segment) || WORDS.iter().any(|word| contains_ignoring_case(key, word))
    })
}

fn contains_ignoring_case(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}
