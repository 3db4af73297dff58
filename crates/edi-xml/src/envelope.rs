//! The Standard Business Document Header (Peppol, GS1): who sends what to whom, and when.

use loket_core::message::SentAt;
use loket_core::order::Source;

use crate::dates;
use crate::xml::Node;

/// What an envelope says. Empty where there is none.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    /// The number of this sending.
    pub(crate) instance: Option<String>,
    /// When it was made.
    pub(crate) created: Option<SentAt>,
    /// Who sends, and whose list the number is from.
    pub(crate) sender: Option<(String, Option<String>)>,
    /// Who receives.
    pub(crate) receiver: Option<(String, Option<String>)>,
    /// A person on the sender's side: name, e-mail, phone, each with its place.
    pub(crate) sender_contact: [Option<(String, Source)>; 3],
    /// The version of the document's type.
    pub(crate) version: Option<String>,
}

/// Reads the envelope around the documents of a tree.
pub(crate) fn read(root: Node<'_>) -> Envelope {
    let Some(header) =
        root.child("StandardBusinessDocumentHeader").or_else(|| root.find("Body/StandardBusinessDocument/StandardBusinessDocumentHeader"))
    else {
        return Envelope::default();
    };
    let text = |path: &str| header.at(path).map(|value| value.text().into_owned());
    let party = |name: &str| {
        let identifier = header.find(name)?.child("Identifier")?;
        let id = identifier.value()?.text().into_owned();
        let authority = identifier.attribute("Authority").map(|value| value.text().into_owned());
        // Peppol writes the scheme into the number.
        Some(match id.split_once(':') {
            Some((scheme, number)) if scheme.len() == 4 && scheme.bytes().all(|byte| byte.is_ascii_digit()) => {
                (number.to_owned(), Some(scheme.to_owned()))
            }
            _ => (id, authority),
        })
    };
    Envelope {
        instance: text("DocumentIdentification/InstanceIdentifier"),
        created: text("DocumentIdentification/CreationDateAndTime").and_then(|written| dates::moment(&written)),
        sender: party("Sender"),
        receiver: party("Receiver"),
        sender_contact: ["Contact", "EmailAddress", "TelephoneNumber"].map(|field| {
            let value = header.at(&format!("Sender/ContactInformation/{field}"))?;
            Some((value.text().into_owned(), value.source()))
        }),
        version: text("DocumentIdentification/TypeVersion"),
    }
}
