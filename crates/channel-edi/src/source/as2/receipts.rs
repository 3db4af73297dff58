//! Receipts that come by a request of their own, for what we sent.
//!
//! A receipt is kept as a position of the channel, by the Message-ID that it is for: whichever instance sent the message, and whenever
//! it tries again, finds it there.

use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use jiff::Timestamp;
use loket_as2::{Headers, read_receipt};
use serde_json::json;
use uuid::Uuid;

use super::post::outbound_of;
use super::slip::Kept;
use super::{LONGEST_RECEIPT, Pair, answer};
use crate::source::blocking;

/// The position in which the receipt for something that was sent is kept.
pub(super) fn position(outbound: Uuid) -> String {
    format!("mdn/{outbound}")
}

/// Takes a receipt, and answers.
pub(super) async fn take(pair: &Pair, headers: Headers, body: Bytes) -> Response {
    if body.len() as u64 > LONGEST_RECEIPT {
        return answer(StatusCode::PAYLOAD_TOO_LARGE, "the receipt is larger than a receipt is");
    }
    let as2 = pair.as2.clone();
    let (fields, bytes) = (headers.clone(), body.clone());
    let read = blocking(move || {
        let partner = as2.partner()?;
        read_receipt(&fields, &bytes, &partner, Timestamp::now()).map_err(|error| error.to_string())
    });
    let receipt = match read.await {
        Ok(Ok(receipt)) => receipt,
        Ok(Err(why)) => {
            pair.trouble(format!("a receipt of {} cannot be used: {why}", pair.as2.partner_id));
            return answer(StatusCode::BAD_REQUEST, "the receipt cannot be verified");
        }
        Err(error) => {
            pair.trouble(error.to_string());
            return answer(StatusCode::SERVICE_UNAVAILABLE, "it cannot be taken just now; come again");
        }
    };
    if receipt.signed.is_none() && (pair.as2.mdn_signed || !pair.unsigned.take()) {
        pair.trouble(format!("a receipt of {} is not signed, and not used", pair.as2.partner_id));
        return answer(StatusCode::BAD_REQUEST, "the receipt is not signed");
    }
    let Some(outbound) = outbound_of(&pair.as2.our_id, &receipt.original_message_id) else {
        pair.trouble(format!("a receipt of {} is for a message that is not ours", pair.as2.partner_id));
        return answer(StatusCode::NOT_FOUND, "the receipt is for a message that is not ours");
    };
    let kept = json!(Kept::new(&headers, &body)).to_string();
    match pair.cx.accept_all(Vec::new(), Some((&position(outbound), kept)), None).await {
        Ok(_) => answer(StatusCode::OK, ""),
        Err(error) => {
            pair.trouble(error.to_string());
            answer(StatusCode::SERVICE_UNAVAILABLE, "it cannot be taken just now; come again")
        }
    }
}
