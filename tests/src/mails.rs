//! Mail as messy as the real world's, made up: four languages, charsets and encodings as senders use them, attachments, replies,
//! duplicates, and mail that is hardly mail. Each carries a mark by which it is found again.

use std::fmt::Write;

use crate::random::Random;

/// What a mail of a mailbox is, and so what must become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request of its own: a case.
    New,
    /// The same mail again: the case of the one with this number.
    Duplicate(usize),
    /// An answer by the same customer to the one with this number: its case.
    Reply(usize),
    /// Hardly mail: a case, or in quarantine with a reason.
    Malformed,
    /// An automatic answer: kept, in no case.
    Automatic,
}

/// One mail.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it is.
    pub kind: Kind,
}

/// The mark of the mail with this number, as it stands in its text and subject.
pub fn mark(number: usize) -> String {
    format!("zz{number:05}zz")
}

const NAMES: [(&str, &str); 8] = [
    ("Marloes Terwindt", "marloes"),
    ("Jürgen Weiß", "weiss"),
    ("Hélène Moreau", "h.moreau"),
    ("Tom Ashby", "tom"),
    ("Gerbrand Ypma", "g.ypma"),
    ("Priya Raman", "priya"),
    ("Zoë van 't Hof", "zoe"),
    ("Łukasz Kowalski", "lukasz"),
];

const SENTENCES: [&[&str]; 4] = [
    &[
        "Graag wil ik bestellen: 12 dozen kopieerpapier en 3 rollen tape.",
        "Kunt u mij zeggen wanneer dit weer op voorraad is?",
        "De levering van gisteren was alweer niet compleet, dit is de derde keer.",
        "Wij zien uw antwoord met belangstelling tegemoet.",
        "Levering aan de achterzijde, tussen acht en tien uur.",
        "Het bedrag op de factuur klopt niet met de offerte, € 312,50 te veel.",
    ],
    &[
        "Please send 40 boxes of M12 bolts to the usual address.",
        "Could you let me know whether this also fits the older model?",
        "Half of the cartons arrived soaked and I want them replaced.",
        "We need this before Friday, otherwise the line stops.",
        "Thanks in advance for your help — much appreciated.",
        "The invoice shows £ 20.00 more than your quote.",
    ],
    &[
        "Hiermit bestellen wir 50 Stück Balkenschuhe und 10 Pakete Schrauben.",
        "Können Sie mir sagen, wie lange die Lieferzeit wäre?",
        "Die Ware ist beschädigt angekommen, das ist eine Zumutung.",
        "Bitte bestätigen Sie den Auftrag noch heute.",
        "Mit freundlichen Grüßen aus der Werkstatt.",
        "Der Preis stimmt nicht mit dem Angebot überein.",
    ],
    &[
        "Nous souhaitons commander 6 cartons de café et 2 cafetières.",
        "Êtes-vous ouverts le samedi matin ?",
        "J'ai déjà appelé deux fois et personne ne me rappelle, c'est inadmissible.",
        "Merci de nous confirmer la date de livraison.",
        "Veuillez agréer nos salutations distinguées.",
        "La facture ne correspond pas au devis.",
    ],
];

/// A mailbox of so many mails, the same for the same seed: a tenth duplicates, an eighth replies, some automatic answers, and
/// `malformed` that are hardly mail.
pub fn mailbox(count: usize, malformed: usize, seed: u64) -> Vec<Mail> {
    let mut random = Random::new(seed);
    let mut mails: Vec<Mail> = Vec::with_capacity(count);
    let every = count / malformed.max(1);
    for number in 0..count {
        let originals: Vec<usize> = (0..number).filter(|other| mails[*other].kind == Kind::New).collect();
        let mail = if malformed > 0 && number % every == every / 2 && number / every < malformed {
            Mail { bytes: malformed_mail(number, number / every), kind: Kind::Malformed }
        } else if originals.len() > 10 && random.percent(10) {
            let of = originals[random.below(originals.len())];
            Mail { bytes: sent_again(&mails[of].bytes, of, number, &mut random), kind: Kind::Duplicate(of) }
        } else if let Some(to) = answered(&originals, &mut random) {
            Mail { bytes: mail(number, Some(to), 0, &mut random), kind: Kind::Reply(to) }
        } else if random.percent(3) {
            Mail { bytes: automatic(number), kind: Kind::Automatic }
        } else {
            let filler = if random.percent(10) { 20_000 } else { 0 };
            Mail { bytes: mail(number, None, filler, &mut random), kind: Kind::New }
        };
        mails.push(mail);
    }
    mails
}

