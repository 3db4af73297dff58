//! Header blocks, cut into fields. Only ranges are marked: values stay folded and encoded until somebody wants one.

use std::borrow::Cow;

use memchr::memchr2;

use super::lines::{Line, line_at, lossy};

/// One header field.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    /// As it was written.
    pub(super) name: &'a [u8],
    /// Folded and encoded, as it was written.
    pub(super) value: &'a [u8],
}

/// The fields of one header block, in order.
#[derive(Default)]
pub(super) struct Fields<'a> {
    list: Vec<Field<'a>>,
    /// A bit for each name that is there: most names that are looked for are in no header, and this says so at once.
    names: u128,
    /// How many were over the limit.
    pub(super) left_out: usize,
    /// How many lines were no field and no continuation, and were taken for the latter.
    pub(super) mended: usize,
}

impl<'a> Fields<'a> {
    /// No fields.
    pub(super) const NONE: Self = Self { list: Vec::new(), names: 0, left_out: 0, mended: 0 };

    /// The fields in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Field<'a>> {
        self.list.iter().copied()
    }

    /// The values of the fields with this name, in order.
    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        let list = if self.names & bit(name.as_bytes()) == 0 { &[] } else { self.list.as_slice() };
        list.iter().filter(move |field| field.name.eq_ignore_ascii_case(name.as_bytes())).map(|field| field.value)
    }

    /// The first value with this name.
    pub(super) fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Whether there is a field with this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The first value with this name, unfolded and trimmed, in ASCII lower case: for keywords.
    pub(super) fn word(&self, name: &str) -> Option<String> {
        let value = unfold(self.first(name)?);
        Some(lossy(value.get(..2_000).unwrap_or(&value)).trim().to_ascii_lowercase())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// Reads the header block that begins at `start`, and says where the body begins. `stop` tells lines that end the block
/// although they are not blank (boundaries). Fields over `limit` are counted only.
pub(super) fn read<'a>(bytes: &'a [u8], start: usize, limit: usize, stop: impl Fn(&[u8]) -> bool) -> (Fields<'a>, usize) {
    let mut fields = Fields { list: Vec::with_capacity(12), ..Fields::default() };
    let mut open: Option<Open<'a>> = None;
    let mut at = start;
    while let Some(line) = line_at(bytes, at) {
        if stop(line.text) {
            break;
        }
        let first = line.text.first().copied().unwrap_or(b' ');
        let blank = first.is_ascii_whitespace() && line.text.trim_ascii().is_empty();
        if line.text.is_empty() || (blank && !goes_on(bytes, line)) {
            at = line.next;
            break;
        }
        if matches!(first, b' ' | b'\t') && open.is_some() {
            extend(&mut open, line);
        } else if let Some((name, value_at)) = field_name(line) {
            fields.close(bytes, &mut open, limit);
            open = Some(Open { name, value_at, value_end: line.at + line.text.len() });
        } else if open.is_none() {
            // Not a header block at all.
            break;
        } else if continues(bytes, line, &open) {
            extend(&mut open, line);
            fields.mended += 1;
        } else {
            break;
        }
        at = line.next;
    }
    fields.close(bytes, &mut open, limit);
    (fields, at)
}

struct Open<'a> {
    name: &'a [u8],
    value_at: usize,
    value_end: usize,
}

fn extend(open: &mut Option<Open<'_>>, line: Line<'_>) {
    if let Some(open) = open {
        open.value_end = line.at + line.text.len();
    }
}

impl<'a> Fields<'a> {
    fn close(&mut self, bytes: &'a [u8], open: &mut Option<Open<'a>>, limit: usize) {
        let Some(open) = open.take() else { return };
        if self.list.len() < limit {
            self.names |= bit(open.name);
            self.list.push(Field { name: open.name, value: bytes.get(open.value_at..open.value_end).unwrap_or_default() });
        } else {
            self.left_out += 1;
        }
    }
}

/// A name's bit among those that are there.
fn bit(name: &[u8]) -> u128 {
    let [.., before, last] = *name else { return 1 };
    let sum =
        name.len() + 5 * usize::from(last | 0x20) + 11 * usize::from(before | 0x20) + 23 * usize::from(name.get(2).unwrap_or(&0) | 0x20);
    1 << (sum % 128)
}

/// The name of the field that this line begins, and where its value begins.
fn field_name(line: Line<'_>) -> Option<(&[u8], usize)> {
    let colon = line.text.iter().take(100).position(|&b| b == b':')?;
    let name = line.text.get(..colon)?.trim_ascii_end();
    let valid = !name.is_empty() && name.iter().all(|b| matches!(b, 33..=126));
    valid.then_some((name, line.at + colon + 1))
}

