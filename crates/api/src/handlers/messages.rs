//! `/v1/messages`: one message, its delivery's bytes, its attachments.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use loket_core::message::Attachment;
use loket_core::store::MessageRecord;

use super::json;
use crate::file;
use crate::problem::Problem;
use crate::routes::Outcome;
use crate::serve::Call;
use crate::state::Loaded;
use crate::wire;

pub(crate) async fn one(call: Call) -> Outcome {
    json(&wire::Message::from(find(&call).await?))
}

pub(crate) async fn raw(call: Call) -> Outcome {
    let message = find(&call).await?;
    Ok(super::deliveries::bytes(call.api.load(call.tenant(), message.delivery).await?))
}

pub(crate) async fn attachment(call: Call) -> Outcome {
    let sha256 = call.part("sha256").to_ascii_lowercase();
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Problem::bad("an attachment is named by its SHA-256, 64 hexadecimal digits"));
    }
    let message = find(&call).await?;
    let missing = || Problem::missing("this message has no attachment with this SHA-256");
    let attachment = message.message.attachments.iter().find(|attachment| attachment.sha256 == sha256).ok_or_else(missing)?;
    let tag = HeaderValue::try_from(format!("\"{sha256}\"")).map_err(|error| Problem::fault(error.to_string()))?;
    if unchanged(&call.headers, &sha256) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let Loaded { delivery, room, .. } = call.api.load(call.tenant(), message.delivery).await?;
    let api = Arc::clone(&call.api);
    let part = message.part as usize;
    // A reader runs off the async threads; the room goes with it, so that it stays taken when the request gives up waiting.
    let cut = tokio::task::spawn_blocking(move || {
        let bytes = api.given.readers.for_delivery(&delivery).and_then(|reader| reader.attachment(&delivery, part, &sha256));
        (bytes, room)
    });
    let (bytes, room) =
        cut.await.map_err(|error| Problem::fault(format!("cutting an attachment out of message {}: {error}", message.id)))?;
    let bytes = bytes.ok_or_else(|| Problem::missing(uncut(attachment)))?;
    let mut response = file::download(bytes, room, &attachment.media_type, attachment.name.as_deref().unwrap_or_default());
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

async fn find(call: &Call) -> Result<MessageRecord, Problem> {
    let found = call.api.store().message(call.tenant(), call.id()?).await?;
    found.ok_or_else(|| Problem::missing("there is no message with this id"))
}

/// Whether the client says that it has the attachment already (RFC 9110 section 13.1.2).
fn unchanged(headers: &HeaderMap, sha256: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.trim_start_matches("W/").trim_matches('"') == sha256
    })
}

fn uncut(attachment: &Attachment) -> String {
    let all = "the whole delivery is at this message's /raw";
    match &attachment.skipped {
        Some(why) => format!("this attachment was kept but not read: {why}; {all}"),
        None => format!("the reader does not find this attachment any more; {all}"),
    }
}
