//! The API against a real SQLite store, filled through the intake and the pipeline. Every answer in every test is held against
//! `docs/openapi.json`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests, and so are their helpers")]

mod access;
mod bytes;
mod cases;
mod contract;
mod faults;
mod faulty;
mod logs;
mod orders;
mod outbound;
mod probes;
mod quarantine;
mod schema;
mod world;
