//! What single values mean, to the server that judges them and to the reader alike.

/// Whether a text can be an e-mail address. Lenient on purpose: only the mail server knows, and a customer turned away is worse
/// than a typo.
pub(crate) fn is_email(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"' | '\\');
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    !local.is_empty() && !local.contains('@') && !domain.is_empty() && !domain.starts_with('.') && text.len() <= 254 && !text.contains(odd)
}

/// Whether a checkbox's value says that it is checked.
pub(crate) fn is_checked(text: &str) -> bool {
    !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "false" | "0" | "no" | "nee" | "nein" | "non" | "off")
}

/// A value on one line: every run of white space and control characters is one blank.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// A value of several lines: line ends as `\n`, and control characters that mean nothing in a text as `U+FFFD`, so that one sees
/// that there was something. Also says whether there were any.
pub(crate) fn lines(text: &str) -> (String, bool) {
    let odd = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
    let mut found = false;
    let mut lines = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\r' => lines.push('\n'),
            c if odd(c) => {
                found = true;
                lines.push('\u{fffd}');
            }
            c => lines.push(c),
        }
    }
    (lines, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(judge: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(judge(text), "{text}");
        }
        for text in bad {
            assert!(!judge(text), "{text}");
        }
    }

    #[test]
    fn kinds_of_text() {
        all(
            is_email,
            &["jan@example.nl", "a+b@x", "jörg@müller.de"],
            &["", "jan", "@x", "jan@", "a b@x.nl", "a@b@c", "a@x\nBcc: y@z", "<a@b>"],
        );
        all(is_checked, &["on", "ja", "true", "1"], &["", "false", "0", " Off ", "nee"]);
    }

    #[test]
    fn lines_and_control_characters() {
        assert_eq!(one_line("  Jan\r\nBcc: x@y.example\t\0 de  Vries\u{85} "), "Jan Bcc: x@y.example de Vries");
        assert_eq!(one_line("\0\r\n"), "");
        assert_eq!(lines("a\r\nb\rc\td"), ("a\nb\nc\td".into(), false));
        assert_eq!(lines("a\0b\u{7}"), ("a\u{fffd}b\u{fffd}".into(), true));
    }
}
