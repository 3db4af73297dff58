//! Any bytes as any kind of form give a message or a reason. The first byte chooses the kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loket_channel_webform::reader::FormReader;
use loket_core::delivery::Delivery;
use loket_core::reader::Reader;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, body)) = bytes.split_first() else { return };
    let media_type = match kind % 3 {
        0 => "application/json",
        1 => "application/x-www-form-urlencoded; charset=iso-8859-15",
        _ => "multipart/form-data; boundary=b",
    };
    let _ = FormReader.recognizes(body);
    let _ = FormReader.read(&Delivery::standalone("fuzz", "key", media_type, body.to_vec()));
});
