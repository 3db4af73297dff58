//! The whole of it: a real server on loopback, a real store, and clients that behave and that do not.

mod accepted;
mod pages;
mod refused;
mod same;
mod server;

pub(in crate::source) use server::form_alone;
