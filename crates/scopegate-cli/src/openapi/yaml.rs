//! The tree of a document, with the place of each node. JSON is read as YAML.
//!
//! Memory grows with the text only: an alias, which may repeat a large node, is rejected.

use std::collections::HashSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use crate::openapi::{MAX_DOCUMENT, Mistake, Place};

/// Maximum depth of the tree.
const MAX_DEPTH: usize = 100;

/// Maximum number of keys, strings, lists and maps. A node needs more memory than its text.
pub(super) const MAX_NODES: usize = 1_000_000;

/// A node of the tree.
pub(super) struct Node {
    pub(super) place: Place,
    value: Value,
}

enum Value {
    /// A string, a number, or another scalar.
    Scalar {
        text: String,
        is_null: bool,
    },
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// A member of a map.
pub(super) struct Member {
    pub(super) key: String,
    /// The place of the key.
    pub(super) place: Place,
    pub(super) value: Node,
}

/// A node that is not complete.
struct Open {
    place: Place,
    value: OpenValue,
}

enum OpenValue {
    List(Vec<Node>),
    Map { members: Vec<Member>, keys: HashSet<String>, key: Option<(String, Place)> },
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, is_null: false } => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        if let Value::List(nodes) = &self.value { Some(nodes) } else { None }
    }

    pub(super) fn map(&self) -> Option<&[Member]> {
        if let Value::Map(members) = &self.value { Some(members) } else { None }
    }

    /// Returns a member of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.map()?.iter().find(|member| member.key == key).map(|member| &member.value)
    }

    /// Returns the kind for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { is_null: true, .. } => "nothing",
            Value::Scalar { .. } => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// The number of characters in each line. YAML ends a line with `\n`, `\r\n` or `\r` (YAML 1.2.2 §5.4).
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let text = text.replace("\r\n", "\n");
        Self(text.split(['\n', '\r']).map(|line| line.chars().count()).collect())
    }

    /// Returns the place of a marker. The parser names the line after the last one at the end of a
    /// document, and counts bytes in a directive (`%`), so both are bounded by the text.
    fn place(&self, marker: &Marker) -> Place {
        let last = self.0.len();
        let (line, column) =
            if marker.line() > last { (last, usize::MAX) } else { (marker.line().max(1), marker.col() + 1) };
        let length = self.0.get(line - 1).copied().unwrap_or_default();
        Place { line, column: column.min(length + 1) }
    }
}

fn mistake<T>(place: Place, message: impl Into<String>) -> Result<T, Mistake> {
    Err(Mistake { place, message: message.into() })
}

/// Parses a text with one document.
pub(super) fn parse(text: &str) -> Result<Node, Mistake> {
    let start = Place { line: 1, column: 1 };
    if text.len() > MAX_DOCUMENT {
        return mistake(start, format!("expected at most {MAX_DOCUMENT} bytes, found {}", text.len()));
    }
    let mut tree = Tree { open: Vec::new(), root: None, nodes: 0 };
    let lines = Lines::of(text);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let (place, message) = (lines.place(error.marker()), error.info().to_owned());
            Mistake { place, message }
        })?;
        tree.add(event, lines.place(&span.start))?;
    }
    tree.root.map_or_else(|| mistake(start, "expected a document, found none"), Ok)
}

struct Tree {
    /// The nodes around the next one.
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

impl Tree {
    fn add(&mut self, event: Event<'_>, place: Place) -> Result<(), Mistake> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                mistake(place, "expected one document, found another one")
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Alias(_) => mistake(place, "expected the value itself, found an alias"),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => mistake(place, "expected a value without a tag"),
            Event::Scalar(text, style, _, None) => {
                let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                self.scalar(text.into_owned(), is_null, place)
            }
            Event::SequenceStart(_, None) => self.begin(place, OpenValue::List(Vec::new())),
            Event::MappingStart(_, None) => {
                let (members, keys) = (Vec::new(), HashSet::new());
                self.begin(place, OpenValue::Map { members, keys, key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { place, value: OpenValue::List(nodes) }) => {
                    self.finish(Node { place, value: Value::List(nodes) })
                }
                Some(Open { place, value: OpenValue::Map { members, .. } }) => {
                    self.finish(Node { place, value: Value::Map(members) })
                }
                None => Ok(()),
            },
        }
    }

    fn count(&mut self, place: Place) -> Result<(), Mistake> {
        if self.nodes == MAX_NODES {
            return mistake(place, format!("expected at most {MAX_NODES} keys and values, found more"));
        }
        self.nodes += 1;
        Ok(())
    }

    fn begin(&mut self, place: Place, value: OpenValue) -> Result<(), Mistake> {
        self.count(place)?;
        if self.open.len() == MAX_DEPTH {
            return mistake(place, format!("expected at most {MAX_DEPTH} levels, found more"));
        }
        self.open.push(Open { place, value });
        Ok(())
    }

    fn scalar(&mut self, text: String, is_null: bool, place: Place) -> Result<(), Mistake> {
        self.count(place)?;
        if let Some(Open { value: OpenValue::Map { keys, key: key @ None, .. }, .. }) = self.open.last_mut() {
            if !keys.insert(text.clone()) {
                return mistake(place, format!("expected each key once, found {text:?} again"));
            }
            if text == "<<" {
                return mistake(place, "expected the members themselves, found a merge key");
            }
            *key = Some((text, place));
            return Ok(());
        }
        self.finish(Node { place, value: Value::Scalar { text, is_null } })
    }

    /// Adds a complete node to the node around it.
    fn finish(&mut self, node: Node) -> Result<(), Mistake> {
        match self.open.last_mut().map(|open| &mut open.value) {
            None => self.root = Some(node),
            Some(OpenValue::List(nodes)) => nodes.push(node),
            Some(OpenValue::Map { members, key, .. }) => match key.take() {
                Some((key, place)) => members.push(Member { key, place, value: node }),
                None => return mistake(node.place, "expected a string as key"),
            },
        }
        Ok(())
    }
}
