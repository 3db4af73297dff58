//! A server that has had enough of us for now: too many connections, too much traffic. Pure.
//!
//! Few servers use the codes that there are (RFC 5530), so it is told by their words. Coming back at once makes it worse: the
//! pauses begin where others end, and grow.

use std::time::Duration;

/// The longest pause of our own choice.
pub(super) const LONGEST: Duration = Duration::from_secs(900);
/// The longest pause that a server can ask for.
const LONGEST_WANTED: Duration = Duration::from_secs(3600);

/// What busy servers say, in lower case: RFC 5530, Dovecot, Gmail, Exchange.
const WORDS: [&str; 15] = [
    "[unavailable]",
    "[limit]",
    "[throttled]",
    "[overquota] account exceeded",
    "throttled",
    "too many simultaneous connections",
    "too many connections",
    "too many concurrent",
    "too many logins",
    "maximum number of connections",
    "connection limit",
    "exceeded command or bandwidth limits",
    "rate limit",
    "server busy",
    "server is busy",
];
/// What Exchange says before a number of milliseconds.
const WANTED: &str = "suggested backoff time:";

/// Whether these are the words of a busy server.
pub(super) fn is_busy(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    words.contains(WANTED) || WORDS.iter().any(|word| words.contains(word))
}

/// How long to leave a server alone that said these words, so many times in a row; `None` when it is not busy.
pub(super) fn pause(words: &str, first: Duration, times: u32) -> Option<Duration> {
    if !is_busy(words) {
        return None;
    }
    let ours = first.saturating_mul(1 << times.min(16)).min(LONGEST.max(first));
    Some(wanted(words).map_or(ours, |wanted| wanted.min(LONGEST_WANTED).max(first)))
}

fn wanted(words: &str) -> Option<Duration> {
    let words = words.to_ascii_lowercase();
    let (_, rest) = words.split_once(WANTED)?;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_servers_are_known_by_their_words() {
        let minute = Duration::from_secs(60);
        let table = [
            ("[UNAVAILABLE] Temporary authentication failure.", Some(60)),
            ("Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)", Some(60)),
            ("[ALERT] Too many simultaneous connections. (Failure)", Some(60)),
            ("[OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", Some(60)),
            ("Request is throttled. Suggested Backoff Time: 92415 milliseconds", Some(92)),
            ("Suggested Backoff Time: 99999999999 milliseconds", Some(3600)),
            ("Suggested Backoff Time: soon", Some(60)),
            ("[AUTHENTICATIONFAILED] Authentication failed.", None),
            ("[OVERQUOTA] Quota exceeded", None),
            ("no connection: refused", None),
            ("", None),
        ];
        for (words, seconds) in table {
            assert_eq!(pause(words, minute, 0).map(|pause| pause.as_secs()), seconds, "{words}");
        }
    }

    #[test]
    fn pauses_grow_and_have_an_end() {
        let pauses: Vec<_> =
            (0..40).filter_map(|times| pause("[LIMIT]", Duration::from_secs(60), times)).map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses[..6], [60, 120, 240, 480, 900, 900]);
        assert_eq!(pauses.last(), Some(&900));
        assert_eq!(pause("[LIMIT]", Duration::from_secs(7_200), 3), Some(Duration::from_secs(7_200)));
    }
}
