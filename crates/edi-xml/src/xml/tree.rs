//! The tree of a document, and the way through it: by local names, with the place of every value.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use loket_core::order::Source;

use super::clean;

/// No element.
pub(super) const NONE: u32 = u32::MAX;

/// The elements of a document in document order, by offsets into its text.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(super) elements: Vec<Element>,
    pub(super) attributes: Vec<Attribute>,
    /// Texts that do not stand in the document as they are: with references resolved, or in pieces.
    pub(super) resolved: Vec<Box<str>>,
}

/// Where a text is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Text {
    #[default]
    None,
    /// In the document.
    Raw(u32, u32),
    /// Among the resolved ones.
    Resolved(u32),
}

#[derive(Debug)]
pub(super) struct Element {
    /// The local name in the document.
    pub(super) name: (u32, u32),
    pub(super) parent: u32,
    pub(super) first_child: u32,
    pub(super) next: u32,
    pub(super) attributes: u32,
    pub(super) attribute_count: u16,
    /// Whether others of its name stand beside it.
    pub(super) repeated: bool,
    /// Whether somebody read its text.
    pub(super) used: Cell<bool>,
    /// Its number among those of its name beside it, from 1.
    pub(super) index: u32,
    pub(super) text: Text,
    pub(super) start: u32,
    pub(super) end: u32,
}

#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: (u32, u32),
    pub(super) value: Text,
    pub(super) used: Cell<bool>,
}

impl Tree {
    /// The outermost element.
    pub(crate) fn root<'a>(&'a self, text: &'a str) -> Option<Node<'a>> {
        self.node(text, 0)
    }

    /// An element by its number, as [`Node::number`] gave it.
    pub(crate) fn node<'a>(&'a self, text: &'a str, number: u32) -> Option<Node<'a>> {
        let element = self.elements.get(number as usize)?;
        Some(Node { tree: self, text, number, element })
    }
}

/// An element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    tree: &'a Tree,
    text: &'a str,
    number: u32,
    element: &'a Element,
}

impl<'a> Node<'a> {
    /// What [`Tree::node`] finds it by.
    pub(crate) fn number(self) -> u32 {
        self.number
    }

    /// Its local name.
    pub(crate) fn name(self) -> &'a str {
        slice(self.text, self.element.name)
    }

    /// Where it stands in the text, from `<` to behind its end tag.
    pub(crate) fn range(self) -> Range<usize> {
        self.element.start as usize..self.element.end as usize
    }

    /// The element around it.
    pub(crate) fn parent(self) -> Option<Node<'a>> {
        self.tree.node(self.text, self.element.parent)
    }

    /// The elements in it.
    pub(crate) fn children(self) -> impl Iterator<Item = Node<'a>> {
        let mut next = self.element.first_child;
        std::iter::from_fn(move || {
            let node = self.tree.node(self.text, next)?;
            next = node.element.next;
            Some(node)
        })
    }

    /// The elements in it that have this name.
    pub(crate) fn all<'n>(self, name: &'n str) -> impl Iterator<Item = Node<'a>> + use<'a, 'n> {
        self.children().filter(move |child| child.name() == name)
    }

    /// The first element in it that has this name.
    pub(crate) fn child(self, name: &str) -> Option<Node<'a>> {
        self.children().find(|child| child.name() == name)
    }

    /// The first element along a path of names, `A/B/C`.
    pub(crate) fn find(self, path: &str) -> Option<Node<'a>> {
        match path.split_once('/') {
            None => self.child(path),
            Some((name, rest)) => self.children().filter(|child| child.name() == name).find_map(|child| child.find(rest)),
        }
    }

    /// Whether there is an element along a path of names.
    pub(crate) fn has(self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// The first value that is not empty along a path of names, which may end in an attribute: `A/B/@c`.
    pub(crate) fn at(self, path: &str) -> Option<Value<'a>> {
        match path.split_once('/') {
            None => match path.strip_prefix('@') {
                Some(name) => self.attribute(name),
                None => self.children().filter(|child| child.name() == path).find_map(Node::value),
            },
            Some((name, rest)) => self.children().filter(|child| child.name() == name).find_map(|child| child.at(rest)),
        }
    }

    /// The first value that is not empty along the first of these paths that has one.
    pub(crate) fn any(self, paths: &[&str]) -> Option<Value<'a>> {
        paths.iter().find_map(|path| self.at(path))
    }

    /// Its own text, where it is not empty.
    pub(crate) fn value(self) -> Option<Value<'a>> {
        Some(Value { node: self, attribute: None }).filter(|value| !value.peek().is_empty())
    }

    /// An attribute that is not empty, by its local name.
    pub(crate) fn attribute(self, name: &str) -> Option<Value<'a>> {
        self.attributes().find(|value| value.name() == name)
    }

    /// The first of these attributes that is not empty.
    pub(crate) fn any_attribute(self, names: &[&str]) -> Option<Value<'a>> {
        names.iter().find_map(|name| self.attribute(name))
    }

    /// All attributes that are not empty.
    pub(crate) fn attributes(self) -> impl Iterator<Item = Value<'a>> {
        let first = self.element.attributes as usize;
        let all = self.tree.attributes.get(first..first + usize::from(self.element.attribute_count)).unwrap_or_default();
        all.iter().map(move |attribute| Value { node: self, attribute: Some(attribute) }).filter(|value| !value.peek().is_empty())
    }

    /// Its path from the root, `/Order/OrderLine[2]/LineItem`: a number where there are several.
    pub(crate) fn path(self) -> String {
        let mut steps = vec![self];
        while let Some(parent) = steps.last().and_then(|step| step.parent()) {
            steps.push(parent);
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            path.push('/');
            path.push_str(step.name());
            if step.element.repeated {
                path.push_str(&format!("[{}]", step.element.index));
            }
        }
        path
    }

    fn raw(self) -> &'a str {
        self.tree.text(self.text, self.element.text)
    }
}

