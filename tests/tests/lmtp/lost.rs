//! Answers that get lost, and a store that is away.

use std::time::Duration;

use loket_core::health::ChannelState;
use loket_tests::postfix::stuffed;
use loket_tests::random::Random;
use sqlx::{Connection, Executor};

use crate::client::Client;
use crate::rig::{Rig, mail};
use crate::{Listener, SUPPORT, up};

/// Row 20 of the fault table.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_before_the_answer_gives_one_delivery() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "").await;
    let mut random = Random::new(20);
    let to = [SUPPORT, "orders@loket.example"];
    let mut cut_before_the_end = 0;
    for number in 0..100 {
        let wire = [stuffed(&mail(number)), b".\r\n".to_vec()].concat();
        for _ in 0..1 + random.below(3) {
            let mut client = listener.greeted().await;
            client.begin(&to).await;
            // Half of them after the whole mail, the others somewhere in it.
            let length = if random.percent(50) { wire.len() } else { random.below(wire.len()) };
            cut_before_the_end += usize::from(length < wire.len());
            client.try_send(&wire[..length]).await;
        }
        // Its server received it anew as well.
        let resent = [format!("Received: from x by y; {number}\r\n").into_bytes(), mail(number)].concat();
        let answers = listener.greeted().await.deliver(&to, &resent).await;
        assert!(answers.iter().all(|answer| answer.starts_with("250 2.0.0 kept as ")), "{answers:?}");
    }
    assert!((30..200).contains(&cut_before_the_end));
    let status = listener.running.stop().await;
    assert!(status.known > 0 && status.accepted == 200, "{status:?}");
    assert_eq!(rig.entries().await.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_gives_451_and_nothing_is_lost() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "").await;
    rig.sql("ALTER TABLE delivery RENAME TO gone").await;
    let mut client = listener.greeted().await;
    let to = [SUPPORT, "orders@loket.example"];
    let answers = client.deliver(&to, &mail(1)).await;
    assert!(answers.iter().all(|answer| answer == "451 4.3.0 it cannot be stored now; try again"), "{answers:?}");
    let status = listener.running.status();
    assert_eq!(status.state, ChannelState::Up);
    assert!(status.last_error.unwrap().contains("its sender was told to try again"));
    rig.sql("ALTER TABLE gone RENAME TO delivery").await;
    let answers = client.deliver(&to, &mail(1)).await;
    assert!(answers.iter().all(|answer| answer.starts_with("250 2.0.0 kept as ")), "{answers:?}");
    assert_eq!(client.deliver(&to, &mail(1)).await, answers);
    let status = listener.running.stop().await;
    assert_eq!((status.accepted, status.known), (2, 2));
    assert!(status.last_success.is_some());
    assert_eq!(rig.entries().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_takes_too_long_is_refused_and_known_later() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "commit_timeout = \"1s\"\n").await;
    // Somebody else writes, and takes its time.
    let url = format!("sqlite:{}", rig.path("loket.db").display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let mut client = listener.greeted().await;
    assert_eq!(client.deliver(&[SUPPORT], &mail(1)).await, ["451 4.3.0 it was not stored in time; try again"]);
    other.execute("ROLLBACK").await.unwrap();
    // It is committed now although nobody waits for it, or it is not: the sender comes again in either case.
    loop {
        let answer = client.deliver(&[SUPPORT], &mail(1)).await.remove(0);
        if answer.starts_with("250 2.0.0 kept as ") {
            break;
        }
        assert!(answer.starts_with("451 4.3.0"), "{answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    listener.running.stop().await;
    assert_eq!(rig.entries().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_take_a_mail_once() {
    let rig = Rig::postgres().await;
    let listeners = [Listener::start(&rig, "").await, Listener::start(&rig, "").await];
    // The channel has the same name in both, so one mail that is sent to both is one delivery.
    for number in 0..20 {
        let mut clients: [Client; 2] = [listeners[0].greeted().await, listeners[1].greeted().await];
        let [one, two] = &mut clients;
        let (bytes, to) = (mail(number), [SUPPORT]);
        let (first, second) = tokio::join!(one.deliver(&to, &bytes), two.deliver(&to, &bytes));
        assert!(first[0].starts_with("250 2.0.0 kept as ") && first == second, "{first:?} {second:?}");
    }
    let mut totals = (0, 0);
    for listener in listeners {
        let status = listener.running.stop().await;
        totals = (totals.0 + status.accepted, totals.1 + status.known);
    }
    assert_eq!(totals, (20, 20));
    assert_eq!(rig.entries().await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_leaves_no_socket_in_the_way() {
    let rig = Rig::new().await;
    let socket = rig.path("loket.sock");
    // What a process leaves that was killed.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let toml = format!("lmtp = \"unix:{}\"\n", socket.display());
    let running = up(rig.run(&toml)).await;
    let mut client = Client::connect_to(&socket).await;
    client.greet().await;
    client.begin(&[SUPPORT]).await;
    client.send("Subject: x\r\n\r\nhalf").await;
    running.kill().await;
    assert_eq!(client.rest().await, "");
    let running = up(rig.run(&toml)).await;
    let mut client = Client::connect_to(&socket).await;
    client.greet().await;
    assert!(client.deliver(&[SUPPORT], b"Subject: x\r\n\r\nhalf").await[0].starts_with("250"));
    running.stop().await;
    assert_eq!(rig.entries().await.len(), 1);
}
