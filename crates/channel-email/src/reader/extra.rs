//! The few header fields that are worth keeping beside the message.

use loket_core::message::Party;
use serde_json::{Map, Value, json};

use super::Header;
use super::address::{delivered_to, parties};
use super::automatic::Judgement;
use super::behalf::Behalf;
use super::fields::Fields;
use super::limits::MAX_NAME;
use super::lines::one_line;
use super::words;

/// Collects them.
pub(super) fn collect(fields: &Fields<'_>, header: &Header, judgement: &Judgement, behalf: &Behalf) -> Map<String, Value> {
    let mut extra = Map::new();
    let mut keep = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            extra.insert(name.into(), value);
        }
    };
    keep("importance", importance(fields).map(Value::from));
    keep("list_id", text(fields, "list-id"));
    keep("return_path", text(fields, "return-path"));
    keep("auto_submitted", text(fields, "auto-submitted"));
    keep("mailer", text(fields, "x-mailer").or_else(|| text(fields, "user-agent")));
    keep("delivered_to", Some(delivered_to(fields)).filter(|found| !found.is_empty()).map(Value::from));
    keep("sender", header.sender.as_ref().map(shown));
    keep("other_from", (!header.other_from.is_empty()).then(|| header.other_from.iter().take(20).map(shown).collect()));
    keep("resent_from", fields.first("resent-from").and_then(|raw| parties(raw, None).first().map(shown)));
    keep("forwarded_from", behalf.forwarded_from.as_ref().map(shown));
    keep("automatic_because", judgement.reason.clone().map(Value::from));
    keep("bounce", judgement.report.clone());
    extra
}

fn text(fields: &Fields<'_>, name: &str) -> Option<Value> {
    let raw = fields.first(name)?;
    let (text, _) = one_line(&words::decode(raw.get(..raw.len().min(4_000))?, None).text, MAX_NAME);
    (!text.is_empty()).then(|| json!(text))
}

fn shown(party: &Party) -> Value {
    json!({ "name": party.name, "address": party.address })
}

/// `high` or `low`; what most mails say is not worth keeping.
fn importance(fields: &Fields<'_>) -> Option<&'static str> {
    let said = ["importance", "x-msmail-priority", "priority"].into_iter().find_map(|name| fields.word(name)).unwrap_or_default();
    let number = fields.word("x-priority").and_then(|value| value.chars().next());
    match (said.as_str(), number) {
        ("high" | "urgent", _) | (_, Some('1' | '2')) => Some("high"),
        ("low" | "non-urgent", _) | (_, Some('4' | '5')) => Some("low"),
        _ => None,
    }
}