impl Tree {
    fn text<'a>(&'a self, document: &'a str, text: Text) -> &'a str {
        match text {
            Text::None => "",
            Text::Raw(start, end) => slice(document, (start, end)),
            Text::Resolved(index) => self.resolved.get(index as usize).map_or("", |text| text),
        }
    }
}

fn slice(text: &str, (start, end): (u32, u32)) -> &str {
    text.get(start as usize..end as usize).unwrap_or_default()
}

/// The text of an element, or an attribute. Never empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    node: Node<'a>,
    attribute: Option<&'a Attribute>,
}

impl<'a> Value<'a> {
    /// The value on one line. It counts as used from now on.
    pub(crate) fn text(self) -> Cow<'a, str> {
        self.mark().set(true);
        self.peek()
    }

    /// The value with its lines. It counts as used from now on.
    pub(crate) fn prose(self) -> String {
        self.mark().set(true);
        clean::lines(self.raw())
    }

    /// The value on one line; whether it counts as used stays as it is.
    pub(crate) fn peek(self) -> Cow<'a, str> {
        clean::line(self.raw())
    }

    /// Takes back that it was used: it was no use.
    pub(crate) fn release(self) {
        self.mark().set(false);
    }

    /// Whether somebody used it.
    pub(crate) fn is_used(self) -> bool {
        self.mark().get()
    }

    /// The element that it is of.
    pub(crate) fn node(self) -> Node<'a> {
        self.node
    }

    /// The local name of the element or attribute.
    pub(crate) fn name(self) -> &'a str {
        self.attribute.map_or_else(|| self.node.name(), |attribute| slice(self.node.text, attribute.name))
    }

    /// Where it stands.
    pub(crate) fn path(self) -> String {
        match self.attribute {
            Some(_) => format!("{}/@{}", self.node.path(), self.name()),
            None => self.node.path(),
        }
    }

    /// Where it stands, for the order.
    pub(crate) fn source(self) -> Source {
        Source::path(self.path())
    }

    fn raw(self) -> &'a str {
        self.attribute.map_or_else(|| self.node.raw(), |attribute| self.node.tree.text(self.node.text, attribute.value))
    }

    fn mark(self) -> &'a Cell<bool> {
        self.attribute.map_or(&self.node.element.used, |attribute| &attribute.used)
    }
}
