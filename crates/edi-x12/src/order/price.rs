//! Prices, and what they are for (data element 639): each, a hundred, a pound.

use loket_core::order::{PriceAsWritten, Source, UnitList, unit};
use rust_decimal::Decimal;

use super::lines::Draft;

/// What a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// One of the quantity's unit.
    Unit,
    /// So many single things; these units (data element 355) are so many themselves.
    Count(u32, &'static [&'static str]),
    /// So many of a unit of measure.
    Measure(u32, &'static str),
}

fn basis(code: &str) -> Basis {
    match code {
        "HP" | "LC" | "QH" | "RC" | "TC" | "WC" => Basis::Count(100, &["HU", "HC", "C0"]),
        "TP" | "LM" | "QS" | "RM" | "TM" | "WM" => Basis::Count(1_000, &["TH", "T3", "MX"]),
        "HT" => Basis::Count(100_000, &[]),
        "PD" | "LD" | "RD" | "TD" | "WD" => Basis::Count(12, &["DZ"]),
        "PP" => Basis::Measure(1, "LB"),
        "PO" => Basis::Measure(1, "OZ"),
        "PY" => Basis::Measure(1, "YD"),
        "PT" => Basis::Measure(1, "TN"),
        "PA" => Basis::Measure(1, "TO"),
        "ML" => Basis::Measure(1, "ML"),
        "HF" => Basis::Measure(100, "FT"),
        "TF" => Basis::Measure(1_000, "FT"),
        _ => Basis::Unit,
    }
}

impl Draft {
    /// Sets the price of one, and how it was written where that differs.
    pub(super) fn set_price(&mut self, price: Decimal, code: &str, source: Source) {
        let line = &mut self.line;
        let written = line.unit_as_written.as_deref().or(line.unit.as_deref()).unwrap_or_default();
        let (per, other_unit) = match basis(code) {
            Basis::Unit => (1, None),
            Basis::Count(_, same) if same.contains(&written) => (1, None),
            Basis::Count(count, _) => (count, None),
            Basis::Measure(count, of) if of == written => (count, None),
            Basis::Measure(count, of) => (count, Some(unit(of, UnitList::X12).unwrap_or(of))),
        };
        if other_unit.is_none() {
            // 1 divides nothing and keeps the digits.
            line.unit_price = if per == 1 { Some(price) } else { price.checked_div(Decimal::from(per)) };
        }
        if per != 1 || other_unit.is_some() {
            line.price_as_written = Some(PriceAsWritten { price, per: Decimal::from(per), unit: other_unit.map(str::to_owned) });
        }
        let field = if other_unit.is_some() { "price_as_written" } else { "unit_price" };
        line.sources.set(field, source);
    }
}
