//! Loket's web-form channel: hosted and embedded forms, and the reader of what they send.
//!
//! - [`config`] reads `[webform.NAME]`.
//! - [`router`] serves the page of a form and takes what is posted to it: it decodes the body to judge it, and hands the body
//!   over as it came.
//! - [`reader`] makes a message out of that body later. What it must know of the form travels in the envelope, so that it
//!   works without the configuration, today and in ten years.
//!
//! Both sides decode with the same pure code in `decode/`, and meet in `envelope.rs`.

pub mod config;
mod decode;
mod digest;
mod envelope;
pub mod reader;
mod source;
mod value;

pub use source::router;
