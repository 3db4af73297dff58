//! What was written this time: the text without the history that it quotes and without its signature. Lines are told apart, never
//! changed: the new text is lines of the whole one, in order.
//!
//! Rather a line too many than one too few: history goes only where something introduces it, answers between quoted lines stay, the
//! content of a mail that is passed on stays, and where nothing would be left everything stays.

mod history;
mod line;
mod signature;
mod words;

use memchr::memchr_iter;

use super::html::Mark;
use super::phrases::lower;
use history::{History, Introduction};
use line::Line;

pub(super) use words::{Prefix, prefix};

/// What else is known about the mail.
#[derive(Clone, Copy, Default)]
pub(super) struct Context<'a> {
    /// What the beginning of its subject says; `None` for a text that has no subject by nature.
    pub(super) prefix: Option<Prefix>,
    /// Whether its header says that it answers something.
    pub(super) is_answer: bool,
    /// What the HTML says about each line, if it was HTML.
    pub(super) marks: &'a [Mark],
}

/// A text, told apart.
#[derive(Debug, Default)]
pub(super) struct Split {
    /// What was written this time.
    pub(super) new_text: String,
    /// Who wrote the mail that is passed on, as its header in the text says.
    pub(super) forwarded_from: Option<String>,
}

/// What a line is.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    New,
    Quoted,
    Signature,
}

/// A text with more lines than this is not told apart: nobody wrote it.
const MAX_LINES: usize = 200_000;

/// Tells a text apart.
pub(super) fn split(text: &str, cx: &Context<'_>) -> Split {
    if memchr_iter(b'\n', text.as_bytes()).count() > MAX_LINES {
        return Split { new_text: text.trim_matches('\n').into(), forwarded_from: None };
    }
    let lower = lower(text);
    let lines = line::lines(text, &lower);
    let mut roles = vec![Role::New; lines.len()];
    let outcome = quoted(&lines, cx, &mut roles);
    // What the sender wrote stands before this line, but for answers between quotes.
    let own = outcome.history.or(outcome.forward).unwrap_or(lines.len());
    signatures(&lines, cx, &mut roles, own);

    let passed_on = |index: usize| outcome.forward.is_some_and(|forward| index >= forward);
    let is_new = |index: usize| passed_on(index) || (index < own && roles.get(index) == Some(&Role::New));
    let mut new_text = assembled(&lines, is_new);
    if outcome.history.is_some() && refers_below(&new_text) {
        // The answers stand in the history, where nothing tells them apart.
        new_text = assembled(&lines, |_| true);
    }
    if new_text.is_empty() {
        // Nothing but a signature.
        new_text = assembled(&lines, |index| index < own && roles.get(index) != Some(&Role::Quoted));
    }
    if new_text.is_empty() && (outcome.history.is_some() || !cx.is_reply()) {
        // The answer may stand below the history, or everything is quoted and nothing is answered.
        new_text = assembled(&lines, |_| true);
    }
    Split { new_text, forwarded_from: outcome.forwarded_from }
}

impl Context<'_> {
    /// Whether the mail answers another one, by its header.
    fn is_reply(&self) -> bool {
        self.is_answer || self.prefix == Some(Prefix::Reply)
    }

    /// Whether a mail under a header is passed on with this one, and not what it answers.
    fn passes_on(&self) -> bool {
        match self.prefix {
            Some(Prefix::Forward) => true,
            Some(Prefix::Reply) | None => false,
            Some(Prefix::None) => !self.is_answer,
        }
    }

    fn mark(&self, index: usize) -> Mark {
        self.marks.get(index).copied().unwrap_or_default()
    }
}

/// What was found in the lines.
#[derive(Default)]
struct Outcome {
    /// From this line on everything is history.
    history: Option<usize>,
    /// From this line on everything is a mail that is passed on.
    forward: Option<usize>,
    forwarded_from: Option<String>,
}

