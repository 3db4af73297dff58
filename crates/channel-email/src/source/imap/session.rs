//! What is asked of a server, in the channel's own terms.

use std::collections::{BTreeMap, BTreeSet};

use async_imap::imap_proto::{AttributeValue, Capability, MailboxDatum, Response, ResponseCode, Status};
use bytes::Bytes;
use loket_core::channel::ChannelError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::line::Line;
use super::login::Key;
use super::names::{date, encode_folder, quoted, uid_set};
use super::wire::{Answer, Verdict, Wire, words};
use crate::config::{ImapConfig, Security};

type Result<T> = std::result::Result<T, ChannelError>;

/// Numbers that one search answers with, at most.
const SEARCHED: u32 = 5_000;

/// A logged-in session.
pub(super) struct Session {
    pub(super) wire: Wire,
    pub(super) capabilities: BTreeSet<String>,
}

/// A folder as it was when it was opened.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) validity: u32,
    /// The UID that the next mail will get, at least; not every server says it.
    pub(super) next: Option<u32>,
    pub(super) read_only: bool,
    /// The flags that can be kept, where the server says so; `\\*` among them means any keyword.
    permanent: Option<Vec<String>>,
}

impl Selected {
    /// Whether a mail can be given this keyword for good.
    pub(super) fn keeps(&self, keyword: &str) -> bool {
        self.permanent.as_ref().is_none_or(|flags| flags.iter().any(|flag| flag == "\\*" || flag.eq_ignore_ascii_case(keyword)))
    }
}

/// Which mails there are.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The first of them, by UID, with their sizes.
    pub(super) sizes: BTreeMap<u32, u32>,
    /// How many there are in all.
    pub(super) total: u64,
}

/// One mail as fetched.
#[derive(Debug)]
pub(super) struct Mail {
    pub(super) uid: u32,
    /// Its size by the server's word.
    pub(super) size: Option<u32>,
    pub(super) flags: Vec<String>,
    pub(super) date: Option<String>,
    pub(super) body: Bytes,
}

/// Why an IDLE ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idled {
    /// There is more mail, it is time to look, or the stop token was cancelled.
    Over,
    /// The server does not want it.
    Unwanted,
}

impl Session {
    /// Connects and logs in.
    pub(super) async fn open(config: &ImapConfig, key: &Key<'_>) -> Result<Self> {
        // First, so that no connection is made where there is nothing to log in with.
        let proof = key.proof(config).await?;
        let line = Line::connect(config).await?;
        let mut wire = Wire::new(line, config.timeout);
        let mut known = greeting(&mut wire).await?;
        if config.security == Security::StartTls {
            // Whoever is logged in before TLS cannot ask for it any more: nothing honest does that (RFC 9051 section 7.1.4).
            if known {
                return Err(ChannelError::Refused("the server skips STARTTLS by a PREAUTH greeting".into()));
            }
            let answer = wire.command("STARTTLS", |_| ()).await?;
            if !answer.is_ok() {
                return Err(ChannelError::Refused(format!("the server refuses STARTTLS: {}", answer.text)));
            }
            // What was said without TLS is forgotten with the old conversation.
            wire = Wire::new(wire.into_line().secure(config).await?, config.timeout);
            known = false;
        }
        let mut session = Self { wire, capabilities: BTreeSet::new() };
        session.ask_capabilities().await?;
        if !known {
            session.login(config, key, proof).await?;
            session.ask_capabilities().await?;
        }
        Ok(session)
    }

    async fn ask_capabilities(&mut self) -> Result<()> {
        let mut capabilities = BTreeSet::new();
        let answer = self
            .wire
            .command("CAPABILITY", |response| {
                if let Response::Capabilities(list) = response {
                    capabilities.extend(list.iter().take(1_000).map(|capability| match capability {
                        Capability::Imap4rev1 => "IMAP4REV1".into(),
                        Capability::Auth(name) => format!("AUTH={}", name.to_ascii_uppercase()),
                        Capability::Atom(name) => name.to_ascii_uppercase(),
                    }));
                }
            })
            .await?;
        refused_by_rights(&answer)?;
        answer.must("CAPABILITY")?;
        self.capabilities = capabilities;
        Ok(())
    }

