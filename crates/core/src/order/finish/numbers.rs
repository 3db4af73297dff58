//! GTINs and GLNs with the check digit of GS1.

use super::super::exceptions::Exceptions;
use super::super::{Order, OrderParty};
use super::quoted;

pub(super) fn check(order: &Order, found: &mut Exceptions) {
    let parties = [("buyer", &order.buyer), ("seller", &order.seller), ("ship_to", &order.ship_to), ("bill_to", &order.bill_to)];
    for (name, party) in parties {
        for gln in party.iter().flat_map(glns) {
            match fits(gln, &[13]) {
                Fit::Yes => {}
                Fit::Form => found.order("gln-form", || format!("{name}: {} has not the 13 digits of a GLN", quoted(gln))),
                Fit::Digit => {
                    found.order("gln-check-digit", || format!("{name}: the last digit of GLN {} does not fit the others", quoted(gln)))
                }
            }
        }
    }
    for (at, line) in order.lines.iter().enumerate() {
        let Some(gtin) = line.gtin.as_deref() else { continue };
        match fits(gtin, &[8, 12, 13, 14]) {
            Fit::Yes => {}
            Fit::Form => found.line("gtin-form", at, || format!("{} has not the 8, 12, 13 or 14 digits of a GTIN", quoted(gtin))),
            Fit::Digit => found.line("gtin-check-digit", at, || format!("the last digit of GTIN {} does not fit the others", quoted(gtin))),
        }
    }
}

fn glns(party: &OrderParty) -> impl Iterator<Item = &str> {
    let own = party.id.as_deref().filter(|_| party.scheme.as_deref() == Some("gln"));
    own.into_iter().chain(party.other_ids.iter().filter(|other| other.scheme == "gln").map(|other| other.id.as_str()))
}

enum Fit {
    Yes,
    /// The wrong number of digits, something else than digits, or nothing but zeros.
    Form,
    /// The check digit is another.
    Digit,
}

fn fits(number: &str, lengths: &[usize]) -> Fit {
    let digits = || number.trim().bytes().map(|digit| u32::from(digit.wrapping_sub(b'0')));
    let empty = digits().all(|digit| digit == 0);
    if empty || !lengths.contains(&number.trim().len()) || digits().any(|digit| digit > 9) {
        return Fit::Form;
    }
    let sum: u32 = digits().rev().zip([1, 3].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    if sum.is_multiple_of(10) { Fit::Yes } else { Fit::Digit }
}
