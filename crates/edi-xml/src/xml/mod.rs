//! XML as trading partners write it: bytes to text, text to a tree, values back to text.
//!
//! The tree is our own and not a library's, because orders break rules that XML parsers rightly insist on (prefixes that nobody
//! declared, a bare `&` in a company's name, a declaration that lies about the encoding), because every number here comes from
//! outside (depth, attributes of one element, what entities grow to), and because a value must know its place cheaply: each element
//! holds its own position among its namesakes. The tests compare it with `roxmltree` on everything that both accept.
//!
//! Matching is by local names: prefixes and namespaces are read over.

mod clean;
mod decode;
mod doctype;
mod entities;
mod parse;
#[cfg(test)]
mod tests;
mod tree;
mod write;

pub(crate) use decode::decode;
pub(crate) use parse::{Document, Fault, document};
pub(crate) use tree::{Node, Value};
pub(crate) use write::Writer;

/// The largest document that is read, in bytes of its text.
pub(crate) const MAX_DOCUMENT: usize = 256 << 20;
/// So many elements in one document; a hundred thousand order lines have about three million.
pub(crate) const MAX_ELEMENTS: usize = 6_000_000;
/// So many attributes in one document.
pub(crate) const MAX_ATTRIBUTES: usize = 6_000_000;
/// So many attributes of one element.
pub(crate) const MAX_ATTRIBUTES_OF_ONE: usize = 500;
/// So deep do elements nest; orders stay under twenty.
pub(crate) const MAX_DEPTH: usize = 200;
/// So many entities may a document declare.
pub(crate) const MAX_ENTITIES: usize = 1_000;
/// So deep may entities name each other.
pub(crate) const MAX_ENTITY_DEPTH: usize = 10;
/// To so many bytes may the entities of a document expand, all together.
pub(crate) const MAX_EXPANSION: usize = 4 << 20;
