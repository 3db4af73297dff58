//! What makes a mail the same delivery when it is sent again.
//!
//! The key is the recipient and a digest of the mail. Headers that each server on the way adds are left out of the digest: the
//! server before ours may have had to receive the mail a second time as well. A mail without a Date keeps them: two mails that
//! a machine sends with the very same words are then told apart by the times in them.

use sha2::{Digest, Sha256};

/// A recipient longer than this is in the key by its digest.
const LONGEST: usize = 256;

/// Headers that are added on the way, in lower case.
const TRACE: [&[u8]; 10] = [
    b"received",
    b"return-path",
    b"delivered-to",
    b"x-original-to",
    b"envelope-to",
    b"delivery-date",
    b"x-received",
    b"received-spf",
    b"authentication-results",
    b"arc-authentication-results",
];

/// The key of a mail with this digest for a recipient: at most 400 bytes.
pub(super) fn key(recipient: &str, digest: &str) -> String {
    let recipient = recipient.to_lowercase();
    if recipient.len() <= LONGEST {
        format!("lmtp:{recipient}:{digest}")
    } else {
        format!("lmtp:#{}:{digest}", hex(&Sha256::digest(recipient)))
    }
}

/// The digest of a mail, in lower-case hex.
pub(super) fn digest(mail: &[u8]) -> String {
    if !header(mail).any(|line| is_field(line, b"date")) {
        return hex(&Sha256::digest(mail));
    }
    let mut hash = Sha256::new();
    let mut length = 0;
    let mut leave_out = false;
    for line in header(mail) {
        length += line.len();
        // A line that begins with white space belongs to the field before it.
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            leave_out = TRACE.iter().any(|name| is_field(line, name));
        }
        if !leave_out {
            hash.update(line);
        }
    }
    hash.update(mail.get(length..).unwrap_or_default());
    hex(&hash.finalize())
}

/// The lines before the first empty one, each with its end.
fn header(mail: &[u8]) -> impl Iterator<Item = &[u8]> {
    mail.split_inclusive(|&b| b == b'\n').take_while(|line| !line.trim_ascii_end().is_empty())
}

fn is_field(line: &[u8], name: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|&b| b == b':') else { return false };
    line.get(..colon).is_some_and(|found| found.trim_ascii_end().eq_ignore_ascii_case(name))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_way_of_a_mail_makes_no_difference_and_everything_else_does() {
        let mail = digest(b"Received: from a\r\n\tby b; today\r\nFrom: a@example.nl\r\nDate: today\r\n\r\nHoi\r\n");
        for same in [
            "Return-Path: <a@example.nl>\r\nRECEIVED : from c\r\n by b; tomorrow\r\nFrom: a@example.nl\r\nDate: today\r\n\r\nHoi\r\n",
            "From: a@example.nl\r\nDelivered-To: b@example.nl\r\nX-Original-To: b\r\nDate: today\r\nAuthentication-Results: x\r\n y\r\n\r\nHoi\r\n",
        ] {
            assert_eq!(digest(same.as_bytes()), mail, "{same}");
        }
        for other in [
            "From: a@example.nl\r\nDate: today\r\n\r\nHoi!\r\n",
            "From: b@example.nl\r\nDate: today\r\n\r\nHoi\r\n",
            "From: a@example.nl\r\nDate: tomorrow\r\n\r\nHoi\r\n",
            "From: a@example.nl\r\nDate: today\r\n\r\nReceived: here\r\nHoi\r\n",
            "From: a@example.nl\r\nReceived-By: x\r\nDate: today\r\n\r\nHoi\r\n",
        ] {
            assert_ne!(digest(other.as_bytes()), mail, "{other}");
        }
    }

    #[test]
    fn mails_of_a_machine_that_says_no_date_are_told_apart_by_their_way() {
        let mail = |time: &str| format!("Received: by b; {time}\r\nFrom: alarm@example.nl\r\n\r\nDate: none\r\n");
        assert_ne!(digest(mail("09:00").as_bytes()), digest(mail("10:00").as_bytes()));
        assert_eq!(digest(mail("09:00").as_bytes()), digest(mail("09:00").as_bytes()));
    }

    #[test]
    fn keys_are_bounded_and_have_no_case() {
        let digest = digest(b"x");
        assert_eq!(key("Support@Example.NL", &digest), format!("lmtp:support@example.nl:{digest}"));
        let long = "é".repeat(400);
        assert!(key(&long, &digest).len() <= 400 && key(&long, &digest) != key(&long[2..], &digest));
        assert!(key(&"x".repeat(LONGEST), &digest).len() <= 400);
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_digest(mail: Vec<u8>) {
            prop_assert_eq!(digest(&mail).len(), 64);
        }

        #[test]
        fn a_trace_line_on_top_never_matters_to_a_mail_with_a_date(mail in "(From|To|X-A): [ -~]{0,20}\r\nDate: x\r\n\r\n[ -~\r\n]{0,50}") {
            prop_assert_eq!(digest(format!("Received: here\r\n\tand there\r\n{mail}").as_bytes()), digest(mail.as_bytes()));
        }
    }
}
