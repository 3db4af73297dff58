//! CMS messages, written byte by byte, and what nobody sends by accident.

use proptest::prelude::*;

use super::encoder::{Wrap, definite, indefinite, oid, signed};
use super::*;

fn content(bytes: &[u8]) -> (Vec<u8>, bool) {
    match read(bytes).unwrap() {
        Cms::Signed { content, cut } => (content.into_owned(), cut),
        other => panic!("{other:?}"),
    }
}

#[test]
fn in_one_piece_and_in_several() {
    let text = "Graag 12 dozen. ".repeat(100).into_bytes();
    let one = definite(ber::OCTET_STRING, &text);
    let pieces: Vec<u8> = text.chunks(100).flat_map(|piece| definite(ber::OCTET_STRING, piece)).collect();
    let nested = indefinite(ber::OCTET_STRING_IN_PIECES, &[definite(ber::OCTET_STRING_IN_PIECES, &pieces), vec![0x04, 0]].concat());
    for wrap in [definite as Wrap, indefinite] {
        for string in [&one, &wrap(ber::OCTET_STRING_IN_PIECES, &one), &wrap(ber::OCTET_STRING_IN_PIECES, &pieces), &nested] {
            assert_eq!(content(&signed(wrap, string)), (text.clone(), false));
        }
    }
    let in_one = signed(definite, &one);
    assert!(matches!(read(&in_one), Ok(Cms::Signed { content: Cow::Borrowed(_), .. })));
    assert_eq!(content(&signed(indefinite, &definite(ber::OCTET_STRING, b""))), (Vec::new(), false));
}

#[test]
fn what_is_not_signed_or_not_in_it() {
    let of_kind = |prefix: &[u8], last: u8| definite(ber::SEQUENCE, &[oid(prefix, last), definite(ber::CONTEXT_0, &[0x30, 0])].concat());
    assert_eq!(read(&of_kind(PKCS7, 3)), Ok(Cms::Encrypted));
    assert_eq!(read(&of_kind(PKCS7, 6)), Ok(Cms::Encrypted));
    assert_eq!(read(&of_kind(SMIME, 23)), Ok(Cms::Encrypted));
    assert_eq!(read(&of_kind(SMIME, 9)), Ok(Cms::Other("compressed")));
    assert!(matches!(read(&of_kind(&[0x2a], 3)), Ok(Cms::Other(_))));
    for wrap in [definite as Wrap, indefinite] {
        let data = [definite(ber::INTEGER, &[1]), wrap(ber::SET, &[]), wrap(ber::SEQUENCE, &oid(PKCS7, 1))].concat();
        let detached = wrap(ber::SEQUENCE, &[oid(PKCS7, 2), wrap(ber::CONTEXT_0, &wrap(ber::SEQUENCE, &data))].concat());
        assert_eq!(read(&detached), Ok(Cms::Detached));
    }
}

#[test]
fn what_cannot_be_read() {
    for bytes in
        [&b""[..], b"0", b"0\x80", b"Beste Karin,", b"\x30\x03\x02\x01\x05", b"\x30\xff", &[0x1f; 40], &[0xff; 40], &[0x30, 0x80, 0, 0]]
    {
        assert!(read(bytes).is_err(), "{bytes:?}");
    }
    assert!(read(&signed(definite, &definite(ber::INTEGER, &[5]))).is_err());
    assert!(read(&signed(indefinite, &indefinite(ber::OCTET_STRING_IN_PIECES, &definite(ber::INTEGER, &[5])))).is_err());
}

#[test]
fn lying_lengths_and_missing_ends() {
    let whole = signed(indefinite, &indefinite(ber::OCTET_STRING_IN_PIECES, &definite(ber::OCTET_STRING, b"Graag 12 dozen.")));
    let at = whole.windows(5).position(|window| window == b"Graag").unwrap();
    assert_eq!(content(&whole[..at + 8]), (b"Graag 12".to_vec(), true));
    let mut lying = whole.clone();
    lying.splice(at - 1..at, [0x84, 0xff, 0xff, 0xff, 0xff]);
    let (found, cut) = content(&lying);
    assert!(found.starts_with(b"Graag 12 dozen.") && cut);
    // More bytes of length than any number has.
    lying.splice(at - 1..at, [&[0xfe][..], &[0xff; 126]].concat());
    assert!(content(&lying).1);
    // A piece that is longer than what it is in.
    let pieces = definite(ber::OCTET_STRING_IN_PIECES, &[0x04, 0x50, b'a', b'b']);
    assert_eq!(content(&signed(definite, &pieces)), (b"ab".to_vec(), true));
}

#[test]
fn ten_thousand_nested_pieces() {
    let open = [ber::OCTET_STRING_IN_PIECES, 0x80].repeat(10_000);
    let error = read(&signed(indefinite, &[open, definite(ber::OCTET_STRING, b"diep"), vec![0; 20_000]].concat())).unwrap_err();
    assert!(error.0.contains("too deep"));
    // Nested where nothing looks: skipped without a stack.
    let deep = [[ber::SET, 0x80].repeat(1_000_000), vec![0; 2_000_000]].concat();
    let data = [definite(ber::INTEGER, &[1]), deep, definite(ber::SEQUENCE, &oid(PKCS7, 1))].concat();
    let message = definite(ber::SEQUENCE, &[oid(PKCS7, 2), definite(ber::CONTEXT_0, &definite(ber::SEQUENCE, &data))].concat());
    assert_eq!(read(&message), Ok(Cms::Detached));
    let many = definite(ber::OCTET_STRING, b"x").repeat(500_000);
    assert_eq!(content(&signed(indefinite, &indefinite(ber::OCTET_STRING_IN_PIECES, &many))).0.len(), 500_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(vec![0x30, 0x80, 0x24, 0x04, 0xa0, 0, 6, 0x31])], 0..200)) {
        if let Ok(Cms::Signed { content, .. }) = read(&bytes) {
            prop_assert!(content.len() <= bytes.len());
        }
    }

    #[test]
    fn any_damage(at in any::<proptest::sample::Index>(), byte in any::<u8>(), end in any::<proptest::sample::Index>(), streamed in any::<bool>()) {
        let pieces = definite(ber::OCTET_STRING, b"Graag twaalf").repeat(9);
        let wrap = if streamed { indefinite as Wrap } else { definite };
        let mut bytes = signed(wrap, &wrap(ber::OCTET_STRING_IN_PIECES, &pieces));
        let index = at.index(bytes.len());
        bytes[index] = byte;
        bytes.truncate(end.index(bytes.len() + 1));
        if let Ok(Cms::Signed { content, .. }) = read(&bytes) {
            prop_assert!(content.len() <= bytes.len());
        }
    }
}
