use std::path::PathBuf;

use loket_core::config::{Report, parse};

use super::*;

fn partner(text: &str) -> (Option<EdiConfig>, Vec<String>) {
    let report = Report::new(text);
    let mut root = parse(text, &report);
    let partner = read("acme", &mut root);
    root.finish();
    (partner, report.into_faults().iter().map(ToString::to_string).collect())
}

const SFTP: &str = "[sftp]\nhost = \"sftp.example.nl\"\nuser = \"loket\"\nkey = \"file:/etc/loket/acme-key\"\n\
                    host_keys = [\"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]\nfolder = \"/out/\"\n";
const AS2: &str = "[as2]\nour_id = \"LOKET\"\npartner_id = \"ACME\"\nkey = \"file:/etc/loket/as2.key\"\ncertificate = \"/etc/loket/as2.pem\"\n\
                   partner_certificates = [\"/etc/loket/acme.pem\"]\nurl = \"https://as2.acme.example/as2\"\n";

#[test]
fn a_folder_is_a_partner() {
    let (found, faults) = partner("folder = \"/var/spool/acme\"\n");
    assert_eq!(faults, [""; 0]);
    let found = found.unwrap();
    assert_eq!((found.max_payload, found.tenant.as_str(), found.only_known), (128 << 20, "main", false));
    assert_eq!((found.acknowledge, found.ack_kind, found.control_numbers), (Acknowledge::WhenAsked, AckKind::Auto, ControlNumbers::Unique));
    assert_eq!(found.formats.len(), 6);
    assert_eq!(found.resources(), ["folder /var/spool/acme"]);
    assert_eq!(found.answer(), Answer { sender: "edi.acme".into(), by_itself: ByItself::EdiAcknowledgement, order_responses: true });
    let Transport::Folder(folder) = found.transport else { panic!("not a folder") };
    assert_eq!((folder.done, folder.out), (PathBuf::from("/var/spool/acme/done"), PathBuf::from("/var/spool/acme/out")));
}

#[test]
fn who_gives_ids_means_only_those() {
    let (found, faults) = partner("folder = \"f\"\npartner_ids = [\"ZZ/ACME\"]\nacknowledge = \"never\"\nresponses = false\n");
    assert_eq!(faults, [""; 0]);
    let found = found.unwrap();
    assert!(found.only_known && found.partner_ids[0].is("ZZ", "acme "));
    assert_eq!((found.answer().by_itself, found.answer().order_responses), (ByItself::Nothing, false));
}

#[test]
fn a_server_is_a_partner() {
    let (found, faults) = partner(&format!("responses = false\nacknowledge = \"never\"\n{SFTP}"));
    assert_eq!(faults, [""; 0]);
    let found = found.unwrap();
    assert_eq!(found.resources(), ["folder /out of loket on sftp://sftp.example.nl:22"]);
    assert_eq!(found.missing().len(), 1, "{:?}", found.missing());
    let Transport::Sftp(sftp) = found.transport else { panic!("not SFTP") };
    assert_eq!((sftp.port, sftp.after, sftp.out), (22, AfterTaken::Move("/out/done".into()), None));
}

#[test]
fn an_as2_pair_is_a_partner() {
    let (found, faults) = partner(AS2);
    assert_eq!(faults, [""; 0]);
    let found = found.unwrap();
    assert_eq!(found.resources(), ["AS2 pair ACME to LOKET"]);
    assert!(found.missing().iter().any(|missing| missing.contains("as2.key")), "{:?}", found.missing());
    let Transport::As2(as2) = found.transport else { panic!("not AS2") };
    assert_eq!((as2.mdn, as2.mdn_signed, as2.require_signature, as2.require_encryption), (Mdn::Sync, true, true, true));
    assert!(as2.sign.is_some() && as2.encrypt.is_some() && as2.compress.is_none() && !as2.allow_sha1 && !as2.allow_3des);
}

