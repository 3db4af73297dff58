//! `/v1/outbound`: what goes out; and agents' replies, which are put there.

use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use loket_core::outbound::{NewOutbound, Outbound, OutboundFilter, OutboundKind, OutboundState, Reply};
use uuid::Uuid;

use super::{cases, json, json_page};
use crate::paging::{List, Paging};
use crate::problem::Problem;
use crate::routes::Outcome;
use crate::serve::Call;
use crate::wire;

/// What the list can be filtered and paged by.
pub(crate) const PARAMETERS: &[&str] = &["state", "case", "sender", "limit", "cursor"];

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Bytes of such a key.
const LONGEST_KEY: usize = 100;
/// Characters of a reply's text.
const LONGEST_TEXT: usize = 100_000;
/// Who gets a copy of a reply.
const MOST_COPIES: usize = 20;

pub(crate) async fn list(call: Call) -> Outcome {
    let filter = OutboundFilter {
        state: call.query.parsed("state")?,
        case: call.query.parsed("case")?,
        sender: call.query.text("sender").map(str::to_owned),
    };
    let paging = Paging::of(&call.query, List::Outbound)?;
    let mut found = call.api.store().outbounds(call.tenant(), &filter, &paging.page()).await?;
    let next = paging.cut(&mut found, |last| (last.created_at, last.id));
    let link = next.as_deref().and_then(|next| call.query.link("/v1/outbound", "cursor", next));
    json_page(&wire::Outbounds { outbound: found.into_iter().map(wire::Outbound::in_short).collect(), next }, link)
}

pub(crate) async fn one(call: Call) -> Outcome {
    json(&wire::Outbound::in_full(find(&call, call.id()?).await?))
}

pub(crate) async fn retry(call: Call) -> Outcome {
    let id = call.id()?;
    if call.api.store().retry_outbound(call.tenant(), id, &call.key.name).await? {
        call.api.given.answering.ring();
        return json(&wire::Outbound::in_short(find(&call, id).await?));
    }
    let state = find(&call, id).await?.state;
    let why = if state == OutboundState::Sent { "it was sent" } else { "it is waiting, and is tried again by itself" };
    Err(Problem::new(StatusCode::CONFLICT, format!("only what failed or was withheld can be sent again: {why}")))
}

async fn find(call: &Call, id: Uuid) -> Result<Outbound, Problem> {
    let found = call.api.store().outbound(call.tenant(), id).await?;
    found.ok_or_else(|| Problem::missing("nothing with this id goes out"))
}

pub(crate) async fn reply(call: Call) -> Outcome {
    let reply: Reply = call.body()?;
    check(&reply)?;
    let case = cases::find(&call).await?;
    let sender = call.api.given.answering.of(&case.channel).map(|answer| answer.sender).filter(|sender| sender.starts_with("outgoing."));
    let sender = sender.ok_or_else(|| {
        let detail = format!("no [outgoing] table of the configuration answers cases of {}; add it to its `channels`", case.channel);
        Problem::new(StatusCode::CONFLICT, detail)
    })?;
    let answered = call.api.store().last_message(call.tenant(), case.id).await?;
    let new = NewOutbound {
        tenant: call.tenant().clone(),
        sender,
        kind: OutboundKind::Reply,
        key: key(&call)?,
        case: Some(case.id),
        message: answered.map(|message| message.id),
        delivery: None,
        content: serde_json::to_value(&reply).map_err(|error| Problem::fault(error.to_string()))?,
    };
    let (id, known) = call.api.store().add_outbound(&new, &call.key.name).await?;
    let kept = find(&call, id).await?;
    if known && (kept.content != new.content || kept.case != Some(case.number)) {
        let detail = "this Idempotency-Key was used before for another reply; use a new one for each";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    call.api.given.answering.ring();
    let status = if known { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, json(&wire::Outbound::in_short(kept))?).into_response())
}

/// What makes a reply one reply, however often it is posted: the client's key, or else each post is one of its own.
fn key(call: &Call) -> Result<String, Problem> {
    let Some(given) = call.headers.get(IDEMPOTENCY_KEY) else { return Ok(format!("reply/{}", Uuid::now_v7())) };
    let given = given.to_str().ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    let given = given.ok_or_else(|| Problem::bad(format!("an Idempotency-Key is 1 to {LONGEST_KEY} visible ASCII characters")))?;
    Ok(format!("reply/{}/{given}", call.key.id))
}

fn check(reply: &Reply) -> Result<(), Problem> {
    if reply.text.trim().is_empty() {
        return Err(Problem::bad("`text` is empty: there is nothing to send"));
    }
    if reply.text.chars().count() > LONGEST_TEXT {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("`text` has more than {LONGEST_TEXT} characters")));
    }
    if reply.cc.len() > MOST_COPIES {
        return Err(Problem::bad(format!("`cc` has more than {MOST_COPIES} addresses")));
    }
    for address in reply.to.iter().chain(&reply.cc) {
        let whole = address.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        if !whole || address.len() > 320 || address.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ','))
        {
            return Err(Problem::bad(format!("`{}` is not one plain mail address", address.escape_debug())));
        }
    }
    match &reply.subject {
        Some(subject) if subject.contains(char::is_control) => Err(Problem::bad("`subject` has control characters in it; it is one line")),
        _ => Ok(()),
    }
}
