//! Behind a real Postfix, which pushes what it takes in.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use loket_tests::postfix::{CUSTOMERS, Server};
use loket_tests::wait_for;

use crate::rig::{PATIENCE, Rig, mail};
use crate::{Listener, SUPPORT, up};

/// A Postfix that passes mail for our domain on to a listener.
fn start(transport: &str, more: &str) -> Server {
    let settings = format!("relay_domains = loket.example\nrelay_transport = lmtp:{transport}\n{more}");
    Server::start(&settings).unwrap_or_else(|error| panic!("{error:#}"))
}

fn send(postfix: &Server, to: &[&str], mail: &[u8]) -> String {
    postfix.send("marloes@terwindt.example", to, mail).unwrap_or_else(|error| panic!("{error:#}"))
}

async fn wait_until_empty(postfix: &Server) {
    let empty = wait_for(PATIENCE, async || postfix.queue().unwrap().is_empty().then_some(())).await;
    assert!(empty.is_ok(), "{:?}\n{}", postfix.queue().unwrap(), postfix.log());
}

async fn wait_for_log(postfix: &Server, words: &str) {
    let seen = wait_for(PATIENCE, async || postfix.log().contains(words).then_some(())).await;
    assert!(seen.is_ok(), "{words} is not in\n{}", postfix.log());
}

