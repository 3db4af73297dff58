//! A small writer of CMS messages, for tests.

use super::{PKCS7, ber};

/// An element whose length is said.
pub(in super::super) fn definite(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        short @ 0..0x80 => bytes.push(u8::try_from(short).unwrap()),
        long => {
            let length = long.to_be_bytes();
            let digits = &length[length.iter().position(|&b| b != 0).unwrap()..];
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap());
            bytes.extend_from_slice(digits);
        }
    }
    [bytes, content.to_vec()].concat()
}

/// An element that ends where its mark is.
pub(in super::super) fn indefinite(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], content, &[0, 0]].concat()
}

pub(in super::super) fn oid(prefix: &[u8], last: u8) -> Vec<u8> {
    definite(ber::OBJECT_IDENTIFIER, &[prefix, &[last]].concat())
}

pub(in super::super) type Wrap = fn(u8, &[u8]) -> Vec<u8>;

/// SignedData around the encoded element `string`, with certificates behind it.
pub(in super::super) fn signed(wrap: Wrap, string: &[u8]) -> Vec<u8> {
    let content = [oid(PKCS7, 1), wrap(ber::CONTEXT_0, string)].concat();
    let data = [
        definite(ber::INTEGER, &[1]),
        wrap(ber::SET, &wrap(ber::SEQUENCE, &definite(ber::OBJECT_IDENTIFIER, &[0x60, 0x86]))),
        wrap(ber::SEQUENCE, &content),
        wrap(ber::CONTEXT_0, &definite(ber::SEQUENCE, &[7; 300])),
    ]
    .concat();
    wrap(ber::SEQUENCE, &[oid(PKCS7, 2), wrap(ber::CONTEXT_0, &wrap(ber::SEQUENCE, &data))].concat())
}
