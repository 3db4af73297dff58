//! Archives of every kind on disk.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use loket_channel_email::import::{self, ImportError, Mail};
use loket_core::delivery::TRUNCATED_FROM;
use tempfile::TempDir;

const MAX: u64 = 1_000_000;

fn import(path: &Path) -> (Vec<Mail>, Vec<ImportError>) {
    let (mut mails, mut errors) = (Vec::new(), Vec::new());
    for found in import::mails(path, MAX) {
        match found {
            Ok(mail) => mails.push(mail),
            Err(error) => errors.push(error),
        }
    }
    (mails, errors)
}

fn mail(subject: &str, body: &str) -> String {
    format!("From: Jan <jan@example.nl>\nSubject: {subject}\n\n{body}\n")
}

fn bodies(mails: &[Mail]) -> Vec<String> {
    mails.iter().map(|mail| String::from_utf8_lossy(&mail.bytes).split_once("\n\n").unwrap().1.to_owned()).collect()
}

#[test]
fn files_are_known_by_their_content_and_walked_in_order() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("b/diep")).unwrap();
    fs::write(at("a.txt"), mail("een", "Een")).unwrap();
    fs::write(at("b/2.eml"), mail("twee", "Twee")).unwrap();
    fs::write(at("b/diep/3"), mail("drie", "Drie")).unwrap();
    fs::write(at("c.mbox"), format!("From jan@example.nl Tue Nov 24 09:30:00 2026\n{}\n", mail("vier", "Vier"))).unwrap();
    fs::write(at("d.eml"), "Dit is geen mail.\n").unwrap();
    fs::write(at("e.eml"), "").unwrap();
    fs::write(at("e.txt"), "").unwrap();
    fs::write(at("e2.txt"), "Dit is ook geen mail.\n").unwrap();
    fs::write(at("f.png"), b"\x89PNG\r\n\x1a\n\0\0").unwrap();
    let (mut mails, errors) = import(folder.path());
    // What is called .eml is taken whatever is in it.
    let called = mails.split_off(4);
    assert_eq!(called.iter().map(|mail| &*mail.bytes).collect::<Vec<_>>(), [&b"Dit is geen mail.\n"[..], b""]);
    assert_eq!(bodies(&mails), ["Een\n", "Twee\n", "Drie\n", "Vier\n"]);
    assert!(mails[3].origin.ends_with("c.mbox@0"), "{}", mails[3].origin);
    let reasons: Vec<String> =
        errors.iter().map(|error| format!("{} {}", error.path.file_name().unwrap().to_string_lossy(), error.reason)).collect();
    assert_eq!(reasons, ["e.txt empty", "e2.txt not a mail: no header of one in it", "f.png not a mail: no header of one in it"]);
}

#[test]
fn the_key_is_that_of_the_bytes_wherever_they_are() {
    let folder = TempDir::new().unwrap();
    let text = mail("x", "Regel\nFrom hier af");
    fs::write(folder.path().join("a.eml"), &text).unwrap();
    let quoted = text.replace("\nFrom hier", "\n>From hier");
    fs::write(
        folder.path().join("b.mbox"),
        format!("From - Tue Nov 24 09:30:00 2026\n{quoted}\nFrom - Tue Nov 24 09:31:00 2026\n{quoted}\n"),
    )
    .unwrap();
    let (mails, errors) = import(folder.path());
    assert!(errors.is_empty());
    assert_eq!(mails.len(), 3);
    assert!(mails.iter().all(|other| other.key == mails[0].key && other.bytes == mails[0].bytes));
    assert!(mails[0].key.starts_with("sha256:") && mails[0].key.len() == 71);
    assert_eq!(import(folder.path()).0, mails);
}

#[test]
fn mbox_of_all_kinds() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("archive");
    for (kind, text, expected) in [
        (
            "mboxrd",
            "From a@example.nl Tue Nov 24 09:30:00 2026\nFrom: a@example.nl\n\n>>From dieper\n> From citaat\n\nFrom b@example.nl Tue Nov 24 09:31:00 2026\nFrom: b@example.nl\n\nTwee\n",
            vec![">From dieper\n> From citaat\n", "Twee\n"],
        ),
        (
            "CRLF",
            "From a@example.nl Tue Nov 24 09:30:00 2026\r\nFrom: a@example.nl\n\nEen\r\n\r\nFrom b@example.nl Tue Nov 24 09:31:00 2026\r\nFrom: b@example.nl\n\nTwee\r\n\r\n",
            vec!["Een\r\n", "Twee\r\n"],
        ),
        (
            "no date",
            "From a@example.nl\nFrom: a@example.nl\n\nEen\n\nFrom b@example.nl\nFrom: b@example.nl\n\nTwee\n",
            vec!["Een\n", "Twee\n"],
        ),
        (
            "no blank lines",
            "From a@example.nl Tue Nov 24 09:30:00 2026\nFrom: a@example.nl\n\nEen\nFrom b@example.nl Tue Nov 24 09:31:00 2026\nFrom: b@example.nl\n\nTwee",
            vec!["Een\n", "Twee"],
        ),
        (
            "prose",
            "From a@example.nl Tue Nov 24 09:30:00 2026\nFrom: a@example.nl\n\nEen\n\nFrom now on at 10:00 we are open.\nAlso in 2026.\n",
            vec!["Een\n\nFrom now on at 10:00 we are open.\nAlso in 2026.\n"],
        ),
        // The length is right: what looks like a mail within is part of the text.
        (
            "mboxcl2",
            "From a@example.nl Tue Nov 24 09:30:00 2026\nFrom: a@example.nl\nContent-Length: 72\n\nDit kreeg ik:\n\nFrom x@example.nl Tue Nov 24 09:30:00 2026\nFrom: x@y.zz\n\n\nFrom b@example.nl Tue Nov 24 09:31:00 2026\nFrom: b@example.nl\n\nTwee\n",
            vec!["Dit kreeg ik:\n\nFrom x@example.nl Tue Nov 24 09:30:00 2026\nFrom: x@y.zz\n\n", "Twee\n"],
        ),
        // The length is wrong: nothing is believed.
        (
            "lying length",
            "From a@example.nl Tue Nov 24 09:30:00 2026\nFrom: a@example.nl\nContent-Length: 20\n\nEen\n\nFrom b@example.nl Tue Nov 24 09:31:00 2026\nFrom: b@example.nl\n\nTwee\n",
            vec!["Een\n", "Twee\n"],
        ),
        (
            "torn",
            "\n\nFrom a@example.nl Tue Nov 24 09:30:00 2026\nFrom: a@example.nl\n\nEen\n\nFrom b@example.nl Tue Nov 24 09:31:00 2026\nFrom: b@example.nl\n\nTw",
            vec!["Een\n", "Tw"],
        ),
    ] {
        fs::write(&path, text).unwrap();
        let (mails, errors) = import(&path);
        assert!(errors.is_empty(), "{kind}: {errors:?}");
        assert_eq!(bodies(&mails), expected, "{kind}");
    }
}

