//! The Unix socket, or the port.
//!
//! A socket's file outlives its process. One that nobody answers at is replaced; one where somebody does is left alone. The file
//! goes when the door closes, and a file that somebody else took away while we listen is noticed: nobody could come in any more.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as BlockingUnixStream;
use std::path::{Path, PathBuf};

use loket_core::channel::ChannelError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use super::settings::Listen;

/// A connection, of whatever kind.
pub(super) type Stream = Box<dyn Duplex>;

/// What is read from and written to.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Where clients come in.
pub(super) enum Door {
    Unix(UnixListener, SocketFile),
    Tcp(TcpListener),
}

/// The file of a socket of ours. Removed when dropped.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and number: what the file is, whatever its name means now.
    id: (u64, u64),
}

impl Door {
    /// Begins to listen.
    pub(super) async fn open(listen: &Listen) -> Result<Self, ChannelError> {
        match listen {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address).await.map_err(|error| trouble(&format!("port {address}"), &error))?;
                Ok(Self::Tcp(listener))
            }
            Listen::Unix(path, mode) => {
                let path = path.clone();
                let prepared = path.clone();
                tokio::task::spawn_blocking(move || prepare(&prepared))
                    .await
                    .map_err(|error| ChannelError::Transient(error.to_string()))??;
                let listener = UnixListener::bind(&path).map_err(|error| trouble(&format!("socket {}", path.display()), &error))?;
                let file = SocketFile::of(path).map_err(|error| ChannelError::Transient(error.to_string()))?;
                fs::set_permissions(&file.path, fs::Permissions::from_mode(*mode)).map_err(|error| {
                    ChannelError::Refused(format!("cannot set the mode {mode:04o} of socket {}: {error}", file.path.display()))
                })?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// Waits for a connection; answers with it and its peer's name.
    pub(super) async fn accept(&self) -> io::Result<(Stream, String)> {
        match self {
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred().map_or_else(|_| "unix".into(), |peer| format!("unix, uid {}", peer.uid()));
                Ok((Box::new(stream), peer))
            }
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are short and awaited. A connection that is gone already is noticed when it is read.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), peer.ip().to_string()))
            }
        }
    }

    /// An error when clients do not find us any more.
    pub(super) async fn check(&self) -> Result<(), ChannelError> {
        let Self::Unix(_, file) = self else { return Ok(()) };
        let found = tokio::fs::symlink_metadata(&file.path).await.map(|metadata| id(&metadata));
        if found.as_ref().is_ok_and(|id| *id == file.id) {
            return Ok(());
        }
        let what = if found.is_ok() { "replaced" } else { "taken away" };
        Err(ChannelError::Transient(format!("socket {} was {what} by somebody else; listening anew", file.path.display())))
    }
}

impl SocketFile {
    fn of(path: PathBuf) -> io::Result<Self> {
        let id = id(&fs::symlink_metadata(&path)?);
        Ok(Self { path, id })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|metadata| id(&metadata) == self.id);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("socket {} stays behind: {error}", self.path.display());
        }
    }
}

fn id(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Makes the folder where it is missing, and takes away the socket of a dead process.
fn prepare(path: &Path) -> Result<(), ChannelError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| {
            ChannelError::Refused(format!("the folder {} of the socket is not there and cannot be made: {error}", folder.display()))
        })?;
    }
    let what = format!("socket {}", path.display());
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(trouble(&what, &error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(ChannelError::Refused(format!(
                "{} is there and is no socket: remove it, or name another path in `lmtp`",
                path.display()
            )));
        }
        Ok(_) => {}
    }
    match BlockingUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(|error| trouble(&what, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(trouble(&what, &error)),
        // Its queue is full, or it took us in.
        _ => Err(trouble(&what, &io::ErrorKind::AddrInUse.into())),
    }
}

/// A port in use may be free soon; a permission is not given by itself.
fn trouble(what: &str, error: &io::Error) -> ChannelError {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ChannelError::Transient(format!("another process listens on {what}: stop it, or name another one in `lmtp`"))
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::AddrNotAvailable | io::ErrorKind::InvalidInput => {
            ChannelError::Refused(format!("cannot listen on {what}: {error}"))
        }
        _ => ChannelError::Transient(format!("cannot listen on {what}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(path: &Path) -> Result<Door, ChannelError> {
        Door::open(&Listen::Unix(path.into(), 0o622)).await
    }

    fn error(door: Result<Door, ChannelError>) -> ChannelError {
        match door {
            Ok(_) => panic!("it listens"),
            Err(error) => error,
        }
    }

    #[tokio::test]
    async fn a_socket_comes_with_its_mode_and_goes_with_its_door() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/loket.sock");
        let door = open(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o622);
        door.check().await.unwrap();
        drop(door);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn the_socket_of_the_dead_is_replaced_and_that_of_the_living_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loket.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let door = open(&path).await.unwrap();
        let refused = error(open(&path).await);
        assert!(matches!(&refused, ChannelError::Transient(text) if text.contains("another process listens on socket")), "{refused}");
        door.check().await.unwrap();
        // Whoever comes in now came in through the first one.
        let (client, accepted) = tokio::join!(tokio::net::UnixStream::connect(&path), door.accept());
        client.unwrap();
        assert!(accepted.unwrap().1.starts_with("unix, uid "));
    }

    #[tokio::test]
    async fn what_is_no_socket_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "x").unwrap();
        let refused = error(open(&path).await);
        assert!(matches!(&refused, ChannelError::Refused(text) if text.contains("is there and is no socket")), "{refused}");
        let refused = error(open(&path.join("sock")).await);
        assert!(matches!(&refused, ChannelError::Refused(text) if text.contains("cannot be made")), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }

    #[tokio::test]
    async fn a_socket_that_somebody_took_away_or_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loket.sock");
        let door = open(&path).await.unwrap();
        fs::remove_file(&path).unwrap();
        assert!(door.check().await.unwrap_err().to_string().contains("taken away"));
        let other = open(&path).await.unwrap();
        assert!(door.check().await.unwrap_err().to_string().contains("replaced"));
        drop(door);
        other.check().await.unwrap();
    }

    #[tokio::test]
    async fn a_port_in_use_is_said() {
        let first = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = error(Door::open(&Listen::Tcp(first.local_addr().unwrap())).await);
        assert!(
            matches!(&refused, ChannelError::Transient(text) if text.contains("another process listens on port 127.0.0.1:")),
            "{refused}"
        );
    }
}
