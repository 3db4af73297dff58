//! Receipts (MDN, RFC 4130 section 7 and RFC 8098): made for what came in, read for what went out.

mod read;
mod write;

pub(crate) use read::is_report;
pub use read::{ReceiptRead, Verdict, is_receipt, read_receipt};
pub use write::{Receipt, receipt};
