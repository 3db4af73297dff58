//! How the databases go about what the store asks them: over a store with many rows in it, nothing that is asked all the time may
//! read a whole table, and no list may be sorted.
//!
//! The statements are not repeated here. SQLite's are overheard in sqlx's log and explained; PostgreSQL explains each in its own.

mod place;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use loket_core::case::CaseStatus;
use loket_core::classify::Class;
use loket_core::delivery::Tenant;
use loket_core::keys;
use loket_core::outbound::{NewOutbound, OutboundEnd, OutboundFilter, OutboundKind, OutboundState, Prepared};
use loket_core::store::{Aside, CaseFilter, JournalBatch, JournalState, OrderFilter, OrderStatus, Page, Position, Resolution};
use loket_core::time::Timestamp;
use loket_tests::postgres::Server;
use uuid::Uuid;

use place::{Place, Shop, answer, batch, delivery, mail, unique};

const MANY: u32 = 30_000;
const TABLES: [&str; 9] = ["delivery", "payload", "message", "cases", "event", "address", "customer", "outbound", "orders"];

/// Rows enough that reading all of them is never the quickest way.
async fn fill(place: &Place) {
    let (rows, uuid, hash, text) = if place.server.is_some() {
        (format!("generate_series(1, {MANY}) AS n"), "gen_random_uuid()", "decode(md5(n::text), 'hex')", "n::text")
    } else {
        let rows = format!("(WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {MANY}) SELECT n FROM r)");
        (rows, "randomblob(16)", "randomblob(16)", "CAST(n AS TEXT)")
    };
    let zeros = place.bytes(&"00".repeat(32));
    let (empty, yes) = (place.bytes(""), if place.server.is_some() { "n % 50 = 0" } else { "(n % 50 = 0)" });
    for statement in [
        format!(
            "INSERT INTO delivery SELECT {uuid}, 'main', 'email.old', {text}, n, 'text/plain', {empty}, {hash}, 9, \
                 CASE WHEN n % 500 = 0 THEN 2 ELSE 1 END, 1, 0, NULL, NULL, NULL FROM {rows}"
        ),
        "INSERT INTO payload SELECT id, sealed FROM delivery".into(),
        format!("INSERT INTO customer SELECT {uuid}, 'main', n FROM {rows}"),
        format!("INSERT INTO address SELECT {hash}, 'main', {uuid}, 'mail', {empty}, n FROM {rows}"),
        format!(
            "INSERT INTO cases SELECT {uuid}, 'main', 1000000 + n, {uuid}, n % 3, 0.9, {yes}, CASE WHEN n % 40 = 0 THEN 0 ELSE 1 END, \
                 CASE WHEN n % 90 = 0 THEN 'fr' ELSE 'nl' END, CASE WHEN n % 70 = 0 THEN 'form.rare' ELSE 'email.old' END, n, n, 1, {empty}, {empty} \
                 FROM {rows}"
        ),
        format!(
            "INSERT INTO message SELECT {uuid}, 'main', id, 0, 'email.old', {uuid}, {uuid}, received_at, 'old/1', payload_hash, {empty}, payload_hash, \
                 {empty}, {empty}, {empty} FROM delivery"
        ),
        format!(
            "INSERT INTO outbound SELECT {uuid}, 'main', 'outgoing.main', 'reply', {text}, {uuid}, {uuid}, NULL, n, CASE WHEN n % 500 = 0 THEN 2 ELSE 1 END, \
                 1, 0, NULL, NULL, n, n, {hash}, {hash}, {empty}, NULL, NULL FROM {rows}"
        ),
        format!(
            "INSERT INTO orders SELECT {uuid}, 'main', case_id, id, customer_id, 1, 0, CASE WHEN received_at % 500 = 0 THEN 0 ELSE 1 END, received_at, \
                 {zeros}, content_token, identity_token, NULL FROM message"
        ),
        format!("INSERT INTO event SELECT {uuid}, 'main', n, 'case.opened', 'loket', {uuid}, {uuid}, {empty} FROM {rows}"),
    ] {
        place.execute(&statement).await;
    }
    if place.server.is_some() {
        // As its autovacuum does by itself.
        place.execute("ANALYZE").await;
    }
}