/// Whether the header goes on behind a line of blanks: with another field, or with the line that really ends it.
fn goes_on(bytes: &[u8], line: Line<'_>) -> bool {
    line_at(bytes, line.next).is_some_and(|next| next.text.is_empty() || field_name(next).is_some_and(|(name, _)| is_known(name)))
}

/// Whether a line that is neither field nor continuation belongs to the header all the same: somebody broke a long line and forgot
/// the blank. A parameter after a semicolon, or one of at most three lines before another well-known field.
fn continues(bytes: &[u8], line: Line<'_>, open: &Option<Open<'_>>) -> bool {
    let after_semicolon =
        open.as_ref().and_then(|open| bytes.get(open.value_at..open.value_end)).is_some_and(|value| value.trim_ascii_end().ends_with(b";"));
    if after_semicolon && line.text.contains(&b'=') {
        return true;
    }
    let mut line = line;
    for _ in 0..3 {
        match line_at(bytes, line.next) {
            Some(next) if next.text.is_empty() => return false,
            Some(next) if field_name(next).is_some_and(|(name, _)| is_known(name)) => return true,
            Some(next) => line = next,
            None => return false,
        }
    }
    false
}

/// Whether this is a name that mails use: what tells a header block from a text that has a colon in its first line.
pub(super) fn is_known(name: &[u8]) -> bool {
    const NAMES: &[&str] = &[
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "reply-to",
        "sender",
        "return-path",
        "received",
        "mime-version",
        "delivered-to",
        "envelope-to",
        "delivery-date",
        "dkim-signature",
        "authentication-results",
        "auto-submitted",
        "precedence",
        "importance",
        "priority",
        "user-agent",
        "thread-topic",
        "thread-index",
        "received-spf",
        "organization",
        "comments",
        "keywords",
        "errors-to",
        "status",
        "domainkey-signature",
        "feedback-id",
    ];
    const PREFIXES: &[&str] = &["content-", "x-", "list-", "resent-", "arc-"];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        || PREFIXES.iter().any(|prefix| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes())))
}

/// A value without its line ends. Where a line was broken without a blank, one is put in.
pub(super) fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    let value = value.trim_ascii();
    if memchr2(b'\n', b'\r', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut unfolded = Vec::with_capacity(value.len());
    let mut broken = false;
    for &byte in value {
        if matches!(byte, b'\r' | b'\n') {
            broken = true;
            continue;
        }
        if std::mem::take(&mut broken) && !matches!(byte, b' ' | b'\t') {
            unfolded.push(b' ');
        }
        unfolded.push(byte);
    }
    Cow::Owned(unfolded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> (Vec<String>, &str) {
        let (fields, body) = read(text.as_bytes(), 0, 100, |_| false);
        let list =
            fields.iter().map(|f| format!("{}={}", String::from_utf8_lossy(f.name), String::from_utf8_lossy(&unfold(f.value)))).collect();
        (list, &text[body..])
    }

    #[test]
    fn fields_and_body() {
        let (fields, body) = shown("Subject : Hoi\r\n daar\r\nX-A:\r\nTo:a@example.nl\r\n\r\nTekst\r\n");
        assert_eq!(fields, ["Subject=Hoi daar", "X-A=", "To=a@example.nl"]);
        assert_eq!(body, "Tekst\r\n");
        assert_eq!(shown("Geen kop.\nWel tekst"), (vec![], "Geen kop.\nWel tekst"));
        assert_eq!(shown("Subject: alleen"), (vec!["Subject=alleen".into()], ""));
    }

    #[test]
    fn broken_lines_are_mended_and_forgotten_blank_lines_seen() {
        let (fields, body) =
            shown("Content-Type: text/plain;\ncharset=utf-8\nSubject: een te\nlange regel\nFrom: a@example.nl\nBeste,\nGraag tien.\n");
        assert_eq!(fields, ["Content-Type=text/plain; charset=utf-8", "Subject=een te lange regel", "From=a@example.nl"]);
        assert_eq!(body, "Beste,\nGraag tien.\n");
    }

    #[test]
    fn fields_over_the_limit_are_counted() {
        let text = "X-Many: 1\n".repeat(300) + "\nbody";
        let (fields, body) = read(text.as_bytes(), 0, 100, |_| false);
        assert_eq!((fields.iter().count(), fields.left_out), (100, 200));
        assert_eq!(&text[body..], "body");
    }
}
