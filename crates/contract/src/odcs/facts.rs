//! Facts that the standard has no key for: the `customProperties` that Tamis reads.
//!
//! An object has the facts about its CSV files, `tamis.extraColumns` and `tamis.duplicateColumns`, a property has
//! `tamis.optional`. What belongs to other tools is carried along as it came.

use std::ops::Range;

use tamis_engine::suggest;

use crate::model::{CsvFacts, DuplicateColumns, ExtraColumns, Value};

use super::fields::Fields;
use super::reader::Reader;
use super::yaml::{Data, Node, Scalar};

/// The custom property of an object that says what other columns mean.
pub(super) const EXTRA_COLUMNS: &str = "tamis.extraColumns";

/// The custom property of an object that says what columns mean that repeat a name.
pub(super) const DUPLICATE_COLUMNS: &str = "tamis.duplicateColumns";

/// The custom property of a property that may be absent.
pub(super) const OPTIONAL: &str = "tamis.optional";

/// The custom properties of an object that are ours, in the order they are written.
pub(super) const NAMES: [&str; 11] = [
    "missingValues",
    "delimiter",
    "quote",
    "escape",
    "comment",
    "header",
    "trim",
    "decimalChar",
    "encoding",
    EXTRA_COLUMNS,
    DUPLICATE_COLUMNS,
];

/// What the custom properties of an object say.
#[derive(Default)]
pub(super) struct ObjectFacts {
    pub(super) csv: CsvFacts,
    pub(super) extra_columns: Option<ExtraColumns>,
    pub(super) duplicate_columns: Option<DuplicateColumns>,
    /// Those of other tools.
    pub(super) foreign: Option<Value>,
}