#[test]
fn every_mistake_is_named() {
    let table = [
        ("", "add `folder = \"…\"` for files on this machine"),
        ("folder = \"f\"\n[sftp]\nhost = \"h\"\n", "one of them only"),
        ("folder = \"f\"\ntenant = \"A B\"\n", "tenant: a tenant's name"),
        ("folder = \"f\"\nonly_known = true\n", "needs `partner_ids`"),
        ("folder = \"f\"\npartner_ids = [\"ZZ/\"]\n", "partner_ids: `ZZ/` is not an id"),
        ("folder = \"f\"\nour_ids = [\"A\", \"A\"]\n", "our_ids: `A` is there twice"),
        ("folder = \"f\"\nformats = [\"csv\"]\n", "`csv` is not a format; known are x12"),
        ("folder = \"f\"\nformats = []\n", "formats: without a format"),
        ("folder = \"f\"\ncharset = \"ut f\"\n", "charset: expected the name"),
        ("folder = \"f\"\ntimezone = \"Mars/Olympus\"\n", "timezone: this system knows no time zone"),
        ("folder = \"f\"\nack_kind = \"824\"\n", "ack_kind: expected one of \"auto\", \"997\""),
        ("folder = \"f\"\ndone = \".\"\nfailed = \"\"\n", "failed: files that were taken cannot stay"),
        ("folder = \"f\"\nout = \"done\"\n", "out: what goes to the partner needs a folder of its own"),
        ("folder = \"f\"\nhost = \"h\"\n", "host: unknown key"),
        (SFTP, "sftp: `out` is missing"),
        ("[sftp]\nhost = \"h:22\"\nuser = \"u\"\nkey = \"env:K\"\nfolder = \"x\"\n", "sftp.host: expected a host name"),
        ("[sftp]\nhost = \"h\"\nuser = \"u\"\nkey = \"env:K\"\nfolder = \"x\"\n", "`host_keys` is missing"),
        (
            "[sftp]\nhost = \"h\"\nuser = \"u\"\nkey = \"env:K\"\nfolder = \"x\"\nhost_keys = [\"yes\"]\n",
            "sftp.host_keys: expected a fingerprint",
        ),
        ("[sftp]\nhost = \"h\"\nuser = \"u\"\nkey = \"env:K\"\npassword = \"env:P\"\nfolder = \"x\"\n", "not both"),
        ("[sftp]\nhost = \"h\"\nuser = \"u\"\nfolder = \"x\"\n", "`key` is missing"),
        ("[sftp]\nhost = \"h\"\nuser = \"u\"\npassword = \"hunter2\"\nfolder = \"x\"\n", "sftp.password: a secret is not written here"),
        (
            "[sftp]\nhost = \"h\"\nuser = \"u\"\nkey = \"env:K\"\nfolder = \"x\"\nout = \"x/\"\n",
            "sftp.out: what is put there would be fetched",
        ),
        ("[sftp]\nhost = \"h\"\nuser = \"u\"\nkey = \"env:K\"\nfolder = \"x\"\ndone = \"x\"\n", "sftp.done: files that were taken"),
        (
            "[sftp]\nhost = \"h\"\nuser = \"u\"\nkey = \"env:K\"\nfolder = \"x\"\nafter = \"delete\"\ndone = \"d\"\n",
            "goes with after = \"move\"",
        ),
        ("[sftp]\nhost = \"h\"\nuser = \"u\"\nkey = \"env:K\"\nfolder = \"x\"\npol = \"5s\"\n", "did you mean `poll`?"),
        ("[as2]\nour_id = \"A\"\npartner_id = \"A\"\n", "as2.partner_id: the partner's AS2 identifier cannot be ours"),
        ("[as2]\nour_id = \" A\"\npartner_id = \"B\"\n", "as2.our_id: an AS2 identifier has"),
        ("[as2]\nour_id = \"A\"\npartner_id = \"B\"\ncertificate = \"c\"\n", "`key` is missing"),
        ("[as2]\nour_id = \"A\"\npartner_id = \"B\"\nkey = \"file:k\"\ncertificate = \"c\"\n", "`partner_certificates` is missing"),
        (
            "[as2]\nour_id = \"A\"\npartner_id = \"B\"\nkey = \"file:k\"\ncertificate = \"c\"\ncipher = \"rc2\"\n",
            "as2.cipher: unknown cipher",
        ),
        ("[as2]\nour_id = \"A\"\npartner_id = \"B\"\nkey = \"file:k\"\ncertificate = \"c\"\nmdn = \"async\"\n", "needs `mdn_url`"),
        (
            "[as2]\nour_id = \"A\"\npartner_id = \"B\"\nkey = \"file:k\"\ncertificate = \"c\"\nurl = \"ftp://x\"\n",
            "as2.url: expected a URL",
        ),
        (
            "[as2]\nour_id = \"A\"\npartner_id = \"B\"\nkey = \"file:k\"\ncertificate = \"c\"\nurl = \"https://u:hunter2@x\"\n",
            "does not belong in",
        ),
    ];
    for (text, part) in table {
        let (_, faults) = partner(text);
        assert!(faults.iter().any(|fault| fault.contains(part)), "{part} is not in {faults:?} of\n{text}");
        assert!(!faults.iter().any(|fault| fault.contains("hunter2")), "{faults:?}");
    }
    let (_, faults) = partner(&AS2.replace("url = \"https://as2.acme.example/as2\"\n", ""));
    assert!(faults.iter().any(|fault| fault.contains("as2: `url` is missing")), "{faults:?}");
}
