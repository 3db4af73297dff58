//! A mail that came whole: into the journal, and an answer for each recipient.

use std::collections::BTreeMap;

use bytes::Bytes;
use loket_core::delivery::{Delivery, Envelope};
use loket_core::intake::{AcceptError, Accepted};
use tokio::time::timeout;

use super::dialogue::{Reply, Transaction};
use super::key;
use super::session::Service;

/// Bytes that the deliveries of one mail have together, at most; one alone may be larger. Who sent it to more recipients is
/// asked to send it to the others again.
const TOGETHER: usize = 64 << 20;

/// Commits a mail for all its recipients at once. Answers in their order, and with 250 only what is in the journal.
pub(super) async fn accept(service: &Service, helo: &str, peer: &str, transaction: &Transaction, mail: Vec<u8>) -> Vec<Reply> {
    let digest = key::digest(&mail);
    let payload = Bytes::from(mail);
    let Shares { keys, of_recipient } = share_out(&transaction.recipients, &digest, payload.len());
    let delivery = |(recipient, key): (&str, String)| -> Delivery {
        service.cx.delivery(key, "message/rfc822", envelope(transaction, recipient, helo, peer), payload.clone())
    };
    let deliveries = keys.into_iter().map(delivery).collect();
    let committing = service.cx.accept_all(deliveries, None, None);
    // When it is given up here it may still be committed: it is known then when it comes again.
    let committed = timeout(service.config.commit_timeout, committing).await;
    let problem = match &committed {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("not committed within {:?}", service.config.commit_timeout)),
    };
    match problem {
        None => service.cx.health().success(),
        Some(problem) => {
            let error = format!("a mail was not stored, its sender was told to try again: {problem}");
            tracing::warn!(channel = service.cx.name(), peer, "{error}");
            service.cx.health().error(error);
        }
    }
    let committed = committed.ok();
    of_recipient.iter().map(|share| answer(committed.as_ref(), *share)).collect()
}

/// Which deliveries a mail makes.
struct Shares<'a> {
    /// A recipient and a key for each delivery.
    keys: Vec<(&'a str, String)>,
    /// For each recipient which of them is its own. `None`: it is to be sent again.
    of_recipient: Vec<Option<usize>>,
}

/// One delivery for each recipient, though it be named twice, as long as they are not too much together.
fn share_out<'a>(recipients: &'a [String], digest: &str, size: usize) -> Shares<'a> {
    let most = (TOGETHER / size.max(1)).max(1);
    let mut keys: Vec<(&str, String)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut of_recipient = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let key = key::key(recipient, digest);
        let earlier = known.get(&key).copied();
        of_recipient.push(earlier.or_else(|| {
            (keys.len() < most).then(|| {
                known.insert(key.clone(), keys.len());
                keys.push((recipient, key));
                keys.len() - 1
            })
        }));
    }
    Shares { keys, of_recipient }
}

fn envelope(transaction: &Transaction, recipient: &str, helo: &str, peer: &str) -> Envelope {
    let mut envelope = Envelope::new();
    let texts = [
        ("protocol", "lmtp"),
        ("mail_from", &transaction.sender.address),
        ("rcpt_to", recipient),
        ("helo", helo),
        ("peer", peer),
        // LMTP has no log-in: who may connect may send.
        ("auth", "none"),
    ];
    for (name, text) in texts {
        envelope.insert(name.into(), text.into());
    }
    if transaction.sender.utf8 {
        envelope.insert("smtputf8".into(), true.into());
    }
    envelope
}

/// What a recipient's sender hears. `None`: the commit took too long.
fn answer(committed: Option<&Result<Vec<Accepted>, AcceptError>>, share: Option<usize>) -> Reply {
    const LATER: &str = "451 4.3.0 it cannot be stored now; try again";
    let accepted = match committed {
        None => return "451 4.3.0 it was not stored in time; try again".into(),
        Some(Err(AcceptError::TooLarge { limit, .. })) => return format!("552 5.3.4 the mail is larger than {limit} bytes").into(),
        Some(Err(AcceptError::Closed)) => return "451 4.3.2 stopping; try again".into(),
        Some(Err(AcceptError::Store(problem))) if says_full(problem) => return "452 4.3.1 the store is full; try again later".into(),
        Some(Err(_)) => return LATER.into(),
        Some(Ok(accepted)) => accepted,
    };
    let Some(share) = share else { return "452 4.5.3 too many recipients for a mail of this size; the others in another mail".into() };
    accepted.get(share).map_or_else(|| LATER.into(), |accepted| format!("250 2.0.0 kept as {}", accepted.id).into())
}

/// Whether a store's error is about a full disk. Either answer means the same to a mail server; people read the difference.
fn says_full(problem: &str) -> bool {
    ["disk is full", "disk full", "No space left"].iter().any(|words| problem.contains(words))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn recipients(number: usize) -> Vec<String> {
        (0..number).map(|number| format!("r{number}@example.nl")).collect()
    }

    #[test]
    fn a_delivery_for_each_recipient_once() {
        let mut named = recipients(3);
        named.push("R1@Example.nl".into());
        let shares = share_out(&named, "d", 1_000);
        let keys: Vec<&str> = shares.keys.iter().map(|(_, key)| key.as_str()).collect();
        assert_eq!(keys, ["lmtp:r0@example.nl:d", "lmtp:r1@example.nl:d", "lmtp:r2@example.nl:d"]);
        assert_eq!(shares.of_recipient, [Some(0), Some(1), Some(2), Some(1)]);
    }

    #[test]
    fn a_large_mail_for_many_comes_in_parts() {
        let mut named = recipients(4);
        named.push("r0@example.nl".into());
        let shares = share_out(&named, "d", TOGETHER / 2);
        assert_eq!((shares.keys.len(), shares.of_recipient), (2, vec![Some(0), Some(1), None, None, Some(0)]));
        assert_eq!(share_out(&named, "d", TOGETHER * 2).keys.len(), 1);
        assert_eq!(share_out(&named, "d", 0).keys.len(), 4);
    }

    #[test]
    fn answers() {
        let id = Uuid::from_u128(7);
        let kept = Ok(vec![Accepted { id, known: true }]);
        let failed = |error| Err::<Vec<Accepted>, _>(error);
        let table = [
            (Some(&kept), Some(0), "250 2.0.0 kept as 00000000-0000-0000-0000-000000000007"),
            (Some(&kept), None, "452 4.5.3"),
            (Some(&kept), Some(9), "451 4.3.0"),
            (None, Some(0), "451 4.3.0 it was not stored in time"),
            (Some(&failed(AcceptError::TooLarge { size: 9, limit: 8 })), Some(0), "552 5.3.4 the mail is larger than 8"),
            (Some(&failed(AcceptError::Closed)), Some(0), "451 4.3.2"),
            (Some(&failed(AcceptError::Store("database or disk is full".into()))), Some(0), "452 4.3.1"),
            (Some(&failed(AcceptError::Store("/var/lib/secret is gone".into()))), Some(0), "451 4.3.0 it cannot be stored now; try again"),
            (Some(&failed(AcceptError::BadKey(0))), None, "451 4.3.0"),
        ];
        for (committed, share, expected) in table {
            assert!(answer(committed, share).starts_with(expected), "{} is not {expected}", answer(committed, share));
        }
    }
}
