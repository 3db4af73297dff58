//! Our tree beside roxmltree's: whatever that accepts, ours reads the same.

use proptest::prelude::*;

use super::{Node, document};

/// An element by its name, attributes, text and what is in it.
fn ours(node: Node<'_>, into: &mut String) {
    into.push_str(&format!("<{}", node.name()));
    for attribute in node.attributes() {
        into.push_str(&format!(" {}={:?}", attribute.name(), attribute.peek()));
    }
    into.push_str(&format!(">{:?}", node.value().map(|value| value.peek().into_owned()).unwrap_or_default()));
    node.children().for_each(|child| ours(child, into));
    into.push('/');
}

fn theirs(node: roxmltree::Node<'_, '_>, into: &mut String) {
    into.push_str(&format!("<{}", node.tag_name().name()));
    for attribute in node.attributes() {
        let value = super::clean::line(attribute.value());
        if !value.is_empty() {
            into.push_str(&format!(" {}={:?}", attribute.name(), value));
        }
    }
    let text: String = node.children().filter_map(|child| child.text().filter(|_| child.is_text())).collect();
    into.push_str(&format!(">{:?}", super::clean::line(&text)));
    node.children().filter(roxmltree::Node::is_element).for_each(|child| theirs(child, into));
    into.push('/');
}

fn compare(text: &str) {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let Ok(expected) = roxmltree::Document::parse_with_options(text, options) else { return };
    let found = document(text, 0).unwrap_or_else(|fault| panic!("{}: {text}", fault.why)).unwrap();
    let (mut one, mut two) = (String::new(), String::new());
    ours(found.tree.root(text).unwrap(), &mut one);
    theirs(expected.root_element(), &mut two);
    assert_eq!(one, two, "{text}");
}

#[test]
fn the_same_tree_as_roxmltree() {
    for text in [
        "<a/>",
        "<a b='1' c=\"2\">x</a>",
        "<a>\n  <b>1</b>\n  <b>2</b><c/>\n</a>",
        "<a>x<!-- - -->y<![CDATA[<z> & ]]>w<b/>v</a>",
        "<a>x<![CDATA[ ]]>y</a>",
        "<a b='&lt;&#65;&#x42;&amp;&quot;'>&gt;&apos;&#10;z</a>",
        "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e 'ee'><!ENTITY f '&e;f'><!ELEMENT a (#PCDATA)>]><a b='&f;'>&e;-&f;</a><!-- end -->",
        "<!DOCTYPE a SYSTEM \"x.dtd\"><a>\u{a0}\u{e9}</a>",
        "<n:a xmlns:n='u'><n:b n:c='1'/></n:a>",
        "<a\n b\t=\r\n '1'\n>\r\n</a >",
        "<a-b.c_d><é/></a-b.c_d>",
    ] {
        compare(text);
        assert!(
            roxmltree::Document::parse_with_options(text, roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() }).is_ok(),
            "{text}"
        );
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut compared = 0;
    for path in
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "xml"))
    {
        if let Ok(text) = std::fs::read_to_string(path) {
            compare(&text);
            compared += 1;
        }
    }
    assert!(compared >= 15);
}

#[test]
fn paths_say_which_one() {
    let text = "<a><b/><c><b/><b><d/><b/></b></c><b e='1'/></a>";
    let found = document(text, 0).unwrap().unwrap();
    let root = found.tree.root(text).unwrap();
    let mut paths = Vec::new();
    let mut waiting = vec![root];
    while let Some(node) = waiting.pop() {
        paths.push(node.path());
        waiting.extend(node.children());
    }
    paths.sort();
    assert_eq!(paths, ["/a", "/a/b[1]", "/a/b[2]", "/a/c", "/a/c/b[1]", "/a/c/b[2]", "/a/c/b[2]/b", "/a/c/b[2]/d"]);
    assert_eq!(root.at("b/@e").unwrap().path(), "/a/b[2]/@e");
    assert_eq!(&text[root.child("c").unwrap().range()], "<c><b/><b><d/><b/></b></c>");
}

#[test]
fn what_others_refuse() {
    for (text, value) in [
        ("<a>Müller & Söhne</a>", "Müller & Söhne"),
        ("<a>x < 5 && y</a>", "x < 5 && y"),
        ("<a>&nbsp;x&unknown;</a>", "&nbsp;x&unknown;"),
        ("<p:a>undeclared</p:a>", "undeclared"),
        ("<a>\u{1}x\u{b}</a>", "x"),
        ("<a>&#0;x&#xD800;</a>", "x\u{fffd}"),
        ("junk <a>x</a> more junk", "x"),
    ] {
        let found = document(text, 0).unwrap_or_else(|fault| panic!("{}: {text}", fault.why)).unwrap();
        assert_eq!(found.tree.root(text).unwrap().value().unwrap().peek(), value);
    }
}

fn markup() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "<a>",
        "</a>",
        "<b c='1'>",
        "</b>",
        "<a/>",
        "x",
        " ",
        "\n",
        "&amp;",
        "&#65;",
        "&e;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?p q?>",
        "<",
        ">",
        "&",
        "'",
        "\"",
        "=",
        "<b c=\"&lt; x\"/>",
        "é",
        "]",
        "-",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_roxmltree_accepts(pieces in proptest::collection::vec(markup(), 0..12)) {
        let inner = pieces.concat();
        compare(&format!("<a>{inner}</a>"));
        compare(&format!("<!DOCTYPE a [<!ENTITY e 'entity'>]><a><b>{inner}</b></a>"));
        compare(&inner);
    }

    #[test]
    fn any_text_ends(text in "\\PC{0,200}") {
        let _ = document(&text, 0);
        let _ = document(&format!("<a>{text}</a>"), 0);
    }
}