    /// Whether the server can do this.
    pub(super) fn can(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// Opens a folder.
    pub(super) async fn select(&mut self, folder: &str, to_write: bool) -> Result<Selected> {
        let command = if to_write { "SELECT" } else { "EXAMINE" };
        let (mut next, mut permanent) = (None, None);
        self.wire.forget_folder();
        let answer = self
            .wire
            .command(&format!("{command} {}", folder_name(folder)?), |response| {
                let Response::Data { outcome, .. } = response else { return };
                match &outcome.code {
                    Some(ResponseCode::UidNext(uid)) => next = Some(*uid),
                    Some(ResponseCode::PermanentFlags(flags)) => permanent = Some(flags.iter().map(ToString::to_string).collect()),
                    _ => {}
                }
            })
            .await?;
        refused_by_rights(&answer)?;
        if !answer.is_ok() {
            let error = format!("folder `{folder}` cannot be opened, the server says: {}", answer.text);
            return Err(if answer.is_passing() { ChannelError::Transient(error) } else { ChannelError::Refused(error) });
        }
        let Some(validity) = self.wire.validity().filter(|validity| *validity > 0) else {
            return Err(ChannelError::Transient(format!(
                "the server gives no UIDVALIDITY for folder `{folder}`: without it one mail cannot be told from another"
            )));
        };
        Ok(Selected { validity, next, read_only: answer.read_only, permanent })
    }

    /// The folder's UIDVALIDITY, by the server's last word.
    pub(super) fn validity(&self) -> Option<u32> {
        self.wire.validity()
    }

    /// Mails in the folder, by the server's last word.
    pub(super) fn exists(&self) -> u32 {
        self.wire.exists()
    }

    /// Whether mail came since [`Session::sizes`] was asked.
    pub(super) fn has_more(&self) -> bool {
        self.wire.has_more()
    }

    /// The mails with these UIDs, such as `7:*`, and their sizes; of those from `from` on the first `most`.
    pub(super) async fn sizes(&mut self, set: &str, from: u32, most: usize) -> Result<Listing> {
        self.wire.take_more();
        let mut listing = Listing::default();
        let answer = self
            .wire
            .command(&format!("UID FETCH {set} (UID RFC822.SIZE)"), |response| {
                let Response::Fetch(_, attributes) = response else { return };
                let (mut uid, mut size) = (None, None);
                for attribute in attributes {
                    match attribute {
                        AttributeValue::Uid(value) => uid = Some(*value),
                        AttributeValue::Rfc822Size(value) => size = Some(*value),
                        _ => {}
                    }
                }
                // `n:*` gives the last mail, even when that is below n (RFC 3501 section 6.4.8).
                let Some((uid, size)) = uid.zip(size).filter(|(uid, _)| *uid >= from) else { return };
                if listing.sizes.insert(uid, size).is_none() {
                    listing.total += 1;
                }
                if listing.sizes.len() > most {
                    listing.sizes.pop_last();
                }
            })
            .await?;
        // A server may refuse for one mail that has just gone, and answer for the others.
        if listing.sizes.is_empty() {
            answer.must("listing mail")?
        } else {
            answer
        };
        Ok(listing)
    }

    /// The bytes of these mails, or of each the first `first`; a server may send `most` for one. What it does not give is not in
    /// the answer, and neither is what comes after `room` bytes in all, when sizes were lies.
    pub(super) async fn bodies(&mut self, uids: &[u32], most: u64, first: Option<u64>, room: u64) -> Result<(Vec<Mail>, Answer)> {
        let part = first.map_or(String::new(), |first| format!("<0.{first}>"));
        let command = format!("UID FETCH {} (UID RFC822.SIZE FLAGS INTERNALDATE BODY.PEEK[]{part})", uid_set(uids));
        let mut mails: BTreeMap<u32, Mail> = BTreeMap::new();
        let mut sum = 0;
        self.wire.expect_literals(most);
        let answer = self
            .wire
            .command(&command, |response| {
                let Response::Fetch(_, attributes) = response else { return };
                if let Some(mail) = mail(attributes)
                    && uids.binary_search(&mail.uid).is_ok()
                    && (mails.is_empty() || sum + mail.body.len() as u64 <= room)
                {
                    sum += mail.body.len() as u64;
                    mails.insert(mail.uid, mail);
                }
            })
            .await?;
        self.wire.expect_literals(0);
        Ok((mails.into_values().collect(), answer))
    }

    /// The mails of the folder that match, by UID, ascending. Asked in parts: a server's answer is one line.
    pub(super) async fn search_all(&mut self, criteria: &str) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        let mut from = 1;
        while from <= self.exists() {
            let to = from.saturating_add(SEARCHED - 1);
            let range = if to < self.exists() { format!("{from}:{to}") } else { format!("{from}:*") };
            found.extend(self.search(&format!("{range} {criteria}")).await?);
            from = to.saturating_add(1);
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Which of these mails (ascending) are there, now, ascending.
    pub(super) async fn still_there(&mut self, uids: &[u32]) -> Result<Vec<u32>> {
        // Lets the server tell what is gone first: until then a search may find it.
        self.noop().await?;
        let mut found = self.search(&format!("UID {}", uid_set(uids))).await?;
        found.retain(|uid| uids.binary_search(uid).is_ok());
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    async fn search(&mut self, criteria: &str) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        let answer = self
            .wire
            .command(&format!("UID SEARCH {criteria}"), |response| {
                if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                    found.extend(uids);
                }
            })
            .await?;
        answer.must("searching")?;
        Ok(found)
    }

    /// Lets the server say what is new.
    pub(super) async fn noop(&mut self) -> Result<()> {
        self.wire.command("NOOP", |_| ()).await?.must("NOOP")?;
        Ok(())
    }

    /// Gives mails a flag, silently.
    pub(super) async fn flag(&mut self, uids: &[u32], flag: &str) -> Result<Answer> {
        self.wire.command(&format!("UID STORE {} +FLAGS.SILENT ({flag})", uid_set(uids)), |_| ()).await
    }

    /// Moves (`MOVE`) or copies (`COPY`) mails to a folder, which is made where it is missing.
    pub(super) async fn transfer(&mut self, verb: &str, uids: &[u32], folder: &str) -> Result<Answer> {
        let command = format!("UID {verb} {} {}", uid_set(uids), folder_name(folder)?);
        let answer = self.wire.command(&command, |_| ()).await?;
        if answer.is_ok() || !answer.try_create {
            return Ok(answer);
        }
        let made = self.wire.command(&format!("CREATE {}", folder_name(folder)?), |_| ()).await?;
        if made.is_ok() { self.wire.command(&command, |_| ()).await } else { Ok(made) }
    }

    /// Removes mails that are marked \Deleted: these, or all where the server cannot tell them apart (without UIDPLUS).
    pub(super) async fn expunge(&mut self, uids: Option<&[u32]>) -> Result<Answer> {
        match uids {
            Some(uids) => self.wire.command(&format!("UID EXPUNGE {}", uid_set(uids)), |_| ()).await,
            None => self.wire.command("EXPUNGE", |_| ()).await,
        }
    }

    /// Waits until there is more mail, until then, or until stopped.
    pub(super) async fn idle(&mut self, until: Instant, stop: &CancellationToken) -> Result<Idled> {
        let tag = self.wire.start("IDLE").await?;
        let is_end = |response: &Response<'_>| matches!(response, Response::Done { tag: theirs, .. } if theirs.0 == tag);
        loop {
            let (begun, ended) = self.wire.next(|response| (matches!(response, Response::Continue(_)), is_end(response))).await?;
            if ended {
                return Ok(Idled::Unwanted);
            }
            if begun {
                break;
            }
        }
        let mut over = false;
        while !self.wire.has_more() && !over {
            tokio::select! {
                // A server that ends it by itself has answered already.
                ended = self.wire.listen(is_end) => if ended? { return Ok(Idled::Unwanted) },
                () = tokio::time::sleep_until(until) => over = true,
                () = stop.cancelled() => over = true,
            }
        }
        self.wire.send("DONE").await?;
        let answer = self.wire.finish(&tag, |_| ()).await?;
        Ok(if answer.verdict == Verdict::Ok { Idled::Over } else { Idled::Unwanted })
    }

    /// Takes leave. Whether the server hears it does not matter.
    pub(super) async fn logout(&mut self) {
        let leaving = self.wire.command("LOGOUT", |_| ());
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), leaving).await;
    }
}

