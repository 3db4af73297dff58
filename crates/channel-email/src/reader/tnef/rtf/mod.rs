//! RTF to what people read. Outlook puts the HTML or the plain text of a mail into RTF (MS-OXRTFEX): then that is taken out
//! again; of other RTF the text is kept and what makes it beautiful is left out. One pass, no recursion.

mod tokens;

use std::collections::HashMap;

use super::codepage;
use tokens::{Token, Tokens};

/// How many groups may be open. What is in deeper ones takes the settings of the deepest that counts.
const MAX_GROUPS: usize = 1_000;
/// How many fonts are known.
const MAX_FONTS: usize = 10_000;

/// What was in a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Html(String),
    Text(String),
}

/// Reads a document; `None` when it is no RTF.
pub(super) fn read(rtf: &[u8]) -> Option<Content> {
    let start = rtf.iter().position(|b| !b.is_ascii_whitespace() && *b != 0)?;
    let rtf = rtf.get(start..).filter(|rtf| rtf.starts_with(b"{\\rtf"))?;
    let mut reader = Reader::default();
    for token in Tokens::new(rtf) {
        reader.take(token);
        if reader.ended {
            break;
        }
    }
    reader.flush();
    Some(if reader.html { Content::Html(reader.out) } else { Content::Text(reader.out.trim_end().into()) })
}

/// Where text goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Destination {
    /// Into the body.
    Body,
    /// Markup that was kept for taking the HTML out again.
    HtmlTag,
    /// The list of fonts.
    Fonts,
    /// Nowhere.
    Nowhere,
}

/// What a group inherits from the one around it, and gives back at its end.
#[derive(Clone, Copy)]
struct Settings {
    destination: Destination,
    /// The code page of the font.
    code_page: Option<u32>,
    /// How many characters stand in for one that is given by its number.
    stand_ins: u32,
    /// Within what was only added to show the HTML as RTF.
    rendering: bool,
    hidden: bool,
}

struct Reader {
    out: String,
    now: Settings,
    stack: Vec<Settings>,
    /// How many groups are open beyond `MAX_GROUPS`.
    overflow: usize,
    /// Whether `\*` came last: what follows may be left out by whoever does not know it.
    optional: bool,
    /// The code page of the document, and the fonts that have another one.
    code_page: u32,
    fonts: HashMap<i32, u32>,
    /// The font in whose entry in the list of fonts we are, and the one of plain text.
    listed: i32,
    default_font: i32,
    /// Bytes that are not text yet, and their code page.
    pending: Vec<u8>,
    pending_page: u32,
    /// The first half of a character outside the basic plane.
    half: Option<u16>,
    /// How many characters that stand in for the last one are to come.
    skip: u32,
    html: bool,
    ended: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            out: String::new(),
            now: Settings { destination: Destination::Body, code_page: None, stand_ins: 1, rendering: false, hidden: false },
            stack: Vec::new(),
            overflow: 0,
            optional: false,
            code_page: codepage::WESTERN,
            fonts: HashMap::new(),
            listed: 0,
            default_font: 0,
            pending: Vec::new(),
            pending_page: codepage::WESTERN,
            half: None,
            skip: 0,
            html: false,
            ended: false,
        }
    }
}

impl Reader {
    fn take(&mut self, token: Token<'_>) {
        let optional = std::mem::take(&mut self.optional);
        match token {
            Token::Open => self.open(),
            Token::Close => self.close(),
            Token::Word(b"u", Some(number)) => self.number(number),
            _ if self.skip > 0 => self.stand_in(token),
            Token::Word(word, number) => self.word(word, number, optional),
            Token::Symbol(symbol) => self.symbol(symbol),
            Token::Byte(byte) => self.bytes(&[byte]),
            Token::Text(text) => self.bytes(text),
        }
    }

    // --- groups

    fn open(&mut self) {
        self.skip = 0;
        if self.stack.len() < MAX_GROUPS {
            self.stack.push(self.now);
        } else {
            self.overflow += 1;
        }
    }

    fn close(&mut self) {
        self.skip = 0;
        if self.overflow > 0 {
            self.overflow -= 1;
        } else if let Some(settings) = self.stack.pop() {
            self.now = settings;
            self.ended = self.stack.is_empty();
        }
    }

    // --- control words

