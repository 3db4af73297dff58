//! The few lines of a calendar entry (RFC 5545) that say what it is about, for invitations that have no other text.

/// How many lines of an entry are looked at.
const MAX_LINES: usize = 2_000;
const SHOWN: [&str; 6] = ["SUMMARY", "DTSTART", "DTEND", "LOCATION", "DESCRIPTION", "COMMENT"];

/// The entry in words; `None` when there is nothing in it.
pub(super) fn summary(text: &str) -> Option<String> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut in_event = false;
    for line in unfolded(text) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = name.split(';').next().unwrap_or_default().to_ascii_uppercase();
        match (name.as_str(), value.trim()) {
            ("BEGIN", "VEVENT" | "VTODO") => in_event = true,
            ("END", "VEVENT" | "VTODO") => break,
            (name, value) if in_event && !value.is_empty() => {
                if let Some(rank) = SHOWN.iter().position(|shown| *shown == name)
                    && !found.iter().any(|(seen, _)| *seen == rank)
                {
                    found.push((rank, unescaped(value)));
                }
            }
            _ => {}
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    let lines: Vec<_> = found.into_iter().map(|(_, value)| value).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Lines with their continuations, which begin with white space.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().take(MAX_LINES) {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some(last)) => last.push_str(more),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

fn unescaped(value: &str) -> String {
    value.replace("\\n", "\n").replace("\\N", "\n").replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_in_words() {
        let text = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nDTSTART;TZID=Europe/Amsterdam:20261124T093000\nSUMMARY:Levering\\, deel 2\nDESCRIPTION:Graag aanwezig\n  zijn\\nbij de poort\nEND:VEVENT\nEND:VCALENDAR\n";
        assert_eq!(summary(text).unwrap(), "Levering, deel 2\n20261124T093000\nGraag aanwezig zijn\nbij de poort");
        assert_eq!(summary("geen agenda"), None);
    }
}
