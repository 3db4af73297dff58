//! What each tenant says about its customers and items: orders are held against it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::delivery::Tenant;
use crate::order::MasterData;

/// The master data of each tenant that has any. Clones are one; a reload exchanges it.
#[derive(Clone, Default)]
pub struct Masters(Arc<RwLock<HashMap<Tenant, Arc<MasterData>>>>);

impl Masters {
    /// Exchanges them.
    pub fn set(&self, masters: HashMap<Tenant, Arc<MasterData>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = masters;
    }

    /// A tenant's, if it has any.
    pub fn of(&self, tenant: &Tenant) -> Option<Arc<MasterData>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }
}
