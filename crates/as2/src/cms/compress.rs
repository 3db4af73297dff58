//! Compressed content (RFC 3274).

use std::io::{Read as _, Write as _};

use flate2::Compression as Level;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::ber::{CONTEXT_0, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, element};
use super::oid;
use crate::Error;
use crate::party::Limits;

/// Content may grow as it likes until it is this long.
const GROWTH_FREE: usize = 1 << 20;

/// The content, compressed.
pub(crate) fn compress(content: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::new(format!("cannot compress: {error}"));
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(content.len() / 4), Level::default());
    encoder.write_all(content).map_err(failed)?;
    let zlib = encoder.finish().map_err(failed)?;
    let algorithm = element(SEQUENCE, &[&element(OID, &[oid::ZLIB])]);
    let string = element(CONTEXT_0, &[&element(OCTET_STRING, &[&zlib])]);
    let encapsulated = element(SEQUENCE, &[&element(OID, &[oid::DATA]), &string]);
    let data = element(SEQUENCE, &[&element(INTEGER, &[&[0]]), &algorithm, &encapsulated]);
    Ok(element(SEQUENCE, &[&element(OID, &[oid::COMPRESSED_DATA]), &element(CONTEXT_0, &[&data])]))
}

/// What was compressed. The error is a sentence for ops.
pub(crate) fn decompress(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, String> {
    let (algorithm, zlib) = parts(bytes).ok_or("the compressed content is no CMS CompressedData (RFC 3274)")?;
    if algorithm != oid::ZLIB {
        return Err("the content is compressed with something else than zlib".into());
    }
    let zlib = zlib.octets().ok_or("the compressed content is no string of bytes")?;
    let most = limits.bytes.min(zlib.len().saturating_mul(limits.growth).max(GROWTH_FREE));
    let mut content = Vec::new();
    // One byte more than is allowed tells a long content from one that just fits.
    ZlibDecoder::new(zlib.as_ref())
        .take(most as u64 + 1)
        .read_to_end(&mut content)
        .map_err(|error| format!("the compressed content is damaged: {error}"))?;
    if content.len() > most {
        return Err(format!(
            "{} compressed bytes would become more than {most}: the limits are {} bytes, and {} times as many as compressed",
            zlib.len(),
            limits.bytes,
            limits.growth
        ));
    }
    Ok(content)
}

/// The algorithm and the compressed string.
fn parts(bytes: &[u8]) -> Option<(&[u8], super::ber::Element<'_>)> {
    let mut info = Reader(bytes).expect(SEQUENCE)?.inside();
    info.expect(OID)?;
    let mut data = info.expect(CONTEXT_0)?.inside().expect(SEQUENCE)?.inside();
    data.expect(INTEGER)?;
    let algorithm = data.expect(SEQUENCE)?.inside().expect(OID)?;
    let mut encapsulated = data.expect(SEQUENCE)?.inside();
    encapsulated.expect(OID)?;
    Some((algorithm.content, encapsulated.expect(CONTEXT_0)?.inside().next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_out_as_it_went_in() {
        for content in [&b""[..], b"UNB+UNOC:3+4012345000009:14'", &[b'x'; 100_000]] {
            assert_eq!(decompress(&compress(content).unwrap(), &Limits::default()).unwrap(), content);
        }
    }

    #[test]
    fn written_in_pieces_with_indefinite_lengths() {
        let der = compress(b"ISA*00*").unwrap();
        let (_, string) = parts(&der).unwrap();
        let (one, two) = string.content.split_at(5);
        let ber = [
            b"\x30\x80",
            &element(OID, &[oid::COMPRESSED_DATA])[..],
            b"\xa0\x80\x30\x80\x02\x01\x00",
            &element(SEQUENCE, &[&element(OID, &[oid::ZLIB])]),
            b"\x30\x80",
            &element(OID, &[oid::DATA]),
            b"\xa0\x80\x24\x80",
            &element(OCTET_STRING, &[one]),
            &element(OCTET_STRING, &[two]),
            &[0; 12],
        ]
        .concat();
        assert_eq!(super::super::kind(&ber), Some(super::super::Kind::Compressed));
        assert_eq!(decompress(&ber, &Limits::default()).unwrap(), b"ISA*00*");
    }

    #[test]
    fn bombs_stop_at_the_limits() {
        let bomb = compress(&vec![0; 8 << 20]).unwrap();
        assert!(bomb.len() < 16_384);
        let by_growth = decompress(&bomb, &Limits { bytes: 64 << 20, growth: 100 }).unwrap_err();
        assert!(by_growth.contains("100 times"), "{by_growth}");
        assert!(decompress(&bomb, &Limits { bytes: (8 << 20) - 1, growth: 10_000 }).is_err());
        assert_eq!(decompress(&bomb, &Limits { bytes: 8 << 20, growth: 10_000 }).unwrap().len(), 8 << 20);
    }
}
