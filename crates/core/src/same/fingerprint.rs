//! What the content says a message is, in forms in which spelling does not count.

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::message::Message;
use crate::order::{self, Order, OrderKind};

/// SHA-256 over the content in a form in which spelling does not count.
pub type ContentHash = [u8; 32];

/// What the content says a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// A hash over what the customer sent: subject, text, attachments, and what it answers; white space, case and Unicode form
    /// do not count. `None` when there is nothing to compare.
    pub content: Option<ContentHash>,
    /// What tells the order in it from others of its buyer.
    pub order: Option<OrderFacts>,
}

/// What tells an order from others of its buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFacts {
    /// Its PO number in a form in which spelling does not count; `None` when it has none.
    pub po: Option<String>,
    /// What it does.
    pub kind: OrderKind,
    /// A hash over what is ordered.
    pub lines: ContentHash,
}

impl OrderFacts {
    fn of(order: &Order) -> Self {
        let po = order.po_number.as_deref().map(order::po_key).filter(|po| !po.is_empty());
        Self { po, kind: order.kind, lines: order::lines_hash(order) }
    }
}

impl Fingerprint {
    /// The fingerprint of a message.
    pub fn of(message: &Message) -> Self {
        let order = message.order.as_deref().map(OrderFacts::of);
        let empty = message.body.full_text.trim().is_empty() && message.attachments.is_empty();
        if empty {
            return Self { content: None, order };
        }
        let mut hash = Sha256::new();
        let mut line = String::new();
        for text in [message.subject.as_deref().unwrap_or_default(), &message.body.full_text] {
            line.clear();
            fold(text, &mut line);
            hash.update(line.as_bytes());
            hash.update([0]);
        }
        let mut sums: Vec<_> = message.attachments.iter().map(|attachment| attachment.sha256.as_str()).collect();
        sums.sort_unstable();
        for sum in sums.into_iter().chain(message.thread.in_reply_to.iter().map(String::as_str)) {
            hash.update(sum.as_bytes());
            hash.update([0]);
        }
        Self { content: Some(hash.finalize().into()), order }
    }
}

/// Lower case, NFKC, every run of white space one blank.
///
/// ASCII is its own NFKC, but for a character that something is put onto: the way through the tables is taken only from the
/// character before a run of others to the end of that run. Most of most mail never takes it.
fn fold(text: &str, into: &mut String) {
    let mut gap = false;
    let mut push = |c: char, into: &mut String| {
        if c.is_whitespace() || c == '\u{200b}' || c == '\u{feff}' {
            gap = !into.is_empty();
        } else {
            if std::mem::take(&mut gap) {
                into.push(' ');
            }
            into.push(c);
        }
    };
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest.bytes().position(|byte| !byte.is_ascii()).map_or(rest.len(), |first| first.saturating_sub(1));
        let (plain, others) = rest.split_at(ascii);
        plain.bytes().for_each(|byte| push(char::from(byte.to_ascii_lowercase()), into));
        // One character that may be ASCII, and then all that are not.
        let end = others.bytes().skip(1).position(|byte| byte.is_ascii()).map_or(others.len(), |next| next + 1);
        let (odd, left) = others.split_at(end);
        odd.nfkc().flat_map(char::to_lowercase).for_each(|c| push(c, into));
        rest = left;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_and_case_do_not_make_another_content() {
        let mut one = Message { subject: Some("Bestelling".into()), ..Message::default() };
        one.body.full_text = "Graag  12 dozen\r\n".into();
        let mut two = one.clone();
        two.body.full_text = "graag 12\u{a0}dozen".into();
        assert_eq!(Fingerprint::of(&one), Fingerprint::of(&two));
        two.body.full_text = "graag 13 dozen".into();
        assert_ne!(Fingerprint::of(&one), Fingerprint::of(&two));
        assert_eq!(Fingerprint::of(&Message::default()).content, None);
    }

    proptest! {
        #[test]
        fn the_short_way_through_ascii_leads_to_the_same(text in "[ -~\t\r\n]{0,4}([àÉe\u{301}\u{308}\u{327}ﬁ½Å\u{212b}İßΣ\u{1100}\u{1161}\u{200b}\u{a0} ax]{0,6}[ -~]{0,3}){0,6}|\\PC{0,20}") {
            let (mut short, mut long) = (String::new(), String::new());
            fold(&text, &mut short);
            let mut gap = false;
            for c in text.nfkc().flat_map(char::to_lowercase) {
                if c.is_whitespace() || c == '\u{200b}' || c == '\u{feff}' {
                    gap = !long.is_empty();
                } else {
                    if std::mem::take(&mut gap) {
                        long.push(' ');
                    }
                    long.push(c);
                }
            }
            prop_assert_eq!(short, long);
        }
    }
}
