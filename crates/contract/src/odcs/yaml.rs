//! YAML to a tree that remembers where everything stood.
//!
//! We build the tree from the parser's events ourselves, because three things matter here that
//! general loaders do not keep: the bytes each node came from, the text of numbers (bounds are
//! exact, so they never pass through a float), and duplicate keys. The events also let us stop
//! early: nesting and the nodes that aliases unfold to are limited, so no file can take the memory
//! or the stack of the process.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::diagnostic::{Diagnostic, Level};
use crate::model::{Extra, Value};

/// Deepest nesting of lists and mappings.
const DEPTH_MAX: usize = 64;
/// Most nodes of a contract, counting what aliases unfold to. A column takes about a dozen.
const NODES_MAX: usize = 500_000;

/// A YAML value and the bytes it came from.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) data: Data,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Data {
    Scalar { text: String, kind: Scalar },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// What a scalar is by the rules of the YAML 1.2 core schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Null,
    Boolean(bool),
    /// A number whose text is in the scalar.
    Number,
    Text,
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

impl Node {
    /// Whether the value is null or missing.
    pub(super) fn is_null(&self) -> bool {
        matches!(
            self.data,
            Data::Scalar {
                kind: Scalar::Null,
                ..
            }
        )
    }

    /// What the node is, for messages.
    pub(super) fn kind_name(&self) -> &'static str {
        match self.data {
            Data::Scalar {
                kind: Scalar::Null, ..
            } => "nothing",
            Data::Scalar {
                kind: Scalar::Boolean(_),
                ..
            } => "a boolean",
            Data::Scalar {
                kind: Scalar::Number,
                ..
            } => "a number",
            Data::Scalar {
                kind: Scalar::Text, ..
            } => "text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        }
    }

    /// The value without its places.
    pub(super) fn value(&self) -> Value {
        match &self.data {
            Data::Scalar {
                kind: Scalar::Null, ..
            } => Value::Null,
            Data::Scalar {
                kind: Scalar::Boolean(value),
                ..
            } => Value::Boolean(*value),
            Data::Scalar {
                kind: Scalar::Number,
                text,
            } => Value::Number(text.clone()),
            Data::Scalar {
                kind: Scalar::Text,
                text,
            } => Value::Text(text.clone()),
            Data::List(items) => Value::List(items.iter().map(Node::value).collect()),
            Data::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(key, node)| (key.text.clone(), node.value()))
                    .collect::<Extra>(),
            ),
        }
    }

    fn count(&self) -> usize {
        1 + match &self.data {
            Data::Scalar { .. } => 0,
            Data::List(items) => items.iter().map(Node::count).sum(),
            Data::Map(entries) => entries.iter().map(|(_, node)| 1 + node.count()).sum(),
        }
    }
}

/// The tree of the only document in `text`, and what is wrong with it.
///
/// Without a tree the last diagnostic says why. Findings that leave a usable tree (duplicate keys)
/// are errors as well, but the reader can go on and find more.
pub(super) fn load(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut loader = Loader {
        offsets: byte_offsets(text),
        text,
        open: Vec::new(),
        anchors: HashMap::new(),
        node_count: 0,
        root: None,
        diagnostics: Vec::new(),
    };
    let outcome = Parser::new_from_str(text).try_for_each(|event| match event {
        Ok((event, span)) => loader.event(event, span),
        Err(error) => Err(loader.syntax_error(&error)),
    });
    if let Err(diagnostic) = outcome {
        loader.diagnostics.push(diagnostic);
        return (None, loader.diagnostics);
    }
    if loader.root.is_none() {
        loader
            .diagnostics
            .push(error("yaml-syntax", "the contract is empty", 0..text.len()));
    }
    (loader.root, loader.diagnostics)
}

/// Builds the tree from events; collections that are not closed yet wait in `open`.
struct Loader<'t> {
    text: &'t str,
    /// Byte offset of each character, if they differ from its index.
    offsets: Option<Vec<usize>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    node_count: usize,
    root: Option<Node>,
    diagnostics: Vec<Diagnostic>,
}

/// A list or mapping that is not closed yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<Key>,
    /// All keys so far.
    keys: HashSet<String>,
}

