//! To whom an answer goes, and how to address them. Pure.

use loket_core::message::{AddressKind, Message, Party};

use super::address::one_line;

/// Characters of a name in a greeting.
const LONGEST_NAME: usize = 60;

/// Whom an answer to this message goes to: where the writer wants answers; for whom somebody else sent it; who sent it.
pub(super) fn recipient(message: &Message) -> Option<(&Party, &str)> {
    let same = |one: &Party, other: &Party| mail_of(one).map(str::to_lowercase) == mail_of(other).map(str::to_lowercase);
    // A mail that a colleague passed on is the customer's, wherever the colleague wants answers.
    let behalf = message.on_behalf_of.as_ref().filter(|behalf| !message.from.as_ref().is_some_and(|from| same(behalf, from)));
    let candidates = [behalf, message.reply_to.as_ref(), message.from.as_ref()];
    let (party, address) = candidates.into_iter().flatten().find_map(|party| Some((party, mail_of(party)?)))?;
    // A Reply-To is often without the name that From has.
    let named = message.from.as_ref().filter(|from| party.name.is_none() && same(from, party)).unwrap_or(party);
    Some((named, address))
}

fn mail_of(party: &Party) -> Option<&str> {
    party.addresses().find(|address| address.kind == AddressKind::Mail && !address.value.is_empty()).map(|address| address.value.as_str())
}

/// The name to greet somebody by; empty when there is none that reads like a person's or a company's. Anybody can put anything
/// into a name and any address behind it: nothing that looks like a link goes out with our greetings.
pub(super) fn greeting_name(name: Option<&str>) -> String {
    let name = one_line(name.unwrap_or_default(), LONGEST_NAME + 1);
    let name = name.trim_matches(['"', '\'', ' ']);
    let odd = |c: char| c.is_ascii_digit() || "@/\\:<>[]{}=%$\u{20ac}!?#*|_~^`;,()".contains(c);
    // A dot between letters is a host's, after a single one an initial's.
    let linked = name.split_whitespace().any(|word| {
        let mut parts = word.split('.').peekable();
        let mut dotted = false;
        while let Some(part) = parts.next() {
            dotted |= part.chars().count() > 1 && parts.peek().is_some_and(|next| !next.is_empty());
        }
        dotted
    });
    let fine = name.chars().count() <= LONGEST_NAME && name.chars().any(char::is_alphabetic) && !name.chars().any(odd) && !linked;
    if fine { name.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use loket_core::message::Address;

    use super::*;

    fn party(name: &str, address: &str) -> Option<Party> {
        Some(Party {
            name: (!name.is_empty()).then(|| name.into()),
            address: (!address.is_empty()).then(|| address.into()),
            ..Party::default()
        })
    }

    #[test]
    fn answers_go_where_they_are_wanted() {
        let to =
            |message: &Message| recipient(message).map(|(party, address)| (party.name.clone().unwrap_or_default(), address.to_owned()));
        let mut message = Message { from: party("Jan", "jan@klant.example"), ..Message::default() };
        assert_eq!(to(&message), Some(("Jan".into(), "jan@klant.example".into())));
        message.reply_to = party("", "inkoop@klant.example");
        assert_eq!(to(&message).unwrap().1, "inkoop@klant.example");
        message.reply_to = party("", "JAN@klant.example");
        assert_eq!(to(&message), Some(("Jan".into(), "JAN@klant.example".into())));
        // A colleague passed it on.
        let passed_on = Message {
            from: party("Collega", "piet@example.nl"),
            reply_to: party("", "piet@example.nl"),
            on_behalf_of: party("Klant", "k@klant.example"),
            ..Message::default()
        };
        assert_eq!(to(&passed_on), Some(("Klant".into(), "k@klant.example".into())));
        // A secretary sent it for the author of the mail.
        let author = Message { on_behalf_of: party("Jan", "jan@klant.example"), ..message };
        assert_eq!(to(&author).unwrap().1, "JAN@klant.example");
        // A form's e-mail field stands beside its phone field.
        let mut form = Message { from: party("Jan", ""), ..Message::default() };
        assert_eq!(to(&form), None);
        if let Some(from) = &mut form.from {
            from.address = Some("tel:+31201234567".into());
            from.also.push(Address::mail("jan@klant.example"));
        }
        assert_eq!(to(&form).unwrap().1, "jan@klant.example");
    }

    #[test]
    fn names_are_greeted_when_they_read_like_names() {
        for name in
            ["Jan Jansen", "J.P. de Vries", "Zo\u{eb} M\u{fc}ller-L\u{fc}denscheidt", "Bakkerij 't Hoekje", "Terwindt B.V.", "Dr. O'Neill"]
        {
            assert_eq!(greeting_name(Some(name)), name);
        }
        for name in [
            "",
            "jan@klant.example",
            "Win www.kwaad.example",
            "http://kwaad.example",
            "Jansen, Jan",
            "Inkoop 2",
            "kwaad.example",
            "<b>Jan</b>",
            "-",
            &"x".repeat(61),
        ] {
            assert_eq!(greeting_name(Some(name)), "", "{name}");
        }
        assert_eq!(greeting_name(None), "");
    }
}
