//! API keys.

use loket_core::delivery::Tenant;
use loket_core::keys::{self, Access};
use loket_core::time::Timestamp;
use uuid::Uuid;

use crate::place::{Place, Shop};

pub(crate) async fn keys_are_kept_found_and_revoked(place: Place) {
    let shop = Shop::open(place).await;
    let (shown, erp) = keys::create(Tenant::default(), "erp", Access::Read).unwrap();
    let (_, crm) = keys::create(Tenant::new("bouw"), "crm", Access::Write).unwrap();
    shop.store.add_key(&erp).await.unwrap();
    shop.store.add_key(&crm).await.unwrap();
    assert!(shop.store.add_key(&erp).await.is_err(), "one key is kept once");
    let found = shop.store.key_by_hash(&keys::hash(&shown)).await.unwrap().unwrap();
    assert_eq!((found.id, found.tenant, found.name.as_str(), found.access), (erp.id, Tenant::default(), "erp", Access::Read));
    assert_eq!((found.hash, found.created_at, found.revoked_at), (erp.hash, erp.created_at, None));
    assert!(shop.store.key_by_hash(&keys::hash("loket_guess")).await.unwrap().is_none());
    let listed: Vec<_> = shop.store.keys().await.unwrap().into_iter().map(|key| (key.id, key.access, key.tenant)).collect();
    assert_eq!(listed, [(crm.id, Access::Write, Tenant::new("bouw")), (erp.id, Access::Read, Tenant::default())]);

    let at = Timestamp::now();
    assert!(shop.store.revoke_key(erp.id, at).await.unwrap());
    assert!(shop.store.revoke_key(erp.id, Timestamp::from_seconds(9)).await.unwrap(), "once more changes nothing");
    assert!(!shop.store.revoke_key(Uuid::now_v7(), at).await.unwrap());
    let revoked = |key: Option<keys::KeyRecord>| key.unwrap().revoked_at;
    assert_eq!(revoked(shop.store.key_by_hash(&erp.hash).await.unwrap()), Some(at));
    assert_eq!(revoked(shop.store.key_by_hash(&crm.hash).await.unwrap()), None);
}
