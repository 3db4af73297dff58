//! Trading partners as they are: folders that others write into, a real OpenSSH server, a real AS2 peer; killed daemons and cut
//! connections between the commit and what comes after it. What came is there once, and is acknowledged once.

mod answers;
mod as2;
mod folder;
mod interchange;
mod peer;
mod rig;
mod sftp;
mod thousand;
