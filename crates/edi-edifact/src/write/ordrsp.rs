//! ORDRSP, the answer to an order: every line with what becomes of it.

use jiff::civil::DateTime;
use loket_core::message::Message;
use loket_core::order::{Decision, LineDecision, Order, OrderLine, OrderParty, Outcome};
use serde_json::Value;

use super::{Envelope, Segments};
use crate::envelope::Station;

/// How many characters a component of FTX has in the older directories, and how many components there are.
const TEXT: usize = 70;
const TEXTS: usize = 5;
/// How many characters a part of a party's name has.
const NAME: usize = 35;

/// How an answer is written.
#[derive(Clone, Debug)]
pub struct ResponseOptions {
    /// The control reference of the interchange (UNB 0020).
    pub control: u64,
    /// The present, in the time zone that the partner expects.
    pub now: DateTime,
    /// The answer's own number (BGM 1004). None: the seller's number for the order, else the order's.
    pub number: Option<String>,
    /// The association's code for the message (UNH 0057), e.g. `EAN005`.
    pub association: Option<String>,
}

/// Whether the buyer wants an answer to its order: always, unless it says that it needs none (BGM 4343 = NA).
pub fn response_wanted(message: &Message) -> bool {
    edi(message, "response") != Some("NA")
}

/// The ORDRSP for an order as it was filed, and the decision on it.
pub fn order_response(message: &Message, decision: &Decision, options: &ResponseOptions) -> Result<Vec<u8>, String> {
    let order = message.order.as_deref().ok_or("the message has no order to answer")?;
    let lines = decided(order, decision)?;
    let (sender, receiver) = stations(message, order)?;
    let envelope = Envelope {
        syntax: edi(message, "charset").unwrap_or("UNOC"),
        version: edi(message, "syntax_version").unwrap_or("3"),
        sender: &sender,
        receiver: &receiver,
        control: options.control,
        now: options.now,
        test: order.test,
    };
    Ok(envelope.around(|version| {
        let mut response = Segments::new(version);
        head(&mut response, message, order, decision, options, &lines);
        for (place, decided) in lines.iter().enumerate() {
            line(&mut response, message, place, decided);
        }
        response.add("UNS", &[&["S"]]);
        response.add("CNT", &[&["2", &lines.len().to_string()]]);
        let count = (response.count + 1).to_string();
        response.add("UNT", &[&[&count], &["1"]]);
        response
    }))
}

/// A text of the envelope as it was filed.
fn edi<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.extra.get("edi")?.get(name)?.as_str()
}

/// From whom the answer comes and to whom it goes: the other way round.
fn stations(message: &Message, order: &Order) -> Result<(Station, Station), String> {
    let station = |name: &str, party: Option<&OrderParty>| {
        let said = message.extra.get("edi").and_then(|edi| edi.get(name));
        let text = |field: &str| said.and_then(|said| said.get(field)).and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = Some(text("id")).filter(|id| !id.is_empty()).or_else(|| party?.id.clone());
        id.map(|id| Station { id, qualifier: text("qualifier"), routing: text("routing") })
    };
    let sender =
        station("receiver", order.seller.as_ref()).ok_or("the order does not say to whom it was sent: no UNB, and no seller's number")?;
    let receiver = station("sender", order.buyer.as_ref()).ok_or("the order does not say who sent it: no UNB, and no buyer's number")?;
    Ok((sender, receiver))
}

/// A line and what becomes of it.
struct Decided<'a> {
    line: &'a OrderLine,
    outcome: Outcome,
    decision: Option<&'a LineDecision>,
}

/// Every line of the order with its outcome. A decision on a line that the order does not have is a mistake.
fn decided<'a>(order: &'a Order, decision: &'a Decision) -> Result<Vec<Decided<'a>>, String> {
    let mut by_number = std::collections::HashMap::new();
    for (place, one) in decision.lines.iter().enumerate() {
        if by_number.insert(one.number.as_str(), (place, one)).is_some() {
            return Err(format!("line {} is decided twice", one.number));
        }
    }
    let otherwise = if decision.outcome == Outcome::Rejected { Outcome::Rejected } else { Outcome::Accepted };
    let lines = order.lines.iter().enumerate().map(|(place, line)| {
        let found = by_number.remove(number(line, place).as_str());
        let decision = found.map(|(_, decision)| decision);
        Decided { line, outcome: decision.map_or(otherwise, |decision| decision.outcome), decision }
    });
    let lines: Vec<Decided<'a>> = lines.collect();
    match by_number.values().min_by_key(|(place, _)| *place) {
        Some((_, unknown)) => Err(format!("the order has no line {}", unknown.number)),
        None => Ok(lines),
    }
}

/// A line's number; its place, from 1, where it has none.
fn number(line: &OrderLine, place: usize) -> String {
    line.number.clone().unwrap_or_else(|| (place + 1).to_string())
}

