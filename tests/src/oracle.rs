//! What must be true when a mailbox was taken in, however often the daemon died meanwhile: each mail is where it belongs, once.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::daemon::Loket;
use crate::mails::{Kind, Mail, mark};

/// A message as the API shows it, as far as judging needs it.
struct Seen {
    id: String,
    case: Option<String>,
    relation: String,
    /// How it came to be where it is, for the error.
    why: String,
}

/// Compares what the API shows with what the mailbox held. Each mail was delivered once.
pub async fn check(loket: &mut Loket, mails: &[Mail]) -> Result<()> {
    let status = &loket.lines(&["status"])?[0];
    let (deliveries, pending) = (status["deliveries"].as_u64(), status["pending"].as_u64());
    ensure!(deliveries == Some(mails.len() as u64), "{deliveries:?} deliveries in the journal, {} mails in the mailbox", mails.len());
    ensure!(pending == Some(0), "{pending:?} still pending");
    let quarantined = quarantined(loket)?;
    let (cases, messages) = cases(loket).await?;
    let count = |kind: fn(&Kind) -> bool| mails.iter().filter(|mail| kind(&mail.kind)).count();
    for (number, mail) in mails.iter().enumerate() {
        let name = mark(number);
        let seen = messages.get(&name).map(Vec::as_slice).unwrap_or_default();
        let case_of = |other: usize| messages.get(&mark(other)).and_then(|seen| seen.first()).and_then(|seen| seen.case.clone());
        // A duplicate carries the mark of the mail that it is a duplicate of.
        let copies = 1 + mails.iter().filter(|other| other.kind == Kind::Duplicate(number)).count();
        match &mail.kind {
            Kind::New => {
                ensure!(seen.len() == copies, "{name} was sent {copies} times and is there {} times", seen.len());
                let in_cases: BTreeSet<_> = seen.iter().map(|seen| seen.case.clone()).collect();
                ensure!(in_cases.len() == 1 && !in_cases.contains(&None), "{name} is in the cases {in_cases:?}");
                let duplicates = seen.iter().filter(|seen| seen.relation == "duplicate").count();
                ensure!(duplicates == copies - 1, "{name}: {duplicates} of {copies} are linked as duplicates");
            }
            Kind::Duplicate(_) => {}
            Kind::Reply(to) => {
                let [seen] = seen else { anyhow::bail!("{name} is there {} times", seen.len()) };
                // A mail without a Message-ID cannot be referred to: its answer is a case of its own.
                let own = to % 20 == 7;
                let other = messages.get(&mark(*to)).map(|seen| seen.iter().map(|seen| seen.why.as_str()).collect::<Vec<_>>());
                ensure!(
                    own || seen.case == case_of(*to),
                    "{name} answers {} in {:?} and is in {:?}: {}; the other: {other:?}",
                    mark(*to),
                    case_of(*to),
                    seen.case,
                    seen.why
                );
                ensure!(seen.case.is_some(), "{name} ({}) is in no case", seen.id);
            }
            Kind::Malformed => {
                let aside = quarantined.iter().filter(|delivery| delivery["size"].as_u64() == Some(mail.bytes.len() as u64)).count();
                ensure!(seen.len() + aside >= 1, "{name} (malformed) is neither filed nor in quarantine");
                ensure!(seen.len() <= 1, "{name} (malformed) is there {} times", seen.len());
            }
            Kind::Automatic => {
                ensure!(seen.is_empty() || seen.iter().all(|seen| seen.case.is_none()), "{name} is automatic and opened a case");
            }
        }
    }
    for delivery in &quarantined {
        ensure!(delivery["error"].as_str().is_some_and(|error| !error.is_empty()), "quarantined without a reason: {delivery}");
    }
    let own_replies = mails.iter().filter(|mail| matches!(mail.kind, Kind::Reply(to) if to % 20 == 7)).count();
    let least = count(|kind| *kind == Kind::New) + own_replies;
    let most = least + count(|kind| *kind == Kind::Malformed) - quarantined.len();
    ensure!((least..=most).contains(&cases), "{cases} cases, expected {least} to {most}");
    Ok(())
}

/// What is in quarantine.
pub fn quarantined(loket: &Loket) -> Result<Vec<Value>> {
    loket.lines(&["quarantine", "list", "--limit", "100000"])
}

/// How many cases there are, and their messages by the marks in them.
async fn cases(loket: &mut Loket) -> Result<(usize, BTreeMap<String, Vec<Seen>>)> {
    let mut messages: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    let (mut count, mut numbers) = (0, BTreeSet::new());
    let mut path = Some("/v1/cases?limit=200".to_owned());
    while let Some(page) = path {
        let answer = loket.get(&page).await?;
        for case in answer["cases"].as_array().context("no cases")? {
            count += 1;
            let number = case["number"].as_str().context("no number")?.to_owned();
            ensure!(numbers.insert(number.clone()), "case {number} is listed twice");
            let whole = loket.get(&format!("/v1/cases/{number}")).await?;
            let list = whole["messages"].as_array().with_context(|| format!("no messages in {whole}"))?;
            ensure!(!list.is_empty(), "case {number} is empty");
            for message in list {
                let text = format!("{}", message["message"]);
                let Some(at) = text.find("zz").and_then(|_| find_mark(&text)) else { continue };
                messages.entry(at).or_default().push(Seen {
                    id: message["id"].as_str().unwrap_or_default().to_owned(),
                    case: Some(number.clone()),
                    why: format!("{} {} {}", message["id"], message["received_at"], message["link"]),
                    relation: message["link"]["relation"].as_str().unwrap_or_default().to_owned(),
                });
            }
        }
        path = answer["next"].as_str().map(|cursor| format!("/v1/cases?limit=200&cursor={cursor}"));
    }
    Ok((count, messages))
}

/// The first mark in a text.
fn find_mark(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let at = bytes
        .windows(9)
        .position(|window| window.starts_with(b"zz") && window.ends_with(b"zz") && window[2..7].iter().all(u8::is_ascii_digit))?;
    Some(text[at..at + 9].to_owned())
}
