//! `[master.NAME]`: the files in which ops give customers and items, that orders are held against.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loket_core::config::Section;
use loket_core::delivery::Tenant;
use loket_core::order::MasterData;

/// A file larger than this is no list of customers or items.
const LARGEST: u64 = 512 << 20;

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MasterConfig {
    name: String,
    tenant: Tenant,
    customers: Option<PathBuf>,
    items: Option<PathBuf>,
}

/// Reads one table.
pub(crate) fn read(name: &str, section: &mut Section) -> Option<MasterConfig> {
    let tenant = section.text("tenant").unwrap_or_else(|| Tenant::DEFAULT.into());
    let (customers, items) = (section.file("customers"), section.file("items"));
    if customers.is_none() && items.is_none() {
        section.fault("customers", "name the file of the customers, of the items (`items`), or both");
        return None;
    }
    Some(MasterConfig { name: name.into(), tenant: Tenant::new(&tenant), customers, items })
}

impl MasterConfig {
    /// Its name, as in the configuration.
    pub(crate) fn name(&self) -> String {
        format!("master.{}", self.name)
    }

    /// Whose it is.
    pub(crate) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// What is in the files. The error holds every fault, with its file, line and column.
    pub(crate) fn load(&self) -> Result<MasterData, Vec<String>> {
        let read =
            |path: &Option<PathBuf>| path.as_deref().map(bytes).transpose().map_err(|error| vec![format!("{}: {error}", self.name())]);
        let (customers, items) = (read(&self.customers)?, read(&self.items)?);
        MasterData::load(customers.as_deref(), items.as_deref())
            .map_err(|faults| faults.into_iter().map(|fault| format!("{}: {fault}", self.name())).collect())
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?.len();
    if size > LARGEST {
        return Err(format!("{} has {size} bytes; at most {LARGEST} are read", path.display()));
    }
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// The master data of every tenant.
pub(crate) fn load(configs: &[MasterConfig]) -> Result<HashMap<Tenant, Arc<MasterData>>, Vec<String>> {
    let (mut masters, mut faults) = (HashMap::new(), Vec::new());
    for config in configs {
        match config.load() {
            Ok(master) => drop(masters.insert(config.tenant.clone(), Arc::new(master))),
            Err(told) => faults.extend(told),
        }
    }
    if faults.is_empty() { Ok(masters) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn both_files_and_their_faults_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("items.csv"), "item;description\nKP-80;Kopieerpapier\n").unwrap();
        let text = format!("[store]\nurl = \"sqlite:x\"\n[master.main]\nitems = \"{}\"\n", path("items.csv"));
        let config = Config::read(&text).unwrap();
        let loaded = super::load(&config.masters).unwrap();
        assert_eq!(loaded.values().next().unwrap().counts(), (0, 1));
        std::fs::remove_file(path("items.csv")).unwrap();
        assert!(super::load(&config.masters).unwrap_err()[0].contains("items.csv"));
        let nothing = Config::read("[store]\nurl = \"sqlite:x\"\n[master.main]\n").unwrap_err();
        assert!(nothing[0].to_string().contains("master.main"), "{nothing:?}");
        let twice = format!("{text}[master.again]\nitems = \"{}\"\n", path("items.csv"));
        assert!(Config::read(&twice).unwrap_err()[0].to_string().contains("both"));
    }
}
