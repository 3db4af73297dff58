//! S/MIME: what is in a `.p7m`. Of the Cryptographic Message Syntax (RFC 5652) only as much as it takes to find the content of
//! SignedData and to tell it from what is encrypted. Nothing is verified: who reads a mail does not need the certificates, and
//! says that it did not look.
//!
//! Outlook writes DER, OpenSSL and most gateways stream BER: lengths left open, and the content in pieces, which may be in
//! pieces again. All of it is read in one pass, without recursion, up to [`MAX_NESTING`].

mod ber;

use std::borrow::Cow;

use ber::{Element, Walk};

/// How deep the pieces of an octet string may nest. Nobody sends more than two levels.
const MAX_NESTING: usize = 64;

/// What is in a CMS message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cms<'a> {
    /// Signed, and what was signed is in it.
    Signed {
        /// What was signed.
        content: Cow<'a, [u8]>,
        /// Whether its end is missing.
        cut: bool,
    },
    /// Signatures or certificates without what was signed.
    Detached,
    /// Encrypted.
    Encrypted,
    /// Something else that cannot be looked into, in a word.
    Other(&'static str),
}

/// Why bytes are no CMS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) &'static str);

/// 1.2.840.113549.1.7: the content types of PKCS #7.
const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
/// 1.2.840.113549.1.9.16.1: those that S/MIME added.
const SMIME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01];

/// Reads a CMS message.
pub(super) fn read(bytes: &[u8]) -> Result<Cms<'_>, Unreadable> {
    let mut walk = Walk::new(bytes);
    enter(&mut walk, ber::SEQUENCE, "it is no CMS message")?;
    match kind(object_identifier(&mut walk)?) {
        Kind::Signed => {}
        Kind::Encrypted => return Ok(Cms::Encrypted),
        Kind::Other(what) => return Ok(Cms::Other(what)),
        Kind::Data | Kind::Unknown => return Ok(Cms::Other("of a kind that is not known")),
    }
    enter(&mut walk, ber::CONTEXT_0, "its content is missing")?;
    enter(&mut walk, ber::SEQUENCE, "its content is no SignedData")?;
    for tag in [ber::INTEGER, ber::SET] {
        let element = expect(&mut walk, tag, "its content is no SignedData")?;
        walk.skip(element);
    }
    enter(&mut walk, ber::SEQUENCE, "its content is no SignedData")?;
    let inner = kind(object_identifier(&mut walk)?);
    let Some(explicit) = walk.next() else { return Ok(Cms::Detached) };
    match inner {
        Kind::Data => {}
        Kind::Encrypted => return Ok(Cms::Encrypted),
        Kind::Other(what) => return Ok(Cms::Other(what)),
        Kind::Signed | Kind::Unknown => return Ok(Cms::Other("of a kind that is not known")),
    }
    if explicit.tag != ber::CONTEXT_0 {
        return Err(Unreadable("its signed content is not where it belongs"));
    }
    walk.enter(explicit);
    // Whether the certificates behind it are whole is nothing to us.
    walk.cut = false;
    let string = walk.next().ok_or(Unreadable("its signed content is missing"))?;
    let content = octets(&mut walk, string)?;
    Ok(Cms::Signed { content, cut: walk.cut })
}

enum Kind {
    Data,
    Signed,
    Encrypted,
    Other(&'static str),
    Unknown,
}

fn kind(object_identifier: &[u8]) -> Kind {
    if let Some([last]) = object_identifier.strip_prefix(PKCS7) {
        return match last {
            1 => Kind::Data,
            2 => Kind::Signed,
            3 | 4 | 6 => Kind::Encrypted,
            5 => Kind::Other("a digest"),
            _ => Kind::Unknown,
        };
    }
    match object_identifier.strip_prefix(SMIME) {
        Some([1]) => Kind::Other("a signed receipt"),
        Some([2]) => Kind::Other("authenticated"),
        Some([4]) => Kind::Other("a time stamp"),
        Some([9]) => Kind::Other("compressed"),
        Some([23]) => Kind::Encrypted,
        _ => Kind::Unknown,
    }
}

fn expect(walk: &mut Walk<'_>, tag: u8, otherwise: &'static str) -> Result<Element, Unreadable> {
    walk.next().filter(|element| element.tag == tag).ok_or(Unreadable(otherwise))
}

fn enter(walk: &mut Walk<'_>, tag: u8, otherwise: &'static str) -> Result<(), Unreadable> {
    let element = expect(walk, tag, otherwise)?;
    walk.enter(element);
    Ok(())
}

fn object_identifier<'a>(walk: &mut Walk<'a>) -> Result<&'a [u8], Unreadable> {
    let element = expect(walk, ber::OBJECT_IDENTIFIER, "it does not say what it is")?;
    Ok(walk.take(element))
}

/// An octet string, in one piece or in several. Nothing is copied when there is only one.
fn octets<'a>(walk: &mut Walk<'a>, string: Element) -> Result<Cow<'a, [u8]>, Unreadable> {
    let outside = walk.depth();
    let mut content: Option<Cow<'a, [u8]>> = None;
    let mut next = Some(string);
    loop {
        match next {
            Some(piece) if piece.tag == ber::OCTET_STRING => {
                let piece = walk.take(piece);
                match &mut content {
                    Some(content) => content.to_mut().extend_from_slice(piece),
                    None => content = Some(Cow::Borrowed(piece)),
                }
            }
            Some(piece) if piece.tag == ber::OCTET_STRING_IN_PIECES => {
                if walk.depth() - outside >= MAX_NESTING {
                    return Err(Unreadable("its signed content is in pieces that nest too deep"));
                }
                walk.enter(piece);
            }
            Some(_) => return Err(Unreadable("its signed content is no octet string")),
            None => walk.leave(),
        }
        if walk.depth() <= outside {
            return Ok(content.unwrap_or_default());
        }
        next = walk.next();
    }
}

#[cfg(test)]
pub(super) mod encoder;
#[cfg(test)]
mod tests;