    fn word(&mut self, word: &[u8], number: Option<i32>, optional: bool) {
        if self.now.destination == Destination::Nowhere {
            return;
        }
        if let Some(destination) = self.destination(word, optional) {
            self.now.destination = destination;
            return;
        }
        let on = number != Some(0);
        match word {
            b"fromhtml" => self.html = on,
            b"htmlrtf" => self.now.rendering = on && self.html,
            b"v" => self.now.hidden = on && !self.html,
            b"uc" => self.now.stand_ins = number.and_then(|number| u32::try_from(number).ok()).unwrap_or(1).min(16),
            b"ansicpg" => self.code_page = number.and_then(|number| u32::try_from(number).ok()).unwrap_or(codepage::WESTERN),
            b"mac" => self.code_page = 10000,
            b"pc" => self.code_page = 437,
            b"pca" => self.code_page = 850,
            b"deff" => self.default_font = number.unwrap_or(0),
            b"f" => self.font(number.unwrap_or(0)),
            b"plain" => {
                self.now.hidden = false;
                self.font(self.default_font);
            }
            b"fcharset" => self.list_font(codepage::of_font(number.unwrap_or(1))),
            b"cpg" => self.list_font(number.and_then(|number| u32::try_from(number).ok()).filter(|page| *page > 0)),
            _ => self.character(word),
        }
    }

    /// The destination that a control word opens.
    fn destination(&self, word: &[u8], optional: bool) -> Option<Destination> {
        Some(match word {
            b"htmltag" if self.html => Destination::HtmlTag,
            b"fonttbl" => Destination::Fonts,
            b"mhtmltag" | b"colortbl" | b"stylesheet" | b"info" | b"pict" | b"object" | b"header" | b"headerl" | b"headerr"
            | b"headerf" | b"footer" | b"footerl" | b"footerr" | b"footerf" | b"fldinst" | b"nonshppict" | b"listtable"
            | b"listoverridetable" | b"filetbl" | b"revtbl" | b"rsidtbl" | b"xmlnstbl" | b"themedata" | b"datastore" | b"generator"
            | b"template" | b"txe" | b"rxe" | b"xe" | b"tc" | b"ftnsep" | b"ftnsepc" | b"ftncn" | b"falt" | b"panose" | b"bkmkstart"
            | b"bkmkend" | b"atnid" | b"atnauthor" | b"annotation" => Destination::Nowhere,
            _ if optional => Destination::Nowhere,
            _ => return None,
        })
    }

    fn font(&mut self, font: i32) {
        if self.now.destination == Destination::Fonts {
            self.listed = font;
        } else {
            self.now.code_page = self.fonts.get(&font).copied();
        }
    }

    fn list_font(&mut self, code_page: Option<u32>) {
        if self.now.destination == Destination::Fonts
            && let Some(code_page) = code_page
            && self.fonts.len() < MAX_FONTS
        {
            self.fonts.insert(self.listed, code_page);
        }
    }

    // --- text

