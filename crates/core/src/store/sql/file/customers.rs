//! Who wrote a batch of messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::{QueryBuilder, Row};
use uuid::Uuid;

use super::draft::Draft;
use super::*;
use crate::time::Timestamp;
use crate::vault::Token;

impl SqlStore {
    /// Sets each draft's customer, and makes those that are new. Nobody else makes any for these tenants meanwhile.
    pub(super) async fn know_customers(&self, tx: &mut Tx, drafts: &mut [Draft<'_>]) -> Result<()> {
        let tokens: BTreeSet<Token> = drafts.iter().flat_map(|draft| draft.addresses.iter().map(|(token, _)| *token)).collect();
        let mut known = find(tx, &tokens).await?;
        let now = Timestamp::now().micros();
        let mut customers = Rows::new(&["id", "tenant", "created_at"]);
        let mut new = BTreeMap::new();
        for draft in drafts.iter_mut() {
            let tenant = draft.reading.tenant.as_str();
            let found = draft.addresses.iter().find_map(|(token, _)| known.get(token).copied());
            // A newsletter or a bounce makes nobody a customer.
            let worth_knowing = draft.read.message.automatic.opens_case() && !draft.addresses.is_empty();
            draft.customer = found.or_else(|| {
                worth_knowing.then(|| {
                    let id = Uuid::now_v7();
                    customers.push([id.into(), tenant.into(), now.into()]);
                    id
                })
            });
            let Some(customer) = draft.customer.filter(|_| worth_knowing) else { continue };
            for (token, address) in &draft.addresses {
                if !known.contains_key(token) {
                    known.insert(*token, customer);
                    new.insert(*token, (tenant, customer, *address));
                }
            }
        }
        let mut addresses = Rows::new(&["token", "tenant", "customer_id", "kind", "sealed", "created_at"]);
        for (token, (tenant, customer, address)) in new {
            let sealed = self.vault.seal(address.value.as_bytes());
            addresses.push([
                token.as_slice().into(),
                tenant.into(),
                customer.into(),
                address.kind.name().into(),
                sealed.into(),
                now.into(),
            ]);
        }
        customers.insert(tx, "customer", "").await?;
        addresses.insert(tx, "address", "").await?;
        Ok(())
    }
}

async fn find(tx: &mut Tx, tokens: &BTreeSet<Token>) -> Result<HashMap<Token, Uuid>> {
    let tokens: Vec<Vec<u8>> = tokens.iter().map(|token| token.to_vec()).collect();
    let mut known = HashMap::with_capacity(tokens.len());
    for chunk in tokens.chunks(CHUNK) {
        let mut query = QueryBuilder::<Db>::new("SELECT token, customer_id FROM address WHERE token");
        push_in(&mut query, chunk);
        for row in query.build().fetch_all(&mut **tx).await.map_err(store_error)? {
            known.insert(known::token(&row, 0)?.unwrap_or_default(), row.try_get(1).map_err(store_error)?);
        }
    }
    Ok(known)
}
