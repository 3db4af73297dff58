//! Business answers: 855 to an 850 or 875, 865 to an 860.

use jiff::civil::{Date, DateTime};
use loket_core::message::Message;
use loket_core::order::{Decision, LineAction, LineDecision, Order, OrderLine, OrderParty, Outcome, Place};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::writer::{self, Outgoing, OutgoingGroup, Writer, delimiters};
use crate::order::{qualifier_element, usual_qualifier};

/// What a business answer needs besides the order and the decision.
#[derive(Clone, Debug)]
pub struct ResponseOptions {
    /// ISA13 and GS06 of the answer.
    pub control_number: u32,
    /// When it is written, in the time zone that the partner expects.
    pub now: DateTime,
}

/// The longest text in one MSG.
const MAX_TEXT: usize = 264;

/// The business answer to an order as it was filed: every line with what becomes of it. A line is named by its number, or by its
/// place, counted from 1, where the sender does not number lines (875).
pub fn order_response(message: &Message, decision: &Decision, options: &ResponseOptions) -> Result<Vec<u8>, String> {
    let order = message.order.as_deref().ok_or("the message holds no order: nothing to answer")?;
    let po_number = order.po_number.as_deref().ok_or("the order has no number: an answer could not name it")?;
    let edi = message.extra.get("edi").and_then(Value::as_object).ok_or("the message did not come by EDI: `extra.edi` is missing")?;
    let envelope = Envelope::of(edi)?;
    let lines = decided_lines(order, decision)?;
    let change = envelope.kind == "860";
    let mut writer = Writer::new(envelope.outgoing(options));
    writer.open_group(&OutgoingGroup {
        functional: if change { "CA" } else { "PR" },
        sender: envelope.group_receiver.clone(),
        receiver: envelope.group_sender.clone(),
        version: envelope.version.clone(),
    });
    let answer = Answer { order, decision, version: &envelope.version, change, now: options.now };
    writer.open_transaction(if change { "865" } else { "855" });
    answer.head(&mut writer, po_number, acknowledgement(decision, &lines));
    for (place, line) in lines.iter().enumerate() {
        answer.line(&mut writer, place, line);
    }
    writer.segment(&["CTT", &lines.len().to_string()]);
    writer.close_transaction();
    writer.close_group();
    Ok(writer.finish())
}

/// What the answer needs of the order's envelope.
struct Envelope {
    kind: String,
    version: String,
    interchange_version: String,
    /// Id and qualifier.
    sender: (String, String),
    receiver: (String, String),
    group_sender: String,
    group_receiver: String,
    test: bool,
    delimiters: [Option<u8>; 4],
}

impl Envelope {
    fn of(edi: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| edi.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text("syntax") != "x12" {
            return Err(format!("the order came as {}, not as X12", text("syntax")));
        }
        let partner = |name: &str| {
            let field =
                |field: &str| edi.get(name).and_then(|party| party.get(field)).and_then(Value::as_str).unwrap_or_default().to_owned();
            (field("id"), field("qualifier"))
        };
        let (sender, receiver) = (partner("sender"), partner("receiver"));
        if sender.0.is_empty() {
            return Err("the order's envelope names no sender: there is nobody to answer to".into());
        }
        let or = |value: String, other: &str| if value.is_empty() { other.to_owned() } else { value };
        let delimiter = |name: &str| edi.get("delimiters")?.get(name)?.as_str()?.bytes().next();
        Ok(Self {
            kind: text("type"),
            version: or(text("version"), "004010"),
            interchange_version: text("interchange_version"),
            group_sender: or(text("group_sender"), &sender.0),
            group_receiver: or(text("group_receiver"), &receiver.0),
            sender,
            receiver,
            test: edi.get("test").and_then(Value::as_bool).unwrap_or(false),
            delimiters: ["element", "component", "segment", "repetition"].map(delimiter),
        })
    }

    fn outgoing(&self, options: &ResponseOptions) -> Outgoing {
        let [element, component, segment, repetition] = self.delimiters;
        Outgoing {
            sender_qualifier: self.receiver.1.clone(),
            sender: self.receiver.0.clone(),
            receiver_qualifier: self.sender.1.clone(),
            receiver: self.sender.0.clone(),
            repetition: repetition.filter(u8::is_ascii_punctuation),
            version: self.interchange_version.clone(),
            control_number: options.control_number,
            now: options.now,
            test: self.test,
            delimiters: delimiters(element, component, segment),
        }
    }
}

/// A line and what becomes of it.
struct Decided<'a> {
    line: &'a OrderLine,
    outcome: Outcome,
    own: Option<&'a LineDecision>,
    date: Option<Date>,
}