    /// A character that has a name.
    fn character(&mut self, word: &[u8]) {
        let text = match word {
            b"par" | b"line" | b"sect" | b"page" | b"softline" if self.html => "\r\n",
            b"par" | b"line" | b"sect" | b"page" | b"softline" => "\n",
            b"row" | b"nestrow" => {
                // Every cell ends in a tab, the last one too.
                self.flush();
                if self.is_shown() && self.out.ends_with('\t') {
                    self.out.pop();
                }
                "\n"
            }
            b"tab" | b"cell" | b"nestcell" => "\t",
            b"lquote" => "‘",
            b"rquote" => "’",
            b"ldblquote" => "“",
            b"rdblquote" => "”",
            b"bullet" => "•",
            b"endash" => "–",
            b"emdash" => "—",
            b"emspace" | b"enspace" | b"qmspace" => " ",
            _ => return,
        };
        self.push(text);
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'*' => self.optional = true,
            b'{' | b'}' | b'\\' => self.bytes(&[symbol]),
            b'\r' | b'\n' => self.character(b"par"),
            b'\t' => self.character(b"tab"),
            b'~' => self.push(if self.html { "\u{a0}" } else { " " }),
            b'_' => self.push(if self.html { "\u{2011}" } else { "-" }),
            b'-' if self.html => self.push("\u{ad}"),
            _ => {}
        }
    }

    /// A character by its number, as a signed 16-bit one.
    fn number(&mut self, number: i32) {
        if self.now.destination == Destination::Nowhere {
            return;
        }
        self.skip = self.now.stand_ins;
        if !self.is_shown() {
            return;
        }
        self.flush_bytes();
        let unit = u16::try_from(number & 0xffff).unwrap_or(0xfffd);
        let first = self.half.take();
        match (first, unit) {
            (None, 0xd800..0xdc00) => self.half = Some(unit),
            (first, unit) => {
                let units = first.into_iter().chain([unit]);
                // NULs and the like are taken out of every text later.
                self.out.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
            }
        }
    }

    /// What stands in for a character that was given by its number. A run of text is more than one.
    fn stand_in(&mut self, token: Token<'_>) {
        let skip = usize::try_from(std::mem::take(&mut self.skip)).unwrap_or(usize::MAX);
        match token {
            Token::Text(text) if text.len() > skip => self.bytes(text.get(skip..).unwrap_or_default()),
            Token::Text(text) => self.skip = u32::try_from(skip - text.len()).unwrap_or(0),
            _ => self.skip = u32::try_from(skip - 1).unwrap_or(0),
        }
    }

    fn is_shown(&self) -> bool {
        !self.now.rendering && !self.now.hidden && matches!(self.now.destination, Destination::Body | Destination::HtmlTag)
    }

    fn push(&mut self, text: &str) {
        if self.is_shown() {
            self.flush();
            self.out.push_str(text);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if !self.is_shown() {
            return;
        }
        // Markup is in the code page of the document, whatever font is on.
        let markup = self.now.destination == Destination::HtmlTag;
        let page = self.now.code_page.filter(|_| !markup).unwrap_or(self.code_page);
        if self.half.is_some() || page != self.pending_page {
            self.flush();
            self.pending_page = page;
        }
        self.pending.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        if self.half.take().is_some() {
            self.out.push(char::REPLACEMENT_CHARACTER);
        }
        self.flush_bytes();
    }

    fn flush_bytes(&mut self) {
        if !self.pending.is_empty() {
            codepage::decode(&self.pending, self.pending_page, &mut self.out);
            self.pending.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rtf: &str) -> String {
        match read(rtf.as_bytes()) {
            Some(Content::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn html(rtf: &str) -> String {
        match read(rtf.as_bytes()) {
            Some(Content::Html(html)) => html,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rich_text() {
        for (rtf, expected) in [
            (
                r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss Arial;}{\f1 Symbol;}}{\colortbl;\red0\green0\blue0;}\pard Beste Karin,\par\par Graag \b 12\b0  dozen.\par}",
                "Beste Karin,\n\nGraag 12 dozen.",
            ),
            (
                r"{\rtf1\ansi caf\'e9 \'80 12,50 \{a\\b\} Jan\~de\~Vries e\-mail co\_op \lquote x\rquote\endash y\ldblquote z\rdblquote\emdash}",
                "café € 12,50 {a\\b} Jan de Vries email co-op ‘x’–y“z”—",
            ),
            (r"{\rtf1\ansi{\pntext\'b7\tab}een\line{\pntext\'b7\tab}twee\par}", "·\teen\n·\ttwee"),
            (r"{\rtf1\trowd\cellx1\cellx2 118\cell 12\cell\row 119\cell 3\cell\row}", "118\t12\n119\t3"),
            (
                r#"{\rtf1 Zie {\field{\*\fldinst HYPERLINK "https://example.nl/x"}{\fldrslt onze site}}.{\*\generator Riched20;}{\info{\author Jan}}{\pict\bin4 }}}}}"#,
                "Zie onze site.",
            ),
            (r"{\rtf1\ansi zicht{\v baar niet}baar\v  weg\v0  wel}", "zichtbaar wel"),
            (
                r"{\rtf1\ansi Een\
Twee
 en twee}",
                "Een\nTwee en twee",
            ),
            (r"{\rtf1 een} \par erna {\rtf1 nog een}", "een"),
            (r"{\rtf1 nooit dicht {\b ook niet", "nooit dicht ook niet"),
        ] {
            assert_eq!(text(rtf), expected, "{rtf}");
        }
    }

    #[test]
    fn characters_by_number_and_code_pages() {
        for (rtf, expected) in [
            (r"{\rtf1\ansi\uc1\u8364?12 \u-10179?\u-8704? \u233\'e9t\u233x}", "€12 \u{1f600} ét\u{e9}"),
            (r"{\rtf1{\uc2\u26085\'93\'fa}\u26412??}", "日本?"),
            (r"{\rtf1\uc0\u233 t\u233 }", "été"),
            (r"{\rtf1\u-10179 \u65?x\u-10179?}", "\u{fffd}Ax\u{fffd}"),
            (
                r"{\rtf1\ansi\ansicpg1250\deff0{\fonttbl{\f0\fcharset238 Arial;}{\f1\fcharset204 Arial Cyr;}{\f2\fcharset128 MS Gothic;}{\f3\fcharset1 X;}}\f0\'e8\f1\'cf\'f0\'e8{\f2\'93\'fa\'96\'7b}\f3\'e8\plain\'e8}",
                "čПри日本čč",
            ),
            (r"{\rtf1\mac caf\'8e}", "café"),
            (r"{\rtf1\ansi\ansicpg65001 caf\'c3\'a9}", "café"),
            ("{\\rtf1\\ansi caf\u{e9}}", "cafÃ©"),
        ] {
            assert_eq!(text(rtf), expected, "{rtf}");
        }
    }

    #[test]
    fn html_in_rtf() {
        let rtf = r"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fcharset238 Arial CE;}}
{\colortbl\red0\green0\blue0;}
{\*\generator Microsoft Exchange Server;}
{\*\formatConverter converted from html;}
\viewkind5\viewscale100
{\*\htmltag64 <html>}{\*\htmltag2 \par }{\*\htmltag50 <body lang=NL>}
{\*\htmltag64 <p class=MsoNormal>}\htmlrtf {\htmlrtf0 {\*\htmltag148 <b>}\htmlrtf {\b \htmlrtf0 Beste Karin\htmlrtf }\htmlrtf0 {\*\htmltag156 </b>}, {\*\htmltag84 &lt;}\htmlrtf <\htmlrtf0 12 dozen {\*\htmltag84 &euro;}\htmlrtf \'80\htmlrtf0 9 {\f1 \'e8}{\*\htmltag244 <o:p>}{\*\htmltag252 </o:p>}\htmlrtf\par}\htmlrtf0
\htmlrtf \par
\htmlrtf0
{\*\htmltag72 </p>}{\*\mhtmltag84 <img src=x>}{\*\htmltag84 <img src='cid:x' alt='caf\'e9'>}\line\tab{\*\htmltag58 </body>}{\*\htmltag27 </html>}}";
        assert_eq!(
            html(rtf),
            "<html>\r\n<body lang=NL><p class=MsoNormal><b>Beste Karin</b>, &lt;12 dozen &euro;9 č<o:p></o:p></p><img src='cid:x' alt='café'>\r\n\t</body></html>"
        );
    }

    #[test]
    fn plain_text_in_rtf() {
        let rtf = r"{\rtf1\ansi\ansicpg1252\fromtext \deff0{\fonttbl{\f0\fmodern Courier New;}}{\colortbl\red0\green0\blue0;}\uc1\pard\plain\deftab360 \f0\fs20 Beste Karin,\par
\par
Graag 12 dozen \{rood\}.\par
}";
        assert_eq!(text(rtf), "Beste Karin,\n\nGraag 12 dozen {rood}.");
    }

    #[test]
    fn hostile_and_none() {
        for bytes in [&b""[..], b"{\\rt", b"Beste Karin", b"\0\0 {rtf1}"] {
            assert_eq!(read(bytes), None);
        }
        let deep = format!(r"{{\rtf1 {}diep{} en terug}}", r"{\b ".repeat(500_000), "}".repeat(500_000));
        assert_eq!(text(&deep), "diep en terug");
        for piece in [
            r"\u1",
            "{",
            "}",
            r"\'",
            r"\f1\f2 a",
            r"{\*\x",
            r"{\fonttbl\f1\fcharset2",
            r"\u-10179",
            r"\htmlrtf",
            "\\",
            r"\bin9",
            r"\uc99 \u9a",
            "\u{e9}",
            r"\row",
        ] {
            let rtf = format!(r"{{\rtf1\fromhtml1 {}", piece.repeat(2_000_000 / piece.len()));
            assert!(read(rtf.as_bytes()).is_some(), "{piece}");
        }
        let fonts: String = (0..50_000).map(|n| format!(r"{{\f{n}\fcharset238 x;}}")).collect();
        assert_eq!(text(&format!(r"{{\rtf1{{\fonttbl{fonts}}}\f5\'e8}}")), "č");
    }
}
