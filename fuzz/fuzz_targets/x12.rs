//! Any bytes as X12 give messages, parts set aside or a reason; what is set aside reads alone, and what we answer is no order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loket_core::delivery::Delivery;
use loket_core::order::Decision;
use loket_core::reader::{Part, Reader};
use loket_edi_x12::{AckKind, AckOptions, ResponseOptions, X12Reader, acknowledge, order_response};

fn delivery(bytes: &[u8]) -> Delivery {
    Delivery::standalone("fuzz", "key", "application/edi-x12", bytes.to_vec())
}

fuzz_target!(|bytes: &[u8]| {
    let _ = X12Reader.recognizes(bytes);
    if let Ok(parts) = X12Reader.parts(&delivery(bytes)) {
        for part in parts {
            match part {
                Part::Message(message) => {
                    let options = ResponseOptions { control_number: 1, now: Default::default() };
                    if let Ok(answer) = order_response(&message, &Decision::default(), &options) {
                        let read = X12Reader.read(&delivery(&answer)).unwrap();
                        assert!(read.len() == 1 && read[0].order.is_none());
                    }
                }
                Part::Aside(aside) => {
                    assert!(!aside.name.is_empty() && !aside.reason.is_empty());
                    let _ = X12Reader.read(&delivery(&aside.payload));
                }
            }
        }
    }
    let options = AckOptions { control_number: 1, now: Default::default(), kind: AckKind::Auto, force: true };
    if let Ok(Some(answer)) = acknowledge(bytes, &options) {
        assert!(X12Reader.read(&delivery(&answer)).unwrap().iter().all(|message| message.order.is_none()));
    }
});
