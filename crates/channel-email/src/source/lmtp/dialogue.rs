//! The order of commands, and what is answered to each. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use super::command::{self, Command, Sender};
use super::data::Fault;
use super::settings::LmtpConfig;

/// An answer without the last line end.
pub(super) type Reply = Cow<'static, str>;

/// Mistakes after which a client is sent away. A good mail wipes them out.
const MOST_MISTAKES: u32 = 20;
/// Commands without a mail after which a client is sent away.
const MOST_TALK: u32 = 200;

/// What to do after a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Answer and go on.
    Say(Reply),
    /// Answer and close.
    Close(Reply),
    /// Take the mail, if there is room for it.
    Receive,
}

/// What was said about a mail before it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) sender: Sender,
    /// As they were said, in the order in which they are answered.
    pub(super) recipients: Vec<String>,
}

/// One client's conversation up to now.
#[derive(Debug)]
pub(super) struct Dialogue {
    config: Arc<LmtpConfig>,
    max_payload: u64,
    helo: Option<String>,
    transaction: Option<Transaction>,
    mistakes: u32,
    talk: u32,
}

impl Dialogue {
    /// Nothing was said yet.
    pub(super) fn new(config: Arc<LmtpConfig>, max_payload: u64) -> Self {
        Self { config, max_payload, helo: None, transaction: None, mistakes: 0, talk: 0 }
    }

    /// The first word is ours.
    pub(super) fn greeting() -> Reply {
        "220 loket LMTP".into()
    }

    /// The client's name for itself.
    pub(super) fn helo(&self) -> &str {
        self.helo.as_deref().unwrap_or_default()
    }

    /// Whether a mail was begun.
    pub(super) fn is_busy(&self) -> bool {
        self.transaction.is_some()
    }

    /// What was said about the mail that comes now.
    pub(super) fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_ref()
    }

    /// The mail came, or did not. The next one may begin.
    pub(super) fn end(&mut self, taken: bool) -> Option<Transaction> {
        if taken {
            (self.mistakes, self.talk) = (0, 0);
        }
        self.transaction.take()
    }

    /// Takes a command's line, without its end.
    pub(super) fn hear(&mut self, line: &[u8]) -> Step {
        self.talk += 1;
        if self.talk > MOST_TALK + u32::try_from(self.config.max_recipients).unwrap_or(u32::MAX) {
            return Step::Close("421 4.7.0 too many commands and no mail".into());
        }
        match command::parse(line).and_then(|command| self.obey(command)) {
            Ok(step) => step,
            Err(answer) => self.mistake(answer),
        }
    }

    /// A line that is no command at all, or one at the wrong time.
    pub(super) fn mistake(&mut self, answer: &'static str) -> Step {
        self.mistakes += 1;
        if self.mistakes >= MOST_MISTAKES { Step::Close("421 4.7.0 too many mistakes".into()) } else { Step::Say(answer.into()) }
    }

    fn obey(&mut self, command: Command) -> Result<Step, &'static str> {
        let answer: Reply = match command {
            Command::Lhlo(name) => {
                (self.helo, self.transaction) = (Some(name), None);
                format!(
                    "250-loket\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE {}\r\n250 ENHANCEDSTATUSCODES",
                    self.max_payload
                )
                .into()
            }
            Command::Mail(_) if self.helo.is_none() => return Err("503 5.5.1 say LHLO first"),
            Command::Mail(_) if self.transaction.is_some() => return Err("503 5.5.1 one mail at a time"),
            Command::Mail(Sender { size: Some(size), .. }) if size > self.max_payload => too_large(self.max_payload),
            Command::Mail(sender) => {
                self.transaction = Some(Transaction { sender, recipients: Vec::new() });
                "250 2.1.0 ok".into()
            }
            Command::Rcpt(address) => self.rcpt(address)?.into(),
            Command::Data => match &self.transaction {
                Some(Transaction { recipients, .. }) if !recipients.is_empty() => return Ok(Step::Receive),
                Some(_) => return Err("503 5.5.1 the mail has no recipient"),
                None => return Err("503 5.5.1 say MAIL first"),
            },
            Command::Rset => {
                self.transaction = None;
                "250 2.0.0 ok".into()
            }
            Command::Noop => "250 2.0.0 ok".into(),
            Command::Vrfy => "252 2.5.0 send a mail and see".into(),
            Command::Help => "214 2.0.0 this is LMTP, RFC 2033".into(),
            Command::Quit => return Ok(Step::Close("221 2.0.0 bye".into())),
        };
        Ok(Step::Say(answer))
    }

    /// A recipient that is not ours is no mistake of the client's.
    fn rcpt(&mut self, address: String) -> Result<&'static str, &'static str> {
        let transaction = self.transaction.as_mut().ok_or("503 5.5.1 say MAIL first")?;
        if !self.config.recipients.take(&address) {
            return Ok("550 5.1.1 no mail is taken for this recipient");
        }
        if transaction.recipients.len() >= self.config.max_recipients {
            return Ok("452 4.5.3 too many recipients; the others in another mail");
        }
        transaction.recipients.push(address);
        Ok("250 2.1.5 ok")
    }
}

