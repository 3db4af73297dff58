//! Pages as mailers write them, and pages that nobody writes by accident.

use super::*;

fn text(html: &str) -> String {
    to_text(html).0
}

#[test]
fn paragraphs_and_line_breaks() {
    for (html, expected) in [
        ("<p>Een</p><p>Twee</p>", "Een\n\nTwee"),
        ("<div>Een</div><div><br></div><div>Twee</div>", "Een\n\nTwee"),
        ("Een<br>Twee<br><br>Drie<br/>", "Een\nTwee\n\nDrie"),
        (
            "<p class=MsoNormal>Een</p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>Twee</p><p class=MsoNormal>Drie</p>",
            "Een\n\nTwee\nDrie",
        ),
        ("<p style='margin:0cm 0cm 0pt'>Een</p><p style=\"margin: 0\">Twee</p>", "Een\nTwee"),
        ("  Een \n twee&nbsp;drie <b>vier</b>vijf ", "Een twee drie viervijf"),
        ("<h1>Kop</h1>Tekst<hr>Onder", "Kop\n\nTekst\n________________________________\nOnder"),
        ("<pre>a  b\n  c</pre>d", "a  b\n  c\n\nd"),
        ("5 < 6 en <3 &lt;b&gt; &amp &euro;5 &#8364;6 &#x20ac;7 &#128;8 &onzin;", "5 < 6 en <3 <b> & €5 €6 €7 €8 &onzin;"),
        ("Een</p>Twee</div>Drie", "Een\nTweeDrie"),
        ("", ""),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
}

#[test]
fn lists_tables_and_quotes() {
    assert_eq!(text("Graag:<ul><li>12 dozen<li>3 pallets<ul><li>wit</ul></ul>Dank"), "Graag:\n- 12 dozen\n- 3 pallets\n  - wit\nDank");
    assert_eq!(text("<ol start=3><li>a</li><li><p>b</p></li></ol>"), "3. a\n4. b");
    assert_eq!(text("<table><tr><th>Art</th><th>Aantal</th></tr><tr><td>118</td><td> 240 </td></tr></table>x"), "Art\tAantal\n118\t240\nx");
    assert_eq!(
        text(
            "<table><tr><td><p class=MsoNormal>118</p></td><td></td><td><p class=MsoNormal>240</p></td></tr><tr><td>a<br>b</td><td>c</td></tr></table>"
        ),
        "118\t\t240\na\nb\nc"
    );
    assert_eq!(text("<table><tr><td>a<td>b<tr><td>c<td>d</table>"), "a\tb\nc\td");
    assert_eq!(
        text("Ja.<blockquote type=cite><p>Een</p><p>Twee</p><blockquote type=\"cite\">Drie</blockquote></blockquote>Nee."),
        "Ja.\n\n> Een\n>\n> Twee\n>\n>> Drie\nNee."
    );
    assert_eq!(text("<blockquote style='margin:0 0 0 40px;border:none'>Ingesprongen</blockquote>"), "Ingesprongen");
}

#[test]
fn links_show_their_address_where_it_differs() {
    for (html, expected) in [
        ("<a href='https://example.nl/x'>hier</a>.", "hier <https://example.nl/x>."),
        ("<a href='https://example.nl/'>example.nl</a>", "example.nl"),
        ("<a href='mailto:jan@example.nl'>jan@example.nl</a>", "jan@example.nl"),
        ("<a href='mailto:jan@example.nl?subject=x'>Jan</a>", "Jan <jan@example.nl>"),
        ("<a href='tel:+31201234567'>020-1234567</a> <a href='tel:+31201234567'>bel ons</a>", "020-1234567 bel ons <+31201234567>"),
        ("<a href='#top'>boven</a> <a href='javascript:x()'>klik</a> <a href='https://x.example'><img src=y></a>", "boven klik"),
        ("<a name=x>anker</a>", "anker"),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
}

#[test]
fn what_is_not_seen_is_left_out() {
    for hidden in [
        "<style>p { color: red }</style>",
        "<script>if (a < b) { alert('</p>') }</script>",
        "<title>Titel</title>",
        "<!-- weg --><!--[if mso]><p>weg</p><![endif]-->",
        "<div style=\"display: none\">weg <b>ook</b></div>",
        "<span style='display:none !important;'>weg</span>",
        "<span style='font-size:0px;line-height:0'>weg</span>",
        "<div style='max-height:0;overflow:hidden'>weg</div>",
        "<p hidden>weg</p>",
        "<svg><text>weg</text></svg>",
        "<img alt='Logo van het bedrijf' src='cid:1'>",
    ] {
        assert_eq!(text(&format!("Voor {hidden}na")), "Voor na", "{hidden}");
    }
    assert_eq!(text("<td style='font-size:0'><div style='font-size:13px'>wel</div></td>"), "wel");
    assert_eq!(text("<!--> wel <!-- nooit dicht <p>ook wel</p>"), "wel ook wel");
    assert_eq!(text("Hoi <img alt='😊'>"), "Hoi 😊");
}

#[test]
fn hostile_pages_end() {
    let deep = "<div>".repeat(100_000) + "x" + &"</div>".repeat(100_000);
    assert_eq!(text(&deep), "x");
    let quotes = "<blockquote type=cite>a".repeat(20_000);
    assert!(text(&quotes).ends_with("a"));
    for hostile in [
        "<span><div></b>",
        "<table><tr><td>",
        "<a href=\"",
        "<a href='x'",
        "<!--",
        "<",
        "</",
        "<a b=\"<a b='",
        "&",
        "&#",
        "<ul><li>a",
        "<p><",
        "<style>",
        "<tr></tr>",
        "<a href=x>",
        "<div style='display:none'>",
        "<td>",
        "<?",
        "<![",
        "= =",
        "<x = ",
    ] {
        let _ = text(&hostile.repeat(50_000));
        let _ = text(&format!("{}{}", "<div>".repeat(9_000), hostile.repeat(50_000)));
    }
}

#[test]
fn marks_follow_the_lines() {
    let (text, marks) = to_text("<div>Dag</div><div class=gmail_signature>Jan<br>Tel. 1</div>");
    assert_eq!(text, "Dag\nJan\nTel. 1");
    assert_eq!(marks, [Mark::None, Mark::Signature, Mark::Signature]);
}
