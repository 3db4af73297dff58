//! Whether what came is what this partner may send: pure, on the messages as the readers read them.

use loket_core::delivery::Delivery;
use loket_core::message::Message;
use loket_core::reader::{Part, Reader, Recognition};
use serde_json::Value;

use crate::config::{EdiConfig, Format};

/// What a look at a delivery shows.
pub(crate) struct Look {
    /// What its bytes are.
    pub(crate) media_type: &'static str,
    /// Why the partner may not send them, if so.
    pub(crate) refused: Option<String>,
}

/// The readers of interchanges, and the format where a reader has only one.
fn readers() -> [(Box<dyn Reader>, Option<Format>); 3] {
    [
        (Box::new(loket_edi_x12::X12Reader), Some(Format::X12)),
        (Box::new(loket_edi_edifact::EdifactReader), Some(Format::Edifact)),
        (Box::new(loket_edi_xml::XmlOrderReader), None),
    ]
}

/// The reader that knows these bytes, and the format where it has only one.
pub(crate) fn recognized(bytes: &[u8]) -> Option<(Box<dyn Reader>, Option<Format>)> {
    readers()
        .into_iter()
        .map(|(reader, format)| (reader.recognizes(bytes), reader, format))
        .filter(|(sureness, _, _)| *sureness > Recognition::No)
        .max_by_key(|(sureness, _, _)| *sureness)
        .map(|(_, reader, format)| (reader, format))
}

/// Looks at a delivery: who sends it, to whom, and in which format. What cannot be read is not judged here: the pipeline says why.
pub(crate) fn look(config: &EdiConfig, delivery: &Delivery) -> Look {
    let Some((reader, format)) = recognized(&delivery.payload) else {
        let reason = "no EDI format is recognized in it: expected an X12, EDIFACT, UBL, cXML, openTRANS or GS1 XML document";
        return Look { media_type: "application/octet-stream", refused: Some(reason.into()) };
    };
    let media_type = reader.media_types().first().copied().unwrap_or("application/octet-stream");
    let refused = match format {
        Some(format) if !config.formats.contains(&format) => Some(unwanted(config, format)),
        _ => first_refusal(config, reader.as_ref(), delivery),
    };
    Look { media_type, refused }
}

fn first_refusal(config: &EdiConfig, reader: &dyn Reader, delivery: &Delivery) -> Option<String> {
    let all_formats = config.formats.len() == Format::ALL.len();
    if !config.only_known && config.our_ids.is_empty() && all_formats {
        return None;
    }
    // Every message is looked at: one file can hold interchanges of several senders.
    reader.parts(delivery).ok()?.find_map(|part| match part {
        Part::Message(message) => refusal(config, &message),
        Part::Aside(_) => None,
    })
}

fn refusal(config: &EdiConfig, message: &Message) -> Option<String> {
    let edi = message.extra.get("edi")?;
    let format = edi.get("syntax").and_then(Value::as_str).and_then(|syntax| Format::by_name(&syntax.to_ascii_lowercase()));
    if let Some(format) = format.filter(|format| !config.formats.contains(format)) {
        return Some(unwanted(config, format));
    }
    if config.only_known
        && let Some((qualifier, id)) = party(edi, "sender")
        && !config.partner_ids.iter().any(|known| known.is(qualifier, id))
    {
        return Some(format!(
            "a partner that isn't ours: the interchange is from {}, which is not among the `partner_ids` of edi.{}",
            named(qualifier, id),
            config.name
        ));
    }
    if !config.our_ids.is_empty()
        && let Some((qualifier, id)) = party(edi, "receiver")
        && !config.our_ids.iter().any(|ours| ours.is(qualifier, id))
    {
        return Some(format!(
            "not for us: the interchange is for {}, which is not among the `our_ids` of edi.{}",
            named(qualifier, id),
            config.name
        ));
    }
    None
}

fn unwanted(config: &EdiConfig, format: Format) -> String {
    format!("it is {}, which is not among the `formats` of edi.{}", format.name(), config.name)
}

/// Qualifier and id of one side, where the interchange names it.
fn party<'a>(edi: &'a Value, side: &str) -> Option<(&'a str, &'a str)> {
    let party = edi.get(side)?;
    let id = party.get("id").and_then(Value::as_str).filter(|id| !id.trim().is_empty())?;
    Some((party.get("qualifier").and_then(Value::as_str).unwrap_or_default(), id))
}