fn decided_lines<'a>(order: &'a Order, decision: &'a Decision) -> Result<Vec<Decided<'a>>, String> {
    let mut places = std::collections::HashMap::new();
    for (place, line) in order.lines.iter().enumerate() {
        let number = line.number.clone().unwrap_or_else(|| (place + 1).to_string());
        places.entry(number).or_insert_with(Vec::new).push(place);
    }
    let mut lines: Vec<Decided<'a>> =
        order.lines.iter().map(|line| Decided { line, outcome: decision.outcome, own: None, date: decision.delivery_date }).collect();
    for own in &decision.lines {
        let found = places.get(&own.number).ok_or_else(|| {
            format!("the order has no line {:?}: name a line by its number, or by its place where the sender gives none", own.number)
        })?;
        let [place] = found.as_slice() else {
            return Err(format!(
                "the order has {} lines numbered {:?}: a decision on one of them cannot say which",
                found.len(),
                own.number
            ));
        };
        if let Some(line) = lines.get_mut(*place) {
            line.outcome = own.outcome;
            line.date = own.delivery_date.or(line.date);
            line.own = Some(own);
        }
    }
    Ok(lines)
}

/// The answer as a whole (data element 587).
fn acknowledgement(decision: &Decision, lines: &[Decided<'_>]) -> &'static str {
    let all = |outcome: Outcome| lines.iter().all(|line| line.outcome == outcome);
    let dated = lines.iter().any(|line| line.date.is_some()) || decision.delivery_date.is_some();
    match decision.outcome {
        Outcome::Rejected if lines.is_empty() => "RJ",
        Outcome::Rejected if all(Outcome::Rejected) => "RD",
        _ if !lines.is_empty() && all(Outcome::Rejected) => "RD",
        Outcome::Accepted if lines.is_empty() && !dated => "AK",
        Outcome::Accepted if all(Outcome::Accepted) && !dated => "AD",
        _ => "AC",
    }
}

struct Answer<'a> {
    order: &'a Order,
    decision: &'a Decision,
    version: &'a str,
    change: bool,
    now: DateTime,
}

impl Answer<'_> {
    fn date(&self, date: Date) -> String {
        writer::date(date, self.version)
    }

    fn head(&self, writer: &mut Writer, po_number: &str, acknowledgement: &str) {
        let order = self.order;
        let ordered = self.date(order.order_date.unwrap_or(self.now.date()));
        let today = self.date(self.now.date());
        let seller_order = self.decision.seller_order.as_deref().unwrap_or_default();
        let release = order.revision.as_deref().unwrap_or_default();
        if self.change {
            let kept = order.extra.get("BCH04").and_then(Value::as_str).unwrap_or_default();
            // The revision is the number of the change where there is one, else the release.
            let from_release = order
                .sources
                .get("revision")
                .is_some_and(|source| matches!(&source.place, Place::Element { element, .. } if element == "BCH04"));
            let (release, sequence) = if from_release { (release, "") } else { (kept, release) };
            writer.segment(&["BCA", "00", acknowledgement, po_number, release, sequence, &ordered, "", "", seller_order]);
        } else {
            writer.segment(&["BAK", "00", acknowledgement, po_number, &ordered, release, "", "", seller_order, &today]);
        }
        if let Some(currency) = &order.currency {
            writer.segment(&["CUR", "SE", currency]);
        }
        if !seller_order.is_empty() {
            writer.segment(&["REF", "VN", seller_order]);
        }
        if let Some(date) = self.decision.delivery_date {
            writer.segment(&["DTM", "067", &self.date(date)]);
        }
        if let Some(reason) = &self.decision.reason {
            self.text(writer, reason);
        }
        for (role, party) in [("BY", &order.buyer), ("SE", &order.seller), ("ST", &order.ship_to)] {
            if let Some(party) = party {
                write_party(writer, role, party);
            }
        }
    }

    fn text(&self, writer: &mut Writer, text: &str) {
        writer.segment(&["N9", "L1", "", "NOTES"]);
        let characters: Vec<char> = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect();
        for piece in characters.chunks(MAX_TEXT) {
            let piece: String = piece.iter().collect();
            // MSG gave way to MTX.
            if self.version >= "005010" {
                writer.segment(&["MTX", "", piece.trim()]);
            } else {
                writer.segment(&["MSG", piece.trim()]);
            }
        }
    }

    fn line(&self, writer: &mut Writer, place: usize, decided: &Decided<'_>) {
        let line = decided.line;
        let number = line.number.clone().unwrap_or_else(|| (place + 1).to_string());
        let ordered = line.quantity.map(|quantity| quantity.to_string()).unwrap_or_default();
        let unit = line.unit_as_written.as_deref().or(line.unit.as_deref()).unwrap_or("EA").to_owned();
        let (price, basis) = price(line, decided.own.and_then(|own| own.unit_price), self.change);
        let mut elements: Vec<String> = if self.change {
            ["POC".to_owned(), number, change_code(line), ordered, String::new(), unit.clone(), price, basis].into()
        } else {
            ["PO1".to_owned(), number, ordered, unit.clone(), price, basis].into()
        };
        elements.extend(items(line).into_iter().flat_map(|(qualifier, id)| [qualifier, id]));
        writer.segment(&elements);
        if let Some(description) = &line.description {
            let short: String = description.chars().take(80).collect();
            writer.segment(&["PID", "F", "", "", "", short.trim()]);
        }
        let quantity = decided.own.and_then(|own| own.quantity).or(line.quantity);
        let date = decided.date.map(|date| self.date(date)).unwrap_or_default();
        let qualifier = if date.is_empty() { "" } else { "067" };
        let quantity = quantity.map(|quantity| quantity.to_string()).unwrap_or_default();
        let unit = if quantity.is_empty() { String::new() } else { unit };
        writer.segment(&["ACK", status(decided), &quantity, &unit, qualifier, &date]);
        if let Some(reason) = decided.own.and_then(|own| own.reason.as_deref()) {
            self.text(writer, reason);
        }
    }
}

