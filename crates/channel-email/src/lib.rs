//! E-mail: mailboxes pulled by IMAP, a drop folder for .eml files, a listener for LMTP, import of archives, and the reader for
//! RFC 5322 mail.
//!
//! - [`config`]: its TOML, `[email.NAME]`
//! - [`source`]: its I/O; everything is acknowledged upstream only after the journal's commit
//! - [`import`]: .eml files, mbox files and Maildir folders
//! - [`reader`]: pure; bytes to [`loket_core::message::Message`]
//! - [`outgoing`]: acknowledgements of receipt and agents' replies, `[outgoing.NAME]`

pub mod config;
pub mod import;
mod oauth2;
pub mod outgoing;
pub mod reader;
pub mod source;
mod tls;

use config::{EmailConfig, Source};
use loket_core::channel::Channel;

/// The channel for one `[email.NAME]` table.
pub fn channel(config: EmailConfig) -> Box<dyn Channel> {
    match config.source {
        Source::Imap(imap) => Box::new(source::Mailbox::new(imap, config.max_payload)),
        Source::Folder(folder) => Box::new(source::DropFolder::new(folder, config.max_payload)),
        Source::Lmtp(lmtp) => Box::new(source::LmtpListener::new(lmtp, config.max_payload)),
    }
}
