//! `loket key`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{bail, ensure};
use loket_core::keys::{self, Access, KeyRecord};
use loket_core::store::Store;
use loket_core::time::Timestamp;
use serde::Serialize;

use crate::cli::Key;
use crate::output::Output;

#[derive(Serialize)]
struct Created<'a> {
    #[serde(flatten)]
    record: &'a KeyRecord,
    /// Shown this once.
    key: String,
}

pub(super) async fn run(store: Arc<dyn Store>, command: &Key) -> anyhow::Result<ExitCode> {
    let mut output = Output::new();
    match command {
        Key::Create { name, write, tenant } => {
            ensure!(!name.trim().is_empty(), "a key needs a name, so that it can be told from others");
            let access = if *write { Access::Write } else { Access::Read };
            let (key, record) = keys::create(tenant.get(), name, access).map_err(anyhow::Error::msg)?;
            store.add_key(&record).await?;
            output.line(&Created { record: &record, key })?;
        }
        Key::List => {
            for record in store.keys().await? {
                output.line(&record)?;
            }
        }
        Key::Revoke { id } => {
            if !store.revoke_key(*id, Timestamp::now()).await? {
                bail!("there is no key {id}");
            }
            output.line(&serde_json::json!({ "id": id, "revoked": true }))?;
        }
    }
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}
