//! The syntax of ISO 9735: bytes to segments, borrowed from the payload wherever nothing must be undone.

mod charset;
mod delimiters;
mod layout;
mod segment;
mod start;
mod tokens;

pub(crate) use charset::Charset;
pub(crate) use delimiters::{Delimiters, curly_terminator};
pub(crate) use segment::Segment;
pub(crate) use start::{Start, StartKind, find, is_blank};
pub(crate) use tokens::{MAX_SEGMENT, NEXT_INTERCHANGE, Tokens};