/// The answer for each recipient of a mail that was not taken.
pub(super) fn refusal(fault: Fault, max_payload: u64) -> Reply {
    match fault {
        Fault::BareLineFeed => "550 5.6.0 the mail has a line feed without a carriage return (RFC 5321 section 2.3.8)".into(),
        Fault::FalseEnd => "550 5.6.0 the mail has a dot between line ends that are no CRLF: it looks like a smuggled mail".into(),
        Fault::TooLarge => too_large(max_payload),
        Fault::NoRoom => "452 4.3.1 too much mail is coming in; try again".into(),
    }
}

fn too_large(max_payload: u64) -> Reply {
    format!("552 5.3.4 the mail is larger than {max_payload} bytes").into()
}

#[cfg(test)]
mod tests {
    use loket_core::config::{Report, parse};
    use proptest::prelude::*;

    use super::*;

    fn dialogue(keys: &str) -> Dialogue {
        let report = Report::new(keys);
        let text = format!("lmtp = \"127.0.0.1:24\"\n{keys}");
        Dialogue::new(Arc::new(super::super::read(&mut parse(&text, &report)).unwrap()), 1_000)
    }

    /// Plays a conversation of lines, each with the beginning of its answer.
    fn play(dialogue: &mut Dialogue, lines: &[(&str, &str)]) {
        for (line, expected) in lines {
            let step = dialogue.hear(line.as_bytes());
            let shown = match &step {
                Step::Say(reply) => reply.to_string(),
                Step::Close(reply) => format!("{reply} (closed)"),
                Step::Receive => "354".into(),
            };
            assert!(shown.starts_with(expected), "{line}: {shown}, expected {expected}");
        }
    }

    #[test]
    fn a_mail() {
        let mut dialogue = dialogue("");
        play(
            &mut dialogue,
            &[
                ("LHLO mx.example.nl", "250-loket\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 1000\r\n250 ENHANCED"),
                ("MAIL FROM:<a@example.nl> SIZE=1000", "250 2.1.0"),
                ("RCPT TO:<Support@example.nl>", "250 2.1.5"),
                ("RCPT TO:<sales@example.nl>", "250 2.1.5"),
                ("RCPT TO:<Support@example.nl>", "250 2.1.5"),
                ("DATA", "354"),
            ],
        );
        assert_eq!((dialogue.helo(), dialogue.is_busy()), ("mx.example.nl", true));
        let ended = dialogue.end(true).unwrap();
        assert_eq!(ended.sender, Sender { address: "a@example.nl".into(), size: Some(1_000), utf8: false });
        assert_eq!(ended.recipients, ["Support@example.nl", "sales@example.nl", "Support@example.nl"]);
        play(&mut dialogue, &[("DATA", "503 5.5.1 say MAIL"), ("MAIL FROM:<>", "250"), ("QUIT", "221 2.0.0 bye (closed)")]);
    }

