//! Files become deliveries: the same key for the same bytes, and beside them in the envelope what the readers and the pipeline must
//! know of the partner, so that both work without the configuration.

use bytes::Bytes;
use loket_core::channel::{ChannelCx, ChannelError};
use loket_core::delivery::{Delivery, Envelope};
use sha2::{Digest, Sha256};

use super::blocking;
use crate::config::{ControlNumbers, EdiConfig};
use crate::partner;

/// The envelope field that gives the character set of the partner's text, whatever the interchange says.
const CHARSET: &str = "charset";
/// The envelope field that says that the partner's control numbers come again.
const CONTROL_NUMBERS: &str = "control_numbers";
/// The envelope field that says why a delivery is to be quarantined at once.
pub(crate) const REFUSED: &str = "refused";

/// The key by which the same bytes are the same delivery, wherever they lie.
pub(crate) fn content_key(bytes: &[u8]) -> String {
    format!("sha256:{}", hex_digest(bytes))
}

pub(crate) fn hex_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a delivery of what came from a partner. With `key: None` its content is its key.
pub(crate) async fn delivery(
    config: &EdiConfig,
    cx: &ChannelCx,
    key: Option<String>,
    mut envelope: Envelope,
    payload: Bytes,
) -> Result<Delivery, ChannelError> {
    if let Some(charset) = &config.charset {
        envelope.insert(CHARSET.into(), charset.as_str().into());
    }
    if config.control_numbers == ControlNumbers::Reused {
        envelope.insert(CONTROL_NUMBERS.into(), "reused".into());
    }
    let delivery = cx.delivery(key.unwrap_or_default(), "", envelope, payload);
    let config = config.clone();
    blocking(move || looked_at(&config, delivery)).await
}

fn looked_at(config: &EdiConfig, mut delivery: Delivery) -> Delivery {
    if delivery.key.is_empty() {
        delivery.key = content_key(&delivery.payload);
    }
    let look = partner::look(config, &delivery);
    delivery.media_type = look.media_type.into();
    if let Some(reason) = look.refused {
        delivery.envelope.insert(REFUSED.into(), reason.into());
    }
    delivery
}
