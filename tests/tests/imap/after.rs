//! What happens to mails on the server after the commit.

use loket_tests::dovecot::{Client, Server};
use loket_tests::wait_for;

use super::rig::{PATIENCE, Rig, mail};
use super::{USER, over_tls, server_with, start};

/// Waits until a search in a folder finds so many mails.
async fn wait_for_mails(people: &mut Client, folder: &str, query: &str, number: usize) {
    let mut last = Vec::new();
    let seen = wait_for(PATIENCE, async || {
        last = match people.command(&format!("EXAMINE \"{folder}\"")) {
            Ok(_) => people.search(&format!("UID SEARCH {query}")).unwrap(),
            Err(_) => Vec::new(),
        };
        (last.len() == number).then_some(())
    })
    .await;
    assert!(seen.is_ok(), "{folder} has {last:?} for {query}, wanted {number}");
}

/// Servers that can everything, that cannot MOVE, and that cannot remove single mails either.
fn servers() -> [Server; 3] {
    ["", "imap_capability = IMAP4rev1 IDLE UIDPLUS AUTH=PLAIN\n", "imap_capability = IMAP4rev1 IDLE AUTH=PLAIN\n"]
        .map(|settings| start(&[USER], settings))
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_get_a_keyword_and_nothing_else() {
    let server = server_with(0..30);
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "after = \"flag\"\n"));
    rig.wait_for_entries(30).await;
    let mut people = server.client(USER).unwrap();
    wait_for_mails(&mut people, "INBOX", "KEYWORD $Loket UNSEEN", 30).await;
    server.deliver(USER, "INBOX", &mail(30)).unwrap();
    wait_for_mails(&mut people, "INBOX", "KEYWORD $Loket UNSEEN", 31).await;
    channel.stop().await;
    assert_eq!(rig.entries().await.len(), 31);
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_move_to_a_folder_that_is_made_for_them() {
    for server in servers() {
        for number in 0..12 {
            server.deliver(USER, "INBOX", &mail(number)).unwrap();
        }
        let mut people = server.client(USER).unwrap();
        people.command("SELECT INBOX").unwrap();
        people.command("STORE 3 +FLAGS (\\Seen)").unwrap();
        let rig = Rig::new().await;
        let channel = rig.run(&over_tls(&server, "after = \"move\"\nmove_to = \"Filed/Loket é\"\nbatch_bytes = \"64KB\"\n"));
        rig.wait_for_entries(12).await;
        wait_for_mails(&mut people, "Filed/Loket &AOk-", "UNDELETED", 12).await;
        wait_for_mails(&mut people, "Filed/Loket &AOk-", "SEEN", 1).await;
        wait_for_mails(&mut people, "INBOX", "ALL", 0).await;
        let status = channel.wait_until_up().await;
        assert_eq!((status.accepted, status.missing, status.last_error), (12, Some(0), None));
        channel.stop().await;
        assert_eq!(rig.entries().await.len(), 12);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_deleted_but_for_what_was_cut() {
    for server in servers() {
        let mut large = mail(7);
        large.resize(100_000, b'x');
        for mail in [&mail(0), &large, &mail(1)] {
            server.deliver(USER, "INBOX", mail).unwrap();
        }
        let rig = Rig::new().await;
        let channel = rig.run(&over_tls(&server, "after = \"delete\"\nmax_payload = \"64KB\"\nreconcile = \"1s\"\nidle_renew = \"1s\"\n"));
        rig.wait_for_entries(3).await;
        let mut people = server.client(USER).unwrap();
        wait_for_mails(&mut people, "INBOX", "ALL", 1).await;
        channel.wait_for_round().await;
        channel.wait_for_round().await;
        wait_for_mails(&mut people, "INBOX", "LARGER 90000 UNDELETED", 1).await;
        channel.stop().await;
        // Allowed more, the channel still knows that it has only a part.
        let channel = rig.run(&over_tls(&server, "after = \"delete\"\n"));
        channel.wait_until_up().await;
        wait_for_mails(&mut people, "INBOX", "LARGER 90000 UNDELETED", 1).await;
        channel.stop().await;
        assert_eq!(rig.entries().await.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_marked_as_deleted_is_not_removed() {
    // A server that can only remove everything that is marked, and a mail that we leave alone and somebody marked.
    let [_, _, server] = servers();
    let mut large = mail(7);
    large.resize(100_000, b'x');
    for mail in [&mail(0), &large, &mail(1)] {
        server.deliver(USER, "INBOX", mail).unwrap();
    }
    let mut people = server.client(USER).unwrap();
    people.command("SELECT INBOX").unwrap();
    people.command("UID STORE 2 +FLAGS (\\Deleted)").unwrap();
    let rig = Rig::new().await;
    let channel = rig.run(&over_tls(&server, "after = \"delete\"\nmax_payload = \"64KB\"\n"));
    rig.wait_for_entries(3).await;
    channel.wait_until_up().await;
    wait_for_mails(&mut people, "INBOX", "UID 1,3 DELETED", 2).await;
    wait_for_mails(&mut people, "INBOX", "ALL", 3).await;
    // Not marked any more, it stays, and ours go.
    people.command("SELECT INBOX").unwrap();
    people.command("UID STORE 2 -FLAGS (\\Deleted)").unwrap();
    channel.stop().await;
    let channel = rig.run(&over_tls(&server, "after = \"delete\"\nmax_payload = \"64KB\"\n"));
    wait_for_mails(&mut people, "INBOX", "UID 2", 1).await;
    wait_for_mails(&mut people, "INBOX", "ALL", 1).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_undone_is_done_later() {
    for after in ["after = \"flag\"\n", "after = \"move\"\nmove_to = \"Done\"\n", "after = \"delete\"\n"] {
        let server = server_with(0..10);
        let rig = Rig::new().await;
        // In the journal, and nothing done on the server: as if the process had died between the two.
        let channel = rig.run(&over_tls(&server, ""));
        rig.wait_for_entries(10).await;
        channel.kill().await;
        rig.sql("UPDATE lease SET until = 0").await;
        let channel = rig.run(&over_tls(&server, after));
        let mut people = server.client(USER).unwrap();
        match after.contains("flag") {
            true => wait_for_mails(&mut people, "INBOX", "KEYWORD $Loket", 10).await,
            false => wait_for_mails(&mut people, "INBOX", "ALL", 0).await,
        }
        if after.contains("Done") {
            wait_for_mails(&mut people, "Done", "ALL", 10).await;
        }
        channel.stop().await;
        assert_eq!(rig.entries().await.len(), 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_server_is_reported_and_stops_nothing() {
    let server = start(&[USER], "");
    server.deliver(USER, "INBOX", &mail(1)).unwrap();
    let rig = Rig::new().await;
    // `INBOX/a//b` is no folder that Dovecot makes.
    let channel = rig.run(&over_tls(&server, "after = \"move\"\nmove_to = \"a//b\"\n"));
    rig.wait_for_entries(1).await;
    let status = channel.wait_until("an error", |status| status.last_error.is_some()).await;
    assert!(status.last_error.unwrap().contains("the server refuses what `after` says"));
    server.deliver(USER, "INBOX", &mail(2)).unwrap();
    rig.wait_for_entries(2).await;
    channel.stop().await;
}
