//! `multipart/form-data` (RFC 7578) over a byte slice.
//!
//! A delimiter can only stand at the beginning of a line. Looking at the beginnings of lines, and nowhere else, is what keeps
//! this linear: a boundary has no line break in it, so no two looks overlap.

use std::ops::Range;

use super::text::{extended, parameters, percent_decode};
use super::{DecodeError, FileName, Gathered, Limits, Raw, RawValue, malformed};

/// The headers of one part may have so many bytes.
const HEADER_BYTES: usize = 16 << 10;

/// The fields of a body.
pub(super) fn decode(content_type: &str, body: &[u8], limits: Limits) -> Result<Vec<Raw>, DecodeError> {
    let boundary = boundary(content_type)?;
    let mut gathered = Gathered::new(limits);
    let mut delimiter = find(body, 0, &boundary).ok_or_else(|| malformed("the multipart boundary is not in the body"))?;
    while !delimiter.last {
        let part = headers(body, delimiter.after)?;
        let next = find(body, part.content, &boundary).ok_or_else(|| malformed("the multipart body ends before its last boundary"))?;
        let content = part.content..next.before.max(part.content);
        part.gather(content, body, &mut gathered)?;
        delimiter = next;
    }
    Ok(gathered.items)
}

fn boundary(content_type: &str) -> Result<Vec<u8>, DecodeError> {
    let boundary = parameters(content_type.as_bytes()).into_iter().find(|(name, _)| name == "boundary").map(|(_, value)| value);
    match boundary {
        Some(value) if (1..=70).contains(&value.len()) && value.iter().all(|b| (b' '..=b'~').contains(b)) => Ok(value),
        Some(_) => Err(malformed("the multipart boundary must have 1 to 70 visible characters")),
        None => Err(malformed("the Content-Type names no multipart boundary")),
    }
}

/// A line that parts the parts.
struct Delimiter {
    /// Where the content before it ends: its line break belongs to the delimiter.
    before: usize,
    /// Where its own line ends.
    after: usize,
    last: bool,
}

/// The first delimiter from a beginning of a line on.
fn find(body: &[u8], from: usize, boundary: &[u8]) -> Option<Delimiter> {
    let mut line = from;
    loop {
        let text = body.get(line..)?;
        if let Some(rest) = text.strip_prefix(b"--").and_then(|text| text.strip_prefix(boundary)) {
            let after = body.len() - rest.len();
            let before = match body.get(from..line) {
                Some([.., b'\r', b'\n']) => line - 2,
                Some([.., b'\n']) => line - 1,
                _ => line,
            };
            if rest.starts_with(b"--") {
                return Some(Delimiter { before, after, last: true });
            }
            // Only blanks may follow; anything else is a longer word of the content.
            let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
            if rest.get(blanks) == Some(&b'\n') {
                return Some(Delimiter { before, after: after + blanks + 1, last: false });
            }
        }
        line += text.iter().position(|&b| b == b'\n')? + 1;
    }
}

/// What the headers of a part say.
#[derive(Default)]
struct Part {
    name: Option<Vec<u8>>,
    file_name: Option<FileName>,
    media_type: Vec<u8>,
    /// Where its content begins.
    content: usize,
}

fn headers(body: &[u8], from: usize) -> Result<Part, DecodeError> {
    let mut part = Part::default();
    let mut at = from;
    let mut header: Vec<u8> = Vec::new();
    loop {
        let rest = body.get(at..).unwrap_or_default();
        let end = rest.iter().take(HEADER_BYTES).position(|&b| b == b'\n');
        let line = end.and_then(|end| rest.get(..end)).ok_or_else(|| malformed("the headers of a part do not end"))?;
        at += line.len() + 1;
        if at - from > HEADER_BYTES {
            return Err(malformed(format!("the headers of a part have more than {HEADER_BYTES} bytes")));
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            part.header(&header)?;
            header.clear();
        }
        if line.is_empty() {
            part.content = at;
            return Ok(part);
        }
        header.extend_from_slice(line);
    }
}

