//! What goes back to a partner: that an interchange came in whole ([`acknowledge`]), and what becomes of an order ([`order_response`]).
//!
//! Pure: control numbers and the time are handed in.

mod acknowledge;
mod response;
mod writer;

pub use acknowledge::{AckKind, AckOptions, acknowledge};
pub use response::{ResponseOptions, order_response};