/// Finds what is quoted.
fn quoted(lines: &[Line<'_>], cx: &Context<'_>, roles: &mut [Role]) -> Outcome {
    let mut history = History::new(lines);
    let passes_on = cx.passes_on();
    let forwards = cx.prefix == Some(Prefix::Forward);
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        let mark = cx.mark(index);
        let mut quoted_to = None;
        if line.quoted {
            // What is passed on with quote marks is passed on all the same.
            quoted_to = (!forwards && !is_lone_figure(lines, index, cx)).then_some(index);
        } else {
            match history.introduction(index) {
                Some(Introduction::Forward { from }) => return Outcome { forward: Some(index), forwarded_from: from, history: None },
                Some(Introduction::Header { from, .. }) if passes_on => {
                    return Outcome { forward: Some(index), forwarded_from: from, history: None };
                }
                Some(Introduction::Header { end, .. }) if quotes_follow(lines, end + 1) => quoted_to = Some(end),
                Some(Introduction::Header { .. } | Introduction::Rest) => return Outcome { history: Some(index), ..Outcome::default() },
                Some(Introduction::Attribution { .. }) if forwards => {}
                Some(Introduction::Attribution { end, has_clock, has_address }) => {
                    if quotes_follow(lines, end + 1) || mark == Mark::Attribution || !has_text(lines, end + 1) {
                        quoted_to = Some(end);
                    } else if has_address || (has_clock && (cx.is_reply() || cx.prefix.is_none())) {
                        return Outcome { history: Some(index), ..Outcome::default() };
                    }
                }
                None => {}
            }
        }
        if matches!(mark, Mark::Quote | Mark::Attribution) && !forwards && !line.is_blank() {
            quoted_to = quoted_to.max(Some(index));
        }
        match quoted_to {
            Some(end) => {
                for role in roles.iter_mut().take(end + 1).skip(index) {
                    *role = Role::Quoted;
                }
                index = end + 1;
            }
            None => index += 1,
        }
    }
    Outcome::default()
}

fn has_text(lines: &[Line<'_>], from: usize) -> bool {
    lines.iter().skip(from).any(|line| !line.is_blank())
}

/// Whether the next line that is not blank is quoted.
fn quotes_follow(lines: &[Line<'_>], from: usize) -> bool {
    lines.iter().skip(from).find(|line| !line.is_blank()).is_some_and(|line| line.quoted)
}

/// "> 10 stuks" in the middle of somebody's text means "more than".
fn is_lone_figure(lines: &[Line<'_>], index: usize, cx: &Context<'_>) -> bool {
    let neighbour = |at: Option<usize>| at.and_then(|at| lines.get(at)).is_some_and(|line| line.quoted);
    let figure = lines
        .get(index)
        .is_some_and(|line| line.text.trim_start_matches('>').trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '€'));
    figure && !cx.is_reply() && !neighbour(index.checked_sub(1)) && !neighbour(index.checked_add(1))
}

/// Marks signatures in each run of new lines before `end`.
fn signatures(lines: &[Line<'_>], cx: &Context<'_>, roles: &mut [Role], end: usize) {
    let mut from = 0;
    while from < end {
        let length = roles.iter().take(end).skip(from).take_while(|role| **role == Role::New).count();
        if let Some(run) = lines.get(from..from + length).filter(|run| !run.is_empty()) {
            let mut marked = signature::mark(run);
            let mut said = marked.clone();
            for (offset, mark) in said.iter_mut().enumerate() {
                *mark |= cx.mark(from + offset) == Mark::Signature;
            }
            // Some people write in the signature of their mailer.
            if signature::leaves_text(run, &said) {
                marked = said;
            }
            for (role, marked) in roles.iter_mut().skip(from).zip(marked) {
                if marked {
                    *role = Role::Signature;
                }
            }
        }
        from += length + 1;
    }
}

/// The chosen lines. Where lines were left out between two, at most one blank line remains.
fn assembled(lines: &[Line<'_>], chosen: impl Fn(usize) -> bool) -> String {
    let mut text = String::new();
    let mut blanks = 0;
    let mut gap = false;
    for (index, line) in lines.iter().enumerate() {
        if !chosen(index) {
            gap = true;
        } else if line.is_blank() {
            blanks += 1;
        } else {
            if !text.is_empty() {
                let blanks = if gap { blanks.min(1) } else { blanks };
                text.push('\n');
                text.extend(std::iter::repeat_n('\n', blanks));
            }
            text.push_str(line.whole.trim_end());
            (blanks, gap) = (0, false);
        }
    }
    text
}

/// Whether somebody says that the answers stand among what is quoted.
fn refers_below(text: &str) -> bool {
    let start = lower(text.get(..text.floor_char_boundary(600)).unwrap_or(text));
    words::OWN_ANSWERS.occur_in(&start)
        && start.split(['.', '!', '\n']).any(|sentence| words::OWN_ANSWERS.occur_in(sentence) && words::AMONG_QUOTES.occur_in(sentence))
}