/// Waits until so many recipients' mail is deferred, for reasons in which these words are.
async fn wait_until_deferred(postfix: &Server, recipients: usize, words: &str) {
    let deferred = wait_for(PATIENCE, async || {
        let queue = postfix.queue().unwrap();
        let waiting: Vec<_> = queue.iter().filter(|mail| mail.queue == "deferred").flat_map(|mail| &mail.recipients).collect();
        (waiting.len() == recipients && waiting.iter().all(|(_, reason)| reason.contains(words))).then_some(())
    })
    .await;
    assert!(deferred.is_ok(), "{:?}\n{}", postfix.queue().unwrap(), postfix.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_arrives_once_as_it_was_sent() {
    let rig = Rig::new().await;
    fs::set_permissions(rig.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let socket = rig.path("loket.sock");
    let by_socket = up(rig.run(&format!("lmtp = \"unix:{}\"\nmode = \"0666\"\n", socket.display()))).await;
    let by_port = Listener::start(&rig, "").await;
    for transport in [format!("unix:{}", socket.display()), format!("inet:127.0.0.1:{}", by_port.port)] {
        let before = rig.entries().await.len();
        // Older ones pass stray CRs on; this one does when told so.
        let postfix = start(&transport, "cleanup_replace_stray_cr_lf = no\n");
        // What servers between us like to change: dots, stray CRs, long lines, eight bits, no header, an empty mail.
        let mut mails: Vec<Vec<u8>> =
            (0..40).map(|number| [format!("X-By: {transport}\r\n").into_bytes(), mail(number)].concat()).collect();
        let header = format!(
            "From: a@terwindt.example\r\nMessage-ID: <odd@terwindt.example>\r\nDate: Tue, 24 Nov 2026 09:30:00 +0100\r\nX-By: {transport}\r\nSubject: "
        );
        for odd in [
            "punten\r\n\r\n.\r\n..\r\n.x\r\n. \r\n",
            "verdwaald\r\n\r\neen oud\rprogramma\r\n",
            "acht bits\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nCafé à la crème €\r\n",
            "leeg\r\n\r\n",
        ] {
            mails.push(format!("{header}{odd}").into_bytes());
        }
        for bytes in &mails {
            send(&postfix, &[SUPPORT], bytes);
        }
        rig.wait_for_entries(before + mails.len()).await;
        wait_until_empty(&postfix).await;
        let stored: Vec<Vec<u8>> = rig.payloads().await.into_keys().collect();
        for bytes in &mails {
            let found = stored.iter().filter(|stored| stored.ends_with(bytes)).count();
            assert_eq!(found, 1, "{} in\n{}", String::from_utf8_lossy(bytes), postfix.log());
        }
        assert!(!postfix.log().contains("warning:"), "{}", postfix.log());
    }
    let entries = rig.entries().await;
    assert!(entries.iter().all(|entry| entry.envelope["mail_from"] == "marloes@terwindt.example" && entry.envelope["rcpt_to"] == SUPPORT));
    by_socket.stop().await;
    by_port.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_recipients_the_null_sender_and_names_beyond_ascii() {
    let rig = Rig::new().await;
    let listener =
        Listener::start(&rig, "recipients = [\"support@loket.example\", \"orders@loket.example\", \"vragen-één@loket.example\"]\n").await;
    // Some addresses of a domain that other mail stays in, as docs/channels/email.md has it.
    let lmtp = format!("lmtp:inet:127.0.0.1:{}", listener.port);
    let settings = format!(
        "relay_domains = loket.example\nrelay_transport = error:5.1.1 not here\nrecipient_delimiter = +\ntransport_maps = inline:{{ {{ {SUPPORT} = {lmtp} }}, \
         {{ orders@loket.example = {lmtp} }}, {{ nobody@loket.example = {lmtp} }}, {{ vragen-één@loket.example = {lmtp} }} }}\n"
    );
    let postfix = Server::start(&settings).unwrap_or_else(|error| panic!("{error:#}"));
    send(&postfix, &[SUPPORT, "orders@loket.example", "nobody@loket.example", "support+zaak7@loket.example"], &mail(5));
    rig.wait_for_entries(3).await;
    // Who is not taken here is told to the sender by its own server.
    wait_for_log(&postfix, "550 5.1.1 no mail is taken for this recipient").await;
    postfix.send("", &[SUPPORT], b"From: MAILER-DAEMON@klant.example\r\nSubject: Undelivered\r\n\r\nweg\r\n").unwrap();
    postfix.send("josé@bücher.example", &["vragen-één@loket.example"], &mail(6)).unwrap();
    let entries = rig.wait_for_entries(5).await;
    wait_until_empty(&postfix).await;
    assert_eq!(entries[3].envelope["mail_from"], "");
    assert!(rig.payload(entries[3].id).await.starts_with(b"Return-Path: <>\r\n"));
    assert_eq!(entries[4].envelope["mail_from"], "josé@bücher.example");
    assert_eq!((&entries[4].envelope["smtputf8"], &entries[4].envelope["rcpt_to"]), (&true.into(), &"vragen-één@loket.example".into()));
    let shared = rig.payload(entries[0].id).await;
    assert!(shared.ends_with(&mail(5)) && shared == rig.payload(entries[1].id).await);
    assert_eq!(listener.running.stop().await.known, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_keeps_mail_in_the_queue() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "").await;
    let postfix = start(&format!("inet:127.0.0.1:{}", listener.port), "");
    rig.sql("ALTER TABLE delivery RENAME TO gone").await;
    for number in 0..10 {
        send(&postfix, &[SUPPORT, "orders@loket.example"], &mail(number));
    }
    wait_until_deferred(&postfix, 20, "451 4.3.0 it cannot be stored now").await;
    // The listener away as well, and back.
    let toml = listener.toml.clone();
    listener.running.stop().await;
    postfix.flush().unwrap();
    wait_until_deferred(&postfix, 20, "Connection refused").await;
    rig.sql("ALTER TABLE gone RENAME TO delivery").await;
    assert!(rig.entries().await.is_empty());
    let running = up(rig.run(&toml)).await;
    postfix.flush().unwrap();
    rig.wait_for_entries(20).await;
    wait_until_empty(&postfix).await;
    let status = running.stop().await;
    assert_eq!((status.accepted, status.known), (20, 0));
    assert_eq!(rig.payloads().await.values().copied().collect::<Vec<_>>(), [2; 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_recipients_come_in_turns() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "max_recipients = 3\n").await;
    let postfix = start(&format!("inet:127.0.0.1:{}", listener.port), "");
    let names: Vec<String> = (0..8).map(|number| format!("r{number}@loket.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    send(&postfix, &names, &mail(1));
    for left in [5, 2] {
        wait_until_deferred(&postfix, left, "452 4.5.3 too many recipients").await;
        assert_eq!(rig.entries().await.len(), 8 - left);
        postfix.flush().unwrap();
    }
    let entries = rig.wait_for_entries(8).await;
    wait_until_empty(&postfix).await;
    let mut taken: Vec<&str> = entries.iter().map(|entry| entry.envelope["rcpt_to"].as_str().unwrap()).collect();
    taken.sort_unstable();
    assert_eq!(taken, names);
    listener.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_goes_back_to_its_sender() {
    let rig = Rig::new().await;
    let listener = Listener::start(&rig, "max_payload = \"100KB\"\n").await;
    let to = format!("inet:127.0.0.1:{}", listener.port);
    // One that heeds the size that we offer, and one that does not.
    let heeds = start(&to, "");
    let ignores = start(&to, "lmtp_discard_lhlo_keywords = size\n");
    let large = [mail(7), b"regel\r\n".repeat(20_000)].concat();
    let sender = format!("jan@{CUSTOMERS}");
    for (number, postfix, words) in [(8, &heeds, "exceeds size limit"), (9, &ignores, "552 5.3.4 the mail is larger than 102400 bytes")] {
        postfix.send(&sender, &[SUPPORT, "orders@loket.example"], &large).unwrap();
        postfix.send(&sender, &[SUPPORT], &mail(number)).unwrap();
        let bounced = wait_for(PATIENCE, async || postfix.kept().unwrap().pop()).await;
        let bounce = String::from_utf8_lossy(&bounced.unwrap_or_else(|error| panic!("{error}\n{}", postfix.log()))).replace('\n', " ");
        assert!(bounce.contains("Diagnostic-Code") && postfix.log().contains(words), "{bounce}\n{}", postfix.log());
        wait_until_empty(postfix).await;
    }
    let entries = rig.wait_for_entries(2).await;
    assert!(entries.iter().all(|entry| entry.size < 2_000));
    listener.running.stop().await;
}