impl Loader<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let span = self.bytes(span);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(error(
                "yaml-syntax",
                "a contract is one YAML document; a second one starts here",
                span,
            )),
            Event::Scalar(text, style, anchor, tag) => {
                let is_string_tag =
                    tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let kind = match style {
                    ScalarStyle::Plain if !is_string_tag => classify(&text),
                    _ => Scalar::Text,
                };
                self.complete(
                    Node {
                        span,
                        data: Data::Scalar {
                            text: text.into_owned(),
                            kind,
                        },
                    },
                    anchor,
                )
            }
            Event::SequenceStart(anchor, _) => self.open(
                Node {
                    span,
                    data: Data::List(Vec::new()),
                },
                anchor,
            ),
            Event::MappingStart(anchor, _) => self.open(
                Node {
                    span,
                    data: Data::Map(Vec::new()),
                },
                anchor,
            ),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open {
                    mut node, anchor, ..
                }) => {
                    node.span.end = last_content_byte(self.text, node.span.start, span.end);
                    self.complete(node, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                // The parser knows the anchor, so one we do not have is still open.
                let inside = || {
                    error(
                        "yaml-syntax",
                        "an alias inside the node it stands for",
                        span.clone(),
                    )
                };
                let count = self.anchors.get(&anchor).ok_or_else(inside)?.count();
                self.grow(count, &span)?;
                let node = self.anchors[&anchor].clone();
                self.complete(node, 0)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        if self.open.len() == DEPTH_MAX {
            return Err(error(
                "yaml-limit",
                format!("nested deeper than {DEPTH_MAX} levels"),
                node.span,
            ));
        }
        self.open.push(Open {
            node,
            anchor,
            key: None,
            keys: HashSet::new(),
        });
        Ok(())
    }

    /// Puts a complete node into the collection around it.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        self.grow(1, &node.span)?;
        if anchor != 0 {
            self.grow(node.count(), &node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut parent.node.data, parent.key.take()) {
            (Data::List(items), _) => items.push(node),
            (Data::Map(entries), Some(key)) => entries.push((key, node)),
            (Data::Map(_), None) => {
                let Node {
                    span,
                    data: Data::Scalar { text, .. },
                } = node
                else {
                    return Err(error("yaml-syntax", "a key must be plain text", node.span));
                };
                if !parent.keys.insert(text.clone()) {
                    self.diagnostics.push(error(
                        "duplicate-key",
                        format!("the key `{text}` is given twice"),
                        span.clone(),
                    ));
                }
                parent.key = Some(Key { text, span });
            }
            (Data::Scalar { .. }, _) => unreachable!("only collections are opened"),
        }
        Ok(())
    }

    /// Counts nodes before they take memory.
    fn grow(&mut self, count: usize, span: &Range<usize>) -> Result<(), Diagnostic> {
        self.node_count += count;
        if self.node_count > NODES_MAX {
            let message = format!("more than {NODES_MAX} values (aliases unfolded)");
            return Err(error("yaml-limit", message, span.clone()));
        }
        Ok(())
    }

    /// The bytes of a span, which the parser counts in characters.
    fn bytes(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }

    fn byte(&self, index: usize) -> usize {
        match &self.offsets {
            Some(offsets) => offsets.get(index).copied().unwrap_or(self.text.len()),
            None => index.min(self.text.len()),
        }
    }

    fn syntax_error(&self, scan_error: &ScanError) -> Diagnostic {
        let at = self.byte(scan_error.marker().index());
        let length = self.text[at..].chars().next().map_or(0, char::len_utf8);
        error(
            "yaml-syntax",
            format!("not valid YAML: {}", scan_error.info()),
            at..at + length,
        )
    }
}

/// Byte offset of each character; `None` when every character is one byte.
fn byte_offsets(text: &str) -> Option<Vec<usize>> {
    (!text.is_ascii()).then(|| text.char_indices().map(|(offset, _)| offset).collect())
}

/// Where a collection ends: a block's own end mark lies past the blank lines and comments after it.
fn last_content_byte(text: &str, start: usize, end: usize) -> usize {
    start + text[start..end.max(start)].trim_end().len()
}

fn error(code: &'static str, message: impl Into<String>, span: Range<usize>) -> Diagnostic {
    Diagnostic {
        level: Level::Error,
        code,
        message: message.into(),
        span,
        help: None,
    }
}

/// What a plain scalar is (YAML 1.2.2, section 10.3.2).
pub(super) fn classify(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Boolean(true),
        "false" | "False" | "FALSE" => Scalar::Boolean(false),
        ".nan" | ".NaN" | ".NAN" => Scalar::Number,
        _ if is_number(text) => Scalar::Number,
        _ => Scalar::Text,
    }
}

fn is_number(text: &str) -> bool {
    let all = |digits: &str, is_digit: fn(&u8) -> bool| {
        !digits.is_empty() && digits.bytes().all(|byte| is_digit(&byte))
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, u8::is_ascii_hexdigit);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return all(digits, |byte| matches!(byte, b'0'..=b'7'));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (digits, exponent) =
        unsigned
            .split_once(['e', 'E'])
            .map_or((unsigned, "0"), |(digits, exponent)| {
                (
                    digits,
                    exponent.strip_prefix(['-', '+']).unwrap_or(exponent),
                )
            });
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits_only = |digits: &str| digits.is_empty() || all(digits, u8::is_ascii_digit);
    whole.len() + fraction.len() > 0
        && digits_only(whole)
        && digits_only(fraction)
        && all(exponent, u8::is_ascii_digit)
}
