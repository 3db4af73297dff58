//! Receipts that we make.

use bytes::Bytes;
use jiff::Timestamp;

use crate::digest::{Digest, Mic};
use crate::disposition::Disposition;
use crate::headers::{Headers, one_line};
use crate::mime::boundary_for;
use crate::party::{Local, Partner};
use crate::smime::{Draft, as2_headers};
use crate::transmission::Transmission;
use crate::{Error, names};

/// A receipt, ready to be answered with (status 200) or posted: its header fields and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Header fields, `Content-Type` among them.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

/// Makes the receipt for a message, signed when the sender asked for that. `message_id` is the receipt's own.
pub fn receipt(
    transmission: &Transmission,
    disposition: &Disposition,
    mic: Option<&Mic>,
    local: &Local,
    partner: &Partner,
    message_id: &str,
    now: Timestamp,
) -> Result<Receipt, Error> {
    let mut headers = as2_headers(local, &transmission.from, message_id, now)?;
    let report = report(transmission, disposition, mic)?;
    let request = transmission.receipt.as_ref();
    let draft = if request.is_some_and(|request| request.signed) {
        let asked = request.and_then(|request| request.micalg.as_ref()).map(|(digest, _)| *digest);
        // Who may not sign with SHA-1 to us is not signed for with it either, whatever check value it asks for.
        let digest = match asked.or(mic.map(|mic| mic.digest)) {
            Some(Digest::Sha1) if !partner.allow_sha1 => Digest::Sha256,
            Some(digest) => digest,
            None => Digest::Sha256,
        };
        Draft::signed(&report.bytes(), digest, &local.key, now)?
    } else {
        report
    };
    for (name, value) in &draft.fields {
        headers.push(name, value);
    }
    Ok(Receipt { headers, body: draft.body.into() })
}

fn report(transmission: &Transmission, disposition: &Disposition, mic: Option<&Mic>) -> Result<Draft, Error> {
    let id = one_line(&transmission.message_id);
    let recipient = names::quoted(&one_line(&transmission.to));
    let disposition = one_line(&disposition.to_string());
    let said = if disposition.starts_with("processed/error") || disposition.starts_with("failed") {
        format!("The message {id} was received but not taken: {disposition}.")
    } else {
        format!("The message {id} was received and taken. That its content can be processed is not said here.")
    };
    let mut fields = format!(
        "Reporting-UA: {}\r\nOriginal-Recipient: rfc822; {recipient}\r\nFinal-Recipient: rfc822; {recipient}\r\n\
         Original-Message-ID: {id}\r\nDisposition: automatic-action/MDN-sent-automatically; {disposition}\r\n",
        crate::PRODUCT
    );
    if let Some(mic) = mic {
        // The algorithm in the sender's own spelling: some compare the text.
        let asked = transmission.receipt.as_ref().and_then(|request| request.micalg.as_ref());
        let name = asked.filter(|(digest, _)| *digest == mic.digest).map_or(mic.digest.name(), |(_, spelling)| spelling);
        fields.push_str(&format!("Received-Content-MIC: {}, {}\r\n", mic.base64(), one_line(name)));
    }
    let boundary = boundary_for(format!("{said}{fields}").as_bytes(), "report")?;
    let body = format!(
        "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{said}\r\n\r\n\
         --{boundary}\r\nContent-Type: message/disposition-notification\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{fields}\r\n\
         --{boundary}--\r\n"
    );
    let kind = format!("multipart/report; report-type=disposition-notification; boundary=\"{boundary}\"");
    Ok(Draft { fields: vec![("Content-Type", kind)], body: body.into_bytes() })
}
