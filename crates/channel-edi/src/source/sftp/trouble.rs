//! What goes wrong with a server, and whether it may pass.

use loket_core::channel::ChannelError;
use loket_core::outbound::Undone;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::StatusCode;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// It may pass by itself.
    #[error("{0}")]
    Passing(String),
    /// Somebody must act.
    #[error("{0}")]
    Lasting(String),
}

impl Trouble {
    /// From what an SFTP request failed on, and what was to be done by it.
    pub(super) fn of(what: &str, error: &SftpError) -> Self {
        let text = match error {
            SftpError::Status(status) => format!("{what}: the server says: {}", said(&status.error_message, status.status_code)),
            SftpError::Timeout => format!("{what}: the server does not answer in time"),
            other => format!("{what}: {other}"),
        };
        match error {
            SftpError::Status(status)
                if matches!(status.status_code, StatusCode::PermissionDenied | StatusCode::NoSuchFile | StatusCode::OpUnsupported) =>
            {
                Self::Lasting(text)
            }
            _ => Self::Passing(text),
        }
    }
}

/// The server's words, on one line and bounded.
fn said(message: &str, code: StatusCode) -> String {
    let words: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    if words.trim().is_empty() { format!("{code:?}") } else { words.trim().into() }
}

/// Whether a request failed because there is no such file.
pub(super) fn is_missing(error: &SftpError) -> bool {
    matches!(error, SftpError::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

/// Whether the server answered and said no, in whatever words: the connection itself is well.
pub(super) fn is_refusal(error: &SftpError) -> bool {
    matches!(error, SftpError::Status(status)
        if !matches!(status.status_code, StatusCode::ConnectionLost | StatusCode::NoConnection))
}

impl From<Trouble> for ChannelError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Passing(text) => Self::Transient(text),
            Trouble::Lasting(text) => Self::Refused(text),
        }
    }
}

/// A full or closed folder of the partner's may be mended: everything is tried again until it is given up.
impl From<Trouble> for Undone {
    fn from(trouble: Trouble) -> Self {
        Self::Later(trouble.to_string())
    }
}
