//! Folders on an SFTP server: the partner's files come in one, ours go into another.
//!
//! A file is taken when two looks, and one more after it was fetched, find it unchanged; it is committed to the journal, and only then
//! moved or deleted. Its key is the digest of its bytes. OpenSSH renames by making a second name and removing the first: when that is
//! cut in between, the file is there twice, is known when it is fetched again, and goes.

mod link;
mod pull;
mod put;
#[cfg(test)]
mod tests;
mod trouble;

pub(crate) use pull::Pull;
pub(crate) use put::Put;
