//! What the beginning of a subject says.

/// A subject's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::reader) enum Prefix {
    Reply,
    Forward,
    None,
}

/// What the beginning of a subject says. Tags in brackets that gateways put in front are passed over.
pub(in crate::reader) fn prefix(subject: &str) -> Prefix {
    const REPLIES: &[&str] = &[
        "re", "aw", "antw", "antwoord", "antwort", "sv", "odp", "r", "ri", "rif", "rép", "ré", "réf", "res", "ynt", "vá", "atb", "betr",
        "reply", "απ", "回复", "答复",
    ];
    const FORWARDS: &[&str] = &[
        "fw",
        "fwd",
        "wg",
        "tr",
        "doorst",
        "doorgestuurd",
        "dg",
        "vb",
        "vs",
        "rv",
        "i",
        "enc",
        "pd",
        "vl",
        "weiterleitung",
        "transf",
        "transféré",
        "továbbítás",
        "πρθ",
        "转发",
    ];
    let mut rest = subject.trim_start();
    for _ in 0..5 {
        match rest.strip_prefix('[').and_then(|tag| tag.split_once(']')) {
            Some((_, after)) => rest = after.trim_start(),
            None => break,
        }
    }
    let Some((word, _)) = rest.split_once([':', '：']) else { return Prefix::None };
    if word.chars().count() > 16 {
        return Prefix::None;
    }
    // "Re[2]", "Re(3)", "AW (2)"
    let word = word.split(['[', '(']).next().unwrap_or_default().trim().trim_end_matches('.').to_lowercase();
    if REPLIES.contains(&word.as_str()) {
        Prefix::Reply
    } else if FORWARDS.contains(&word.as_str()) {
        Prefix::Forward
    } else {
        Prefix::None
    }
}
