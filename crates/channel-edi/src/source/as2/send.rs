//! Messages to a partner: made once, posted as often as it takes, done when the receipt says that the partner has what we sent.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use loket_as2::{Headers, Outbound as ToBeSent, ReceiptRead, Sent, Verdict, is_receipt, read_receipt, send};
use loket_core::channel::ChannelCx;
use loket_core::outbound::{Outbound, Prepared, Undone};
use serde_json::json;

use super::post::{message_id, post};
use super::receipts::position;
use super::slip::{Kept, SentSlip};
use crate::config::{As2Config, Mdn};
use crate::outgoing::Document;
use crate::source::blocking;

/// Bytes of an answer, at most.
const LONGEST_ANSWER: usize = 1 << 20;
/// How often a receipt that comes by itself is looked for.
const LOOK: Duration = Duration::from_millis(500);

/// The way to a partner by AS2.
pub(crate) struct As2Sender {
    as2: As2Config,
    max_payload: u64,
    cx: ChannelCx,
}

impl As2Sender {
    pub(crate) fn new(as2: As2Config, max_payload: u64, cx: ChannelCx) -> Self {
        Self { as2, max_payload, cx }
    }

    /// Makes the message: from now on it is the same at every attempt.
    pub(crate) async fn prepare(&self, item: &Outbound, document: Document) -> Result<Prepared, Undone> {
        let (as2, max_payload) = (self.as2.clone(), self.max_payload);
        let id = message_id(&as2.our_id, item.id);
        let partner_id = as2.partner_id.clone();
        let making = move || {
            let (local, partner) = (as2.local(max_payload)?, as2.partner()?);
            let message = ToBeSent {
                payload: &document.bytes,
                content_type: document.media_type,
                filename: Some(&document.name),
                subject: Some(&document.subject),
                message_id: &id,
            };
            send(&message, &local, &partner, Timestamp::now()).map_err(|error| error.to_string())
        };
        let made = blocking(making).await.map_err(|error| Undone::Later(error.to_string()))?;
        // A key that is not there, a certificate that is not valid: somebody will mend it.
        let outgoing = made.map_err(Undone::Later)?;
        Ok(Prepared {
            identity: Some(outgoing.sent.message_id.trim_matches(['<', '>']).to_owned()),
            to: vec![partner_id],
            payload: outgoing.body.to_vec(),
            envelope: json!(SentSlip::new(&outgoing.headers, &outgoing.sent)),
        })
    }

    /// Posts it, and waits for the receipt.
    pub(crate) async fn send(&self, item: &Outbound, prepared: &Prepared) -> Result<String, Undone> {
        let unusable = || Undone::Never("what was prepared cannot be read any more".into());
        let slip = SentSlip::of(&prepared.envelope).ok_or_else(unusable)?;
        let sent = slip.sent().ok_or_else(unusable)?;
        let Some(url) = &self.as2.url else { return Err(Undone::Never("the partner has no `url`".into())) };
        // The receipt of an earlier attempt may have come meanwhile.
        let before = self.kept_receipt(item).await?;
        if let Some(kept) = &before
            && let Ok(said) = self.judged(kept, &sent).await
        {
            return Ok(said);
        }
        let headers: Headers = slip.headers.iter().map(|(name, value)| (name, value)).collect();
        let (ca_file, timeout) = (self.as2.ca_file.as_deref(), self.as2.timeout);
        let response = post(url, ca_file, timeout, &headers, prepared.payload.clone()).await.map_err(Undone::Later)?;
        let status = response.status();
        let (headers, body) = read(response).await.map_err(Undone::Later)?;
        if !status.is_success() {
            let text: String = String::from_utf8_lossy(&body).chars().filter(|c| !c.is_control()).take(200).collect();
            return Err(Undone::Later(format!("{} answered {status}: {text}", self.as2.partner_id)));
        }
        if is_receipt(&headers, &body) {
            return self.verdict(headers, body, &sent).await;
        }
        match &self.as2.mdn {
            Mdn::None => Ok(format!("{} answered {status}; no receipt was wanted", self.as2.partner_id)),
            Mdn::Sync => Err(Undone::Later(format!("{} answered {status}, without the receipt that was wanted", self.as2.partner_id))),
            Mdn::Async(_) => self.await_receipt(item, before.as_ref(), &sent).await,
        }
    }

