//! What templates can say: plain values, already in the form in which they are read.

use jiff::tz::{Offset, TimeZone};
use loket_core::case::CaseNumber;
use loket_core::classify::Class;
use loket_core::message::SentAt;
use loket_core::order::{Order, OrderKind, OrderLine};
use loket_core::time::Timestamp;
use serde::Serialize;

use super::super::address::one_line;

/// Lines of an order that are shown.
const MOST_LINES: usize = 10;
/// Characters of an item's description, of a number.
const LONGEST_DESCRIPTION: usize = 80;
const LONGEST_NUMBER: usize = 40;
/// Units that go without saying (Recommendation 20).
const PIECES: [&str; 6] = ["EA", "C62", "NAR", "PCE", "H87", "PC"];

/// What is known when a mail is made.
#[derive(Clone, Copy, Debug)]
pub(in crate::outgoing) struct Facts<'a> {
    /// The customer's name, fit for a greeting; may be empty.
    pub(in crate::outgoing) name: &'a str,
    /// Who writes.
    pub(in crate::outgoing) company: &'a str,
    pub(in crate::outgoing) case: Option<CaseNumber>,
    pub(in crate::outgoing) class: Class,
    /// Whether a person should check the class.
    pub(in crate::outgoing) unsure: bool,
    /// The subject of the message; may be empty.
    pub(in crate::outgoing) subject: &'a str,
    /// When the message reached us.
    pub(in crate::outgoing) received: Timestamp,
    /// When it was sent, with the sender's offset.
    pub(in crate::outgoing) sent: Option<SentAt>,
    pub(in crate::outgoing) channel: &'a str,
    pub(in crate::outgoing) order: Option<&'a Order>,
    /// What an agent wrote; empty in an acknowledgement.
    pub(in crate::outgoing) text: &'a str,
}

/// The variables of a template.
#[derive(Clone, Debug, Serialize)]
pub(in crate::outgoing) struct Values {
    name: String,
    company: String,
    case: Case,
    class: &'static str,
    unsure: bool,
    subject: String,
    received: String,
    channel: String,
    order: Option<OrderWords>,
    text: String,
}

#[derive(Clone, Debug, Serialize)]
struct Case {
    number: String,
}

#[derive(Clone, Debug, Serialize)]
struct OrderWords {
    po_number: Option<String>,
    /// `new`, `change` or `cancel`.
    kind: &'static str,
    /// How many lines it has.
    count: usize,
    /// The first of them.
    lines: Vec<LineWords>,
    /// How many are not shown.
    more: usize,
}

#[derive(Clone, Debug, Serialize)]
struct LineWords {
    /// All of it in one line: `10 dozen A-12 Papieren zakken`.
    text: String,
    quantity: Option<String>,
    unit: Option<String>,
    item: Option<String>,
    description: Option<String>,
}

impl Values {
    /// In the way of a language.
    pub(in crate::outgoing) fn new(facts: &Facts<'_>, language: &str) -> Self {
        Self {
            name: facts.name.into(),
            company: facts.company.into(),
            case: Case { number: facts.case.map(|case| case.to_string()).unwrap_or_default() },
            class: facts.class.name(),
            unsure: facts.unsure,
            subject: one_line(facts.subject, 200),
            received: date(facts.received, facts.sent, language),
            channel: facts.channel.into(),
            order: facts.order.map(|order| OrderWords::new(order, language)),
            text: facts.text.into(),
        }
    }

    /// What every template must be able to say: with everything there, and with as little as possible.
    pub(super) fn samples() -> [Self; 2] {
        let line = OrderLine { description: Some("x".into()), seller_item: Some("7".into()), ..OrderLine::default() };
        let order = Order { po_number: Some("7".into()), lines: vec![line; MOST_LINES + 1], ..Order::default() };
        let full = Facts {
            name: "Jan",
            company: "x",
            case: Some(CaseNumber::from_counter(CaseNumber::FIRST)),
            class: Class::Order,
            unsure: false,
            subject: "x",
            received: Timestamp::default(),
            sent: None,
            channel: "email.x",
            order: Some(&order),
            text: "x",
        };
        let bare = Order::default();
        let least = Facts { name: "", unsure: true, subject: "", order: Some(&bare), text: "", ..full };
        [Self::new(&full, "nl"), Self::new(&least, "nl")]
    }
}

impl OrderWords {
    fn new(order: &Order, language: &str) -> Self {
        let lines: Vec<LineWords> = order.lines.iter().take(MOST_LINES).filter_map(|line| LineWords::new(line, language)).collect();
        Self {
            po_number: number(order.po_number.as_deref()),
            kind: match order.kind {
                OrderKind::New => "new",
                OrderKind::Change => "change",
                OrderKind::Cancel => "cancel",
            },
            count: order.lines.len(),
            more: order.lines.len().saturating_sub(MOST_LINES),
            lines,
        }
    }
}

