//! The elements that matter to the text.

/// An element's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    A,
    B,
    /// Elements that begin on a line of their own: div, section, form, …
    Block,
    Blockquote,
    Body,
    Br,
    Cell,
    Div,
    Em,
    Font,
    Head,
    Heading,
    Hr,
    I,
    Img,
    Li,
    Ol,
    P,
    Pre,
    /// Content that is not HTML or not text: style, script, title, …
    Raw(RawTag),
    Row,
    Small,
    Span,
    Strong,
    Table,
    U,
    Ul,
    /// Content that is not shown: svg, template, …
    Unseen,
    Other,
}

/// An element whose content is not HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RawTag {
    Iframe,
    Noembed,
    Script,
    Style,
    Title,
    Xmp,
}

impl Tag {
    /// How many kinds are kept apart while they are open.
    pub(super) const COUNT: usize = 29;

    /// By its name in any case.
    pub(super) fn named(name: &str) -> Self {
        let mut lower = [0; 12];
        let Some(lower) = lower.get_mut(..name.len()) else { return Self::Other };
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        match str::from_utf8(lower).unwrap_or_default() {
            "a" => Self::A,
            "b" => Self::B,
            "address" | "article" | "aside" | "caption" | "center" | "dd" | "details" | "dl" | "dt" | "fieldset" | "figcaption"
            | "figure" | "footer" | "form" | "header" | "main" | "nav" | "section" | "summary" => Self::Block,
            "blockquote" => Self::Blockquote,
            "body" => Self::Body,
            "br" => Self::Br,
            "td" | "th" => Self::Cell,
            "div" => Self::Div,
            "em" => Self::Em,
            "font" => Self::Font,
            "head" => Self::Head,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Self::Heading,
            "hr" => Self::Hr,
            "i" => Self::I,
            "img" => Self::Img,
            "li" => Self::Li,
            "ol" => Self::Ol,
            "p" => Self::P,
            "pre" | "listing" | "plaintext" => Self::Pre,
            "iframe" => Self::Raw(RawTag::Iframe),
            "noembed" | "noframes" => Self::Raw(RawTag::Noembed),
            "script" => Self::Raw(RawTag::Script),
            "style" => Self::Raw(RawTag::Style),
            "title" => Self::Raw(RawTag::Title),
            "xmp" => Self::Raw(RawTag::Xmp),
            "tr" => Self::Row,
            "small" => Self::Small,
            "span" => Self::Span,
            "strong" => Self::Strong,
            "table" => Self::Table,
            "u" => Self::U,
            "ul" | "menu" | "dir" => Self::Ul,
            "svg" | "template" | "object" | "video" | "audio" | "select" | "datalist" | "math" => Self::Unseen,
            _ => Self::Other,
        }
    }

    /// Its place in a table of all kinds.
    pub(super) fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
            Self::Block => 2,
            Self::Blockquote => 3,
            Self::Body => 4,
            Self::Br => 5,
            Self::Cell => 6,
            Self::Div => 7,
            Self::Em => 8,
            Self::Font => 9,
            Self::Head => 10,
            Self::Heading => 11,
            Self::Hr => 12,
            Self::I => 13,
            Self::Img => 14,
            Self::Li => 15,
            Self::Ol => 16,
            Self::P => 17,
            Self::Pre => 18,
            Self::Raw(_) => 19,
            Self::Row => 20,
            Self::Small => 21,
            Self::Span => 22,
            Self::Strong => 23,
            Self::Table => 24,
            Self::U => 25,
            Self::Ul => 26,
            Self::Unseen => 27,
            Self::Other => 28,
        }
    }

    /// Whether it begins and ends on a line of its own.
    pub(super) fn is_block(self) -> bool {
        matches!(
            self,
            Self::Block
                | Self::Blockquote
                | Self::Body
                | Self::Div
                | Self::Heading
                | Self::Li
                | Self::Ol
                | Self::P
                | Self::Pre
                | Self::Row
                | Self::Table
                | Self::Ul
        )
    }

    /// Whether a blank line stands before and after it.
    pub(super) fn is_spaced(self) -> bool {
        matches!(self, Self::Heading | Self::P | Self::Pre)
    }

    /// Whether it can have content that matters: those are kept on the stack.
    pub(super) fn is_container(self) -> bool {
        !matches!(self, Self::Br | Self::Hr | Self::Img | Self::Other | Self::Raw(_))
    }
}
