//! EDI: trading partners, by folders on this machine, by SFTP servers and by AS2; what they send is taken, acknowledged and answered.
//!
//! - [`config`]: its TOML, `[edi.NAME]`, one table for each partner
//! - [`channel`] works for one partner: it pulls what the partner left (folder, SFTP) and sends what goes to it
//! - [`router`] is the AS2 side that partners post to, one URL for all of them
//! - `source/`: the I/O; everything is acknowledged upstream only after the journal's commit
//! - `partner.rs`: whether what came is what this partner may send; pure
//! - `outgoing.rs`: acknowledgements and answers, made once and sent by the partner's own way back
//!
//! The readers, and the writers of acknowledgements and answers, are crates of their own, one for each syntax: the same files come by
//! mail and by form as well.

pub mod config;
mod formats;
mod outgoing;
mod partner;
mod source;
mod tls;
mod work;

use config::EdiConfig;
use loket_core::channel::Channel;

pub use source::as2::router;

/// The channel for one `[edi.NAME]` table.
pub fn channel(config: EdiConfig) -> Box<dyn Channel> {
    Box::new(work::Work::new(config))
}
