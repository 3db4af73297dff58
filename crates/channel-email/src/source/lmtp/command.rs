//! Commands, read from their lines. Pure.

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// The client's name for itself.
    Lhlo(String),
    Mail(Sender),
    /// The recipient's address.
    Rcpt(String),
    Data,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
}

/// From whom a mail comes, and what else is said about it before it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    /// Empty for mail that must not be answered.
    pub(super) address: String,
    /// Its bytes, about.
    pub(super) size: Option<u64>,
    /// Whether its header may have UTF-8 in it.
    pub(super) utf8: bool,
}

/// Reads a line without its end. The error is the answer to it.
pub(super) fn parse(line: &[u8]) -> Result<Command, &'static str> {
    let Ok(line) = str::from_utf8(line) else { return Err("500 5.5.2 a command is text in UTF-8") };
    if line.chars().any(char::is_control) {
        return Err("500 5.5.2 a command has no control characters");
    }
    let line = line.trim_end_matches(' ');
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim_start_matches(' ');
    match verb.to_ascii_uppercase().as_str() {
        "LHLO" if rest.is_empty() => Err("501 5.5.4 LHLO needs a name"),
        "LHLO" => Ok(Command::Lhlo(rest.into())),
        "HELO" | "EHLO" => Err("500 5.5.1 this is LMTP: say LHLO"),
        "MAIL" => mail(rest).map(Command::Mail),
        "RCPT" => rcpt(rest).map(Command::Rcpt),
        "DATA" => alone(rest, Command::Data),
        "RSET" => alone(rest, Command::Rset),
        "QUIT" => alone(rest, Command::Quit),
        "NOOP" => Ok(Command::Noop),
        "VRFY" => Ok(Command::Vrfy),
        "HELP" => Ok(Command::Help),
        _ => Err("500 5.5.1 there is no such command"),
    }
}

fn alone(rest: &str, command: Command) -> Result<Command, &'static str> {
    if rest.is_empty() { Ok(command) } else { Err("501 5.5.4 this command has no parameters") }
}

fn mail(rest: &str) -> Result<Sender, &'static str> {
    const WRONG: &str = "501 5.5.4 expected MAIL FROM:<ADDRESS>";
    let (path, parameters) = after_keyword(rest, "FROM:").and_then(path).ok_or(WRONG)?;
    let address = if path.is_empty() { "" } else { mailbox(path).ok_or("501 5.1.7 this is no sender's address")? };
    let mut sender = Sender { address: address.into(), size: None, utf8: false };
    for parameter in parameters.split(' ').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').map_or((parameter, None), |(name, value)| (name, Some(value)));
        match (name.to_ascii_uppercase().as_str(), value) {
            ("SIZE", Some(number)) if !number.is_empty() && number.len() <= 20 && number.bytes().all(|b| b.is_ascii_digit()) => {
                // Twenty digits may be more than fits: too large in any case.
                sender.size = Some(number.parse().unwrap_or(u64::MAX));
            }
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("7BIT") || body.eq_ignore_ascii_case("8BITMIME") => {}
            ("SMTPUTF8", None) => sender.utf8 = true,
            ("SIZE" | "BODY" | "SMTPUTF8", _) => return Err("501 5.5.4 a parameter of MAIL has a value that it cannot have"),
            _ => return Err("555 5.5.4 MAIL has a parameter that was not offered"),
        }
    }
    Ok(sender)
}

fn rcpt(rest: &str) -> Result<String, &'static str> {
    const WRONG: &str = "501 5.5.4 expected RCPT TO:<ADDRESS>";
    let (path, parameters) = after_keyword(rest, "TO:").and_then(path).ok_or(WRONG)?;
    if !parameters.trim_matches(' ').is_empty() {
        return Err("555 5.5.4 RCPT has a parameter that was not offered");
    }
    mailbox(path).map(Into::into).ok_or("501 5.1.3 this is no recipient's address")
}

fn after_keyword<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(keyword.len())?;
    // Some say a space after the colon.
    start.eq_ignore_ascii_case(keyword).then_some(rest.trim_start_matches(' '))
}

/// What stands between `<` and `>`, and what comes after it.
fn path(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => {
                let (path, rest) = inside.split_at_checked(at)?;
                let rest = rest.strip_prefix('>')?;
                return (rest.is_empty() || rest.starts_with(' ')).then_some((path, rest));
            }
            ' ' | '<' if !quoted => return None,
            _ => {}
        }
    }
    None
}

