//! The text of a mail as it goes over the wire: as it is where every server passes it on unchanged, else quoted-printable.

use std::fmt::Write;

/// Characters of a line of quoted-printable, without the `=` at its end.
const WIDTH: usize = 75;

/// A text ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    /// The Content-Transfer-Encoding.
    pub(super) encoding: &'static str,
    /// Lines end with CRLF, the last one too.
    pub(super) text: String,
}

/// Makes it. Lines may end with CRLF, LF or CR; control characters go.
pub(super) fn body(text: &str) -> Body {
    let lines = lines(text);
    if lines.iter().all(|line| is_plain(line)) {
        let mut text = String::with_capacity(text.len() + 64);
        for line in &lines {
            text.push_str(line);
            text.push_str("\r\n");
        }
        return Body { encoding: "7bit", text };
    }
    let mut out = String::with_capacity(text.len() * 2);
    for line in &lines {
        quoted_printable(line, &mut out);
    }
    Body { encoding: "quoted-printable", text: out }
}

/// The lines of a text, without control characters and without empty lines at the end.
fn lines(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let clean = |line: &str| line.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
    text.trim_end_matches('\n').split('\n').map(clean).collect()
}

/// Whether servers pass a line on as it is: ASCII, short, no blank at its end, nothing that mailbox files or old servers change.
fn is_plain(line: &str) -> bool {
    line.len() <= WIDTH + 1
        && line.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t'))
        && !line.ends_with([' ', '\t'])
        && !line.starts_with("From ")
        && !line.starts_with('.')
}

/// One line (RFC 2045 section 6.7). Two more characters are encoded than must be: an F that begins a line with `From `, and a dot
/// that begins a line.
fn quoted_printable(line: &str, out: &mut String) {
    let mut column = 0;
    let last = line.len().saturating_sub(1);
    for (at, byte) in line.bytes().enumerate() {
        let literal = match byte {
            b'=' => false,
            b' ' | b'\t' => at < last,
            b'F' => at > 0 || !line.starts_with("From "),
            b'.' => column > 0,
            _ => matches!(byte, b'!'..=b'~'),
        };
        let size = if literal { 1 } else { 3 };
        if column + size > WIDTH {
            out.push_str("=\r\n");
            column = 0;
        }
        if literal && !(byte == b'.' && column == 0) {
            out.push(char::from(byte));
            column += 1;
        } else {
            // Writing into a string does not fail.
            let _ = write!(out, "={byte:02X}");
            column += 3;
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_as_it_is() {
        let made = body("Beste Jan,\r\n\r\nDank u.\n\n\n");
        assert_eq!(made, Body { encoding: "7bit", text: "Beste Jan,\r\n\r\nDank u.\r\n".into() });
        assert_eq!(body(""), Body { encoding: "7bit", text: "\r\n".into() });
        assert_eq!(body("a\0\u{7}b\u{1b}[0m").text, "ab[0m\r\n");
    }

    #[test]
    fn everything_else_is_quoted() {
        let table = [
            ("caf\u{e9} = 5\u{20ac}", "caf=C3=A9 =3D 5=E2=82=AC\r\n"),
            ("-- \nLoket", "--=20\r\nLoket\r\n"),
            ("From here", "=46rom here\r\n"),
            (".\n.. x", "=2E\r\n=2E. x\r\n"),
        ];
        for (text, wire) in table {
            assert_eq!(body(text), Body { encoding: "quoted-printable", text: wire.into() }, "{text}");
        }
        let long = format!("{} {}", "woord ".repeat(40), "\u{e9}".repeat(200));
        let made = body(&long);
        assert!(made.text.lines().all(|line| line.len() <= 76), "{}", made.text);
    }
}
