//! The I/O: mailboxes on IMAP servers, drop folders, and mail that a server pushes.

mod drop_folder;
mod imap;
pub(crate) mod lmtp;

pub use drop_folder::DropFolder;
pub use imap::Mailbox;
pub use lmtp::LmtpListener;