/// The address in a path, without the route that old mail has before it (`@relay.example:`).
fn mailbox(path: &str) -> Option<&str> {
    let address = if path.starts_with('@') { path.split_once(':')?.1 } else { path };
    let proper = match address.rsplit_once('@') {
        Some((local, domain)) if !domain.contains(['"', '\\', ' ']) => !local.is_empty() && !domain.is_empty(),
        // A user of this machine, such as postmaster; or the `@` is inside the quotes.
        _ => !address.is_empty(),
    };
    proper.then_some(address)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sender(address: &str) -> Command {
        Command::Mail(Sender { address: address.into(), size: None, utf8: false })
    }

    #[test]
    fn commands() {
        let table = [
            ("LHLO mx.example.nl", Command::Lhlo("mx.example.nl".into())),
            ("lhlo  [127.0.0.1] ", Command::Lhlo("[127.0.0.1]".into())),
            ("MAIL FROM:<>", sender("")),
            ("mail from: <a@example.nl>", sender("a@example.nl")),
            ("MAIL FROM:<@relay.example,@b.example:a@example.nl>", sender("a@example.nl")),
            ("MAIL FROM:<\"jan > \\\"de\\\" <b@x\"@example.nl>", sender("\"jan > \\\"de\\\" <b@x\"@example.nl")),
            ("MAIL FROM:<josé@bücher.example>", sender("josé@bücher.example")),
            ("MAIL FROM:<a@example.nl> BODY=8bitmime body=7BIT", sender("a@example.nl")),
            (
                "MAIL FROM:<a@example.nl>  SIZE=1234  smtputf8",
                Command::Mail(Sender { address: "a@example.nl".into(), size: Some(1_234), utf8: true }),
            ),
            ("MAIL FROM:<> SIZE=99999999999999999999", Command::Mail(Sender { address: String::new(), size: Some(u64::MAX), utf8: false })),
            ("RCPT TO:<support@example.nl>", Command::Rcpt("support@example.nl".into())),
            ("rcpt to: <Postmaster> ", Command::Rcpt("Postmaster".into())),
            ("RCPT TO:<a@[IPv6:::1]>", Command::Rcpt("a@[IPv6:::1]".into())),
            ("DATA", Command::Data),
            ("data ", Command::Data),
            ("RSET", Command::Rset),
            ("NOOP whatever", Command::Noop),
            ("VRFY a", Command::Vrfy),
            ("HELP", Command::Help),
            ("QUIT", Command::Quit),
        ];
        for (line, expected) in table {
            assert_eq!(parse(line.as_bytes()), Ok(expected), "{line}");
        }
    }

    #[test]
    fn refusals() {
        let table: [(&[u8], &str); 31] = [
            (b"", "500 5.5.1"),
            (b"HELO mx.example.nl", "500 5.5.1"),
            (b"EHLO mx.example.nl", "500 5.5.1"),
            (b"LHLO", "501 5.5.4"),
            (b"LHLO ", "501 5.5.4"),
            (b"BDAT 3 LAST", "500 5.5.1"),
            (b"STARTTLS", "500 5.5.1"),
            (b"GET / HTTP/1.1", "500 5.5.1"),
            (b"DATA now", "501 5.5.4"),
            (b"MAIL", "501 5.5.4"),
            (b"MAIL FROM", "501 5.5.4"),
            (b"MAIL FROM:a@example.nl", "501 5.5.4"),
            (b"MAIL FROM:<a@example.nl", "501 5.5.4"),
            (b"MAIL FROM:<a b@example.nl>", "501 5.5.4"),
            (b"MAIL FROM:<a@example.nl>SIZE=1", "501 5.5.4"),
            (b"MAIL FROM:<a@>", "501 5.1.7"),
            (b"MAIL FROM:<@relay.example>", "501 5.1.7"),
            (b"MAIL FROM:<@relay.example:>", "501 5.1.7"),
            (b"MAIL FROM:<a@example.nl> SIZE", "501 5.5.4"),
            (b"MAIL FROM:<a@example.nl> SIZE=-1", "501 5.5.4"),
            (b"MAIL FROM:<a@example.nl> SIZE=+1", "501 5.5.4"),
            (b"MAIL FROM:<a@example.nl> BODY=BINARYMIME", "501 5.5.4"),
            (b"MAIL FROM:<a@example.nl> SMTPUTF8=yes", "501 5.5.4"),
            (b"MAIL FROM:<a@example.nl> AUTH=<>", "555 5.5.4"),
            (b"RCPT TO:<>", "501 5.1.3"),
            (b"RCPT TO:<@example.nl>", "501 5.1.3"),
            (b"RCPT TO:<a@example.nl> NOTIFY=NEVER", "555 5.5.4"),
            (b"RCPT FROM:<a@example.nl>", "501 5.5.4"),
            (b"RCPT TO:<a@example.nl>\rDATA", "500 5.5.2"),
            (b"RCPT TO:<a\0@example.nl>", "500 5.5.2"),
            (b"RCPT TO:<jos\xe9@example.nl>", "500 5.5.2"),
        ];
        for (line, code) in table {
            let answer = parse(line).unwrap_err();
            assert!(answer.starts_with(code), "{}: {answer}", String::from_utf8_lossy(line));
        }
    }

    proptest! {
        #[test]
        fn any_line_is_a_command_or_gets_an_answer(line: Vec<u8>) {
            if let Err(answer) = parse(&line) {
                prop_assert!(answer.starts_with("50") || answer.starts_with("555"));
            }
        }

        #[test]
        fn nearly_commands_neither(line in "(MAIL FROM:|RCPT TO:|mail from: )?<?[\"\\\\@:<> a.é]{0,12}>?( (SIZE=|BODY=|X)[0-9A-Z]{0,3})?") {
            let has = |address: &str| line.contains(&[address, ">"].concat());
            match parse(line.as_bytes()) {
                Ok(Command::Mail(Sender { address, .. })) => prop_assert!(has(&address)),
                Ok(Command::Rcpt(address)) => prop_assert!(!address.is_empty() && has(&address)),
                Ok(_) => prop_assert!(false, "{line}"),
                Err(answer) => prop_assert!(answer.starts_with('5')),
            }
        }

        #[test]
        fn addresses_come_through_as_they_are(local in "[a-z0-9.+=_-]{1,80}", domain in "[a-z0-9.-]{1,80}") {
            let address = format!("{local}@{domain}");
            prop_assert_eq!(parse(format!("RCPT TO:<{address}>").as_bytes()), Ok(Command::Rcpt(address)));
        }
    }
}