/// Which mail is answered, if one is. Mail that is also sent again under another Message-ID is not: where its copy and an answer
/// both overtake it, they are two cases, which only a merge would bring together.
fn answered(originals: &[usize], random: &mut Random) -> Option<usize> {
    let plain: Vec<usize> = originals.iter().copied().filter(|number| !changes_identity(*number)).collect();
    (plain.len() > 10 && random.percent(13)).then(|| plain[random.below(plain.len())])
}

/// Whether the duplicates of the mail with this number have a Message-ID of their own.
fn changes_identity(number: usize) -> bool {
    number.is_multiple_of(3)
}

/// Who sends the mail with this number: a person each, so that nobody's requests meet by accident.
fn sender(number: usize) -> (&'static str, String) {
    let (name, local) = NAMES[number % NAMES.len()];
    (name, format!("{local}.{number}@firma-{number}.example"))
}

fn message_id(number: usize) -> String {
    format!("{number}.mail@firma-{number}.example")
}

/// One mail with a mark in subject and text; about `filler` bytes of an attachment.
pub fn mail(number: usize, reply_to: Option<usize>, filler: usize, random: &mut Random) -> Vec<u8> {
    let (name, address) = sender(reply_to.unwrap_or(number));
    let sentences = SENTENCES[random.below(SENTENCES.len())];
    let mut text = format!("{}\n\n", random.pick(&["Goedemorgen,", "Hello,", "Guten Tag,", "Bonjour,", "hoi"]));
    for _ in 0..2 + random.below(5) {
        let _ = writeln!(text, "{}", random.pick(sentences));
    }
    let _ = write!(text, "\nRef {}\n\n{name}\n", mark(number));
    if let Some(to) = reply_to {
        let _ = write!(text, "\nOp ma 23 nov 2026 om 08:14 schreef {name} <{address}>:\n> {}\n> Ref van toen\n", random.pick(sentences));
        let _ = to;
    }
    let mut head = format!("Received: from mx.firma.example by mail.loket.example; Mon, 23 Nov 2026 09:{:02}:00 +0100\r\n", number % 60);
    let _ = write!(head, "From: {} <{address}>\r\n", encoded(name, random));
    let _ = write!(head, "To: support@loket.example\r\nSubject: {} {}\r\n", encoded(random.pick(sentences), random), mark(number));
    let _ = write!(head, "Date: Mon, 23 Nov 2026 {:02}:{:02}:{:02} +0100\r\n", number / 3600 % 24, number / 60 % 60, number % 60);
    // One in twenty has no Message-ID at all: replies cannot refer to those, and do not.
    if number % 20 != 7 {
        let _ = write!(head, "Message-ID: <{}>\r\n", message_id(number));
    }
    if let Some(to) = reply_to {
        if to % 20 == 7 {
            let _ = write!(head, "In-Reply-To: <nobody-{number}@firma.example>\r\n");
        } else {
            let _ = write!(head, "In-Reply-To: <{0}>\r\nReferences: <{0}>\r\n", message_id(to));
        }
    }
    head.push_str("MIME-Version: 1.0\r\n");
    body(head, &text, filler, number, random)
}

