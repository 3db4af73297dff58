//! cXML ConfirmationRequest: accept, reject, or except with every line.

use loket_core::order::Outcome;
use rust_decimal::Decimal;

use super::{Answer, Line};
use crate::xml::Writer;

pub(super) fn write(answer: &Answer<'_>) -> Result<Vec<u8>, String> {
    if answer.options.only_received {
        return Err("in cXML the Response over the same connection says that an order arrived; there is no other document for it".into());
    }
    let po_number = answer.po_number()?;
    let outcome = answer.outcome();
    // `detail` is about some lines, `except` about an order that is accepted but for some of them.
    let kind = match outcome {
        Outcome::Accepted => "accept",
        Outcome::Rejected => "reject",
        Outcome::Changed if answer.lines.iter().any(|line| line.outcome == Outcome::Rejected) => "except",
        Outcome::Changed => "detail",
    };
    let timestamp = format!("{}+00:00", answer.time("%Y-%m-%dT%H:%M:%S"));
    let confirm_id = answer.decision.seller_order.as_deref().unwrap_or(&answer.options.id);
    let mut xml = Writer::new();
    xml.line("<!DOCTYPE cXML SYSTEM \"http://xml.cxml.org/schemas/cXML/1.2.014/Fulfill.dtd\">");
    xml.begin("cXML", &[("payloadID", &answer.options.id), ("timestamp", &timestamp), ("xml:lang", "en")]);
    header(&mut xml, answer);
    let mode = if answer.order.test { "test" } else { "production" };
    xml.begin("Request", &[("deploymentMode", mode)]);
    xml.begin("ConfirmationRequest", &[]);
    let head = [("confirmID", confirm_id), ("noticeDate", &timestamp), ("operation", "new"), ("type", kind)];
    match &answer.decision.reason {
        Some(reason) => xml.inside("ConfirmationHeader", &head, |xml| xml.leaf("Comments", &[("xml:lang", "en")], reason)),
        None => xml.leaf("ConfirmationHeader", &head, ""),
    }
    let order_date = answer.edi("order_date").unwrap_or_default();
    xml.inside("OrderReference", &[("orderID", po_number), ("orderDate", order_date)], |xml| {
        xml.leaf("DocumentReference", &[("payloadID", answer.edi("interchange").unwrap_or_default())], "");
    });
    // An order that is accepted or refused as a whole is so with each line; the DTD's rules want no items then.
    if outcome == Outcome::Changed {
        for line in &answer.lines {
            self::line(&mut xml, answer, line);
        }
    }
    Ok(xml.finish())
}

fn header(xml: &mut Writer, answer: &Answer<'_>) {
    let credential = |xml: &mut Writer, side: &'static str, who: Option<(&str, &str)>| {
        xml.inside(side, &[], |xml| {
            let (identity, domain) = who.unwrap_or_default();
            xml.inside("Credential", &[("domain", domain)], |xml| xml.leaf("Identity", &[], identity));
        });
    };
    let own = answer.options.credential.as_ref();
    let from = own.map(|own| (own.identity.as_str(), own.domain.as_str())).or_else(|| answer.edi_id("receiver"));
    xml.inside("Header", &[], |xml| {
        credential(xml, "From", from);
        credential(xml, "To", answer.edi_id("sender"));
        xml.inside("Sender", &[], |xml| {
            let (identity, domain) = from.unwrap_or_default();
            xml.inside("Credential", &[("domain", domain)], |xml| {
                xml.leaf("Identity", &[], identity);
                xml.some("SharedSecret", &[], own.and_then(|own| own.shared_secret.as_deref()));
            });
            xml.leaf("UserAgent", &[], "Loket");
        });
    });
}

fn line(xml: &mut Writer, answer: &Answer<'_>, line: &Line<'_>) {
    let ordered = line.ordered;
    let unit = ordered.unit_as_written.as_deref().or(ordered.unit.as_deref()).unwrap_or("EA");
    let asked = ordered.quantity.unwrap_or_default().to_string();
    let confirmed = line.quantity.unwrap_or_default();
    xml.inside("ConfirmationItem", &[("quantity", &asked), ("lineNumber", &line.number)], |xml| {
        xml.leaf("UnitOfMeasure", &[], unit);
        let date = line.delivery_date.map(|date| format!("{date}T00:00:00+00:00")).unwrap_or_default();
        let status = |xml: &mut Writer, kind: &str, quantity: &str, with_details: bool| {
            let date = if with_details { date.as_str() } else { "" };
            xml.inside("ConfirmationStatus", &[("quantity", quantity), ("type", kind), ("deliveryDate", date)], |xml| {
                xml.leaf("UnitOfMeasure", &[], unit);
                if with_details
                    && kind == "detail"
                    && let Some(price) = line.unit_price.filter(|price| Some(*price) != ordered.unit_price)
                {
                    xml.inside("UnitPrice", &[], |xml| {
                        xml.leaf("Money", &[("currency", answer.order.currency.as_deref().unwrap_or_default())], &price.to_string());
                    });
                }
                xml.some("Comments", &[("xml:lang", "en")], line.reason);
            });
        };
        match line.outcome {
            Outcome::Accepted => status(xml, "accept", &asked, true),
            Outcome::Rejected => status(xml, "reject", &asked, false),
            Outcome::Changed => {
                status(xml, "detail", &confirmed.to_string(), true);
                // What does not come is refused, so that the quantities add up.
                let rest = ordered.quantity.and_then(|asked| asked.checked_sub(confirmed));
                if let Some(rest) = rest.filter(|rest| *rest > Decimal::ZERO) {
                    status(xml, "reject", &rest.to_string(), false);
                }
            }
        }
    });
}
