//! What is said, and what is answered.

use std::os::unix::fs::PermissionsExt;

use loket_core::health::ChannelState;
use loket_tests::daemon::free_port;
use loket_tests::postfix::{stuffed, swaks};

use crate::client::Client;
use crate::rig::{Rig, mail};
use crate::{Listener, SUPPORT, up};

async fn swaks_with(arguments: Vec<String>) -> String {
    tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        swaks(&arguments).unwrap_or_else(|error| panic!("{error:#}"))
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn swaks_delivers_to_socket_and_port() {
    let rig = Rig::new().await;
    let socket = rig.path("run/loket.sock");
    let by_socket = up(rig.run(&format!("lmtp = \"unix:{}\"\nmode = \"0666\"\n", socket.display()))).await;
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o666);
    let by_port = Listener::start(&rig, "").await;
    let arguments = |more: &[&str]| -> Vec<String> {
        let usual = ["--protocol", "LMTP", "--from", "marloes@terwindt.example", "--helo", "mx.loket.example", "--body", "Hoi.\n.\n..\n"];
        usual.iter().chain(more).map(|text| (*text).to_owned()).collect()
    };
    let talk = swaks_with(arguments(&["--socket", &socket.to_string_lossy(), "--to", SUPPORT, "--pipeline"])).await;
    assert!(talk.contains("<-  250 2.0.0 kept as ") && talk.contains("<-  221 2.0.0 bye"), "{talk}");
    let to = "support@loket.example,Orders@Loket.Example,support+7@loket.example";
    let port = by_port.port.to_string();
    let talk = swaks_with(arguments(&["--server", "127.0.0.1", "--port", &port, "--to", to])).await;
    assert!(talk.contains("<-  250 2.0.0 kept as "), "{talk}");
    let entries = rig.wait_for_entries(4).await;
    let first = &entries[0];
    assert_eq!(first.media_type, "message/rfc822");
    let texts = ["protocol", "mail_from", "rcpt_to", "helo", "auth"].map(|name| first.envelope[name].as_str().unwrap());
    assert_eq!(texts, ["lmtp", "marloes@terwindt.example", SUPPORT, "mx.loket.example", "none"]);
    assert!(first.envelope["peer"].as_str().unwrap().starts_with("unix, uid "));
    assert_eq!(entries[1].envelope["peer"], "127.0.0.1");
    let mut names: Vec<&str> = entries[1..].iter().map(|entry| entry.key.split(':').nth(1).unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["orders@loket.example", "support+7@loket.example", SUPPORT]);
    let bytes = rig.payload(first.id).await;
    assert!(bytes.ends_with(b"\r\n\r\nHoi.\r\n.\r\n..\r\n\r\n\r\n"), "{}", String::from_utf8_lossy(&bytes));
    let status = by_socket.stop().await;
    assert_eq!((status.accepted, status.known, status.state), (1, 0, ChannelState::Stopped));
    assert!(!socket.exists());
    assert_eq!(by_port.running.stop().await.accepted, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recipient_has_an_answer_of_its_own() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "recipients = [\"support@loket.example\", \"@orders.example\"]\nmax_recipients = 3\n").await;
    let mut client = listener.greeted().await;
    client.must("MAIL FROM:<> BODY=8BITMIME SMTPUTF8", "250").await;
    client.must("RCPT TO:<sales@loket.example>", "550 5.1.1").await;
    client.must("DATA", "503 5.5.1 the mail has no recipient").await;
    client.must("RCPT TO:<Support+Zaak@Loket.example>", "250").await;
    client.must("RCPT TO:<a@orders.example>", "250").await;
    client.must("RCPT TO:<A@Orders.Example>", "250").await;
    client.must("RCPT TO:<b@orders.example>", "452 4.5.3").await;
    client.must("DATA", "354").await;
    client.send(b"Subject: =?utf-8?q?caf=C3=A9?=\r\n\r\n\0\xff een regel zonder eind").await;
    assert!(client.is_silent().await);
    client.send(b"\r\n.\r\n").await;
    let answers = client.answers(3).await;
    assert!(answers.iter().all(|answer| answer.starts_with("250 2.0.0 kept as ")), "{answers:?}");
    assert!(answers[0] != answers[1] && answers[1] == answers[2], "{answers:?}");
    client.must("QUIT", "221").await;
    assert_eq!(client.rest().await, "");
    let entries = rig.wait_for_entries(2).await;
    let envelope = &entries.iter().find(|entry| entry.key.starts_with("lmtp:support+zaak@")).unwrap().envelope;
    assert_eq!((&envelope["mail_from"], &envelope["rcpt_to"]), (&"".into(), &"Support+Zaak@Loket.example".into()));
    assert_eq!(envelope["smtputf8"], true);
    assert_eq!(rig.payload(entries[0].id).await, b"Subject: =?utf-8?q?caf=C3=A9?=\r\n\r\n\0\xff een regel zonder eind\r\n");
    listener.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_commands_are_answered_in_their_order() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "").await;
    let mut client = listener.greeted().await;
    for number in 0..20 {
        client
            .send("RSET\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@loket.example>\r\nRCPT TO:<bad\r\nRCPT TO:<y@loket.example>\r\nDATA\r\n")
            .await;
        let answers = client.answers(6).await;
        let codes: Vec<&str> = answers.iter().map(|answer| &answer[..3]).collect();
        assert_eq!(codes, ["250", "250", "250", "501", "250", "354"]);
        // The end of the mail, and the next commands with it.
        client.send([stuffed(&mail(number)), b".\r\nNOOP\r\n".to_vec()].concat()).await;
        let codes: Vec<String> = client.answers(3).await.iter().map(|answer| answer[..9].to_owned()).collect();
        assert_eq!(codes, ["250 2.0.0", "250 2.0.0", "250 2.0.0"]);
    }
    rig.wait_for_entries(40).await;
    assert_eq!(rig.payloads().await.into_iter().collect::<Vec<_>>().len(), 20);
    // A mail that is sent without waiting for the answer to DATA could be taken for commands.
    client.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<x@loket.example>\r\nDATA\r\nSubject: x\r\n\r\nQUIT\r\n.\r\n").await;
    let rest = client.rest().await;
    assert!(rest.starts_with("250 2.1.0") && rest.contains("421 4.7.0 the mail comes after"), "{rest}");
    assert!(!rest.contains("354"), "{rest}");
    listener.running.stop().await;
    assert_eq!(rig.entries().await.len(), 40);
}

