//! What cannot be read, set aside alone: its bytes within their own envelope, so that it can be mended and read again.

use std::ops::Range;

use bytes::Bytes;
use loket_core::reader::SetAside;

use crate::envelope::{Group, Interchange};
use crate::fault::Fault;
use crate::syntax::Syntax;
use crate::walk::{END_OF_DATA, Stray, Transaction};

/// A transaction that cannot be read.
pub(crate) fn transaction(bytes: &[u8], transaction: &Transaction, fault: &Fault) -> SetAside {
    let control: String = transaction.control.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    SetAside {
        name: format!("{}-{}-{control}", transaction.interchange.ordinal, transaction.ordinal).trim_end_matches('-').to_owned(),
        // What was cut off with the payload stays open: closed, it would look as if only its SE were missing.
        payload: alone(
            bytes,
            &transaction.interchange,
            transaction.group.as_deref(),
            transaction.range.clone(),
            transaction.cut_off_by.as_deref() != Some(END_OF_DATA),
        ),
        reason: format!("X12 {}: {fault}", transaction.kind),
    }
}

/// Segments that stand in no transaction.
pub(crate) fn stray(bytes: &[u8], stray: &Stray) -> SetAside {
    SetAside {
        name: format!("{}-{}-stray", stray.interchange.ordinal, stray.after),
        payload: alone(bytes, &stray.interchange, stray.group.as_deref(), stray.range.clone(), true),
        reason: format!(
            "X12: segments that stand in no transaction, from {} at byte {} on: an ST is missing before them",
            stray.tag, stray.range.start
        ),
    }
}

fn alone(bytes: &[u8], interchange: &Interchange, group: Option<&Group>, range: Range<usize>, closed: bool) -> Bytes {
    let syntax = interchange.syntax();
    let mut out = Vec::with_capacity(range.len() + 512);
    if !interchange.header.is_bare() {
        append(&mut out, bytes, interchange.range(), &syntax);
    }
    if let Some(group) = group {
        append(&mut out, bytes, group.range.clone(), &syntax);
    }
    append(&mut out, bytes, range, &syntax);
    if !closed {
        return out.into();
    }
    let separator = char::from(syntax.plain(syntax.separator));
    let mut trailer = |tag: &str, control: &str| {
        out.extend(syntax.coded(tag));
        for element in ["1", control] {
            out.push(syntax.separator);
            out.extend(syntax.coded(&element.replace(separator, "")));
        }
        out.extend(syntax.terminator.bytes());
    };
    if let Some(group) = group {
        trailer("GE", group.gs(6));
    }
    if !interchange.header.is_bare() {
        trailer("IEA", interchange.isa(13));
    }
    out.into()
}

/// Adds bytes, with a terminator behind them. Where lines were wrapped they are joined: they would be cut elsewhere now.
fn append(out: &mut Vec<u8>, bytes: &[u8], range: Range<usize>, syntax: &Syntax) {
    let raw = bytes.get(range).unwrap_or_default();
    if syntax.wrap > 0 {
        out.extend(raw.iter().filter(|&&byte| !syntax.breaks_line(byte)));
    } else {
        out.extend_from_slice(raw);
    }
    let ends = out.len().checked_sub(syntax.terminator.len()).is_some_and(|at| syntax.terminator.stands_at(out, at));
    if !ends {
        out.extend(syntax.terminator.bytes());
    }
}