/// What becomes of a line (data element 668).
fn status(decided: &Decided<'_>) -> &'static str {
    let own = decided.own;
    let changed = [
        own.is_some_and(|own| own.quantity.is_some() && own.quantity != decided.line.quantity),
        own.is_some_and(|own| own.unit_price.is_some() && own.unit_price != decided.line.unit_price),
        decided.date.is_some(),
    ];
    match (decided.outcome, changed) {
        (Outcome::Rejected, _) => "IR",
        (_, [true, false, false]) => "IQ",
        (_, [false, true, false]) => "IP",
        (_, [false, false, true]) => "DR",
        (Outcome::Changed, [false, false, false]) if own.is_none() => "IA",
        (Outcome::Accepted, [false, false, false]) => "IA",
        _ => "IC",
    }
}

/// The price that holds now, and what it is for, as the buyer writes prices.
fn price(line: &OrderLine, new: Option<Decimal>, change: bool) -> (String, String) {
    let basis = line.extra.get(if change { "POC07" } else { "PO105" }).and_then(Value::as_str).unwrap_or_default().to_owned();
    let written = line.price_as_written.as_ref();
    let price = match (new, written) {
        (Some(new), Some(written)) if written.unit.is_none() => new.checked_mul(written.per).unwrap_or(new),
        // Per one of the line's own unit: not what the buyer's code says.
        (Some(new), Some(_)) => return (new.to_string(), "PE".to_owned()),
        (Some(new), None) => new,
        (None, Some(written)) => written.price,
        (None, None) => match line.unit_price {
            Some(price) => price,
            None => return (String::new(), basis),
        },
    };
    (price.to_string(), basis)
}

/// The code of a change as the buyer wrote it.
fn change_code(line: &OrderLine) -> String {
    let usual = match line.action {
        Some(LineAction::Add) => "AI",
        Some(LineAction::Delete) => "DI",
        Some(LineAction::None) => "NC",
        Some(LineAction::Change) | None => "CA",
    };
    line.extra.get("POC02").and_then(Value::as_str).filter(|code| !code.is_empty()).unwrap_or(usual).to_owned()
}

/// The item's numbers with their qualifiers, as the buyer wrote them.
fn items(line: &OrderLine) -> Vec<(String, String)> {
    let qualifier = |field: &str, id: &str| {
        let element = match &line.sources.get(field)?.place {
            Place::Element { element, .. } => qualifier_element(element)?,
            _ => return None,
        };
        Some(line.extra.get(&element).and_then(Value::as_str).unwrap_or(usual_qualifier(field, id)).to_owned())
    };
    let own = [("buyer_item", &line.buyer_item), ("seller_item", &line.seller_item), ("gtin", &line.gtin)];
    let own = own.into_iter().filter_map(|(field, id)| Some((field, id.clone()?)));
    let mut items: Vec<(String, String)> =
        own.map(|(field, id)| (qualifier(field, &id).unwrap_or_else(|| usual_qualifier(field, &id).to_owned()), id)).collect();
    items.extend(line.other_items.iter().map(|item| {
        let qualifier = match item.scheme.as_str() {
            "buyer" => "BP",
            "seller" => "VP",
            "upc" => "UP",
            "ean" => "EN",
            "gtin" => "UK",
            "isbn" => "IB",
            other => other,
        };
        (qualifier.to_owned(), item.id.clone())
    }));
    // The standard has room for ten.
    items.truncate(10);
    items
}

fn write_party(writer: &mut Writer, role: &str, party: &OrderParty) {
    let qualifier = match party.scheme.as_deref() {
        Some("gln") => "UL",
        Some("duns") => "1",
        Some("buyer") => "92",
        Some("seller") => "91",
        Some(code) if code.len() <= 2 => code,
        _ => "ZZ",
    };
    let id = party.id.as_deref().unwrap_or_default();
    let name: String = party.name.as_deref().unwrap_or_default().chars().take(60).collect();
    let qualifier = if id.is_empty() { "" } else { qualifier };
    if !(id.is_empty() && name.is_empty()) {
        writer.segment(&["N1", role, &name, qualifier, id]);
    }
}
