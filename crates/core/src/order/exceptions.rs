//! Gathering what does not add up about an order.

use std::collections::{HashMap, HashSet};

use super::{Order, OrderException};

/// So many lines are named for one code; the others are counted.
const NAMED: usize = 1_000;

/// What does not add up, each thing once, however often an order is looked at.
pub(super) struct Exceptions {
    known: HashSet<(String, Option<usize>)>,
    named: HashMap<&'static str, usize>,
    found: Vec<OrderException>,
}

impl Exceptions {
    /// Beside those that an order has.
    pub(super) fn beside(order: &Order) -> Self {
        let known = order.exceptions.iter().map(|exception| (exception.code.clone(), exception.line)).collect();
        Self { known, named: HashMap::new(), found: Vec::new() }
    }

    /// About the order as a whole.
    pub(super) fn order(&mut self, code: &'static str, text: impl FnOnce() -> String) {
        self.add(code, None, text);
    }

    /// About one line, counted from 0.
    pub(super) fn line(&mut self, code: &'static str, line: usize, text: impl FnOnce() -> String) {
        let named = self.named.entry(code).or_default();
        *named += 1;
        if *named <= NAMED {
            self.add(code, Some(line), text);
        }
    }

    /// Puts them into the order.
    pub(super) fn into_order(mut self, order: &mut Order) {
        let mut counted: Vec<_> = self.named.iter().filter(|(_, named)| **named > NAMED).map(|(code, named)| (*code, *named)).collect();
        counted.sort_unstable();
        for (code, named) in counted {
            self.add(code, None, || format!("the same on {} more lines", named - NAMED));
        }
        order.exceptions.append(&mut self.found);
    }

    fn add(&mut self, code: &'static str, line: Option<usize>, text: impl FnOnce() -> String) {
        if self.known.insert((code.to_owned(), line)) {
            self.found.push(OrderException { code: code.to_owned(), line, text: text() });
        }
    }
}
