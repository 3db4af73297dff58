//! `/v1/channels`: how each channel of this process is doing.

use super::json;
use crate::routes::Outcome;
use crate::serve::Call;
use crate::wire;

pub(crate) async fn list(call: Call) -> Outcome {
    let tenant = call.tenant().as_str();
    let all = call.api.given.health.all();
    json(&wire::Channels { channels: all.into_iter().filter(|status| status.tenant == tenant).map(wire::Channel::from).collect() })
}