/// Everything that a busy installation asks all the time, and everything that a person or a tool lists.
async fn everything(shop: &Shop) {
    let store = &shop.store;
    let lease = store.lease("main/email.one/INBOX", shop.owner, Duration::from_secs(60)).await.unwrap().unwrap();
    let position = Position { tenant: Tenant::default(), channel: "email.one".into(), source: "INBOX".into(), value: "1".into() };
    let known = delivery("email.one", "known", "x");
    let entries = JournalBatch { positions: vec![position], leases: vec![lease.clone()], ..batch(&[known.clone(), shop.delivery()]) };
    store.journal(&entries).await.unwrap();
    store.journal(&batch(&[delivery("email.one", "known", "x"), shop.delivery()])).await.unwrap();
    store.position(&shop.tenant, "email.one", "INBOX").await.unwrap();
    store.release_lease(&lease).await.unwrap();
    store.journal_count(&shop.tenant, "email.one", "k").await.unwrap();
    store.journal_keys(&shop.tenant, "email.one", "k", "kn", 10).await.unwrap();
    store.find_delivery(&shop.tenant, "email.one", "known").await.unwrap();
    store.backlog().await.unwrap();
    let claimed = shop.claim().await;
    let aside = |n: usize| Aside { delivery: claimed[n].delivery.id, error: "no".into(), retry_at: None, blameless: false };
    store.set_aside(shop.owner, &[aside(0), aside(1)]).await.unwrap();
    store.release_claims(Some(shop.owner)).await.unwrap();
    store.resolve_quarantine(&shop.tenant, claimed[0].delivery.id, Resolution::Discard, "ops").await.unwrap();
    shop.claim().await;
    store.release_claims(None).await.unwrap();
    let left =
        shop.claim().await.into_iter().map(|one| Aside { delivery: one.delivery.id, error: "no".into(), retry_at: None, blameless: false });
    store.set_aside(shop.owner, &left.collect::<Vec<_>>()).await.unwrap();
    let page = Page { after: Some((Timestamp::now(), known.id)), limit: 50 };
    store.journal_entries(&shop.tenant, Some(JournalState::Quarantined), &page).await.unwrap();
    store.delivery(&shop.tenant, known.id).await.unwrap();

    let question = mail("jan@bouw.example", "Vraag", "Vraag");
    let number = shop.case_of(&shop.receive(question.clone()).await).await.unwrap();
    let reply = answer("jan@bouw.example", &question, "En?");
    let filed = shop.receive_all(vec![question, reply, mail("jan@bouw.example", &format!("Zaak {number}"), &unique("x"))]).await;
    let case = store.case(&shop.tenant, number.parse().unwrap()).await.unwrap().unwrap();
    let messages = store.case_messages(&shop.tenant, case.id, None, 20).await.unwrap();
    store.case_messages(&shop.tenant, case.id, Some(messages[0].id), 20).await.unwrap();
    store.case_events(&shop.tenant, case.id, 20).await.unwrap();
    store.message(&shop.tenant, messages[0].id).await.unwrap();
    store.delivery_messages(&shop.tenant, filed[0].delivery).await.unwrap();
    store.key_by_hash(&keys::hash("x")).await.unwrap();
    outbound_and_orders(shop, case.id, messages[0].id).await;

    let none = CaseFilter::default;
    for filter in [
        none(),
        CaseFilter { class: Some(Class::Complaint), ..none() },
        CaseFilter { status: Some(CaseStatus::Open), ..none() },
        CaseFilter { status: Some(CaseStatus::Closed), ..none() },
        CaseFilter { channel: Some("form.rare".into()), ..none() },
        CaseFilter { review: Some(true), ..none() },
        CaseFilter { review: Some(false), ..none() },
        CaseFilter { language: Some("fr".into()), ..none() },
        CaseFilter { customer: Some("jan@bouw.example".into()), ..none() },
        CaseFilter { since: Some(Timestamp::from_micros(9)), until: Some(Timestamp::now()), ..none() },
        CaseFilter { class: Some(Class::Order), status: Some(CaseStatus::Open), channel: Some("email.old".into()), ..none() },
    ] {
        store.cases(&shop.tenant, &filter, &Page::first(50)).await.unwrap();
        store.cases(&shop.tenant, &filter, &page).await.unwrap();
    }
}

async fn outbound_and_orders(shop: &Shop, case: Uuid, message: Uuid) {
    let store = &shop.store;
    let new = NewOutbound {
        tenant: shop.tenant.clone(),
        sender: "outgoing.main".into(),
        kind: OutboundKind::Reply,
        key: unique("antwoord"),
        case: Some(case),
        message: Some(message),
        delivery: None,
        content: serde_json::json!({ "text": "Morgen." }),
    };
    store.add_outbound(&new, "ops").await.unwrap();
    let (id, _) = store.add_outbound(&new, "ops").await.unwrap();
    let until = Timestamp::now().plus(Duration::from_secs(60));
    let item = store.claim_outbound(&shop.tenant, "outgoing.main", shop.owner, until, 4).await.unwrap().remove(0);
    let prepared = Prepared { identity: Some("1@loket.example".into()), to: vec!["jan@bouw.example".into()], ..Prepared::default() };
    store.keep_prepared(shop.owner, &item, &prepared).await.unwrap();
    store.end_outbound(shop.owner, &item, &OutboundEnd::Failed("550".into())).await.unwrap();
    store.outbound_recently(&shop.tenant, OutboundKind::Reply, "jan@bouw.example", Timestamp::from_micros(0)).await.unwrap();
    store.outbound(&shop.tenant, id).await.unwrap();
    store.retry_outbound(&shop.tenant, id, "ops").await.unwrap();
    store.next_number(&shop.tenant, "edi.acme").await.unwrap();
    let after = Page { after: Some((Timestamp::now(), id)), limit: 50 };
    for state in [None, Some(OutboundState::Failed), Some(OutboundState::Waiting)] {
        for page in [Page::first(50), after] {
            let filter = OutboundFilter { state, ..OutboundFilter::default() };
            store.outbounds(&shop.tenant, &filter, &page).await.unwrap();
        }
    }
    let none = OrderFilter::default;
    for filter in [
        none(),
        OrderFilter { po_number: Some("4711".into()), ..none() },
        OrderFilter { buyer: Some("jan@bouw.example".into()), ..none() },
        OrderFilter { status: Some(OrderStatus::Open), ..none() },
        OrderFilter { since: Some(Timestamp::from_micros(9)), until: Some(Timestamp::now()), ..none() },
    ] {
        store.orders(&shop.tenant, &filter, &after).await.unwrap();
        for order in store.orders(&shop.tenant, &filter, &Page::first(2)).await.unwrap() {
            store.order(&shop.tenant, order.id).await.unwrap();
            store.order_revisions(&shop.tenant, order.id).await.unwrap();
        }
    }
}

