//! `/v1/cases`: the list, one case, its messages.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use loket_core::case::CaseNumber;
use loket_core::message::{Address, AddressKind};
use loket_core::store::{CaseFilter, CaseRecord, MessageRecord};
use loket_core::time::Timestamp;
use uuid::Uuid;

use super::json_page;
use crate::paging::{self, List, Paging};
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::Outcome;
use crate::serve::Call;
use crate::wire;

/// What the list can be filtered and paged by.
pub(crate) const PARAMETERS: &[&str] =
    &["class", "status", "channel", "review", "language", "customer", "since", "until", "limit", "cursor"];

/// Messages that a case shows by itself; the others are paged.
const MESSAGES: u32 = 50;
/// Events that a case shows.
const EVENTS: u32 = 500;
/// Messages can be large: so many are loaded at a time, and no more once a page has so many bytes of text.
const STEP: u32 = 10;
const PAGE_BYTES: usize = 8 << 20;

pub(crate) async fn list(call: Call) -> Outcome {
    let filter = filter(&call.query)?;
    let paging = Paging::of(&call.query, List::Cases)?;
    let mut cases = call.api.store().cases(call.tenant(), &filter, &paging.page()).await?;
    let next = paging.cut(&mut cases, |last| (last.opened_at, last.id));
    let link = next.as_deref().and_then(|next| call.query.link("/v1/cases", "cursor", next));
    json_page(&wire::Cases { cases: cases.into_iter().map(wire::Case::from).collect(), next }, link)
}

pub(crate) async fn one(call: Call) -> Outcome {
    let case = find(&call).await?;
    let (messages, next) = page_of_messages(&call, case.id, None, MESSAGES).await?;
    let mut events = call.api.store().case_events(call.tenant(), case.id, EVENTS + 1).await?;
    let events_complete = events.len() <= EVENTS as usize;
    events.truncate(EVENTS as usize);
    let link = next.and_then(|next| call.query.link(&messages_path(case.number), "after", &next.to_string()));
    let events = events.into_iter().map(wire::Event::from).collect();
    json_page(&wire::CaseInFull { case: case.into(), messages, next, events, events_complete }, link)
}

pub(crate) async fn messages(call: Call) -> Outcome {
    let after = call.query.read("after", |text| Uuid::try_parse(text).map_err(|_| format!("`{text}` is not a message's id")))?;
    let limit = paging::limit(&call.query)?;
    let case = find(&call).await?;
    let (messages, next) = page_of_messages(&call, case.id, after, limit).await?;
    let link = next.and_then(|next| call.query.link(&messages_path(case.number), "after", &next.to_string()));
    json_page(&wire::Messages { messages_total: case.messages, messages, next }, link)
}

pub(crate) async fn delete(call: Call) -> Outcome {
    let case = find(&call).await?;
    if !call.api.store().delete_case(call.tenant(), case.number, &call.key.name).await? {
        return Err(Problem::missing(format!("there is no case {}", case.number)));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn messages_path(number: CaseNumber) -> String {
    format!("/v1/cases/{number}/messages")
}

/// The case that the path names.
pub(super) async fn find(call: &Call) -> Result<CaseRecord, Problem> {
    let text = call.part("number");
    if text.len() > 60 {
        return Err(Problem::bad("that is too long for a case number; it looks like 100-425"));
    }
    let number: CaseNumber = text.parse().map_err(|error: String| Problem::bad(error))?;
    let found = call.api.store().case(call.tenant(), number).await?;
    found.ok_or_else(|| Problem::missing(format!("there is no case {number}")))
}

/// Messages of a case and, when there are more, the id of the last one here. A page ends early when its texts are large.
async fn page_of_messages(call: &Call, case: Uuid, after: Option<Uuid>, limit: u32) -> Result<(Vec<wire::Message>, Option<Uuid>), Problem> {
    let limit = limit as usize;
    let (mut found, mut bytes, mut last): (Vec<MessageRecord>, _, _) = (Vec::new(), 0, after);
    let more = loop {
        let batch = call.api.store().case_messages(call.tenant(), case, last, STEP).await?;
        let ended = batch.len() < STEP as usize;
        bytes += batch.iter().map(text_bytes).sum::<usize>();
        found.extend(batch);
        last = found.last().map(|message| message.id).or(last);
        if found.len() > limit {
            found.truncate(limit);
            break true;
        }
        if ended || bytes > PAGE_BYTES {
            break !ended;
        }
    };
    let next = if more { found.last().map(|message| message.id) } else { None };
    Ok((found.into_iter().map(wire::Message::from).collect(), next))
}

fn text_bytes(record: &MessageRecord) -> usize {
    let body = &record.message.body;
    body.new_text.len() + body.full_text.len() + body.html.as_ref().map_or(0, String::len)
}

fn filter(query: &Query) -> Result<CaseFilter, Problem> {
    Ok(CaseFilter {
        class: query.parsed("class")?,
        status: query.parsed("status")?,
        channel: query.text("channel").map(str::to_owned),
        review: query.read("review", |text| text.parse().map_err(|_| format!("`{text}` is not true or false")))?,
        language: query.read("language", language)?,
        customer: query.read("customer", customer)?,
        since: query.read("since", time)?,
        until: query.read("until", time)?,
    })
}

fn language(text: &str) -> Result<String, String> {
    let code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_lowercase());
    if code { Ok(text.into()) } else { Err(format!("`{text}` is not a language; write two letters, as nl, en, de or fr")) }
}

/// An unencoded `+` in a query means a blank, which no offset from UTC begins with: it was meant.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let meant = if text.contains(['T', 't']) { text.replace(' ', "+") } else { text.into() };
    meant.parse()
}

/// The same in mail addresses and in front of telephone numbers.
pub(super) fn customer(text: &str) -> Result<String, String> {
    let mut address = Address::from(text);
    match address.kind {
        AddressKind::Mail => address.value = address.value.trim().replace(' ', "+"),
        AddressKind::Phone | AddressKind::Fax => {
            if let Some(number) = address.value.strip_prefix(' ') {
                address.value = format!("+{number}");
            }
        }
        AddressKind::Edi | AddressKind::Account => {}
    }
    match address.normalized() {
        Some(_) => Ok(address.to_string()),
        None => Err("this is not an address; write jan@example.nl, tel:+31201234567, fax:…, edi:… or account:…".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_that_was_not_encoded_is_understood() {
        assert_eq!(customer("jan werk@example.nl").as_deref(), Ok("jan+werk@example.nl"));
        assert_eq!(customer("tel: 31 20 1234567").as_deref(), Ok("tel:+31 20 1234567"));
        assert_eq!(customer("tel:020 1234567").as_deref(), Ok("tel:020 1234567"));
        assert_eq!(customer("account:AB 12").as_deref(), Ok("account:AB 12"));
        assert!(customer("jan").is_err());
        assert_eq!(time("2026-11-24T09:30:00 01:00"), "2026-11-24T08:30:00Z".parse());
        assert_eq!(time("2026-11-24"), "2026-11-24T00:00:00Z".parse());
        assert!(time("gisteren").is_err());
    }
}
