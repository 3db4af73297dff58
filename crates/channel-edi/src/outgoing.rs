//! What goes to a partner: acknowledgements of interchanges and answers to orders, made once, sent by the partner's own way back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use loket_core::delivery::Delivery;
use loket_core::outbound::{OrderAnswer, Outbound, OutboundKind, Prepared, Sender, SenderCx, Undone};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config::{Acknowledge, EdiConfig};
use crate::formats::{self, Made};
use crate::source::as2::As2Sender;
use crate::source::sftp::Put;
use crate::source::{blocking, folder};

/// How long the store has to write down how an attempt ended.
const WRITTEN_DOWN: Duration = Duration::from_millis(300);

/// The way to a partner.
pub(crate) enum Way {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A folder on an SFTP server.
    Sftp(Put),
    /// AS2.
    As2(As2Sender),
}

/// A file for a partner.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Makes and sends what goes to one partner.
pub(crate) struct EdiSender {
    config: Arc<EdiConfig>,
    way: Way,
    /// How many are being made or sent.
    busy: watch::Sender<usize>,
}

/// One that is being made or sent.
struct Busy<'a>(&'a watch::Sender<usize>);

impl<'a> Busy<'a> {
    fn new(busy: &'a watch::Sender<usize>) -> Self {
        busy.send_modify(|busy| *busy += 1);
        Self(busy)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|busy| *busy -= 1);
    }
}

impl EdiSender {
    pub(crate) fn new(config: Arc<EdiConfig>, way: Way) -> Self {
        Self { config, way, busy: watch::Sender::new(0) }
    }

    /// Resolves when nothing is being made or sent, and how it ended was written down.
    pub(crate) async fn settled(&self) {
        let mut busy = self.busy.subscribe();
        loop {
            let _ = busy.wait_for(|busy| *busy == 0).await;
            tokio::time::sleep(WRITTEN_DOWN).await;
            if *busy.borrow_and_update() == 0 {
                return;
            }
        }
    }

    /// Ends what is open.
    pub(crate) async fn close(&self) {
        if let Way::Sftp(put) = &self.way {
            put.close().await;
        }
    }

    /// The acknowledgement of an interchange.
    async fn acknowledgement(&self, item: &Outbound, cx: &SenderCx) -> Result<Document, Undone> {
        if self.config.acknowledge == Acknowledge::Never {
            return Err(Undone::Withhold("acknowledge = \"never\"".into()));
        }
        let id = item.delivery.ok_or_else(|| Undone::Never("it names no interchange".into()))?;
        let delivery = cx.delivery(&item.tenant, id).await?;
        let delivery = Arc::new(delivery.ok_or_else(|| Undone::Never("the interchange is not in the journal any more".into()))?);
        // Numbers are taken only for what goes out: partners miss those that do not come.
        let Some(first) = self.acknowledged(&delivery, 1).await? else {
            return Err(Undone::Withhold("the interchange asks for no acknowledgement, or is one itself".into()));
        };
        let number = self.numbers(item, cx, first.numbers()).await?;
        let made = self.acknowledged(&delivery, number).await?;
        let made = made.ok_or_else(|| Undone::Withhold("no acknowledgement is due".into()))?;
        Ok(document(item, "ack", "Acknowledgement", number, made))
    }

    async fn acknowledged(&self, delivery: &Arc<Delivery>, number: u64) -> Result<Option<Made>, Undone> {
        let (config, delivery) = (Arc::clone(&self.config), Arc::clone(delivery));
        let made = blocking(move || formats::acknowledge(&config, &delivery, number)).await;
        made.map_err(|error| Undone::Later(error.to_string()))?.map_err(Undone::Never)
    }

    /// The answer to an order.
    async fn response(&self, item: &Outbound, cx: &SenderCx) -> Result<Document, Undone> {
        if !self.config.responses {
            return Err(Undone::Withhold("responses = false".into()));
        }
        let id = item.message.ok_or_else(|| Undone::Never("it names no message".into()))?;
        let record = cx.message(&item.tenant, id).await?;
        let record = record.ok_or_else(|| Undone::Never("the order's message is not there any more".into()))?;
        let answer: OrderAnswer =
            serde_json::from_value(item.content.clone()).map_err(|error| Undone::Never(format!("the decision cannot be read: {error}")))?;
        // Whatever cannot be written shows before a number is taken.
        let message = record.message;
        if let Some(why) = formats::unwanted(&message) {
            return Err(Undone::Withhold(why.into()));
        }
        formats::order_response(&self.config, &message, &answer.decision, 1).map_err(Undone::Never)?;
        let number = self.numbers(item, cx, 1).await?;
        let made = formats::order_response(&self.config, &message, &answer.decision, number).map_err(Undone::Never)?;
        Ok(document(item, "response", "Order response", number, made))
    }

    /// The next control numbers towards this partner, so many in a row: the first of them.
    async fn numbers(&self, item: &Outbound, cx: &SenderCx, wanted: usize) -> Result<u64, Undone> {
        let name = format!("edi.{}", self.config.name);
        let mut first = cx.next_number(&item.tenant, &name).await?;
        let mut last = first;
        while last - first + 1 < wanted as u64 {
            let next = cx.next_number(&item.tenant, &name).await?;
            // Another one, sent at the same time, came between: the row begins anew.
            if next != last + 1 {
                first = next;
            }
            last = next;
        }
        Ok(first)
    }
}

/// A file with a name of its own: never one that something else has.
fn document(item: &Outbound, what: &str, subject: &str, number: u64, made: Made) -> Document {
    let name = format!("{what}-{number:09}-{}.{}", item.id.simple(), made.ending);
    Document { name, subject: format!("{subject} {number}"), media_type: made.media_type, bytes: made.bytes }
}

#[async_trait]
impl Sender for EdiSender {
    async fn prepare(&self, item: &Outbound, cx: &SenderCx) -> Result<Prepared, Undone> {
        let _busy = Busy::new(&self.busy);
        let document = match item.kind {
            OutboundKind::EdiAcknowledgement => self.acknowledgement(item, cx).await?,
            OutboundKind::OrderResponse => self.response(item, cx).await?,
            other => return Err(Undone::Never(format!("a trading partner is sent no {}", other.name()))),
        };
        match &self.way {
            Way::As2(as2) => as2.prepare(item, document).await,
            Way::Folder(_) | Way::Sftp(_) => Ok(Prepared {
                identity: Some(document.name.clone()),
                to: vec![format!("edi.{}", self.config.name)],
                payload: document.bytes,
                envelope: json!({ "file": document.name, "media_type": document.media_type }),
            }),
        }
    }

    async fn send(&self, item: &Outbound, prepared: &Prepared) -> Result<String, Undone> {
        let _busy = Busy::new(&self.busy);
        let name = || {
            let name = prepared.envelope.get("file").and_then(Value::as_str);
            name.map(str::to_owned).ok_or_else(|| Undone::Never("what was prepared has no file name".into()))
        };
        match &self.way {
            Way::As2(as2) => as2.send(item, prepared).await,
            Way::Sftp(sftp) => sftp.put(&name()?, &prepared.payload).await,
            Way::Folder(out) => {
                let (out, name, bytes) = (out.clone(), name()?, prepared.payload.clone());
                let folder = out.display().to_string();
                let put = blocking(move || folder::put(&out, &name, &bytes)).await;
                let put = put.map_err(|error| Undone::Later(error.to_string()))?;
                put.map_err(|error| Undone::Later(format!("cannot put a file into {folder}: {error}")))
            }
        }
    }
}