    #[test]
    fn the_order_matters() {
        let mut dialogue = dialogue("");
        play(
            &mut dialogue,
            &[
                ("MAIL FROM:<>", "503 5.5.1 say LHLO"),
                ("EHLO x", "500 5.5.1 this is LMTP"),
                ("LHLO x", "250"),
                ("RCPT TO:<a@example.nl>", "503 5.5.1 say MAIL"),
                ("DATA", "503 5.5.1 say MAIL"),
                ("MAIL FROM:<>", "250"),
                ("MAIL FROM:<>", "503 5.5.1 one mail"),
                ("DATA", "503 5.5.1 the mail has no recipient"),
                ("RCPT TO:<a@example.nl>", "250"),
                ("RSET", "250 2.0.0"),
                ("DATA", "503 5.5.1 say MAIL"),
                ("MAIL FROM:<>", "250"),
                ("LHLO x", "250"),
                ("RCPT TO:<a@example.nl>", "503 5.5.1 say MAIL"),
                ("NOOP", "250 2.0.0"),
                ("VRFY a", "252 2.5.0"),
                ("HELP", "214 2.0.0"),
            ],
        );
    }

    #[test]
    fn too_large_too_many_and_not_ours() {
        let mut dialogue = dialogue("recipients = [\"support@example.nl\", \"@orders.example\"]\nmax_recipients = 2\n");
        play(
            &mut dialogue,
            &[
                ("LHLO x", "250"),
                ("MAIL FROM:<a@example.nl> SIZE=1001", "552 5.3.4"),
                ("RCPT TO:<support@example.nl>", "503"),
                ("MAIL FROM:<a@example.nl>", "250"),
                ("RCPT TO:<sales@example.nl>", "550 5.1.1"),
                ("DATA", "503 5.5.1 the mail has no recipient"),
                ("RCPT TO:<SUPPORT@EXAMPLE.NL>", "250"),
                ("RCPT TO:<a@orders.example>", "250"),
                ("RCPT TO:<b@orders.example>", "452 4.5.3"),
                ("RCPT TO:<sales@example.nl>", "550 5.1.1"),
                ("DATA", "354"),
            ],
        );
        assert_eq!(dialogue.end(true).unwrap().recipients.len(), 2);
    }

    #[test]
    fn nobody_talks_for_ever() {
        let mut wrong = dialogue("");
        play(&mut wrong, &vec![("nonsense", "500 5.5.1"); 19]);
        wrong.end(true);
        play(&mut wrong, &vec![("nonsense", "500 5.5.1"); 19]);
        play(&mut wrong, &[("nonsense", "421 4.7.0 too many mistakes (closed)")]);
        let mut idle = dialogue("");
        play(&mut idle, &vec![("NOOP", "250"); 300]);
        play(&mut idle, &[("NOOP", "421 4.7.0 too many commands and no mail (closed)")]);
        // As many recipients as are allowed, and some that are not ours, are no idle talk.
        let mut many = dialogue("recipients = [\"@example.nl\"]\nmax_recipients = 300\n");
        play(&mut many, &[("LHLO x", "250"), ("MAIL FROM:<>", "250")]);
        play(&mut many, &vec![("RCPT TO:<a@example.nl>", "250"); 300]);
        play(&mut many, &vec![("RCPT TO:<a@example.de>", "550"); 100]);
        play(&mut many, &[("DATA", "354")]);
    }

    proptest! {
        #[test]
        fn no_order_of_commands_gets_a_mail_in_without_sender_and_recipient(
            words in prop::collection::vec(
                prop::sample::select(vec!["LHLO x", "MAIL FROM:<>", "RCPT TO:<a@example.nl>", "RCPT TO:<a@no.example>", "DATA", "RSET", "NOOP", "QUIT"]), 0..30)
        ) {
            let mut dialogue = dialogue("recipients = [\"@example.nl\"]\n");
            let (mut greeted, mut sender, mut recipients) = (false, false, 0);
            for word in words {
                let step = dialogue.hear(word.as_bytes());
                let good = matches!(&step, Step::Say(reply) if reply.starts_with('2'));
                match word {
                    "LHLO x" => (greeted, sender, recipients) = (true, false, 0),
                    "MAIL FROM:<>" => {
                        prop_assert_eq!(good, greeted && !sender);
                        sender |= good;
                    }
                    "RCPT TO:<a@example.nl>" => {
                        prop_assert_eq!(good, sender);
                        recipients += usize::from(good);
                    }
                    "RSET" => (sender, recipients) = (false, 0),
                    "DATA" => {
                        prop_assert_eq!(step == Step::Receive, recipients > 0);
                        if recipients > 0 {
                            prop_assert_eq!(dialogue.end(true).unwrap().recipients.len(), recipients);
                            (sender, recipients) = (false, 0);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}