static OVERHEARD: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Ear;

impl Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        OVERHEARD.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The statements that sqlx logged, each once.
fn overheard() -> BTreeSet<String> {
    let log = String::from_utf8(std::mem::take(&mut *OVERHEARD.lock().unwrap())).unwrap();
    let events = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    events
        .filter(|event| event["target"] == "sqlx::query")
        .map(|event| {
            let fields = &event["fields"];
            let whole = fields["db.statement"].as_str().unwrap().trim();
            if whole.is_empty() { fields["summary"].as_str().unwrap().into() } else { whole.to_owned() }
        })
        .collect()
}

fn explains(statement: &str) -> bool {
    ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| statement.starts_with(verb))
}

/// The lists that people turn the pages of.
fn is_list(statement: &str) -> bool {
    statement.contains("ORDER BY c.opened_at")
        || statement.contains("ORDER BY m.")
        || statement.contains("FROM event")
        || statement.contains("ORDER BY key")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_goes_by_index() {
    let shop = Shop::open(Place::sqlite().await).await;
    fill(&shop.place).await;
    tracing_subscriber::fmt().json().with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG).with_writer(|| Ear).init();
    everything(&shop).await;
    let statements = overheard();
    assert!(statements.len() > 50, "{statements:#?}");
    let mut looked_at = 0;
    for statement in statements.iter().filter(|statement| explains(statement)) {
        for step in explain_sqlite(&shop.place, statement).await {
            // `SCAN m USING INDEX …` follows an index from its beginning to the limit; `SCAN m` alone is the whole table.
            let table = step.strip_prefix("SCAN ").filter(|name| TABLES.contains(name) || ["c", "d", "m", "p"].contains(name));
            assert_eq!(table, None, "{statement}\n{step}");
            assert!(!(is_list(statement) && step.contains("TEMP B-TREE")), "{statement}\n{step}");
            // What only few cases are must not be picked out of all.
            let picks = ["c.status = 0", "c.review = TRUE", "c.class =", "c.channel =", "c.language =", "c.customer_id ="];
            let through_all = step.contains("cases_opened") && picks.iter().any(|pick| statement.contains(pick));
            assert!(!through_all, "{statement}\n{step}");
        }
        looked_at += 1;
    }
    assert!(looked_at > 40, "{looked_at}");
}

async fn explain_sqlite(place: &Place, statement: &str) -> Vec<String> {
    use sqlx::{Connection, Row};
    let mut connection = sqlx::SqliteConnection::connect(&place.url).await.unwrap();
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"))).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get(3)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_goes_by_index() {
    let settings = ["shared_preload_libraries=auto_explain", "auto_explain.log_min_duration=0", "auto_explain.log_analyze=on"];
    let server = Server::start_with(&settings).unwrap();
    let place = Place::on(server).await;
    let shop = Shop::open(place).await;
    fill(&shop.place).await;
    let before = shop.place.server.as_ref().unwrap().log().len();
    everything(&shop).await;
    let log = shop.place.server.as_ref().unwrap().log().split_off(before);
    let mut looked_at = 0;
    for explained in log.split("Query Text: ").skip(1) {
        let (statement, plan) = explained.split_once('\n').unwrap();
        let plan: String = plan.lines().take_while(|line| line.starts_with('\t')).collect::<Vec<_>>().join("\n");
        let scans = TABLES.iter().any(|table| plan.contains(&format!("Seq Scan on {table}")));
        assert!(!scans, "{statement}\n{plan}");
        assert!(!(is_list(statement) && plan.contains("Sort")), "{statement}\n{plan}");
        // What only few cases are must not be picked out of all.
        let removed = plan.split("Rows Removed by Filter: ").skip(1).filter_map(|rest| rest.split_whitespace().next()?.parse::<u32>().ok());
        assert!(removed.sum::<u32>() < MANY / 10, "{statement}\n{plan}");
        looked_at += 1;
    }
    assert!(looked_at > 60, "{looked_at}");
}
