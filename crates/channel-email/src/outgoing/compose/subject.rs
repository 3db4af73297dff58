//! The subject of an answer: one `Re:`, whatever there was before, and the case's number once.

use loket_core::case::CaseNumber;

use super::super::address::one_line;

/// Characters of the subject that is answered.
const LONGEST: usize = 200;
/// What people's programs put before the subject of an answer.
const REPLIES: &[&str] =
    &["re", "aw", "antw", "antwoord", "antwort", "sv", "odp", "rif", "ri", "r", "r\u{e9}f", "r\u{e9}p", "res", "ynt", "betr"];

/// The subject of an answer to this one.
pub(super) fn answer(subject: &str, case: Option<CaseNumber>) -> String {
    let subject = one_line(without_replies(subject), LONGEST);
    with_number(format!("Re: {subject}").trim_end(), case)
}

/// A subject of our own, with the case's number unless it is in it.
pub(super) fn own(subject: &str, case: Option<CaseNumber>) -> String {
    with_number(&one_line(subject, LONGEST), case)
}

fn with_number(subject: &str, case: Option<CaseNumber>) -> String {
    let Some(case) = case else { return subject.to_owned() };
    let tag = format!("[#{case}]");
    if subject.contains(&tag) { subject.to_owned() } else { format!("{subject} {tag}").trim_start().to_owned() }
}

/// Without any number of `Re:`, `AW:`, `Antw.:`, `Re[2]:` before it.
fn without_replies(subject: &str) -> &str {
    let mut rest = subject.trim_start();
    loop {
        let Some((word, after)) = rest.split_once([':', '\u{ff1a}']) else { return rest };
        if word.len() > 16 {
            return rest;
        }
        let word = word.split(['[', '(']).next().unwrap_or_default().trim().trim_end_matches('.').to_lowercase();
        if !REPLIES.contains(&word.as_str()) {
            return rest;
        }
        rest = after.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_piles_up() {
        let case = Some(CaseNumber::from_counter(10_042));
        let table = [
            ("Levering 4711", "Re: Levering 4711 [#100-425]"),
            ("Re: Levering 4711 [#100-425]", "Re: Levering 4711 [#100-425]"),
            ("AW: Re: Antw.: RE[2]: sv: Levering", "Re: Levering [#100-425]"),
            ("Fwd: Re: Levering", "Re: Fwd: Re: Levering [#100-425]"),
            ("Order: 10 dozen", "Re: Order: 10 dozen [#100-425]"),
            ("Reservering: morgen", "Re: Reservering: morgen [#100-425]"),
            ("Re: ander [#100-436]", "Re: ander [#100-436] [#100-425]"),
            ("  \r\n ", "Re: [#100-425]"),
        ];
        for (subject, expected) in table {
            assert_eq!(answer(subject, case), expected);
            assert_eq!(answer(expected, case), expected);
        }
        assert_eq!(answer("Vraag", None), "Re: Vraag");
        assert_eq!(own("Uw bestelling 7", case), "Uw bestelling 7 [#100-425]");
        assert_eq!(own("Zaak [#100-425]: opgelost", case), "Zaak [#100-425]: opgelost");
        assert_eq!(own("", case), "[#100-425]");
        assert!(answer(&"re:".repeat(100_000), case).len() < 300);
        assert!(answer(&"x".repeat(100_000), case).ends_with("[#100-425]"));
    }
}
