//! UN/EDIFACT: orders read, acknowledgements and answers written. The way of an interchange, top to bottom:
//!
//! 1. `syntax` finds where interchanges start, which characters separate in each of them, and cuts them into segments, borrowed from
//!    the payload; line breaks that cut lines are undone, character sets are read as they are meant;
//! 2. `envelope` reads UNB, UNG and UNH; `walk` goes from message to message, checks counts and references, and sets aside what
//!    cannot be read, each message by itself;
//! 3. `order` makes the order of an ORDERS or ORDCHG; `message` the message around it;
//! 4. [`EdifactReader`] gives them to the pipeline one by one;
//! 5. [`acknowledge`] writes the CONTRL for an interchange, [`order_response`] the ORDRSP for an order that was decided on.
//!
//! Lenient in what is accepted (missing envelopes, wrong counts, odd qualifiers: read, and said in `warnings`), strict in what makes an
//! order wrong: a message that is cut off, that has no number, or a quantity that is none, is set aside with its place.

mod envelope;
mod fault;
mod message;
mod notes;
mod order;
mod reader;
mod syntax;
mod walk;
mod write;

pub use reader::EdifactReader;
pub use write::{AckKind, AckOptions, ResponseOptions, acknowledge, order_response, response_wanted};
