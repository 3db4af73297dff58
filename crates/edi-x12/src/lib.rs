//! ANSI X12, in both directions. The way of an interchange, top to bottom:
//!
//! 1. [`X12Reader`] is handed a payload and [`walk`]s through it: interchanges (ISA), groups (GS), transactions (ST), as they are asked for;
//! 2. [`syntax`] cuts it into segments that borrow from the payload, whatever characters delimit it and however its lines are wrapped;
//! 3. [`order`] reads the transactions 850, 860 and 875 into orders, [`message`] makes messages of them and of all others;
//! 4. a transaction that cannot be read is set [`aside`] in its own envelope; the ones before and after it go on;
//! 5. [`acknowledge`] tells the sender which transactions were accepted (997, 999, TA1), [`order_response`] what becomes of an order (855, 865).
//!
//! Nothing here does I/O or knows the time: the same bytes give the same messages.

mod answer;
mod aside;
mod envelope;
mod fault;
mod limits;
mod message;
mod order;
mod reader;
mod syntax;
mod value;
mod walk;

pub use answer::{AckKind, AckOptions, ResponseOptions, acknowledge, order_response};
pub use reader::X12Reader;
