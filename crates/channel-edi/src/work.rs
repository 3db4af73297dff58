//! What a channel does: it takes what the partner left, and sends what goes to the partner, side by side.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use loket_core::channel::{Channel, ChannelCx, ChannelError};
use loket_core::outbound::{self, OutboundSettings};
use tokio::time::timeout;

use crate::config::{EdiConfig, Transport};
use crate::outgoing::{EdiSender, Way};
use crate::source::as2::As2Sender;
use crate::source::folder::DropFolder;
use crate::source::sftp::{Pull, Put};

/// How long what is being sent may take to end when the channel fails.
const GRACE: Duration = Duration::from_secs(10);

/// A partner's channel.
pub(crate) struct Work {
    config: Arc<EdiConfig>,
}

impl Work {
    pub(crate) fn new(config: EdiConfig) -> Self {
        Self { config: Arc::new(config) }
    }
}

#[async_trait]
impl Channel for Work {
    async fn run(&mut self, cx: ChannelCx) -> Result<(), ChannelError> {
        let config = &self.config;
        let mut settings = OutboundSettings { first_pause: config.retry, timeout: Duration::from_secs(60), ..OutboundSettings::default() };
        settings.longest_pause = settings.longest_pause.max(config.retry);
        match &config.transport {
            Transport::Folder(folder) => {
                let mut pull = DropFolder::new(Arc::clone(config), folder.clone());
                let sender = EdiSender::new(Arc::clone(config), Way::Folder(folder.out.clone()));
                side_by_side(pull.run(&cx), outbound::run(&cx, &sender, &settings), &sender).await?;
            }
            Transport::Sftp(sftp) => {
                // One connection, one file at a time.
                settings.at_once = 1;
                settings.timeout = settings.timeout.max(sftp.connect_timeout * 2 + sftp.timeout * 4);
                let mut pull = Pull::new(Arc::clone(config), (**sftp).clone());
                let sender = EdiSender::new(Arc::clone(config), Way::Sftp(Put::new((**sftp).clone())));
                let ended = side_by_side(pull.run(&cx), outbound::run(&cx, &sender, &settings), &sender).await;
                sender.close().await;
                ended?;
            }
            Transport::As2(as2) => {
                settings.timeout = as2.timeout + as2.mdn_wait + Duration::from_secs(30);
                let way = As2Sender::new((**as2).clone(), config.max_payload, cx.clone());
                let sender = EdiSender::new(Arc::clone(config), Way::As2(way));
                // What comes in is posted to the router.
                outbound::run(&cx, &sender, &settings).await?;
            }
        }
        Ok(())
    }
}

/// Takes and sends until both end, or one fails. When taking fails, what is being sent may end first: else its claim would have to run
/// out before it is tried again.
async fn side_by_side(
    pull: impl Future<Output = Result<(), ChannelError>>,
    push: impl Future<Output = Result<(), ChannelError>>,
    sender: &EdiSender,
) -> Result<(), ChannelError> {
    let (mut pull, mut push) = (pin!(pull), pin!(push));
    let pulled = tokio::select! {
        pulled = &mut pull => pulled,
        pushed = &mut push => {
            pushed?;
            return pull.await;
        }
    };
    if pulled.is_ok() {
        return push.await;
    }
    let settling = async {
        tokio::select! {
            _ = &mut push => {}
            () = sender.settled() => {}
        }
    };
    let _ = timeout(GRACE, settling).await;
    pulled
}
