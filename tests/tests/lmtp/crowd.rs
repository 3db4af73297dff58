//! Many clients at once, and slow ones.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::client::Client;
use crate::rig::{Rig, mail};
use crate::{Listener, SUPPORT};

/// Row 21 of the fault table.
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_do_not_keep_others_out() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "").await;
    let mut slow = Vec::new();
    for number in 0..200 {
        // Four times as many as are let in at once; they say nothing, or a little, or stop half-way.
        let mut client = Client::connect(listener.port).await;
        client.send(["", "LH", "LHLO x\r\n", "LHLO x\r\nMAIL FROM:<a@b.example>\r\n"][number % 4]).await;
        slow.push(client);
    }
    let mut others = JoinSet::new();
    for number in 0..20 {
        let port = listener.port;
        others.spawn(async move {
            // One that was let in may have to make room itself before it gets a word in.
            loop {
                let mut client = Client::connect(port).await;
                if client.answer().await.starts_with("220") && client.say("LHLO x").await.starts_with("250") {
                    return client.deliver(&[SUPPORT], &mail(number)).await;
                }
            }
        });
    }
    while let Some(answers) = others.join_next().await {
        assert!(answers.unwrap()[0].starts_with("250 2.0.0"));
    }
    assert_eq!(rig.payloads().await.len(), 20);
    drop(slow);
    listener.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_wait_for_a_free_one() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "connections = 2\n").await;
    // Two at work: a mail half-way is not silence.
    let mut busy = [listener.greeted().await, listener.greeted().await];
    for client in &mut busy {
        client.begin(&[SUPPORT]).await;
        client.send("Subject: x\r\n\r\n").await;
    }
    let mut third = listener.client().await;
    assert!(third.is_silent().await);
    busy[0].send("een\r\n.\r\n").await;
    assert!(busy[0].answer().await.starts_with("250"));
    busy[0].must("QUIT", "221").await;
    third.greet().await;
    assert!(third.deliver(&[SUPPORT], &mail(3)).await[0].starts_with("250"));
    busy[1].send("twee\r\n.\r\n").await;
    assert!(busy[1].answer().await.starts_with("250"));
    listener.running.stop().await;
    assert_eq!(rig.entries().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_mails_wait_for_room_and_small_ones_pass_them() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "").await;
    // Room for two of the largest and some: the third waits before it may begin.
    let mut large = Vec::new();
    for _ in 0..3 {
        let mut client = listener.greeted().await;
        client.must("MAIL FROM:<a@b.example> SIZE=26000000", "250").await;
        client.must("RCPT TO:<support@loket.example>", "250").await;
        large.push(client);
    }
    let mut third = large.pop().unwrap();
    for client in &mut large {
        client.must("DATA", "354").await;
    }
    third.send("DATA\r\n").await;
    assert!(third.is_silent().await);
    assert!(listener.greeted().await.deliver(&[SUPPORT], &mail(1)).await[0].starts_with("250"));
    assert!(third.is_silent().await);
    large[0].send("Subject: een\r\n.\r\n").await;
    assert!(large[0].answer().await.starts_with("250"));
    assert!(third.answer().await.starts_with("354"));
    third.send("Subject: drie\r\n.\r\n").await;
    assert!(third.answer().await.starts_with("250"));
    // Who goes away gives its room back.
    drop(large);
    let mut fourth = listener.greeted().await;
    fourth.must("MAIL FROM:<a@b.example> SIZE=26000000", "250").await;
    fourth.must("RCPT TO:<support@loket.example>", "250").await;
    fourth.must("DATA", "354").await;
    drop(fourth);
    listener.running.stop().await;
    assert_eq!(rig.entries().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_said_nothing_about_their_size_come_through_together() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "max_payload = \"8MB\"\n").await;
    let mut senders = JoinSet::new();
    for number in 0..24_u8 {
        let mut client = listener.greeted().await;
        senders.spawn(async move {
            client.begin(&[SUPPORT]).await;
            let text = [b"Subject: groot\r\n\r\n".to_vec(), vec![b'a' + number; 4 << 20]].concat();
            for part in text.chunks(100_000) {
                client.send(part).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            client.send("\r\n.\r\n").await;
            client.answer().await
        });
    }
    while let Some(answer) = senders.join_next().await {
        let answer = answer.unwrap();
        assert!(answer.starts_with("250 2.0.0"), "{answer}");
    }
    assert_eq!(rig.payloads().await.len(), 24);
    listener.running.stop().await;
}
