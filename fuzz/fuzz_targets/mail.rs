//! Any bytes give a message or a reason, and each attachment that a message names can be cut out again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loket_channel_email::reader::{EmailReader, TextReader};
use loket_core::delivery::Delivery;
use loket_core::reader::Reader;

fuzz_target!(|bytes: &[u8]| {
    let delivery = Delivery::standalone("fuzz", "key", "message/rfc822", bytes.to_vec());
    let _ = EmailReader.recognizes(bytes);
    if let Ok(messages) = EmailReader.read(&delivery) {
        for (part, message) in messages.iter().enumerate() {
            for attachment in message.attachments.iter().filter(|attachment| attachment.skipped.is_none()) {
                let cut = EmailReader.attachment(&delivery, part, &attachment.sha256);
                assert_eq!(cut.map(|cut| cut.len() as u64), Some(attachment.size));
            }
        }
    }
    let delivery = Delivery::standalone("fuzz", "key", "text/plain", bytes.to_vec());
    let _ = TextReader.read(&delivery);
});