    /// Waits for a receipt that comes by a request of its own. When it comes too late, the next attempt finds it.
    async fn await_receipt(&self, item: &Outbound, before: Option<&String>, sent: &Sent) -> Result<String, Undone> {
        let until = tokio::time::Instant::now() + self.as2.mdn_wait;
        while tokio::time::Instant::now() < until {
            match self.kept_receipt(item).await? {
                Some(kept) if Some(&kept) != before => return self.judged(&kept, sent).await,
                _ => tokio::time::sleep(LOOK).await,
            }
        }
        Err(Undone::Later(format!("{} took it, and sent no receipt within {} seconds", self.as2.partner_id, self.as2.mdn_wait.as_secs())))
    }

    async fn kept_receipt(&self, item: &Outbound) -> Result<Option<String>, Undone> {
        if !matches!(self.as2.mdn, Mdn::Async(_)) {
            return Ok(None);
        }
        self.cx.position(&position(item.id)).await.map_err(|error| Undone::Later(format!("the store: {error}")))
    }

    async fn judged(&self, kept: &str, sent: &Sent) -> Result<String, Undone> {
        let kept: Option<Kept> = serde_json::from_str(kept).ok();
        let (headers, body) = kept.as_ref().and_then(Kept::parts).ok_or_else(|| Undone::Later("the kept receipt cannot be read".into()))?;
        self.verdict(headers, body, sent).await
    }

    /// What a receipt means.
    async fn verdict(&self, headers: Headers, body: Bytes, sent: &Sent) -> Result<String, Undone> {
        let as2 = self.as2.clone();
        let reading = move || {
            let partner = as2.partner()?;
            read_receipt(&headers, &body, &partner, Timestamp::now()).map_err(|error| error.to_string())
        };
        let read = blocking(reading).await.map_err(|error| Undone::Later(error.to_string()))?;
        let receipt = read.map_err(|why| Undone::Later(format!("the receipt of {} cannot be used: {why}", self.as2.partner_id)))?;
        judge(&self.as2.partner_id, &receipt, receipt.verdict(sent))
    }
}

/// What is done upon a verdict.
fn judge(partner: &str, receipt: &ReceiptRead, verdict: Verdict) -> Result<String, Undone> {
    let words: String = receipt.disposition.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    match verdict {
        Verdict::Confirmed => Ok(format!("{partner} has it: {words}")),
        Verdict::Unproven(why) => Ok(format!("{partner} says that it has it ({words}), which is not proven: {why}")),
        Verdict::Contradicted(why) => Err(Undone::Never(format!("the receipt of {partner} contradicts what was sent: {why}"))),
        // An attempt whose answer was lost.
        Verdict::Refused(_) if words.to_ascii_lowercase().contains("duplicate") => Ok(format!("{partner} had it already: {words}")),
        // The partner's own trouble, such as a full disk, may pass.
        Verdict::Refused(_) if words.contains("unexpected-processing-error") => {
            Err(Undone::Later(format!("{partner} did not take it: {words}")))
        }
        Verdict::Refused(_) => Err(Undone::Never(format!("{partner} did not take it: {words}"))),
    }
}

async fn read(mut response: reqwest::Response) -> Result<(Headers, Bytes), String> {
    let headers = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|_| "the answer broke off".to_owned())? {
        if body.len() + part.len() > LONGEST_ANSWER {
            return Err("the answer is larger than 1 MB; not read any further".into());
        }
        body.extend_from_slice(&part);
    }
    Ok((headers, body.into()))
}
