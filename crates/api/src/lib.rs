//! The query API: cases, messages, deliveries, channels and quarantine over HTTP, each tenant's own to the holder of its key.
//!
//! The way of a request, top to bottom:
//!
//! 1. `routes` is the one list of what there is: the router is built from it, and `docs/openapi.json` is held against it;
//! 2. `serve` takes every request the same way: its key ([`loket_core::keys`]), its parameters (`query`), a time limit, and one line
//!    in the log;
//! 3. `handlers` ask the store, always with the key's tenant;
//! 4. `wire` is the JSON that they answer, `file` the bytes, `problem` what went wrong (RFC 9457).
//!
//! Deliberately absent: CORS and cookies (this API is for programs that hold a key), and anything remembered between requests.

mod auth;
mod file;
mod handlers;
mod paging;
mod problem;
mod query;
mod routes;
mod serve;
mod state;
mod wire;

pub use routes::router;
pub use state::{ApiState, Limits};