fn named(qualifier: &str, id: &str) -> String {
    let bounded = |text: &str| text.trim().chars().filter(|c| !c.is_control()).take(80).collect::<String>();
    if qualifier.trim().is_empty() { format!("`{}`", bounded(id)) } else { format!("`{}/{}`", bounded(qualifier), bounded(id)) }
}

#[cfg(test)]
mod tests {
    use loket_core::config::{Report, parse};

    use super::*;

    fn config(more: &str) -> EdiConfig {
        let text = format!("folder = \"f\"\n{more}");
        let report = Report::new(&text);
        let config = crate::config::read("acme", &mut parse(&text, &report));
        assert_eq!(report.into_faults().len(), 0);
        config.unwrap()
    }

    fn looked(config: &EdiConfig, bytes: &str) -> (&'static str, Option<String>) {
        let look = look(config, &Delivery::standalone("edi.acme", "k", "", bytes.to_owned()));
        (look.media_type, look.refused)
    }

    const ORDERS: &str = "UNB+UNOC:3+8712345000004:14+8798765000003:14+261125:0930+42'UNH+1+ORDERS:D:96A:UN'BGM+220+4711+9'\
                          DTM+137:20261125:102'NAD+BY+8712345000004::9'LIN+1++8711111000009:EN'QTY+21:5'UNS+S'UNT+8+1'UNZ+1+42'";
    const X12: &str = "ISA*00*          *00*          *ZZ*ACME           *ZZ*LOKET          *261125*0930*U*00401*000000042*0*P*>~\
                       GS*PO*ACME*LOKET*20261125*0930*42*X*004010~ST*850*0001~BEG*00*NE*4711**20261125~PO1*1*5*EA*1.50**VP*A1~CTT*1~\
                       SE*5*0001~GE*1*42~IEA*1*000000042~";

    #[test]
    fn a_stranger_is_refused_and_a_partner_is_not() {
        let ours = config("partner_ids = [\"14/8712345000004\", \"ZZ/acme\"]\nour_ids = [\"8798765000003\", \"LOKET\"]\n");
        assert_eq!(looked(&ours, ORDERS), ("application/edifact", None));
        assert_eq!(looked(&ours, X12), ("application/edi-x12", None));
        let stranger = looked(&ours, &ORDERS.replace("+8712345000004:14+", "+8700000000009:14+")).1.unwrap();
        assert!(stranger.starts_with("a partner that isn't ours: the interchange is from `14/8700000000009`"), "{stranger}");
        let elsewhere = looked(&ours, &X12.replace("*LOKET          *", "*OTHER          *")).1.unwrap();
        assert!(elsewhere.contains("not for us: the interchange is for `ZZ/OTHER`"), "{elsewhere}");
        // The second interchange of a file counts like the first.
        let both = looked(&ours, &format!("{X12}{}", X12.replace("*ACME           *", "*ACNE           *"))).1.unwrap();
        assert!(both.contains("`ZZ/ACNE`"), "{both}");
        assert_eq!(looked(&config(""), &X12.replace("ACME ", "ACNE ")).1, None);
    }

    #[test]
    fn formats_are_those_agreed() {
        let edifact = config("formats = [\"edifact\"]\n");
        assert_eq!(looked(&edifact, ORDERS).1, None);
        assert!(looked(&edifact, X12).1.unwrap().contains("it is x12"));
        let xml = "<?xml version=\"1.0\"?><Order xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:Order-2\" \
                   xmlns:cac=\"urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2\" \
                   xmlns:cbc=\"urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2\"><cbc:ID>4711</cbc:ID>\
                   <cbc:IssueDate>2026-11-25</cbc:IssueDate><cac:OrderLine><cac:LineItem><cbc:ID>1</cbc:ID>\
                   <cbc:Quantity unitCode=\"C62\">5</cbc:Quantity><cac:Item><cbc:Name>Schrauben</cbc:Name></cac:Item></cac:LineItem>\
                   </cac:OrderLine></Order>";
        assert!(looked(&edifact, xml).1.unwrap().contains("formats"), "{:?}", looked(&edifact, xml));
        assert_eq!(looked(&config("formats = [\"ubl\"]\n"), xml), ("application/xml", None));
        let (media_type, refused) = looked(&edifact, "Dear all, see you on Monday.\n");
        assert_eq!(media_type, "application/octet-stream");
        assert!(refused.unwrap().contains("no EDI format is recognized"));
    }
}
