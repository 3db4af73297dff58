//! Business documents that are not read: what they are, and their text for people.

use super::Draft;
use crate::envelope::Envelope;
use crate::xml::Node;

/// So much of such a document's text is shown.
const MAX_TEXT: usize = 20_000;

const UBL: [&str; 30] = [
    "ApplicationResponse",
    "AttachedDocument",
    "Catalogue",
    "CatalogueRequest",
    "CreditNote",
    "DebitNote",
    "DespatchAdvice",
    "DocumentStatus",
    "DocumentStatusRequest",
    "Enquiry",
    "EnquiryResponse",
    "ExceptionNotification",
    "Forecast",
    "FulfilmentCancellation",
    "GoodsItemItinerary",
    "InventoryReport",
    "Invoice",
    "OrderAgreement",
    "OrderResponse",
    "OrderResponseSimple",
    "Quotation",
    "ReceiptAdvice",
    "Reminder",
    "RemittanceAdvice",
    "RequestForQuotation",
    "SelfBilledCreditNote",
    "SelfBilledInvoice",
    "Statement",
    "StockAvailabilityReport",
    "Waybill",
];

const OPENTRANS: [&str; 9] = [
    "ORDERRESPONSE",
    "DISPATCHNOTIFICATION",
    "RECEIPTACKNOWLEDGEMENT",
    "INVOICE",
    "INVOICELIST",
    "REMITTANCEADVICE",
    "RFQ",
    "QUOTATION",
    "BMECAT",
];

const GS1: [&str; 10] = [
    "orderResponse",
    "despatchAdvice",
    "receivingAdvice",
    "invoice",
    "applicationReceiptAcknowledgement",
    "inventoryReport",
    "goodsRequirements",
    "transportInstruction",
    "multiShipmentOrder",
    "purchaseConditions",
];

/// Whose document an element is, where it is one that is known by name and not read.
pub(super) fn syntax(node: Node<'_>) -> Option<&'static str> {
    let name = node.name();
    if UBL.contains(&name) && node.has("ID") {
        return Some("ubl");
    }
    if OPENTRANS.contains(&name) && node.children().any(|child| child.name().starts_with(name) || child.name() == "HEADER") {
        return Some("opentrans");
    }
    let in_gs1 = |name: &str| GS1.contains(&name);
    if in_gs1(name) && (node.has("creationDateTime") || node.has("documentStatusCode")) {
        return Some("gs1");
    }
    if (name.ends_with("PurchaseOrder") || name == "ConfirmBOD") && node.has("ApplicationArea") {
        return Some("oagis");
    }
    None
}

/// A message about such a document.
pub(super) fn read(node: Node<'_>, syntax: &'static str, envelope: &Envelope) -> Draft {
    let name = node.name();
    let mut draft = Draft { syntax, document: name.to_owned(), ..Draft::default() };
    let number = node.any(&[
        "ID",
        "orderResponseIdentification/entityIdentification",
        "despatchAdviceIdentification/entityIdentification",
        "invoiceIdentification/entityIdentification",
        "ORDERRESPONSE_HEADER/ORDERRESPONSE_INFO/ORDER_ID",
        "DISPATCHNOTIFICATION_HEADER/DISPATCHNOTIFICATION_INFO/DISPATCHNOTIFICATION_ID",
        "INVOICE_HEADER/INVOICE_INFO/INVOICE_ID",
        "DataArea/PurchaseOrder/PurchaseOrderHeader/DocumentID/ID",
        "ApplicationArea/BODID",
    ]);
    let number = number.map(|value| value.text().into_owned());
    draft.subject = Some(format!("{name} {}", number.clone().unwrap_or_default()).trim().to_owned());
    let uuid = node.at("UUID").map(|value| value.text().into_owned());
    draft.identity = uuid.or_else(|| envelope.instance.clone());
    draft.edi("transaction", number);
    draft.is_answer = matches!(name, "ApplicationResponse" | "applicationReceiptAcknowledgement" | "ConfirmBOD");
    if !draft.is_answer {
        draft.notes.tell(format!("{name} is not read"));
    }
    draft.text = outline(node);
    draft
}

/// The values of a document, a line each, indented as they are nested. Bounded.
pub(super) fn outline(node: Node<'_>) -> String {
    let mut text = String::new();
    write(node, 0, &mut text);
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("\n…");
    }
    text
}

fn write(node: Node<'_>, depth: usize, into: &mut String) {
    if into.len() > MAX_TEXT || node.name() == "SharedSecret" {
        return;
    }
    if !into.is_empty() {
        into.push('\n');
    }
    into.push_str(&"  ".repeat(depth.min(20)));
    into.push_str(node.name());
    for attribute in node.attributes().take(20) {
        into.push_str(&format!(" {}={}", attribute.name(), shortened(&attribute.peek())));
    }
    if let Some(value) = node.value() {
        into.push_str(": ");
        into.push_str(&shortened(&value.peek()));
    }
    node.children().for_each(|child| write(child, depth + 1, into));
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(1_000) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