impl Reader<'_> {
    /// The facts in the `customProperties` of an object.
    pub(super) fn object_facts(&mut self, node: &Node) -> ObjectFacts {
        let mut facts = ObjectFacts::default();
        let mut foreign = Vec::new();
        if let Data::Map(entries) = &node.data {
            let help =
                "the standard writes a list: `- property: delimiter` and `value: ;` below it";
            self.warning(
                "wrong-type",
                &node.span,
                "`customProperties` is a mapping",
                help,
            );
            for (key, value) in entries {
                if !self.fact(&mut facts, &key.text, value, &key.span) {
                    foreign.push(pair(&key.text, value));
                }
            }
        } else {
            for item in self.list_of("customProperties", node) {
                if !self.custom_property(&mut facts, item) {
                    foreign.push(item.value());
                }
            }
        }
        facts.foreign = (!foreign.is_empty()).then_some(Value::List(foreign));
        facts
    }

    /// `tamis.optional` in the `customProperties` of a property, and the others as they came.
    pub(super) fn optional_fact(&mut self, node: &Node) -> (Option<bool>, Option<Value>) {
        let mut optional = None;
        let mut foreign = Vec::new();
        match &node.data {
            Data::Map(entries) if entries.iter().any(|(key, _)| key.text == OPTIONAL) => {
                for (key, value) in entries {
                    match key.text.as_str() {
                        OPTIONAL => optional = self.boolean_of(OPTIONAL, value),
                        other => {
                            self.foreign_fact(other, &key.span, [OPTIONAL]);
                            foreign.push(pair(other, value));
                        }
                    }
                }
            }
            Data::List(items) => {
                for item in items {
                    match named(item) {
                        Some((OPTIONAL, span, None)) => {
                            self.error("missing-key", &span, "`tamis.optional` has no `value`");
                        }
                        Some((OPTIONAL, _, Some(value))) => {
                            optional = self.boolean_of(OPTIONAL, value);
                        }
                        name => {
                            if let Some((name, span, _)) = name {
                                self.foreign_fact(name, &span, [OPTIONAL]);
                            }
                            foreign.push(item.value());
                        }
                    }
                }
            }
            _ => return (None, Some(node.value())),
        }
        (
            optional,
            (!foreign.is_empty()).then_some(Value::List(foreign)),
        )
    }

    /// Warns of a custom property that is not ours but looks like one of `ours`.
    fn foreign_fact<'k>(
        &mut self,
        name: &str,
        span: &Range<usize>,
        ours: impl IntoIterator<Item = &'k str>,
    ) {
        if let Some(nearest) = suggest::nearest(name, ours) {
            let message = format!("the custom property `{name}` is not one that Tamis reads");
            self.warning(
                "unknown-key",
                span,
                message,
                format!("did you mean `{nearest}`?"),
            );
        }
    }

    /// Reads one element of the list; whether it was ours.
    fn custom_property(&mut self, facts: &mut ObjectFacts, item: &Node) -> bool {
        let Some(mut fields) = Fields::of(self, "a custom property", item) else {
            return true;
        };
        let Some(node) = fields.take("property") else {
            self.error(
                "missing-key",
                &(item.span.start..item.span.start + 1),
                "this custom property has no `property`",
            );
            return true;
        };
        let name = self.text_of("property", node);
        let null = Node {
            span: item.span.clone(),
            data: Data::Scalar {
                text: String::new(),
                kind: Scalar::Null,
            },
        };
        let value = fields.take("value").unwrap_or(&null);
        fields.finish(self, &["description", "id", "vendor"]);
        name.is_some_and(|name| self.fact(facts, &name, value, &node.span))
    }

    /// Reads one fact; whether it was one.
    fn fact(
        &mut self,
        object: &mut ObjectFacts,
        name: &str,
        value: &Node,
        name_span: &Range<usize>,
    ) -> bool {
        let facts = &mut object.csv;
        match name {
            "missingValues" => facts.missing_values = Some(self.texts_of(name, value)),
            "delimiter" => facts.delimiter = self.byte_of(name, value),
            "quote" => facts.quote = self.optional_byte_of(name, value),
            "escape" => facts.escape = self.optional_byte_of(name, value),
            "comment" => facts.comment = self.optional_byte_of(name, value),
            "header" => facts.header = self.boolean_of(name, value),
            "trim" => facts.trim = self.boolean_of(name, value),
            "decimalChar" => facts.decimal_char = self.byte_of(name, value),
            "encoding" => facts.encoding = self.text_of(name, value),
            EXTRA_COLUMNS => {
                let words = ExtraColumns::ALL.map(|word| (word.name(), word));
                object.extra_columns = self.word_of(EXTRA_COLUMNS, value, words);
            }
            DUPLICATE_COLUMNS => {
                let words = DuplicateColumns::ALL.map(|word| (word.name(), word));
                object.duplicate_columns = self.word_of(DUPLICATE_COLUMNS, value, words);
            }
            other => {
                self.foreign_fact(other, name_span, NAMES);
                return false;
            }
        }
        true
    }

    /// What one of two words means: `allow` or `refuse`.
    fn word_of<T: Copy>(&mut self, key: &str, node: &Node, words: [(&str, T); 2]) -> Option<T> {
        let name = self.text_of(key, node)?;
        let known = words.iter().find(|(word, _)| *word == name);
        if known.is_none() {
            let names = words.map(|(word, _)| word);
            self.unknown("unknown-value", &node.span, key, &name, &names);
        }
        known.map(|&(_, meaning)| meaning)
    }

    /// One ASCII character; `tab` and `\t` are the tabulator.
    fn byte_of(&mut self, key: &str, node: &Node) -> Option<u8> {
        if let Data::Scalar {
            text,
            kind: Scalar::Text | Scalar::Number,
        } = &node.data
        {
            match text.as_bytes() {
                [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => return Some(*byte),
                b"tab" | b"\\t" => return Some(b'\t'),
                _ => {}
            }
        }
        self.wrong_type(key, node, "one ASCII character");
        None
    }

    /// One ASCII character, or null, `false` or nothing for "there is none".
    fn optional_byte_of(&mut self, key: &str, node: &Node) -> Option<Option<u8>> {
        match &node.data {
            Data::Scalar {
                kind: Scalar::Null | Scalar::Boolean(false),
                ..
            } => Some(None),
            Data::Scalar { text, .. } if text.is_empty() => Some(None),
            _ => self.byte_of(key, node).map(Some),
        }
    }
}

/// A custom property as an element of the list.
fn pair(name: &str, value: &Node) -> Value {
    Value::Map(vec![
        ("property".to_owned(), Value::Text(name.to_owned())),
        ("value".to_owned(), value.value()),
    ])
}

/// The name of an element of the list, where it stands, and its value; `None` if it is of another shape.
fn named(item: &Node) -> Option<(&str, Range<usize>, Option<&Node>)> {
    let Data::Map(entries) = &item.data else {
        return None;
    };
    let find = |name: &str| entries.iter().find(|(key, _)| key.text == name);
    let (_, name) = find("property")?;
    let Data::Scalar { text, .. } = &name.data else {
        return None;
    };
    Some((
        text,
        name.span.clone(),
        find("value").map(|(_, value)| value),
    ))
}
