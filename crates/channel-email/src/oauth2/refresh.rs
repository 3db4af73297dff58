//! The refresh token. Some endpoints give another one with each token, and the one before is worth nothing then: the new one must
//! outlive this process. It is written back into the file that the configuration names. It is not kept in the store, where it
//! would lie in clear.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use loket_core::secret::{ExposeSecret, Secret, SecretString};
use uuid::Uuid;

/// The refresh token of one channel.
#[derive(Debug, Default)]
pub(super) struct Refresh {
    /// A token that could not be written back.
    loose: Option<Loose>,
}

#[derive(Debug)]
struct Loose {
    token: SecretString,
    /// What the configured place held when it came.
    place_had: Option<SecretString>,
}

impl Refresh {
    /// The one to be used now. What somebody has put into the configured place since then goes before what we had.
    pub(super) fn current(&mut self, place: &Secret) -> Result<SecretString, String> {
        let there = place.fetch();
        let Some(loose) = &self.loose else { return there };
        let changed = there.as_ref().is_ok_and(|there| loose.place_had.as_ref().is_none_or(|had| !same(had, there)));
        if changed {
            self.loose = None;
            return there;
        }
        Ok(loose.token.clone())
    }

    /// The endpoint gave this one, in answer to `used`. The error says why it lives in memory only.
    pub(super) fn given(&mut self, place: &Secret, used: &SecretString, given: SecretString) -> Result<(), String> {
        let there = place.fetch().ok();
        if there.as_ref().is_some_and(|there| same(there, &given)) {
            self.loose = None;
            return Ok(());
        }
        // Somebody authorized anew while we asked: that one stays.
        let expected = self.loose.as_ref().map_or(Some(used), |loose| loose.place_had.as_ref());
        if let (Some(there), Some(expected)) = (&there, expected)
            && !same(there, expected)
        {
            self.loose = None;
            return Ok(());
        }
        let written = match place {
            Secret::File(path) => write_back(path, &given).map_err(|error| format!("{place} cannot be written: {error}")),
            Secret::Env(_) | Secret::Credential(_) => Err(format!("{place} is no file; use \"file:PATH\" with a file that may be written")),
        };
        self.loose = written.is_err().then_some(Loose { token: given, place_had: there });
        written
    }
}

fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

/// Puts a secret into the place of another, whole or not at all, with the same owner and rights.
fn write_back(path: &Path, secret: &SecretString) -> io::Result<()> {
    // A link stays a link.
    let path = fs::canonicalize(path)?;
    let before = fs::metadata(&path)?;
    if before.permissions().readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is there for reading only"));
    }
    let folder = path.parent().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it has no folder"))?;
    let aside = folder.join(format!(".loket-{}", Uuid::now_v7()));
    let put = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
            // Only root can give files away. Whose it is then, it is ours, and nobody else's.
            let _ = chown(&aside, Some(before.uid()), Some(before.gid()));
        }
        file.set_permissions(fs::Permissions::from_mode(before.mode() & 0o777))?;
        file.write_all(secret.expose_secret().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&aside, &path)?;
        fs::File::open(folder)?.sync_all()
    };
    let put = put();
    if put.is_err() {
        // Gone already, where only the last step failed.
        let _ = fs::remove_file(&aside);
    }
    put
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(secret: &SecretString) -> &str {
        secret.expose_secret()
    }

    #[test]
    fn a_new_one_is_written_back_and_used_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refresh");
        fs::write(&path, "first\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
        let place = Secret::File(folder.path().join("link"));
        let mut refresh = Refresh::default();
        let used = refresh.current(&place).unwrap();
        assert_eq!(text(&used), "first");
        refresh.given(&place, &used, "second".into()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(folder.path().join("link")).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
        assert_eq!(text(&refresh.current(&place).unwrap()), "second");
        // After a restart too, and when somebody authorizes anew.
        assert_eq!(text(&Refresh::default().current(&place).unwrap()), "second");
        fs::write(&path, "third\n").unwrap();
        assert_eq!(text(&refresh.current(&place).unwrap()), "third");
        // What somebody put there while we asked with the one before stays.
        refresh.given(&place, &"second".into(), "fourth".into()).unwrap();
        assert_eq!(text(&refresh.current(&place).unwrap()), "third");
    }

    #[test]
    fn where_it_cannot_be_written_it_is_used_all_the_same_until_somebody_gives_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refresh");
        fs::write(&path, "first").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        let place = Secret::File(path.clone());
        let mut refresh = Refresh::default();
        let used = refresh.current(&place).unwrap();
        let problem = refresh.given(&place, &used, "second".into()).unwrap_err();
        assert!(problem.contains("cannot be written") && !problem.contains("second"), "{problem}");
        let used = refresh.current(&place).unwrap();
        assert_eq!(text(&used), "second");
        refresh.given(&place, &used, "third".into()).unwrap_err();
        assert_eq!(text(&refresh.current(&place).unwrap()), "third");
        fs::remove_file(&path).unwrap();
        assert_eq!(text(&refresh.current(&place).unwrap()), "third");
        fs::write(&path, "anew").unwrap();
        assert_eq!(text(&refresh.current(&place).unwrap()), "anew");
    }

    #[test]
    fn a_secret_that_is_no_file_says_so() {
        let problem = Refresh::default().given(&Secret::Env("NO_SUCH_THING".into()), &"a".into(), "b".into()).unwrap_err();
        assert!(problem.contains("env:NO_SUCH_THING is no file"), "{problem}");
    }
}