/// Row 22 of the fault table.
#[tokio::test(flavor = "multi_thread")]
async fn smuggled_mails_are_refused() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "").await;
    let mut client = listener.greeted().await;
    let ends = [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r.\r\n",
        "\r\n.\r",
        "\r.\n",
        "\n.\r",
        "\n\n.\n",
        "\r\r.\r\r",
        "\r\n.\r\r\n",
        "\0\n.\n",
        "\n..\n",
    ];
    for end in ends {
        client.begin(&[SUPPORT, "orders@loket.example"]).await;
        let mail = format!(
            "Subject: harmless\r\n\r\nHoi{end}MAIL FROM:<boss@loket.example>\r\nRCPT TO:<support@loket.example>\r\nDATA\r\nSubject: forged\r\n\r\nPay.\r\n.\r\n"
        );
        client.send(mail).await;
        let answers = client.answers(2).await;
        assert!(answers.iter().all(|answer| answer.starts_with("550 5.6.0 ")), "{end:?}: {answers:?}");
        client.must("NOOP", "250").await;
        client.must("DATA", "503").await;
    }
    // A good mail makes up for the mistakes made, and a stray CR is no attack.
    let stray = b"Subject: old\r\n\r\nfrom an old\rprogram\r\r\n\r.no end\r\n";
    assert!(client.deliver(&[SUPPORT], stray).await[0].starts_with("250"));
    // In commands too: one line is one command.
    client.must("NOOP\nMAIL FROM:<a@b.example>", "500 5.5.2").await;
    assert!(client.answer().await.starts_with("250 2.1.0"));
    client.must("RCPT TO:<a@loket.example>\rDATA", "500 5.5.2").await;
    client.must("DATA", "503 5.5.1 the mail has no recipient").await;
    client.must("RSET", "250").await;
    rig.wait_for_entries(1).await;
    assert_eq!(rig.payloads().await.into_keys().next().unwrap(), stray);
    listener.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_a_mail_wrongly_and_hangs_up_hears_why() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "").await;
    // As with `printf … | nc`: the sender's side ends, the other is still read.
    let mut client = listener.greeted().await;
    client.begin(&[SUPPORT]).await;
    client.send("Subject: x\n\nHoi\n.\n").await;
    client.hang_up().await;
    assert!(client.rest().await.starts_with("550 5.6.0 the mail has a line feed without"));
    listener.running.stop().await;
    assert_eq!(rig.entries().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_mails_are_refused_before_and_after_they_come() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "max_payload = \"64KB\"\n").await;
    let mut client = listener.client().await;
    client.answer().await;
    let offered = client.say("LHLO x").await;
    assert!(offered.contains("250-SIZE 65536\r\n"), "{offered}");
    client.must("MAIL FROM:<a@b.example> SIZE=65537", "552 5.3.4").await;
    client.must("MAIL FROM:<a@b.example> SIZE=65536", "250").await;
    client.must("RSET", "250").await;
    let most = [b"Subject: x\r\n\r\n".to_vec(), vec![b'x'; 65_536 - 16], b"\r\n".to_vec()].concat();
    for size in ["", " SIZE=10"] {
        // One byte more than is taken, and a thousand times that.
        for larger in [1, 64 << 20] {
            client.must(&format!("MAIL FROM:<a@b.example>{size}"), "250").await;
            client.must("RCPT TO:<support@loket.example>", "250").await;
            client.must("RCPT TO:<orders@loket.example>", "250").await;
            client.must("DATA", "354").await;
            client.send(&most).await;
            for _ in 0..(larger >> 20) {
                client.send(vec![b'x'; 1 << 20]).await;
            }
            client.send("y\r\n.\r\n").await;
            let answers = client.answers(2).await;
            assert!(answers.iter().all(|answer| answer.starts_with("552 5.3.4 ")), "{answers:?}");
        }
    }
    assert!(client.deliver(&[SUPPORT], &most).await[0].starts_with("250"));
    assert_eq!(rig.wait_for_entries(1).await[0].size, 65_536);
    listener.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_ends_the_conversation() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "").await;
    let mut client = listener.client().await;
    client.answer().await;
    client.must("EHLO x", "500 5.5.1 this is LMTP").await;
    client.must("GET / HTTP/1.1", "500 5.5.1").await;
    client.must(&"x".repeat(999), "500 5.5.2 the line is too long").await;
    client.must(&"x".repeat(50_000), "500 5.5.2 the line is too long").await;
    client.send(vec![0xff; 17]).await;
    client.send("\r\n").await;
    assert!(client.answer().await.starts_with("500 5.5.2"));
    for _ in 0..14 {
        client.must("x", "500 5.5.1").await;
    }
    client.must("x", "421 4.7.0 too many mistakes").await;
    assert_eq!(client.rest().await, "");
    // A line without end.
    let mut client = listener.greeted().await;
    while client.try_send(&[b'x'; 4_096]).await {}
    let rest = client.rest().await;
    assert!(rest.is_empty() || rest.starts_with("421 4.7.0 the line has no end"), "{rest}");
    // A TLS hello, and nothing at all.
    let mut client = listener.client().await;
    client.answer().await;
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n").await;
    assert!(client.answer().await.starts_with("500"));
    drop(client);
    drop(listener.client().await);
    assert!(listener.greeted().await.deliver(&[SUPPORT], b"Subject: x\r\n\r\n").await[0].starts_with("250"));
    listener.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_slow_is_told_so() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "timeout = \"3s\"\ndata_timeout = \"5s\"\n").await;
    let mut silent = listener.client().await;
    let mut halfway = listener.greeted().await;
    halfway.send("MAIL FR").await;
    let mut stalled = listener.greeted().await;
    stalled.begin(&[SUPPORT]).await;
    stalled.send("Subject: x\r\n").await;
    let mut trickling = listener.greeted().await;
    trickling.begin(&[SUPPORT]).await;
    let trickle = async {
        while trickling.try_send(b"x\r\n").await {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        trickling.rest().await
    };
    let (silent, halfway, stalled, trickled) = tokio::join!(silent.rest(), halfway.rest(), stalled.rest(), trickle);
    assert_eq!(silent, "220 loket LMTP\r\n421 4.4.2 nothing was said for too long\r\n");
    assert_eq!(halfway, "421 4.4.2 nothing was said for too long\r\n");
    assert_eq!(stalled, "421 4.4.2 the mail comes too slowly\r\n");
    assert!(trickled.is_empty() || trickled == stalled, "{trickled}");
    listener.running.stop().await;
    assert_eq!(rig.entries().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_in_use_is_said_and_taken_when_it_is_free() {
    let rig = Rig::new().await;
    let toml = format!("lmtp = \"unix:{}\"\n", rig.path("loket.sock").display());
    let first = up(rig.run(&toml)).await;
    let second = rig.run(&toml);
    let status = second.wait_until("a refusal", |status| status.state == ChannelState::Retrying).await;
    let error = status.last_error.unwrap();
    assert!(error.contains("another process listens on socket") && error.contains("loket.sock"), "{error}");
    let mut client = Client::connect_to(&rig.path("loket.sock")).await;
    client.greet().await;
    first.stop().await;
    let second = up(second).await;
    // A file that is taken away is put there again.
    std::fs::remove_file(rig.path("loket.sock")).unwrap();
    second.wait_until("a new socket", |_| rig.path("loket.sock").exists()).await;
    let second = up(second).await;
    let mut client = Client::connect_to(&rig.path("loket.sock")).await;
    client.greet().await;
    assert!(client.deliver(&[SUPPORT], &mail(1)).await[0].starts_with("250"));
    second.stop().await;

    let port = free_port();
    let other = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let waiting = rig.run(&format!("lmtp = \"127.0.0.1:{port}\"\n"));
    let status = waiting.wait_until("a refusal", |status| status.state == ChannelState::Retrying).await;
    assert!(status.last_error.unwrap().contains("another process listens on port"));
    drop(other);
    up(waiting).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_mails_under_way_finish() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "").await;
    let mut idle = listener.greeted().await;
    let mut begun = listener.greeted().await;
    begun.must("MAIL FROM:<a@b.example>", "250").await;
    let mut sending = listener.greeted().await;
    sending.begin(&[SUPPORT]).await;
    sending.send("Subject: x\r\n\r\nHal").await;
    let port = listener.port;
    let stopping = tokio::spawn(listener.running.stop());
    assert!(idle.rest().await.starts_with("421 4.3.2 stopping"));
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
    sending.send("lo\r\n.\r\n").await;
    assert!(sending.answer().await.starts_with("250 2.0.0"));
    assert!(sending.rest().await.starts_with("421 4.3.2 stopping"));
    begun.must("RCPT TO:<support@loket.example>", "250").await;
    begun.must("RSET", "250").await;
    assert!(begun.rest().await.starts_with("421 4.3.2 stopping"));
    stopping.await.unwrap();
    assert_eq!(rig.entries().await.len(), 1);
}
