//! What an element's attributes say about how its text is seen.

use super::MAX_LINK;
use super::tags::Tag;
use super::tokens::Attributes;

/// What the markup says about a line of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum Mark {
    /// Nothing.
    #[default]
    None,
    /// It says who wrote the quoted text that follows.
    Attribution,
    /// It is quoted.
    Quote,
    /// It belongs to a signature.
    Signature,
}

/// How text in an element is seen. Inherited.
#[derive(Clone, Copy, Default)]
pub(super) struct Look {
    /// Not at all.
    pub(super) hidden: bool,
    /// Written in no size; elements within may be larger again.
    tiny: bool,
    /// With its white space.
    pub(super) pre: bool,
    /// What its lines are.
    pub(super) mark: Mark,
    /// A paragraph without space around it. Not inherited.
    pub(super) tight: bool,
    /// A quote begins with it. Not inherited.
    pub(super) begins_quote: bool,
}

impl Look {
    /// The look of an element in this one.
    pub(super) fn within(self, tag: Tag, attributes: &Attributes<'_>) -> Self {
        let mut look = Self { tight: false, begins_quote: false, ..self };
        if look.hidden {
            return look;
        }
        look.hidden = tag == Tag::Unseen || attributes.hidden;
        look.pre |= tag == Tag::Pre;
        if !attributes.style.is_empty() {
            look.apply(&squeezed(attributes.style));
        }
        look.tight |= attributes.class.starts_with("Mso");
        if tag == Tag::Blockquote {
            look.begins_quote = is_quote(attributes);
        }
        if look.mark == Mark::None && !(attributes.class.is_empty() && attributes.id.is_empty()) {
            look.mark = mark(attributes.class, attributes.id);
        }
        look
    }

    /// Whether text right in this element is not seen.
    pub(super) fn is_unseen(self) -> bool {
        self.hidden || self.tiny
    }

    fn apply(&mut self, style: &str) {
        let has = |declaration: &str| style.contains(declaration);
        self.hidden |= has("display:none")
            || has("visibility:hidden")
            || has("mso-hide:all")
            || (has("max-height:0") && has("overflow:hidden") && !has("max-height:0."));
        if let Some((_, size)) = style.split_once("font-size:") {
            let digits = size.chars().take_while(|c| c.is_ascii_digit() || *c == '.').count();
            let (number, unit) = size.split_at_checked(digits).unwrap_or((size, ""));
            self.tiny = number
                .parse::<f32>()
                .is_ok_and(|number| number == 0.0 || (number <= 1.0 && (unit.starts_with("px") || unit.starts_with("pt"))));
        }
        if let Some((_, space)) = style.split_once("white-space:") {
            self.pre = space.starts_with("pre");
        }
        let no_margin = ["margin:0", "margin-bottom:0", "margin-block-end:0"].iter().any(|declaration| has(declaration));
        self.tight |= no_margin && !has("margin:0auto") && !has("margin:00");
    }
}

/// A style in lower case without blanks: what counts in it is ASCII. Nobody writes long ones by hand.
fn squeezed(style: &str) -> String {
    let bytes = style.bytes().take(1_000).filter(|b| b.is_ascii_graphic()).map(|b| b.to_ascii_lowercase());
    String::from_utf8(bytes.collect()).unwrap_or_default()
}

/// Whether a blockquote quotes; others only indent.
fn is_quote(attributes: &Attributes<'_>) -> bool {
    let style = squeezed(attributes.style);
    attributes.kind.eq_ignore_ascii_case("cite")
        || attributes.cite
        || contains_ignoring_case(attributes.class, "quote")
        || contains_ignoring_case(attributes.id, "quote")
        || (style.contains("border-left") && !style.contains("border-left:none"))
}

fn contains_ignoring_case(text: &str, word: &str) -> bool {
    text.len() <= 1_000 && text.to_ascii_lowercase().contains(word)
}

fn mark(class: &str, id: &str) -> Mark {
    const ATTRIBUTIONS: [&str; 2] = ["gmail_attr", "moz-cite-prefix"];
    const QUOTES: [&str; 4] = ["yahoo_quoted", "tutanota_quote", "zmail_extra", "ms-outlook-mobile-reference-message"];
    const SIGNATURES: [&str; 7] = [
        "gmail_signature",
        "gmail_signature_prefix",
        "moz-signature",
        "protonmail_signature_block",
        "tutanota-signature",
        "zimbra-signature",
        "ms-outlook-mobile-signature",
    ];
    const SIGNATURE_IDS: [&str; 3] = ["AppleMailSignature", "ms-outlook-mobile-signature", "lineBreakAtBeginningOfSignature"];
    let is = |names: &[&str]| {
        class.len() <= 1_000 && class.split_ascii_whitespace().any(|class| names.iter().any(|name| class.eq_ignore_ascii_case(name)))
    };
    // Outlook on the web puts `x_` before the names of what it forwards.
    let id = id.trim_start_matches("x_");
    if is(&ATTRIBUTIONS) {
        Mark::Attribution
    } else if is(&QUOTES) {
        Mark::Quote
    } else if is(&SIGNATURES) || SIGNATURE_IDS.iter().any(|name| id.eq_ignore_ascii_case(name)) {
        Mark::Signature
    } else {
        Mark::None
    }
}

/// The address of a link, where its text does not show it.
pub(super) fn address_beside<'a>(text: &str, href: &'a str) -> Option<&'a str> {
    let href = href.trim();
    let (scheme, rest) = href.split_once(':')?;
    if text.is_empty() || rest.is_empty() || href.len() > MAX_LINK || href.contains(char::is_whitespace) {
        return None;
    }
    let shown = bare(text);
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" | "ftp" => (shown != bare(href)).then_some(href),
        "mailto" => {
            let address = rest.split('?').next().filter(|address| address.contains('@'))?;
            (!shown.contains(&address.to_lowercase())).then_some(address)
        }
        "tel" => (last_digits(text) != last_digits(rest)).then_some(rest),
        _ => None,
    }
}

/// An address in the form in which two spellings are equal.
fn bare(address: &str) -> String {
    let lower = address.to_lowercase();
    let text = lower.trim_start_matches("https://").trim_start_matches("http://").trim_start_matches("ftp://");
    text.trim_start_matches("www.").trim_end_matches('/').replace("&amp;", "&")
}

/// The digits that a telephone number has with and without its country.
fn last_digits(text: &str) -> String {
    text.chars().rev().filter(char::is_ascii_digit).take(8).collect()
}
