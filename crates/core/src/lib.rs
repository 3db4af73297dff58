//! What every Loket channel shares. The way of a message, top to bottom:
//!
//! 1. a [`channel`] hands a [`delivery`] to the [`intake`], which commits it to the journal before it answers;
//! 2. the [`pipeline`] reads it with a [`reader`] into [`message`]s, outside of any transaction;
//! 3. [`classify`] says what each message is, [`same`] whether it was here already and which [`case`] it belongs to;
//! 4. the [`store`] files a batch of them in one transaction, with the events that tell of it.
//!
//! [`config`] reads the TOML, [`supervisor`] keeps channels running, [`health`] and [`metrics`] show how they do,
//! [`drop_folder`] takes the files that others put into a channel's folder, [`vault`] is the one place through which customers' words
//! go into the store and out of it.

pub mod case;
pub mod channel;
pub mod classify;
pub mod config;
pub mod delivery;
pub mod drop_folder;
pub mod health;
pub mod intake;
pub mod keys;
pub mod message;
pub mod metrics;
pub mod order;
pub mod outbound;
pub mod pipeline;
pub mod reader;
pub mod same;
pub mod secret;
pub mod store;
pub mod supervisor;
pub mod time;
pub mod vault;
