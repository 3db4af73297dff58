//! A commit that returned is on the disk: whatever the server's defaults are, and whatever somebody changes in the store's own
//! settings one day.

mod place;

use std::process::Command;

use loket_core::store::{self, StoreSettings};
use loket_tests::postgres::{Server, Stop};

use place::{Place, Shop, batch, delivery, mail, unique};

/// The child process of `sqlite_syncs_each_commit` finds here where its database is.
const DATABASE: &str = "LOKET_TEST_DURABILITY_DATABASE";
const COMMITS: usize = 40;

#[tokio::test]
async fn the_stores_say_that_they_are_durable() {
    for place in [Place::sqlite().await, Place::postgres().await] {
        let store = place.open().await;
        assert_eq!(store.weak_points().await.unwrap(), [""; 0], "{}", store.kind());
    }
    // What cannot be switched on from here is told.
    let server = Server::start_with(&["fsync=off", "full_page_writes=off"]).unwrap();
    let store = store::open(&server.database().await.unwrap(), &StoreSettings::default()).await.unwrap();
    let weak = store.weak_points().await.unwrap();
    assert!(weak.len() == 2 && weak[0].contains("fsync = off") && weak[1].contains("full_page_writes = off"), "{weak:?}");
}

/// A server that by default loses the last ten seconds when it crashes. Ours must not.
#[tokio::test]
async fn postgres_keeps_commits_whatever_its_default_is() {
    let server = Server::start_with(&["synchronous_commit=off", "wal_writer_delay=10s", "wal_writer_flush_after=0"]).unwrap();
    let url = server.database().await.unwrap();
    let mut number = 0;
    for _ in 0..2 {
        let store = store::open(&url, &StoreSettings::default()).await.unwrap();
        let last = delivery("email.one", &number.to_string(), "the last one before the crash");
        number += 1;
        store.journal(&batch(&[last])).await.unwrap();
        server.stop(Stop::Immediate).unwrap();
        server.start_again().unwrap();
        let store = store::open(&url, &StoreSettings::default()).await.unwrap();
        assert_eq!(store.totals().await.unwrap().deliveries, number, "an accepted delivery is gone");
    }
    // The same by a connection that leaves the default alone: this server does lose what it did not sync.
    server.execute(&url, "CREATE TABLE unsafe (n INTEGER)").await.unwrap();
    server.execute(&url, "CHECKPOINT").await.unwrap();
    server.execute(&url, "INSERT INTO unsafe VALUES (1)").await.unwrap();
    server.stop(Stop::Immediate).unwrap();
    server.start_again().unwrap();
    server.execute(&url, "DO $$ BEGIN ASSERT (SELECT count(*) FROM unsafe) = 0; END $$").await.unwrap();
}

/// Filing is as durable as accepting: what was told to be filed is filed after a crash.
#[tokio::test]
async fn what_was_filed_stays_filed() {
    let place = Place::postgres().await;
    let shop = Shop::open(place).await;
    shop.receive_all((0..20).map(|n| mail(&format!("klant{n}@bouw.example"), "Vraag", &unique("vraag"))).collect()).await;
    let server = shop.place.server.as_ref().unwrap();
    server.stop(Stop::Immediate).unwrap();
    server.start_again().unwrap();
    let totals = shop.place.open().await.totals().await.unwrap();
    assert_eq!((totals.deliveries, totals.messages, totals.cases), (20, 20, 20));
    assert_eq!(shop.place.open().await.backlog().await.unwrap().pending, 0);
}

/// Counts what the kernel is asked to sync while a child process commits one delivery after the other.
#[test]
fn sqlite_syncs_each_commit() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let mut child = Command::new("strace");
    child.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"]).arg(&trace).arg(std::env::current_exe().unwrap());
    child.args(["--exact", "a_child_that_commits", "--ignored"]);
    child.env(DATABASE, format!("sqlite:{}/loket.db", folder.path().display()));
    let output = child.output().expect("strace is not installed: apt-get install strace");
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let syncs = std::fs::read_to_string(&trace).unwrap().lines().filter(|line| line.contains("sync(") && line.ends_with("= 0")).count();
    // One in each commit at least; with `synchronous=NORMAL` there are a few in all.
    assert!(syncs >= COMMITS, "{syncs} syncs for {COMMITS} commits");
}

#[tokio::test]
#[ignore = "the child process of sqlite_syncs_each_commit"]
async fn a_child_that_commits() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let store = store::open(&url, &StoreSettings::default()).await.unwrap();
    for n in 0..COMMITS {
        store.journal(&batch(&[delivery("email.one", &n.to_string(), "x")])).await.unwrap();
    }
}
