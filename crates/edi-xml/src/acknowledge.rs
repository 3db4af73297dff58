//! The answer over the same connection: a cXML Response. It says that an order arrived and can be read, nothing more.

use bytes::Bytes;
use jiff::civil::DateTime;
use loket_core::reader::{Part, Recognition};

use crate::reader::Documents;
use crate::recognize::recognize;
use crate::xml::{Writer, decode};

/// What an acknowledgement needs that is not in what it acknowledges.
#[derive(Clone, Debug)]
pub struct AckOptions {
    /// The id of the answer: unique for ever, e.g. a UUID and our domain.
    pub payload_id: String,
    /// Now, in UTC.
    pub now: DateTime,
}

/// The acknowledgement of a delivery: a cXML Response when it is a cXML order (or one that cannot be read), none for everything else.
///
/// Status 200: every order in it became a message. 400: it is cXML and the order in it is wrong. 406: it is not XML that can be read.
pub fn acknowledge(interchange: &[u8], options: &AckOptions) -> Result<Option<Vec<u8>>, String> {
    let decoded = match decode(interchange) {
        Ok(decoded) => decoded,
        Err(_) => return Ok(None),
    };
    if recognize(interchange) == Recognition::No || !decoded.text.contains("cXML") || !decoded.text.contains("OrderRequest") {
        return Ok(None);
    }
    drop(decoded);
    let mut documents = match Documents::of(&Bytes::copy_from_slice(interchange)) {
        Ok(documents) => documents,
        Err(unreadable) => return Ok(Some(response(406, "Not Acceptable", &unreadable.0, options))),
    };
    let (mut orders, mut wrong) = (0_usize, None);
    for part in documents.by_ref() {
        match part {
            Part::Message(message) if message.order.is_some() => orders += 1,
            Part::Message(_) => {}
            Part::Aside(aside) => {
                wrong.get_or_insert(aside.reason);
            }
        }
    }
    Ok(match (orders, wrong) {
        (0, None) => None,
        (_, None) => Some(response(200, "OK", "", options)),
        (_, Some(reason)) if documents.is_broken => Some(response(406, "Not Acceptable", &reason, options)),
        (_, Some(reason)) => Some(response(400, "Bad Request", &reason, options)),
    })
}

fn response(code: u16, text: &str, reason: &str, options: &AckOptions) -> Vec<u8> {
    let mut xml = Writer::new();
    xml.line("<!DOCTYPE cXML SYSTEM \"http://xml.cxml.org/schemas/cXML/1.2.014/cXML.dtd\">");
    let timestamp = format!("{}+00:00", options.now.strftime("%Y-%m-%dT%H:%M:%S"));
    xml.inside("cXML", &[("payloadID", &options.payload_id), ("timestamp", &timestamp), ("xml:lang", "en")], |xml| {
        xml.inside("Response", &[], |xml| {
            xml.leaf("Status", &[("code", &code.to_string()), ("text", text), ("xml:lang", "en")], reason);
        });
    });
    xml.finish()
}