impl LineWords {
    /// `None` when there is nothing to say about the line.
    fn new(line: &OrderLine, language: &str) -> Option<Self> {
        let comma = matches!(language, "nl" | "de" | "fr");
        let quantity = line.quantity.map(|quantity| {
            let plain = quantity.normalize().to_string();
            if comma { plain.replace('.', ",") } else { plain }
        });
        let own_word = number(line.unit_as_written.as_deref());
        let unit = own_word.or_else(|| number(line.unit.as_deref().filter(|unit| !PIECES.contains(unit))));
        let item = [&line.seller_item, &line.gtin, &line.buyer_item].into_iter().find_map(|item| number(item.as_deref()));
        let description = line.description.as_deref().map(|text| one_line(text, LONGEST_DESCRIPTION)).filter(|text| !text.is_empty());
        if item.is_none() && description.is_none() {
            return None;
        }
        let amount = quantity.as_ref().map(|quantity| match &unit {
            Some(unit) => format!("{quantity} {unit}"),
            None => format!("{quantity} \u{d7}"),
        });
        let words: Vec<&str> = [&amount, &item, &description].into_iter().flatten().map(String::as_str).collect();
        Some(Self { text: words.join(" "), quantity, unit, item, description })
    }
}

fn number(text: Option<&str>) -> Option<String> {
    text.map(|text| one_line(text, LONGEST_NUMBER)).filter(|text| !text.is_empty())
}

/// A day as a language writes it, where the customer is: the offset that the message was sent with, else this machine's zone.
fn date(at: Timestamp, sent: Option<SentAt>, language: &str) -> String {
    let time = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or_default();
    let offset = sent.and_then(|sent| Offset::from_seconds(i32::from(sent.offset) * 60).ok());
    let day = time.to_zoned(offset.map_or_else(TimeZone::system, TimeZone::fixed)).date();
    let months = match language {
        "nl" => {
            ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"]
        }
        "en" => ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
        "de" => {
            ["Januar", "Februar", "M\u{e4}rz", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"]
        }
        "fr" => [
            "janvier",
            "f\u{e9}vrier",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "ao\u{fb}t",
            "septembre",
            "octobre",
            "novembre",
            "d\u{e9}cembre",
        ],
        _ => return day.to_string(),
    };
    let month = usize::try_from(day.month() - 1).ok().and_then(|month| months.get(month)).copied().unwrap_or_default();
    let number = match (language, day.day()) {
        ("de", number) => format!("{number}."),
        ("fr", 1) => "1er".into(),
        (_, number) => number.to_string(),
    };
    format!("{number} {month} {}", day.year())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::outgoing::templates) fn facts<'a>() -> Facts<'a> {
        Facts {
            name: "Zo\u{eb} Jansen",
            company: "Voorbeeld B.V.",
            case: Some(CaseNumber::from_counter(10_042)),
            class: Class::Complaint,
            unsure: false,
            subject: "Levering",
            received: "2026-11-24T23:30:00Z".parse().unwrap(),
            sent: Some(SentAt { at: Timestamp::default(), offset: 0 }),
            channel: "email.support",
            order: None,
            text: "",
        }
    }

    pub(in crate::outgoing::templates) fn order(kind: OrderKind) -> Order {
        let line = |quantity: &str, unit: Option<&str>, item: &str, description: Option<&str>| OrderLine {
            quantity: quantity.parse().ok(),
            unit_as_written: unit.map(str::to_owned),
            unit: Some("H87".into()),
            seller_item: Some(item.into()),
            description: description.map(str::to_owned),
            ..OrderLine::default()
        };
        Order {
            kind,
            po_number: Some("PO-4711".into()),
            lines: vec![
                line("10", Some("dozen"), "A-12", Some("Papieren zakken")),
                line("2.50", None, "KRT-7", None),
                OrderLine::default(),
            ],
            ..Order::default()
        }
    }

    #[test]
    fn days_are_the_customers() {
        let at: Timestamp = "2026-11-30T23:30:00Z".parse().unwrap();
        let sent = |offset| Some(SentAt { at, offset });
        assert_eq!(date(at, sent(0), "nl"), "30 november 2026");
        assert_eq!(date(at, sent(60), "fr"), "1er d\u{e9}cembre 2026");
        assert_eq!(date(at, sent(60), "de"), "1. Dezember 2026");
        assert_eq!(date(at, sent(-300), "it"), "2026-11-30");
    }

    #[test]
    fn lines_are_said_as_they_were_read() {
        let order = order(OrderKind::New);
        let words = |language| OrderWords::new(&order, language);
        let texts = |language| words(language).lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(texts("nl"), ["10 dozen A-12 Papieren zakken", "2,5 \u{d7} KRT-7"]);
        assert_eq!(texts("en"), ["10 dozen A-12 Papieren zakken", "2.5 \u{d7} KRT-7"]);
        assert_eq!((words("nl").count, words("nl").more), (3, 0));
        let many =
            Order { lines: vec![OrderLine { gtin: Some("8712345000004\r\nx".into()), ..OrderLine::default() }; 25], ..order.clone() };
        let words = OrderWords::new(&many, "nl");
        assert_eq!((words.lines.len(), words.more, words.lines[0].text.as_str()), (10, 15, "8712345000004 x"));
    }
}
