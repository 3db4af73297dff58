//! How a token is shown to a mail server, and what the server says when it does not take it. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::settings::Mechanism;

/// Who logs in where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Login<'a> {
    /// The mailbox.
    pub(crate) user: &'a str,
    /// The server's name.
    pub(crate) host: &'a str,
    /// The server's port.
    pub(crate) port: u16,
}

/// What is answered to the server's reasons, so that it ends the attempt (RFC 7628 section 3.2.3; Google's XOAUTH2: an empty line).
pub(crate) fn over(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Xoauth2 => "",
        Mechanism::OauthBearer => "AQ==",
    }
}

/// The first and only thing that a client says, in base64.
pub(crate) fn proof(mechanism: Mechanism, login: Login<'_>, token: &str) -> String {
    let Login { user, host, port } = login;
    STANDARD.encode(match mechanism {
        Mechanism::Xoauth2 => format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"),
        Mechanism::OauthBearer => {
            let user = user.replace('=', "=3D").replace(',', "=2C");
            format!("n,a={user},\u{1}host={host}\u{1}port={port}\u{1}auth=Bearer {token}\u{1}\u{1}")
        }
    })
}

/// The server's reasons in words: `status 401; it wants the scope mail`. Empty when it gives none.
pub(crate) fn refusal(challenge: &str) -> String {
    let bytes = STANDARD.decode(challenge.trim()).unwrap_or_default();
    let Ok(Value::Object(reasons)) = serde_json::from_slice::<Value>(&bytes) else { return String::new() };
    let said = |key: &str| {
        let text = match reasons.get(key)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let text: String = text.chars().filter(|c| !c.is_control()).take(100).collect();
        (!text.is_empty()).then_some(text)
    };
    let status = said("status").map(|status| format!("status {status}"));
    let scope = said("scope").map(|scope| format!("it wants the scope {scope}"));
    status.into_iter().chain(scope).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(mechanism: Mechanism, user: &str) -> String {
        let login = Login { user, host: "imap.example.nl", port: 993 };
        String::from_utf8(STANDARD.decode(proof(mechanism, login, "t0k.en")).unwrap()).unwrap()
    }

    #[test]
    fn both_mechanisms_show_the_token_their_way() {
        assert_eq!(decoded(Mechanism::Xoauth2, "support@example.nl"), "user=support@example.nl\u{1}auth=Bearer t0k.en\u{1}\u{1}");
        assert_eq!(
            decoded(Mechanism::OauthBearer, "a,b=c@example.nl"),
            "n,a=a=2Cb=3Dc@example.nl,\u{1}host=imap.example.nl\u{1}port=993\u{1}auth=Bearer t0k.en\u{1}\u{1}"
        );
        assert_eq!(STANDARD.decode(over(Mechanism::OauthBearer)).unwrap(), b"\x01");
        assert_eq!(over(Mechanism::Xoauth2), "");
    }

    #[test]
    fn the_servers_reasons_become_words() {
        let table = [
            (
                r#"{"status":"400","schemes":"Bearer","scope":"https://mail.example/"}"#,
                "status 400; it wants the scope https://mail.example/",
            ),
            (r#"{"status":"invalid_token","openid-configuration":""}"#, "status invalid_token"),
            (r#"{"status":401}"#, "status 401"),
            (r#"{"status":["x"],"scope":""}"#, ""),
            ("[]", ""),
            ("", ""),
        ];
        for (json, words) in table {
            assert_eq!(refusal(&STANDARD.encode(json)), words, "{json}");
        }
        assert_eq!(refusal("not base64"), "");
    }

    proptest! {
        #[test]
        fn no_challenge_makes_it_panic_or_long(challenge in ".*", json in ".*") {
            prop_assert!(refusal(&challenge).chars().count() < 300);
            let status = serde_json::json!({ "status": json, "scope": json }).to_string();
            let words = refusal(&STANDARD.encode(status));
            prop_assert!(words.chars().count() < 300 && !words.chars().any(char::is_control));
        }
    }
}
