//! Any bytes give orders or reasons, the same ones however they are asked for, and each order can be answered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loket_core::delivery::Delivery;
use loket_core::order::Decision;
use loket_core::reader::{Part, Reader};
use loket_edi_xml::{AckOptions, ResponseOptions, XmlOrderReader, acknowledge, order_response};

fuzz_target!(|bytes: &[u8]| {
    let _ = XmlOrderReader.recognizes(bytes);
    let _ = acknowledge(bytes, &AckOptions { payload_id: "1@loket.example".into(), now: Default::default() }).unwrap();
    let delivery = Delivery::standalone("fuzz", "key", "application/xml", bytes.to_vec());
    let Ok(parts) = XmlOrderReader.parts(&delivery) else { return };
    let messages: Vec<_> = parts
        .filter_map(|part| match part {
            Part::Message(message) => Some(*message),
            Part::Aside(_) => None,
        })
        .collect();
    if let Ok(again) = XmlOrderReader.read(&delivery) {
        assert_eq!(again, messages);
    }
    let options = ResponseOptions { id: "R-1".into(), now: Default::default(), credential: None, only_received: false };
    for message in &messages {
        if let Ok(answer) = order_response(message, &Decision::default(), &options) {
            let answer = Delivery::standalone("fuzz", "key", "application/xml", answer);
            XmlOrderReader.read(&answer).unwrap();
        }
    }
});
