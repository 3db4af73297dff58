//! What is read of one transaction at most. No sender comes near it.

/// Lines of one order.
pub(crate) const MAX_LINES: usize = 250_000;

/// Segments that are kept beside the fields of one order: references, notes, allowances, stores.
pub(crate) const MAX_KEPT: usize = 1_000_000;

/// The last element of a line in which an item number is looked for.
pub(crate) const MAX_ITEM_ELEMENT: usize = 40;

/// Bytes of the readable text of a document that is not read into fields.
pub(crate) const MAX_BODY: usize = 64 * 1_024;

/// Warnings of one message.
pub(crate) const MAX_WARNINGS: usize = 100;
