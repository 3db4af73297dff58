//! Detached signatures: SignedData with the signed attributes of S/MIME.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use openssl::error::ErrorStack;
use openssl::pkey::Id;
use openssl::sign::Signer;

use super::ber::{CONTEXT_0, GENERALIZED_TIME, INTEGER, NULL, OCTET_STRING, OID, Reader, SEQUENCE, SET, UTC_TIME, element};
use super::oid;
use crate::Error;
use crate::digest::Digest;
use crate::party::KeyPair;

/// The signature over exactly these bytes.
pub(crate) fn sign(content: &[u8], digest: Digest, pair: &KeyPair, now: Timestamp) -> Result<Vec<u8>, Error> {
    let failed = |error: ErrorStack| Error::openssl("cannot sign with our key", &error);
    let certificate = pair.certificate.x509.to_der().map_err(failed)?;
    let (issuer, serial) = issuer_and_serial(&certificate).ok_or_else(|| Error::new("our own certificate cannot be read"))?;

    let data = element(OID, &[oid::DATA]);
    let digest_algorithm = element(SEQUENCE, &[&element(OID, &[oid::digest(digest)]), &element(NULL, &[])]);
    let signature_algorithm = if pair.key.id() == Id::EC {
        element(SEQUENCE, &[&element(OID, &[oid::ecdsa(digest)])])
    } else {
        element(SEQUENCE, &[&element(OID, &[oid::RSA]), &element(NULL, &[])])
    };

    let mut attributes = [
        attribute(oid::CONTENT_TYPE, &data),
        attribute(oid::SIGNING_TIME, &time(now)),
        attribute(oid::MESSAGE_DIGEST, &element(OCTET_STRING, &[&digest.of(content)?])),
    ];
    // DER sorts what is in a set; the signature is over the set in this order.
    attributes.sort();
    let attributes: Vec<&[u8]> = attributes.iter().map(Vec::as_slice).collect();
    let signature = Signer::new(digest.openssl(), &pair.key)
        .and_then(|mut signer| signer.sign_oneshot_to_vec(&element(SET, &attributes)))
        .map_err(failed)?;

    let signer = element(
        SEQUENCE,
        &[
            &element(INTEGER, &[&[1]]),
            &element(SEQUENCE, &[issuer, serial]),
            &digest_algorithm,
            &element(CONTEXT_0, &attributes),
            &signature_algorithm,
            &element(OCTET_STRING, &[&signature]),
        ],
    );
    let signed = element(
        SEQUENCE,
        &[
            &element(INTEGER, &[&[1]]),
            &element(SET, &[&digest_algorithm]),
            &element(SEQUENCE, &[&data]),
            &element(CONTEXT_0, &[&certificate]),
            &element(SET, &[&signer]),
        ],
    );
    Ok(element(SEQUENCE, &[&element(OID, &[oid::SIGNED_DATA]), &element(CONTEXT_0, &[&signed])]))
}

fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&element(OID, &[kind]), &element(SET, &[value])])
}

/// RFC 5652, section 11.3: two digits of the year until 2049, four after it.
fn time(now: Timestamp) -> Vec<u8> {
    let now = now.to_zoned(TimeZone::UTC);
    let (tag, form) = if (1950..2050).contains(&now.year()) { (UTC_TIME, "%y%m%d%H%M%SZ") } else { (GENERALIZED_TIME, "%Y%m%d%H%M%SZ") };
    element(tag, &[now.strftime(form).to_string().as_bytes()])
}

/// Issuer and serial number of a certificate, byte for byte.
fn issuer_and_serial(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = Reader(certificate).expect(SEQUENCE)?.inside().expect(SEQUENCE)?.inside();
    fields.optional(CONTEXT_0); // the version
    let serial = fields.expect(INTEGER)?;
    fields.expect(SEQUENCE)?; // the signature's algorithm
    Some((fields.expect(SEQUENCE)?.whole, serial.whole))
}
