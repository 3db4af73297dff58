//! Servers that talk nonsense: a clear error, no panic, no memory, and no mail lost or made up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use loket_core::health::ChannelState;
use loket_tests::random::Random;

use super::fake::{Fake, fetched, usual};
use super::rig::{Rig, mail};

fn mails(number: usize) -> Vec<Vec<u8>> {
    (0..number).map(mail).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_a_clear_error() {
    let table: Vec<(&str, &'static str, Vec<u8>, &str)> = vec![
        ("no IMAP", "GREETING", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "not IMAP"),
        ("bytes", "GREETING", vec![0xff; 5_000], "said nothing for 2s|has stopped"),
        ("goodbye", "GREETING", b"* BYE full, come back later\r\n".to_vec(), "full, come back later"),
        ("an endless line", "CAPABILITY", vec![b'x'; 300_000], "a line of more than 256 KB"),
        ("an endless tail", "CAPABILITY", [b"* CAPABILITY ".as_slice(), &[b'('; 100]].concat(), "more than 64 parentheses"),
        ("no UIDVALIDITY", "EXAMINE", b"* 3 EXISTS\r\n{tag} OK done\r\n".to_vec(), "no UIDVALIDITY"),
        ("UIDVALIDITY 0", "EXAMINE", b"* OK [UIDVALIDITY 0] .\r\n{tag} OK done\r\n".to_vec(), "no UIDVALIDITY"),
        ("a refusal", "UID FETCH", b"{tag} NO [SERVERBUG] oops\r\n".to_vec(), "oops"),
        ("a 4 GB mail", "BODY.PEEK", b"* 1 FETCH (UID 1 BODY[] {4294967295}\r\nabc".to_vec(), "4294967295 bytes where at most"),
        ("a date that the parser panics on", "BODY.PEEK", b"* 1 FETCH (UID 1 INTERNALDATE NIL)\r\n{tag} OK\r\n".to_vec(), "makes no sense"),
        ("half a mail", "BODY.PEEK", b"* 1 FETCH (UID 1 BODY[] {500}\r\nabc{close}".to_vec(), "the connection broke"),
        ("NUL", "UID FETCH", b"* 1 FETCH (UID 1\0)\r\n".to_vec(), "not IMAP"),
        (
            "goodbye in between",
            "UID FETCH",
            b"* 1 FETCH (UID 1 RFC822.SIZE 100)\r\n* BYE maintenance\r\n{close}".to_vec(),
            "closed the connection, saying: maintenance",
        ),
        ("words before the parser's cut", "CAPABILITY", "{tag} NO [ALERT]é\r\n".into(), "CAPABILITY failed"),
    ];
    for (what, when, answer, error) in table {
        let fake = Fake::start(mails(3), move |command| command.contains(when).then(|| answer.clone())).await;
        let rig = Rig::new().await;
        let channel = rig.run(&fake.toml(&rig, ""));
        let status = channel.wait_until(what, |status| status.last_error.is_some()).await;
        let said = status.last_error.unwrap();
        assert!(error.split('|').any(|error| said.contains(error)), "{what}: {said}");
        assert!(said.len() < 1_000, "{what}: {said}");
        assert_eq!(rig.entries().await.len(), 0, "{what}");
        channel.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_ends_early_is_not_taken_for_the_whole() {
    // Closed between two mails, as tidily as can be.
    let tries = Arc::new(AtomicU32::new(0));
    let fake = Fake::start(mails(4), {
        let tries = Arc::clone(&tries);
        move |command| {
            if !command.contains("BODY.PEEK") || tries.fetch_add(1, Ordering::Relaxed) > 0 {
                return None;
            }
            Some([fetched(1, &mail(0), command), b"{close}".to_vec()].concat())
        }
    })
    .await;
    let rig = Rig::new().await;
    let channel = rig.run(&fake.toml(&rig, "poll = \"1s\"\n"));
    rig.wait_for_entries(4).await;
    assert_eq!(rig.payloads().await.len(), 4);
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_mail_that_is_refused_does_not_stop_the_others_and_is_an_alarm() {
    let given = Arc::new(AtomicU32::new(0));
    let all = mails(5);
    let fake = Fake::start(all.clone(), {
        let given = Arc::clone(&given);
        move |command| {
            if !command.contains("BODY.PEEK") || given.load(Ordering::Relaxed) > 0 {
                return None;
            }
            // Everything but mail 3.
            let answer = String::from_utf8_lossy(&usual(command, &all)).into_owned();
            let (before, third) = answer.split_at(answer.find("* 3 FETCH").unwrap_or(answer.len()));
            let after = third.find("* 4 FETCH").or(third.find("{tag}")).map_or("", |at| &third[at..]);
            Some(format!("{before}{after}").replace("{tag} OK done", "{tag} NO [SERVERBUG] cannot read that one").into_bytes())
        }
    })
    .await;
    let rig = Rig::new().await;
    let toml = fake.toml(&rig, "poll = \"1s\"\nreconcile = \"1s\"\n");
    let channel = rig.run(&toml);
    rig.wait_for_entries(4).await;
    let status = channel.wait_until("an alarm", |status| status.missing == Some(1) && status.state == ChannelState::Up).await;
    let error = status.last_error.unwrap();
    assert!(error.contains("does not give mail 3 of folder `INBOX`; it says: [SERVERBUG] cannot read that one"), "{error}");
    channel.wait_for_round().await;
    assert_eq!(channel.status().missing, Some(1));
    channel.stop().await;
    // It can be had again: it comes, and the alarm ends.
    given.store(1, Ordering::Relaxed);
    let channel = rig.run(&toml);
    rig.wait_for_entries(5).await;
    channel.wait_until("the end of the alarm", |status| status.missing == Some(0)).await;
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_kills_the_connection_is_passed_by() {
    let all = mails(6);
    let fake = Fake::start(all, |command| {
        let set = command.strip_prefix("UID FETCH ")?.split(' ').next()?;
        let asks_for_3 = command.contains("BODY.PEEK") && (set == "1:6" || set == "3" || set == "3:6");
        asks_for_3.then(Vec::new)
    })
    .await;
    let rig = Rig::new().await;
    let channel = rig.run(&fake.toml(&rig, "poll = \"1s\"\nreconcile = \"1s\"\n"));
    rig.wait_for_entries(5).await;
    channel.wait_until("an alarm", |status| status.missing == Some(1) && status.state == ChannelState::Up).await;
    // And it does not kill one connection after the other.
    let before = fake.connections();
    channel.wait_for_round().await;
    channel.wait_for_round().await;
    assert!(fake.connections() <= before + 1, "{} after {before}", fake.connections());
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_that_are_lies_cost_no_memory_and_no_mail() {
    let mut large = mail(1);
    large.resize(100_000, b'x');
    let all = vec![mail(0), large.clone(), mail(2)];
    let fake = Fake::start(all.clone(), {
        let all = all.clone();
        move |command| {
            // Says 10 bytes of every mail, and gives all of it where it is not asked for a part.
            if command.contains("BODY.PEEK[]<0.65536>") {
                let part: Vec<Vec<u8>> = all.iter().map(|mail| mail[..mail.len().min(65_536)].to_vec()).collect();
                return Some(usual(command, &part));
            }
            if command.contains("(UID RFC822.SIZE)") {
                let lies: Vec<Vec<u8>> = all.iter().map(|_| vec![b'x'; 10]).collect();
                return Some(usual(command, &lies));
            }
            None
        }
    })
    .await;
    let rig = Rig::new().await;
    let channel = rig.run(&fake.toml(&rig, "max_payload = \"64KB\"\npoll = \"1s\"\n"));
    rig.wait_for_entries(3).await;
    let payloads = rig.payloads().await;
    assert!(payloads.contains_key(&large[..65_536]) && payloads.contains_key(&all[0]) && payloads.contains_key(&all[2]));
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uids_that_fall_are_read_again() {
    let rig = Rig::new().await;
    let before = Fake::start(mails(20), |_| None).await;
    let channel = rig.run(&before.toml(&rig, ""));
    rig.wait_for_entries(20).await;
    channel.stop().await;
    // Restored from an old copy, the server has UIDs 1 to 3 again, for other mails, under the same UIDVALIDITY.
    let after = Fake::start((100..103).map(mail).collect(), |_| None).await;
    let channel = rig.run(&after.toml(&rig, ""));
    let entries = rig.wait_for_entries(23).await;
    assert_eq!(entries.iter().filter(|entry| entry.key.starts_with("INBOX/9.1/")).count(), 3);
    assert_eq!(rig.payloads().await.len(), 23);
    channel.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_any_length_is_listed_in_parts() {
    let many: Vec<Vec<u8>> = (0..10_300).map(|number| format!("Subject: {number}\r\n\r\n").into_bytes()).collect();
    let fake = Fake::start(many.clone(), |_| None).await;
    let rig = Rig::new().await;
    let channel = rig.run(&fake.toml(&rig, "poll = \"1s\"\n"));
    rig.wait_for_entries(10_300).await;
    let status = channel.wait_until_up().await;
    assert_eq!((status.accepted, status.known, status.missing), (10_300, 0, Some(0)));
    channel.stop().await;
    // Three lists, the last one empty, and searches that each fit a line.
    let heard = fake.heard();
    let mut lists: Vec<&str> =
        heard.iter().filter_map(|command| command.strip_prefix("UID FETCH ")?.strip_suffix(":* (UID RFC822.SIZE)")).collect();
    lists.dedup();
    assert_eq!(lists, ["1", "10001", "10301"]);
    assert_eq!(heard.iter().filter(|command| command.starts_with("UID SEARCH")).count(), 3);
    assert_eq!(rig.payloads().await.len(), 10_300);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_that_sets_seen_or_goes_by_date() {
    let rig = Rig::new().await;
    let fake = Fake::start(mails(3), |_| None).await;
    let channel = rig.run(&fake.toml(&rig, "poll = \"1s\"\nreconcile = \"1s\"\n"));
    rig.wait_for_entries(3).await;
    channel.wait_for_round().await;
    channel.wait_for_round().await;
    channel.stop().await;
    let heard = fake.heard();
    assert!(heard.iter().any(|command| command.contains("BODY.PEEK[]")));
    for command in heard {
        let command = command.to_ascii_uppercase();
        assert!(!["BODY[", "RFC822)", "SEEN", "SINCE", "BEFORE", "STORE"].iter().any(|word| command.contains(word)), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_answers_of_every_kind_end_in_errors_only() {
    let answers = Arc::new(AtomicU32::new(0));
    let all = mails(6);
    let fake = Fake::start(all.clone(), {
        let answers = Arc::clone(&answers);
        move |command| {
            let number = answers.fetch_add(1, Ordering::Relaxed);
            if number >= 300 || command == "GREETING" || !number.is_multiple_of(3) {
                return None;
            }
            let mut random = Random::new(u64::from(number));
            let mut answer = usual(command, &all);
            for _ in 0..=random.below(4) {
                let at = random.below(answer.len());
                match random.below(3) {
                    0 => answer[at] = random.below(256) as u8,
                    1 => answer.truncate(at),
                    _ => {
                        let piece: &[u8] = random.pick(&[
                            b"(".as_slice(),
                            b"{99}\r\n",
                            b"\r\n",
                            b"\"",
                            b"NIL",
                            b"* BYE\r\n",
                            b"{tag} NO x\r\n",
                            b"]\xc3\xa9",
                        ]);
                        answer.splice(at..at, piece.iter().copied());
                    }
                }
                if answer.is_empty() {
                    break;
                }
            }
            answer.extend(b"{close}");
            Some(answer)
        }
    })
    .await;
    let rig = Rig::new().await;
    let channel = rig.run(&fake.toml(&rig, "poll = \"1s\"\nreconcile = \"1s\"\n"));
    channel.wait_until("the end of the damage", |_| answers.load(Ordering::Relaxed) > 300).await;
    channel.wait_for_round().await;
    channel.wait_until_up().await;
    channel.stop().await;
}