#[test]
fn a_bad_mail_in_an_mbox_is_said_and_passed_over() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("archive");
    fs::write(&path, "From a@example.nl Tue Nov 24 09:30:00 2026\nFrom: a@example.nl\n\nEen\n\nFrom b@example.nl Tue Nov 24 09:31:00 2026\n\nFrom c@example.nl Tue Nov 24 09:32:00 2026\nFrom: c@example.nl\n\nDrie\n").unwrap();
    let (mails, errors) = import(&path);
    assert_eq!(bodies(&mails), ["Een\n", "Drie\n"]);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().contains("archive: at byte 68: not a mail"), "{}", errors[0]);
}

#[test]
fn a_maildir_gives_its_mails_and_their_flags() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["cur", "new", "tmp", ".Archief/cur", ".Archief/new", ".Archief/tmp"] {
        fs::create_dir_all(at(name)).unwrap();
    }
    fs::write(at("cur/1700000001.M1P1.host:2,FS"), mail("een", "Een")).unwrap();
    fs::write(at("new/1700000002.M1P1.host"), mail("twee", "Twee")).unwrap();
    fs::write(at("tmp/1700000003.M1P1.host"), mail("half", "Half")).unwrap();
    fs::write(at(".Archief/cur/1700000004.M1P1.host:2,"), mail("oud", "Oud")).unwrap();
    fs::write(at("dovecot-uidlist"), "3 V1 N5\n").unwrap();
    let (mails, errors) = import(folder.path());
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(bodies(&mails), ["Oud\n", "Een\n", "Twee\n"]);
    assert_eq!(mails.iter().map(|mail| mail.flags.as_deref()).collect::<Vec<_>>(), [None, Some("FS"), None]);
    assert_eq!(mails[1].envelope().get("flags").and_then(|flags| flags.as_str()), Some("FS"));
}

#[test]
fn large_mails_are_cut_and_known_by_all_their_bytes() {
    let folder = TempDir::new().unwrap();
    let large = mail("groot", &"x".repeat(3_000_000));
    let other = mail("groot", &("x".repeat(2_999_999) + "y"));
    fs::write(folder.path().join("a.eml"), &large).unwrap();
    fs::write(folder.path().join("b.mbox"), format!("From - Tue Nov 24 09:30:00 2026\n{other}\n")).unwrap();
    let (mails, errors) = import(folder.path());
    assert!(errors.is_empty());
    assert_eq!(mails[0].bytes.len() as u64, MAX);
    assert_eq!(mails[0].truncated_from, Some(large.len() as u64));
    assert_eq!(mails[0].envelope().get(TRUNCATED_FROM).and_then(|size| size.as_u64()), Some(large.len() as u64));
    assert_eq!(mails[1].truncated_from, Some(other.len() as u64));
    assert_ne!(mails[0].key, mails[1].key);
}

#[test]
fn many_mails_come_one_by_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("archive.mbox");
    let text: String =
        (0..20_000).map(|n| format!("From a@example.nl Tue Nov 24 09:30:00 2026\n{}\n", mail(&n.to_string(), "Tekst"))).collect();
    fs::write(&path, text).unwrap();
    let mut mails = import::mails(&path, MAX);
    assert!(mails.next().unwrap().unwrap().bytes.starts_with(b"From: Jan"));
    assert_eq!(mails.count(), 19_999);
}

#[cfg(unix)]
#[test]
fn links_and_devices_are_not_followed() {
    let folder = TempDir::new().unwrap();
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("geheim.eml"), mail("geheim", "Geheim")).unwrap();
    fs::write(folder.path().join("a.eml"), mail("een", "Een")).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("map")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("geheim.eml"), folder.path().join("z.eml")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let (mails, errors) = import(folder.path());
    assert_eq!(bodies(&mails), ["Een\n"]);
    assert_eq!(
        errors.iter().map(|error| error.reason.as_str()).collect::<Vec<_>>(),
        ["a symbolic link; it was not followed", "not a regular file", "a symbolic link; it was not followed"]
    );
    // What is named is taken, link or not.
    assert_eq!(import(&folder.path().join("z.eml")).0.len(), 1);
}

#[test]
fn what_is_not_there_is_said() {
    let folder = TempDir::new().unwrap();
    let (mails, errors) = import(&folder.path().join("nergens"));
    assert!(mails.is_empty());
    assert!(errors[0].to_string().contains("nergens: cannot be read"), "{}", errors[0]);
}
