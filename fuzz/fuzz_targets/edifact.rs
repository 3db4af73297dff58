//! Any bytes give messages, parts that are set aside, or a reason; what is set aside can be read alone; and an acknowledgement that is
//! written can be read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loket_core::delivery::Delivery;
use loket_core::reader::{Part, Reader};
use loket_edi_edifact::{AckKind, AckOptions, EdifactReader, acknowledge};

fn delivery(bytes: &[u8]) -> Delivery {
    Delivery::standalone("fuzz", "key", "application/edifact", bytes.to_vec())
}

fuzz_target!(|bytes: &[u8]| {
    let _ = EdifactReader.recognizes(bytes);
    let Ok(parts) = EdifactReader.parts(&delivery(bytes)) else { return };
    for part in parts {
        if let Part::Aside(aside) = part {
            assert!(!aside.reason.is_empty());
            if let Ok(again) = EdifactReader.parts(&delivery(&aside.payload)) {
                again.for_each(drop);
            }
        }
    }
    let options = AckOptions { control: 1, now: Default::default(), force: true, kind: AckKind::Messages };
    if let Ok(Some(answer)) = acknowledge(bytes, &options) {
        assert!(EdifactReader.read(&delivery(&answer)).is_ok());
    }
});
