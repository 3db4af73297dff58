//! `/v1/orders`: the list, one order, its revisions, the decision on it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use loket_core::order::{self, Decision, Order};
use loket_core::outbound::{NewOutbound, OrderAnswer, OutboundKind};
use loket_core::store::{DecidedOrder, OrderFilter, OrderRecord, OrderStatus};

use super::{cases, json, json_page};
use crate::paging::{List, Paging};
use crate::problem::Problem;
use crate::routes::Outcome;
use crate::serve::Call;
use crate::wire;

/// What the list can be filtered and paged by.
pub(crate) const PARAMETERS: &[&str] = &["po_number", "buyer", "status", "case", "since", "until", "format", "limit", "cursor"];

const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
/// Lines of an order that a list shows; the order by itself has them all.
const LINES_IN_LIST: usize = 100;

pub(crate) async fn list(call: Call) -> Outcome {
    let filter = OrderFilter {
        po_number: call.query.text("po_number").map(str::to_owned),
        buyer: call.query.read("buyer", cases::customer)?,
        status: call.query.parsed("status")?,
        case: call.query.parsed("case")?,
        since: call.query.read("since", cases::time)?,
        until: call.query.read("until", cases::time)?,
    };
    let as_csv = call.query.read("format", |text| match text {
        "json" => Ok(false),
        "csv" => Ok(true),
        _ => Err(format!("`{text}` is not a format; write json or csv")),
    })?;
    let paging = Paging::of(&call.query, List::Orders)?;
    let mut found = call.api.store().orders(call.tenant(), &filter, &paging.page()).await?;
    let next = paging.cut(&mut found, |last| (last.received_at, last.id));
    let link = next.as_deref().and_then(|next| call.query.link("/v1/orders", "cursor", next));
    if as_csv == Some(true) {
        let text = order::csv(found.iter().map(|record| &record.order));
        let mut response = ([(header::CONTENT_TYPE, CSV)], text).into_response();
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        return Ok(response);
    }
    let orders = found.into_iter().map(|record| wire::Order::with_lines(record, LINES_IN_LIST)).collect();
    json_page(&wire::Orders { orders, next }, link)
}

pub(crate) async fn one(call: Call) -> Outcome {
    json(&wire::Order::from(find(&call).await?))
}

pub(crate) async fn revisions(call: Call) -> Outcome {
    let order = find(&call).await?;
    let found = call.api.store().order_revisions(call.tenant(), order.id).await?;
    let mut revisions = Vec::with_capacity(found.len());
    let mut before: Option<Order> = None;
    for record in found {
        // A change may tell only what changes: the order as it stands is what came before with the change applied.
        let stands = before.as_ref().map_or_else(|| record.order.clone(), |before| order::apply(before, &record.order));
        let changes = before.as_ref().map(|before| order::difference(before, &stands)).unwrap_or_default();
        before = Some(stands.clone());
        revisions.push(wire::Revision { order: wire::Order::from(record), stands, changes });
    }
    json(&wire::Revisions { revisions })
}

pub(crate) async fn decide(call: Call) -> Outcome {
    let decision: Decision = call.body()?;
    let order = find(&call).await?;
    check(&order, &decision)?;
    let message = call.api.store().message(call.tenant(), order.message).await?;
    let answer = message.as_ref().and_then(|message| call.api.given.answering.of(&message.channel)).filter(|answer| answer.order_responses);
    let content = serde_json::to_value(OrderAnswer { decision: decision.clone() }).map_err(|error| Problem::fault(error.to_string()))?;
    let answer = answer.map(|answer| NewOutbound {
        tenant: call.tenant().clone(),
        sender: answer.sender,
        kind: OutboundKind::OrderResponse,
        key: format!("order-response/{}", order.id),
        case: None,
        message: Some(order.message),
        delivery: None,
        content,
    });
    let answered = answer.is_some();
    let decided = DecidedOrder { order, decision, answer };
    if !call.api.store().decide_order(&decided, &call.key.name).await? {
        return Err(settled(&find(&call).await?));
    }
    call.api.given.answering.ring();
    json(&wire::Decided { order: wire::Order::from(find(&call).await?), answered })
}

async fn find(call: &Call) -> Result<OrderRecord, Problem> {
    let found = call.api.store().order(call.tenant(), call.id()?).await?;
    found.ok_or_else(|| Problem::missing("there is no order with this id"))
}

fn settled(order: &OrderRecord) -> Problem {
    let status = match order.status {
        OrderStatus::Superseded => "a later revision took its place; decide on that one",
        OrderStatus::Cancelled => "the buyer cancelled it",
        _ => "it was decided upon before",
    };
    Problem::new(StatusCode::CONFLICT, format!("this order is not open: {status}"))
}

fn check(order: &OrderRecord, decision: &Decision) -> Result<(), Problem> {
    if order.status != OrderStatus::Open {
        return Err(settled(order));
    }
    for (index, line) in decision.lines.iter().enumerate() {
        let known = order.order.lines.iter().any(|known| known.number.as_deref() == Some(&line.number));
        if !known {
            return Err(Problem::bad(format!("`lines[{index}].number`: the order has no line `{}`", line.number.escape_debug())));
        }
        if decision.lines.iter().take(index).any(|other| other.number == line.number) {
            return Err(Problem::bad(format!("`lines[{index}].number`: line `{}` is decided twice", line.number.escape_debug())));
        }
    }
    Ok(())
}