impl Part {
    fn header(&mut self, header: &[u8]) -> Result<(), DecodeError> {
        let Some(colon) = header.iter().position(|&b| b == b':') else { return Ok(()) };
        let (name, value) = header.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        match name.trim_ascii().to_ascii_lowercase().as_slice() {
            b"content-disposition" => self.disposition(value),
            b"content-type" => self.media_type = value.to_vec(),
            b"content-transfer-encoding" => {
                let encoding = String::from_utf8_lossy(value).to_ascii_lowercase();
                // Forms have no such encoding (RFC 7578, 4.7). Taking the bytes as they are would store a file nobody can open.
                if !matches!(encoding.as_str(), "binary" | "8bit" | "7bit") {
                    return Err(malformed(format!("a part is encoded as `{encoding}`; the parts of a form are sent as they are")));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn disposition(&mut self, value: &[u8]) {
        let parameters = parameters(value);
        for (name, value) in &parameters {
            match name.as_str() {
                "name" => self.name = Some(unescape(value)),
                "filename" if self.file_name.is_none() => self.file_name = Some(FileName::Bytes(unescape(value))),
                // The one that names its own character set is the better one, wherever it stands.
                "filename*" => self.file_name = extended(value).map(FileName::Known).or_else(|| self.file_name.take()),
                _ => {}
            }
        }
        if self.file_name.is_none() {
            self.file_name = continued(&parameters);
        }
    }

    fn gather(self, content: Range<usize>, body: &[u8], gathered: &mut Gathered<Raw>) -> Result<(), DecodeError> {
        let Self { name, file_name, media_type, .. } = self;
        let name = name.ok_or_else(|| malformed("a part of the multipart body has no name"))?;
        if file_name.is_none() && is_text(&media_type) {
            let plain = String::from_utf8_lossy(&name).into_owned();
            let text = body.get(content).unwrap_or_default().to_vec();
            return gathered.field(&plain, Raw { name, value: RawValue::Text(text) });
        }
        // A file field that nobody used comes as a file without name and bytes.
        let unnamed =
            matches!(&file_name, None | Some(FileName::Bytes(_))) && !matches!(&file_name, Some(FileName::Bytes(name)) if !name.is_empty());
        if unnamed && content.is_empty() {
            return Ok(());
        }
        gathered.file(Raw { name, value: RawValue::File { name: file_name, media_type, range: content } })
    }
}

/// Whether a part without a file's name is a text: browsers send no type with those, programs sometimes do.
fn is_text(media_type: &[u8]) -> bool {
    let essence = media_type.split(|&b| b == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    essence.is_empty() || essence.starts_with(b"text/") || essence == b"application/json"
}

/// Undoes what HTML prescribes for names: `"` and line breaks as percent signs, and nothing else that way.
fn unescape(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = rest.get(..3).filter(|three| matches!(&three.to_ascii_uppercase()[..], b"%22" | b"%0D" | b"%0A"));
        match escape {
            Some(three) => {
                out.extend(percent_decode(three, false));
                rest = rest.get(3..).unwrap_or_default();
            }
            None => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

/// A file's name in pieces (RFC 2231): `filename*0*=UTF-8''na%C3%AF; filename*1="ef.txt"`.
fn continued(parameters: &[(String, Vec<u8>)]) -> Option<FileName> {
    let mut pieces: Vec<(u16, bool, &[u8])> = parameters
        .iter()
        .filter_map(|(name, value)| {
            let index = name.strip_prefix("filename*")?;
            let encoded = index.ends_with('*');
            Some((index.trim_end_matches('*').parse().ok()?, encoded, value.as_slice()))
        })
        .collect();
    pieces.sort_by_key(|(index, ..)| *index);
    let (_, extended_start, _) = *pieces.first()?;
    let mut joined = Vec::new();
    for (at, (_, encoded, value)) in pieces.iter().enumerate() {
        // The first piece says the character set; what is not encoded must survive the decoding of the whole.
        if *encoded || !extended_start {
            joined.extend_from_slice(value);
        } else if at > 0 {
            for &byte in *value {
                if byte == b'%' {
                    joined.extend_from_slice(b"%25");
                } else {
                    joined.push(byte);
                }
            }
        }
    }
    if extended_start { extended(&joined).map(FileName::Known) } else { Some(FileName::Bytes(joined)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Field, File, Value, decode};
    use super::*;

    const LIMITS: Limits = Limits { fields: 100, files: 10 };
    const TYPE: &str = "multipart/form-data; boundary=XX";

    fn fields(body: &[u8]) -> Vec<Field> {
        decode(TYPE, body, LIMITS).unwrap()
    }

    fn part(headers: &str, content: &str) -> Vec<u8> {
        format!("--XX\r\n{headers}\r\n\r\n{content}\r\n--XX--\r\n").into_bytes()
    }

    fn file_name(disposition: &str) -> Option<String> {
        let body = part(&format!("Content-Disposition: form-data; name=\"f\"; {disposition}"), "x");
        match fields(&body).remove(0).value {
            Value::File(file) => file.name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_and_files() {
        let body = b"preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"naam\"\r\n\r\nRen\xc3\xa9e\r\n\r\n--XX \r\n\
            content-disposition: form-data;\r\n name=\"f\"; filename=\"a.bin\"\r\nContent-Type: application/x-thing; v=1\r\n\r\n\
            \r\n--XY\r\n--XXL\r\n\x00\xff\r\n--XX\nContent-Disposition: form-data; name=e\n\n\n--XX\r\nContent-Disposition: form-data; name=\"g\"; filename=\"\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n\r\n--XX--\r\nepilogue";
        let found = fields(body);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert_eq!(found[0].text(), Some("Renée\r\n"));
        let Value::File(File { name, media_type, range }) = &found[1].value else { panic!("{found:?}") };
        assert_eq!((name.as_deref(), media_type.as_str()), (Some("a.bin"), "application/x-thing; v=1"));
        assert_eq!(&body[range.clone()], b"\r\n--XY\r\n--XXL\r\n\x00\xff");
        assert_eq!((found[2].name.as_str(), found[2].text()), ("e", Some("")));
        assert_eq!(fields(b"--XX--").len(), 0);
    }

    #[test]
    fn file_names_of_all_times() {
        for (disposition, wanted) in [
            ("filename=\"foto.jpg\"", Some("foto.jpg")),
            ("filename=\"naïef €.txt\"", Some("naïef €.txt")),
            ("filename=\"a%22b%25.txt\"", Some("a\"b%25.txt")),
            ("filename=\"a\\\"b.txt\"", Some("a\"b.txt")),
            ("filename=\"C:\\Temp\\x.txt\"", Some("x.txt")),
            ("filename=\"../../etc/passwd\"", Some("passwd")),
            ("filename=\"ascii.txt\"; filename*=UTF-8''na%C3%AFef.txt", Some("naïef.txt")),
            ("filename*=UTF-8''%E2%82%AC.txt; filename=\"EUR.txt\"", Some("€.txt")),
            ("filename*0*=UTF-8''na%C3%AF; filename*1=\"ef 100%.txt\"", Some("naïef 100%.txt")),
            ("filename*0=\"lang\"; filename*1=\"e.txt\"", Some("lange.txt")),
            ("filename=\"\"", None),
        ] {
            assert_eq!(file_name(disposition).as_deref(), wanted, "{disposition}");
        }
    }

    #[test]
    fn a_part_of_another_type_is_a_file_without_a_name() {
        let typed = |media_type: &str| {
            fields(&part(&format!("Content-Disposition: form-data; name=a\r\nContent-Type: {media_type}"), "x")).remove(0)
        };
        assert!(matches!(typed("image/png").value, Value::File(File { name: None, .. })));
        assert_eq!(typed("text/plain; charset=utf-8").text(), Some("x"));
        assert_eq!(typed("application/json").text(), Some("x"));
    }

    #[test]
    fn damaged_bodies_are_malformed() {
        let long = format!("--XX\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\nx\r\n--XX--", "n".repeat(20_000));
        for body in [
            "",
            "nothing",
            "--XX\r\n",
            "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\ncut",
            "--XX\r\nContent-Disposition: form-data; name=a\r\n--XX--",
            "--XX\r\n\r\nno name\r\n--XX--",
            "--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--",
            "--XX\r\nContent-Disposition: form-data; name=a; filename=a\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--XX--",
            long.as_str(),
        ] {
            let error = decode(TYPE, body.as_bytes(), LIMITS).unwrap_err();
            assert!(matches!(error, DecodeError::Malformed(_)), "{body:.60}: {error:?}");
        }
        for content_type in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\""] {
            assert!(matches!(decode(content_type, b"--\r\n", LIMITS), Err(DecodeError::Malformed(_))), "{content_type}");
        }
    }

    #[test]
    fn hostile_bodies_take_linear_time() {
        // Were it quadratic, nobody would wait for the end of this.
        let boundary = "-".repeat(70);
        let content_type = format!("multipart/form-data; boundary={boundary}");
        for body in ["-".repeat(8 << 20), "\n".repeat(8 << 20), format!("{}\n", "-".repeat(71)).repeat(100_000)] {
            let _ = decode(&content_type, body.as_bytes(), LIMITS);
        }
        let many = "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n".repeat(100_000);
        assert_eq!(decode(TYPE, many.as_bytes(), LIMITS), Err(DecodeError::TooManyFields(100)));
    }

    proptest! {
        #[test]
        fn what_was_put_in_comes_out(parts in prop::collection::vec((("[a-zé\"; \\\\]{1,8}"), any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..8)) {
            let mut body = Vec::new();
            for (name, is_file, content) in &parts {
                let escaped = name.replace('\\', "\\\\").replace('"', "%22");
                let file = if *is_file { "; filename=\"f.bin\"\r\nContent-Type: application/octet-stream" } else { "" };
                body.extend_from_slice(format!("--qz-31-b\r\nContent-Disposition: form-data; name=\"{escaped}\"{file}\r\n\r\n").as_bytes());
                body.extend_from_slice(content);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--qz-31-b--\r\n");
            let found = decode("multipart/form-data; boundary=qz-31-b", &body, LIMITS).unwrap();
            prop_assert_eq!(found.len(), parts.len());
            for (field, (name, is_file, content)) in found.iter().zip(&parts) {
                prop_assert_eq!(&field.name, name);
                match &field.value {
                    Value::File(file) => {
                        prop_assert!(*is_file);
                        prop_assert_eq!(&body[file.range.clone()], &content[..]);
                    }
                    Value::Text(text) => {
                        prop_assert!(!*is_file);
                        if let Ok(content) = std::str::from_utf8(content) {
                            prop_assert_eq!(text, content);
                        }
                    }
                    Value::Nested(_) => prop_assert!(false),
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..400), content_type in ".{0,60}") {
            let _ = decode(&content_type, &body, LIMITS);
            let _ = decode(TYPE, &body, LIMITS);
            let _ = decode("application/json", &body, LIMITS);
            let _ = decode("application/x-www-form-urlencoded", &body, LIMITS);
        }

        #[test]
        fn no_shuffled_form_makes_it_panic(tokens in prop::collection::vec(prop::sample::select(vec![
            "--XX", "--", "\r\n", "\n", "\r", "Content-Disposition: form-data", "; name=", "\"", "a", ": ", "; filename*=UTF-8''%E2", "; filename*0*=", "=", "\\", "%22", " ", "Content-Type: ",
        ]), 0..60)) {
            let body = tokens.concat();
            if let Ok(found) = decode(TYPE, body.as_bytes(), LIMITS) {
                for field in found {
                    if let Value::File(file) = field.value {
                        prop_assert!(body.as_bytes().get(file.range).is_some());
                    }
                }
            }
        }
    }
}
