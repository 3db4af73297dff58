//! `/v1/deliveries`: what came in, and what became of it. A form's reference leads here.

use axum::response::Response;

use super::json;
use crate::file;
use crate::routes::Outcome;
use crate::serve::Call;
use crate::state::Loaded;
use crate::wire;

pub(crate) async fn one(call: Call) -> Outcome {
    // The bytes are let go before the messages are loaded.
    let Loaded { entry, .. } = call.api.load(call.tenant(), call.id()?).await?;
    let messages = call.api.store().delivery_messages(call.tenant(), entry.id).await?;
    json(&wire::DeliveryInFull { delivery: entry.into(), messages: messages.into_iter().map(wire::Part::from).collect() })
}

pub(crate) async fn raw(call: Call) -> Outcome {
    Ok(bytes(call.api.load(call.tenant(), call.id()?).await?))
}

/// A delivery's bytes as they were received.
pub(super) fn bytes(loaded: Loaded) -> Response {
    let Loaded { delivery, room, .. } = loaded;
    let name = file::raw_name(delivery.id, &delivery.media_type);
    file::download(delivery.payload, room, &delivery.media_type, &name)
}
