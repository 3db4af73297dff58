//! `/v1/status`: the installation at a glance. Its counts are of all tenants together, like those of `/metrics`.

use loket_core::outbound::OutboundCounts;
use loket_core::store::{Backlog, Totals};

use super::json;
use crate::routes::Outcome;
use crate::serve::Call;
use crate::wire;

pub(crate) async fn status(call: Call) -> Outcome {
    let store = call.api.store();
    let Backlog { pending, oldest, quarantined } = store.backlog().await?;
    let Totals { deliveries, messages, cases } = store.totals().await?;
    let OutboundCounts { waiting, failed, oldest: oldest_waiting } = store.outbound_counts().await?;
    json(&wire::Status {
        version: call.api.given.version,
        store: store.kind(),
        backlog: wire::Backlog { pending, oldest, quarantined },
        outbound: wire::OutboundCounts { waiting, failed, oldest: oldest_waiting },
        totals: wire::Totals { deliveries, messages, cases },
    })
}
