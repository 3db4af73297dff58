//! What every order goes through when a reader has made it: codes in one form, and what does not add up by name.
//!
//! Nothing is changed silently: what was written otherwise is kept in `extra.as_written`, what cannot be read stays as it is.

mod codes;
mod country;
mod currency;
mod numbers;
mod shape;
mod totals;

pub(super) use codes::quoted;
pub(super) use country::country;
pub(super) use currency::currency;
pub(super) use shape::stays;

use super::exceptions::Exceptions;
use super::{Order, text};
use crate::message::Message;

/// Finishes a message that a reader made: see [`examine`]. When the message has no text of its own, the order becomes its text.
pub fn finish(message: &mut Message) {
    let Some(order) = message.order.as_deref_mut() else { return };
    examine(order);
    if message.body.full_text.trim().is_empty() && message.body.new_text.trim().is_empty() {
        message.body.full_text = text(order);
        message.body.new_text.clone_from(&message.body.full_text);
    }
}

/// Puts currencies and countries into one form, and names what does not add up in `exceptions`. A second time changes nothing.
pub fn examine(order: &mut Order) {
    let mut found = Exceptions::beside(order);
    codes::normalize(order, &mut found);
    shape::check(order, &mut found);
    numbers::check(order, &mut found);
    totals::check(order, &mut found);
    found.into_order(order);
}

#[cfg(test)]
mod tests;
