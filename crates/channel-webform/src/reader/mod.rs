//! Reads the body of a form into a message. What the form was comes from the envelope; bytes without one (a file that somebody
//! has) are read by the names that forms usually give their fields.

mod compose;
mod names;
mod sniff;

use std::borrow::Cow;

use bytes::Bytes;
use loket_core::delivery::Delivery;
use loket_core::message::{Attachment, Message};
use loket_core::reader::{Reader, Recognition, Unreadable};

use crate::config::{MOST_FIELDS, MOST_FILES};
use crate::decode::{Field, File, Limits, Value, decode};
use crate::digest::sha256_hex;
use crate::envelope::Slip;
use crate::value::one_line;

/// The most that is decoded of any form.
const MOST: Limits = Limits { fields: MOST_FIELDS as usize, files: MOST_FILES as usize };

/// The reader of forms.
#[derive(Clone, Copy, Debug, Default)]
pub struct FormReader;

impl Reader for FormReader {
    fn name(&self) -> &'static str {
        "webform/1"
    }

    fn media_types(&self) -> &'static [&'static str] {
        &["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
    }

    fn recognizes(&self, bytes: &[u8]) -> Recognition {
        sniff::recognize(bytes)
    }

    fn read(&self, delivery: &Delivery) -> Result<Vec<Message>, Unreadable> {
        let slip = slip(delivery)?;
        let fields = fields(delivery, slip.as_ref())?;
        let attachments = files(&fields).map(|file| attachment(file, &delivery.payload)).collect();
        let message = compose::message(&fields, slip.as_ref(), attachments);
        message.map(|message| vec![message]).ok_or_else(|| Unreadable("nothing is filled in on the form".into()))
    }

    fn attachment(&self, delivery: &Delivery, part: usize, sha256: &str) -> Option<Bytes> {
        if part != 0 {
            return None;
        }
        let fields = fields(delivery, slip(delivery).ok()?.as_ref()).ok()?;
        files(&fields)
            .filter(|file| delivery.payload.get(file.range.clone()).is_some_and(|bytes| sha256_hex(bytes) == sha256))
            .map(|file| delivery.payload.slice(file.range.clone()))
            .next()
    }
}

fn slip(delivery: &Delivery) -> Result<Option<Slip>, Unreadable> {
    Slip::of(&delivery.envelope).transpose().map_err(|error| Unreadable(format!("the envelope of the form is damaged: {error}")))
}

fn fields(delivery: &Delivery, slip: Option<&Slip>) -> Result<Vec<Field>, Unreadable> {
    let (content_type, limits) = match slip {
        Some(slip) => {
            let Limits { fields, files } = slip.limits();
            (Cow::Borrowed(delivery.media_type.as_str()), Limits { fields: fields.min(MOST.fields), files: files.min(MOST.files) })
        }
        None => (sniff::content_type(&delivery.media_type, &delivery.payload), MOST),
    };
    decode(&content_type, &delivery.payload, limits).map_err(|error| Unreadable(error.to_string()))
}

fn files(fields: &[Field]) -> impl Iterator<Item = &File> {
    fields.iter().filter_map(|field| match &field.value {
        Value::File(file) => Some(file),
        _ => None,
    })
}

fn attachment(file: &File, payload: &[u8]) -> Attachment {
    let bytes = payload.get(file.range.clone()).unwrap_or_default();
    let declared = one_line(&file.media_type);
    Attachment {
        name: file.name.as_deref().map(one_line).filter(|name| !name.is_empty()),
        media_type: if declared.is_empty() { "application/octet-stream".into() } else { declared },
        size: bytes.len() as u64,
        sha256: sha256_hex(bytes),
        ..Attachment::default()
    }
}

#[cfg(test)]
mod tests;
