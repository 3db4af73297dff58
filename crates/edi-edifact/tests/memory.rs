//! A large interchange takes no more memory than itself and one message.

// The lints know tests by their attribute, not what tests call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use loket_core::delivery::Delivery;
use loket_core::reader::{Part, Reader};
use loket_edi_edifact::EdifactReader;

/// The most memory that this process has had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn a_hundred_megabytes_in_the_room_of_one_message() {
    const SIZE: usize = 100 << 20;
    let mut bytes = Vec::with_capacity(SIZE + 4096);
    bytes.extend_from_slice(b"UNA:+.? 'UNB+UNOC:3+BUYER+SELLER+261124:0930+1'");
    let mut count = 0;
    while bytes.len() < SIZE {
        count += 1;
        let lines: String = (1..=40)
            .map(|line| format!("LIN+{line}++X{line}:SA'IMD+F++:::Kabelbinder schwarz 200 mm'QTY+21:{line}:PCE'PRI+AAA:1.50'"))
            .collect();
        let head = format!("UNH+{count}+ORDERS:D:96A:UN'BGM+220+PO-{count}+9'DTM+137:20261124:102'NAD+BY+4711::92++Firma Müller'");
        bytes.extend(head.chars().map(|c| c as u8));
        bytes.extend_from_slice(lines.as_bytes());
        bytes.extend_from_slice(format!("UNS+S'CNT+2:40'UNT+167+{count}'").as_bytes());
    }
    bytes.extend_from_slice(format!("UNZ+{count}+1'").as_bytes());
    let delivery = Delivery::standalone("edi.test", "key", "application/edifact", bytes);
    let before = peak();
    let mut orders = 0;
    for part in EdifactReader.parts(&delivery).unwrap() {
        let Part::Message(message) = part else { panic!("{part:?}") };
        assert_eq!(message.order.unwrap().lines.len(), 40);
        assert!(message.warnings.is_empty(), "{:?}", message.warnings);
        orders += 1;
    }
    assert_eq!(orders, count);
    let grown = peak() - before;
    assert!(grown < 16 << 20, "grew by {grown} bytes");
}
