//! The schema: made once, never by an older program, never on somebody else's tables.

use loket_core::store::{self, StoreError, StoreSettings};

use crate::place::{Place, Shop, answer, mail};

pub(crate) async fn two_at_once_make_one_schema(place: Place) {
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let url = place.url.clone();
        tasks.push(tokio::spawn(async move { store::open(&url, &StoreSettings::default()).await.map(|store| store.kind()) }));
    }
    let kind = if place.server.is_some() { "postgres" } else { "sqlite" };
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap_or_else(|error| panic!("{error}")), kind);
    }
    assert_eq!(place.texts("SELECT CAST(count(*) AS TEXT) FROM meta WHERE name = 'token-key'").await, ["1"]);
}

pub(crate) async fn a_newer_schema_is_refused(place: Place) {
    drop(place.open().await);
    let applied = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)";
    place.execute(&format!("{applied} VALUES (9001, 'of a later year', TRUE, {}, 0)", place.bytes("00"))).await;
    let error = store::open(&place.url, &StoreSettings::default()).await.err().unwrap();
    assert!(matches!(error, StoreError::Permanent(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("9001") && text.contains("newer Loket"), "{text}");
}

pub(crate) async fn a_foreign_schema_is_refused(place: Place) {
    drop(place.open().await);
    place.execute(&format!("UPDATE _sqlx_migrations SET checksum = {}", place.bytes("00"))).await;
    let error = store::open(&place.url, &StoreSettings::default()).await.err().unwrap();
    assert!(!error.is_transient() && error.to_string().contains("not a Loket store"), "{error}");
    // Tables of another program in the way.
    place.execute("DROP TABLE _sqlx_migrations").await;
    let error = store::open(&place.url, &StoreSettings::default()).await.err().unwrap();
    assert!(!error.is_transient() && error.to_string().contains("meta"), "{error}");
}

pub(crate) async fn a_store_is_the_same_when_opened_again(place: Place) {
    let shop = Shop::open(place).await;
    let question = mail("jan@bouw.example", "Levertijd?", "Wanneer komt het?");
    let first = shop.receive(question.clone()).await;
    let number = shop.case_of(&first).await;
    // Another pool has the same keys, and finds what the first one wrote.
    let shop = Shop::open(shop.place).await;
    let second = shop.receive(answer("jan@bouw.example", &question, "Nog steeds niets.")).await;
    assert_eq!(shop.case_of(&second).await, number);
    shop.store.ping().await.unwrap();
}

#[test]
fn nobody_else_reads_the_sqlite_file() {
    use std::os::unix::fs::PermissionsExt;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let shop = Shop::open(Place::sqlite().await).await;
        shop.receive(mail("jan@bouw.example", "Vraag", "Vraag")).await;
        let file = shop.place.url.strip_prefix("sqlite:").unwrap();
        for file in [file.to_owned(), format!("{file}-wal")] {
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        }
    });
}
