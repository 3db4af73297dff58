//! The business answer: what becomes of an order, in the vocabulary that it came in, all its lines with their outcome.

mod cxml;
mod gs1;
mod opentrans;
mod ubl;

use std::collections::{HashMap, HashSet};

use jiff::civil::{Date, DateTime};
use loket_core::message::Message;
use loket_core::order::{Decision, LineDecision, Order, OrderLine, Outcome};
use rust_decimal::Decimal;
use serde_json::Value as Json;

/// What an answer needs that is neither in the order nor in the decision.
#[derive(Clone, Debug)]
pub struct ResponseOptions {
    /// The answer's own number; in cXML its payloadID.
    pub id: String,
    /// Now, in UTC.
    pub now: DateTime,
    /// How we name ourselves as the sender of a cXML document; without it as the order named its receiver.
    pub credential: Option<Credential>,
    /// Only say that the order arrived and is being looked at (UBL: `AB`); the decision's outcome is not told.
    pub only_received: bool,
}

/// A cXML credential.
#[derive(Clone)]
pub struct Credential {
    /// Whose list the identity is from, e.g. `NetworkID`.
    pub domain: String,
    /// The identity.
    pub identity: String,
    /// What only we and the receiver know.
    pub shared_secret: Option<String>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("domain", &self.domain).field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// The answer to an order as it was filed. An error says why there is none to send.
pub fn order_response(message: &Message, decision: &Decision, options: &ResponseOptions) -> Result<Vec<u8>, String> {
    let order = message.order.as_deref().ok_or("the message has no order to answer")?;
    let edi = message.extra.get("edi").ok_or("the message does not say in which format it came (extra.edi)")?;
    let answer = Answer { order, edi, decision, options, lines: lines(order, decision)? };
    match answer.edi("syntax") {
        Some("ubl") => ubl::write(&answer),
        Some("cxml") => cxml::write(&answer),
        Some("opentrans") => opentrans::write(&answer),
        Some("gs1") => gs1::write(&answer),
        Some(other) => Err(format!("no order response is written in {other}")),
        None => Err("the message does not say in which format it came (extra.edi.syntax)".into()),
    }
}

/// Everything that an answer is made from.
struct Answer<'a> {
    order: &'a Order,
    edi: &'a Json,
    decision: &'a Decision,
    options: &'a ResponseOptions,
    lines: Vec<Line<'a>>,
}

/// A line with what becomes of it.
struct Line<'a> {
    ordered: &'a OrderLine,
    /// Its number, or its place when it has none.
    number: String,
    outcome: Outcome,
    quantity: Option<Decimal>,
    unit_price: Option<Decimal>,
    delivery_date: Option<Date>,
    reason: Option<&'a str>,
}

impl<'a> Answer<'a> {
    /// A text of `extra.edi`.
    fn edi(&self, field: &str) -> Option<&'a str> {
        self.edi.get(field)?.as_str()
    }

    /// A number of `extra.edi` and what kind of number it is.
    fn edi_id(&self, field: &str) -> Option<(&'a str, &'a str)> {
        let fields = self.edi.get(field)?;
        Some((fields.get("id")?.as_str()?, fields.get("qualifier").and_then(Json::as_str).unwrap_or_default()))
    }

    fn po_number(&self) -> Result<&'a str, String> {
        self.order.po_number.as_deref().ok_or_else(|| "the order has no number to answer to".into())
    }

    /// The outcome of the whole: with a line that is decided otherwise it is a change.
    fn outcome(&self) -> Outcome {
        let all = |outcome: Outcome| self.lines.iter().all(|line| line.outcome == outcome);
        match self.decision.outcome {
            Outcome::Accepted if self.decision.delivery_date.is_some() => Outcome::Changed,
            outcome if self.lines.is_empty() || all(outcome) => outcome,
            _ if all(Outcome::Rejected) => Outcome::Rejected,
            _ if all(Outcome::Accepted) && self.decision.outcome == Outcome::Accepted => Outcome::Accepted,
            _ => Outcome::Changed,
        }
    }

    fn time(&self, format: &str) -> String {
        self.options.now.strftime(format).to_string()
    }
}

/// The lines of an order with the decisions on them; a decision on a line that does not exist is an error.
fn lines<'a>(order: &'a Order, decision: &'a Decision) -> Result<Vec<Line<'a>>, String> {
    let decided: HashMap<&str, &LineDecision> = decision.lines.iter().map(|line| (line.number.as_str(), line)).collect();
    let mut lines = Vec::with_capacity(order.lines.len());
    let mut unknown: HashSet<&str> = decided.keys().copied().collect();
    for (place, ordered) in order.lines.iter().enumerate() {
        let number = ordered.number.clone().unwrap_or_else(|| (place + 1).to_string());
        let own = decided.get(number.as_str()).copied();
        unknown.remove(number.as_str());
        let outcome = match own {
            None => decision.outcome,
            Some(own)
                if own.outcome == Outcome::Accepted
                    && (own.quantity.is_some() || own.unit_price.is_some() || own.delivery_date.is_some()) =>
            {
                Outcome::Changed
            }
            Some(own) => own.outcome,
        };
        // An order that changes as a whole is accepted line by line, but for those that say otherwise.
        let outcome = if own.is_none() && outcome == Outcome::Changed { Outcome::Accepted } else { outcome };
        lines.push(Line {
            ordered,
            number,
            outcome,
            quantity: own.and_then(|own| own.quantity).or(ordered.quantity),
            unit_price: own.and_then(|own| own.unit_price).or(ordered.unit_price),
            delivery_date: own.and_then(|own| own.delivery_date).or(decision.delivery_date),
            reason: own.and_then(|own| own.reason.as_deref()),
        });
    }
    match unknown.into_iter().min() {
        Some(number) => Err(format!("the order has no line {number}; its lines are numbered {}", numbers(&lines))),
        None => Ok(lines),
    }
}

fn numbers(lines: &[Line<'_>]) -> String {
    let mut numbers: Vec<&str> = lines.iter().take(10).map(|line| line.number.as_str()).collect();
    if lines.len() > numbers.len() {
        numbers.push("…");
    }
    numbers.join(", ")
}
