//! Signatures: what a mailer, a telephone or a company puts under what somebody wrote.

use super::line::Line;
use super::words;

/// How many lines may stand under `-- `.
const MAX_SIGNATURE: usize = 30;
/// How many lines may stand under `--`, `---` or a line of underscores, which some people use to divide their text.
const MAX_LOOSE: usize = 12;
/// How many lines may stand under the name.
const MAX_CONTACT: usize = 14;
/// How many lines a legal notice may have.
const MAX_NOTICE: usize = 40;

/// Which lines of a piece of text belong to a signature. `lines` are new ones, up to the next quoted one.
pub(super) fn mark(lines: &[Line<'_>]) -> Vec<bool> {
    let mut marked: Vec<bool> = lines.iter().map(|line| is_sent_from(line)).collect();
    armor(lines, &mut marked);
    let mut end = lines.len();
    for start in [delimiter(lines, end), notice(lines, end)].into_iter().flatten() {
        fill(&mut marked, start, end);
        end = end.min(start);
    }
    if let Some(start) = contact(lines, &marked, end) {
        fill(&mut marked, start, end);
    }
    marked
}

/// Whether anything is left of a text without its signature.
pub(super) fn leaves_text(lines: &[Line<'_>], marked: &[bool]) -> bool {
    lines.iter().zip(marked).any(|(line, marked)| !marked && !line.is_blank())
}

fn fill(marked: &mut [bool], from: usize, to: usize) {
    for mark in marked.iter_mut().take(to).skip(from) {
        *mark = true;
    }
}

// --- `-- `

/// Where the signature begins that a line divides from the text.
fn delimiter(lines: &[Line<'_>], end: usize) -> Option<usize> {
    let mut best = None;
    let mut below = 0;
    // From the end, as many lines as count: a text of dividers only is looked at once.
    for index in (0..end).rev() {
        let line = lines.get(index)?;
        let text = line.whole.trim_end();
        let under = lines.get(index + 1..end).unwrap_or_default();
        let divides = match text {
            // Alone at the end it divides nothing, and goes all the same.
            "--" if line.whole == "-- " => true,
            "--" | "---" | "__" | "- --" => below <= MAX_LOOSE && under.iter().all(|line| could_be_signature(line)),
            _ if !text.is_empty() && text.chars().all(|c| matches!(c, '—' | '–')) => {
                below <= MAX_LOOSE && under.iter().all(|line| could_be_signature(line))
            }
            _ => text.len() >= 5 && text.bytes().all(|b| b == b'_') && below <= MAX_LOOSE && under.iter().any(|line| is_list_footer(line)),
        };
        if divides {
            best = Some(index);
        }
        below += usize::from(!text.is_empty());
        if below > MAX_SIGNATURE {
            break;
        }
    }
    best
}

fn could_be_signature(line: &Line<'_>) -> bool {
    !line.text.ends_with('?') && line.whole.chars().count() <= 100
}

fn is_list_footer(line: &Line<'_>) -> bool {
    ["mailing list", "mailman/listinfo", "mailinglijst", "unsubscribe", "liste de diffusion", "mailingliste"]
        .iter()
        .any(|phrase| line.lower.contains(phrase))
}

// --- "Sent from my iPhone"

fn is_sent_from(line: &Line<'_>) -> bool {
    let lower = line.lower.trim_start_matches(['<', '*', '[', '(']);
    if lower.len() > 200 || !words::SENT_FROM.begin(lower) {
        return false;
    }
    // What a link behind it says does not count.
    let plain = lower.split(['<', '(']).next().unwrap_or(lower).trim_end();
    let words_count = plain.split_whitespace().count();
    let is_sentence = plain.contains(", ") || words_count > 12 || lower.contains('?');
    let mine = ["sent from my", "sent from a", "verzonden vanaf mijn", "verstuurd vanaf mijn", "envoyé de mon", "gesendet von mein"]
        .iter()
        .any(|mine| lower.starts_with(mine));
    // Short names only as words of their own: "mac" is in "machine".
    let is_named = |device: &&str| match device.len() {
        0..=4 => lower.split(|c: char| !c.is_alphanumeric()).any(|word| *word == **device),
        _ => lower.contains(*device),
    };
    let device = words::DEVICES.iter().any(is_named);
    // "Von meinem Konto …" begins like "Von meinem iPhone gesendet".
    let ends_right = !lower.starts_with("von mein") || lower.contains("gesendet");
    !is_sentence && ends_right && (device || (mine && words_count <= 8))
}

// --- legal notices

fn notice(lines: &[Line<'_>], end: usize) -> Option<usize> {
    let is_notice = |index: usize| {
        let line = lines.get(index).map_or("", |line| line.lower);
        words::DISCLAIMERS.begin(line.trim_start_matches([' ', '*', '_', '<', '>', '[', '(']))
    };
    let start = (end.saturating_sub(MAX_NOTICE)..end).find(|&index| is_notice(index))?;
    // With nothing before it, it is the text.
    lines.iter().take(start).any(|line| !line.is_blank()).then_some(start)
}

// --- the company's card under a name

/// Where, under a greeting and a name, telephone, address and website begin. Only when it is clearly that.
fn contact(lines: &[Line<'_>], marked: &[bool], end: usize) -> Option<usize> {
    let texts: Vec<(usize, &Line<'_>)> = (end.saturating_sub(60)..end)
        .filter(|&index| marked.get(index) == Some(&false))
        .filter_map(|index| Some((index, lines.get(index)?)))
        .filter(|(_, line)| !line.is_blank())
        .collect();
    let closing = texts.iter().rposition(|(_, line)| closing(line).is_some())?;
    let name_beside = texts.get(closing).and_then(|(_, line)| self::closing(line))?;
    // The greeting and the name stay; the card is what stands under them.
    let card = texts.get(closing + if name_beside { 1 } else { 2 }..)?;
    let is_card =
        card.len() <= MAX_CONTACT && card.iter().any(|(_, line)| is_contact(line)) && card.iter().all(|(_, line)| could_be_on_card(line));
    card.first().filter(|_| is_card).map(|(index, _)| *index)
}

/// Whether a line ends a mail ("Kind regards,"), and if so, whether the name stands on it too.
fn closing(line: &Line<'_>) -> Option<bool> {
    if line.text.len() > 80 || !words::CLOSINGS.begin(line.lower) {
        return None;
    }
    if words::CLOSINGS.contain(line.lower.trim_end_matches([',', '.', '!', ' '])) {
        return Some(false);
    }
    // "Met vriendelijke groet, Jan de Vries"
    let (greeting, name) = line.lower.split_once(',')?;
    let is_name = !name.trim().is_empty() && name.split_whitespace().count() <= 4;
    (is_name && words::CLOSINGS.contain(greeting.trim())).then_some(true)
}

/// A telephone number, an address of mail or of a website.
fn is_contact(line: &Line<'_>) -> bool {
    let lower = line.lower;
    let digits = lower.bytes().filter(u8::is_ascii_digit).count();
    let numeric = lower.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "+-()/.:|".contains(c));
    let labelled =
        || ["tel", "t:", "t ", "m:", "m ", "mob", "fon", "fax", "phone", "tél", "+"].iter().any(|label| lower.starts_with(label));
    lower.contains("www.") || lower.contains("http") || lower.contains('@') || (digits >= 9 && (numeric || labelled()))
}

fn could_be_on_card(line: &Line<'_>) -> bool {
    let mut words = line.lower.split(|c: char| !c.is_alphanumeric() && c != '.').filter(|word| !word.is_empty());
    let refers = words.any(|word| {
        words::REFERENCES.iter().any(|reference| if reference.len() <= 4 { word == *reference } else { word.starts_with(reference) })
    });
    !refers && !line.text.contains(['?', '!']) && (line.text.chars().count() <= 90 || is_contact(line))
}

// --- PGP

/// The lines that PGP puts around a text that it signed.
fn armor(lines: &[Line<'_>], marked: &mut [bool]) {
    let (mut header, mut signature) = (false, false);
    for (line, mark) in lines.iter().zip(marked) {
        let text = line.whole.trim_end();
        header |= text == "-----BEGIN PGP SIGNED MESSAGE-----";
        signature |= text == "-----BEGIN PGP SIGNATURE-----";
        *mark |= header || signature;
        header &= !text.is_empty();
        signature &= text != "-----END PGP SIGNATURE-----";
    }
}
