//! Outgoing mail, `[outgoing.NAME]`: acknowledgements of receipt and agents' replies.
//!
//! The queue is core's ([`loket_core::outbound`]); this makes the mails and hands them to a mail server. The way of one:
//!
//! 1. [`guards`] says whether it may go: nothing automatic is answered, nobody gets more than a few a day;
//! 2. [`templates`] gives its words, in the customer's language;
//! 3. [`compose`] builds it, [`dkim`] signs it; core keeps the bytes;
//! 4. [`smtp`] hands them over, at every attempt the same.

mod address;
mod compose;
mod config;
mod dkim;
mod guards;
mod ledger;
mod people;
mod sender;
mod smtp;
mod templates;
mod words;

use std::sync::Arc;

use async_trait::async_trait;
use loket_core::channel::{Channel, ChannelCx, ChannelError};
use loket_core::outbound;

pub use config::{OutgoingConfig, read};
use sender::MailSender;
use templates::Templates;

/// The worker for one `[outgoing.NAME]` table. Its name is `outgoing.NAME`.
pub fn channel(config: OutgoingConfig) -> Box<dyn Channel> {
    Box::new(Outgoing(Arc::new(config)))
}

struct Outgoing(Arc<OutgoingConfig>);

#[async_trait]
impl Channel for Outgoing {
    async fn run(&mut self, cx: ChannelCx) -> Result<(), ChannelError> {
        let config = Arc::clone(&self.0);
        // Read here and not for each mail; read again when a fault in them was mended and the supervisor tries again.
        let folder = config.templates.clone();
        let templates = tokio::task::spawn_blocking(move || Templates::load(folder.as_deref()))
            .await
            .map_err(|error| ChannelError::Transient(error.to_string()))?
            .map_err(|faults| ChannelError::Refused(faults.join("; ")))?;
        let sender = MailSender::new(config, templates, cx.clone());
        let ended = tokio::select! {
            ended = outbound::run(&cx, &sender, &self.0.queue) => ended,
            () = sender.keep() => Ok(()),
        };
        sender.hang_up().await;
        ended
    }
}