/// The server's first words. Answers whether we are logged in already.
async fn greeting(wire: &mut Wire) -> Result<bool> {
    wire.next(|response| match response {
        Response::Data { status: Status::Ok, .. } => Ok(false),
        Response::Data { status: Status::PreAuth, .. } => Ok(true),
        Response::Data { outcome, .. } => Err(ChannelError::Transient(format!("the server does not talk to us now: {}", words(outcome)))),
        _ => Err(ChannelError::Transient("the server's first words are not IMAP's".into())),
    })
    .await?
}

/// Exchange lets an application in that has no right on the mailbox, and then refuses everything with these words.
fn refused_by_rights(answer: &Answer) -> Result<()> {
    if answer.is_ok() || !answer.text.to_ascii_lowercase().contains("authenticated but not connected") {
        return Ok(());
    }
    Err(ChannelError::Refused(format!(
        "the login is right, but gives no access to this mailbox: check `user`, that IMAP is on for the mailbox, and that the application has the right to it; the server says: {}",
        answer.text
    )))
}

fn folder_name(folder: &str) -> Result<String> {
    quoted(&encode_folder(folder)).ok_or_else(|| ChannelError::Refused(format!("`{}` is no folder's name", folder.escape_debug())))
}

fn mail(attributes: &[AttributeValue<'_>]) -> Option<Mail> {
    let (mut uid, mut body) = (None, None);
    let (mut size, mut flags, mut when) = (None, Vec::new(), None);
    for attribute in attributes {
        match attribute {
            AttributeValue::Uid(value) => uid = Some(*value),
            AttributeValue::Rfc822Size(value) => size = Some(*value),
            AttributeValue::Flags(list) => {
                let fit = list.iter().filter(|flag| flag.len() <= 100 && flag.as_ref() != "\\Recent");
                flags = fit.take(50).map(|flag| flag.clone().into_owned()).collect();
            }
            AttributeValue::InternalDate(text) => when = Some(date(text)),
            AttributeValue::BodySection { section: None, data: Some(data), .. } => body = Some(Bytes::copy_from_slice(data)),
            _ => {}
        }
    }
    Some(Mail { uid: uid?, size, flags, date: when, body: body? })
}