fn head(response: &mut Segments, message: &Message, order: &Order, decision: &Decision, options: &ResponseOptions, lines: &[Decided<'_>]) {
    let version = edi(message, "version").unwrap_or("D.96A");
    let (version, release) = version.split_once('.').unwrap_or(("D", "96A"));
    let association = options.association.as_deref().unwrap_or_default();
    response.add("UNH", &[&["1"], &["ORDRSP", version, release, edi(message, "agency").unwrap_or("UN"), association]]);
    let order_number = order.po_number.as_deref().unwrap_or_default();
    let number = options.number.as_deref().or(decision.seller_order.as_deref()).unwrap_or(order_number);
    let differing = lines.iter().any(|line| line.outcome != decision.outcome);
    // Message function (1225) and response type (4343).
    let (function, answer) = match decision.outcome {
        Outcome::Rejected if !differing => ("27", "RE"),
        Outcome::Accepted if !differing && decision.delivery_date.is_none() => ("29", "AP"),
        _ => ("4", "AC"),
    };
    response.add("BGM", &[&["231"], &[number], &[function], &[answer]]);
    response.add("DTM", &[&["137", &options.now.strftime("%Y%m%d%H%M").to_string(), "203"]]);
    if let Some(day) = decision.delivery_date {
        response.add("DTM", &[&["69", &day.strftime("%Y%m%d").to_string(), "102"]]);
    }
    text(response, decision.reason.as_deref());
    response.add("RFF", &[&["ON", order_number]]);
    if let Some(day) = order.order_date {
        response.add("DTM", &[&["171", &day.strftime("%Y%m%d").to_string(), "102"]]);
    }
    if let Some(number) = &decision.seller_order {
        response.add("RFF", &[&["VN", number]]);
    }
    if edi(message, "type") == Some("ORDCHG")
        && let Some(change) = &order.revision
    {
        response.add("RFF", &[&["ACW", change]]);
    }
    for (qualifier, party) in [("BY", &order.buyer), ("SU", &order.seller), ("DP", &order.ship_to)] {
        if let Some(party) = party {
            name(response, qualifier, party);
        }
    }
    if let Some(currency) = &order.currency {
        response.add("CUX", &[&["2", currency, "9"]]);
    }
}

fn name(response: &mut Segments, qualifier: &str, party: &OrderParty) {
    let agency = match party.scheme.as_deref().unwrap_or_default() {
        "gln" => "9",
        "duns" => "16",
        "seller" => "91",
        "buyer" => "92",
        code if code.len() <= 3 => code,
        _ => "",
    };
    match (&party.id, &party.name) {
        (Some(id), _) => response.add("NAD", &[&[qualifier], &[id, "", agency]]),
        (None, Some(name)) => {
            let parts = pieces(name, NAME);
            let parts: Vec<&str> = parts.iter().take(TEXTS).map(String::as_str).collect();
            response.add("NAD", &[&[qualifier], &[], &[], &parts]);
        }
        (None, None) => {}
    }
}

fn line(response: &mut Segments, message: &Message, place: usize, decided: &Decided<'_>) {
    let Decided { line, outcome, decision } = decided;
    let action = match outcome {
        Outcome::Accepted => "5",
        Outcome::Changed => "3",
        Outcome::Rejected => "7",
    };
    // EANCOM 2002 calls a GTIN SRV.
    let version = edi(message, "version").unwrap_or_default();
    let newer = edi(message, "association").is_some_and(|code| code.starts_with("EAN")) && version == "D.01B";
    let gtin = line.gtin.as_deref().unwrap_or_default();
    let kind = if newer { "SRV" } else { "EN" };
    let item: &[&str] = if gtin.is_empty() { &[] } else { &[gtin, kind] };
    response.add("LIN", &[&[&number(line, place)], &[action], item]);
    let seller = line.seller_item.as_deref().map(|id| [id, "SA"]);
    let buyer = line.buyer_item.as_deref().map(|id| [id, "IN"]);
    let mut items: Vec<&[&str]> = vec![if gtin.is_empty() { &["5"] } else { &["1"] }];
    items.extend([&seller, &buyer].into_iter().flatten().map(|item| item.as_slice()));
    if items.len() > 1 {
        response.add("PIA", &items);
    }
    let unit = line.unit_as_written.as_deref().or(line.unit.as_deref()).unwrap_or_default();
    if let Some(quantity) = line.quantity {
        response.add("QTY", &[&["21", &quantity.to_string(), unit]]);
    }
    if let Some(quantity) = decision.and_then(|decision| decision.quantity) {
        // To be delivered.
        response.add("QTY", &[&["113", &quantity.to_string(), unit]]);
    }
    if let Some(day) = decision.and_then(|decision| decision.delivery_date) {
        response.add("DTM", &[&["69", &day.strftime("%Y%m%d").to_string(), "102"]]);
    }
    text(response, decision.and_then(|decision| decision.reason.as_deref()));
    if let Some(price) = decision.and_then(|decision| decision.unit_price) {
        response.add("PRI", &[&["AAA", &price.to_string()]]);
    } else if let Some(written) = &line.price_as_written {
        let unit = written.unit.as_deref().unwrap_or(unit);
        response.add("PRI", &[&["AAA", &written.price.to_string(), "", "", &written.per.to_string(), unit]]);
    } else if let Some(price) = line.unit_price {
        response.add("PRI", &[&["AAA", &price.to_string()]]);
    }
}

/// Words for the buyer, in as many FTX as they need.
fn text(response: &mut Segments, words: Option<&str>) {
    let pieces = pieces(words.unwrap_or_default(), TEXT);
    for five in pieces.chunks(TEXTS) {
        let five: Vec<&str> = five.iter().map(String::as_str).collect();
        response.add("FTX", &[&["AAI"], &[], &[], &five]);
    }
}

/// A text in pieces of at most so many characters, cut between words where that can be.
fn pieces(text: &str, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let size = word.chars().count();
        if length > 0 && length + 1 + size <= most {
            piece.push(' ');
            length += 1;
        } else if length > 0 {
            pieces.push(std::mem::take(&mut piece));
            length = 0;
        }
        for c in word.chars() {
            if length == most {
                pieces.push(std::mem::take(&mut piece));
                length = 0;
            }
            piece.push(c);
            length += 1;
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn texts_are_cut_between_words() {
        assert_eq!(pieces("", 5), Vec::<String>::new());
        assert_eq!(pieces("een twee drie", 8), ["een twee", "drie"]);
        assert_eq!(pieces("abcdefghijk l", 5), ["abcde", "fghij", "k l"]);
        assert_eq!(pieces("é é", 1), ["é", "é"]);
    }
}
