//! What a mail server's answer means for the mail. Pure.

use std::error::Error as _;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::Response;
use loket_core::outbound::Undone;

use super::super::address::one_line;

/// Characters of a server's words that are kept.
const LONGEST: usize = 400;

/// How far a conversation had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Greeting and EHLO.
    Greeting,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA.
    Data,
    /// The mail itself.
    Content,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) step: Step,
    /// The server's code; none when it said nothing that makes sense.
    pub(super) code: Option<u16>,
    /// The server's words, or the connection's.
    pub(super) words: String,
}

impl Refusal {
    pub(super) fn new(step: Step, error: &Error) -> Self {
        let code = error.status().map(u16::from);
        let mut words = match (error.source(), code) {
            (Some(source), Some(code)) => format!("{code} {source}"),
            (Some(source), None) => source.to_string(),
            (None, _) => error.to_string(),
        };
        if code.is_none() && (error.is_response() || words.contains("incomplete response")) {
            words = format!("the server's answer makes no sense, or it hung up ({words})");
        }
        Self { step, code, words: one_line(&words, LONGEST) }
    }

    /// The server answered with another code than it must.
    pub(super) fn unexpected(step: Step, response: &Response) -> Self {
        Self { step, code: None, words: format!("the server's answers do not fit what it was asked: {}", said(response)) }
    }

    /// Whether the connection can still be used for another mail.
    pub(super) fn goes_on(&self) -> bool {
        self.code.is_some_and(|code| code != 421) && !matches!(self.step, Step::Greeting | Step::Login)
    }

    /// What it means.
    pub(super) fn undone(&self, from: &str, to: &str) -> Undone {
        let words = &self.words;
        let wants_login = matches!(self.code, Some(530 | 534 | 535 | 538));
        let permanent = self.code.is_some_and(|code| (500..600).contains(&code));
        match self.step {
            Step::Greeting => Undone::Later(format!("the mail server does not serve us: {words}")),
            Step::Login => {
                Undone::Later(format!("the mail server refuses the login, somebody must correct `user` and what proves it: {words}"))
            }
            Step::Content if self.code.is_none() => Undone::Later(format!(
                "it is not known whether the server took the mail, so it is sent again under the same Message-ID: {words}"
            )),
            _ if !permanent => Undone::Later(words.clone()),
            _ if wants_login => {
                Undone::Later(format!("the mail server wants a login, somebody must correct `user` and what proves it: {words}"))
            }
            Step::Sender if self.code != Some(552) => {
                Undone::Later(format!("the mail server takes no mail from {from}, somebody must correct `from` or its rights: {words}"))
            }
            Step::Recipient if words.to_lowercase().contains("relay") => Undone::Later(format!(
                "the mail server does not pass our mail on, somebody must correct `host`, `user` or its settings: {words}"
            )),
            Step::Recipient => Undone::Never(format!("{to} is not taken: {words}")),
            _ => Undone::Never(words.clone()),
        }
    }
}

/// A server's answer in one line.
pub(super) fn said(response: &Response) -> String {
    let words = response.message().collect::<Vec<_>>().join(" ");
    one_line(&format!("{} {words}", response.code()), LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_will_never_work_is_given_up() {
        use Step::{Content, Data, Greeting, Login, Recipient, Sender};
        let table = [
            (Greeting, Some(554), "554 no", false, "does not serve us"),
            (Greeting, Some(421), "421 busy", false, "421"),
            (Login, Some(535), "535 5.7.8 bad", false, "refuses the login"),
            (Login, None, "reset", false, "reset"),
            (Sender, Some(553), "553 5.7.1 not owner", false, "takes no mail from support@example.nl"),
            (Sender, Some(530), "530 5.7.0 login first", false, "wants a login"),
            (Sender, Some(552), "552 too large", true, "552"),
            (Sender, Some(451), "451 4.7.1 greylisted", false, "451 4.7.1 greylisted"),
            (Recipient, Some(450), "450 4.2.0 greylisted", false, "450"),
            (Recipient, Some(550), "550 5.1.1 no such user", true, "jan@klant.example is not taken: 550 5.1.1 no such user"),
            (Recipient, Some(554), "554 5.7.1 <jan@klant.example>: Relay access denied", false, "does not pass our mail on"),
            (Recipient, None, "reset", false, "reset"),
            (Data, Some(554), "554 5.5.1 no valid recipients", true, "554"),
            (Data, Some(354), "354", false, "354"),
            (Content, Some(554), "554 5.7.1 spam", true, "554 5.7.1 spam"),
            (Content, Some(452), "452 4.3.1 full", false, "452"),
            (Content, None, "reset", false, "not known whether the server took the mail"),
        ];
        for (step, code, words, never, part) in table {
            let refusal = Refusal { step, code, words: words.into() };
            let undone = refusal.undone("support@example.nl", "jan@klant.example");
            assert_eq!(matches!(undone, Undone::Never(_)), never, "{refusal:?}");
            assert!(undone.to_string().contains(part), "{undone}");
        }
    }
}
