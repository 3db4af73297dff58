//! Putting files for the partner on the server.

use loket_core::outbound::Undone;
use tokio::sync::Mutex;

use super::link::{Kind, Link};
use super::pull::join;
use super::trouble::{Trouble, is_refusal};
use crate::config::SftpConfig;

/// A folder on a server into which files are put.
pub(crate) struct Put {
    config: SftpConfig,
    /// Kept open from one file to the next.
    link: Mutex<Option<Link>>,
}

impl Put {
    pub(crate) fn new(config: SftpConfig) -> Self {
        Self { config, link: Mutex::new(None) }
    }

    /// Puts a file there, whole from the moment that it has its name. The words say what became of it.
    pub(crate) async fn put(&self, name: &str, bytes: &[u8]) -> Result<String, Undone> {
        let Some(out) = &self.config.out else { return Err(Undone::Never("the partner has no folder `out` for what we send".into())) };
        let mut place = self.link.lock().await;
        let link = match place.take().filter(|link| !link.is_closed()) {
            Some(link) => link,
            None => Link::connect(&self.config).await?,
        };
        let done = put(&link, out, name, bytes).await?;
        *place = Some(link);
        Ok(format!("{done} of {}", self.config.host))
    }

    /// Says good-bye.
    pub(crate) async fn close(&self) {
        if let Some(link) = self.link.lock().await.take() {
            link.close().await;
        }
    }
}

async fn put(link: &Link, out: &str, name: &str, bytes: &[u8]) -> Result<String, Trouble> {
    let target = join(out, name);
    if is_there(link, &target, bytes).await? {
        return Ok(format!("{name} was in {out} already"));
    }
    // Partners fetch what has no dot before its name. What an attempt left that died while it wrote is written anew.
    let part = join(out, &format!(".{name}.part"));
    link.write(&part, bytes).await?;
    match link.kind(&part).await? {
        Some(Kind::File(stamp)) if stamp.size == bytes.len() as u64 => {}
        other => return Err(Trouble::Passing(format!("{part} is not there as it was written: {other:?}"))),
    }
    match link.rename(&part, &target).await {
        Ok(()) => Ok(format!("{name} put into {out}")),
        // An attempt that was cut off while OpenSSH renamed left both names.
        Err(error) if is_refusal(&error) && is_there(link, &target, bytes).await? => {
            link.remove(&part).await?;
            Ok(format!("{name} put into {out}"))
        }
        Err(error) => Err(Trouble::of(&format!("giving {name} its name in {out}"), &error)),
    }
}

/// Whether the file is there with this content. Another content under the name is an error: nothing is overwritten.
async fn is_there(link: &Link, target: &str, bytes: &[u8]) -> Result<bool, Trouble> {
    let size = bytes.len() as u64;
    match link.kind(target).await? {
        None => Ok(false),
        Some(Kind::File(stamp)) if stamp.size == size && link.get(target, size).await? == bytes => Ok(true),
        Some(_) => Err(Trouble::Lasting(format!("there is something else under the name {target}"))),
    }
}