fn body(mut head: String, text: &str, filler: usize, number: usize, random: &mut Random) -> Vec<u8> {
    if filler > 0 {
        let boundary = format!("=_part_{number}");
        let _ = write!(head, "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n");
        head.push_str("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
        let _ = write!(head, "{}\r\n--{boundary}\r\n", crlf(text));
        head.push_str("Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"bijlage.pdf\"\r\n");
        head.push_str("Content-Transfer-Encoding: base64\r\n\r\n");
        for _ in 0..filler / 78 {
            for _ in 0..76 {
                head.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random.below(64)]));
            }
            head.push_str("\r\n");
        }
        let _ = write!(head, "--{boundary}--\r\n");
        return head.into_bytes();
    }
    let latin1 = text.chars().all(|c| u32::from(c) < 256);
    match random.below(5) {
        0 if latin1 => {
            head.push_str("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
            let mut bytes = head.into_bytes();
            bytes.extend(crlf(text).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')));
            bytes
        }
        1 => {
            head.push_str("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
            (head + &quoted_printable(&crlf(text))).into_bytes()
        }
        2 => {
            head.push_str("Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<html><body><p>");
            (head + &text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>\r\n") + "</p></body></html>")
                .into_bytes()
        }
        _ => {
            head.push_str("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
            (head + &crlf(text)).into_bytes()
        }
    }
}

/// The same mail on another way: other trace headers, or to the letter, or sent once more under another Message-ID.
fn sent_again(bytes: &[u8], of: usize, number: usize, random: &mut Random) -> Vec<u8> {
    let text = bytes.to_vec();
    match random.below(2) {
        _ if changes_identity(of) => {
            let (old, new) = (format!("Message-ID: <{}>", message_id(of)), format!("Message-ID: <{number}.again@firma-{of}.example>"));
            replace(&text, old.as_bytes(), new.as_bytes())
        }
        0 => text,
        _ => {
            [format!("Received: from relay-{number}.example by mail.loket.example; Mon, 23 Nov 2026 10:00:00 +0100\r\n").into_bytes(), text]
                .concat()
        }
    }
}

fn replace(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    match text.windows(old.len()).position(|window| window == old) {
        Some(at) => [&text[..at], new, &text[at + old.len()..]].concat(),
        None => text.to_vec(),
    }
}

fn automatic(number: usize) -> Vec<u8> {
    let (name, address) = sender(number);
    format!(
        "From: {} <{address}>\r\nTo: support@loket.example\r\nSubject: Automatisch antwoord: afwezig {}\r\nMessage-ID: <{}>\r\n\
         Auto-Submitted: auto-replied\r\n\r\nIk ben er niet tot 1 december. {}\r\n",
        name.replace(|c: char| !c.is_ascii(), "x"),
        mark(number),
        message_id(number),
        mark(number)
    )
    .into_bytes()
}

/// Hardly mail, in as many ways as there are.
pub fn malformed_mail(number: usize, way: usize) -> Vec<u8> {
    let mark = mark(number);
    let from = format!("From: x{number}@kapot-{number}.example\r\nMessage-ID: <{number}.kapot@x.example>\r\n");
    match way % 10 {
        0 => format!("{from}Subject: {mark}\r\n").into_bytes(),
        1 => format!("{from}Subject: {mark}\r\nContent-Type: text/plain\r\n\r\nNUL\0NUL {mark} \0\0\r\n").into_bytes(),
        2 => format!("{from}Subject: {mark}\r\nContent-Transfer-Encoding: base64\r\n\r\nR2VhY2h0ZSBoZWVyLCB3aWogaGVi{mark}").into_bytes(),
        3 => {
            let mut text = format!("{from}Subject: {mark}\r\n");
            for level in 0..10_000 {
                let _ = write!(text, "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
            }
            (text + "Content-Type: text/plain\r\n\r\nin the deep").into_bytes()
        }
        4 => format!("{from}Subject: {mark}\r\nSubject: another\r\nFrom: y@kapot.example\r\nContent-Type: a\r\nContent-Type: text/plain; charset=klingon\r\n\r\n{mark}\r\n")
            .into_bytes(),
        5 => [format!("{from}Subject: {mark} ").into_bytes(), vec![0xff, 0xfe, 0xe9, 0x80], format!("\r\n\r\n{mark}\r\n").into_bytes(), vec![0xc3; 200]].concat(),
        6 => format!("{from}Subject: {mark}\r\nContent-Type: multipart/mixed; boundary=\"never\r\n\r\n--nev\r\n{mark}").into_bytes(),
        7 => format!("{from}Subject: {mark}\r\n\r\n{}\r\n{mark}\r\n", "x".repeat(1_000_000)).into_bytes(),
        8 => format!("{from}Subject: =?utf-8?B?{}?= {mark}\r\nTo: {}\r\n\r\n{mark}", "4pyT".repeat(20_000), "a@b.example, ".repeat(5_000)).into_bytes(),
        _ => format!("{from}Subject: {mark}\r\nDate: yesterday, or so\r\nContent-Type: text/html\r\n\r\n{}{mark}", "<div>".repeat(20_000)).into_bytes(),
    }
}

fn encoded(text: &str, random: &mut Random) -> String {
    if text.is_ascii() && !text.contains('\'') {
        return text.into();
    }
    if random.percent(10) {
        // As some programs still send it: raw UTF-8 in a header.
        return text.into();
    }
    let mut word = String::from("=?utf-8?Q?");
    for byte in text.bytes() {
        match byte {
            b' ' => word.push('_'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => word.push(char::from(byte)),
            other => {
                let _ = write!(word, "={other:02X}");
            }
        }
    }
    word + "?="
}

fn quoted_printable(text: &str) -> String {
    let mut out = String::new();
    for line in text.split("\r\n") {
        let mut width = 0;
        for byte in line.bytes() {
            let shown = match byte {
                b'=' | 0x80.. => format!("={byte:02X}"),
                other => char::from(other).to_string(),
            };
            if width + shown.len() > 75 {
                out.push_str("=\r\n");
                width = 0;
            }
            width += shown.len();
            out.push_str(&shown);
        }
        out.push_str("\r\n");
    }
    out
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}
