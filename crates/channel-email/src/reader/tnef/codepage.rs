//! Windows' numbers of character sets.

use encoding_rs::Encoding;
use mail_parser::decoders::charsets::map::charset_decoder;

/// Windows' own for western languages: what is meant where nothing is said.
pub(super) const WESTERN: u32 = 1252;

/// The name of a code page in mail; `None` for one that is not known.
pub(super) fn label(number: u32) -> Option<String> {
    Some(match number {
        874 | 1250..=1258 => format!("windows-{number}"),
        437 | 737 | 775 | 850 | 852 | 855 | 857 | 858 | 860..=866 | 869 => format!("cp{number}"),
        28591..=28606 => format!("iso-8859-{}", number - 28590),
        932 => "shift_jis".into(),
        936 | 20936 => "gbk".into(),
        949 | 1361 | 51949 => "euc-kr".into(),
        950 => "big5".into(),
        10000 => "macintosh".into(),
        20127 => "us-ascii".into(),
        20866 => "koi8-r".into(),
        21866 => "koi8-u".into(),
        20932 | 51932 => "euc-jp".into(),
        50220..=50222 => "iso-2022-jp".into(),
        54936 => "gb18030".into(),
        65000 => "utf-7".into(),
        65001 => "utf-8".into(),
        _ => return None,
    })
}

/// Short pieces of text in a code page. Nothing is guessed: they are too short for it.
pub(super) fn decode(bytes: &[u8], number: u32, to: &mut String) {
    if bytes.is_ascii() {
        to.extend(bytes.iter().copied().map(char::from));
        return;
    }
    let label = label(number).unwrap_or_default();
    if let Some(encoding) = Encoding::for_label(label.as_bytes()) {
        to.push_str(&encoding.decode_without_bom_handling(bytes).0);
    } else if let Some(decode) = charset_decoder(label.as_bytes()) {
        to.push_str(&decode(bytes));
    } else {
        to.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0);
    }
}

/// The code page of a font's character set (RTF's `\fcharset`); `None` for the document's own.
pub(super) fn of_font(charset: i32) -> Option<u32> {
    Some(match charset {
        0 | 2 => WESTERN,
        77 => 10000,
        128 => 932,
        129 | 130 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178..=180 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        254 => 437,
        255 => 850,
        _ => return None,
    })
}
